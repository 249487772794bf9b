//! The thread that owns the writing side of the store: commit, then carry out. Nothing of a batch leaves before the batch is
//! durable, and nothing at all leaves after a commit has failed for good.

use crate::server::Died;
use crate::stats::SharedBoard;
use crate::workers::{Hashing, Job, Workers};
use im::{AdminRefused, AdminReply, Effect, Input, Output, Report, Ticket};
use im_store::{Batch, CommitError, Room, Store};
use link::Down;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};
use tracing::{error, info, warn};

/// Pause before a batch that found no room is tried again.
const FULL_PAUSE: Duration = Duration::from_millis(250);
/// How often a store that had little room is asked again when nothing else is to be committed.
const ROOM_PAUSE: Duration = Duration::from_secs(1);

/// A batch on its way to the store.
pub(crate) struct Commit {
    pub(crate) output: Output,
    /// The instance stops after this one.
    pub(crate) last: bool,
}

/// The way to the multiplexor.
pub(crate) type Downward = Arc<dyn Fn(Vec<Down>) + Send + Sync>;

/// Who waits for an administrator's answer.
pub(crate) type Askers =
    Arc<Mutex<HashMap<Ticket, oneshot::Sender<Result<AdminReply, AdminRefused>>>>>;

/// Everything the committer's thread owns.
pub(crate) struct Committer<S> {
    pub(crate) store: S,
    pub(crate) commits: mpsc::Receiver<Commit>,
    pub(crate) down: Downward,
    /// Batches handed over and not carried out to their end.
    pub(crate) under_way: Arc<AtomicUsize>,
    pub(crate) workers: Workers,
    pub(crate) inputs: mpsc::Sender<Input>,
    pub(crate) askers: Askers,
    pub(crate) board: SharedBoard,
    pub(crate) room: Room,
}

impl<S: Store> Committer<S> {
    /// Runs until the last batch or until the store fails.
    pub(crate) async fn run(mut self) -> Result<(), Died> {
        // Kept across batches: refusals write nothing, and a stream of them must not put the look off for ever.
        let mut look_for_room = tokio::time::interval(ROOM_PAUSE);
        look_for_room.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let commit = tokio::select! {
                biased;
                _ = look_for_room.tick(), if self.room == Room::Scarce => {
                    self.commit(&Batch::default()).await?;
                    continue;
                }
                commit = self.commits.recv() => commit,
            };
            let Some(Commit { output, last }) = commit else { return Ok(()) };
            let batch = Batch { writes: output.writes };
            if !batch.writes.is_empty() {
                self.commit(&batch).await?;
            }
            self.carry_out(output.effects).await;
            self.under_way.fetch_sub(1, Ordering::Release);
            if last {
                return Ok(());
            }
        }
    }

    /// Makes a batch durable, however long the disk stays full.
    async fn commit(&mut self, batch: &Batch) -> Result<(), Died> {
        let mut waited = false;
        loop {
            let start = Instant::now();
            match self.store.commit(batch) {
                Ok(committed) => {
                    self.board.committed(batch.writes.len(), start.elapsed());
                    if waited {
                        info!("there is room again: the service goes on");
                    }
                    self.note_room(committed.room).await;
                    return Ok(());
                }
                Err(CommitError::Full(why)) => {
                    if !waited {
                        error!(
                            "the disk is full, nothing more is acknowledged until there is room: {why}"
                        );
                    }
                    waited = true;
                    self.board.waited_for_room();
                    tokio::time::sleep(FULL_PAUSE).await;
                }
                Err(error @ (CommitError::Fenced { .. } | CommitError::Broken(_))) => {
                    return Err(Died(error.to_string()));
                }
            }
        }
    }

    async fn note_room(&mut self, room: Room) {
        if room != self.room {
            self.room = room;
            self.tell(Input::RoomChanged(room)).await;
        }
    }

    /// The core always takes what it is told, so this never waits long; a core that is gone needs nothing.
    async fn tell(&self, input: Input) {
        let _ = self.inputs.send(input).await;
    }

    async fn carry_out(&mut self, effects: Vec<Effect>) {
        let mut downs = Vec::new();
        for effect in effects {
            match effect {
                Effect::Link(down) => downs.push(down),
                Effect::Read { ticket, query } => {
                    self.workers.read(Job { ticket, query }).await;
                }
                Effect::VerifyPassword { ticket, check } => {
                    if !self.workers.hash(Hashing::Verify { ticket, check }) {
                        self.tell(Input::PasswordVerified { ticket, matches: None }).await;
                    }
                }
                Effect::HashPassword { ticket, password, salt, iterations } => {
                    let hashing = Hashing::Make { ticket, password, salt, iterations };
                    if !self.workers.hash(hashing) {
                        self.tell(Input::PasswordHashed { ticket, credentials: None }).await;
                    }
                }
                Effect::AdminAnswered { ticket, reply } => {
                    let asker =
                        self.askers.lock().unwrap_or_else(PoisonError::into_inner).remove(&ticket);
                    if let Some(asker) = asker {
                        let _ = asker.send(reply); // An asker that left needs no answer.
                    }
                }
                Effect::Report(report) => log(&report),
            }
        }
        if !downs.is_empty() {
            (self.down)(downs);
        }
    }
}

/// One line per report.
pub(crate) fn log(report: &Report) {
    match report {
        Report::LoggedIn { jid, peer, mechanism } => info!(%jid, %peer, mechanism, "logged in"),
        Report::LoginRefused { jid, peer, condition } => {
            let jid = jid.as_ref().map(ToString::to_string).unwrap_or_default();
            warn!(%jid, %peer, condition, "login refused");
        }
        Report::LoginThrottled { jid, peer } => {
            let jid = jid.as_ref().map(ToString::to_string).unwrap_or_default();
            warn!(%jid, %peer, "login refused: too many failed attempts, it has to wait");
        }
        Report::Registered { jid, peer } => info!(%jid, %peer, "account registered"),
        Report::RegistrationThrottled { peer } => {
            warn!(%peer, "registration refused: too many accounts asked for, it has to wait");
        }
        Report::ReadFailed { why } => error!("{why}; what waited for it was refused"),
        Report::Room { scarce: true } => error!(
            "the file system of the runtime directory is nearly full: new messages are refused until there is room"
        ),
        Report::Room { scarce: false } => info!("there is room again: messages are accepted"),
    }
}

//! One instance of the server: its threads, and the handle that others hold.

use crate::committer::{Askers, Committer, Downward};
use crate::core_loop::{Clock, CoreLoop};
use crate::stats::{Board, SharedBoard, Stats};
use crate::workers::Workers;
use im::{AdminRefused, AdminReply, AdminRequest, Core, Input, Options, Ticket};
use im_store::{ReadError, Room, Store};
use link::{Down, Up};
use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};

/// Facts that may wait for the core, from inside the server.
const INPUTS_WAITING_MAX: usize = 8192;

/// What an instance needs besides its store and its link.
#[derive(Clone, Debug)]
pub struct Config {
    /// Options of the core.
    pub options: Options,
    /// The same for all instances on one store; 32 unguessable bytes.
    pub server_secret: [u8; 32],
    /// 32 unguessable bytes, new for every instance.
    pub seed: [u8; 32],
    /// Threads that read from the store.
    pub readers: usize,
    /// Threads that hash passwords.
    pub hashers: usize,
}

/// The store failed for good, or belongs to another instance. End the process: the next instance takes every session up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Died(pub String);

/// Why an instance could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A thread.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] io::Error),
    /// A reading side of the store.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// A running instance.
#[derive(Debug)]
pub struct Server {
    handle: ServerHandle,
    outcome: oneshot::Receiver<Result<(), Died>>,
}

/// Asks a running instance. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ServerHandle {
    inputs: mpsc::Sender<Input>,
    askers: Askers,
    last_ticket: Arc<AtomicU64>,
    board: SharedBoard,
}

impl Server {
    /// Starts the threads of an instance on an opened store. `down` is called in order, never by two threads at once,
    /// and must not block.
    pub fn start<S: Store + 'static>(
        config: Config,
        mut store: S,
        up: mpsc::Receiver<Up>,
        down: Box<dyn Fn(Vec<Down>) + Send + Sync>,
    ) -> Result<Self, StartError>
    where
        S::Reader: 'static,
    {
        let (inputs, inputs_rx) = mpsc::channel(INPUTS_WAITING_MAX);
        let (commits_tx, commits) = mpsc::channel(1);
        let clock = Clock::start();
        let board: SharedBoard = Arc::new(Board::default());
        let askers: Askers = Arc::new(Mutex::new(HashMap::new()));
        let readers =
            (0..config.readers.max(1)).map(|_| store.reader()).collect::<Result<_, _>>()?;
        let workers = Workers::start(readers, config.hashers.max(1), &inputs)?;
        let recovered = store.take_recovered();
        let core =
            Core::start(config.options, clock.now(), config.seed, config.server_secret, recovered);
        let down: Downward = Arc::from(down);
        let under_way = Arc::new(AtomicUsize::new(0));
        let core_loop = CoreLoop {
            core,
            clock,
            up,
            inputs: inputs_rx,
            commits: commits_tx,
            down: Arc::clone(&down),
            under_way: Arc::clone(&under_way),
            board: Arc::clone(&board),
            open_bytes: 0,
        };
        let committer = Committer {
            store,
            commits,
            down,
            under_way,
            workers,
            inputs: inputs.clone(),
            askers: Arc::clone(&askers),
            board: Arc::clone(&board),
            room: Room::Plenty,
        };
        let (outcome_tx, outcome) = oneshot::channel();
        run_thread("im-core", move |runtime| runtime.block_on(core_loop.run()))?;
        run_thread("im-commit", move |runtime| {
            let _ = outcome_tx.send(runtime.block_on(committer.run()));
        })?;
        let last_ticket = Arc::new(AtomicU64::new(0));
        Ok(Self { handle: ServerHandle { inputs, askers, last_ticket, board }, outcome })
    }

    /// A handle for others.
    pub fn handle(&self) -> ServerHandle {
        self.handle.clone()
    }

    /// Waits until the instance has ended: `Ok` after [`ServerHandle::stop`].
    pub async fn ended(&mut self) -> Result<(), Died> {
        match (&mut self.outcome).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Died("a thread of the server has panicked".to_owned())),
        }
    }
}

impl ServerHandle {
    /// Asks the core, and waits for the answer, which is durable then.
    pub async fn admin(&self, request: AdminRequest) -> Result<AdminReply, AdminRefused> {
        let gone = || AdminRefused::Store("the server is stopping".to_owned());
        let ticket = Ticket(self.last_ticket.fetch_add(1, Ordering::Relaxed));
        let (asker, answer) = oneshot::channel();
        self.askers.lock().unwrap_or_else(PoisonError::into_inner).insert(ticket, asker);
        let asked = self.inputs.send(Input::AdminAsked { ticket, request }).await;
        asked.map_err(|_| gone())?;
        answer.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Orders the instance to tell its clients, commit and end.
    pub async fn stop(&self) {
        // A core that is gone has stopped.
        let _ = self.inputs.send(Input::StopRequested).await;
    }

    /// Numbers for metrics.
    pub fn stats(&self) -> Stats {
        self.board.snapshot()
    }
}

/// A thread with a small runtime of its own: it waits on channels and timers, never on sockets.
fn run_thread(
    name: &str,
    run: impl FnOnce(tokio::runtime::Runtime) + Send + 'static,
) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_time().build()?;
    thread::Builder::new().name(name.to_owned()).spawn(move || run(runtime))?;
    Ok(())
}

//! The thread that owns the core: take all facts that are ready, handle them, hand the batch over when the committer can
//! take it.

use crate::committer::{Commit, Downward, log};
use crate::stats::SharedBoard;
use im::{Core, Effect, Input, Now, Output};
use link::Up;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc;

/// Facts handled before the committer is looked at again.
const FACTS_MAX: usize = 128;
/// Bytes of clients' elements in a batch that is not closed, beyond which clients have to wait: a disk that takes its time
/// must not fill the memory.
const OPEN_BYTES_MAX: usize = 8 << 20;
/// Time a stopping instance gives reads that are under way.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// Everything the core's thread owns.
pub(crate) struct CoreLoop {
    pub(crate) core: Core,
    pub(crate) clock: Clock,
    pub(crate) up: mpsc::Receiver<Up>,
    pub(crate) inputs: mpsc::Receiver<Input>,
    pub(crate) commits: mpsc::Sender<Commit>,
    pub(crate) down: Downward,
    /// Batches the committer has not carried out to their end.
    pub(crate) under_way: Arc<AtomicUsize>,
    pub(crate) board: SharedBoard,
    /// Bytes of elements in the batch that is not closed.
    pub(crate) open_bytes: usize,
}

/// The two clocks of [`Now`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { start: Instant::now() }
    }

    pub(crate) fn now(self) -> Now {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now { mono: self.start.elapsed(), wall_us: wall.as_micros() as u64 }
    }

    fn at(self, mono: Duration) -> tokio::time::Instant {
        tokio::time::Instant::from_std(self.start + mono)
    }
}

/// What the loop woke up for.
enum Woken {
    /// Facts are in the buffers.
    Facts,
    /// The committer takes the next batch.
    CommitterFree,
    /// A deadline of the core.
    Timeout,
    /// Whoever owned the server is gone, or the committer has died.
    Over,
}

impl CoreLoop {
    /// Runs until the server is stopped or the committer dies.
    pub(crate) async fn run(mut self) {
        let mut ups = Vec::with_capacity(FACTS_MAX);
        let mut inputs = Vec::with_capacity(64);
        let mut pending = true;
        let mut stop_by: Option<Duration> = None;
        loop {
            match self.select(&mut ups, &mut inputs, pending).await {
                Woken::Over => return,
                Woken::CommitterFree => pending = false,
                Woken::Timeout => {
                    self.core.handle(self.clock.now(), Input::TimeoutDue);
                    pending = true;
                }
                Woken::Facts => {
                    let stopping = inputs.iter().any(|i| matches!(i, Input::StopRequested));
                    self.apply(&mut ups, &mut inputs);
                    pending = true;
                    if stopping && stop_by.is_none() {
                        stop_by = Some(self.clock.now().mono + STOP_WITHIN);
                    }
                }
            }
            if let Some(by) = stop_by
                && (self.core.is_idle() || self.clock.now().mono > by)
            {
                return self.finish().await;
            }
        }
    }

    async fn select(&mut self, ups: &mut Vec<Up>, inputs: &mut Vec<Input>, pending: bool) -> Woken {
        let timeout = self.core.next_timeout().map(|at| self.clock.at(at));
        let is_up = !self.up.is_closed() || !self.up.is_empty();
        let may_hear = is_up && self.open_bytes < OPEN_BYTES_MAX;
        tokio::select! {
            // A free committer first: otherwise a flood of facts would keep the batch for ever.
            biased;
            permit = self.commits.reserve(), if pending => match permit {
                Ok(permit) => {
                    let output = self.core.take_output();
                    self.open_bytes = 0;
                    if self.under_way.load(Ordering::Acquire) == 0 && is_talk_only(&output) {
                        talk(&self.down, output.effects);
                    } else {
                        self.under_way.fetch_add(1, Ordering::Relaxed);
                        permit.send(Commit { output, last: false });
                    }
                    Woken::CommitterFree
                }
                Err(_) => Woken::Over,
            },
            n = self.inputs.recv_many(inputs, FACTS_MAX) => {
                if n == 0 { Woken::Over } else { Woken::Facts }
            }
            n = self.up.recv_many(ups, FACTS_MAX), if may_hear => {
                if n == 0 { Woken::Timeout } else { Woken::Facts }
            }
            () = sleep_until(timeout) => Woken::Timeout,
        }
    }

    fn apply(&mut self, ups: &mut Vec<Up>, inputs: &mut Vec<Input>) {
        let facts = ups.len() + inputs.len();
        self.open_bytes += ups.iter().map(element_bytes).sum::<usize>();
        let now = self.clock.now();
        for input in inputs.drain(..).chain(ups.drain(..).map(Input::Link)) {
            self.core.handle(now, input);
        }
        self.board.handled(facts, self.core.counters());
    }

    async fn finish(mut self) {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        let last = Commit { output: self.core.take_output(), last: true };
        // Fails only when the committer has died, which is reported elsewhere.
        let _ = self.commits.send(last).await;
    }
}

fn element_bytes(up: &Up) -> usize {
    match up {
        Up::Element { bytes, .. } => bytes.len(),
        _ => 0,
    }
}

/// Whether a batch has nothing to commit and only something to say. With no batch before it under way it need not cross a
/// thread to be said: half of a login is like that.
fn is_talk_only(output: &Output) -> bool {
    output.writes.is_empty()
        && output.effects.iter().all(|e| matches!(e, Effect::Link(_) | Effect::Report(_)))
}

fn talk(down: &Downward, effects: Vec<Effect>) {
    let mut downs = Vec::with_capacity(effects.len());
    for effect in effects {
        match effect {
            Effect::Link(order) => downs.push(order),
            Effect::Report(report) => log(&report),
            other => unreachable!("{other:?} is not talk, see is_talk_only"),
        }
    }
    if !downs.is_empty() {
        down(downs);
    }
}

async fn sleep_until(at: Option<tokio::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

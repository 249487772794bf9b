//! The port over the machine, for tests of the shell: several clients are clones of one store.
//!
//! The time is tokio's (which a test may pause) or set by hand. Faults can be ordered: no answers, broken watches, compaction. Leases
//! need no task of their own: whoever calls, or waits in a watch, ends those that are due.

use super::{Machine, Options};
use crate::{
    BoxFuture, ControlStore, Error, Event, Granted, LeaseId, Range, Revision, Txn, TxnOutcome,
    Watch,
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// A watch without news says so this often (by tokio's clock).
const SIGN_OF_LIFE: Duration = Duration::from_millis(500);

/// A control store in this process. Clones are clients of the same store.
#[derive(Clone, Debug)]
pub struct MemoryStore {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Changed whenever a watch should look again.
    bell: watch::Sender<()>,
    clock: Clock,
}

#[derive(Debug)]
struct State {
    machine: Machine,
    /// Why nothing is answered at present.
    down: Option<String>,
    /// Watches opened before end with an error when this has grown.
    broken: u64,
}

#[derive(Debug)]
enum Clock {
    Tokio(Instant),
    Manual(Arc<Mutex<Duration>>),
}

/// The hand on the clock of a [`MemoryStore`].
#[derive(Clone, Debug)]
pub struct ManualClock {
    store: MemoryStore,
    now: Arc<Mutex<Duration>>,
}

impl ManualClock {
    /// Lets time pass; leases that are due end.
    pub fn advance(&self, by: Duration) {
        *lock(&self.now) += by;
        self.store.change(|machine, now| machine.advance(now));
    }

    /// Time since the store was made.
    #[must_use]
    pub fn now(&self) -> Duration {
        *lock(&self.now)
    }
}

impl MemoryStore {
    /// A store with tokio's clock.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self::with_clock(options, Clock::Tokio(Instant::now()))
    }

    /// A store whose time passes only when told.
    #[must_use]
    pub fn with_manual_clock(options: Options) -> (Self, ManualClock) {
        let now = Arc::new(Mutex::new(Duration::ZERO));
        let store = Self::with_clock(options, Clock::Manual(Arc::clone(&now)));
        (store.clone(), ManualClock { store, now })
    }

    fn with_clock(options: Options, clock: Clock) -> Self {
        let state = State { machine: Machine::new(options), down: None, broken: 0 };
        let shared = Shared { state: Mutex::new(state), bell: watch::Sender::new(()), clock };
        Self { shared: Arc::new(shared) }
    }

    /// `Some`: nothing is answered from now on but [`Error::Unavailable`] with this reason, and watches end. `None`: all is well again.
    pub fn set_down(&self, why: Option<String>) {
        lock(&self.shared.state).down = why;
        self.shared.bell.send_replace(());
    }

    /// Ends all watches with an error.
    pub fn break_watches(&self) {
        lock(&self.shared.state).broken += 1;
        self.shared.bell.send_replace(());
    }

    /// Forgets what happened before a revision.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a revision that has not come yet.
    pub fn compact(&self, revision: Revision) -> Result<(), Error> {
        self.change(|machine, _| machine.compact(revision))
    }

    /// Looks at or changes the machine behind the port's back, for instance to check what a test left.
    pub fn with_machine<T>(&self, f: impl FnOnce(&mut Machine, Duration) -> T) -> T {
        self.change(f)
    }

    fn now(&self) -> Duration {
        match &self.shared.clock {
            Clock::Tokio(origin) => origin.elapsed(),
            Clock::Manual(now) => *lock(now),
        }
    }

    fn change<T>(&self, f: impl FnOnce(&mut Machine, Duration) -> T) -> T {
        let result = f(&mut lock(&self.shared.state).machine, self.now());
        self.shared.bell.send_replace(());
        result
    }

    fn answer<T>(
        &self,
        f: impl FnOnce(&mut Machine, Duration) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut state = lock(&self.shared.state);
        if let Some(why) = &state.down {
            return Err(Error::Unavailable(why.clone()));
        }
        // Also the next lease's end matters to a watch: it decides until when to wait.
        let before = (state.machine.revision(), state.machine.next_end());
        let result = f(&mut state.machine, self.now());
        let wake = before != (state.machine.revision(), state.machine.next_end());
        drop(state);
        if wake {
            self.shared.bell.send_replace(());
        }
        result
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new(Options::default())
    }
}

impl ControlStore for MemoryStore {
    fn range<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Range, Error>> {
        Box::pin(async move { self.answer(|machine, now| Ok(machine.range(now, prefix))) })
    }

    fn txn(&self, txn: Txn) -> BoxFuture<'_, Result<TxnOutcome, Error>> {
        Box::pin(async move { self.answer(|machine, now| machine.txn(now, txn)) })
    }

    fn watch<'a>(
        &'a self,
        prefix: &'a str,
        from: Revision,
    ) -> BoxFuture<'a, Result<Box<dyn Watch>, Error>> {
        Box::pin(async move {
            let bell = self.shared.bell.subscribe();
            self.answer(|machine, _| machine.events_since(prefix, from))?;
            let (store, broken) = (self.clone(), lock(&self.shared.state).broken);
            let alive = Instant::now();
            let prefix = prefix.to_owned();
            Ok(Box::new(MemoryWatch { store, prefix, from, bell, broken, alive }) as Box<dyn Watch>)
        })
    }

    fn grant(&self, ttl: Duration) -> BoxFuture<'_, Result<Granted, Error>> {
        Box::pin(async move { self.answer(|machine, now| machine.grant(now, ttl)) })
    }

    fn keep_alive(&self, lease: LeaseId) -> BoxFuture<'_, Result<Granted, Error>> {
        Box::pin(async move { self.answer(|machine, now| machine.keep_alive(now, lease)) })
    }

    fn revoke(&self, lease: LeaseId) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async move {
            self.answer(|machine, now| {
                machine.revoke(now, lease);
                Ok(())
            })
        })
    }

    fn describe(&self) -> BoxFuture<'_, String> {
        Box::pin(async { "memory (of this process, for tests)".to_owned() })
    }
}

struct MemoryWatch {
    store: MemoryStore,
    prefix: String,
    /// First revision not given out yet.
    from: Revision,
    bell: watch::Receiver<()>,
    broken: u64,
    /// When the last batch was given out.
    alive: Instant,
}

/// What a watch waits for when there are no news.
struct Wait {
    /// There are no news up to this revision.
    revision: Revision,
    lease_ends: Option<Instant>,
}

impl MemoryWatch {
    /// News, or until when to wait for them.
    fn look(&mut self) -> Result<Result<(Revision, Vec<Event>), Wait>, Error> {
        self.bell.borrow_and_update();
        let now = self.store.now();
        let mut state = lock(&self.store.shared.state);
        if let Some(why) = &state.down {
            return Err(Error::Unavailable(why.clone()));
        }
        if state.broken != self.broken {
            return Err(Error::Unavailable("the watch was broken".into()));
        }
        state.machine.advance(now);
        let (revision, events) = state.machine.events_since(&self.prefix, self.from)?;
        if !events.is_empty() {
            return Ok(Ok((revision, events)));
        }
        let lease_ends = match &self.store.shared.clock {
            Clock::Tokio(origin) => state.machine.next_end().map(|ends| *origin + ends),
            Clock::Manual(_) => None,
        };
        Ok(Err(Wait { revision, lease_ends }))
    }

    async fn next_batch(&mut self) -> Result<(Revision, Vec<Event>), Error> {
        loop {
            let sign_of_life = self.alive + SIGN_OF_LIFE;
            let batch = match self.look()? {
                Ok(batch) => batch,
                Err(wait) if Instant::now() >= sign_of_life => (wait.revision, Vec::new()),
                Err(Wait { lease_ends, .. }) => {
                    let until = lease_ends.map_or(sign_of_life, |ends| ends.min(sign_of_life));
                    // The store is held here, so the bell cannot be gone.
                    let _ = tokio::time::timeout_at(until, self.bell.changed()).await;
                    continue;
                }
            };
            self.from = self.from.max(batch.0 + 1);
            self.alive = Instant::now();
            return Ok(batch);
        }
    }
}

impl Watch for MemoryWatch {
    fn next(&mut self) -> BoxFuture<'_, Result<(Revision, Vec<Event>), Error>> {
        Box::pin(self.next_batch())
    }
}

/// A test that fails while it holds the lock says so itself; the state is whole between calls.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! The port over the thread.
//!
//! A watch holds no queue: it knows how far it has come, waits until the thread has seen a later revision, and reads the changes from the
//! file. So a slow reader costs nothing, and giving up a wait loses nothing.

use super::Options;
use super::engine::Engine;
use super::worker::{Known, Worker};
use crate::{
    BoxFuture, ControlStore, Error, Event, Granted, LeaseId, Range, Revision, Txn, TxnOutcome,
    Watch,
};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

/// A watch without news says so this often.
const SIGN_OF_LIFE: Duration = Duration::from_millis(500);

/// A control store in a file of this machine. Clones share one connection.
#[derive(Clone, Debug)]
pub struct EmbeddedStore {
    worker: Arc<Worker>,
}

impl EmbeddedStore {
    /// Opens a store, and makes it if there is no file. Any number of processes of this machine may have it open. Blocks for the time of some
    /// disk accesses, or for up to 5 s when another process holds the file.
    ///
    /// # Errors
    /// [`Error::Damaged`] for a file that is damaged, of a newer format or not ours: nothing is changed then. [`Error::Unavailable`] when the file or its
    /// folder cannot be used, [`Error::Invalid`] on a file system that several machines share.
    pub fn open(path: &Path, options: Options) -> Result<Self, Error> {
        let worker = Worker::start(Engine::open(path, options)?)?;
        Ok(Self { worker: Arc::new(worker) })
    }

    /// Forgets what happened before a revision; watches from there get [`Error::Compacted`].
    ///
    /// # Errors
    /// [`Error::Invalid`] for a revision that has not come yet.
    pub async fn compact(&self, revision: Revision) -> Result<(), Error> {
        self.worker.ask(move |engine| engine.compact(revision)).await?
    }
}

impl ControlStore for EmbeddedStore {
    fn range<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Range, Error>> {
        let prefix = prefix.to_owned();
        Box::pin(async move { self.worker.ask(move |engine| engine.range(&prefix)).await? })
    }

    fn txn(&self, txn: Txn) -> BoxFuture<'_, Result<TxnOutcome, Error>> {
        Box::pin(async move { self.worker.ask(move |engine| engine.txn(&txn)).await? })
    }

    fn watch<'a>(
        &'a self,
        prefix: &'a str,
        from: Revision,
    ) -> BoxFuture<'a, Result<Box<dyn Watch>, Error>> {
        let watch = EmbeddedWatch {
            worker: Arc::clone(&self.worker),
            known: self.worker.known(),
            prefix: prefix.to_owned(),
            from,
            alive: Instant::now(),
        };
        Box::pin(async move { Ok(Box::new(watch) as Box<dyn Watch>) })
    }

    fn grant(&self, ttl: Duration) -> BoxFuture<'_, Result<Granted, Error>> {
        Box::pin(async move { self.worker.ask(move |engine| engine.grant(ttl)).await? })
    }

    fn keep_alive(&self, lease: LeaseId) -> BoxFuture<'_, Result<Granted, Error>> {
        Box::pin(async move { self.worker.ask(move |engine| engine.keep_alive(lease)).await? })
    }

    fn revoke(&self, lease: LeaseId) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async move { self.worker.ask(move |engine| engine.revoke(lease)).await? })
    }

    fn describe(&self) -> BoxFuture<'_, String> {
        Box::pin(async move {
            self.worker.ask(Engine::describe).await.unwrap_or_else(|error| error.to_string())
        })
    }
}

struct EmbeddedWatch {
    worker: Arc<Worker>,
    known: watch::Receiver<Known>,
    prefix: String,
    /// First revision not given out yet.
    from: Revision,
    /// When the last batch was given out.
    alive: Instant,
}

impl EmbeddedWatch {
    async fn next_batch(&mut self) -> Result<(Revision, Vec<Event>), Error> {
        loop {
            let known = self.known.borrow_and_update().clone();
            if let Some(error) = known.damaged {
                return Err(error);
            }
            let sign_of_life = self.alive + SIGN_OF_LIFE;
            let due = Instant::now() >= sign_of_life;
            if known.revision < self.from && !due {
                if let Ok(Err(_)) = timeout_at(sign_of_life, self.known.changed()).await {
                    return Err(Error::Unavailable("the control store's thread has ended".into()));
                }
                continue;
            }
            // A sign of life is one of the file too.
            let (prefix, from) = (self.prefix.clone(), self.from);
            let asked = self.worker.ask(move |engine| engine.events(&prefix, from)).await?;
            let (revision, events) = asked?;
            self.from = from.max(revision + 1);
            if due || !events.is_empty() {
                self.alive = Instant::now();
                return Ok((revision, events));
            }
        }
    }
}

impl Watch for EmbeddedWatch {
    fn next(&mut self) -> BoxFuture<'_, Result<(Revision, Vec<Event>), Error>> {
        Box::pin(self.next_batch())
    }
}

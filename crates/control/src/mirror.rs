//! A local copy of everything under a prefix, kept coherent whatever happens to the store.
//!
//! Reads all, watches from there, and on any error (a broken watch, compaction, silence) reads all again after a pause that grows, with
//! jitter. The copy is always the whole truth of one revision, and that revision never goes back. What is under way lives in the mirror
//! and not in [`Mirror::changed`], so a caller may give up waiting at any time and lose nothing. There is no task, no channel and no lock:
//! when nobody asks, nothing is done.
//!
//! ```text
//! Listing ──▶ Opening ──▶ Watching ─┐ batch
//!    ▲           │           │  ▲───┘
//!    └─ Pausing ◀┴───────────┘ error
//! ```
//!
//! [`MirrorView::as_of`] is for people and for status; no decision about a lease may rest on it.

use crate::{BoxFuture, ControlStore, Entry, Error, Event, Range, Revision, Watch};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// How patient a mirror is.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// A store that says nothing for so long has failed.
    pub silence_max: Duration,
    /// Pause after the first failure; doubled with each that follows, and between half and all of it is taken.
    pub pause_min: Duration,
    /// Longest pause.
    pub pause_max: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            silence_max: Duration::from_secs(3),
            pause_min: Duration::from_millis(50),
            pause_max: Duration::from_secs(2),
        }
    }
}

/// What is known.
#[derive(Clone, Debug, Default)]
pub struct MirrorView {
    /// The copy is true at this revision; 0 before anything was read.
    pub revision: Revision,
    /// By key.
    pub entries: BTreeMap<String, Entry>,
    /// Keys written or deleted by the last [`Mirror::changed`].
    pub changed: BTreeSet<String>,
    /// When the store last gave a sign of life: the copy was the latest then. `None` before anything was read.
    pub as_of: Option<Instant>,
    /// Why the copy may be behind. `None` while it is followed.
    pub error: Option<String>,
    /// The store has answered with an older revision (first) than this copy has (second): it was restored from a backup or has lost what it
    /// had promised. What rests on this copy, leases too, rests on a history that is no more. Stays as it was first seen.
    pub went_back: Option<(Revision, Revision)>,
}

/// Follows a prefix of a store.
pub struct Mirror {
    store: Arc<dyn ControlStore>,
    prefix: String,
    patience: Patience,
    view: MirrorView,
    /// Failures since the watch last gave something.
    failures: u32,
    doing: Doing,
}

/// What is under way.
enum Doing {
    /// Everything is being read; since when.
    Listing(Instant, BoxFuture<'static, Result<Range, Error>>),
    /// The watch is being opened.
    Opening(BoxFuture<'static, Result<Box<dyn Watch>, Error>>),
    /// News are awaited; the watch comes back with them.
    Watching(BoxFuture<'static, (Box<dyn Watch>, Batch)>),
    /// After a failure.
    Pausing(BoxFuture<'static, ()>),
}

type Batch = Result<(Revision, Vec<Event>), Error>;

/// What came of it.
enum Done {
    Listed(Instant, Result<Range, Error>),
    Opened(Result<Box<dyn Watch>, Error>),
    Watched(Box<dyn Watch>, Batch),
    Paused,
}

impl Mirror {
    /// Begins to follow everything under a prefix, when [`Self::changed`] is first awaited.
    #[must_use]
    pub fn follow(store: Arc<dyn ControlStore>, prefix: impl Into<String>) -> Self {
        Self::follow_with(store, prefix, Patience::default())
    }

    /// The same with other limits.
    #[must_use]
    pub fn follow_with(
        store: Arc<dyn ControlStore>,
        prefix: impl Into<String>,
        patience: Patience,
    ) -> Self {
        let (prefix, view) = (prefix.into(), MirrorView::default());
        let doing = Doing::Pausing(Box::pin(async {}));
        Self { store, prefix, patience, view, failures: 0, doing }
    }

    /// What is known now.
    #[must_use]
    pub fn view(&self) -> &MirrorView {
        &self.view
    }

    /// Waits until there is something to tell: keys changed, a sign of life, an error or its end. Giving up the wait loses nothing.
    /// Never returns an error: as long as it is awaited, the mirror goes on.
    pub async fn changed(&mut self) -> &MirrorView {
        self.view.changed.clear();
        loop {
            let done = match &mut self.doing {
                Doing::Listing(since, listing) => Done::Listed(*since, listing.await),
                Doing::Opening(opening) => Done::Opened(opening.await),
                Doing::Watching(watching) => {
                    let (watch, batch) = watching.await;
                    Done::Watched(watch, batch)
                }
                Doing::Pausing(pause) => {
                    pause.await;
                    Done::Paused
                }
            };
            // From here to the next await nothing can be interrupted.
            if self.apply(done) {
                return &self.view;
            }
        }
    }

    /// Begins what comes next; whether there is something to tell.
    fn apply(&mut self, done: Done) -> bool {
        match done {
            Done::Paused => {
                self.doing = self.list();
                false
            }
            Done::Listed(since, Ok(range)) => self.apply_range(since, range),
            Done::Opened(Ok(watch)) => {
                self.doing = self.watch(watch);
                false
            }
            Done::Watched(watch, Ok((revision, events))) => {
                self.apply_events(revision, events);
                self.doing = self.watch(watch);
                true
            }
            Done::Listed(_, Err(error)) | Done::Opened(Err(error)) => self.fail(error),
            Done::Watched(_, Err(error)) => self.fail(error),
        }
    }

    fn apply_range(&mut self, since: Instant, range: Range) -> bool {
        if range.revision < self.view.revision {
            let (now, before) = (range.revision, self.view.revision);
            self.view.went_back.get_or_insert((now, before));
            return self.fail(Error::Unavailable(format!(
                "it answered with revision {now} after {before}: it was restored from a backup, or has lost what it had promised"
            )));
        }
        let view = &mut self.view;
        let mut old = std::mem::take(&mut view.entries);
        for entry in range.entries {
            let before = old.remove(&entry.key);
            if before.is_none_or(|before| before.mod_revision != entry.mod_revision) {
                view.changed.insert(entry.key.clone());
            }
            view.entries.insert(entry.key.clone(), entry);
        }
        view.changed.extend(old.into_keys());
        view.revision = range.revision;
        view.as_of = Some(since);
        view.error = None;
        self.doing = self.open();
        true
    }

    fn apply_events(&mut self, revision: Revision, events: Vec<Event>) {
        self.failures = 0;
        let view = &mut self.view;
        for event in events {
            if event.revision() <= view.revision {
                continue;
            }
            view.changed.insert(event.key().to_owned());
            match event {
                Event::Put(entry) => {
                    view.entries.insert(entry.key.clone(), entry);
                }
                Event::Deleted { key, .. } => {
                    view.entries.remove(&key);
                }
            }
        }
        view.revision = view.revision.max(revision);
        view.as_of = Some(Instant::now());
    }

    /// Reads all again, at once when that is all that is needed, otherwise after a pause.
    fn fail(&mut self, error: Error) -> bool {
        tracing::debug!(prefix = self.prefix, %error, "the mirror of the control store reads all again");
        let needs_no_pause = matches!(error, Error::Compacted { .. }) && self.failures == 0;
        let pause = if needs_no_pause { Duration::ZERO } else { self.pause() };
        self.failures = self.failures.saturating_add(1);
        self.view.error = Some(error.to_string());
        self.doing = Doing::Pausing(Box::pin(sleep(pause)));
        true
    }

    /// Between half and all of what is due, so that the nodes of a cluster do not come back in step.
    fn pause(&self) -> Duration {
        let due = self.patience.pause_min.saturating_mul(1 << self.failures.min(16));
        let due = due.min(self.patience.pause_max);
        let random = RandomState::new().hash_one(self.failures) >> 32;
        due / 2 + (due / 2).mul_f64(random as f64 / f64::from(u32::MAX))
    }

    fn list(&self) -> Doing {
        let (store, prefix) = (Arc::clone(&self.store), self.prefix.clone());
        let silence = self.patience.silence_max;
        Doing::Listing(
            Instant::now(),
            Box::pin(async move { within(silence, store.range(&prefix)).await }),
        )
    }

    fn open(&self) -> Doing {
        let (store, prefix) = (Arc::clone(&self.store), self.prefix.clone());
        let (silence, from) = (self.patience.silence_max, self.view.revision + 1);
        Doing::Opening(Box::pin(async move { within(silence, store.watch(&prefix, from)).await }))
    }

    fn watch(&self, mut watch: Box<dyn Watch>) -> Doing {
        let silence = self.patience.silence_max;
        Doing::Watching(Box::pin(async move {
            let batch = within(silence, watch.next()).await;
            (watch, batch)
        }))
    }
}

/// Silence is an error.
async fn within<T>(
    silence: Duration,
    answer: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    match timeout(silence, answer).await {
        Ok(result) => result,
        Err(_) => Err(Error::Unavailable(format!("nothing was heard for {silence:?}"))),
    }
}

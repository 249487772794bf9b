//! The thread that does all work with the file: what it is asked, and the ends of leases when they are due.
//!
//! Jobs come through a bounded channel and are done in their order, also when nobody waits for the answer any more. Between them the thread
//! sleeps until a bell rings. It ends when the last handle is gone, or on an error of the bells themselves.

use super::bells::{Bells, Wake};
use super::engine::Engine;
use crate::{Error, Revision};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use tokio::sync::{mpsc, oneshot, watch};

/// Jobs that may wait; who asks more waits to ask.
const JOBS_MAX: usize = 256;

type Job = Box<dyn FnOnce(&mut Engine) + Send>;

/// The latest state of the file that the thread has seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) revision: Revision,
    /// Why the file can no longer be followed.
    pub(super) damaged: Option<Error>,
}

/// The thread, as seen by who asks it. When this is dropped, the thread does what it was asked, and ends.
#[derive(Debug)]
pub(super) struct Worker {
    jobs: mpsc::Sender<Job>,
    known: watch::Receiver<Known>,
    wake: Wake,
    ending: Arc<AtomicBool>,
}

impl Worker {
    pub(super) fn start(mut engine: Engine) -> Result<Self, Error> {
        let bells = Bells::hang(engine.path())
            .map_err(|error| Error::Unavailable(format!("no event descriptors: {error}")))?;
        let (wake, ending) = (bells.wake(), Arc::new(AtomicBool::new(false)));
        let seen = engine.look()?;
        let (jobs, asked) = mpsc::channel(JOBS_MAX);
        let (tell, known) = watch::channel(Known { revision: seen.revision, damaged: None });
        let thread = Thread { engine, bells, asked, tell, ending: Arc::clone(&ending) };
        thread::Builder::new().name("control-store".into()).spawn(move || thread.run()).map_err(
            |error| Error::Unavailable(format!("no thread for the control store: {error}")),
        )?;
        Ok(Self { jobs, known, wake, ending })
    }

    /// Has something done, and waits for the answer.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Engine) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |engine| {
            let _ = answer.send(work(engine));
        });
        let ended = || Error::Unavailable("the control store's thread has ended".into());
        self.jobs.send(job).await.map_err(|_| ended())?;
        self.wake.ring();
        answered.await.map_err(|_| ended())
    }

    pub(super) fn known(&self) -> watch::Receiver<Known> {
        self.known.clone()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Release);
        self.wake.ring();
    }
}

struct Thread {
    engine: Engine,
    bells: Bells,
    asked: mpsc::Receiver<Job>,
    tell: watch::Sender<Known>,
    ending: Arc<AtomicBool>,
}

impl Thread {
    fn run(mut self) {
        loop {
            // Read before the jobs: what was asked before the end is done.
            let ending = self.ending.load(Ordering::Acquire);
            // No more than may wait, so that leases are looked after in between.
            for _ in 0..JOBS_MAX {
                let Ok(job) = self.asked.try_recv() else { break };
                job(&mut self.engine);
            }
            if ending && self.asked.is_empty() {
                return;
            }
            let next_end = match self.engine.look() {
                Ok(seen) => {
                    self.tell(Known { revision: seen.revision, damaged: None });
                    seen.next_end
                }
                Err(error) => {
                    tracing::debug!(%error, "the control store cannot be looked at");
                    if let Error::Damaged(_) = error {
                        let revision = self.tell.borrow().revision;
                        self.tell(Known { revision, damaged: Some(error) });
                    }
                    None
                }
            };
            if !self.asked.is_empty() {
                continue;
            }
            if let Err(error) = self.bells.wait(next_end) {
                tracing::error!(%error, "the control store's thread cannot wait, and ends");
                return;
            }
        }
    }

    fn tell(&self, known: Known) {
        self.tell.send_if_modified(|before| {
            let is_news = *before != known;
            *before = known;
            is_news
        });
    }
}

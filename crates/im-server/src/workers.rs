//! Threads for what takes long: reads from the store, hashing of passwords.

use im::{Input, Ticket};
use im_store::{Query, ReadError, Reader};
use std::num::NonZeroU32;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use tokio::sync::mpsc;
use xmpp::credentials::{Credentials, PasswordCheck};

/// Reads that may wait for a thread before the committer waits too.
const READS_WAITING_MAX: usize = 4096;
/// Passwords that may wait to be hashed; more logins are told to come back (a hash takes about a millisecond).
const HASHES_WAITING_MAX: usize = 1024;

/// A read.
pub(crate) struct Job {
    pub(crate) ticket: Ticket,
    pub(crate) query: Query,
}

/// Work with a password.
pub(crate) enum Hashing {
    Verify { ticket: Ticket, check: PasswordCheck },
    Make { ticket: Ticket, password: String, salt: [u8; 16], iterations: u32 },
}

/// Both kinds of threads. They end when this is dropped.
pub(crate) struct Workers {
    reads: mpsc::Sender<Job>,
    hashes: SyncSender<Hashing>,
}

impl Workers {
    /// Starts one reading thread per reader and `hashers` hashing threads.
    pub(crate) fn start<R: Reader + 'static>(
        readers: Vec<R>,
        hashers: usize,
        inputs: &mpsc::Sender<Input>,
    ) -> std::io::Result<Self> {
        let (reads, jobs) = mpsc::channel(READS_WAITING_MAX);
        let jobs = Arc::new(tokio::sync::Mutex::new(jobs));
        for reader in readers {
            let (jobs, inputs) = (Arc::clone(&jobs), inputs.clone());
            let run = move || read_all(reader, &jobs, &inputs);
            thread::Builder::new().name("store-read".to_owned()).spawn(run)?;
        }
        let (hashes, waiting) = sync_channel(HASHES_WAITING_MAX);
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..hashers {
            let (waiting, inputs) = (Arc::clone(&waiting), inputs.clone());
            let run = move || hash_all(&waiting, &inputs);
            thread::Builder::new().name("hash".to_owned()).spawn(run)?;
        }
        Ok(Self { reads, hashes })
    }

    pub(crate) async fn read(&self, job: Job) {
        // The threads live as long as this does.
        let _ = self.reads.send(job).await;
    }

    /// False when there is too much to hash already.
    pub(crate) fn hash(&self, hashing: Hashing) -> bool {
        !matches!(self.hashes.try_send(hashing), Err(TrySendError::Full(_)))
    }
}

fn read_all<R: Reader>(
    mut reader: R,
    jobs: &tokio::sync::Mutex<mpsc::Receiver<Job>>,
    inputs: &mpsc::Sender<Input>,
) {
    loop {
        let Some(Job { ticket, query }) = jobs.blocking_lock().blocking_recv() else { return };
        let result = reader.read(&query).map_err(|error| ReadError(error.to_string()));
        if inputs.blocking_send(Input::ReadFinished { ticket, result }).is_err() {
            return;
        }
    }
}

fn hash_all(waiting: &Mutex<Receiver<Hashing>>, inputs: &mpsc::Sender<Input>) {
    loop {
        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(hashing) = next else { return };
        let input = match hashing {
            Hashing::Verify { ticket, check } => {
                Input::PasswordVerified { ticket, matches: Some(check.is_right()) }
            }
            Hashing::Make { ticket, password, salt, iterations } => {
                let iterations = NonZeroU32::new(iterations).unwrap_or(NonZeroU32::MIN);
                let made = Credentials::from_password(&password, salt, iterations);
                Input::PasswordHashed { ticket, credentials: made.ok().map(|c| c.encode()) }
            }
        };
        if inputs.blocking_send(input).is_err() {
            return;
        }
    }
}

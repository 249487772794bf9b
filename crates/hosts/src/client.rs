//! The client outside: one request after the other on new connections, with short time-outs, all the time. It knows when it was served last, by whom, and
//! which of its writes were acknowledged.

use crate::space::Space;
use anyhow::{Context, Result};
use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Pause between two requests.
const PAUSE: Duration = Duration::from_millis(2);
/// Longest wait for a connection, and for each part of the answer.
const PATIENCE: Duration = Duration::from_millis(25);
/// Every so many-th request is a write.
const WRITE_EVERY: u64 = 4;
/// Shorter gaps between two answers are not taken for lack of service.
pub const GAP_MIN: Duration = Duration::from_millis(40);

/// Who answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// Node.
    pub node: String,
    /// Epoch.
    pub epoch: u64,
}

/// A time without an answer.
#[derive(Clone, Copy, Debug)]
pub struct Gap {
    /// Of the last answer before.
    pub from: Instant,
    /// Of the first after.
    pub to: Instant,
}

impl Gap {
    /// How long.
    pub fn length(&self) -> Duration {
        self.to - self.from
    }
}

/// What the client has seen.
#[derive(Debug)]
pub struct Seen {
    /// Writes that were acknowledged, with who did.
    pub acknowledged: Vec<(u64, u64)>,
    /// Gaps of at least [`GAP_MIN`].
    pub gaps: Vec<Gap>,
    /// The longest gaps below that, since the last [`Client::mark`].
    pub longest_short: Duration,
    /// Requests that failed.
    pub failed: u64,
    /// Requests.
    pub requests: u64,
    /// The last answer.
    pub last: Option<(Instant, Served)>,
}

/// The client, a thread with its sockets in a space.
pub struct Client {
    seen: Arc<Mutex<Seen>>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Client {
    /// Starts requesting from within a space.
    pub fn start(space: &Space, service: SocketAddr) -> Result<Self> {
        let network = File::open(format!("/proc/{}/ns/net", space.init()))?;
        let seen = Arc::new(Mutex::new(Seen {
            acknowledged: Vec::new(),
            gaps: Vec::new(),
            longest_short: Duration::ZERO,
            failed: 0,
            requests: 0,
            last: None,
        }));
        let ends = Arc::new(AtomicBool::new(false));
        let (of_seen, of_ends) = (Arc::clone(&seen), Arc::clone(&ends));
        let builder = std::thread::Builder::new().name("client".to_owned());
        let thread = builder.spawn(move || {
            let kind = rustix::thread::LinkNameSpaceType::Network;
            if rustix::thread::move_into_link_name_space(network.as_fd(), Some(kind)).is_ok() {
                while !of_ends.load(Ordering::Relaxed) {
                    request(service, &of_seen);
                    std::thread::sleep(PAUSE);
                }
            }
        });
        Ok(Self { seen, ends, thread: Some(thread.context("no thread")?) })
    }

    /// What it has seen so far.
    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on count anew.
    pub fn mark(&self) -> Mark {
        let mut seen = self.seen();
        seen.longest_short = Duration::ZERO;
        Mark { at: Instant::now(), failed: seen.failed, gaps: seen.gaps.len() }
    }

    /// What came since a mark, until the last answer.
    pub fn since(&self, mark: &Mark) -> Outage {
        let seen = self.seen();
        let gaps = &seen.gaps[mark.gaps.min(seen.gaps.len())..];
        let total: Duration = gaps.iter().map(Gap::length).sum();
        Outage {
            without_service: if gaps.is_empty() { seen.longest_short } else { total },
            gaps: gaps.len(),
            failed: seen.failed - mark.failed,
        }
    }

    /// Who answered after a moment, if anybody has.
    pub fn served_after(&self, moment: Instant) -> Option<Served> {
        let seen = self.seen();
        seen.last.as_ref().filter(|(at, _)| *at > moment).map(|(_, served)| served.clone())
    }
}

/// A moment from which a fault is measured.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    /// When.
    pub at: Instant,
    failed: u64,
    gaps: usize,
}

/// What a fault cost.
#[derive(Clone, Copy, Debug)]
pub struct Outage {
    /// All gaps together; without any, the longest pause between two answers.
    pub without_service: Duration,
    /// How many gaps.
    pub gaps: usize,
    /// Requests that failed.
    pub failed: u64,
}

impl Drop for Client {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn request(service: SocketAddr, seen: &Mutex<Seen>) {
    let number = {
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.requests += 1;
        seen.requests
    };
    let is_write = number.is_multiple_of(WRITE_EVERY);
    let answer = ask(service, number, is_write);
    let now = Instant::now();
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    match answer {
        Ok(served) => {
            if is_write {
                seen.acknowledged.push((number, served.epoch));
            }
            let before = seen.last.replace((now, served));
            let Some((from, _)) = before else { return };
            let gap = Gap { from, to: now };
            if gap.length() >= GAP_MIN {
                seen.gaps.push(gap);
            } else {
                seen.longest_short = seen.longest_short.max(gap.length());
            }
        }
        Err(_) => seen.failed += 1,
    }
}

fn ask(service: SocketAddr, number: u64, is_write: bool) -> Result<Served> {
    let mut stream = TcpStream::connect_timeout(&service, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let verb = if is_write { "POST" } else { "GET" };
    stream.write_all(format!("{verb} /{number} HTTP/1.1\r\n\r\n").as_bytes())?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let (head, body) = text.split_once("\r\n\r\n").context("no answer")?;
    anyhow::ensure!(head.starts_with("HTTP/1.1 200"), "not done");
    let (node, epoch) = body.trim().split_once(' ').context("no node")?;
    Ok(Served { node: node.to_owned(), epoch: epoch.parse()? })
}

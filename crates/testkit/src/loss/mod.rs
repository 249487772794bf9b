//! The loss checker: pairs of clients exchange numbered messages while the server is killed again and again.
//!
//! It knows which messages the server has acknowledged, so it can say which ones it owes; it knows which arrived in which
//! session, so it can say which came twice. It is as severe with the peers as with us: what it cannot know (a message sent
//! and never acknowledged, whose session was lost) it counts as uncertain and claims nothing.

mod actor;
mod report;

pub use report::{Pair, Report};

use crate::client::{Login, befriend};
use crate::server::{PASSWORD, Server};
use crate::transport::{Endpoint, Security};
use actor::{Receiver, Sender};
use anyhow::{Context, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How the server is ended each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// kill -9.
    Kill,
    /// SIGTERM, waiting for its end.
    Terminate,
    /// One after the other.
    Alternating,
}

/// What to try.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many times the server is ended.
    pub trials: u32,
    /// Pairs of clients.
    pub pairs: usize,
    /// How it is ended.
    pub fault: Fault,
    /// How clients connect.
    pub security: Security,
    /// Seed of the moments.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { trials: 12, pairs: 4, fault: Fault::Kill, security: Security::Plain, seed: 1 }
    }
}

/// What senders, receivers and the one who kills share.
struct Shared {
    endpoint: Endpoint,
    /// No new messages from now on.
    stop: AtomicBool,
    /// Senders have had everything acknowledged, receivers may leave.
    settled: AtomicBool,
    /// Messages acknowledged so far.
    progress: AtomicU64,
}

/// Longest wait for progress between two faults; a server that makes none is killed all the same.
const STALL: Duration = Duration::from_secs(2);
/// Fewest and most acknowledgements between two faults.
const ACKS_BETWEEN: (u64, u64) = (1, 2000);

/// Accounts the loss checker wants on the server.
pub fn accounts(pairs: usize) -> Vec<String> {
    (0..pairs).flat_map(|pair| [format!("sender{pair}"), format!("receiver{pair}")]).collect()
}

/// Runs all trials, drains, and counts.
pub fn run(server: &mut Server, options: &Options) -> Result<Report> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let shared = Arc::new(Shared {
        endpoint: server.endpoint(options.security),
        stop: AtomicBool::new(false),
        settled: AtomicBool::new(false),
        progress: AtomicU64::new(0),
    });
    let mut sending = Vec::new();
    let mut receiving = Vec::new();
    for pair in 0..options.pairs {
        let from = Login::new(&format!("sender{pair}"), PASSWORD, "loss");
        let to = Login::new(&format!("receiver{pair}"), PASSWORD, "loss");
        runtime.block_on(befriend(&shared.endpoint, &from, &to))?;
        let moments = |side: u64| Moments(options.seed ^ (pair as u64 + 1) << 8 ^ side << 40);
        let receiver = Receiver::start(Arc::clone(&shared), to, moments(1));
        let receiver = runtime.block_on(receiver)?;
        let sender = Sender::start(Arc::clone(&shared), from, receiver.bare(), moments(2));
        let sender = runtime.block_on(sender)?;
        receiving.push(runtime.spawn(receiver.run()));
        sending.push(runtime.spawn(sender.run()));
    }

    let started = Instant::now();
    let mut moments = Moments(options.seed);
    for trial in 0..options.trials {
        let kill = match options.fault {
            Fault::Kill => true,
            Fault::Terminate => false,
            Fault::Alternating => trial % 2 == 0,
        };
        wait_for_progress(&shared, moments.next(ACKS_BETWEEN));
        if kill {
            server.kill()?
        } else {
            server.terminate()?
        }
        server.restart().with_context(|| format!("after fault {}", trial + 1))?;
    }
    // One more stretch of undisturbed work shows that the last restart works.
    wait_for_progress(&shared, ACKS_BETWEEN.1);
    let elapsed = started.elapsed();

    shared.stop.store(true, Ordering::SeqCst);
    let sent = sending.into_iter().map(|s| runtime.block_on(s)).collect::<Result<Vec<_>, _>>()?;
    shared.settled.store(true, Ordering::SeqCst);
    let got = receiving.into_iter().map(|r| runtime.block_on(r)).collect::<Result<Vec<_>, _>>()?;
    let mut pairs = Vec::new();
    for (sent, got) in sent.into_iter().zip(got) {
        pairs.push(Pair::judge(&sent?, &got?));
    }
    Ok(Report::new(server.kind(), options, elapsed, &pairs))
}

fn wait_for_progress(shared: &Shared, acks: u64) {
    let target = shared.progress.load(Ordering::SeqCst) + acks;
    let deadline = Instant::now() + STALL;
    while shared.progress.load(Ordering::SeqCst) < target && Instant::now() < deadline {
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// A small generator of moments; the same seed gives the same ones.
struct Moments(u64);

impl Moments {
    fn next(&mut self, (low, high): (u64, u64)) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        low + (z ^ (z >> 31)) % (high - low + 1)
    }
}

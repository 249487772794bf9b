//! The batch of seeds, and the proof that it bites: every planted fault is found by it.

use cluster_sim::{Fault, play};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

/// Seeds of the batch; `cargo xtask sim cluster --seeds A..B` plays others.
const SEEDS: u64 = 10_000;
/// Within so many of them each fault must show.
const SEEDS_FOR_A_FAULT: u64 = 2_500;
const THREADS: usize = 2;

/// Calls for each number below `n`, on all threads, and gathers what comes of it.
fn each<T: Send>(n: u64, call: impl Fn(u64) -> Option<T> + Sync) -> Vec<T> {
    let next = AtomicU64::new(0);
    let work = || {
        let mut found = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= n {
                return found;
            }
            found.extend(call(at));
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .flat_map(|t| t.join().unwrap_or_else(|panic| resume_unwind(panic)))
            .collect()
    })
}

fn violation_of(seed: u64) -> Option<String> {
    let played = catch_unwind(AssertUnwindSafe(|| play(seed, None, false)));
    let Ok(report) = played else { return Some(format!("{seed}: it panicked")) };
    report.violations.first().map(|v| format!("{seed}: {}: {}", v.checker, v.what))
}

#[test]
fn no_seed_of_the_batch_breaks_a_promise_of_the_cluster() {
    let broken = each(SEEDS, violation_of);
    let count = broken.len();
    let shown: Vec<String> = broken.into_iter().take(20).collect();
    assert!(
        shown.is_empty(),
        "{count} seeds; play one again: cargo xtask sim cluster --seed N\n{}",
        shown.join("\n")
    );
}

#[test]
fn the_same_seed_tells_the_same_story() {
    for seed in 0..6 {
        assert_eq!(play(seed, None, true).trace, play(seed, None, true).trace);
    }
}

#[test]
fn every_planted_fault_is_found() {
    let faults = Fault::all();
    assert!(faults.len() >= 15);
    let unnoticed = each(faults.len() as u64, |n| {
        let fault = faults[usize::try_from(n).unwrap()];
        (!is_found(fault)).then(|| fault.name())
    });
    assert!(unnoticed.is_empty(), "nobody noticed {unnoticed:?}");
}

/// A violation or a failed assertion of the core, in a seed that is without either when nothing is planted.
fn is_found(fault: Fault) -> bool {
    (0..SEEDS_FOR_A_FAULT).any(|seed| {
        let played = catch_unwind(AssertUnwindSafe(|| play(seed, Some(fault), false)));
        played.map_or(true, |report| !report.violations.is_empty()) && violation_of(seed).is_none()
    })
}

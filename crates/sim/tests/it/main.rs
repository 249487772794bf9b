//! The batch of seeds, and the proof that it bites: every planted fault is found by it.

use sim::{Fault, play};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

/// Seeds of the batch; `cargo xtask sim --seeds A..B` plays others.
const SEEDS: u64 = 2_000;
/// Within so many of them each fault must show.
const SEEDS_FOR_A_FAULT: u64 = 600;

#[test]
fn no_seed_of_the_batch_breaks_a_promise() {
    let next = AtomicU64::new(0);
    let broken: Vec<String> = std::thread::scope(|scope| {
        let play_all = || {
            let mut broken = Vec::new();
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= SEEDS {
                    return broken;
                }
                let violations = play(seed, None, false).violations;
                broken.extend(
                    violations.iter().map(|v| format!("{seed}: {}: {}", v.promise, v.what)),
                );
            }
        };
        let threads: Vec<_> = (0..2).map(|_| scope.spawn(play_all)).collect();
        threads
            .into_iter()
            .flat_map(|t| t.join().expect("a seed that panics is a failure"))
            .collect()
    });
    assert!(
        broken.is_empty(),
        "play one again: cargo xtask sim --seed N --trace\n{}",
        broken.join("\n")
    );
}

#[test]
fn the_same_seed_tells_the_same_story() {
    for seed in 0..5 {
        assert_eq!(play(seed, None, true).trace, play(seed, None, true).trace);
    }
}

#[test]
fn every_planted_fault_is_found() {
    let faults = Fault::all();
    assert!(faults.len() >= 10);
    let unnoticed: Vec<String> =
        faults.into_iter().filter(|fault| !is_found(*fault)).map(Fault::name).collect();
    assert!(unnoticed.is_empty(), "nobody noticed {unnoticed:?}");
}

/// A violation or a failed assertion of the core.
fn is_found(fault: Fault) -> bool {
    (0..SEEDS_FOR_A_FAULT).any(|seed| {
        catch_unwind(AssertUnwindSafe(|| play(seed, Some(fault), false)))
            .map_or(true, |report| !report.violations.is_empty())
    })
}

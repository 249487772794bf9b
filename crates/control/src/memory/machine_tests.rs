//! Cases of the machine that the conformance suite cannot see: bounds of the log, rounding, order of the clock.

use super::machine::{Machine, Options};
use crate::{Error, Event, Granted, LeaseId, Op, Txn, TxnOutcome};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn put(machine: &mut Machine, at: Duration, key: &str, lease: Option<LeaseId>) -> TxnOutcome {
    let op = Op::Put { key: key.into(), value: vec![7; 10], lease };
    machine.txn(at, Txn { guards: vec![], ops: vec![op] }).unwrap()
}

#[test]
fn a_lease_gets_whole_steps_and_no_less_than_the_shortest() {
    let millis = Duration::from_millis;
    for (asked, step, min, granted) in [
        (millis(0), 1000, 0, millis(1000)),
        (millis(1), 1000, 0, millis(1000)),
        (millis(1000), 1000, 0, millis(1000)),
        (millis(1001), 1000, 0, millis(2000)),
        (millis(1001), 1000, 2500, millis(3000)),
        (millis(250), 1, 1, millis(250)),
        (Duration::from_nanos(250_000_001), 1, 1, millis(251)),
        (millis(5), 0, 0, millis(5)),
    ] {
        let (ttl_step, ttl_min) = (millis(step), millis(min));
        let mut machine = Machine::new(Options { ttl_step, ttl_min, ..Options::default() });
        assert_eq!(machine.grant(Duration::ZERO, asked).unwrap().ttl, granted, "{asked:?}");
    }
    let too_long = Machine::default().grant(Duration::ZERO, Granted::TTL_MAX + SECOND);
    assert!(matches!(too_long, Err(Error::Invalid(_))));
}

#[test]
fn a_lease_is_alive_before_its_time_is_over_and_not_when_it_is() {
    let mut machine = Machine::default();
    let lease = machine.grant(SECOND, SECOND).unwrap().id;
    put(&mut machine, SECOND, "k", Some(lease));
    let end = 2 * SECOND;
    assert!(machine.is_alive(end - Duration::from_nanos(1), lease));
    assert_eq!(machine.advance(end - Duration::from_nanos(1)), []);
    assert_eq!(machine.next_end(), Some(end));
    assert_eq!(machine.advance(end), [Event::Deleted { key: "k".into(), revision: 3 }]);
    assert_eq!(machine.next_end(), None);
    assert_eq!(machine.keep_alive(end, lease), Err(Error::LeaseGone));
}

#[test]
fn time_does_not_run_backwards() {
    let mut machine = Machine::default();
    let lease = machine.grant(5 * SECOND, SECOND).unwrap().id;
    machine.keep_alive(SECOND, lease).unwrap();
    assert_eq!(machine.next_end(), Some(6 * SECOND));
}

#[test]
fn the_log_forgets_whole_revisions_and_never_the_last() {
    let mut machine = Machine::new(Options { log_events_max: 3, ..Options::default() });
    for key in ["a", "b", "c", "d"] {
        put(&mut machine, SECOND, key, None);
    }
    assert_eq!(machine.events_since("", 2), Err(Error::Compacted { asked: 2, oldest: 3 }));
    assert_eq!(machine.events_since("", 3).unwrap().1.len(), 3);
    let ops = ["a", "b", "c", "d", "e"];
    let ops = ops.map(|key| Op::Put { key: key.into(), value: vec![], lease: None });
    machine.txn(SECOND, Txn { guards: vec![], ops: ops.into() }).unwrap();
    assert_eq!(machine.events_since("", 5), Err(Error::Compacted { asked: 5, oldest: 6 }));
    assert_eq!(machine.events_since("", 6).unwrap().1.len(), 5);
    let mut narrow = Machine::new(Options { log_bytes_max: 25, ..Options::default() });
    for key in ["a", "b", "c"] {
        put(&mut narrow, SECOND, key, None);
    }
    assert_eq!(narrow.events_since("", 2), Err(Error::Compacted { asked: 2, oldest: 3 }));
    assert_eq!(narrow.events_since("", 3).unwrap().1.len(), 2);
}

#[test]
fn compacting_does_not_reach_into_the_future_or_bring_the_past_back() {
    let mut machine = Machine::default();
    for key in ["a", "b", "c"] {
        put(&mut machine, SECOND, key, None);
    }
    assert!(matches!(machine.compact(5), Err(Error::Invalid(_))));
    machine.compact(4).unwrap();
    machine.compact(2).unwrap();
    assert_eq!(machine.events_since("", 3), Err(Error::Compacted { asked: 3, oldest: 4 }));
    assert_eq!(machine.events_since("", 4).unwrap().1.len(), 1);
    assert_eq!(machine.events_since("", 9).unwrap(), (4, vec![]));
}

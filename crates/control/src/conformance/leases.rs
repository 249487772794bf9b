//! Sentences about leases. Ends are waited for in a watch or with patience; how long a lease really takes is nobody's business here.

use super::{PATIENCE, Subject, events, news};
use crate::{Error, Event, Granted, LeaseId, Op, Txn, TxnOutcome};
use std::time::Duration;
use tokio::time::{Instant, interval};

async fn grant(s: &Subject) -> LeaseId {
    s.store.grant(s.ttl).await.unwrap().id
}

/// A lease longer than any check takes.
async fn long_lease(s: &Subject) -> LeaseId {
    s.store.grant(10 * PATIENCE).await.unwrap().id
}

/// See the name.
pub async fn a_lease_is_at_least_as_long_as_asked(s: &Subject) {
    for asked in [s.ttl, s.ttl + Duration::from_millis(1), 2 * s.ttl, 10 * PATIENCE] {
        let granted = s.store.grant(asked).await.unwrap();
        assert!(granted.ttl >= asked, "{asked:?}: {granted:?}");
        assert!(granted.ttl <= asked + s.ttl_step, "{asked:?}: {granted:?}");
        match s.store.keep_alive(granted.id).await {
            Ok(again) => assert_eq!(again, granted),
            Err(Error::LeaseGone) => {}
            Err(error) => panic!("{error}"),
        }
        s.store.revoke(granted.id).await.unwrap();
    }
    let too_long = s.store.grant(Granted::TTL_MAX + Duration::from_secs(1)).await;
    assert!(matches!(too_long, Err(Error::Invalid(_))), "{too_long:?}");
}

/// See the name.
pub async fn leases_have_different_ids(s: &Subject) {
    let (a, b) = (long_lease(s).await, s.other.grant(10 * PATIENCE).await.unwrap().id);
    assert_ne!(a, b);
    s.store.revoke(a).await.unwrap();
    s.store.revoke(b).await.unwrap();
    let c = long_lease(s).await;
    assert!(c != a && c != b, "{c:?} is used again");
    s.store.revoke(c).await.unwrap();
}

/// See the name: one revision, one batch, and nothing else goes.
pub async fn the_end_of_a_lease_deletes_its_keys_in_one_go(s: &Subject) {
    let at = s.commit(vec![s.put("stays", "")]).await;
    let lease = grant(s).await;
    let ops = ["a", "b", "c"].map(|name| s.put_under(lease, name));
    s.commit(ops.into()).await;
    let mut watch = s.watch(at + 1).await;
    assert_eq!(news(&mut watch).await.1.len(), 3);
    let (revision, deleted) = news(&mut watch).await;
    let mut names: Vec<_> = deleted.iter().map(|event| s.shown(event).0).collect();
    names.sort();
    assert_eq!(names, ["-a", "-b", "-c"]);
    assert!(deleted.iter().all(|e| e.revision() == deleted[0].revision()), "{deleted:?}");
    assert!(revision >= deleted[0].revision());
    assert_eq!(s.names().await, ["stays"]);
}

/// Whether one lease outlived another that was granted later, by being kept alive. `None` when this test was too slow in doing so.
async fn outlives(s: &Subject) -> Option<bool> {
    let mut sent = Instant::now();
    let kept = grant(s).await;
    let left = grant(s).await;
    let ops = vec![s.put_under(kept, "kept"), s.put_under(left, "left")];
    let at = match s.store.txn(Txn { guards: vec![], ops }).await {
        Ok(TxnOutcome::Committed(at)) => at,
        Err(Error::LeaseGone) => return None,
        other => panic!("{other:?}"),
    };
    let mut watch = s.watch(at + 1).await;
    let mut ticks = interval(s.ttl / 5);
    let deleted = loop {
        tokio::select! {
            (_, events) = news(&mut watch) => break events,
            _ = ticks.tick() => {
                let now = Instant::now();
                let answer = s.store.keep_alive(kept).await;
                let slow = sent.elapsed() >= s.ttl;
                match answer {
                    Ok(_) => sent = now,
                    Err(Error::LeaseGone) if slow => return None,
                    Err(error) => panic!("kept alive in time: {error}"),
                }
            }
        }
    };
    let slow = sent.elapsed() >= s.ttl;
    let shown: Vec<_> = deleted.iter().map(|event| s.shown(event).0).collect();
    let outlived = shown == ["-left"] && s.names().await == ["kept"];
    s.store.revoke(kept).await.unwrap();
    s.store.revoke(left).await.unwrap();
    if slow && !outlived { None } else { Some(outlived) }
}

/// See the name.
pub async fn keeping_a_lease_alive_extends_it(s: &Subject) {
    let patience = Instant::now() + PATIENCE;
    loop {
        match outlives(s).await {
            Some(true) => return,
            Some(false) => panic!("a lease kept alive did not outlive one that was not"),
            None => assert!(Instant::now() < patience, "this machine is too slow to tell"),
        }
    }
}

/// See the name: also asking does not renew it.
pub async fn a_lease_ends_although_its_holder_only_stays_connected(s: &Subject) {
    let lease = grant(s).await;
    s.commit(vec![s.put_under(lease, "a")]).await;
    let patience = Instant::now() + PATIENCE;
    let mut ticks = interval(s.ttl / 5);
    while s.other.range(&s.prefix).await.unwrap().entries.len() == 1 {
        assert!(Instant::now() < patience, "the lease never ends");
        ticks.tick().await;
    }
}

/// A lease that has ended by itself.
async fn ended(s: &Subject) -> LeaseId {
    let lease = grant(s).await;
    let at = s.commit(vec![s.put_under(lease, "canary")]).await;
    let mut watch = s.watch(at + 1).await;
    assert!(matches!(news(&mut watch).await.1[0], Event::Deleted { .. }));
    lease
}

/// See the name: neither after its time nor after being revoked, nor if it never was.
pub async fn an_ended_lease_cannot_be_kept_alive_or_used(s: &Subject) {
    let revoked = long_lease(s).await;
    s.store.revoke(revoked).await.unwrap();
    for lease in [ended(s).await, revoked, LeaseId(i64::MAX - 7)] {
        assert_eq!(s.store.keep_alive(lease).await, Err(Error::LeaseGone));
        let ops = vec![s.put_under(lease, "a")];
        assert_eq!(s.store.txn(Txn { guards: vec![], ops }).await, Err(Error::LeaseGone));
    }
}

/// See the name: also the operations before and after.
pub async fn a_transaction_with_a_gone_lease_changes_nothing(s: &Subject) {
    s.commit(vec![s.put("a", "1"), s.put("b", "1")]).await;
    let before = s.entries().await;
    let lease = long_lease(s).await;
    s.store.revoke(lease).await.unwrap();
    let ops = vec![s.put("a", "2"), s.put_under(lease, "c"), s.delete("b")];
    assert_eq!(s.store.txn(Txn { guards: vec![], ops }).await, Err(Error::LeaseGone));
    assert_eq!(s.entries().await, before);
}

/// See the name: the guards are looked at first.
pub async fn a_refused_transaction_does_not_mind_a_gone_lease(s: &Subject) {
    s.commit(vec![s.put("a", "1")]).await;
    let lease = long_lease(s).await;
    s.store.revoke(lease).await.unwrap();
    let guards = vec![crate::Guard::Absent(s.key("a"))];
    let outcome = s.guarded(guards, vec![s.put_under(lease, "c")]).await;
    assert!(matches!(outcome, TxnOutcome::Refused(_)), "{outcome:?}");
}

/// See the name.
pub async fn revoking_deletes_at_once_and_again_is_no_error(s: &Subject) {
    let lease = long_lease(s).await;
    let at = s.commit(vec![s.put_under(lease, "a"), s.put_under(lease, "b"), s.put("c", "")]).await;
    assert_eq!(s.entry("a").await.unwrap().lease, Some(lease));
    let mut watch = s.watch(at + 1).await;
    s.other.revoke(lease).await.unwrap();
    assert_eq!(s.names().await, ["c"]);
    let deleted = events(&mut watch, 2).await;
    assert_eq!(deleted[0].revision(), deleted[1].revision());
    for _ in 0..2 {
        s.store.revoke(lease).await.unwrap();
    }
    s.store.revoke(LeaseId(i64::MAX - 7)).await.unwrap();
}

/// See the name.
pub async fn a_key_put_again_without_its_lease_outlives_it(s: &Subject) {
    let lease = long_lease(s).await;
    s.commit(vec![s.put_under(lease, "a"), s.put_under(lease, "b")]).await;
    s.commit(vec![s.put("a", "for good")]).await;
    assert_eq!(s.entry("a").await.unwrap().lease, None);
    s.store.revoke(lease).await.unwrap();
    assert_eq!(s.names().await, ["a"]);
}

/// See the name.
pub async fn a_key_moved_to_another_lease_ends_with_that(s: &Subject) {
    let (old, new) = (long_lease(s).await, long_lease(s).await);
    s.commit(vec![s.put_under(old, "a")]).await;
    s.commit(vec![s.put_under(new, "a")]).await;
    s.store.revoke(old).await.unwrap();
    assert_eq!(s.entry("a").await.unwrap().lease, Some(new));
    s.store.revoke(new).await.unwrap();
    assert_eq!(s.names().await, Vec::<String>::new());
}

/// See the name.
pub async fn a_deleted_key_put_again_does_not_end_with_its_old_lease(s: &Subject) {
    let lease = long_lease(s).await;
    s.commit(vec![s.put_under(lease, "a")]).await;
    s.commit(vec![Op::Delete { key: s.key("a") }]).await;
    s.commit(vec![s.put("a", "")]).await;
    s.store.revoke(lease).await.unwrap();
    assert_eq!(s.names().await, ["a"]);
}

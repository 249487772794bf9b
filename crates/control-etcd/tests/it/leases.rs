//! Leases as etcd keeps them: floors, steps, changes of leader.

use crate::{PATIENCE, cluster, first, until_ok};
use control::{ControlStore, Error, Event, Guard, LeaseId, Op, Txn, TxnOutcome};
use control_etcd::EtcdStore;
use control_etcd::rig::Settings;
use std::time::Duration;
use tokio::time::{Instant, timeout};

async fn hold(client: &EtcdStore, lease: LeaseId) -> i64 {
    let key = "holder".to_owned();
    let op = Op::Put { key: key.clone(), value: b"me".to_vec(), lease: Some(lease) };
    let txn = Txn { guards: vec![Guard::Absent(key)], ops: vec![op] };
    match client.txn(txn).await.unwrap() {
        TxnOutcome::Committed(revision) => revision,
        refused => panic!("{refused:?}"),
    }
}

#[tokio::test]
async fn what_is_granted_is_whole_seconds_and_never_less_than_etcd_can_keep() {
    let slow = Settings { heartbeat_ms: 100, election_ms: 1000, ..Settings::members(1) };
    let (quick, slow) = (cluster(Settings::members(1)).await, cluster(slow).await);
    for (cluster, asked, granted) in
        [(&quick, 1000, 1), (&quick, 1, 1), (&quick, 1001, 2), (&slow, 1000, 2), (&slow, 2500, 3)]
    {
        let client = EtcdStore::connect(cluster.options()).await.unwrap();
        let lease = client.grant(Duration::from_millis(asked)).await.unwrap();
        assert_eq!(lease.ttl, Duration::from_secs(granted), "asked {asked} ms");
        let renewed = client.keep_alive(lease.id).await;
        // Gone only where this test was slower than the lease.
        assert!(renewed == Ok(lease) || renewed == Err(Error::LeaseGone), "{renewed:?}");
    }
}

#[tokio::test]
async fn a_lease_lives_through_a_change_of_leader_and_ends_after_it() {
    let mut cluster = cluster(Settings::members(3)).await;
    let leader = cluster.leader().await.unwrap();
    let client = EtcdStore::connect(first(&cluster, (leader + 1) % 3)).await.unwrap();
    let ttl = Duration::from_secs(4);
    let lease = client.grant(ttl).await.unwrap();
    let at = hold(&client, lease.id).await;
    let renewed = Instant::now();
    client.keep_alive(lease.id).await.unwrap();
    cluster.kill(leader);
    // The new leader gives every lease its whole time again.
    let (entries, _) = until_ok(|| client.range("holder")).await;
    assert_eq!(entries.entries.len(), 1);
    let ended = async {
        let mut watch = client.watch("", at + 1).await.unwrap();
        loop {
            match watch.next().await {
                Ok((_, events)) if events.is_empty() => {}
                Ok((_, events)) => {
                    assert!(matches!(events[0], Event::Deleted { .. }), "{events:?}");
                    return;
                }
                Err(_) => watch = client.watch("", at + 1).await.unwrap(),
            }
        }
    };
    timeout(PATIENCE, ended).await.unwrap();
    println!(
        "a lease of {ttl:?} ended {:?} after its last renewal, with a change of leader",
        renewed.elapsed()
    );
    assert!(renewed.elapsed() >= ttl, "it ended early");
    assert_eq!(client.keep_alive(lease.id).await, Err(Error::LeaseGone));
}

#[tokio::test]
async fn a_renewal_is_one_round_trip() {
    let cluster = cluster(Settings::members(3).with_tls()).await;
    let leader = cluster.leader().await.unwrap();
    for (who, at) in [("leader", leader), ("follower", (leader + 1) % 3)] {
        let client = EtcdStore::connect(first(&cluster, at)).await.unwrap();
        let lease = client.grant(Duration::from_secs(60)).await.unwrap().id;
        let mut took: Vec<_> = Vec::new();
        for _ in 0..200 {
            let start = Instant::now();
            client.keep_alive(lease).await.unwrap();
            took.push(start.elapsed());
        }
        took.sort();
        println!("renewal at the {who}: p50 {:?}, p99 {:?}", took[100], took[198]);
    }
}

//! Members that die, pause and lose their quorum, under reads, transactions and renewals.

use crate::{cluster, commit, increment, put, quick, settled, store, until_ok, value};
use control::{ControlStore, Error, LeaseId};
use control_etcd::rig::{Cluster, Settings};
use control_etcd::{EtcdOptions, EtcdStore};
use std::time::Duration;
use tokio::time::Instant;

/// Far above the call time-out, which is kept exactly (see the tests of `endpoints`), and far below never.
const BOUND: Duration = Duration::from_secs(15);
/// Longer than the slowest machine needs to elect.
const LEASE: Duration = Duration::from_secs(60);

/// Everything goes on after something happened to a member; prints how long each took.
async fn goes_on(what: &str, client: &EtcdStore, lease: LeaseId) {
    let (_, renewed) = until_ok(|| client.keep_alive(lease)).await;
    let (_, read) = until_ok(|| client.range("")).await;
    let (_, written) = until_ok(|| commit(client, put("after", "1"))).await;
    println!("{what}: renewed after {renewed:?}, then read in {read:?}, written in {written:?}");
}

async fn follower(cluster: &Cluster) -> usize {
    (cluster.leader().await.unwrap() + 1) % cluster.len()
}

#[tokio::test]
async fn the_member_we_talk_to_dies_and_nothing_else_happens() {
    let mut cluster = cluster(Settings::members(3)).await;
    let at = follower(&cluster).await;
    let client = settled(quick(&cluster, at)).await;
    let lease = until_ok(|| client.grant(LEASE)).await.0.id;
    until_ok(|| commit(&client, put("before", "1"))).await;
    until_ok(|| client.keep_alive(lease)).await;
    cluster.kill(at);
    goes_on("killed follower", &client, lease).await;
    // Dead ones are not asked again: a call takes what it takes.
    let start = Instant::now();
    for _ in 0..20 {
        until_ok(|| client.keep_alive(lease)).await;
    }
    println!("20 renewals with one member dead: {:?}", start.elapsed());
    assert_eq!(until_ok(|| value(&client, "before")).await.0, "1");
}

#[tokio::test]
async fn the_leader_dies_and_calls_go_on_when_there_is_a_new_one() {
    let mut cluster = cluster(Settings::members(3)).await;
    let leader = cluster.leader().await.unwrap();
    let client = settled(quick(&cluster, leader)).await;
    let lease = until_ok(|| client.grant(LEASE)).await.0.id;
    until_ok(|| client.keep_alive(lease)).await;
    cluster.kill(leader);
    goes_on("killed leader", &client, lease).await;
}

#[tokio::test]
async fn a_paused_member_costs_one_attempt() {
    let cluster = cluster(Settings::members(3).with_tls()).await;
    let at = follower(&cluster).await;
    let client = settled(quick(&cluster, at)).await;
    let lease = until_ok(|| client.grant(LEASE)).await.0.id;
    until_ok(|| client.keep_alive(lease)).await;
    cluster.pause(at).unwrap();
    goes_on("paused follower", &client, lease).await;
    cluster.resume(at).unwrap();
    until_ok(|| client.keep_alive(lease)).await;
}

#[tokio::test]
async fn a_paused_leader_is_replaced() {
    let cluster = cluster(Settings::members(3)).await;
    let leader = cluster.leader().await.unwrap();
    let client = settled(quick(&cluster, leader)).await;
    let lease = until_ok(|| client.grant(LEASE)).await.0.id;
    until_ok(|| client.keep_alive(lease)).await;
    cluster.pause(leader).unwrap();
    goes_on("paused leader", &client, lease).await;
    cluster.resume(leader).unwrap();
    until_ok(|| client.keep_alive(lease)).await;
}

#[tokio::test]
async fn a_transaction_on_a_paused_member_is_unknown_and_the_next_goes_elsewhere() {
    let cluster = cluster(Settings::members(3)).await;
    let at = follower(&cluster).await;
    let options = EtcdOptions { call_timeout: Duration::from_millis(600), ..quick(&cluster, at) };
    let client = settled(options).await;
    cluster.pause(at).unwrap();
    let lost = commit(&client, put("a", "1")).await;
    assert!(
        matches!(&lost, Err(Error::Unavailable(why)) if why.contains("may have been made")),
        "{lost:?}"
    );
    until_ok(|| commit(&client, put("b", "1"))).await;
}

#[tokio::test]
async fn without_a_quorum_every_call_ends_in_bounded_time_and_after_it_all_is_well() {
    let mut cluster = cluster(Settings::members(3)).await;
    let stays = cluster.leader().await.unwrap();
    let client = settled(quick(&cluster, 0)).await;
    let lease = until_ok(|| client.grant(LEASE)).await.0.id;
    let (mut watch, _) = until_ok(|| client.watch("", 1)).await;
    until_ok(|| commit(&client, put("a", "1"))).await;
    for at in 0..3 {
        if at != stays {
            cluster.kill(at);
        }
    }
    // As long as the survivor has not noticed it renews by itself; then it leads no longer.
    let start = Instant::now();
    while client.range("").await.is_ok() {}
    while watch.next().await.is_ok() {}
    println!("a watch ends {:?} after the quorum", start.elapsed());
    for call in 0..4 {
        let start = Instant::now();
        let result = match call {
            0 => client.range("").await.map(|_| ()),
            1 => commit(&client, put("a", "2")).await.map(|_| ()),
            2 => client.keep_alive(lease).await.map(|_| ()),
            _ => client.grant(LEASE).await.map(|_| ()),
        };
        assert!(matches!(result, Err(Error::Unavailable(_))), "call {call}: {result:?}");
        println!("without a quorum, call {call} ended after {:?}", start.elapsed());
        assert!(start.elapsed() < BOUND, "call {call} took {:?}", start.elapsed());
    }
    for at in 0..3 {
        if at != stays {
            cluster.restart(at).unwrap();
        }
    }
    let (read, after) = until_ok(|| value(&client, "a")).await;
    println!("a quorum is back {after:?} after the members were started");
    assert_eq!(read, "1");
    until_ok(|| client.keep_alive(lease)).await;
    until_ok(|| commit(&client, put("a", "3"))).await;
}

#[tokio::test]
async fn no_increment_is_lost_or_made_twice_while_members_die_in_turn() {
    let mut cluster = cluster(Settings::members(3)).await;
    let client = store(quick(&cluster, 0));
    let (mut sure, mut unsure) = (0_u64, 0_u64);
    let mut step = async |cluster: &mut Cluster, at: Option<usize>| {
        for round in 0..40 {
            if round == 10
                && let Some(at) = at
            {
                cluster.kill(at);
            }
            match increment(&client, "n").await {
                Ok(true) => sure += 1,
                Ok(false) => {}
                Err(Error::Unavailable(_)) => unsure += 1,
                Err(error) => panic!("{error}"),
            }
        }
    };
    for at in 0..3 {
        step(&mut cluster, Some(at)).await;
        cluster.restart(at).unwrap();
        cluster.ready(at).await.unwrap();
    }
    step(&mut cluster, None).await;
    let (n, _) = until_ok(|| value(&client, "n")).await;
    let n: u64 = n.parse().unwrap();
    println!("{sure} increments acknowledged, {unsure} unknown, {n} made");
    assert!(sure <= n && n <= sure + unsure, "{sure} acknowledged, {unsure} unknown, {n} made");
}

#[tokio::test]
async fn a_wiped_member_comes_back_and_is_used() {
    let mut cluster = cluster(Settings::members(3)).await;
    let client = store(cluster.options());
    commit(&client, put("a", "1")).await.unwrap();
    cluster.wipe(1).await.unwrap();
    let back = store(cluster.options_of(1));
    assert_eq!(value(&back, "a").await.unwrap(), "1");
    commit(&client, put("a", "2")).await.unwrap();
}

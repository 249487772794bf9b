//! Answers that never arrive: what was sent is not sent again, and what nobody reads holds up nothing.

use crate::{cluster, commit, put, store, until_ok, value};
use control::{ControlStore, Error};
use control_etcd::EtcdOptions;
use control_etcd::rig::Settings;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// An endpoint in front of another that passes everything on, until it is told to swallow the answers: then it closes at the first one.
async fn swallower(behind: String) -> (String, Arc<AtomicBool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let swallow = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&swallow);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let Ok(server) = TcpStream::connect(&behind).await else { continue };
            let told = Arc::clone(&told);
            let (mut from_client, mut to_client) = client.into_split();
            let (mut from_server, mut to_server) = server.into_split();
            let up = tokio::spawn(async move {
                _ = tokio::io::copy(&mut from_client, &mut to_server).await;
            });
            tokio::spawn(async move {
                let mut buffer = vec![0; 64 * 1024];
                while let Ok(count @ 1..) = from_server.read(&mut buffer).await {
                    if told.load(Ordering::Relaxed) {
                        break;
                    }
                    if to_client.write_all(&buffer[..count]).await.is_err() {
                        break;
                    }
                }
                up.abort();
            });
        }
    });
    (endpoint, swallow)
}

#[tokio::test]
async fn a_transaction_whose_answer_is_lost_is_unknown_and_not_sent_again() {
    let cluster = cluster(Settings::members(1)).await;
    let direct = store(cluster.options());
    let behind = cluster.endpoints()[0].replace("http://", "");
    let (endpoint, swallow) = swallower(behind).await;
    let endpoints = vec![endpoint, cluster.endpoints()[0].clone()];
    let client = store(EtcdOptions { endpoints, ..cluster.options() });
    let before = commit(&client, put("a", "before")).await.unwrap();
    swallow.store(true, Ordering::Relaxed);
    let lost = commit(&client, put("a", "after")).await;
    assert!(
        matches!(&lost, Err(Error::Unavailable(why)) if why.contains("may have been made")),
        "{lost:?}"
    );
    // It was made, once.
    until_ok(|| async {
        match value(&direct, "a").await?.as_str() {
            "after" => Ok(()),
            other => Err(Error::Unavailable(format!("still {other}"))),
        }
    })
    .await;
    assert_eq!(direct.range("").await.unwrap().revision, before + 1);
    // The next goes by the other endpoint; what may be done twice is, without anybody noticing.
    assert_eq!(commit(&client, put("a", "next")).await, Ok(before + 2));
}

#[tokio::test]
async fn a_read_or_renewal_whose_answer_is_lost_is_answered_by_another_endpoint() {
    let cluster = cluster(Settings::members(1)).await;
    let behind = cluster.endpoints()[0].replace("http://", "");
    let (endpoint, swallow) = swallower(behind).await;
    let endpoints = vec![endpoint, cluster.endpoints()[0].clone()];
    let options = EtcdOptions { endpoints, ..cluster.options() };
    for call in 0..3 {
        swallow.store(false, Ordering::Relaxed);
        let client = store(options.clone());
        let lease = client.grant(Duration::from_secs(60)).await.unwrap();
        swallow.store(true, Ordering::Relaxed);
        match call {
            0 => assert_eq!(client.keep_alive(lease.id).await, Ok(lease)),
            1 => assert_eq!(client.range("").await.unwrap().entries, []),
            _ => assert_eq!(client.revoke(lease.id).await, Ok(())),
        }
    }
}

#[tokio::test]
async fn watches_that_nobody_looks_at_do_not_hold_up_a_renewal() {
    let cluster = cluster(Settings::members(1)).await;
    let client = store(cluster.options());
    let lease = client.grant(Duration::from_secs(600)).await.unwrap();
    let mut watches = Vec::new();
    for _ in 0..8 {
        watches.push(client.watch("", 1).await.unwrap());
    }
    let large = "x".repeat(500_000);
    for _ in 0..6 {
        commit(&client, put("a", &large)).await.unwrap();
    }
    client.keep_alive(lease.id).await.unwrap();
    // And whoever looks at last finds all of it.
    let mut seen = 0;
    while seen < 6 {
        seen += watches[7].next().await.unwrap().1.len();
    }
}

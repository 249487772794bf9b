//! The suite of the port, with one member, three, and three with TLS.

use crate::cluster;
use control::conformance::{Compact, Subject, suite};
use control_etcd::EtcdStore;
use control_etcd::rig::{Cluster, Settings};
use std::sync::Arc;
use std::time::Duration;

async fn conforms(settings: Settings) {
    let cluster = Arc::new(cluster(settings).await);
    let store = Arc::new(EtcdStore::connect(cluster.options()).await.unwrap());
    // The other client speaks to another member.
    let options = crate::first(&cluster, cluster.len() - 1);
    let other = Arc::new(EtcdStore::connect(options).await.unwrap());
    suite(|name| {
        let (cluster, store, other) =
            (Arc::clone(&cluster), Arc::clone(&store), Arc::clone(&other));
        async move {
            Subject {
                store,
                other,
                prefix: format!("suite/{name}/"),
                ttl: Duration::from_secs(1),
                ttl_step: Duration::from_secs(1),
                compact: Some(compact(cluster)),
            }
        }
    })
    .await;
}

fn compact(cluster: Arc<Cluster>) -> Compact {
    Box::new(move |revision| {
        let cluster = Arc::clone(&cluster);
        Box::pin(async move {
            cluster
                .compact(revision)
                .await
                .map_err(|error| control::Error::Unavailable(error.to_string()))
        })
    })
}

#[tokio::test]
async fn one_member_does_all_the_port_says() {
    conforms(Settings::members(1)).await;
}

#[tokio::test]
async fn three_members_with_tls_do_all_the_port_says() {
    conforms(Settings::members(3).with_tls()).await;
}

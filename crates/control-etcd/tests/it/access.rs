//! Who is let in: certificates, strangers, passwords, namespaces, and what the status line says.

use crate::{cluster, commit, first, put, store, until_ok, value};
use control::{ControlStore, Error};
use control_etcd::rig::Settings;
use control_etcd::{ConnectError, EtcdOptions, EtcdStore, Login, Tls};
use std::fs;
use std::time::Duration;

fn said(result: Result<EtcdStore, ConnectError>) -> String {
    result.map(|_| "let in".to_owned()).unwrap_or_else(|error| error.to_string())
}

#[tokio::test]
async fn strangers_and_plain_clients_are_refused_and_told_why() {
    let cluster = cluster(Settings::members(1).with_tls()).await;
    let stranger = EtcdOptions { tls: cluster.stranger(), ..cluster.options() };
    let refused = EtcdStore::connect(stranger).await;
    assert!(matches!(refused, Err(ConnectError::Store(Error::Denied(_)))), "{}", said(refused));

    let plain = cluster.endpoints().iter().map(|e| e.replace("https", "http")).collect();
    let call_timeout = Duration::from_secs(1);
    let plain = EtcdOptions { endpoints: plain, tls: None, call_timeout, ..cluster.options() };
    let refused = EtcdStore::connect(plain).await;
    assert!(
        matches!(refused, Err(ConnectError::Store(Error::Unavailable(_)))),
        "{}",
        said(refused)
    );

    // A member of somebody else's authority is not spoken to.
    let ours = cluster.options().tls.unwrap();
    let theirs = Tls { ca: cluster.dir().join("tls/stranger-ca.pem"), ..ours.clone() };
    let refused = EtcdStore::connect(EtcdOptions { tls: Some(theirs), ..cluster.options() }).await;
    assert!(matches!(refused, Err(ConnectError::Store(Error::Denied(_)))));
    assert!(said(refused).contains("stranger-ca.pem"));

    // Nor one whose certificate is for another name.
    let named = |domain: &str| {
        let tls = Tls { domain: Some(domain.to_owned()), ..ours.clone() };
        EtcdStore::connect(EtcdOptions { tls: Some(tls), ..cluster.options() })
    };
    assert!(said(named("other.test").await).contains("is not accepted"));
    assert_eq!(said(named("etcd.test").await), "let in");
}

#[tokio::test]
async fn a_certificate_file_that_is_wrong_is_named() {
    let cluster = cluster(Settings::members(1).with_tls()).await;
    let good = cluster.options().tls.unwrap();
    let dir = cluster.dir().to_owned();
    let with = |tls: Tls| said(EtcdStore::new(EtcdOptions { tls: Some(tls), ..cluster.options() }));
    assert_eq!(with(good.clone()), "let in");
    let (missing, text, empty) =
        (dir.join("missing.pem"), dir.join("text.pem"), dir.join("empty.pem"));
    fs::write(&text, "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n").unwrap();
    fs::write(&empty, "").unwrap();
    for (tls, file, word) in [
        (Tls { ca: missing.clone(), ..good.clone() }, "missing.pem", "cannot be read"),
        (Tls { cert: missing.clone(), ..good.clone() }, "missing.pem", "cannot be read"),
        (Tls { key: missing, ..good.clone() }, "missing.pem", "cannot be read"),
        (Tls { ca: text.clone(), ..good.clone() }, "text.pem", "PEM"),
        (Tls { cert: empty.clone(), ..good.clone() }, "empty.pem", "no certificate"),
        (Tls { key: empty, ..good.clone() }, "empty.pem", "no private key"),
        (
            Tls { key: cluster.stranger().unwrap().key, ..good.clone() },
            "stranger.key",
            "not the key",
        ),
        (cluster.expired().unwrap(), "expired.pem", "has expired"),
        (Tls { ca: cluster.expired().unwrap().cert, ..good.clone() }, "expired.pem", "authority"),
        (Tls { ca: dir.clone(), ..good.clone() }, dir.to_str().unwrap(), "cannot be read"),
    ] {
        let said = with(tls);
        assert!(said.contains(file) && said.contains(word), "{file}, {word}: {said}");
    }
}

#[tokio::test]
async fn renewed_certificates_need_no_restart_and_broken_ones_do_no_harm() {
    let mut cluster = cluster(Settings::members(1).with_tls()).await;
    let tls = cluster.options().tls.unwrap();
    let own = cluster.dir().join("own.pem");
    fs::copy(&tls.cert, &own).unwrap();
    let tls = Tls { cert: own.clone(), ..tls };
    let client = store(EtcdOptions { tls: Some(tls.clone()), ..cluster.options() });
    commit(&client, put("a", "1")).await.unwrap();
    fs::write(&own, "half a fi").unwrap();
    cluster.restart(0).unwrap();
    cluster.ready(0).await.unwrap();
    until_ok(|| client.range("")).await;
    // Whole again, with the rest of a chain behind it.
    let chain =
        [fs::read(tls.cert.with_file_name("tls/client.pem")).unwrap(), fs::read(&tls.ca).unwrap()];
    fs::write(&own, chain.concat()).unwrap();
    cluster.restart(0).unwrap();
    cluster.ready(0).await.unwrap();
    until_ok(|| client.range("")).await;
}

#[tokio::test]
async fn a_password_lets_in_what_its_role_may_and_tokens_are_renewed() {
    let mut cluster = cluster(Settings::members(1)).await;
    for arguments in [
        &["user", "add", "root:secret"][..],
        &["user", "grant-role", "root", "root"],
        &["role", "add", "house"],
        &["role", "grant-permission", "house", "--prefix=true", "readwrite", "/steadfast/"],
        &["user", "add", "steadfast:rosebud"],
        &["user", "grant-role", "steadfast", "house"],
        &["auth", "enable"],
    ] {
        cluster.ctl(0, arguments).await.unwrap();
    }
    let login = |password: &str| {
        Some(Login { user: "steadfast".to_owned(), password: password.to_owned() })
    };
    let options = EtcdOptions { login: login("rosebud"), ..cluster.options() };
    let client = EtcdStore::connect(options.clone()).await.unwrap();
    commit(&client, put("a", "1")).await.unwrap();
    let lease = client.grant(Duration::from_secs(60)).await.unwrap();
    client.keep_alive(lease.id).await.unwrap();

    for (what, options) in [
        ("no login", cluster.options()),
        ("wrong password", EtcdOptions { login: login("x"), ..cluster.options() }),
        ("not ours", EtcdOptions { namespace: "/other/".into(), ..options.clone() }),
    ] {
        let refused = EtcdStore::connect(options).await;
        assert!(
            matches!(refused, Err(ConnectError::Store(Error::Denied(_)))),
            "{what}: {}",
            said(refused)
        );
    }
    let stranger = store(EtcdOptions { namespace: "/other/".into(), ..options });
    match stranger.watch("", 1).await {
        Err(error) => assert!(matches!(error, Error::Denied(_)), "{error}"),
        Ok(mut watch) => {
            let error = watch.next().await.unwrap_err();
            assert!(matches!(error, Error::Denied(_)), "{error}");
        }
    }
    assert!(matches!(commit(&stranger, put("a", "1")).await, Err(Error::Denied(_))));

    // A member that was restarted knows no tokens any more.
    cluster.restart(0).unwrap();
    let (read, _) = until_ok(|| value(&client, "a")).await;
    assert_eq!(read, "1");
    let mut watch = client.watch("", 1).await.unwrap();
    assert_eq!(watch.next().await.unwrap().1.len(), 1);
}

#[tokio::test]
async fn namespaces_do_not_see_each_other() {
    let cluster = cluster(Settings::members(1)).await;
    let space = |name: &str| store(EtcdOptions { namespace: name.to_owned(), ..cluster.options() });
    let (a, ab) = (space("/a"), space("/ab"));
    commit(&a, put("k", "of a")).await.unwrap();
    commit(&ab, put("k", "of ab")).await.unwrap();
    let range = a.range("").await.unwrap();
    assert_eq!(range.entries.len(), 1);
    assert_eq!(
        (range.entries[0].key.as_str(), value(&ab, "k").await.unwrap()),
        ("k", "of ab".into())
    );
    let stored = cluster.ctl(0, &["get", "--prefix", "/a", "--keys-only"]).await.unwrap();
    assert_eq!(stored.split_whitespace().collect::<Vec<_>>(), ["/a/k", "/ab/k"]);
}

#[tokio::test]
async fn a_range_of_many_pages_is_of_one_revision() {
    let cluster = cluster(Settings::members(1)).await;
    let client = store(cluster.options());
    for block in 0..5 {
        let ops = (0..100).map(|n| put(&format!("k{block}{n:02}"), "x")).collect();
        client.txn(control::Txn { guards: vec![], ops }).await.unwrap();
    }
    let range = client.range("").await.unwrap();
    assert_eq!(range.entries.len(), 500);
    assert!(range.entries.is_sorted_by(|a, b| a.key < b.key));
    assert_eq!(range.revision, range.entries.iter().map(|e| e.mod_revision).max().unwrap());
}

#[tokio::test]
async fn endpoints_of_two_clusters_are_not_mixed() {
    let one = cluster(Settings::members(1)).await;
    let mut two = cluster(Settings::members(1)).await;
    let endpoints = [two.endpoints(), one.endpoints()].concat();
    let call_timeout = Duration::from_secs(2);
    let client = store(EtcdOptions { endpoints, call_timeout, ..one.options() });
    until_ok(|| commit(&client, put("a", "two"))).await;
    two.kill(0);
    let error = client.range("").await.unwrap_err();
    assert!(error.to_string().contains("another etcd cluster"), "{error}");
}

#[tokio::test]
async fn the_status_line_says_who_answers_and_whether_there_is_a_quorum() {
    let mut cluster = cluster(Settings::members(3)).await;
    let leader = cluster.leader().await.unwrap();
    let call_timeout = Duration::from_secs(3);
    let client = store(EtcdOptions { call_timeout, ..first(&cluster, leader) });
    let line = client.describe().await;
    assert!(line.starts_with("etcd 3."), "{line}");
    assert!(
        line.contains(": quorum; 3 of 3 endpoints answer, the cluster has 3 members"),
        "{line}"
    );
    assert!(line.contains("(leader, asked first)"), "{line}");
    cluster.kill((leader + 1) % 3);
    let line = client.describe().await;
    assert!(line.contains(": quorum; 2 of 3 endpoints answer"), "{line}");
    cluster.kill((leader + 2) % 3);
    let line = client.describe().await;
    assert!(line.contains("NO QUORUM"), "{line}");
    println!("{line}");
}

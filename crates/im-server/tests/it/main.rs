//! The shell with real threads on the memory store: order of commit and effect, fencing, full disk, stopping.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use base64::Engine as _;
use bytes::Bytes;
use im::{AdminReply, AdminRequest, Options};
use im_server::{Config, Server, ServerHandle};
use im_store::memory::{CommitFault, MemoryDisk, MemoryRoom, MemoryStore};
use im_store::{Query, Reader as _, Reply, Store as _};
use link::{ConnFacts, ConnId, Down, TlsPolicy, Up};
use std::num::NonZeroU32;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;
use xmpp::credentials::Credentials;
use xmpp::jid::BareJid;
use xmpp::xml::StreamHeader;

/// Nothing here takes long; this only keeps a broken shell from hanging the tests.
const PATIENCE: Duration = Duration::from_secs(60);

struct Service {
    server: Server,
    handle: ServerHandle,
    up: mpsc::Sender<Up>,
    down: mpsc::UnboundedReceiver<Down>,
}

fn start(disk: &MemoryDisk) -> Service {
    let domain = BareJid::parse("localhost").unwrap();
    let config = Config {
        options: Options::for_domains(vec![domain]),
        server_secret: [1; 32],
        seed: [2; 32],
        readers: 2,
        hashers: 1,
    };
    let (up, up_rx) = mpsc::channel(64);
    let (down_tx, down) = mpsc::unbounded_channel();
    let store = MemoryStore::open(disk).unwrap();
    let carry = move |downs: Vec<Down>| downs.into_iter().for_each(|d| drop(down_tx.send(d)));
    let server = Server::start(config, store, up_rx, Box::new(carry)).unwrap();
    Service { handle: server.handle(), server, up, down }
}

fn romeo() -> AdminRequest {
    let credentials = Credentials::from_password("secret", [1; 16], NonZeroU32::MIN).unwrap();
    let jid = BareJid::parse("romeo@localhost").unwrap();
    AdminRequest::AccountAdd { jid, credentials: credentials.encode() }
}

impl Service {
    /// The next bytes for the client.
    async fn hears(&mut self) -> String {
        loop {
            match timeout(PATIENCE, self.down.recv()).await.unwrap().unwrap() {
                Down::Send { bytes, .. } | Down::Close { bytes, .. } => {
                    return String::from_utf8(bytes.to_vec()).unwrap();
                }
                _ => {}
            }
        }
    }

    async fn says(&self, xml: &str) {
        let bytes = Bytes::copy_from_slice(xml.as_bytes());
        self.up.send(Up::Element { conn: ConnId(1), bytes }).await.unwrap();
    }

    async fn header(&self) {
        let header = StreamHeader {
            to: Some("localhost".into()),
            version: Some((1, 0)),
            content_ns: "jabber:client".into(),
            ..StreamHeader::default()
        };
        self.up.send(Up::Header { conn: ConnId(1), header }).await.unwrap();
    }

    async fn logs_in(&mut self) {
        let facts = ConnFacts {
            peer: "192.0.2.1:5000".parse().unwrap(),
            tls_policy: TlsPolicy::Off,
            tls: None,
        };
        self.up.send(Up::Opened { conn: ConnId(1), facts }).await.unwrap();
        self.header().await;
        while !self.hears().await.contains("<mechanisms") {}
        let auth = base64::engine::general_purpose::STANDARD.encode("\0romeo\0secret");
        self.says(&format!(
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{auth}</auth>"
        ))
        .await;
        while !self.hears().await.starts_with("<success") {}
        self.header().await;
        while !self.hears().await.contains("<bind") {}
        self.says("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
            .await;
        while !self.hears().await.contains("<jid>romeo@localhost/") {}
    }
}

#[tokio::test]
async fn what_an_administrator_is_told_is_durable() {
    let disk = MemoryDisk::new();
    let service = start(&disk);
    assert_eq!(service.handle.admin(romeo()).await, Ok(AdminReply::Done));
    let store = MemoryStore::open(&disk.copy()).unwrap();
    let query = Query::Account(BareJid::parse("romeo@localhost").unwrap());
    let read = store.reader().unwrap().read(&query).unwrap();
    assert!(matches!(read, Reply::Account(Some(_))));
}

#[tokio::test]
async fn a_client_logs_in_and_a_stopping_server_says_goodbye() {
    let disk = MemoryDisk::new();
    let mut service = start(&disk);
    service.handle.admin(romeo()).await.unwrap();
    service.logs_in().await;
    assert_eq!(service.handle.stats().core.sessions, 1);
    service.handle.stop().await;
    assert!(service.hears().await.contains("system-shutdown"));
    assert_eq!(timeout(PATIENCE, service.server.ended()).await.unwrap(), Ok(()));
}

#[tokio::test]
async fn an_instance_that_lost_the_store_dies_and_says_nothing_more() {
    let disk = MemoryDisk::new();
    let mut service = start(&disk);
    let _newer = MemoryStore::open(&disk).unwrap();
    let handle = service.handle.clone();
    let asked = tokio::spawn(async move { handle.admin(romeo()).await });
    let died = timeout(PATIENCE, service.server.ended()).await.unwrap().unwrap_err();
    assert!(died.to_string().contains("fenced"), "{died}");
    asked.abort();
    assert!(service.down.try_recv().is_err());
}

#[tokio::test]
async fn a_failed_sync_ends_the_instance() {
    let disk = MemoryDisk::new();
    let mut service = start(&disk);
    disk.break_next_commit(CommitFault::BatchLost);
    let handle = service.handle.clone();
    let asked = tokio::spawn(async move { handle.admin(romeo()).await });
    assert!(timeout(PATIENCE, service.server.ended()).await.unwrap().is_err());
    asked.abort();
}

#[tokio::test]
async fn on_a_full_disk_nothing_is_acknowledged_until_there_is_room() {
    let disk = MemoryDisk::new();
    let service = start(&disk);
    disk.set_room(MemoryRoom::Full);
    let handle = service.handle.clone();
    let mut asked = tokio::spawn(async move { handle.admin(romeo()).await });
    while service.handle.stats().full_waits == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(timeout(Duration::from_millis(50), &mut asked).await.is_err());
    disk.set_room(MemoryRoom::Plenty);
    assert_eq!(timeout(PATIENCE, asked).await.unwrap().unwrap(), Ok(AdminReply::Done));
}

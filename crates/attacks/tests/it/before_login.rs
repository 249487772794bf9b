//! Rows 1–6: what strangers do to a port before they say who they are.

use crate::raw::{HEADER, Raw, tcp};
use crate::service::{Door, PATIENCE, Service, raise_open_files, wait_until};
use socket2::SockRef;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};
use testkit::transport::Security;

/// Silent connections per door; the list says 50,000.
const SILENT_EACH: usize = 1_000;
/// Growth that one of them may cause.
const SILENT_KIB_MAX: u64 = 16;
/// Rounds of churn; the list says a million.
const CHURN: usize = 2_000;

#[test]
fn silent_connections_cost_little_and_all_end_at_the_deadline() {
    raise_open_files();
    let service = Service::with("[limits]\nlogin_deadline = \"12s\"");
    let (files, before) = (service.open_files(), service.resident_kib());
    let doors = [service.address(Door::StartTls), service.address(Door::Direct)];
    let connect = |address: &SocketAddr| TcpStream::connect(*address).unwrap();
    let silent: Vec<TcpStream> =
        (0..SILENT_EACH).flat_map(|_| doors.each_ref().map(connect)).collect();
    let count = silent.len() as u64;
    wait_until("all are open", || service.metric("steadfast_mux_accepted_total") >= count);
    let grown = service.resident_kib().saturating_sub(before);
    eprintln!("{count} silent connections: {:.1} KiB each", grown as f64 / count as f64);
    assert!(grown <= SILENT_KIB_MAX * count, "{grown} KiB for {count} connections");
    for mut socket in silent {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        assert_eq!(socket.read(&mut [0; 64]).unwrap_or(0), 0, "silence is answered by silence");
    }
    wait_until("every descriptor is back", || service.open_files() <= files + 1);
    // The monitoring port and the listeners are not among them.
    assert_eq!(service.metric("steadfast_mux_login_deadlines_total"), count);
}

#[test]
fn connecting_and_aborting_leaves_neither_descriptors_nor_memory() {
    let service = Service::with("");
    let files = service.open_files();
    let churn = |rounds: usize| {
        let words: [&[u8]; 4] = [b"", b"<stream:stream", b"\x16\x03\x01", HEADER.as_bytes()];
        for round in 0..rounds {
            let door = if round % 2 == 0 { Door::StartTls } else { Door::Direct };
            let mut socket = TcpStream::connect(service.address(door)).unwrap();
            if round % 3 == 0 {
                SockRef::from(&socket).set_linger(Some(Duration::ZERO)).unwrap();
            }
            let _ = socket.write_all(words[round % words.len()]);
        }
        wait_until("all are gone", || service.metric("steadfast_mux_connections") == 0);
    };
    churn(CHURN / 4);
    let before = service.resident_kib();
    churn(CHURN);
    wait_until("every descriptor is back", || service.open_files() <= files + 1);
    let grown = service.resident_kib().saturating_sub(before);
    assert!(grown <= 8 * 1024, "{CHURN} connections that came and went left {grown} KiB");
}

/// Sends a beginning, then byte by byte for ever; returns when the connection is closed.
fn trickle(address: SocketAddr, start: &[u8]) -> Duration {
    let begun = Instant::now();
    let mut socket = tcp(address, Ipv4Addr::LOCALHOST);
    socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let _ = socket.write_all(start);
    while begun.elapsed() < PATIENCE {
        if socket.write_all(b"x").is_err() {
            return begun.elapsed();
        }
        match socket.read(&mut [0; 4096]) {
            Ok(0) => return begun.elapsed(),
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return begun.elapsed(),
            Ok(_) => {}
        }
    }
    panic!("trickled bytes keep a connection open");
}

#[test]
fn bytes_that_trickle_do_not_extend_the_deadline() {
    let service = Service::with("[limits]\nlogin_deadline = \"2s\"");
    let stanza = format!("{HEADER}<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='");
    // A record of 1024 bytes with a ClientHello of 1020.
    let hello = [22, 3, 1, 4, 0, 1, 0, 3, 252, 3, 3];
    let cases: [(Door, &[u8]); 3] = [
        (Door::StartTls, b"<stream:stream to='"),
        (Door::StartTls, stanza.as_bytes()),
        (Door::Direct, &hello),
    ];
    std::thread::scope(|scope| {
        for (door, start) in cases {
            let address = service.address(door);
            scope.spawn(move || trickle(address, start));
        }
    });
    // And once inside TLS.
    let mut raw = Raw::connect(&service, Door::Direct);
    raw.open();
    raw.say("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>");
    assert!(raw.hear_end().contains("connection-timeout"));
    wait_until("they are counted", || service.metric("steadfast_mux_connections") == 0);
}

#[tokio::test]
async fn an_established_session_goes_on_while_tls_is_flooded_with_garbage() {
    let service = Service::with("");
    let mut romeo = service.client(Security::DirectTls, "romeo", "orchard").await;
    let address = service.address(Door::Direct);
    let mut huge = Vec::new();
    for _ in 0..5 {
        huge.extend([22, 3, 1, 0x40, 0, 1, 0, 0xff, 0xf0, 3, 3]);
        huge.resize(huge.len() + 0x4000 - 6, 0);
    }
    let fragments: Vec<u8> = [22, 3, 1, 0, 1, 1].repeat(300);
    let cases =
        [huge, fragments, vec![0xff; 200], b"GET / HTTP/1.1\r\n\r\n".to_vec(), HEADER.into()];
    let flood: Vec<_> = (0..4)
        .map(|_| {
            let cases = cases.clone();
            std::thread::spawn(move || {
                for round in 0..100 {
                    let mut socket = TcpStream::connect(address).unwrap();
                    let _ = socket.write_all(&cases[round % cases.len()]);
                }
            })
        })
        .collect();
    for _ in 0..100 {
        romeo.sync().await.unwrap();
    }
    flood.into_iter().for_each(|thread| thread.join().unwrap());
    romeo.sync().await.unwrap();
    wait_until("the flood is over", || service.metric("steadfast_mux_connections") == 1);
    assert!(service.metric("steadfast_mux_tls_handshakes_failed_total") > 0);
    // RFC 8446 has no renegotiation, and the TLS library none for TLS 1.2 either: there is nothing to send.
}

#[tokio::test]
async fn what_follows_starttls_in_the_clear_closes_the_connection_unheard() {
    let service = Service::with("");
    let auth = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-1'>\
                biwsbj1yb21lbyxyPWFiYw==</auth>";
    let injected = [auth, "<message to='juliet@localhost'/>", " ", "\n\n", "\t", HEADER];
    for (count, words) in injected.iter().enumerate() {
        let mut raw = Raw::connect(&service, Door::StartTls);
        raw.open();
        raw.say(format!("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>{words}"));
        let heard = raw.hear_end();
        for answer in ["challenge", "success", "failure", "stream:features"] {
            assert!(!heard.contains(answer), "{words:?} was answered: {heard}");
        }
        wait_until("it is counted", || {
            service.metric("steadfast_mux_starttls_injections_total") == count as u64 + 1
        });
    }
    service.client(Security::StartTls, "romeo", "orchard").await.sync().await.unwrap();
}

#[test]
fn a_stream_is_restarted_only_so_often() {
    let service = Service::with("");
    for door in Door::BOTH {
        let mut raw = Raw::connect(&service, door);
        raw.open();
        raw.say(HEADER.repeat(50));
        let heard = raw.hear_end();
        assert!(heard.matches("<stream:stream").count() <= 8, "{heard}");
        let mut raw = Raw::login(&service, door, "romeo", "orchard");
        raw.say(HEADER.repeat(50));
        let heard = raw.hear_end();
        assert!(heard.contains("<stream:error>"), "{heard}");
    }
}

//! What strangers do to a port: churn, garbage, floods.

use crate::world::{ANSWER, Client, HEADER, World, limits};
use link::Up;
use mux::MuxLimits;
use rustls::version::TLS13;
use socket2::SockRef;
use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

#[test]
fn connecting_and_aborting_leaves_nothing_behind() {
    const ROUNDS: usize = 300;
    let mut world = World::new(limits());
    for round in 0..ROUNDS {
        let [plain, tls] = [world.plain_address(), world.tls_address()];
        for (address, words) in [(plain, ""), (plain, "<stream"), (tls, ""), (tls, "\x16\x03\x01")]
        {
            let mut stream = TcpStream::connect(address).unwrap();
            if round % 2 == 0 {
                // Closed by a reset instead of an end.
                SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
            }
            let _ = stream.write_all(words.as_bytes());
        }
    }
    world.await_metrics("every connection", |metrics| {
        metrics.connections_open == 0 && metrics.accepted >= ROUNDS as u64 // a reset one may never be seen
    });
    world.await_nothing_open();
    assert_eq!(world.facts_now(), []);
}

#[test]
fn garbage_instead_of_tls_is_refused_at_once() {
    let world = World::new(limits());
    let mut oversized = vec![22, 3, 1, 0x40, 0];
    oversized.extend([1, 0, 0xff, 0xf0, 3, 3]); // a ClientHello of 65,520 bytes, in records of 16 KiB
    oversized.resize(5 + 0x4000, 0);
    let mut next = vec![22, 3, 1, 0x40, 0];
    next.resize(5 + 0x4000, 0);
    oversized.extend(&next);
    let many_empty: Vec<u8> = [22, 3, 1, 0, 0].repeat(1000);
    let http = b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n".to_vec();
    let xmpp = HEADER.as_bytes().to_vec();
    let too_long = vec![22, 3, 1, 0xff, 0xff, 1];
    let cases = [oversized, many_empty, http, xmpp, too_long, vec![0xff; 100]];
    for case in &cases {
        let mut client = Client::connect(world.tls_address());
        let _ = client.0.write_all(case);
        client.hear_end();
    }
    world.await_metrics("refusals", |m| m.tls_handshakes_failed == cases.len() as u64);
    world.await_nothing_open();
    assert_eq!(world.metrics().login_deadlines, 0);
}

#[test]
fn established_sessions_go_on_while_others_flood_with_hellos() {
    let mut world = World::new(limits());
    let (conn, mut client) = world.open_plain();
    let address = world.tls_address();
    let flood: Vec<_> = (0..4)
        .map(|_| {
            std::thread::spawn(move || {
                for _ in 0..50 {
                    let mut stream = TcpStream::connect(address).unwrap();
                    let _ = stream.write_all(&[22, 3, 1, 0, 4, 1, 0, 0, 0]);
                }
            })
        })
        .collect();
    for n in 0..200 {
        world.credit(conn, 1);
        let message = format!("<message id='{n}'/>");
        client.say(&message);
        world.expect_element(conn, &message);
        world.send(conn, n + 2, "<a/>");
        client.hear("<a/>");
    }
    flood.into_iter().for_each(|thread| thread.join().unwrap());
    world.await_metrics("the end of the flood", |metrics| metrics.connections_open == 1);
}

#[test]
fn one_address_cannot_take_all_connections() {
    let limits =
        MuxLimits { connections_per_address_max: 3, loopback_is_limited: true, ..limits() };
    let world = World::new(limits);
    let mut held: Vec<_> = (0..3).map(|_| Client::connect(world.plain_address())).collect();
    world.await_metrics("three connections", |metrics| metrics.connections_open == 3);
    let mut refused = Client::connect(world.plain_address());
    assert_eq!(refused.hear_end(), "");
    assert_eq!(world.metrics().refused_per_address, 1);
    held.pop();
    world.await_metrics("room", |metrics| metrics.connections_open == 2);
    let _again = Client::connect(world.plain_address());
    world.await_metrics("the next", |metrics| metrics.connections_open == 3);
}

#[test]
fn connections_have_a_total_limit() {
    let mut world = World::new(MuxLimits { connections_max: 2, ..limits() });
    let (conn, mut client) = world.open_plain();
    let _silent = Client::connect(world.plain_address());
    world.await_metrics("two connections", |metrics| metrics.connections_open == 2);
    assert_eq!(Client::connect(world.tls_address()).hear_end(), "");
    assert_eq!(world.metrics().refused_total, 1);
    world.send(conn, 2, "<still/>");
    client.hear("<still/>");
}

#[test]
fn damaged_records_end_a_session_and_harm_no_other() {
    let mut world = World::new(limits());
    let mut good = Client::connect(world.tls_address()).secure(&world, &TLS13);
    good.say(HEADER);
    let conn = world.expect_opened();

    let mut bad = Client::connect(world.tls_address()).secure(&world, &TLS13);
    bad.say(HEADER);
    let victim = world.expect_opened();
    world.credit(victim, 1);
    bad.0.sock.write_all(&[23, 3, 3, 0, 32]).unwrap();
    bad.0.sock.write_all(&[0; 32]).unwrap();
    let fact = world.news();
    assert!(matches!(fact, Up::Closed { conn, .. } if conn == victim), "{fact:?}");

    world.send(conn, 1, ANSWER);
    good.hear(ANSWER);
}

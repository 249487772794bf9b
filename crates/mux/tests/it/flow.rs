//! Nothing grows without bound: clients that send and are not heard, clients that do not listen, a link that is full.

use crate::world::{Client, HEADER, PATIENCE, World, limits};
use bytes::Bytes;
use link::{CloseReason, Down, Up};
use mux::MuxLimits;
use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

#[test]
fn without_credit_a_sender_is_blocked_and_nothing_is_lost() {
    let mut world = World::new(limits());
    let (conn, mut client) = world.open_plain();
    world.order(vec![Down::Raise { conn }]);
    let read_before = world.metrics().bytes_in;

    // Writes until the kernel takes no more: our side does not read.
    client.0.set_nonblocking(true).unwrap();
    let message =
        |n: usize| format!("<message id='{n}'><body>{}</body></message>", "z".repeat(900));
    let mut sent = 0;
    let mut pending = Vec::new();
    let deadline = Instant::now() + PATIENCE;
    let mut blocked_since = None;
    loop {
        if pending.is_empty() {
            pending = message(sent).into_bytes();
            sent += 1;
        }
        match client.0.write(&pending) {
            Ok(len) => {
                pending.drain(..len);
                blocked_since = None;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let since = *blocked_since.get_or_insert_with(Instant::now);
                if since.elapsed() > Duration::from_millis(200) {
                    break;
                }
                std::thread::yield_now();
            }
            Err(error) => panic!("{error}"),
        }
        assert!(Instant::now() < deadline, "never blocked after {sent} messages");
    }
    let held = world.metrics().bytes_in - read_before;
    assert!(held <= 64 * 1024, "{held} bytes were read without credit");

    client.0.set_nonblocking(false).unwrap();
    let writer = std::thread::spawn(move || {
        client.0.write_all(&pending).unwrap();
        client
    });
    for n in 0..sent {
        if n % 10 == 0 {
            world.credit(conn, 10);
        }
        world.expect_element(conn, &message(n));
    }
    writer.join().unwrap();
}

#[test]
fn a_client_that_takes_no_output_is_closed_after_a_while() {
    let mut world = World::new(MuxLimits { write_stall: Duration::from_millis(300), ..limits() });
    let (conn, client) = world.open_plain();
    world.order(vec![Down::Raise { conn }]);
    world.send(conn, 2, &"<x/>".repeat(4 << 20));
    world.expect_closed(conn, CloseReason::TimedOut);
    assert_eq!(world.metrics().write_stalls, 1);
    drop(client);
}

#[test]
fn more_output_than_may_wait_closes_a_client_that_takes_none() {
    let mut world = World::new(MuxLimits { outbox_bytes_max: 1 << 20, ..limits() });
    let (conn, client) = world.open_plain();
    world.order(vec![Down::Raise { conn }]);
    let piece = Bytes::from(vec![b' '; 64 * 1024]);
    // More than the sockets of both ends take, and a queue besides.
    for seq in 2..1_000 {
        world.order(vec![Down::Send { conn, seq, bytes: piece.clone() }]);
    }
    world.expect_closed(conn, CloseReason::TimedOut);
    assert_eq!(world.metrics().outbox_overflows, 1);
    drop(client);
}

#[test]
fn a_slow_client_gets_everything_and_written_follows_it() {
    let mut world = World::new(limits());
    let (conn, mut client) = world.open_plain();
    let piece = "<message>0123456789</message>".repeat(1000);
    let reader = std::thread::spawn(move || {
        let mut heard = 0;
        let mut piece = [0; 3000];
        while heard < 200 * 29_000 {
            heard += client.0.read(&mut piece).unwrap();
        }
        (client, heard)
    });
    for seq in 2..202 {
        world.send(conn, seq, &piece);
        // As the server does it: no more than a few sends ahead of what is written.
        loop {
            let Up::Written { seq: written, .. } = world.fact() else { panic!("not written") };
            if written >= seq {
                break;
            }
        }
    }
    assert_eq!(reader.join().unwrap().1, 200 * 29_000);
}

#[test]
fn a_full_link_stops_reading_but_not_writing() {
    let mut world = World::with_link(limits(), 1);
    let mut client = Client::connect(world.plain_address());
    client.say(&format!("{HEADER}<message id='1'/><message id='2'/>"));
    let Up::Opened { conn, .. } = world.fact() else { panic!("not opened") };
    world.credit(conn, 2);
    // Header, message and message do not fit on the link, and nobody takes them; this passes all the same.
    world.send(conn, 1, "<written/>");
    client.hear("<written/>");
    assert!(matches!(world.news(), Up::Header { .. }));
    world.expect_element(conn, "<message id='1'/>");
    world.expect_element(conn, "<message id='2'/>");
    drop(client);
    world.expect_closed(conn, CloseReason::PeerGone);
}

#[test]
fn an_ordered_end_does_not_wait_for_a_client_that_takes_no_output() {
    let limits = MuxLimits { close_deadline: Duration::from_millis(300), ..limits() };
    let mut world = World::new(limits);
    let (conn, client) = world.open_plain();
    world.order(vec![Down::Raise { conn }]);
    world.send(conn, 2, &"<x/>".repeat(4 << 20));
    world.send(conn, 3, "<y/>");
    world.close(conn, "</stream:stream>");
    let fact = world.news();
    assert!(matches!(fact, Up::Closed { conn: of, .. } if of == conn), "{fact:?}");
    drop(client);
}

//! The deadline before login is absolute: whatever a peer trickles, and wherever, it does not last longer.

use crate::world::{Client, HEADER, World, limits};
use link::{CloseReason, Up};
use mux::MuxLimits;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Short enough to wait for; longer than the interval at which bytes trickle.
const DEADLINE: Duration = Duration::from_millis(400);
const TRICKLE: Duration = Duration::from_millis(20);

fn short() -> MuxLimits {
    MuxLimits { login_deadline: DEADLINE, linger: Duration::from_millis(50), ..limits() }
}

/// Sends byte by byte, for ever, until the connection is closed. Gives what was heard.
fn trickle(address: SocketAddr, bytes: impl Iterator<Item = u8>) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(TRICKLE)).unwrap();
    let mut heard = Vec::new();
    for byte in bytes {
        if stream.write_all(&[byte]).is_err() {
            break;
        }
        let mut piece = [0; 1024];
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(len) => heard.extend_from_slice(&piece[..len]),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&heard).into_owned()
}

#[test]
fn a_trickled_header_ends_at_the_deadline_and_never_reaches_the_server() {
    let mut world = World::new(short());
    let endless = b"<stream:stream to='".iter().copied().chain(std::iter::repeat(b'x'));
    assert_eq!(trickle(world.plain_address(), endless), "");
    world.await_nothing_open();
    assert_eq!(world.facts_now(), []);
    assert_eq!(world.metrics().login_deadlines, 1);
}

#[test]
fn a_trickled_stanza_ends_at_the_deadline_with_an_error_on_the_open_stream() {
    let mut world = World::new(short());
    let address = world.plain_address();
    let peer = std::thread::spawn(move || {
        let endless = HEADER.bytes().chain(*b"<message><body>").chain(std::iter::repeat(b'x'));
        // The header in one piece, so that the stream is open for most of the time.
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(HEADER.as_bytes()).unwrap();
        stream.set_read_timeout(Some(TRICKLE)).unwrap();
        let mut heard = Vec::new();
        for byte in endless.skip(HEADER.len()) {
            let mut piece = [0; 1024];
            match stream.write_all(&[byte]).and_then(|()| stream.read(&mut piece)) {
                Ok(0) => break,
                Ok(len) => heard.extend_from_slice(&piece[..len]),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(_) => break,
            }
        }
        String::from_utf8(heard).unwrap()
    });
    let conn = world.expect_opened();
    world.credit(conn, 10);
    world.send(conn, 1, crate::world::ANSWER);
    world.expect_closed(conn, CloseReason::TimedOut);
    let heard = peer.join().unwrap();
    assert!(heard.contains("<connection-timeout"), "{heard}");
    assert!(heard.ends_with("</stream:stream>"), "{heard}");
}

#[test]
fn a_trickled_tls_hello_ends_at_the_deadline() {
    let world = World::new(short());
    // The header of a record of 1024 bytes with a ClientHello of 1020, and then zeros.
    let hello = [22, 3, 1, 4, 0, 1, 0, 3, 252, 3, 3];
    trickle(world.tls_address(), hello.into_iter().chain(std::iter::repeat(0)));
    world.await_nothing_open();
    assert_eq!(world.metrics().tls_handshakes_failed, 1);
}

#[test]
fn silent_connections_are_all_closed_and_never_reported() {
    const EACH: usize = 150;
    let mut world = World::new(short());
    let addresses = [world.plain_address(), world.tls_address()];
    let mut silent: Vec<_> =
        addresses.iter().flat_map(|address| (0..EACH).map(|_| Client::connect(*address))).collect();
    for client in &mut silent {
        assert_eq!(client.hear_end(), "");
    }
    world.await_nothing_open();
    assert_eq!(world.metrics().login_deadlines, 2 * EACH as u64);
    assert_eq!(world.facts_now(), []);
}

#[test]
fn a_login_ends_the_deadline() {
    let mut world = World::new(short());
    let (conn, mut client) = world.open_plain();
    world.order(vec![link::Down::Raise { conn }]);
    // A second connection's deadline begins later and is over: the first one's would be, too.
    let mut other = Client::connect(world.plain_address());
    assert_eq!(other.hear_end(), "");
    world.credit(conn, 1);
    client.say("<presence/>");
    world.expect_element(conn, "<presence/>");
}

#[test]
fn a_stream_that_was_broken_and_not_closed_ends_at_the_deadline() {
    let mut world = World::new(short());
    let (conn, mut client) = world.open_plain();
    world.credit(conn, 1);
    client.say("<!-- -->");
    assert!(matches!(world.news(), Up::Violated { .. }));
    assert!(client.hear_end().contains("<connection-timeout"));
    drop(client);
    world.expect_closed(conn, CloseReason::TimedOut);
}

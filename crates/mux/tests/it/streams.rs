//! What passes up, what passes down, and how connections end.

use crate::world::{ANSWER, Client, HEADER, PATIENCE, World, limits};
use bytes::Bytes;
use link::{CloseReason, Down, TlsPolicy, Up};
use std::time::Duration;
use xmpp::stream_error::StreamCondition;

#[test]
fn a_stream_goes_up_in_whole_elements_and_down_in_order() {
    let mut world = World::new(limits());
    let mut client = Client::connect(world.plain_address());
    client.say(HEADER);
    let Up::Opened { conn, facts } = world.fact() else { panic!("not opened") };
    assert_eq!(facts.tls_policy, TlsPolicy::Required);
    assert_eq!(facts.tls, None);
    assert_eq!(facts.peer, client.0.local_addr().unwrap());
    let Up::Header { header, .. } = world.fact() else { panic!("no header") };
    assert_eq!(header.to.as_deref(), Some("localhost"));

    world.order(vec![
        Down::Send { conn, seq: 1, bytes: Bytes::from_static(ANSWER.as_bytes()) },
        Down::Send { conn, seq: 2, bytes: Bytes::from_static(b"<a/>") },
        Down::Credit { conn, elements: 2 },
    ]);
    client.hear(ANSWER);
    client.hear("<a/>");
    assert_eq!(world.fact(), Up::Written { conn, seq: 2 }, "coalesced into one");

    client.say("<message><body>half");
    client.say(" a word</body></message><presence/>");
    world.expect_element(conn, "<message><body>half a word</body></message>");
    world.expect_element(conn, "<presence/>");
    client.say("</stream:stream>");
    world.credit(conn, 1);
    assert_eq!(world.news(), Up::Ended { conn });
    world.close(conn, "</stream:stream>");
    assert_eq!(client.hear_end(), "</stream:stream>");
    drop(client);
    world.expect_closed(conn, CloseReason::Ordered);
    world.await_nothing_open();
    assert_eq!(world.facts_now(), []);
}

#[test]
fn a_client_that_leaves_is_reported_once_after_all_it_said() {
    let mut world = World::new(limits());
    let (conn, mut client) = world.open_plain();
    client.say("<message id='1'/><message id='2'/><message id='3'/>");
    drop(client);
    for id in 1..=3 {
        world.credit(conn, 1);
        world.expect_element(conn, &format!("<message id='{id}'/>"));
    }
    world.credit(conn, 1);
    world.expect_closed(conn, CloseReason::PeerGone);
    world.await_nothing_open();
    assert_eq!(world.facts_now(), []);
}

#[test]
fn a_client_that_leaves_is_noticed_without_credit() {
    let mut world = World::new(limits());
    let (conn, client) = world.open_plain();
    drop(client);
    world.expect_closed(conn, CloseReason::PeerGone);
}

#[test]
fn a_broken_stream_is_reported_and_answered_by_the_server() {
    let mut world = World::new(limits());
    let (conn, mut client) = world.open_plain();
    world.credit(conn, 5);
    client.say("<message><body>&lol;</body></message><presence/>");
    let fact = world.news();
    let Up::Violated { error, .. } = fact else { panic!("{fact:?}") };
    assert_eq!(error.condition, StreamCondition::RestrictedXml);
    world.close(conn, "<stream:error/></stream:stream>");
    assert_eq!(client.hear_end(), "<stream:error/></stream:stream>");
    drop(client);
    world.expect_closed(conn, CloseReason::Ordered);
    assert_eq!(world.metrics().violations, 1);
}

#[test]
fn limits_are_narrow_before_login_and_wide_after() {
    let mut world = World::new(limits());
    let large = format!("<message><body>{}</body></message>", "x".repeat(50_000));

    let (conn, mut client) = world.open_plain();
    world.credit(conn, 5);
    client.say(&large);
    let fact = world.news();
    let Up::Violated { error, .. } = fact else { panic!("{fact:?}") };
    assert_eq!(error.condition, StreamCondition::PolicyViolation);
    world.close(conn, "");
    client.hear_end();
    drop(client);
    world.expect_closed(conn, CloseReason::Ordered);

    let (conn, mut client) = world.open_plain();
    world.order(vec![Down::Raise { conn }, Down::Credit { conn, elements: 5 }]);
    // The order and the client's bytes take different ways; the answer shows that the order has arrived.
    world.send(conn, 2, "<raised/>");
    client.hear("<raised/>");
    client.say(&large);
    world.expect_element(conn, &large);
}

#[test]
fn a_restarted_stream_begins_with_a_header_and_only_so_often() {
    let mut world = World::new(limits());
    let max = limits().headers_max;
    let (conn, mut client) = world.open_plain();
    for _ in 1..max {
        world.order(vec![Down::Restart { conn }, Down::Credit { conn, elements: 1 }]);
        client.say(HEADER);
        assert!(matches!(world.news(), Up::Header { .. }));
    }
    world.order(vec![Down::Restart { conn }, Down::Credit { conn, elements: 1 }]);
    client.say(HEADER);
    let fact = world.news();
    let Up::Violated { error, .. } = fact else { panic!("{fact:?}") };
    assert_eq!(error.condition, StreamCondition::PolicyViolation);
}

#[test]
fn last_words_arrive_even_when_the_client_goes_on_talking() {
    let mut world = World::new(limits());
    let (conn, mut client) = world.open_plain();
    // Unread input would make the kernel reset the connection and throw our last words away.
    for _ in 0..100 {
        client.say("<presence/>");
    }
    let words = format!("<stream:error>{}</stream:error></stream:stream>", "w".repeat(100_000));
    world.close(conn, &words);
    assert_eq!(client.hear_end(), words);
    drop(client);
    world.expect_closed(conn, CloseReason::Ordered);
}

#[test]
fn stopping_writes_what_waits_and_ends_no_stream() {
    let mut world = World::new(limits());
    let (conn, mut client) = world.open_plain();
    let mut silent = Client::connect(world.plain_address());
    world.await_metrics("the silent one", |metrics| metrics.accepted == 2);
    world.send(conn, 2, "<last/>");
    let reader = std::thread::spawn(move || (client.hear_end(), silent.hear_end()));
    let (left, facts) = world.stop(PATIENCE);
    assert_eq!(left, 0);
    assert_eq!(reader.join().unwrap(), ("<last/>".to_owned(), String::new()));
    let reason = CloseReason::ShuttingDown;
    assert_eq!(facts.last(), Some(&Up::Closed { conn, reason }));
    assert_eq!(facts.iter().filter(|fact| matches!(fact, Up::Closed { .. })).count(), 1);
}

#[test]
fn a_client_that_takes_nothing_does_not_hold_up_the_stop() {
    let mut world = World::new(limits());
    let (conn, client) = world.open_plain();
    world.send(conn, 2, &"x".repeat(16 << 20));
    let (left, facts) = world.stop(Duration::from_millis(200));
    assert_eq!(left, 0);
    assert_eq!(facts.last(), Some(&Up::Closed { conn, reason: CloseReason::ShuttingDown }));
    drop(client);
}

#[test]
fn a_stream_that_closes_itself_in_its_header_is_opened_and_ended() {
    let mut world = World::new(limits());
    let mut client = Client::connect(world.plain_address());
    client.say(&HEADER.replace("'>", "'/>"));
    let conn = world.expect_opened();
    assert_eq!(world.news(), Up::Ended { conn });
}

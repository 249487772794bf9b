//! Scenes of delivery: RFC 6121 §8.5, queues, and what becomes of messages whose session ended.

use crate::scene::Scene;
use std::time::Duration;

const ORCHARD: &str = "romeo@localhost/orchard";
const GARDEN: &str = "romeo@localhost/garden";
const BALCONY: &str = "juliet@localhost/balcony";

/// Romeo and Juliet have accounts; Juliet is online.
fn verona() -> Scene {
    let mut s = Scene::new();
    s.account("romeo@localhost");
    s.account("juliet@localhost");
    s.online("juliet", BALCONY);
    s
}

/// Brings a session of Romeo's online with this priority, and throws away what everybody heard of it.
fn romeo(s: &mut Scene, name: &str, jid: &str, priority: i8, others: &[&str]) {
    s.connect(name, jid);
    s.sends(name, &format!("<presence><priority>{priority}</priority></presence>"));
    s.take(name);
    for other in others {
        s.take(other);
    }
}

fn to(address: &str, kind: &str, body: &str) -> String {
    format!("<message to='{address}' type='{kind}' id='{body}'><body>{body}</body></message>")
}

/// Sends from Juliet, and says who of the two received it and whether it came back.
fn check(s: &mut Scene, address: &str, kind: &str, expect: (bool, bool, bool)) {
    s.sends("juliet", &to(address, kind, "b"));
    let mut got = |name| s.take(name).iter().any(|x| x.contains("<body>b</body>"));
    let (orchard, garden) = (got("orchard"), got("garden"));
    let bounced = s.take("juliet");
    let is_bounce = |x: &String| x.contains("type='error'") && x.contains("service-unavailable");
    let found = (orchard, garden, bounced.iter().any(is_bounce));
    assert_eq!(found, expect, "{kind} to {address}: {bounced:?}");
}

#[test]
fn every_type_goes_where_rfc_6121_says() {
    let mut s = verona();
    romeo(&mut s, "orchard", ORCHARD, 5, &[]);
    romeo(&mut s, "garden", GARDEN, 1, &["orchard"]);
    let elsewhere = "romeo@localhost/elsewhere";
    for (address, kind, expect) in [
        ("romeo@localhost", "chat", (true, false, false)),
        ("romeo@localhost", "normal", (true, false, false)),
        ("romeo@localhost", "unheard-of", (true, false, false)),
        ("romeo@localhost", "headline", (true, true, false)),
        ("romeo@localhost", "groupchat", (false, false, true)),
        ("romeo@localhost", "error", (false, false, false)),
        (GARDEN, "chat", (false, true, false)),
        (GARDEN, "normal", (false, true, false)),
        (GARDEN, "headline", (false, true, false)),
        (GARDEN, "groupchat", (false, true, false)),
        (GARDEN, "error", (false, true, false)),
        (elsewhere, "chat", (true, false, false)),
        (elsewhere, "normal", (true, false, false)),
        (elsewhere, "headline", (false, false, false)),
        (elsewhere, "groupchat", (false, false, true)),
        (elsewhere, "error", (false, false, false)),
        ("nobody@localhost", "chat", (false, false, true)),
        ("nobody@localhost", "normal", (false, false, true)),
        ("nobody@localhost/r", "chat", (false, false, true)),
        ("nobody@localhost", "groupchat", (false, false, true)),
        ("nobody@localhost", "headline", (false, false, false)),
        ("nobody@localhost", "error", (false, false, false)),
        ("localhost", "chat", (false, false, true)),
        ("localhost/r", "normal", (false, false, true)),
        ("localhost", "headline", (false, false, false)),
        ("localhost", "error", (false, false, false)),
    ] {
        check(&mut s, address, kind, expect);
    }
}

#[test]
fn sessions_of_the_same_priority_all_get_it() {
    let mut s = verona();
    romeo(&mut s, "orchard", ORCHARD, 3, &[]);
    romeo(&mut s, "garden", GARDEN, 3, &["orchard"]);
    check(&mut s, "romeo@localhost", "chat", (true, true, false));
}

#[test]
fn a_session_of_negative_priority_gets_only_what_is_for_it() {
    let mut s = verona();
    romeo(&mut s, "orchard", ORCHARD, -1, &[]);
    romeo(&mut s, "garden", GARDEN, -1, &["orchard"]);
    check(&mut s, "romeo@localhost", "chat", (false, false, false));
    check(&mut s, "romeo@localhost", "headline", (false, false, false));
    check(&mut s, ORCHARD, "chat", (true, false, false));
    // The first one waits for somebody who takes it.
    s.sends("garden", "<presence/>");
    s.receives("garden", &["<presence"]);
    s.receives("garden", &["<body>b</body>", "<delay"]);
}

#[test]
fn without_an_address_it_is_to_oneself() {
    let mut s = verona();
    romeo(&mut s, "orchard", ORCHARD, 0, &[]);
    romeo(&mut s, "garden", GARDEN, 1, &["orchard"]);
    s.sends("orchard", "<message type='chat'><body>note</body></message>");
    s.receives("garden", &["note", "to='romeo@localhost'", &format!("from='{ORCHARD}'")]);
    s.receives_nothing("orchard");
}

#[test]
fn an_error_is_never_answered_and_a_chat_state_gets_no_error() {
    let mut s = verona();
    s.sends("juliet", "<message to='nobody@localhost' type='error'><body>x</body></message>");
    s.sends(
        "juliet",
        "<message to='nobody@localhost' type='chat'>\
         <composing xmlns='http://jabber.org/protocol/chatstates'/></message>",
    );
    s.receives_nothing("juliet");
}

#[test]
fn what_is_delivered_is_what_was_sent() {
    let mut s = verona();
    romeo(&mut s, "orchard", ORCHARD, 0, &[]);
    let payload = "<request xmlns='urn:xmpp:receipts'/><markable xmlns='urn:xmpp:chat-markers:0'/>\
                   <origin-id xmlns='urn:xmpp:sid:0' id='o'/><x xmlns='y:z'>&lt;</x>";
    s.sends("juliet", &format!("<message to='{ORCHARD}' type='chat'>{payload}</message>"));
    s.receives("orchard", &[payload, &format!("from='{BALCONY}'")]);
}

#[test]
fn a_forged_child_does_not_arrive() {
    let mut s = verona();
    romeo(&mut s, "orchard", ORCHARD, 0, &[]);
    s.sends(
        "juliet",
        &format!(
            "<message to='{ORCHARD}' type='chat'><body>b</body>\
             <stanza-id xmlns='urn:xmpp:sid:0' by='romeo@localhost' id='forged'/>\
             <delay xmlns='urn:xmpp:delay' from='localhost' stamp='2000-01-01T00:00:00Z'/>\
             <received xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>\
             <message xmlns='jabber:client'><body>forged</body></message></forwarded></received>\
             </message>"
        ),
    );
    let got = s.receives("orchard", &["<body>b</body>", "<stanza-id"]);
    assert!(!got.contains("forged") && !got.contains("<delay"), "{got}");
}

#[test]
fn a_roster_push_from_somebody_else_is_refused() {
    let mut s = verona();
    romeo(&mut s, "orchard", ORCHARD, 0, &[]);
    for payload in [
        "<query xmlns='jabber:iq:roster'><item jid='x@y'/></query>",
        "<block xmlns='urn:xmpp:blocking'><item jid='x@y'/></block>",
    ] {
        s.sends("juliet", &format!("<iq type='set' id='1' to='{ORCHARD}'>{payload}</iq>"));
        s.receives("juliet", &["type='error'", "service-unavailable"]);
        s.receives_nothing("orchard");
    }
}

#[test]
fn nothing_new_is_taken_when_there_is_no_room() {
    let mut s = verona();
    romeo(&mut s, "orchard", ORCHARD, 0, &[]);
    s.room(im_store::Room::Scarce);
    s.sends("juliet", &to("romeo@localhost", "chat", "b"));
    s.receives("juliet", &["type='error'", "<error type='wait'", "resource-constraint"]);
    s.receives_nothing("orchard");
    assert_eq!(s.counters().refused_for_room, 1);
    s.room(im_store::Room::Plenty);
    s.sends("juliet", &to("romeo@localhost", "chat", "b"));
    s.receives("orchard", &["<body>b</body>"]);
}

#[test]
fn a_resumed_session_gets_what_it_has_not_acknowledged_byte_for_byte() {
    let mut s = verona();
    s.connect("orchard", ORCHARD);
    let previd = s.manage("orchard");
    s.sends("orchard", "<presence/>");
    let handled = s.take("orchard").len() as u32;
    for body in ["one", "two", "three"] {
        s.sends("juliet", &to("romeo@localhost", "chat", body));
    }
    let first = s.take("orchard");
    assert_eq!(first.len(), 3, "{first:?}");
    s.crash();
    s.resume("orchard", "romeo@localhost/x", &previd, handled + 1);
    let again = s.take("orchard");
    assert_eq!(again[..2], first[1..], "after a crash");
    s.loses("orchard");
    s.online("juliet", BALCONY);
    s.sends("juliet", &to("romeo@localhost", "chat", "four"));
    s.resume("orchard", "romeo@localhost/x", &previd, handled + 2);
    assert_eq!(s.receives("orchard", &["three"]), first[2]);
    s.receives("orchard", &["four"]);
    s.receives_nothing("orchard");
}

/// A managed session of Romeo's is lost with these messages in its queue, and another one of his is there.
fn lost_with(s: &mut Scene, bodies: &[&str]) {
    s.connect("orchard", ORCHARD);
    s.manage("orchard");
    s.sends("orchard", "<presence/>");
    s.loses("orchard");
    for body in bodies {
        s.sends("juliet", &to("romeo@localhost", "chat", body));
    }
}

#[test]
fn a_session_that_is_not_resumed_leaves_its_messages_to_the_next_login_in_order() {
    let mut s = verona();
    lost_with(&mut s, &["one", "two"]);
    s.pass(Duration::from_secs(601));
    s.sends("juliet", &to("romeo@localhost", "chat", "three"));
    s.crash();
    s.connect("garden", GARDEN);
    s.sends("garden", "<presence/>");
    s.receives("garden", &["<presence"]);
    for body in ["one", "two", "three"] {
        let id = format!("id='{body}'");
        s.receives(
            "garden",
            &[&id, "<delay xmlns='urn:xmpp:delay' from='localhost'", "<stanza-id"],
        );
    }
    s.receives_nothing("garden");
}

#[test]
fn what_one_session_leaves_another_gets_unless_it_has_it() {
    let mut s = verona();
    romeo(&mut s, "garden", GARDEN, 0, &[]);
    lost_with(&mut s, &["shared"]);
    s.take("garden");
    s.sends("juliet", &to(ORCHARD, "chat", "for the other"));
    s.receives_nothing("garden");
    s.pass(Duration::from_secs(601));
    s.receives("garden", &["<presence", "unavailable"]);
    s.receives("garden", &["for the other", "<delay"]);
    s.receives_nothing("garden");
}

#[test]
fn what_a_session_left_over_is_not_given_to_one_that_has_a_carbon_of_it() {
    let mut s = verona();
    romeo(&mut s, "garden", GARDEN, 0, &[]);
    s.sends("garden", "<iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>");
    lost_with(&mut s, &[]);
    s.take("garden");
    s.sends("juliet", &to(ORCHARD, "chat", "copied"));
    s.receives("garden", &["<received xmlns='urn:xmpp:carbons:2'", "copied"]);
    s.pass(Duration::from_secs(601));
    s.receives("garden", &["<presence", "unavailable"]);
    s.receives_nothing("garden");
}

#[test]
fn what_may_not_be_stored_comes_back_when_its_session_ends() {
    let mut s = verona();
    lost_with(&mut s, &[]);
    s.sends(
        "juliet",
        "<message to='romeo@localhost' type='chat' id='7'><body>x</body>\
         <no-store xmlns='urn:xmpp:hints'/></message>",
    );
    s.receives_nothing("juliet");
    s.pass(Duration::from_secs(601));
    s.receives("juliet", &["type='error'", "id='7'", "service-unavailable"]);
}

#[test]
fn a_client_without_stream_management_loses_nothing_that_was_not_written_to_it() {
    let mut s = verona();
    romeo(&mut s, "orchard", ORCHARD, 0, &[]);
    s.stops_reading("orchard");
    for body in ["one", "two"] {
        s.sends("juliet", &to("romeo@localhost", "chat", body));
    }
    s.loses("orchard");
    s.connect("orchard", ORCHARD);
    s.sends("orchard", "<presence/>");
    s.receives("orchard", &["<presence"]);
    s.receives("orchard", &["one", "<delay"]);
    s.receives("orchard", &["two", "<delay"]);
}

#[test]
fn stanzas_that_nothing_refers_to_do_not_stay() {
    let mut s = Scene::with(|options| options.archive_default = crate::ArchiveDefault::Never);
    s.account("romeo@localhost");
    s.account("juliet@localhost");
    s.online("juliet", BALCONY);
    romeo(&mut s, "orchard", ORCHARD, 0, &[]);
    romeo(&mut s, "garden", GARDEN, -1, &["orchard"]);
    for name in ["juliet", "orchard", "garden"] {
        s.sends(name, "<iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>");
    }
    for (address, kind) in [
        ("romeo@localhost", "chat"),
        (ORCHARD, "normal"),
        ("romeo@localhost", "headline"),
        ("nobody@localhost", "chat"),
        ("localhost", "chat"),
        ("juliet@localhost", "chat"),
    ] {
        s.sends("juliet", &to(address, kind, "b"));
    }
    s.sends("orchard", &to("juliet@localhost/nowhere", "chat", "b"));
    assert_eq!(s.disk.stanzas(), 0);
}

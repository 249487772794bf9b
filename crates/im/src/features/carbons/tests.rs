//! Scenes of carbons.

use crate::scene::Scene;

const ORCHARD: &str = "romeo@localhost/orchard";
const GARDEN: &str = "romeo@localhost/garden";
const BALCONY: &str = "juliet@localhost/balcony";

/// Romeo in the orchard (priority 1) and in the garden (priority 0, with carbons); Juliet on the balcony.
fn verona() -> Scene {
    let mut s = Scene::new();
    s.account("romeo@localhost");
    s.account("juliet@localhost");
    s.online("juliet", BALCONY);
    s.connect("orchard", ORCHARD);
    s.sends("orchard", "<presence><priority>1</priority></presence>");
    s.connect("garden", GARDEN);
    s.sends("garden", "<presence/>");
    enable(&mut s, "garden");
    s.take("orchard");
    s
}

fn enable(s: &mut Scene, name: &str) {
    s.take(name);
    s.sends(name, "<iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>");
    s.receives(name, &["type='result'", "id='c'"]);
}

#[test]
fn a_copy_of_what_one_session_receives_goes_to_the_others() {
    let mut s = verona();
    s.sends("juliet", "<message to='romeo@localhost' type='chat' id='1'><body>b</body></message>");
    s.receives("orchard", &["<body>b</body>"]);
    let copy = s.receives(
        "garden",
        &[
            "<message from='romeo@localhost' to='romeo@localhost/garden' type='chat'>",
            "<received xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'><message ",
            "xmlns='jabber:client'",
            "from='juliet@localhost/balcony'",
            "<stanza-id xmlns='urn:xmpp:sid:0' by='romeo@localhost'",
        ],
    );
    assert!(copy.ends_with("</message></forwarded></received></message>"), "{copy}");
    s.receives_nothing("garden");
}

#[test]
fn a_copy_of_what_one_session_sends_goes_to_the_others() {
    let mut s = verona();
    s.sends("orchard", "<message to='juliet@localhost' type='chat'><body>b</body></message>");
    s.receives(
        "garden",
        &["<sent xmlns='urn:xmpp:carbons:2'>", "to='juliet@localhost'", "<stanza-id"],
    );
    s.receives_nothing("orchard");
    let got = s.receives("juliet", &["<body>b</body>", "by='juliet@localhost'"]);
    assert!(!got.contains("by='romeo@localhost'"), "{got}");
}

#[test]
fn nobody_gets_a_message_twice() {
    let mut s = verona();
    enable(&mut s, "orchard");
    for to in ["romeo@localhost", ORCHARD, GARDEN] {
        s.sends("juliet", &format!("<message to='{to}' type='chat'><body>b</body></message>"));
        assert_eq!((s.take("orchard").len(), s.take("garden").len()), (1, 1), "{to}");
    }
    // To oneself: the one who sends it knows it.
    s.sends("garden", "<message to='romeo@localhost' type='chat'><body>b</body></message>");
    assert_eq!((s.take("orchard").len(), s.take("garden").len()), (1, 0));
    s.sends("orchard", "<message to='romeo@localhost/x' type='chat'><body>b</body></message>");
    assert_eq!((s.take("orchard").len(), s.take("garden").len()), (1, 1));
}

#[test]
fn what_is_copied_is_what_the_specification_recommends() {
    let mut s = verona();
    let body = "<body>b</body>";
    let room = "<x xmlns='http://jabber.org/protocol/muc#user'/>";
    // (type, children, copied to others of the recipient, copied to others of the sender)
    for (kind, children, received, sent) in [
        ("chat", body, true, true),
        ("chat", "<active xmlns='http://jabber.org/protocol/chatstates'/>", true, true),
        ("normal", body, true, true),
        ("normal", "<x xmlns='y:z'/>", false, false),
        ("normal", "<received xmlns='urn:xmpp:receipts' id='1'/>", true, true),
        ("normal", "<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>", true, true),
        ("normal", "<x xmlns='jabber:x:conference' jid='r@x'/>", true, true),
        ("headline", body, false, false),
        ("groupchat", body, false, false),
        ("error", "<error type='cancel'/>", false, false),
        ("error", body, true, true),
        ("chat", &format!("{body}<private xmlns='urn:xmpp:carbons:2'/>"), false, false),
        ("chat", &format!("{body}<no-copy xmlns='urn:xmpp:hints'/>"), false, false),
        ("chat", &format!("{body}{room}"), false, true),
    ] {
        let message = |to: &str| format!("<message to='{to}' type='{kind}'>{children}</message>");
        s.sends("juliet", &message(ORCHARD));
        assert_eq!(s.take("garden").len(), usize::from(received), "{kind} {children} received");
        assert_eq!(s.take("orchard").len(), 1, "{kind} {children} delivered");
        s.sends("orchard", &message(BALCONY));
        assert_eq!(s.take("garden").len(), usize::from(sent), "{kind} {children} sent");
        assert_eq!(s.take("juliet").len(), 1, "{kind} {children} delivered");
    }
}

#[test]
fn carbons_are_switched_off_again_and_survive_a_crash_while_on() {
    let mut s = verona();
    s.connect("tower", "romeo@localhost/tower");
    let previd = s.manage("tower");
    enable(&mut s, "tower");
    s.crash();
    s.online("orchard", ORCHARD);
    s.online("juliet", BALCONY);
    s.sends("juliet", &format!("<message to='{ORCHARD}' type='chat'><body>b</body></message>"));
    s.resume("tower", "romeo@localhost/x", &previd, 1);
    s.take("tower");
    s.sends("juliet", &format!("<message to='{ORCHARD}' type='chat'><body>c</body></message>"));
    s.receives("tower", &["<received xmlns='urn:xmpp:carbons:2'>", "<body>c</body>"]);
    s.sends("tower", "<iq type='set' id='d'><disable xmlns='urn:xmpp:carbons:2'/></iq>");
    s.receives("tower", &["type='result'"]);
    s.sends("juliet", &format!("<message to='{ORCHARD}' type='chat'><body>d</body></message>"));
    s.receives_nothing("tower");
}

#[test]
fn a_lost_session_finds_its_copies_when_it_is_resumed() {
    let mut s = verona();
    s.connect("tower", "romeo@localhost/tower");
    let previd = s.manage("tower");
    enable(&mut s, "tower");
    s.loses("tower");
    s.sends("orchard", &format!("<message to='{BALCONY}' type='chat'><body>sent</body></message>"));
    s.sends("juliet", &format!("<message to='{ORCHARD}' type='chat'><body>got</body></message>"));
    s.crash();
    s.resume("tower", "romeo@localhost/x", &previd, 1);
    s.receives("tower", &["<sent xmlns='urn:xmpp:carbons:2'>", "<body>sent</body>", "/tower'"]);
    s.receives("tower", &["<received xmlns='urn:xmpp:carbons:2'>", "<body>got</body>"]);
    s.receives_nothing("tower");
}

#[test]
fn who_has_a_copy_of_what_was_sent_is_told_that_it_failed() {
    let mut s = verona();
    s.sends(
        "orchard",
        "<message to='nobody@localhost' type='chat' id='9'><body>b</body></message>",
    );
    s.receives("orchard", &["type='error'", "id='9'"]);
    s.receives("garden", &["<sent xmlns='urn:xmpp:carbons:2'>"]);
    s.receives(
        "garden",
        &["<received xmlns='urn:xmpp:carbons:2'>", "id='9'", "service-unavailable"],
    );
}

#[test]
fn what_waits_for_a_login_is_copied_to_nobody_and_handed_over_once() {
    let mut s = verona();
    s.ends("orchard");
    s.sends("garden", "<presence><priority>-1</priority></presence>");
    s.take("garden");
    s.sends("juliet", "<message to='romeo@localhost' type='chat'><body>b</body></message>");
    s.receives_nothing("garden");
    s.sends("garden", "<presence/>");
    s.receives("garden", &["<presence"]);
    s.receives("garden", &["<message", "<body>b</body>", "<delay"]);
    s.receives_nothing("garden");
}

/// Romeo in the orchard and in the tower with the same priority; neither takes what both are given.
fn two_that_do_not_read(s: &mut Scene) {
    s.online("tower", "romeo@localhost/tower");
    s.sends("tower", "<presence><priority>1</priority></presence>");
    for name in ["orchard", "tower"] {
        s.stops_reading(name);
    }
    s.sends("juliet", "<message to='romeo@localhost' type='chat'><body>b</body></message>");
}

fn comes_late(s: &mut Scene) -> Vec<String> {
    s.connect("late", "romeo@localhost/late");
    s.sends("late", "<presence/>");
    s.take("late").into_iter().filter(|xml| xml.starts_with("<message")).collect()
}

#[test]
fn of_two_sessions_that_end_without_having_taken_a_message_the_last_passes_it_on() {
    let mut s = verona();
    s.ends("garden");
    two_that_do_not_read(&mut s);
    s.loses("orchard");
    s.loses("tower");
    assert_eq!(comes_late(&mut s).len(), 1);
}

#[test]
fn what_a_copy_was_taken_of_is_not_passed_on() {
    let mut s = verona();
    two_that_do_not_read(&mut s);
    let copies = s.take("garden");
    assert!(copies.iter().any(|xml| xml.contains("<body>b</body>")), "{copies:?}");
    s.loses("orchard");
    s.loses("tower");
    s.loses("garden");
    assert!(comes_late(&mut s).is_empty());
}

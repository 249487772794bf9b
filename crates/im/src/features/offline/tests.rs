//! Scenes of offline messages.

use crate::scene::Scene;

const ORCHARD: &str = "romeo@localhost/orchard";
const GARDEN: &str = "romeo@localhost/garden";

fn verona_with(change: impl FnOnce(&mut crate::Options)) -> Scene {
    let mut s = Scene::with(change);
    s.account("romeo@localhost");
    s.account("juliet@localhost");
    s.online("juliet", "juliet@localhost/balcony");
    s
}

fn chat(s: &mut Scene, inner: &str) {
    s.sends("juliet", &format!("<message to='romeo@localhost' type='chat'>{inner}</message>"));
}

fn bodies(received: &[String]) -> Vec<&str> {
    let body = |x: &'static str, xml: &'_ str| xml.find(x).map(|at| at + x.len());
    received
        .iter()
        .filter_map(|xml| {
            let from = body("<body>", xml)?;
            Some(&xml[from..xml.find("</body>")?])
        })
        .collect()
}

#[test]
fn messages_wait_for_the_next_login_with_the_time_they_came() {
    let mut s = verona_with(|_| {});
    chat(&mut s, "<body>one</body>");
    s.crash();
    s.online("juliet", "juliet@localhost/balcony");
    chat(&mut s, "<body>two</body>");
    s.connect("romeo", ORCHARD);
    s.receives_nothing("romeo");
    s.sends("romeo", "<presence/>");
    s.receives("romeo", &["<presence"]);
    let delay = "<delay xmlns='urn:xmpp:delay' from='localhost' stamp='2023-11-14T22:13:20.0000";
    s.receives("romeo", &["<body>one</body>", delay, "by='romeo@localhost'"]);
    s.receives("romeo", &["<body>two</body>", delay]);
    s.ends("romeo");
    s.connect("romeo", ORCHARD);
    s.sends("romeo", "<presence/>");
    s.receives("romeo", &["<presence"]);
    s.receives_nothing("romeo");
}

#[test]
fn only_what_is_worth_it_is_kept() {
    let mut s = verona_with(|_| {});
    let state = "<composing xmlns='http://jabber.org/protocol/chatstates'/>";
    for (inner, is_kept, is_refused) in [
        ("<body>b</body>", true, false),
        ("<received xmlns='urn:xmpp:receipts' id='1'/>", true, false),
        (state, false, false),
        (&format!("{state}<body>b</body>"), true, false),
        (&format!("{state}<store xmlns='urn:xmpp:hints'/>"), true, false),
        ("<body>b</body><no-store xmlns='urn:xmpp:hints'/>", false, true),
        ("<body>b</body><no-permanent-store xmlns='urn:xmpp:hints'/>", true, false),
        ("", false, false),
    ] {
        chat(&mut s, inner);
        let came_back = s.take("juliet").iter().any(|x| x.contains("service-unavailable"));
        assert_eq!(came_back, is_refused, "{inner}");
        s.connect("romeo", ORCHARD);
        s.sends("romeo", "<presence/>");
        let was_kept = s.take("romeo").iter().any(|x| x.starts_with("<message"));
        assert_eq!(was_kept, is_kept, "{inner}");
        s.ends("romeo");
    }
    for kind in ["headline", "groupchat", "error"] {
        s.sends(
            "juliet",
            &format!("<message to='romeo@localhost' type='{kind}'><body>b</body></message>"),
        );
    }
    s.connect("romeo", ORCHARD);
    s.sends("romeo", "<presence/>");
    s.receives("romeo", &["<presence"]);
    s.receives_nothing("romeo");
}

#[test]
fn more_than_the_limit_is_refused() {
    let mut s = verona_with(|options| options.offline_messages_max = 2);
    for body in ["one", "two", "three"] {
        chat(&mut s, &format!("<body>{body}</body>"));
    }
    s.receives("juliet", &["type='error'", "service-unavailable"]);
    s.receives_nothing("juliet");
    s.connect("romeo", ORCHARD);
    s.sends("romeo", "<presence/>");
    assert_eq!(bodies(&s.take("romeo")), ["one", "two"]);
    s.ends("romeo");
    chat(&mut s, "<body>four</body>");
    s.receives_nothing("juliet");
}

#[test]
fn many_messages_are_handed_over_in_order_and_new_ones_follow() {
    let mut s = verona_with(|_| {});
    let names: Vec<String> = (0..200).map(|n| n.to_string()).collect();
    for body in &names[..150] {
        chat(&mut s, &format!("<body>{body}</body>"));
    }
    s.connect("romeo", ORCHARD);
    // Everything below is one batch with the first page still unread.
    s.hold_commits = true;
    s.sends("romeo", "<presence/>");
    for body in &names[150..] {
        chat(&mut s, &format!("<body>{body}</body>"));
    }
    s.hold_commits = false;
    s.settle();
    assert_eq!(bodies(&s.take("romeo")), names);
    chat(&mut s, "<body>now</body>");
    let now = s.receives("romeo", &["<body>now</body>"]);
    assert!(!now.contains("<delay"), "{now}");
}

#[test]
fn a_hand_over_cut_short_by_a_crash_goes_on() {
    let mut s = verona_with(|_| {});
    let names: Vec<String> = (0..150).map(|n| n.to_string()).collect();
    for body in &names {
        chat(&mut s, &format!("<body>{body}</body>"));
    }
    s.connect("romeo", ORCHARD);
    let previd = s.manage("romeo");
    s.stops_reading("romeo");
    s.sends("romeo", "<presence/>");
    let first = s.take("romeo");
    assert!(!bodies(&first).is_empty());
    s.crash();
    s.resume("romeo", "romeo@localhost/x", &previd, 0);
    let again = s.take("romeo");
    assert_eq!(bodies(&again), names);
}

#[test]
fn a_session_that_leaves_during_the_hand_over_leaves_the_rest_for_the_next() {
    let mut s = verona_with(|_| {});
    chat(&mut s, "<body>one</body>");
    s.connect("romeo", ORCHARD);
    s.hold_commits = true;
    s.sends("romeo", "<presence/>");
    s.sends("romeo", "<presence type='unavailable'/>");
    s.hold_commits = false;
    s.settle();
    assert_eq!(bodies(&s.take("romeo")), [""; 0]);
    s.connect("garden", GARDEN);
    s.sends("garden", "<presence/>");
    assert_eq!(bodies(&s.take("garden")), ["one"]);
}

#[test]
fn only_one_of_two_sessions_is_given_what_waited() {
    let mut s = verona_with(|_| {});
    chat(&mut s, "<body>one</body>");
    s.connect("romeo", ORCHARD);
    s.connect("garden", GARDEN);
    s.hold_commits = true;
    s.sends("romeo", "<presence/>");
    s.sends("garden", "<presence/>");
    s.hold_commits = false;
    s.settle();
    assert_eq!(bodies(&s.take("romeo")), ["one"]);
    assert_eq!(bodies(&s.take("garden")), [""; 0]);
}

#[test]
fn a_message_left_over_during_a_hand_over_takes_its_old_place() {
    let mut s = verona_with(|_| {});
    s.connect("old", ORCHARD);
    s.manage("old");
    s.sends("old", "<presence/>");
    s.loses("old");
    chat(&mut s, "<body>one</body>");
    s.connect("garden", GARDEN);
    s.sends("garden", "<presence><priority>-1</priority></presence>");
    s.take("garden");
    s.hold_commits = true;
    // Ends the lost session: what it has is read back while new messages go offline and are handed over.
    s.pass(std::time::Duration::from_secs(601));
    chat(&mut s, "<body>two</body>");
    s.sends("garden", "<presence/>");
    chat(&mut s, "<body>three</body>");
    s.hold_commits = false;
    s.settle();
    assert_eq!(bodies(&s.take("garden")), ["one", "two", "three"]);
}

#[test]
fn a_session_that_leaves_and_returns_during_the_hand_over_gets_what_came_meanwhile() {
    let mut s = verona_with(|_| {});
    chat(&mut s, "<body>one</body>");
    s.connect("romeo", ORCHARD);
    s.sends("romeo", "<iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>");
    s.hold_commits = true;
    s.sends("romeo", "<presence/>");
    chat(&mut s, "<body>two</body>");
    s.sends("romeo", "<presence type='unavailable'/>");
    s.hold_commits = false;
    s.settle();
    s.sends("romeo", "<presence/>");
    assert_eq!(bodies(&s.take("romeo")), ["one", "two"]);
}

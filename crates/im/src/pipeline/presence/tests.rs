//! Scenes of presence (RFC 6121 §4).

use crate::features::roster::{befriend, roster, verona};
use crate::scene::Scene;
use std::time::Duration;

const CAPS: &str = "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='n' ver='v'/>";

/// Romeo and Juliet, who see each other.
fn friends() -> Scene {
    let mut s = verona();
    befriend(&mut s, "romeo", "juliet");
    s
}

#[test]
fn initial_presence_reaches_contacts_other_sessions_and_the_session_itself() {
    let mut s = friends();
    s.online("juliet", "juliet@localhost/balcony");
    s.online("street", "romeo@localhost/street");
    s.take("juliet");
    s.connect("romeo", "romeo@localhost/orchard");
    s.sends("romeo", &format!("<presence id='p1'><show>dnd</show>{CAPS}</presence>"));
    let parts = ["from='romeo@localhost/orchard'", "id='p1'", "<show>dnd</show>", CAPS];
    let got = s.receives("juliet", &parts);
    assert!(got.contains("to='juliet@localhost'"), "{got}");
    s.receives("street", &parts);
    s.receives("romeo", &parts);
    // What a probe would have brought: one's other sessions and the contacts.
    s.receives("romeo", &["to='romeo@localhost/orchard'", "from='romeo@localhost/street'"]);
    s.receives("romeo", &["to='romeo@localhost/orchard'", "from='juliet@localhost/balcony'"]);
    for name in ["romeo", "street", "juliet"] {
        s.receives_nothing(name);
    }
}

#[test]
fn presence_goes_one_way_when_the_subscription_does() {
    let mut s = verona();
    s.online("romeo", "romeo@localhost/orchard");
    s.online("juliet", "juliet@localhost/balcony");
    s.sends("romeo", "<presence to='juliet@localhost' type='subscribe'/>");
    s.sends("juliet", "<presence to='romeo@localhost' type='subscribed'/>");
    s.take("romeo");
    s.take("juliet");
    s.sends("romeo", "<presence><show>away</show></presence>");
    s.receives_nothing("juliet");
    s.take("romeo");
    s.sends("juliet", "<presence><show>away</show></presence>");
    s.receives("romeo", &["from='juliet@localhost/balcony'", "<show>away</show>"]);
    // And so it is at login.
    s.online("again", "juliet@localhost/chamber");
    s.take("again");
    s.connect("street", "romeo@localhost/street");
    s.sends("street", "<presence/>");
    let seen = s.take("street");
    assert_eq!(seen.iter().filter(|x| x.contains("from='juliet")).count(), 2, "{seen:?}");
}

#[test]
fn presence_after_the_first_is_announced_without_a_new_greeting() {
    let mut s = friends();
    s.online("juliet", "juliet@localhost/balcony");
    s.online("romeo", "romeo@localhost/orchard");
    s.take("juliet");
    s.sends("romeo", "<presence><show>xa</show><priority>-5</priority></presence>");
    s.receives("romeo", &["<show>xa</show>"]);
    s.receives_nothing("romeo");
    s.receives("juliet", &["<show>xa</show>", "<priority>-5</priority>"]);
    s.receives_nothing("juliet");
}

#[test]
fn sessions_of_every_priority_see_presence() {
    let mut s = friends();
    s.connect("low", "juliet@localhost/low");
    s.sends("low", "<presence><priority>-128</priority></presence>");
    s.connect("high", "juliet@localhost/high");
    s.sends("high", "<presence><priority> 127 </priority></presence>");
    s.connect("silent", "juliet@localhost/silent");
    s.take("low");
    s.take("high");
    s.online("romeo", "romeo@localhost/orchard");
    s.receives("low", &["from='romeo@localhost/orchard'"]);
    s.receives("high", &["from='romeo@localhost/orchard'"]);
    s.receives_nothing("silent");
}

#[test]
fn a_priority_out_of_range_is_refused() {
    let mut s = friends();
    s.online("juliet", "juliet@localhost/balcony");
    s.connect("romeo", "romeo@localhost/orchard");
    for priority in ["128", "-129", "high", "", "1.5"] {
        s.sends("romeo", &format!("<presence id='p'><priority>{priority}</priority></presence>"));
        s.receives("romeo", &["<presence", "type='error'", "id='p'", "bad-request"]);
    }
    s.receives_nothing("romeo");
    s.receives_nothing("juliet");
}

#[test]
fn leaving_is_told_with_its_words_to_everybody_who_saw_the_session() {
    let mut s = friends();
    s.account("nurse@localhost");
    s.online("nurse", "nurse@localhost/kitchen");
    s.online("juliet", "juliet@localhost/balcony");
    s.online("romeo", "romeo@localhost/orchard");
    s.take("juliet");
    s.sends("romeo", "<presence to='nurse@localhost/kitchen'/>");
    s.sends("romeo", "<presence to='juliet@localhost/balcony'/>");
    s.take("nurse");
    s.take("juliet");
    s.sends("romeo", "<presence type='unavailable'><status>bye</status></presence>");
    for name in ["romeo", "juliet", "nurse"] {
        s.receives(name, &["type='unavailable'", "from='romeo@localhost/orchard'", "bye"]);
        s.receives_nothing(name);
    }
    s.sends("romeo", "<presence type='unavailable'/>");
    s.ends("romeo");
    for name in ["juliet", "nurse"] {
        s.receives_nothing(name);
    }
}

#[test]
fn an_ended_session_leaves_once_everywhere() {
    let mut s = friends();
    s.account("nurse@localhost");
    s.online("nurse", "nurse@localhost/kitchen");
    s.online("juliet", "juliet@localhost/balcony");
    s.online("romeo", "romeo@localhost/orchard");
    s.online("street", "romeo@localhost/street");
    s.sends("romeo", "<presence to='nurse@localhost'/>");
    s.sends("romeo", "<presence to='juliet@localhost'/>");
    for name in ["juliet", "nurse", "street"] {
        s.take(name);
    }
    s.loses("romeo");
    for name in ["juliet", "nurse", "street"] {
        s.receives(name, &["type='unavailable'", "from='romeo@localhost/orchard'"]);
        s.receives_nothing(name);
    }
}

#[test]
fn contacts_see_nothing_of_a_lost_connection_that_is_resumed() {
    let mut s = friends();
    s.online("juliet", "juliet@localhost/balcony");
    s.online("romeo", "romeo@localhost/orchard");
    let previd = s.manage("romeo");
    s.take("juliet");
    s.loses("romeo");
    s.pass(Duration::from_secs(60));
    s.receives_nothing("juliet");
    s.sends("juliet", "<presence><show>away</show></presence>");
    s.take("juliet");
    s.resume("romeo", "romeo@localhost/orchard", &previd, 0);
    s.receives("romeo", &["from='juliet@localhost/balcony'", "<show>away</show>"]);
    s.receives_nothing("juliet");
}

#[test]
fn contacts_see_nothing_of_a_crash_when_both_resume() {
    let mut s = friends();
    s.online("juliet", "juliet@localhost/balcony");
    s.online("romeo", "romeo@localhost/orchard");
    roster(&mut s, "juliet");
    let (romeo, juliet) = (s.manage("romeo"), s.manage("juliet"));
    s.take("juliet");
    s.crash();
    s.resume("romeo", "romeo@localhost/orchard", &romeo, 0);
    s.resume("juliet", "juliet@localhost/balcony", &juliet, 0);
    s.receives_nothing("juliet");
    // Presence, roster interest and subscriptions are as they were.
    s.sends("romeo", "<presence><show>chat</show></presence>");
    s.receives("juliet", &["from='romeo@localhost/orchard'", "<show>chat</show>"]);
    s.online("street", "romeo@localhost/street");
    assert!(s.take("romeo").iter().any(|x| x.contains("from='romeo@localhost/street'")));
    s.online("chamber", "juliet@localhost/chamber");
    s.sends("chamber", "<presence to='nobody@localhost' type='subscribe'/>");
    let heard = s.take("juliet");
    assert!(heard.iter().any(|x| x.contains("ask='subscribe'")), "{heard:?}");
}

#[test]
fn a_session_that_cannot_be_resumed_leaves_when_the_server_starts_again() {
    let mut s = friends();
    s.online("juliet", "juliet@localhost/balcony");
    let juliet = s.manage("juliet");
    s.online("romeo", "romeo@localhost/orchard");
    s.take("juliet");
    s.crash();
    s.resume("juliet", "juliet@localhost/balcony", &juliet, 1);
    s.receives("juliet", &["type='unavailable'", "from='romeo@localhost/orchard'"]);
    s.receives_nothing("juliet");
}

#[test]
fn a_session_leaves_when_its_time_to_be_resumed_is_over() {
    let mut s = friends();
    s.account("nurse@localhost");
    s.online("nurse", "nurse@localhost/kitchen");
    s.online("juliet", "juliet@localhost/balcony");
    s.online("romeo", "romeo@localhost/orchard");
    s.sends("romeo", "<presence to='nurse@localhost'/>");
    s.manage("romeo");
    s.take("juliet");
    s.take("nurse");
    s.crash();
    s.online("juliet", "juliet@localhost/balcony");
    s.online("nurse", "nurse@localhost/kitchen");
    s.pass(s.options.resume_for - Duration::from_secs(1));
    s.receives_nothing("juliet");
    s.pass(Duration::from_secs(1));
    s.receives("juliet", &["type='unavailable'", "from='romeo@localhost/orchard'"]);
    s.receives("nurse", &["type='unavailable'", "from='romeo@localhost/orchard'"]);
}

#[test]
fn directed_presence_reaches_strangers_and_only_the_address_it_is_for() {
    let mut s = verona();
    s.online("balcony", "juliet@localhost/balcony");
    s.online("chamber", "juliet@localhost/chamber");
    s.take("balcony");
    s.online("romeo", "romeo@localhost/orchard");
    s.sends("romeo", "<presence to='juliet@localhost/balcony'><show>chat</show></presence>");
    s.receives("balcony", &["from='romeo@localhost/orchard'", "to='juliet@localhost/balcony'"]);
    s.receives_nothing("chamber");
    s.sends("romeo", "<presence to='juliet@localhost'/>");
    s.receives("balcony", &["to='juliet@localhost'"]);
    s.receives("chamber", &["to='juliet@localhost'"]);
    s.sends("romeo", "<presence to='juliet@localhost/balcony' type='unavailable'/>");
    s.receives("balcony", &["type='unavailable'"]);
    s.receives_nothing("chamber");
    s.sends("romeo", "<presence to='juliet@localhost/gone'/>");
    s.sends("romeo", "<presence to='localhost'/>");
    s.sends("romeo", "<presence to='localhost/x' type='unavailable'/>");
    s.receives_nothing("romeo");
    s.sends("romeo", "<presence to='room@elsewhere/nick' id='j'/>");
    s.receives("romeo", &["type='error'", "from='room@elsewhere/nick'", "remote-server-not-found"]);
}

#[test]
fn directed_presence_of_one_session_is_bounded() {
    let mut s = verona();
    s.connect("romeo", "romeo@localhost/orchard");
    let mut refused = 0;
    for n in 0..1003 {
        s.sends("romeo", &format!("<presence to='juliet@localhost/{n}'/>"));
        refused += s.take("romeo").iter().filter(|x| x.contains("resource-constraint")).count();
    }
    assert_eq!(refused, 3);
}

#[test]
fn a_presence_error_finds_its_session_and_is_never_answered() {
    let mut s = verona();
    s.online("romeo", "romeo@localhost/orchard");
    s.online("juliet", "juliet@localhost/balcony");
    let error = "<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    for to in ["juliet@localhost/balcony", "juliet@localhost/gone", "juliet@localhost", "x@y"] {
        s.sends("romeo", &format!("<presence type='error' to='{to}'>{error}</presence>"));
    }
    s.receives("juliet", &["type='error'", "from='romeo@localhost/orchard'", "<gone"]);
    s.receives_nothing("juliet");
    s.receives_nothing("romeo");
}

#[test]
fn a_probe_is_answered_for_those_who_may_see() {
    let mut s = friends();
    s.account("mallory@localhost");
    s.online("mallory", "mallory@localhost/den");
    s.online("romeo", "romeo@localhost/orchard");
    s.online("juliet", "juliet@localhost/balcony");
    s.online("chamber", "juliet@localhost/chamber");
    s.take("romeo");
    s.sends("romeo", "<presence to='juliet@localhost' type='probe'/>");
    s.receives("romeo", &["from='juliet@localhost/balcony'", "to='romeo@localhost/orchard'"]);
    s.receives("romeo", &["from='juliet@localhost/chamber'", "to='romeo@localhost/orchard'"]);
    s.sends("romeo", "<presence to='juliet@localhost/chamber' type='probe'/>");
    s.receives("romeo", &["from='juliet@localhost/chamber'"]);
    s.sends("romeo", "<presence to='juliet@localhost/gone' type='probe'/>");
    s.receives("romeo", &["from='juliet@localhost/gone'", "type='unavailable'"]);
    s.receives_nothing("romeo");
    for to in ["juliet@localhost", "juliet@localhost/balcony", "nobody@localhost"] {
        s.sends("mallory", &format!("<presence to='{to}' type='probe'/>"));
        s.receives("mallory", &["type='unsubscribed'", to.split('/').next().unwrap()]);
    }
    s.sends("juliet", "<presence to='mallory@localhost'/>");
    s.take("mallory");
    s.sends("mallory", "<presence to='juliet@localhost' type='probe'/>");
    s.receives("mallory", &["from='juliet@localhost/balcony'"]);
    s.receives_nothing("mallory");
    s.sends("romeo", "<presence type='probe'/>");
    s.receives("romeo", &["type='error'", "bad-request"]);
}

#[test]
fn presence_floods_are_bounded_by_the_time_they_take() {
    let mut s = Scene::with(|o| o.copies_per_second = 100);
    for name in ["romeo", "juliet"] {
        s.account(&format!("{name}@localhost"));
    }
    befriend(&mut s, "romeo", "juliet");
    for n in 0..10 {
        s.online(&format!("j{n}"), &format!("juliet@localhost/{n}"));
        s.pass(Duration::from_secs(1));
    }
    s.connect("romeo", "romeo@localhost/orchard");
    let before = s.counters();
    let (mut refused, mut sent) = (0, 0);
    for _ in 0..20 {
        for _ in 0..50 {
            s.sends("romeo", "<presence/>");
            sent += 1;
            refused += s.take("romeo").iter().filter(|x| x.contains("type='error'")).count();
        }
        s.pass(Duration::from_secs(1));
    }
    let copies = (s.counters().stanzas_out - before.stanzas_out) as usize - refused;
    // Twenty seconds, one in advance, one announcement of 11 copies with a greeting of 10.
    assert!(copies <= 21 * 100 + 21, "{copies} copies of {sent} stanzas");
    assert!(refused > 0 && copies > 1900, "{copies} copies, {refused} refused");
    // Who may not announce may still leave.
    s.take("j0");
    s.sends("romeo", "<presence/>");
    s.sends("romeo", "<presence type='unavailable'/>");
    assert!(s.take("j0").iter().any(|x| x.contains("type='unavailable'")));
}

#[test]
fn sessions_that_overflow_together_end_without_end() {
    let mut s = Scene::with(|o| (o.queue_stanzas_max, o.sessions_per_account_max) = (3, 20));
    s.account("romeo@localhost");
    for n in 0..15 {
        let name = format!("r{n}");
        s.connect(&name, &format!("romeo@localhost/{n}"));
        s.manage(&name);
        s.sends(&name, "<presence/>");
        let said = s.take(&name).len() as u32 * 2;
        s.sends(&name, &format!("<a xmlns='urn:xmpp:sm:3' h='{}'/>", said.min(n + 1)));
        s.loses(&name);
    }
    s.online("last", "romeo@localhost/last");
    for _ in 0..20 {
        s.sends("last", "<presence/>");
    }
    s.pass(Duration::ZERO);
    assert!(s.counters().sessions <= 2, "{:?}", s.counters());
}

#[test]
fn a_long_presence_counts_as_many() {
    let mut s = Scene::with(|o| o.copies_per_second = 20);
    s.account("romeo@localhost");
    s.connect("romeo", "romeo@localhost/orchard");
    let announced = |s: &mut Scene, bytes: usize| {
        s.pass(Duration::from_secs(60));
        let status = "x".repeat(bytes);
        let mut announced = 0;
        for _ in 0..100 {
            s.sends("romeo", &format!("<presence><status>{status}</status></presence>"));
            announced += s.take("romeo").iter().filter(|x| x.contains("<status>")).count();
        }
        announced
    };
    assert_eq!(announced(&mut s, 10), 20);
    assert_eq!(announced(&mut s, 9 * 1024), 2);
    assert_eq!(announced(&mut s, 33 * 1024), 0);
}

#[test]
fn offline_messages_wait_for_a_session_that_takes_messages() {
    let mut s = verona();
    s.connect("romeo", "romeo@localhost/orchard");
    s.sends("romeo", "<message to='juliet@localhost' type='chat'><body>hist!</body></message>");
    s.connect("juliet", "juliet@localhost/balcony");
    s.sends("juliet", "<presence><priority>-1</priority></presence>");
    assert!(!s.take("juliet").concat().contains("hist!"));
    s.sends("juliet", "<presence><priority>0</priority></presence>");
    s.receives("juliet", &["<presence", "<priority>0</priority>"]);
    s.receives("juliet", &["<message", "hist!", "urn:xmpp:delay"]);
    s.receives_nothing("juliet");
}

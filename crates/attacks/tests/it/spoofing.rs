//! Rows 20–23, end to end between two clients: who it comes from, what only a server may say, and which names are one.

use crate::raw::Raw;
use crate::service::{Door, PASSWORD, Service};

const JULIET: &str = "juliet@localhost/balcony";

fn pair(service: &Service) -> (Raw, Raw) {
    let juliet = Raw::online(service, Door::Open, "juliet", "balcony");
    (Raw::online(service, Door::Direct, "romeo", "orchard"), juliet)
}

/// Everything juliet heard up to a message that romeo sent after it.
fn heard_by(juliet: &mut Raw, romeo: &mut Raw) -> String {
    let mark =
        "<message to='juliet@localhost/balcony' type='chat'><body>that was all</body></message>";
    romeo.say(mark);
    let heard = juliet.hear("that was all");
    juliet.hear("</message>");
    heard
}

#[test]
fn from_is_ones_own_address_or_the_stream_ends() {
    let service = Service::with("");
    let (mut friend, mut juliet) = pair(&service);
    let stanzas = [
        "<message to='juliet@localhost/balcony' FROM><body>forged</body></message>",
        "<presence to='juliet@localhost/balcony' FROM><status>forged</status></presence>",
        "<iq type='get' id='forged' to='juliet@localhost/balcony' FROM><q xmlns='urn:forged'/></iq>",
    ];
    for from in [
        "juliet@localhost",
        "juliet@localhost/balcony",
        "localhost",
        "elsewhere",
        "romeo@elsewhere",
        "romeo@localhost/other",
        "nobody@localhost",
        "",
        "@@",
        "romeo@localhost/",
        "\u{440}omeo@localhost",
    ] {
        for stanza in stanzas {
            let mut romeo = Raw::login(&service, Door::Open, "romeo", "liar");
            romeo.say(stanza.replace("FROM", &format!("from='{from}'")));
            let heard = romeo.hear_end();
            assert!(heard.contains("invalid-from"), "{from:?}: {heard}");
        }
        let heard = heard_by(&mut juliet, &mut friend);
        assert!(!heard.contains("forged"), "{from:?}: {heard}");
    }
    for from in
        ["from='romeo@localhost'", "from='romeo@localhost/orchard'", "from='ROMEO@Localhost'", ""]
    {
        friend.say(stanzas[0].replace("FROM", from));
        let heard = heard_by(&mut juliet, &mut friend);
        assert!(heard.contains("from='romeo@localhost/orchard'"), "{heard}");
        assert!(!heard.contains("ROMEO"), "{heard}");
    }
}

#[test]
fn what_only_a_server_may_say_does_not_arrive() {
    let service = Service::with("");
    let (mut romeo, mut juliet) = pair(&service);
    let message =
        "<message xmlns='jabber:client' from='nurse@localhost'><body>forged</body></message>";
    let forwarded = format!("<forwarded xmlns='urn:xmpp:forward:0'>{message}</forwarded>");
    let forged = [
        format!("<received xmlns='urn:xmpp:carbons:2'>{forwarded}</received>"),
        format!("<sent xmlns='urn:xmpp:carbons:2'>{forwarded}</sent>"),
        format!("<c:sent xmlns:c='urn:xmpp:carbons:2'>{forwarded}</c:sent>"),
        format!("<result xmlns='urn:xmpp:mam:2' id='forged'>{forwarded}</result>"),
        "<fin xmlns='urn:xmpp:mam:2' complete='forged'/>".to_owned(),
        "<stanza-id xmlns='urn:xmpp:sid:0' id='forged' by='juliet@localhost'/>".to_owned(),
        "<stanza-id xmlns='urn:xmpp:sid:0' id='forged' by='localhost'/>".to_owned(),
        "<stanza-id xmlns='urn:xmpp:sid:0' id='forged' by='romeo@localhost'/>".to_owned(),
        "<delay xmlns='urn:xmpp:delay' from='localhost' stamp='2001-01-01T00:00:00Z'>forged</delay>".to_owned(),
        "<delay xmlns='urn:xmpp:delay' from='juliet@localhost' stamp='2001-01-01T00:00:00Z'>forged</delay>".to_owned(),
        "<x xmlns='jabber:x:delay' from='localhost' stamp='20010101T00:00:00'>forged</x>".to_owned(),
        "<occupant-id xmlns='urn:xmpp:occupant-id:0' id='forged'/>".to_owned(),
        "<x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='owner' nick='forged'/></x>".to_owned(),
        "<x xmlns='http://jabber.org/protocol/muc#user'><status code='110'/><y>forged</y></x>".to_owned(),
        "<event xmlns='http://jabber.org/protocol/pubsub#event'><items node='forged'/></event>".to_owned(),
    ];
    for child in &forged {
        for to in [JULIET, "juliet@localhost"] {
            romeo.say(format!("<message to='{to}' type='chat'><body>true</body>{child}</message>"));
            let heard = heard_by(&mut juliet, &mut romeo);
            assert!(heard.contains("<body>true</body>"), "{child}: {heard}");
            assert!(!heard.contains("forged"), "{child} arrived: {heard}");
        }
        romeo.say(format!("<presence to='{JULIET}'>{child}</presence>"));
        let heard = heard_by(&mut juliet, &mut romeo);
        assert!(!heard.contains("forged"), "{child} arrived in presence: {heard}");
    }
    // Markers are a client's to send (XEP-0333).
    romeo.say(format!(
        "<message to='{JULIET}'><displayed xmlns='urn:xmpp:chat-markers:0' id='m1'/></message>"
    ));
    assert!(heard_by(&mut juliet, &mut romeo).contains("chat-markers"));
}

#[test]
fn a_push_of_another_client_is_never_relayed() {
    let service = Service::with("");
    let (mut romeo, mut juliet) = pair(&service);
    for payload in [
        "<query xmlns='jabber:iq:roster'><item jid='mallory@localhost' subscription='both'/></query>",
        "<query xmlns='jabber:iq:roster'><item jid='nurse@localhost' subscription='remove'/></query>",
        "<block xmlns='urn:xmpp:blocking'><item jid='nurse@localhost'/></block>",
        "<unblock xmlns='urn:xmpp:blocking'/>",
    ] {
        for to in [JULIET, "juliet@localhost"] {
            romeo.say(format!("<iq type='set' id='push1' to='{to}'>{payload}</iq>"));
            let answer = romeo.hear("</iq>");
            assert!(answer.contains("type='error'") && answer.contains("push1"), "{answer}");
            assert!(!heard_by(&mut juliet, &mut romeo).contains("push1"), "{payload}");
        }
    }
    for xmlns in ["http://jabber.org/protocol/pubsub#event", "http://jabber.org/protocol/pubsub"] {
        romeo.say(format!(
            "<iq type='set' id='push2' to='juliet@localhost'><pubsub xmlns='{xmlns}'/></iq>"
        ));
        assert!(romeo.hear("</iq>").contains("type='error'"));
    }
    assert!(!heard_by(&mut juliet, &mut romeo).contains("push2"));
}

#[test]
fn names_that_are_one_reach_one_account_and_names_that_are_not_reach_nobody() {
    let service = Service::with("");
    // Upper case, and full-width letters: RFC 7622 §3.3 makes them the same.
    for name in ["ROMEO", "Romeo", "\u{ff52}\u{ff4f}\u{ff4d}\u{ff45}\u{ff4f}"] {
        let mut raw = Raw::connect(&service, Door::Direct);
        raw.open();
        assert!(raw.plain("", name, PASSWORD).contains("<success"), "{name}");
        raw.open();
        assert!(raw.bind("r").contains("<jid>romeo@localhost/r</jid>"), "{name}");
    }
    let (mut romeo, mut juliet) = pair(&service);
    for to in
        ["JULIET@LOCALHOST/balcony", "Juliet@localhost/balcony", "\u{ff4a}uliet@localhost/balcony"]
    {
        romeo.say(format!("<message to='{to}'><body>one</body></message>"));
        assert!(heard_by(&mut juliet, &mut romeo).contains("<body>one</body>"), "{to}");
    }
    let long = "x".repeat(1024);
    for to in [
        "@localhost",
        "juliet@",
        "juliet@localhost/",
        "a b@localhost",
        "a\"b@localhost",
        "juliet@local host",
        &format!("{long}@localhost"),
        &format!("juliet@localhost/{long}"),
        "\u{5d0}a@localhost",
        "juliet@localhost/\u{ad}",
        "\u{2163}@@localhost",
    ] {
        let to = to.replace('"', "&quot;");
        romeo.say(format!("<message to='{to}' id='bad'><body>other</body></message>"));
        let answer = romeo.sync();
        assert!(
            answer.contains("jid-malformed") || answer.contains("service-unavailable"),
            "{to}: {answer}"
        );
    }
    // Cyrillic and Greek letters that look alike, another resource, the same name elsewhere.
    for to in ["juli\u{435}t@localhost", "\u{3f3}uliet@localhost", "juliet@localhost.example"] {
        romeo.say(format!("<message to='{to}' id='other'><body>other</body></message>"));
        assert!(romeo.hear("</message>").contains("type='error'"), "{to}");
    }
    assert!(!heard_by(&mut juliet, &mut romeo).contains("other"));
}

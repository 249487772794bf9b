//! Row 41: no secret is ever written to the log, at whatever level, and no text of a peer starts a line of its own there.

use crate::raw::{HEADER, Raw, sasl_data};
use crate::service::{Door, PASSWORD, Service};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::io::Write as _;
use testkit::sasl::{Exchange, Mechanism};
use testkit::transport::Bindings;

/// Planted where only secrets are.
const CANARY: &str = "kanarienvogel";

#[test]
fn no_secret_and_no_control_character_reaches_the_log_at_the_most_talkative_level() {
    for format in ["[log]\nlevel = \"trace\"", "[log]\nlevel = \"trace\"\nformat = \"json\""] {
        let leaked: &'static str =
            Box::leak(format!("{format}\n[registration]\nallow = true").into());
        let service = Service::with(leaked);
        let secrets = plant(&service);
        inject(&service);
        let log = service.log();
        assert!(log.len() > 1_000, "a log at level trace says something");
        let text = String::from_utf8(log).expect("the log is UTF-8");
        for secret in &secrets {
            assert!(
                !text.contains(secret.as_str()),
                "{secret} is in the log:\n{}",
                line_with(&text, secret)
            );
        }
        for (number, line) in text.lines().enumerate() {
            let is_clean = line.chars().all(|c| !c.is_control() && !is_direction(c));
            assert!(is_clean, "line {number} of the log: {line:?}");
            assert!(line.starts_with(['2', '{']), "a line that is not ours: {line:?}");
        }
    }
}

fn is_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn line_with(text: &str, secret: &str) -> String {
    text.lines().find(|line| line.contains(secret)).unwrap_or_default().chars().take(600).collect()
}

/// Uses secrets in every way there is; gives what must not be found.
fn plant(service: &Service) -> Vec<String> {
    let mut secrets = vec![CANARY.to_owned(), PASSWORD.to_owned()];
    for door in Door::BOTH {
        let mut raw = Raw::connect(service, door);
        raw.open();
        raw.plain("", "romeo", &format!("{CANARY}-wrong"));
        secrets.push(STANDARD.encode(format!("\0romeo\0{CANARY}-wrong")));
        raw.plain("", &format!("{CANARY}-name"), "x");
        // A name is no secret: it may be told to the operator.
        secrets.retain(|secret| secret != CANARY);
        secrets.extend([format!("{CANARY}-wrong"), format!("{CANARY}-body")]);
        let user = ("romeo", PASSWORD);
        let none = Bindings::default();
        let (mut scram, first) =
            Exchange::start(Mechanism::ScramSha256, user, &none, true).unwrap();
        let challenge = raw.auth("SCRAM-SHA-256", &first);
        let last = scram.respond(&sasl_data(&challenge)).unwrap();
        secrets.extend([STANDARD.encode(&first), STANDARD.encode(&last)]);
        let proof = String::from_utf8(last.clone()).unwrap();
        secrets.push(proof.split_once(",p=").unwrap().1.to_owned());
        assert!(raw.respond(&last).contains("<success"));
        raw.open();
        raw.bind("orchard");
        raw.say("<enable xmlns='urn:xmpp:sm:3' resume='true'/>");
        let enabled = raw.hear("/>");
        let previd = enabled.split("id='").nth(1).unwrap().split('\'').next().unwrap();
        secrets.push(previd.to_owned());
        raw.say("<presence/>");
        for to in ["romeo@localhost", "juliet@localhost", "nobody@localhost", "x@elsewhere"] {
            raw.say(format!("<message to='{to}' type='chat'><body>{CANARY}-body</body></message>"));
        }
        raw.say(format!(
            "<iq type='set' id='p'><query xmlns='jabber:iq:register'><username>romeo</username>\
             <password>{CANARY}-new</password></query></iq>"
        ));
        raw.say(format!(
            "<iq type='set' id='s'><query xmlns='jabber:iq:private'><s xmlns='s'>{CANARY}-body</s></query></iq>"
        ));
        raw.sync();
        raw.say(format!(
            "<iq type='set' id='q'><query xmlns='jabber:iq:register'><username>romeo</username>\
             <password>{PASSWORD}</password></query></iq>"
        ));
        raw.sync();
        raw.say(format!("<message><body>{CANARY}-body<not-closed></body></message>"));
        raw.hear_end();
        secrets.push(format!("{CANARY}-new"));
        let mut stranger = Raw::connect(service, Door::Direct);
        stranger.open();
        stranger.say(format!(
            "<iq type='set' id='r'><query xmlns='jabber:iq:register'><username>m{}</username>\
             <password>{CANARY}-registered</password></query></iq></stream:stream>",
            door as u8
        ));
        stranger.hear_end();
        secrets.push(format!("{CANARY}-registered"));
    }
    secrets
}

/// Puts what could start a line, colour a terminal or turn text round wherever a peer's text might be shown.
fn inject(service: &Service) {
    let nasty = "x&#10;2026-01-01T00:00:00Z ERROR forged&#13;\u{202e}\u{9b}31m\u{85}\u{2028}";
    for door in Door::BOTH {
        let mut raw = Raw::connect(service, door);
        raw.say(
            HEADER.replace("'localhost'", &format!("'{nasty}' from='{nasty}' xml:lang='{nasty}'")),
        );
        raw.hear_end();
        let mut raw = Raw::connect(service, door);
        raw.open();
        raw.plain("", "x\n2026 ERROR forged\u{1b}[31m", "x");
        raw.auth(&nasty.replace('\'', ""), b"x");
        raw.say(format!("<{}/>", "y".repeat(5_000)));
        raw.hear_end();
        let mut raw = Raw::login(service, door, "romeo", "orchard");
        raw.say(format!("<message to='{nasty}@localhost/{nasty}' id='{nasty}' type='{nasty}'/>"));
        raw.say(format!("<iq id='{nasty}' type='{nasty}' to='{nasty}'><x xmlns='{nasty}'/></iq>"));
        raw.say(format!("<presence><status>{nasty}</status><show>{nasty}</show></presence>"));
        raw.say(format!("<x xmlns='{nasty}'/>"));
        raw.hear_end();
    }
    let mut tcp = crate::raw::tcp(service.address(Door::StartTls), std::net::Ipv4Addr::LOCALHOST);
    tcp.write_all(b"\x1b[31m\nERROR forged\r\n").unwrap();
    let mut raw = Raw::connect(service, Door::StartTls);
    raw.say("\x1b]0;title\x07");
    raw.hear_end();
}

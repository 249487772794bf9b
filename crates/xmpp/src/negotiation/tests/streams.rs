//! RFC 6120 §4: opening, refusing and ending streams.

use super::*;
use crate::stream_error::StreamCondition;

const OPENING: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
                       xmlns:stream='http://etherx.jabber.org/streams' from='capulet.example'";

#[test]
fn a_stream_is_opened_as_rfc_6120_prints_it() {
    let mut peer = Peer::new(Config::default(), Some(bindings()));
    assert_eq!(
        peer.open(),
        format!(
            "{OPENING} id='AQEBAQEBAQEBAQEBAQEBAQ' version='1.0' xml:lang='en'><stream:features>\
             <mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>\
             <mechanism>SCRAM-SHA-256-PLUS</mechanism><mechanism>SCRAM-SHA-256</mechanism>\
             <mechanism>SCRAM-SHA-1-PLUS</mechanism><mechanism>SCRAM-SHA-1</mechanism>\
             <mechanism>PLAIN</mechanism></mechanisms>\
             <sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'>\
             <channel-binding type='tls-exporter'/><channel-binding type='tls-server-end-point'/>\
             </sasl-channel-binding><before/></stream:features>\n"
        )
    );
}

#[test]
fn the_peers_own_address_comes_back_escaped_and_prepared() {
    let mut peer = Peer::new(Config::default(), None);
    let from = Some("Juliet@capulet.example/it's <&>".into());
    let said = said(&peer.hear(Heard::Header(StreamHeader { from, ..header() })));
    let to = "to='juliet@capulet.example/it&apos;s &lt;&amp;";
    assert!(said.starts_with(&format!("{OPENING} {to}")), "{said}");
}

#[test]
fn a_header_that_cannot_be_served_is_answered_with_ours_and_an_error() {
    let good = header;
    let text = |text: &str| Some(text.to_owned());
    for (condition, wrong) in [
        ("invalid-namespace", StreamHeader { content_ns: ns::SERVER.into(), ..good() }),
        ("invalid-namespace", StreamHeader { content_ns: String::new(), ..good() }),
        ("unsupported-version", StreamHeader { version: None, ..good() }),
        ("unsupported-version", StreamHeader { version: Some((0, 9)), ..good() }),
        ("improper-addressing", StreamHeader { to: None, ..good() }),
        ("improper-addressing", StreamHeader { to: text(""), ..good() }),
        ("improper-addressing", StreamHeader { to: text("capulet example"), ..good() }),
        ("improper-addressing", StreamHeader { to: text("a@capulet.example"), ..good() }),
        ("improper-addressing", StreamHeader { to: text("capulet.example/a"), ..good() }),
        ("improper-addressing", StreamHeader { from: text("@"), ..good() }),
        ("host-unknown", StreamHeader { to: text("verona.example"), ..good() }),
    ] {
        let mut peer = Peer::new(Config::default(), None);
        let said = said(&peer.hear(Heard::Header(wrong.clone())));
        assert_eq!(stream_error(&said), Some(condition), "{wrong:?}");
        assert!(said.starts_with(&format!("[close] {OPENING} id='")), "{said}");
        assert!(peer.negotiation.is_closed());
        assert!(peer.hear(Heard::Header(good())).is_empty(), "nothing is said after the end");
    }
}

#[test]
fn a_newer_version_is_answered_with_ours_and_another_domain_with_its_own_name() {
    let mut peer = Peer::new(Config::default(), None);
    let to = Some("Montague.Example".into());
    let said =
        said(&peer.hear(Heard::Header(StreamHeader { version: Some((2, 1)), to, ..header() })));
    assert!(said.contains(" from='montague.example' "), "{said}");
    assert!(said.contains(" version='1.0' "), "{said}");
}

#[test]
fn the_stream_after_login_belongs_to_the_account_that_logged_in() {
    let check = |change: StreamHeader| {
        let mut peer = Peer::in_tls();
        peer.log_in_plain("juliet");
        let said = said(&peer.hear(Heard::Header(change)));
        assert!(said.contains("<stream:stream "), "{said}");
        stream_error(&said).map(str::to_owned)
    };
    let from = |from: &str| StreamHeader { from: Some(from.into()), ..header() };
    assert_eq!(check(header()), None);
    assert_eq!(check(from("juliet@capulet.example")), None);
    assert_eq!(check(from("Juliet@Capulet.Example/balcony")), None);
    for other in ["romeo@capulet.example", "juliet@montague.example", "capulet.example"] {
        assert_eq!(check(from(other)).as_deref(), Some("invalid-from"), "{other}");
    }
    let elsewhere = StreamHeader { to: Some("montague.example".into()), ..header() };
    assert_eq!(check(elsewhere).as_deref(), Some("not-authorized"));
    let old = StreamHeader { version: None, ..header() };
    assert_eq!(check(old).as_deref(), Some("unsupported-version"));
}

#[test]
fn an_error_found_elsewhere_is_sent_on_an_open_stream_and_never_into_a_handshake() {
    let config = Config::default();
    let mut entropy = || [1; 16];
    let mut close = |peer: &mut Peer| {
        let error = StreamError::new(StreamCondition::NotWellFormed, "");
        let bytes = peer.negotiation.close(error, &config.settings(), &mut entropy);
        String::from_utf8(bytes.to_vec()).unwrap()
    };
    let error = "<stream:error><not-well-formed xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>\
                 </stream:error></stream:stream>";
    let mut silent = Peer::new(Config::default(), None);
    let text = close(&mut silent);
    assert!(text.starts_with(OPENING) && text.ends_with(error), "{text}");
    assert_eq!(close(&mut Peer::in_tls()), error);
    assert_eq!(close(&mut Peer::logged_in()), error);

    let mut restarted = Peer::in_tls();
    restarted.log_in_plain("juliet");
    assert!(close(&mut restarted).starts_with(OPENING));

    let mut in_handshake = Peer::new(Config::default(), None);
    in_handshake.open();
    in_handshake.say("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    assert_eq!(close(&mut in_handshake), "");

    let mut after_handshake = Peer::new(Config::default(), None);
    after_handshake.open();
    after_handshake.say("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    after_handshake.hear(Heard::TlsStarted(bindings()));
    assert!(close(&mut after_handshake).starts_with(OPENING));
}

#[test]
fn the_end_of_the_peers_stream_is_answered_with_ours() {
    let config = Config::default();
    let mut peer = Peer::in_tls();
    let bytes = peer.negotiation.end(&config.settings(), &mut || [1; 16]);
    assert_eq!(&bytes[..], b"</stream:stream>");
    assert!(peer.negotiation.is_closed());
}

#[test]
fn whatever_is_said_is_a_well_formed_stream() {
    use crate::xml::{Frame, Framer, Limits};
    let names = |said: &str| {
        let mut framer = Framer::new(Limits::BEFORE_LOGIN);
        framer.push(said.trim_start_matches("[close] ").as_bytes());
        let mut names = Vec::new();
        while let Some(frame) = framer.next_frame().unwrap() {
            names.push(match frame {
                Frame::Header(header) => format!("header from {}", header.from.unwrap_or_default()),
                Frame::Element(bytes) => {
                    let element = Element::parse(bytes).unwrap();
                    format!("{{{}}}{}", element.root().ns(), element.root().name())
                }
                Frame::End => "end".into(),
            });
        }
        names
    };
    let opened = ["header from capulet.example", "{http://etherx.jabber.org/streams}features"];
    assert_eq!(names(&Peer::new(Config::default(), None).open()), opened);
    assert_eq!(names(&Peer::new(Config::default(), Some(bindings())).open()), opened);
    let mut peer = Peer::in_tls();
    peer.log_in_plain("juliet");
    assert_eq!(names(&peer.open()), opened);
    let mut lost = Peer::new(Config::default(), None);
    let refused = said(&lost.hear(Heard::Header(StreamHeader { to: None, ..header() })));
    let error = ["header from capulet.example", "{http://etherx.jabber.org/streams}error", "end"];
    assert_eq!(names(&refused), error);
}

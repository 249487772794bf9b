//! RFC 6120 §5, RFC 7590: what is offered and accepted with TLS, without it, and on the way to it (attack row 5).

use super::*;

const STARTTLS: &str = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";

fn peer(tls: TlsPolicy) -> Peer {
    Peer::new(Config { tls, registration: true, ..Config::default() }, None)
}

#[test]
fn nothing_but_tls_is_offered_where_it_is_demanded() {
    let mut peer = peer(TlsPolicy::Required);
    let features = "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'>\
                    <required/></starttls></stream:features>\n";
    let said = peer.open();
    assert!(said.ends_with(features), "{said}");
    for mechanism in ["PLAIN", "SCRAM-SHA-1"] {
        let said = peer.auth(mechanism, &client::plain("", "juliet", PASSWORD));
        assert_eq!(
            said,
            "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><encryption-required/></failure>\n\
             [refused - encryption-required]\n"
        );
    }
    let said = peer.say(STARTTLS);
    assert_eq!(said, "[start TLS after] <proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>\n");
    assert!(peer.negotiation.is_waiting());
    assert!(peer.hear(Heard::TlsStarted(bindings())).is_empty());
    let said = peer.open();
    assert!(said.starts_with("<?xml") && !said.contains("starttls"), "{said}");
    assert_eq!(offer(&said).mechanisms.len(), Mechanism::ALL.len());
}

#[test]
fn a_second_starttls_ends_the_stream() {
    let end = "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>\n[close] </stream:stream>\n";
    assert_eq!(Peer::in_tls().say(STARTTLS), end);
    assert_eq!(Peer::logged_in().say(STARTTLS), end);
    let mut off = peer(TlsPolicy::Off);
    off.open();
    assert_eq!(off.say(STARTTLS), end);
    let config = Config { tls: TlsPolicy::Optional, tls_available: false, ..Config::default() };
    let mut without_certificate = Peer::new(config, None);
    assert!(!without_certificate.open().contains("starttls"));
    assert_eq!(without_certificate.say(STARTTLS), end);
}

#[test]
fn what_is_sent_in_the_clear_after_starttls_is_never_obeyed() {
    for injected in [
        Heard::Header(header()),
        Heard::Element(Element::parse(Bytes::from_static(STARTTLS.as_bytes())).unwrap()),
        Heard::Element(Element::parse(Bytes::from_static(b"<message/>")).unwrap()),
    ] {
        let mut peer = peer(TlsPolicy::Required);
        peer.open();
        peer.say(STARTTLS);
        assert_eq!(said(&peer.hear(injected)), "[close] \n");
        assert!(peer.hear(Heard::TlsStarted(bindings())).is_empty());
        assert!(peer.negotiation.is_closed());
    }
}

#[test]
fn secrets_cross_only_encrypted_streams() {
    let mut optional = peer(TlsPolicy::Optional);
    let said = optional.open();
    assert!(said.contains("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"), "{said}");
    assert_eq!(offer(&said).mechanisms, ["SCRAM-SHA-256", "SCRAM-SHA-1"]);
    assert!(offer(&said).bindings.is_empty() && !said.contains("iq-register"), "{said}");
    assert!(optional.log_in_plain("juliet").contains("<encryption-required/>"));
    let first = b"p=tls-exporter,,n=juliet,r=abc";
    assert!(optional.auth("SCRAM-SHA-1-PLUS", first).contains("<invalid-mechanism/>"));
    let said = optional.log_in_scram(Mechanism::ScramSha256, "juliet", PASSWORD);
    assert!(said.contains("[authenticated juliet@capulet.example by SCRAM-SHA-256]"), "{said}");

    let mut off = peer(TlsPolicy::Off);
    let said = off.open();
    assert_eq!(offer(&said).mechanisms, ["SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"]);
    assert!(said.contains("iq-register"), "{said}");
    assert!(off.log_in_plain("juliet").contains("[authenticated"));
}

#[test]
fn only_enabled_mechanisms_are_offered_and_taken() {
    let mechanisms = vec![Mechanism::ScramSha256];
    let mut peer = Peer::new(Config { mechanisms, ..Config::default() }, Some(bindings()));
    let said = peer.open();
    assert_eq!(offer(&said).mechanisms, ["SCRAM-SHA-256"]);
    assert!(offer(&said).bindings.is_empty(), "nothing here binds: {said}");
    assert!(peer.log_in_plain("juliet").contains("<invalid-mechanism/>"));
    let mut bare = Peer::new(Config::default(), Some(ChannelBindings::default()));
    assert_eq!(offer(&bare.open()).mechanisms, ["SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"]);
}

//! RFC 6120 §7 and XEP-0198 §5: the last step before the session.

use super::*;

fn bind(children: &str) -> String {
    format!("<iq type='set' id='b1'><bind xmlns='{}'>{children}</bind></iq>", ns::BIND)
}

#[test]
fn after_login_binding_is_offered_with_what_the_caller_adds() {
    let mut peer = Peer::in_tls();
    peer.log_in_plain("juliet");
    let features = "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><after/>\
                    </stream:features>\n";
    assert!(peer.open().ends_with(features));
}

#[test]
fn a_resource_is_asked_for_prepared_or_left_to_the_server() {
    for (children, order) in [
        ("<resource>balcony</resource>", "[bind b1 balcony]\n"),
        ("<resource>Balcony &amp; garden</resource>", "[bind b1 Balcony & garden]\n"),
        ("<resource/>", "[bind b1 -]\n"),
        ("", "[bind b1 -]\n"),
    ] {
        let mut peer = Peer::logged_in();
        assert_eq!(peer.say(&bind(children)), order);
        assert!(peer.negotiation.is_waiting());
    }
}

#[test]
fn a_bind_that_cannot_be_is_answered_and_may_be_repeated() {
    let long = format!("<resource>{}</resource>", "x".repeat(1024));
    for wrong in [
        bind(&long),
        bind("<resource>\u{e000}</resource>"),
        bind("").replace("'set'", "'get'"),
        bind("").replace(" id='b1'", ""),
        bind("").replace(" type='set'", ""),
    ] {
        let mut peer = Peer::logged_in();
        let said = peer.say(&wrong);
        assert!(said.starts_with("<iq type='error'") && said.contains("<bad-request "), "{said}");
        assert_eq!(peer.say(&bind("")), "[bind b1 -]\n");
    }
}

#[test]
fn a_session_is_resumed_or_else_a_resource_bound() {
    let mut peer = Peer::logged_in();
    assert_eq!(
        peer.say("<resume xmlns='urn:xmpp:sm:3' previd='some-id' h='4294967295'/>"),
        "[resume some-id 4294967295]\n"
    );
    peer.negotiation.reopen();
    assert_eq!(peer.say(&bind("")), "[bind b1 -]\n");
    peer.negotiation.reopen();
    assert_eq!(peer.say(&bind("<resource>x</resource>")), "[bind b1 x]\n");
}

#[test]
fn stream_management_out_of_order_fails_and_the_stream_goes_on() {
    let mut peer = Peer::logged_in();
    for (xml, condition) in [
        ("<enable xmlns='urn:xmpp:sm:3'/>", "unexpected-request"),
        ("<r xmlns='urn:xmpp:sm:3'/>", "unexpected-request"),
        ("<a xmlns='urn:xmpp:sm:3' h='1'/>", "unexpected-request"),
        ("<resume xmlns='urn:xmpp:sm:3' previd='x'/>", "bad-request"),
        ("<resume xmlns='urn:xmpp:sm:3' h='1'/>", "bad-request"),
    ] {
        let failed = format!(
            "<failed xmlns='urn:xmpp:sm:3'><{condition} xmlns='{}'/></failed>\n",
            ns::STANZA_ERROR
        );
        assert_eq!(peer.say(xml), failed);
    }
    assert_eq!(peer.say(&bind("")), "[bind b1 -]\n");
}

#[test]
fn answers_that_lead_nowhere_have_an_end() {
    let mut peer = Peer::logged_in();
    for _ in 0..IDLE_ANSWERS_MAX {
        assert!(peer.say("<enable xmlns='urn:xmpp:sm:3'/>").starts_with("<failed "));
    }
    let said = peer.say("<enable xmlns='urn:xmpp:sm:3'/>");
    assert_eq!(stream_error(&said), Some("policy-violation"));
}

#[test]
fn refused_sessions_have_an_end_too() {
    let mut peer = Peer::logged_in();
    for _ in 0..IDLE_ANSWERS_MAX {
        assert_eq!(
            peer.say("<resume xmlns='urn:xmpp:sm:3' previd='guess' h='0'/>"),
            "[resume guess 0]\n"
        );
        peer.negotiation.reopen();
    }
    assert_eq!(stream_error(&peer.say(&bind(""))), Some("policy-violation"));
}

#[test]
fn reopening_a_negotiation_that_is_not_over_changes_nothing() {
    let mut peer = Peer::in_tls();
    peer.negotiation.reopen();
    assert!(peer.log_in_plain("juliet").contains("[authenticated"));
}

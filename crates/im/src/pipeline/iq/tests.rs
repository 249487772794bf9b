//! What holds for requests of every kind; attack rows 10 (after login), 20, 22 and 32.

use crate::features;
use crate::pipeline::iq::Target;
use crate::scene::Scene;
use crate::stanza::IqType;

/// Romeo, Juliet and Mercutio are online and have never met.
fn strangers() -> Scene {
    let mut s = Scene::new();
    for (name, resource) in [("romeo", "orchard"), ("juliet", "balcony"), ("mercutio", "street")] {
        s.account(&format!("{name}@localhost"));
        s.online(name, &format!("{name}@localhost/{resource}"));
    }
    s
}

#[test]
fn a_request_that_nobody_knows_is_refused_wherever_it_goes() {
    let mut s = strangers();
    for to in [
        "",
        " to='localhost'",
        " to='romeo@localhost'",
        " to='juliet@localhost'",
        " to='nobody@localhost'",
        " to='juliet@localhost/nowhere'",
        " to='nobody@localhost/nowhere'",
    ] {
        for kind in ["get", "set"] {
            s.sends(
                "romeo",
                &format!("<iq type='{kind}' id='1'{to}><x xmlns='urn:unknown'/></iq>"),
            );
            s.receives("romeo", &["type='error'", "id='1'", "<service-unavailable"]);
        }
    }
    s.receives_nothing("juliet");
}

#[test]
fn results_and_errors_that_nobody_waits_for_are_ignored() {
    let mut s = strangers();
    for to in ["", " to='localhost'", " to='juliet@localhost'", " to='nobody@localhost/x'"] {
        s.sends("romeo", &format!("<iq type='result' id='1'{to}/>"));
        let error = "<error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
        s.sends("romeo", &format!("<iq type='error' id='1'{to}>{error}</iq>"));
    }
    s.receives_nothing("romeo");
    s.receives_nothing("juliet");
}

#[test]
fn a_request_without_id_or_with_other_than_one_child_is_malformed() {
    let mut s = strangers();
    for xml in [
        "<iq type='get'><ping xmlns='urn:xmpp:ping'/></iq>",
        "<iq type='get' id='1'/>",
        "<iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/><x xmlns='y'/></iq>",
        "<iq type='other' id='1'><ping xmlns='urn:xmpp:ping'/></iq>",
        "<iq id='1'><ping xmlns='urn:xmpp:ping'/></iq>",
    ] {
        s.sends("romeo", xml);
        s.receives("romeo", &["<iq type='error'", "<bad-request"]);
    }
}

/// Attack row 10: every request any feature answers for an account, and one that none does, from somebody the account has
/// never met.
#[test]
fn a_stranger_cannot_tell_an_account_from_none_by_any_request() {
    let mut s = strangers();
    let known = features::ALL.iter().flat_map(|feature| feature.iqs);
    let mut asks: Vec<_> = known.map(|route| (route.name, route.ns, route.iq)).collect();
    asks.push(("x", "urn:unknown", IqType::Get));
    asks.push(("x", "urn:unknown", IqType::Set));
    for (name, ns, iq) in asks {
        let kind = if iq == IqType::Get { "get" } else { "set" };
        let mut said = Vec::new();
        for account in ["juliet@localhost", "offline@localhost", "nobody@localhost"] {
            for resource in ["", "/nowhere"] {
                let to = format!("{account}{resource}");
                s.sends(
                    "romeo",
                    &format!("<iq type='{kind}' id='1' to='{to}'><{name} xmlns='{ns}'/></iq>"),
                );
                let answer = s.take("romeo").concat().replace(&to, "SOMEBODY");
                assert!(answer.contains("type='error'"), "{kind} {name} {ns} {to}: {answer}");
                said.push((resource, answer));
            }
        }
        said.sort();
        said.dedup();
        assert_eq!(said.len(), 2, "{kind} {name} {ns}: {said:#?}");
        assert!(s.take("juliet").is_empty(), "{kind} {name} {ns}");
    }
}

/// Attack row 32: whatever an account's owner may ask of it, nobody else may, unless the feature says so.
#[test]
fn requests_that_others_may_make_of_an_account_are_these_and_no_others() {
    let mut open: Vec<String> = features::ALL
        .iter()
        .flat_map(|feature| feature.iqs.iter().map(move |route| (feature.name, route)))
        .filter(|(_, route)| route.target == Target::OtherAccount && route.iq == IqType::Get)
        .map(|(name, route)| format!("{name} {}", route.name))
        .collect();
    open.sort();
    let refused = ["archive", "blocking", "private", "roster"];
    open.retain(|ask| !refused.iter().any(|name| ask.starts_with(name)));
    assert_eq!(open, ["disco query", "disco query", "last query", "vcard vCard"]);
    let mut s = strangers();
    for (name, ns) in [
        ("query", "jabber:iq:roster"),
        ("query", "jabber:iq:private"),
        ("blocklist", "urn:xmpp:blocking"),
        ("query", "urn:xmpp:mam:2"),
        ("prefs", "urn:xmpp:mam:2"),
    ] {
        for kind in ["get", "set"] {
            let to = "juliet@localhost";
            s.sends(
                "romeo",
                &format!("<iq type='{kind}' id='1' to='{to}'><{name} xmlns='{ns}'/></iq>"),
            );
            s.receives("romeo", &["type='error'"]);
            s.receives_nothing("romeo");
        }
    }
}

/// Attack row 20.
#[test]
fn whoever_names_another_sender_loses_its_stream() {
    for stanza in [
        "<message to='juliet@localhost' FROM><body>b</body></message>",
        "<presence FROM/>",
        "<iq type='get' id='1' to='juliet@localhost/balcony' FROM><ping xmlns='urn:xmpp:ping'/></iq>",
    ] {
        for from in [
            "mercutio@localhost",
            "mercutio@localhost/street",
            "romeo@localhost/elsewhere",
            "localhost",
            "romeo@other.example/orchard",
            "juliet@localhost/balcony",
            "",
            "@@",
        ] {
            let mut s = strangers();
            s.take("romeo");
            s.sends("romeo", &stanza.replace("FROM", &format!("from='{from}'")));
            let said = s.take("romeo");
            let last = said.last().unwrap();
            assert!(last.contains("<stream:error><invalid-from "), "{from}: {said:?}");
            assert!(s.is_closed("romeo"));
            let heard = s.take("juliet");
            assert!(heard.is_empty(), "{from}: {heard:?}");
        }
    }
}

#[test]
fn whoever_names_itself_is_heard_and_its_full_address_is_what_others_see() {
    let mut s = strangers();
    for from in ["romeo@localhost", "romeo@localhost/orchard", "ROMEO@localhost/orchard"] {
        let ping = "<ping xmlns='urn:xmpp:ping'/>";
        let to = "juliet@localhost/balcony";
        s.sends("romeo", &format!("<iq type='get' id='1' to='{to}' from='{from}'>{ping}</iq>"));
        s.receives("juliet", &["from='romeo@localhost/orchard'", "urn:xmpp:ping"]);
    }
}

/// Attack row 22: a push is believed when it comes from the server, one's own account or nobody. Nothing a client sends
/// arrives like that.
#[test]
fn a_push_made_by_a_client_never_looks_like_the_servers() {
    let mut s = strangers();
    for payload in [
        "<query xmlns='jabber:iq:roster'><item jid='evil@localhost' subscription='both'/></query>",
        "<block xmlns='urn:xmpp:blocking'><item jid='evil@localhost'/></block>",
        "<unblock xmlns='urn:xmpp:blocking'/>",
    ] {
        for to in ["juliet@localhost/balcony", "juliet@localhost"] {
            s.sends("romeo", &format!("<iq type='set' id='1' to='{to}'>{payload}</iq>"));
            for heard in s.take("juliet") {
                assert!(heard.contains(" from='romeo@localhost/orchard'"), "{heard}");
            }
        }
    }
    s.sends("juliet", "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>");
    assert!(!s.receives("juliet", &["id='r'"]).contains("evil"));
    s.sends("juliet", "<iq type='get' id='b'><blocklist xmlns='urn:xmpp:blocking'/></iq>");
    assert!(!s.receives("juliet", &["id='b'"]).contains("evil"));
}

//! Attack row 10: from outside, an account that does not exist is one whose password is never right.

use super::*;
use crate::credentials::Hash;

/// What one login looks like from outside, with what legitimately differs taken out.
fn login(name: &str, mechanism: Mechanism) -> (String, Option<Vec<u8>>) {
    let mut peer = Peer::in_tls();
    let said = match mechanism {
        Mechanism::Plain => peer.auth("PLAIN", &client::plain("", name, "wrong")),
        _ => peer.log_in_scram(mechanism, name, "wrong"),
    };
    let challenge = inner(&said, "challenge");
    let shape = match &challenge {
        Some(challenge) => said.replace(&encode_message(challenge), "CHALLENGE"),
        None => said,
    };
    (shape.replace(name, "NAME"), challenge)
}

fn salt(challenge: &[u8]) -> String {
    let text = String::from_utf8(challenge.to_vec()).unwrap();
    text.split(",s=").nth(1).unwrap().split(',').next().unwrap().to_owned()
}

#[test]
fn known_and_unknown_accounts_look_the_same() {
    for &mechanism in Mechanism::ALL {
        let (known, known_challenge) = login("juliet", mechanism);
        let (unknown, unknown_challenge) = login("tybalt", mechanism);
        assert_eq!(known, unknown, "{}", mechanism.name());
        assert!(known.contains("[refused NAME@capulet.example not-authorized]"), "{known}");
        let (Some(one), Some(other)) = (known_challenge, unknown_challenge) else {
            assert_eq!(mechanism, Mechanism::Plain);
            continue;
        };
        assert_eq!(one.len(), other.len());
        let without_salt = |challenge: &[u8]| {
            String::from_utf8(challenge.to_vec()).unwrap().replace(&salt(challenge), "SALT")
        };
        assert_eq!(without_salt(&one), without_salt(&other));
    }
}

#[test]
fn the_salt_of_an_account_that_does_not_exist_never_changes() {
    let salt_of = |name, mechanism| salt(&login(name, mechanism).1.unwrap());
    let first = salt_of("tybalt", Mechanism::ScramSha1);
    assert_eq!(first, salt_of("tybalt", Mechanism::ScramSha1Plus));
    assert_eq!(first, salt_of("Tybalt", Mechanism::ScramSha256));
    assert_ne!(first, salt_of("paris", Mechanism::ScramSha1));
    let of_juliet = salt_of("juliet", Mechanism::ScramSha1);
    assert_eq!(of_juliet, salt_of("juliet", Mechanism::ScramSha256), "nor does a real one's");
}

#[test]
fn an_account_that_does_not_exist_is_not_let_in_even_if_its_check_says_so() {
    let mut peer = Peer::in_tls();
    let message = encode_message(&client::plain("", "tybalt", PASSWORD));
    let xml = format!("<auth xmlns='{}' mechanism='PLAIN'>{message}</auth>", ns::SASL);
    peer.hear(Heard::Element(Element::parse(xml.into_bytes().into()).unwrap()));
    let orders = peer.hear(Heard::Credentials(None));
    assert_eq!(said(&orders), "[verify]\n", "the work is done for nobody too");
    let refused = said(&peer.hear(Heard::PasswordVerified(true)));
    assert!(refused.contains("[refused tybalt@capulet.example not-authorized]"), "{refused}");

    // Nobody can prove a decoy's key, so the rule is shown on a proof that is right.
    let mut peer = Peer::in_tls();
    let juliet = ("juliet", PASSWORD);
    let (scram, first) = Scram::start(Hash::Sha256, juliet, Bound::Unsupported, "abc").unwrap();
    let challenge = inner(&peer.auth("SCRAM-SHA-256", &first), "challenge").unwrap();
    let (_, last) = scram.respond(&challenge, None, &mut SaltedPassword::default()).unwrap();
    match &mut peer.negotiation.state {
        State::ExpectResponse(state) => state.is_known = false,
        other => panic!("the challenge was sent: {other:?}"),
    }
    assert!(peer.respond(&last).contains("[refused juliet@capulet.example not-authorized]"));
}

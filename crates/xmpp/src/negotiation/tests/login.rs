//! RFC 6120 §6: logging in, failing to, and for whom (attack rows 7, 8).

use super::*;
use crate::sasl::client::ClientError;

const SUCCESS: &str = "[restart]\n<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'";

#[test]
fn every_mechanism_logs_the_right_account_in_with_and_without_initial_response() {
    for &mechanism in Mechanism::ALL.iter().filter(|mechanism| mechanism.hash().is_some()) {
        let said = Peer::in_tls().log_in_scram(mechanism, "Juliet", PASSWORD);
        let authenticated =
            format!("[authenticated juliet@capulet.example by {}]", mechanism.name());
        assert!(said.contains(&format!("{authenticated}\n{SUCCESS}>")), "{said}");
    }
    let mut peer = Peer::in_tls();
    assert_eq!(
        peer.log_in_plain("juliet"),
        format!(
            "[look up juliet@capulet.example]\n[verify]\n\
             [authenticated juliet@capulet.example by PLAIN]\n{SUCCESS}/>\n"
        )
    );
    assert_eq!(peer.negotiation.account().map(BareJid::as_str), Some("juliet@capulet.example"));
    let mut peer = Peer::in_tls();
    let said = peer.say("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'/>");
    assert_eq!(said, "<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>\n");
    assert!(peer.respond(&client::plain("", "juliet", PASSWORD)).contains(SUCCESS));
}

#[test]
fn a_refused_login_names_its_reason_and_leaves_the_next_attempt_open() {
    let element = |xml: &str| {
        let at = xml.find(['>', '/']).unwrap();
        format!("{} xmlns='{}'{}", &xml[..at], ns::SASL, &xml[at..])
    };
    for (condition, xml) in [
        ("invalid-mechanism", "<auth/>"),
        ("invalid-mechanism", "<auth mechanism='EXTERNAL'>=</auth>"),
        ("invalid-mechanism", "<auth mechanism='plain'>=</auth>"),
        ("incorrect-encoding", "<auth mechanism='PLAIN'>AGE</auth>"),
        ("incorrect-encoding", "<auth mechanism='PLAIN'> AGE= </auth>"),
        ("malformed-request", "<auth mechanism='PLAIN'>=</auth>"),
        ("malformed-request", "<auth mechanism='SCRAM-SHA-1'>=</auth>"),
        ("malformed-request", "<auth mechanism='SCRAM-SHA-1'>bm9uc2Vuc2U=</auth>"),
        ("malformed-request", "<response/>"),
        ("malformed-request", "<challenge/>"),
        ("malformed-request", "<success/>"),
        ("aborted", "<abort/>"),
    ] {
        let mut peer = Peer::in_tls();
        let said = peer.say(&element(xml));
        let failure = format!("<failure xmlns='{}'><{condition}/>", ns::SASL);
        assert!(said.starts_with(&failure), "{xml}: {said}");
        assert!(said.ends_with(&format!("[refused - {condition}]\n")), "{xml}: {said}");
        assert!(peer.log_in_plain("juliet").contains(SUCCESS), "{xml}");
    }
}

#[test]
fn an_exchange_can_be_aborted_and_derailed_only_into_a_refusal() {
    let xml = |name: &str| format!("<{name} xmlns='{}'/>", ns::SASL);
    for (name, condition) in
        [("abort", "aborted"), ("auth", "malformed-request"), ("challenge", "malformed-request")]
    {
        let mut peer = Peer::in_tls();
        peer.auth("SCRAM-SHA-256", b"n,,n=juliet,r=abc");
        let refused = format!("[refused juliet@capulet.example {condition}]\n");
        assert!(peer.say(&xml(name)).ends_with(&refused), "{name}");
        let mut peer = Peer::in_tls();
        peer.say("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'/>");
        assert!(peer.say(&xml(name)).ends_with(&format!("[refused - {condition}]\n")), "{name}");
        assert!(peer.log_in_plain("juliet").contains(SUCCESS));
    }
}

#[test]
fn a_client_that_was_shown_no_channel_binding_although_it_was_offered_is_refused() {
    let said = Peer::in_tls().auth("SCRAM-SHA-256", b"y,,n=juliet,r=abc");
    assert!(said.contains("[refused - not-authorized]"), "{said}");
    let mut other_connection = bindings();
    other_connection.exporter = Some([8; 32]);
    let mut peer = Peer::new(Config::default(), Some(other_connection));
    peer.open();
    let said = peer.log_in_scram(Mechanism::ScramSha256Plus, "juliet", PASSWORD);
    assert!(said.contains("[refused juliet@capulet.example not-authorized]"), "{said}");
}

#[test]
fn a_thinned_out_offer_is_noticed_by_the_client() {
    let mut peer = Peer::new(Config::default(), Some(bindings()));
    let seen = offer(&peer.open());
    let check = |peer: &mut Peer, seen: &Offer| {
        let (scram, first) = Scram::start(
            crate::credentials::Hash::Sha1,
            ("juliet", PASSWORD),
            Bound::Unsupported,
            "x",
        )
        .unwrap();
        let said = peer.auth("SCRAM-SHA-1", &first);
        let challenge = inner(&said, "challenge").unwrap();
        let answer = scram.respond(&challenge, Some(seen), &mut SaltedPassword::default());
        peer.say("<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
        answer.map(|_| ())
    };
    assert_eq!(check(&mut peer, &seen), Ok(()));
    let mut thinned = seen.clone();
    thinned.mechanisms.remove(0);
    assert_eq!(check(&mut peer, &thinned), Err(ClientError::Downgraded));
    let mut peer = Peer::in_tls();
    peer.config.downgrade_protection = false;
    let said = peer.auth("SCRAM-SHA-1", b"n,,n=juliet,r=abc");
    let challenge = inner(&said, "challenge").unwrap();
    assert!(!String::from_utf8(challenge).unwrap().contains(",h="));
}

#[test]
fn whoever_logs_in_is_exactly_the_account_whose_password_was_proved() {
    const NAMES: &[&str] = &[
        "",
        "juliet",
        "JULIET",
        "juliet@capulet.example",
        "Juliet@CAPULET.example",
        "juliet@capulet.example/balcony",
        "juliet@montague.example",
        "romeo",
        "romeo@capulet.example",
        "romeo@montague.example",
        "capulet.example",
        "@capulet.example",
        "juliet@capulet.example@montague.example",
        "juliet\u{2060}@capulet.example",
        "admin@capulet.example",
    ];
    let mut logins = 0;
    for authcid in NAMES {
        for authzid in NAMES {
            let escaped = |name: &str| name.replace('=', "=3D").replace(',', "=2C");
            let header = match authzid.is_empty() {
                true => "n,,".to_owned(),
                false => format!("n,a={},", escaped(authzid)),
            };
            let mut plain = Peer::in_tls();
            let by_plain = plain.auth("PLAIN", &client::plain(authzid, authcid, PASSWORD));
            let by_scram = scram_with_header(&mut Peer::in_tls(), &header, &escaped(authcid));
            for said in [by_plain, by_scram] {
                if said.contains("[authenticated") {
                    logins += 1;
                    assert!(said.contains("[authenticated juliet@capulet.example by"), "{said}");
                    assert!(authcid.eq_ignore_ascii_case("juliet"), "{authcid:?}");
                    let is_own = BareJid::parse(authzid)
                        .is_ok_and(|asked| asked.as_str() == "juliet@capulet.example");
                    assert!(authzid.is_empty() || is_own, "{authzid:?}");
                }
            }
        }
    }
    // Two spellings of the name; nothing, two spellings of the address and one with an ignorable character; two mechanisms.
    assert_eq!(logins, 2 * 4 * 2);
}

/// SCRAM with a GS2 header of our choice.
fn scram_with_header(peer: &mut Peer, header: &str, name: &str) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let bare = format!("n={name},r=abc");
    let mut all = peer.auth("SCRAM-SHA-256", format!("{header}{bare}").as_bytes());
    let Some(challenge) = inner(&all, "challenge") else { return all };
    let challenge = String::from_utf8(challenge).unwrap();
    let nonce = challenge[2..].split(',').next().unwrap();
    let salt = challenge.split(",s=").nth(1).unwrap().split(',').next().unwrap();
    let hash = crate::credentials::Hash::Sha256;
    let key =
        hash.salted_password(PASSWORD.as_bytes(), &STANDARD.decode(salt).unwrap(), ITERATIONS);
    let client_key = hash.hmac(&key, b"Client Key");
    let without_proof = format!("c={},r={nonce}", STANDARD.encode(header));
    let message = format!("{bare},{challenge},{without_proof}");
    let signature = hash.hmac(hash.digest(client_key.as_ref()).as_ref(), message.as_bytes());
    let proof: Vec<u8> =
        client_key.as_ref().iter().zip(signature.as_ref()).map(|(a, b)| a ^ b).collect();
    let last = format!("{without_proof},p={}", STANDARD.encode(proof));
    all.push_str(&peer.respond(last.as_bytes()));
    all
}

#[test]
fn the_last_attempt_that_fails_ends_the_stream() {
    let mut peer = Peer::in_tls();
    for attempt in 1..=3 {
        let said = peer.auth("PLAIN", &client::plain("", "juliet", "wrong"));
        let refused =
            "<not-authorized/></failure>\n[refused juliet@capulet.example not-authorized]\n";
        assert!(said.contains(refused), "{said}");
        let error = stream_error(&said);
        assert_eq!(error, (attempt == 3).then_some("policy-violation"), "attempt {attempt}");
    }
    assert_eq!(peer.log_in_plain("juliet"), "");
}

#[test]
fn attempts_are_counted_across_starttls() {
    let mut peer = Peer::new(Config::default(), None);
    peer.open();
    peer.log_in_plain("juliet");
    peer.log_in_plain("juliet");
    peer.say("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    peer.hear(Heard::TlsStarted(bindings()));
    peer.open();
    let said = peer.auth("PLAIN", b"nonsense");
    assert_eq!(stream_error(&said), Some("policy-violation"));
}

#[test]
fn what_could_not_be_found_out_is_no_verdict() {
    let waiting = |mechanism: &str, message: &[u8]| {
        let mut peer = Peer::in_tls();
        let xml = format!(
            "<auth xmlns='{}' mechanism='{mechanism}'>{}</auth>",
            ns::SASL,
            encode_message(message)
        );
        let element = Element::parse(xml.into_bytes().into()).unwrap();
        assert_eq!(said(&peer.hear(Heard::Element(element))), "[look up juliet@capulet.example]\n");
        assert!(peer.negotiation.is_waiting());
        peer
    };
    let unsure = || Heard::LoginRefused(FailureCondition::TemporaryAuthFailure.into());
    let refused = "<temporary-auth-failure/></failure>\n\
                   [refused juliet@capulet.example temporary-auth-failure]\n";
    let plain = client::plain("", "juliet", PASSWORD);
    assert!(said(&waiting("PLAIN", &plain).hear(unsure())).ends_with(refused));
    let mut verifying = waiting("PLAIN", &plain);
    verifying.hear(Heard::Credentials(Some(JULIET.clone())));
    assert!(verifying.negotiation.is_waiting());
    assert!(said(&verifying.hear(unsure())).ends_with(refused));
    let scram = b"n,,n=juliet,r=abc";
    assert!(said(&waiting("SCRAM-SHA-1", scram).hear(unsure())).ends_with(refused));
    let damaged = Heard::Credentials(Some(Bytes::from_static(b"damaged")));
    assert!(said(&waiting("SCRAM-SHA-1", scram).hear(damaged)).ends_with(refused));
    let unasked = said(&waiting("PLAIN", &plain).hear(Heard::PasswordVerified(true)));
    assert_eq!(stream_error(&unasked), Some("internal-server-error"));
}

#[test]
fn registration_is_handed_out_only_where_it_is_offered() {
    let iq = "<iq type='get' id='1'><query xmlns='jabber:iq:register'/></iq>";
    let mut peer = Peer::in_tls();
    assert_eq!(stream_error(&peer.say(iq)), Some("not-authorized"));
    let config = || Config { registration: true, ..Config::default() };
    let mut peer = Peer::new(config(), None);
    peer.open();
    assert_eq!(stream_error(&peer.say(iq)), Some("not-authorized"), "before TLS");
    let mut peer = Peer::new(config(), Some(bindings()));
    assert!(peer.open().contains("<register xmlns='http://jabber.org/features/iq-register'/>"));
    for _ in 0..IDLE_ANSWERS_MAX {
        assert_eq!(peer.say(iq), format!("[register capulet.example] {iq}\n"));
    }
    assert_eq!(stream_error(&peer.say(iq)), Some("policy-violation"), "there is an end to it");
}

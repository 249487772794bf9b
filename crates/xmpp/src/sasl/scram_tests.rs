//! The vectors of RFC 5802, RFC 7677 and XEP-0474, every mutation of them, and both sides of this crate against each other.

use super::super::FailureCondition;
use super::super::client::{Bound, ClientError, Offer, SaltedPassword, Scram};
use super::*;
use crate::credentials::{Credentials, ITERATIONS};
use std::num::NonZeroU32;

/// One login as its specification prints it.
struct Vector {
    mechanism: Mechanism,
    salt: &'static str,
    binding_data: &'static str,
    server_nonce: &'static str,
    downgrade: Option<&'static str>,
    client_first: &'static str,
    challenge: &'static str,
    client_final: &'static str,
    server_final: &'static str,
}

/// RFC 5802 §5, RFC 7677 §3, XEP-0474 §5.3; the password is "pencil" in all of them.
const VECTORS: &[Vector] = &[
    Vector {
        mechanism: Mechanism::ScramSha1,
        salt: "QSXCR+Q6sek8bf92",
        binding_data: "",
        server_nonce: "3rfcNHYJY1ZVvWVs7j",
        downgrade: None,
        client_first: "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
        challenge: "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
        client_final: "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,\
                       p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
        server_final: "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
    },
    Vector {
        mechanism: Mechanism::ScramSha256,
        salt: "W22ZaJ0SNY7soEsUEjb6gQ==",
        binding_data: "",
        server_nonce: "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
        downgrade: None,
        client_first: "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
        challenge: "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                    s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        client_final: "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                       p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        server_final: "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
    },
    Vector {
        mechanism: Mechanism::ScramSha1Plus,
        salt: "QSXCR+Q6sek8bf92",
        binding_data: "THIS IS FAKE CB DATA",
        server_nonce: "a09117a6-ac50-4f2f-93f1-93799c2bddf6",
        downgrade: Some("G6k/rBLDqgOhRRaCuuatSDFkJ08="),
        client_first: "p=tls-exporter,,n=user,r=12C4CD5C-E38E-4A98-8F6D-15C38F51CCC6",
        challenge: "r=12C4CD5C-E38E-4A98-8F6D-15C38F51CCC6a09117a6-ac50-4f2f-93f1-93799c2bddf6,\
                    s=QSXCR+Q6sek8bf92,i=4096,h=G6k/rBLDqgOhRRaCuuatSDFkJ08=",
        client_final: "c=cD10bHMtZXhwb3J0ZXIsLFRISVMgSVMgRkFLRSBDQiBEQVRB,\
                       r=12C4CD5C-E38E-4A98-8F6D-15C38F51CCC6a09117a6-ac50-4f2f-93f1-93799c2bddf6,\
                       x=19C6532F-1CF4-4A27-A18D-DC9CEA41BBB3,p=M/SIDjT+dfcxUh89jZEypRvFxB4=",
        server_final: "v=MQrMPvv7yv4x4Cq4W4Ih25EqS2c=",
    },
];

impl Vector {
    fn verifier(&self) -> (Hash, Verifier) {
        let hash = self.mechanism.hash().unwrap();
        let salt = STANDARD.decode(self.salt).unwrap();
        let salted = hash.salted_password(b"pencil", &salt, ITERATIONS);
        let client_key = hash.hmac(&salted, b"Client Key");
        let verifier = Verifier {
            salt,
            iterations: ITERATIONS,
            stored_key: hash.digest(client_key.as_ref()).as_ref().to_vec(),
            server_key: hash.hmac(&salted, b"Server Key").as_ref().to_vec(),
        };
        (hash, verifier)
    }

    /// Runs the server's side with these two messages of the client.
    fn run(
        &self,
        verifier: &(Hash, Verifier),
        client_first: &[u8],
        client_final: &[u8],
    ) -> Result<(String, String), Failure> {
        let first = ClientFirst::parse(client_first)?;
        let mut input = first.gs2_header.clone().into_bytes();
        input.extend_from_slice(self.binding_data.as_bytes());
        let (exchange, challenge) =
            Exchange::start(first, input, verifier.clone(), self.server_nonce, self.downgrade);
        Ok((challenge, exchange.finish(client_final)?))
    }
}

#[test]
fn the_vectors_of_the_specifications_come_out_as_printed() {
    for vector in VECTORS {
        let (first, last) = (vector.client_first.as_bytes(), vector.client_final.as_bytes());
        let said = vector.run(&vector.verifier(), first, last).unwrap();
        assert_eq!(said, (vector.challenge.to_owned(), vector.server_final.to_owned()));
    }
}

/// Every way to change one byte (several values), drop it or double it.
fn mutations(message: &str) -> impl Iterator<Item = Vec<u8>> + '_ {
    let bytes = message.as_bytes();
    (0..bytes.len()).flat_map(move |at| {
        let change = move |value: u8| [&bytes[..at], &[value], &bytes[at + 1..]].concat();
        let values = [bytes[at] ^ 1, bytes[at] ^ 0x20, bytes[at] ^ 0x80, 0, b',', b'=', b'A', b'/'];
        values.into_iter().map(change).chain([
            [&bytes[..at], &bytes[at + 1..]].concat(),
            [&bytes[..at], &bytes[at..=at], &bytes[at..]].concat(),
            bytes[..at].to_vec(),
        ])
    })
}

#[test]
fn no_changed_message_logs_in() {
    for vector in VECTORS {
        let verifier = vector.verifier();
        let (first, last) = (vector.client_first, vector.client_final);
        for changed in mutations(first).filter(|changed| changed != first.as_bytes()) {
            let said = vector.run(&verifier, &changed, last.as_bytes());
            assert!(said.is_err(), "{}", String::from_utf8_lossy(&changed));
        }
        for changed in mutations(last).filter(|changed| changed != last.as_bytes()) {
            let said = vector.run(&verifier, first.as_bytes(), &changed);
            assert!(said.is_err(), "{}", String::from_utf8_lossy(&changed));
        }
        let mut elsewhere = verifier.clone();
        elsewhere.1.stored_key[0] ^= 1;
        let said = vector.run(&elsewhere, first.as_bytes(), last.as_bytes());
        assert_eq!(said.unwrap_err(), Failure::NOT_AUTHORIZED);
    }
}

#[test]
fn a_right_proof_over_another_nonce_is_refused() {
    for vector in VECTORS {
        let (hash, verifier) = vector.verifier();
        let salted = hash.salted_password(b"pencil", &verifier.salt, ITERATIONS);
        let client_key = hash.hmac(&salted, b"Client Key");
        let bare = &vector.client_first[vector.client_first.find("n=").unwrap()..];
        let check = |last_byte_of_nonce: &str| {
            let (whole, _) = vector.client_final.split_once(",p=").unwrap();
            let without_proof = format!("{whole}{last_byte_of_nonce}");
            let spoken = format!("{bare},{},{without_proof}", vector.challenge);
            let signature = hash.hmac(&verifier.stored_key, spoken.as_bytes());
            let proof: Vec<u8> =
                client_key.as_ref().iter().zip(signature.as_ref()).map(|(a, b)| a ^ b).collect();
            let last = format!("{without_proof},p={}", STANDARD.encode(proof));
            let credentials = (hash, verifier.clone());
            vector.run(&credentials, vector.client_first.as_bytes(), last.as_bytes()).map(|_| ())
        };
        assert_eq!(check(""), Ok(()));
        // What is appended lands in the extension where there is one, else in the nonce.
        let expected = match vector.downgrade {
            None => Err(Failure::NOT_AUTHORIZED),
            Some(_) => Ok(()),
        };
        assert_eq!(check("x"), expected);
    }
}

#[test]
fn malformed_first_messages_are_told_apart_from_wrong_ones() {
    for wrong in [
        "",
        "n",
        "n,",
        "n,,",
        "n,,r=abc",
        "n,,n=,r=abc",
        "n,,n=a",
        "n,,n=a,r=",
        "n,,r=abc,n=a",
        "N,,n=a,r=abc",
        "x,,n=a,r=abc",
        "n=,,n=a,r=abc",
        "p,,n=a,r=abc",
        "p=,,n=a,r=abc",
        "p=tls_x,,n=a,r=abc",
        "n,a,n=a,r=abc",
        "n,a=,n=a,r=abc",
        "n,b=c,n=a,r=abc",
        "n,,m=x,n=a,r=abc",
        "n,,n=a=b,r=abc",
        "n,,n=a=2,r=abc",
        "n,,n=a=2c,r=abc",
        "n,,n=a=3E,r=abc",
        "n,,n=a,r=a\u{e4}c",
        "n,,n=a,r=a c",
        "n,,n=a,r=abc,",
        "n,,n=a,r=abc,x",
        "n,,n=a,r=abc,x=",
        "n,,n=a,r=abc,1=x",
        "n,,n=a\0,r=abc",
        "F,n,,n=a,r=abc",
    ] {
        let failure = ClientFirst::parse(wrong.as_bytes()).expect_err(wrong);
        assert_eq!(failure.condition, FailureCondition::MalformedRequest, "{wrong:?}");
    }
    assert!(ClientFirst::parse(b"n,,n=\xff,r=abc").is_err());
    let long = format!("n,,n=a,r={}", "x".repeat(CLIENT_NONCE_BYTES_MAX + 1));
    assert!(ClientFirst::parse(long.as_bytes()).is_err());
    assert!(ClientFirst::parse(&long.as_bytes()[..long.len() - 1]).is_ok());
}

#[test]
fn names_are_unescaped_and_optional_extensions_ignored() {
    let first = ClientFirst::parse(b"y,a=x=3Dy@z,n==2C=3D=2C,r=abc,x=ignored,y=a=b").unwrap();
    assert_eq!((first.authcid.as_str(), first.authzid.as_deref()), (",=,", Some("x=y@z")));
    assert_eq!(first.gs2_header, "y,a=x=3Dy@z,");
}

#[test]
fn channel_binding_is_accepted_only_as_it_was_offered() {
    let tls = ChannelBindings { exporter: Some([7; 32]), end_point: None };
    let check = |flag: &str, mechanism, plus_offered, bindings| {
        let first = ClientFirst::parse(format!("{flag},,n=a,r=abc").as_bytes()).unwrap();
        first.check_binding(mechanism, plus_offered, bindings).map_err(|f| f.condition)
    };
    let bound = [b"p=tls-exporter,,", &[7; 32][..]].concat();
    let malformed = || Err(FailureCondition::MalformedRequest);
    use Mechanism::{ScramSha1, ScramSha1Plus, ScramSha256, ScramSha256Plus};
    assert_eq!(check("n", ScramSha256, true, Some(&tls)), Ok(b"n,,".to_vec()));
    assert_eq!(check("n", ScramSha1, false, None), Ok(b"n,,".to_vec()));
    assert_eq!(check("y", ScramSha1, false, None), Ok(b"y,,".to_vec()));
    assert_eq!(
        check("y", ScramSha1, true, Some(&tls)),
        Err(FailureCondition::NotAuthorized),
        "somebody took the -PLUS mechanisms away"
    );
    assert_eq!(check("p=tls-exporter", ScramSha256Plus, true, Some(&tls)), Ok(bound));
    assert_eq!(check("p=tls-server-end-point", ScramSha1Plus, true, Some(&tls)), malformed());
    assert_eq!(check("p=tls-unique", ScramSha1Plus, true, Some(&tls)), malformed());
    assert_eq!(check("p=tls-exporter", ScramSha256Plus, true, None), malformed());
    assert_eq!(check("p=tls-exporter", ScramSha256, true, Some(&tls)), malformed());
    assert_eq!(check("n", ScramSha256Plus, true, Some(&tls)), malformed());
    assert_eq!(check("y", ScramSha256Plus, true, Some(&tls)), malformed());
}

#[test]
fn client_and_server_agree_exactly_when_both_know_the_password_and_the_same_connection() {
    let iterations = NonZeroU32::new(7).unwrap();
    let stored = Credentials::from_password("s\u{a0}ecret", [9; 16], iterations).unwrap();
    let check = |hash, password, server_data: &[u8], h: Option<&str>, offer: Option<&Offer>| {
        let bound = Bound::With("tls-exporter", b"data");
        let (scram, first) = Scram::start(hash, ("ju,li=et", password), bound, "xyz").unwrap();
        let first = ClientFirst::parse(&first).unwrap();
        assert_eq!(first.authcid, "ju,li=et");
        let input = [b"p=tls-exporter,,", server_data].concat();
        let verifier = (hash, stored.verifier(hash).clone());
        let (exchange, challenge) = Exchange::start(first, input, verifier, "abc", h);
        let mut salted = SaltedPassword::default();
        let (proven, last) =
            scram.respond(challenge.as_bytes(), offer, &mut salted).map_err(|e| e.to_string())?;
        let said = exchange.finish(&last).map_err(|e| e.condition.name().to_owned())?;
        assert_eq!(proven.clone().verify(b"v=AAAA"), Err(ClientError::ServerUnproven));
        assert!(proven.clone().verify(b"e=other-error").is_err());
        proven.verify(said.as_bytes()).map_err(|e| e.to_string())
    };
    let wrong = || Err("not-authorized".to_owned());
    for hash in [Hash::Sha1, Hash::Sha256] {
        assert_eq!(check(hash, "s ecret", b"data", None, None), Ok(()));
        assert_eq!(check(hash, "secret", b"data", None, None), wrong());
        assert_eq!(check(hash, "s ecret", b"dat", None, None), wrong());
        assert_eq!(check(hash, "s ecret", b"", None, None), wrong());
        let mechanisms = ["SCRAM-SHA-1-PLUS", "PLAIN"];
        let offered = downgrade_hash(hash, &mechanisms, &["tls-exporter"]);
        let mut offer = Offer {
            mechanisms: vec!["PLAIN".into(), "SCRAM-SHA-1-PLUS".into()],
            bindings: vec!["tls-exporter".into()],
        };
        assert_eq!(check(hash, "s ecret", b"data", Some(&offered), Some(&offer)), Ok(()));
        offer.mechanisms.pop();
        assert_eq!(
            check(hash, "s ecret", b"data", Some(&offered), Some(&offer)),
            Err(ClientError::Downgraded.to_string())
        );
    }
}

#[test]
fn the_downgrade_hash_is_the_one_of_xep_0474() {
    let found = downgrade_hash(
        Hash::Sha1,
        &["SCRAM-SHA-1-PLUS", "SCRAM-SHA-1"],
        &["tls-server-end-point", "tls-exporter"],
    );
    assert_eq!(found, "G6k/rBLDqgOhRRaCuuatSDFkJ08=");
}

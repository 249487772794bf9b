//! Rows 7, 8 and 10–13: what is tried on the way in.

use crate::raw::{Raw, sasl_data};
use crate::service::{Door, PASSWORD, Service};
use rustls::ClientConnection;
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};
use testkit::sasl::{Exchange, Mechanism};
use testkit::transport::{Bindings, Security};

/// No limit on guesses that a test would meet.
const NO_LIMITS: &str = "[limits]\nlogin_failures_per_address_max = 1_000_000\n\
                         login_failures_per_account_max = 1_000_000";

/// Runs SCRAM with what the client says changed by `change`; gives the verdict.
fn scram(
    service: &Service,
    mechanism: Mechanism,
    bindings: &Bindings,
    plus_was_offered: bool,
    change: impl Fn(String) -> String,
) -> String {
    let mut raw = Raw::connect(service, Door::Direct);
    raw.open();
    let user = ("romeo", PASSWORD);
    let (mut exchange, first) =
        Exchange::start(mechanism, user, bindings, plus_was_offered).unwrap();
    let first = change(String::from_utf8(first).unwrap());
    let challenge = raw.auth(mechanism.name(), first.as_bytes());
    if !challenge.contains("<challenge") {
        return challenge;
    }
    let Ok(last) = exchange.respond(&sasl_data(&challenge)) else { return "<failure>".to_owned() };
    raw.respond(change(String::from_utf8(last).unwrap()).as_bytes())
}

#[test]
fn no_changed_scram_message_and_no_downgrade_logs_in() {
    let service = Service::with(NO_LIMITS);
    let none = Bindings::default();
    let wrong = Bindings { exporter: Some(vec![1; 32]), end_point: None };
    let plain = Mechanism::ScramSha256;
    let same = |text: String| text;
    assert!(scram(&service, plain, &none, true, same).contains("<success"), "n,, is allowed");
    // The client could bind and was told that the server cannot: somebody took -PLUS away.
    assert!(scram(&service, plain, &wrong, false, same).contains("<failure"), "y,, is not");
    let plus = Mechanism::ScramSha256Plus;
    assert!(scram(&service, plus, &wrong, true, same).contains("<failure"), "another connection");
    type Change = fn(String) -> String;
    let changes: [(&str, Change); 6] = [
        ("y,, in the proof", |m| m.replace("c=biws", "c=eSws")),
        ("another nonce", |m| m.replace(",p=", "x,p=")),
        ("no proof", |m| m.split(",p=").next().unwrap_or_default().to_owned()),
        ("another proof", |m| match m.split_once(",p=") {
            Some((head, _)) => format!("{head},p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
            None => m,
        }),
        ("a binding without -PLUS", |m| m.replace("n,,n=", "p=tls-exporter,,n=")),
        ("a mandatory extension", |m| m.replace("n,,n=", "n,,m=x,n=")),
    ];
    for (what, change) in changes {
        let verdict = scram(&service, plain, &none, true, change);
        assert!(verdict.contains("<failure"), "{what}: {verdict}");
    }
}

#[test]
fn whoever_logs_in_is_the_account_whose_password_was_proved() {
    let service = Service::with(NO_LIMITS);
    let (mut let_in, mut refused) = (0, 0);
    for user in ["romeo", "juliet"] {
        for authzid in [
            "",
            "romeo@localhost",
            "juliet@localhost",
            "ROMEO@localhost",
            "localhost",
            "@",
            "romeo",
            "juliet@localhost/x",
            "juliet@elsewhere",
            "nobody@localhost",
        ] {
            let mut raw = Raw::connect(&service, Door::Direct);
            raw.open();
            if raw.plain(authzid, user, PASSWORD).contains("<success") {
                let_in += 1;
                let own = format!("{user}@localhost");
                assert!(authzid.is_empty() || authzid.eq_ignore_ascii_case(&own), "{authzid}");
                raw.open();
                let bound = raw.bind("r");
                assert!(bound.contains(&format!("<jid>{own}/r</jid>")), "{bound}");
            } else {
                refused += 1;
            }
        }
        let mut raw = Raw::connect(&service, Door::Direct);
        raw.open();
        let first =
            format!("n,a={},n={user},r=abc", if user == "romeo" { "juliet" } else { "romeo" });
        assert!(raw.auth("SCRAM-SHA-256", first.as_bytes()).contains("<failure"));
    }
    assert!(let_in >= 4 && refused >= 12, "{let_in} and {refused}");
}

/// What refusing a login looks like, with what legitimately differs taken out; and the salt.
fn refusal(service: &Service, mechanism: &str, name: &str) -> (String, String) {
    let mut raw = Raw::connect(service, Door::Direct);
    raw.open();
    if mechanism == "PLAIN" {
        return (raw.plain("", name, "wrong"), String::new());
    }
    let challenge = raw.auth(mechanism, format!("n,,n={name},r=abc").as_bytes());
    let data = String::from_utf8(sasl_data(&challenge)).unwrap();
    let parts: Vec<&str> = data.split(',').collect();
    let (nonce, salt, rest) = (parts[0], parts[1], parts[2..].join(","));
    let proof = match mechanism {
        "SCRAM-SHA-1" => "A".repeat(27),
        _ => "A".repeat(43),
    };
    let verdict = raw.respond(format!("c=biws,{nonce},p={proof}=").as_bytes());
    (format!("{} {} {rest} {verdict}", nonce.len(), salt.len()), salt.to_owned())
}

#[test]
fn unknown_accounts_are_refused_like_known_ones_also_after_a_restart() {
    let mut service = Service::with(NO_LIMITS);
    let mut salts = Vec::new();
    for restarted in [false, true] {
        for mechanism in ["PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256"] {
            let (known, _) = refusal(&service, mechanism, "romeo");
            let (unknown, salt) = refusal(&service, mechanism, "nobody");
            assert_eq!(known, unknown, "{mechanism}");
            assert!(known.contains("not-authorized"), "{known}");
            salts.push((mechanism, salt));
        }
        if !restarted {
            service.kill_and_restart();
        }
    }
    assert_eq!(salts[..3], salts[3..], "the salt of nobody is stable");
    // Times are reported, not judged: the machine is busy with other tests.
    for name in ["romeo", "nobody"] {
        let mut times: Vec<Duration> = (0..20)
            .map(|_| {
                let mut raw = Raw::connect(&service, Door::Direct);
                raw.open();
                let begun = Instant::now();
                raw.plain("", name, "wrong");
                begun.elapsed()
            })
            .collect();
        times.sort_unstable();
        eprintln!("median time of a wrong password of {name}: {:?}", times[times.len() / 2]);
    }
}

/// Guesses until the server says to wait; gives how many guesses it took.
fn guess(service: &Service, user: &str, source: Ipv4Addr, most: usize) -> usize {
    let mut guesses = 0;
    while guesses < most {
        let mut raw = Raw::connect_from(service, Door::Direct, source);
        raw.open();
        for _ in 0..2 {
            guesses += 1;
            if raw.plain("", user, "wrong").contains("temporary-auth-failure") {
                return guesses;
            }
        }
    }
    panic!("{most} guesses are allowed");
}

fn may_log_in(service: &Service, user: &str, source: Ipv4Addr) -> bool {
    let mut raw = Raw::connect_from(service, Door::Direct, source);
    raw.open();
    raw.plain("", user, PASSWORD).contains("<success")
}

#[test]
fn guessing_is_slowed_down_and_the_user_gets_in_from_elsewhere() {
    let service = Service::with(
        "[limits]\nlogin_failures_per_address_max = 5\nlogin_failures_per_account_max = 9\n\
         login_failure_forgiven_after = \"1h\"",
    );
    let address = |n| Ipv4Addr::new(127, 0, 0, n);
    assert!(may_log_in(&service, "romeo", address(2)));
    assert_eq!(guess(&service, "romeo", address(2), 20), 6);
    assert!(!may_log_in(&service, "romeo", address(2)), "the guesser waits even when it is right");
    assert!(!may_log_in(&service, "juliet", address(2)), "with every account");
    assert!(may_log_in(&service, "romeo", address(3)), "others do not wait");
    // Many addresses together meet the limit of the account.
    assert_eq!(guess(&service, "romeo", address(4), 20), 5);
    assert!(!may_log_in(&service, "romeo", address(5)));
    assert!(may_log_in(&service, "juliet", address(5)));
}

fn register(service: &Service, name: &str, source: Ipv4Addr) -> String {
    let mut raw = Raw::connect_from(service, Door::Direct, source);
    raw.open();
    raw.say(format!(
        "<iq type='set' id='reg1'><query xmlns='jabber:iq:register'><username>{name}</username>\
         <password>{PASSWORD}</password></query></iq>"
    ));
    raw.hear_or_end("id='reg1'")
}

#[test]
fn strangers_register_only_where_they_may_and_only_so_often() {
    let here = Ipv4Addr::new(127, 0, 0, 2);
    let service = Service::with("");
    let answer = register(&service, "mallory", here);
    assert!(!answer.contains("type='result'") && !answer.contains("iq-register"), "{answer}");
    assert!(!may_log_in(&service, "mallory", here));

    let service = Service::with(
        "[registration]\nallow = true\n[limits]\nlogin_failures_per_address_max = 5\n\
         login_failure_forgiven_after = \"1h\"",
    );
    let made = (0..20).filter(|n| register(&service, &format!("m{n}"), here).contains("result"));
    assert_eq!(made.count(), 5);
    assert!(register(&service, "n", Ipv4Addr::new(127, 0, 0, 3)).contains("type='result'"));
    assert!(may_log_in(&service, "m0", here), "whoever registered may log in");
    assert!(!may_log_in(&service, "m19", Ipv4Addr::new(127, 0, 0, 3)));
}

#[tokio::test]
async fn nothing_that_was_said_once_logs_in_again() {
    let service = Service::with("");
    let client = service.client(Security::DirectTls, "romeo", "orchard").await;
    let features = client.features.to_string();
    let mut raw = Raw::connect(&service, Door::Direct);
    let offered = raw.open();
    for one_shot in ["urn:xmpp:fast", "urn:xmpp:sasl:2", "tls-0rtt"] {
        assert!(!features.contains(one_shot) && !offered.contains(one_shot), "{offered}");
    }
    // SCRAM, word for word, on another connection.
    let user = ("romeo", PASSWORD);
    let none = Bindings::default();
    let (mut exchange, first) = Exchange::start(Mechanism::ScramSha1, user, &none, true).unwrap();
    let challenge = raw.auth("SCRAM-SHA-1", &first);
    let last = exchange.respond(&sasl_data(&challenge)).unwrap();
    assert!(raw.respond(&last).contains("<success"));
    let mut again = Raw::connect(&service, Door::Direct);
    again.open();
    assert!(again.auth("SCRAM-SHA-1", &first).contains("<challenge"));
    assert!(again.respond(&last).contains("<failure"), "an exchange can be replayed");
    assert!(!takes_early_data(&service), "TLS takes early data, which can be replayed");
}

/// Resumes a TLS session and asks whether data may go before the handshake is over.
fn takes_early_data(service: &Service) -> bool {
    let mut config = (*testkit::transport::client_config()).clone();
    config.resumption = Resumption::in_memory_sessions(8);
    config.enable_early_data = true;
    let config = std::sync::Arc::new(config);
    let connect = || {
        let name = ServerName::try_from("localhost").unwrap();
        let tls = ClientConnection::new(config.clone(), name).unwrap();
        (tls, crate::raw::tcp(service.address(Door::Direct), Ipv4Addr::LOCALHOST))
    };
    let (mut tls, mut tcp) = connect();
    tcp.set_read_timeout(Some(crate::service::PATIENCE)).unwrap();
    let mut stream = rustls::Stream::new(&mut tls, &mut tcp);
    stream.write_all(crate::raw::HEADER.as_bytes()).unwrap();
    // Tickets come with the first data.
    assert!(stream.read(&mut [0; 16]).unwrap() > 0);
    let (mut tls, _tcp) = connect();
    tls.early_data().is_some()
}

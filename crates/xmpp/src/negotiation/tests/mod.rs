//! The negotiation as a peer meets it: it says something, the orders come back as text.

mod binding;
mod enumeration;
mod login;
mod order;
mod starttls;
mod streams;

use super::*;
use crate::credentials::Credentials;
use crate::ns;
use crate::sasl::client::{self, Bound, Offer, SaltedPassword, Scram};
use crate::sasl::{decode_message, encode_message};
use std::sync::LazyLock;

const PASSWORD: &str = "r0m30myr0m30";
const ITERATIONS: NonZeroU32 = NonZeroU32::new(5).unwrap();

/// The only account is juliet@capulet.example.
static JULIET: LazyLock<Bytes> = LazyLock::new(|| {
    Credentials::from_password(PASSWORD, *b"0123456789abcdef", ITERATIONS).unwrap().encode()
});

/// Settings that own what they hold.
struct Config {
    domains: Vec<BareJid>,
    tls: TlsPolicy,
    tls_available: bool,
    mechanisms: Vec<Mechanism>,
    downgrade_protection: bool,
    registration: bool,
    attempts_max: u8,
}

impl Default for Config {
    fn default() -> Self {
        let domain = |name| BareJid::domain_only(name).unwrap();
        Self {
            domains: vec![domain("capulet.example"), domain("montague.example")],
            tls: TlsPolicy::Required,
            tls_available: true,
            mechanisms: Mechanism::ALL.to_vec(),
            downgrade_protection: true,
            registration: false,
            attempts_max: 3,
        }
    }
}

impl Config {
    fn settings(&self) -> Settings<'_> {
        Settings {
            domains: &self.domains,
            tls: self.tls,
            tls_available: self.tls_available,
            mechanisms: &self.mechanisms,
            server_secret: b"of the server",
            iterations: ITERATIONS,
            downgrade_protection: self.downgrade_protection,
            registration: self.registration,
            features_before_login: b"<before/>",
            features_after_login: b"<after/>",
            attempts_max: self.attempts_max,
        }
    }
}

/// A connection and the caller behind it.
struct Peer {
    config: Config,
    negotiation: Negotiation,
    draws: u8,
}

fn bindings() -> ChannelBindings {
    ChannelBindings { exporter: Some([7; 32]), end_point: Some(Bytes::from_static(b"certificate")) }
}

fn header() -> StreamHeader {
    StreamHeader {
        to: Some("capulet.example".into()),
        from: None,
        version: Some((1, 0)),
        lang: None,
        content_ns: ns::CLIENT.into(),
    }
}

impl Peer {
    fn new(config: Config, tls: Option<ChannelBindings>) -> Self {
        Self { config, negotiation: Negotiation::new(tls), draws: 0 }
    }

    /// A peer whose stream inside TLS is open.
    fn in_tls() -> Self {
        let mut peer = Self::new(Config::default(), Some(bindings()));
        peer.open();
        peer
    }

    /// A peer that may bind.
    fn logged_in() -> Self {
        let mut peer = Self::in_tls();
        assert!(peer.log_in_plain("juliet").contains("[authenticated"));
        peer.open();
        peer
    }

    fn hear(&mut self, heard: Heard) -> Vec<Order> {
        let draws = &mut self.draws;
        let mut entropy = || {
            *draws += 1;
            [*draws; 16]
        };
        self.negotiation.handle(heard, &self.config.settings(), &mut entropy)
    }

    fn open(&mut self) -> String {
        said(&self.hear(Heard::Header(header())))
    }

    /// Says an element and carries out whatever waits for an answer.
    fn say(&mut self, xml: &str) -> String {
        let element = Element::parse(Bytes::copy_from_slice(xml.as_bytes())).unwrap();
        let mut orders = self.hear(Heard::Element(element));
        let mut at = 0;
        while at < orders.len() {
            let answer = match &orders[at] {
                Order::LookUp { jid } => {
                    let is_juliet = jid.as_str() == "juliet@capulet.example";
                    Some(Heard::Credentials(is_juliet.then(|| JULIET.clone())))
                }
                Order::VerifyPassword(check) => Some(Heard::PasswordVerified(check.is_right())),
                _ => None,
            };
            if let Some(answer) = answer {
                orders.extend(self.hear(answer));
            }
            at += 1;
        }
        said(&orders)
    }

    fn auth(&mut self, mechanism: &str, message: &[u8]) -> String {
        let message = encode_message(message);
        self.say(&format!("<auth xmlns='{}' mechanism='{mechanism}'>{message}</auth>", ns::SASL))
    }

    fn respond(&mut self, message: &[u8]) -> String {
        let message = encode_message(message);
        self.say(&format!("<response xmlns='{}'>{message}</response>", ns::SASL))
    }

    fn log_in_plain(&mut self, name: &str) -> String {
        self.auth("PLAIN", &client::plain("", name, PASSWORD))
    }

    /// Runs SCRAM; gives all that was said, after checking the server's proof.
    fn log_in_scram(&mut self, mechanism: Mechanism, name: &str, password: &str) -> String {
        let bound = match mechanism.is_plus() {
            true => Bound::With("tls-exporter", &[7; 32]),
            false => Bound::Unsupported,
        };
        let hash = mechanism.hash().unwrap();
        let (scram, first) = Scram::start(hash, (name, password), bound, "nonce").unwrap();
        let mut all = self.auth(mechanism.name(), &first);
        let Some(challenge) = inner(&all, "challenge") else { return all };
        let (proven, last) =
            scram.respond(&challenge, None, &mut SaltedPassword::default()).unwrap();
        let answer = self.respond(&last);
        if let Some(last_word) = inner(&answer, "success") {
            proven.verify(&last_word).unwrap();
        }
        all.push_str(&answer);
        all
    }
}

/// The decoded message in the last element of this name.
fn inner(said: &str, name: &str) -> Option<Vec<u8>> {
    let start = said.rfind(&format!("<{name} "))?;
    let text = said[start..].split_once('>')?.1.split_once("</")?.0;
    decode_message(text).unwrap()
}

/// Orders as text, one a line.
fn said(orders: &[Order]) -> String {
    let text = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).unwrap();
    let line = |order: &Order| match order {
        Order::Send(bytes) => text(bytes),
        Order::StartTls { proceed } => format!("[start TLS after] {}", text(proceed)),
        Order::Restart => "[restart]".into(),
        Order::LookUp { jid } => format!("[look up {jid}]"),
        Order::VerifyPassword(_) => "[verify]".into(),
        Order::Authenticated { jid, mechanism } => format!("[authenticated {jid} by {mechanism}]"),
        Order::Refused { jid, condition } => {
            let jid = jid.as_ref().map_or("-", BareJid::as_str);
            format!("[refused {jid} {}]", condition.name())
        }
        Order::Bind { id, resource } => {
            format!("[bind {id} {}]", resource.as_deref().unwrap_or("-"))
        }
        Order::Resume { previd, h } => format!("[resume {previd} {h}]"),
        Order::Register { domain, iq } => format!("[register {domain}] {}", text(iq.bytes())),
        Order::Close(bytes) => format!("[close] {}", text(bytes)),
    };
    orders.iter().map(|order| line(order) + "\n").collect()
}

/// The condition in a `<stream:error/>`, if there is one.
fn stream_error(said: &str) -> Option<&str> {
    let rest = said.split_once("<stream:error><")?.1;
    assert!(said.contains("[close] "), "a stream error without closing: {said}");
    assert!(said.ends_with("</stream:error></stream:stream>\n"), "{said}");
    rest.split([' ', '/']).next()
}

/// What a client sees in the features.
fn offer(said: &str) -> Offer {
    let all = |from: &str, to: char| -> Vec<String> {
        said.split(from).skip(1).filter_map(|s| s.split(to).next()).map(str::to_owned).collect()
    };
    Offer { mechanisms: all("<mechanism>", '<'), bindings: all("<channel-binding type='", '\'') }
}

//! SASL (RFC 6120 §6) without I/O: mechanisms, their messages, the ways to fail. Randomness and stored credentials are
//! arguments.
//!
//! [`scram`] and [`plain`] are the server's side, [`client`] the other one for probes, tests and benches.
//! [`channel_binding`] is what ties a login to its TLS connection.

pub mod channel_binding;
pub mod client;
pub mod mechanism;
pub mod plain;
pub mod scram;

pub use channel_binding::{Binding, ChannelBindings};
pub use mechanism::Mechanism;

use crate::jid::{BareJid, prepare_local};
use crate::ns;
use crate::xml::Writer;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

macro_rules! conditions {
    ($($(#[$doc:meta])+ $variant:ident = $name:literal,)+) => {
        /// The conditions of RFC 6120 §6.5.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum FailureCondition { $($(#[$doc])+ $variant,)+ }
        impl FailureCondition {
            /// Every condition, in the order of the RFC.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];
            /// Element name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

conditions! {
    /// The client gave up.
    Aborted = "aborted",
    /// The account may not be used for now.
    AccountDisabled = "account-disabled",
    /// The password must be changed first.
    CredentialsExpired = "credentials-expired",
    /// The mechanism is only for encrypted streams.
    EncryptionRequired = "encryption-required",
    /// Not base64 as RFC 4648 §4 has it.
    IncorrectEncoding = "incorrect-encoding",
    /// The client may not act for this address, or it is none.
    InvalidAuthzid = "invalid-authzid",
    /// The mechanism was not offered.
    InvalidMechanism = "invalid-mechanism",
    /// The message breaks the rules of its mechanism.
    MalformedRequest = "malformed-request",
    /// The mechanism is weaker than what the account demands.
    MechanismTooWeak = "mechanism-too-weak",
    /// The credentials are wrong, or there is no such account.
    NotAuthorized = "not-authorized",
    /// We cannot tell for now.
    TemporaryAuthFailure = "temporary-auth-failure",
}

/// A failed login as the client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {text}", condition.name())]
pub struct Failure {
    /// The defined condition.
    pub condition: FailureCondition,
    /// A sentence for the person at the other end; may be empty.
    pub text: &'static str,
}

impl Failure {
    /// A condition with its sentence.
    pub const fn new(condition: FailureCondition, text: &'static str) -> Self {
        Self { condition, text }
    }
    /// The one answer to a wrong password, a wrong proof and an unknown account.
    pub const NOT_AUTHORIZED: Self = Self::new(FailureCondition::NotAuthorized, "");

    const fn malformed(text: &'static str) -> Self {
        Self::new(FailureCondition::MalformedRequest, text)
    }

    /// `<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>…</failure>`.
    pub fn to_bytes(self) -> Bytes {
        let mut w = Writer::new();
        w.open("failure").attr("xmlns", ns::SASL).open(self.condition.name()).close();
        if !self.text.is_empty() {
            w.open("text").attr("xml:lang", "en").text(self.text).close();
        }
        w.finish()
    }
}

impl From<FailureCondition> for Failure {
    fn from(condition: FailureCondition) -> Self {
        Self::new(condition, "")
    }
}

/// Decodes the text of `<auth/>` or `<response/>`: `None` when there is none, an empty message for `=` (RFC 6120 §6.4.2).
pub fn decode_message(text: &str) -> Result<Option<Vec<u8>>, Failure> {
    match text {
        "" => Ok(None),
        "=" => Ok(Some(Vec::new())),
        _ => STANDARD.decode(text).map(Some).map_err(|_| {
            Failure::new(FailureCondition::IncorrectEncoding, "this is not base64 without spaces")
        }),
    }
}

/// Encodes a message for `<challenge/>`, `<response/>`, `<auth/>` or `<success/>`; an empty one becomes `=`.
pub fn encode_message(message: &[u8]) -> String {
    if message.is_empty() { "=".into() } else { STANDARD.encode(message) }
}

/// The account that may be used when `authcid` has proved itself and asks to act as `authzid` (RFC 6120 §6.3.8): its own
/// and no other.
pub fn authorized_account(
    authcid: &str,
    authzid: Option<&str>,
    domain: &BareJid,
) -> Result<BareJid, Failure> {
    // A name that cannot be prepared belongs to nobody, whoever is registered here.
    let account = prepare_local(authcid)
        .and_then(|local| BareJid::from_parts(&local, domain.as_str()))
        .map_err(|_| Failure::NOT_AUTHORIZED)?;
    if account.local().is_none() {
        return Err(Failure::NOT_AUTHORIZED);
    }
    match authzid {
        None | Some("") => Ok(account),
        Some(authzid) if BareJid::parse(authzid).is_ok_and(|asked| asked == account) => Ok(account),
        Some(_) => Err(Failure::new(
            FailureCondition::InvalidAuthzid,
            "the authorization identity must be the bare JID of the account that logs in",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_taken_literally() {
        assert_eq!(decode_message(""), Ok(None));
        assert_eq!(decode_message("="), Ok(Some(vec![])));
        assert_eq!(decode_message("AGE="), Ok(Some(b"\0a".to_vec())));
        for wrong in ["AGE", "AGE==", " AGE=", "AGE=\n", "A-E=", "AGF=", "====", "AG=E"] {
            let failure = decode_message(wrong).unwrap_err();
            assert_eq!(failure.condition, FailureCondition::IncorrectEncoding, "{wrong:?}");
        }
        assert_eq!(encode_message(b""), "=");
        assert_eq!(encode_message(b"\0a"), "AGE=");
    }

    #[test]
    fn nobody_may_act_for_another_account() {
        let domain = BareJid::domain_only("capulet.example").unwrap();
        let check = |authcid, authzid| {
            authorized_account(authcid, authzid, &domain)
                .map(|jid| jid.to_string())
                .map_err(|failure| failure.condition)
        };
        let juliet = || Ok("juliet@capulet.example".to_owned());
        let refused = Err(FailureCondition::InvalidAuthzid);
        assert_eq!(check("juliet", None), juliet());
        assert_eq!(check("Juliet", Some("")), juliet());
        assert_eq!(check("juliet", Some("JULIET@capulet.example")), juliet());
        for other in [
            "romeo@capulet.example",
            "juliet@montague.example",
            "juliet@capulet.example/balcony",
            "juliet",
            "capulet.example",
            "@capulet.example",
            "juliet@",
            " ",
        ] {
            assert_eq!(check("juliet", Some(other)), refused, "{other:?}");
        }
        for nobody in ["", "ju liet", "a@b", "a/b", "romeo@capulet.example", "\u{1}"] {
            assert_eq!(check(nobody, None), Err(FailureCondition::NotAuthorized), "{nobody:?}");
        }
    }
}

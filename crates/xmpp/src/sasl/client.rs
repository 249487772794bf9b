//! The client's side of SCRAM and PLAIN, without I/O: for `steadfast probe`, test clients and the bench.
//!
//! It checks the server as strictly as the server checks it: a server that does not know the password, or an offer that was
//! thinned out on the way (XEP-0474), is refused.

use super::Mechanism;
use super::channel_binding::{Binding, ChannelBindings};
use super::scram::downgrade_hash;
use crate::credentials::{Hash, ITERATIONS_MAX, UnusablePassword, prepare_password};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::num::NonZeroU32;

/// Why a client gives up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The password cannot be prepared.
    #[error(transparent)]
    Password(#[from] UnusablePassword),
    /// The server's message is not what SCRAM demands.
    #[error("the server broke SCRAM: {0}")]
    Malformed(&'static str),
    /// The server's nonce does not continue ours.
    #[error("the server answered somebody else's login (its nonce does not continue ours)")]
    ForeignNonce,
    /// The server does not know the password's verifier.
    #[error("the server could not prove that it knows this account")]
    ServerUnproven,
    /// What the server offered and what we saw differ (XEP-0474).
    #[error("the list of offered mechanisms was changed on its way; somebody is in between")]
    Downgraded,
    /// No offered mechanism can be used.
    #[error("the server offers no mechanism that can be used here: {0}")]
    NothingOffered(String),
}

/// What the server offered in its features.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    /// Names of mechanisms.
    pub mechanisms: Vec<String>,
    /// Types of channel binding (XEP-0440).
    pub bindings: Vec<String>,
}

impl Offer {
    /// The strongest mechanism that can be used with these bindings, and the binding to use with it.
    pub fn choose(
        &self,
        mine: &ChannelBindings,
    ) -> Result<(Mechanism, Option<Binding>), ClientError> {
        let binding = mine.types().find(|binding| self.has_binding(*binding));
        let offered = |mechanism: &Mechanism| self.has_mechanism(*mechanism);
        Mechanism::ALL
            .iter()
            .copied()
            .filter(offered)
            .find(|mechanism| binding.is_some() || !mechanism.is_plus())
            .map(|mechanism| (mechanism, binding.filter(|_| mechanism.is_plus())))
            .ok_or_else(|| ClientError::NothingOffered(self.mechanisms.join(", ")))
    }
    /// Whether a mechanism was offered.
    pub fn has_mechanism(&self, mechanism: Mechanism) -> bool {
        self.mechanisms.iter().any(|name| name == mechanism.name())
    }
    fn has_binding(&self, binding: Binding) -> bool {
        self.bindings.iter().any(|name| name == binding.name())
    }
    /// What the server's `h=` must be.
    fn downgrade_hash(&self, hash: Hash) -> String {
        downgrade_hash(
            hash,
            &self.mechanisms.iter().map(String::as_str).collect::<Vec<_>>(),
            &self.bindings.iter().map(String::as_str).collect::<Vec<_>>(),
        )
    }
}

/// The message of PLAIN.
pub fn plain(authzid: &str, authcid: &str, password: &str) -> Vec<u8> {
    format!("{authzid}\0{authcid}\0{password}").into_bytes()
}

/// What the client says about channel binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound<'a> {
    /// `n`: we have none.
    Unsupported,
    /// `y`: we have some, the server offered none.
    NotOffered,
    /// `p=`: this type with this data.
    With(&'a str, &'a [u8]),
}

/// Salted passwords cost a millisecond each; a client that logs in often keeps the last one.
#[derive(Clone, Default)]
pub struct SaltedPassword {
    password: String,
    salt: Vec<u8>,
    iterations: u32,
    key: Vec<u8>,
}

impl std::fmt::Debug for SaltedPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SaltedPassword").finish_non_exhaustive()
    }
}

impl SaltedPassword {
    fn key(&mut self, hash: Hash, password: &str, salt: &[u8], iterations: NonZeroU32) -> &[u8] {
        let known = self.password == password
            && self.salt == salt
            && self.iterations == iterations.get()
            && self.key.len() == hash.output_bytes();
        if !known {
            let key = hash.salted_password(password.as_bytes(), salt, iterations);
            let (password, salt) = (password.to_owned(), salt.to_vec());
            *self = Self { password, salt, iterations: iterations.get(), key };
        }
        &self.key
    }
}

/// Waits for the server's challenge.
#[derive(Clone)]
pub struct Scram {
    hash: Hash,
    password: String,
    nonce: String,
    binding_input: Vec<u8>,
    bare: String,
}

impl std::fmt::Debug for Scram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scram").field("hash", &self.hash).finish_non_exhaustive()
    }
}

impl Scram {
    /// Begins; gives the client-first-message. `nonce` is printable, without comma, and new every time.
    pub fn start(
        hash: Hash,
        (authcid, password): (&str, &str),
        bound: Bound<'_>,
        nonce: &str,
    ) -> Result<(Self, Vec<u8>), ClientError> {
        let (header, data) = match bound {
            Bound::Unsupported => ("n,,".to_owned(), &[][..]),
            Bound::NotOffered => ("y,,".to_owned(), &[][..]),
            Bound::With(name, data) => (format!("p={name},,"), data),
        };
        let authcid = authcid.replace('=', "=3D").replace(',', "=2C");
        let bare = format!("n={authcid},r={nonce}");
        let message = format!("{header}{bare}").into_bytes();
        let mut binding_input = header.into_bytes();
        binding_input.extend_from_slice(data);
        let password = prepare_password(password)?;
        Ok((Self { hash, password, nonce: nonce.to_owned(), binding_input, bare }, message))
    }

    /// Answers the challenge; gives the client-final-message. `offer` is what we saw, for XEP-0474.
    pub fn respond(
        self,
        challenge: &[u8],
        offer: Option<&Offer>,
        salted: &mut SaltedPassword,
    ) -> Result<(ScramProven, Vec<u8>), ClientError> {
        let challenge = std::str::from_utf8(challenge)
            .map_err(|_| ClientError::Malformed("the challenge is not UTF-8"))?;
        let mut attributes = challenge.split(',');
        let mut next = |name: &str| {
            attributes
                .next()
                .and_then(|attribute| attribute.strip_prefix(name))
                .ok_or(ClientError::Malformed("the challenge lacks r=, s= or i="))
        };
        let (nonce, salt, iterations) = (next("r=")?, next("s=")?, next("i=")?);
        if !nonce.starts_with(&self.nonce) || nonce.len() == self.nonce.len() {
            return Err(ClientError::ForeignNonce);
        }
        let salt =
            STANDARD.decode(salt).map_err(|_| ClientError::Malformed("the salt is not base64"))?;
        let iterations = iterations
            .parse()
            .ok()
            .filter(|n: &NonZeroU32| n.get() <= ITERATIONS_MAX)
            .ok_or(ClientError::Malformed("the number of iterations is out of range"))?;
        let announced = attributes.find_map(|attribute| attribute.strip_prefix("h="));
        if let (Some(offer), Some(announced)) = (offer, announced)
            && announced != offer.downgrade_hash(self.hash)
        {
            return Err(ClientError::Downgraded);
        }
        let hash = self.hash;
        let key = salted.key(hash, &self.password, &salt, iterations);
        let without_proof = format!("c={},r={nonce}", STANDARD.encode(&self.binding_input));
        let auth_message = format!("{},{challenge},{without_proof}", self.bare).into_bytes();
        let client_key = hash.hmac(key, b"Client Key");
        let stored_key = hash.digest(client_key.as_ref());
        let signature = hash.hmac(stored_key.as_ref(), &auth_message);
        let proof: Vec<u8> = client_key
            .as_ref()
            .iter()
            .zip(signature.as_ref())
            .map(|(key, mask)| key ^ mask)
            .collect();
        let server_key = hash.hmac(key, b"Server Key");
        let expected = hash.hmac(server_key.as_ref(), &auth_message).as_ref().to_vec();
        let message = format!("{without_proof},p={}", STANDARD.encode(proof));
        Ok((ScramProven { expected }, message.into_bytes()))
    }
}

/// Waits for the server's proof.
#[derive(Clone, Debug)]
pub struct ScramProven {
    expected: Vec<u8>,
}

impl ScramProven {
    /// Checks the server-final-message that came with `<success/>`.
    pub fn verify(self, message: &[u8]) -> Result<(), ClientError> {
        let signature = message
            .strip_prefix(b"v=")
            .and_then(|signature| STANDARD.decode(signature).ok())
            .ok_or(ClientError::Malformed("the server's proof (v=) is missing"))?;
        verify_slices_are_equal(&signature, &self.expected).map_err(|_| ClientError::ServerUnproven)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(mechanisms: &[&str], bindings: &[&str]) -> Offer {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Offer { mechanisms: owned(mechanisms), bindings: owned(bindings) }
    }

    #[test]
    fn the_strongest_usable_mechanism_is_chosen() {
        let tls = ChannelBindings { exporter: Some([7; 32]), end_point: None };
        let all: Vec<&str> = Mechanism::ALL.iter().map(|m| m.name()).collect();
        let check = |offer: &Offer, mine: &ChannelBindings| offer.choose(mine).unwrap();
        assert_eq!(
            check(&offer(&all, &["tls-exporter"]), &tls),
            (Mechanism::ScramSha256Plus, Some(Binding::TlsExporter))
        );
        assert_eq!(check(&offer(&all, &["tls-unique"]), &tls), (Mechanism::ScramSha256, None));
        assert_eq!(
            check(&offer(&all, &["tls-exporter"]), &ChannelBindings::default()),
            (Mechanism::ScramSha256, None)
        );
        assert_eq!(check(&offer(&["PLAIN"], &[]), &tls), (Mechanism::Plain, None));
        assert!(offer(&["EXTERNAL"], &[]).choose(&tls).is_err());
    }

    #[test]
    fn a_kept_salted_password_serves_only_the_same_password_salt_and_hash() {
        let mut kept = SaltedPassword::default();
        let once = NonZeroU32::MIN;
        for (hash, password, salt) in [
            (Hash::Sha1, "a", b"x"),
            (Hash::Sha1, "a", b"x"),
            (Hash::Sha1, "b", b"x"),
            (Hash::Sha1, "b", b"y"),
            (Hash::Sha256, "b", b"y"),
        ] {
            let fresh = hash.salted_password(password.as_bytes(), salt, once);
            assert_eq!(kept.key(hash, password, salt, once), fresh, "{hash:?} {password}");
        }
    }

    #[test]
    fn a_server_that_breaks_scram_is_refused() {
        let check = |challenge: &[u8]| {
            let (scram, _) =
                Scram::start(Hash::Sha1, ("juliet", "secret"), Bound::Unsupported, "abc").unwrap();
            scram.respond(challenge, None, &mut SaltedPassword::default()).map(|_| ()).unwrap_err()
        };
        assert_eq!(check(b"r=abcdef"), ClientError::Malformed("the challenge lacks r=, s= or i="));
        assert_eq!(check(b"r=abxdef,s=QUFB,i=1"), ClientError::ForeignNonce);
        assert_eq!(check(b"r=abc,s=QUFB,i=1"), ClientError::ForeignNonce);
        for wrong in ["i=0", "i=99999999999", "i=-1", "i=10000001", "i="] {
            let challenge = format!("r=abcdef,s=QUFB,{wrong}");
            assert!(matches!(check(challenge.as_bytes()), ClientError::Malformed(_)), "{wrong}");
        }
        assert!(matches!(check(b"r=abcdef,s=?,i=1"), ClientError::Malformed(_)));
    }
}

//! SASL from the client's side: PLAIN (RFC 4616) and SCRAM with and without channel binding (RFC 5802, 7677, 9266).
//!
//! Written apart from the server's SASL on purpose. It verifies the server's signature, because a test that does not
//! would not notice a server that cannot produce one.

use crate::transport::Bindings;
use anyhow::{Context, Result, bail, ensure};
use aws_lc_rs::{digest, hmac, pbkdf2, rand};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};

/// A mechanism this client can do, strongest last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mechanism {
    /// PLAIN.
    Plain,
    /// SCRAM-SHA-1.
    ScramSha1,
    /// SCRAM-SHA-256.
    ScramSha256,
    /// SCRAM-SHA-1-PLUS.
    ScramSha1Plus,
    /// SCRAM-SHA-256-PLUS.
    ScramSha256Plus,
}

impl Mechanism {
    const ALL: [Self; 5] = [
        Self::Plain,
        Self::ScramSha1,
        Self::ScramSha256,
        Self::ScramSha1Plus,
        Self::ScramSha256Plus,
    ];

    /// Its registered name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha1 => "SCRAM-SHA-1",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha1Plus => "SCRAM-SHA-1-PLUS",
            Self::ScramSha256Plus => "SCRAM-SHA-256-PLUS",
        }
    }
    /// By its registered name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|m| m.name() == name)
    }
    fn is_plus(self) -> bool {
        matches!(self, Self::ScramSha1Plus | Self::ScramSha256Plus)
    }
    fn hash(self) -> Hash {
        match self {
            Self::ScramSha256 | Self::ScramSha256Plus => Hash::Sha256,
            _ => Hash::Sha1,
        }
    }
    /// The strongest of those offered; a -PLUS one only when a channel binding is known to both sides.
    pub fn strongest(offered: &[String], may_bind: bool) -> Option<Self> {
        offered.iter().filter_map(|m| Self::from_name(m)).filter(|m| may_bind || !m.is_plus()).max()
    }
}

/// The hash of a SCRAM mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hash {
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
}

impl Hash {
    fn hmac(self, key: &[u8], message: &[u8]) -> Vec<u8> {
        let algorithm = match self {
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => hmac::HMAC_SHA256,
        };
        hmac::sign(&hmac::Key::new(algorithm, key), message).as_ref().to_vec()
    }
    fn digest(self, message: &[u8]) -> Vec<u8> {
        let algorithm = match self {
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &digest::SHA256,
        };
        digest::digest(algorithm, message).as_ref().to_vec()
    }
    /// `SaltedPassword` of RFC 5802 §3.
    pub fn salted_password(self, password: &str, salt: &[u8], iterations: NonZeroU32) -> Vec<u8> {
        let (algorithm, len) = match self {
            Self::Sha1 => (pbkdf2::PBKDF2_HMAC_SHA1, 20),
            Self::Sha256 => (pbkdf2::PBKDF2_HMAC_SHA256, 32),
        };
        let mut out = vec![0; len];
        pbkdf2::derive(algorithm, iterations, salt, password.as_bytes(), &mut out);
        out
    }
    /// `StoredKey` and `ServerKey` of RFC 5802 §3.
    pub fn stored_and_server_key(self, salted: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let client_key = self.hmac(salted, b"Client Key");
        (self.digest(&client_key), self.hmac(salted, b"Server Key"))
    }
}

/// Salted passwords already computed, by everything they depend on.
type Salted = HashMap<(Hash, String, Vec<u8>, NonZeroU32), Vec<u8>>;

/// The salted password, computed once: a load generator that logs in thousands of times needs its CPU for other things.
fn salted_once(hash: Hash, password: &str, salt: &[u8], iterations: NonZeroU32) -> Vec<u8> {
    static CACHE: Mutex<Option<Salted>> = Mutex::new(None);
    let key = (hash, password.to_owned(), salt.to_owned(), iterations);
    let mut cache = CACHE.lock().unwrap_or_else(PoisonError::into_inner);
    let cache = cache.get_or_insert_default();
    let compute = || hash.salted_password(password, salt, iterations);
    cache.entry(key).or_insert_with(compute).clone()
}

/// A random printable token.
pub fn random_token() -> String {
    let mut bytes = [0u8; 18];
    rand::fill(&mut bytes).unwrap_or_else(|_| unreachable!("the kernel gives random bytes"));
    BASE64.encode(bytes).replace(['/', '+', '='], "x")
}

/// One exchange, to be fed the server's challenges.
pub struct Exchange {
    mechanism: Mechanism,
    password: String,
    gs2_header: String,
    binding_data: Vec<u8>,
    client_first_bare: String,
    nonce: String,
    server_signature: Option<Vec<u8>>,
}

impl Exchange {
    /// Starts; gives the exchange and its initial response. `cb_type` picks the binding of a -PLUS mechanism.
    pub fn start(
        mechanism: Mechanism,
        (user, password): (&str, &str),
        bindings: &Bindings,
        plus_was_offered: bool,
    ) -> Result<(Self, Vec<u8>)> {
        let nonce = random_token();
        let (gs2_header, binding_data) = if mechanism.is_plus() {
            if let Some(data) = &bindings.exporter {
                ("p=tls-exporter,,".to_owned(), data.clone())
            } else {
                let data = bindings.end_point.clone().context("no channel binding without TLS")?;
                ("p=tls-server-end-point,,".to_owned(), data)
            }
        } else if bindings.exporter.is_some() && !plus_was_offered {
            ("y,,".to_owned(), Vec::new())
        } else {
            ("n,,".to_owned(), Vec::new())
        };
        let name = user.replace('=', "=3D").replace(',', "=2C");
        let client_first_bare = format!("n={name},r={nonce}");
        let initial = match mechanism {
            Mechanism::Plain => format!("\0{user}\0{password}"),
            _ => format!("{gs2_header}{client_first_bare}"),
        };
        let exchange = Self {
            mechanism,
            password: password.to_owned(),
            gs2_header,
            binding_data,
            client_first_bare,
            nonce,
            server_signature: None,
        };
        Ok((exchange, initial.into_bytes()))
    }

    /// Answers the server's challenge.
    pub fn respond(&mut self, challenge: &[u8]) -> Result<Vec<u8>> {
        ensure!(self.mechanism != Mechanism::Plain, "PLAIN has no challenge");
        let server_first = std::str::from_utf8(challenge)?;
        let (mut nonce, mut salt, mut iterations) = (None, None, None);
        for part in server_first.split(',') {
            match part.split_once('=') {
                Some(("r", v)) => nonce = Some(v),
                Some(("s", v)) => salt = Some(BASE64.decode(v)?),
                Some(("i", v)) => iterations = Some(v.parse::<NonZeroU32>()?),
                _ => {}
            }
        }
        let nonce = nonce.context("no nonce in the server's first message")?;
        let salt = salt.context("no salt in the server's first message")?;
        let iterations = iterations.context("no iteration count in the server's first message")?;
        ensure!(nonce.starts_with(&self.nonce) && nonce.len() > self.nonce.len(), "not our nonce");
        let hash = self.mechanism.hash();
        let salted = salted_once(hash, &self.password, &salt, iterations);
        let mut binding = self.gs2_header.clone().into_bytes();
        binding.extend_from_slice(&self.binding_data);
        let without_proof = format!("c={},r={nonce}", BASE64.encode(binding));
        let auth = format!("{},{server_first},{without_proof}", self.client_first_bare);
        let client_key = hash.hmac(&salted, b"Client Key");
        let signature = hash.hmac(&hash.digest(&client_key), auth.as_bytes());
        let proof: Vec<u8> = client_key.iter().zip(&signature).map(|(a, b)| a ^ b).collect();
        let server_key = hash.hmac(&salted, b"Server Key");
        self.server_signature = Some(hash.hmac(&server_key, auth.as_bytes()));
        Ok(format!("{without_proof},p={}", BASE64.encode(proof)).into_bytes())
    }

    /// Checks what came with success: the server's signature.
    pub fn finish(&self, additional: &[u8]) -> Result<()> {
        if self.mechanism == Mechanism::Plain {
            return Ok(());
        }
        let expected =
            self.server_signature.as_ref().context("success before the exchange was over")?;
        let text = std::str::from_utf8(additional)?;
        let Some(signature) = text.strip_prefix("v=") else {
            bail!("success without the server's signature: {text:?}");
        };
        ensure!(BASE64.decode(signature)? == *expected, "the server's signature is wrong");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_7677_is_reproduced() {
        let (mut exchange, _) = Exchange::start(
            Mechanism::ScramSha256,
            ("user", "pencil"),
            &Bindings::default(),
            false,
        )
        .unwrap();
        exchange.nonce = "rOprNGfwEbeRWgbNEkqO".to_owned();
        exchange.client_first_bare = "n=user,r=rOprNGfwEbeRWgbNEkqO".to_owned();
        let response = exchange
            .respond(b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")
            .unwrap();
        assert_eq!(
            String::from_utf8(response).unwrap(),
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        exchange.finish(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=").unwrap();
        assert!(exchange.finish(b"v=AAAA").is_err());
    }

    #[test]
    fn the_strongest_mechanism_that_the_connection_allows_is_taken() {
        let offered = ["PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256-PLUS"].map(str::to_owned);
        assert_eq!(Mechanism::strongest(&offered, true), Some(Mechanism::ScramSha256Plus));
        assert_eq!(Mechanism::strongest(&offered, false), Some(Mechanism::ScramSha1));
    }
}

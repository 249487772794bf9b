//! What is stored of a password: SCRAM verifiers, from which neither the password nor a client's proof can be made.
//!
//! This file must never keep, print or return a password.

use crate::jid::BareJid;
use aws_lc_rs::{constant_time, digest, hmac, pbkdf2};
use bytes::Bytes;
use std::fmt;
use std::num::NonZeroU32;

/// PBKDF2 iterations of new accounts, unless configured otherwise (RFC 7677 §4 asks for at least this many).
pub const ITERATIONS: NonZeroU32 = NonZeroU32::new(4096).unwrap();
/// Upper bound of iterations believed when read back, so that damaged bytes cannot order hours of hashing.
pub const ITERATIONS_MAX: u32 = 10_000_000;
/// Bytes of the salts made here.
pub const SALT_BYTES: usize = 16;

/// First byte of the encoded form.
const FORMAT: u8 = 1;

/// A hash function of the SCRAM family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hash {
    /// SCRAM-SHA-1 (RFC 5802).
    Sha1,
    /// SCRAM-SHA-256 (RFC 7677).
    Sha256,
}

impl Hash {
    /// Bytes of its output.
    pub fn output_bytes(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }
    /// H() of RFC 5802 §2.2.
    pub fn digest(self, message: &[u8]) -> digest::Digest {
        let algorithm = match self {
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &digest::SHA256,
        };
        digest::digest(algorithm, message)
    }
    /// HMAC() of RFC 5802 §2.2.
    pub fn hmac(self, key: &[u8], message: &[u8]) -> hmac::Tag {
        let algorithm = match self {
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => hmac::HMAC_SHA256,
        };
        hmac::sign(&hmac::Key::new(algorithm, key), message)
    }
    /// Hi() of RFC 5802 §2.2: the salted password. Expensive by design.
    pub fn salted_password(self, password: &[u8], salt: &[u8], iterations: NonZeroU32) -> Vec<u8> {
        let algorithm = match self {
            Self::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
            Self::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
        };
        let mut out = vec![0; self.output_bytes()];
        pbkdf2::derive(algorithm, iterations, salt, password, &mut out);
        out
    }
}

/// What a server keeps to check one SCRAM mechanism (RFC 5802 §3).
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier {
    /// At most 255 bytes.
    pub salt: Vec<u8>,
    /// PBKDF2 iterations.
    pub iterations: NonZeroU32,
    /// H(ClientKey).
    pub stored_key: Vec<u8>,
    /// HMAC(SaltedPassword, "Server Key").
    pub server_key: Vec<u8>,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("iterations", &self.iterations).finish_non_exhaustive()
    }
}

/// The verifiers of one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// For SCRAM-SHA-1 and SCRAM-SHA-1-PLUS.
    pub sha1: Verifier,
    /// For SCRAM-SHA-256, SCRAM-SHA-256-PLUS and PLAIN.
    pub sha256: Verifier,
}

/// Why a text cannot be a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this cannot be a password: {0}")]
pub struct UnusablePassword(pub &'static str);

/// Why bytes are not stored credentials.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stored credentials cannot be read: {0}")]
pub struct NotCredentials(pub &'static str);

/// Prepares a password with SASLprep (RFC 4013), as both ends of SCRAM and PLAIN must.
pub fn prepare_password(password: &str) -> Result<String, UnusablePassword> {
    let prepared = stringprep::saslprep(password)
        .map_err(|_| UnusablePassword("it has a character that SASLprep (RFC 4013) forbids"))?;
    if prepared.is_empty() {
        return Err(UnusablePassword("it is empty"));
    }
    Ok(prepared.into_owned())
}

impl Verifier {
    /// From a password prepared by [`prepare_password`]. Expensive.
    fn from_prepared(hash: Hash, password: &str, salt: &[u8], iterations: NonZeroU32) -> Self {
        let salted = hash.salted_password(password.as_bytes(), salt, iterations);
        let client_key = hash.hmac(&salted, b"Client Key");
        Self {
            salt: salt.to_vec(),
            iterations,
            stored_key: hash.digest(client_key.as_ref()).as_ref().to_vec(),
            server_key: hash.hmac(&salted, b"Server Key").as_ref().to_vec(),
        }
    }
    fn encode(&self, out: &mut Vec<u8>) {
        assert!(
            self.salt.len() <= 255,
            "a salt is at most 255 bytes: every way to make one says so"
        );
        out.push(self.salt.len() as u8);
        out.extend_from_slice(&self.salt);
        out.extend_from_slice(&self.iterations.get().to_be_bytes());
        out.extend_from_slice(&self.stored_key);
        out.extend_from_slice(&self.server_key);
    }
    fn decode(hash: Hash, from: &mut &[u8]) -> Result<Self, NotCredentials> {
        let salt_bytes = take(from, 1)?[0] as usize;
        let salt = take(from, salt_bytes)?.to_vec();
        let number = take(from, 4)?;
        let iterations = u32::from_be_bytes([number[0], number[1], number[2], number[3]]);
        let iterations = NonZeroU32::new(iterations)
            .filter(|n| n.get() <= ITERATIONS_MAX)
            .ok_or(NotCredentials("the number of iterations is out of range"))?;
        let stored_key = take(from, hash.output_bytes())?.to_vec();
        let server_key = take(from, hash.output_bytes())?.to_vec();
        Ok(Self { salt, iterations, stored_key, server_key })
    }
}

impl Credentials {
    /// Makes the verifiers of a password. Expensive (two PBKDF2 runs): call it outside the core.
    pub fn from_password(
        password: &str,
        salt: [u8; SALT_BYTES],
        iterations: NonZeroU32,
    ) -> Result<Self, UnusablePassword> {
        let password = prepare_password(password)?;
        Ok(Self {
            sha1: Verifier::from_prepared(Hash::Sha1, &password, &salt, iterations),
            sha256: Verifier::from_prepared(Hash::Sha256, &password, &salt, iterations),
        })
    }

    /// What an account that does not exist is checked against, so that it looks like one that does: the same salt every
    /// time, as many iterations, keys that nobody has. Every check against it fails after the same work.
    pub fn decoy(server_secret: &[u8], account: &BareJid, iterations: NonZeroU32) -> Self {
        let derive = |what: &str| {
            let mut message = format!("steadfast decoy {what} ").into_bytes();
            message.extend_from_slice(account.as_str().as_bytes());
            Hash::Sha256.hmac(server_secret, &message).as_ref().to_vec()
        };
        let salt = derive("salt")[..SALT_BYTES].to_vec();
        let verifier = |bytes: usize, stored: &str, server: &str| Verifier {
            salt: salt.clone(),
            iterations,
            stored_key: derive(stored)[..bytes].to_vec(),
            server_key: derive(server)[..bytes].to_vec(),
        };
        Self {
            sha1: verifier(Hash::Sha1.output_bytes(), "sha1 stored", "sha1 server"),
            sha256: verifier(Hash::Sha256.output_bytes(), "sha256 stored", "sha256 server"),
        }
    }

    /// The verifier of one hash function.
    pub fn verifier(&self, hash: Hash) -> &Verifier {
        match hash {
            Hash::Sha1 => &self.sha1,
            Hash::Sha256 => &self.sha256,
        }
    }

    /// The form that is stored: a format number, then both verifiers.
    pub fn encode(&self) -> Bytes {
        let mut out = vec![FORMAT];
        self.sha1.encode(&mut out);
        self.sha256.encode(&mut out);
        out.into()
    }

    /// Reads the stored form.
    pub fn decode(bytes: &[u8]) -> Result<Self, NotCredentials> {
        let mut rest = bytes;
        if take(&mut rest, 1)?[0] != FORMAT {
            return Err(NotCredentials("their format is not known to this version"));
        }
        let sha1 = Verifier::decode(Hash::Sha1, &mut rest)?;
        let sha256 = Verifier::decode(Hash::Sha256, &mut rest)?;
        match rest {
            [] => Ok(Self { sha1, sha256 }),
            _ => Err(NotCredentials("bytes are left over at the end")),
        }
    }

    /// Whether this is the password. Expensive (one PBKDF2 run): call it outside the core. Takes the same time for every
    /// wrong password.
    pub fn verify_password(&self, password: &str) -> bool {
        let Ok(password) = prepare_password(password) else { return false };
        let mine = &self.sha256;
        let found = Verifier::from_prepared(Hash::Sha256, &password, &mine.salt, mine.iterations);
        constant_time::verify_slices_are_equal(&found.stored_key, &mine.stored_key).is_ok()
    }
}

fn take<'a>(from: &mut &'a [u8], bytes: usize) -> Result<&'a [u8], NotCredentials> {
    let (taken, rest) = from.split_at_checked(bytes).ok_or(NotCredentials("they end too early"))?;
    *from = rest;
    Ok(taken)
}

/// A password to be compared with stored credentials, for whoever may spend a millisecond on it.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordCheck {
    /// Encoded [`Credentials`], real or decoy.
    pub credentials: Bytes,
    /// What the client sent.
    pub password: String,
}

impl PasswordCheck {
    /// Compares. Expensive: call it outside the core. Credentials that cannot be read match nothing.
    pub fn is_right(&self) -> bool {
        Credentials::decode(&self.credentials).is_ok_and(|c| c.verify_password(&self.password))
    }
}

impl fmt::Debug for PasswordCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordCheck").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: [u8; SALT_BYTES] = *b"0123456789abcdef";

    fn juliet() -> Credentials {
        Credentials::from_password("r0m30myr0m30", SALT, ITERATIONS).unwrap()
    }

    #[test]
    fn only_the_password_itself_is_right() {
        let check = |password: &str| {
            PasswordCheck { credentials: juliet().encode(), password: password.into() }.is_right()
        };
        assert!(check("r0m30myr0m30"));
        for wrong in ["", "r0m30myr0m3", "r0m30myr0m300", "R0m30myr0m30", "r0m30\u{0}myr0m30"] {
            assert!(!check(wrong), "{wrong:?}");
        }
    }

    #[test]
    fn passwords_that_saslprep_makes_equal_are_equal() {
        let stored =
            Credentials::from_password("I\u{ad}X\u{a0}\u{2168}", SALT, ITERATIONS).unwrap();
        assert!(stored.verify_password("IX IX"));
        assert_eq!(prepare_password("\u{7}"), prepare_password("\u{8}"));
        assert!(prepare_password("\u{7}").is_err());
        assert!(prepare_password("").is_err());
        assert!(prepare_password("\u{ad}").is_err(), "nothing is left of it");
    }

    #[test]
    fn the_stored_form_reads_back_and_any_cut_or_change_of_length_is_refused() {
        let bytes = juliet().encode();
        assert_eq!(bytes.len(), 147);
        assert_eq!(Credentials::decode(&bytes), Ok(juliet()));
        for cut in 0..bytes.len() {
            assert!(Credentials::decode(&bytes[..cut]).is_err(), "cut at {cut}");
        }
        let mut longer = bytes.to_vec();
        longer.push(0);
        assert!(Credentials::decode(&longer).is_err());
        let mut newer = bytes.to_vec();
        newer[0] = 2;
        assert!(Credentials::decode(&newer).is_err());
        let mut no_iterations = bytes.to_vec();
        no_iterations[18..22].fill(0);
        assert!(Credentials::decode(&no_iterations).is_err());
        no_iterations[18..22].fill(255);
        assert!(Credentials::decode(&no_iterations).is_err());
    }

    #[test]
    fn nothing_secret_is_printed() {
        let check = PasswordCheck { credentials: juliet().encode(), password: "r0m30".into() };
        assert_eq!(format!("{check:?}"), "PasswordCheck { .. }");
        let shown = format!("{:?}", juliet());
        assert!(!shown.contains("stored_key") && !shown.contains("salt"), "{shown}");
    }

    #[test]
    fn a_decoy_is_stable_and_has_the_shape_of_real_credentials() {
        let account = |name: &str| BareJid::from_parts(name, "capulet.example").unwrap();
        let decoy = |secret: &[u8], name| Credentials::decoy(secret, &account(name), ITERATIONS);
        assert_eq!(decoy(b"secret", "tybalt"), decoy(b"secret", "tybalt"));
        assert_ne!(decoy(b"secret", "tybalt").sha1.salt, decoy(b"secret", "paris").sha1.salt);
        assert_ne!(decoy(b"secret", "tybalt").sha1.salt, decoy(b"other", "tybalt").sha1.salt);
        assert_eq!(decoy(b"secret", "tybalt").encode().len(), juliet().encode().len());
        assert_eq!(decoy(b"secret", "tybalt").sha1.salt, decoy(b"secret", "tybalt").sha256.salt);
        assert!(!decoy(b"secret", "tybalt").verify_password("r0m30myr0m30"));
    }
}

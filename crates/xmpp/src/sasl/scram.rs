//! The server's side of SCRAM (RFC 5802, RFC 7677), with channel binding (RFC 9266, RFC 5929 §4) and the downgrade
//! protection of XEP-0474.
//!
//! ```text
//! client-first ─► ClientFirst::parse ─► check_binding ─► Exchange::start ─► challenge
//! client-final ─► Exchange::finish ─► "v=…" or a Failure
//! ```
//!
//! It must never tell a wrong proof from an account that does not exist, by words or by work.

use super::{Binding, ChannelBindings, Failure, Mechanism};
use crate::credentials::{Hash, Verifier};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Bytes of a client's nonce that are accepted; it comes back to the client in the challenge.
pub const CLIENT_NONCE_BYTES_MAX: usize = 512;

/// What the client says about channel binding (RFC 5802 §6).
#[derive(Clone, Debug, PartialEq, Eq)]
enum Flag {
    /// `n`: it has none.
    Unsupported,
    /// `y`: it has some, and believes that we have not.
    NotOffered,
    /// `p=`: it uses this type.
    Used(String),
}

/// A parsed client-first-message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientFirst {
    /// The address to act as; `None` when absent.
    pub authzid: Option<String>,
    /// The account's name, not prepared.
    pub authcid: String,
    flag: Flag,
    /// `gs2-header`, with its last comma.
    gs2_header: String,
    /// `client-first-message-bare`.
    bare: String,
    nonce: String,
}

impl ClientFirst {
    /// Parses `gs2-header client-first-message-bare` (RFC 5802 §7).
    pub fn parse(message: &[u8]) -> Result<Self, Failure> {
        let message = as_text(message)?;
        let mut parts = message.splitn(3, ',');
        let (Some(flag), Some(authzid), Some(bare)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(Failure::malformed("the GS2 header has two commas"));
        };
        let flag = match flag.split_once('=') {
            None if flag == "n" => Flag::Unsupported,
            None if flag == "y" => Flag::NotOffered,
            Some(("p", name)) if is_binding_name(name) => Flag::Used(name.to_owned()),
            _ => return Err(Failure::malformed("the GS2 header begins with n, y or p=")),
        };
        let authzid = match authzid.split_once('=') {
            None if authzid.is_empty() => None,
            Some(("a", name)) => Some(unescape(name)?),
            _ => return Err(Failure::malformed("the second part of the GS2 header is a=")),
        };
        let gs2_header = message[..message.len() - bare.len()].to_owned();
        let mut attributes = bare.split(',');
        let authcid = match attributes.next().and_then(|a| a.split_once('=')) {
            Some(("n", name)) => unescape(name)?,
            Some(("m", _)) => {
                return Err(Failure::malformed("mandatory extensions are not supported"));
            }
            _ => return Err(Failure::malformed("the name (n=) is missing")),
        };
        let nonce = match attributes.next().and_then(|a| a.split_once('=')) {
            Some(("r", nonce)) if is_nonce(nonce) => nonce.to_owned(),
            _ => return Err(Failure::malformed("the nonce (r=) is missing, empty or too long")),
        };
        attributes.try_for_each(check_extension)?;
        Ok(Self { authzid, authcid, flag, gs2_header, bare: bare.to_owned(), nonce })
    }

    /// Compares what the client says about channel binding with what this stream has, and gives the bytes that its final
    /// message must repeat. `plus_offered` says whether a -PLUS mechanism stood in the features.
    pub fn check_binding(
        &self,
        mechanism: Mechanism,
        plus_offered: bool,
        bindings: Option<&ChannelBindings>,
    ) -> Result<Vec<u8>, Failure> {
        let mut input = self.gs2_header.clone().into_bytes();
        match (&self.flag, mechanism.is_plus()) {
            (Flag::Unsupported, false) => {}
            (Flag::NotOffered, false) if !plus_offered => {}
            (Flag::NotOffered, false) => {
                // RFC 5802 §6: somebody has taken the -PLUS mechanisms out of our features.
                return Err(Failure::new(
                    super::FailureCondition::NotAuthorized,
                    "channel binding was offered here; somebody has hidden that from you",
                ));
            }
            (Flag::Used(name), true) => {
                let data = Binding::from_name(name)
                    .and_then(|binding| bindings.and_then(|bindings| bindings.data(binding)))
                    .ok_or(Failure::malformed("this type of channel binding is not offered"))?;
                input.extend_from_slice(data);
            }
            (Flag::Used(_), false) => {
                return Err(Failure::malformed("channel binding needs a -PLUS mechanism"));
            }
            (_, true) => {
                return Err(Failure::malformed("a -PLUS mechanism needs channel binding (p=)"));
            }
        }
        Ok(input)
    }
}

/// After the challenge: all that is needed to check the client's proof.
#[derive(Clone, Debug)]
pub struct Exchange {
    hash: Hash,
    verifier: Verifier,
    /// gs2-header and binding data.
    binding_input: Vec<u8>,
    /// Both nonces.
    nonce: String,
    /// `client-first-message-bare "," server-first-message`.
    spoken: String,
}

impl Exchange {
    /// Makes the challenge (server-first-message).
    ///
    /// `server_nonce` is printable and without comma; `downgrade` is the value of [`downgrade_hash`] if XEP-0474 is on.
    pub fn start(
        first: ClientFirst,
        binding_input: Vec<u8>,
        (hash, verifier): (Hash, Verifier),
        server_nonce: &str,
        downgrade: Option<&str>,
    ) -> (Self, String) {
        let nonce = format!("{}{server_nonce}", first.nonce);
        let salt = STANDARD.encode(&verifier.salt);
        let mut challenge = format!("r={nonce},s={salt},i={}", verifier.iterations);
        if let Some(value) = downgrade {
            challenge.push_str(",h=");
            challenge.push_str(value);
        }
        let spoken = format!("{},{challenge}", first.bare);
        (Self { hash, verifier, binding_input, nonce, spoken }, challenge)
    }

    /// Checks the client's last word (client-final-message) and gives ours (server-final-message).
    pub fn finish(self, message: &[u8]) -> Result<String, Failure> {
        let message = as_text(message)?;
        let (without_proof, proof) =
            message.rsplit_once(",p=").ok_or(Failure::malformed("the proof (p=) is missing"))?;
        let mut attributes = without_proof.split(',');
        let binding = match attributes.next().and_then(|a| a.split_once('=')) {
            Some(("c", binding)) => STANDARD
                .decode(binding)
                .map_err(|_| Failure::malformed("the channel binding (c=) is not base64"))?,
            _ => return Err(Failure::malformed("the channel binding (c=) is missing")),
        };
        let nonce = match attributes.next().and_then(|a| a.split_once('=')) {
            Some(("r", nonce)) => nonce,
            _ => return Err(Failure::malformed("the nonce (r=) is missing")),
        };
        attributes.try_for_each(check_extension)?;
        let proof =
            STANDARD.decode(proof).map_err(|_| Failure::malformed("the proof is not base64"))?;
        if proof.len() != self.hash.output_bytes() {
            return Err(Failure::malformed("the proof has the wrong length"));
        }
        let auth_message = format!("{},{without_proof}", self.spoken);
        // All three are looked at every time, so that the answer takes as long whichever is wrong.
        let is_right = [
            verify_slices_are_equal(&binding, &self.binding_input).is_ok(),
            verify_slices_are_equal(nonce.as_bytes(), self.nonce.as_bytes()).is_ok(),
            self.is_proof(&proof, auth_message.as_bytes()),
        ];
        if is_right != [true; 3] {
            return Err(Failure::NOT_AUTHORIZED);
        }
        let signature = self.hash.hmac(&self.verifier.server_key, auth_message.as_bytes());
        Ok(format!("v={}", STANDARD.encode(signature)))
    }

    fn is_proof(&self, proof: &[u8], auth_message: &[u8]) -> bool {
        let signature = self.hash.hmac(&self.verifier.stored_key, auth_message);
        let client_key: Vec<u8> =
            proof.iter().zip(signature.as_ref()).map(|(proof, mask)| proof ^ mask).collect();
        let found = self.hash.digest(&client_key);
        verify_slices_are_equal(found.as_ref(), &self.verifier.stored_key).is_ok()
    }
}

/// The hash over everything offered that both ends sign, so that nobody can take the better part away (XEP-0474 §5.1).
pub fn downgrade_hash(hash: Hash, mechanisms: &[&str], bindings: &[&str]) -> String {
    let sorted = |names: &[&str]| {
        let mut names = names.to_vec();
        names.sort_unstable();
        names.join("\u{1e}")
    };
    let mut offered = sorted(mechanisms);
    if !bindings.is_empty() {
        offered.push('\u{1f}');
        offered.push_str(&sorted(bindings));
    }
    STANDARD.encode(hash.digest(offered.as_bytes()))
}

fn as_text(message: &[u8]) -> Result<&str, Failure> {
    match std::str::from_utf8(message) {
        Ok(text) if !text.contains('\0') => Ok(text),
        _ => Err(Failure::malformed("this is not UTF-8 without NUL")),
    }
}

/// `saslname`: `=2C` is a comma, `=3D` an equals sign, and no other `=` may stand there.
fn unescape(name: &str) -> Result<String, Failure> {
    let mut pieces = name.split('=');
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (code, rest) = piece.split_at_checked(2).unwrap_or(("", piece));
        match code {
            "2C" => out.push(','),
            "3D" => out.push('='),
            _ => return Err(Failure::malformed("in a name, = is written =3D and a comma =2C")),
        }
        out.push_str(rest);
    }
    match out.is_empty() {
        true => Err(Failure::malformed("a name must not be empty")),
        false => Ok(out),
    }
}

/// `printable`, not empty, of bounded length.
fn is_nonce(nonce: &str) -> bool {
    (1..=CLIENT_NONCE_BYTES_MAX).contains(&nonce.len())
        && nonce.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',')
}

/// `cb-name` of RFC 5801 §4.
fn is_binding_name(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
}

/// An optional extension is `ALPHA "=" value`; it is signed with the rest and otherwise ignored.
fn check_extension(attribute: &str) -> Result<(), Failure> {
    match attribute.as_bytes() {
        [name, b'=', _, ..] if name.is_ascii_alphabetic() => Ok(()),
        _ => Err(Failure::malformed("an extension is a letter, = and a value")),
    }
}

#[cfg(test)]
#[path = "scram_tests.rs"]
mod tests;

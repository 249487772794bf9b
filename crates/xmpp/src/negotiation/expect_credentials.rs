//! The account is being looked up. From here on an account that does not exist is treated as one that does, with a decoy in
//! place of its credentials.

use super::expect_header::Stream;
use super::expect_response::ExpectResponse;
use super::expect_verdict::ExpectVerdict;
use super::features::Offer;
use super::turn::Turn;
use super::{Heard, Order, State, login};
use crate::credentials::{Credentials, Hash, PasswordCheck};
use crate::jid::BareJid;
use crate::ns;
use crate::sasl::scram::{ClientFirst, Exchange, downgrade_hash};
use crate::sasl::{Binding, FailureCondition, Mechanism, encode_message};
use crate::xml::Writer;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::Bytes;

/// See [`State::ExpectCredentials`].
#[derive(Debug)]
pub(super) struct ExpectCredentials {
    pub(super) stream: Stream,
    pub(super) jid: BareJid,
    pub(super) mechanism: Mechanism,
    pub(super) method: Method,
}

/// What the peer wants to prove itself with.
pub(super) enum Method {
    /// The password itself.
    Plain {
        /// Not prepared.
        password: String,
    },
    /// Challenge and response.
    Scram {
        /// The mechanism's hash function.
        hash: Hash,
        /// The peer's first message.
        first: ClientFirst,
        /// What its last message must repeat.
        binding_input: Vec<u8>,
    },
}

impl std::fmt::Debug for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Plain { .. } => "Plain",
            Self::Scram { .. } => "Scram",
        })
    }
}

impl ExpectCredentials {
    pub(super) fn handle(self, heard: Heard, turn: &mut Turn<'_>) -> State {
        match heard {
            Heard::Credentials(found) => self.handle_credentials(found, turn),
            Heard::LoginRefused(failure) => {
                login::refuse(self.stream, Some(self.jid), failure, turn)
            }
            other => turn.close_unexpected(&other),
        }
    }

    fn handle_credentials(self, found: Option<Bytes>, turn: &mut Turn<'_>) -> State {
        let is_known = found.is_some();
        let settings = turn.settings;
        // Made and encoded in either case, so that an account that exists costs as much.
        let decoy = Credentials::decoy(settings.server_secret, &self.jid, settings.iterations);
        let decoy = decoy.encode();
        let encoded = found.unwrap_or(decoy);
        let Ok(credentials) = Credentials::decode(&encoded) else {
            let failure = FailureCondition::TemporaryAuthFailure.into();
            return login::refuse(self.stream, Some(self.jid), failure, turn);
        };
        let Self { stream, jid, mechanism, method } = self;
        let (hash, first, binding_input) = match method {
            Method::Scram { hash, first, binding_input } => (hash, first, binding_input),
            Method::Plain { password } => {
                let check = PasswordCheck { credentials: encoded, password };
                turn.order(Order::VerifyPassword(check));
                return State::ExpectVerdict(ExpectVerdict { stream, jid, is_known });
            }
        };
        let offer = Offer::new(settings, stream.tls.as_ref());
        let downgrade = settings.downgrade_protection.then(|| offered_hash(offer, hash));
        let nonce = STANDARD_NO_PAD.encode(turn.entropy.draw());
        let verifier = (hash, credentials.verifier(hash).clone());
        let (exchange, challenge) =
            Exchange::start(first, binding_input, verifier, &nonce, downgrade.as_deref());
        let mut w = Writer::new();
        w.open("challenge").attr("xmlns", ns::SASL).text(&encode_message(challenge.as_bytes()));
        turn.send(w.finish());
        State::ExpectResponse(ExpectResponse { stream, jid, mechanism, exchange, is_known })
    }
}

/// XEP-0474 over what stood in our features.
fn offered_hash(offer: Offer<'_>, hash: Hash) -> String {
    let mechanisms: Vec<&str> = offer.mechanisms().map(Mechanism::name).collect();
    let bindings: Vec<&str> = offer.bindings().into_iter().map(Binding::name).collect();
    downgrade_hash(hash, &mechanisms, &bindings)
}

//! The peer named a mechanism without its first message, got an empty challenge, and must send that message now.

use super::expect_credentials::{ExpectCredentials, Method};
use super::expect_header::Stream;
use super::features::Offer;
use super::turn::Turn;
use super::{Heard, Order, State, login};
use crate::jid::BareJid;
use crate::sasl::plain::Plain;
use crate::sasl::scram::ClientFirst;
use crate::sasl::{Failure, Mechanism, authorized_account};

/// See [`State::ExpectInitialResponse`].
#[derive(Debug)]
pub(super) struct ExpectInitialResponse {
    pub(super) stream: Stream,
    pub(super) mechanism: Mechanism,
}

impl ExpectInitialResponse {
    pub(super) fn handle(self, heard: Heard, turn: &mut Turn<'_>) -> State {
        match login::read_response(&heard) {
            Some(Ok(message)) => begin(self.stream, self.mechanism, &message, turn),
            Some(Err(failure)) => login::refuse(self.stream, None, failure, turn),
            None => turn.close_unexpected(&heard),
        }
    }
}

/// Takes the first message of a mechanism and has the account looked up.
pub(super) fn begin(
    stream: Stream,
    mechanism: Mechanism,
    message: &[u8],
    turn: &mut Turn<'_>,
) -> State {
    let offer = Offer::new(turn.settings, stream.tls.as_ref());
    match parse(&stream, mechanism, message, offer) {
        Ok((jid, method)) => {
            turn.order(Order::LookUp { jid: jid.clone() });
            State::ExpectCredentials(ExpectCredentials { stream, jid, mechanism, method })
        }
        Err(failure) => login::refuse(stream, None, failure, turn),
    }
}

fn parse(
    stream: &Stream,
    mechanism: Mechanism,
    message: &[u8],
    offer: Offer<'_>,
) -> Result<(BareJid, Method), Failure> {
    let Some(hash) = mechanism.hash() else {
        let plain = Plain::parse(message)?;
        let jid = authorized_account(&plain.authcid, plain.authzid.as_deref(), &stream.domain)?;
        return Ok((jid, Method::Plain { password: plain.password }));
    };
    let first = ClientFirst::parse(message)?;
    let binding_input = first.check_binding(mechanism, offer.has_plus(), stream.tls.as_ref())?;
    let jid = authorized_account(&first.authcid, first.authzid.as_deref(), &stream.domain)?;
    Ok((jid, Method::Scram { hash, first, binding_input }))
}

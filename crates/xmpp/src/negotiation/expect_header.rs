//! The peer must open a stream: the first one of the connection, or the first one inside TLS.

use super::expect_auth::ExpectAuth;
use super::expect_start_tls::ExpectStartTls;
use super::features::Offer;
use super::turn::Turn;
use super::{Heard, State, header};
use crate::jid::BareJid;
use crate::sasl::ChannelBindings;
use crate::xml::StreamHeader;

/// See [`State::ExpectHeader`].
#[derive(Debug)]
pub(super) struct ExpectHeader {
    /// Present when the stream runs in TLS.
    pub(super) tls: Option<ChannelBindings>,
}

/// An open stream that nobody has logged in on.
#[derive(Debug)]
pub(super) struct Stream {
    /// The domain the peer asked for.
    pub(super) domain: BareJid,
    /// Present when the stream runs in TLS.
    pub(super) tls: Option<ChannelBindings>,
}

impl ExpectHeader {
    pub(super) fn handle(self, heard: Heard, turn: &mut Turn<'_>) -> State {
        match heard {
            Heard::Header(header) => self.handle_header(&header, turn),
            other => turn.close_unexpected(&other),
        }
    }

    fn handle_header(self, header: &StreamHeader, turn: &mut Turn<'_>) -> State {
        let greeting = match header::check(header, turn.settings) {
            Ok(greeting) => greeting,
            Err((condition, text)) => return turn.close(condition, text),
        };
        let to = greeting.from.map(|from| from.to_string());
        let opening = turn.open_stream(&greeting.domain, to.as_deref());
        let offer = Offer::new(turn.settings, self.tls.as_ref());
        let (features, demands_tls) = (offer.to_bytes(), offer.demands_tls());
        turn.send([opening, features].concat().into());
        let stream = Stream { domain: greeting.domain, tls: self.tls };
        match demands_tls {
            true => State::ExpectStartTls(ExpectStartTls { stream }),
            false => State::ExpectAuth(ExpectAuth { stream }),
        }
    }
}

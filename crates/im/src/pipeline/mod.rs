//! What happens to a stanza, in order. Each kind has its file, each file its list of stages.

pub(crate) mod iq;
pub(crate) mod message;
pub(crate) mod presence;
pub(crate) mod render;

use crate::gather::{Gathered, Need, Work};
use crate::queue::Outgoing;
use crate::stanza::{IqType, Kind, Stanza, Unfit};
use crate::state::{Owner, State};
use bytes::Bytes;
use im_store::SessionId;
use xmpp::jid::Jid;
use xmpp::stanza_error::{ErrorType, StanzaError};
use xmpp::xml::Element;

/// A read failed.
pub(crate) const STORE_UNREADABLE: StanzaError = StanzaError::new(
    ErrorType::Wait,
    "internal-server-error",
    "The server could not read what it needs; try again later.",
);
/// Nobody there, or nobody who may be asked; the two look alike (RFC 6121 §8.5).
pub(crate) const UNAVAILABLE: StanzaError =
    StanzaError::new(ErrorType::Cancel, "service-unavailable", "");
/// A domain that is not served here; federation is not part of this service yet.
pub(crate) const NO_FEDERATION: StanzaError = StanzaError::new(
    ErrorType::Cancel,
    "remote-server-not-found",
    "This server does not talk to other domains.",
);
/// Attack row 46.
pub(crate) const NO_ROOM: StanzaError = StanzaError::new(
    ErrorType::Wait,
    "resource-constraint",
    "The server has no room to store this; try again later.",
);

impl State {
    /// A top-level element of a bound session that is a stanza.
    pub(crate) fn stanza_received(&mut self, id: SessionId, element: &Element) {
        let Some(session) = self.session(id) else { return };
        match Stanza::admit(element, &session.jid, &self.options) {
            Ok(stanza) => {
                if let Some(session) = self.session_mut(id) {
                    session.waiting = true;
                }
                self.submit(Work::Stanza { session: id, stanza: Box::new(stanza) });
            }
            Err(Unfit::Bounce(error)) => {
                self.send(id, Outgoing::own(error));
                self.stanza_handled(id);
            }
            Err(Unfit::Drop) => self.stanza_handled(id),
            Err(Unfit::Stream(error)) => self.break_stream(id, &error),
        }
    }

    /// What a stanza needs besides accounts.
    pub(crate) fn needs_of_stanza(&self, id: SessionId, stanza: &Stanza) -> Vec<Need> {
        match stanza.kind {
            Kind::Iq(_) => self.needs_of_iq(id, stanza),
            Kind::Message(_) | Kind::Presence(_) => Vec::new(),
        }
    }

    /// Everything a stanza needs is in memory: handle it to its end.
    pub(crate) fn stanza_gathered(
        &mut self,
        id: SessionId,
        stanza: &Stanza,
        gathered: Option<Gathered>,
    ) {
        // A session may have ended while its stanza waited: what it said before still counts.
        match gathered {
            None => self.bounce(stanza, &STORE_UNREADABLE),
            Some(gathered) => self.handle_stanza(id, stanza, gathered),
        }
        self.stanza_handled(id);
    }

    fn handle_stanza(&mut self, id: SessionId, stanza: &Stanza, gathered: Gathered) {
        let is_remote =
            stanza.to.as_ref().is_some_and(|to| self.owner_of(to.bare()) == Owner::Remote);
        if is_remote && !matches!(stanza.kind, Kind::Presence(_)) {
            return self.bounce(stanza, &NO_FEDERATION);
        }
        match stanza.kind {
            Kind::Message(kind) => self.message_from_session(id, stanza, kind),
            Kind::Presence(kind) => self.presence_from_session(id, stanza, kind),
            Kind::Iq(kind) => self.iq_from_session(id, stanza, kind, gathered),
        }
    }

    /// A stanza that the server made on an account's behalf; its recipient is in memory now.
    pub(crate) fn made_gathered(&mut self, stanza: &Stanza) {
        match stanza.kind {
            Kind::Message(kind) => self.message_to_account(stanza, kind),
            Kind::Presence(kind) => self.presence_to_account(stanza, kind),
            Kind::Iq(_) => self.deliver_to_full(stanza),
        }
    }

    /// Answers a stanza with an error, unless it must not be answered.
    pub(crate) fn bounce(&mut self, stanza: &Stanza, error: &StanzaError) {
        if let Some(bytes) = stanza.error(error) {
            self.answer(&stanza.from, bytes);
        }
    }

    /// Sends an answer (an error or an IQ result) to where the request came from.
    pub(crate) fn answer(&mut self, to: &Jid, bytes: Bytes) {
        if let Some(session) = self.session_at(to) {
            self.send(session, Outgoing::own(bytes));
        }
    }

    /// Passes a stanza to the session with exactly its `to`; false when there is none.
    pub(crate) fn pass_to_full(&mut self, stanza: &Stanza) -> bool {
        let Some(to) = &stanza.to else { return false };
        let Some(session) = self.session_at(to) else { return false };
        // Whoever asked waits for an answer, be it that there is none.
        let outlives = matches!(stanza.kind, Kind::Iq(IqType::Get | IqType::Set));
        self.send(session, Outgoing { outlives, ..Outgoing::own(stanza.bytes().clone()) });
        true
    }

    fn deliver_to_full(&mut self, stanza: &Stanza) {
        if !self.pass_to_full(stanza) {
            self.bounce(stanza, &UNAVAILABLE);
        }
    }
}

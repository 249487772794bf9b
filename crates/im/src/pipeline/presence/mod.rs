//! Presence (RFC 6121 §3, §4 and what §8 says of presence), in the order of a stanza's way:
//!
//! - without `to`: *announce* it to everybody who sees the user, then *greet* a session that has just become available;
//! - with `to`: *directed* presence, a *probe*, a *subscription* stanza, or an error that finds its session;
//! - nobody sent it: a session ended, and those who saw it are told.
//!
//! Only accounts with sessions receive presence, and those are always in memory. Presence never waits for a read, except
//! that a stanza with `to` has its recipient's account gathered.

mod announce;
mod copies;
mod directed;
mod greet;
mod limits;
#[cfg(test)]
mod model_tests;
mod subscription;
#[cfg(test)]
mod tests;

pub(crate) use limits::CopyAllowance;
pub(crate) use subscription::subscription_stanza;

use crate::features::blocking;
use crate::features::roster::subscription::Verb;
use crate::queue::Outgoing;
use crate::stanza::{PresenceType, Stanza};
use crate::state::State;
use bytes::Bytes;
use im_store::SessionId;
use xmpp::jid::{BareJid, Jid};
use xmpp::stanza_error::{ErrorType, StanzaError};

/// A probe or a subscription stanza has to name somebody.
const NO_RECIPIENT: StanzaError =
    StanzaError::new(ErrorType::Modify, "bad-request", "This presence needs an address in 'to'.");

impl State {
    /// Presence from one of our sessions.
    pub(crate) fn presence_from_session(
        &mut self,
        id: SessionId,
        stanza: &Stanza,
        kind: PresenceType,
    ) {
        let verb = verb_of(kind);
        let done = match (&stanza.to, kind) {
            (None, PresenceType::Available) => self.announce(id, stanza),
            (None, PresenceType::Unavailable) => {
                self.announce_unavailable(id, stanza.bytes());
                Ok(())
            }
            (_, PresenceType::Error) => {
                if !blocking::hides_from(self, stanza) {
                    self.pass_to_full(stanza);
                }
                Ok(())
            }
            (None, _) => Err(NO_RECIPIENT),
            (Some(to), _) => blocking::check_outgoing(self, stanza).and_then(|()| match verb {
                Some(verb) => self.subscription_from_session(stanza, to.bare(), verb),
                None if kind == PresenceType::Probe => self.probe_from_session(id, stanza, to),
                None => self.directed_from_session(id, stanza, to, kind),
            }),
        };
        if let Err(error) = done {
            self.bounce(stanza, &error);
        }
    }

    /// Presence that the server made, to an account of ours.
    pub(crate) fn presence_to_account(&mut self, stanza: &Stanza, kind: PresenceType) {
        let Some(to) = &stanza.to else { return };
        match verb_of(kind) {
            Some(verb) => {
                self.subscription_to_account(to.bare(), stanza.from.bare(), verb, stanza.bytes());
            }
            None if kind == PresenceType::Probe => {}
            None => self.deliver_presence(stanza, to),
        }
    }

    /// RFC 6121 §8.5.2.1 and §8.5.3.1: to all available sessions, or to the one that is named.
    fn deliver_presence(&mut self, stanza: &Stanza, to: &Jid) {
        if blocking::hides_from(self, stanza) {
            return;
        }
        for id in self.presence_targets(to) {
            self.send(id, Outgoing::lazy(stanza.bytes().clone()));
        }
    }

    fn presence_targets(&self, to: &Jid) -> Vec<SessionId> {
        if to.is_full() {
            self.session_at(to).into_iter().collect()
        } else {
            self.available_sessions(to.bare())
        }
    }

    /// Sessions of an account that have announced themselves (RFC 6121 §2.2: *available resources*), whatever their
    /// priority, those that wait to be resumed included.
    pub(crate) fn available_sessions(&self, account: &BareJid) -> Vec<SessionId> {
        let is_available = |id: &SessionId| self.session(*id).is_some_and(|s| s.is_available());
        self.sessions_of(account).iter().copied().filter(is_available).collect()
    }

    /// Whether one of the two blocks the other: then neither sees the other's presence (XEP-0191 §3.2).
    fn is_hidden(&self, one: &Jid, other: &Jid) -> bool {
        blocking::is_blocked(self, one.bare(), other)
            || blocking::is_blocked(self, other.bare(), one)
    }

    /// Presence of all available sessions with their last stanza.
    fn presences_of(&self, account: &BareJid) -> Vec<(Jid, Bytes)> {
        let shown = |id: &SessionId| {
            let session = self.session(*id).filter(|s| !s.is_ending())?;
            Some((session.jid.clone(), session.presence.as_ref()?.stanza.clone()))
        };
        self.sessions_of(account).iter().filter_map(shown).collect()
    }
}

fn verb_of(kind: PresenceType) -> Option<Verb> {
    match kind {
        PresenceType::Subscribe => Some(Verb::Subscribe),
        PresenceType::Subscribed => Some(Verb::Subscribed),
        PresenceType::Unsubscribe => Some(Verb::Unsubscribe),
        PresenceType::Unsubscribed => Some(Verb::Unsubscribed),
        PresenceType::Available
        | PresenceType::Error
        | PresenceType::Probe
        | PresenceType::Unavailable => None,
    }
}

//! What a session gets that has just become available: the presence of everybody it sees (RFC 6121 §4.2.2, as if each
//! contact had been probed, §4.3) and requests that wait for an answer (§3.1.3). And probes that clients send themselves.

use super::copies::{Copies, unavailable};
use super::subscription::subscription_stanza;
use crate::features::roster::subscription::Verb;
use crate::pipeline::NO_FEDERATION;
use crate::queue::Outgoing;
use crate::stanza::Stanza;
use crate::state::{Owner, State};
use bytes::Bytes;
use im_store::SessionId;
use xmpp::jid::{BareJid, Jid};
use xmpp::stanza_error::StanzaError;

impl State {
    /// Greets a session that has just become available.
    pub(super) fn greet(&mut self, id: SessionId) {
        let Some(session) = self.session(id) else { return };
        let jid = session.jid.clone();
        let to = jid.to_string();
        let shown = self.presences_seen_by(&jid);
        self.charge_copies(jid.bare(), shown.len(), mean_length(&shown));
        for stanza in shown {
            self.send(id, Outgoing::lazy(Copies::of(&stanza).to(&to)));
        }
        let Some(account) = self.account(jid.bare()) else { return };
        let requests: Vec<Bytes> =
            account.roster.requests().iter().map(|(_, stanza)| stanza.clone()).collect();
        for stanza in requests {
            self.send(id, Outgoing::own(stanza));
        }
    }

    /// Presence that a session sees: of the account's other sessions and of contacts, by both rosters.
    fn presences_seen_by(&self, jid: &Jid) -> Vec<Bytes> {
        let user = jid.bare();
        let Some(account) = self.account(user) else { return Vec::new() };
        let own = self.presences_of(user).into_iter().filter(|(from, _)| from != jid);
        let mut shown: Vec<Bytes> = own.map(|(_, stanza)| stanza).collect();
        for item in account.roster.items().iter().filter(|item| item.to) {
            let Some(contact) = self.account(&item.jid) else { continue };
            if contact.sessions.is_empty() || !contact.roster.has_from(user) {
                continue;
            }
            let presences = self.presences_of(&item.jid).into_iter();
            shown.extend(presences.filter(|(from, _)| !self.is_hidden(jid, from)).map(|p| p.1));
        }
        shown
    }

    /// A client asks for somebody's presence (§4.3.2). Whoever may not see it, and whoever asks for somebody who does not
    /// exist, is told the same.
    pub(super) fn probe_from_session(
        &mut self,
        id: SessionId,
        stanza: &Stanza,
        to: &Jid,
    ) -> Result<(), StanzaError> {
        let (jid, contact) = (&stanza.from, to.bare());
        match self.owner_of(contact) {
            Owner::Remote => return Err(NO_FEDERATION),
            Owner::Server => return Ok(()),
            Owner::Account => {}
        }
        self.check_copies(jid.bare())?;
        let mut presences = self.presences_of(contact);
        if !self.may_see(jid.bare(), contact) {
            // Somebody who was sent presence directly may ask about that session.
            presences.retain(|(from, _)| self.has_directed(from, jid));
            if presences.is_empty() {
                let refused = subscription_stanza(contact, jid.bare(), Verb::Unsubscribed);
                if let Some(refused) = refused {
                    self.send(id, Outgoing::own(refused.bytes().clone()));
                }
                return Ok(());
            }
        }
        presences.retain(|(from, _)| !to.is_full() || from == to);
        presences.retain(|(from, _)| !self.is_hidden(jid, from));
        let length = presences.first().map_or(0, |(_, stanza)| stanza.len());
        self.charge_copies(jid.bare(), presences.len() + 1, length);
        if presences.is_empty() {
            presences.push((to.clone(), unavailable(to)));
        }
        let asker = jid.to_string();
        for (_, stanza) in presences {
            self.send(id, Outgoing::lazy(Copies::of(&stanza).to(&asker)));
        }
        Ok(())
    }

    fn may_see(&self, user: &BareJid, contact: &BareJid) -> bool {
        user == contact || self.account(contact).is_some_and(|c| c.roster.has_from(user))
    }

    fn has_directed(&self, from: &Jid, to: &Jid) -> bool {
        self.session_at(from).and_then(|id| self.session(id)).is_some_and(|session| {
            session.directed.iter().any(|jid| jid == to || *jid == *to.bare())
        })
    }
}

fn mean_length(stanzas: &[Bytes]) -> usize {
    stanzas.iter().map(Bytes::len).sum::<usize>() / stanzas.len().max(1)
}

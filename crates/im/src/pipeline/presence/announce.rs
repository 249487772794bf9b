//! Presence without `to`: to everybody who sees the user (RFC 6121 §4.2, §4.4, §4.5).

use super::copies::{Copies, unavailable};
use crate::features::last;
use crate::gather::Work;
use crate::queue::Outgoing;
use crate::session::Presence;
use crate::stanza::Stanza;
use crate::state::State;
use bytes::Bytes;
use hashbrown::HashSet;
use im_store::SessionId;
use xmpp::jid::{BareJid, Jid};
use xmpp::ns;
use xmpp::stanza_error::{ErrorType, StanzaError};

/// RFC 6121 §4.7.2.3.
const NOT_A_PRIORITY: StanzaError = StanzaError::new(
    ErrorType::Modify,
    "bad-request",
    "A priority is a whole number from -128 to 127.",
);
const TOO_LONG: StanzaError =
    StanzaError::new(ErrorType::Modify, "policy-violation", "The presence is too long.");

/// Bytes of presence that is announced; it is kept with the session and copied to every contact.
const PRESENCE_BYTES_MAX: usize = 32 * 1024;

/// Sessions that see somebody's presence, with the address each copy is for.
type Watchers = Vec<(BareJid, SessionId)>;

impl State {
    /// Initial presence (§4.2) and what follows it (§4.4).
    pub(super) fn announce(&mut self, id: SessionId, stanza: &Stanza) -> Result<(), StanzaError> {
        let priority = priority(stanza)?;
        if stanza.bytes().len() > PRESENCE_BYTES_MAX {
            return Err(TOO_LONG);
        }
        let account = stanza.from.bare();
        self.check_copies(account)?;
        let Some(session) = self.session(id).filter(|s| !s.is_ending()) else { return Ok(()) };
        let before = session.priority();
        // A copy of its own, so that a session holds no memory but what it needs.
        let stanza_kept = Bytes::copy_from_slice(stanza.bytes());
        self.change_session(id, |session| {
            session.presence = Some(Box::new(Presence { stanza: stanza_kept, priority }));
        });
        let watchers = self.watchers(&stanza.from);
        self.charge_copies(account, watchers.len(), stanza.bytes().len());
        self.send_copies(&watchers, stanza.bytes());
        if before.is_none() {
            self.greet(id);
        }
        let takes_messages = priority >= 0 && before.is_none_or(|before| before < 0);
        if takes_messages && self.account(account).is_some_and(|a| a.offline > 0) {
            self.submit(Work::Offline { session: id, account: account.clone() });
        }
        Ok(())
    }

    /// The user leaves with a word (§4.5).
    pub(super) fn announce_unavailable(&mut self, id: SessionId, stanza: &Bytes) {
        let Some(session) = self.session(id).filter(|s| !s.is_ending()) else { return };
        if !session.is_available() && session.directed.is_empty() {
            return;
        }
        let from = session.jid.clone();
        // The session itself hears of it as well, if it was there.
        let was_available = session.is_available();
        let watchers = if was_available { self.watchers(&from) } else { Vec::new() };
        let directed = self.leave(id);
        if was_available {
            last::presence_ended(self, from.bare(), Some(stanza));
        }
        self.say_goodbye(&from, watchers, directed, stanza);
    }

    /// A session is present no more (it ended): tell everybody who saw it (§4.5, §4.6.3).
    pub(crate) fn presence_of_ended(&mut self, id: SessionId) {
        let Some(session) = self.session(id) else { return };
        let was_available = session.is_available();
        if !was_available && session.directed.is_empty() {
            return;
        }
        let from = session.jid.clone();
        let mut directed = self.leave(id);
        directed.retain(|to| *to != from);
        let watchers = if was_available { self.watchers(&from) } else { Vec::new() };
        if was_available {
            last::presence_ended(self, from.bare(), None);
        }
        self.say_goodbye(&from, watchers, directed, &unavailable(&from));
    }

    /// Takes the session's presence away; gives whom it had sent presence directly.
    fn leave(&mut self, id: SessionId) -> Vec<Jid> {
        let mut directed = Vec::new();
        self.change_session(id, |session| {
            session.presence = None;
            directed = std::mem::take(&mut session.directed);
        });
        directed
    }

    /// Whoever got presence directly hears of the departure once, like everybody else.
    fn say_goodbye(&mut self, from: &Jid, watchers: Watchers, directed: Vec<Jid>, stanza: &Bytes) {
        self.charge_copies(from.bare(), watchers.len() + directed.len(), stanza.len());
        self.send_copies(&watchers, stanza);
        if directed.is_empty() {
            return;
        }
        let told: HashSet<SessionId> = watchers.iter().map(|(_, id)| *id).collect();
        let copies = Copies::of(stanza);
        for to in directed {
            let copy = copies.to(&to.to_string());
            for id in self.presence_targets(&to) {
                let Some(session) = self.session(id) else { continue };
                if !told.contains(&id) && !self.is_hidden(from, &session.jid) {
                    self.send(id, Outgoing::lazy(copy.clone()));
                }
            }
        }
    }

    /// Sessions that see a session's presence: the account's own that are available (§4.2.2: itself included), and
    /// those of contacts that have a subscription, by both rosters.
    fn watchers(&self, from: &Jid) -> Watchers {
        let user = from.bare();
        let Some(account) = self.account(user) else { return Vec::new() };
        let own = self.available_sessions(user).into_iter().map(|id| (user.clone(), id));
        let mut watchers: Watchers = own.collect();
        for item in account.roster.items().iter().filter(|item| item.from) {
            let Some(contact) = self.account(&item.jid) else { continue };
            if contact.sessions.is_empty() || !contact.roster.has_to(user) {
                continue;
            }
            for id in &contact.sessions {
                let Some(session) = self.session(*id) else { continue };
                if session.is_available() && !self.is_hidden(from, &session.jid) {
                    watchers.push((item.jid.clone(), *id));
                }
            }
        }
        watchers
    }

    fn send_copies(&mut self, watchers: &Watchers, stanza: &Bytes) {
        let copies = Copies::of(stanza);
        let mut latest: Option<(&BareJid, Bytes)> = None;
        for (to, id) in watchers {
            let copy = match &latest {
                Some((jid, copy)) if *jid == to => copy.clone(),
                _ => copies.to(to.as_str()),
            };
            latest = Some((to, copy.clone()));
            self.send(*id, Outgoing::lazy(copy));
        }
    }

    // ---- one account's presence for another -----------------------------------------------------------------------

    /// Sends the presence of all of a user's sessions to somebody who sees it from now on (§3.1.5; XEP-0191 §3.3).
    pub(crate) fn show_presence(&mut self, user: &BareJid, to: &BareJid) {
        if !self.account(to).is_some_and(|contact| contact.roster.has_to(user)) {
            return;
        }
        for (from, stanza) in self.presences_of(user) {
            self.send_presence_to(&from, &stanza, to, true);
        }
    }

    /// Sends unavailable presence of all of a user's sessions to somebody who sees it no more (§3.2.2, §3.3.3;
    /// XEP-0191 §3.2).
    pub(crate) fn hide_presence(&mut self, user: &BareJid, from_whom: &BareJid) {
        for (from, _) in self.presences_of(user) {
            self.send_presence_to(&from, &unavailable(&from), from_whom, false);
        }
    }

    fn send_presence_to(&mut self, from: &Jid, stanza: &[u8], to: &BareJid, unless_hidden: bool) {
        let sessions = self.available_sessions(to);
        if sessions.is_empty() {
            return;
        }
        let copy = Copies::of(stanza).to(to.as_str());
        for id in sessions {
            let Some(session) = self.session(id) else { continue };
            if !(unless_hidden && self.is_hidden(from, &session.jid)) {
                self.send(id, Outgoing::lazy(copy.clone()));
            }
        }
    }
}

/// RFC 6121 §4.7.2.3: 0 when there is none.
fn priority(stanza: &Stanza) -> Result<i8, StanzaError> {
    match stanza.element.root().child("priority", ns::CLIENT) {
        None => Ok(0),
        Some(priority) => priority.text().trim().parse().map_err(|_| NOT_A_PRIORITY),
    }
}

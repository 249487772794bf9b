//! Subscription stanzas (RFC 6121 §3): both accounts are in memory, so that both sides of every exchange, with all answers
//! the server gives on somebody's behalf, happen in one batch. The tables are in `features::roster::subscription`.

use crate::features::blocking;
use crate::features::roster::check_room_for;
use crate::features::roster::subscription::{Outbound, Standing, Verb, inbound, outbound};
use crate::pipeline::{NO_FEDERATION, NO_ROOM, UNAVAILABLE};
use crate::queue::Outgoing;
use crate::stanza::{Kind, PresenceType, Stanza};
use crate::state::{Owner, State};
use bytes::Bytes;
use xmpp::jid::{BareJid, Jid};
use xmpp::stanza_error::{ErrorType, StanzaError};
use xmpp::xml::{Edit, Writer};

const ONESELF: StanzaError =
    StanzaError::new(ErrorType::Cancel, "not-allowed", "You see your own presence as it is.");
const REQUEST_TOO_LONG: StanzaError =
    StanzaError::new(ErrorType::Modify, "policy-violation", "The request is too long.");
const TOO_MANY_REQUESTS: StanzaError = StanzaError::new(
    ErrorType::Wait,
    "resource-constraint",
    "The contact has too many requests to answer; try again later.",
);

/// Bytes of a subscription stanza. Requests are kept in memory with the account that has not answered them.
const SUBSCRIPTION_BYTES_MAX: usize = 8 * 1024;
/// Requests kept for one account.
const REQUESTS_MAX: usize = 256;

/// A subscription stanza on its way.
#[derive(Clone, Copy, Debug)]
struct Sent<'a> {
    user: &'a BareJid,
    contact: &'a BareJid,
    verb: Verb,
    /// As routed.
    bytes: &'a Bytes,
}

impl State {
    /// A subscription stanza from one of our sessions (§3.1.2, §3.1.5, §3.2.2, §3.3.2, §3.4.2).
    pub(super) fn subscription_from_session(
        &mut self,
        stanza: &Stanza,
        contact: &BareJid,
        verb: Verb,
    ) -> Result<(), StanzaError> {
        let user = stanza.from.bare();
        match self.owner_of(contact) {
            Owner::Remote => return Err(NO_FEDERATION),
            Owner::Server if verb == Verb::Subscribe => return Err(UNAVAILABLE),
            Owner::Server => return Ok(()),
            Owner::Account if contact == user => return Err(ONESELF),
            Owner::Account => {}
        }
        let bytes = between_bare(stanza, contact);
        if bytes.len() > SUBSCRIPTION_BYTES_MAX {
            return Err(REQUEST_TOO_LONG);
        }
        let Some(account) = self.account(user) else { return Ok(()) };
        let before = account.roster.standing(contact);
        let approved = account.roster.item(contact).is_some_and(|item| item.approved);
        let after = outbound(before, verb, approved);
        self.check_copies(user)?;
        self.check_subscription(user, contact, verb, after)?;
        let already = self.counters.stanzas_out;
        self.subscription_sent(&Sent { user, contact, verb, bytes: &bytes }, before, after);
        let caused = self.counters.stanzas_out - already;
        self.charge_copies(user, usize::try_from(caused).unwrap_or(usize::MAX), bytes.len());
        Ok(())
    }

    /// Whether there is room for what the stanza would add to both rosters.
    fn check_subscription(
        &mut self,
        user: &BareJid,
        contact: &BareJid,
        verb: Verb,
        after: Outbound,
    ) -> Result<(), StanzaError> {
        let next = after.next;
        if next.has_to() || next.has_from() || next.asks() || after.approved {
            check_room_for(self, user, contact)?;
        }
        if verb != Verb::Subscribe {
            return Ok(());
        }
        // A contact that does not exist is refused like one that has not been asked.
        let roster = self.account(contact).map(|other| &other.roster);
        let is_new =
            roster.map(|r| r.standing(user)).is_none_or(|s| !s.is_asked() && !s.has_from());
        if is_new && roster.is_some_and(|r| r.requests().len() >= REQUESTS_MAX) {
            return Err(TOO_MANY_REQUESTS);
        }
        if is_new && !self.has_room() {
            self.counters.refused_for_room += 1;
            return Err(NO_ROOM);
        }
        Ok(())
    }

    fn subscription_sent(&mut self, sent: &Sent<'_>, before: Standing, after: Outbound) {
        let Sent { user, contact, verb, bytes } = *sent;
        let gains = after.next.has_from() && !before.has_from();
        let loses = before.has_from() && !after.next.has_from();
        if loses {
            // §3.2.2: while the contact still sees the user.
            self.hide_presence(user, contact);
        }
        self.change_standing(user, contact, after.next, after.approved);
        if after.routed {
            self.subscription_to_account(contact, user, verb, bytes);
        }
        if gains {
            self.show_presence(user, contact);
        }
    }

    /// A subscription stanza from `from` to an account of ours (§3.1.3, §3.1.6, §3.2.3, §3.3.3). An account that does not
    /// exist says nothing, like one that does not answer (§8.5.1).
    pub(crate) fn subscription_to_account(
        &mut self,
        owner: &BareJid,
        from: &BareJid,
        verb: Verb,
        bytes: &Bytes,
    ) {
        let Some(account) = self.account(owner) else { return };
        let before = account.roster.standing(from);
        let approved = account.roster.item(from).is_some_and(|item| item.approved);
        let is_blocked = blocking::is_blocked(self, owner, &Jid::from(from.clone()));
        if is_blocked && verb == Verb::Subscribe {
            return;
        }
        let after = inbound(before, verb, approved);
        if after.next.is_asked() && !before.is_asked() {
            self.put_request(owner, from, bytes.clone());
        }
        if after.delivered && !is_blocked {
            self.deliver_subscription(owner, verb, bytes);
        }
        self.change_standing(owner, from, after.next, approved);
        if after.answered {
            self.subscription_made(from, owner, Verb::Subscribed);
        }
        if after.next.has_from() && !before.has_from() {
            self.show_presence(owner, from);
        }
        if before.has_from() && !after.next.has_from() {
            self.hide_presence(owner, from);
        }
    }

    /// Requests go to all available sessions (§3.1.3), the rest to those that show the roster.
    fn deliver_subscription(&mut self, owner: &BareJid, verb: Verb, bytes: &Bytes) {
        let sessions = match verb {
            Verb::Subscribe => self.available_sessions(owner),
            Verb::Subscribed | Verb::Unsubscribe | Verb::Unsubscribed => {
                self.interested_sessions(owner)
            }
        };
        for id in sessions {
            self.send(id, Outgoing::own(bytes.clone()));
        }
    }

    /// A subscription stanza that the server makes on behalf of `from`; the recipient is in memory or does not exist.
    pub(crate) fn subscription_made(&mut self, owner: &BareJid, from: &BareJid, verb: Verb) {
        if let Some(stanza) = subscription_stanza(from, owner, verb) {
            self.subscription_to_account(owner, from, verb, stanza.bytes());
        }
    }
}

/// The stanza as it is routed: between bare addresses (§3.1.2).
fn between_bare(stanza: &Stanza, contact: &BareJid) -> Bytes {
    let from = stanza.from.bare().as_str();
    Edit::new(&stanza.element).set_attr("from", from).set_attr("to", contact.as_str()).finish()
}

/// A subscription stanza that the server makes.
pub(crate) fn subscription_stanza(from: &BareJid, to: &BareJid, verb: Verb) -> Option<Stanza> {
    let mut w = Writer::new();
    w.open("presence").attr("from", from.as_str()).attr("to", to.as_str());
    w.attr("type", verb.name());
    let kind = match verb {
        Verb::Subscribe => PresenceType::Subscribe,
        Verb::Subscribed => PresenceType::Subscribed,
        Verb::Unsubscribe => PresenceType::Unsubscribe,
        Verb::Unsubscribed => PresenceType::Unsubscribed,
    };
    Stanza::made(Kind::Presence(kind), from.clone().into(), to.clone().into(), w.finish())
}

//! Offline messages (XEP-0160): kept when no session takes them, handed to the next one that does, with the time they came
//! (XEP-0203).
//!
//! ```text
//!   (none) ── a session becomes available, something waits ──► HandOver ── a page was the last ──► (none)
//!                                                              │    ▲
//!                                                              └────┘ page, trim, next read: one batch each
//! ```
//! While a hand-over is under way, new messages for that session join the end of what waits, so that order is kept. A
//! page and its trim are one batch; a crash repeats or finishes it. Must never trim what was not in the page read.

use super::{Feature, Specification, carbons};
use crate::gather::{Found, Gathered, Need, Work};
use crate::pipeline::message::{Flow, MessageInFlight, message_of};
use crate::planted::PlantedFault;
use crate::state::State;
use im_store::{OfflineStanza, Query, Reply, SessionId, StanzaId, Write};
use xmpp::jid::BareJid;
use xmpp::ns;

/// Messages handed over at once.
const PAGE_STANZAS_MAX: usize = 64;

/// The feature as data.
pub(crate) const FEATURE: Feature = Feature {
    name: "offline",
    specifications: &[
        Specification {
            number: "XEP-0160",
            version: "1.0.1",
            title: "Best Practices for Handling Offline Messages",
        },
        Specification { number: "XEP-0203", version: "2.0", title: "Delayed Delivery" },
    ],
    server_features: &[ns::MSG_OFFLINE, ns::DELAY],
    ..Feature::NONE
};

/// Offline messages are being given to a session. There is one read under way, always.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HandOver {
    /// To which.
    session: SessionId,
    /// Messages with a greater id came when it was under way, so they are for other sessions, too.
    began: StanzaId,
    /// Messages that joined since the read was ordered.
    joined: u64,
    /// One of them has an older id than others: the page may lack it.
    is_disturbed: bool,
}

/// Whether a message may be kept for somebody who is offline (XEP-0160 §3, XEP-0334).
pub(crate) fn is_worth_storing(message: &MessageInFlight<'_>) -> bool {
    message.is_lasting() && !message.traits.hints.no_store
}

/// Whether the recipient's offline storage takes this message.
pub(crate) fn may_take(state: &State, message: &MessageInFlight<'_>) -> bool {
    let max = state.options.offline_messages_max;
    let has_room = state.account(message.to().bare()).is_some_and(|a| a.offline < max);
    has_room && is_worth_storing(message)
}

/// A stage: what is for a session that is still being given older messages, or for the account as a whole, lines up behind
/// them.
pub(crate) fn wait_for_hand_over(state: &mut State, message: &mut MessageInFlight<'_>) -> Flow {
    let to = message.to();
    let sessions = &message.way.sessions;
    let is_for_account = !sessions.is_empty() && state.session_at(to).is_none();
    if let Some(hand_over) = state.account(to.bare()).and_then(|a| a.handing_over)
        && (is_for_account || sessions.contains(&hand_over.session))
        && may_take(state, message)
    {
        // Only there: others are given it together with that session, so that each can be told who else was.
        message.way.sessions.clear();
        message.way.offline = true;
    }
    Flow::On
}

/// A stage: keeps it, if it is to be kept.
pub(crate) fn store(state: &mut State, message: &mut MessageInFlight<'_>) -> Flow {
    if !message.way.offline {
        return Flow::On;
    }
    let is_left_over = message.stored.is_some() && message.sender.is_none();
    let id = message.store(state);
    state.counters.stored_offline += 1;
    if let Some(account) = state.account_mut(message.to().bare()) {
        account.offline += 1;
        if let Some(hand_over) = &mut account.handing_over {
            hand_over.joined += 1;
            hand_over.is_disturbed |= is_left_over;
        }
        let account = account.id;
        state.write(Write::Offline { account, id });
    }
    Flow::On
}

impl State {
    /// Marks the beginning of a hand-over; false when there is nothing to do or one is under way.
    pub(crate) fn hand_over_begins(&mut self, session: SessionId, account: &BareJid) -> bool {
        let began = self.last_stanza_id();
        let Some(account) = self.account_mut(account) else { return false };
        if account.offline == 0 || account.handing_over.is_some() {
            return false;
        }
        account.handing_over = Some(HandOver { session, began, joined: 0, is_disturbed: false });
        true
    }

    /// After a start: the hand-overs that the last instance did not finish.
    pub(crate) fn go_on_handing_over(&mut self) {
        let mut waiting: Vec<BareJid> = self
            .sessions
            .values()
            .map(|session| session.account().clone())
            .filter(|jid| self.account(jid).is_some_and(|account| account.offline > 0))
            .collect();
        waiting.sort_unstable();
        waiting.dedup();
        for account in waiting {
            self.hand_over_to_best(&account);
        }
    }

    fn hand_over_to_best(&mut self, account: &BareJid) {
        if let Some(session) = self.top_sessions(account).first().copied() {
            self.submit(Work::Offline { session, account: account.clone() });
        }
    }

    /// Goes on with the next page, or the same again.
    fn go_on_with(&mut self, session: SessionId, account: &BareJid, began: StanzaId) {
        self.submit(Work::Offline { session, account: account.clone() });
        let owner = self.account_mut(account);
        if let Some(hand_over) = owner.and_then(|owner| owner.handing_over.as_mut()) {
            hand_over.began = began;
        }
    }

    /// What is needed to hand over offline messages.
    pub(crate) fn needs_of_offline(&self, account: &BareJid) -> Vec<Need> {
        let Some(account) = self.account(account) else { return Vec::new() };
        let (account, after, max) = (account.id, StanzaId(0), PAGE_STANZAS_MAX);
        vec![Need::Read(Query::Offline { account, after, max })]
    }

    /// A page of offline messages is here.
    pub(crate) fn offline_gathered(
        &mut self,
        id: SessionId,
        account: &BareJid,
        gathered: Option<Gathered>,
    ) {
        let Some(owner) = self.account_mut(account) else { return };
        let Some(hand_over) = owner.handing_over.take() else { return };
        // After a failed read the rest waits for the next login.
        let Some(Some(Found::Read(Reply::Offline(page)))) = gathered.map(|mut g| g.pop()) else {
            return;
        };
        if !self.listening_sessions(account).contains(&id) {
            return self.hand_over_to_best(account);
        }
        if hand_over.is_disturbed {
            return self.go_on_with(id, account, hand_over.began);
        }
        for entry in &page {
            self.hand_over(&hand_over, account, entry);
        }
        let is_last = page.len() < PAGE_STANZAS_MAX && hand_over.joined == 0;
        self.forget_handed_over(account, &page, is_last);
        if !is_last {
            self.go_on_with(id, account, hand_over.began);
        }
    }

    /// Now the message is delivered: to the session, to whoever else was there when it came, and in copy to others.
    fn hand_over(&mut self, hand_over: &HandOver, account: &BareJid, entry: &OfflineStanza) {
        let Some((stanza, kind)) = message_of(&entry.bytes) else { return };
        let Some(session) = self.session(hand_over.session) else { return };
        let (conn, is_for_it_alone) = (session.conn(), stanza.to.as_ref() == Some(&session.jid));
        let mut message = MessageInFlight::late(&stanza, kind, entry.id, entry.archived);
        if entry.id > hand_over.began && !is_for_it_alone {
            message.way.sessions = self.top_sessions(account);
        }
        if !message.way.sessions.contains(&hand_over.session) {
            message.way.sessions.push(hand_over.session);
        }
        if self.has_fault(PlantedFault::OfflineForgottenEarly) {
            let bytes = message.dressed(entry.id, message.render(), account).bytes;
            return conn.map_or((), |conn| self.push(conn, bytes, 0));
        }
        message.way.copies = carbons::receivers(self, &message);
        self.give_to_all(&message, entry.id, &message.render(), account);
        carbons::copy_received(self, &mut message);
    }

    fn forget_handed_over(&mut self, account: &BareJid, page: &[OfflineStanza], is_last: bool) {
        let Some(owner) = self.account_mut(account) else { return };
        // The count is a good guess only (a message in two queues that were left over waits once), until it is known to
        // be nothing.
        let left = owner.offline.saturating_sub(page.len() as u64).max(1);
        owner.offline = if is_last { 0 } else { left };
        let account = owner.id;
        if let Some(last) = page.last() {
            self.write(Write::OfflineTrim { account, up_to: last.id });
        }
    }
}

#[cfg(test)]
mod tests;

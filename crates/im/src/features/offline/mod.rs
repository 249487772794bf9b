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
use crate::pipeline::message::{Flow, MessageInFlight};
use crate::pipeline::render;
use crate::planted::PlantedFault;
use crate::queue::{Outgoing, Urgency};
use crate::session::Session;
use crate::state::State;
use im_store::{Content, OfflineStanza, Query, Render, Reply, SessionId, StanzaId, Write};
use xmpp::jid::BareJid;
use xmpp::ns;
use xmpp::xml::Element;

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

/// A stage: what is for a session that is still being given older messages lines up behind them.
pub(crate) fn wait_for_hand_over(state: &mut State, message: &mut MessageInFlight<'_>) -> Flow {
    let to = message.to().bare();
    if let Some(hand_over) = state.account(to).and_then(|a| a.handing_over)
        && let Some(at) = message.way.sessions.iter().position(|id| *id == hand_over.session)
        && may_take(state, message)
    {
        message.way.sessions.remove(at);
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

/// The session that new messages do not reach directly, because older ones are being given to it.
pub(crate) fn being_handed_over(state: &State, account: &BareJid) -> Option<SessionId> {
    state.account(account).and_then(|a| a.handing_over).map(|hand_over| hand_over.session)
}

impl State {
    /// Marks the beginning of a hand-over; false when there is nothing to do or one is under way.
    pub(crate) fn hand_over_begins(&mut self, session: SessionId, account: &BareJid) -> bool {
        let Some(account) = self.account_mut(account) else { return false };
        if account.offline == 0 || account.handing_over.is_some() {
            return false;
        }
        account.handing_over = Some(HandOver { session, joined: 0, is_disturbed: false });
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
            return self.submit(Work::Offline { session: id, account: account.clone() });
        }
        for entry in &page {
            self.hand_over(id, account, entry);
        }
        let is_last = page.len() < PAGE_STANZAS_MAX && hand_over.joined == 0;
        self.forget_handed_over(account, &page, is_last);
        if !is_last {
            self.submit(Work::Offline { session: id, account: account.clone() });
        }
    }

    fn hand_over(&mut self, id: SessionId, account: &BareJid, entry: &OfflineStanza) {
        let Ok(element) = Element::parse(entry.bytes.clone()) else { return };
        if self.session(id).is_none_or(|session| carbons::had_copy(session, entry)) {
            return;
        }
        let render = Render { stanza_id: entry.archived, delay: true, ..Render::default() };
        let bytes = render::dress(&element, entry.id, &render, account);
        if self.has_fault(PlantedFault::OfflineForgottenEarly) {
            return self.session(id).and_then(Session::conn).map_or((), |c| self.push(c, bytes, 0));
        }
        let content = Content::Stored(entry.id, render);
        self.send(id, Outgoing { content, bytes, urgency: Urgency::Now, outlives: true });
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

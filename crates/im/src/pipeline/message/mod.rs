//! A message's way: from the sender's session through the sender's account to the recipient's account and its sessions.
//!
//! [`OUTBOUND`] and [`INBOUND`] are the order of things, written once. Every stage looks at the same
//! [`MessageInFlight`]; a stage that ends the way says so. A message is stored at most once, by the first stage that
//! needs it stored, and referred to from then on: never store one that nothing will refer to, it would stay for ever.
//!
//! `traits` says what a message is, `inbound` who gets it (RFC 6121 §8), `left_over` what becomes of it when a session
//! ends before its client took it.

mod inbound;
mod left_over;
mod traits;

use crate::features::{archive, blocking, carbons, offline};
use crate::pipeline::{NO_ROOM, UNAVAILABLE};
use crate::queue::{Outgoing, Urgency};
use crate::stanza::{Kind, MessageType, Stanza};
use crate::state::{Owner, State};
use bytes::Bytes;
use im_store::{Content, Render, SessionId, StanzaId, Write};
use traits::Traits;
use xmpp::jid::{BareJid, Jid};
use xmpp::stanza_error::StanzaError;
use xmpp::xml::{Edit, Element};

/// What a stage leaves to those behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// Go on.
    On,
    /// The way ends here.
    End,
}

type Stage = fn(&mut State, &mut MessageInFlight<'_>) -> Flow;

/// At the sender.
const OUTBOUND: &[Stage] = &[
    refuse_what_the_sender_blocks,
    refuse_without_room,
    archive::keep_sent,
    carbons::copy_sent,
    hand_to_recipient,
];

/// At the recipient's account.
const INBOUND: &[Stage] = &[
    inbound::refuse_unknown,
    inbound::refuse_blocked,
    inbound::choose_recipients,
    offline::wait_for_hand_over,
    inbound::refuse_undeliverable,
    archive::keep_received,
    inbound::deliver,
    offline::store,
    carbons::copy_received,
];

/// A message on its way.
#[derive(Debug)]
pub(crate) struct MessageInFlight<'a> {
    /// It has a `to`.
    pub(crate) stanza: &'a Stanza,
    pub(crate) kind: MessageType,
    pub(crate) traits: Traits,
    /// The session it came from; `None` when the server made it.
    pub(crate) sender: Option<SessionId>,
    /// Where it is stored, once it is. Something refers to it then.
    pub(crate) stored: Option<StanzaId>,
    /// It is in the sender's archive.
    pub(crate) kept_by_sender: bool,
    /// It is in the recipient's archive.
    pub(crate) kept_by_recipient: bool,
    /// It waited somewhere: whoever gets it is told when it came.
    pub(crate) is_late: bool,
    /// The sender's other sessions have copies, so they are told when it fails.
    pub(crate) sent_copied: bool,
    /// Who gets it.
    pub(crate) way: Way,
}

/// Who gets a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Way {
    /// These sessions.
    pub(crate) sessions: Vec<SessionId>,
    /// Copies of what they get go to these.
    pub(crate) copies: Vec<SessionId>,
    /// Whoever logs in next, or has just logged in and is being given what waited.
    pub(crate) offline: bool,
    /// Nobody, and the sender is told.
    pub(crate) refused: bool,
}

impl Way {
    /// All that are given it or a copy, but one.
    pub(crate) fn others(&self, session: SessionId) -> Vec<SessionId> {
        let all = self.sessions.iter().chain(&self.copies);
        all.copied().filter(|other| *other != session).collect()
    }
}

impl<'a> MessageInFlight<'a> {
    /// At its beginning.
    pub(crate) fn new(stanza: &'a Stanza, kind: MessageType, sender: Option<SessionId>) -> Self {
        Self {
            stanza,
            kind,
            traits: Traits::of(stanza.element.root(), kind),
            sender,
            stored: None,
            kept_by_sender: false,
            kept_by_recipient: false,
            is_late: false,
            sent_copied: false,
            way: Way::default(),
        }
    }

    /// Stored before, with this id, and perhaps in the recipient's archive.
    pub(crate) fn late(stanza: &'a Stanza, kind: MessageType, id: StanzaId, is_kept: bool) -> Self {
        let stored = Some(id);
        Self { stored, kept_by_recipient: is_kept, is_late: true, ..Self::new(stanza, kind, None) }
    }

    /// How it is dressed for its recipient.
    pub(crate) fn render(&self) -> Render {
        Render { stanza_id: self.kept_by_recipient, delay: self.is_late, ..Render::default() }
    }

    /// Where it came from.
    pub(crate) fn from(&self) -> &'a Jid {
        &self.stanza.from
    }

    /// Where it goes.
    pub(crate) fn to(&self) -> &'a Jid {
        self.stanza.to.as_ref().unwrap_or(&self.stanza.from)
    }

    /// Whether sender and recipient are one account.
    pub(crate) fn is_to_oneself(&self) -> bool {
        self.from().bare() == self.to().bare()
    }

    /// Whether it is one of a conversation between two, not a headline, a room's or an error.
    pub(crate) fn is_talk(&self) -> bool {
        matches!(self.kind, MessageType::Chat | MessageType::Normal)
    }

    /// Whether it is worth more than the moment: it survives the session it was given to.
    pub(crate) fn is_lasting(&self) -> bool {
        self.is_talk() && (self.traits.has_content || self.traits.hints.store)
    }

    /// Whether it may wait while nobody looks (XEP-0352).
    pub(crate) fn urgency(&self) -> Urgency {
        if self.traits.has_content { Urgency::Now } else { Urgency::Lazy }
    }

    /// Its id in the store; it is stored now if it was not before. The caller refers to it in the same breath.
    pub(crate) fn store(&mut self, state: &mut State) -> StanzaId {
        *self.stored.get_or_insert_with(|| {
            let id = state.next_stanza_id();
            let bytes = self.stanza.bytes().clone();
            let archived = !self.traits.hints.no_store;
            state.write(Write::Stanza { id, bytes, archived });
            id
        })
    }

    /// A stored message dressed for sessions of `account`.
    pub(crate) fn dressed(&self, id: StanzaId, render: Render, account: &BareJid) -> Outgoing {
        let bytes = super::render::dress(&self.stanza.element, id, &render, account);
        let content = Content::Stored(id, render);
        Outgoing { content, bytes, urgency: self.urgency(), outlives: true }
    }
}

impl State {
    /// A message from one of our sessions. Sender's and recipient's accounts are in memory.
    pub(crate) fn message_from_session(
        &mut self,
        id: SessionId,
        stanza: &Stanza,
        kind: MessageType,
    ) {
        let addressed = stanza.to.is_none().then(|| addressed_to_oneself(stanza));
        let stanza = addressed.as_ref().unwrap_or(stanza);
        self.send_along(OUTBOUND, &mut MessageInFlight::new(stanza, kind, Some(id)));
    }

    /// A message that the server made, to an account of ours.
    pub(crate) fn message_to_account(&mut self, stanza: &Stanza, kind: MessageType) {
        self.send_along(INBOUND, &mut MessageInFlight::new(stanza, kind, None));
    }

    fn send_along(&mut self, stages: &[Stage], message: &mut MessageInFlight<'_>) {
        for stage in stages {
            if stage(self, message) == Flow::End {
                return;
            }
        }
    }

    /// Tells the sender that a message does not arrive. What carries nothing to lose is dropped in silence: an answer to
    /// every chat state would only disturb.
    pub(crate) fn refuse(&mut self, message: &MessageInFlight<'_>, why: &StanzaError) -> Flow {
        if message.traits.has_content
            && let Some(error) = message.stanza.error(why)
        {
            if message.sent_copied {
                carbons::copy_error(self, message, &error);
            }
            self.answer(message.from(), error);
        }
        Flow::End
    }
}

/// A message read back from the store.
pub(crate) fn message_of(bytes: &Bytes) -> Option<(Stanza, MessageType)> {
    let element = Element::parse(bytes.clone()).ok()?;
    let root = element.root();
    let (from, to) = (root.attr("from"), root.attr("to"));
    let (from, to) = (Jid::parse(&from?).ok()?, Jid::parse(&to?).ok()?);
    let kind = MessageType::of(root)?;
    let id = root.attr("id").map(std::borrow::Cow::into_owned);
    Some((Stanza { kind: Kind::Message(kind), from, to: Some(to), id, element }, kind))
}

/// RFC 6121 §8.1.1.1 and RFC 6120 §10.3.1: without `to` it is to the sender's own account.
fn addressed_to_oneself(stanza: &Stanza) -> Stanza {
    let own = stanza.from.bare();
    let bytes = Edit::new(&stanza.element).set_attr("to", own.as_str()).finish();
    let element = Element::parse(bytes).unwrap_or_else(|_| stanza.element.clone());
    Stanza { to: Some(own.clone().into()), element, ..stanza.clone() }
}

/// XEP-0191 §3.2.
fn refuse_what_the_sender_blocks(state: &mut State, message: &mut MessageInFlight<'_>) -> Flow {
    match blocking::check_outgoing(state, message.stanza) {
        Ok(()) => Flow::On,
        Err(error) => state.refuse(message, &error),
    }
}

/// Attack row 46: nearly everything on this way stores something.
fn refuse_without_room(state: &mut State, message: &mut MessageInFlight<'_>) -> Flow {
    if state.has_room() {
        return Flow::On;
    }
    state.counters.refused_for_room += 1;
    state.refuse(message, &NO_ROOM)
}

/// The sender's side is done.
fn hand_to_recipient(state: &mut State, message: &mut MessageInFlight<'_>) -> Flow {
    match state.owner_of(message.to().bare()) {
        Owner::Account => state.send_along(INBOUND, message),
        // Nobody reads a server's mail; other domains were refused before.
        Owner::Server | Owner::Remote if message.kind == MessageType::Headline => {}
        Owner::Server | Owner::Remote => {
            state.refuse(message, &UNAVAILABLE);
        }
    }
    Flow::End
}

#[cfg(test)]
mod random_tests;
#[cfg(test)]
mod tests;

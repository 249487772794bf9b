//! Who gets a message that has reached its account: the delivery rules of RFC 6121 §8.5, as users of other servers know
//! them. Sessions without a connection count like any other.

use super::{Flow, MessageInFlight, Way};
use crate::features::{blocking, carbons, offline};
use crate::pipeline::UNAVAILABLE;
use crate::queue::Outgoing;
use crate::stanza::MessageType;
use crate::state::State;
use im_store::{Content, Render, SessionId, StanzaId};
use xmpp::jid::BareJid;

/// RFC 6121 §8.5.1.
pub(super) fn refuse_unknown(state: &mut State, message: &mut MessageInFlight<'_>) -> Flow {
    if state.account(message.to().bare()).is_some() {
        return Flow::On;
    }
    match message.kind {
        MessageType::Headline => Flow::End,
        _ => state.refuse(message, &UNAVAILABLE),
    }
}

/// XEP-0191 §3.2: whoever is blocked sees what a stranger to the server would see.
pub(super) fn refuse_blocked(state: &mut State, message: &mut MessageInFlight<'_>) -> Flow {
    if blocking::hides_from(state, message.stanza) {
        return state.refuse(message, &UNAVAILABLE);
    }
    Flow::On
}

/// RFC 6121 §8.5.2 and §8.5.3.
pub(super) fn choose_recipients(state: &mut State, message: &mut MessageInFlight<'_>) -> Flow {
    let to = message.to();
    let exact = if to.is_full() { state.session_at(to) } else { None };
    message.way = match (exact, message.kind) {
        (Some(session), _) => Way { sessions: vec![session], ..Way::default() },
        (None, MessageType::Chat | MessageType::Normal) => {
            let sessions = state.top_sessions(to.bare());
            Way { offline: sessions.is_empty(), sessions, ..Way::default() }
        }
        (None, MessageType::Headline) if !to.is_full() => {
            Way { sessions: state.listening_sessions(to.bare()), ..Way::default() }
        }
        (None, MessageType::Groupchat) => Way { refused: true, ..Way::default() },
        (None, MessageType::Headline | MessageType::Error) => Way::default(),
    };
    Flow::On
}

/// Ends the way of what nobody will get.
pub(super) fn refuse_undeliverable(state: &mut State, message: &mut MessageInFlight<'_>) -> Flow {
    let Way { sessions, offline, refused, .. } = &message.way;
    if *refused || (*offline && !offline::may_take(state, message)) {
        return state.refuse(message, &UNAVAILABLE);
    }
    if sessions.is_empty() && !offline { Flow::End } else { Flow::On }
}

/// Puts it into the queues of the sessions chosen. Only what has to outlive a session is stored for it.
pub(super) fn deliver(state: &mut State, message: &mut MessageInFlight<'_>) -> Flow {
    if message.way.sessions.is_empty() {
        return Flow::On;
    }
    message.way.copies = carbons::receivers(state, message);
    if message.stored.is_none() && !message.is_lasting() {
        let bytes = message.stanza.bytes().clone();
        let out = Outgoing { urgency: message.urgency(), ..Outgoing::own(bytes) };
        for session in &message.way.sessions {
            state.send(*session, out.clone());
        }
        return Flow::On;
    }
    let id = message.store(state);
    state.give_to_all(message, id, &message.render(), message.to().bare());
    Flow::On
}

impl State {
    /// Gives a stored message to every session on its way, each told who else was given it.
    pub(crate) fn give_to_all(
        &mut self,
        message: &MessageInFlight<'_>,
        id: StanzaId,
        render: &Render,
        account: &BareJid,
    ) {
        let out = message.dressed(id, render.clone(), account);
        for session in &message.way.sessions {
            let also = message.way.others(*session);
            let content = Content::Stored(id, Render { also, ..render.clone() });
            self.send(*session, Outgoing { content, ..out.clone() });
        }
    }

    /// Available sessions of an account that take messages for it: those without negative priority.
    pub(crate) fn listening_sessions(&self, account: &BareJid) -> Vec<SessionId> {
        let listens = |id: &SessionId| self.priority_of(*id).is_some_and(|priority| priority >= 0);
        self.sessions_of(account).iter().copied().filter(listens).collect()
    }

    /// Those of them with the highest priority.
    pub(crate) fn top_sessions(&self, account: &BareJid) -> Vec<SessionId> {
        let mut sessions = self.listening_sessions(account);
        let top = sessions.iter().filter_map(|id| self.priority_of(*id)).max();
        sessions.retain(|id| self.priority_of(*id) == top);
        sessions
    }

    fn priority_of(&self, id: SessionId) -> Option<i8> {
        self.session(id).filter(|s| s.is_available()).and_then(|s| s.priority())
    }
}

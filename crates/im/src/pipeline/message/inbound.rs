//! Who gets a message that has reached its account: the delivery rules of RFC 6121 §8.5, as users of other servers know
//! them. Sessions without a connection count like any other.

use super::{Flow, MessageInFlight, Way};
use crate::features::{blocking, offline};
use crate::pipeline::UNAVAILABLE;
use crate::queue::Outgoing;
use crate::stanza::MessageType;
use crate::state::State;
use im_store::{Render, SessionId};
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
            Way { offline: sessions.is_empty(), sessions, refused: false }
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
    let Way { sessions, offline, refused } = &message.way;
    if *refused || (*offline && !offline::may_take(state, message)) {
        return state.refuse(message, &UNAVAILABLE);
    }
    if sessions.is_empty() && !offline { Flow::End } else { Flow::On }
}

/// Puts it into the queues of the sessions chosen.
pub(super) fn deliver(state: &mut State, message: &mut MessageInFlight<'_>) -> Flow {
    let sessions = std::mem::take(&mut message.way.sessions);
    if !sessions.is_empty() {
        let out = outgoing(state, message);
        let (last, others) = sessions.split_last().map_or((None, &[][..]), |(l, o)| (Some(l), o));
        for session in others {
            state.send(*session, out.clone());
        }
        if let Some(last) = last {
            state.send(*last, out);
        }
    }
    message.way.sessions = sessions;
    Flow::On
}

/// What each of its recipients gets. Only what has to outlive a session is stored for it.
fn outgoing(state: &mut State, message: &mut MessageInFlight<'_>) -> Outgoing {
    if message.stored.is_none() && !message.is_lasting() {
        let urgency = message.urgency();
        return Outgoing { urgency, ..Outgoing::own(message.stanza.bytes().clone()) };
    }
    let id = message.store(state);
    let render = Render { stanza_id: message.kept_by_recipient, ..Render::default() };
    message.dressed(id, render, message.to().bare())
}

impl State {
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

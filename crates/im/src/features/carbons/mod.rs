//! Message Carbons (XEP-0280): a copy of a conversation for the account's sessions that were not part of it.
//!
//! Copies of a stored message refer to it. They are neither archived nor kept offline; a received copy that is left over
//! counts as the message (see `pipeline::message::left_over`).

use super::{Feature, Specification};
use crate::gather::Gathered;
use crate::pipeline::iq::{Answer, IqRoute, Request, Target, no_needs};
use crate::pipeline::message::{Flow, MessageInFlight};
use crate::pipeline::render;
use crate::queue::Outgoing;
use crate::stanza::{IqType, MessageType};
use crate::state::State;
use bytes::Bytes;
use im_store::{CarbonKind, Render, SessionId, StanzaId};
use xmpp::jid::BareJid;
use xmpp::ns;
use xmpp::stanza_error::StanzaError;
use xmpp::xml::Element;

/// The feature as data.
pub(crate) const FEATURE: Feature = Feature {
    name: "carbons",
    specifications: &[
        Specification { number: "XEP-0280", version: "1.0.1", title: "Message Carbons" },
        Specification { number: "XEP-0297", version: "1.0", title: "Stanza Forwarding" },
    ],
    server_features: &[ns::CARBONS],
    iqs: &[switch("enable", enable), switch("disable", disable)],
    ..Feature::NONE
};

type Handle = fn(&mut State, &Request<'_>, Gathered) -> Result<Answer, StanzaError>;

const fn switch(name: &'static str, handle: Handle) -> IqRoute {
    IqRoute {
        name,
        ns: ns::CARBONS,
        iq: IqType::Set,
        target: Target::OwnAccount,
        needs: no_needs,
        handle,
    }
}

fn enable(state: &mut State, request: &Request<'_>, _: Gathered) -> Result<Answer, StanzaError> {
    state.change_session(request.session, |session| session.carbons = true);
    Ok(Answer::Done)
}

fn disable(state: &mut State, request: &Request<'_>, _: Gathered) -> Result<Answer, StanzaError> {
    state.change_session(request.session, |session| session.carbons = false);
    Ok(Answer::Done)
}

/// XEP-0280 §6.1. Of errors, those that carry the conversation they answer.
fn is_eligible(message: &MessageInFlight<'_>, direction: CarbonKind) -> bool {
    let traits = &message.traits;
    if traits.is_private || traits.hints.no_copy {
        return false;
    }
    if traits.is_from_room && direction == CarbonKind::Received {
        return false; // The room has sent it to every session that joined.
    }
    match message.kind {
        MessageType::Groupchat => false,
        MessageType::Chat => true,
        MessageType::Normal | MessageType::Error => traits.has_body || traits.is_conversation,
        MessageType::Headline => traits.is_conversation,
    }
}

/// A stage: copies for the sender's other sessions. What one sends to oneself is received, too; one copy is enough.
pub(crate) fn copy_sent(state: &mut State, message: &mut MessageInFlight<'_>) -> Flow {
    if !message.is_to_oneself() {
        let owner = message.from().bare();
        let sessions = listening(state, owner, |id| Some(id) != message.sender);
        if !sessions.is_empty() && is_eligible(message, CarbonKind::Sent) {
            message.sent_copied = true;
            let stanza_id = message.kept_by_sender;
            copy(state, message, owner, &sessions, (CarbonKind::Sent, stanza_id));
        }
    }
    Flow::On
}

/// The recipient's sessions that get copies because they do not get the message itself. There is none yet of a
/// message that waits for a login: it is nobody's.
pub(crate) fn receivers(state: &State, message: &MessageInFlight<'_>) -> Vec<SessionId> {
    if message.way.offline || !is_eligible(message, CarbonKind::Received) {
        return Vec::new();
    }
    listening(state, message.to().bare(), |id| {
        let has_sent_it = state.session(id).is_some_and(|session| session.jid == *message.from());
        !message.way.sessions.contains(&id) && !has_sent_it
    })
}

/// A stage: copies for them.
pub(crate) fn copy_received(state: &mut State, message: &mut MessageInFlight<'_>) -> Flow {
    if !message.way.copies.is_empty() {
        let (owner, stanza_id) = (message.to().bare(), message.kept_by_recipient);
        copy(state, message, owner, &message.way.copies, (CarbonKind::Received, stanza_id));
    }
    Flow::On
}

/// An error that the server made, for those who have a copy of what it answers.
pub(crate) fn copy_error(state: &mut State, message: &MessageInFlight<'_>, error: &Bytes) {
    let owner = message.from().bare();
    let Ok(error) = Element::parse(error.clone()) else { return };
    for id in listening(state, owner, |id| Some(id) != message.sender) {
        let Some(session) = state.session(id) else { continue };
        let carbon = Some(CarbonKind::Received);
        let to = Some(session.jid.to_string().into());
        let render = Render { carbon, to, ..Render::default() };
        let bytes = render::dress(&error, StanzaId(0), &render, owner);
        state.send(id, Outgoing::own(bytes));
    }
}

fn listening(state: &State, owner: &BareJid, gets: impl Fn(SessionId) -> bool) -> Vec<SessionId> {
    let wants = |id: &SessionId| state.session(*id).is_some_and(|s| s.carbons) && gets(*id);
    state.sessions_of(owner).iter().copied().filter(wants).collect()
}

fn copy(
    state: &mut State,
    message: &MessageInFlight<'_>,
    owner: &BareJid,
    sessions: &[SessionId],
    (kind, stanza_id): (CarbonKind, bool),
) {
    for id in sessions {
        let Some(session) = state.session(*id) else { continue };
        let to = Some(session.jid.to_string().into());
        let also = match kind {
            CarbonKind::Received => message.way.others(*id),
            CarbonKind::Sent => Vec::new(),
        };
        let (carbon, delay) = (Some(kind), message.is_late);
        let render = Render { stanza_id, delay, carbon, to, also };
        let out = match message.stored {
            Some(stored) => message.dressed(stored, render, owner),
            // Not stored for anybody: the copy stands for itself.
            None => {
                let element = &message.stanza.element;
                let bytes = render::dress(element, StanzaId(0), &render, owner);
                Outgoing { urgency: message.urgency(), ..Outgoing::own(bytes) }
            }
        };
        state.send(*id, out);
    }
}

#[cfg(test)]
mod tests;

//! Message Carbons (XEP-0280): a copy of a conversation for the account's sessions that were not part of it.
//!
//! Copies of a stored message refer to it. They are neither archived nor kept offline, and void when left over.

use super::{Feature, Specification};
use crate::gather::Gathered;
use crate::pipeline::iq::{Answer, IqRoute, Request, Target, no_needs};
use crate::pipeline::message::{Flow, MessageInFlight, message_of};
use crate::pipeline::render;
use crate::queue::Outgoing;
use crate::session::Session;
use crate::stanza::{IqType, MessageType};
use crate::state::State;
use bytes::Bytes;
use im_store::{CarbonKind, OfflineStanza, Render, SessionId, StanzaId};
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

/// A stage: copies for the recipient's sessions that do not get the message itself.
pub(crate) fn copy_received(state: &mut State, message: &mut MessageInFlight<'_>) -> Flow {
    let owner = message.to().bare();
    let gets_it_later =
        super::offline::being_handed_over(state, owner).filter(|_| message.way.offline);
    let sessions = listening(state, owner, |id| {
        !message.way.sessions.contains(&id)
            && Some(id) != message.sender
            && Some(id) != gets_it_later
    });
    if !sessions.is_empty() && is_eligible(message, CarbonKind::Received) {
        let stanza_id = message.kept_by_recipient;
        copy(state, message, owner, &sessions, (CarbonKind::Received, stanza_id));
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

/// Whether a session was given a copy of a message with this id, which another session received.
pub(crate) fn has_copy(session: &Session, at: StanzaId, message: &MessageInFlight<'_>) -> bool {
    session.carbons && at > session.since.carbons && is_eligible(message, CarbonKind::Received)
}

/// Whether a session that is being given offline messages got a copy of this one before it took messages itself.
pub(crate) fn had_copy(session: &Session, entry: &OfflineStanza) -> bool {
    if !session.carbons || entry.id <= session.since.carbons || entry.id > session.since.priority {
        return false;
    }
    message_of(&entry.bytes).is_some_and(|(stanza, kind)| {
        is_eligible(&MessageInFlight::new(&stanza, kind, None), CarbonKind::Received)
    })
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
        let render = Render { stanza_id, carbon: Some(kind), to, ..Render::default() };
        let out = match message.stored {
            Some(stored) => Outgoing { outlives: false, ..message.dressed(stored, render, owner) },
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

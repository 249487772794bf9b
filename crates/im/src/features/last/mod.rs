//! Last Activity (XEP-0012): how long the server runs, and how long ago an account was last seen, for those who may see
//! its presence.
//!
//! The time an account's last available session leaves is kept with the words it left with. Whoever may not see presence
//! learns nothing, not even whether there is such an account.

use super::{Feature, Specification};
use crate::account::kinds;
use crate::gather::Gathered;
use crate::pipeline::UNAVAILABLE;
use crate::pipeline::iq::{Answer, IqRoute, Request, Target, no_needs};
use crate::stanza::{IqType, Kind, Stanza};
use crate::state::State;
use crate::wire::{Decoder, Encoder};
use bytes::Bytes;
use xmpp::jid::BareJid;
use xmpp::ns;
use xmpp::stanza_error::{ErrorType, StanzaError};
use xmpp::xml::{Element, Writer};

/// §3 and §4: the requester may not see the account's presence.
const NOT_A_SUBSCRIBER: StanzaError =
    StanzaError::new(ErrorType::Auth, "forbidden", "You do not see this address's presence.");

/// Bytes of the status kept of a last presence.
const STATUS_BYTES_MAX: usize = 512;
/// Format of the stored item.
const FORMAT: u8 = 1;

/// The feature as data.
pub(crate) const FEATURE: Feature = Feature {
    name: "last",
    specifications: &[Specification { number: "XEP-0012", version: "2.0", title: "Last Activity" }],
    server_features: &[ns::LAST],
    account_features: &[ns::LAST],
    iqs: &[
        route(Target::Server, tell_uptime),
        route(Target::OwnAccount, tell_account),
        route(Target::OtherAccount, tell_account),
    ],
    ..Feature::NONE
};

type Handle = fn(&mut State, &Request<'_>, Gathered) -> Result<Answer, StanzaError>;

const fn route(target: Target, handle: Handle) -> IqRoute {
    IqRoute { name: "query", ns: ns::LAST, iq: IqType::Get, target, needs: no_needs, handle }
}

// ---- asked ----------------------------------------------------------------------------------------------------------

fn tell_uptime(state: &mut State, _: &Request<'_>, _: Gathered) -> Result<Answer, StanzaError> {
    let uptime = state.now.mono.saturating_sub(state.started_at);
    Ok(answer(uptime.as_secs(), ""))
}

fn tell_account(
    state: &mut State,
    request: &Request<'_>,
    _: Gathered,
) -> Result<Answer, StanzaError> {
    let subject = request.subject();
    if !sees(state, request.requester(), subject) {
        return Err(NOT_A_SUBSCRIBER);
    }
    if !state.available_sessions(subject).is_empty() {
        return Ok(answer(0, ""));
    }
    let account = state.account(subject).ok_or(NOT_A_SUBSCRIBER)?;
    match account.other(kinds::LAST_SEEN, "").and_then(|value| decode(value)) {
        Some((at_us, status)) => {
            let seconds = state.now.wall_us.saturating_sub(at_us) / 1_000_000;
            Ok(answer(seconds, status))
        }
        None if account.sessions.is_empty() => Err(UNAVAILABLE),
        None => Ok(answer(0, "")),
    }
}

fn answer(seconds: u64, status: &str) -> Answer {
    let mut w = Writer::new();
    w.open("query").attr("xmlns", ns::LAST).attr("seconds", &seconds.to_string());
    if !status.is_empty() {
        w.text(status);
    }
    Answer::Result(w.finish())
}

fn sees(state: &State, requester: &BareJid, subject: &BareJid) -> bool {
    requester == subject
        || state.account(subject).is_some_and(|account| account.roster.has_from(requester))
}

/// Whether this may be delivered to a client: its idle time is for those who see its presence (§4).
pub(crate) fn check_delivery(state: &State, stanza: &Stanza) -> Result<(), StanzaError> {
    let asks = stanza.kind == Kind::Iq(IqType::Get)
        && stanza.payload().is_some_and(|payload| payload.is("query", ns::LAST));
    let Some(to) = stanza.to.as_ref().filter(|_| asks) else { return Ok(()) };
    if sees(state, stanza.from.bare(), to.bare()) { Ok(()) } else { Err(NOT_A_SUBSCRIBER) }
}

// ---- noted ----------------------------------------------------------------------------------------------------------

/// A session is available no more. `stanza`: what it said when it left, if it said anything.
pub(crate) fn presence_ended(state: &mut State, owner: &BareJid, stanza: Option<&Bytes>) {
    if state.available_sessions(owner).is_empty() {
        note(state, owner, &stanza.map(status_of).unwrap_or_default());
    }
}

/// A session has ended. Of an account that never announced presence, this is all there is to tell.
pub(crate) fn session_ended(state: &mut State, owner: &BareJid) {
    let is_news = state.account(owner).is_some_and(|account| {
        account.sessions.is_empty() && account.other(kinds::LAST_SEEN, "").is_none()
    });
    if is_news {
        note(state, owner, "");
    }
}

fn note(state: &mut State, owner: &BareJid, status: &str) {
    let value = Encoder::new(FORMAT).number(state.now.wall_us).text(status).finish();
    let Some(account) = state.account_mut(owner) else { return };
    let id = account.id;
    account.put_other(kinds::LAST_SEEN, "", value.clone());
    state.put_item(id, kinds::LAST_SEEN, "", value);
}

fn decode(value: &[u8]) -> Option<(u64, &str)> {
    let (_, mut d) = Decoder::new(value)?;
    Some((d.number()?, d.text()?))
}

fn status_of(stanza: &Bytes) -> String {
    let Ok(element) = Element::parse(stanza.clone()) else { return String::new() };
    let status = element.root().child("status", ns::CLIENT).map(|status| status.text());
    let mut status = status.unwrap_or_default().into_owned();
    let mut end = status.len().min(STATUS_BYTES_MAX);
    while !status.is_char_boundary(end) {
        end -= 1;
    }
    status.truncate(end);
    status
}

#[cfg(test)]
mod tests;

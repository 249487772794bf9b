//! Asking for the list, adding to it, taking from it (XEP-0191 §3). Other people's lists are closed.

use super::presence::{appear, disappear};
use crate::account::kinds;
use crate::gather::Gathered;
use crate::pipeline::NO_ROOM;
use crate::pipeline::iq::{Answer, IqRoute, Request, Target, no_needs};
use crate::stanza::IqType;
use crate::state::State;
use bytes::Bytes;
use im_store::SessionId;
use xmpp::jid::{BareJid, Jid};
use xmpp::ns;
use xmpp::stanza_error::{ErrorType, StanzaError};
use xmpp::xml::{Node, Writer};

/// §3.2: an empty block.
const NOBODY_NAMED: StanzaError =
    StanzaError::new(ErrorType::Modify, "bad-request", "Name at least one address to block.");
const NOT_AN_ITEM: StanzaError =
    StanzaError::new(ErrorType::Modify, "bad-request", "Each item has the address in 'jid'.");
const NOT_AN_ADDRESS: StanzaError =
    StanzaError::new(ErrorType::Modify, "jid-malformed", "The address of an item is not a JID.");
const ONESELF: StanzaError =
    StanzaError::new(ErrorType::Cancel, "not-allowed", "You cannot block yourself.");
const LIST_FULL: StanzaError = StanzaError::new(
    ErrorType::Cancel,
    "resource-constraint",
    "The blocking list is full; unblock somebody first.",
);
const NOT_YOURS: StanzaError =
    StanzaError::new(ErrorType::Auth, "forbidden", "A blocking list is for its owner only.");

/// Bytes of all addresses of one list: it is told in one stanza.
const LIST_BYTES_MAX: usize = 192 * 1024;

/// The requests, and their refusal for other people's lists.
pub(super) const ROUTES: &[IqRoute] = &[
    route("blocklist", IqType::Get, list),
    route("block", IqType::Set, block),
    route("unblock", IqType::Set, unblock),
    refusal("blocklist", IqType::Get),
    refusal("block", IqType::Set),
    refusal("unblock", IqType::Set),
];

type Handle = fn(&mut State, &Request<'_>, Gathered) -> Result<Answer, StanzaError>;

const fn route(name: &'static str, iq: IqType, handle: Handle) -> IqRoute {
    let target = Target::OwnAccount;
    IqRoute { name, ns: ns::BLOCKING, iq, target, needs: no_needs, handle }
}

const fn refusal(name: &'static str, iq: IqType) -> IqRoute {
    let refuse: Handle = |_, _, _| Err(NOT_YOURS);
    IqRoute { target: Target::OtherAccount, ..route(name, iq, refuse) }
}

fn list(state: &mut State, request: &Request<'_>, _: Gathered) -> Result<Answer, StanzaError> {
    let is_interested = state.session(request.session).is_some_and(|s| s.blocking_interest);
    if !is_interested {
        state.change_session(request.session, |session| session.blocking_interest = true);
    }
    let items = state.account(request.requester()).map_or(&[][..], |a| a.blocked.items());
    Ok(Answer::Result(payload("blocklist", items.iter().map(|item| &**item))))
}

fn block(state: &mut State, request: &Request<'_>, _: Gathered) -> Result<Answer, StanzaError> {
    let owner = request.requester();
    let named = parse(request.payload)?;
    if named.is_empty() {
        return Err(NOBODY_NAMED);
    }
    if named.iter().any(|jid| jid.bare() == owner) {
        return Err(ONESELF);
    }
    let Some(account) = state.account(owner) else { return Ok(Answer::Done) };
    let mut added = named.clone();
    added.retain(|jid| !account.blocked.contains(jid));
    let bytes = account.blocked.bytes() + texts(&added).iter().map(String::len).sum::<usize>();
    let items = account.blocked.items().len() + added.len();
    if !added.is_empty() && (items > state.options.blocked_items_max || bytes > LIST_BYTES_MAX) {
        return Err(LIST_FULL);
    }
    if !added.is_empty() && !state.has_room() {
        state.counters.refused_for_room += 1;
        return Err(NO_ROOM);
    }
    disappear(state, owner, &added);
    for jid in &added {
        change(state, owner, jid, true);
    }
    Ok(done(state, request, &payload("block", texts(&named).iter().map(String::as_str))))
}

/// Without items, everybody.
fn unblock(state: &mut State, request: &Request<'_>, _: Gathered) -> Result<Answer, StanzaError> {
    let owner = request.requester();
    let named = parse(request.payload)?;
    let Some(account) = state.account(owner) else { return Ok(Answer::Done) };
    let removed: Vec<Jid> = if named.is_empty() {
        account.blocked.items().iter().filter_map(|item| Jid::parse(item).ok()).collect()
    } else {
        named.iter().filter(|jid| account.blocked.contains(jid)).cloned().collect()
    };
    // Being seen again is the half of the matter that can be overdone; hiding is never refused.
    state.check_copies(owner)?;
    for jid in &removed {
        change(state, owner, jid, false);
    }
    let answer =
        done(state, request, &payload("unblock", texts(&named).iter().map(String::as_str)));
    appear(state, owner, &removed);
    Ok(answer)
}

/// In memory and in the batch.
fn change(state: &mut State, owner: &BareJid, jid: &Jid, blocks: bool) {
    let Some(account) = state.account_mut(owner) else { return };
    let id = account.id;
    if blocks {
        account.blocked.add(jid);
        state.put_item(id, kinds::BLOCKED, &jid.to_string(), Bytes::new());
    } else {
        account.blocked.remove(jid);
        state.remove_item(id, kinds::BLOCKED, &jid.to_string());
    }
}

/// The result first, then the pushes to every session that has asked for the list.
fn done(state: &mut State, request: &Request<'_>, payload: &Bytes) -> Answer {
    state.answer(&request.stanza.from, request.stanza.result(b""));
    let is_interested = |id: &SessionId| state.session(*id).is_some_and(|s| s.blocking_interest);
    let sessions = state.sessions_of(request.requester());
    let interested: Vec<SessionId> = sessions.iter().copied().filter(is_interested).collect();
    for id in interested {
        state.push_iq(id, payload);
    }
    Answer::Sent
}

/// Addresses named, each once.
fn parse(command: Node<'_>) -> Result<Vec<Jid>, StanzaError> {
    let mut named: Vec<Jid> = Vec::new();
    for item in command.children() {
        let jid = item.attr("jid").filter(|_| item.is("item", ns::BLOCKING)).ok_or(NOT_AN_ITEM)?;
        named.push(Jid::parse(&jid).map_err(|_| NOT_AN_ADDRESS)?);
    }
    named.sort();
    named.dedup();
    Ok(named)
}

fn texts(jids: &[Jid]) -> Vec<String> {
    jids.iter().map(ToString::to_string).collect()
}

fn payload<'a>(name: &'static str, items: impl Iterator<Item = &'a str>) -> Bytes {
    let mut w = Writer::new();
    w.open(name).attr("xmlns", ns::BLOCKING);
    for item in items {
        w.open("item").attr("jid", item).close();
    }
    w.finish()
}

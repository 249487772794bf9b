//! Private XML Storage (XEP-0049): elements that an account keeps for itself, by name and namespace. An empty element takes
//! an item away.
//!
//! Elements are cold; their names are hot, so that their number is known without a read.

use super::{Feature, Specification};
use crate::account::kinds;
use crate::gather::{Found, Gathered, Need};
use crate::pipeline::NO_ROOM;
use crate::pipeline::STORE_UNREADABLE;
use crate::pipeline::iq::{Answer, IqRoute, Request, Target, no_needs};
use crate::stanza::IqType;
use crate::state::State;
use bytes::Bytes;
use im_store::{Query, Reply};
use xmpp::ns;
use xmpp::stanza_error::{ErrorType, StanzaError};
use xmpp::xml::{Node, Writer};

/// §2: a request names at least one element in a namespace of its own.
const NOTHING_NAMED: StanzaError = StanzaError::new(
    ErrorType::Modify,
    "not-acceptable",
    "A private XML request names an element in a namespace of its own.",
);
/// §2: at most one namespace at a time is asked for.
const ONE_AT_A_TIME: StanzaError = StanzaError::new(
    ErrorType::Modify,
    "bad-request",
    "Ask for one private XML element at a time.",
);
/// §2: somebody else's.
const NOT_YOURS: StanzaError =
    StanzaError::new(ErrorType::Auth, "forbidden", "Private XML is for its owner only.");
const TOO_LARGE: StanzaError = StanzaError::new(
    ErrorType::Modify,
    "policy-violation",
    "This private XML element is too large.",
);
const TOO_MANY: StanzaError = StanzaError::new(
    ErrorType::Cancel,
    "resource-constraint",
    "This account keeps as many private XML elements as it may.",
);

/// Bytes of namespace and name together.
const NAME_BYTES_MAX: usize = 1024;

/// The feature as data.
pub(crate) const FEATURE: Feature = Feature {
    name: "private",
    specifications: &[Specification {
        number: "XEP-0049",
        version: "1.2",
        title: "Private XML Storage",
    }],
    server_features: &[ns::PRIVATE],
    account_features: &[ns::PRIVATE],
    iqs: &[
        IqRoute { needs: needs_of_get, handle: get, ..REFUSED },
        IqRoute { iq: IqType::Set, handle: set, ..REFUSED },
        IqRoute { target: Target::OtherAccount, ..REFUSED },
        IqRoute { target: Target::OtherAccount, iq: IqType::Set, ..REFUSED },
    ],
    ..Feature::NONE
};

const REFUSED: IqRoute = IqRoute {
    name: "query",
    ns: ns::PRIVATE,
    iq: IqType::Get,
    target: Target::OwnAccount,
    needs: no_needs,
    handle: |_, _, _| Err(NOT_YOURS),
};

// ---- get ------------------------------------------------------------------------------------------------------------

fn needs_of_get(state: &State, request: &Request<'_>) -> Vec<Need> {
    let (Some(account), Ok(wanted)) = (state.account(request.requester()), wanted(request)) else {
        return Vec::new();
    };
    let key = key_of(wanted);
    if account.other(kinds::PRIVATE_NAME, &key).is_none() {
        return Vec::new();
    }
    vec![Need::Read(Query::Item { account: account.id, kind: kinds::PRIVATE, key: key.into() })]
}

fn get(
    _: &mut State,
    request: &Request<'_>,
    mut gathered: Gathered,
) -> Result<Answer, StanzaError> {
    let wanted = wanted(request)?;
    let stored = match gathered.pop() {
        Some(Found::Read(Reply::Item(stored))) => stored,
        None => None,
        Some(_) => return Err(STORE_UNREADABLE),
    };
    let mut w = Writer::new();
    w.open("query").attr("xmlns", ns::PRIVATE);
    w.raw(&stored.unwrap_or_else(|| wanted.standalone()));
    Ok(Answer::Result(w.finish()))
}

fn wanted<'a>(request: &Request<'a>) -> Result<Node<'a>, StanzaError> {
    let mut children = request.payload.children();
    let wanted = children.next().ok_or(NOTHING_NAMED)?;
    check_name(wanted)?;
    if children.next().is_some() { Err(ONE_AT_A_TIME) } else { Ok(wanted) }
}

// ---- set ------------------------------------------------------------------------------------------------------------

/// What is to be kept under one name; `None` takes it away.
type Change = (String, Option<Vec<u8>>);

fn set(state: &mut State, request: &Request<'_>, _: Gathered) -> Result<Answer, StanzaError> {
    let owner = request.requester();
    let changes = changes(request.payload)?;
    check_limits(state, request, &changes)?;
    let Some(account) = state.account_mut(owner) else { return Ok(Answer::Done) };
    let id = account.id;
    for (key, element) in changes {
        let Some(account) = state.account_mut(owner) else { break };
        let is_known = account.other(kinds::PRIVATE_NAME, &key).is_some();
        match element {
            Some(element) => {
                if !is_known {
                    account.put_other(kinds::PRIVATE_NAME, &key, Bytes::new());
                    state.put_item(id, kinds::PRIVATE_NAME, &key, Bytes::new());
                }
                state.put_item(id, kinds::PRIVATE, &key, element.into());
            }
            None if is_known => {
                account.remove_other(kinds::PRIVATE_NAME, &key);
                state.remove_item(id, kinds::PRIVATE_NAME, &key);
                state.remove_item(id, kinds::PRIVATE, &key);
            }
            None => {}
        }
    }
    Ok(Answer::Done)
}

/// Several elements of one name are kept together (§2).
fn changes(query: Node<'_>) -> Result<Vec<Change>, StanzaError> {
    let mut changes: Vec<Change> = Vec::new();
    for child in query.children() {
        check_name(child)?;
        let key = key_of(child);
        let is_empty = child.inner().is_empty() && child.attrs().next().is_none();
        let element = (!is_empty).then(|| child.standalone().to_vec());
        match changes.iter_mut().find(|(other, _)| *other == key) {
            Some((_, Some(kept))) => kept.extend(element.unwrap_or_default()),
            Some((_, kept)) => *kept = element,
            None => changes.push((key, element)),
        }
    }
    if changes.is_empty() { Err(NOTHING_NAMED) } else { Ok(changes) }
}

fn check_limits(
    state: &mut State,
    request: &Request<'_>,
    changes: &[Change],
) -> Result<(), StanzaError> {
    let Some(account) = state.account(request.requester()) else { return Ok(()) };
    let kept = || changes.iter().filter_map(|(key, element)| Some((key, element.as_ref()?)));
    let is_new = |key: &str| account.other(kinds::PRIVATE_NAME, key).is_none();
    if kept().any(|(_, element)| element.len() > state.options.item_bytes_max) {
        return Err(TOO_LARGE);
    }
    let added = kept().filter(|(key, _)| is_new(key)).count();
    let known = account.others_of(kinds::PRIVATE_NAME);
    if added > 0 && known + added > state.options.private_items_max {
        return Err(TOO_MANY);
    }
    if kept().next().is_some() && !state.has_room() {
        state.counters.refused_for_room += 1;
        return Err(NO_ROOM);
    }
    Ok(())
}

fn check_name(node: Node<'_>) -> Result<(), StanzaError> {
    if matches!(node.ns(), "" | ns::PRIVATE | ns::CLIENT) {
        return Err(NOTHING_NAMED);
    }
    let bytes = node.ns().len() + node.name().len();
    if bytes > NAME_BYTES_MAX { Err(TOO_LARGE) } else { Ok(()) }
}

/// A namespace may have spaces, a name has none: the last space parts them.
fn key_of(node: Node<'_>) -> String {
    format!("{} {}", node.ns(), node.name())
}

#[cfg(test)]
mod tests;

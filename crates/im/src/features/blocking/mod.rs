//! Blocking Command (XEP-0191): addresses with which an account exchanges nothing.
//!
//! `list` is a list in memory and what it matches, `iq` what its owner asks, `presence` what others see of a change. The
//! pipelines ask the three functions here. One's own account and the server itself cannot be blocked: a list that matches
//! them does not apply to them.

mod iq;
mod list;
mod presence;
#[cfg(test)]
mod tests;

pub(crate) use list::BlockList;

use super::{Feature, Specification};
use crate::stanza::Stanza;
use crate::state::{Owner, State};
use xmpp::jid::{BareJid, Jid};
use xmpp::ns;
use xmpp::stanza_error::{ErrorType, StanzaError};

/// §3.2: the sender blocks whom it writes to.
const SENDER_BLOCKS: StanzaError =
    StanzaError::new(ErrorType::Cancel, "not-acceptable", "You have blocked this address.")
        .with_detail("blocked", ns::BLOCKING_ERRORS);

/// The feature as data.
pub(crate) const FEATURE: Feature = Feature {
    name: "blocking",
    specifications: &[Specification {
        number: "XEP-0191",
        version: "1.3",
        title: "Blocking Command",
    }],
    server_features: &[ns::BLOCKING],
    account_features: &[ns::BLOCKING],
    iqs: iq::ROUTES,
    ..Feature::NONE
};

/// Whether the sender blocks whom it writes to.
pub(crate) fn check_outgoing(state: &State, stanza: &Stanza) -> Result<(), StanzaError> {
    let blocks = |to: &Jid| is_blocked(state, stanza.from.bare(), to);
    if stanza.to.as_ref().is_some_and(blocks) { Err(SENDER_BLOCKS) } else { Ok(()) }
}

/// Whether an account's owner blocks an address.
pub(crate) fn is_blocked(state: &State, owner: &BareJid, other: &Jid) -> bool {
    let Some(account) = state.account(owner) else { return false };
    account.blocked.matches(other)
        && other.bare() != owner
        && state.owner_of(other.bare()) != Owner::Server
}

/// Whether the recipient blocks the sender.
pub(crate) fn hides_from(state: &State, stanza: &Stanza) -> bool {
    stanza.to.as_ref().is_some_and(|to| is_blocked(state, to.bare(), &stanza.from))
}

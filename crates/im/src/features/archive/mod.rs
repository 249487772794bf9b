//! Message Archive Management (XEP-0313): conversations are kept for both parties and read back in pages.
//!
//! Both archives refer to the same stored stanza; its id is what XEP-0359 calls its stable id. `preferences` decides what
//! is kept, `query` understands what a client asks for, `answer` sends it. An archive is shown to its owner only.

mod answer;
mod form;
mod preferences;
mod query;

use super::{Feature, Specification};
use crate::gather::Gathered;
use crate::pipeline::iq::{Answer, IqRoute, Request, Target, no_needs};
use crate::pipeline::message::{Flow, MessageInFlight};
use crate::planted::PlantedFault;
use crate::stanza::{IqType, MessageType};
use crate::state::State;
use im_store::Write;
use xmpp::jid::{BareJid, Jid};
use xmpp::ns;
use xmpp::stanza_error::{ErrorType, StanzaError};

pub(crate) use preferences::Preferences;

/// An archive is its owner's.
const NOT_YOURS: StanzaError =
    StanzaError::new(ErrorType::Auth, "forbidden", "This archive belongs to somebody else.");
/// XEP-0313 §4.1.3 and §4.3.2.
const NO_SUCH_ID: StanzaError =
    StanzaError::new(ErrorType::Cancel, "item-not-found", "No message in the archive has this id.");
/// XEP-0313 §4.1.5.
const UNKNOWN_FIELD: StanzaError = StanzaError::new(
    ErrorType::Cancel,
    "feature-not-implemented",
    "The form has a field that is not known here; ask for the form to see all fields.",
);
/// A field or element that is not what it must be.
const MALFORMED: StanzaError = StanzaError::new(
    ErrorType::Modify,
    "bad-request",
    "The query, its form or its page is not written as XEP-0313 and XEP-0059 say.",
);
/// XEP-0059 §2.3.
const NO_INDEX: StanzaError = StanzaError::new(
    ErrorType::Cancel,
    "feature-not-implemented",
    "Pages are found by id, not by index.",
);
/// More ids at once than are looked up.
const TOO_MANY_IDS: StanzaError = StanzaError::new(
    ErrorType::Modify,
    "not-acceptable",
    "At most 256 ids may be asked for at once.",
);
/// Preferences that are none.
const BAD_PREFERENCES: StanzaError = StanzaError::new(
    ErrorType::Modify,
    "bad-request",
    "The default is one of always, never, roster, and the lists hold JIDs.",
);
/// Preferences that are too long.
const TOO_MANY_JIDS: StanzaError = StanzaError::new(
    ErrorType::Modify,
    "resource-constraint",
    "The lists of archiving preferences may hold 500 JIDs together.",
);

/// XEP-0313 §7: the field `include-groupchat` is understood; there is no groupchat in these archives.
const GROUPCHAT_FIELD: &str = "urn:xmpp:mam:2#groupchat-field";

/// The feature as data.
pub(crate) const FEATURE: Feature = Feature {
    name: "archive",
    specifications: &[
        Specification { number: "XEP-0313", version: "1.1.3", title: "Message Archive Management" },
        Specification {
            number: "XEP-0441",
            version: "0.2.0",
            title: "Message Archive Management Preferences",
        },
        Specification { number: "XEP-0059", version: "1.0", title: "Result Set Management" },
        Specification {
            number: "XEP-0359",
            version: "0.7.0",
            title: "Unique and Stable Stanza IDs",
        },
    ],
    account_features: &[ns::MAM, ns::MAM_EXTENDED, GROUPCHAT_FIELD, ns::STANZA_ID],
    iqs: &[
        IqRoute { needs: query::needs, ..own("query", IqType::Set, answer::query) },
        own("query", IqType::Get, form::answer),
        IqRoute {
            needs: query::needs_of_metadata,
            ..own("metadata", IqType::Get, answer::metadata)
        },
        own("prefs", IqType::Get, preferences::read),
        own("prefs", IqType::Set, preferences::change),
        of_another("query", IqType::Set),
        of_another("query", IqType::Get),
        of_another("metadata", IqType::Get),
        of_another("prefs", IqType::Get),
        of_another("prefs", IqType::Set),
    ],
    ..Feature::NONE
};

type Handle = fn(&mut State, &Request<'_>, Gathered) -> Result<Answer, StanzaError>;

const fn own(name: &'static str, iq: IqType, handle: Handle) -> IqRoute {
    IqRoute { name, ns: ns::MAM, iq, target: Target::OwnAccount, needs: no_needs, handle }
}

/// Attack row 32. An account that does not exist has an archive that is forbidden, too.
const fn of_another(name: &'static str, iq: IqType) -> IqRoute {
    IqRoute { target: Target::OtherAccount, ..own(name, iq, forbid) }
}

fn forbid(_: &mut State, _: &Request<'_>, _: Gathered) -> Result<Answer, StanzaError> {
    Err(NOT_YOURS)
}

/// Whether a message belongs in an archive at all (XEP-0313 §6.1.1, XEP-0334).
fn is_eligible(message: &MessageInFlight<'_>) -> bool {
    let traits = &message.traits;
    if traits.hints.forbids_archive() {
        return false;
    }
    match message.kind {
        MessageType::Chat | MessageType::Normal => traits.is_memorable || traits.hints.store,
        MessageType::Headline => traits.hints.store,
        MessageType::Groupchat | MessageType::Error => false,
    }
}

/// A stage: into the sender's archive.
pub(crate) fn keep_sent(state: &mut State, message: &mut MessageInFlight<'_>) -> Flow {
    message.kept_by_sender = keep(state, message, message.from().bare(), message.to());
    message.kept_by_recipient = message.kept_by_sender && message.is_to_oneself();
    Flow::On
}

/// A stage: into the recipient's archive, unless it is there because it was sent from there.
pub(crate) fn keep_received(state: &mut State, message: &mut MessageInFlight<'_>) -> Flow {
    if !message.is_to_oneself() {
        message.kept_by_recipient = keep(state, message, message.to().bare(), message.from());
    }
    Flow::On
}

fn keep(
    state: &mut State,
    message: &mut MessageInFlight<'_>,
    owner: &BareJid,
    other: &Jid,
) -> bool {
    if !is_eligible(message) {
        return false;
    }
    let by_default = state.options.archive_default;
    let Some(owner) = state.account(owner) else { return false };
    if !owner.archive.want(other, by_default, |jid| owner.roster.item(jid).is_some()) {
        return false;
    }
    let account = owner.id;
    let id = message.store(state);
    if state.has_fault(PlantedFault::NotArchived) {
        return true;
    }
    let peer_resource = other.resource().map(Box::from);
    state.write(Write::Archive { account, id, peer: other.bare().clone(), peer_resource });
    true
}

#[cfg(test)]
mod tests;

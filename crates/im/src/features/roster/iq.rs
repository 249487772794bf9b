//! Roster get and set (RFC 6121 §2.1.3 to §2.5).
//!
//! A set happens as a whole: the contact's account is in memory before it is decided (see [`accounts`]), so that removing
//! a contact ends the subscriptions in both rosters in one batch.

use super::item::Item;
use super::subscription::Verb;
use crate::gather::Gathered;
use crate::pipeline::NO_ROOM;
use crate::pipeline::iq::{Answer, IqRoute, Request, Target, no_needs};
use crate::stanza::{IqType, Kind, Stanza};
use crate::state::State;
use xmpp::jid::BareJid;
use xmpp::ns;
use xmpp::stanza_error::{ErrorType, StanzaError};
use xmpp::xml::{Node, Writer};

/// RFC 6121 §2.3.3 and §2.5.3.
const NOT_ONE_ITEM: StanzaError = StanzaError::new(
    ErrorType::Modify,
    "bad-request",
    "A roster set has exactly one item, with the bare JID of the contact.",
);
const SAME_GROUP_TWICE: StanzaError =
    StanzaError::new(ErrorType::Modify, "bad-request", "A contact is in each group only once.");
const NAME_TOO_LONG: StanzaError = StanzaError::new(
    ErrorType::Modify,
    "not-acceptable",
    "The name or the name of a group is too long.",
);
const GROUP_WITHOUT_NAME: StanzaError =
    StanzaError::new(ErrorType::Modify, "not-acceptable", "A group needs a name.");
const TOO_MANY_GROUPS: StanzaError =
    StanzaError::new(ErrorType::Modify, "not-acceptable", "The contact is in too many groups.");
const NO_SUCH_CONTACT: StanzaError =
    StanzaError::new(ErrorType::Modify, "item-not-found", "There is no such contact.");
const NOT_YOURS: StanzaError =
    StanzaError::new(ErrorType::Auth, "forbidden", "This is not your roster.");
const ONESELF: StanzaError =
    StanzaError::new(ErrorType::Cancel, "not-allowed", "You cannot be your own contact.");
/// The account has as many contacts as it may have.
pub(crate) const ROSTER_FULL: StanzaError = StanzaError::new(
    ErrorType::Cancel,
    "resource-constraint",
    "The roster is full; remove a contact first.",
);

/// Bytes of a contact's or group's name.
const NAME_BYTES_MAX: usize = 1023;
/// Groups of one contact.
const GROUPS_MAX: usize = 64;

/// Roster get and set; other people's rosters are closed.
pub(super) const ROUTES: &[IqRoute] = &[
    route(IqType::Get, Target::OwnAccount, get),
    route(IqType::Set, Target::OwnAccount, set),
    route(IqType::Get, Target::OtherAccount, refuse),
    route(IqType::Set, Target::OtherAccount, refuse),
];

type Handle = fn(&mut State, &Request<'_>, Gathered) -> Result<Answer, StanzaError>;

const fn route(iq: IqType, target: Target, handle: Handle) -> IqRoute {
    IqRoute { name: "query", ns: ns::ROSTER, iq, target, needs: no_needs, handle }
}

fn refuse(_: &mut State, _: &Request<'_>, _: Gathered) -> Result<Answer, StanzaError> {
    Err(NOT_YOURS)
}

/// The account a roster set is about, besides its sender's.
pub(crate) fn accounts(stanza: &Stanza) -> Option<BareJid> {
    if stanza.kind != Kind::Iq(IqType::Set) {
        return None;
    }
    let query = stanza.payload().filter(|payload| payload.is("query", ns::ROSTER))?;
    BareJid::parse(&query.child("item", ns::ROSTER)?.attr("jid")?).ok()
}

// ---- get ------------------------------------------------------------------------------------------------------------

fn get(state: &mut State, request: &Request<'_>, _: Gathered) -> Result<Answer, StanzaError> {
    state.change_session(request.session, |session| session.roster_interest = true);
    let Some(account) = state.account(request.requester()) else { return Ok(Answer::Done) };
    let known = request.payload.attr("ver");
    let version = account.roster.version();
    // RFC 6121 §2.6.3: an empty result means that the client's copy is right.
    if known.as_deref() == Some(version.as_str()) {
        return Ok(Answer::Done);
    }
    let mut w = Writer::new();
    w.open("query").attr("xmlns", ns::ROSTER);
    w.attr_opt("ver", known.is_some().then_some(version.as_str()));
    account.roster.items().iter().for_each(|item| item.write(&mut w));
    Ok(Answer::Result(w.finish()))
}

// ---- set ------------------------------------------------------------------------------------------------------------

/// What a roster set wants.
#[derive(Debug, PartialEq, Eq)]
enum Change {
    Put { jid: BareJid, name: Box<str>, groups: Box<[Box<str>]> },
    Remove(BareJid),
}

fn set(state: &mut State, request: &Request<'_>, _: Gathered) -> Result<Answer, StanzaError> {
    let owner = request.requester();
    match parse(request.payload)? {
        Change::Put { jid, .. } if jid == *owner => Err(ONESELF),
        Change::Put { jid, name, groups } => put(state, owner, jid, name, groups),
        Change::Remove(jid) => remove(state, owner, &jid),
    }
}

/// RFC 6121 §2.3 and §2.4. Whatever else the client says of the contact (`subscription`, `ask`, `approved`) is ignored.
fn put(
    state: &mut State,
    owner: &BareJid,
    jid: BareJid,
    name: Box<str>,
    groups: Box<[Box<str>]>,
) -> Result<Answer, StanzaError> {
    check_room_for(state, owner, &jid)?;
    let Some(account) = state.account(owner) else { return Ok(Answer::Done) };
    let old = account.roster.item(&jid).cloned().unwrap_or_else(|| Item::new(jid));
    state.put_contact(owner, Item { name, groups, ..old });
    Ok(Answer::Done)
}

/// Whether a contact may be added, if it is not there yet.
pub(crate) fn check_room_for(
    state: &mut State,
    owner: &BareJid,
    jid: &BareJid,
) -> Result<(), StanzaError> {
    let Some(account) = state.account(owner) else { return Ok(()) };
    if account.roster.item(jid).is_some() {
        return Ok(());
    }
    if account.roster.items().len() >= state.options.roster_items_max {
        return Err(ROSTER_FULL);
    }
    if !state.has_room() {
        state.counters.refused_for_room += 1;
        return Err(NO_ROOM);
    }
    Ok(())
}

/// RFC 6121 §2.5: the contact goes, and with it every subscription and request between the two.
fn remove(state: &mut State, owner: &BareJid, jid: &BareJid) -> Result<Answer, StanzaError> {
    let Some(account) = state.account(owner) else { return Ok(Answer::Done) };
    if account.roster.item(jid).is_none() {
        return Err(NO_SUCH_CONTACT);
    }
    let standing = account.roster.standing(jid);
    if standing.has_from() {
        state.hide_presence(owner, jid);
    }
    state.remove_contact(owner, jid);
    if standing.has_to() || standing.asks() {
        state.subscription_made(jid, owner, Verb::Unsubscribe);
    }
    if standing.has_from() || standing.is_asked() {
        state.subscription_made(jid, owner, Verb::Unsubscribed);
    }
    Ok(Answer::Done)
}

fn parse(query: Node<'_>) -> Result<Change, StanzaError> {
    let mut children = query.children();
    let (Some(item), None) = (children.next(), children.next()) else { return Err(NOT_ONE_ITEM) };
    if !item.is("item", ns::ROSTER) {
        return Err(NOT_ONE_ITEM);
    }
    let jid = item.attr("jid").and_then(|jid| BareJid::parse(&jid).ok()).ok_or(NOT_ONE_ITEM)?;
    if item.attr("subscription").as_deref() == Some("remove") {
        return Ok(Change::Remove(jid));
    }
    let name = item.attr("name").unwrap_or_default();
    if name.len() > NAME_BYTES_MAX {
        return Err(NAME_TOO_LONG);
    }
    Ok(Change::Put { jid, name: name.into(), groups: parse_groups(item)? })
}

fn parse_groups(item: Node<'_>) -> Result<Box<[Box<str>]>, StanzaError> {
    let mut groups: Vec<Box<str>> = Vec::new();
    for group in item.children().filter(|child| child.is("group", ns::ROSTER)) {
        let name = group.text();
        if name.is_empty() {
            return Err(GROUP_WITHOUT_NAME);
        }
        if name.len() > NAME_BYTES_MAX {
            return Err(NAME_TOO_LONG);
        }
        if groups.iter().any(|other| **other == *name) {
            return Err(SAME_GROUP_TWICE);
        }
        if groups.len() == GROUPS_MAX {
            return Err(TOO_MANY_GROUPS);
        }
        groups.push(name.into());
    }
    Ok(groups.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use xmpp::xml::Element;

    fn parsed(inner: &str) -> Result<Change, StanzaError> {
        let xml = format!("<query xmlns='jabber:iq:roster'>{inner}</query>");
        parse(Element::parse(Bytes::from(xml)).unwrap().root())
    }

    #[test]
    fn a_set_that_breaks_a_rule_gets_the_error_of_that_rule() {
        let long = "x".repeat(NAME_BYTES_MAX + 1);
        let many: String = (0..=GROUPS_MAX).map(|n| format!("<group>{n}</group>")).collect();
        for (inner, error) in [
            ("", NOT_ONE_ITEM),
            ("<item/>", NOT_ONE_ITEM),
            ("<item jid='a@b@c'/>", NOT_ONE_ITEM),
            ("<item jid='a@b/c'/>", NOT_ONE_ITEM),
            ("<item jid='a@b'/><item jid='c@b'/>", NOT_ONE_ITEM),
            ("<other jid='a@b'/>", NOT_ONE_ITEM),
            ("<item xmlns='x' jid='a@b'/>", NOT_ONE_ITEM),
            (&format!("<item jid='a@b' name='{long}'/>"), NAME_TOO_LONG),
            (&format!("<item jid='a@b'><group>{long}</group></item>"), NAME_TOO_LONG),
            ("<item jid='a@b'><group/></item>", GROUP_WITHOUT_NAME),
            ("<item jid='a@b'><group>g</group><group>g</group></item>", SAME_GROUP_TWICE),
            (&format!("<item jid='a@b'>{many}</item>"), TOO_MANY_GROUPS),
        ] {
            assert_eq!(parsed(inner), Err(error), "{inner}");
        }
    }

    #[test]
    fn a_subscription_that_a_client_claims_is_ignored() {
        let put = |name: &str, groups: &[&str]| {
            let jid = BareJid::parse("a@b").unwrap();
            let groups = groups.iter().map(|g| Box::from(*g)).collect();
            Ok(Change::Put { jid, name: name.into(), groups })
        };
        assert_eq!(parsed("<item jid='A@B' subscription='both' ask='subscribe'/>"), put("", &[]));
        assert_eq!(parsed("<item jid='a@b' subscription='foobar' name='n'/>"), put("n", &[]));
        assert_eq!(
            parsed("<item jid='a@b'><group>1</group><x xmlns='y'/><group>2</group></item>"),
            put("", &["1", "2"])
        );
    }

    #[test]
    fn removal_needs_nothing_but_the_address() {
        let jid = BareJid::parse("a@b").unwrap();
        let inner = "<item jid='a@b' subscription='remove'><group/></item>";
        assert_eq!(parsed(inner), Ok(Change::Remove(jid)));
    }
}

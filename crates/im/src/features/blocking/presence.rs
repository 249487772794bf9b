//! What others see of a change of the list (XEP-0191 §3.2, §3.3): whoever is blocked sees the user leave, whoever is
//! unblocked sees the user come. The user sees the same of them, since their presence is not delivered either.
//!
//! Only accounts with sessions get presence, and those are in memory.

use super::BlockList;
use crate::queue::Outgoing;
use crate::state::State;
use bytes::Bytes;
use im_store::SessionId;
use xmpp::jid::{BareJid, Jid};
use xmpp::xml::{Edit, Element, Writer};

/// Before addresses are put on the list.
pub(super) fn disappear(state: &mut State, owner: &BareJid, added: &[Jid]) {
    for contact in contacts(state, owner, added) {
        if super::is_blocked(state, owner, &contact.clone().into()) {
            continue; // By another item: it has seen the user leave already.
        }
        if shows(state, owner, &contact) {
            charge(state, owner, (owner, &contact));
            state.hide_presence(owner, &contact);
        }
        if shows(state, &contact, owner) {
            charge(state, owner, (&contact, owner));
            state.hide_presence(&contact, owner);
        }
    }
    for (mine, theirs) in pairs(state, owner, added) {
        let (Some(from), Some(to)) = (state.session(mine), state.session(theirs)) else { continue };
        let goodbye = unavailable(&from.jid, &to.jid);
        state.send(theirs, Outgoing::lazy(goodbye));
    }
    forget_directed(state, owner, added);
}

/// After addresses were taken off the list. Somebody may still be blocked by another item: that is decided where presence
/// is shown.
pub(super) fn appear(state: &mut State, owner: &BareJid, removed: &[Jid]) {
    for contact in contacts(state, owner, removed) {
        if shows(state, owner, &contact) {
            charge(state, owner, (owner, &contact));
            state.show_presence(owner, &contact);
        }
        if shows(state, &contact, owner) {
            charge(state, owner, (&contact, owner));
            state.show_presence(&contact, owner);
        }
    }
    for (mine, theirs) in pairs(state, owner, removed) {
        let (Some(from), Some(to)) = (state.session(mine), state.session(theirs)) else { continue };
        let is_hidden = super::is_blocked(state, owner, &to.jid)
            || super::is_blocked(state, to.account(), &from.jid);
        let Some(presence) = from.presence.as_ref().filter(|_| !is_hidden) else { continue };
        let Ok(element) = Element::parse(presence.stanza.clone()) else { continue };
        let copy = Edit::new(&element).set_attr("to", &to.jid.to_string()).finish();
        state.send(theirs, Outgoing::lazy(copy));
    }
}

/// Charges the copies of one account's presence for another to whoever caused them (attack row 26).
fn charge(state: &mut State, causer: &BareJid, (seen, seer): (&BareJid, &BareJid)) {
    let copies = state.available_sessions(seer).len();
    for id in state.available_sessions(seen) {
        let presence = state.session(id).and_then(|session| session.presence.as_ref());
        let bytes = presence.map_or(0, |presence| presence.stanza.len());
        state.charge_copies(causer, copies, bytes);
    }
}

/// Whether `owner` shows its presence to `other`, by both rosters.
fn shows(state: &State, owner: &BareJid, other: &BareJid) -> bool {
    state.account(owner).is_some_and(|account| account.roster.has_from(other))
        && state.account(other).is_some_and(|account| account.roster.has_to(owner))
}

/// Contacts whose every resource is concerned.
fn contacts(state: &State, owner: &BareJid, jids: &[Jid]) -> Vec<BareJid> {
    let Some(account) = state.account(owner) else { return Vec::new() };
    let list = list_of(jids.iter().filter(|jid| !jid.is_full()));
    let is_concerned = |jid: &BareJid| list.matches(&Jid::from(jid.clone()));
    let contacts = account.roster.items().iter().map(|item| &item.jid);
    contacts.filter(|jid| is_concerned(jid)).cloned().collect()
}

/// Sessions of the owner that are seen by a session of a contact which is concerned by its full address: (mine, theirs).
fn pairs(state: &State, owner: &BareJid, jids: &[Jid]) -> Vec<(SessionId, SessionId)> {
    let concerned = jids.iter().filter(|jid| jid.is_full() && shows(state, owner, jid.bare()));
    let theirs = concerned.filter_map(|jid| state.session_at(jid));
    let mine = state.available_sessions(owner);
    let is_available = |id: &SessionId| state.session(*id).is_some_and(|s| s.is_available());
    theirs
        .filter(is_available)
        .flat_map(|theirs| mine.iter().map(move |mine| (*mine, theirs)))
        .collect()
}

/// Whoever was sent presence directly hears of the departure, and of nothing later.
fn forget_directed(state: &mut State, owner: &BareJid, added: &[Jid]) {
    let list = list_of(added.iter());
    for id in state.sessions_of(owner).to_vec() {
        let Some(session) = state.session(id) else { continue };
        let from = session.jid.clone();
        let concerned: Vec<Jid> =
            session.directed.iter().filter(|to| list.matches(to)).cloned().collect();
        if concerned.is_empty() {
            continue;
        }
        state.change_session(id, |session| session.directed.retain(|to| !list.matches(to)));
        for to in concerned {
            if shows(state, owner, to.bare()) {
                continue; // It has seen this session leave already.
            }
            let goodbye = unavailable(&from, &to);
            for target in targets(state, &to) {
                state.send(target, Outgoing::lazy(goodbye.clone()));
            }
        }
    }
}

fn unavailable(from: &Jid, to: &Jid) -> Bytes {
    let mut w = Writer::new();
    w.open("presence").attr("from", &from.to_string()).attr("to", &to.to_string());
    w.attr("type", "unavailable");
    w.finish()
}

fn targets(state: &State, to: &Jid) -> Vec<SessionId> {
    if to.is_full() {
        state.session_at(to).into_iter().collect()
    } else {
        state.available_sessions(to.bare())
    }
}

fn list_of<'a>(jids: impl Iterator<Item = &'a Jid>) -> BlockList {
    let mut list = BlockList::default();
    for jid in jids {
        list.add(jid);
    }
    list
}

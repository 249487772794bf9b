//! Contacts (RFC 6121 §2) and subscriptions (§3).
//!
//! `item` is a contact, `contacts` a roster in memory, `change` what changes it, `push` what its owner hears of that, `iq`
//! what its owner asks. `subscription` has the state tables; the stanzas that move them are in `pipeline::presence`.

mod change;
mod contacts;
mod iq;
mod item;
mod push;
pub(crate) mod subscription;
#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) use tests::{befriend, roster, verona};

pub(crate) use contacts::Roster;
pub(crate) use iq::{accounts, check_room_for};

use super::{Feature, Specification};
use crate::gather::Work;
use crate::pipeline::presence::subscription_stanza;
use crate::state::State;
use subscription::Verb;
use xmpp::jid::BareJid;

/// The feature as data.
pub(crate) const FEATURE: Feature = Feature {
    name: "roster",
    specifications: &[Specification {
        number: "RFC 6121",
        version: "",
        title: "XMPP: Instant Messaging and Presence",
    }],
    stream_features: "<ver xmlns='urn:xmpp:features:rosterver'/>\
                      <sub xmlns='urn:xmpp:features:pre-approval'/>",
    iqs: iq::ROUTES,
    ..Feature::NONE
};

/// An account is about to be removed: its contacts are told (RFC 6121 §3.2, §3.3), those not in memory once they are.
pub(crate) fn account_removed(state: &mut State, jid: &BareJid) {
    let Some(account) = state.account(jid) else { return };
    let roster = &account.roster;
    let mut farewells: Vec<(BareJid, Verb)> = Vec::new();
    for item in roster.items() {
        if item.to || item.asks {
            farewells.push((item.jid.clone(), Verb::Unsubscribe));
        }
        if item.from {
            farewells.push((item.jid.clone(), Verb::Unsubscribed));
        }
    }
    let denied = roster.requests().iter().map(|(from, _)| (from.clone(), Verb::Unsubscribed));
    farewells.extend(denied);
    for (contact, verb) in farewells {
        if let Some(stanza) = subscription_stanza(jid, &contact, verb) {
            state.submit(Work::Made { stanza: Box::new(stanza) });
        }
    }
}

//! Archiving preferences (XEP-0441): with whom conversations are kept.

use super::{BAD_PREFERENCES, TOO_MANY_JIDS};
use crate::account::kinds;
use crate::gather::Gathered;
use crate::options::ArchiveDefault;
use crate::pipeline::NO_ROOM;
use crate::pipeline::iq::{Answer, Request};
use crate::state::State;
use crate::wire::{Decoder, Encoder};
use bytes::Bytes;
use xmpp::jid::{BareJid, Jid};
use xmpp::ns;
use xmpp::stanza_error::StanzaError;
use xmpp::xml::{Node, Writer};

/// JIDs in both lists together.
const JIDS_MAX: usize = 500;
const VERSION: u8 = 1;

/// Archiving preferences of one account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Preferences {
    /// What holds for everybody in neither list; `None` when the account never said.
    by_default: Option<ArchiveDefault>,
    always: Vec<Jid>,
    never: Vec<Jid>,
}

impl Preferences {
    /// From the stored item; preferences that cannot be understood are none.
    pub(crate) fn load(value: &Bytes) -> Self {
        Self::decode(value).unwrap_or_default()
    }

    fn decode(value: &[u8]) -> Option<Self> {
        let (VERSION, mut d) = Decoder::new(value)? else { return None };
        let by_default = match d.number()? {
            1 => Some(ArchiveDefault::Always),
            2 => Some(ArchiveDefault::Roster),
            3 => Some(ArchiveDefault::Never),
            _ => None,
        };
        let mut jids = || -> Option<Vec<Jid>> {
            let count = d.number()?.min(JIDS_MAX as u64);
            (0..count).map(|_| d.text().and_then(|jid| Jid::parse(jid).ok())).collect()
        };
        Some(Self { by_default, always: jids()?, never: jids()? })
    }

    fn encode(&self) -> Bytes {
        let by_default = match self.by_default {
            None => 0,
            Some(ArchiveDefault::Always) => 1,
            Some(ArchiveDefault::Roster) => 2,
            Some(ArchiveDefault::Never) => 3,
        };
        let mut e = Encoder::new(VERSION).number(by_default);
        for list in [&self.always, &self.never] {
            e = e.number(list.len() as u64);
            e = list.iter().fold(e, |e, jid| e.text(&jid.to_string()));
        }
        e.finish()
    }

    /// Whether a conversation with this JID is kept. A listed full JID outweighs a bare one, "never" outweighs "always".
    pub(crate) fn want(
        &self,
        other: &Jid,
        by_default: ArchiveDefault,
        is_contact: impl Fn(&BareJid) -> bool,
    ) -> bool {
        let bare = |list: &[Jid]| list.iter().any(|jid| jid == other.bare());
        let listed = if self.never.contains(other) {
            Some(false)
        } else if self.always.contains(other) {
            Some(true)
        } else if bare(&self.never) {
            Some(false)
        } else {
            bare(&self.always).then_some(true)
        };
        listed.unwrap_or_else(|| match self.by_default.unwrap_or(by_default) {
            ArchiveDefault::Always => true,
            ArchiveDefault::Roster => is_contact(other.bare()),
            ArchiveDefault::Never => false,
        })
    }

    fn parse(prefs: Node<'_>) -> Result<Self, StanzaError> {
        let by_default = match prefs.attr("default").as_deref() {
            Some("always") => ArchiveDefault::Always,
            Some("roster") => ArchiveDefault::Roster,
            Some("never") => ArchiveDefault::Never,
            _ => return Err(BAD_PREFERENCES),
        };
        let always = jids(prefs.child("always", ns::MAM))?;
        let never = jids(prefs.child("never", ns::MAM))?;
        if always.len() + never.len() > JIDS_MAX {
            return Err(TOO_MANY_JIDS);
        }
        Ok(Self { by_default: Some(by_default), always, never })
    }

    fn write(&self, by_default: ArchiveDefault) -> Bytes {
        let mut w = Writer::new();
        w.open("prefs").attr("xmlns", ns::MAM);
        w.attr(
            "default",
            match self.by_default.unwrap_or(by_default) {
                ArchiveDefault::Always => "always",
                ArchiveDefault::Roster => "roster",
                ArchiveDefault::Never => "never",
            },
        );
        for (name, list) in [("always", &self.always), ("never", &self.never)] {
            w.open(name);
            for jid in list {
                w.leaf("jid", &jid.to_string());
            }
            w.close();
        }
        w.finish()
    }
}

/// Each JID once.
fn jids(list: Option<Node<'_>>) -> Result<Vec<Jid>, StanzaError> {
    let mut jids = Vec::new();
    for node in list.into_iter().flat_map(Node::children).filter(|n| n.is("jid", ns::MAM)) {
        let jid = Jid::parse(node.text().trim()).map_err(|_| BAD_PREFERENCES)?;
        if jids.len() >= JIDS_MAX {
            return Err(TOO_MANY_JIDS);
        }
        if !jids.contains(&jid) {
            jids.push(jid);
        }
    }
    Ok(jids)
}

/// `<prefs/>`, get.
pub(super) fn read(
    state: &mut State,
    request: &Request<'_>,
    _: Gathered,
) -> Result<Answer, StanzaError> {
    Ok(shown(state, request.requester()))
}

/// `<prefs/>`, set.
pub(super) fn change(
    state: &mut State,
    request: &Request<'_>,
    _: Gathered,
) -> Result<Answer, StanzaError> {
    let preferences = Preferences::parse(request.payload)?;
    if !state.has_room() {
        return Err(NO_ROOM);
    }
    let value = preferences.encode();
    if let Some(account) = state.account_mut(request.requester()) {
        account.archive = preferences;
        let id = account.id;
        state.put_item(id, kinds::ARCHIVE_PREFERENCES, "", value);
    }
    Ok(shown(state, request.requester()))
}

fn shown(state: &State, owner: &BareJid) -> Answer {
    let by_default = state.options.archive_default;
    let preferences = state.account(owner).map(|account| account.archive.clone());
    Answer::Result(preferences.unwrap_or_default().write(by_default))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jid(text: &str) -> Jid {
        Jid::parse(text).unwrap()
    }

    #[test]
    fn a_full_jid_outweighs_a_bare_one_and_lists_outweigh_the_default() {
        let preferences = Preferences {
            by_default: Some(ArchiveDefault::Roster),
            always: vec![jid("a@x"), jid("b@x/keep"), jid("both@x")],
            never: vec![jid("b@x"), jid("a@x/drop"), jid("both@x")],
        };
        let is_contact = |jid: &BareJid| jid.as_str() == "friend@x";
        for (other, wanted) in [
            ("a@x/any", true),
            ("a@x", true),
            ("a@x/drop", false),
            ("b@x/any", false),
            ("b@x/keep", true),
            ("both@x", false),
            ("friend@x/r", true),
            ("stranger@x", false),
        ] {
            let want = preferences.want(&jid(other), ArchiveDefault::Always, is_contact);
            assert_eq!(want, wanted, "{other}");
        }
        assert!(Preferences::default().want(&jid("c@x"), ArchiveDefault::Always, is_contact));
        assert!(!Preferences::default().want(&jid("c@x"), ArchiveDefault::Never, is_contact));
    }

    #[test]
    fn preferences_are_kept_as_they_were_set() {
        for by_default in [
            None,
            Some(ArchiveDefault::Always),
            Some(ArchiveDefault::Roster),
            Some(ArchiveDefault::Never),
        ] {
            let set = Preferences { by_default, always: vec![jid("a@x/r")], never: vec![jid("x")] };
            assert_eq!(Preferences::load(&set.encode()), set);
        }
        assert_eq!(Preferences::load(&Bytes::from_static(&[9, 9])), Preferences::default());
    }
}

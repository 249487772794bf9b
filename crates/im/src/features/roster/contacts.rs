//! The roster of one account in memory: its contacts, the requests it has not answered, its version. Looking up and
//! changing memory only; writing and pushing is in `change`.

use super::item::Item;
use super::subscription::Standing;
use crate::account::kinds;
use crate::wire::{Decoder, Encoder};
use bytes::Bytes;
use im_store::ItemKind;
use xmpp::jid::BareJid;

const VERSION_FORMAT: u8 = 1;

/// The roster of one account.
#[derive(Clone, Debug, Default)]
pub(crate) struct Roster {
    /// In order of address.
    items: Vec<Item>,
    /// Requests not answered yet, in order of address: who asks, and the stanza as it is delivered.
    requests: Vec<(BareJid, Bytes)>,
    /// Changes with every change (RFC 6121 §2.6); 0 for a roster that never had a contact.
    version: u64,
}

impl Roster {
    /// Takes one stored item; what cannot be understood is left in the store and ignored here.
    pub(crate) fn load(&mut self, kind: ItemKind, key: &str, value: &Bytes) {
        if kind == kinds::ROSTER_VERSION {
            self.version = decode_version(value).unwrap_or_default();
            return;
        }
        let Ok(jid) = BareJid::parse(key) else { return };
        match kind {
            kinds::ROSTER => {
                if let Some(item) = Item::decode(jid, value) {
                    self.put(item);
                }
            }
            kinds::ROSTER_REQUEST => self.put_request(jid, value.clone()),
            _ => {}
        }
    }

    // ---- contacts -------------------------------------------------------------------------------------------------

    /// All contacts.
    pub(crate) fn items(&self) -> &[Item] {
        &self.items
    }

    /// One contact.
    pub(crate) fn item(&self, jid: &BareJid) -> Option<&Item> {
        self.find(jid).ok().map(|at| &self.items[at])
    }

    /// Adds or replaces a contact.
    pub(crate) fn put(&mut self, item: Item) {
        match self.find(&item.jid) {
            Ok(at) => self.items[at] = item,
            Err(at) => self.items.insert(at, item),
        }
    }

    /// Takes a contact out.
    pub(crate) fn remove(&mut self, jid: &BareJid) -> Option<Item> {
        self.find(jid).ok().map(|at| self.items.remove(at))
    }

    /// The owner sees this contact's presence.
    pub(crate) fn has_to(&self, jid: &BareJid) -> bool {
        self.item(jid).is_some_and(|item| item.to)
    }

    /// This contact sees the owner's presence.
    pub(crate) fn has_from(&self, jid: &BareJid) -> bool {
        self.item(jid).is_some_and(|item| item.from)
    }

    /// How the owner and an address stand.
    pub(crate) fn standing(&self, jid: &BareJid) -> Standing {
        let is_asked = self.request(jid).is_some();
        match self.item(jid) {
            Some(item) => Standing::new(item.to, item.from, item.asks, is_asked),
            None => Standing::new(false, false, false, is_asked),
        }
    }

    fn find(&self, jid: &BareJid) -> Result<usize, usize> {
        self.items.binary_search_by(|item| item.jid.as_str().cmp(jid.as_str()))
    }

    // ---- requests -------------------------------------------------------------------------------------------------

    /// All requests not answered yet.
    pub(crate) fn requests(&self) -> &[(BareJid, Bytes)] {
        &self.requests
    }

    /// One address's request.
    pub(crate) fn request(&self, jid: &BareJid) -> Option<&Bytes> {
        self.find_request(jid).ok().map(|at| &self.requests[at].1)
    }

    /// Keeps a request, in place of an earlier one.
    pub(crate) fn put_request(&mut self, jid: BareJid, stanza: Bytes) {
        match self.find_request(&jid) {
            Ok(at) => self.requests[at].1 = stanza,
            Err(at) => self.requests.insert(at, (jid, stanza)),
        }
    }

    /// Forgets a request; false when there was none.
    pub(crate) fn remove_request(&mut self, jid: &BareJid) -> bool {
        let at = self.find_request(jid);
        at.map(|at| self.requests.remove(at)).is_ok()
    }

    fn find_request(&self, jid: &BareJid) -> Result<usize, usize> {
        self.requests.binary_search_by(|(from, _)| from.as_str().cmp(jid.as_str()))
    }

    // ---- version --------------------------------------------------------------------------------------------------

    /// What clients see as `ver`.
    pub(crate) fn version(&self) -> String {
        format!("{:x}", self.version)
    }

    /// A version never used before for this address, also when an account of that name was removed and made again: it
    /// goes with the time.
    pub(crate) fn renew_version(&mut self, wall_us: u64) -> Bytes {
        self.version = wall_us.max(self.version + 1);
        Encoder::new(VERSION_FORMAT).number(self.version).finish()
    }
}

fn decode_version(value: &[u8]) -> Option<u64> {
    let (_, mut d) = Decoder::new(value)?;
    d.number()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jid(text: &str) -> BareJid {
        BareJid::parse(text).unwrap()
    }

    #[test]
    fn contacts_are_found_in_whatever_order_they_came() {
        let mut roster = Roster::default();
        for name in ["c@x", "a@x", "b@x", "a@x"] {
            roster.put(Item::new(jid(name)));
        }
        let names: Vec<_> = roster.items().iter().map(|i| i.jid.as_str()).collect();
        assert_eq!(names, ["a@x", "b@x", "c@x"]);
        assert!(roster.item(&jid("b@x")).is_some());
        assert!(roster.remove(&jid("b@x")).is_some() && roster.item(&jid("b@x")).is_none());
    }

    #[test]
    fn what_was_stored_is_loaded() {
        let mut roster = Roster::default();
        let item = Item { asks: true, ..Item::new(jid("a@x")) };
        roster.load(kinds::ROSTER, "a@x", &item.encode());
        roster.load(kinds::ROSTER_REQUEST, "a@x", &Bytes::from_static(b"<presence/>"));
        let version = Roster::default().renew_version(77);
        roster.load(kinds::ROSTER_VERSION, "", &version);
        roster.load(kinds::ROSTER, "not a jid@@", &item.encode());
        roster.load(kinds::ROSTER, "b@x", &Bytes::from_static(b"\xff"));
        assert_eq!(roster.standing(&jid("a@x")), Standing::NonePendingOutIn);
        assert_eq!((roster.items().len(), roster.version().as_str()), (1, "4d"));
    }

    #[test]
    fn a_version_rises_even_when_the_clock_does_not() {
        let mut roster = Roster::default();
        roster.renew_version(100);
        let first = roster.version();
        roster.renew_version(50);
        assert_ne!(first, roster.version());
    }
}

//! Accounts in memory that nobody uses, the longest unused first.

use hashbrown::HashMap;
use std::collections::BTreeMap;
use xmpp::jid::BareJid;

/// Each account once, in the order of its last use.
#[derive(Debug, Default)]
pub(crate) struct Unused {
    order: BTreeMap<u64, BareJid>,
    places: HashMap<BareJid, u64>,
    last: u64,
}

impl Unused {
    /// Puts an account at the end: it was used just now.
    pub(crate) fn put(&mut self, jid: &BareJid) {
        self.last += 1;
        self.order.insert(self.last, jid.clone());
        if let Some(before) = self.places.insert(jid.clone(), self.last) {
            self.order.remove(&before);
        }
    }

    /// Takes the one that has been unused for longest.
    pub(crate) fn take(&mut self) -> Option<BareJid> {
        let (_, jid) = self.order.pop_first()?;
        self.places.remove(&jid);
        Some(jid)
    }

    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_has_one_place_however_often_it_is_used() {
        let jid = |text: &str| BareJid::parse(text).unwrap();
        let mut unused = Unused::default();
        for text in ["a@x", "b@x", "a@x", "a@x"] {
            unused.put(&jid(text));
        }
        assert_eq!(unused.len(), 2);
        assert_eq!(
            (unused.take(), unused.take(), unused.take()),
            (Some(jid("b@x")), Some(jid("a@x")), None)
        );
    }
}

//! A blocking list in memory, and what it matches.

use xmpp::jid::Jid;

/// The blocking list of one account: addresses as text, prepared, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct BlockList {
    items: Vec<Box<str>>,
    /// How many of them have a resource.
    with_resource: usize,
}

impl BlockList {
    /// Takes one stored item. It was prepared when it was stored; of an address, only a resource may follow a slash.
    pub(crate) fn load(&mut self, key: &str) {
        if let Err(at) = self.find(key) {
            self.items.insert(at, key.into());
            self.with_resource += usize::from(key.contains('/'));
        }
    }

    /// Bytes of all items.
    pub(super) fn bytes(&self) -> usize {
        self.items.iter().map(|item| item.len()).sum()
    }

    /// All items in order.
    pub(super) fn items(&self) -> &[Box<str>] {
        &self.items
    }

    /// Whether exactly this address is on the list.
    pub(super) fn contains(&self, jid: &Jid) -> bool {
        self.has(&jid.to_string())
    }

    /// Adds an address; false when it was there.
    pub(super) fn add(&mut self, jid: &Jid) -> bool {
        let before = self.items.len();
        self.load(&jid.to_string());
        self.items.len() > before
    }

    /// Takes an address out; false when it was not there.
    pub(super) fn remove(&mut self, jid: &Jid) -> bool {
        match self.find(&jid.to_string()) {
            Ok(at) => {
                self.items.remove(at);
                self.with_resource -= usize::from(jid.is_full());
                true
            }
            Err(_) => false,
        }
    }

    /// Whether an address is blocked, by itself, by its bare address or by its domain (XEP-0191 §3, XEP-0016 §2.1).
    pub(crate) fn matches(&self, jid: &Jid) -> bool {
        if self.items.is_empty() {
            return false;
        }
        self.has(jid.bare().as_str())
            || self.has(jid.domain())
            || (self.with_resource > 0 && jid.is_full() && self.has(&jid.to_string()))
    }

    fn has(&self, text: &str) -> bool {
        self.find(text).is_ok()
    }

    fn find(&self, text: &str) -> Result<usize, usize> {
        self.items.binary_search_by(|item| (**item).cmp(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jid(text: &str) -> Jid {
        Jid::parse(text).unwrap()
    }

    #[test]
    fn an_address_is_blocked_by_itself_its_bare_address_and_its_domain() {
        for (item, matched, not) in [
            ("a@x/r", &["a@x/r"][..], &["a@x", "a@x/s", "x"][..]),
            ("a@x", &["a@x", "a@x/r"], &["b@x", "x", "a@y"]),
            ("x/r", &["x/r"], &["x", "x/s", "a@x/r"]),
            ("x", &["x", "x/r", "a@x", "a@x/r"], &["y", "a@y", "a@sub.x"]),
        ] {
            let mut list = BlockList::default();
            assert!(list.add(&jid(item)) && !list.add(&jid(item)));
            for other in matched {
                assert!(list.matches(&jid(other)), "{item} matches {other}");
            }
            for other in not {
                assert!(!list.matches(&jid(other)), "{item} does not match {other}");
            }
            assert!(list.remove(&jid(item)) && !list.remove(&jid(item)));
            assert!(matched.iter().all(|other| !list.matches(&jid(other))));
        }
    }

    #[test]
    fn what_is_loaded_is_in_order_and_once() {
        let mut list = BlockList::default();
        for key in ["c@x", "a@x/r", "b@x", "c@x"] {
            list.load(key);
        }
        let items: Vec<&str> = list.items().iter().map(|item| &**item).collect();
        assert_eq!(items, ["a@x/r", "b@x", "c@x"]);
        assert_eq!(list.bytes(), 11);
        assert!(list.matches(&jid("a@x/r")) && list.remove(&jid("a@x/r")));
        assert!(!list.matches(&jid("a@x/r")));
    }
}

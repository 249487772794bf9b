//! Hands in the store: somebody deletes the key of a member, or damages a value and puts it back later.
//!
//! Histories are left out: while one is damaged the planner cannot count failed starts and tries more than twice. That is open.
//!
//! Never touches a second value while one is damaged, and never repairs one that somebody else has written.

use crate::chaos::Trouble;
use crate::world::{Event, World};
use control::{Op, Txn};
use rgm::store::Key;
use std::time::Duration;

/// What nobody can understand.
const GARBAGE: &[u8] = b"{\"format\":1,\"kind\":";

impl World {
    /// The node must notice, stop everything and join again.
    pub(crate) fn disown(&mut self, h: usize) {
        let key = Key::Member(self.hosts[h].name.clone()).to_string();
        let Some(created) = self.store.entry(&key).map(|entry| entry.create_revision) else {
            return;
        };
        let host = &mut self.hosts[h];
        let is_its = host.incarnation().is_some_and(|incarnation| incarnation.0 == created);
        host.disowned |= is_its || host.stopping;
        self.write_by_hand(Op::Delete { key });
    }

    pub(crate) fn damage(&mut self, time: Duration) {
        let is_damageable = |key: &str| ["group/", "node/"].iter().any(|p| key.starts_with(p));
        let entries = self.store.entries("").filter(|entry| is_damageable(&entry.key));
        let all: Vec<(String, Vec<u8>)> =
            entries.map(|entry| (entry.key.clone(), entry.value.clone())).collect();
        let Some((key, value)) = self.dice.one_of(&all).cloned() else { return };
        if self.damaged.is_some() {
            return;
        }
        self.damaged = Some((key.clone(), value));
        self.write_by_hand(Op::Put { key, value: GARBAGE.to_vec(), lease: None });
        self.after(time, Event::Trouble(Trouble::Repair));
    }

    /// The value is as it was; nobody has written over what could not be understood.
    pub(crate) fn repair(&mut self) {
        let Some((key, value)) = self.damaged.take() else { return };
        if self.store.entry(&key).is_none_or(|entry| entry.value != GARBAGE) {
            return self
                .violate("store", format!("{key} could not be understood, and was written over"));
        }
        self.write_by_hand(Op::Put { key, value, lease: None });
    }

    fn write_by_hand(&mut self, op: Op) {
        let txn = Txn { guards: Vec::new(), ops: vec![op] };
        if let Err(error) = self.store.txn(self.now, txn) {
            self.violate("store", format!("a hand cannot write: {error}"));
        }
        self.look_at_store();
    }
}

//! What a node sees of the store, and how late: a listing, then news in order, then a listing again when the watch broke.
//!
//! Never shows half a revision, never goes back.

use crate::methods::self_name;
use crate::network::Cut;
use crate::world::{Event, World, raw_of, raw_of_entry};
use rgm::node::Input;
use rgm::store::Raw;
use std::collections::BTreeMap;
use std::time::Duration;

/// A listing that failed is tried again after this.
const LIST_AGAIN: Duration = Duration::from_millis(250);

/// A node's view.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sight {
    /// Listed, and watching from there.
    watching: bool,
    /// A listing has been handed over in this life.
    has_listed: bool,
    /// Handed over up to this revision.
    pub(crate) seen: i64,
    /// Nothing arrives before this.
    last: Duration,
    /// News come that late.
    pub(crate) lag: Duration,
}

impl World {
    pub(crate) fn begin_watching(&mut self, h: usize) {
        self.hosts[h].sight = Sight::default();
        self.list_soon(h, Duration::ZERO);
    }

    /// The watch is broken.
    pub(crate) fn break_watch(&mut self, h: usize) {
        if self.hosts[h].core.is_some() && self.hosts[h].sight.watching {
            self.hosts[h].sight.watching = false;
            let pause = self.dice.ms(5, 300);
            self.list_soon(h, pause);
        }
    }

    fn list_soon(&mut self, h: usize, pause: Duration) {
        let life = self.hosts[h].life;
        let time = self.dice.ms(1, 10);
        self.after(pause + time, Event::List { host: h, life });
    }

    pub(crate) fn list(&mut self, h: usize, life: u64) {
        let host = &self.hosts[h];
        if host.life != life || host.core.is_none() || host.sight.watching {
            return;
        }
        let silent = matches!(host.link.cut, Cut::Both | Cut::Answers | Cut::Watch);
        if silent || self.now < self.store_down_until || host.frozen || host.paused {
            self.list_soon(h, LIST_AGAIN);
            return;
        }
        let entries = self.store.entries("").map(|entry| (entry.key.clone(), raw_of_entry(entry)));
        let entries: BTreeMap<String, Raw> = entries.collect();
        let host = &mut self.hosts[h];
        let complete = !host.sight.has_listed;
        let known = host.core.as_ref().map(|core| &core.cluster().revisions);
        let mut changes: Vec<(String, Option<Raw>)> = Vec::new();
        for key in known.into_iter().flat_map(BTreeMap::keys) {
            if !entries.contains_key(key) {
                changes.push((key.clone(), None));
            }
        }
        changes.extend(entries.into_iter().map(|(key, raw)| (key, Some(raw))));
        let revision = self.store.revision();
        host.sight.has_listed = true;
        host.sight.watching = true;
        host.sight.seen = revision;
        if complete {
            changes.retain(|(_, raw)| raw.is_some());
        }
        self.note(|| format!("{} has listed the store at {revision}", self_name(h)));
        self.deliver(h, Input::StoreChanged { revision, changes, complete });
    }

    /// News for all watches.
    pub(crate) fn tell_watches(&mut self, upto: i64) {
        for h in 0..self.hosts.len() {
            let host = &self.hosts[h];
            let silent = matches!(host.link.cut, Cut::Both | Cut::Answers | Cut::Watch);
            if host.core.is_none() || !host.sight.watching || silent {
                continue;
            }
            let late = self.dice.ms(0, 3) + self.hosts[h].sight.lag;
            let slow = if self.hosts[h].link.cut == Cut::Slow {
                self.dice.ms(20, 400)
            } else {
                Duration::ZERO
            };
            let host = &mut self.hosts[h];
            let at = (self.now + late + slow).max(host.sight.last);
            host.sight.last = at;
            let life = host.life;
            self.at(at, Event::Watch { host: h, life, upto });
        }
    }

    pub(crate) fn watch_fires(&mut self, h: usize, life: u64, upto: i64) {
        let host = &self.hosts[h];
        if host.life != life || !host.sight.watching || host.sight.seen >= upto {
            return;
        }
        if matches!(host.link.cut, Cut::Both | Cut::Answers | Cut::Watch) {
            return;
        }
        let Ok((_, events)) = self.store.events_since("", host.sight.seen + 1) else {
            // Compacted: read all again.
            self.break_watch(h);
            return;
        };
        let latest: BTreeMap<String, Option<Raw>> =
            events.iter().filter(|event| event.revision() <= upto).map(raw_of).collect();
        self.hosts[h].sight.seen = upto;
        let changes = latest.into_iter().collect();
        self.deliver(h, Input::StoreChanged { revision: upto, changes, complete: false });
    }
}

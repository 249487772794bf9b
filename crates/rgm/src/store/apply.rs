//! Reading: one key after another into the `Cluster`. What cannot be understood becomes a `Problem` and leaves the view.

use super::key::Key;
use super::{Object, Raw};
use crate::model::{Cluster, Incarnation, Problem};
use std::collections::BTreeMap;
use std::str::FromStr;

impl Cluster {
    /// Takes in what a key is now; `None`: gone. `key` is below the cluster's prefix. Also keeps `revisions` and `problems`.
    pub fn apply(&mut self, key: &str, raw: Option<Raw>) {
        self.problems.remove(key);
        match &raw {
            Some(raw) => match self.revisions.get_mut(key) {
                Some(revision) => *revision = raw.mod_revision,
                None => {
                    self.revisions.insert(key.to_owned(), raw.mod_revision);
                }
            },
            None => {
                self.revisions.remove(key);
            }
        }
        let Ok(parsed) = Key::from_str(key) else {
            if raw.is_some() {
                let sentence = format!(
                    "{key} is no key of this version; upgrade this node if a newer one wrote it, else delete it in the control store"
                );
                self.problems.insert(key.to_owned(), Problem { key: key.to_owned(), sentence });
            }
            return;
        };
        let Some(raw) = raw else { return self.forget(&parsed) };
        match Object::decode(&parsed, &raw.value) {
            Ok(object) => self.put(parsed, object, raw.create_revision),
            Err(why) => {
                self.forget(&parsed);
                let sentence = format!("{key} cannot be understood: {why}");
                self.problems.insert(key.to_owned(), Problem { key: key.to_owned(), sentence });
            }
        }
    }

    fn put(&mut self, key: Key, object: Object, created: i64) {
        match (key, object) {
            (Key::Cluster, Object::Cluster(v)) => self.config.cluster = v,
            (Key::Node(k), Object::Node(v)) => drop(self.config.nodes.insert(k, v)),
            (Key::Type(k), Object::Type(v)) => drop(self.config.types.insert(k, v)),
            (Key::Group(k), Object::Group(v)) => drop(self.config.groups.insert(k, v)),
            (Key::Resource(k), Object::Resource(v)) => drop(self.config.resources.insert(k, v)),
            (Key::Intent(k), Object::Intent(v)) => drop(self.intents.insert(k, v)),
            (Key::History(k), Object::History(v)) => drop(self.history.insert(k, v)),
            (Key::Fini(node, of), Object::Fini(v)) => {
                self.fini.entry(node).or_default().insert(of, v);
            }
            (Key::Fence(k), Object::Fence(v)) => drop(self.fences.insert(k, v)),
            (Key::Request(k), Object::Request(v)) => drop(self.requests.insert(k, v)),
            (Key::Answer(k), Object::Answer(v)) => drop(self.answers.insert(k, v)),
            (Key::Job(k), Object::Job(v)) => drop(self.jobs.insert(k, v)),
            (Key::Member(k), Object::Member(mut v)) => {
                v.incarnation = Incarnation(created);
                self.members.insert(k, v);
            }
            (Key::Observed(node, of), Object::Observed(mut v)) => {
                v.node = Some(node.clone());
                self.observed.entry(node).or_default().insert(of, v);
            }
            (Key::President, Object::President(mut v)) => {
                v.term = created;
                self.president = Some(v);
            }
            (Key::LastMembers, Object::LastMembers(v)) => self.last_members = Some(v),
            (key, _) => unreachable!("the value of {key} was decoded as one of another kind"),
        }
    }

    fn forget(&mut self, key: &Key) {
        match key {
            Key::Cluster => self.config.cluster = crate::model::ClusterSettings::default(),
            Key::Node(k) => drop(self.config.nodes.remove(k)),
            Key::Type(k) => drop(self.config.types.remove(k)),
            Key::Group(k) => drop(self.config.groups.remove(k)),
            Key::Resource(k) => drop(self.config.resources.remove(k)),
            Key::Intent(k) => drop(self.intents.remove(k)),
            Key::History(k) => drop(self.history.remove(k)),
            Key::Fini(node, of) => remove_inner(&mut self.fini, node, of),
            Key::Fence(k) => drop(self.fences.remove(k)),
            Key::Request(k) => drop(self.requests.remove(k)),
            Key::Answer(k) => drop(self.answers.remove(k)),
            Key::Job(k) => drop(self.jobs.remove(k)),
            Key::Member(k) => drop(self.members.remove(k)),
            Key::Observed(node, of) => remove_inner(&mut self.observed, node, of),
            Key::President => self.president = None,
            Key::LastMembers => self.last_members = None,
        }
    }

    /// Whether what lies under this key could not be understood.
    pub fn is_problem(&self, key: &Key) -> bool {
        !self.problems.is_empty() && self.problems.contains_key(&key.to_string())
    }
}

fn remove_inner<A: Ord, B: Ord, V>(map: &mut BTreeMap<A, BTreeMap<B, V>>, outer: &A, inner: &B) {
    if let Some(found) = map.get_mut(outer) {
        found.remove(inner);
        if found.is_empty() {
            map.remove(outer);
        }
    }
}

//! From two configurations to the objects that differ, in an order in which a prefix makes sense: what others name comes first when it is made,
//! and last when it is removed.
//!
//! Never looks at anything but configuration.

use crate::model::Configuration;
use crate::store::{Change, Key, Object};
use std::collections::BTreeMap;

/// What must be written to get from one to the other.
pub(super) fn between(before: &Configuration, after: &Configuration) -> Vec<Change> {
    let mut changes = Vec::new();
    if before.cluster != after.cluster {
        let object = Some(Object::Cluster(after.cluster.clone()));
        changes.push(Change { key: Key::Cluster, object });
    }
    written(&mut changes, (&before.nodes, &after.nodes), Key::Node, Object::Node);
    written(&mut changes, (&before.types, &after.types), Key::Type, Object::Type);
    written(&mut changes, (&before.groups, &after.groups), Key::Group, Object::Group);
    written(&mut changes, (&before.resources, &after.resources), Key::Resource, Object::Resource);
    removed(&mut changes, (&before.resources, &after.resources), Key::Resource);
    removed(&mut changes, (&before.groups, &after.groups), Key::Group);
    removed(&mut changes, (&before.types, &after.types), Key::Type);
    removed(&mut changes, (&before.nodes, &after.nodes), Key::Node);
    changes
}

fn written<N: Ord + Clone, V: PartialEq + Clone>(
    changes: &mut Vec<Change>,
    (before, after): (&BTreeMap<N, V>, &BTreeMap<N, V>),
    key: fn(N) -> Key,
    object: fn(V) -> Object,
) {
    let new = after.iter().filter(|(name, value)| before.get(*name) != Some(*value));
    changes.extend(new.map(|(name, value)| Change {
        key: key(name.clone()),
        object: Some(object(value.clone())),
    }));
}

fn removed<N: Ord + Clone, V>(
    changes: &mut Vec<Change>,
    (before, after): (&BTreeMap<N, V>, &BTreeMap<N, V>),
    key: fn(N) -> Key,
) {
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    changes.extend(gone.map(|name| Change { key: key(name.clone()), object: None }));
}

//! Keys that could not be understood: what depends on one is left alone, so that nothing is moved or written over in ignorance.
//!
//! Never repairs anything.

use super::board::Board;
use crate::model::{Affinity, AffinityKind, Cluster};
use crate::names::{GroupName, ResourceName};
use crate::store::{Change, Key};
use std::fmt::Display;

/// Whether `kind/name` could not be read.
pub(super) fn is_damaged(cluster: &Cluster, kind: &str, name: &impl Display) -> bool {
    !cluster.problems.is_empty() && cluster.problems.contains_key(&format!("{kind}/{name}"))
}

/// Whether a group must be left alone, and whether only its history must be.
pub(super) fn look(board: &Board<'_>, group: &GroupName) -> (bool, bool) {
    let cluster = board.cluster;
    if cluster.problems.is_empty() {
        return (false, false);
    }
    let damaged = |key: Key| cluster.problems.contains_key(&key.to_string());
    let types_unreadable =
        board.config.resources_of(group).any(|(_, r)| damaged(Key::Type(r.type_name.clone())));
    let left_alone = damaged(Key::Group(group.clone()))
        || damaged(Key::Intent(group.clone()))
        || types_unreadable
        || bound_to_damaged(board, group)
        || may_own_damaged(cluster, group);
    (left_alone, damaged(Key::History(group.clone())))
}

/// Whether a strong affinity, in either direction, joins it to a group whose place is not known.
fn bound_to_damaged(board: &Board<'_>, group: &GroupName) -> bool {
    let cluster = board.cluster;
    let groups = &board.config.groups;
    let is_strong =
        |a: &&Affinity| !matches!(a.kind, AffinityKind::WeakPositive | AffinityKind::WeakNegative);
    let placeless =
        |g: &GroupName| is_damaged(cluster, "group", g) || is_damaged(cluster, "intent", g);
    let own = groups.get(group).map_or(&[][..], |g| &g.affinities);
    own.iter().filter(is_strong).any(|a| placeless(&a.target))
        || groups.iter().any(|(other, g)| {
            g.affinities.iter().filter(is_strong).any(|a| a.target == *group) && placeless(other)
        })
}

/// Whether a resource whose key is damaged is or may be of this group. Which group it is in stands in the damaged value; where a node says that it
/// has it, that is known, otherwise it may be of any group, and perhaps it is the storage that makes fencing necessary.
fn may_own_damaged(cluster: &Cluster, group: &GroupName) -> bool {
    let resources = cluster.problems.keys().filter_map(|key| key.strip_prefix("resource/"));
    let mut resources = resources.map(ResourceName::new);
    resources.any(|resource| {
        let said = cluster.observed.values().flatten();
        let mut owners = said.filter(|(_, o)| o.resources.contains_key(&resource)).peekable();
        owners.peek().is_none() || owners.any(|(owner, _)| owner == group)
    })
}

/// A key among these changes that could not be read and would be written over.
pub(super) fn written_over(cluster: &Cluster, changes: &[Change]) -> Option<String> {
    if cluster.problems.is_empty() {
        return None;
    }
    changes.iter().map(|c| c.key.to_string()).find(|key| cluster.problems.contains_key(key))
}

//! Keys that could not be understood: what depends on one is left alone, so that nothing is moved or written over in ignorance.
//!
//! Never repairs anything.

use super::board::Board;
use crate::model::Cluster;
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
        || ran_here(cluster, group).any(|r| damaged(Key::Resource(r.clone())));
    (left_alone, damaged(Key::History(group.clone())))
}

/// Resources that nodes say belong to the group: one whose own key is damaged is known from there only.
fn ran_here<'a>(
    cluster: &'a Cluster,
    group: &'a GroupName,
) -> impl Iterator<Item = &'a ResourceName> {
    cluster
        .observed
        .values()
        .filter_map(|groups| groups.get(group))
        .flat_map(|o| o.resources.keys())
}

/// A key among these changes that could not be read and would be written over.
pub(super) fn written_over(cluster: &Cluster, changes: &[Change]) -> Option<String> {
    if cluster.problems.is_empty() {
        return None;
    }
    changes.iter().map(|c| c.key.to_string()).find(|key| cluster.problems.contains_key(key))
}

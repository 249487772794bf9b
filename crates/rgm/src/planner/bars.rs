//! Why a node cannot run a group now. One function, asked by placing, giveover and the sentences.
//!
//! Never looks at where the group is; that is the business of `targets`.

use super::board::{Board, Sheet};
use crate::model::AffinityKind;
use crate::names::{GroupName, NodeName};

/// Start attempts of a group on a node within Pingpong_interval (RG_START_RETRY_MAX of Sun Cluster).
pub(super) const ATTEMPTS_MAX: usize = 2;

/// What stands against it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Bar {
    NotInNodelist,
    NotConfigured,
    /// Its configuration cannot be read.
    Unreadable,
    NotMember,
    Maintenance,
    NotInstalled,
    /// Until this wall clock time.
    Evacuated(u64),
    StartFailures(usize),
    /// Strong positive affinity: that group is not there.
    Without(GroupName),
    /// Strong negative affinity: that group is there.
    Beside(GroupName),
}

impl Bar {
    /// Half a sentence.
    pub(super) fn say(&self, node: &NodeName) -> String {
        match self {
            Self::NotInNodelist => format!("{node} is not in its Nodelist"),
            Self::NotConfigured => format!("{node} is not a node of this cluster"),
            Self::Unreadable => format!("the configuration of {node} cannot be read"),
            Self::NotMember => format!("{node} is not a member"),
            Self::Maintenance => format!("{node} is in maintenance"),
            Self::NotInstalled => format!("one of its types is not installed on {node}"),
            Self::Evacuated(_) => format!("{node} is evacuated"),
            Self::StartFailures(n) => format!("it failed to start on {node} {n} times"),
            Self::Without(group) => format!("{group} (with which it must be) is not on {node}"),
            Self::Beside(group) => format!("{group} (with which it must not be) is on {node}"),
        }
    }
}

/// The first bar. `together`: groups that would move there with it.
pub(super) fn find(
    board: &Board<'_>,
    sheet: &Sheet<'_>,
    node: &NodeName,
    together: &[&GroupName],
) -> Option<Bar> {
    let group = sheet.group?;
    let config = board.config;
    if !group.nodelist.contains(node) {
        return Some(Bar::NotInNodelist);
    }
    let Some(settings) = config.nodes.get(node) else {
        let unreadable = super::damage::is_damaged(board.cluster, "node", node);
        return match (unreadable, sheet.is_permitted(node)) {
            (true, true) => None,
            (true, false) => Some(Bar::Unreadable),
            (false, _) => Some(Bar::NotConfigured),
        };
    };
    if !board.cluster.members.contains_key(node) {
        // A life whose key cannot be read goes on (it may well run the group), and gets nothing new.
        let unreadable = super::damage::is_damaged(board.cluster, "member", node);
        let stays = unreadable && sheet.is_permitted(node);
        return (!stays).then_some(Bar::NotMember);
    }
    if settings.maintenance {
        return Some(Bar::Maintenance);
    }
    let now = board.situation.now_ms;
    if let Some((_, until)) = sheet.intent.avoid.iter().find(|(n, until)| n == node && *until > now)
    {
        return Some(Bar::Evacuated(*until));
    }
    let attempts = sheet.attempts_on(node);
    if attempts >= ATTEMPTS_MAX {
        return Some(Bar::StartFailures(attempts));
    }
    if !config.is_installed(sheet.name, node) {
        return Some(Bar::NotInstalled);
    }
    find_affinity(board, sheet, node, together)
}

fn find_affinity(
    board: &Board<'_>,
    sheet: &Sheet<'_>,
    node: &NodeName,
    together: &[&GroupName],
) -> Option<Bar> {
    for affinity in &sheet.group?.affinities {
        let is_there = together.contains(&&affinity.target)
            || board.sheet(&affinity.target).is_some_and(|s| s.intent.target.contains(node));
        match affinity.kind {
            AffinityKind::StrongPositive | AffinityKind::StrongPositiveDelegating if !is_there => {
                return Some(Bar::Without(affinity.target.clone()));
            }
            AffinityKind::StrongNegative if is_there => {
                return Some(Bar::Beside(affinity.target.clone()));
            }
            _ => {}
        }
    }
    immovable(board, sheet, node).map(|group| Bar::Beside(group.clone()))
}

/// A group that must not be with this one, is on the node, and is suspended: it does not give way as others would.
fn immovable<'b>(
    board: &'b Board<'_>,
    sheet: &Sheet<'_>,
    node: &NodeName,
) -> Option<&'b GroupName> {
    if sheet.holder(node).is_some() {
        return None;
    }
    let avoids = |other: &Sheet<'_>| {
        let mut affinities = other.group.into_iter().flat_map(|g| &g.affinities);
        affinities.any(|a| a.kind == AffinityKind::StrongNegative && a.target == *sheet.name)
    };
    let mut others = board.sheets.iter();
    others.find(|o| o.is_suspended() && o.holder(node).is_some() && avoids(o)).map(|o| o.name)
}

/// Nodes that could run the group and are not among `taken`, best first: after a failed start the next in Nodelist, cyclically; otherwise
/// by weak affinities, then by Nodelist.
pub(super) fn candidates<'n>(
    board: &Board<'_>,
    sheet: &Sheet<'n>,
    taken: &[NodeName],
    together: &[&GroupName],
) -> Vec<&'n NodeName> {
    let Some(group) = sheet.group else { return Vec::new() };
    let count = group.nodelist.len();
    let failed = sheet.history.attempts.last().and_then(|a| group.preference(&a.node));
    let mut found: Vec<(usize, &'n NodeName)> = group
        .nodelist
        .iter()
        .enumerate()
        .filter(|(_, n)| !taken.contains(n) && find(board, sheet, n, together).is_none())
        .map(|(at, n)| (failed.map_or(at, |failed| (at + count - failed - 1) % count), n))
        .collect();
    if failed.is_some() {
        found.sort_by_key(|(order, _)| *order);
    } else {
        found.sort_by_key(|(order, n)| (-weak_score(board, sheet, n), *order));
    }
    found.into_iter().map(|(_, n)| n).collect()
}

/// Weak affinities satisfied, less those violated.
fn weak_score(board: &Board<'_>, sheet: &Sheet<'_>, node: &NodeName) -> i64 {
    let affinities = sheet.group.map_or(&[][..], |g| &g.affinities);
    affinities
        .iter()
        .filter(|a| board.sheet(&a.target).is_some_and(|s| s.intent.target.contains(node)))
        .map(|a| match a.kind {
            AffinityKind::WeakPositive => 1,
            AffinityKind::WeakNegative => -1,
            _ => 0,
        })
        .sum()
}

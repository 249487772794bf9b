//! Pass: answers nobody fetched, jobs nobody waits for, debts of nodes that were removed; and who the members are, for the next forming.
//!
//! Never deletes a request, and never a job that somebody still has to do.

use super::board::Board;
use super::damage::is_damaged;
use super::fences::runs;
use crate::model::{JobKind, LastMembers, NodeConfig};
use crate::names::NodeName;
use crate::store::{Change, Key, Object};
use std::collections::BTreeMap;

/// How long an answer waits for the node that asked.
const ANSWER_KEPT_MS: u64 = 600_000;
/// Deletions of one plan.
const DELETED_MAX: usize = 30;

/// Looks at what is old.
pub(super) fn pass(board: &mut Board<'_>) {
    let cluster = board.cluster;
    let now_ms = board.situation.now_ms;
    let mut left = DELETED_MAX;
    for (id, answer) in &cluster.answers {
        let ends_ms = answer.at_ms.saturating_add(ANSWER_KEPT_MS);
        if ends_ms > now_ms {
            board.wake(ends_ms);
        } else if left > 0 {
            left -= 1;
            board.others.push(Change { key: Key::Answer(id.clone()), object: None });
        }
    }
    for (id, job) in &cluster.jobs {
        let is_waited_for = match job.kind {
            JobKind::Method(_) => cluster.requests.contains_key(&id.request),
            JobKind::Fence { ref node, incarnation, .. } => {
                board.fence(node).is_some_and(|f| f.incarnation == incarnation)
            }
            JobKind::Clear(_) | JobKind::Restart(_) | JobKind::KillMethods(_) => {
                job.result.is_none() && runs(cluster, id, job)
            }
        };
        if !is_waited_for && left > 0 && !board.jobs.contains_key(id) {
            left -= 1;
            board.jobs.insert(id.clone(), None);
        }
    }
    forget_debts(board, left);
    remember_members(board);
}

/// FINIs of a node that was removed: it must not run them when it is added again one day.
fn forget_debts(board: &mut Board<'_>, left: usize) {
    let cluster = board.cluster;
    let is_removed = |node: &NodeName| {
        let is_there = |nodes: &BTreeMap<NodeName, NodeConfig>| nodes.contains_key(node);
        !is_there(&cluster.config.nodes)
            && !is_there(&board.config.nodes)
            && !cluster.members.contains_key(node)
            && !is_damaged(cluster, "node", node)
            && !is_damaged(cluster, "member", node)
    };
    let of_removed = cluster.fini.iter().filter(|(node, _)| is_removed(node));
    let keys =
        of_removed.flat_map(|(n, owed)| owed.keys().map(|r| Key::Fini(n.clone(), r.clone())));
    let gone: Vec<Change> = keys.take(left).map(|key| Change { key, object: None }).collect();
    board.others.extend(gone);
}

/// Written when membership has changed, and not while a cluster that forms still waits for those who were in the last one.
fn remember_members(board: &mut Board<'_>) {
    let cluster = board.cluster;
    let is_unclear = cluster.is_problem(&Key::LastMembers)
        || cluster.problems.keys().any(|key| key.starts_with("member/"));
    if board.waits_for_nodes || is_unclear {
        return;
    }
    let nodes: Vec<NodeName> = cluster.members.keys().cloned().collect();
    if cluster.last_members.as_ref().is_some_and(|last| last.nodes == nodes) {
        return;
    }
    let object = Some(Object::LastMembers(LastMembers { nodes }));
    board.others.push(Change { key: Key::LastMembers, object });
}

//! Passes: fencing of lost nodes that may still write storage. A fence is a job on the president's own node; it is repeated with growing pauses until it
//! succeeds, the node comes back by itself, or an operator vouches for it.
//!
//! Never fences a node that is a member, and never a node that holds nothing with shared storage.

use super::board::{Board, Life};
use crate::model::{Cluster, Fence, FenceState, Incarnation, Job, JobId, JobKind, RequestId};
use crate::names::NodeName;
use std::collections::BTreeMap;

/// Pause after the first failed attempt; doubled after each further one.
const PAUSE_FIRST_MS: u64 = 5_000;
/// Longest pause.
const PAUSE_MAX_MS: u64 = 300_000;

/// Longest part of what the agent said that goes into sentences.
const WHY_CHARS_MAX: usize = 200;

/// What became of the fences that are under way.
pub(super) fn results(board: &mut Board<'_>) {
    if board.waits_for_nodes {
        return;
    }
    let cluster = board.cluster;
    for (node, fence) in &cluster.fences {
        if board.fences.contains_key(node) || is_damaged(cluster, node) {
            continue;
        }
        match &fence.state {
            FenceState::Done => {}
            FenceState::Failed { again_ms, .. }
                if is_pausing(board.situation.now_ms, *again_ms) =>
            {
                board.wake(*again_ms);
            }
            FenceState::Failed { .. } => start(board, node, fence.clone()),
            FenceState::Pending => look_at_job(board, node, fence),
        }
    }
}

/// A time further away than the longest pause is that of a clock which was set back since, or of another president's.
fn is_pausing(now_ms: u64, again_ms: u64) -> bool {
    now_ms < again_ms && again_ms - now_ms <= PAUSE_MAX_MS
}

fn look_at_job(board: &mut Board<'_>, node: &NodeName, fence: &Fence) {
    let cluster = board.cluster;
    let Some((id, job)) = job_of(cluster, node, fence.incarnation) else {
        start(board, node, fence.clone());
        return;
    };
    match &job.result {
        Some(result) if result.ok => {
            board.jobs.insert(id.clone(), None);
            let done = Fence { state: FenceState::Done, ..fence.clone() };
            board.fences.insert(node.clone(), Some(done));
            board.note(format!("{node} is fenced; next: what it held starts elsewhere"));
        }
        Some(result) => {
            board.jobs.insert(id.clone(), None);
            failed(board, node, fence, &result.output);
        }
        None if runs(cluster, id, job) => {}
        None => {
            board.jobs.insert(id.clone(), None);
            start(board, node, fence.clone());
        }
    }
}

fn failed(board: &mut Board<'_>, node: &NodeName, fence: &Fence, output: &str) {
    let attempts = fence.attempts.saturating_add(1);
    let doubled = PAUSE_FIRST_MS << fence.attempts.min(10);
    let pause_ms = doubled.min(PAUSE_MAX_MS);
    let again_ms = board.situation.now_ms + pause_ms;
    let last = output.lines().rfind(|l| !l.trim().is_empty()).unwrap_or("it said nothing");
    let why: String = last.trim().chars().take(WHY_CHARS_MAX).collect();
    board.note(format!(
        "fencing of {node} failed (attempt {attempts}: {why}); next: tried again in {} s",
        pause_ms / 1000
    ));
    let state = FenceState::Failed { why, again_ms };
    board.fences.insert(node.clone(), Some(Fence { state, attempts, ..fence.clone() }));
    board.wake(again_ms);
}

/// Makes the fence pending, with a job on the president's node.
fn start(board: &mut Board<'_>, node: &NodeName, fence: Fence) {
    let Some(fencing) = board.config.nodes.get(node).and_then(|n| n.fencing.clone()) else {
        return;
    };
    let incarnation = fence.incarnation;
    let id = free_id(board, request_of(node, incarnation));
    let kind = JobKind::Fence { node: node.clone(), incarnation, fencing };
    let job = Job { incarnation: board.situation.incarnation, kind, result: None };
    board.jobs.insert(id, Some(job));
    if board.cluster.fences.get(node)
        != Some(&Fence { state: FenceState::Pending, ..fence.clone() })
    {
        board.fences.insert(node.clone(), Some(Fence { state: FenceState::Pending, ..fence }));
    }
}

/// Fences that are owed now, and those that nobody needs any more.
pub(super) fn due(board: &mut Board<'_>) {
    if board.waits_for_nodes {
        return;
    }
    let needed = needed(board);
    for (node, incarnation) in &needed {
        let has = board.fence(node).is_some_and(|f| f.incarnation >= *incarnation);
        let settings = board.config.nodes.get(node);
        if has || is_damaged(board.cluster, node) || settings.is_none_or(|n| n.fencing.is_none()) {
            continue;
        }
        let since_ms = board.situation.now_ms;
        let state = FenceState::Pending;
        let fence = Fence { incarnation: *incarnation, state, attempts: 0, since_ms };
        board.note(format!(
            "{node} must be fenced: it is no longer a member and may still write storage; next: its fence agent runs on {}",
            board.situation.node
        ));
        start(board, node, fence);
    }
    let known = board.cluster.fences.keys().chain(board.fences.keys());
    let obsolete: Vec<NodeName> = known.filter(|n| !needed.contains_key(*n)).cloned().collect();
    for node in obsolete {
        remove(board, &node);
    }
}

fn remove(board: &mut Board<'_>, node: &NodeName) {
    if board.cluster.fences.contains_key(node) {
        board.fences.insert(node.clone(), None);
    } else {
        board.fences.remove(node);
    }
    let is_for = |job: &Job| matches!(&job.kind, JobKind::Fence { node: n, .. } if n == node);
    board.jobs.retain(|_, job| !job.as_ref().is_some_and(is_for));
    for (id, _) in board.cluster.jobs.iter().filter(|(_, job)| is_for(job)) {
        board.jobs.insert(id.clone(), None);
    }
}

/// Lost lives that still hold a group with storage they may write.
fn needed(board: &Board<'_>) -> BTreeMap<NodeName, Incarnation> {
    let mut needed: BTreeMap<NodeName, Incarnation> = BTreeMap::new();
    for sheet in board.sheets.iter().filter(|s| !s.left_alone) {
        for holder in &sheet.intent.holders {
            if board.life(holder) == Life::Lost && needs_fence(board, sheet.name) {
                let highest = needed.entry(holder.node.clone()).or_insert(holder.incarnation);
                *highest = (*highest).max(holder.incarnation);
            }
        }
    }
    needed
}

/// Whether a lost node that held the group must be fenced before the group moves.
pub(super) fn needs_fence(board: &Board<'_>, group: &crate::names::GroupName) -> bool {
    let allowed = board.config.cluster.unfenced_storage_allowed
        && !board.cluster.problems.contains_key("cluster");
    // While another configuration is being written, what the holder ran under the old one counts as well.
    !allowed
        && (board.config.has_shared_storage(group)
            || board.cluster.config.has_shared_storage(group))
}

fn is_damaged(cluster: &Cluster, node: &NodeName) -> bool {
    super::damage::is_damaged(cluster, "fence", node)
}

/// Fences have request ids of their own.
fn request_of(node: &NodeName, incarnation: Incarnation) -> RequestId {
    RequestId(format!("fence-{node}-{}", incarnation.0))
}

fn job_of<'a>(
    cluster: &'a Cluster,
    lost: &NodeName,
    life: Incarnation,
) -> Option<(&'a JobId, &'a Job)> {
    let is_it = |job: &Job| matches!(&job.kind, JobKind::Fence { node, incarnation, .. } if node == lost && *incarnation == life);
    let of_this = || cluster.jobs.iter().filter(|(_, job)| is_it(job));
    of_this().find(|(_, job)| job.result.is_some()).or_else(|| of_this().next())
}

/// Whether the node that shall do the job is still the one that was asked.
pub(super) fn runs(cluster: &Cluster, id: &JobId, job: &Job) -> bool {
    cluster.members.get(&id.node).is_some_and(|m| m.incarnation == job.incarnation)
}

fn free_id(board: &Board<'_>, request: RequestId) -> JobId {
    let number = super::checks::next_number(board, &request);
    JobId { node: board.situation.node.clone(), request, number }
}

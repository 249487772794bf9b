//! Pass: who has joined since a group was last placed. Forms a new cluster, ends rests, gives new chances and fails back.
//!
//! Never takes anything from a node; that is for `failures`, `holders` and `targets`.

use super::bars::ATTEMPTS_MAX;
use super::board::Board;
use crate::model::{Incarnation, Rest};
use crate::names::NodeName;

/// Looks at every group.
pub(super) fn pass(board: &mut Board<'_>) {
    if is_new_cluster(board) {
        form(board);
        return;
    }
    let members = board.all_members();
    for at in 0..board.sheets.len() {
        let sheet = &board.sheets[at];
        if sheet.left_alone || !sheet.is_managed() {
            continue;
        }
        join(board, at);
        end_rest(board, at, &members);
        retry(board, at);
    }
}

/// No member was one when any group was placed: whoever ran groups then is gone, and nobody who is here has seen it. A cluster in which
/// nothing was ever placed is new too.
fn is_new_cluster(board: &Board<'_>) -> bool {
    let members = &board.cluster.members;
    let is_member = |i: &Incarnation| members.values().any(|m| m.incarnation == *i);
    !board.cluster.intents.values().any(|intent| intent.placed_for.iter().any(is_member))
}

/// Whether everybody is here whom a cluster that forms waits for: the nodes that were members when there last was a president, or, where that
/// is unknown, all. A node in maintenance is not waited for, nor one that was dead before.
fn all_awaited_are_here(board: &Board<'_>) -> bool {
    let cluster = board.cluster;
    let was_member =
        |n: &NodeName| cluster.last_members.as_ref().is_none_or(|last| last.nodes.contains(n));
    let mut awaited =
        board.config.nodes.iter().filter(|(n, config)| !config.maintenance && was_member(n));
    awaited.all(|(n, _)| cluster.members.contains_key(n))
}

/// Groups are placed once all nodes that are awaited are members, or new_cluster_wait_s after the first became one; an operator's order ends
/// the wait.
fn form(board: &mut Board<'_>) {
    let cluster = board.cluster;
    let all_here = all_awaited_are_here(board);
    let Some(first_ms) = cluster.members.values().map(|m| m.joined_ms).min() else { return };
    let until_ms = first_ms + u64::from(board.config.cluster.new_cluster_wait_s) * 1000;
    let was_ordered = board.sheets.iter().any(|s| s.ordered);
    // This node is a member too; that all joined later than now means that its clock was set back, and nobody knows by how much.
    let is_early = (first_ms..until_ms).contains(&board.situation.now_ms);
    if !all_here && !was_ordered && is_early {
        board.waits_for_nodes = true;
        for sheet in &mut board.sheets {
            sheet.left_alone = true;
        }
        board.wake(until_ms);
        return;
    }
    let members = board.all_members();
    let sticky = board.config.cluster.sticky_offline;
    for sheet in &mut board.sheets {
        let Some(group) = sheet.group else { continue };
        if sheet.left_alone || !group.managed {
            continue;
        }
        sheet.touched = true;
        sheet.cause(|| "the cluster has formed".to_owned());
        if sheet.ordered {
            continue;
        }
        sheet.forget_attempts(None);
        let stays = match &sheet.intent.rest {
            Some(Rest::ByOperator { members: then }) => sticky || *then == members,
            _ => false,
        };
        let intent = sheet.intent();
        intent.target.clear();
        intent.restart.clear();
        intent.avoid.clear();
        intent.chosen = None;
        if !stays {
            intent.rest = (!group.auto_start_on_new_cluster).then_some(Rest::NotAutoStarted);
        }
    }
}

/// Nodes of the Nodelist that have joined since: their failed starts are forgotten, a choice of how many primaries ends, and with Failback
/// the group is placed anew.
fn join(board: &mut Board<'_>, at: usize) {
    let sheet = &board.sheets[at];
    let Some(group) = sheet.group else { return };
    let has_joined = |n: &&NodeName| {
        let member = board.cluster.members.get(*n);
        member.is_some_and(|m| !sheet.intent.placed_for.contains(&m.incarnation))
    };
    let joined: Vec<NodeName> = group.nodelist.iter().filter(has_joined).cloned().collect();
    let Some(first) = joined.first() else { return };
    let sheet = &mut board.sheets[at];
    sheet.touched = true;
    sheet.forget_attempts(Some(&joined));
    if sheet.intent.avoid.iter().any(|(n, _)| joined.contains(n)) {
        // Whoever was evacuated has left since, and is back.
        sheet.intent().avoid.retain(|(n, _)| !joined.contains(n));
    }
    if sheet.intent.chosen.is_some() && !sheet.ordered {
        sheet.intent().chosen = None;
    }
    if group.failback && !group.suspended && sheet.intent.rest.is_none() && !sheet.ordered {
        sheet.fresh = !sheet.intent.target.is_empty();
        sheet.cause(|| format!("{first} has joined, and Failback is TRUE"));
    }
    sheet.occasion(|| format!("{first} has joined"));
}

fn end_rest(board: &mut Board<'_>, at: usize, members: &[Incarnation]) {
    let sticky = board.config.cluster.sticky_offline;
    let is_new = !board.cluster.intents.contains_key(board.sheets[at].name);
    let sheet = &mut board.sheets[at];
    if is_new && !sheet.ordered {
        sheet.touched = true;
        sheet.intent().rest = Some(Rest::ByOperator { members: members.to_vec() });
    }
    let Some(Rest::ByOperator { members: then }) = &sheet.intent.rest else { return };
    if sticky || sheet.is_suspended() || then == members {
        return;
    }
    sheet.intent().rest = None;
    sheet.cause = Some("membership has changed since it was taken offline".to_owned());
}

/// With retry_after_pingpong, nodes that have used up their attempts get new ones after Pingpong_interval.
fn retry(board: &mut Board<'_>, at: usize) {
    if !board.config.cluster.retry_after_pingpong || board.sheets[at].history.attempts.is_empty() {
        return;
    }
    let sheet = &board.sheets[at];
    let interval_ms = sheet.group.map_or(0, |g| u64::from(g.pingpong_interval_s) * 1000);
    let now = board.situation.now_ms;
    let mut free: Vec<NodeName> = Vec::new();
    let mut wake: Option<u64> = None;
    for attempt in sheet.history.attempts.iter().rev() {
        let node = &attempt.node;
        if sheet.attempts_on(node) < ATTEMPTS_MAX || free.contains(node) {
            continue;
        }
        let over = sheet.history.attempts.iter().rfind(|a| a.node == *node);
        let over_ms = over.map_or(0, |a| a.at_ms + interval_ms);
        if over_ms <= now {
            free.push(node.clone());
        } else {
            wake = Some(wake.map_or(over_ms, |w| w.min(over_ms)));
        }
    }
    if !free.is_empty() {
        let sheet = &mut board.sheets[at];
        sheet.forget_attempts(Some(&free));
        sheet.cause(|| "Pingpong_interval has passed".to_owned());
    }
    if let Some(at_ms) = wake {
        board.wake(at_ms);
    }
}

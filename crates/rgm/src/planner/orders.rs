//! Pass: what the accepted request of this plan asks of intents.
//!
//! Never judges: `operation::decide` has done that. An explicit order forgets failed starts (Sun Cluster's `scswitch -z`).

use super::bars::ATTEMPTS_MAX;
use super::board::{Board, Life};
use super::requests::Accept;
use crate::model::{Attempt, Fence, FenceState, Giveover, Holder, Rest};
use crate::names::{GroupName, NodeName, ResourceName};
use crate::operation::IntentOrder;

/// Writes the orders onto the sheets.
pub(super) fn pass<'a>(board: &mut Board<'a>, accept: &'a Accept<'a>) {
    for order in &accept.accepted.intents {
        take(board, accept, order);
    }
    rest_newly_managed(board);
}

fn take<'a>(board: &mut Board<'a>, accept: &'a Accept<'a>, order: &IntentOrder) {
    let by = accept.request.by.as_str();
    let now_ms = board.situation.now_ms;
    match order {
        IntentOrder::Primaries(group, nodes) if nodes.is_empty() => offline(board, group, by),
        IntentOrder::Offline(group) => offline(board, group, by),
        IntentOrder::Primaries(group, nodes) => primaries(board, group, nodes, by),
        IntentOrder::Remaster(group) => {
            let Some(sheet) = ordered(board, group, by) else { return };
            sheet.cause(|| format!("{by} asked for its most preferred nodes"));
            sheet.forget_attempts(None);
            sheet.fresh = true;
            let intent = sheet.intent();
            (intent.rest, intent.chosen) = (None, None);
        }
        IntentOrder::Restart(group, nodes) => {
            let Some(sheet) = ordered(board, group, by) else { return };
            sheet.cause(|| format!("{by} asked for a restart"));
            let permitted: Vec<NodeName> =
                nodes.iter().filter(|n| sheet.is_permitted(n)).cloned().collect();
            sheet.intent().restart = permitted;
        }
        IntentOrder::LeaveNode { group, node, giveover: None, avoid_until_ms } => {
            let Some(sheet) = ordered(board, group, by) else { return };
            sheet.cause(|| format!("{by} evacuates {node}"));
            let intent = sheet.intent();
            intent.target.retain(|n| n != node);
            intent.avoid.retain(|(n, until)| n != node && *until > now_ms);
            intent.avoid.push((node.clone(), *avoid_until_ms));
        }
        IntentOrder::LeaveNode { group, node, giveover: Some(resource), .. } => {
            if let Some(choice) = &accept.giveover {
                for mover in &choice.movers {
                    give_over(board, accept, (mover, node, resource), &choice.to);
                }
                record_giveover(board, group, resource, node);
            }
        }
        IntentOrder::ConfirmDead(node) => confirm_dead(board, node, by),
        IntentOrder::Quiesce(group) => quiesce(board, group, by),
    }
}

fn ordered<'b, 'a>(
    board: &'b mut Board<'a>,
    group: &GroupName,
    by: &'a str,
) -> Option<&'b mut super::board::Sheet<'a>> {
    let sheet = board.sheet_mut(group)?;
    sheet.ordered = true;
    sheet.by = Some(by);
    Some(sheet)
}

fn offline<'a>(board: &mut Board<'a>, group: &GroupName, by: &'a str) {
    let members = board.all_members();
    let Some(sheet) = ordered(board, group, by) else { return };
    sheet.cause(|| format!("{by} took it offline"));
    sheet.forget_attempts(None);
    let intent = sheet.intent();
    intent.target.clear();
    intent.restart.clear();
    intent.chosen = None;
    intent.rest = Some(Rest::ByOperator { members });
}

fn primaries<'a>(board: &mut Board<'a>, group: &GroupName, nodes: &[NodeName], by: &'a str) {
    let Some(sheet) = ordered(board, group, by) else { return };
    sheet.cause(|| format!("{by} asked for it"));
    sheet.forget_attempts(None);
    let desired = sheet.group.map_or(0, |g| g.desired_primaries);
    let preference = |n: &NodeName| sheet.group.and_then(|g| g.preference(n));
    let mut target = nodes.to_vec();
    target.sort_by_key(preference);
    target.dedup();
    let count = u32::try_from(target.len()).unwrap_or(u32::MAX);
    let intent = sheet.intent();
    intent.rest = None;
    intent.avoid.retain(|(n, _)| !nodes.contains(n));
    intent.restart.retain(|n| nodes.contains(n));
    intent.chosen = (count != desired).then_some(count);
    intent.target = target;
}

fn give_over<'a>(
    board: &mut Board<'a>,
    accept: &'a Accept<'a>,
    (group, node, resource): (&GroupName, &NodeName, &ResourceName),
    to: &NodeName,
) {
    let Some(sheet) = ordered(board, group, accept.request.by.as_str()) else { return };
    sheet.cause(|| format!("the monitor of {resource} gave it over from {node}"));
    let intent = sheet.intent();
    intent.target.retain(|n| n != node);
    if !intent.target.contains(to) {
        intent.target.push(to.clone());
    }
}

fn record_giveover(
    board: &mut Board<'_>,
    group: &GroupName,
    resource: &ResourceName,
    node: &NodeName,
) {
    let at_ms = board.situation.now_ms;
    let Some(sheet) = board.sheet_mut(group) else { return };
    let kept_ms = sheet.group.map_or(0, |g| u64::from(g.pingpong_interval_s) * 1000);
    let giveovers = &mut sheet.history.to_mut().giveovers;
    giveovers.retain(|g| at_ms.abs_diff(g.at_ms) < kept_ms);
    giveovers.retain(|g| !(g.resource == *resource && g.node == *node));
    giveovers.push(Giveover { resource: resource.clone(), node: node.clone(), at_ms });
}

/// Uses up the start attempts of every node but the one that is left to the start under way: if that fails the group rests, if it succeeds they
/// are forgotten.
fn quiesce<'a>(board: &mut Board<'a>, group: &GroupName, by: &'a str) {
    let at_ms = board.situation.now_ms;
    let is_up = board.sheet(group).is_some_and(|sheet| {
        let is_online = |h: &Holder| board.observed(h, group).is_some_and(|o| o.state.is_online());
        sheet.intent.target.iter().all(|n| sheet.holder(n).is_some_and(is_online))
    });
    let Some(sheet) = ordered(board, group, by) else { return };
    let Some(nodes) = sheet.group.map(|g| &g.nodelist) else { return };
    // Nothing is being started: what stands against a later failover would stay for ever.
    if is_up || sheet.intent.target.is_empty() {
        return;
    }
    for node in nodes {
        let left = usize::from(sheet.intent.target.contains(node));
        let missing = (ATTEMPTS_MAX - left).saturating_sub(sheet.attempts_on(node));
        let attempt = Attempt { node: node.clone(), at_ms, why: format!("{by} quiesced it") };
        sheet.history.to_mut().attempts.extend(std::iter::repeat_n(attempt, missing));
    }
}

/// The operator's word counts as a fence that is done: the highest life of the node that still holds something is harmless.
fn confirm_dead(board: &mut Board<'_>, node: &NodeName, by: &str) {
    let is_lost = |h: &&Holder| h.node == *node && board.life(h) == Life::Lost;
    let holders = board.sheets.iter().flat_map(|s| &s.intent.holders);
    let Some(incarnation) = holders.filter(is_lost).map(|h| h.incarnation).max() else { return };
    let before = board.fence(node);
    let fence = Fence {
        incarnation: before.map_or(incarnation, |f| f.incarnation.max(incarnation)),
        state: FenceState::Done,
        attempts: before.map_or(0, |f| f.attempts),
        since_ms: before.map_or(board.situation.now_ms, |f| f.since_ms),
    };
    board.fences.insert(node.clone(), Some(fence));
    board.note(format!(
        "{node} is harmless: {by} vouches for it; next: what it held starts elsewhere"
    ));
}

/// A group that has just become managed is offline until an operator starts it or membership changes.
fn rest_newly_managed(board: &mut Board<'_>) {
    let members = board.all_members();
    let before = &board.cluster.config.groups;
    for sheet in &mut board.sheets {
        let was_managed = before.get(sheet.name).is_some_and(|g| g.managed);
        if sheet.is_managed() && !was_managed && !sheet.ordered && !sheet.left_alone {
            sheet.ordered = true;
            sheet.cause(|| "it is managed now and nobody has started it".to_owned());
            sheet.intent().rest = Some(Rest::ByOperator { members: members.clone() });
        }
    }
}

//! Pass: failed starts. Each counts once; the group leaves the node, and `targets` finds the next one or comes back here for the second attempt
//! (the rebalance guard: two attempts per node inside Pingpong_interval).
//!
//! Never counts a failure for another permit than the one it was tried under.

use super::bars::ATTEMPTS_MAX;
use super::board::{Board, Life, Sheet};
use crate::model::{Attempt, GroupState, Holder, Observed, StartFailure};
use crate::names::NodeName;
use crate::planted::PlantedFault;

/// Looks at every group.
pub(super) fn pass(board: &mut Board<'_>) {
    for at in 0..board.sheets.len() {
        if !board.sheets[at].left_alone {
            record(board, at);
            clear(board, at);
        }
    }
}

fn record(board: &mut Board<'_>, at: usize) {
    let found: Vec<(NodeName, StartFailure)> = {
        let sheet = &board.sheets[at];
        let failures = sheet.intent.holders.iter().filter_map(|holder| {
            let observed = board.observed(holder, sheet.name)?;
            let failure = failure_of(board, sheet, holder, observed)?;
            Some((holder.node.clone(), failure.clone()))
        });
        failures.collect()
    };
    for (node, failure) in found {
        take(board, at, &node, &failure);
        // Offline, and not started again without a new permit: that is its word.
        board.sheets[at].drop_holder(&node);
    }
}

/// A failure under the present permit of a member, after which the node says offline.
fn failure_of<'o>(
    board: &Board<'_>,
    sheet: &Sheet<'_>,
    holder: &Holder,
    observed: &'o Observed,
) -> Option<&'o StartFailure> {
    let failure = observed.start_failure.as_ref()?;
    let given = sheet.intent.permitted.iter().find(|(n, _)| *n == holder.node);
    let given = given.map_or(sheet.intent.generation, |(_, generation)| *generation);
    let counts = holder.withdrawn.is_none()
        && board.life(holder) == Life::Member
        && observed.state == GroupState::Offline
        && failure.generation >= given;
    counts.then_some(failure)
}

fn take(board: &mut Board<'_>, at: usize, node: &NodeName, failure: &StartFailure) {
    let now_ms = board.situation.now_ms;
    let forgets = board.situation.planted.is(PlantedFault::StartFailuresForgotten);
    let sheet = &mut board.sheets[at];
    let interval_ms = sheet.group.map_or(0, |g| u64::from(g.pingpong_interval_s) * 1000);
    let history = sheet.history.to_mut();
    // A node that has used up its attempts stays barred until something clears them; a single failure is forgotten with time.
    let used_up: Vec<NodeName> = history
        .attempts
        .iter()
        .filter(|a| history.attempts.iter().filter(|b| b.node == a.node).count() >= ATTEMPTS_MAX)
        .map(|a| a.node.clone())
        .collect();
    history.attempts.retain(|a| now_ms < a.at_ms + interval_ms || used_up.contains(&a.node));
    let why = failure.failure.why.clone();
    if !forgets {
        history.attempts.push(Attempt { node: node.clone(), at_ms: now_ms, why: why.clone() });
    }
    let nth = sheet.attempts_on(node);
    let method = method_name(failure.failure.method);
    let resource = &failure.resource;
    sheet.cause(|| {
        let why = why.trim_end_matches('.');
        format!("{method} of {resource} failed on {node} ({why}), attempt {nth} of {ATTEMPTS_MAX}")
    });
    sheet.intent().target.retain(|n| n != node);
    if !sheet.intent.restart.is_empty() {
        sheet.intent().restart.retain(|n| n != node);
    }
}

/// Attempts are forgotten once the group is online as it should be. A faulted one is: no start of it is under way or will be tried elsewhere, and what
/// was quiesced must still find a node when this one dies.
fn clear(board: &mut Board<'_>, at: usize) {
    let sheet = &board.sheets[at];
    if sheet.history.attempts.is_empty()
        || sheet.intent.target.is_empty()
        || sheet.intent.target.len() < sheet.wanted()
    {
        return;
    }
    let is_online = |node: &NodeName| {
        sheet.holder(node).filter(|h| h.withdrawn.is_none()).is_some_and(|holder| {
            board.life(holder) == Life::Member
                && board.observed(holder, sheet.name).is_some_and(|o| o.state.is_online())
        })
    };
    if sheet.intent.target.iter().all(is_online) {
        board.sheets[at].forget_attempts(None);
    }
}

/// As RTR files spell it.
const fn method_name(method: rtr::Method) -> &'static str {
    match method {
        rtr::Method::PrenetStart => "PRENET_START",
        rtr::Method::Start => "START",
        rtr::Method::MonitorStart => "MONITOR_START",
        _ => "a method",
    }
}

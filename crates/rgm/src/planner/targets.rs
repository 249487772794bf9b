//! Pass: where each group should be. A group stays where it can stay; what is missing is chosen by weak affinities and Nodelist.
//!
//! Never takes a group from a node because another node would be nicer: only Failback and an operator's word do that.

use super::bars::{self, Bar};
use super::board::Board;
use crate::model::Rest;
use crate::names::NodeName;

/// Places every group, targets of affinities before those that have them.
pub(super) fn pass(board: &mut Board<'_>) {
    for at in 0..board.sheets.len() {
        let sheet = &board.sheets[at];
        if sheet.left_alone {
            continue;
        }
        if !sheet.is_managed() {
            empty(board, at, "it is unmanaged");
        } else if board.stop_failed_on(sheet).is_some() {
            // It can be moved nowhere until an operator has cleared that.
        } else if sheet.is_suspended() && !sheet.ordered {
            keep_members(board, at);
        } else {
            place(board, at);
        }
    }
}

fn empty(board: &mut Board<'_>, at: usize, why: &str) {
    let sheet = &mut board.sheets[at];
    if !sheet.intent.target.is_empty() || !sheet.intent.restart.is_empty() {
        let removed = sheet.group.is_none();
        sheet.cause(|| if removed { "it is removed".to_owned() } else { why.to_owned() });
        let intent = sheet.intent();
        intent.target.clear();
        intent.restart.clear();
    }
}

/// Suspended: nothing but what an operator asks for; what has lost its node stays offline.
fn keep_members(board: &mut Board<'_>, at: usize) {
    let sheet = &board.sheets[at];
    let is_here = |n: &NodeName| sheet.is_permitted(n) || board.cluster.members.contains_key(n);
    if sheet.intent.target.iter().all(is_here) {
        return;
    }
    let target: Vec<NodeName> =
        sheet.intent.target.iter().filter(|n| is_here(n)).cloned().collect();
    board.sheets[at].intent().target = target;
}

fn place(board: &mut Board<'_>, at: usize) {
    let sheet = &board.sheets[at];
    if matches!(sheet.intent.rest, Some(Rest::ByOperator { .. } | Rest::NotAutoStarted)) {
        if !sheet.intent.target.is_empty() {
            board.sheets[at].intent().target.clear();
        }
        return;
    }
    let wanted = sheet.wanted();
    let barred: Vec<(NodeName, Bar)> = sheet
        .intent
        .target
        .iter()
        .filter_map(|n| Some((n.clone(), board.bar(sheet, n)?)))
        .collect();
    if barred.is_empty()
        && !sheet.fresh
        && sheet.intent.target.len() >= wanted
        && sheet.intent.target.len() <= sheet.maximum()
    {
        return;
    }
    let target = choose(board, at, wanted, &barred);
    let is_used_up = target.is_empty() && wanted > 0 && is_used_up(board, at);
    wake_for_evacuated(board, at, target.len() < wanted);
    let sheet = &mut board.sheets[at];
    if let Some((node, bar)) = barred.first() {
        sheet.cause(|| bar.say(node));
    }
    let rest = is_used_up.then_some(Rest::StartFailures);
    if sheet.intent.target != target || sheet.intent.rest != rest {
        let intent = sheet.intent();
        intent.target = target;
        intent.rest = rest;
    }
}

/// What stays, and what is added; most preferred first.
fn choose(
    board: &Board<'_>,
    at: usize,
    wanted: usize,
    barred: &[(NodeName, Bar)],
) -> Vec<NodeName> {
    let sheet = &board.sheets[at];
    let Some(group) = sheet.group else { return Vec::new() };
    let stays = |n: &&NodeName| !barred.iter().any(|(b, _)| b == *n);
    let mut target: Vec<NodeName> = if sheet.fresh && wanted > 0 {
        Vec::new()
    } else {
        sheet.intent.target.iter().filter(stays).cloned().collect()
    };
    target.sort_by_key(|n| group.preference(n));
    target.truncate(sheet.maximum());
    if target.len() < wanted {
        let free = bars::candidates(board, sheet, &target, &[]);
        let missing = wanted - target.len();
        target.extend(free.into_iter().take(missing).cloned());
        target.sort_by_key(|n| group.preference(n));
    }
    target
}

/// Whether failed starts are why it is nowhere: some member could run it but for them.
fn is_used_up(board: &Board<'_>, at: usize) -> bool {
    let sheet = &board.sheets[at];
    let nodes = sheet.group.map_or(&[][..], |g| &g.nodelist);
    nodes.iter().any(|n| matches!(board.bar(sheet, n), Some(Bar::StartFailures(_))))
}

/// A group that is short of primaries gets another chance when the hold-off of an evacuated node ends.
fn wake_for_evacuated(board: &mut Board<'_>, at: usize, is_short: bool) {
    if !is_short {
        return;
    }
    let now = board.situation.now_ms;
    let ends = board.sheets[at].intent.avoid.iter().map(|(_, until)| *until);
    if let Some(until) = ends.filter(|until| *until > now).min() {
        board.wake(until);
    }
}

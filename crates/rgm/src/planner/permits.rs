//! Pass: permits are withdrawn from nodes that are no target, and given to targets when nothing stands against it (docs/decisions/0009).
//!
//! Never more holders than Maximum_primaries, never beside a group with which it must not be, never without the one with which it must be.

use super::board::{Board, Life, Sheet};
use crate::model::{AffinityKind, Holder};
use crate::names::{GroupName, NodeName};
use crate::planted::PlantedFault;

/// First all that is withdrawn, then what is given.
pub(super) fn pass(board: &mut Board<'_>) {
    for at in 0..board.sheets.len() {
        if !board.sheets[at].left_alone {
            withdraw(board, at);
        }
    }
    for at in 0..board.sheets.len() {
        let sheet = &board.sheets[at];
        if !sheet.left_alone && sheet.is_managed() && !sheet.intent.target.is_empty() {
            give(board, at);
        }
    }
}

fn withdraw(board: &mut Board<'_>, at: usize) {
    let sheet = &board.sheets[at];
    let must_go = |h: &Holder| {
        h.withdrawn.is_none()
            && (!sheet.intent.target.contains(&h.node) || sheet.intent.restart.contains(&h.node))
            && board.life(h) != Life::Unreadable
    };
    if !sheet.intent.holders.iter().any(must_go) {
        return;
    }
    let going: Vec<NodeName> =
        sheet.intent.holders.iter().filter(|h| must_go(h)).map(|h| h.node.clone()).collect();
    let forgets = board.situation.planted.is(PlantedFault::GenerationForgotten);
    let sheet = &mut board.sheets[at];
    let next = if forgets { sheet.intent.generation } else { sheet.next_generation };
    let intent = sheet.intent();
    for holder in intent.holders.iter_mut().filter(|h| going.contains(&h.node)) {
        holder.withdrawn = Some(next);
    }
    intent.permitted.retain(|(n, _)| !going.contains(n));
}

fn give(board: &mut Board<'_>, at: usize) {
    let sheet = &board.sheets[at];
    if sheet.intent.target.iter().all(|n| sheet.holder(n).is_some()) {
        return;
    }
    let planted = board.situation.planted;
    if board.stop_failed_on(sheet).is_some() && !planted.is(PlantedFault::StopFailedIgnored) {
        return;
    }
    let target: Vec<NodeName> = sheet.intent.target.clone();
    for node in target {
        let sheet = &board.sheets[at];
        let Some(member) = board.cluster.members.get(&node) else { continue };
        let incarnation = member.incarnation;
        if obstacle(board, sheet, &node).is_some() {
            continue;
        }
        let sheet = &mut board.sheets[at];
        let generation = sheet.next_generation;
        let intent = sheet.intent();
        intent.holders.push(Holder { node: node.clone(), incarnation, withdrawn: None });
        intent.permitted.push((node, generation));
    }
}

/// What a target waits for.
#[derive(Debug)]
pub(super) enum Obstacle<'b> {
    /// It is there already, or was and has not said that it is offline.
    Holds,
    /// Maximum_primaries is used up by those that still hold it.
    Full,
    /// A group with which it must not be is still there.
    Beside(&'b GroupName),
    /// The group with which it must be may not run there yet.
    Without(&'b GroupName),
    /// This member says that the group is not offline there, and holds nothing: its intent was deleted by hand, and it still stops.
    Runs(&'b NodeName),
}

pub(super) fn obstacle<'b>(
    board: &'b Board<'_>,
    sheet: &'b Sheet<'_>,
    node: &NodeName,
) -> Option<Obstacle<'b>> {
    if sheet.holder(node).is_some() {
        return Some(Obstacle::Holds);
    }
    if holders_counted(board, sheet) >= sheet.maximum() {
        return Some(Obstacle::Full);
    }
    if let Some(other) = runs(board, sheet) {
        return Some(Obstacle::Runs(other));
    }
    if !board.situation.planted.is(PlantedFault::StrongNegativePermitted)
        && let Some(other) = beside(board, sheet, node)
    {
        return Some(Obstacle::Beside(other));
    }
    without(board, sheet, node).map(Obstacle::Without)
}

/// A member where something of the group runs although it is no holder.
fn runs<'b>(board: &'b Board<'_>, sheet: &Sheet<'_>) -> Option<&'b NodeName> {
    let cluster = board.cluster;
    cluster.observed.keys().find(|node| {
        sheet.holder(node).is_none()
            && cluster.observed_on(node, sheet.name).is_some_and(|o| !o.state.is_offline())
    })
}

fn holders_counted(board: &Board<'_>, sheet: &Sheet<'_>) -> usize {
    let planted = board.situation.planted;
    let permit_early = planted.is(PlantedFault::PermitBeforeOffline);
    let stop_ignored = planted.is(PlantedFault::StopFailedIgnored);
    let counts = |h: &&Holder| {
        let ignored = stop_ignored
            && board
                .observed(h, sheet.name)
                .is_some_and(|o| o.state == crate::model::GroupState::ErrorStopFailed);
        !ignored && (!permit_early || h.withdrawn.is_none())
    };
    sheet.intent.holders.iter().filter(counts).count()
}

/// A group that has, or is the target of, a strong negative affinity and holds the node.
fn beside<'b>(board: &'b Board<'_>, sheet: &Sheet<'_>, node: &NodeName) -> Option<&'b GroupName> {
    let avoids = |a: &Sheet<'_>, b: &GroupName| {
        a.group.is_some_and(|g| {
            g.affinities.iter().any(|x| x.kind == AffinityKind::StrongNegative && x.target == *b)
        })
    };
    let other = board.sheets.iter().find(|other| {
        other.name != sheet.name
            && other.holder(node).is_some()
            && (avoids(sheet, other.name) || avoids(other, sheet.name))
    });
    other.map(|s| s.name)
}

/// A group with which it must be and which has no permit there.
fn without<'b>(
    board: &'b Board<'_>,
    sheet: &'b Sheet<'_>,
    node: &NodeName,
) -> Option<&'b GroupName> {
    let needs = |a: &Sheet<'_>, b: &GroupName| {
        a.group.is_some_and(|g| {
            g.affinities.iter().any(|x| {
                let strong = matches!(
                    x.kind,
                    AffinityKind::StrongPositive | AffinityKind::StrongPositiveDelegating
                );
                strong && x.target == *b
            })
        })
    };
    let lacks =
        board.sheets.iter().find(|other| needs(sheet, other.name) && !other.is_permitted(node));
    lacks.map(|s| s.name)
}

//! Pass: who may still have a group running. A holder goes when its node has said *offline* under the generation that withdrew its permit, or when the
//! life it names is over and, where the group has storage, the node has been fenced (docs/decisions/0009).
//!
//! Never lets a holder go on a guess.

use super::board::{Board, Life};
use super::fences::needs_fence;
use crate::model::{GroupState, Holder};
use crate::names::NodeName;
use crate::planted::PlantedFault;

/// Looks at every holder.
pub(super) fn pass(board: &mut Board<'_>) {
    for at in 0..board.sheets.len() {
        let sheet = &board.sheets[at];
        if sheet.left_alone || sheet.intent.holders.is_empty() {
            continue;
        }
        let ends: Vec<(NodeName, End)> = sheet
            .intent
            .holders
            .iter()
            .filter_map(|holder| Some((holder.node.clone(), end(board, at, holder)?)))
            .collect();
        for (node, end) in ends {
            finish(board, at, &node, end);
        }
    }
}

enum End {
    /// It has stopped the group as it was told.
    Acknowledged,
    /// The node has restarted since.
    Ended,
    /// It is no member any more, and harmless.
    Harmless,
    /// It is no member any more, and must be made harmless first.
    Dangerous,
}

fn end(board: &Board<'_>, at: usize, holder: &Holder) -> Option<End> {
    let sheet = &board.sheets[at];
    let planted = board.situation.planted;
    match board.life(holder) {
        Life::Unreadable => None,
        Life::Ended => Some(End::Ended),
        Life::Lost => {
            let harmless = !needs_fence(board, sheet.name)
                || board.is_fenced(&holder.node, holder.incarnation)
                || planted.is(PlantedFault::FenceIgnored);
            Some(if harmless { End::Harmless } else { End::Dangerous })
        }
        Life::Member => {
            let withdrawn = holder.withdrawn?;
            let observed = board.observed(holder, sheet.name)?;
            let is_old = observed.generation < withdrawn
                && !planted.is(PlantedFault::AcknowledgementOfOldGeneration);
            let is_offline = matches!(observed.state, GroupState::Offline | GroupState::Unmanaged);
            (is_offline && !is_old).then_some(End::Acknowledged)
        }
    }
}

fn finish(board: &mut Board<'_>, at: usize, node: &NodeName, end: End) {
    let sheet = &mut board.sheets[at];
    match end {
        End::Acknowledged => {
            sheet.occasion(|| format!("{node} has stopped it"));
            sheet.drop_holder(node);
            return;
        }
        End::Ended => {
            if sheet.intent.target.contains(node) {
                sheet.cause(|| format!("{node} has restarted"));
            }
            sheet.occasion = Some(format!("{node} has restarted, so nothing of it runs there"));
            sheet.drop_holder(node);
        }
        End::Harmless => {
            if sheet.intent.target.contains(node) {
                sheet.cause(|| format!("{node} is no longer a member"));
            }
            sheet.occasion = Some(format!("{node} is gone and harmless"));
            sheet.drop_holder(node);
        }
        End::Dangerous => {
            if !sheet.intent.target.contains(node) {
                return;
            }
            sheet.cause(|| format!("{node} is no longer a member"));
        }
    }
    if sheet.ordered || !sheet.intent.target.contains(node) {
        return;
    }
    // Where it ran is no reason to go there again: it is placed like a group that is nowhere. A suspended group stays offline.
    let intent = sheet.intent();
    intent.target.retain(|n| n != node);
    intent.chosen = None;
}

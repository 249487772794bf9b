//! Pass: answers nobody fetched, jobs nobody waits for.
//!
//! Never deletes a request, and never a job that somebody still has to do.

use super::board::Board;
use super::fences::runs;
use crate::model::JobKind;
use crate::store::{Change, Key};

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
}

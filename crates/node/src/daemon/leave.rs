//! Leaving in order: SIGTERM to the guard, `systemctl stop`, `steadfast node leave`.
//!
//! ```text
//! told ─► evacuation is asked for ─► groups stop here and start elsewhere ─► nothing runs ─► lease given back ─► end
//!             └── refused, or groups came back: asked again ──┘                 │
//! time is over, told again, or only what cannot be stopped is left ─► everything is killed, claims undone, lease given back ─► end
//! ```
//!
//! The president moves the groups (`Operation::Evacuate` for this node); here is decided only when to go.

use super::waiting::Waiting;
use super::{Daemon, clock};
use crate::guard::LEFT;
use node_api::Reply;
use rgm::node::Input;
use rgm::{Answer, GroupState, Operation};
use std::time::Duration;
use tokio::sync::mpsc;

/// For so long the groups do not come back; then it is asked again. Not longer, because it counts for the next life of this node too.
const HOLD: Duration = Duration::from_secs(10);
/// Pause after the evacuation was refused.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// This node is leaving.
#[derive(Debug)]
pub(super) struct Leaving {
    /// Then everything is stopped at once.
    until: Duration,
    /// Evacuation is asked for then; `None`: it was, and is not answered.
    ask_at: Option<Duration>,
    /// Who waits for it.
    clients: Vec<mpsc::Sender<Reply>>,
}

impl Leaving {
    /// When there is something to do though nothing happens.
    pub(super) fn next_look(&self) -> Duration {
        self.ask_at.map_or(self.until, |at| at.min(self.until))
    }
}

/// What runs here.
enum Runs {
    Nothing,
    OnlyStopFailed(String),
    Something,
}

impl Daemon {
    /// Begins to leave; a second time changes nothing but who is told.
    pub(super) fn begin_to_leave(&mut self, client: Option<mpsc::Sender<Reply>>) {
        let now = clock::boot();
        if self.leaving.is_none() {
            let seconds = self.file.leave_time().as_secs();
            tracing::info!(
                "{} leaves the cluster: its groups are evacuated, for which they have {seconds} s",
                self.core.settings().node
            );
            let until = now + self.file.leave_time();
            self.leaving = Some(Leaving { until, ask_at: Some(now), clients: Vec::new() });
        }
        if let (Some(leaving), Some(client)) = (&mut self.leaving, client) {
            let sentence = "this node's groups are evacuated".to_owned();
            let _ = client.try_send(Reply::Progress { sentence });
            leaving.clients.push(client);
        }
    }

    /// Goes without waiting for anything.
    pub(super) fn leave_at_once(&mut self, why: &str) {
        if self.over.is_none() {
            tracing::warn!("{why}; everything this node runs is stopped at once");
            self.over = Some(LEFT);
        }
    }

    /// The next step, if one is due.
    pub(super) async fn go_on_leaving(&mut self) {
        let now = clock::boot();
        let Some(leaving) = &self.leaving else { return };
        if self.over.is_some() {
            return;
        }
        let (until, ask_at) = (leaving.until, leaving.ask_at);
        match self.runs() {
            // What is idle leaves at once; the core knows more that may be under way.
            Runs::Nothing => self.give(Input::LeaveAsked).await,
            Runs::OnlyStopFailed(which) => {
                self.leave_at_once(&format!("{which} could not be stopped in order"));
            }
            Runs::Something if now >= until => {
                let seconds = self.file.leave_time().as_secs();
                self.leave_at_once(&format!(
                    "the groups were not evacuated within {seconds} s (leave_time_s)"
                ));
            }
            Runs::Something if ask_at.is_some_and(|at| now >= at) => self.ask_evacuation().await,
            Runs::Something => {}
        }
        if now >= until {
            self.leave_at_once("leaving in order takes too long");
        }
    }

    fn runs(&self) -> Runs {
        let Some(executor) = self.core.executor() else { return Runs::Nothing };
        let mut stop_failed = None;
        for (group, observed) in executor.observed() {
            match observed.state {
                GroupState::Offline | GroupState::Unmanaged => {}
                GroupState::ErrorStopFailed
                    if observed.resources.values().all(|r| r.method.is_none()) =>
                {
                    stop_failed = Some(group.to_string());
                }
                _ => return Runs::Something,
            }
        }
        stop_failed.map_or(Runs::Nothing, Runs::OnlyStopFailed)
    }

    async fn ask_evacuation(&mut self) {
        if let Some(leaving) = &mut self.leaving {
            leaving.ask_at = None;
        }
        let node = self.core.settings().node.clone();
        let by = format!("the shutdown of {node}");
        let hold_s = u32::try_from(HOLD.as_secs()).unwrap_or(u32::MAX);
        let operation = Operation::Evacuate { nodes: vec![node], hold_s };
        self.give(Input::Asked { asker: Waiting::OURSELVES, operation, by }).await;
    }

    /// The president's answer to the evacuation.
    pub(super) fn evacuation_answered(&mut self, answer: &Answer) {
        let now = clock::boot();
        let Some(leaving) = &mut self.leaving else { return };
        leaving.ask_at = Some(match &answer.refusal {
            Some(refusal) => {
                tracing::warn!("the evacuation was refused: {refusal}");
                now + ASK_AGAIN
            }
            None => now + HOLD,
        });
    }

    /// Tells those who waited for it, and waits a little until they have heard it: the process ends next.
    pub(super) async fn tell_left(&mut self, patience: Duration) {
        let clients = self.leaving.take().map(|leaving| leaving.clients).unwrap_or_default();
        for client in &clients {
            let _ = client.try_send(Reply::Done { messages: Vec::new() });
        }
        let heard = async {
            for client in &clients {
                client.closed().await;
            }
        };
        let _ = tokio::time::timeout(patience, heard).await;
    }
}

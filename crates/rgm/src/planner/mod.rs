//! The president's part: from the whole cluster to what is to be written next, each with its reason. A pure function, as a list of passes.
//!
//! Never gives a permit while another holder might exceed Maximum_primaries; every plan is checked for that (`check`) before it leaves here.

mod bars;
mod board;
mod check;
mod checks;
mod damage;
mod differences;
mod explain;
mod failures;
mod fences;
mod giveover;
mod holders;
mod housekeeping;
mod membership;
mod orders;
mod permits;
mod requests;
mod targets;
mod write;

pub use check::check;

use crate::model::{Cluster, Decision, Incarnation};
use crate::names::{GroupName, NodeName};
use crate::planted::Planted;
use crate::store::Change;
use board::Board;

/// What the planner knows besides the cluster.
#[derive(Clone, Debug)]
pub struct Situation {
    /// Wall clock of the president, ms. Only the ping-pong guards and holding times depend on it.
    pub now_ms: u64,
    /// The president itself: jobs that any node could do run here.
    pub node: NodeName,
    /// Its incarnation.
    pub incarnation: Incarnation,
    /// In which way it errs, for the simulation; `Planted::default()`: in none.
    pub planted: Planted,
}

/// Changes that are written in one guarded transaction, or not at all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    /// At most [`Step::CHANGES_MAX`].
    pub changes: Vec<Change>,
    /// What is said once it is written (already inside `history/G` among the changes, where a group is concerned).
    pub decisions: Vec<(Option<GroupName>, Decision)>,
}

impl Step {
    /// The store takes 128 guards and 128 writes: one of each for each changed key, and a guard for the president's. Some are left for what
    /// a store adds.
    pub const CHANGES_MAX: usize = 120;
    /// Bytes of keys, guards and values: a step that cannot be written would be planned again for ever.
    pub(crate) const BYTES_MAX: usize = crate::store::TRANSACTION_BYTES_MAX;
}

/// What to write, in order; the first refused step ends it (the next look plans again).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// In order.
    pub steps: Vec<Step>,
    /// Look again at this wall clock time even if nothing changes.
    pub wake_at_ms: Option<u64>,
}

/// What every pass after the requests does, in this order. Each writes on the board's sheets and says why.
const PASSES: [fn(&mut Board<'_>); 9] = [
    membership::pass,
    failures::pass,
    fences::results,
    holders::pass,
    targets::pass,
    permits::pass,
    fences::due,
    explain::pass,
    housekeeping::pass,
];

/// Begins the decision of a plan that broke its own rules and is not written.
pub const BAD_PLAN: &str = "the planner contradicts itself and does nothing";

/// Plans. Deterministic; the same cluster and situation give the same plan, and a cluster in which the plan is done gives an empty one.
pub fn plan(cluster: &Cluster, situation: &Situation) -> Plan {
    let requests = requests::look(cluster, situation);
    let accept = requests.accept.as_ref();
    let config = accept.map_or(&cluster.config, |a| &a.accepted.config);
    let mut board = Board::new(cluster, config, situation);
    board.others = requests.changes;
    if let Some(accept) = accept {
        orders::pass(&mut board, accept);
    }
    for pass in PASSES {
        pass(&mut board);
    }
    let plan = write::plan(board, accept);
    if situation.planted != Planted::default() {
        return plan;
    }
    match check(cluster, &plan) {
        Ok(()) => plan,
        Err(wrong) => refused(situation, &wrong),
    }
}

/// Nothing is better than something wrong.
fn refused(situation: &Situation, wrong: &[String]) -> Plan {
    let decision = Decision {
        at_ms: situation.now_ms,
        sentence: format!("{BAD_PLAN}: {}; please report this", wrong.join("; ")),
        by: situation.node.as_str().to_owned(),
    };
    let step = Step { changes: Vec::new(), decisions: vec![(None, decision)] };
    Plan { steps: vec![step], wake_at_ms: None }
}

//! When what an operator asked for has come true, or why it will not.

use crate::model::Cluster;
use crate::names::{GroupName, NodeName, ResourceName};
use serde::{Deserialize, Serialize};

/// What a command waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "goal", rename_all = "snake_case")]
pub enum Goal {
    /// The group is online on all its targets and nowhere else.
    Settled {
        /// Which.
        group: GroupName,
    },
    /// The group is online exactly on these nodes (none: offline everywhere).
    Primaries {
        /// Which.
        group: GroupName,
        /// Where.
        nodes: Vec<NodeName>,
    },
    /// The group's restart is over: online again where it was.
    Restarted {
        /// Which.
        group: GroupName,
    },
    /// The resource is online wherever its group is (`on`), or offline everywhere.
    Resource {
        /// Which.
        resource: ResourceName,
        /// Online or offline.
        on: bool,
    },
    /// The resource was restarted in place: each of these nodes has started it more often than this.
    ResourceRestarted {
        /// Which.
        resource: ResourceName,
        /// Node, and `ObservedResource::starts` when the restart was asked for.
        starts: Vec<(NodeName, u64)>,
    },
    /// The resource is STOP_FAILED no longer on this node.
    Cleared {
        /// Which.
        resource: ResourceName,
        /// Where.
        node: NodeName,
    },
    /// The resource is monitored (or not) wherever it is online.
    Monitored {
        /// Which.
        resource: ResourceName,
        /// Monitored or not.
        on: bool,
    },
    /// The node has nothing online.
    Evacuated {
        /// Which.
        node: NodeName,
    },
    /// No method of the group runs or is due.
    Quiet {
        /// Which.
        group: GroupName,
    },
    /// Methods that follow a change (INIT, FINI, UPDATE) of the resource are over.
    Applied {
        /// Which.
        resource: ResourceName,
    },
}

/// How far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Come true.
    Reached,
    /// Not yet: what is waited for, as one sentence ("n2: START of im_resource runs, 3 s of 300 s").
    Waiting(String),
    /// Will not come true by itself: why, and what to do, as one sentence.
    Failed(String),
}

impl Goal {
    /// Looks.
    pub fn progress(&self, cluster: &Cluster, now_ms: u64) -> Progress {
        let _ = (cluster, now_ms);
        Progress::Reached
    }
}

//! When what an operator asked for has come true, or why it will not.
//!
//! A goal is looked at again and again while a command waits; each look is a pure function of the cluster. `group` has the goals about groups and
//! nodes, `resource` those about resources, `now` the sentences that say what happens at this moment. A sentence of failure ends the
//! command, so it is said only of what nobody but an operator can change.

mod group;
mod now;
mod resource;

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
        let look = now::Look { cluster, now_ms };
        match self {
            Self::Settled { group } => look.settled(group, None),
            Self::Primaries { group, nodes } if nodes.is_empty() => look.offline(group),
            Self::Primaries { group, nodes } => look.settled(group, Some(nodes)),
            Self::Restarted { group } => look.restarted(group),
            Self::Evacuated { node } => look.evacuated(node),
            Self::Quiet { group } => look.quiet(group),
            Self::Resource { resource, on: true } => look.resource_online(resource),
            Self::Resource { resource, on: false } => look.resource_offline(resource),
            Self::ResourceRestarted { resource, starts } => {
                look.resource_restarted(resource, starts)
            }
            Self::Cleared { resource, node } => look.cleared(resource, node),
            Self::Monitored { resource, on } => look.monitored(resource, *on),
            Self::Applied { resource } => look.applied(resource),
        }
    }
}

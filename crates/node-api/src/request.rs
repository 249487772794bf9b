//! Requests and replies, as JSON lines.

use pmf::{PmfAnswer, PmfRequest};
use rgm::{Cluster, Decision, GroupName, NodeName, Operation, Refusal, ResourceName, Status};
use serde::{Deserialize, Serialize};

/// What can be asked. Who asks is read from the socket (SO_PEERCRED), never from the request.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Ask {
    /// Everything this node knows of the cluster: one `Reply::Snapshot`.
    Snapshot,
    /// Carry out an operation: `Progress` lines, then `Done` or `Refused`.
    Submit {
        /// What.
        operation: Box<Operation>,
        /// Wait until it has come true, not only until it is accepted.
        wait: bool,
        /// Give up waiting after this many seconds (the operation goes on). `None`: as long as it may still come true.
        timeout_s: Option<u32>,
    },
    /// `scha_*_get`: `Lines` or `Refused`.
    SchaGet {
        /// Which of the four.
        what: SchaGet,
        /// `-O`, any case.
        tag: String,
        /// Arguments after the options.
        arguments: Vec<String>,
    },
    /// `scha_resource_setstatus` on this node: `Done` or `Refused`.
    SetStatus {
        /// `-R`
        resource: ResourceName,
        /// `-G`
        group: GroupName,
        /// `-s`
        status: Status,
        /// `-m`
        message: String,
    },
    /// Restart a resource in place on this node: `Done` when it is back (or failed: `Refused`).
    Restart {
        /// Which.
        resource: ResourceName,
        /// Its group.
        group: GroupName,
        /// TRUE: RESOURCE_RESTART, the monitor too. FALSE: the monitor restarts its service and goes on.
        with_monitor: bool,
    },
    /// RESOURCE_IS_RESTARTED: `Done`.
    RestartTold {
        /// Which.
        resource: ResourceName,
        /// Its group.
        group: GroupName,
    },
    /// IGNORE_FAILED_START: `Done`.
    IgnoreFailedStart {
        /// Which.
        resource: ResourceName,
        /// Its group.
        group: GroupName,
    },
    /// The process monitor facility of this node: one `Pmf`.
    Pmf(PmfRequest),
    /// Wait for the death of a tag's process tree: `Done` at that moment, `Refused` when there is no such tag.
    PmfDeath {
        /// The tag.
        tag: String,
    },
    /// Decisions as they are made: `Decided` lines until the client goes.
    Follow,
    /// Leave the cluster in order and end the daemon: `Progress`, then `Done`.
    Leave,
}

/// Which `scha_*_get`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SchaGet {
    /// `scha_resource_get`
    Resource {
        /// `-R`
        resource: ResourceName,
        /// `-G`
        group: Option<GroupName>,
    },
    /// `scha_resourcegroup_get`
    Group {
        /// `-G`
        group: GroupName,
    },
    /// `scha_resourcetype_get`
    Type {
        /// `-T`, short names allowed.
        type_name: String,
    },
    /// `scha_cluster_get`
    Cluster,
}

/// A key of the control store, as the node has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredKey {
    /// Below the cluster's prefix.
    pub key: String,
    /// JSON as text; what is not UTF-8 is replaced.
    pub value: String,
    /// As the store says.
    pub create_revision: i64,
    /// As the store says.
    pub mod_revision: i64,
}

/// Everything a node knows.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Snapshot {
    /// Which node answers.
    pub node: Option<NodeName>,
    /// All keys of the cluster.
    pub keys: Vec<StoredKey>,
    /// The store's revision.
    pub revision: i64,
    /// One line about the store: engine, endpoints, health.
    pub store: String,
    /// `None`: this node is a member. Otherwise why not, as a sentence.
    pub outside: Option<String>,
    /// Milliseconds since the store last gave a sign of life to this node.
    pub age_ms: u64,
    /// Wall clock of the node.
    pub now_ms: u64,
    /// Version of the daemon.
    pub version: String,
}

impl Snapshot {
    /// The cluster that the keys stand for.
    pub fn cluster(&self) -> Cluster {
        let mut cluster = Cluster::default();
        for stored in &self.keys {
            let raw = rgm::store::Raw {
                value: stored.value.clone().into_bytes(),
                create_revision: stored.create_revision,
                mod_revision: stored.mod_revision,
            };
            cluster.apply(&stored.key, Some(raw));
        }
        cluster
    }
}

/// One line of a reply.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    /// Still at it: what is waited for.
    Progress {
        /// One sentence.
        sentence: String,
    },
    /// Done; the last line.
    Done {
        /// Warnings and what methods wrote for the operator.
        messages: Vec<String>,
    },
    /// Not done, or accepted and will not come true; the last line.
    Refused(Refusal),
    /// The last line of `Ask::Snapshot`.
    Snapshot(Box<Snapshot>),
    /// The last line of `Ask::SchaGet`.
    Lines {
        /// To be printed as they are.
        lines: Vec<String>,
    },
    /// The last line of `Ask::Pmf`.
    Pmf(PmfAnswer),
    /// A line of `Ask::Follow`.
    Decided {
        /// About which group.
        group: Option<GroupName>,
        /// What.
        decision: Decision,
    },
}

impl Reply {
    /// Whether nothing follows.
    pub const fn is_last(&self) -> bool {
        !matches!(self, Self::Progress { .. } | Self::Decided { .. })
    }
}

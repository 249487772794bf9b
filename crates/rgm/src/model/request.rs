//! Requests: what operators and monitors ask, and what they are answered. A request is a key until it is answered, so it survives
//! the death of the president.

use super::configuration::Fencing;
use crate::goal::Goal;
use crate::names::{GroupName, NodeName, ResourceName};
use rtr::ResourceType;
use serde::{Deserialize, Serialize};

/// Unique: the asking node's incarnation and a counter, so that requests of one node are in order. Also a path element of keys.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RequestId(pub String);

/// One `-y NAME=VALUE`, `-x NAME=VALUE` or `-x "NAME{node}=VALUE"`, as typed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// Any case.
    pub name: String,
    /// PER_NODE.
    #[serde(default)]
    pub node: Option<NodeName>,
    /// As typed; arrays are comma-separated. Empty resets to the default.
    pub value: String,
}

/// What can be asked. Lists of groups and resources are done in the order given; `groups: None` is all managed ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "operation", rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "the fields are the options of the command that each variant names"
)]
pub enum Operation {
    /// `scrgadm -a -t`
    RegisterType { rtr: Box<ResourceType>, path: String, installed_nodes: Option<Vec<NodeName>> },
    /// `scrgadm -c -t`
    ChangeType {
        type_name: String,
        // Absent: as it is. `null`: all nodes.
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "said")]
        installed_nodes: Option<Option<Vec<NodeName>>>,
        system: Option<bool>,
    },
    /// `scrgadm -r -t`
    RemoveType { type_name: String },
    /// `scrgadm -a -g` (`-h` is `Nodelist`)
    CreateGroup { group: GroupName, assignments: Vec<Assignment> },
    /// `scrgadm -c -g`
    ChangeGroup { group: GroupName, assignments: Vec<Assignment> },
    /// `scrgadm -r -g`
    RemoveGroup { group: GroupName },
    /// `scrgadm -a -j` (and `-L`, `-S` written out); `enabled` is FALSE for scrgadm, TRUE for `steadfast resource create`.
    /// A built-in type that is not registered is registered with the resource: `builtin` carries its RTR then.
    CreateResource {
        resource: ResourceName,
        type_name: String,
        group: GroupName,
        system: Vec<Assignment>,
        extension: Vec<Assignment>,
        enabled: bool,
        builtin: Option<Box<ResourceType>>,
    },
    /// `scrgadm -c -j`; `Type_version` in `system` upgrades the type.
    ChangeResource { resource: ResourceName, system: Vec<Assignment>, extension: Vec<Assignment> },
    /// `scrgadm -r -j`
    RemoveResource { resource: ResourceName },
    /// `scswitch -z -g … -h …`: exactly these primaries; none: offline everywhere.
    Switch { groups: Vec<GroupName>, nodes: Vec<NodeName> },
    /// `scswitch -z [-g …]`: to the most preferred nodes.
    Remaster { groups: Option<Vec<GroupName>> },
    /// `scswitch -Z [-g …]`: manage, enable all resources and monitors, bring online.
    Online { groups: Option<Vec<GroupName>> },
    /// `scswitch -F -g …`
    Offline { groups: Vec<GroupName> },
    /// `scswitch -R -h … -g …`
    RestartGroups { groups: Vec<GroupName>, nodes: Vec<NodeName> },
    /// `scswitch -R -j …`: in place, wherever online.
    RestartResources { resources: Vec<ResourceName> },
    /// `scswitch -S -h … [-K s]`
    Evacuate { nodes: Vec<NodeName>, hold_s: u32 },
    /// `scswitch -e|-n -j … [-h …]`; `monitor`: with `-M`.
    SwitchResources {
        resources: Vec<ResourceName>,
        nodes: Option<Vec<NodeName>>,
        monitor: bool,
        on: bool,
    },
    /// `scswitch -o -g …`
    Manage { groups: Vec<GroupName> },
    /// `scswitch -u -g …`
    Unmanage { groups: Vec<GroupName> },
    /// `scswitch -c -h … -j … -f STOP_FAILED`
    ClearStopFailed { resources: Vec<ResourceName>, nodes: Vec<NodeName> },
    /// `scswitch -Q [-g …] [-k]`
    Quiesce { groups: Option<Vec<GroupName>>, kill: bool },
    /// `scswitch -s [-g …] [-k]`
    Suspend { groups: Option<Vec<GroupName>>, kill: bool },
    /// `scswitch -r [-g …]`
    Resume { groups: Option<Vec<GroupName>> },
    /// `scha_control -O GIVEOVER` or `CHECK_GIVEOVER` (`check_only`), from this node.
    Giveover { resource: ResourceName, group: GroupName, node: NodeName, check_only: bool },
    /// `scha_control -O RESTART` or `CHECK_RESTART`: the group, off and on, on this node.
    ControlRestart { resource: ResourceName, group: GroupName, node: NodeName, check_only: bool },
    /// `steadfast node add`, also done by the first start of a node's daemon.
    AddNode { node: NodeName },
    /// `steadfast node remove`
    RemoveNode { node: NodeName },
    /// `steadfast node fencing`: set or (`None`) unset.
    SetFencing { node: NodeName, fencing: Option<Fencing> },
    /// `steadfast node maintenance`
    SetMaintenance { node: NodeName, on: bool },
    /// `steadfast node confirm-dead`: the operator vouches that a lost node is harmless.
    ConfirmDead { node: NodeName },
    /// `steadfast cluster set NAME=VALUE`
    SetCluster { assignments: Vec<Assignment> },
}

/// A field that is there has been said, even if it is `null`.
fn said<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// `request/ID`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// What.
    pub operation: Operation,
    /// Who asked, for the history: `root on n1`, `monitor of R on n1`.
    pub by: String,
    /// Wall clock.
    pub at_ms: u64,
}

/// The codes of the scha functions (scha_err_t), in which every refusal is grouped; they are also the exit codes of `scha_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[repr(u8)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SchaCode {
    /// 3: an argument makes no sense.
    Inval = 3,
    /// 4: unknown tag.
    Tag = 4,
    /// 5: the cluster is reconfiguring; ask again.
    Reconf = 5,
    /// 6: not allowed.
    Access = 6,
    /// 8: a dependency forbids it.
    Depend = 8,
    /// 9: the present state forbids it.
    State = 9,
    /// 10: a method failed (VALIDATE said no).
    Method = 10,
    /// 11: no such node, or not a member.
    Node = 11,
    /// 12: no such group.
    Rg = 12,
    /// 13: no such type.
    Rt = 13,
    /// 14: no such resource.
    Rsrc = 14,
    /// 15: no such property, or its value is wrong.
    Prop = 15,
    /// 16: checks refuse it (ping-pong, no candidate, Failover_mode).
    Checks = 16,
    /// 17: bad status.
    Rstatus = 17,
    /// 18: we erred.
    Internal = 18,
    /// 31: took too long.
    Timeout = 31,
    /// 32: failed.
    Fail = 32,
}

/// Why something is not done: what is wrong, the value, and what to do; one or two sentences.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{sentence}")]
pub struct Refusal {
    /// Its group.
    pub code: SchaCode,
    /// For people.
    pub sentence: String,
}

/// `answer/ID`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// `None`: accepted.
    pub refusal: Option<Refusal>,
    /// Warnings and what VALIDATE wrote.
    pub messages: Vec<String>,
    /// What will come true when the request is carried out; commands wait for it.
    pub goals: Vec<Goal>,
    /// Wall clock; old answers nobody fetched are deleted.
    pub at_ms: u64,
}

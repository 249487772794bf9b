//! Configuration: what operators have said. Written by the president alone, one key per object.

use crate::names::{GroupName, NodeName, PropertyName, ResourceName, TypeName};
use rtr::ResourceType;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// All that operators have said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Configuration {
    /// Settings of the cluster as a whole.
    pub cluster: ClusterSettings,
    /// The nodes that may be members.
    pub nodes: BTreeMap<NodeName, NodeConfig>,
    /// Registered types by full name.
    pub types: BTreeMap<TypeName, TypeConfig>,
    /// Resource groups.
    pub groups: BTreeMap<GroupName, Group>,
    /// Resources of all groups.
    pub resources: BTreeMap<ResourceName, Resource>,
}

/// `cluster`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClusterSettings {
    /// For people, and `scha_cluster_get -O CLUSTERNAME`.
    pub name: String,
    /// Identifies this formation of the cluster for ever; a node that was in another is refused.
    pub id: String,
    /// When a cluster forms anew (no member was one when any group was placed), groups are placed once all nodes that were members when there
    /// last was a president are members again (`last-members`; all nodes where that is unknown; none in maintenance), or after this many
    /// seconds.
    pub new_cluster_wait_s: u32,
    /// TRUE: after Pingpong_interval one more round of start attempts is made by itself. FALSE is 3.1's behaviour.
    pub retry_after_pingpong: bool,
    /// TRUE: a group taken offline by an operator stays so until an operator brings it back. FALSE is 3.1's behaviour: the next change
    /// of membership may bring it back.
    pub sticky_offline: bool,
    /// TRUE: groups with storage that several nodes can write may be moved from a lost node without fencing.
    pub unfenced_storage_allowed: bool,
    /// TRUE: a HARD stop failure resets the node only when another node could take the group.
    pub hard_only_with_candidate: bool,
}

impl Default for ClusterSettings {
    fn default() -> Self {
        Self {
            name: "steadfast".to_owned(),
            id: String::new(),
            new_cluster_wait_s: 60,
            retry_after_pingpong: false,
            sticky_offline: false,
            unfenced_storage_allowed: false,
            hard_only_with_candidate: true,
        }
    }
}

/// `node/N`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeConfig {
    /// Node id, from 1; never reused.
    pub id: u32,
    /// How the node is fenced when it is lost.
    #[serde(default)]
    pub fencing: Option<Fencing>,
    /// TRUE: in maintenance; not a candidate for any group.
    #[serde(default)]
    pub maintenance: bool,
}

/// How a lost node is made harmless.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fencing {
    /// A program of the fence-agents collection (or one that speaks its protocol), as a path or a name under /usr/sbin.
    pub agent: String,
    /// Its options, given on standard input as `key=value` lines.
    pub options: BTreeMap<String, String>,
    /// Seconds it may take.
    pub timeout_s: u32,
}

/// `type/T`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TypeConfig {
    /// As parsed when it was registered; later edits of the file have no effect.
    pub rtr: ResourceType,
    /// Nodes where the software is installed; `None`: all (`*`).
    pub installed_nodes: Option<Vec<NodeName>>,
    /// RT_system: protected.
    pub system: bool,
    /// Where the file was.
    pub path: String,
}

/// RG_mode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum GroupMode {
    /// Online on at most one node.
    #[default]
    Failover,
    /// Online on up to Maximum_primaries nodes.
    Scalable,
}

/// One entry of RG_affinities.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Affinity {
    /// How strong, and in which direction.
    pub kind: AffinityKind,
    /// The other group.
    pub target: GroupName,
}

/// Kinds of affinity, with their spelling on command lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AffinityKind {
    /// `+`
    WeakPositive,
    /// `++`
    StrongPositive,
    /// `+++`
    StrongPositiveDelegating,
    /// `-`
    WeakNegative,
    /// `--`
    StrongNegative,
}

/// `group/G`: a resource group with its properties (rg_properties(5)).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Group {
    /// Potential primaries, most preferred first.
    pub nodelist: Vec<NodeName>,
    /// Fixed at creation.
    pub mode: GroupMode,
    /// Upper bound of nodes it is online on.
    pub maximum_primaries: u32,
    /// How many nodes it should be online on; 0: never brought online by itself.
    pub desired_primaries: u32,
    /// Recompute primaries when a node joins.
    pub failback: bool,
    /// Placed by itself when a new cluster forms.
    pub auto_start_on_new_cluster: bool,
    /// Every other resource depends strongly on the network-address resources of the group.
    pub implicit_network_dependencies: bool,
    /// `*` or empty: stored, and TRUE for `*`.
    pub global_resources_used: bool,
    /// Stored for agents.
    pub pathprefix: String,
    /// Seconds of both ping-pong guards.
    pub pingpong_interval_s: u32,
    /// Where other groups want or do not want this one.
    pub affinities: Vec<Affinity>,
    /// On one node: started after, stopped before these groups.
    pub dependencies: Vec<GroupName>,
    /// For people.
    pub description: String,
    /// Stored for agents.
    pub project_name: String,
    /// RG_system: protected.
    pub system: bool,
    /// FALSE: UNMANAGED.
    pub managed: bool,
    /// TRUE: no automatic start, stop, restart or failover.
    pub suspended: bool,
}

impl Default for Group {
    fn default() -> Self {
        Self {
            nodelist: Vec::new(),
            mode: GroupMode::Failover,
            maximum_primaries: 1,
            desired_primaries: 1,
            failback: false,
            auto_start_on_new_cluster: true,
            implicit_network_dependencies: true,
            global_resources_used: true,
            pathprefix: String::new(),
            pingpong_interval_s: 3600,
            affinities: Vec::new(),
            dependencies: Vec::new(),
            description: String::new(),
            project_name: String::new(),
            system: false,
            managed: false,
            suspended: false,
        }
    }
}

/// Failover_mode: what the failure of a start or stop method means (r_properties(5)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FailoverMode {
    /// Start fails: the group stays, faulted. Stop fails: an operator must clear it.
    #[default]
    None,
    /// Start fails: the group moves. Stop fails: as NONE.
    Soft,
    /// Start fails: the group moves. Stop fails: the node is reset.
    Hard,
    /// As NONE, and monitors may only restart the resource.
    RestartOnly,
    /// As NONE, and monitors may do nothing.
    LogOnly,
}

/// The four kinds of resource dependency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum DependencyKind {
    /// Resource_dependencies
    Strong,
    /// Resource_dependencies_weak
    Weak,
    /// Resource_dependencies_restart
    Restart,
    /// Resource_dependencies_offline_restart
    OfflineRestart,
}

/// What a resource depends on, as configured (implicit network dependencies are not in here: `Configuration::dependencies_of`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Dependencies {
    /// Strong.
    pub strong: Vec<ResourceName>,
    /// Weak.
    pub weak: Vec<ResourceName>,
    /// Restart.
    pub restart: Vec<ResourceName>,
    /// Offline-restart.
    pub offline_restart: Vec<ResourceName>,
}

/// On_off_switch or Monitored_switch: for all nodes, with exceptions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Switch {
    /// On every node without an exception.
    pub on: bool,
    /// Nodes where it is the other way.
    #[serde(default)]
    pub except: Vec<NodeName>,
}

impl Switch {
    /// The same on every node.
    pub const fn everywhere(on: bool) -> Self {
        Self { on, except: Vec::new() }
    }

    /// Whether it is on, on this node.
    pub fn is_on(&self, node: &NodeName) -> bool {
        self.on != self.except.contains(node)
    }
}

/// A value of a property as normalized by `rtr`: single values are one string, arrays any number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PropertyValue {
    /// For every node without its own.
    pub value: Vec<String>,
    /// PER_NODE values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub per_node: BTreeMap<NodeName, Vec<String>>,
}

/// `resource/R`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resource {
    /// The group it belongs to, for ever.
    pub group: GroupName,
    /// Its type; only a type upgrade changes it (Type_version).
    pub type_name: TypeName,
    /// R_description.
    pub description: String,
    /// On_off_switch; off when newly created.
    pub enabled: Switch,
    /// Monitored_switch; on when newly created.
    pub monitored: Switch,
    /// The four dependency properties.
    pub dependencies: Dependencies,
    /// Failover_mode.
    pub failover_mode: FailoverMode,
    /// Every other property an operator has set, system-defined and extension. What is not here has the type's default.
    pub values: BTreeMap<PropertyName, PropertyValue>,
    /// Counts committed changes that UPDATE must be told of.
    pub generation: u64,
}

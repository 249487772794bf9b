//! What an RTR file says, as values. Names keep the spelling of the file; comparisons fold ASCII case.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The twelve callback methods of a resource type, in the order rt_callbacks(1HA) lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Method {
    /// Checks proposed property values before they are committed.
    Validate,
    /// Tells a running resource that its properties changed.
    Update,
    /// Once, when the resource comes under management on a node.
    Init,
    /// Once, when it leaves management on a node.
    Fini,
    /// When a node joins, before any group starts on it.
    Boot,
    /// Before the network addresses of the group are up.
    PrenetStart,
    /// Starts the resource.
    Start,
    /// Starts its fault monitor.
    MonitorStart,
    /// Stops its fault monitor.
    MonitorStop,
    /// Stops the resource.
    Stop,
    /// After the network addresses of the group are down.
    PostnetStop,
    /// Asks a candidate node whether the resource could run there.
    MonitorCheck,
}

/// Where INIT, FINI, BOOT and VALIDATE run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum InitNodes {
    /// The nodes of the group's Nodelist.
    #[default]
    RgPrimaries,
    /// The nodes where the type is installed.
    RtInstalledNodes,
}

/// The two network-address types the framework itself treats specially (`SYSDEFINED_TYPE`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SystemDefined {
    /// `RTR_LOGICAL_HOSTNAME`
    LogicalHostname,
    /// `RTR_SHARED_ADDRESS`
    SharedAddress,
}

/// A whole RTR file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceType {
    /// Base name, without vendor or version.
    pub resource_type: String,
    /// Prefix of the full name.
    pub vendor_id: Option<String>,
    /// Version; part of the full name when the file has `#$upgrade`.
    pub rt_version: String,
    /// For people.
    pub rt_description: String,
    /// Of the agent API; default 2.
    pub api_version: u32,
    /// Absolute prefix of relative method paths.
    pub rt_basedir: Option<String>,
    /// TRUE: never online on more than one node.
    pub failover: bool,
    /// TRUE: at most one resource of the type in the cluster.
    pub single_instance: bool,
    /// Where INIT, FINI, BOOT and VALIDATE run.
    pub init_nodes: InitNodes,
    /// Packages that deliver the type; informative.
    pub pkglist: Vec<String>,
    /// TRUE: protected from deletion and edits.
    pub rt_system: bool,
    /// Stored, not used.
    pub global_zone: bool,
    /// Stored, not used.
    pub proxy: bool,
    /// Set for the two network-address types only.
    pub sysdefined_type: Option<SystemDefined>,
    /// Method → program path as written.
    pub methods: BTreeMap<Method, String>,
    /// Present when the file has `#$upgrade`.
    pub upgrade: Option<Upgrade>,
    /// The paramtable, in file order. Only what the file declares; `properties::effective` adds what the framework supplies.
    pub properties: Vec<Property>,
}

/// `#$upgrade` and its lines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upgrade {
    /// `#$upgrade_from` lines, in file order.
    pub from: Vec<UpgradeFrom>,
}

/// One `#$upgrade_from "version" tunability`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpgradeFrom {
    /// The old version; empty for a type registered before 3.1.
    pub version: String,
    /// When a resource of that version may be migrated.
    pub when: Tunability,
}

/// When an existing resource may be migrated to another version of its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tunability {
    /// Always.
    Anytime,
    /// Never for an existing resource.
    AtCreation,
    /// While the resource is disabled.
    WhenDisabled,
    /// While its group is offline.
    WhenOffline,
    /// While its group is unmanaged; also for versions not listed.
    WhenUnmanaged,
    /// While its monitor is disabled.
    WhenUnmonitored,
}

/// When an administrator may set a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tunable {
    /// Never.
    None,
    /// Only in the command that creates the resource.
    AtCreation,
    /// At creation and while the resource is disabled.
    WhenDisabled,
    /// Always.
    Anytime,
}

/// One entry of the paramtable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Property {
    /// As spelled in the file.
    pub name: String,
    /// TRUE for `EXTENSION` entries; otherwise the name is a system-defined property.
    pub extension: bool,
    /// The value may differ per node (extension only).
    pub per_node: bool,
    /// Type with its bounds. For system-defined properties the table of the framework gives it.
    pub kind: PropertyKind,
    /// `None`: no `DEFAULT`, so the administrator must give a value (or, for a system-defined one, the framework's default holds).
    /// `Some(vec![])`: `DEFAULT = ;`. One string for single values.
    pub default: Option<Vec<String>>,
    /// `None`: not said in the file.
    pub tunable: Option<Tunable>,
    /// For people (extension only).
    pub description: Option<String>,
}

/// Inclusive bounds; `None` is unbounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// Smallest allowed.
    pub min: Option<i64>,
    /// Largest allowed.
    pub max: Option<i64>,
}

/// Type of a property's value, with the bounds that belong to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PropertyKind {
    /// Bounds are on the length in bytes.
    String {
        /// MINLENGTH, MAXLENGTH.
        length: Range,
    },
    /// Decimal integer.
    Int {
        /// MIN, MAX.
        range: Range,
    },
    /// TRUE or FALSE.
    Boolean,
    /// One of the literals, compared without case, stored as declared.
    Enum {
        /// In declared order.
        literals: Vec<String>,
    },
    /// Comma-separated on command lines.
    StringArray {
        /// MINLENGTH, MAXLENGTH of each element.
        length: Range,
        /// ARRAY_MINSIZE, ARRAY_MAXSIZE.
        size: Range,
    },
}

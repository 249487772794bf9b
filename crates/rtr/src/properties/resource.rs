//! The system-defined properties of resources, r_properties(5).

use super::{Category, Kind};
use crate::model::{Method, Tunable};
use crate::value::Rule;
use Category::{Conditional, Optional, QueryOnly, Required};
use Tunable::{Anytime, AtCreation, WhenDisabled};

/// Seconds a method may take when its type says nothing.
pub const METHOD_TIMEOUT_DEFAULT_S: i64 = 3600;

/// When a resource has a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Every resource has it.
    Always,
    /// Its type declares it.
    Declared,
    /// Its type declares it, or declares Scalable.
    Scalable,
    /// Its type declares the method, whose time it limits.
    Method(Method),
}

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SystemProperty {
    /// As it is shown.
    pub name: &'static str,
    /// Type, with the bounds that hold for all resource types.
    pub kind: Kind,
    /// What else its values must look like.
    pub rule: Rule,
    /// Of the framework; `None`: it has none.
    pub default: Option<&'static [&'static str]>,
    /// When the RTR file does not say.
    pub tunable: Tunable,
    /// Who gives the value.
    pub category: Category,
    /// Which resources have it.
    pub presence: Presence,
    /// One line.
    pub description: &'static str,
}

/// The system-defined property of this name.
pub fn resource(name: &str) -> Option<&'static SystemProperty> {
    RESOURCE.iter().find(|p| p.name.eq_ignore_ascii_case(name))
}

impl SystemProperty {
    /// Whether an RTR file may have an entry for it.
    pub fn may_be_declared(&self) -> bool {
        matches!(self.category, Conditional | Optional)
    }

    const fn new(name: &'static str, kind: Kind, description: &'static str) -> Self {
        Self {
            name,
            kind,
            rule: Rule::Plain,
            default: None,
            tunable: Anytime,
            category: Optional,
            presence: Presence::Always,
            description,
        }
    }

    const fn default(self, default: &'static [&'static str]) -> Self {
        Self { default: Some(default), ..self }
    }

    const fn tunable(self, tunable: Tunable) -> Self {
        Self { tunable, ..self }
    }

    const fn rule(self, rule: Rule) -> Self {
        Self { rule, ..self }
    }

    /// Exists when declared, without default of the framework; WHEN_DISABLED unless the file says otherwise.
    const fn declared(self) -> Self {
        Self { category: Conditional, presence: Presence::Declared, tunable: WhenDisabled, ..self }
    }

    const fn scalable(self) -> Self {
        Self { presence: Presence::Scalable, ..self }
    }

    const fn query_only(self) -> Self {
        Self { category: QueryOnly, tunable: Tunable::None, ..self }
    }

    const fn required(self) -> Self {
        Self { category: Required, tunable: Tunable::None, ..self }
    }
}

const fn timeout(method: Method, description: &'static str) -> SystemProperty {
    let property = SystemProperty::new(method.timeout_property(), Kind::Int(1), description);
    SystemProperty {
        category: Conditional,
        presence: Presence::Method(method),
        ..property.default(&["3600"])
    }
}

const fn row(name: &'static str, kind: Kind, description: &'static str) -> SystemProperty {
    SystemProperty::new(name, kind, description)
}

const fn dependencies(name: &'static str, description: &'static str) -> SystemProperty {
    row(name, Kind::StringArray, description).default(&[]).rule(Rule::Names)
}

const SWITCH: Kind = Kind::Enum(&["DISABLED", "ENABLED"]);
const STATUS: Kind = Kind::Enum(&["OK", "DEGRADED", "FAULTED", "UNKNOWN", "OFFLINE"]);
const STATE: Kind = Kind::Enum(&[
    "ONLINE",
    "OFFLINE",
    "START_FAILED",
    "STOP_FAILED",
    "MONITOR_FAILED",
    "ONLINE_NOT_MONITORED",
    "STARTING",
    "STOPPING",
]);

/// All of them: what every resource has first, then what types declare.
pub const RESOURCE: &[SystemProperty] = &[
    row("Resource_name", Kind::String, "Name of the resource").rule(Rule::Names).required(),
    row("Type", Kind::String, "Full name of the type").required(),
    row("Type_version", Kind::String, "Version of the type; setting it migrates the resource"),
    row("R_description", Kind::String, "What the resource is, for people").default(&[]),
    row("On_off_switch", SWITCH, "Whether the resource is enabled")
        .default(&["DISABLED"])
        .query_only(),
    row("Monitored_switch", SWITCH, "Whether its monitor is enabled")
        .default(&["ENABLED"])
        .query_only(),
    row(
        "Failover_mode",
        Kind::Enum(&["NONE", "SOFT", "HARD", "RESTART_ONLY", "LOG_ONLY"]),
        "What happens when starting or stopping fails, and what its monitor may ask for",
    )
    .default(&["NONE"]),
    dependencies("Resource_dependencies", "Resources that must be online before it starts"),
    dependencies("Resource_dependencies_weak", "Resources that start before it, if they start"),
    dependencies(
        "Resource_dependencies_restart",
        "As Resource_dependencies; it restarts with them",
    ),
    dependencies(
        "Resource_dependencies_offline_restart",
        "As Resource_dependencies_restart; it stops before they do",
    ),
    dependencies("Network_resources_used", "Network-address resources that the service uses")
        .tunable(WhenDisabled),
    row("Resource_project_name", Kind::String, "Stored, not used").default(&[]),
    row("Resource_state", STATE, "State on each node").query_only(),
    row("Status", STATUS, "What the service says of itself, on each node").query_only(),
    row("Status_msg", Kind::String, "The sentence with the status").default(&[]).query_only(),
    row(
        "Num_resource_restarts",
        Kind::Int(0),
        "Restarts on this node in the last Retry_interval seconds",
    )
    .query_only(),
    row("Num_rg_restarts", Kind::Int(0), "Restarts of its group that it asked for, likewise")
        .query_only(),
    timeout(Method::Validate, "Seconds VALIDATE may take"),
    timeout(Method::Update, "Seconds UPDATE may take"),
    timeout(Method::Init, "Seconds INIT may take"),
    timeout(Method::Fini, "Seconds FINI may take"),
    timeout(Method::Boot, "Seconds BOOT may take"),
    timeout(Method::PrenetStart, "Seconds PRENET_START may take"),
    timeout(Method::Start, "Seconds START may take"),
    timeout(Method::MonitorStart, "Seconds MONITOR_START may take"),
    timeout(Method::MonitorStop, "Seconds MONITOR_STOP may take"),
    timeout(Method::Stop, "Seconds STOP may take"),
    timeout(Method::PostnetStop, "Seconds POSTNET_STOP may take"),
    timeout(Method::MonitorCheck, "Seconds MONITOR_CHECK may take"),
    row("Thorough_probe_interval", Kind::Int(0), "Seconds between two thorough probes").declared(),
    row("Cheap_probe_interval", Kind::Int(0), "Seconds between two cheap probes").declared(),
    row(
        "Retry_count",
        Kind::Int(-1),
        "Restarts that the monitor tries before it gives the group over",
    )
    .declared(),
    row("Retry_interval", Kind::Int(0), "Seconds within which the restarts count").declared(),
    row("Port_list", Kind::StringArray, "Ports the service listens on, as port/protocol")
        .rule(Rule::Ports)
        .declared()
        .tunable(Anytime),
    row("Scalable", Kind::Boolean, "Whether the service runs behind the load balancer")
        .declared()
        .default(&["FALSE"])
        .tunable(AtCreation),
    row(
        "Load_balancing_policy",
        Kind::Enum(&["LB_WEIGHTED", "LB_STICKY", "LB_STICKY_WILD"]),
        "How clients are spread over the nodes",
    )
    .default(&["LB_WEIGHTED"])
    .tunable(AtCreation)
    .scalable(),
    row("Load_balancing_weights", Kind::StringArray, "Share of each node, as weight@node")
        .rule(Rule::Weights)
        .default(&[])
        .scalable(),
    row("Affinity_timeout", Kind::Int(-1), "Seconds for which a client stays with its node")
        .default(&["0"])
        .scalable(),
    row("UDP_affinity", Kind::Boolean, "Whether UDP of a client goes where its TCP goes")
        .default(&["FALSE"])
        .tunable(WhenDisabled)
        .scalable(),
    row("Weak_affinity", Kind::Boolean, "Whether affinity is without guarantee")
        .default(&["FALSE"])
        .tunable(WhenDisabled)
        .scalable(),
    row("Generic_affinity", Kind::Boolean, "Whether affinity holds for other protocols")
        .default(&["FALSE"])
        .tunable(WhenDisabled)
        .scalable(),
    row("Global_zone_override", Kind::Boolean, "Stored, not used")
        .declared()
        .default(&["TRUE"])
        .tunable(AtCreation),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_of_the_table_is_a_value_of_its_kind() {
        for row in RESOURCE {
            let Some(default) = row.default else { continue };
            let kept = row.kind.kind().check_with(row.rule, row.name, default).unwrap();
            assert_eq!(kept, default, "{}", row.name);
        }
    }

    #[test]
    fn no_name_is_in_the_table_twice() {
        for (at, row) in RESOURCE.iter().enumerate() {
            assert!(!RESOURCE[..at].iter().any(|r| r.name.eq_ignore_ascii_case(row.name)));
            assert!(crate::is_legal_name(row.name));
            assert!(!row.description.is_empty());
        }
        assert_eq!(METHOD_TIMEOUT_DEFAULT_S.to_string(), "3600");
    }
}

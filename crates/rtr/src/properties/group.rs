//! The properties of resource groups, rg_properties(5).

use super::{Category, Kind, owned};
use crate::model::Tunable;
use crate::value::{Rule, ValueError, split_list};
use Category::{Optional, QueryOnly, Required};

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupProperty {
    /// As it is shown.
    pub name: &'static str,
    /// Type and bounds.
    pub kind: Kind,
    /// What else its values must look like.
    pub rule: Rule,
    /// Of the framework. `None` where the configuration decides: Nodelist (all nodes) and RG_mode (by Maximum_primaries).
    pub default: Option<&'static [&'static str]>,
    /// When an administrator may set it.
    pub tunable: Tunable,
    /// Who gives the value.
    pub category: Category,
    /// One line.
    pub description: &'static str,
}

/// The group property of this name.
pub fn group(name: &str) -> Option<&'static GroupProperty> {
    GROUP.iter().find(|p| p.name.eq_ignore_ascii_case(name))
}

impl GroupProperty {
    /// The value as it is kept, from the text of `-y Name=text`; lists are split at commas.
    pub fn check(&self, text: &str) -> Result<Vec<String>, ValueError> {
        let kind = self.kind.kind();
        let values = if kind.is_array() { split_list(text) } else { vec![text] };
        kind.check_with(self.rule, self.name, &values)
    }

    /// The framework's default as values.
    pub fn default_values(&self) -> Option<Vec<String>> {
        self.default.map(owned)
    }
}

const fn row(
    name: &'static str,
    kind: Kind,
    default: &'static [&'static str],
    description: &'static str,
) -> GroupProperty {
    GroupProperty {
        name,
        kind,
        rule: Rule::Plain,
        default: Some(default),
        tunable: Tunable::Anytime,
        category: Optional,
        description,
    }
}

const fn query_only(name: &'static str, kind: Kind, description: &'static str) -> GroupProperty {
    let row = row(name, kind, &[], description);
    GroupProperty { default: None, tunable: Tunable::None, category: QueryOnly, ..row }
}

/// All of them.
pub const GROUP: &[GroupProperty] = &[
    GroupProperty {
        default: None,
        rule: Rule::Names,
        tunable: Tunable::None,
        category: Required,
        ..row("RG_name", Kind::String, &[], "Name of the group")
    },
    row("RG_description", Kind::String, &[], "What the group is, for people"),
    GroupProperty {
        default: None,
        tunable: Tunable::AtCreation,
        ..row(
            "RG_mode",
            Kind::Enum(&["Failover", "Scalable"]),
            &[],
            "Whether it may be online on one node or on several",
        )
    },
    GroupProperty {
        default: None,
        ..row("Nodelist", Kind::StringArray, &[], "Nodes that may run it, the most preferred first")
    },
    row("Maximum_primaries", Kind::Int(1), &["1"], "On how many nodes it may be online"),
    row("Desired_primaries", Kind::Int(0), &["1"], "On how many nodes it should be online"),
    row(
        "Failback",
        Kind::Boolean,
        &["FALSE"],
        "Whether it moves to a more preferred node that joins",
    ),
    row(
        "Auto_start_on_new_cluster",
        Kind::Boolean,
        &["TRUE"],
        "Whether it starts by itself when the whole cluster starts",
    ),
    row(
        "Implicit_network_dependencies",
        Kind::Boolean,
        &["TRUE"],
        "Whether its resources depend on its network addresses",
    ),
    row(
        "Global_resources_used",
        Kind::StringArray,
        &["*"],
        "Whether it depends on the cluster file systems: * or nothing",
    ),
    GroupProperty {
        rule: Rule::Path,
        ..row("Pathprefix", Kind::String, &[], "Directory for administrative files of its services")
    },
    row(
        "Pingpong_interval",
        Kind::Int(0),
        &["3600"],
        "Seconds for which a node where it failed to start is avoided",
    ),
    GroupProperty {
        rule: Rule::Names,
        ..row(
            "RG_dependencies",
            Kind::StringArray,
            &[],
            "Groups that start before it on the same node",
        )
    },
    row(
        "RG_affinities",
        Kind::StringArray,
        &[],
        "Groups whose nodes it seeks (+, ++, +++) or avoids (-, --)",
    ),
    row("RG_project_name", Kind::String, &[], "Stored, not used"),
    row("RG_system", Kind::Boolean, &["FALSE"], "Whether it is protected from deletion and edits"),
    GroupProperty {
        default: Some(&["FALSE"]),
        ..query_only(
            "Suspend_automatic_recovery",
            Kind::Boolean,
            "Whether automatic recovery is suspended",
        )
    },
    query_only("RG_is_frozen", Kind::Boolean, "Whether a global device that it uses is switching"),
    query_only(
        "RG_state",
        Kind::Enum(&[
            "UNMANAGED",
            "OFFLINE",
            "PENDING_ONLINE",
            "ONLINE",
            "PENDING_OFFLINE",
            "ERROR_STOP_FAILED",
            "ONLINE_FAULTED",
            "PENDING_ONLINE_BLOCKED",
        ]),
        "State on each node",
    ),
    query_only("Resource_list", Kind::StringArray, "Its resources"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_of_a_group_is_a_value_of_its_kind() {
        for row in GROUP {
            let Some(default) = row.default else { continue };
            let kept = row.kind.kind().check_with(row.rule, row.name, default).unwrap();
            assert_eq!(kept, default, "{}", row.name);
        }
    }

    #[test]
    fn a_group_property_is_found_in_any_case_and_checks_its_text() {
        let nodes = group("NODELIST").unwrap();
        assert_eq!(nodes.check("im-node-2, im-node-1").unwrap(), ["im-node-2", "im-node-1"]);
        assert_eq!(group("rg_MODE").unwrap().check("failover").unwrap(), ["Failover"]);
        assert_eq!(
            group("Pathprefix").unwrap().check("global").unwrap_err().to_string(),
            "property Pathprefix: \"global\" is not an absolute path"
        );
        assert!(group("Maximum_primaries").unwrap().check("0").is_err());
        assert!(group("Banana").is_none());
    }
}

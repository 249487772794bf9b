//! `scha_cluster_get`.

use super::{Arguments, Asker, one, unknown_tag_of};
use crate::model::Refusal;
use crate::names::NodeName;
use crate::operation::find;
use crate::operation::refusal::{list, refusals, shown};

/// LOG_DAEMON, as syslog numbers facilities.
const SYSLOG_FACILITY: u32 = 3;

const TAGS: [&str; 15] = [
    "CLUSTERNAME",
    "NODENAME_LOCAL",
    "NODEID_LOCAL",
    "NODENAME_NODEID",
    "NODEID_NODENAME",
    "ALL_NODENAMES",
    "ALL_NODEIDS",
    "NODESTATE_LOCAL",
    "NODESTATE_NODE",
    "PRIVATELINK_HOSTNAME_LOCAL",
    "PRIVATELINK_HOSTNAME_NODE",
    "ALL_PRIVATELINK_HOSTNAMES",
    "ALL_RESOURCEGROUPS",
    "ALL_RESOURCETYPES",
    "SYSLOG_FACILITY",
];

refusals! {
    no_such_id(typed, ids): Node = "there is no node with the id {typed}; the ids are {ids}";
}

impl Asker<'_> {
    /// `scha_cluster_get -O tag [arguments]`
    pub fn cluster_get(&self, tag: &str, arguments: &[String]) -> Result<Vec<String>, Refusal> {
        let (cluster, config) = (self.cluster, &self.cluster.config);
        let mut rest = Arguments::new(tag, arguments);
        let answer = match tag.to_ascii_uppercase().as_str() {
            "CLUSTERNAME" => one(&config.cluster.name),
            "SYSLOG_FACILITY" => one(SYSLOG_FACILITY),
            // There is no private interconnect; the nodes' own names reach them.
            "NODENAME_LOCAL" | "PRIVATELINK_HOSTNAME_LOCAL" => one(self.node),
            "PRIVATELINK_HOSTNAME_NODE" => one(rest.node(cluster)?),
            "ALL_NODENAMES" | "ALL_PRIVATELINK_HOSTNAMES" => {
                self.nodes().into_iter().map(|(_, name)| name.to_string()).collect()
            }
            "ALL_NODEIDS" => self.nodes().into_iter().map(|(id, _)| id.to_string()).collect(),
            "NODEID_LOCAL" => one(find::node(cluster, self.node)?.id),
            "NODEID_NODENAME" => {
                let node = rest.node(cluster)?;
                one(find::node(cluster, &node)?.id)
            }
            "NODENAME_NODEID" => one(self.node_of_id(rest.next("the id of a node")?)?),
            "NODESTATE_LOCAL" => one(self.node_state(self.node)),
            "NODESTATE_NODE" => {
                let node = rest.node(cluster)?;
                one(self.node_state(&node))
            }
            "ALL_RESOURCEGROUPS" => config.groups.keys().map(ToString::to_string).collect(),
            "ALL_RESOURCETYPES" => config.types.keys().map(ToString::to_string).collect(),
            _ => return Err(unknown_tag_of("scha_cluster_get", tag, TAGS)),
        };
        rest.end()?;
        Ok(answer)
    }

    /// All nodes in the order of their ids.
    fn nodes(&self) -> Vec<(u32, &NodeName)> {
        let nodes = self.cluster.config.nodes.iter();
        let mut nodes: Vec<_> = nodes.map(|(name, node)| (node.id, name)).collect();
        nodes.sort_unstable();
        nodes
    }

    fn node_of_id(&self, typed: &str) -> Result<&NodeName, Refusal> {
        let nodes = self.nodes();
        let id = typed.parse().ok();
        let found = nodes.iter().find(|(i, _)| Some(*i) == id);
        found
            .map(|(_, name)| *name)
            .ok_or_else(|| no_such_id(shown(typed), list(nodes.iter().map(|(id, _)| id))))
    }

    fn node_state(&self, node: &NodeName) -> &'static str {
        if self.cluster.is_member(node) { "UP" } else { "DOWN" }
    }
}

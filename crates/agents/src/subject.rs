//! What a method knows of its resource: the call, the node it runs on, the cluster as the node has it, and the values of properties, proposed
//! ones first.
//!
//! One snapshot per method: all decisions of a method are made from the same state.

use crate::call::{Call, Stage};
use crate::failure::{Failure, Outcome, wrong};
use crate::types;
use node_api::claim::Claims;
use node_api::{Ask, Client};
use rgm::{Cluster, GroupName, NodeName, Resource, ResourceName, Status};
use rtr::ResourceType;
use std::time::Duration;

/// Names the node for methods; set by the daemon.
const NODE_VARIABLE: &str = "STEADFAST_NODE";

/// A method's resource, and all it may ask about it.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) call: Call,
    pub(crate) node: NodeName,
    pub(crate) client: Client,
    pub(crate) cluster: Cluster,
}

impl Subject {
    /// Asks the node daemon once.
    pub(crate) fn open(call: Call) -> Outcome<Self> {
        let client = Client::local();
        let snapshot = client.snapshot()?;
        let told = std::env::var(NODE_VARIABLE).ok().map(|name| NodeName::new(&name));
        let Some(node) = told.or_else(|| snapshot.node.clone()) else {
            return wrong(format!(
                "{NODE_VARIABLE} is not set: methods are run by the node daemon"
            ));
        };
        Ok(Self { cluster: snapshot.cluster(), call, node, client })
    }

    pub(crate) fn name(&self) -> &ResourceName {
        &self.call.resource
    }

    pub(crate) fn group(&self) -> &GroupName {
        &self.call.group
    }

    /// As configured; `None` while it is being created.
    pub(crate) fn resource(&self) -> Option<&Resource> {
        self.cluster.config.resources.get(&self.call.resource)
    }

    /// Its type, registered or (while the first resource of a built-in type is being created) about to be.
    pub(crate) fn of_type(&self) -> Option<ResourceType> {
        let registered = self.cluster.config.types.get(&self.call.type_name);
        match registered {
            Some(found) => Some(found.rtr.clone()),
            None => types::builtin(self.call.type_name.as_str()),
        }
    }

    /// The nodes the group may run on.
    pub(crate) fn nodelist(&self) -> Vec<NodeName> {
        let group = self.cluster.config.groups.get(self.group());
        group.map(|g| g.nodelist.clone()).unwrap_or_default()
    }

    /// Number of this node; 0 while it is not configured.
    pub(crate) fn node_id(&self) -> u32 {
        self.cluster.config.nodes.get(&self.node).map_or(0, |node| node.id)
    }

    /// The claims of this node.
    pub(crate) fn claims(&self) -> Outcome<Claims> {
        Claims::of_this_method().map_err(|error| Failure::Environment(error.to_string()))
    }

    /// Values of a property on this node: proposed, configured, or the type's default. Empty when there is none.
    pub(crate) fn values(&self, property: &str) -> Vec<String> {
        if let Some(proposed) = self.proposed(property) {
            return proposed;
        }
        self.committed(property)
    }

    /// As [`Self::values`], without what is proposed: what is in force now.
    pub(crate) fn committed(&self, property: &str) -> Vec<String> {
        let config = &self.cluster.config;
        let configured = self.resource().and_then(|resource| {
            config.property(self.name(), resource, property, Some(&self.node))
        });
        let default = || self.of_type()?.effective_property(property)?.default;
        let values = configured.or_else(default).unwrap_or_default();
        values.into_iter().filter(|value| !value.is_empty()).collect()
    }

    fn proposed(&self, property: &str) -> Option<Vec<String>> {
        if self.call.stage == Stage::Committed {
            return None;
        }
        let id = self.node_id().to_string();
        let mut of =
            self.call.proposed.iter().filter(|p| p.property.eq_ignore_ascii_case(property)).rev();
        let is_mine = |node: &str| node == self.node.as_str() || node == id;
        let mut own = of.clone().filter(|p| p.node.as_deref().is_some_and(is_mine));
        let found = own.next().or_else(|| of.find(|p| p.node.is_none()))?;
        let is_array = self
            .of_type()
            .and_then(|of_type| of_type.effective_property(property))
            .is_some_and(|p| p.kind.is_array());
        let values =
            if is_array { rtr::split_list(&found.text) } else { vec![found.text.as_str()] };
        Some(values.into_iter().filter(|v| !v.is_empty()).map(str::to_owned).collect())
    }

    /// A single value; empty text counts as none.
    pub(crate) fn text(&self, property: &str) -> Option<String> {
        self.values(property).into_iter().next()
    }

    /// A number, or `otherwise` when there is none.
    pub(crate) fn number(&self, property: &str, otherwise: i64) -> i64 {
        self.text(property).and_then(|text| text.parse().ok()).unwrap_or(otherwise)
    }

    /// Seconds.
    pub(crate) fn seconds(&self, property: &str, otherwise: u64) -> Duration {
        let number = self.number(property, i64::try_from(otherwise).unwrap_or(i64::MAX));
        Duration::from_secs(u64::try_from(number).unwrap_or(0))
    }

    /// TRUE or FALSE.
    pub(crate) fn is_true(&self, property: &str, otherwise: bool) -> bool {
        self.text(property).map_or(otherwise, |text| text.eq_ignore_ascii_case("TRUE"))
    }

    /// `scha_resource_setstatus`. A daemon that does not take it is told of in the log: no method fails for its status.
    pub(crate) fn set_status(&self, status: Status, message: impl Into<String>) {
        let ask = Ask::SetStatus {
            resource: self.name().clone(),
            group: self.group().clone(),
            status,
            message: message.into(),
        };
        if let Err(error) = self.client.order(&ask) {
            crate::failure::say(format!("the status could not be set: {error}"));
        }
    }
}

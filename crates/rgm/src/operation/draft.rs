//! An operation while it is decided: the cluster as it is, the configuration as it would be, and all that comes with it.
//!
//! A draft that is refused is dropped whole.

use super::refusal::refusals;
use super::{Accepted, IntentOrder};
use crate::goal::Goal;
use crate::model::{Cluster, FiniOwed, Group, JobKind, Refusal, Resource};
use crate::names::{GroupName, NodeName, ResourceName};
use rtr::Method;

refusals! {
    stop_failed(resource, group, node): State =
        "{resource} of resource group {group} could not be stopped on {node}: make sure that it is dead there, then clear it with scswitch -c -h {node} -j {resource} -f STOP_FAILED";
    protected(group): Access =
        "resource group {group} is protected (RG_system is TRUE): first scrgadm -c -g {group} -y RG_system=FALSE";
}

/// The draft.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    /// As it is.
    pub(crate) cluster: &'a Cluster,
    /// Wall clock.
    pub(crate) now_ms: u64,
    /// As it would be.
    pub(crate) new: Accepted,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(cluster: &'a Cluster, now_ms: u64) -> Self {
        let new = Accepted {
            config: cluster.config.clone(),
            checks: Vec::new(),
            intents: Vec::new(),
            fini: Vec::new(),
            jobs: Vec::new(),
            goals: Vec::new(),
            messages: Vec::new(),
        };
        Self { cluster, now_ms, new }
    }

    pub(crate) fn say(&mut self, message: impl Into<String>) {
        self.new.messages.push(message.into());
    }

    pub(crate) fn order(&mut self, order: IntentOrder) {
        self.new.intents.push(order);
    }

    pub(crate) fn job(&mut self, node: &NodeName, kind: JobKind) {
        self.new.jobs.push((node.clone(), kind));
    }

    pub(crate) fn wait_for(&mut self, goal: Goal) {
        if !self.new.goals.contains(&goal) {
            self.new.goals.push(goal);
        }
    }

    /// Waits until the methods that follow a change of the resource are over.
    pub(crate) fn wait_applied(&mut self, resource: &ResourceName) {
        self.wait_for(Goal::Applied { resource: resource.clone() });
    }

    pub(crate) fn edit_group(&mut self, name: &GroupName, edit: impl FnOnce(&mut Group)) {
        if let Some(group) = self.new.config.groups.get_mut(name) {
            edit(group);
        }
    }

    pub(crate) fn edit_resource(&mut self, name: &ResourceName, edit: impl FnOnce(&mut Resource)) {
        if let Some(resource) = self.new.config.resources.get_mut(name) {
            edit(resource);
        }
    }

    /// Names of a group's resources as they would be.
    pub(crate) fn names_in(&self, group: &GroupName) -> Vec<ResourceName> {
        self.new.config.resources_of(group).map(|(name, _)| name.clone()).collect()
    }

    /// FINI of a resource, as it is now, becomes due on these nodes.
    pub(crate) fn owe_fini(&mut self, name: &ResourceName, nodes: &[NodeName]) {
        let config = &self.cluster.config;
        let Some(resource) = config.resources.get(name) else { return };
        let Some(of_type) = config.type_of(resource) else { return };
        let Some(call) = config.call(name, Method::Fini, &[]) else { return };
        for node in nodes.iter().filter(|n| config.nodes.contains_key(*n)) {
            let owed = FiniOwed {
                call: call.clone(),
                resource: resource.clone(),
                type_config: of_type.clone(),
            };
            self.new.fini.push((node.clone(), name.clone(), owed));
        }
    }

    /// Refused while a resource of the group is STOP_FAILED anywhere.
    pub(crate) fn no_stop_failure(&self, group: &GroupName) -> Result<(), Refusal> {
        match self.cluster.stop_failed(group) {
            Some((resource, node)) => Err(stop_failed(resource, group, node)),
            None => Ok(()),
        }
    }

    /// Refused when RG_system protects the group.
    pub(crate) fn not_protected(&self, name: &GroupName) -> Result<(), Refusal> {
        match self.cluster.config.groups.get(name) {
            Some(group) if group.system => Err(protected(name)),
            _ => Ok(()),
        }
    }
}

//! Goals about resources.

use super::Progress;
use super::group::fault_sentence;
use super::now::{Look, why};
use crate::model::{ObservedResource, Resource, ResourceState};
use crate::names::{NodeName, ResourceName};
use rtr::Method;

impl<'a> Look<'a> {
    fn find(&self, name: &ResourceName) -> Result<&'a Resource, Progress> {
        self.cluster
            .config
            .resources
            .get(name)
            .ok_or_else(|| Progress::Failed(format!("resource {name} was removed meanwhile")))
    }

    /// A failure that only an operator can end.
    fn failure(
        &self,
        (name, resource): (&ResourceName, &Resource),
        node: &NodeName,
        seen: &ObservedResource,
    ) -> Option<Progress> {
        match seen.state {
            ResourceState::StopFailed => self.stop_failure(&resource.group),
            state @ (ResourceState::StartFailed | ResourceState::MonitorFailed) => {
                let why = why(seen.failure.as_ref());
                let sentence = fault_sentence(&resource.group, node, (name, state), &why);
                Some(Progress::Failed(sentence))
            }
            _ => None,
        }
    }

    /// Started, and monitored when it should be.
    fn is_up(&self, resource: &Resource, node: &NodeName, state: ResourceState) -> bool {
        match state {
            ResourceState::Online => true,
            ResourceState::OnlineUnmonitored => !resource.monitored.is_on(node),
            _ => false,
        }
    }

    /// Online wherever its group is and it is enabled.
    pub(super) fn resource_online(&self, name: &ResourceName) -> Progress {
        let resource = match self.find(name) {
            Ok(resource) => resource,
            Err(gone) => return gone,
        };
        for node in self.cluster.nodes_running(&resource.group) {
            if !resource.enabled.is_on(node) {
                continue;
            }
            let Some(seen) = self.cluster.resource_on(name, node) else {
                return Progress::Waiting(format!("{node} has not begun with {name}"));
            };
            if let Some(failed) = self.failure((name, resource), node, seen) {
                return failed;
            }
            if !self.is_up(resource, node, seen.state) {
                return Progress::Waiting(self.doing_resource(name, node));
            }
        }
        Progress::Reached
    }

    /// Offline everywhere.
    pub(super) fn resource_offline(&self, name: &ResourceName) -> Progress {
        let Ok(resource) = self.find(name) else { return Progress::Reached };
        for node in self.cluster.members.keys() {
            match self.cluster.resource_state(name, node) {
                ResourceState::Offline => {}
                ResourceState::StopFailed => {
                    if let Some(failed) = self.stop_failure(&resource.group) {
                        return failed;
                    }
                }
                _ => return Progress::Waiting(self.doing_resource(name, node)),
            }
        }
        Progress::Reached
    }

    /// Started once more on each of these nodes.
    pub(super) fn resource_restarted(
        &self,
        name: &ResourceName,
        starts: &[(NodeName, u64)],
    ) -> Progress {
        let resource = match self.find(name) {
            Ok(resource) => resource,
            Err(gone) => return gone,
        };
        for (node, before) in starts {
            if !self.cluster.is_member(node) {
                return Progress::Failed(format!(
                    "{node} left the cluster before {name} was restarted there"
                ));
            }
            if !resource.enabled.is_on(node) {
                return Progress::Failed(format!("{name} was disabled on {node} meanwhile"));
            }
            let Some(seen) = self.cluster.resource_on(name, node) else {
                return Progress::Waiting(format!("{node} has not begun with {name}"));
            };
            if let Some(failed) = self.failure((name, resource), node, seen) {
                return failed;
            }
            if seen.starts <= *before || !self.is_up(resource, node, seen.state) {
                return Progress::Waiting(self.doing_resource(name, node));
            }
        }
        Progress::Reached
    }

    /// STOP_FAILED no longer.
    pub(super) fn cleared(&self, name: &ResourceName, node: &NodeName) -> Progress {
        if self.cluster.resource_state(name, node) == ResourceState::StopFailed {
            Progress::Waiting(format!("{node}: STOP_FAILED of {name} is being cleared"))
        } else {
            Progress::Reached
        }
    }

    /// Monitored, or not, wherever it is started.
    pub(super) fn monitored(&self, name: &ResourceName, on: bool) -> Progress {
        let resource = match self.find(name) {
            Ok(resource) => resource,
            Err(gone) => return gone,
        };
        if !self.cluster.config.has_method(resource, Method::MonitorStart) {
            return Progress::Reached;
        }
        for node in self.cluster.members.keys() {
            let Some(seen) = self.cluster.resource_on(name, node) else { continue };
            if !seen.state.is_started() {
                continue;
            }
            // Other nodes may have been left out of the command.
            let wanted = resource.monitored.is_on(node);
            if wanted != on {
                continue;
            }
            if on && let Some(failed) = self.failure((name, resource), node, seen) {
                return failed;
            }
            let done = if on { ResourceState::Online } else { ResourceState::OnlineUnmonitored };
            if seen.state != done {
                return Progress::Waiting(self.doing_resource(name, node));
            }
        }
        Progress::Reached
    }

    /// Whether a node that speaks of the group has not yet seen a resource of it whose INIT runs there.
    fn owes_init(&self, name: &ResourceName, resource: &Resource, node: &NodeName) -> bool {
        let config = &self.cluster.config;
        self.cluster
            .observed_on(node, &resource.group)
            .is_some_and(|o| !o.resources.contains_key(name))
            && config.groups.get(&resource.group).is_some_and(|g| g.managed)
            && config.has_method(resource, Method::Init)
            && config.init_nodes(resource).contains(node)
    }

    /// INIT, UPDATE and FINI that follow a change are over.
    pub(super) fn applied(&self, name: &ResourceName) -> Progress {
        for (node, owed) in &self.cluster.fini {
            if owed.contains_key(name) && self.cluster.is_member(node) {
                return Progress::Waiting(format!("{node}: FINI of {name} is due"));
            }
        }
        let Some(resource) = self.cluster.config.resources.get(name) else {
            return Progress::Reached;
        };
        for node in self.cluster.members.keys() {
            let Some(seen) = self.cluster.resource_on(name, node) else {
                if self.owes_init(name, resource, node) {
                    return Progress::Waiting(format!("{node}: INIT of {name} is due"));
                }
                continue;
            };
            let applies = |method| matches!(method, Method::Init | Method::Boot | Method::Update);
            if seen.method.as_ref().is_some_and(|m| applies(m.method)) {
                return Progress::Waiting(self.doing_resource(name, node));
            }
            if !self.cluster.config.has_method(resource, Method::Update) || !seen.state.is_started()
            {
                continue;
            }
            if seen.generation < resource.generation {
                return Progress::Waiting(format!("{node}: UPDATE of {name} is due"));
            }
            let failed = seen.failure.as_ref().filter(|f| f.method == Method::Update);
            if let Some(failure) = failed {
                return Progress::Failed(format!(
                    "the new values of {name} are committed, but on {node} {}: correct the cause, then set them again",
                    why(Some(failure))
                ));
            }
        }
        Progress::Reached
    }
}

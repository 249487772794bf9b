//! Goals about groups and nodes.

use super::Progress;
use super::now::{Look, why};
use crate::model::{Group, GroupState, Intent, ResourceState, Rest};
use crate::names::{GroupName, NodeName, ResourceName};

impl Look<'_> {
    /// The group is online on its targets (`exactly`: which must be these) and nowhere else.
    pub(super) fn settled(&self, name: &GroupName, exactly: Option<&[NodeName]>) -> Progress {
        let Some(group) = self.cluster.config.groups.get(name) else { return gone(name) };
        if let Some(failed) = self.stop_failure(name) {
            return failed;
        }
        let Some(intent) = self.cluster.intents.get(name) else {
            return Progress::Waiting(format!("the president has not yet placed {name}"));
        };
        if let Some(progress) = self.fencing(name) {
            return progress;
        }
        if let Some(sentence) = self.rests(name, intent) {
            return Progress::Failed(sentence);
        }
        if let Some(nodes) = exactly {
            let same = nodes.len() == intent.target.len()
                && nodes.iter().all(|node| intent.target.contains(node));
            if !same {
                return Progress::Failed(self.elsewhere(name, intent, nodes));
            }
        }
        if intent.target.is_empty() {
            return if group.desired_primaries == 0 {
                self.offline(name)
            } else {
                Progress::Failed(no_target(name, group, intent))
            };
        }
        self.on_targets(name, intent)
    }

    fn on_targets(&self, name: &GroupName, intent: &Intent) -> Progress {
        let extra = self.cluster.nodes_running(name).find(|node| !intent.target.contains(node));
        if let Some(node) = extra {
            return Progress::Waiting(self.doing(name, node));
        }
        for node in &intent.target {
            let state = self.cluster.group_state(name, node);
            let is_permitted =
                intent.holders.iter().any(|h| h.node == *node && h.withdrawn.is_none());
            if !state.is_online() || !is_permitted || !intent.restart.is_empty() {
                return Progress::Waiting(self.doing(name, node));
            }
            if state == GroupState::OnlineFaulted
                && let Some(sentence) = self.fault(name, node)
            {
                return Progress::Failed(sentence);
            }
        }
        Progress::Reached
    }

    /// The resource because of which the group is faulted on a node.
    fn fault(&self, group: &GroupName, node: &NodeName) -> Option<String> {
        let seen = self.cluster.observed_on(node, group)?;
        let failed =
            |state| matches!(state, ResourceState::StartFailed | ResourceState::MonitorFailed);
        let (name, resource) = seen.resources.iter().find(|(_, r)| failed(r.state))?;
        Some(fault_sentence(group, node, (name, resource.state), &why(resource.failure.as_ref())))
    }

    fn rests(&self, name: &GroupName, intent: &Intent) -> Option<String> {
        Some(match intent.rest.as_ref()? {
            Rest::ByOperator { .. } => format!(
                "{name} stays offline, because an operator took it offline: bring it online with scswitch -z -g {name}"
            ),
            Rest::NotAutoStarted => format!(
                "{name} stays offline, because Auto_start_on_new_cluster is FALSE: bring it online with scswitch -z -g {name}"
            ),
            Rest::StartFailures => {
                let history = self.cluster.history.get(name);
                let last = history.and_then(|h| h.attempts.last());
                let last = last.map_or_else(String::new, |a| {
                    format!(", last on {}: {}", a.node, a.why.trim_end_matches('.'))
                });
                format!(
                    "{name} failed to start as often as it may on every node{last}; correct the cause, then scswitch -z -g {name}"
                )
            }
        })
    }

    fn elsewhere(&self, name: &GroupName, intent: &Intent, nodes: &[NodeName]) -> String {
        let words = |nodes: &[NodeName]| {
            let names: Vec<&str> = nodes.iter().map(NodeName::as_str).collect();
            if names.is_empty() { "nowhere".to_owned() } else { format!("to {}", names.join(", ")) }
        };
        format!(
            "{name} goes {}, not {}, because {}; steadfast group explain {name} tells the whole story",
            words(&intent.target),
            words(nodes),
            intent.why.trim_end_matches('.')
        )
    }

    /// Nothing of the group runs anywhere, and nobody may run it.
    pub(super) fn offline(&self, name: &GroupName) -> Progress {
        if let Some(failed) = self.stop_failure(name) {
            return failed;
        }
        if let Some(node) = self.cluster.nodes_running(name).next() {
            return Progress::Waiting(self.doing(name, node));
        }
        let Some(intent) = self.cluster.intents.get(name) else { return Progress::Reached };
        if let Some(progress) = self.fencing(name) {
            return progress;
        }
        match intent.holders.first() {
            Some(holder) if !intent.target.is_empty() => Progress::Failed(format!(
                "{name} is to be online again on {}, because {}; to keep it offline disable its resources or unmanage it",
                holder.node,
                intent.why.trim_end_matches('.')
            )),
            Some(holder) => Progress::Waiting(format!("{}: {name} is told to stop", holder.node)),
            None => Progress::Reached,
        }
    }

    /// Its restart is over.
    pub(super) fn restarted(&self, name: &GroupName) -> Progress {
        let restart = self.cluster.intents.get(name).map(|i| i.restart.as_slice());
        match restart.unwrap_or_default() {
            [node, ..] => match self.stop_failure(name) {
                Some(failed) => failed,
                None => Progress::Waiting(self.doing(name, node)),
            },
            [] => self.settled(name, None),
        }
    }

    /// Nothing runs on the node.
    pub(super) fn evacuated(&self, node: &NodeName) -> Progress {
        let Some(member) = self.cluster.members.get(node) else { return Progress::Reached };
        for name in self.cluster.config.groups.keys() {
            if self.cluster.resource_stop_failed_on(name, node)
                && let Some(failed) = self.stop_failure(name)
            {
                return failed;
            }
            if !self.cluster.group_state(name, node).is_offline() {
                return Progress::Waiting(self.doing(name, node));
            }
            let holds = |i: &Intent| {
                i.holders.iter().any(|h| h.node == *node && h.incarnation == member.incarnation)
            };
            if self.cluster.intents.get(name).is_some_and(holds) {
                return Progress::Waiting(format!("{node}: {name} is told to stop"));
            }
        }
        Progress::Reached
    }

    /// No method of the group runs or is due.
    pub(super) fn quiet(&self, name: &GroupName) -> Progress {
        for node in self.cluster.members.keys() {
            let Some(seen) = self.cluster.observed_on(node, name) else { continue };
            let runs = seen.resources.values().any(|r| r.method.is_some());
            let pending =
                matches!(seen.state, GroupState::PendingOnline | GroupState::PendingOffline);
            if runs || pending {
                return Progress::Waiting(self.doing(name, node));
            }
        }
        let Some(intent) = self.cluster.intents.get(name) else { return Progress::Reached };
        let moving = intent.holders.iter().find(|h| {
            h.withdrawn.is_some()
                && self.cluster.is_member(&h.node)
                && self.cluster.stop_failed(name).is_none()
        });
        match moving {
            Some(holder) => Progress::Waiting(format!("{}: {name} is told to stop", holder.node)),
            None => Progress::Reached,
        }
    }
}

fn gone(name: &GroupName) -> Progress {
    Progress::Failed(format!("resource group {name} was removed meanwhile"))
}

/// Why a resource makes its group faulted, and what to do.
pub(super) fn fault_sentence(
    group: &GroupName,
    node: &NodeName,
    (name, state): (&ResourceName, ResourceState),
    why: &str,
) -> String {
    if state == ResourceState::MonitorFailed {
        format!(
            "{group} is online on {node}, but the monitor of {name} could not be started ({why}): correct the cause, then scswitch -n -M -j {name} and scswitch -e -M -j {name}"
        )
    } else {
        format!(
            "{name} could not be started on {node} ({why}): correct the cause, then scswitch -n -j {name} and scswitch -e -j {name}"
        )
    }
}

fn no_target(name: &GroupName, group: &Group, intent: &Intent) -> String {
    let why = if intent.why.is_empty() {
        "none is a candidate"
    } else {
        intent.why.trim_end_matches('.')
    };
    if group.suspended {
        format!(
            "{name} is suspended and nobody has placed it: resume it with scswitch -r -g {name}, or name a node with scswitch -z -g {name} -h NODE"
        )
    } else if !group.managed {
        format!("{name} is unmanaged: bring it online with scswitch -Z -g {name}")
    } else {
        format!(
            "no node can take {name} ({why}): steadfast group explain {name} tells more, scstat -n which nodes are up"
        )
    }
}

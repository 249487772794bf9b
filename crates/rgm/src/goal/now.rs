//! What happens at this moment, as one sentence: the method that runs, what is waited for, what has failed and what to do about it.

use super::Progress;
use crate::model::{Cluster, FenceState, MethodFailure, ResourceState};
use crate::names::{GroupName, NodeName, ResourceName};

/// A look at the cluster.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) now_ms: u64,
}

/// Why something failed, without the final stop that programs like to write.
pub(super) fn why(failure: Option<&MethodFailure>) -> String {
    match failure {
        Some(failure) => format!("{} {}", failure.method, failure.why.trim_end_matches('.')),
        None => "its methods did not say why".to_owned(),
    }
}

impl Look<'_> {
    /// What the group does on a node.
    pub(super) fn doing(&self, group: &GroupName, node: &NodeName) -> String {
        let Some(seen) = self.cluster.observed_on(node, group) else {
            return if self.cluster.is_member(node) {
                format!("{node} has not begun with {group}")
            } else {
                format!("{node} is not a member of the cluster")
            };
        };
        let mut running =
            seen.resources.iter().filter_map(|(name, r)| Some((name, r.method.as_ref()?)));
        if let Some((name, method)) = running.next() {
            let so_far_s = self.now_ms.saturating_sub(method.since_ms) / 1000;
            let more = match running.count() {
                0 => String::new(),
                more => format!(", and {more} more"),
            };
            return format!(
                "{node}: {} of {name} runs, {so_far_s} s of {} s{more}",
                method.method, method.timeout_s
            );
        }
        match &seen.waits_for {
            Some(what) => format!("{node}: {}", what.trim_end_matches('.')),
            None => format!("{node}: {group} is {}", seen.state.words().to_lowercase()),
        }
    }

    /// What a resource does on a node.
    pub(super) fn doing_resource(&self, name: &ResourceName, node: &NodeName) -> String {
        let seen = self.cluster.resource_on(name, node);
        if let Some(method) = seen.and_then(|r| r.method.as_ref()) {
            let so_far_s = self.now_ms.saturating_sub(method.since_ms) / 1000;
            return format!(
                "{node}: {} of {name} runs, {so_far_s} s of {} s",
                method.method, method.timeout_s
            );
        }
        let group = self.cluster.config.resources.get(name).map(|r| &r.group);
        let waits_for = group.and_then(|g| self.cluster.observed_on(node, g)?.waits_for.as_ref());
        match waits_for {
            Some(what) => format!("{node}: {}", what.trim_end_matches('.')),
            None => {
                let state = seen.map_or(ResourceState::Offline, |r| r.state);
                format!("{node}: {name} is {}", state.words().to_lowercase())
            }
        }
    }

    /// A resource of the group that could not be stopped: nothing goes on until an operator has cleared it.
    pub(super) fn stop_failure(&self, group: &GroupName) -> Option<Progress> {
        let (name, node) = self.cluster.stop_failed(group)?;
        let failure = self.cluster.resource_on(name, node).and_then(|r| r.failure.as_ref());
        Some(Progress::Failed(format!(
            "{name} could not be stopped on {node} ({}): make sure that it is dead there, then scswitch -c -h {node} -j {name} -f STOP_FAILED",
            why(failure)
        )))
    }

    /// A lost node that must be harmless before the group goes on.
    pub(super) fn fencing(&self, group: &GroupName) -> Option<Progress> {
        let intent = self.cluster.intents.get(group)?;
        let is_lost = |node: &NodeName, incarnation| {
            self.cluster.members.get(node).is_none_or(|m| m.incarnation != incarnation)
        };
        let lost = intent.holders.iter().find(|h| is_lost(&h.node, h.incarnation))?;
        let node = &lost.node;
        let fence = self.cluster.fences.get(node)?;
        let has_agent = self.cluster.config.nodes.get(node).is_some_and(|n| n.fencing.is_some());
        let dead = format!("when you know that {node} is dead, steadfast node confirm-dead {node}");
        Some(match &fence.state {
            FenceState::Done => Progress::Waiting(format!("{node} is fenced, {group} goes on")),
            _ if !has_agent => Progress::Failed(format!(
                "{group} waits because {node} was lost, may still write to its storage and has no fence agent: {dead}"
            )),
            FenceState::Pending => {
                Progress::Waiting(format!("{node} was lost and is being fenced"))
            }
            FenceState::Failed { why, again_ms } => {
                let in_s = again_ms.saturating_sub(self.now_ms) / 1000;
                Progress::Waiting(format!(
                    "fencing of {node} failed ({}) and is tried again in {in_s} s; {dead}",
                    why.trim_end_matches('.')
                ))
            }
        })
    }
}

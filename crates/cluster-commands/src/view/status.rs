//! The state of the cluster as a value: nodes, control store, groups, resources, and why what is not as it should be is not.

use super::clean;
use crate::modern::secret;
use node_api::Snapshot;
use rgm::goal::{Goal, Progress};
use rgm::{
    Cluster, Decision, FenceState, GroupName, GroupState, NodeName, ObservedResource, ResourceName,
    ResourceState,
};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Start attempts of a group on a node within Pingpong_interval.
pub const ATTEMPTS_MAX: usize = 2;

/// Everything.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StatusView {
    /// Of this schema.
    pub format: u32,
    /// Name of the cluster.
    pub cluster: String,
    /// Wall clock of the node that answers.
    pub now_ms: u64,
    /// Which node answers.
    pub node: Option<NodeName>,
    /// Why that node is no member, if it is none.
    pub outside: Option<String>,
    /// One line about the control store.
    pub store: String,
    /// Milliseconds since the store's last sign of life.
    pub store_age_ms: u64,
    /// Who plans.
    pub president: Option<NodeName>,
    /// By name.
    pub nodes: Vec<NodeView>,
    /// By name.
    pub groups: Vec<GroupView>,
    /// Keys of the control store that cannot be understood.
    pub problems: Vec<String>,
    /// TRUE: all nodes are members, all managed groups are where they should be, and nothing is faulted.
    pub healthy: bool,
}

/// A node.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NodeView {
    /// Name.
    pub name: NodeName,
    /// Id.
    pub id: u32,
    /// Whether it is a member.
    pub online: bool,
    /// Whether it plans.
    pub president: bool,
    /// Whether it is in maintenance.
    pub maintenance: bool,
    /// Version of its daemon.
    pub version: Option<String>,
    /// Since when it is a member.
    pub joined_ms: Option<u64>,
    /// Program that fences it.
    pub fence_agent: Option<String>,
    /// Its options; secrets are masked.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub fence_options: BTreeMap<String, String>,
    /// How far fencing of its lost incarnation is, as a sentence.
    pub fence: Option<String>,
}

/// A group.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GroupView {
    /// Name.
    pub name: GroupName,
    /// Whether it is managed.
    pub managed: bool,
    /// Whether its automatic recovery is suspended.
    pub suspended: bool,
    /// Where it should be.
    pub target: Vec<NodeName>,
    /// Whether something of it is faulted or could not be stopped.
    pub faulted: bool,
    /// Whether it is where it should be.
    pub settled: bool,
    /// Why it is not where it should be, and what to do; one sentence each.
    pub why: Vec<String>,
    /// On each node.
    pub nodes: Vec<GroupOnNode>,
    /// By name.
    pub resources: Vec<ResourceView>,
    /// The last decision about its place, and when.
    pub decided: Option<Decided>,
    /// The last decisions, oldest first.
    pub decisions: Vec<Decided>,
}

/// A decision.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Decided {
    /// Wall clock.
    pub at_ms: u64,
    /// What, why and what next.
    pub sentence: String,
    /// Who.
    pub by: String,
}

/// A group on a node.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GroupOnNode {
    /// The node.
    pub node: NodeName,
    /// `Online`, `Pending online`.
    pub state: &'static str,
    /// `ONLINE`, `PENDING_ONLINE`.
    pub token: &'static str,
    /// Failed starts that count there.
    pub failed_attempts: usize,
}

/// A resource.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ResourceView {
    /// Name.
    pub name: ResourceName,
    /// Full name of its type.
    pub type_name: String,
    /// On each node.
    pub nodes: Vec<ResourceOnNode>,
}

/// A resource on a node.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ResourceOnNode {
    /// The node.
    pub node: NodeName,
    /// `Online`, `Start failed`.
    pub state: &'static str,
    /// `ONLINE`, `START_FAILED`.
    pub token: &'static str,
    /// `OK`, `FAULTED`.
    pub status: &'static str,
    /// What its agent said.
    pub message: String,
    /// The column of scstat: `Online - LogicalHostname online.`
    pub line: String,
    /// The method that runs now.
    pub running: Option<Running>,
    /// The last failure that still matters.
    pub failure: Option<String>,
    /// Wall clock of the last change of state.
    pub since_ms: u64,
}

/// A method that runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Running {
    /// `START`
    pub method: String,
    /// Seconds so far.
    pub elapsed_s: u64,
    /// Seconds it may take.
    pub limit_s: u32,
    /// Which attempt of the group on this node, of how many; only while it starts.
    pub attempt: Option<(usize, usize)>,
}

impl From<&Decision> for Decided {
    fn from(of: &Decision) -> Self {
        Self { at_ms: of.at_ms, sentence: clean(&of.sentence), by: clean(&of.by) }
    }
}

/// Looks. With `only`, nodes other than this one are left out.
pub fn build(snapshot: &Snapshot, cluster: &Cluster, only: Option<&NodeName>) -> StatusView {
    let look = Look { cluster, now_ms: snapshot.now_ms, only };
    let nodes: Vec<NodeView> =
        cluster.config.nodes.keys().filter(|n| look.shows(n)).map(|n| look.node(n)).collect();
    let groups: Vec<GroupView> = cluster.config.groups.keys().map(|g| look.group(g)).collect();
    let problems: Vec<String> = cluster
        .problems
        .values()
        .map(|p| {
            let is_named = p.sentence.contains(&p.key);
            let name = if is_named { String::new() } else { format!("{}: ", p.key) };
            clean(&format!("{name}{}", p.sentence))
        })
        .collect();
    let all_members = cluster.config.nodes.keys().all(|n| cluster.is_member(n));
    let healthy = all_members
        && problems.is_empty()
        && snapshot.outside.is_none()
        && cluster.president.is_some()
        && groups.iter().all(|g| !g.managed || (g.settled && !g.faulted));
    StatusView {
        format: 1,
        cluster: cluster.config.cluster.name.clone(),
        now_ms: snapshot.now_ms,
        node: snapshot.node.clone(),
        outside: snapshot.outside.as_deref().map(clean),
        store: clean(&snapshot.store),
        store_age_ms: snapshot.age_ms,
        president: cluster.president.as_ref().map(|p| p.node.clone()),
        nodes,
        groups,
        problems,
        healthy,
    }
}

struct Look<'a> {
    cluster: &'a Cluster,
    now_ms: u64,
    only: Option<&'a NodeName>,
}

impl Look<'_> {
    fn shows(&self, node: &NodeName) -> bool {
        self.only.is_none_or(|only| only == node)
    }

    fn node(&self, name: &NodeName) -> NodeView {
        let config = self.cluster.config.nodes.get(name);
        let member = self.cluster.members.get(name);
        let fencing = config.and_then(|c| c.fencing.as_ref());
        NodeView {
            name: name.clone(),
            id: config.map_or(0, |c| c.id),
            online: member.is_some(),
            president: self.cluster.president.as_ref().is_some_and(|p| p.node == *name),
            maintenance: config.is_some_and(|c| c.maintenance),
            version: member.map(|m| clean(&m.version)),
            joined_ms: member.map(|m| m.joined_ms),
            fence_agent: fencing.map(|f| f.agent.clone()),
            fence_options: fencing.map(|f| secret::shown(&f.options)).unwrap_or_default(),
            fence: self.fence(name),
        }
    }

    fn fence(&self, name: &NodeName) -> Option<String> {
        let fence = self.cluster.fences.get(name)?;
        Some(match &fence.state {
            FenceState::Pending => format!("{name} is lost and is to be fenced"),
            FenceState::Done => format!("{name} was lost and is fenced"),
            FenceState::Failed { why, .. } => clean(&format!(
                "{name} is lost and could not be fenced in {} attempts ({why}); if you know that it is dead, steadfast node confirm-dead {name}",
                fence.attempts
            )),
        })
    }

    fn group(&self, name: &GroupName) -> GroupView {
        let cluster = self.cluster;
        let config = cluster.config.groups.get(name);
        let managed = config.is_some_and(|g| g.managed);
        let nodes = nodes_of(cluster, name);
        let shown: Vec<&NodeName> = nodes.iter().filter(|n| self.shows(n)).collect();
        let resources: Vec<ResourceView> =
            cluster.config.resources_of(name).map(|(r, _)| self.resource(r, &shown)).collect();
        let progress = Goal::Settled { group: name.clone() }.progress(cluster, self.now_ms);
        let history = cluster.history.get(name);
        let intent = cluster.intents.get(name);
        let decisions: Vec<Decided> =
            history.into_iter().flat_map(|h| &h.decisions).map(Decided::from).collect();
        let mut why = if managed { self.why(name, &nodes, &progress) } else { Vec::new() };
        if let Some(problem) = cluster.problems.get(&format!("group/{name}")) {
            why.push(clean(&problem.sentence));
        }
        GroupView {
            name: name.clone(),
            managed,
            suspended: config.is_some_and(|g| g.suspended),
            target: intent.map(|i| i.target.clone()).unwrap_or_default(),
            faulted: is_faulted(cluster, name),
            settled: !managed || progress == Progress::Reached,
            why,
            nodes: shown.iter().map(|n| self.group_on(name, n)).collect(),
            resources,
            decided: decisions.last().cloned(),
            decisions,
        }
    }

    /// What keeps it from being where it should be; what each node waits for; lost nodes.
    fn why(&self, name: &GroupName, nodes: &[NodeName], progress: &Progress) -> Vec<String> {
        let mut why: Vec<String> = Vec::new();
        let mut say = |sentence: String| {
            let sentence = clean(&sentence);
            if !why.contains(&sentence) {
                why.push(sentence);
            }
        };
        if let Progress::Waiting(sentence) | Progress::Failed(sentence) = progress {
            say(sentence.clone());
        }
        for node in nodes {
            if let Some(observed) = self.cluster.observed_on(node, name)
                && let Some(waits) = &observed.waits_for
            {
                say(format!("{node}: {waits}"));
            }
        }
        let holders = self.cluster.intents.get(name).map(|i| i.holders.as_slice());
        for holder in holders.unwrap_or_default() {
            let is_done =
                self.cluster.fences.get(&holder.node).is_some_and(|f| f.state == FenceState::Done);
            if let Some(sentence) = self.fence(&holder.node).filter(|_| !is_done) {
                say(sentence);
            }
        }
        why
    }

    fn group_on(&self, name: &GroupName, node: &NodeName) -> GroupOnNode {
        let state = self.cluster.group_state(name, node);
        let attempts = self.cluster.history.get(name).map(|h| h.attempts.as_slice());
        let on_it = attempts.unwrap_or_default().iter().filter(|a| a.node == *node).count();
        GroupOnNode {
            node: node.clone(),
            state: state.words(),
            token: state.token(),
            failed_attempts: on_it,
        }
    }

    fn resource(&self, name: &ResourceName, nodes: &[&NodeName]) -> ResourceView {
        let config = self.cluster.config.resources.get(name);
        let type_name = config.map(|r| r.type_name.to_string()).unwrap_or_default();
        let nodes = nodes.iter().map(|node| self.resource_on(name, node)).collect();
        ResourceView { name: name.clone(), type_name, nodes }
    }

    fn resource_on(&self, name: &ResourceName, node: &NodeName) -> ResourceOnNode {
        let nothing = ObservedResource::default();
        let seen = self.cluster.resource_on(name, node).unwrap_or(&nothing);
        let running = seen.method.as_ref().map(|method| Running {
            method: method.method.to_string(),
            elapsed_s: self.now_ms.saturating_sub(method.since_ms) / 1000,
            limit_s: method.timeout_s,
            attempt: self.attempt(name, node, seen.state),
        });
        let message = clean(&seen.status_message);
        ResourceOnNode {
            node: node.clone(),
            state: seen.state.words(),
            token: seen.state.token(),
            status: seen.status.token(),
            line: seen.status.line(&message),
            message,
            running,
            failure: seen.failure.as_ref().map(|f| clean(&format!("{}: {}", f.method, f.why))),
            since_ms: seen.since_ms,
        }
    }

    /// Which attempt of the group a start that runs belongs to.
    fn attempt(
        &self,
        name: &ResourceName,
        node: &NodeName,
        state: ResourceState,
    ) -> Option<(usize, usize)> {
        let starts = matches!(state, ResourceState::PrenetStarting | ResourceState::Starting);
        let group = &self.cluster.config.resources.get(name)?.group;
        let pending = self.cluster.group_state(group, node) == GroupState::PendingOnline;
        let failed = self
            .cluster
            .history
            .get(group)
            .map_or(0, |h| h.attempts.iter().filter(|a| a.node == *node).count());
        (starts && pending).then_some((failed + 1, ATTEMPTS_MAX.max(failed + 1)))
    }
}

/// The nodes of Nodelist in their order, then any other that says something of the group.
pub(crate) fn nodes_of(cluster: &Cluster, name: &GroupName) -> Vec<NodeName> {
    let mut nodes: Vec<NodeName> =
        cluster.config.groups.get(name).map(|g| g.nodelist.clone()).unwrap_or_default();
    let running: BTreeSet<NodeName> = cluster.nodes_running(name).cloned().collect();
    let others: Vec<NodeName> = running.into_iter().filter(|n| !nodes.contains(n)).collect();
    nodes.extend(others);
    nodes
}

/// Whether something of the group is faulted or could not be stopped, anywhere.
fn is_faulted(cluster: &Cluster, name: &GroupName) -> bool {
    cluster.members.keys().any(|node| {
        let state = cluster.group_state(name, node);
        let bad = |r: &ObservedResource| {
            r.status == rgm::Status::Faulted
                || matches!(
                    r.state,
                    ResourceState::StartFailed
                        | ResourceState::StopFailed
                        | ResourceState::MonitorFailed
                )
        };
        matches!(state, GroupState::OnlineFaulted | GroupState::ErrorStopFailed)
            || cluster.observed_on(node, name).is_some_and(|o| o.resources.values().any(bad))
    })
}

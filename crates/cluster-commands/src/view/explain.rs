//! Why a group is where it is: its present state, what it waits for, what the guards count and until when, what stands against each other
//! node, and its saved decisions.
//!
//! Says what the planner's rules are about each node; the planner alone decides by them.

use super::status::{self, ATTEMPTS_MAX, Decided, GroupView};
use super::{clean, duration, time};
use node_api::Snapshot;
use rgm::{AffinityKind, Cluster, Group, GroupName, NodeName, Rest};
use serde::Serialize;
use std::fmt::Write;

/// The whole story.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExplainView {
    /// Of this schema.
    pub format: u32,
    /// Wall clock.
    pub now_ms: u64,
    /// Name, state, what it waits for, decisions.
    pub group: GroupView,
    /// Why its place is what it is, and since when.
    pub placed: Option<Decided>,
    /// Why it rests offline.
    pub rest: Option<String>,
    /// About each node of Nodelist.
    pub nodes: Vec<NodeReason>,
    /// Failed starts and giveovers that the guards count.
    pub counted: Vec<Counted>,
}

/// A node, and why the group is or is not there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NodeReason {
    /// The node.
    pub node: NodeName,
    /// Whether it should be there.
    pub target: bool,
    /// Half a sentence each; empty: nothing stands against it.
    pub against: Vec<String>,
}

/// Something that a guard counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Counted {
    /// `start failure`, `giveover`.
    pub what: &'static str,
    /// Where.
    pub node: NodeName,
    /// Why.
    pub why: String,
    /// When.
    pub at_ms: u64,
    /// When it counts no longer; `None`: until somebody starts the group.
    pub until_ms: Option<u64>,
}

/// Looks; `None`: there is no such group.
pub fn build(snapshot: &Snapshot, cluster: &Cluster, name: &GroupName) -> Option<ExplainView> {
    let config = cluster.config.groups.get(name)?;
    let now_ms = snapshot.now_ms;
    let status = status::build(snapshot, cluster, None);
    let group = status.groups.into_iter().find(|g| g.name == *name)?;
    let intent = cluster.intents.get(name);
    let placed = intent.filter(|i| !i.why.is_empty()).map(|i| Decided {
        at_ms: i.since_ms,
        sentence: clean(&i.why),
        by: status.president.as_ref().map(ToString::to_string).unwrap_or_default(),
    });
    let rest = intent.and_then(|i| i.rest.as_ref()).map(|rest| match rest {
        Rest::ByOperator { .. } if cluster.config.cluster.sticky_offline => {
            format!("an operator took it offline; scswitch -z -g {name} brings it back")
        }
        Rest::ByOperator { .. } => format!(
            "an operator took it offline; scswitch -z -g {name} or the next change of membership brings it back"
        ),
        Rest::StartFailures => format!(
            "it failed to start on every node; correct the cause, then scswitch -z -g {name}"
        ),
        Rest::NotAutoStarted => format!(
            "Auto_start_on_new_cluster is FALSE; scswitch -z -g {name} brings it online"
        ),
    });
    let look = Look { cluster, now_ms, name, group: config };
    let nodes = config.nodelist.iter().map(|n| look.reason(n)).collect();
    Some(ExplainView { format: 1, now_ms, group, placed, rest, nodes, counted: look.counted() })
}

struct Look<'a> {
    cluster: &'a Cluster,
    now_ms: u64,
    name: &'a GroupName,
    group: &'a Group,
}

impl Look<'_> {
    fn reason(&self, node: &NodeName) -> NodeReason {
        let intent = self.cluster.intents.get(self.name);
        let target = intent.is_some_and(|i| i.target.contains(node));
        let against = if target { Vec::new() } else { self.against(node) };
        NodeReason { node: node.clone(), target, against }
    }

    fn against(&self, node: &NodeName) -> Vec<String> {
        let (cluster, name) = (self.cluster, self.name);
        let mut against = Vec::new();
        match cluster.config.nodes.get(node) {
            None => against.push("it is not a node of this cluster".to_owned()),
            Some(_) if !cluster.is_member(node) => {
                against.push("it is not a member now".to_owned())
            }
            Some(config) if config.maintenance => against.push("it is in maintenance".to_owned()),
            Some(_) => {}
        }
        if !self.group.managed {
            against.push("the group is unmanaged".to_owned());
        }
        let avoid = cluster.intents.get(name).map(|i| i.avoid.as_slice()).unwrap_or_default();
        if let Some((_, until)) = avoid.iter().find(|(n, until)| n == node && *until > self.now_ms)
        {
            let left = duration(until - self.now_ms);
            against.push(format!("it was evacuated, and gets nothing back for another {left}"));
        }
        let attempts = cluster.history.get(name).map(|h| h.attempts.as_slice()).unwrap_or_default();
        let failed = attempts.iter().filter(|a| a.node == *node).count();
        if failed >= ATTEMPTS_MAX {
            against.push(format!("the group failed to start there {failed} times"));
        }
        if !cluster.config.is_installed(name, node) {
            against.push("one of the group's types is not installed there".to_owned());
        }
        self.affinities(node, &mut against);
        let target = cluster.intents.get(name).map(|i| i.target.as_slice()).unwrap_or_default();
        if against.is_empty()
            && let Some(there) = target.first()
        {
            let better = self.group.preference(node) < self.group.preference(there);
            against.push(match (better, self.group.failback) {
                (true, false) => format!(
                    "it is preferred, but the group is on {there} and Failback is FALSE; scswitch -z -g {name} moves it back"
                ),
                _ => format!("nothing; the group is on {there}, and this node is next in line"),
            });
        }
        against
    }

    fn affinities(&self, node: &NodeName, against: &mut Vec<String>) {
        for affinity in &self.group.affinities {
            let other = &affinity.target;
            let intent = self.cluster.intents.get(other);
            let is_there = intent.is_some_and(|i| i.target.contains(node));
            match affinity.kind {
                AffinityKind::StrongPositive | AffinityKind::StrongPositiveDelegating
                    if !is_there =>
                {
                    against.push(format!("{other}, with which it must be, is not there"));
                }
                AffinityKind::StrongNegative if is_there => {
                    against.push(format!("{other}, with which it must not be, is there"));
                }
                _ => {}
            }
        }
    }

    fn counted(&self) -> Vec<Counted> {
        let Some(history) = self.cluster.history.get(self.name) else { return Vec::new() };
        let interval_ms = u64::from(self.group.pingpong_interval_s) * 1000;
        let on = |node: &NodeName| history.attempts.iter().filter(|a| a.node == *node).count();
        let attempts = history.attempts.iter().map(|a| Counted {
            what: "start failure",
            node: a.node.clone(),
            why: clean(&a.why),
            at_ms: a.at_ms,
            until_ms: (on(&a.node) < ATTEMPTS_MAX).then_some(a.at_ms + interval_ms),
        });
        let giveovers = history.giveovers.iter().map(|g| Counted {
            what: "giveover",
            node: g.node.clone(),
            why: format!("the monitor of {} asked for it", g.resource),
            at_ms: g.at_ms,
            until_ms: Some(g.at_ms + interval_ms),
        });
        attempts.chain(giveovers).filter(|c| c.until_ms.is_none_or(|u| u > self.now_ms)).collect()
    }
}

/// The story as text.
pub fn render(view: &ExplainView) -> String {
    let group = &view.group;
    let ago = |ms: u64| format!("{} ago", duration(view.now_ms.saturating_sub(ms)));
    let mut out = format!("{}\n\nNow:\n", group.name);
    for on in &group.nodes {
        let _ = writeln!(out, "  {}: {}", on.node, on.state);
    }
    let mut flag = |yes: bool, text: &str| {
        if yes {
            let _ = writeln!(out, "  {text}");
        }
    };
    flag(!group.managed, "it is unmanaged");
    flag(group.suspended, "its automatic recovery is suspended");
    flag(group.faulted, "FAULTED: something of it does not work as it should");
    if let Some(placed) = &view.placed {
        let _ = writeln!(out, "  because ({}): {}", ago(placed.at_ms), placed.sentence);
    }
    if let Some(rest) = &view.rest {
        let _ = writeln!(out, "  it stays offline: {rest}");
    }
    for why in &group.why {
        let _ = writeln!(out, "  it waits: {why}");
    }
    out.push_str("\nNodes, the most preferred first:\n");
    for node in &view.nodes {
        let reason = match (node.target, node.against.as_slice()) {
            (true, _) => "it should be there".to_owned(),
            (false, []) => "nothing stands against it".to_owned(),
            (false, against) => format!("not there: {}", against.join("; ")),
        };
        let _ = writeln!(out, "  {}: {reason}", node.node);
    }
    if !view.counted.is_empty() {
        out.push_str("\nCounted by the ping-pong guards:\n");
        for c in &view.counted {
            let until = match c.until_ms {
                Some(until) => {
                    format!("counts for another {}", duration(until.saturating_sub(view.now_ms)))
                }
                None => "counts until somebody starts the group".to_owned(),
            };
            let _ =
                writeln!(out, "  {} on {}, {}: {}; {until}", c.what, c.node, ago(c.at_ms), c.why);
        }
    }
    out.push_str("\nDecisions, oldest first (UTC):\n");
    for decision in &group.decisions {
        let _ = writeln!(out, "  {} {}: {}", time(decision.at_ms), decision.by, decision.sentence);
    }
    if group.decisions.is_empty() {
        out.push_str("  none yet\n");
    }
    out
}

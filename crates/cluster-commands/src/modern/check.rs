//! What an operator should mend before it hurts. Each finding names the thing and the remedy.

use crate::view::status::StatusView;
use rgm::Cluster;
use serde::Serialize;

/// The store's last sign of life may be so old.
const STORE_AGE_MS_MAX: u64 = 10_000;
/// Start and stop time-outs below this lead to needless failovers, in seconds.
const TIMEOUT_S_MIN: i64 = 10;

/// One thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// `problem`: something does not work now. `advice`: it will not when it matters.
    pub severity: &'static str,
    /// One sentence.
    pub sentence: String,
}

/// Looks.
pub fn findings(cluster: &Cluster, status: &StatusView) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut problem = |sentence: String| found.push(Finding { severity: "problem", sentence });
    status.outside.iter().for_each(|o| problem(o.clone()));
    if status.president.is_none() {
        problem(
            "there is no president: nothing is decided until a node can write the control store"
                .to_owned(),
        );
    }
    if status.store_age_ms > STORE_AGE_MS_MAX {
        problem(format!(
            "the control store gave no sign of life for {}: {}",
            crate::view::duration(status.store_age_ms),
            status.store
        ));
    }
    status.problems.iter().for_each(|p| problem(p.clone()));
    for node in &status.nodes {
        if !node.online {
            problem(format!(
                "node {} is not a member: start its daemon with steadfast node",
                node.name
            ));
        }
        node.fence.iter().for_each(|f| problem(f.clone()));
    }
    for group in status.groups.iter().filter(|g| g.managed) {
        if !group.settled || group.faulted {
            let why = group.why.first().map_or("it is faulted", String::as_str);
            problem(format!("group {}: {why}", group.name));
        }
    }
    advice(cluster, &mut found);
    found
}

fn advice(cluster: &Cluster, found: &mut Vec<Finding>) {
    let mut advise = |sentence: String| found.push(Finding { severity: "advice", sentence });
    let config = &cluster.config;
    for (name, _) in config.nodes.iter().filter(|(_, n)| n.maintenance) {
        advise(format!(
            "node {name} is in maintenance: steadfast node maintenance {name} --off ends it"
        ));
    }
    for (name, group) in &config.groups {
        if group.suspended {
            advise(format!(
                "group {name} is suspended and does not recover: scswitch -r -g {name}"
            ));
        }
        if group.managed && group.nodelist.len() < 2 {
            advise(format!(
                "group {name} has one node only and cannot fail over: scrgadm -c -g {name} -h NODES"
            ));
        }
        if config.has_shared_storage(name) {
            let bare = group
                .nodelist
                .iter()
                .filter(|n| config.nodes.get(*n).is_some_and(|node| node.fencing.is_none()));
            for node in bare {
                advise(format!(
                    "group {name} has storage, and node {node} has no fence agent: steadfast node fencing {node} --agent PROGRAM"
                ));
            }
        }
        if let Some(history) = cluster.history.get(name)
            && !history.attempts.is_empty()
        {
            advise(format!(
                "group {name} failed to start {} times of late: steadfast group explain {name}",
                history.attempts.len()
            ));
        }
    }
    for (name, resource) in &config.resources {
        if !resource.enabled.on && resource.enabled.except.is_empty() {
            advise(format!("resource {name} is disabled: scswitch -e -j {name}"));
        }
        for property in ["Start_timeout", "Stop_timeout"] {
            let set = config.number(resource, property).filter(|s| *s < TIMEOUT_S_MIN);
            if let Some(seconds) = set {
                advise(format!(
                    "resource {name}: {property} of {seconds} s is so short that a busy node looks like a failed one"
                ));
            }
        }
    }
}

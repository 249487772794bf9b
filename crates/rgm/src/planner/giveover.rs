//! Where a giveover goes: the first candidate that the pingpong_check guard allows and on which every MONITOR_CHECK of the group succeeds. With a
//! delegating affinity (`+++`) the groups it names move too.
//!
//! Never moves anything itself; `orders` does, once a candidate is found.

use super::Situation;
use super::bars;
use super::board::Board;
use super::checks::{NewJobs, Outcome as Check, outcome};
use crate::model::{
    AffinityKind, Cluster, Job, JobId, JobKind, MethodCall, Refusal, RequestId, SchaCode,
};
use crate::names::{GroupName, NodeName, ResourceName};
use rtr::Method;

/// Where, and which groups.
pub(super) struct Choice {
    pub to: NodeName,
    /// The group itself first.
    pub movers: Vec<GroupName>,
}

/// Found, or not yet known.
pub(super) enum Outcome {
    To(Choice),
    Waits(Vec<(JobId, Job)>),
}

/// Looks for a candidate, as far as the checks that were made say.
pub(super) fn choose(
    cluster: &Cluster,
    situation: &Situation,
    request: &RequestId,
    (resource, group, from): (&ResourceName, &GroupName, &NodeName),
) -> Result<Outcome, Refusal> {
    let board = Board::new(cluster, &cluster.config, situation);
    let movers = movers(&board, group, from);
    let together: Vec<&GroupName> = movers.iter().collect();
    let mut why: Vec<String> = Vec::new();
    if let Some(sheet) = board.sheet(group) {
        let nodes = sheet.group.map_or(&[][..], |g| &g.nodelist);
        let others = nodes.iter().filter(|n| *n != from && !sheet.intent.target.contains(n));
        let bars = others.filter_map(|n| Some(bars::find(&board, sheet, n, &together)?.say(n)));
        why.extend(bars);
        for to in bars::candidates(&board, sheet, &sheet.intent.target, &together) {
            if to == from {
                continue;
            }
            if let Some(reason) = stands_against(&board, (resource, group, to), &together) {
                why.push(reason);
                continue;
            }
            match checks(cluster, request, &movers, to) {
                Checks::Passed => return Ok(Outcome::To(Choice { to: to.clone(), movers })),
                Checks::Waits(jobs) => return Ok(Outcome::Waits(jobs)),
                Checks::Failed(reason) => why.push(reason),
            }
        }
    }
    if why.is_empty() {
        why.push("it has no other node".to_owned());
    }
    Err(Refusal {
        code: SchaCode::Checks,
        sentence: format!(
            "{group} stays on {from}: no other node can take it over from {resource}: {}",
            why.join("; ")
        ),
    })
}

/// The group, and those that a delegating affinity makes move with it.
fn movers(board: &Board<'_>, group: &GroupName, from: &NodeName) -> Vec<GroupName> {
    let mut movers = vec![group.clone()];
    let mut at = 0;
    while let Some(mover) = movers.get(at) {
        let delegates = board.sheet(mover).and_then(|s| s.group).map_or(&[][..], |g| &g.affinities);
        let with: Vec<GroupName> = delegates
            .iter()
            .filter(|a| a.kind == AffinityKind::StrongPositiveDelegating)
            .filter(|a| board.sheet(&a.target).is_some_and(|s| s.intent.target.contains(from)))
            .map(|a| a.target.clone())
            .filter(|g| !movers.contains(g))
            .collect();
        movers.extend(with);
        at += 1;
    }
    movers
}

/// What keeps the node from being a candidate: the guard, or a bar against a group that would move too.
fn stands_against(
    board: &Board<'_>,
    (resource, group, to): (&ResourceName, &GroupName, &NodeName),
    together: &[&GroupName],
) -> Option<String> {
    let sheet = board.sheet(group)?;
    let interval_s = sheet.group.map_or(0, |g| u64::from(g.pingpong_interval_s));
    let now_ms = board.situation.now_ms;
    let left = sheet.history.giveovers.iter().find(|g| {
        // Either way: a time far ahead is that of a clock which was set back since.
        g.resource == *resource && g.node == *to && now_ms.abs_diff(g.at_ms) < interval_s * 1000
    });
    if let Some(left) = left {
        let ago_s = now_ms.saturating_sub(left.at_ms) / 1000;
        return Some(format!(
            "{to} was given up by {resource} {ago_s} s ago (Pingpong_interval is {interval_s} s)"
        ));
    }
    together.iter().filter(|g| **g != group).find_map(|other| {
        let sheet = board.sheet(other)?;
        let bar = bars::find(board, sheet, to, together)?;
        Some(format!("{other} cannot go there with it: {}", bar.say(to)))
    })
}

enum Checks {
    Passed,
    Waits(Vec<(JobId, Job)>),
    Failed(String),
}

/// MONITOR_CHECK of every resource that is enabled there and has one.
fn checks(cluster: &Cluster, request: &RequestId, movers: &[GroupName], node: &NodeName) -> Checks {
    let mut new = NewJobs::new(cluster, request);
    let mut waits = false;
    let config = &cluster.config;
    let calls: Vec<MethodCall> = movers
        .iter()
        .flat_map(|group| config.resources_of(group))
        .filter(|(_, resource)| resource.enabled.is_on(node))
        .filter_map(|(name, _)| config.call(name, Method::MonitorCheck, &[]))
        .collect();
    for call in calls {
        match outcome(cluster, request, node, &call) {
            Check::Passed(_) => {}
            Check::DoesNotCount => return Checks::Failed(format!("{node} is not a member")),
            Check::Runs => waits = true,
            Check::Missing => {
                waits = true;
                new.ask(node, JobKind::Method(call));
            }
            Check::Failed(output) => {
                let (resource, output) = (call.resource, output.trim());
                let said = if output.is_empty() { "it said nothing" } else { output };
                return Checks::Failed(format!("MONITOR_CHECK of {resource} on {node}: {said}"));
            }
        }
    }
    if waits { Checks::Waits(new.jobs) } else { Checks::Passed }
}

//! The finished plan against decision 0009, without looking at how it was made: a plan that breaks one of these rules is not written.
//!
//! Shares no code with the passes, so that it does not share their errors.

#[cfg(test)]
mod tests;

use super::{Plan, Step};
use crate::model::{
    AffinityKind, Cluster, Configuration, FenceState, Group, GroupState, Holder, Intent, JobKind,
    Operation,
};
use crate::names::{GroupName, NodeName};
use crate::store::{Change, Key, Object};
use std::collections::{BTreeMap, BTreeSet};

/// What is wrong with it, one sentence each.
pub fn check(cluster: &Cluster, plan: &Plan) -> Result<(), Vec<String>> {
    let mut wrong = Vec::new();
    if plan.steps.is_empty() {
        return Ok(());
    }
    let changes: Vec<&Change> = plan.steps.iter().flat_map(|s| &s.changes).collect();
    check_keys(cluster, plan, &changes, &mut wrong);
    let after = After::of(cluster, &changes);
    for change in &changes {
        if let Key::Intent(group) = &change.key {
            let intent = match &change.object {
                Some(Object::Intent(intent)) => Some(intent),
                _ => None,
            };
            check_intent(&after, group, intent, &mut wrong);
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

/// The cluster as the plan would leave it.
struct After<'a> {
    cluster: &'a Cluster,
    intents: BTreeMap<&'a GroupName, &'a Intent>,
    groups: BTreeMap<&'a GroupName, &'a Group>,
    /// Lost nodes for which an operator vouches in this plan.
    confirmed: BTreeSet<&'a NodeName>,
    config: Configuration,
}

impl<'a> After<'a> {
    fn of(cluster: &'a Cluster, changes: &[&'a Change]) -> Self {
        let mut after = Self {
            cluster,
            intents: cluster.intents.iter().collect(),
            groups: cluster.config.groups.iter().collect(),
            confirmed: BTreeSet::new(),
            config: Configuration::default(),
        };
        for change in changes {
            match (&change.key, &change.object) {
                (Key::Intent(group), Some(Object::Intent(intent))) => {
                    after.intents.insert(group, intent);
                }
                (Key::Intent(group), None) => {
                    after.intents.remove(group);
                }
                (Key::Group(name), Some(Object::Group(group))) => {
                    after.groups.insert(name, group);
                }
                (Key::Group(name), None) => {
                    after.groups.remove(name);
                }
                (Key::Cluster, Some(Object::Cluster(settings))) => {
                    after.config.cluster = settings.clone();
                }
                (Key::Request(id), None) => {
                    if let Some(Operation::ConfirmDead { node }) =
                        cluster.requests.get(id).map(|r| &r.operation)
                    {
                        after.confirmed.insert(node);
                    }
                }
                _ => {}
            }
        }
        after
    }

    /// Whether the life a holder names can write nothing any more.
    fn is_harmless(&self, group: &GroupName, holder: &Holder) -> bool {
        let cluster = self.cluster;
        if let Some(member) = cluster.members.get(&holder.node) {
            return member.incarnation != holder.incarnation;
        }
        let fenced = cluster
            .fences
            .get(&holder.node)
            .is_some_and(|f| f.state == FenceState::Done && f.incarnation >= holder.incarnation);
        let agent_succeeded = cluster.jobs.values().any(|job| {
            matches!(&job.kind, JobKind::Fence { node, incarnation, .. }
                if *node == holder.node && *incarnation >= holder.incarnation)
                && job.result.as_ref().is_some_and(|r| r.ok)
        });
        let allowed = cluster.config.cluster.unfenced_storage_allowed
            || self.config.cluster.unfenced_storage_allowed;
        let unreadable =
            cluster.problems.contains_key(&Key::Member(holder.node.clone()).to_string());
        let shared = cluster.config.has_shared_storage(group);
        let confirmed = self.confirmed.contains(&holder.node);
        !unreadable && (!shared || allowed || fenced || agent_succeeded || confirmed)
    }

    /// Whether the node has said, under the generation it must, that it is offline.
    fn has_acknowledged(&self, group: &GroupName, holder: &Holder) -> bool {
        let Some(said) = self.cluster.observed.get(&holder.node).and_then(|g| g.get(group)) else {
            return false;
        };
        if said.incarnation != holder.incarnation
            || !matches!(said.state, GroupState::Offline | GroupState::Unmanaged)
        {
            return false;
        }
        match holder.withdrawn {
            Some(generation) => said.generation >= generation,
            None => {
                let intent = self.cluster.intents.get(group);
                let given = intent.map_or(u64::MAX, |i| {
                    let given = i.permitted.iter().find(|(n, _)| *n == holder.node);
                    given.map_or(i.generation, |(_, generation)| *generation)
                });
                said.start_failure.as_ref().is_some_and(|f| f.generation >= given)
            }
        }
    }
}

fn check_keys(cluster: &Cluster, plan: &Plan, changes: &[&Change], wrong: &mut Vec<String>) {
    for step in &plan.steps {
        if step.changes.len() > Step::CHANGES_MAX {
            wrong.push(format!("a step has {} changes", step.changes.len()));
        }
    }
    let mut keys = BTreeSet::new();
    for change in changes {
        if !keys.insert(&change.key) {
            wrong.push(format!("{} is written twice", change.key));
        }
        if !cluster.problems.is_empty() && cluster.problems.contains_key(&change.key.to_string()) {
            wrong.push(format!("{} cannot be read and would be written over", change.key));
        }
        if let Key::Request(id) = &change.key
            && !changes.iter().any(|c| c.key == Key::Answer(id.clone()) && c.object.is_some())
        {
            wrong.push(format!("{} is deleted without an answer", change.key));
        }
    }
}

fn check_intent(
    after: &After<'_>,
    group: &GroupName,
    intent: Option<&Intent>,
    wrong: &mut Vec<String>,
) {
    let nothing = Intent::default();
    let before = after.cluster.intents.get(group);
    let now = intent.unwrap_or(&nothing);
    let was = before.unwrap_or(&nothing);
    if intent.is_some() && now.generation <= was.generation {
        wrong.push(format!("{group}: generation {} follows {}", now.generation, was.generation));
    }
    for holder in &was.holders {
        let kept = now.holders.iter().any(|h| {
            h.node == holder.node
                && h.incarnation == holder.incarnation
                && (h.withdrawn.is_some() || holder.withdrawn.is_none())
        });
        let over = after.is_harmless(group, holder) || after.has_acknowledged(group, holder);
        if !kept && !over {
            let Holder { node, incarnation, .. } = holder;
            wrong.push(format!(
                "{group}: {node} ({}) is dropped and may still have it",
                incarnation.0
            ));
        }
    }
    let is_new = |h: &&Holder| {
        h.withdrawn.is_none()
            && !was.holders.iter().any(|w| {
                w.node == h.node && w.incarnation == h.incarnation && w.withdrawn.is_none()
            })
    };
    let new: Vec<&Holder> = now.holders.iter().filter(is_new).collect();
    if !new.is_empty() {
        check_permits(after, group, (was, now), &new, wrong);
    }
}

fn check_permits(
    after: &After<'_>,
    name: &GroupName,
    (was, now): (&Intent, &Intent),
    new: &[&Holder],
    wrong: &mut Vec<String>,
) {
    let Some(group) = after.groups.get(name).filter(|g| g.managed) else {
        wrong.push(format!("{name}: a permit for a group that is not managed"));
        return;
    };
    if now.holders.len() > group.maximum_primaries as usize {
        wrong.push(format!(
            "{name}: {} holders, Maximum_primaries is {}",
            now.holders.len(),
            group.maximum_primaries
        ));
    }
    let cannot_stop = |h: &&Holder| {
        let said = after.cluster.observed.get(&h.node).and_then(|g| g.get(name));
        let lives =
            after.cluster.members.get(&h.node).is_some_and(|m| m.incarnation == h.incarnation);
        lives
            && said.is_some_and(|o| {
                o.incarnation == h.incarnation && o.state == GroupState::ErrorStopFailed
            })
    };
    if let Some(holder) = was.holders.iter().find(cannot_stop) {
        wrong.push(format!("{name}: a permit while {} could not stop it", holder.node));
    }
    for holder in new {
        let node = &holder.node;
        let member = after.cluster.members.get(node);
        if member.is_none_or(|m| m.incarnation != holder.incarnation) {
            wrong.push(format!("{name}: a permit for {node}, which is not that member"));
        }
        if now.holders.iter().filter(|h| h.node == *node).count() > 1 {
            wrong.push(format!("{name}: {node} holds it twice"));
        }
        for (other, intent) in &after.intents {
            let apart = |a: &Group, b: &GroupName| {
                a.affinities
                    .iter()
                    .any(|x| x.kind == AffinityKind::StrongNegative && x.target == *b)
            };
            let conflict = *other != name
                && intent.holders.iter().any(|h| h.node == *node)
                && (apart(group, other)
                    || after.groups.get(*other).is_some_and(|g| apart(g, name)));
            if conflict {
                wrong.push(format!("{name}: a permit for {node}, where {other} is"));
            }
        }
    }
}

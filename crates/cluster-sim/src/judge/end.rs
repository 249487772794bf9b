//! At rest: "whoever acts is a member", "what should be online is, or it says why not", "what a node says is what runs there", "dependents were restarted with what they depend on",
//! "nothing of a dead life is left".

use crate::methods::self_name;
use crate::world::World;
use rgm::{
    AffinityKind, Cluster, DependencyKind, Group, GroupName, GroupState, NodeName, ResourceName,
};
use std::time::Duration;

/// A dependency counts for what starts that long after it was configured.
/// Longest chain of dependencies that is followed.
const DEPTH_MAX: usize = 8;
const SEEN_BY_THEN: Duration = Duration::from_secs(3);

pub(crate) fn all_is_as_it_should(world: &mut World) {
    let checks = [
        whoever_acts_is_a_member,
        nothing_of_a_dead_life_is_left,
        what_is_said_is_what_runs,
        dependents_were_restarted,
        what_should_be_online_is,
    ];
    for check in checks {
        if let Err(what) = check(world) {
            world.violate("end", what);
        }
    }
}

fn whoever_acts_is_a_member(world: &World) -> Result<(), String> {
    for host in &world.hosts {
        let member = world.truth.members.get(&host.name).map(|member| member.incarnation);
        if host.incarnation().is_some() && host.incarnation() != member {
            return Err(format!("{} acts as a member, and the store holds {member:?}", host.name));
        }
    }
    Ok(())
}

fn nothing_of_a_dead_life_is_left(world: &World) -> Result<(), String> {
    let truth = &world.truth;
    for (group, intent) in &truth.intents {
        for holder in &intent.holders {
            let alive = truth.members.get(&holder.node);
            if alive.is_none_or(|member| member.incarnation != holder.incarnation) {
                return Err(format!("{group} is held by a dead life of {}", holder.node));
            }
            if holder.withdrawn.is_some() {
                return Err(format!("{group} is still held by {}", holder.node));
            }
        }
        if !truth.config.groups.contains_key(group) {
            return Err(format!("the removed {group} has an intent"));
        }
    }
    match truth.fences.keys().next() {
        Some(node) => Err(format!("{node} is alive, and its fencing is not over")),
        None => Ok(()),
    }
}

fn what_is_said_is_what_runs(world: &World) -> Result<(), String> {
    for h in 0..world.hosts.len() {
        let host = &world.hosts[h];
        for (group, config) in &world.truth.config.groups {
            let said = world.truth.group_state(group, &host.name);
            let names = world.truth.config.resources_of(group).map(|(name, _)| name);
            let enabled = names.into_iter().any(|name| can_be_up(world, h, name, DEPTH_MAX));
            let runs = host.book.has(group);
            let is_down = matches!(said, GroupState::Offline | GroupState::Unmanaged);
            if runs && is_down {
                return Err(format!("{group} runs on {} and is said to be {said:?}", self_name(h)));
            }
            if said == GroupState::Online && enabled && !runs && !config.suspended {
                return Err(format!(
                    "{group} is said to be online on {} and does not run",
                    self_name(h)
                ));
            }
        }
    }
    Ok(())
}

/// Whether it and all that it depends on is switched on and of the same group.
fn can_be_up(world: &World, h: usize, name: &ResourceName, depth: usize) -> bool {
    let config = &world.truth.config;
    let node = &world.hosts[h].name;
    let (Some(resource), Some(depth)) = (config.resources.get(name), depth.checked_sub(1)) else {
        return false;
    };
    let strong = config.dependencies_of(name).into_iter().filter(|d| d.kind.is_strong());
    let group = |on: &ResourceName| config.resources.get(on).map(|r| &r.group);
    resource.enabled.is_on(node)
        && strong
            .into_iter()
            .all(|d| group(&d.on) == Some(&resource.group) && can_be_up(world, h, &d.on, depth))
}

fn dependents_were_restarted(world: &World) -> Result<(), String> {
    let config = &world.truth.config;
    for (h, host) in world.hosts.iter().enumerate() {
        for (name, resource) in &config.resources {
            let Some(page) = host.book.0.get(name).filter(|page| page.started) else { continue };
            if world.memory.left_alone.contains(&resource.group) {
                continue;
            }
            let configured = world.memory.configured_at.get(name).copied().unwrap_or_default();
            for dependency in config.dependencies_of(name) {
                let follows = matches!(
                    dependency.kind,
                    DependencyKind::Restart | DependencyKind::OfflineRestart
                );
                let Some(on) = host.book.0.get(&dependency.on) else { continue };
                let same = on.group == resource.group;
                if follows
                    && same
                    && on.started
                    && on.started_at > page.started_at
                    && on.started_at > configured + SEEN_BY_THEN
                    && config.has_method(resource, rtr::Method::Start)
                {
                    return Err(format!(
                        "{} was restarted on {}, and {name} after it not",
                        dependency.on,
                        self_name(h)
                    ));
                }
            }
        }
    }
    Ok(())
}

fn what_should_be_online_is(world: &World) -> Result<(), String> {
    for (name, group) in &world.truth.config.groups {
        if group.managed && !group.suspended {
            judge_group(world, name, group)?;
        }
    }
    Ok(())
}

/// A suspended group that must not be with this one has the node.
fn is_beside_an_immovable(truth: &Cluster, name: &GroupName, node: &NodeName) -> bool {
    truth.config.groups.iter().any(|(other, group)| {
        let negative =
            |a: &rgm::Affinity| a.kind == AffinityKind::StrongNegative && a.target == *name;
        group.suspended
            && group.affinities.iter().any(negative)
            && truth.intents.get(other).is_some_and(|i| i.holders.iter().any(|h| h.node == *node))
    })
}

fn judge_group(world: &World, name: &GroupName, group: &Group) -> Result<(), String> {
    let truth = &world.truth;
    let Some(intent) = truth.intents.get(name) else {
        return Err(format!("{name} is managed and has no intent"));
    };
    let up = |state: GroupState| {
        matches!(
            state,
            GroupState::Online | GroupState::OnlineFaulted | GroupState::PendingOnlineBlocked
        )
    };
    let on = truth.members.keys().filter(|node| up(truth.group_state(name, node))).count();
    for node in &intent.target {
        let state = truth.group_state(name, node);
        let stuck = state == GroupState::ErrorStopFailed;
        if !up(state) && !stuck && intent.holders.iter().any(|h| h.node == *node) {
            return Err(format!("{name} is permitted on {node}, and {state:?} there"));
        }
    }
    let can = |node: &&NodeName| {
        truth.is_member(node)
            && truth.config.nodes.get(*node).is_some_and(|n| !n.maintenance)
            && !intent.avoid.iter().any(|(avoided, _)| avoided == *node)
            && !is_beside_an_immovable(truth, name, node)
    };
    let candidates = group.nodelist.iter().filter(can).count();
    let wanted = (group.desired_primaries.min(group.maximum_primaries) as usize).min(candidates);
    let is_free = group.affinities.is_empty() && group.dependencies.is_empty();
    let is_excused = intent.rest.is_some()
        || !is_free
        || intent.chosen.is_some()
        || truth.history.get(name).is_some_and(|history| !history.attempts.is_empty());
    if on < wanted && !is_excused {
        return Err(format!(
            "{name} is online on {on} nodes and should be on {wanted}: {}",
            intent.why
        ));
    }
    if on == 0 && wanted > 0 && intent.why.is_empty() {
        return Err(format!("{name} is offline and says no reason"));
    }
    Ok(())
}

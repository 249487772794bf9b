//! Coming to rest: "after faults stop the cluster reaches the planner's fixed point, and everything asked is answered", "no endless flapping".

use super::end;
use crate::chaos::{CALM, REST};
use crate::configuration::node;
use crate::methods::self_name;
use crate::world::{Event, World};
use rgm::planner::{Situation, plan};
use rgm::{
    FailoverMode, GroupName, GroupState, JobKind, MethodCall, Operation, ResourceName,
    ResourceState,
};
use rtr::Method;
use std::time::Duration;

/// Time between two looks.
const LOOK: Duration = Duration::from_millis(700);
/// Looks at rest, one after another, that make the end.
const RESTFUL_LOOKS: u32 = 3;
/// Changes of where a group should be, after the calm.
const CALM_MOVES_MAX: u32 = 16;
/// Permits under which a group may fail to start on one node within Pingpong_interval (the rebalance guard).
const FAILED_STARTS_MAX: usize = 2;
/// A shorter Pingpong_interval lets attempts be forgotten within a seed.
const LONG_INTERVAL_S: u32 = 600;

pub(crate) fn disturbed(world: &mut World) {
    world.memory.restful = 0;
}

pub(crate) fn no_flapping(world: &mut World, group: &GroupName) {
    let moves = world.memory.calm_moves.get(group).copied().unwrap_or(0);
    if moves > CALM_MOVES_MAX {
        world.violate("flapping", format!("{group} moved {moves} times after all was well"));
    }
}

/// A start has failed; after too many nobody may try again here without a reason.
pub(crate) fn no_start_after_too_many_failures(world: &mut World, h: usize, call: &MethodCall) {
    if world.is_calm || call.method != Method::Start || world.shape.wild_clocks {
        return;
    }
    let config = &world.truth.config;
    let (Some(resource), Some(group)) =
        (config.resources.get(&call.resource), config.groups.get(&call.group))
    else {
        return;
    };
    let moves = matches!(resource.failover_mode, FailoverMode::Soft | FailoverMode::Hard);
    let counts = moves && group.pingpong_interval_s >= LONG_INTERVAL_S;
    if !counts || !world.never_starts.contains(&(h, call.resource.clone())) {
        return;
    }
    let host = &world.hosts[h];
    let Some(intent) = world.truth.intents.get(&call.group) else { return };
    let permitted = intent.holders.iter().any(|holder| {
        holder.node == host.name
            && Some(holder.incarnation) == host.incarnation()
            && holder.withdrawn.is_none()
    });
    let given = intent.permitted.iter().find(|(node, _)| *node == host.name);
    let (true, Some((_, generation))) = (permitted, given) else { return };
    let generation = *generation;
    let failed = world.memory.failed_starts.entry((call.group.clone(), h)).or_default();
    failed.insert(generation);
    let failed = failed.len();
    if failed > FAILED_STARTS_MAX {
        let what =
            format!("{} failed to start on {} under {failed} permits", call.group, self_name(h));
        world.violate("flapping", what);
    }
}

/// What is online has no failed starts any more, nor has a cluster that has formed anew.
pub(crate) fn forget_failed_starts(world: &mut World) {
    let truth = &world.truth;
    let is_over = |group: &GroupName| {
        let online = truth.members.keys().any(|node| truth.group_state(group, node).is_online());
        let placed_for = truth.intents.get(group).map(|intent| &intent.placed_for);
        let knows = |member: &rgm::Member| {
            placed_for.is_some_and(|before| before.contains(&member.incarnation))
        };
        online || !truth.members.values().any(knows)
    };
    world.memory.failed_starts.retain(|(group, _), _| !is_over(group));
}

/// Is it at rest? If it has been for some looks, all must be as it should; if it never is, that is a violation.
pub(crate) fn look(world: &mut World) {
    clear_what_could_not_be_stopped(world);
    have_removed_nodes_back(world);
    match unrest(world) {
        Some(why) => {
            world.memory.restful = 0;
            if world.now > REST {
                world.violate("rest", format!("{:?} after the calm: {why}", world.now - CALM));
            }
            world.note(|| format!("not at rest: {why}"));
        }
        None => world.memory.restful += 1,
    }
    if world.memory.restful >= RESTFUL_LOOKS {
        end::all_is_as_it_should(world);
        world.is_over = true;
        return;
    }
    world.after(LOOK, Event::Look);
}

/// An operator does that, again and again.
fn clear_what_could_not_be_stopped(world: &mut World) {
    let mut failed: Vec<(ResourceName, usize)> = Vec::new();
    for resource in world.truth.config.resources.keys() {
        for h in 0..world.hosts.len() {
            if world.truth.resource_state(resource, &node(h)) == ResourceState::StopFailed {
                failed.push((resource.clone(), h));
            }
        }
    }
    let Some((resource, h)) = failed.first().cloned() else { return };
    if world.asked.values().any(|a| matches!(a.operation, Operation::ClearStopFailed { .. })) {
        return;
    }
    if let Some(page) = world.hosts[h].book.0.get_mut(&resource) {
        page.up = false;
        page.started = false;
        page.monitored = false;
    }
    let operation = Operation::ClearStopFailed { resources: vec![resource], nodes: vec![node(h)] };
    let by = (0..world.hosts.len()).find(|h| world.hosts[*h].incarnation().is_some());
    if let Some(by) = by {
        world.ask(by, operation, "root");
    }
}

/// An operator who had removed a node has it back.
fn have_removed_nodes_back(world: &mut World) {
    let known = &world.truth.config.nodes;
    let Some(h) = (0..world.hosts.len()).find(|h| !known.contains_key(&node(*h))) else { return };
    if world.asked.values().any(|a| matches!(a.operation, Operation::AddNode { .. })) {
        return;
    }
    let by = (0..world.hosts.len()).find(|h| world.hosts[*h].incarnation().is_some());
    if let Some(by) = by {
        world.ask(by, Operation::AddNode { node: node(h) }, "root");
    }
}

/// What is still under way.
fn unrest(world: &World) -> Option<String> {
    for h in 0..world.hosts.len() {
        if let Some(why) = unrest_of(world, h) {
            return Some(format!("{}: {why}", self_name(h)));
        }
    }
    if let Some((asker, asked)) = world.asked.first_key_value() {
        return Some(format!("({asker}) of {:?} is not answered: {:?}", asked.at, asked.operation));
    }
    let truth = &world.truth;
    if let Some(key) = truth.requests.keys().next() {
        return Some(format!("request {} is open", key.0));
    }
    // Answers for lives that are over are deleted when they are old.
    let is_awaited = |id: &&rgm::RequestId| {
        let life = id.0.split('-').next().and_then(|n| n.parse().ok());
        truth.members.values().any(|member| Some(member.incarnation.0) == life)
    };
    if let Some(key) = truth.answers.keys().find(is_awaited) {
        return Some(format!("answer {} lies there", key.0));
    }
    // A restart in place waits as long as what its resource depends on in another group is down.
    let waits = |kind: &JobKind| match kind {
        JobKind::Restart(resource) => truth.config.resources.get(resource).is_some_and(|r| {
            truth
                .members
                .keys()
                .any(|n| truth.group_state(&r.group, n) == GroupState::PendingOnlineBlocked)
        }),
        _ => false,
    };
    if let Some((id, _)) = truth.jobs.iter().find(|(_, job)| !waits(&job.kind)) {
        return Some(format!("job {id:?} lies there"));
    }
    let Some(president) = &truth.president else { return Some("there is no president".to_owned()) };
    let host = world.hosts.iter().find(|host| host.name == president.node)?;
    let situation = Situation {
        now_ms: host.clocks.now(world.now).wall_ms,
        node: president.node.clone(),
        incarnation: president.incarnation,
        planted: world.planted(),
    };
    let steps = plan(truth, &situation).steps;
    let key = steps.iter().flat_map(|step| &step.changes).next()?.key.to_string();
    Some(format!("the president would write {key}"))
}

fn unrest_of(world: &World, h: usize) -> Option<String> {
    let host = &world.hosts[h];
    let Some(core) = &host.core else { return Some("no daemon runs".to_owned()) };
    let Some(executor) = core.executor() else { return Some("it is no member".to_owned()) };
    if host.sight.seen != world.store.revision() {
        return Some("it has not seen all".to_owned());
    }
    if let Some(call) = host.runs.keys().next() {
        return Some(format!("call {} runs", call.0));
    }
    let mut executor = executor.clone();
    let orders = executor.step(&world.truth, host.clocks.now(world.now).wall_ms);
    orders.first().map(|order| format!("the executor would order {order:?}"))
}

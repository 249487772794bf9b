//! What is written: "only the president writes what is the president's", "an intent's generation grows", "a permit is never given beside a group with which
//! it must not be", "every change of primaries is in the history", "a node says offline only when nothing runs there".

use crate::methods::self_name;
use crate::network::Arrival;
use crate::world::World;
use rgm::store::{Key, Raw, Transaction};
use rgm::{AffinityKind, Cluster, GroupName, GroupState, Intent};
use std::collections::BTreeSet;
use std::str::FromStr;

/// A key is about to change in the checkers' truth.
pub(crate) fn before_change(world: &mut World, key: &str, raw: Option<&Raw>) {
    match Key::from_str(key) {
        Ok(Key::Intent(group)) => {
            let Some(raw) = raw else { return };
            let mut scratch = Cluster::default();
            scratch.apply(key, Some(raw.clone()));
            let Some(next) = scratch.intents.remove(&group) else {
                return world.violate("store", format!("{key} cannot be read"));
            };
            judge_intent(world, &group, &next);
        }
        Ok(Key::Member(node)) => {
            let host = world.hosts.iter().position(|host| host.name == node);
            if let (Some(h), Some(raw)) = (host, raw) {
                world.memory.failed_starts.retain(|(_, on), _| *on != h);
                super::fencing::joined(world, h, rgm::Incarnation(raw.create_revision));
            }
        }
        Ok(Key::Resource(name)) => {
            let now = world.now;
            world.memory.configured_at.insert(name, now);
        }
        Ok(Key::Group(_)) => super::config::note_groups(world, key, raw),
        Ok(_) => {}
        Err(_) => world.violate("store", format!("{key} is no key")),
    }
}

fn judge_intent(world: &mut World, group: &GroupName, next: &Intent) {
    let before = world.truth.intents.get(group).cloned().unwrap_or_default();
    if next.generation <= before.generation {
        let what = format!("{group}: generation {} after {}", next.generation, before.generation);
        world.violate("generation", what);
    }
    let new = |h: &&rgm::Holder| {
        h.withdrawn.is_none()
            && !before.holders.iter().any(|b| b.node == h.node && b.withdrawn.is_none())
    };
    // Withdrawn before it was seen that the start had failed: no attempt.
    for holder in next.holders.iter().filter(|holder| holder.withdrawn.is_some()) {
        let was = before.holders.iter().any(|b| b.node == holder.node && b.withdrawn.is_none());
        let generation = before.permitted.iter().find(|(node, _)| *node == holder.node);
        if let (true, Some((_, generation))) = (was, generation) {
            for (key, failed) in &mut world.memory.failed_starts {
                if key.0 == *group && world.hosts[key.1].name == holder.node {
                    failed.remove(generation);
                }
            }
        }
    }
    let given: Vec<rgm::NodeName> =
        next.holders.iter().filter(new).map(|h| h.node.clone()).collect();
    world.memory.given.extend(given.into_iter().map(|node| (group.clone(), node)));
    if next.target != before.target {
        world.memory.moves += 1;
        if world.is_calm {
            *world.memory.calm_moves.entry(group.clone()).or_default() += 1;
        }
        super::rest::no_flapping(world, group);
    }
}

/// The truth shows all that was written.
pub(crate) fn after_changes(world: &mut World) {
    super::rest::forget_failed_starts(world);
    for (group, node) in std::mem::take(&mut world.memory.given) {
        never_beside(world, &group, &node);
    }
}

/// A permit is given: no group with which this one must not be may hold the node.
fn never_beside(world: &mut World, group: &GroupName, node: &rgm::NodeName) {
    let Some(config) = world.truth.config.groups.get(group) else { return };
    let holds = |other: &GroupName| {
        world.truth.intents.get(other).is_some_and(|i| i.holders.iter().any(|h| h.node == *node))
    };
    let mut negative = config.affinities.iter().filter(|a| a.kind == AffinityKind::StrongNegative);
    if let Some(beside) = negative.find(|a| holds(&a.target)) {
        let what = format!("{group} may start on {node}, where {} still is", beside.target);
        world.violate("affinity", what);
    }
}

/// What a node says of itself agrees with what runs there.
pub(crate) fn own_reports(world: &mut World, h: usize, transaction: &Transaction) {
    for (key, value, _) in &transaction.writes {
        let (Ok(Key::Observed(node, group)), Some(value)) = (Key::from_str(key), value) else {
            continue;
        };
        let mut scratch = Cluster::default();
        let raw = Raw { value: value.clone(), create_revision: 1, mod_revision: 1 };
        scratch.apply(key, Some(raw));
        let said = scratch.observed.get(&node).and_then(|groups| groups.get(&group));
        let Some(said) = said else { continue };
        let is_offline = matches!(said.state, GroupState::Offline | GroupState::Unmanaged);
        if is_offline && world.hosts[h].book.has(&group) {
            let what =
                format!("{} says that {group} is {:?}, and it runs", self_name(h), said.state);
            world.violate("report", what);
        }
    }
}

/// The truth is still as it was when the store decided.
pub(crate) fn only_the_president_writes(
    world: &mut World,
    arrival: &Arrival,
    transaction: &Transaction,
) {
    let name = world.hosts[arrival.host].name.clone();
    let is_own = |key: &str| match Key::from_str(key) {
        Ok(Key::Member(node) | Key::Observed(node, _) | Key::Fini(node, _)) => node == name,
        Ok(Key::Job(id)) => id.node == name,
        Ok(Key::President | Key::Request(_)) => true,
        Ok(Key::Answer(_)) => true,
        _ => false,
    };
    let Some((key, ..)) = transaction.writes.iter().find(|(key, ..)| !is_own(key)) else { return };
    let president = world.truth.president.as_ref();
    let is_president =
        president.is_some_and(|p| p.node == name && Some(p.incarnation) == arrival.sender);
    if !is_president {
        let what = format!("{name} wrote {key} and is not the president");
        world.violate("president", what);
    }
    a_move_is_in_the_history(world, transaction);
}

/// Whoever changes where a group should be says why, in the same step.
fn a_move_is_in_the_history(world: &mut World, transaction: &Transaction) {
    for (key, value, _) in &transaction.writes {
        let (Ok(Key::Intent(group)), Some(value)) = (Key::from_str(key), value) else { continue };
        let mut scratch = Cluster::default();
        let raw = Raw { value: value.clone(), create_revision: 1, mod_revision: 1 };
        scratch.apply(key, Some(raw));
        let Some(next) = scratch.intents.get(&group) else { continue };
        let before = world.truth.intents.get(&group);
        let nodes = |intent: &Intent| intent.target.iter().cloned().collect::<BTreeSet<_>>();
        let moved = before.map_or(!next.target.is_empty(), |before| nodes(before) != nodes(next));
        let history = Key::History(group.clone()).to_string();
        if moved && !transaction.writes.iter().any(|(key, ..)| *key == history) {
            world.violate(
                "history",
                format!("{group} moves to {:?}, and no decision says why", next.target),
            );
        }
    }
}

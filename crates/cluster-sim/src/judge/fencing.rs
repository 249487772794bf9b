//! "A group with storage that two nodes can write starts elsewhere only when the lost life of its node is known to be harmless": fenced, replaced by
//! a new life of the same node, or vouched for.

use crate::book::Book;
use crate::methods::self_name;
use crate::world::World;
use rgm::{GroupName, Incarnation};

/// The daemon or the machine died: what the store does not know to be stopped is dangerous.
pub(crate) fn a_life_ends(world: &mut World, h: usize) {
    let name = world.hosts[h].name.clone();
    let Some(member) = world.truth.members.get(&name) else { return };
    let holds = |group: &&GroupName| {
        world.hosts[h].book.has(group)
            && world.truth.intents.get(*group).is_some_and(|intent| {
                intent
                    .holders
                    .iter()
                    .any(|holder| holder.node == name && holder.incarnation == member.incarnation)
            })
    };
    let groups: Vec<GroupName> = world.truth.intents.keys().filter(holds).cloned().collect();
    for group in groups {
        if world.truth.config.has_shared_storage(&group) {
            world.memory.dangerous.insert((h, group));
        }
    }
}

/// The node was made harmless: its power is off.
impl World {
    pub(crate) fn fenced(&mut self, h: usize) {
        self.memory.dangerous.retain(|(of, _)| *of != h);
        self.hosts[h].book = Book::default();
        self.crash_machine(h);
        self.memory.dangerous.retain(|(of, _)| *of != h);
    }
}

/// A new life is a member: nothing of the old one is left.
pub(crate) fn joined(world: &mut World, h: usize, _incarnation: Incarnation) {
    world.memory.dangerous.retain(|(of, _)| *of != h);
}

pub(crate) fn never_beside_a_dangerous_life(world: &mut World, h: usize, group: &GroupName) {
    let settings = &world.truth.config.cluster;
    if settings.unfenced_storage_allowed || !world.truth.config.has_shared_storage(group) {
        return;
    }
    // Whatever its node believes, suspended or not: two that write the same disk are never excused.
    let single =
        world.truth.config.groups.get(group).is_some_and(|g| g.mode == rgm::GroupMode::Failover);
    let beside = (0..world.hosts.len())
        .find(|of| *of != h && world.hosts[*of].is_on && world.hosts[*of].book.has(group));
    if let (true, Some(of)) = (single, beside) {
        let what = format!("{group} starts on {}, and runs on {}", self_name(h), self_name(of));
        world.violate("fencing", what);
    }
    let dangerous = world.memory.dangerous.iter().find(|(of, g)| *of != h && g == group);
    if let Some((of, _)) = dangerous.cloned() {
        let (here, there) = (self_name(h), self_name(of));
        let what = format!("{group} starts on {here}, and the lost {there} was not fenced");
        world.violate("fencing", what);
    }
}

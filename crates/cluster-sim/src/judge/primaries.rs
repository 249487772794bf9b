//! "A failover group never runs on two nodes, and no group on more than Maximum_primaries." A resource runs from the beginning of its first
//! start method to the end of its last stop method, unless its node is dead, suspended, or was suspended beyond its lease.

use crate::methods::self_name;
use crate::world::World;
use rgm::{GroupMode, GroupName};

pub(crate) fn never_more_than_maximum(world: &mut World, group: &GroupName) {
    let Some(config) = world.truth.config.groups.get(group) else { return };
    let most = match config.mode {
        GroupMode::Failover => 1,
        GroupMode::Scalable => config.maximum_primaries,
    };
    let most = most.max(world.memory.maximum.get(group).copied().unwrap_or(1));
    let runs = |h: &usize| {
        let host = &world.hosts[*h];
        host.is_on && !host.frozen && !host.stale && !host.disowned && host.book.has(group)
    };
    let on: Vec<usize> = (0..world.hosts.len()).filter(runs).collect();
    if on.len() > most as usize {
        let names: Vec<String> = on.into_iter().map(self_name).collect();
        let what = format!("{group} runs on {}, and may on {most}", names.join(" and "));
        world.violate("two primaries", what);
    }
}

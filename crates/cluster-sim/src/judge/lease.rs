//! Leases and lives: "a node believes in its lease only as long as the store keeps it", "an incarnation has one life".

use crate::methods::self_name;
use crate::world::World;
use rgm::Incarnation;
use std::time::Duration;

/// What the drift of a clock can make of a lease.
const DRIFT: Duration = Duration::from_millis(45);

/// What the guard is told is not later than the end of the lease at the store.
pub(crate) fn believed_no_longer_than_kept(world: &mut World, h: usize, until: Duration) {
    let Some(lease) = world.hosts[h].lease else { return };
    let when = world.hosts[h].clocks.when(until).saturating_sub(DRIFT);
    if when > world.now && !world.store.is_alive(when, lease) {
        let what =
            format!("{} believes in its lease until {when:?}, the store does not", self_name(h));
        world.violate("lease", what);
    }
}

/// A new life never takes the incarnation of another.
pub(crate) fn an_incarnation_has_one_life(world: &mut World, h: usize, incarnation: Incarnation) {
    let life = (h, world.hosts[h].life);
    let before = world.memory.incarnations.insert(incarnation, life);
    if before.is_some_and(|before| before != life) {
        let what = format!("{} is incarnation {} a second time", self_name(h), incarnation.0);
        world.violate("incarnation", what);
    }
}

//! Plays one seed.

use crate::Violation;
use crate::faults::Fault;
use crate::world::World;

/// What came of a seed.
#[derive(Debug, Default)]
pub struct Report {
    /// What must not be; the seed ended with the first.
    pub violations: Vec<Violation>,
    /// What happened, when asked for.
    pub trace: Vec<String>,
    /// Events of the simulation.
    pub events: u64,
    /// Revisions of the store.
    pub revisions: u64,
    /// Start methods that ran.
    pub starts: u64,
    /// How often a group got another target.
    pub moves: u64,
    /// Operations answered.
    pub answers: u64,
    /// Of these accepted.
    pub accepted: u64,
}

/// Plays a seed to its end, or to its first violation.
pub fn play(seed: u64, fault: Option<Fault>, traced: bool) -> Report {
    let mut world = World::new(seed, fault, traced);
    world.set_up();
    world.draw_troubles();
    world.run();
    let memory = world.memory;
    Report {
        violations: memory.violations,
        trace: world.trace,
        events: memory.events,
        revisions: world.store.revision() as u64,
        starts: memory.starts,
        moves: memory.moves,
        answers: memory.answers,
        accepted: memory.accepted,
    }
}

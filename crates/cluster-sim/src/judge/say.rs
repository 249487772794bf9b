//! What is said: "the planner never contradicts itself".

use crate::world::World;

pub(crate) fn no_bad_plan(world: &mut World, sentence: &str) {
    if sentence.contains(rgm::planner::BAD_PLAN) {
        world.violate("plan", sentence.to_owned());
    }
}

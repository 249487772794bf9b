//! Which processes count for `-C level`: descendants of the started process down to that depth (0: it alone).
//!
//! Pure. A process keeps the depth at which it was first seen, also when its parent has died since. One whose parent died
//! before it was seen counts as a child of the started process: rather watched too long than too short.

use std::collections::HashMap;

use crate::proc::Process;

/// The depths of one tree's processes.
#[derive(Debug)]
pub(crate) struct Depths {
    keeper: i32,
    first: i32,
    level: u32,
    known: HashMap<(i32, u64), u32>,
}

impl Depths {
    pub(crate) fn new(keeper: i32, first: i32, level: u32) -> Self {
        Self { keeper, first, level, known: HashMap::new() }
    }

    /// Takes the keeper's descent, parents before children; says whether any process that counts is alive.
    pub(crate) fn is_anyone_alive(&mut self, descent: &[Process]) -> bool {
        let mut now: HashMap<(i32, u64), u32> = HashMap::new();
        let mut by_pid: HashMap<i32, u32> = HashMap::new();
        let mut is_anyone_alive = false;
        for process in descent {
            let key = (process.pid, process.started);
            let depth = match self.known.get(&key) {
                Some(depth) => *depth,
                None if process.pid == self.first => 0,
                None if process.parent == self.keeper => 1,
                None => by_pid.get(&process.parent).map_or(1, |depth| depth.saturating_add(1)),
            };
            now.insert(key, depth);
            by_pid.insert(process.pid, depth);
            is_anyone_alive |= depth <= self.level && !process.is_zombie();
        }
        self.known = now;
        is_anyone_alive
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alive(depths: &mut Depths, pairs: &[(i32, i32)]) -> bool {
        let row = |(pid, parent): &(i32, i32)| Process {
            pid: *pid,
            parent: *parent,
            group: 11,
            session: 10,
            started: 1,
            state: 'S',
            name: String::new(),
        };
        depths.is_anyone_alive(&pairs.iter().map(row).collect::<Vec<_>>())
    }

    #[test]
    fn deeper_processes_do_not_count_even_when_their_parents_are_gone() {
        let mut depths = Depths::new(10, 11, 1);
        assert!(alive(&mut depths, &[(11, 10), (12, 11), (13, 12)]));
        assert!(alive(&mut depths, &[(12, 10), (13, 12)]), "12 is a child of the first");
        assert!(!alive(&mut depths, &[(13, 10)]), "13 was seen at depth 2");
    }

    #[test]
    fn an_orphan_never_seen_before_counts_as_a_child() {
        let mut depths = Depths::new(10, 11, 1);
        assert!(alive(&mut depths, &[(99, 10)]));
        let mut depths = Depths::new(10, 11, 0);
        assert!(!alive(&mut depths, &[(99, 10)]));
    }
}

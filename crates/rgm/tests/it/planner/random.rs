//! Random clusters and random events, small: whatever happens, plans pass their check (the world asserts it), the planner comes to rest, a
//! failover group never runs twice, and once faults have stopped every group is where it should be.

use super::world::{Happened, START_MS, World};
use super::{events, setup};
use rgm::{GroupName, GroupState, NodeName};
use std::fmt::Write as _;

const SEEDS: u64 = 150;
const EVENTS: usize = 40;
const NODES: [&str; 3] = ["n1", "n2", "n3"];
const GROUPS: [&str; 4] = ["a", "b", "c", "d"];

/// Numerical Recipes' generator: enough for choices.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % sides
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.roll(from.len())]
    }
}

#[test]
fn whatever_happens_no_failover_group_runs_twice_and_all_come_to_rest() {
    for seed in 0..SEEDS {
        let mut story = String::new();
        let lived =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| live(seed, &mut story)));
        assert!(lived.is_ok(), "seed {seed}:\n{story}");
    }
}

fn live(seed: u64, story: &mut String) {
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) + 1);
    let mut world = World { now_ms: START_MS, ..World::default() };
    for line in cluster(&mut dice) {
        let _ = writeln!(story, "{line}");
        setup::line(&mut world, &line);
    }
    let mut kept = Vec::new();
    let mut happened = Happened::default();
    for _ in 0..EVENTS {
        let event = event(&mut dice);
        if is_possible(&world, &event) {
            let _ = writeln!(story, "> {event}");
            events::event(&mut world, &event, &mut happened, &mut kept);
            assert_once(&world);
        }
    }
    world.start_fails.clear();
    world.stop_fails.clear();
    world.fence_fails = None;
    world.idle.clear();
    for event in ["n1 n2 n3 restart", "nodes settle", "400 s pass", "nodes settle"] {
        let _ = writeln!(story, "> {event}");
        events::event(&mut world, event, &mut happened, &mut kept);
        assert_once(&world);
    }
    for (name, intent) in &world.cluster.intents {
        let held: Vec<&NodeName> = intent.holders.iter().map(|h| &h.node).collect();
        assert!(intent.target.iter().all(|n| held.contains(&n)), "{name}: {intent:?}");
        assert_eq!(held.len(), intent.target.len(), "{name}: {intent:?}");
    }
}

fn cluster(dice: &mut Dice) -> Vec<String> {
    let mut lines: Vec<String> = NODES.iter().map(|n| format!("node {n} fencing")).collect();
    for (at, group) in GROUPS.iter().enumerate() {
        let first = dice.roll(3);
        let order: Vec<&str> = (0..3).map(|n| NODES[(first + n) % 3]).collect();
        let mut line = format!("group {group} on {}", order.join(" "));
        if at > 0 && dice.roll(2) == 0 {
            let sign = dice.pick(&["+", "++", "+++", "-", "--"]);
            let _ = write!(line, " {sign}{}", GROUPS[dice.roll(at)]);
        }
        for (sides, word) in [(3, " failback"), (6, " max=2 desired=2"), (8, " manual")] {
            if dice.roll(sides) == 0 {
                line += word;
            }
        }
        lines.push(line);
        lines.push(format!("resource r{group} in {group}{}", dice.pick(&["", "", " disk"])));
    }
    lines
}

fn event(dice: &mut Dice) -> String {
    let (node, group) = (dice.pick(&NODES), dice.pick(&GROUPS));
    match dice.roll(20) {
        0 => format!("{node} dies"),
        1..=3 => format!("{node} joins"),
        4 => format!("{node} restarts"),
        5 => format!("{node} cannot start {group}: x"),
        6 => format!("{node} can start {group}"),
        7 => format!("{node} cannot stop {group}"),
        8 => format!("root: scswitch -c -h {node} -j r{group}"),
        9 => format!("root: scswitch -z -g {group} -h {node}"),
        10 => format!("root: scswitch -z -g {group}"),
        11 => format!("root: scswitch -F -g {group}"),
        12 => format!("root: scswitch -S -h {node}"),
        13 => format!("root: scswitch -R -h {node} -g {group}"),
        14 => format!("root: giveover r{group} of {group} from {node}"),
        15 => format!("{} s pass", 1 + dice.roll(90)),
        16 => "fencing fails: x".to_owned(),
        17 => "fencing works".to_owned(),
        18 => format!("{node} settle"),
        _ => "nodes settle".to_owned(),
    }
}

/// A node joins that is not there, and dies or restarts that is.
fn is_possible(world: &World, event: &str) -> bool {
    let (node, rest) = event.split_once(' ').unwrap_or((event, ""));
    let is_member = world.cluster.members.contains_key(node);
    match rest {
        "joins" => !is_member,
        "dies" | "restarts" => is_member,
        _ => true,
    }
}

fn assert_once(world: &World) {
    for (name, group) in &world.cluster.config.groups {
        let runs = |groups: &std::collections::BTreeMap<GroupName, rgm::Observed>| {
            groups.get(name).is_some_and(|o| o.state != GroupState::Offline)
        };
        let running = world.cluster.observed.values().filter(|groups| runs(groups)).count();
        assert!(running <= group.maximum_primaries as usize, "{name} runs on {running} nodes");
    }
}

//! Planner and executor in nodes that fail: a group is always on one node at most, and comes back.

use super::world::{LEASE, Link, World, ms, settings};
use crate::model::{Assignment, GroupState, Operation};
use crate::node::{Effect, Input};
use crate::store::Transaction;
use rtr::Method;
use std::collections::BTreeMap;

fn type_rtr() -> Box<rtr::ResourceType> {
    Box::new(rtr::ResourceType {
        resource_type: "demo".to_owned(),
        vendor_id: None,
        rt_version: "1".to_owned(),
        rt_description: String::new(),
        api_version: 2,
        rt_basedir: Some("/opt/demo".to_owned()),
        failover: false,
        single_instance: false,
        init_nodes: rtr::InitNodes::RgPrimaries,
        pkglist: Vec::new(),
        rt_system: false,
        global_zone: false,
        proxy: false,
        sysdefined_type: None,
        methods: BTreeMap::from([
            (Method::Start, "start".to_owned()),
            (Method::Stop, "stop".to_owned()),
        ]),
        upgrade: None,
        properties: Vec::new(),
    })
}

fn assign(name: &str, value: &str) -> Assignment {
    Assignment { name: name.to_owned(), node: None, value: value.to_owned() }
}

/// Asks and waits for the answer; refusals fail the test.
fn ask(world: &mut World, operation: Operation) {
    let (asker, from) = (u64::try_from(world.now.as_millis()).unwrap(), world.now);
    let index = world.nodes.iter().position(|n| n.runs && n.core.incarnation().is_some()).unwrap();
    let shown = format!("{operation:?}");
    world.ask(index, asker, operation);
    let answered = |w: &World| {
        let mut effects = w.effects_since(index, from).into_iter();
        effects.find_map(|e| match e {
            Effect::Answered { asker: to, answer, .. } if *to == asker => Some(answer.clone()),
            _ => None,
        })
    };
    assert!(world.run_until(ms(1000), |w| answered(w).is_some()), "no answer to {shown}");
    assert_eq!(answered(world).unwrap().refusal, None, "{shown}");
}

/// Nodes n1, n2, … with group `web`, whose resource `http` is online on one of them.
fn online(names: &[&str]) -> World {
    let mut world = World::with(names);
    let is_added = |w: &World| w.nodes.iter().all(|n| n.core.cluster_id().is_some());
    assert!(world.run_until(ms(3000), is_added), "nodes are not added");
    let path = "/demo".to_owned();
    ask(&mut world, Operation::RegisterType { rtr: type_rtr(), path, installed_nodes: None });
    let assignments = vec![assign("Nodelist", &names.join(","))];
    ask(&mut world, Operation::CreateGroup { group: "web".into(), assignments });
    ask(
        &mut world,
        Operation::CreateResource {
            resource: "http".into(),
            type_name: "demo".to_owned(),
            group: "web".into(),
            system: Vec::new(),
            extension: Vec::new(),
            enabled: true,
            builtin: None,
        },
    );
    ask(&mut world, Operation::Online { groups: Some(vec!["web".into()]) });
    assert!(world.run_until(ms(1000), |w| w.where_runs("http").len() == 1), "http is nowhere");
    world.run(ms(500));
    world
}

fn state(world: &World, index: usize) -> GroupState {
    world.core(index).executor().unwrap().group_state(&"web".into())
}

#[test]
fn a_group_goes_online_and_moves_when_asked() {
    let mut world = online(&["n1", "n2"]);
    assert_eq!(world.where_runs("http"), [0]);
    assert_eq!(state(&world, 0), GroupState::Online);
    let groups = vec!["web".into()];
    ask(&mut world, Operation::Switch { groups, nodes: vec!["n2".into()] });
    assert!(world.run_until(ms(1000), |w| w.where_runs("http") == [1]));
}

#[test]
fn a_group_moves_when_its_node_is_silent_within_the_lease() {
    for names in [["n1", "n2", "n3"].as_slice(), &["n1", "n2"]] {
        let mut world = online(names);
        world.nodes[0].runs = false;
        let lost = world.now;
        assert!(world.run_until(LEASE * 2, |w| w.where_runs("http") == [1]));
        assert!(world.now - lost <= LEASE + ms(300), "{:?}", world.now - lost);
        world.nodes[0].runs = true;
        world.run(LEASE);
        assert!(world.core(0).is_over());
        let next = world.add(settings("n1"));
        world.run(LEASE * 2);
        assert_eq!(world.where_runs("http"), [1], "it went back without Failback");
        assert!(world.core(next).incarnation().is_some());
    }
}

#[test]
fn a_group_moves_when_its_node_is_cut_off_either_way() {
    // Where only answers are lost, the last renewals that nobody knows of still lengthen the lease at the store.
    for (link, most) in [(Link::Down, LEASE), (Link::AnswersLost, LEASE * 2)] {
        let mut world = online(&["n1", "n2"]);
        world.nodes[0].link = link;
        let lost = world.now;
        assert!(world.run_until(LEASE * 3, |w| w.where_runs("http") == [1]));
        assert!(world.now - lost <= most + ms(300), "{:?}", world.now - lost);
        world.heal(0);
        world.run(LEASE * 2);
        assert_eq!(world.where_runs("http"), [1]);
    }
}

#[test]
fn a_node_that_leaves_waits_until_its_groups_have_gone() {
    let mut world = online(&["n1", "n2"]);
    world.give(0, Input::LeaveAsked);
    world.run(ms(500));
    assert_eq!(world.where_runs("http"), [0]);
    assert!(!world.core(0).is_over());
    let evacuate = |node: &str| Operation::Evacuate { nodes: vec![node.into()], hold_s: 60 };
    world.ask(1, 1, evacuate("n1"));
    assert!(world.run_until(ms(2000), |w| w.core(0).is_over()));
    assert!(world.run_until(ms(2000), |w| w.where_runs("http") == [1]));
    // The last one goes too; what held both evacuations does not bar their next lives.
    world.ask(1, 2, evacuate("n2"));
    world.run(ms(500));
    world.give(1, Input::LeaveAsked);
    assert!(world.run_until(ms(1000), |w| w.core(1).is_over()));
    assert_eq!(world.where_runs("http"), [0; 0]);
    world.add(settings("n1"));
    world.add(settings("n2"));
    assert!(world.run_until(ms(2000), |w| !w.where_runs("http").is_empty()));
}

#[test]
fn a_lost_president_changes_nothing_for_what_runs_elsewhere() {
    let mut world = online(&["n1", "n2"]);
    ask(&mut world, Operation::Switch { groups: vec!["web".into()], nodes: vec!["n2".into()] });
    assert!(world.run_until(ms(1000), |w| w.where_runs("http") == [1]));
    world.run(ms(500));
    assert_eq!(world.presidents(), [0]);
    let from = world.now;
    world.nodes[0].runs = false;
    world.run(LEASE * 3);
    assert_eq!(world.presidents(), [1]);
    let runs = |e: &&Effect| matches!(e, Effect::Run(..) | Effect::Kill(_));
    assert_eq!(world.effects_since(1, from).into_iter().filter(runs).count(), 0);
}

#[test]
fn a_settled_cluster_writes_nothing() {
    let mut world = online(&["n1", "n2", "n3"]);
    world.run(LEASE * 2);
    let from = world.now;
    world.run(LEASE * 20);
    for index in 0..3 {
        let commits: Vec<&Transaction> = world
            .effects_since(index, from)
            .into_iter()
            .filter_map(|e| if let Effect::Commit(_, t) = e { Some(t) } else { None })
            .collect();
        assert!(commits.is_empty(), "{commits:?}");
    }
}

#[test]
fn when_everything_was_off_the_group_comes_back_with_the_nodes() {
    let mut world = online(&["n1", "n2"]);
    for index in 0..2 {
        world.nodes[index].runs = false;
    }
    world.run(LEASE * 2);
    assert_eq!(world.where_runs("http"), Vec::<usize>::new());
    for name in ["n1", "n2"] {
        let mut settings = settings(name);
        settings.cluster_id = "formed-by-n1".to_owned();
        world.add(settings);
    }
    assert!(world.run_until(ms(5000), |w| !w.where_runs("http").is_empty()));
}

/// A few numbers from a seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    fn index(&mut self, n: usize) -> usize {
        usize::try_from(self.below(u64::try_from(n).unwrap())).unwrap()
    }
}

/// Whatever happened to a node, the guard starts its daemon anew once it is over.
fn restart_the_dead(world: &mut World) {
    for index in 0..world.nodes.len() {
        if world.core(index).is_over() && world.nodes[index].runs {
            world.nodes[index].runs = false;
            let old = world.core(index).settings().clone();
            let cluster_id = world.core(index).cluster().config.cluster.id.clone();
            world.add(crate::node::Settings { cluster_id, ..old });
        }
    }
}

fn hurt(world: &mut World, dice: &mut Dice) {
    let links = [Link::Up, Link::Down, Link::AnswersLost, Link::NoCommits, Link::Late, Link::Slow];
    let index = dice.index(world.nodes.len());
    if world.core(index).is_over() {
        return;
    }
    match dice.below(4) {
        0 => {
            world.nodes[index].runs = false;
            world.run(ms(dice.below(5000)));
            world.nodes[index].runs = true;
        }
        1 => world.heal(index),
        2 => world.nodes[index].link = links[dice.index(links.len())],
        _ => {
            let node = ["n1", "n2", "n3"][dice.index(3)];
            let operation =
                Operation::Switch { groups: vec!["web".into()], nodes: vec![node.into()] };
            world.ask(index, 0, operation);
        }
    }
}

#[test]
fn whatever_happens_a_group_runs_on_one_node_at_most_and_comes_back() {
    for seed in 0..8 {
        let mut dice = Dice(seed);
        let mut world = online(&["n1", "n2", "n3"]);
        for _ in 0..15 {
            hurt(&mut world, &mut dice);
            world.run(ms(dice.below(1500)));
            restart_the_dead(&mut world);
        }
        for index in 0..world.nodes.len() {
            world.heal(index);
        }
        for _ in 0..10 {
            world.run(LEASE);
            restart_the_dead(&mut world);
        }
        assert_eq!(world.presidents().len(), 1, "seed {seed}");
        assert_eq!(
            world.where_runs("http").len(),
            1,
            "seed {seed}: {}",
            world.store.text("intent/web")
        );
    }
}

#[test]
fn an_operation_of_many_steps_is_carried_out_whole() {
    const COUNT: usize = 32;
    let mut world = online(&["n1", "n2"]);
    let mut rtr = type_rtr();
    rtr.resource_type = "fin".to_owned();
    rtr.methods.insert(Method::Fini, "fini".to_owned());
    let path = "/fin".to_owned();
    ask(&mut world, Operation::RegisterType { rtr, path, installed_nodes: None });
    let big = || vec!["big".into()];
    let assignments = vec![assign("Nodelist", "n1,n2")];
    ask(&mut world, Operation::CreateGroup { group: "big".into(), assignments });
    for n in 0..COUNT {
        ask(
            &mut world,
            Operation::CreateResource {
                resource: format!("r{n}").as_str().into(),
                type_name: "fin".to_owned(),
                group: "big".into(),
                system: Vec::new(),
                extension: Vec::new(),
                enabled: false,
                builtin: None,
            },
        );
    }
    ask(&mut world, Operation::Manage { groups: big() });
    let from = world.now;
    // Its FINIs, one for each resource and node, are more than one step takes, and what the first has changed is seen before the second is sent.
    world.watch_is_first = true;
    ask(&mut world, Operation::Unmanage { groups: big() });
    world.run(ms(1000));
    for index in 0..2 {
        let effects = world.effects_since(index, from).into_iter();
        let finis = effects
            .filter(|e| matches!(e, Effect::Run(_, call) if call.method == Method::Fini))
            .count();
        assert_eq!(finis, COUNT, "n{}", index + 1);
    }
    assert!(!world.store.entries.keys().any(|key| key.starts_with("fini/")));
}

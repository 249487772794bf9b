//! Joining, forming a cluster, elections, leaving.

use super::world::{LEASE, Link, World, ms, settings};
use crate::model::NodeConfig;
use crate::node::{Effect, Input};
use crate::store::{Key, Object};

fn over(world: &World, index: usize) -> &str {
    world.nodes[index].over.as_ref().map_or("", |(_, why)| why)
}

#[test]
fn the_first_node_forms_the_cluster_and_plans() {
    let mut world = World::with(&["n1"]);
    assert!(world.run_until(ms(200), |w| w.core(0).is_president()));
    assert!(world.run_until(ms(100), |w| w.core(0).cluster_id() == Some("formed-by-n1")));
    assert!(world.store.text("node/n1").contains("\"id\":1"));
    let said = |e: &&Effect| matches!(e, Effect::Say(_, d) if d.sentence.contains("formed-by-n1"));
    assert_eq!(world.effects_since(0, ms(0)).into_iter().filter(said).count(), 1);
}

#[test]
fn of_several_nodes_one_is_president_and_one_cluster_forms() {
    let mut world = World::with(&["n3", "n1", "n2"]);
    world.run(ms(1500));
    assert_eq!(world.presidents().len(), 1);
    let ids: Vec<&str> =
        (0..3).map(|i| world.core(i).cluster().config.cluster.id.as_str()).collect();
    assert!(ids.iter().all(|id| *id == ids[0] && !id.is_empty()), "{ids:?}");
}

#[test]
fn a_node_without_memory_asks_to_be_added_once() {
    let mut world = World::with(&["n1"]);
    world.run(ms(500));
    world.add(settings("n2"));
    world.run(ms(500));
    let incarnation = world.incarnation(1).0;
    let is_ours = |(key, _): &(&String, _)| key.starts_with(&format!("request/{incarnation:020}-"));
    let asked: Vec<_> = world.store.entries.iter().filter(is_ours).collect();
    let is_added = world.store.has("node/n2");
    assert!(asked.len() == 1 || is_added, "{asked:?}");
}

#[test]
fn the_next_president_follows_within_the_lease() {
    let mut world = World::with(&["n1", "n2", "n3"]);
    world.run(ms(3000));
    let first = world.presidents()[0];
    world.nodes[first].runs = false;
    let lost = world.now;
    assert!(world.run_until(LEASE * 2, |w| w.presidents().len() == 1));
    assert!(world.now - lost <= LEASE + ms(300), "{:?}", world.now - lost);
    world.nodes[first].runs = true;
    world.run(ms(10));
    assert!(over(&world, first).contains("lease"), "{}", over(&world, first));
}

#[test]
fn an_earlier_life_of_the_node_is_waited_for_and_never_removed() {
    let mut world = World::with(&["n1"]);
    world.run(ms(1000));
    let first = world.incarnation(0);
    world.nodes[0].runs = false;
    let second = world.add(settings("n1"));
    world.run(LEASE / 2);
    assert!(world.store.has("member/n1"));
    assert!(world.core(second).incarnation().is_none());
    assert!(world.run_until(LEASE, |w| w.core(second).incarnation().is_some()));
    assert!(world.incarnation(second) > first);
    let said = |e: &&Effect| matches!(e, Effect::Say(_, d) if d.sentence.contains("life before"));
    assert_eq!(world.effects_since(second, ms(0)).into_iter().filter(said).count(), 1);
}

#[test]
fn a_node_joins_although_the_answer_to_its_joining_was_lost() {
    let mut world = World::with(&["n1"]);
    assert!(world.run_until(ms(100), |w| {
        w.nodes[0].effects.iter().any(|(_, e)| matches!(e, Effect::AliveUntil(_)))
    }));
    // The next thing it sends is the transaction that makes it a member.
    assert!(!world.store.has("member/n1") || world.core(0).incarnation().is_none());
    let mut world = World { now: ms(10_000), ..World::default() };
    world.add(settings("n1"));
    world.run(ms(7));
    world.nodes[0].link = Link::AnswersLost;
    world.run(ms(100));
    world.heal(0);
    assert!(world.run_until(ms(1000), |w| w.core(0).incarnation().is_some()));
    assert_eq!(world.nodes[0].over, None);
}

#[test]
fn a_member_whose_key_goes_or_changes_stops() {
    for delete in [true, false] {
        let mut world = World::with(&["n1", "n2"]);
        world.run(ms(1000));
        if delete {
            world.store.delete("member/n2");
        } else {
            let value = world.store.text("member/n2").into_bytes();
            world.store.put("member/n2", value, None);
        }
        world.run(ms(20));
        assert!(over(&world, 1).contains("member/n2"), "{}", over(&world, 1));
        assert_eq!(over(&world, 0), "");
    }
}

#[test]
fn a_node_of_another_cluster_refuses_to_join() {
    let cases = [
        ("other", true, "belongs to cluster other"),
        ("other", false, "holds none"),
        ("formed-by-n1", true, "was removed"),
    ];
    for (remembered, is_formed, expect) in cases {
        let mut world = World::with(if is_formed { &["n1"][..] } else { &[] });
        world.run(ms(500));
        let mut settings = settings("n2");
        settings.cluster_id = remembered.to_owned();
        let index = world.add(settings);
        world.run(ms(500));
        assert!(over(&world, index).contains(expect), "{}", over(&world, index));
        assert!(!world.store.has("member/n2"));
    }
}

#[test]
fn a_configured_node_with_memory_joins_without_asking() {
    let mut world = World::with(&["n1"]);
    world.run(ms(500));
    let config = NodeConfig { id: 2, fencing: None, maintenance: false };
    world.store.put_object(&Key::Node("n2".into()), &Object::Node(config));
    let mut settings = settings("n2");
    settings.cluster_id = "formed-by-n1".to_owned();
    let index = world.add(settings);
    world.run(ms(500));
    assert_eq!(world.core(index).cluster_id(), Some("formed-by-n1"));
    let commits = |e: &&Effect| matches!(e, Effect::Commit(..));
    assert_eq!(world.effects_since(index, ms(0)).into_iter().filter(commits).count(), 1);
}

#[test]
fn a_damaged_cluster_key_keeps_a_node_out_until_it_is_repaired() {
    let mut world = World::with(&["n1"]);
    world.run(ms(500));
    let good = world.store.text("cluster").into_bytes();
    world.store.put("cluster", b"{".to_vec(), None);
    let index = world.add(settings("n2"));
    world.run(LEASE * 2);
    assert!(world.core(index).incarnation().is_none());
    assert_eq!(over(&world, 0), "", "a member went because of a damaged key");
    world.store.put("cluster", good, None);
    assert!(world.run_until(ms(200), |w| w.core(index).incarnation().is_some()));
}

#[test]
fn a_store_that_turns_into_another_cluster_stops_its_members() {
    let mut world = World::with(&["n1"]);
    world.run(ms(500));
    let settings = crate::model::ClusterSettings { id: "x".to_owned(), ..Default::default() };
    world.store.put_object(&Key::Cluster, &Object::Cluster(settings));
    world.run(ms(50));
    assert!(over(&world, 0).contains("now says x"), "{}", over(&world, 0));
}

#[test]
fn a_node_that_leaves_gives_its_lease_back_and_another_plans_at_once() {
    let mut world = World::with(&["n1", "n2"]);
    world.run(ms(1000));
    world.give(0, Input::LeaveAsked);
    assert!(over(&world, 0).contains("leaves in order"));
    assert!(!world.store.has("member/n1"));
    assert!(world.run_until(ms(300), |w| w.presidents() == [1]));
}

#[test]
fn a_listing_forgets_what_it_does_not_name_and_an_old_one_is_ignored() {
    let mut world = World::with(&["n1"]);
    world.run(ms(500));
    world.store.put("odd", b"x".to_vec(), None);
    world.run(ms(20));
    assert_eq!(world.core(0).cluster().problems.len(), 1);
    world.nodes[0].link = Link::Down;
    world.store.delete("odd");
    world.run(ms(20));
    world.heal(0);
    world.run(ms(20));
    assert!(world.core(0).cluster().problems.is_empty());
    let before = world.core(0).cluster().clone();
    for complete in [true, false] {
        let changes = vec![("member/n1".to_owned(), None)];
        world.give(0, Input::StoreChanged { revision: 1, changes, complete });
        assert_eq!(*world.core(0).cluster(), before);
    }
}

#[test]
fn a_president_whose_key_is_damaged_repairs_it_and_plans_on() {
    let mut world = World::with(&["n1", "n2"]);
    world.run(ms(1000));
    assert_eq!(world.presidents(), [0]);
    world.store.put("president", b"{".to_vec(), None);
    world.run(ms(50));
    assert_eq!(world.presidents(), [0]);
    world.nodes[0].runs = false;
    assert!(world.run_until(LEASE * 2, |w| w.presidents() == [1]), "it is not under the lease");
}

#[test]
fn a_member_key_that_never_goes_is_named_with_what_to_do() {
    let mut world = World::with(&[]);
    world.store.put("member/n1", b"{".to_vec(), None);
    let index = world.add(settings("n1"));
    world.run(LEASE * 5);
    let said: Vec<_> = world
        .effects_since(index, ms(0))
        .into_iter()
        .filter_map(|e| if let Effect::Say(_, d) = e { Some(d.sentence.as_str()) } else { None })
        .collect();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[1].contains("delete that key"));
    world.store.delete("member/n1");
    assert!(world.run_until(ms(100), |w| w.core(index).incarnation().is_some()));
}

#[test]
fn a_president_key_that_names_no_member_is_deleted_and_then_somebody_is_elected() {
    let nobody = br#"{"format":1,"kind":"president","value":{"node":"n9","incarnation":3}}"#;
    for value in [&nobody[..], b"{"] {
        let mut world = World::with(&["n1", "n2", "n3"]);
        world.run(ms(3000));
        let first = world.presidents()[0];
        // The president dies, and somebody puts the key back without a lease.
        world.nodes[first].runs = false;
        assert!(world.run_until(LEASE * 2, |w| !w.store.has("president")));
        world.store.put("president", value.to_vec(), None);
        let put = world.store.revision;
        world.run(LEASE * 2);
        assert_eq!(world.store.entries["president"].0.create_revision, put);
        assert!(world.run_until(LEASE * 2, |w| w.presidents().len() == 1));
        // Never written over: the term is the create revision.
        let (raw, _) = &world.store.entries["president"];
        assert!(raw.create_revision > put && raw.create_revision == raw.mod_revision);
        let is_said = |e: &&Effect| matches!(e, Effect::Say(_, d) if d.sentence.contains("has named no member"));
        let said =
            (0..3).map(|i| world.effects_since(i, ms(0)).into_iter().filter(is_said).count());
        assert_eq!(said.sum::<usize>(), 1);
    }
}

#[test]
fn a_president_that_lives_keeps_its_key() {
    let mut world = World::with(&["n1", "n2"]);
    world.run(ms(3000));
    let (first, at) = (world.presidents()[0], world.store.entries["president"].0.create_revision);
    world.run(LEASE * 10);
    assert_eq!(world.presidents(), [first]);
    assert_eq!(world.store.entries["president"].0.create_revision, at);
}

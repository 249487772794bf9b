//! Requests, fence jobs, the president's steps.

use super::world::{LEASE, Link, World, ms};
use crate::executor::MethodOutcome;
use crate::model::*;
use crate::node::{Effect, Input};
use crate::planner::Step;
use crate::store::{Change, Guard, Key, Object};
use std::collections::BTreeMap;

fn remaster() -> Operation {
    Operation::Remaster { groups: None }
}

fn answers(world: &World, index: usize) -> Vec<(u64, Answer)> {
    let answered = |e: &Effect| match e {
        Effect::Answered { asker, answer, .. } => Some((*asker, answer.clone())),
        _ => None,
    };
    world.effects_since(index, ms(0)).into_iter().filter_map(answered).collect()
}

fn refusal(world: &World, index: usize) -> Refusal {
    answers(world, index).pop().and_then(|(_, answer)| answer.refusal).unwrap()
}

/// A world of one member whose president never plans, so that requests stay.
fn without_plans() -> World {
    let mut world = World::with(&["n2", "n1"]);
    world.run(ms(1000));
    let president = world.presidents()[0];
    world.nodes.swap(0, president);
    world.nodes[0].link = Link::AnswersLost;
    world.nodes.remove(0);
    let value = world.store.text("president").into_bytes();
    // Its lease never ends.
    world.store.put("president", value, None);
    world.run(ms(50));
    world
}

#[test]
fn before_it_is_a_member_a_node_refuses_requests() {
    let mut world = World::with(&["n1"]);
    world.ask(0, 7, remaster());
    assert_eq!(refusal(&world, 0).code, SchaCode::Reconf);
}

#[test]
fn a_request_that_cannot_be_written_is_refused_after_one_lease() {
    let mut world = without_plans();
    world.nodes[0].link = Link::NoCommits;
    world.ask(0, 7, remaster());
    world.run(LEASE - ms(1));
    assert!(answers(&world, 0).is_empty());
    world.run(ms(2));
    assert_eq!(refusal(&world, 0).code, SchaCode::Timeout);
    let from = world.now;
    world.nodes[0].link = Link::Up;
    world.run(ms(300));
    let commits = |e: &&Effect| matches!(e, Effect::Commit(..));
    assert_eq!(world.effects_since(0, from).into_iter().filter(commits).count(), 0);
}

#[test]
fn a_request_is_written_once_and_its_answer_fetched_and_deleted() {
    let mut world = without_plans();
    world.ask(0, 7, remaster());
    world.ask(0, 8, remaster());
    world.run(ms(100));
    let is_request =
        |key: &&String| key.starts_with("request/") && world.store.text(key).contains("remaster");
    let keys: Vec<String> = world.store.entries.keys().filter(is_request).cloned().collect();
    assert_eq!(keys.len(), 2);
    assert!(answers(&world, 0).is_empty());
    let answer = Answer { refusal: None, messages: Vec::new(), goals: Vec::new(), at_ms: 1 };
    for key in &keys {
        world.store.delete(key);
        let value = Object::Answer(answer.clone()).encode();
        world.store.put(&key.replace("request", "answer"), value, None);
    }
    world.run(ms(100));
    assert_eq!(answers(&world, 0), [(7, answer.clone()), (8, answer)]);
    assert!(!world.store.entries.keys().any(|key| key.starts_with("answer/")));
}

#[test]
fn a_request_that_was_answered_before_its_node_looked_again_is_not_written_again() {
    let mut world = without_plans();
    world.nodes[0].link = Link::AnswersLost;
    world.ask(0, 7, remaster());
    world.run(ms(20));
    let is_request =
        |key: &&String| key.starts_with("request/") && world.store.text(key).contains("remaster");
    let key = world.store.entries.keys().find(is_request).cloned().unwrap();
    world.store.delete(&key);
    let answer = Answer { refusal: None, messages: Vec::new(), goals: Vec::new(), at_ms: 1 };
    world.store.put(&key.replace("request", "answer"), Object::Answer(answer).encode(), None);
    world.run(ms(700));
    assert!(!world.store.has(&key));
}

#[test]
fn a_request_that_vanishes_without_an_answer_is_refused() {
    let mut world = without_plans();
    world.ask(0, 7, remaster());
    world.run(ms(100));
    let key = world.store.entries.keys().rfind(|key| key.starts_with("request/")).cloned();
    world.store.delete(&key.unwrap());
    world.run(ms(100));
    assert!(refusal(&world, 0).sentence.contains("without an answer"));
}

#[test]
fn a_request_that_is_too_large_is_refused_at_once() {
    let mut world = without_plans();
    world.ask(0, 7, Operation::AddNode { node: "n".repeat(2_000_000).as_str().into() });
    assert_eq!(refusal(&world, 0).code, SchaCode::Inval);
    world.ask(0, 8, remaster());
    world.run(ms(100));
    assert!(world.store.entries.keys().any(|key| key.starts_with("request/")));
}

#[test]
fn too_many_open_requests_are_refused() {
    let mut world = without_plans();
    (0..400).for_each(|asker| world.ask(0, asker, remaster()));
    assert!(refusal(&world, 0).sentence.contains("wait for answers"));
}

#[test]
fn a_fence_job_runs_the_agent_once_and_its_result_is_written() {
    let mut world = without_plans();
    let fencing = Fencing { agent: "fence_x".to_owned(), options: BTreeMap::new(), timeout_s: 5 };
    let incarnation = world.incarnation(0);
    let node = world.core(0).settings().node.clone();
    let kind = JobKind::Fence { node: "n9".into(), incarnation: Incarnation(1), fencing };
    let id = JobId { node, request: RequestId("fence-n9".to_owned()), number: 0 };
    let key = Key::Job(id);
    let job = Job { incarnation, kind, result: None };
    world.store.put_object(&key, &Object::Job(job));
    world.run(ms(100));
    let calls: Vec<_> = world
        .effects_since(0, ms(0))
        .into_iter()
        .filter_map(|e| if let Effect::Fence(call, ..) = e { Some(*call) } else { None })
        .collect();
    assert_eq!(calls.len(), 1);
    let outcome = MethodOutcome::Failed("no route to the switch".to_owned());
    world.give(0, Input::MethodFinished { call: calls[0], outcome, output: String::new() });
    world.run(ms(100));
    let text = world.store.text(&key.to_string());
    assert!(text.contains("no route to the switch") && text.contains("\"ok\":false"), "{text}");
}

fn step(group: &str, description: &str) -> Step {
    let value = Group { description: description.to_owned(), ..Group::default() };
    let change = Change { key: Key::Group(group.into()), object: Some(Object::Group(value)) };
    let sentence = format!("{group} is {description}");
    let decision = Decision { at_ms: 1, sentence, by: "n1".to_owned() };
    Step { changes: vec![change], decisions: vec![(None, decision)] }
}

fn plan(world: &mut World, steps: impl IntoIterator<Item = Step>) {
    world.nodes[0].core.presidency.steps = steps.into_iter().collect();
}

fn said(world: &World, what: &str) -> usize {
    let is_it = |e: &&Effect| matches!(e, Effect::Say(_, d) if d.sentence.contains(what));
    world.effects_since(0, ms(0)).into_iter().filter(is_it).count()
}

#[test]
fn steps_are_written_one_after_another_and_said_when_they_are() {
    let mut world = World::with(&["n1"]);
    world.run(ms(1000));
    plan(&mut world, [step("a", "one"), step("a", "two"), step("b", "three")]);
    world.give(0, Input::TimePassed);
    assert!(world.store.text("group/a").contains("one"));
    assert_eq!(said(&world, "a is one"), 0);
    world.run(ms(6));
    assert_eq!(said(&world, "a is one"), 1);
}

#[test]
fn the_next_step_is_guarded_by_the_last_one_before_the_view_shows_it() {
    let mut world = World::with(&["n1"]);
    world.run(ms(1000));
    world.nodes[0].link = Link::Down;
    plan(&mut world, [step("a", "one"), step("a", "two")]);
    let from = world.now;
    world.give(0, Input::TimePassed);
    let txn = |e: &Effect| if let Effect::Commit(txn, _) = e { Some(*txn) } else { None };
    let sent = world.effects_since(0, from).into_iter().find_map(txn).unwrap();
    world.give(0, Input::Committed { txn: sent, result: Ok(Some(77)) });
    let second = world.effects_since(0, from).pop().cloned();
    let Some(Effect::Commit(_, transaction)) = second else { panic!("{second:?}") };
    let guard = Guard::ChangedAt("group/a".to_owned(), 77);
    assert!(transaction.guards.contains(&guard), "{:?}", transaction.guards);
    assert!(
        transaction.guards.iter().any(|g| matches!(g, Guard::CreatedAt(k, _) if k == "president"))
    );
}

#[test]
fn a_deposed_president_writes_nothing() {
    let mut world = World::with(&["n1"]);
    world.run(ms(1000));
    let value = world.store.text("president").into_bytes();
    world.nodes[0].link = Link::AnswersLost;
    world.store.delete("president");
    world.store.put("president", value, None);
    plan(&mut world, [step("a", "one")]);
    world.give(0, Input::TimePassed);
    assert!(!world.store.has("group/a"));
}

#[test]
fn a_step_whose_key_changed_meanwhile_is_refused() {
    let mut world = World::with(&["n1"]);
    world.run(ms(1000));
    world.store.put_object(&Key::Group("a".into()), &Object::Group(Group::default()));
    plan(&mut world, [step("a", "one"), step("b", "two")]);
    world.give(0, Input::TimePassed);
    world.run(ms(3));
    assert!(!world.store.text("group/a").contains("one"));
    world.run(ms(100));
    assert!(!world.store.has("group/b"), "a later step was written after a refused one");
}

#[test]
fn a_step_whose_answer_was_lost_is_said_when_the_view_shows_it() {
    let mut world = World::with(&["n1"]);
    world.run(ms(1000));
    world.nodes[0].link = Link::AnswersLost;
    plan(&mut world, [step("a", "one")]);
    world.give(0, Input::TimePassed);
    world.run(ms(400));
    assert_eq!(said(&world, "a is one"), 0);
    world.heal(0);
    world.run(ms(300));
    assert_eq!(said(&world, "a is one"), 1);
}

#[test]
fn a_step_that_is_too_large_for_a_request_refuses_the_request() {
    let mut world = World::with(&["n1"]);
    world.run(ms(1000));
    let id = RequestId("1-1".to_owned());
    let request = Request { operation: remaster(), by: "root".to_owned(), at_ms: 1 };
    world.nodes[0].link = Link::Down;
    world.store.put_object(&Key::Request(id.clone()), &Object::Request(request));
    world.heal(0);
    world.run(ms(4));
    let mut large = step("a", &"x".repeat(2_000_000));
    large.changes.push(Change { key: Key::Request(id.clone()), object: None });
    world.run(ms(2));
    plan(&mut world, [large]);
    world.give(0, Input::TimePassed);
    world.run(ms(50));
    assert!(!world.store.has(&Key::Request(id).to_string()));
    assert!(!world.store.has("group/a"));
}

#[test]
fn what_cannot_be_written_over_is_said_once() {
    let mut world = World::with(&["n1"]);
    world.run(ms(1000));
    world.store.put("group/a", b"{".to_vec(), None);
    world.run(ms(50));
    for _ in 0..3 {
        plan(&mut world, [step("a", "one")]);
        world.give(0, Input::TimePassed);
        world.run(ms(50));
    }
    assert_eq!(world.store.text("group/a"), "{");
    assert_eq!(said(&world, "could not be understood"), 1);
}

#[cfg(feature = "planted-faults")]
#[test]
fn a_president_planted_without_guards_writes_when_deposed() {
    use crate::planted::{Planted, PlantedFault};
    let mut world = World { now: ms(10_000), ..World::default() };
    let mut settings = super::world::settings("n1");
    settings.planted = Planted::one(PlantedFault::PresidentUnguarded);
    world.add(settings);
    world.run(ms(1000));
    world.nodes[0].link = Link::AnswersLost;
    world.store.delete("president");
    plan(&mut world, [step("a", "one")]);
    world.give(0, Input::TimePassed);
    assert!(world.store.has("group/a"));
}

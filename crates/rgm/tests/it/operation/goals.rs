//! What a waiting command says, and when it stops waiting.

use super::world::{NOW_MS, World};
use rgm::goal::{Goal, Progress};
use rgm::{Fence, FenceState, GroupState, Incarnation, ResourceState, Rest, RunningMethod};
use rtr::Method;

fn waits(world: &World, goal: &Goal, sentence: &str) {
    assert_eq!(world.progress(goal), Progress::Waiting(sentence.to_owned()));
}

fn fails(world: &World, goal: &Goal, sentence: &str) {
    assert_eq!(world.progress(goal), Progress::Failed(sentence.to_owned()));
}

fn settled() -> Goal {
    Goal::Settled { group: "im".into() }
}

fn at(nodes: &[&str]) -> Goal {
    Goal::Primaries { group: "im".into(), nodes: nodes.iter().map(|n| (*n).into()).collect() }
}

fn running(method: Method) -> Option<RunningMethod> {
    Some(RunningMethod { method, since_ms: NOW_MS - 3_000, timeout_s: 300 })
}

#[test]
fn a_running_method_is_named_with_its_time() {
    let mut world = World::with_im_online();
    world.is("im", "n2", GroupState::PendingOnline);
    world.resource("im", "n2", "app").method = running(Method::Start);
    waits(&world, &settled(), "n2: START of app runs, 3 s of 300 s");
    waits(&world, &at(&["n2"]), "n2: START of app runs, 3 s of 300 s");
    waits(&world, &at(&[]), "n2: START of app runs, 3 s of 300 s");
    let quiet = Goal::Quiet { group: "im".into() };
    waits(&world, &quiet, "n2: START of app runs, 3 s of 300 s");
    let on = Goal::Resource { resource: "app".into(), on: true };
    waits(&world, &on, "n2: START of app runs, 3 s of 300 s");
}

#[test]
fn a_group_is_settled_when_it_is_online_on_its_targets_and_nowhere_else() {
    let mut world = World::with_im_online();
    assert_eq!(world.progress(&settled()), Progress::Reached);
    assert_eq!(world.progress(&at(&["n2"])), Progress::Reached);
    world.is("im", "n1", GroupState::PendingOffline);
    waits(&world, &settled(), "n1: im is pending offline");
    world.does("scswitch -F -g im");
    world.is("im", "n1", GroupState::Offline);
    waits(&world, &at(&[]), "n2: im is online");
    world.is("im", "n2", GroupState::Offline);
    assert_eq!(world.progress(&at(&[])), Progress::Reached);
}

#[test]
fn a_group_that_has_not_begun_is_waited_for() {
    let mut world = World::with_im();
    waits(&world, &settled(), "the president has not yet placed im");
    world.does("scswitch -Z -g im");
    waits(&world, &settled(), "n2 has not begun with im");
}

#[test]
fn a_failure_ends_the_waiting_with_its_remedy() {
    let mut world = World::with_im_online();
    world.is("im", "n2", GroupState::OnlineFaulted);
    world.fails("im", "n2", "app", ResourceState::StartFailed);
    let sentence = "app could not be started on n2 (START exit 1: no disk): correct the cause, then scswitch -n -j app and scswitch -e -j app";
    fails(&world, &settled(), sentence);
    fails(&world, &Goal::Resource { resource: "app".into(), on: true }, sentence);
    world.fails("im", "n2", "app", ResourceState::MonitorFailed);
    let sentence = "im is online on n2, but the monitor of app could not be started (MONITOR_START exit 1: no disk): correct the cause, then scswitch -n -M -j app and scswitch -e -M -j app";
    fails(&world, &settled(), sentence);
    fails(&world, &Goal::Monitored { resource: "app".into(), on: true }, sentence);
    world.fails("im", "n2", "app", ResourceState::StopFailed);
    let sentence = "app could not be stopped on n2 (STOP exit 1: no disk): make sure that it is dead there, then scswitch -c -h n2 -j app -f STOP_FAILED";
    for goal in [settled(), at(&[]), Goal::Resource { resource: "app".into(), on: false }] {
        fails(&world, &goal, sentence);
    }
    let cleared = Goal::Cleared { resource: "app".into(), node: "n2".into() };
    waits(&world, &cleared, "n2: STOP_FAILED of app is being cleared");
}

#[test]
fn a_group_that_rests_is_not_waited_for() {
    let mut world = World::with_im_online();
    let intent = world.cluster.intents.get_mut("im").unwrap();
    (intent.target, intent.holders) = (vec![], vec![]);
    intent.rest = Some(Rest::StartFailures);
    let attempt =
        rgm::Attempt { node: "n1".into(), at_ms: 0, why: "START of app timed out".into() };
    world.cluster.history.entry("im".into()).or_default().attempts.push(attempt);
    fails(
        &world,
        &settled(),
        "im failed to start as often as it may on every node, last on n1: START of app timed out; correct the cause, then scswitch -z -g im",
    );
}

#[test]
fn a_group_without_candidate_or_elsewhere_says_why() {
    let mut world = World::with_im_online();
    world.cluster.intents.get_mut("im").unwrap().why = "n1 is in maintenance.".into();
    fails(
        &world,
        &at(&["n1"]),
        "im goes to n2, not to n1, because n1 is in maintenance; steadfast group explain im tells the whole story",
    );
    let intent = world.cluster.intents.get_mut("im").unwrap();
    (intent.target, intent.holders) = (vec![], vec![]);
    fails(
        &world,
        &settled(),
        "no node can take im (n1 is in maintenance): steadfast group explain im tells more, scstat -n which nodes are up",
    );
    world.does("scswitch -s -g im");
    fails(
        &world,
        &settled(),
        "im is suspended and nobody has placed it: resume it with scswitch -r -g im, or name a node with scswitch -z -g im -h NODE",
    );
}

#[test]
fn a_lost_node_is_waited_for_until_it_is_fenced() {
    let mut world = World::with_im_online();
    world.cluster.members.remove("n2");
    let fence = |state| Fence { incarnation: Incarnation(12), state, attempts: 1, since_ms: 0 };
    world.cluster.fences.insert("n2".into(), fence(FenceState::Pending));
    fails(
        &world,
        &settled(),
        "im waits because n2 was lost, may still write to its storage and has no fence agent: when you know that n2 is dead, steadfast node confirm-dead n2",
    );
    world.does("steadfast node fencing n2 fence_x 60");
    waits(&world, &settled(), "n2 was lost and is being fenced");
    let failed = FenceState::Failed { why: "no answer.".into(), again_ms: NOW_MS + 5_000 };
    world.cluster.fences.insert("n2".into(), fence(failed));
    waits(
        &world,
        &settled(),
        "fencing of n2 failed (no answer) and is tried again in 5 s; when you know that n2 is dead, steadfast node confirm-dead n2",
    );
    world.does("steadfast node confirm-dead n2");
}

#[test]
fn a_restart_of_a_resource_is_over_when_it_was_started_again() {
    let mut world = World::with_im_online();
    let accepted = world.does("scswitch -R -j app");
    waits(&world, &accepted.goals[0], "n2: app is online");
    world.resource("im", "n2", "app").starts = 2;
    assert_eq!(world.progress(&accepted.goals[0]), Progress::Reached);
}

#[test]
fn a_change_is_applied_when_update_was_told_of_it() {
    let mut world = World::with_im_online();
    let accepted = world.does("scrgadm -c -j app -y Retry_count=1");
    waits(&world, &accepted.goals[0], "n2: UPDATE of app is due");
    world.resource("im", "n2", "app").method = running(Method::Update);
    waits(&world, &accepted.goals[0], "n2: UPDATE of app runs, 3 s of 300 s");
    world.is("im", "n2", GroupState::Online);
    assert_eq!(world.progress(&accepted.goals[0]), Progress::Reached);
}

#[test]
fn a_new_resource_is_applied_when_the_nodes_have_seen_it() {
    let mut world = World::with_im_online();
    let accepted = world.does("scrgadm -a -j more -g im -t SUNW.HAStorage -x ServicePaths=/more");
    waits(&world, &accepted.goals[0], "n2: INIT of more is due");
    world.resource("im", "n2", "more").method = running(Method::Init);
    waits(&world, &accepted.goals[0], "n2: INIT of more runs, 3 s of 300 s");
    world.resource("im", "n2", "more").method = None;
    assert_eq!(world.progress(&accepted.goals[0]), Progress::Reached);
}

#[test]
fn a_removed_resource_is_gone_when_no_member_owes_its_fini() {
    let mut world = World::with_im();
    world.does("scswitch -o -g im");
    let accepted = world.does("scrgadm -r -j app");
    waits(&world, &accepted.goals[0], "n1: FINI of app is due");
    world.cluster.fini.clear();
    assert_eq!(world.progress(&accepted.goals[0]), Progress::Reached);
}

#[test]
fn a_node_is_evacuated_when_nothing_runs_or_may_run_there() {
    let mut world = World::with_im_online();
    let goal = Goal::Evacuated { node: "n2".into() };
    waits(&world, &goal, "n2: im is online");
    world.is("im", "n2", GroupState::Offline);
    waits(&world, &goal, "n2: im is told to stop");
    world.cluster.intents.clear();
    assert_eq!(world.progress(&goal), Progress::Reached);
}

#[test]
fn monitoring_is_off_when_the_resource_is_online_and_not_monitored() {
    let mut world = World::with_im_online();
    let accepted = world.does("scswitch -n -M -j app");
    waits(&world, &accepted.goals[0], "n2: app is online");
    world.resource("im", "n2", "app").state = ResourceState::OnlineUnmonitored;
    assert_eq!(world.progress(&accepted.goals[0]), Progress::Reached);
}

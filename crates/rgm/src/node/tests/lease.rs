//! Until when a node acts.

use super::world::{LEASE, Link, RESERVE, World, at, ms, settings};
use crate::node::{Effect, Input, NodeCore, StoreFailure};

/// A core with a lease granted at `sent`, and what it did since.
fn granted(sent: u64, answered: u64) -> (NodeCore, Vec<Effect>) {
    let mut core = NodeCore::new(settings("n1"));
    let mut effects = Vec::new();
    core.handle(at(ms(sent)), Input::TimePassed, &mut effects);
    assert_eq!(effects, [Effect::Grant(LEASE)]);
    effects.clear();
    let granted = Input::Granted { sent: ms(sent), result: Ok(LEASE) };
    core.handle(at(ms(answered)), granted, &mut effects);
    (core, effects)
}

#[test]
fn the_lease_is_counted_from_before_it_was_asked_for() {
    let (core, effects) = granted(10_000, 10_300);
    assert_eq!(effects, [Effect::AliveUntil(ms(12_000))]);
    assert_eq!(core.next_timeout(), Some(ms(10_500)), "renewed after a quarter");
}

#[test]
fn a_renewal_that_fails_is_tried_again_soon_and_does_not_lengthen_the_lease() {
    let (mut core, _) = granted(10_000, 10_010);
    let mut effects = Vec::new();
    core.handle(at(ms(10_500)), Input::TimePassed, &mut effects);
    assert_eq!(effects, [Effect::KeepAlive]);
    assert_eq!(core.next_timeout(), Some(ms(11_500)), "one at a time; then the limit");
    effects.clear();
    let failed = Input::Renewed { sent: ms(10_500), result: Err(StoreFailure::Unavailable) };
    core.handle(at(ms(10_700)), failed, &mut effects);
    assert_eq!(effects, []);
    assert_eq!(core.next_timeout(), Some(ms(10_825)));
    core.handle(at(ms(10_825)), Input::TimePassed, &mut effects);
    assert_eq!(effects, [Effect::KeepAlive]);
    effects.clear();
    let renewed = Input::Renewed { sent: ms(10_825), result: Ok(LEASE) };
    core.handle(at(ms(11_499)), renewed, &mut effects);
    assert_eq!(effects[0], Effect::AliveUntil(ms(12_825)));
}

#[test]
fn a_node_stops_everything_when_only_the_reserve_is_left() {
    let (mut core, _) = granted(10_000, 10_010);
    let mut effects = Vec::new();
    core.handle(at(ms(10_500)), Input::TimePassed, &mut effects);
    effects.clear();
    core.handle(at(ms(11_499)), Input::TimePassed, &mut effects);
    assert_eq!(effects, []);
    core.handle(at(ms(11_500)), Input::TimePassed, &mut effects);
    assert!(matches!(&effects[..], [Effect::StopEverything(_)]), "{effects:?}");
    assert_eq!(core.next_timeout(), None);
    effects.clear();
    core.handle(at(ms(11_501)), Input::TimePassed, &mut effects);
    assert_eq!(effects, [], "a core that is over did something");
}

#[test]
fn whatever_comes_first_after_a_pause_only_stops_the_node() {
    for input in [
        Input::TimePassed,
        Input::Renewed { sent: ms(10_500), result: Ok(LEASE) },
        Input::StoreChanged { revision: 99, changes: Vec::new(), complete: true },
        Input::Asked {
            asker: 1,
            operation: crate::model::Operation::Remaster { groups: None },
            by: String::new(),
        },
    ] {
        let mut world = World::with(&["n1"]);
        world.run(ms(1000));
        assert!(world.core(0).is_president());
        world.now += LEASE * 10;
        let from = world.now;
        world.give(0, input.clone());
        let effects = world.effects_since(0, from);
        assert!(matches!(effects[..], [Effect::StopEverything(_)]), "{input:?}: {effects:?}");
    }
}

#[test]
fn a_lease_that_the_store_has_ended_stops_the_node_at_once() {
    let (mut core, _) = granted(10_000, 10_010);
    let mut effects = Vec::new();
    core.handle(at(ms(10_500)), Input::TimePassed, &mut effects);
    let gone = Input::Renewed { sent: ms(10_500), result: Err(StoreFailure::LeaseGone) };
    core.handle(at(ms(10_510)), gone, &mut effects);
    assert!(matches!(effects.last(), Some(Effect::StopEverything(_))));
}

#[test]
fn a_lease_whose_answer_came_too_late_is_not_used() {
    let (core, effects) = granted(10_000, 11_600);
    assert!(matches!(effects.last(), Some(Effect::StopEverything(_))), "{effects:?}");
    assert!(core.is_over());
}

#[test]
fn a_lease_that_is_not_granted_is_asked_for_again() {
    let mut world = World::with(&["n1"]);
    world.nodes[0].link = Link::Down;
    world.run(ms(1000));
    let grants = world.effects_since(0, ms(0)).len();
    assert!((2..=4).contains(&grants), "{grants} in a second");
    world.heal(0);
    assert!(world.run_until(ms(500), |w| w.core(0).is_president()));
}

#[test]
fn an_idle_member_only_renews() {
    let mut world = World::with(&["n1", "n2"]);
    world.run(ms(3000));
    for index in 0..2 {
        let from = world.now;
        world.run(LEASE * 10);
        let effects = world.effects_since(index, from);
        let renews = |e: &&&Effect| matches!(e, Effect::KeepAlive | Effect::AliveUntil(_));
        assert_eq!(effects.iter().filter(renews).count(), effects.len(), "{effects:?}");
        assert!((78..=82).contains(&effects.len()), "{}", effects.len());
    }
}

#[test]
fn a_cut_off_node_has_stopped_before_the_store_ends_its_lease() {
    let mut world = World::with(&["n1", "n2"]);
    world.run(ms(3000));
    assert_eq!(world.presidents(), [0]);
    world.nodes[0].link = Link::Down;
    let cut = world.now;
    let key = "member/n1";
    assert!(world.run_until(LEASE * 2, |w| w.nodes[0].over.is_some()));
    assert!(world.store.has(key), "the lease ended before the node had stopped");
    let stopped = world.now;
    assert!(world.run_until(LEASE, |w| !w.store.has(key)));
    assert!(world.now >= stopped + RESERVE - ms(10), "less than the reserve was left");
    assert!(world.run_until(ms(200), |w| w.presidents() == [1]), "n2 does not plan");
    assert!(world.now <= cut + LEASE + ms(200), "{:?}", world.now - cut);
}

#[test]
fn a_node_that_is_heard_and_does_not_hear_stops_in_time_too() {
    let mut world = World::with(&["n1", "n2"]);
    world.run(ms(3000));
    world.nodes[0].link = Link::AnswersLost;
    let alive_until = world.nodes[0].alive_until;
    world.run(LEASE);
    let (when, why) = world.nodes[0].over.clone().unwrap();
    assert!(when <= alive_until - RESERVE + ms(1), "{why}");
}

#[cfg(feature = "planted-faults")]
mod planted {
    use super::{World, at, ms, settings};
    use crate::node::{Effect, Input, NodeCore};
    use crate::planted::{Planted, PlantedFault};

    /// A world of one member that errs, or not.
    fn erring(fault: PlantedFault) -> World {
        let mut world = World { now: ms(10_000), ..World::default() };
        let mut settings = settings("n1");
        settings.planted = Planted::one(fault);
        world.add(settings);
        world.run(ms(1000));
        world
    }

    #[test]
    fn lease_faults_have_an_effect() {
        let mut settings = settings("n1");
        settings.planted = Planted::one(PlantedFault::LeaseCountedFromAnswer);
        let mut core = NodeCore::new(settings);
        let mut effects = Vec::new();
        core.handle(at(ms(10_000)), Input::TimePassed, &mut effects);
        let granted = Input::Granted { sent: ms(10_000), result: Ok(super::LEASE) };
        core.handle(at(ms(10_300)), granted, &mut effects);
        assert_eq!(effects.last(), Some(&Effect::AliveUntil(ms(12_300))));

        let mut world = erring(PlantedFault::ActsAfterPause);
        world.now += ms(60_000);
        world.give(0, Input::LeaveAsked);
        assert!(
            matches!(world.nodes[0].effects.last(), Some((_, Effect::StopEverything(s))) if s.contains("leaves"))
        );

        let mut world = erring(PlantedFault::FailedRenewalIgnored);
        world.nodes[0].link = super::Link::Down;
        world.run(ms(20_000));
        assert!(world.nodes[0].over.is_none());

        let mut world = erring(PlantedFault::AdoptsLeftoverMember);
        let first = world.incarnation(0);
        world.nodes[0].runs = false;
        let next = world.nodes[0].core.settings().clone();
        let next = world.add(next);
        world.run(ms(100));
        assert_eq!(world.core(next).incarnation(), Some(first));

        let mut world = erring(PlantedFault::LostMembershipIgnored);
        world.store.delete("member/n1");
        world.run(ms(100));
        assert!(world.nodes[0].over.is_none());
    }
}

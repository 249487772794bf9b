//! What an accepted operation brings: VALIDATE with its arguments, debts, orders, jobs, warnings, values as they are kept.

use super::world::{NOW_MS, World};
use rgm::operation::IntentOrder;
use rgm::{FailoverMode, GroupMode, GroupState, JobKind, PropertyName};

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

#[test]
fn validate_is_told_everything_when_a_resource_is_created() {
    let mut world = World::with_types();
    world.does("scrgadm -a -g g -h n2,n1,n3 -y RG_description=mail");
    let accepted = world.does("scrgadm -a -L -g g -l lh,lh6 -y R_description=addresses");
    assert_eq!(accepted.checks.len(), 2, "only on members");
    let call = &accepted.checks[0].call;
    assert_eq!(call.program, "/lh/validate");
    let arguments: Vec<&str> = call.arguments.iter().map(String::as_str).collect();
    assert_eq!(&arguments[..7], words("-c -R lh -T SUNW.LogicalHostname -G g"));
    let all = arguments.join(" ");
    for expected in [
        "-x HostnameList=lh,lh6",
        "-r Failover_mode=HARD",
        "-r R_description=addresses",
        "-r Resource_dependencies= ",
        "-r Start_timeout=3600",
        "-g Nodelist=n2,n1,n3",
        "-g RG_description=mail",
        "-g Maximum_primaries=1",
        "-g Global_resources_used=*",
    ] {
        assert!(all.contains(expected), "{expected} is not in {all}");
    }
    assert!(!all.contains("Status") && !all.contains("RG_state"), "{all}");
}

#[test]
fn validate_is_told_only_what_changes() {
    let mut world = World::with_im_online();
    let accepted = world.does("scrgadm -c -j lh -y R_description=x -y Failover_mode=soft");
    let arguments = accepted.checks[0].call.arguments.join(" ");
    assert_eq!(
        arguments,
        "-u -R lh -T SUNW.LogicalHostname -G im -r R_description=x -r Failover_mode=SOFT"
    );
    let accepted = world.does("scrgadm -c -g im -y Failback=true");
    let arguments: Vec<String> =
        accepted.checks.iter().map(|c| c.call.arguments.join(" ")).collect();
    assert_eq!(arguments.len(), 4, "lh and store on both nodes");
    assert_eq!(arguments[0], "-u -R lh -T SUNW.LogicalHostname -G im -g Failback=TRUE");
}

#[test]
fn a_new_node_in_the_nodelist_is_asked_for_every_resource() {
    let mut world = World::with_im();
    world.join("n3", 13);
    let accepted = world.does("scrgadm -c -g im -h n2,n1,n3");
    let asked: Vec<(&str, &str)> =
        accepted.checks.iter().map(|c| (c.node.as_str(), c.call.resource.as_str())).collect();
    assert!(asked.contains(&("n3", "lh")) && asked.contains(&("n3", "store")), "{asked:?}");
}

#[test]
fn a_migration_tells_validate_of_the_new_type() {
    let mut world = World::with_types();
    world.does("scrgadm -a -t SUNW.iim:3.2");
    world.does("scrgadm -a -g im -h n1,n2");
    world.does(
        "scrgadm -a -j iim -g im -t SUNW.iim:3.1 -x Confdir_list=/c -y Port_list=80 -x Old=x",
    );
    let accepted = world.does("scrgadm -c -j iim -y Type_version=3.2 -x Realm=r");
    let arguments = accepted.checks[0].call.arguments.join(" ");
    assert_eq!(arguments, "-u -R iim -T SUNW.iim:3.2 -G im -r Type_version=3.2 -x Realm=r");
    assert_eq!(
        accepted.messages,
        ["Old of iim is dropped: the new version of its type does not have it"]
    );
}

#[test]
fn values_are_kept_in_one_spelling_and_reset_by_an_empty_one() {
    let mut world = World::with_im();
    world.does("scrgadm -c -j app -y RETRY_COUNT=+03 -x level{n1}=HIGH -x Log_dir=/var");
    let kept = |world: &World, name: &str| {
        world.cluster.config.resources["app"].values.get(&PropertyName::new(name)).cloned()
    };
    assert_eq!(kept(&world, "Retry_count").unwrap().value, ["3"]);
    let level = kept(&world, "Level").unwrap();
    assert_eq!(
        (level.value.join(","), level.per_node["n1"].join(",")),
        ("low".into(), "high".into())
    );
    world.does("scrgadm -c -j app -y Retry_count= -x Level{n1}= -x Log_dir=");
    for name in ["Retry_count", "Level", "Log_dir"] {
        assert_eq!(kept(&world, name), None, "{name}");
    }
    world.does("scrgadm -c -j lh -y Failover_mode=NONE");
    world.does("scrgadm -c -j lh -y Failover_mode=");
    assert_eq!(world.cluster.config.resources["lh"].failover_mode, FailoverMode::Hard);
}

#[test]
fn defaults_of_a_group_are_those_of_rg_properties() {
    let mut world = World::with_types();
    world.does("scrgadm -a -g all");
    world.does("scrgadm -a -g wide -y Maximum_primaries=2 -y Desired_primaries=2");
    let groups = &world.cluster.config.groups;
    let nodelist: Vec<&str> = groups["all"].nodelist.iter().map(|n| n.as_str()).collect();
    assert_eq!(nodelist, ["n1", "n2", "n3"]);
    assert_eq!(groups["all"].mode, GroupMode::Failover);
    assert!(!groups["all"].managed);
    assert_eq!(groups["wide"].mode, GroupMode::Scalable);
}

#[test]
fn a_change_counts_the_generation_once_and_nothing_counts_nothing() {
    let mut world = World::with_im_online();
    let before = world.cluster.config.resources["app"].generation;
    world.does("scrgadm -c -j app -y Retry_count=1");
    world.does("scrgadm -c -g im -y Failback=TRUE");
    assert_eq!(world.cluster.config.resources["app"].generation, before + 2);
    let accepted = world.does("scrgadm -c -j app -y Retry_count=1");
    assert_eq!(accepted.messages, ["app has these values already"]);
    assert!(accepted.checks.is_empty());
    assert_eq!(world.cluster.config.resources["app"].generation, before + 2);
}

#[test]
fn a_retry_interval_that_can_never_be_reached_is_warned_of() {
    let mut world = World::with_im();
    let accepted = world.does("scrgadm -c -j app -y Retry_interval=100");
    assert_eq!(
        accepted.messages,
        [
            "Retry_interval of app is 100 s, but 2 failed probes can take 180 s (Retry_count × (Thorough_probe_interval + Probe_timeout)): the group may never be given over; set Retry_interval to 180 or more"
        ]
    );
}

#[test]
fn fini_becomes_due_where_management_ends() {
    let mut world = World::with_im_online();
    world.does("scswitch -F -g im");
    world.is("im", "n2", GroupState::Offline);
    let accepted = world.does("scrgadm -c -g im -h n2,n3");
    let owed = |accepted: &rgm::operation::Accepted| -> Vec<String> {
        accepted.fini.iter().map(|(node, name, _)| format!("{node} {name}")).collect()
    };
    assert_eq!(owed(&accepted), ["n1 app", "n1 store"]);
}

#[test]
fn unmanaging_owes_fini_and_needs_everything_disabled() {
    let mut world = World::with_im_online();
    world.does("scswitch -F -g im");
    world.is("im", "n2", GroupState::Offline);
    world.does("scswitch -n -j app,store,lh");
    let accepted = world.does("scswitch -u -g im");
    assert_eq!(accepted.fini.len(), 4, "app and store on n2 and n1");
    assert!(!world.cluster.config.groups["im"].managed);
    let accepted = world.does("scswitch -u -g im");
    assert_eq!(accepted.messages, ["im is unmanaged already"]);
}

#[test]
fn a_short_type_name_means_the_only_type_that_has_it() {
    let mut world = World::with_types();
    world.does("scrgadm -a -g g");
    for (name, typed) in [("a", "gds"), ("b", "sunw.GDS"), ("c", "SUNW.gds:1")] {
        world.does(&format!("scrgadm -a -j {name} -g g -t {typed} -x Start_command=x"));
        assert_eq!(world.cluster.config.resources[name].type_name.as_str(), "SUNW.gds");
    }
}

#[test]
fn a_built_in_type_is_registered_with_its_first_resource() {
    let mut world = World::new(&["scrgadm -a -g g"]);
    world.does("scrgadm -a -L -g g -l lh");
    assert!(world.cluster.config.types.contains_key("SUNW.LogicalHostname"));
}

#[test]
fn switches_of_single_nodes_are_kept_as_exceptions() {
    let mut world = World::with_im();
    world.does("scswitch -e -j lh -h n1");
    let enabled = |world: &World| world.cluster.config.resources["lh"].enabled.clone();
    assert!(enabled(&world).is_on(&"n1".into()) && !enabled(&world).is_on(&"n2".into()));
    world.does("scswitch -e -j lh -h n2");
    assert!(enabled(&world).on && enabled(&world).except.is_empty());
}

#[test]
fn evacuation_orders_every_group_that_could_be_there_away() {
    let mut world = World::with_im_online();
    let accepted = world.does("scswitch -S -h n2 -K 30");
    let order = IntentOrder::LeaveNode {
        group: "im".into(),
        node: "n2".into(),
        giveover: None,
        avoid_until_ms: NOW_MS + 30_000,
    };
    assert_eq!(accepted.intents, [order]);
}

#[test]
fn quiescing_with_k_kills_the_methods_where_the_group_runs() {
    let mut world = World::with_im_online();
    let accepted = world.does("scswitch -Q -g im -k");
    assert_eq!(accepted.intents, [IntentOrder::Quiesce("im".into())]);
    assert_eq!(accepted.jobs, [("n2".into(), JobKind::KillMethods("im".into()))]);
}

#[test]
fn a_check_of_a_giveover_orders_nothing() {
    let mut world = World::with_im_online();
    let accepted = world.decide("scha_control -O CHECK_GIVEOVER -G im -R app -N n2").unwrap();
    assert!(accepted.intents.is_empty() && accepted.goals.is_empty());
    let accepted = world.does("scha_control -O GIVEOVER -G im -R app -N n2");
    assert_eq!(accepted.intents.len(), 1);
}

#[test]
fn all_groups_leave_out_those_that_cannot_be_served() {
    let mut world = World::with_im_online();
    world.does("scrgadm -a -g far -h n3");
    let accepted = world.does("scswitch -Z");
    assert_eq!(accepted.intents, [IntentOrder::Remaster("im".into())]);
    assert_eq!(
        accepted.messages,
        [
            "left out: no node of far can take it: of its Nodelist n3 none is a member that is not in maintenance; start one of them"
        ]
    );
}

#[test]
fn a_removed_node_is_forgotten_in_switches_and_per_node_values() {
    let mut world = World::with_types();
    world.does("scrgadm -a -g g -h n1,n3");
    world.does("scrgadm -a -j a -g g -t gds -x Start_command=x -x Level{n3}=high");
    world.does("scswitch -e -j a -h n3");
    world.does("scrgadm -c -g g -h n1");
    world.does("steadfast node remove n3");
    let resource = &world.cluster.config.resources["a"];
    assert!(resource.enabled.except.is_empty());
    assert!(resource.values[&PropertyName::new("Level")].per_node.is_empty());
}

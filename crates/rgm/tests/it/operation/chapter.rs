//! The command sequence of the chapter on high availability, typed as it stands there.

use super::world::World;
use rgm::GroupState;
use rgm::goal::{Goal, Progress};
use rgm::operation::IntentOrder;

#[test]
fn the_chapters_commands_set_up_switch_and_remove_the_service() {
    let mut world = World::new(&[]);
    let online = |world: &mut World, node| world.is("im_resource_group", node, GroupState::Online);
    world.does("scrgadm -a -g im_resource_group -h n2,n1");
    let accepted = world.does("scrgadm -a -L -g im_resource_group -l im_logical_host");
    let nodes: Vec<&str> = accepted.checks.iter().map(|c| c.node.as_str()).collect();
    assert_eq!(nodes, ["n2", "n1"], "VALIDATE on both nodes");
    let accepted = world.does("scswitch -Z -g im_resource_group");
    assert_eq!(accepted.intents, [IntentOrder::Remaster("im_resource_group".into())]);
    online(&mut world, "n2");
    assert_eq!(world.progress(&accepted.goals[0]), Progress::Reached);

    world.does("steadfast node fencing n1 fence_x 60");
    world.does("steadfast node fencing n2 fence_x 60");
    world.does("scrgadm -a -j im_resource_group_store -g im_resource_group -t SUNW.HAStorage -x FileSystemMountPoints=/global/im -x AffinityOn=True");
    world.does("scswitch -e -j im_resource_group_store");
    world.does("scrgadm -a -t SUNW.iim:3.1");
    world.does("scrgadm -a -j im_resource -g im_resource_group -t SUNW.iim -x Confdir_list=/global/im/config -y Resource_dependencies=im_resource_group_store -y Port_list=80/tcp");
    let accepted = world.does("scswitch -e -j im_resource");
    let goal = Goal::Resource { resource: "im_resource".into(), on: true };
    assert_eq!(accepted.goals, [goal]);
    online(&mut world, "n2");
    world.does("scswitch -R -j im_resource");
    world.does("scswitch -z -g im_resource_group -h n1");
    world.is("im_resource_group", "n2", GroupState::Offline);
    online(&mut world, "n1");
    world.does("scswitch -F -g im_resource_group");
    world.is("im_resource_group", "n1", GroupState::Offline);

    world.does("scswitch -n -j im_resource");
    let accepted = world.does("scswitch -n -j im_logical_host");
    assert_eq!(
        accepted.messages,
        [
            "im_resource_group_store cannot be online without the network address im_logical_host (Implicit_network_dependencies)"
        ]
    );
    world.does("scswitch -n -j im_resource_group_store");
    world.does("scrgadm -r -j im_resource");
    world.does("scrgadm -r -j im_logical_host");
    let accepted = world.does("scrgadm -r -j im_resource_group_store");
    let owed: Vec<&str> = accepted.fini.iter().map(|(node, ..)| node.as_str()).collect();
    assert_eq!(owed, ["n2", "n1"], "FINI of the storage on both nodes");
    world.does("scrgadm -r -g im_resource_group");
    world.does("scrgadm -r -t SUNW.iim");
    assert!(world.cluster.config.groups.is_empty());
    assert!(world.cluster.config.resources.is_empty());
}

#[test]
fn a_node_name_with_the_wrong_dash_is_refused_with_the_right_one() {
    let mut world = World::new(&["steadfast node add im-node-2", "scrgadm -a -g im -h im-node-2"]);
    world.does("scswitch -o -g im");
    world.refuses(
        "scswitch -z -g im -h im_node_2",
        "there is no node im_node_2; did you mean im-node-2?",
    );
}

//! Refusals of `scrgadm` and of `steadfast node|cluster`: each with its exact sentence.

use super::world::World;
use rgm::GroupState;

#[test]
fn a_type_that_cannot_be_registered_changed_or_removed_is_said_why() {
    let world = World::with_im();
    world.refuses_all(&[
        ("scrgadm -a -t SUNW.gds", "resource type SUNW.gds is registered already: to take over a changed RTR file give it another RT_version and #$upgrade, or remove the type first with scrgadm -r -t SUNW.gds"),
        ("scrgadm -a -t SUNW.iim:3.2 -h n1,n9", "there is no node n9; did you mean n1?"),
        ("scrgadm -a -t SUNW.iim:3.2 -h ,", "Installed_nodes of SUNW.iim:3.2 cannot be empty: name nodes, or leave it out for all of them"),
        ("scrgadm -c -t SUNW.gdz -h n1", "the resource type SUNW.gdz is not registered; did you mean SUNW.gds? If not, register it with scrgadm -a -t SUNW.gdz"),
        ("scrgadm -c -t Banana -h n1", "the resource type Banana is not registered; register it with scrgadm -a -t Banana"),
        ("scrgadm -c -t SUNW.gds -h n1", "resource type SUNW.gds is not installed on n2, which is in the Nodelist of im: install it there and say so with scrgadm -c -t SUNW.gds -h NODES, or take n2 out of the Nodelist"),
        ("scrgadm -c -t SUNW.gds -h ,", "Installed_nodes of SUNW.gds cannot be empty: name nodes, or leave it out for all of them"),
        ("scrgadm -c -t SUNW.gds", "nothing to change in SUNW.gds: give Installed_nodes (-h) or RT_system (-y)"),
        ("scrgadm -c -t SUNW.gds -h n4", "there is no node n4; did you mean n1?"),
        ("scrgadm -r -t gds", "resource type SUNW.gds is still used by app: first remove what uses it with scrgadm -r -j"),
        ("scrgadm -r -t SUNW.iimm", "the resource type SUNW.iimm is not registered; did you mean SUNW.iim? If not, register it with scrgadm -a -t SUNW.iimm"),
        ("scrgadm -r -t oracle_server", "the resource type oracle_server is not registered; register it with scrgadm -a -t oracle_server"),
    ]);
}

#[test]
fn a_type_that_is_protected_or_ambiguous_is_not_touched() {
    let mut world = World::with_types();
    world.does("scrgadm -a -t SUNW.iim:3.2");
    world.does("scrgadm -c -t SUNW.gds -y RT_system=TRUE");
    world.refuses_all(&[
        ("scrgadm -r -t SUNW.gds", "resource type SUNW.gds is protected (RT_system is TRUE): first scrgadm -c -t SUNW.gds -y RT_system=FALSE"),
        ("scrgadm -c -t SUNW.gds -h n1", "resource type SUNW.gds is protected (RT_system is TRUE): first scrgadm -c -t SUNW.gds -y RT_system=FALSE"),
        ("scrgadm -c -t SUNW.gds -y RT_system=TRUE", "resource type SUNW.gds is protected (RT_system is TRUE): first scrgadm -c -t SUNW.gds -y RT_system=FALSE"),
        ("scrgadm -r -t iim", "the resource type iim is ambiguous: SUNW.iim:3.1 and SUNW.iim:3.2 are registered; give vendor and version"),
        ("scrgadm -r -t SUNW.iim", "the resource type SUNW.iim is ambiguous: SUNW.iim:3.1 and SUNW.iim:3.2 are registered; give vendor and version"),
        ("scrgadm -r -t SUNW.iim:3.9", "the resource type SUNW.iim:3.9 is not registered; did you mean SUNW.iim:3.1? If not, register it with scrgadm -a -t SUNW.iim:3.9"),
    ]);
}

#[test]
fn a_group_that_cannot_be_created_is_said_why() {
    let world = World::with_im();
    world.refuses_all(&[
        ("scrgadm -a -g im", "the name im is taken: there is a resource group im already"),
        ("scrgadm -a -g 1im", "the name 1im does not begin with a letter; give the resource group another name"),
        ("scrgadm -a -g im.group", "the name im.group may hold only ASCII letters, digits, '-' and '_'; give the resource group another name"),
        ("scrgadm -a -g \"\"", "the name \"\" is empty; a name begins with a letter; give the resource group another name"),
        ("scrgadm -a -g web -h n1,n9", "there is no node n9; did you mean n1?"),
        ("scrgadm -a -g web -h im-node-2", "there is no node im-node-2; the nodes are n1, n2 and n3"),
        ("scrgadm -a -g web -h n1,n1", "Nodelist: n1 is named twice; name it once, at its place in the order of preference"),
        ("scrgadm -a -g web -y Failbak=TRUE", "resource groups have no property Failbak; did you mean Failback?"),
        ("scrgadm -a -g web -y Banana=1", "resource groups have no property Banana; scrgadm -pv lists what they have"),
        ("scrgadm -a -g web -y Failback=yes", "property Failback: \"yes\" is neither TRUE nor FALSE"),
        ("scrgadm -a -g web -y Failback=TRUE -y FAILBACK=FALSE", "Failback is given twice; give it once"),
        ("scrgadm -a -g web -y Maximum_primaries=2 -y RG_mode=Failover", "Maximum_primaries of web cannot be 2, because its RG_mode is Failover: create the group with RG_mode=Scalable"),
        ("scrgadm -a -g web -y Maximum_primaries=0", "property Maximum_primaries: 0 is less than the minimum, 1"),
        ("scrgadm -a -g web -y Maximum_primaries=99999999999", "property Maximum_primaries: 99999999999 is more than the maximum, 4294967295"),
        ("scrgadm -a -g web -y Desired_primaries=2", "Desired_primaries of web would be 2, more than its Maximum_primaries 1: lower it or raise Maximum_primaries"),
        ("scrgadm -a -g web -y Maximum_primaries=2 -y Desired_primaries=3", "Desired_primaries of web would be 3, more than its Maximum_primaries 2: lower it or raise Maximum_primaries"),
        ("scrgadm -a -g web -y RG_mode=Failsafe", "property RG_mode: \"Failsafe\" is not one of Failover, Scalable"),
        ("scrgadm -a -g web -y RG_name=other", "RG_name is fixed: create another group with the name you want"),
        ("scrgadm -a -g web -y RG_state=ONLINE", "RG_state only shows what the cluster sees and cannot be set; leave it out"),
        ("scrgadm -a -g web -y Suspend_automatic_recovery=TRUE", "Suspend_automatic_recovery is not set as a property: use scswitch -s -g web or scswitch -r -g web"),
        ("scrgadm -a -g web -y Retry_count=2", "Retry_count is a property of resources, not of resource groups: set it with scrgadm -c -j RESOURCE -y Retry_count=VALUE"),
        ("scrgadm -a -g web -y Failback{n1}=TRUE", "Failback has the same value on all nodes: leave out {n1}"),
        ("scrgadm -a -g web -y Global_resources_used=some", "Global_resources_used: some is not possible; write * for all or nothing for none"),
        ("scrgadm -a -g web -y Pathprefix=global", "property Pathprefix: \"global\" is not an absolute path"),
        ("scrgadm -a -g web -y RG_dependencies=web", "RG_dependencies: resource group web cannot depend on itself"),
        ("scrgadm -a -g web -y RG_dependencies=imm", "there is no resource group imm; did you mean im?"),
        ("scrgadm -a -g web -y RG_dependencies=im,im", "RG_dependencies: im is named twice; name it once"),
        ("scrgadm -a -g web -y RG_affinities=im", "RG_affinities: im is not an affinity; write +, ++, +++, - or -- and the name of a resource group, such as ++im"),
        ("scrgadm -a -g web -y RG_affinities=++++im", "RG_affinities: ++++im is not an affinity; write +, ++, +++, - or -- and the name of a resource group, such as ++im"),
        ("scrgadm -a -g web -y RG_affinities=++ima", "there is no resource group ima; did you mean im?"),
        ("scrgadm -a -g web -y RG_affinities=++web", "RG_affinities: resource group web cannot have an affinity to itself"),
        ("scrgadm -a -g web -y RG_affinities=++im,--im", "RG_affinities: im is named twice; give one affinity for each resource group"),
    ]);
}

#[test]
fn affinities_and_dependencies_that_contradict_each_other_are_refused() {
    let mut world = World::with_types();
    world.does("scrgadm -a -g a");
    world.does("scrgadm -a -g b -y RG_affinities=++a -y RG_dependencies=a");
    world.does("scrgadm -a -g c -y RG_affinities=+++b");
    world.does("scrgadm -a -g d");
    world.does("scrgadm -a -j da -g d -t SUNW.gds -x Start_command=x");
    world.does(
        "scrgadm -a -j ab -g a -t SUNW.gds -x Start_command=x -y Resource_dependencies_weak=da",
    );
    world.does("scrgadm -a -L -g d -l lh1");
    world.does("scrgadm -a -j bb -g b -t SUNW.gds -x Start_command=x");
    world.refuses_all(&[
        ("scrgadm -c -g a -y RG_affinities=++b", "the strong affinities would go in a circle: a → b → a; one direction is enough, leave the other out"),
        ("scrgadm -c -g a -y RG_affinities=--c", "the strong affinities would go in a circle: a → c → b → a; one direction is enough, leave the other out"),
        ("scrgadm -c -g c -y RG_affinities=+++b,--a", "resource group c could never be online: its strong affinities put it together with a, which must not be where c is"),
        ("scrgadm -c -g a -y RG_dependencies=b", "the dependencies would go in a circle: group b → group a → group b; leave one of them out"),
        ("scrgadm -c -g d -y RG_dependencies=a", "the dependencies would go in a circle: ab → da → group a → ab; leave one of them out"),
        ("scrgadm -c -j da -y Resource_dependencies=ab", "the dependencies would go in a circle: ab → da → ab; leave one of them out"),
        ("scrgadm -c -j da -y Resource_dependencies_restart=bb", "the dependencies would go in a circle: ab → da → bb → group a → ab; leave one of them out"),
        ("scrgadm -c -j lh1 -y Resource_dependencies=bb", "the dependencies would go in a circle: ab → da → lh1 → bb → group a → ab; leave one of them out"),
        ("scrgadm -c -j da -y Resource_dependencies=da", "Resource_dependencies: da cannot depend on itself; leave it out"),
        ("scrgadm -c -j da -y Resource_dependencies=lh1,lh1", "Resource_dependencies: lh1 is named twice; name it once"),
        ("scrgadm -r -g a", "resource group a still has ab: first remove what it has with scrgadm -r -j"),
    ]);
}

#[test]
fn a_group_that_cannot_be_changed_or_removed_is_said_why() {
    let world = World::with_im_online();
    world.refuses_all(&[
        ("scrgadm -c -g im", "nothing to change in im: give at least one -y NAME=VALUE"),
        ("scrgadm -c -g imm -y Failback=TRUE", "there is no resource group imm; did you mean im?"),
        ("scrgadm -c -g im -y RG_mode=Scalable", "RG_mode of im is fixed at creation and is Failover: remove the group and create it again to change it"),
        ("scrgadm -c -g im -y Maximum_primaries=2", "Maximum_primaries of im cannot be 2, because its RG_mode is Failover: create the group with RG_mode=Scalable"),
        ("scrgadm -c -g im -h n1", "resource group im runs on n2, which the new Nodelist does not have: first move it with scswitch -z -g im -h NODE"),
        ("scrgadm -c -g im -h n1,n5", "there is no node n5; did you mean n1?"),
        ("scrgadm -r -g im", "resource group im still has app, lh and store: first remove what it has with scrgadm -r -j"),
        ("scrgadm -r -g zzz", "there is no resource group zzz; the resource groups are im"),
        ("scswitch -o -g imm", "there is no resource group imm; did you mean im?"),
        ("scswitch -o -g ,", "no resource group is named; give one with -g"),
        ("scswitch -u -g im", "resource group im has enabled resources: first disable app, lh and store with scswitch -n -j"),
    ]);
}

#[test]
fn a_protected_group_is_left_alone() {
    let mut world = World::with_im();
    world.does("scrgadm -c -g im -y RG_system=TRUE");
    world.refuses_all(&[
        ("scrgadm -c -g im -y Failback=TRUE", "resource group im is protected (RG_system is TRUE): first scrgadm -c -g im -y RG_system=FALSE"),
        ("scrgadm -r -g im", "resource group im is protected (RG_system is TRUE): first scrgadm -c -g im -y RG_system=FALSE"),
        ("scrgadm -c -j app -y Retry_count=1", "resource group im is protected (RG_system is TRUE): first scrgadm -c -g im -y RG_system=FALSE"),
        ("scrgadm -r -j app", "resource group im is protected (RG_system is TRUE): first scrgadm -c -g im -y RG_system=FALSE"),
        ("scswitch -n -j app", "resource group im is protected (RG_system is TRUE): first scrgadm -c -g im -y RG_system=FALSE"),
        ("scrgadm -a -j x -g im -t SUNW.gds -x Start_command=x", "resource group im is protected (RG_system is TRUE): first scrgadm -c -g im -y RG_system=FALSE"),
    ]);
}

#[test]
fn a_resource_that_cannot_be_created_is_said_why() {
    let mut world = World::with_im();
    world.does("scrgadm -a -g sc -y Maximum_primaries=2");
    world.does("scrgadm -a -j first -g im -t DEMO.one");
    world.does("scrgadm -a -j sa -g im -t SUNW.SharedAddress");
    world.does("scrgadm -c -t DEMO.web -h n1");
    world.does("scrgadm -a -g other");
    world.does("scrgadm -a -L -g other -l lh2");
    world.refuses_all(&[
        ("scrgadm -a -j app -g im -t SUNW.gds -x Start_command=x", "the name app is taken: there is a resource app already"),
        ("scrgadm -a -j 9app -g im -t SUNW.gds", "the name 9app does not begin with a letter; give the resource another name"),
        ("scrgadm -a -j app2 -g imm -t SUNW.gds -x Start_command=x", "there is no resource group imm; did you mean im?"),
        ("scrgadm -a -j app2 -g im -t SUNW.gsd", "the resource type SUNW.gsd is not registered; did you mean SUNW.gds? If not, register it with scrgadm -a -t SUNW.gsd"),
        ("scrgadm -a -j app2 -g im -t oracle", "the resource type oracle is not registered; register it with scrgadm -a -t oracle"),
        ("scrgadm -a -j app2 -g im -t SUNW.gds", "resources of type SUNW.gds need a value, for which there is no default: give -x Start_command=VALUE"),
        ("scrgadm -a -j app2 -g im -t SUNW.iim", "resources of type SUNW.iim:3.1 need a value, for which there is no default: give -y Port_list=VALUE and -x Confdir_list=VALUE"),
        ("scrgadm -a -j app2 -g im -t SUNW.gds -y Start_command=x", "Start_command is an extension property of SUNW.gds: set it with -x Start_command=VALUE, not with -y"),
        ("scrgadm -a -j app2 -g im -t SUNW.gds -x Start_command=x -x Retry_count=3", "Retry_count is a system-defined property of SUNW.gds: set it with -y Retry_count=VALUE, not with -x"),
        ("scrgadm -a -j app2 -g im -t SUNW.gds -x Start_comand=x", "resources of type SUNW.gds have no property Start_comand; did you mean Start_command (-x)?"),
        ("scrgadm -a -j app2 -g im -t SUNW.gds -x Start_command=x -y Prob_timeout=3", "resources of type SUNW.gds have no property Prob_timeout; did you mean Probe_timeout (-x)?"),
        ("scrgadm -a -j app2 -g im -t SUNW.gds -x Start_command=x -x Banana=3", "resources of type SUNW.gds have no property Banana; scrgadm -pvv -t SUNW.gds lists what they have"),
        ("scrgadm -a -j app2 -g im -t SUNW.gds -x Start_command=x -y Cheap_probe_interval=3", "the RTR file of SUNW.gds does not declare Cheap_probe_interval, so its resources do not have it; leave it out"),
        ("scrgadm -a -j app2 -g im -t SUNW.gds -x Start_command=x -y Failback=TRUE", "Failback is a property of resource groups: set it with scrgadm -c -g GROUP -y Failback=VALUE"),
        ("scrgadm -a -j app2 -g im -t SUNW.gds -x Start_command=x -y Installed_nodes=n1", "Installed_nodes is a property of the resource type SUNW.gds, not of its resources; leave it out"),
        ("scrgadm -a -j app2 -g im -t SUNW.gds -x Start_command=x -y Retry_count=11", "property Retry_count: 11 is more than the maximum, 10"),
        ("scrgadm -a -j app2 -g im -t SUNW.gds -x Start_command=x -y Retry_count=two", "property Retry_count: \"two\" is not a decimal integer"),
        ("scrgadm -a -j app2 -g im -t SUNW.gds -x Start_command=x -x Probe_timeout=1", "property Probe_timeout: 1 is less than the minimum, 2"),
        ("scrgadm -a -j app2 -g im -t SUNW.gds -x Start_command=x -y Start_timeout=0", "property Start_timeout: 0 is less than the minimum, 1"),
        ("scrgadm -a -j app2 -g im -t SUNW.gds -x Start_command=x -x Level=hihg", "property Level: \"hihg\" is not one of low, high; did you mean high?"),
        ("scrgadm -a -j app2 -g im -t SUNW.gds -x Start_command=x -x Serial=8", "Serial can never be set: the RTR file of SUNW.gds says TUNABLE = NONE"),
        ("scrgadm -a -j app2 -g im -t SUNW.gds -x Start_command=x -x Probe_timeout{n1}=3", "Probe_timeout has the same value on all nodes (it is not PER_NODE): leave out {n1}"),
        ("scrgadm -a -j app2 -g im -t SUNW.gds -x Start_command=x -x Level{n7}=low", "there is no node n7; did you mean n1?"),
        ("scrgadm -a -j app2 -g im -t SUNW.gds -x Start_command=x -x Start_command=y", "Start_command is given twice; give it once"),
        ("scrgadm -a -j app2 -g im -t SUNW.gds -x Start_command=", "Start_command has no default in SUNW.gds, so it cannot be reset with an empty value; give a value"),
        ("scrgadm -a -j app2 -g im -t SUNW.gds -x \"Start_command=a;b\"", "property Start_command: \"a;b\" contains a semicolon, which no value may contain; put a command that needs one into a script"),
        ("scrgadm -a -j app2 -g im -t SUNW.gds -x Start_command=x -y Port_list=80/tpc", "property Port_list: \"80/tpc\" names no protocol that exists; possible are tcp, udp, tcp6, udp6"),
        ("scrgadm -a -j app2 -g im -t SUNW.gds -x Start_command=x -y Port_list=70000", "property Port_list: \"70000\" is not a port, which is a number from 1 to 65535 with an optional protocol, such as 80/tcp"),
        ("scrgadm -a -j app2 -g im -t SUNW.gds -x Start_command=x -y Failover_mode=SOFTLY", "property Failover_mode: \"SOFTLY\" is not one of NONE, SOFT, HARD, RESTART_ONLY, LOG_ONLY; did you mean SOFT?"),
        ("scrgadm -a -j app2 -g im -t SUNW.gds -x Start_command=x -y On_off_switch=ENABLED", "On_off_switch is not set as a property: use scswitch -e -j app2 or scswitch -n -j app2"),
        ("scrgadm -a -j app2 -g im -t SUNW.gds -x Start_command=x -y Monitored_switch=ENABLED", "Monitored_switch is not set as a property: use scswitch -e -M -j app2 or scswitch -n -M -j app2"),
        ("scrgadm -a -j app2 -g im -t SUNW.gds -x Start_command=x -y Status=OK", "Status is not set as a property: the methods of app2 set it with scha_resource_setstatus"),
        ("scrgadm -a -j app2 -g im -t SUNW.gds -x Start_command=x -y Num_rg_restarts=3", "Num_rg_restarts only shows what the cluster sees and cannot be set; leave it out"),
        ("scrgadm -a -j app2 -g im -t SUNW.gds -x Start_command=x -y Resource_name=app3", "Resource_name is fixed when app2 is created; to change it remove app2 and create it again"),
        ("scrgadm -a -j app2 -g im -t SUNW.gds -x Start_command=x -y Type_version=9", "Type_version 9 is not that of SUNW.gds, which is 1: name the type with its version, such as SUNW.gds:9"),
        ("scrgadm -a -j app2 -g im -t SUNW.gds -x Start_command=x -y Resource_dependencies=stroe", "there is no resource stroe; did you mean store?"),
        ("scrgadm -a -j app2 -g im -t SUNW.gds -x Start_command=x -y Network_resources_used=hl", "there is no resource hl; did you mean lh?"),
        ("scrgadm -a -j app2 -g im -t SUNW.gds -x Start_command=x -y Network_resources_used=store", "Network_resources_used: store is not a network address (SUNW.LogicalHostname or SUNW.SharedAddress); name one that is"),
        ("scrgadm -a -j app2 -g im -t SUNW.gds -x Start_command=x -y Network_resources_used=lh2", "Network_resources_used: lh2 is in resource group other, and app2 is in im: a logical host must be in the same group"),
        ("scrgadm -a -j app2 -g sc -t SUNW.iim -x Confdir_list=/x -y Port_list=80", "resource type SUNW.iim:3.1 is for failover groups (FAILOVER is TRUE), and RG_mode of sc is Scalable: use another group"),
        ("scrgadm -a -L -g sc -l lh3", "resource type SUNW.LogicalHostname is for failover groups (FAILOVER is TRUE), and RG_mode of sc is Scalable: use another group"),
        ("scrgadm -a -j second -g im -t DEMO.one", "there may be one resource of type DEMO.one (SINGLE_INSTANCE is TRUE), and first is one: remove that first"),
        ("scrgadm -a -j app2 -g im -t DEMO.web", "resource type DEMO.web is not installed on n2, which is in the Nodelist of im: install it there and say so with scrgadm -c -t DEMO.web -h NODES, or take n2 out of the Nodelist"),
        ("scrgadm -a -j app2 -g im -t SUNW.iim -x Confdir_list=/a,/b -y Port_list=80", "property Confdir_list: 2 elements were given, at most 1 are allowed"),
        ("scrgadm -a -L -g im -l ,", "the name \"\" is empty; a name begins with a letter; give the resource another name"),
    ]);
}

#[test]
fn a_scalable_resource_needs_a_scalable_group_and_a_shared_address() {
    let mut world = World::with_types();
    world.does("scrgadm -a -g f");
    world.does("scrgadm -a -g s -y Maximum_primaries=2");
    world.does("scrgadm -a -L -g f -l lh");
    world.does("scrgadm -a -j sa -g f -t SUNW.SharedAddress");
    world.refuses_all(&[
        ("scrgadm -a -j w -g f -t DEMO.web -y Scalable=TRUE", "w cannot be Scalable, because RG_mode of f is Failover: use a scalable group or Scalable=FALSE"),
        ("scrgadm -a -j w -g s -t DEMO.web -y Scalable=TRUE -y Network_resources_used=lh", "Network_resources_used: lh is not a SharedAddress, which w needs because it is Scalable; name one that is"),
        ("scrgadm -a -j w -g s -t DEMO.web -y Scalable=TRUE -y Load_balancing_weights=3@n9", "there is no node n9; did you mean n1?"),
        ("scrgadm -a -j w -g s -t DEMO.web -y Scalable=TRUE -y Load_balancing_weights=n1", "property Load_balancing_weights: \"n1\" is not weight@node, such as 2@node-1"),
    ]);
}

#[test]
fn a_resource_that_cannot_be_changed_or_removed_is_said_why() {
    let world = World::with_im_online();
    world.refuses_all(&[
        ("scrgadm -c -j app", "nothing to change in app: give at least one -y NAME=VALUE or -x NAME=VALUE"),
        ("scrgadm -c -j ap -y Retry_count=1", "there is no resource ap; did you mean app?"),
        ("scrgadm -c -j app -x Start_command=y", "Start_command can be set only when the resource is created: remove app and create it again with the new value"),
        ("scrgadm -c -j app -x Log_dir=/var", "Log_dir can be set only while app is disabled: first scswitch -n -j app"),
        ("scrgadm -c -j app -y Network_resources_used=", "Network_resources_used can be set only while app is disabled: first scswitch -n -j app"),
        ("scrgadm -c -j app -y Port_list=80", "Port_list can be set only when the resource is created: remove app and create it again with the new value"),
        ("scrgadm -c -j app -x Serial=1", "Serial can never be set: the RTR file of SUNW.gds says TUNABLE = NONE"),
        ("scrgadm -c -j app -x Level{n1}=medium", "property Level: \"medium\" is not one of low, high"),
        ("scrgadm -c -j app -y Type=other", "Type is fixed when app is created; to change it remove app and create it again"),
        ("scrgadm -c -j app -y Resource_dependencies=nothing", "there is no resource nothing; the resources are lh and store"),
        ("scrgadm -c -j app -y Thorough_probe_interval=3601", "property Thorough_probe_interval: 3601 is more than the maximum, 3600"),
        ("scrgadm -c -j lh -x HostnameList=lh9", "HostnameList can be set only while lh is disabled: first scswitch -n -j lh"),
        ("scrgadm -c -j app -x HostnameList=lh9", "resources of type SUNW.gds have no property HostnameList; scrgadm -pvv -t SUNW.gds lists what they have"),
        ("scrgadm -r -j app", "app is enabled: first disable it with scswitch -n -j app"),
        ("scrgadm -r -j nobody", "there is no resource nobody; the resources are app, lh and store"),
    ]);
}

#[test]
fn a_resource_that_others_need_is_not_removed() {
    let world = World::with_im();
    world.refuses_all(&[("scrgadm -r -j store", "store is named in Resource_dependencies of app: first take it out there with scrgadm -c -j"), ("scrgadm -r -j lh", "lh is named in Network_resources_used of app: first take it out there with scrgadm -c -j")]);
}

#[test]
fn a_resource_migrates_only_when_the_new_type_allows_it() {
    let mut world = World::with_types();
    world.does("scrgadm -a -t SUNW.iim:3.2");
    world.does("scrgadm -a -t SUNW.iim:3.3");
    world.does("scrgadm -a -t SUNW.iim:3.4");
    world.does("scrgadm -a -t SUNW.iim:3.5");
    world.does("scrgadm -a -g im -h n1,n2");
    world.does("scrgadm -a -j iim -g im -t SUNW.iim:3.1 -x Confdir_list=/c -y Port_list=80 -y Thorough_probe_interval=200");
    world.does("scswitch -Z -g im");
    world.is("im", "n1", GroupState::Online);
    world.refuses_all(&[
        ("scrgadm -c -j iim -y Type_version=4.0", "resource type SUNW.iim is not registered in version 4.0; registered are 3.1, 3.2, 3.3, 3.4 and 3.5: register it with scrgadm -a -t SUNW.iim -f FILE"),
        ("scrgadm -c -j iim -y Type_version=3.2", "iim can be migrated from version 3.1 to 3.2 only while its monitor is disabled: first scswitch -n -M -j iim"),
        ("scrgadm -c -j iim -y Type_version=3.3", "iim can be migrated from version 3.1 to 3.3 only while it is disabled: first scswitch -n -j iim"),
        ("scrgadm -c -j iim -y Type_version=3.4", "iim cannot be migrated from version 3.1 to 3.4: the new type allows it at creation only; create another resource"),
        ("scrgadm -c -j iim -y Type_version=3.5", "iim can be migrated from version 3.1 to 3.5 only while resource group im is offline: first scswitch -F -g im"),
    ]);
}

#[test]
fn a_migration_needs_the_values_that_are_new() {
    let mut world = World::with_types();
    world.does("scrgadm -a -t SUNW.iim:3.2");
    world.does("scrgadm -a -t SUNW.iim:3.3");
    world.does("scrgadm -a -t SUNW.iim:3.4");
    world.does("scrgadm -a -t SUNW.iim:3.5");
    world.does("scrgadm -a -g im -h n1,n2");
    world.does("scrgadm -a -j iim -g im -t SUNW.iim:3.1 -x Confdir_list=/c -y Port_list=80 -y Thorough_probe_interval=200");
    world.does("scswitch -Z -g im");
    world.is("im", "n1", GroupState::Online);
    world.does("scswitch -n -M -j iim");
    world.refuses_all(&[
        ("scrgadm -c -j iim -y Type_version=3.2", "property Thorough_probe_interval: 200 is more than the maximum, 100 of the new version: give -y Thorough_probe_interval=VALUE in the same command"),
        ("scrgadm -c -j iim -y Type_version=3.2 -y Thorough_probe_interval=50", "resources of type SUNW.iim:3.2 need a value, for which there is no default: give -x Realm=VALUE"),
        ("scrgadm -c -j iim -y Type_version=3.2 -y Thorough_probe_interval=50 -x Confdir_list=/d", "Confdir_list can be set only when the resource is created: remove iim and create it again with the new value"),
    ]);
}

#[test]
fn a_version_that_is_not_listed_needs_the_group_unmanaged() {
    let mut world = World::with_types();
    world.does("scrgadm -a -t SUNW.iim:3.2");
    world.does("scrgadm -a -g im -h n1");
    world.does(
        "scrgadm -a -j iim -g im -t SUNW.iim:3.2 -x Confdir_list=/c -x Realm=r -y Port_list=80",
    );
    world.does("scswitch -o -g im");
    world.refuses_all(&[("scrgadm -c -j iim -y Type_version=3.1", "iim can be migrated from version 3.2 to 3.1 only while resource group im is unmanaged: first scswitch -u -g im")]);
}

#[test]
fn nodes_and_settings_that_cannot_be_changed_are_said_why() {
    let mut world = World::with_im();
    world.does("scrgadm -c -t DEMO.web -h n3");
    world.refuses_all(&[
        ("steadfast node add n1", "the name n1 is taken: there is a node n1 already"),
        ("steadfast node add node.example", "the name node.example may hold only ASCII letters, digits, '-' and '_'; give the node another name"),
        ("steadfast node remove n9", "there is no node n9; did you mean n1?"),
        ("steadfast node remove n1", "node n1 is a member of the cluster: evacuate it with scswitch -S -h n1, stop its daemon, then remove it"),
        ("steadfast node remove n3", "node n3 is in Installed_nodes of DEMO.web: first take it out with scrgadm -c -t TYPE -h NODES"),
        ("steadfast node fencing n9 fence_x 60", "there is no node n9; did you mean n1?"),
        ("steadfast node fencing n1 \"\" 60", "the fence agent \"\" is not the name or the path of a program: give one such as fence_ipmilan"),
        ("steadfast node fencing n1 sbin/fence_x 60", "the fence agent sbin/fence_x is not the name or the path of a program: give one such as fence_ipmilan"),
        ("steadfast node fencing n1 fence_x 0", "the fence agent's time-out of 0 s is not possible: give 1 to 3600 seconds"),
        ("steadfast node fencing n1 fence_x 9999", "the fence agent's time-out of 9999 s is not possible: give 1 to 3600 seconds"),
        ("steadfast node fencing n1 fence_x 60 action=off", "the fence agent's option action is set by the cluster itself: leave it out"),
        ("steadfast node fencing n1 fence_x 60 \"ip addr=1\"", "the fence agent's option \"ip addr\" is not possible: names are letters, digits, - and _, and values have no line end"),
        ("steadfast node maintenance n9 on", "there is no node n9; did you mean n1?"),
        ("steadfast node confirm-dead n1", "node n1 is a member of the cluster and so alive: there is nothing to confirm"),
        ("steadfast node confirm-dead n3", "nothing waits for node n3 to be dead: there is nothing to confirm"),
        ("steadfast node confirm-dead n9", "there is no node n9; did you mean n1?"),
        ("steadfast cluster set", "nothing to set: give at least one NAME=VALUE"),
        ("steadfast cluster set nmae=x", "the cluster has no setting nmae; did you mean name?"),
        ("steadfast cluster set banana=x", "the cluster has no setting banana; the settings are name, new_cluster_wait_s, retry_after_pingpong, sticky_offline, unfenced_storage_allowed, hard_only_with_candidate"),
        ("steadfast cluster set id=x", "the setting id identifies this cluster for ever and cannot be set; leave it out"),
        ("steadfast cluster set name=x name=y", "name is given twice; give it once"),
        ("steadfast cluster set name=9", "name: 9 does not begin with a letter; give another name"),
        ("steadfast cluster set sticky_offline=maybe", "sticky_offline: maybe is neither TRUE nor FALSE"),
        ("steadfast cluster set new_cluster_wait_s=-1", "new_cluster_wait_s: -1 is not a number of seconds from 0 to 86400"),
        ("steadfast cluster set new_cluster_wait_s=90000", "new_cluster_wait_s: 90000 is not a number of seconds from 0 to 86400"),
        ("steadfast cluster set sticky_offline{n1}=TRUE", "sticky_offline is a setting of the whole cluster: leave out {n1}"),
    ]);
}

#[test]
fn a_node_in_a_nodelist_is_not_removed() {
    let mut world = World::new(&[]);
    world.does("scrgadm -a -g g -h n3,n1");
    world.refuses_all(&[(
        "steadfast node remove n3",
        "node n3 is in the Nodelist of g: first take it out with scrgadm -c -g GROUP -h NODES",
    )]);
}

#[test]
fn what_something_unreadable_may_need_is_not_removed() {
    let mut world = World::with_im();
    world.does("scrgadm -a -g empty");
    world.problem("resource/odd");
    let sentence = "the resource odd is in the control store but cannot be used: it was written by a newer version; update this node";
    world.refuses_all(&[
        ("scrgadm -r -g empty", sentence),
        ("scrgadm -r -t DEMO.one", sentence),
        ("scrgadm -r -j app", sentence),
        ("scrgadm -c -j odd -y Retry_count=1", sentence),
    ]);
}

#[test]
fn what_cannot_be_read_is_not_touched() {
    let mut world = World::with_types();
    world.problem("group/odd");
    world.refuses_all(&[
        ("scrgadm -a -g odd", "the resource group odd is in the control store but cannot be used: it was written by a newer version; update this node"),
        ("scswitch -Z -g odd", "the resource group odd is in the control store but cannot be used: it was written by a newer version; update this node"),
        ("scrgadm -r -g odd", "the resource group odd is in the control store but cannot be used: it was written by a newer version; update this node"),
    ]);
}

#[test]
fn a_circle_over_two_network_addresses_of_one_group_is_refused() {
    let mut world = World::with_types();
    world.does("scrgadm -a -g a -h n1,n2");
    world.does("scrgadm -a -L -g a -l lh1");
    world.does("scrgadm -a -L -g a -l lh2");
    world.does("scrgadm -a -j x -g a -t SUNW.gds -x Start_command=x");
    world.does("scrgadm -a -j y -g a -t SUNW.gds -x Start_command=x");
    // One address after a resource is sensible: that resource does not wait for it.
    world.does("scrgadm -c -j lh1 -y Resource_dependencies=x");
    world.refuses_all(&[(
        "scrgadm -c -j lh2 -y Resource_dependencies=y",
        "the dependencies would go in a circle: lh1 → x → lh2 → y → lh1; leave one of them out",
    )]);
    world.does("scrgadm -c -j lh2 -y Resource_dependencies=x");
}

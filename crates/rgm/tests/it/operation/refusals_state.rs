//! Refusals of `scswitch` and `scha_control`, and of storage without fencing: each with its exact sentence.

use super::world::World;
use rgm::{GroupState, ResourceState};

#[test]
fn shared_storage_without_fencing_is_not_brought_online() {
    let mut world = World::with_types();
    world.does("scrgadm -a -g st -h n1,n2");
    world.does("scrgadm -a -j disk -g st -t SUNW.HAStorage -x FilesystemMountPoints=/data");
    world.does("steadfast node fencing n1 fence_x 60");
    world.refuses_all(&[("scswitch -Z -g st", "resource group st has storage that n1 and n2 could write at the same time, and n2 cannot be fenced when lost: give each a fence agent with steadfast node fencing NODE, or allow it at your own risk with steadfast cluster set unfenced_storage_allowed=TRUE"), ("scswitch -e -j disk", "resource group st has storage that n1 and n2 could write at the same time, and n2 cannot be fenced when lost: give each a fence agent with steadfast node fencing NODE, or allow it at your own risk with steadfast cluster set unfenced_storage_allowed=TRUE")]);
}

#[test]
fn fencing_is_not_taken_away_from_storage_that_needs_it() {
    let mut world = World::with_types();
    world.does("scrgadm -a -g st -h n1,n2");
    world.does("scrgadm -a -j disk -g st -t SUNW.HAStorage -x FilesystemMountPoints=/data");
    world.does("steadfast node fencing n1 fence_x 60");
    world.does("steadfast node fencing n2 fence_x 60");
    world.does("scswitch -Z -g st");
    world.refuses_all(&[("steadfast node fencing n1", "resource group st has storage that n1 and n2 could write at the same time, and n1 cannot be fenced when lost: give each a fence agent with steadfast node fencing NODE, or allow it at your own risk with steadfast cluster set unfenced_storage_allowed=TRUE"), ("scrgadm -c -g st -h n1,n2,n3", "resource group st has storage that n1, n2 and n3 could write at the same time, and n3 cannot be fenced when lost: give each a fence agent with steadfast node fencing NODE, or allow it at your own risk with steadfast cluster set unfenced_storage_allowed=TRUE")]);
}

#[test]
fn permission_to_go_without_fencing_is_not_taken_away_while_it_is_used() {
    let mut world = World::with_types();
    world.does("scrgadm -a -g st -h n1,n2");
    world.does("scrgadm -a -j disk -g st -t SUNW.HAStorage -x FilesystemMountPoints=/data");
    world.does("steadfast cluster set unfenced_storage_allowed=TRUE");
    world.does("scswitch -Z -g st");
    world.refuses_all(&[("steadfast cluster set unfenced_storage_allowed=FALSE", "resource group st has storage that n1 and n2 could write at the same time, and n1 and n2 cannot be fenced when lost: give each a fence agent with steadfast node fencing NODE, or allow it at your own risk with steadfast cluster set unfenced_storage_allowed=TRUE")]);
}

#[test]
fn a_group_that_cannot_be_switched_is_said_why() {
    let mut world = World::with_im_online();
    world.does("scrgadm -a -g new");
    world.does("scrgadm -a -g far -h n3");
    world.does("scswitch -o -g far");
    world.does("steadfast node maintenance n1 on");
    world.does("scrgadm -a -g sc -y Maximum_primaries=2");
    world.does("scswitch -o -g sc");
    world.refuses_all(&[
        ("scswitch -z -g imm -h n1", "there is no resource group imm; did you mean im?"),
        ("scswitch -z -g im -h im_node_2", "there is no node im_node_2; the nodes are n1, n2 and n3"),
        ("scswitch -z -g im -h n1,n2", "resource group im may be online on one node at most (Maximum_primaries), and 2 are named: name one"),
        ("scswitch -z -g sc -h n1,n2,n3", "resource group sc may be online on 2 nodes at most (Maximum_primaries), and 3 are named: name fewer"),
        ("scswitch -z -g im -h n3", "n3 is not in the Nodelist of im, which is n2 and n1: name one of them, or change it with scrgadm -c -g im -h NODES"),
        ("scswitch -z -g im -h n1", "node n1 is in maintenance: end that with steadfast node maintenance n1 off, or name another node"),
        ("scswitch -z -g far -h n3", "node n3 is not a member of the cluster now; members are n1 and n2"),
        ("scswitch -z -g new -h n1", "resource group new is unmanaged: first scswitch -o -g new, or bring it online with scswitch -Z -g new"),
        ("scswitch -z -g new", "resource group new is unmanaged: first scswitch -o -g new, or bring it online with scswitch -Z -g new"),
        ("scswitch -z -g far", "no node of far can take it: of its Nodelist n3 none is a member that is not in maintenance; start one of them"),
        ("scswitch -z -g nobody", "there is no resource group nobody; the resource groups are far, im, new and sc"),
        ("scswitch -Z -g far", "no node of far can take it: of its Nodelist n3 none is a member that is not in maintenance; start one of them"),
        ("scswitch -F -g nobody", "there is no resource group nobody; the resource groups are far, im, new and sc"),
        ("scswitch -F -g ,", "no resource group is named; give one with -g"),
        ("scswitch -R -g im -h n1", "resource group im is not online on n1, so it cannot be restarted there; it is online on n2"),
        ("scswitch -R -g new -h n1", "resource group new is unmanaged: first scswitch -o -g new, or bring it online with scswitch -Z -g new"),
        ("scswitch -R -g im -h n3", "node n3 is not a member of the cluster now; members are n1 and n2"),
        ("scswitch -R -g sc", "resource group sc is not online on any node, so it cannot be restarted there; it is offline"),
        ("scswitch -S -h n9", "there is no node n9; did you mean n1?"),
        ("scswitch -S -h ,", "no node is named; give one with -h"),
        ("scswitch -S -h n1 -K 65536", "-K 65536 is more than the maximum, 65535 seconds"),
        ("scswitch -Q -g imm", "there is no resource group imm; did you mean im?"),
        ("scswitch -s -g imm", "there is no resource group imm; did you mean im?"),
        ("scswitch -r -g imm", "there is no resource group imm; did you mean im?"),
    ]);
}

#[test]
fn a_group_does_not_leave_those_that_need_it() {
    let mut world = World::with_types();
    world.does("scrgadm -a -g db");
    world.does("scrgadm -a -j sql -g db -t SUNW.gds -x Start_command=x");
    world.does("scrgadm -a -g web");
    world.does(
        "scrgadm -a -j www -g web -t SUNW.gds -x Start_command=x -y Resource_dependencies=sql",
    );
    world.does("scrgadm -a -g after -y RG_dependencies=web");
    world.does("scswitch -Z -g db,web,after");
    world.is("db", "n1", GroupState::Online);
    world.is("web", "n1", GroupState::Online);
    world.is("after", "n1", GroupState::Online);
    world.refuses_all(&[
        ("scswitch -F -g db", "resource group db cannot go offline while www of web depends on it: take both offline, with scswitch -F -g web,db"),
        ("scswitch -F -g web", "resource group web cannot go offline while after is online, which depends on it (RG_dependencies): take both offline, with scswitch -F -g after,web"),
        ("scswitch -n -j sql", "sql cannot be disabled while www depends on it: disable it first or with it, with scswitch -n -j www,sql"),
    ]);
}

#[test]
fn a_switch_that_breaks_a_strong_affinity_is_refused() {
    let mut world = World::with_types();
    world.does("scrgadm -a -g a");
    world.does("scrgadm -a -g b -y RG_affinities=++a");
    world.does("scrgadm -a -g c -y RG_affinities=--a");
    world.does("scswitch -o -g a,b,c");
    world.does("scswitch -z -g a -h n1");
    world.is("a", "n1", GroupState::Online);
    world.refuses_all(&[
        ("scswitch -z -g b -h n2", "b has the affinity ++a and can be online only where a is, which is online on n1: switch both, with scswitch -z -g a,b -h NODE"),
        ("scswitch -z -g c -h n1", "c has the affinity --a and cannot be online on n1, where a is: name another node, or move a first"),
        ("scswitch -z -g a,c -h n2", "c has the affinity --a and cannot be online on n2, where a is: name another node, or move a first"),
    ]);
}

#[test]
fn a_resource_that_cannot_be_switched_is_said_why() {
    let world = World::with_im();
    world.refuses_all(&[
        ("scswitch -e -j app", "app depends on store, which is disabled: enable store too, with scswitch -e -j store"),
        ("scswitch -e -j ap", "there is no resource ap; did you mean app?"),
        ("scswitch -e -j ,", "no resource is named; give one with -j"),
        ("scswitch -e -j store -h n3", "store cannot run on n3: the Nodelist of its resource group is n2 and n1; name one of them"),
        ("scswitch -e -j store -h n9", "there is no node n9; did you mean n1?"),
        ("scswitch -R -j app", "app is online nowhere, so it cannot be restarted: enable it with scswitch -e -j app, or bring its group online"),
        ("scswitch -R -j nobody", "there is no resource nobody; the resources are app, lh and store"),
        ("scswitch -c -h n1 -j app -f STOP_FAILED", "app is not STOP_FAILED on n1, it is OFFLINE: nothing is to be cleared"),
        ("scswitch -c -h n3 -j app -f STOP_FAILED", "node n3 is not a member of the cluster now; members are n1 and n2"),
        ("scswitch -c -h , -j app -f STOP_FAILED", "no node is named; give one with -h"),
    ]);
}

#[test]
fn a_resource_that_others_depend_on_is_not_disabled() {
    let mut world = World::with_im_online();
    world.does("scrgadm -a -j app2 -g im -t SUNW.gds -x Start_command=x");
    world.does("scswitch -e -j app2");
    world.refuses_all(&[
        ("scswitch -n -j store", "store cannot be disabled while app depends on it: disable it first or with it, with scswitch -n -j app,store"),
        ("scswitch -n -j store,lh", "store cannot be disabled while app depends on it: disable it first or with it, with scswitch -n -j app,store"),
        ("scswitch -n -j store -h n2", "store cannot be disabled while app depends on it: disable it first or with it, with scswitch -n -j app,store"),
    ]);
}

#[test]
fn nothing_moves_while_a_resource_is_stop_failed() {
    let mut world = World::with_im_online();
    world.fails("im", "n2", "app", ResourceState::StopFailed);
    world.refuses_all(&[
        ("scswitch -z -g im -h n1", "app of resource group im could not be stopped on n2: make sure that it is dead there, then clear it with scswitch -c -h n2 -j app -f STOP_FAILED"),
        ("scswitch -z -g im", "app of resource group im could not be stopped on n2: make sure that it is dead there, then clear it with scswitch -c -h n2 -j app -f STOP_FAILED"),
        ("scswitch -Z -g im", "app of resource group im could not be stopped on n2: make sure that it is dead there, then clear it with scswitch -c -h n2 -j app -f STOP_FAILED"),
        ("scswitch -F -g im", "app of resource group im could not be stopped on n2: make sure that it is dead there, then clear it with scswitch -c -h n2 -j app -f STOP_FAILED"),
        ("scswitch -R -g im -h n2", "app of resource group im could not be stopped on n2: make sure that it is dead there, then clear it with scswitch -c -h n2 -j app -f STOP_FAILED"),
        ("scswitch -R -j app", "app of resource group im could not be stopped on n2: make sure that it is dead there, then clear it with scswitch -c -h n2 -j app -f STOP_FAILED"),
        ("scswitch -n -j app", "app of resource group im could not be stopped on n2: make sure that it is dead there, then clear it with scswitch -c -h n2 -j app -f STOP_FAILED"),
        ("scswitch -n -M -j app", "app of resource group im could not be stopped on n2: make sure that it is dead there, then clear it with scswitch -c -h n2 -j app -f STOP_FAILED"),
        ("scswitch -c -h n1 -j app -f STOP_FAILED", "app is not STOP_FAILED on n1, it is OFFLINE: nothing is to be cleared"),
        ("scswitch -c -h n2 -j lh -f STOP_FAILED", "lh is not STOP_FAILED on n2, it is ONLINE: nothing is to be cleared"),
        ("scha_control -O GIVEOVER -G im -R app -N n2", "app of resource group im could not be stopped on n2: make sure that it is dead there, then clear it with scswitch -c -h n2 -j app -f STOP_FAILED"),
    ]);
}

#[test]
fn a_monitor_that_may_not_ask_is_told_why() {
    let mut world = World::with_im_online();
    world.does("scrgadm -a -g other");
    world.does("scrgadm -a -j gag -g im -t SUNW.gds -x Start_command=x -y Failover_mode=LOG_ONLY");
    world.does(
        "scrgadm -a -j half -g im -t SUNW.gds -x Start_command=x -y Failover_mode=RESTART_ONLY",
    );
    world.refuses_all(&[
        ("scha_control -O GIVEOVER -G imm -R app -N n2", "there is no resource group imm; did you mean im?"),
        ("scha_control -O GIVEOVER -G im -R apple -N n2", "there is no resource apple; the resources are app, gag, half, lh and store"),
        ("scha_control -O GIVEOVER -G other -R app -N n2", "app is in resource group im, not in other: give -G im"),
        ("scha_control -O GIVEOVER -G im -R app -N n1", "resource group im is not online on n1, it is OFFLINE: nothing was done"),
        ("scha_control -O RESTART -G im -R app -N n1", "resource group im is not online on n1, it is OFFLINE: nothing was done"),
        ("scha_control -O GIVEOVER -G im -R app -N n3", "node n3 is not a member of the cluster now; members are n1 and n2"),
        ("scha_control -O GIVEOVER -G im -R gag -N n2", "Failover_mode of gag is LOG_ONLY, which does not let its monitor ask for a giveover: set Failover_mode to NONE, SOFT or HARD to allow it"),
        ("scha_control -O CHECK_RESTART -G im -R gag -N n2", "Failover_mode of gag is LOG_ONLY, which does not let its monitor ask for a restart of the group: set Failover_mode to NONE, SOFT or HARD to allow it"),
        ("scha_control -O CHECK_GIVEOVER -G im -R half -N n2", "Failover_mode of half is RESTART_ONLY, which does not let its monitor ask for a giveover: set Failover_mode to NONE, SOFT or HARD to allow it"),
    ]);
}

#[test]
fn a_giveover_needs_a_node_that_can_take_the_group() {
    let mut world = World::with_im_online();
    world.does("steadfast node maintenance n1 on");
    world.refuses_all(&[(
        "scha_control -O GIVEOVER -G im -R app -N n2",
        "im stays on n2, because no other node can take it: n1 is in maintenance",
    )]);
}

#[test]
fn a_giveover_does_not_go_back_within_pingpong_interval() {
    let mut world = World::with_im_online();
    world.gave_over("im", "app", "n1");
    world.refuses_all(&[("scha_control -O GIVEOVER -G im -R app -N n2", "im stays on n2, because no other node can take it: app gave it over from n1 60 s ago, less than Pingpong_interval (3600 s)")]);
}

#[test]
fn a_suspended_group_is_not_given_over() {
    let mut world = World::with_im_online();
    world.does("scswitch -s -g im");
    world.refuses_all(&[
        ("scha_control -O GIVEOVER -G im -R app -N n2", "automatic recovery of resource group im is suspended: resume it with scswitch -r -g im"),
        ("scha_control -O RESTART -G im -R app -N n2", "automatic recovery of resource group im is suspended: resume it with scswitch -r -g im"),
    ]);
}

#[test]
fn a_giveover_does_not_break_a_strong_affinity() {
    let mut world = World::with_im();
    world.does("scrgadm -a -g base");
    world.does("scrgadm -c -g im -y RG_affinities=++base");
    world.does("scswitch -o -g base");
    world.does("scswitch -z -g base -h n2");
    world.does("scswitch -o -g im");
    world.does("scswitch -e -j lh,store,app");
    world.is("im", "n2", GroupState::Online);
    world.refuses_all(&[("scha_control -O CHECK_GIVEOVER -G im -R app -N n2", "im cannot leave n2: it has the affinity ++base, and base is there; move base, or use +++base")]);
}

#[test]
fn a_giveover_does_not_go_where_another_group_keeps_it_away() {
    let mut world = World::with_im();
    world.does("scrgadm -a -g base -h n1");
    world.does("scrgadm -c -g im -y RG_affinities=--base");
    world.does("scswitch -o -g base");
    world.does("scswitch -z -g base -h n1");
    world.does("scswitch -o -g im");
    world.is("im", "n2", GroupState::Online);
    world.refuses_all(&[("scha_control -O CHECK_GIVEOVER -G im -R app -N n2", "im stays on n2, because no other node can take it: base is on n1, and the affinity is --base")]);
}

#[test]
fn a_lone_node_gives_nothing_over() {
    let mut world = World::with_types();
    world.does("scrgadm -a -g lone -h n1");
    world.does("scrgadm -a -j app -g lone -t SUNW.gds -x Start_command=x");
    world.does("scswitch -Z -g lone");
    world.is("lone", "n1", GroupState::Online);
    world.refuses_all(&[(
        "scha_control -O GIVEOVER -G lone -R app -N n1",
        "lone stays on n1, because no other node can take it: the Nodelist has only n1",
    )]);
}

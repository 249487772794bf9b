//! Plans that must not be written: the cluster below runs web on n1, and each case is one change too many.

use super::check;
use crate::model::{
    Affinity, AffinityKind, Cluster, Group, GroupState, Holder, Incarnation, Intent, Member,
    Observed, Operation, Problem, Request, RequestId,
};
use crate::names::{GroupName, NodeName};
use crate::planner::{Plan, Step};
use crate::store::{Change, Key, Object};

fn holder(node: &str, incarnation: i64, withdrawn: Option<u64>) -> Holder {
    Holder { node: NodeName::new(node), incarnation: Incarnation(incarnation), withdrawn }
}

fn cluster() -> Cluster {
    let mut cluster = Cluster::default();
    for (node, incarnation) in [("n1", 1), ("n2", 2)] {
        let member = Member {
            incarnation: Incarnation(incarnation),
            joined_ms: 0,
            boot_id: String::new(),
            version: String::new(),
            cluster_id: String::new(),
        };
        cluster.members.insert(NodeName::new(node), member);
    }
    let apart = Affinity { kind: AffinityKind::StrongNegative, target: GroupName::new("web") };
    let web = Group { managed: true, ..Group::default() };
    let db = Group { affinities: vec![apart], ..web.clone() };
    cluster.config.groups.insert(GroupName::new("web"), web);
    cluster.config.groups.insert(GroupName::new("db"), db);
    let intent = Intent {
        generation: 5,
        target: vec![NodeName::new("n1")],
        holders: vec![holder("n1", 1, None)],
        ..Intent::default()
    };
    cluster.intents.insert(GroupName::new("web"), intent);
    observe(&mut cluster, GroupState::Online, 5);
    cluster
}

fn observe(cluster: &mut Cluster, state: GroupState, generation: u64) {
    let observed =
        Observed { incarnation: Incarnation(1), generation, state, ..Observed::default() };
    let groups = cluster.observed.entry(NodeName::new("n1")).or_default();
    groups.insert(GroupName::new("web"), observed);
}

fn write(group: &str, generation: u64, holders: Vec<Holder>) -> Change {
    let intent = Intent { generation, holders, ..Intent::default() };
    Change { key: Key::Intent(GroupName::new(group)), object: Some(Object::Intent(intent)) }
}

fn refuses(cluster: &Cluster, changes: Vec<Change>, expect: &str) {
    let plan = Plan { steps: vec![Step { changes, decisions: Vec::new() }], wake_at_ms: None };
    let wrong = check(cluster, &plan).unwrap_err();
    assert!(wrong.iter().any(|w| w.contains(expect)), "{wrong:?}");
}

fn accepts(cluster: &Cluster, changes: Vec<Change>) {
    let plan = Plan { steps: vec![Step { changes, decisions: Vec::new() }], wake_at_ms: None };
    assert_eq!(check(cluster, &plan), Ok(()));
}

#[test]
fn a_plan_that_breaks_a_rule_of_permits_is_refused() {
    let cluster = cluster();
    let n1 = holder("n1", 1, None);
    let cases = [
        (vec![n1.clone(), holder("n2", 2, None)], 6, "2 holders, Maximum_primaries is 1"),
        (vec![holder("n2", 2, None)], 6, "n1 (1) is dropped and may still have it"),
        (vec![holder("n1", 9, None)], 6, "which is not that member"),
        (vec![n1], 5, "generation 5 follows 5"),
    ];
    for (holders, generation, expect) in cases {
        refuses(&cluster, vec![write("web", generation, holders)], expect);
    }
    refuses(&cluster, vec![write("db", 1, vec![holder("n1", 1, None)])], "where web is");
    accepts(&cluster, vec![write("db", 1, vec![holder("n2", 2, None)])]);
    accepts(&cluster, vec![write("web", 6, vec![holder("n1", 1, Some(6))])]);
}

#[test]
fn a_holder_goes_only_with_its_word_under_the_generation_that_withdrew_it() {
    let mut cluster = cluster();
    let web = cluster.intents.get_mut("web").unwrap();
    web.holders = vec![holder("n1", 1, Some(5))];
    let moved = || vec![write("web", 6, vec![holder("n2", 2, None)])];
    refuses(&cluster, moved(), "dropped");
    observe(&mut cluster, GroupState::Offline, 4);
    refuses(&cluster, moved(), "dropped");
    observe(&mut cluster, GroupState::ErrorStopFailed, 5);
    refuses(&cluster, moved(), "could not stop it");
    observe(&mut cluster, GroupState::Offline, 5);
    accepts(&cluster, moved());
    let twice = (0..2).map(|_| write("web", 6, vec![]));
    refuses(&cluster, twice.collect(), "written twice");
}

#[test]
fn a_plan_that_mishandles_keys_is_refused() {
    let mut cluster = cluster();
    let damaged = Problem { key: "group/x".to_owned(), sentence: String::new() };
    cluster.problems.insert("group/x".to_owned(), damaged);
    let over = Change {
        key: Key::Group(GroupName::new("x")),
        object: Some(Object::Group(Group::default())),
    };
    refuses(&cluster, vec![over], "would be written over");
    let id = RequestId("r".to_owned());
    let operation = Operation::Remaster { groups: None };
    let request = Request { operation, by: "root".to_owned(), at_ms: 0 };
    cluster.requests.insert(id.clone(), request);
    refuses(&cluster, vec![Change { key: Key::Request(id), object: None }], "without an answer");
    let many = (0..=Step::CHANGES_MAX).map(|n| Change {
        key: Key::Group(GroupName::new(&format!("g{n}"))),
        object: Some(Object::Group(Group::default())),
    });
    refuses(&cluster, many.collect(), "121 changes");
}

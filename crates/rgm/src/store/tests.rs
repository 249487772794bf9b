//! Paths and values go there and back; golden values pin every format; what is damaged is a problem and stays as it is.

use super::codec::FORMAT;
use super::transaction::{OPERATIONS_MAX, VALUE_BYTES_MAX};
use super::{Change, Guard, Key, Object, Raw, Transaction, WriteError};
use crate::model::*;
use crate::names::*;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::str::FromStr;

fn resource() -> Resource {
    let value = PropertyValue {
        value: vec!["8080/tcp".to_owned()],
        per_node: BTreeMap::from([("n2".into(), vec!["8081/tcp".to_owned()])]),
    };
    Resource {
        group: "web".into(),
        type_name: "SUNW.gds:6".into(),
        description: "the server".to_owned(),
        enabled: Switch { on: true, except: vec!["n3".into()] },
        monitored: Switch::everywhere(true),
        dependencies: Dependencies { strong: vec!["disk".into()], ..Dependencies::default() },
        failover_mode: FailoverMode::RestartOnly,
        values: BTreeMap::from([("Port_list".into(), value)]),
        generation: 7,
    }
}

fn type_config() -> TypeConfig {
    let port = rtr::Property {
        name: "Port_list".to_owned(),
        extension: false,
        per_node: false,
        kind: rtr::PropertyKind::StringArray {
            length: rtr::Range::default(),
            size: rtr::Range { min: Some(1), max: None },
        },
        default: None,
        tunable: Some(rtr::Tunable::AtCreation),
        description: None,
    };
    let rtr = rtr::ResourceType {
        resource_type: "gds".to_owned(),
        vendor_id: Some("SUNW".to_owned()),
        rt_version: "6".to_owned(),
        rt_description: "any program".to_owned(),
        api_version: 2,
        rt_basedir: Some("/opt/gds".to_owned()),
        failover: true,
        single_instance: false,
        init_nodes: rtr::InitNodes::RgPrimaries,
        pkglist: vec!["SUNWscgds".to_owned()],
        rt_system: false,
        global_zone: false,
        proxy: false,
        sysdefined_type: None,
        methods: BTreeMap::from([(rtr::Method::Start, "start".to_owned())]),
        upgrade: Some(rtr::Upgrade::default()),
        properties: vec![port],
    };
    let path = "/opt/gds/SUNW.gds".to_owned();
    TypeConfig { rtr, installed_nodes: Some(vec!["n1".into()]), system: true, path }
}

fn call() -> MethodCall {
    MethodCall {
        method: rtr::Method::PrenetStart,
        resource: "http".into(),
        type_name: "SUNW.gds:6".into(),
        group: "web".into(),
        program: "/opt/gds/prenet".to_owned(),
        arguments: ["-R", "http"].map(str::to_owned).to_vec(),
        timeout_s: 300,
    }
}

fn fencing() -> Fencing {
    let options = BTreeMap::from([("ip".to_owned(), "192.0.2.9".to_owned())]);
    Fencing { agent: "fence_ipmilan".to_owned(), options, timeout_s: 60 }
}

fn decision() -> Decision {
    let sentence = "web moves from n1 to n2, because n1 is lost".to_owned();
    Decision { at_ms: 1000, sentence, by: "n2".to_owned() }
}

fn group() -> Group {
    Group {
        nodelist: vec!["n1".into(), "n2".into()],
        affinities: vec![Affinity {
            kind: AffinityKind::StrongPositiveDelegating,
            target: "db".into(),
        }],
        managed: true,
        ..Group::default()
    }
}

fn intent() -> Intent {
    Intent {
        generation: 4,
        target: vec!["n2".into()],
        holders: vec![Holder {
            node: "n1".into(),
            incarnation: Incarnation(12),
            withdrawn: Some(4),
        }],
        rest: Some(Rest::ByOperator { members: vec![Incarnation(12)] }),
        restart: vec!["n1".into()],
        avoid: vec![("n3".into(), 5000)],
        why: "n1 is lost".to_owned(),
        since_ms: 1000,
        ..Intent::default()
    }
}

fn observed() -> Observed {
    let failure = MethodFailure {
        method: rtr::Method::Start,
        why: "START of http exited with 1".to_owned(),
        at_ms: 900,
    };
    let one = ObservedResource {
        state: ResourceState::Starting,
        status: Status::Degraded,
        method: Some(RunningMethod { method: rtr::Method::Start, since_ms: 950, timeout_s: 300 }),
        failure: Some(failure.clone()),
        restarts_ms: vec![800],
        ..ObservedResource::default()
    };
    Observed {
        incarnation: Incarnation(12),
        generation: 4,
        state: GroupState::PendingOnlineBlocked,
        resources: BTreeMap::from([("http".into(), one)]),
        start_failure: Some(StartFailure { generation: 3, resource: "http".into(), failure }),
        waits_for: Some("http waits for disk".to_owned()),
        node: Some("n1".into()),
    }
}

fn request() -> (RequestId, Request, Answer) {
    let operation = Operation::Switch { groups: vec!["web".into()], nodes: vec!["n2".into()] };
    let request = Request { operation, by: "root on n1".to_owned(), at_ms: 1000 };
    let refusal =
        Refusal { code: SchaCode::Rg, sentence: "there is no group web; make it".to_owned() };
    let goals = vec![crate::goal::Goal::Settled { group: "web".into() }];
    let answer =
        Answer { refusal: Some(refusal), messages: vec!["slow".to_owned()], goals, at_ms: 1001 };
    (RequestId("12-1".to_owned()), request, answer)
}

/// One of each.
fn samples() -> Vec<(Key, Object)> {
    let (id, request, answer) = request();
    let job_id = JobId { node: "n1".into(), request: id.clone(), number: 2 };
    let kind =
        JobKind::Fence { node: "n3".into(), incarnation: Incarnation(3), fencing: fencing() };
    let result = Some(JobResult { ok: false, output: "no route".to_owned() });
    let job = Job { incarnation: Incarnation(12), kind, result };
    let why = "no route".to_owned();
    let state = FenceState::Failed { why, again_ms: 3000 };
    let fence = Fence { incarnation: Incarnation(3), state, attempts: 2, since_ms: 1000 };
    let attempt = Attempt { node: "n1".into(), at_ms: 900, why: "exit 1".to_owned() };
    let giveover = Giveover { resource: "http".into(), node: "n1".into(), at_ms: 950 };
    let history =
        History { decisions: vec![decision()], attempts: vec![attempt], giveovers: vec![giveover] };
    let member = Member {
        incarnation: Incarnation(12),
        joined_ms: 1000,
        boot_id: "b-1".to_owned(),
        version: "0.1.0".to_owned(),
        cluster_id: "c-1".to_owned(),
    };
    let fini = FiniOwed { call: call(), resource: resource(), type_config: type_config() };
    let node = NodeConfig { id: 1, fencing: Some(fencing()), maintenance: true };
    let president = President { node: "n1".into(), incarnation: Incarnation(12), term: 12 };
    vec![
        (
            Key::Cluster,
            Object::Cluster(ClusterSettings { id: "c-1".to_owned(), ..Default::default() }),
        ),
        (Key::Node("n1".into()), Object::Node(node)),
        (Key::Type("SUNW.gds:6".into()), Object::Type(type_config())),
        (Key::Group("web".into()), Object::Group(group())),
        (Key::Resource("http".into()), Object::Resource(resource())),
        (Key::Intent("web".into()), Object::Intent(intent())),
        (Key::History("web".into()), Object::History(history)),
        (Key::Fini("n1".into(), "http".into()), Object::Fini(fini)),
        (Key::Fence("n3".into()), Object::Fence(fence)),
        (Key::Request(id.clone()), Object::Request(request)),
        (Key::Answer(id), Object::Answer(answer)),
        (Key::Job(job_id), Object::Job(job)),
        (Key::Member("n1".into()), Object::Member(member)),
        (Key::Observed("n1".into(), "web".into()), Object::Observed(observed())),
        (Key::President, Object::President(president)),
        (
            Key::LastMembers,
            Object::LastMembers(LastMembers { nodes: vec!["n1".into(), "n2".into()] }),
        ),
    ]
}

fn raw(value: &[u8], revision: i64) -> Option<Raw> {
    Some(Raw { value: value.to_vec(), create_revision: 12, mod_revision: revision })
}

#[test]
fn every_object_is_written_as_its_golden_file_says() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/store/golden");
    for (key, object) in samples() {
        let value: serde_json::Value = serde_json::from_slice(&object.encode()).unwrap();
        let found = serde_json::to_string_pretty(&value).unwrap() + "\n";
        let path = format!("{folder}/{}.json", key.kind());
        if std::env::var_os("STEADFAST_BLESS").is_some() {
            std::fs::write(&path, &found).unwrap();
        }
        let expect = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(found, expect, "format of {key} changed; STEADFAST_BLESS=1 if that is meant");
    }
}

#[test]
fn golden_files_are_read_as_the_objects_they_were_made_from() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/store/golden");
    let (mut from_golden, mut from_objects) = (Cluster::default(), Cluster::default());
    for (key, object) in samples() {
        let golden = std::fs::read(format!("{folder}/{}.json", key.kind())).unwrap();
        from_golden.apply(&key.to_string(), raw(&golden, 12));
        from_objects.apply(&key.to_string(), raw(&object.encode(), 12));
        assert!(from_golden.problems.is_empty(), "{:?}", from_golden.problems);
    }
    assert_eq!(from_golden, from_objects);
    assert_eq!(from_golden.config.resources["http"], resource());
    assert_eq!(from_golden.observed["n1"]["web"], observed());
    assert_eq!(from_golden.members["n1"].incarnation, Incarnation(12));
    assert_eq!(from_golden.president.unwrap().term, 12);
}

#[test]
fn what_is_applied_and_deleted_again_leaves_nothing() {
    let mut cluster = Cluster::default();
    for (key, object) in samples() {
        cluster.apply(&key.to_string(), raw(&object.encode(), 12));
    }
    assert_eq!(cluster.revisions.len(), samples().len());
    for (key, _) in samples() {
        cluster.apply(&key.to_string(), None);
    }
    assert_eq!(cluster, Cluster::default());
}

#[test]
fn what_cannot_be_understood_is_a_problem_that_says_why() {
    let good = Object::Group(group()).encode();
    let other = Object::Node(NodeConfig { id: 1, fencing: None, maintenance: false }).encode();
    let cases: [(&[u8], &str); 8] = [
        (br#"{"format":2,"kind":"group","value":{"new":1}}"#, "has format 2"),
        (br#"{"format":2,"kind":"group","value":{}}"#, "upgrade this node"),
        (br#"{"format":0,"kind":"group","value":{}}"#, "format 0"),
        (br#"{"kind":"group","value":{}}"#, "no format number"),
        (&good[..good.len() - 3], "damaged"),
        (b"\xff\xfe", "not UTF-8"),
        (&other, "is a node, the key is a group's"),
        (br#"{"format":1,"kind":"group","value":{"nodelist":5}}"#, "not what a group holds"),
    ];
    for (value, expect) in cases {
        let mut cluster = Cluster::default();
        cluster.apply("group/web", raw(&good, 3));
        cluster.apply("group/web", raw(value, 4));
        assert!(cluster.config.groups.is_empty(), "{expect}: the old value is still in view");
        let sentence = &cluster.problems["group/web"].sentence;
        assert!(sentence.contains(expect), "{sentence} does not say {expect}");
        let change = Change { key: Key::Group("web".into()), object: Some(Object::Group(group())) };
        let written = Transaction::of_changes(&cluster, &[change], None, |_| Some(4));
        assert!(matches!(written, Err(WriteError::NotUnderstood { .. })), "{written:?}");
        cluster.apply("group/web", raw(&good, 5));
        assert!(cluster.problems.is_empty() && cluster.config.groups.len() == 1);
    }
}

#[test]
fn unknown_keys_are_problems_and_go_away_with_the_key() {
    let paths = [
        "",
        "/",
        "group",
        "group/",
        "group/a/b",
        "groups/a",
        "group/a b",
        "group/%41",
        "group/%zz",
        "group/%2",
        "job/n1/r/01",
        "job/n1/r/x",
        "group/%FF",
        "president/x",
        "Group/a",
        "group/ä",
    ];
    for path in paths {
        let mut cluster = Cluster::default();
        cluster.apply(path, raw(b"{}", 3));
        assert_eq!(cluster.problems.len(), 1, "{path}");
        cluster.apply(path, None);
        assert_eq!(cluster, Cluster::default(), "{path}");
    }
}

#[test]
fn a_fini_under_the_key_of_another_resource_is_a_problem() {
    let fini = FiniOwed { call: call(), resource: resource(), type_config: type_config() };
    let mut cluster = Cluster::default();
    cluster.apply("fini/n1/other", raw(&Object::Fini(fini).encode(), 3));
    assert!(cluster.fini.is_empty() && cluster.problems.contains_key("fini/n1/other"));
}

#[test]
fn names_with_any_letter_become_one_path_element() {
    let key = Key::Fini("n/1 ä".into(), "%2F".into());
    assert_eq!(key.to_string(), "fini/n%2F1%20%C3%A4/%252F");
    assert_eq!(Key::from_str("fini/n%2F1%20%C3%A4/%252F"), Ok(key));
    assert_eq!(Key::Type("SUNW.gds:6".into()).to_string(), "type/SUNW.gds:6");
}

#[test]
fn changes_are_guarded_by_what_each_key_was_and_by_who_writes() {
    let changes = [
        Change { key: Key::Group("web".into()), object: Some(Object::Group(group())) },
        Change { key: Key::Group("db".into()), object: None },
        Change { key: Key::Member("n1".into()), object: None },
    ];
    let holder = Guard::CreatedAt("president".to_owned(), 9);
    let revision = |key: &str| (key == "group/db").then_some(5);
    let made =
        Transaction::of_changes(&Cluster::default(), &changes, Some(holder.clone()), revision);
    let made = made.unwrap();
    let absent = |key: &str| Guard::Absent(key.to_owned());
    let changed = Guard::ChangedAt("group/db".to_owned(), 5);
    assert_eq!(made.guards, [holder, absent("group/web"), changed, absent("member/n1")]);
    assert_eq!(made.writes[0].1.as_deref(), Some(&*Object::Group(group()).encode()));
    assert_eq!(made.writes[1], ("group/db".to_owned(), None, false));
    assert_eq!(made.writes[2], ("member/n1".to_owned(), None, true));
}

#[test]
fn what_the_store_would_refuse_for_its_size_is_an_error_that_names_the_key() {
    let cluster = Cluster::default();
    let write = |changes: &[Change]| Transaction::of_changes(&cluster, changes, None, |_| None);
    let large = |name: &str, bytes: usize| {
        let group = Group { description: "x".repeat(bytes), ..Group::default() };
        Change { key: Key::Group(name.into()), object: Some(Object::Group(group)) }
    };
    let error = write(&[large("a", VALUE_BYTES_MAX)]).unwrap_err();
    assert!(matches!(&error, WriteError::ValueTooLarge { key, .. } if key == "group/a"));
    assert!(write(&[large("a", VALUE_BYTES_MAX / 2)]).is_ok());
    let error = write(&[large("a", 700_000), large("b", 700_000)]).unwrap_err();
    assert!(matches!(error, WriteError::TransactionTooLarge { .. }));
    let error = write(&[large("a", 1), large("a", 1)]).unwrap_err();
    assert_eq!(error, WriteError::Twice { key: "group/a".to_owned() });
    let error = write(&[large(&"a".repeat(1000), 1)]).unwrap_err();
    assert!(matches!(error, WriteError::KeyTooLong { .. }));
    let many: Vec<Change> = (0..=OPERATIONS_MAX).map(|i| large(&format!("g{i}"), 1)).collect();
    assert!(matches!(write(&many), Err(WriteError::TooMany { .. })));
}

#[test]
fn a_value_says_its_format_first() {
    let start = format!("{{\"format\":{FORMAT},\"kind\":\"group\",\"value\":");
    assert!(Object::Group(group()).encode().starts_with(start.as_bytes()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn paths_go_there_and_back(a in "\\PC{1,12}", b in ".{1,12}", number: u32, kind in 0..15) {
        let (node, id) = (NodeName::new(&a), RequestId(b.clone()));
        let key = match kind {
            0 => Key::Cluster,
            1 => Key::Node(node),
            2 => Key::Type(b.as_str().into()),
            3 => Key::Group(b.as_str().into()),
            4 => Key::Resource(b.as_str().into()),
            5 => Key::Intent(b.as_str().into()),
            6 => Key::History(b.as_str().into()),
            7 => Key::Fini(node, b.as_str().into()),
            8 => Key::Fence(node),
            9 => Key::Request(id),
            10 => Key::Answer(id),
            11 => Key::Job(JobId { node, request: id, number }),
            12 => Key::Member(node),
            13 => Key::Observed(node, b.as_str().into()),
            _ => Key::President,
        };
        prop_assert_eq!(Key::from_str(&key.to_string()), Ok(key));
    }

    #[test]
    fn any_path_and_value_is_taken_without_harm(path in ".{0,24}", value: Vec<u8>) {
        let mut cluster = Cluster::default();
        cluster.apply(&path, raw(&value, 3));
        cluster.apply("group/web", raw(&value, 3));
        prop_assert!(cluster.problems.contains_key("group/web"));
        if let Ok(key) = Key::from_str(&path) {
            prop_assert_eq!(key.to_string(), path);
        }
    }

    #[test]
    fn objects_with_any_text_go_there_and_back(text: String, number: u64, names: Vec<String>) {
        let mut intent = intent();
        intent.why = text.clone();
        intent.generation = number;
        intent.target = names.iter().map(|n| NodeName::new(n)).collect();
        let mut cluster = Cluster::default();
        cluster.apply("intent/web", raw(&Object::Intent(intent.clone()).encode(), 3));
        prop_assert_eq!(&cluster.intents["web"], &intent);
        let mut resource = resource();
        resource.description = text;
        for name in &names {
            let value = PropertyValue { value: names.clone(), ..PropertyValue::default() };
            resource.values.insert(PropertyName::new(name), value);
        }
        cluster.apply("resource/r", raw(&Object::Resource(resource.clone()).encode(), 3));
        prop_assert_eq!(&cluster.config.resources["r"], &resource);
    }
}

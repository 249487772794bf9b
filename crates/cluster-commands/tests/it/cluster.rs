//! Hand-made clusters, as the daemon sends them.

use node_api::{Snapshot, StoredKey};
use rgm::store::{Key, Object};
use rgm::*;
use rtr::Method;
use std::collections::BTreeMap;

/// Wall clock of all of them: 2026-11-23 18:31:32.
pub(crate) const NOW_MS: u64 = 1_795_458_692_000;

pub(crate) struct Made {
    keys: Vec<StoredKey>,
    pub(crate) snapshot: Snapshot,
}

pub(crate) fn node(name: &str) -> NodeName {
    NodeName::new(name)
}

impl Made {
    pub(crate) fn put(&mut self, key: Key, object: Object) -> &mut Self {
        let create_revision = if let Key::Member(name) = &key {
            if name.as_str() == "im-node-1" { 11 } else { 12 }
        } else {
            100
        };
        let key = key.to_string();
        self.keys.retain(|k| k.key != key);
        let value = String::from_utf8(object.encode()).unwrap();
        self.keys.push(StoredKey { key, value, create_revision, mod_revision: 100 });
        self
    }

    pub(crate) fn without(&mut self, key: Key) -> &mut Self {
        let key = key.to_string();
        self.keys.retain(|k| k.key != key);
        self
    }

    pub(crate) fn damaged(&mut self, key: &str) -> &mut Self {
        self.keys.push(StoredKey {
            key: key.to_owned(),
            value: "{\"format\":9}".to_owned(),
            create_revision: 5,
            mod_revision: 5,
        });
        self
    }

    pub(crate) fn done(&self) -> Snapshot {
        Snapshot { keys: self.keys.clone(), ..self.snapshot.clone() }
    }
}

/// Two nodes, nothing configured.
pub(crate) fn empty() -> Made {
    let snapshot = Snapshot {
        node: Some(node("im-node-1")),
        revision: 100,
        store: "etcd, 3 of 3 endpoints answer (https://10.0.0.1:2379 first)".to_owned(),
        age_ms: 120,
        now_ms: NOW_MS,
        version: "0.1.0".to_owned(),
        ..Snapshot::default()
    };
    let mut made = Made { keys: Vec::new(), snapshot };
    let settings = ClusterSettings { id: "7f3a".to_owned(), ..ClusterSettings::default() };
    made.put(Key::Cluster, Object::Cluster(settings));
    for (id, name) in [(1, "im-node-1"), (2, "im-node-2")] {
        let config = NodeConfig { id, fencing: None, maintenance: false };
        made.put(Key::Node(node(name)), Object::Node(config));
        let member = Member {
            incarnation: Incarnation::default(),
            joined_ms: NOW_MS - 86_400_000,
            boot_id: "b".to_owned(),
            version: "0.1.0".to_owned(),
            cluster_id: "7f3a".to_owned(),
        };
        made.put(Key::Member(node(name)), Object::Member(member));
    }
    let president = President { node: node("im-node-1"), incarnation: Incarnation(11), term: 0 };
    made.put(Key::President, Object::President(president));
    made
}

pub(crate) fn group_key() -> GroupName {
    GroupName::new("im_resource_group")
}

fn resource(type_name: &str, values: &[(&str, &[&str])]) -> Resource {
    let values = values.iter().map(|(name, value)| {
        let value = value.iter().map(|v| (*v).to_owned()).collect();
        (PropertyName::new(name), PropertyValue { value, per_node: BTreeMap::new() })
    });
    Resource {
        group: group_key(),
        type_name: TypeName::new(type_name),
        description: String::new(),
        enabled: Switch::everywhere(true),
        monitored: Switch::everywhere(true),
        dependencies: Dependencies::default(),
        failover_mode: FailoverMode::Soft,
        values: values.collect(),
        generation: 1,
    }
}

pub(crate) fn seen(state: ResourceState, status: Status, message: &str) -> ObservedResource {
    ObservedResource {
        state,
        status,
        status_message: message.to_owned(),
        starts: 1,
        since_ms: NOW_MS - 600_000,
        generation: 1,
        ..ObservedResource::default()
    }
}

pub(crate) fn observed(
    incarnation: i64,
    state: GroupState,
    resources: Vec<(&str, ObservedResource)>,
) -> Object {
    let resources =
        resources.into_iter().map(|(name, seen)| (ResourceName::new(name), seen)).collect();
    Object::Observed(Observed {
        incarnation: Incarnation(incarnation),
        generation: 3,
        state,
        resources,
        ..Observed::default()
    })
}

pub(crate) fn intent(node_name: &str, incarnation: i64) -> Intent {
    let holder =
        Holder { node: node(node_name), incarnation: Incarnation(incarnation), withdrawn: None };
    Intent {
        generation: 3,
        target: vec![node(node_name)],
        holders: vec![holder],
        why: format!(
            "im_resource_group goes to {node_name}: root on im-node-1 switched it; next: start on {node_name}"
        ),
        since_ms: NOW_MS - 600_000,
        permitted: vec![(node(node_name), 3)],
        ..Intent::default()
    }
}

fn web_type() -> TypeConfig {
    let rtr = agents_type("SUNW.gds");
    TypeConfig { rtr, installed_nodes: None, system: false, path: "built in".to_owned() }
}

fn agents_type(name: &str) -> rtr::ResourceType {
    // A type of the test's own, so that its rendering does not change with the built-in ones.
    let text = match name {
        "SUNW.gds" => {
            "RESOURCE_TYPE = \"gds\"; VENDOR_ID = SUNW; RT_VERSION = \"6\"; RT_DESCRIPTION = \"Any program\"; RT_BASEDIR = /opt/gds/bin;
             START = svc_start; STOP = svc_stop; MONITOR_START = monitor_start; MONITOR_STOP = monitor_stop;
             { PROPERTY = Start_timeout; MIN = 5; DEFAULT = 300; }
             { PROPERTY = Retry_count; MIN = 0; MAX = 10; DEFAULT = 2; TUNABLE = ANYTIME; }
             { PROPERTY = Retry_interval; MIN = 1; DEFAULT = 370; TUNABLE = ANYTIME; }
             { PROPERTY = Port_list; DEFAULT = ; TUNABLE = AT_CREATION; }
             { PROPERTY = Start_command; EXTENSION; STRING; MINLENGTH = 1; TUNABLE = WHEN_DISABLED; DESCRIPTION = \"Starts the service\"; }"
        }
        _ => {
            "RESOURCE_TYPE = \"LogicalHostname\"; VENDOR_ID = SUNW; RT_VERSION = \"3.1\"; RT_DESCRIPTION = \"Logical host\"; SYSDEFINED_TYPE = RTR_LOGICAL_HOSTNAME; FAILOVER = TRUE;
             START = /lh/start; STOP = /lh/stop;
             { PROPERTY = HostnameList; EXTENSION; STRINGARRAY; ARRAY_MINSIZE = 1; TUNABLE = WHEN_DISABLED; DESCRIPTION = \"Host names\"; }"
        }
    };
    rtr::parse(name, text.as_bytes()).unwrap_or_else(|e| panic!("{e}")).resource_type
}

/// The chapter's group, online on im-node-2.
pub(crate) fn online() -> Made {
    let mut made = empty();
    let group = Group {
        nodelist: vec![node("im-node-2"), node("im-node-1")],
        managed: true,
        ..Group::default()
    };
    made.put(Key::Group(group_key()), Object::Group(group));
    made.put(Key::Type(TypeName::new("SUNW.gds")), Object::Type(web_type()));
    let logical = TypeConfig { rtr: agents_type("SUNW.LogicalHostname"), ..web_type() };
    made.put(Key::Type(TypeName::new("SUNW.LogicalHostname")), Object::Type(logical));
    let host = resource("SUNW.LogicalHostname", &[("HostnameList", &["im_logical_host"])]);
    made.put(Key::Resource(ResourceName::new("im_logical_host")), Object::Resource(host));
    let mut im = resource(
        "SUNW.gds",
        &[("Start_command", &["/opt/im/start"]), ("Port_list", &["80/tcp", "443/tcp"])],
    );
    im.dependencies.strong.push(ResourceName::new("im_logical_host"));
    made.put(Key::Resource(ResourceName::new("im_resource")), Object::Resource(im));
    made.put(Key::Intent(group_key()), Object::Intent(intent("im-node-2", 12)));
    let decision = |ago_s: u64, sentence: &str| Decision {
        at_ms: NOW_MS - ago_s * 1000,
        sentence: sentence.to_owned(),
        by: "im-node-1".to_owned(),
    };
    let history = History {
        decisions: vec![
            decision(
                7200,
                "im_resource_group goes to im-node-1: it was brought online; next: start on im-node-1",
            ),
            decision(
                600,
                "im_resource_group moves from im-node-1 to im-node-2: root on im-node-1 switched it; next: stop on im-node-1, then start on im-node-2",
            ),
        ],
        ..History::default()
    };
    made.put(Key::History(group_key()), Object::History(history));
    made.put(
        Key::Observed(node("im-node-2"), group_key()),
        observed(
            12,
            GroupState::Online,
            vec![
                (
                    "im_logical_host",
                    seen(ResourceState::Online, Status::Ok, "LogicalHostname online."),
                ),
                ("im_resource", seen(ResourceState::Online, Status::Ok, "")),
            ],
        ),
    );
    made.put(
        Key::Observed(node("im-node-1"), group_key()),
        observed(11, GroupState::Offline, Vec::new()),
    );
    made
}

/// It starts on im-node-1, the second attempt, after failing on im-node-2.
pub(crate) fn starting() -> Made {
    let mut made = online();
    made.put(Key::Intent(group_key()), Object::Intent(intent("im-node-1", 11)));
    let attempt = |name: &str, ago_s: u64| Attempt {
        node: node(name),
        at_ms: NOW_MS - ago_s * 1000,
        why: "exit code 1: no license".to_owned(),
    };
    let history = History {
        attempts: vec![
            attempt("im-node-2", 900),
            attempt("im-node-1", 600),
            attempt("im-node-2", 300),
        ],
        giveovers: vec![Giveover {
            resource: ResourceName::new("im_resource"),
            node: node("im-node-2"),
            at_ms: NOW_MS - 1_000_000,
        }],
        ..History::default()
    };
    made.put(Key::History(group_key()), Object::History(history));
    made.put(
        Key::Observed(node("im-node-2"), group_key()),
        observed(12, GroupState::Offline, Vec::new()),
    );
    let mut im = seen(ResourceState::Starting, Status::Unknown, "Starting");
    im.method =
        Some(RunningMethod { method: Method::Start, since_ms: NOW_MS - 42_000, timeout_s: 300 });
    let host = seen(ResourceState::Online, Status::Ok, "LogicalHostname online.");
    made.put(
        Key::Observed(node("im-node-1"), group_key()),
        observed(
            11,
            GroupState::PendingOnline,
            vec![("im_logical_host", host), ("im_resource", im)],
        ),
    );
    made
}

/// START failed with Failover_mode NONE: online, faulted.
pub(crate) fn faulted() -> Made {
    let mut made = online();
    let mut im = seen(ResourceState::StartFailed, Status::Faulted, "");
    im.failure = Some(MethodFailure {
        method: Method::Start,
        why: "exit code 1: no license".to_owned(),
        at_ms: NOW_MS - 60_000,
    });
    let host = seen(ResourceState::Online, Status::Ok, "LogicalHostname online.");
    made.put(
        Key::Observed(node("im-node-2"), group_key()),
        observed(
            12,
            GroupState::OnlineFaulted,
            vec![("im_logical_host", host), ("im_resource", im)],
        ),
    );
    made
}

/// im-node-2 is lost, could not be fenced, and a key is damaged.
pub(crate) fn lost() -> Made {
    let mut made = online();
    made.without(Key::Member(node("im-node-2")));
    made.without(Key::Observed(node("im-node-2"), group_key()));
    let fencing = Some(Fencing {
        agent: "fence_ipmilan".to_owned(),
        options: BTreeMap::new(),
        timeout_s: 60,
    });
    let config = NodeConfig { id: 2, fencing, maintenance: false };
    made.put(Key::Node(node("im-node-2")), Object::Node(config));
    let mut moving = intent("im-node-1", 11);
    moving.holders =
        vec![Holder { node: node("im-node-2"), incarnation: Incarnation(12), withdrawn: Some(3) }];
    made.put(Key::Intent(group_key()), Object::Intent(moving));
    let fence = Fence {
        incarnation: Incarnation(12),
        state: FenceState::Failed { why: "no route to 10.0.0.9".to_owned(), again_ms: NOW_MS },
        attempts: 3,
        since_ms: NOW_MS - 30_000,
    };
    made.put(Key::Fence(node("im-node-2")), Object::Fence(fence));
    made.damaged("resource/old");
    made
}

/// It could not be stopped on im-node-1.
pub(crate) fn stop_failed() -> Made {
    let mut made = online();
    let mut im = seen(ResourceState::StopFailed, Status::Faulted, "");
    im.failure = Some(MethodFailure {
        method: Method::Stop,
        why: "took longer than 300 s; pid 4711 (imserver) is still there".to_owned(),
        at_ms: NOW_MS - 60_000,
    });
    made.put(
        Key::Observed(node("im-node-2"), group_key()),
        observed(12, GroupState::ErrorStopFailed, vec![("im_resource", im)]),
    );
    made
}

/// Taken offline by an operator.
pub(crate) fn resting() -> Made {
    let mut made = online();
    let rest = Intent {
        generation: 4,
        rest: Some(Rest::ByOperator { members: vec![Incarnation(11), Incarnation(12)] }),
        why: "im_resource_group goes offline: root on im-node-1 took it offline; next: stop on im-node-2".to_owned(),
        since_ms: NOW_MS - 5000,
        ..Intent::default()
    };
    made.put(Key::Intent(group_key()), Object::Intent(rest));
    made.put(
        Key::Observed(node("im-node-2"), group_key()),
        observed(12, GroupState::Offline, Vec::new()),
    );
    made
}

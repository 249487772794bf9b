//! A cluster for tests: commands change it as the president would, and what runs where is said by hand.

use super::commands;
use rgm::goal::{Goal, Progress};
use rgm::operation::{Accepted, IntentOrder, decide};
use rgm::{
    Cluster, GroupName, GroupState, Holder, Incarnation, Member, MethodFailure, NodeName, Observed,
    ObservedResource, Refusal, ResourceName, ResourceState,
};
use rtr::ResourceType;

/// Wall clock of all tests, ms.
pub(crate) const NOW_MS: u64 = 10_000_000;

const TYPES: [&str; 7] = [
    "scrgadm -a -t SUNW.gds",
    "scrgadm -a -t SUNW.LogicalHostname",
    "scrgadm -a -t SUNW.SharedAddress",
    "scrgadm -a -t SUNW.HAStorage",
    "scrgadm -a -t SUNW.iim:3.1",
    "scrgadm -a -t DEMO.one",
    "scrgadm -a -t DEMO.web",
];

const IM: [&str; 4] = [
    "scrgadm -a -g im -h n2,n1",
    "scrgadm -a -L -g im -l lh",
    "scrgadm -a -j store -g im -t SUNW.HAStorage -x ServicePaths=/global/im",
    "scrgadm -a -j app -g im -t SUNW.gds -x Start_command=/bin/app -y Resource_dependencies=store -y Network_resources_used=lh",
];

/// RTR files that can be found.
const FILES: [&str; 11] = [
    r#"RESOURCE_TYPE = LogicalHostname; VENDOR_ID = SUNW; RT_VERSION = "2"; FAILOVER = TRUE; SYSDEFINED_TYPE = RTR_LOGICAL_HOSTNAME;
       RT_BASEDIR = /lh; START = start; STOP = stop; PRENET_START = plumb; POSTNET_STOP = unplumb; VALIDATE = validate;
       { PROPERTY = Failover_mode; DEFAULT = HARD; }
       { PROPERTY = HostnameList; EXTENSION; STRINGARRAY; ARRAY_MINSIZE = 1; TUNABLE = WHEN_DISABLED; }"#,
    r#"RESOURCE_TYPE = SharedAddress; VENDOR_ID = SUNW; RT_VERSION = "2"; FAILOVER = TRUE; SYSDEFINED_TYPE = RTR_SHARED_ADDRESS;
       START = /sa/start; STOP = /sa/stop;"#,
    r#"RESOURCE_TYPE = HAStorage; VENDOR_ID = SUNW; RT_VERSION = "1"; RT_BASEDIR = /ha; FAILOVER = TRUE;
       PRENET_START = mount; POSTNET_STOP = umount; START = start; STOP = stop; VALIDATE = validate; INIT = init; FINI = fini;
       { PROPERTY = ServicePaths; EXTENSION; STRINGARRAY; DEFAULT = ""; TUNABLE = WHEN_DISABLED; }
       { PROPERTY = FilesystemMountPoints; EXTENSION; STRINGARRAY; DEFAULT = ""; TUNABLE = ANYTIME; }
       { PROPERTY = AffinityOn; EXTENSION; BOOLEAN; DEFAULT = FALSE; TUNABLE = ANYTIME; }"#,
    r#"RESOURCE_TYPE = gds; VENDOR_ID = SUNW; RT_VERSION = "1"; RT_BASEDIR = /gds; START = start; STOP = stop; UPDATE = update; FINI = fini;
       MONITOR_START = mon; MONITOR_STOP = unmon;
       { PROPERTY = Port_list; TUNABLE = AT_CREATION; DEFAULT = ""; }
       { PROPERTY = Thorough_probe_interval; DEFAULT = 60; MIN = 1; MAX = 3600; TUNABLE = ANYTIME; }
       { PROPERTY = Retry_count; DEFAULT = 2; MAX = 10; TUNABLE = ANYTIME; }
       { PROPERTY = Retry_interval; DEFAULT = 370; TUNABLE = ANYTIME; }
       { PROPERTY = Network_resources_used; DEFAULT = ""; TUNABLE = WHEN_DISABLED; }
       { PROPERTY = Start_command; EXTENSION; STRING; TUNABLE = AT_CREATION; }
       { PROPERTY = Probe_timeout; EXTENSION; INT; MIN = 2; DEFAULT = 30; TUNABLE = ANYTIME; }
       { PROPERTY = Level; EXTENSION; ENUM { low, high }; DEFAULT = low; PER_NODE; TUNABLE = ANYTIME; }
       { PROPERTY = Serial; EXTENSION; INT; DEFAULT = 7; TUNABLE = NONE; }
       { PROPERTY = Log_dir; EXTENSION; STRING; DEFAULT = ""; TUNABLE = WHEN_DISABLED; }"#,
    r#"RESOURCE_TYPE = iim; VENDOR_ID = SUNW; RT_VERSION = "3.1"; FAILOVER = TRUE; RT_BASEDIR = /iim; START = start; STOP = stop;
       VALIDATE = validate; UPDATE = update; MONITOR_START = mon; MONITOR_STOP = unmon; MONITOR_CHECK = check;
       #$upgrade
       { PROPERTY = Port_list; TUNABLE = AT_CREATION; }
       { PROPERTY = Thorough_probe_interval; DEFAULT = 60; TUNABLE = ANYTIME; }
       { PROPERTY = Confdir_list; EXTENSION; STRINGARRAY; ARRAY_MAXSIZE = 1; TUNABLE = AT_CREATION; }
       { PROPERTY = Old; EXTENSION; STRING; DEFAULT = ""; TUNABLE = ANYTIME; }"#,
    r#"RESOURCE_TYPE = iim; VENDOR_ID = SUNW; RT_VERSION = "3.2"; FAILOVER = TRUE; RT_BASEDIR = /iim; START = start; STOP = stop;
       VALIDATE = validate; UPDATE = update; MONITOR_START = mon; MONITOR_STOP = unmon; MONITOR_CHECK = check;
       #$upgrade
       #$upgrade_from "3.1" when_unmonitored
       { PROPERTY = Port_list; TUNABLE = AT_CREATION; }
       { PROPERTY = Thorough_probe_interval; DEFAULT = 60; MAX = 100; TUNABLE = ANYTIME; }
       { PROPERTY = Confdir_list; EXTENSION; STRINGARRAY; ARRAY_MAXSIZE = 1; TUNABLE = AT_CREATION; }
       { PROPERTY = Realm; EXTENSION; STRING; TUNABLE = AT_CREATION; }"#,
    r#"RESOURCE_TYPE = iim; VENDOR_ID = SUNW; RT_VERSION = "3.3"; FAILOVER = TRUE; START = /iim/start; STOP = /iim/stop;
       #$upgrade
       #$upgrade_from "3.1" when_disabled
       { PROPERTY = Confdir_list; EXTENSION; STRINGARRAY; TUNABLE = AT_CREATION; }"#,
    r#"RESOURCE_TYPE = iim; VENDOR_ID = SUNW; RT_VERSION = "3.4"; FAILOVER = TRUE; START = /iim/start; STOP = /iim/stop;
       #$upgrade
       #$upgrade_from "3.1" at_creation
       { PROPERTY = Confdir_list; EXTENSION; STRINGARRAY; TUNABLE = AT_CREATION; }"#,
    r#"RESOURCE_TYPE = iim; VENDOR_ID = SUNW; RT_VERSION = "3.5"; FAILOVER = TRUE; START = /iim/start; STOP = /iim/stop;
       #$upgrade
       #$upgrade_from "3.1" when_offline
       { PROPERTY = Confdir_list; EXTENSION; STRINGARRAY; TUNABLE = AT_CREATION; }"#,
    r#"RESOURCE_TYPE = one; VENDOR_ID = DEMO; RT_VERSION = "1"; SINGLE_INSTANCE = TRUE; START = /one/start; STOP = /one/stop;"#,
    r#"RESOURCE_TYPE = web; VENDOR_ID = DEMO; RT_VERSION = "1"; START = /web/start; STOP = /web/stop;
       { PROPERTY = Scalable; DEFAULT = FALSE; TUNABLE = AT_CREATION; }
       { PROPERTY = Network_resources_used; DEFAULT = ""; TUNABLE = ANYTIME; }"#,
];

/// The RTR files, parsed.
pub(crate) fn types() -> Vec<ResourceType> {
    let parse = |text: &&str| match rtr::parse("test.rtr", text.as_bytes()) {
        Ok(parsed) => parsed.resource_type,
        Err(diagnostics) => panic!("{diagnostics:?}\n{text}"),
    };
    FILES.iter().map(parse).collect()
}

/// The cluster.
pub(crate) struct World {
    pub(crate) cluster: Cluster,
    types: Vec<ResourceType>,
}

impl World {
    /// Nodes n1, n2, n3, of which n3 is not a member, and what these commands made.
    pub(crate) fn new(commands: &[&str]) -> Self {
        let mut world = Self { cluster: Cluster::default(), types: types() };
        for name in ["n1", "n2", "n3"] {
            world.does(&format!("steadfast node add {name}"));
        }
        world.join("n1", 11);
        world.join("n2", 12);
        for command in commands {
            world.does(command);
        }
        world
    }

    /// Most types are registered.
    pub(crate) fn with_types() -> Self {
        Self::new(&TYPES)
    }

    /// The group im with a logical host, storage and a service, all disabled; unmanaged.
    pub(crate) fn with_im() -> Self {
        let mut world = Self::with_types();
        IM.iter().for_each(|command| drop(world.does(command)));
        world
    }

    /// The same, online on n2.
    pub(crate) fn with_im_online() -> Self {
        let mut world = Self::with_im();
        world.does("scswitch -Z -g im");
        world.is("im", "n2", GroupState::Online);
        world
    }

    pub(crate) fn gave_over(&mut self, group: &str, resource: &str, node: &str) {
        let (resource, node, at_ms) = (resource.into(), node.into(), NOW_MS - 60_000);
        let giveover = rgm::Giveover { resource, node, at_ms };
        self.cluster.history.entry(group.into()).or_default().giveovers.push(giveover);
    }

    pub(crate) fn problem(&mut self, key: &str) {
        let sentence = "it was written by a newer version; update this node".to_owned();
        let problem = rgm::Problem { key: key.to_owned(), sentence };
        self.cluster.problems.insert(key.to_owned(), problem);
    }

    pub(crate) fn join(&mut self, node: &str, incarnation: i64) {
        let member = Member {
            incarnation: Incarnation(incarnation),
            joined_ms: 0,
            boot_id: String::new(),
            version: String::new(),
            cluster_id: String::new(),
        };
        self.cluster.members.insert(node.into(), member);
    }

    pub(crate) fn decide(&self, command: &str) -> Result<Accepted, Refusal> {
        decide(&self.cluster, NOW_MS, &commands::operation(command, &self.types))
    }

    /// Decides and commits; where a group goes is put into its intent.
    pub(crate) fn does(&mut self, command: &str) -> Accepted {
        let accepted = self.decide(command).unwrap_or_else(|r| panic!("{command}: {r}"));
        self.cluster.config = accepted.config.clone();
        for (node, resource, owed) in &accepted.fini {
            let of_node = self.cluster.fini.entry(node.clone()).or_default();
            of_node.insert(resource.clone(), owed.clone());
        }
        for order in &accepted.intents {
            match order {
                IntentOrder::Primaries(group, nodes) => self.intend(group, nodes),
                IntentOrder::Remaster(group) => {
                    let nodelist = self.cluster.config.groups[group].nodelist.clone();
                    let can = |n: &&NodeName| self.cluster.is_member(n);
                    let first: Vec<NodeName> =
                        nodelist.iter().find(can).cloned().into_iter().collect();
                    self.intend(group, &first);
                }
                IntentOrder::Offline(group) => self.intend(group, &[]),
                _ => {}
            }
        }
        accepted
    }

    fn intend(&mut self, group: &GroupName, nodes: &[NodeName]) {
        let intent = self.cluster.intents.entry(group.clone()).or_default();
        intent.target = nodes.to_vec();
        intent.holders = nodes
            .iter()
            .map(|node| Holder {
                node: node.clone(),
                incarnation: self.cluster.members[node].incarnation,
                withdrawn: None,
            })
            .collect();
    }

    fn seen(&mut self, group: &str, node: &str) -> &mut Observed {
        let incarnation = self.cluster.members[node].incarnation;
        let of_node = self.cluster.observed.entry(node.into()).or_default();
        let seen = of_node.entry(group.into()).or_default();
        seen.incarnation = incarnation;
        seen
    }

    /// The group is in this state on this node; its enabled resources follow.
    pub(crate) fn is(&mut self, group: &str, node: &str, state: GroupState) {
        let name = GroupName::new(group);
        let resources: Vec<(ResourceName, bool, u64)> = self
            .cluster
            .config
            .resources_of(&name)
            .map(|(n, r)| (n.clone(), r.enabled.is_on(&NodeName::new(node)), r.generation))
            .collect();
        let seen = self.seen(group, node);
        seen.state = state;
        for (name, enabled, generation) in resources {
            let up = enabled && state.is_online();
            let state = if up { ResourceState::Online } else { ResourceState::Offline };
            let starts = u64::from(up);
            let resource =
                ObservedResource { state, starts, generation, ..ObservedResource::default() };
            seen.resources.insert(name, resource);
        }
    }

    /// A resource is in this state on this node.
    pub(crate) fn resource(
        &mut self,
        group: &str,
        node: &str,
        resource: &str,
    ) -> &mut ObservedResource {
        self.seen(group, node).resources.entry(resource.into()).or_default()
    }

    pub(crate) fn fails(&mut self, group: &str, node: &str, resource: &str, state: ResourceState) {
        let method = match state {
            ResourceState::StopFailed => rtr::Method::Stop,
            ResourceState::MonitorFailed => rtr::Method::MonitorStart,
            _ => rtr::Method::Start,
        };
        let seen = self.resource(group, node, resource);
        seen.state = state;
        seen.failure = Some(MethodFailure { method, why: "exit 1: no disk.".to_owned(), at_ms: 0 });
    }

    /// Exactly this sentence refuses the command.
    pub(crate) fn refuses(&self, command: &str, sentence: &str) {
        match self.decide(command) {
            Ok(_) => panic!("{command}\n was accepted instead of refused: {sentence}"),
            Err(refusal) => assert_eq!(refusal.sentence, sentence, "\n{command}"),
        }
    }

    pub(crate) fn refuses_all(&self, cases: &[(&str, &str)]) {
        for (command, sentence) in cases {
            self.refuses(command, sentence);
        }
    }

    pub(crate) fn progress(&self, goal: &Goal) -> Progress {
        goal.progress(&self.cluster, NOW_MS)
    }
}

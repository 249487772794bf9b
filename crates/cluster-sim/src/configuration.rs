//! Clusters of any shape: types with any subset of the methods, groups, resources, dependencies, affinities; all of it as operations that an
//! operator asks for.
//!
//! Never writes an object that an operation would have refused.

use crate::dice::Dice;
use rgm::{Assignment, Fencing, GroupName, NodeName, Operation, ResourceName};
use rtr::ResourceType;
use std::collections::BTreeMap;

/// RTR files; the methods of `any` are drawn for each cluster.
const FILES: [&str; 7] = [
    r#"RESOURCE_TYPE = LogicalHostname; VENDOR_ID = SUNW; RT_VERSION = "2"; FAILOVER = TRUE; SYSDEFINED_TYPE = RTR_LOGICAL_HOSTNAME;
       RT_BASEDIR = /lh; START = start; STOP = stop; PRENET_START = plumb; POSTNET_STOP = unplumb; VALIDATE = validate;
       { PROPERTY = Start_timeout; DEFAULT = 3; } { PROPERTY = Stop_timeout; DEFAULT = 3; } { PROPERTY = Validate_timeout; DEFAULT = 2; }
       { PROPERTY = Prenet_start_timeout; DEFAULT = 3; } { PROPERTY = Postnet_stop_timeout; DEFAULT = 3; }"#,
    r#"RESOURCE_TYPE = HAStoragePlus; VENDOR_ID = SUNW; RT_VERSION = "1"; RT_BASEDIR = /ha; FAILOVER = TRUE;
       PRENET_START = mount; POSTNET_STOP = umount; VALIDATE = validate; INIT = init; FINI = fini;
       { PROPERTY = Prenet_start_timeout; DEFAULT = 3; } { PROPERTY = Postnet_stop_timeout; DEFAULT = 3; } { PROPERTY = Validate_timeout; DEFAULT = 2; }
       { PROPERTY = Init_timeout; DEFAULT = 2; } { PROPERTY = Fini_timeout; DEFAULT = 2; }
       { PROPERTY = FilesystemMountPoints; EXTENSION; STRINGARRAY; DEFAULT = ""; TUNABLE = ANYTIME; }"#,
    r#"RESOURCE_TYPE = app; VENDOR_ID = SIM; RT_VERSION = "1"; RT_BASEDIR = /app; START = start; STOP = stop; UPDATE = update;
       MONITOR_START = mon; MONITOR_STOP = unmon; MONITOR_CHECK = check; VALIDATE = validate;
       #$upgrade
       { PROPERTY = Start_timeout; DEFAULT = 3; } { PROPERTY = Stop_timeout; DEFAULT = 3; } { PROPERTY = Update_timeout; DEFAULT = 2; }
       { PROPERTY = Monitor_start_timeout; DEFAULT = 2; } { PROPERTY = Monitor_stop_timeout; DEFAULT = 2; }
       { PROPERTY = Monitor_check_timeout; DEFAULT = 2; } { PROPERTY = Validate_timeout; DEFAULT = 2; }
       { PROPERTY = Retry_count; DEFAULT = 2; MAX = 10; TUNABLE = ANYTIME; } { PROPERTY = Retry_interval; DEFAULT = 370; TUNABLE = ANYTIME; }
       { PROPERTY = Level; EXTENSION; INT; DEFAULT = 1; PER_NODE; TUNABLE = ANYTIME; }"#,
    r#"RESOURCE_TYPE = app; VENDOR_ID = SIM; RT_VERSION = "2"; RT_BASEDIR = /app2; START = start; STOP = stop; UPDATE = update;
       MONITOR_START = mon; MONITOR_STOP = unmon;
       #$upgrade
       #$upgrade_from "1" anytime
       { PROPERTY = Start_timeout; DEFAULT = 3; } { PROPERTY = Stop_timeout; DEFAULT = 3; } { PROPERTY = Update_timeout; DEFAULT = 2; }
       { PROPERTY = Monitor_start_timeout; DEFAULT = 2; } { PROPERTY = Monitor_stop_timeout; DEFAULT = 2; }
       { PROPERTY = Retry_count; DEFAULT = 2; MAX = 10; TUNABLE = ANYTIME; } { PROPERTY = Retry_interval; DEFAULT = 370; TUNABLE = ANYTIME; }
       { PROPERTY = Level; EXTENSION; INT; DEFAULT = 1; PER_NODE; TUNABLE = ANYTIME; }"#,
    r#"RESOURCE_TYPE = svc; VENDOR_ID = SIM; RT_VERSION = "1"; RT_BASEDIR = /svc; START = start; STOP = stop;
       { PROPERTY = Start_timeout; DEFAULT = 3; } { PROPERTY = Stop_timeout; DEFAULT = 3; }"#,
    r#"RESOURCE_TYPE = half; VENDOR_ID = SIM; RT_VERSION = "1"; RT_BASEDIR = /half; PRENET_START = start; STOP = stop; BOOT = boot; INIT = init;
       { PROPERTY = Prenet_start_timeout; DEFAULT = 3; } { PROPERTY = Stop_timeout; DEFAULT = 3; }
       { PROPERTY = Boot_timeout; DEFAULT = 2; } { PROPERTY = Init_timeout; DEFAULT = 2; }"#,
    r#"RESOURCE_TYPE = full; VENDOR_ID = SIM; RT_VERSION = "1"; RT_BASEDIR = /full; START = start; STOP = stop; PRENET_START = pre;
       POSTNET_STOP = post; INIT = init; FINI = fini; BOOT = boot; UPDATE = update; VALIDATE = validate; MONITOR_START = mon; MONITOR_STOP = unmon;
       MONITOR_CHECK = check;
       { PROPERTY = Start_timeout; DEFAULT = 3; } { PROPERTY = Stop_timeout; DEFAULT = 3; } { PROPERTY = Update_timeout; DEFAULT = 2; }
       { PROPERTY = Prenet_start_timeout; DEFAULT = 3; } { PROPERTY = Postnet_stop_timeout; DEFAULT = 3; } { PROPERTY = Validate_timeout; DEFAULT = 2; }
       { PROPERTY = Init_timeout; DEFAULT = 2; } { PROPERTY = Fini_timeout; DEFAULT = 2; } { PROPERTY = Boot_timeout; DEFAULT = 2; }
       { PROPERTY = Monitor_start_timeout; DEFAULT = 2; } { PROPERTY = Monitor_stop_timeout; DEFAULT = 2; } { PROPERTY = Monitor_check_timeout; DEFAULT = 2; }"#,
];

/// Full names of the types, in the order of [`FILES`].
const NAMES: [&str; 7] = [
    "SUNW.LogicalHostname",
    "SUNW.HAStoragePlus",
    "SIM.app:1",
    "SIM.app:2",
    "SIM.svc",
    "SIM.half",
    "SIM.full",
];

/// What kind of cluster a seed has.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) nodes: usize,
    pub(crate) groups: usize,
    /// The configuration lies in the store when the nodes start; otherwise operators make it.
    pub(crate) preloaded: bool,
    /// Wall clocks differ by anything.
    pub(crate) wild_clocks: bool,
    /// Operators take part.
    pub(crate) operators: bool,
    pub(crate) types: Vec<ResourceType>,
}

/// The RTR files, parsed once for all seeds of this process.
fn types() -> Vec<ResourceType> {
    static TYPES: std::sync::OnceLock<Vec<ResourceType>> = std::sync::OnceLock::new();
    TYPES.get_or_init(parse_types).clone()
}

fn parse_types() -> Vec<ResourceType> {
    let parse = |text: &&str| match rtr::parse("sim.rtr", text.as_bytes()) {
        Ok(parsed) => parsed.resource_type,
        Err(diagnostics) => {
            unreachable!("the RTR files of the simulation are right: {diagnostics:?}")
        }
    };
    FILES.iter().map(parse).collect()
}

pub(crate) fn set(name: &str, value: impl ToString) -> Assignment {
    Assignment { name: name.to_owned(), node: None, value: value.to_string() }
}

pub(crate) fn node(h: usize) -> NodeName {
    NodeName::new(&crate::methods::self_name(h))
}

pub(crate) fn group(n: usize) -> GroupName {
    GroupName::new(&format!("g{n}"))
}

impl Shape {
    pub(crate) fn new(dice: &mut Dice) -> Self {
        Self {
            nodes: [2, 2, 3, 3, 3, 4, 5][dice.below(7)],
            groups: 1 + dice.below(3),
            preloaded: dice.permille(800),
            wild_clocks: dice.permille(150),
            operators: dice.permille(650),
            types: types(),
        }
    }

    /// All that makes the configuration.
    pub(crate) fn setup(&self, dice: &mut Dice) -> Vec<Operation> {
        let wait = set("new_cluster_wait_s", 1 + dice.below(3));
        let mut settings = vec![wait];
        for name in ["retry_after_pingpong", "sticky_offline"] {
            if dice.permille(200) {
                settings.push(set(name, "TRUE"));
            }
        }
        if dice.permille(150) {
            settings.push(set("unfenced_storage_allowed", "TRUE"));
        }
        let mut all = vec![Operation::SetCluster { assignments: settings }];
        for h in 0..self.nodes {
            let options = BTreeMap::from([("plug".to_owned(), h.to_string())]);
            let fencing = Fencing { agent: "fence_sim".to_owned(), options, timeout_s: 5 };
            all.push(Operation::SetFencing { node: node(h), fencing: Some(fencing) });
        }
        for rtr in &self.types {
            let path = format!("/sim/{}", rtr.resource_type);
            all.push(Operation::RegisterType {
                rtr: Box::new(rtr.clone()),
                path,
                installed_nodes: None,
            });
        }
        let mut resources: Vec<ResourceName> = Vec::new();
        for n in 0..self.groups {
            all.push(self.create_group(dice, n));
            for _ in 0..1 + dice.below(3) {
                all.push(self.create_resource(dice, n, &mut resources));
            }
        }
        all.push(Operation::Online { groups: None });
        for n in 0..self.groups {
            all.push(Operation::Online { groups: Some(vec![group(n)]) });
        }
        all
    }

    pub(crate) fn create_group(&self, dice: &mut Dice, n: usize) -> Operation {
        let mut nodes: Vec<usize> = (0..self.nodes).collect();
        let start = dice.below(self.nodes);
        nodes.rotate_left(start);
        if self.nodes > 2 && dice.permille(200) {
            nodes.pop();
        }
        let names: Vec<String> = nodes.iter().map(|h| node(*h).to_string()).collect();
        let mut assignments = vec![set("Nodelist", names.join(","))];
        if dice.permille(250) {
            let most = 1 + dice.below(names.len());
            assignments.push(set("RG_mode", "Scalable"));
            assignments.push(set("Maximum_primaries", most));
            assignments.push(set("Desired_primaries", 1 + dice.below(most)));
        }
        if dice.permille(300) {
            assignments.push(set("Failback", "TRUE"));
        }
        if dice.permille(100) {
            assignments.push(set("Auto_start_on_new_cluster", "FALSE"));
        }
        let interval = if dice.permille(300) { 1 + dice.below(10) } else { 3600 };
        assignments.push(set("Pingpong_interval", interval));
        if n > 0 && dice.permille(350) {
            let kind = ["+", "++", "+++", "-", "--", "--"][dice.below(6)];
            assignments.push(set("RG_affinities", format!("{kind}{}", group(dice.below(n)))));
        }
        if n > 0 && dice.permille(200) {
            assignments.push(set("RG_dependencies", group(dice.below(n))));
        }
        Operation::CreateGroup { group: group(n), assignments }
    }

    pub(crate) fn create_resource(
        &self,
        dice: &mut Dice,
        n: usize,
        others: &mut Vec<ResourceName>,
    ) -> Operation {
        let kind = [0, 1, 2, 2, 2, 4, 5, 6][dice.below(8)];
        let name = ResourceName::new(&format!("r{}", others.len()));
        let mut system = Vec::new();
        let mut by_kind: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for other in others.iter() {
            if dice.permille(350) {
                let kinds = [
                    "Resource_dependencies",
                    "Resource_dependencies_weak",
                    "Resource_dependencies_restart",
                    "Resource_dependencies_offline_restart",
                ];
                by_kind.entry(kinds[dice.below(4)]).or_default().push(other.to_string());
            }
        }
        system.extend(by_kind.into_iter().map(|(kind, list)| set(kind, list.join(","))));
        let modes = ["NONE", "SOFT", "SOFT", "HARD", "RESTART_ONLY", "LOG_ONLY"];
        system.push(set("Failover_mode", modes[dice.below(6)]));
        let mut extension = Vec::new();
        if kind == 1 && dice.permille(700) {
            extension.push(set("FilesystemMountPoints", "/shared"));
        }
        others.push(name.clone());
        Operation::CreateResource {
            resource: name,
            type_name: NAMES[kind].to_owned(),
            group: group(n),
            system,
            extension,
            enabled: dice.permille(800),
            builtin: None,
        }
    }
}

//! The words of the executor's golden scripts. The node is always n1 in its incarnation 11; n2 and n3 are 12 and 13. Every command is
//! followed by one step, except those that only describe the situation before `go`. `a ; b` are two commands before one step.

use rgm::executor::{CallId, Executor, Fact, MethodOutcome, Order};
use rgm::{
    Cluster, Dependencies, FailoverMode, FiniOwed, Group, GroupMode, GroupName, GroupState, Holder,
    Incarnation, Job, JobId, JobKind, JobResult, Member, NodeConfig, NodeName, Observed,
    ObservedResource, Problem, PropertyName, PropertyValue, RequestId, Resource, ResourceName,
    ResourceState, Status, Switch, TypeConfig,
};
use rtr::{InitNodes, Method, ResourceType, SystemDefined};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// One situation.
pub(super) struct World {
    cluster: Cluster,
    executor: Executor,
    runs: BTreeMap<(Method, String), (CallId, String)>,
    now_ms: u64,
    jobs: u32,
    begun: bool,
    shown: BTreeMap<String, String>,
}

impl Default for World {
    fn default() -> Self {
        let mut world = Self {
            cluster: Cluster::default(),
            executor: Executor::new("n1".into(), Incarnation(11)),
            runs: BTreeMap::new(),
            now_ms: 0,
            jobs: 0,
            begun: false,
            shown: BTreeMap::new(),
        };
        for (id, name) in [(1, "n1"), (2, "n2"), (3, "n3")] {
            let config = NodeConfig { id, fencing: None, maintenance: false };
            world.cluster.config.nodes.insert(name.into(), config);
        }
        world.members("n1,n2");
        add_types(&mut world.cluster);
        world
    }
}

fn incarnation(node: &str) -> Incarnation {
    Incarnation(10 + node[1..].parse::<i64>().unwrap())
}

fn names<T: for<'a> From<&'a str>>(list: &str) -> Vec<T> {
    list.split(',').filter(|n| !n.is_empty()).map(T::from).collect()
}

fn state<T: serde::de::DeserializeOwned>(word: &str) -> T {
    serde_json::from_value(serde_json::Value::String(word.to_owned())).unwrap()
}

fn token<T: serde::Serialize>(value: T) -> String {
    serde_json::to_value(value).unwrap().as_str().unwrap().to_owned()
}

/// `key=value` among the words.
fn option<'a>(words: &[&'a str], key: &str) -> Option<&'a str> {
    words.iter().find_map(|w| w.strip_prefix(key)?.strip_prefix('='))
}

impl World {
    /// Does what a line says; the answer is what came of it.
    pub(super) fn play(&mut self, line: &str) -> Vec<String> {
        let mut out = Vec::new();
        for command in line.split(" ; ") {
            let words: Vec<&str> = command.split_whitespace().collect();
            self.now_ms += 1000;
            self.command(&words, &mut out);
        }
        if self.begun {
            let orders = self.executor.step(&self.cluster, self.now_ms);
            self.tell(orders, &mut out);
            let again = self.executor.step(&self.cluster, self.now_ms);
            assert!(again.is_empty(), "{line}: a second look gives {again:?}");
            self.show(&mut out);
        }
        out
    }

    fn members(&mut self, list: &str) {
        let member = |name: &NodeName| Member {
            incarnation: incarnation(name.as_str()),
            joined_ms: 0,
            boot_id: String::new(),
            version: String::new(),
            cluster_id: String::new(),
        };
        let list: Vec<NodeName> = names(list);
        self.cluster.members = list.into_iter().map(|n| (n.clone(), member(&n))).collect();
        let members = &self.cluster.members;
        self.cluster.observed.retain(|n, _| members.contains_key(n));
    }

    fn group(&mut self, name: &str) -> &mut Group {
        self.cluster.config.groups.get_mut(name).unwrap()
    }

    fn resource(&mut self, name: &str) -> &mut Resource {
        self.cluster.config.resources.get_mut(name).unwrap()
    }

    fn command(&mut self, words: &[&str], out: &mut Vec<String>) {
        let first = words[0];
        match first {
            "go" => self.begun = true,
            "time" => self.now_ms += words[1].parse::<u64>().unwrap() * 1000,
            "members" => self.members(words[1]),
            "type" => add_type(&mut self.cluster, words[1], &words[2..].join(" "), &[]),
            "installed-type" => {
                add_type(&mut self.cluster, words[1], &words[2..].join(" "), &["installed"])
            }
            "group" | "resource" | "nodelist" | "manage" | "unmanage" | "suspend" | "resume"
            | "enable" | "disable" | "monitor" | "unmonitor" | "change" | "mode" | "depends"
            | "delete" | "delete-group" | "problem" | "set" | "cluster" => {
                self.configure(words);
            }
            "permit" | "withdraw" | "touch" | "intent-gone" => self.intend(words),
            "remote" => self.remote(words),
            "ok" | "fail" => self.finish(words, out),
            "restart" | "monitor-restart" | "service-restart" | "told" | "group-told"
            | "ignore" | "status" => self.fact(words, out),
            "job" => self.job(words),
            "answered" => self.cluster.jobs.clear(),
            "fini" => self.fini(words[1]),
            "fini-gone" => self.cluster.fini.clear(),
            _ => panic!("unknown word {first}"),
        }
    }

    fn configure(&mut self, words: &[&str]) {
        let name = words[1];
        match words[0] {
            "group" => self.add_group(words),
            "resource" => self.add_resource(words),
            "nodelist" => self.group(name).nodelist = names(words[2]),
            "manage" => self.group(name).managed = true,
            "unmanage" => self.group(name).managed = false,
            "suspend" => self.group(name).suspended = true,
            "resume" => self.group(name).suspended = false,
            "enable" => self.resource(name).enabled = Switch::everywhere(true),
            "disable" => self.resource(name).enabled = Switch::everywhere(false),
            "monitor" => self.resource(name).monitored = Switch::everywhere(true),
            "unmonitor" => self.resource(name).monitored = Switch::everywhere(false),
            "change" => self.resource(name).generation += 1,
            "mode" => {
                self.resource(name).failover_mode = FailoverMode::from_token(words[2]).unwrap();
            }
            "depends" => self.resource(name).dependencies = dependencies(&words[2..]),
            "delete" => drop(self.cluster.config.resources.remove(name)),
            "delete-group" => drop(self.cluster.config.groups.remove(name)),
            "set" => {
                let (key, value) = words[2].split_once('=').unwrap();
                let value =
                    PropertyValue { value: vec![value.to_owned()], ..PropertyValue::default() };
                self.resource(name).values.insert(PropertyName::new(key), value);
            }
            "problem" => {
                let problem = Problem { key: name.to_owned(), sentence: "damaged".to_owned() };
                self.cluster.problems.insert(name.to_owned(), problem);
                let (folder, of) = name.split_once('/').unwrap();
                match folder {
                    "group" => drop(self.cluster.config.groups.remove(of)),
                    "intent" => drop(self.cluster.intents.remove(of)),
                    "type" => drop(self.cluster.config.types.remove(of)),
                    _ => drop(self.cluster.config.resources.remove(of)),
                }
            }
            _ => self.cluster.config.cluster.hard_only_with_candidate = name == "hard-if-candidate",
        }
    }

    fn add_group(&mut self, words: &[&str]) {
        let nodes = option(words, "nodes").unwrap_or("n1,n2");
        let scalable = words.contains(&"scalable");
        let group = Group {
            nodelist: names(nodes),
            managed: !words.contains(&"unmanaged"),
            suspended: words.contains(&"suspended"),
            dependencies: names(option(words, "after").unwrap_or("")),
            mode: if scalable { GroupMode::Scalable } else { GroupMode::Failover },
            maximum_primaries: if scalable { 2 } else { 1 },
            ..Group::default()
        };
        self.cluster.config.groups.insert(words[1].into(), group);
    }

    /// `resource NAME TYPE GROUP [off] [unmonitored] [mode=SOFT] [strong=a,b] [weak=] [restart=] [offline=]`
    fn add_resource(&mut self, words: &[&str]) {
        let mode = option(words, "mode").unwrap_or("NONE");
        let resource = Resource {
            group: words[3].into(),
            type_name: words[2].into(),
            description: String::new(),
            enabled: Switch::everywhere(!words.contains(&"off")),
            monitored: Switch::everywhere(!words.contains(&"unmonitored")),
            dependencies: dependencies(words),
            failover_mode: FailoverMode::from_token(mode).unwrap(),
            values: BTreeMap::new(),
            generation: 1,
        };
        self.cluster.config.resources.insert(words[1].into(), resource);
    }

    /// `permit G GENERATION [NODE[:INCARNATION]]`, `withdraw G GENERATION [NODE]`, `touch G GENERATION` (a change that is none for permits)
    fn intend(&mut self, words: &[&str]) {
        let group = GroupName::new(words[1]);
        if words[0] == "intent-gone" {
            self.cluster.intents.remove(&group);
            return;
        }
        let generation = words[2].parse().unwrap();
        let intent = self.cluster.intents.entry(group).or_default();
        intent.generation = generation;
        if words[0] == "touch" {
            return;
        }
        let (node, life) = match words.get(3).copied().unwrap_or("n1").split_once(':') {
            Some((node, life)) => (node, Incarnation(life.parse().unwrap())),
            None => {
                let node = words.get(3).copied().unwrap_or("n1");
                (node, incarnation(node))
            }
        };
        let withdrawn = (words[0] == "withdraw").then_some(generation);
        intent.holders.retain(|h| h.node.as_str() != node);
        intent.permitted.retain(|(n, _)| n.as_str() != node);
        if withdrawn.is_none() {
            intent.permitted.push((node.into(), generation));
        }
        intent.holders.push(Holder { node: node.into(), incarnation: life, withdrawn });
    }

    /// `remote NODE GROUP STATE [RESOURCE=STATE[:STARTS][!]]…`; `!`: it is about to be stopped.
    fn remote(&mut self, words: &[&str]) {
        let node = NodeName::new(words[1]);
        let mut observed = Observed {
            incarnation: incarnation(words[1]),
            state: state::<GroupState>(words[3]),
            node: Some(node.clone()),
            ..Observed::default()
        };
        for word in &words[4..] {
            let (name, is) = word.split_once('=').unwrap();
            let stopping = is.ends_with('!');
            let is = is.trim_end_matches('!');
            let (is, starts) = is.split_once(':').unwrap_or((is, "1"));
            let resource = ObservedResource {
                state: state::<ResourceState>(is),
                starts: starts.parse().unwrap(),
                stopping,
                ..ObservedResource::default()
            };
            observed.resources.insert(name.into(), resource);
        }
        self.cluster.observed.entry(node).or_default().insert(words[2].into(), observed);
    }

    /// `ok METHOD RESOURCE`, `fail METHOD RESOURCE [why]`
    fn finish(&mut self, words: &[&str], out: &mut Vec<String>) {
        let method = Method::from_name(words[1]).unwrap();
        let key = (method, words[2].to_owned());
        let Some((call, _)) = self.runs.remove(&key) else {
            out.push(format!("WRONG: {method} of {} does not run", words[2]));
            return;
        };
        let why =
            if words.len() > 3 { words[3..].join(" ") } else { "it exited with 1".to_owned() };
        let (outcome, output) = match words[0] {
            "ok" => (MethodOutcome::Succeeded, String::new()),
            _ => (MethodOutcome::Failed(why), String::new()),
        };
        let fact = Fact::MethodFinished { call, outcome, output };
        self.executor.handle(&self.cluster, self.now_ms, fact).unwrap();
    }

    fn fact(&mut self, words: &[&str], out: &mut Vec<String>) {
        let resource = ResourceName::new(words[1]);
        let restart = |with_monitor, by_monitor| Fact::RestartAsked {
            resource: resource.clone(),
            with_monitor,
            by_monitor,
        };
        let fact = match words[0] {
            "restart" => restart(true, false),
            "monitor-restart" => restart(true, true),
            "service-restart" => restart(false, true),
            "told" => Fact::RestartTold { resource },
            "group-told" => Fact::GroupRestartTold { resource },
            "ignore" => Fact::FailedStartIgnored { resource },
            _ => Fact::StatusSet {
                resource,
                status: Status::from_token(words[2]).unwrap(),
                message: words[3..].join(" "),
            },
        };
        if let Err(refusal) = self.executor.handle(&self.cluster, self.now_ms, fact) {
            out.push(format!("refused ({:?}): {}", refusal.code, refusal.sentence));
        }
    }

    /// `job clear|restart|kill|validate|check|fence|foreign NAME`
    fn job(&mut self, words: &[&str]) {
        self.jobs += 1;
        let id = JobId { node: "n1".into(), request: RequestId("r".to_owned()), number: self.jobs };
        let name = words[2];
        let method = |m| self.cluster.config.call(&name.into(), m, &[]).unwrap();
        let kind = match words[1] {
            "clear" => JobKind::Clear(name.into()),
            "restart" | "foreign" => JobKind::Restart(name.into()),
            "kill" => JobKind::KillMethods(name.into()),
            "validate" => JobKind::Method(method(Method::Validate)),
            "check" => JobKind::Method(method(Method::MonitorCheck)),
            _ => JobKind::Fence {
                node: "n2".into(),
                incarnation: Incarnation(12),
                fencing: rgm::Fencing {
                    agent: "fence_x".to_owned(),
                    options: BTreeMap::new(),
                    timeout_s: 1,
                },
            },
        };
        let life = if words[1] == "foreign" { 9 } else { 11 };
        let job = Job { incarnation: Incarnation(life), kind, result: None };
        self.cluster.jobs.insert(id, job);
    }

    /// The resource is removed; this node owes its FINI.
    fn fini(&mut self, name: &str) {
        let call = self.cluster.config.call(&name.into(), Method::Fini, &[]).unwrap();
        let resource = self.cluster.config.resources[name].clone();
        let type_config = self.cluster.config.types[&resource.type_name].clone();
        let debt = FiniOwed { call, resource, type_config };
        self.cluster.fini.entry("n1".into()).or_default().insert(name.into(), debt);
    }

    fn tell(&mut self, orders: Vec<Order>, out: &mut Vec<String>) {
        for order in orders {
            out.push(match order {
                Order::Run { call, method } => {
                    let run = format!("{} {}", method.method, method.resource);
                    let key = (method.method, method.resource.to_string());
                    let before = self.runs.insert(key, (call, run.clone()));
                    assert!(before.is_none(), "{run} runs twice");
                    format!("run {run}")
                }
                Order::Kill(call) => {
                    let run = self.runs.values().find(|(id, _)| *id == call);
                    format!("kill {}", run.map_or("?", |(_, run)| run))
                }
                Order::JobDone(id, JobResult { ok, output }) => {
                    format!("job {} {}: {output}", id.number, if ok { "ok" } else { "failed" })
                }
                Order::FiniDone(resource) => format!("FINI of {resource} is paid"),
                Order::ResetNode(_) => "RESET NODE".to_owned(),
                Order::Say(_, sentence) => format!("\"{sentence}\""),
            });
        }
    }

    /// What is published and has changed.
    fn show(&mut self, out: &mut Vec<String>) {
        let mut shown = BTreeMap::new();
        for (group, observed) in self.executor.observed() {
            let mut line = format!("= {group} {} g{}", token(observed.state), observed.generation);
            for (name, seen) in &observed.resources {
                write!(line, " {name}:{}", token(seen.state)).unwrap();
                if seen.stopping {
                    line.push('!');
                }
                let status = if seen.status_message.is_empty() { "" } else { &seen.status_message };
                let usual = matches!(seen.state, ResourceState::Offline)
                    == (seen.status == Status::Offline)
                    && status.is_empty();
                if !(usual || status == "Starting" || status == "Stopping") {
                    write!(line, "({} {status})", seen.status.token()).unwrap();
                }
                if !seen.restarts_ms.is_empty() || !seen.group_restarts_ms.is_empty() {
                    let (own, group) = (seen.restarts_ms.len(), seen.group_restarts_ms.len());
                    write!(line, "[restarts {own}+{group}]").unwrap();
                }
            }
            if let Some(failure) = &observed.start_failure {
                write!(line, " failed:{}@g{}", failure.resource, failure.generation).unwrap();
            }
            if let Some(waits_for) = &observed.waits_for {
                write!(line, " ({waits_for})").unwrap();
            }
            shown.insert(group.to_string(), line);
        }
        for (group, line) in &shown {
            if self.shown.get(group) != Some(line) {
                out.push(line.clone());
            }
        }
        for group in self.shown.keys().filter(|g| !shown.contains_key(*g)) {
            out.push(format!("= {group} is no longer reported"));
        }
        self.shown = shown;
    }
}

fn dependencies(words: &[&str]) -> Dependencies {
    Dependencies {
        strong: names(option(words, "strong").unwrap_or("")),
        weak: names(option(words, "weak").unwrap_or("")),
        restart: names(option(words, "restart").unwrap_or("")),
        offline_restart: names(option(words, "offline").unwrap_or("")),
    }
}

/// The types of all scripts.
pub(super) fn add_types(cluster: &mut Cluster) {
    let app = "START STOP MONITOR_START MONITOR_STOP UPDATE";
    let life = "INIT FINI BOOT VALIDATE MONITOR_CHECK PRENET_START POSTNET_STOP";
    add_type(cluster, "app", app, &[]);
    add_type(cluster, "svc", "START STOP", &[]);
    add_type(cluster, "disk", "PRENET_START POSTNET_STOP", &[]);
    add_type(cluster, "half", "PRENET_START STOP", &[]);
    add_type(cluster, "full", &format!("{app} {life}"), &[]);
    add_type(cluster, "lh", "PRENET_START START STOP POSTNET_STOP", &["network"]);
}

fn add_type(cluster: &mut Cluster, name: &str, methods: &str, words: &[&str]) {
    let methods = methods.split_whitespace();
    let methods = methods.map(|m| (Method::from_name(m).unwrap(), format!("{name}_{m}")));
    let network = words.contains(&"network");
    let rtr = ResourceType {
        resource_type: name.to_owned(),
        vendor_id: None,
        rt_version: "1".to_owned(),
        rt_description: String::new(),
        api_version: 2,
        rt_basedir: Some("/opt/x".to_owned()),
        failover: false,
        single_instance: false,
        init_nodes: if words.contains(&"installed") {
            InitNodes::RtInstalledNodes
        } else {
            InitNodes::RgPrimaries
        },
        pkglist: Vec::new(),
        rt_system: false,
        global_zone: false,
        proxy: false,
        sysdefined_type: network.then_some(SystemDefined::LogicalHostname),
        methods: methods.collect(),
        upgrade: None,
        properties: Vec::new(),
    };
    let config = TypeConfig { rtr, installed_nodes: None, system: false, path: String::new() };
    cluster.config.types.insert(name.into(), config);
}

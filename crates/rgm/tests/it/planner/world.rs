//! A cluster for scripts: applies plans at once, and plays nodes that do what they are told, at once, unless a script says otherwise.

use rgm::planner::{Plan, Situation, check, plan};
use rgm::store::{Change, Key, Object};
use rgm::{
    Cluster, GroupName, GroupState, Incarnation, Job, JobId, JobKind, JobResult, Member,
    MethodFailure, NodeName, Observed, ObservedResource, ResourceName, ResourceState, StartFailure,
};
use std::collections::{BTreeMap, BTreeSet};

/// Wall clock at which every script begins.
pub(super) const START_MS: u64 = 1_000_000;
/// Plans after one event; more is endless.
const ROUNDS_MAX: usize = 40;

/// The cluster and the temper of its nodes.
#[derive(Default)]
pub(super) struct World {
    pub(super) cluster: Cluster,
    pub(super) now_ms: u64,
    pub(super) wake_at_ms: Option<u64>,
    pub(super) next_incarnation: i64,
    pub(super) requests: u32,
    /// In which way the planner errs.
    pub(super) planted: rgm::planted::Planted,
    /// Node, group: starts fail there, for this reason.
    pub(super) start_fails: BTreeMap<(NodeName, GroupName), String>,
    /// Node, group: stops fail there.
    pub(super) stop_fails: BTreeSet<(NodeName, GroupName)>,
    /// Node, resource: VALIDATE and MONITOR_CHECK say this.
    pub(super) check_fails: BTreeMap<(NodeName, ResourceName), String>,
    /// What the fence agent says.
    pub(super) fence_fails: Option<String>,
    /// Do nothing until told otherwise.
    pub(super) idle: BTreeSet<NodeName>,
}

/// What happened since the last look.
#[derive(Default)]
pub(super) struct Happened {
    pub(super) said: Vec<String>,
    pub(super) plans: usize,
    pub(super) jobs: Vec<String>,
    pub(super) answers: Vec<String>,
    pub(super) config: Vec<String>,
}

impl World {
    pub(super) fn join(&mut self, node: &NodeName) {
        self.leave(node);
        self.next_incarnation += 1;
        let member = Member {
            incarnation: Incarnation(self.next_incarnation),
            joined_ms: self.now_ms,
            boot_id: String::new(),
            version: String::new(),
            cluster_id: String::new(),
        };
        self.cluster.members.insert(node.clone(), member);
    }

    pub(super) fn leave(&mut self, node: &NodeName) {
        self.cluster.members.remove(node);
        self.cluster.observed.remove(node);
    }

    /// The nodes that asked fetch their answers, unless the script is about those that nobody fetches.
    pub(super) fn fetch_answers(&mut self, script: &str) {
        if !script.contains("# Answers are not fetched.") && !self.cluster.answers.is_empty() {
            self.cluster.answers.clear();
            self.plan(&mut Happened::default());
        }
    }

    /// The node must still run FINI of a resource (its STOP stands for it).
    pub(super) fn owe(&mut self, node: &str, resource: &str) {
        let (config, name) = (&self.cluster.config, ResourceName::new(resource));
        let call = config.call(&name, rtr::Method::Stop, &[]).expect("a method");
        let resource = config.resources[&name].clone();
        let type_config = config.types[&resource.type_name].clone();
        let owed = rgm::FiniOwed { call, resource, type_config };
        self.cluster.fini.entry(NodeName::new(node)).or_default().insert(name, owed);
    }

    /// Plans and applies until nothing is left to do.
    pub(super) fn plan(&mut self, happened: &mut Happened) {
        for _ in 0..ROUNDS_MAX {
            let Some(situation) = self.situation() else { return };
            let made = plan(&self.cluster, &situation);
            assert_eq!(
                made,
                plan(&self.cluster, &situation),
                "the same plan from the same cluster"
            );
            self.wake_at_ms = made.wake_at_ms;
            if let Err(wrong) = check(&self.cluster, &made) {
                panic!("{}", wrong.join("; "));
            }
            if made.steps.is_empty() {
                return;
            }
            assert!(made.steps.iter().all(|s| !s.changes.is_empty()), "{made:?}");
            happened.plans += 1;
            self.apply(made, happened);
        }
        panic!("the planner does not come to rest: {:#?}", happened.said);
    }

    /// The oldest member plans.
    fn situation(&self) -> Option<Situation> {
        let (node, member) = self.cluster.members.iter().min_by_key(|(_, m)| m.incarnation)?;
        Some(Situation {
            now_ms: self.now_ms,
            node: node.clone(),
            incarnation: member.incarnation,
            planted: self.planted,
        })
    }

    fn apply(&mut self, plan: Plan, happened: &mut Happened) {
        let accepts = |c: &Change| matches!(&c.object, Some(Object::Answer(answer)) if answer.refusal.is_none());
        if let Some(at) = plan.steps.iter().position(|s| s.changes.iter().any(accepts)) {
            let mut later = plan.steps.iter().skip(at + 1).flat_map(|s| &s.changes);
            let is_config = |c: &Change| {
                matches!(c.key, Key::Node(_) | Key::Type(_) | Key::Group(_) | Key::Resource(_))
            };
            assert!(!later.any(is_config), "answered before all of it is written");
        }
        for step in plan.steps {
            for (_, decision) in step.decisions {
                happened.said.push(decision.sentence);
            }
            for change in step.changes {
                self.apply_one(change, happened);
            }
        }
    }

    fn apply_one(&mut self, change: Change, happened: &mut Happened) {
        let cluster = &mut self.cluster;
        let verb = if change.object.is_some() { "writes" } else { "deletes" };
        if matches!(
            change.key,
            Key::Cluster
                | Key::Node(_)
                | Key::Type(_)
                | Key::Group(_)
                | Key::Resource(_)
                | Key::Fini(..)
        ) {
            happened.config.push(format!("{verb} {}", change.key));
        }
        if let Key::Intent(group) = &change.key
            && change.object.is_none()
        {
            happened.config.push(format!("deletes intent/{group}"));
        }
        match (change.key, change.object) {
            (Key::Cluster, Some(Object::Cluster(o))) => cluster.config.cluster = o,
            (Key::Node(k), Some(Object::Node(o))) => drop(cluster.config.nodes.insert(k, o)),
            (Key::Node(k), None) => drop(cluster.config.nodes.remove(&k)),
            (Key::Type(k), Some(Object::Type(o))) => drop(cluster.config.types.insert(k, o)),
            (Key::Type(k), None) => drop(cluster.config.types.remove(&k)),
            (Key::Group(k), Some(Object::Group(o))) => drop(cluster.config.groups.insert(k, o)),
            (Key::Group(k), None) => drop(cluster.config.groups.remove(&k)),
            (Key::Resource(k), Some(Object::Resource(o))) => {
                drop(cluster.config.resources.insert(k, o));
            }
            (Key::Resource(k), None) => drop(cluster.config.resources.remove(&k)),
            (Key::Intent(k), Some(Object::Intent(o))) => drop(cluster.intents.insert(k, o)),
            (Key::Intent(k), None) => drop(cluster.intents.remove(&k)),
            (Key::History(k), Some(Object::History(o))) => drop(cluster.history.insert(k, o)),
            (Key::History(k), None) => drop(cluster.history.remove(&k)),
            (Key::Fence(k), Some(Object::Fence(o))) => drop(cluster.fences.insert(k, o)),
            (Key::Fence(k), None) => drop(cluster.fences.remove(&k)),
            (Key::Job(k), Some(Object::Job(o))) => {
                happened.jobs.push(format!("{}: {}", k.node, job_text(&o)));
                cluster.jobs.insert(k, o);
            }
            (Key::Job(k), None) => drop(cluster.jobs.remove(&k)),
            (Key::Request(k), None) => drop(cluster.requests.remove(&k)),
            (Key::Answer(k), Some(Object::Answer(o))) => {
                happened.answers.push(match &o.refusal {
                    None => format!(
                        "accepted{}",
                        o.messages.iter().map(|m| format!("; {m}")).collect::<String>()
                    ),
                    Some(r) => format!("refused ({:?}): {}", r.code, r.sentence),
                });
                cluster.answers.insert(k, o);
            }
            (Key::Answer(k), None) => drop(cluster.answers.remove(&k)),
            (Key::Fini(n, r), Some(Object::Fini(o))) => {
                cluster.fini.entry(n).or_default().insert(r, o);
            }
            (Key::Fini(n, _), None) => drop(cluster.fini.remove(&n)),
            (Key::LastMembers, Some(Object::LastMembers(o))) => cluster.last_members = Some(o),
            (key, object) => panic!("the president must not write {key}: {object:?}"),
        }
    }

    /// Every node does what it is told, once. TRUE: something changed.
    pub(super) fn act(&mut self) -> bool {
        let members = self.cluster.members.keys().filter(|n| !self.idle.contains(*n));
        let nodes: Vec<NodeName> = members.cloned().collect();
        let mut changed = false;
        for node in &nodes {
            changed |= self.answer_jobs(node);
            changed |= self.cluster.fini.remove(node).is_some();
            let groups: Vec<GroupName> = self.cluster.intents.keys().cloned().collect();
            for group in groups {
                changed |= self.run(node, &group);
            }
        }
        changed
    }

    fn answer_jobs(&mut self, node: &NodeName) -> bool {
        let life = self.cluster.members.get(node).map(|m| m.incarnation);
        let open = |(id, job): (&JobId, &Job)| {
            let mine = id.node == *node && Some(job.incarnation) == life && job.result.is_none();
            mine.then(|| (id.clone(), job.kind.clone()))
        };
        let open: Vec<(JobId, JobKind)> = self.cluster.jobs.iter().filter_map(open).collect();
        let any = !open.is_empty();
        for (id, kind) in open {
            let failure = match &kind {
                JobKind::Method(call) => {
                    self.check_fails.get(&(node.clone(), call.resource.clone())).cloned()
                }
                JobKind::Fence { .. } => self.fence_fails.clone(),
                JobKind::Clear(resource) => {
                    self.clear(node, resource);
                    None
                }
                JobKind::Restart(_) | JobKind::KillMethods(_) => None,
            };
            let result = JobResult { ok: failure.is_none(), output: failure.unwrap_or_default() };
            if let Some(job) = self.cluster.jobs.get_mut(&id) {
                job.result = Some(result);
            }
        }
        any
    }

    fn clear(&mut self, node: &NodeName, resource: &ResourceName) {
        let Some(config) = self.cluster.config.resources.get(resource) else { return };
        self.stop_fails.remove(&(node.clone(), config.group.clone()));
        let groups = self.cluster.observed.get_mut(node);
        if let Some(observed) = groups.and_then(|g| g.get_mut(&config.group)) {
            observed.state = GroupState::PendingOffline;
            observed.resources.values_mut().for_each(|r| r.state = ResourceState::Offline);
        }
    }

    /// One group on one node: started when permitted, else stopped; always under the latest generation.
    fn run(&mut self, node: &NodeName, group: &GroupName) -> bool {
        let Some(member) = self.cluster.members.get(node) else { return false };
        let incarnation = member.incarnation;
        let Some(intent) = self.cluster.intents.get(group) else { return false };
        let (latest, key) = (intent.generation, (node.clone(), group.clone()));
        let before = self.cluster.observed.get(node).and_then(|g| g.get(group)).cloned();
        let permitted = intent
            .holders
            .iter()
            .any(|h| h.node == *node && h.incarnation == incarnation && h.withdrawn.is_none());
        if before.is_none() && !intent.holders.iter().any(|h| h.node == *node) {
            return false;
        }
        let mut now = before.clone().unwrap_or_default();
        now.incarnation = incarnation;
        if now.state == GroupState::ErrorStopFailed {
            now.generation = latest;
        } else if permitted {
            let given =
                intent.permitted.iter().find(|(n, _)| n == node).map_or(latest, |(_, g)| *g);
            self.start(&key, &mut now, (latest, given));
        } else {
            let was_up = now.state != GroupState::Offline;
            now.generation = latest;
            let fails = was_up && self.stop_fails.contains(&key);
            now.state = if fails { GroupState::ErrorStopFailed } else { GroupState::Offline };
            self.resources(
                &mut now,
                group,
                if fails { ResourceState::StopFailed } else { ResourceState::Offline },
            );
        }
        if before.as_ref() == Some(&now) {
            return false;
        }
        self.cluster.observed.entry(node.clone()).or_default().insert(group.clone(), now);
        true
    }

    fn start(&self, key: &(NodeName, GroupName), now: &mut Observed, (latest, given): (u64, u64)) {
        let failed_already = now.start_failure.as_ref().is_some_and(|f| f.generation >= given);
        now.generation = latest;
        if now.state == GroupState::Online || failed_already {
            return;
        }
        now.start_failure = None;
        now.state = GroupState::Online;
        self.resources(now, &key.1, ResourceState::Online);
        if let Some(why) = self.start_fails.get(key) {
            let resource = self.cluster.config.resources_of(&key.1).next().map(|(r, _)| r.clone());
            let why = why.clone();
            let failure = MethodFailure { method: rtr::Method::Start, why, at_ms: self.now_ms };
            let resource = resource.unwrap_or_else(|| ResourceName::new("app"));
            now.start_failure = Some(StartFailure { generation: latest, resource, failure });
            now.state = GroupState::Offline;
            self.resources(now, &key.1, ResourceState::Offline);
        }
    }

    /// What a node says that failed under a generation which is not the latest any more.
    pub(super) fn report_failure(&mut self, node: &NodeName, group: &GroupName, generation: u64) {
        let failure = MethodFailure {
            method: rtr::Method::Start,
            why: "exit 1".to_owned(),
            at_ms: self.now_ms,
        };
        let resource = ResourceName::new("app");
        let observed = Observed {
            incarnation: self.cluster.members[node].incarnation,
            generation,
            start_failure: Some(StartFailure { generation, resource, failure }),
            ..Observed::default()
        };
        self.cluster.observed.entry(node.clone()).or_default().insert(group.clone(), observed);
    }

    fn resources(&self, now: &mut Observed, group: &GroupName, state: ResourceState) {
        now.resources = self
            .cluster
            .config
            .resources_of(group)
            .map(|(r, _)| (r.clone(), ObservedResource { state, ..ObservedResource::default() }))
            .collect();
    }
}

fn job_text(job: &Job) -> String {
    match &job.kind {
        JobKind::Method(call) => format!("{:?} of {}", call.method, call.resource),
        JobKind::Clear(resource) => format!("clear {resource}"),
        JobKind::Restart(resource) => format!("restart {resource}"),
        JobKind::KillMethods(group) => format!("kill methods of {group}"),
        JobKind::Fence { node, .. } => format!("fence {node}"),
    }
}

//! Operators and monitors: what they ask, of which node, and what they are answered.
//!
//! Asks for sensible things and for nonsense alike; never waits for an answer before it asks again.

use crate::configuration::{group, node, set};
use crate::judge;
use crate::methods::self_name;
use crate::world::{Event, World};
use rgm::executor::Fact;
use rgm::node::Input;
use rgm::{Answer, Assignment, GroupName, NodeName, Operation, ResourceName, ResourceState};
use std::time::Duration;

/// What was asked and not answered.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) host: usize,
    pub(crate) at: Duration,
    pub(crate) operation: Operation,
}

impl World {
    pub(crate) fn ask(&mut self, h: usize, operation: Operation, by: &str) {
        if self.hosts[h].core.is_none() {
            return;
        }
        self.last_asker += 1;
        let asker = self.last_asker;
        self.note(|| format!("{} is asked ({asker}): {operation:?}", self_name(h)));
        let asked = Asked { host: h, at: self.now, operation: operation.clone() };
        self.asked.insert(asker, asked);
        self.deliver(h, Input::Asked { asker, operation, by: by.to_owned() });
    }

    pub(crate) fn answered(&mut self, asker: u64, answer: &Answer) {
        self.note(|| match &answer.refusal {
            None => format!("({asker}) is accepted"),
            Some(refusal) => format!("({asker}) is refused: {refusal}"),
        });
        if self.asked.remove(&asker).is_none() {
            self.violate("answers", format!("({asker}) was answered twice, or never asked"));
        }
        self.memory.answers += 1;
        self.memory.accepted += u64::from(answer.refusal.is_none());
    }

    /// Nobody hears what a dead daemon would have said.
    pub(crate) fn forget_askers(&mut self, h: usize) {
        self.asked.retain(|_, asked| asked.host != h);
    }

    /// The configuration as operations: put into the store as it would be, or asked for.
    pub(crate) fn set_up(&mut self) {
        let operations = self.shape.clone().setup(&mut self.dice);
        if self.shape.preloaded {
            self.preload(&operations);
        } else {
            for (n, operation) in operations.into_iter().enumerate() {
                self.memory.script.push_back(operation);
                self.at(Duration::from_millis(3000 + 60 * n as u64), Event::Operator);
            }
        }
        for h in 0..self.hosts.len() {
            let at = self.dice.ms(0, 400);
            self.at(at, Event::StartDaemon { host: h, life: 0 });
        }
        if self.shape.operators {
            let count = if self.dice.permille(400) {
                10 + self.dice.below(30)
            } else {
                self.dice.below(10)
            };
            for _ in 0..count {
                let at = self.dice.ms(3000, 22_000);
                self.at(at, Event::Operator);
            }
        }
        if self.dice.permille(200) {
            let resources: Vec<ResourceName> =
                self.truth.config.resources.keys().cloned().collect();
            if let Some(resource) = self.dice.one_of(&resources).cloned() {
                let all = self.dice.permille(500);
                for h in 0..self.hosts.len() {
                    if all || self.dice.permille(400) {
                        self.never_starts.insert((h, resource.clone()));
                    }
                }
            }
        }
    }

    fn preload(&mut self, operations: &[Operation]) {
        let mut cluster = rgm::Cluster::default();
        cluster.config.cluster.id = "sim".to_owned();
        for h in 0..self.hosts.len() {
            let id = h as u32 + 1;
            let config = rgm::NodeConfig { id, fencing: None, maintenance: false };
            cluster.config.nodes.insert(node(h), config);
            // Only while it is decided: an operation that brings something online wants to see a member.
            let member = rgm::Member {
                incarnation: rgm::Incarnation(1),
                joined_ms: 0,
                boot_id: String::new(),
                version: String::new(),
                cluster_id: String::new(),
            };
            cluster.members.insert(node(h), member);
        }
        for operation in operations {
            if let Ok(accepted) = rgm::operation::decide(&cluster, 0, operation) {
                cluster.config = accepted.config;
            }
        }
        judge::config::write(self, &cluster.config);
    }

    pub(crate) fn operate(&mut self) {
        let alive: Vec<usize> =
            (0..self.hosts.len()).filter(|h| self.hosts[*h].incarnation().is_some()).collect();
        let Some(h) = self.dice.one_of(&alive).copied() else {
            if !self.memory.script.is_empty() && !self.is_calm {
                self.after(Duration::from_millis(300), Event::Operator);
            }
            return;
        };
        if let Some(operation) = self.memory.script.pop_front() {
            return self.ask(h, operation, "root");
        }
        if self.is_calm {
            return;
        }
        let operation = self.some_operation();
        self.prepare(&operation);
        self.ask(h, operation, "root");
        if self.dice.permille(60) {
            self.end_daemon_later(h);
        }
    }

    /// The daemon of the node that was asked dies before it answers.
    fn end_daemon_later(&mut self, h: usize) {
        let time = self.dice.ms(0, 30);
        self.after(time, Event::Trouble(crate::chaos::Trouble::KillDaemon(h)));
    }

    /// What the operator does by hand first: `clear` is a promise that nothing of the resource runs.
    fn prepare(&mut self, operation: &Operation) {
        let Operation::ClearStopFailed { resources, nodes } = operation else { return };
        for h in 0..self.hosts.len() {
            if nodes.contains(&self.hosts[h].name) {
                for resource in resources {
                    self.clean(h, resource);
                }
            }
        }
    }

    fn clean(&mut self, h: usize, resource: &ResourceName) {
        let state = self.truth.resource_state(resource, &self.hosts[h].name);
        if state == ResourceState::StopFailed
            && let Some(page) = self.hosts[h].book.0.get_mut(resource)
        {
            page.up = false;
            page.started = false;
            page.monitored = false;
            page.broken = false;
        }
    }

    fn some_group(&mut self) -> GroupName {
        let groups: Vec<GroupName> = self.truth.config.groups.keys().cloned().collect();
        let other = group(self.dice.below(4));
        self.dice.one_of(&groups).cloned().unwrap_or(other)
    }

    fn some_resource(&mut self) -> ResourceName {
        let all: Vec<ResourceName> = self.truth.config.resources.keys().cloned().collect();
        self.dice.one_of(&all).cloned().unwrap_or_else(|| ResourceName::new("r0"))
    }

    fn some_node(&mut self) -> NodeName {
        node(self.dice.below(self.shape.nodes))
    }

    fn some_operation(&mut self) -> Operation {
        let groups = vec![self.some_group()];
        let nodes = vec![self.some_node()];
        match self.dice.below(24) {
            0..=4 => Operation::Switch { groups, nodes },
            5 => Operation::Remaster { groups: Some(groups) },
            6 | 7 => Operation::Online { groups: Some(groups) },
            8 => Operation::Offline { groups },
            9 => Operation::RestartGroups { groups, nodes },
            10 => Operation::RestartResources { resources: vec![self.some_resource()] },
            11 => Operation::Evacuate { nodes, hold_s: self.dice.below(4) as u32 },
            12 | 13 => self.switch_resources(nodes),
            14 => Operation::Quiesce { groups: Some(groups), kill: self.dice.permille(500) },
            15 => Operation::Suspend { groups: Some(groups), kill: self.dice.permille(500) },
            16 => Operation::Resume { groups: Some(groups) },
            17 => self.clear_stop_failed(),
            _ => self.some_change(&groups, nodes),
        }
    }

    fn switch_resources(&mut self, nodes: Vec<NodeName>) -> Operation {
        let nodes = if self.dice.permille(300) { Some(nodes) } else { None };
        let (monitor, on) = (self.dice.permille(300), self.dice.permille(600));
        Operation::SwitchResources { resources: vec![self.some_resource()], nodes, monitor, on }
    }

    fn clear_stop_failed(&mut self) -> Operation {
        let resource = self.some_resource();
        let nodes = (0..self.shape.nodes)
            .map(node)
            .filter(|n| self.truth.resource_state(&resource, n) == ResourceState::StopFailed);
        Operation::ClearStopFailed { nodes: nodes.collect(), resources: vec![resource] }
    }

    fn some_change(&mut self, groups: &[GroupName], nodes: Vec<NodeName>) -> Operation {
        let resource = self.some_resource();
        let count = self.truth.config.resources.len();
        let of = groups.first().cloned().unwrap_or_else(|| group(0));
        match self.dice.below(16) {
            0 => Operation::Unmanage { groups: groups.to_vec() },
            1 => Operation::Manage { groups: groups.to_vec() },
            2 => Operation::RemoveResource { resource },
            3 => Operation::RemoveGroup { group: of },
            4 => {
                let n = self.dice.below(4);
                self.shape.clone().create_group(&mut self.dice, n)
            }
            5 => {
                let mut names: Vec<ResourceName> =
                    (0..count).map(|n| ResourceName::new(&format!("r{n}"))).collect();
                let n = self.dice.below(self.shape.groups + 1);
                self.shape.clone().create_resource(&mut self.dice, n, &mut names)
            }
            6 => Operation::ChangeGroup { group: of, assignments: self.group_change() },
            7 | 8 => Operation::ChangeResource {
                resource,
                system: Vec::new(),
                extension: vec![set("Level", self.dice.below(9))],
            },
            9 => Operation::ChangeResource {
                resource,
                system: vec![set("Type_version", 1 + self.dice.below(2))],
                extension: Vec::new(),
            },
            10 => {
                let other = self.some_resource();
                let kinds =
                    ["Resource_dependencies", "Resource_dependencies_weak", "Failover_mode"];
                let kind = kinds[self.dice.below(3)];
                let value =
                    if kind == "Failover_mode" { "SOFT".to_owned() } else { other.to_string() };
                let value = if self.dice.permille(300) { String::new() } else { value };
                Operation::ChangeResource {
                    resource,
                    system: vec![set(kind, value)],
                    extension: Vec::new(),
                }
            }
            11 => Operation::SetMaintenance { node: nodes[0].clone(), on: self.dice.permille(400) },
            14 => Operation::AddNode { node: nodes[0].clone() },
            15 => Operation::RemoveNode { node: nodes[0].clone() },
            12 => Operation::ConfirmDead { node: self.dead_node() },
            _ => Operation::ControlRestart {
                resource,
                group: of,
                node: nodes[0].clone(),
                check_only: false,
            },
        }
    }

    /// An operator who says that a node is dead has looked.
    fn dead_node(&self) -> NodeName {
        let is_dead = |h: &crate::host::Host| h.book.0.values().all(|page| !page.up);
        let dead = self.hosts.iter().find(|host| !host.is_on && is_dead(host));
        dead.map_or_else(|| NodeName::new("nobody"), |host| host.name.clone())
    }

    fn group_change(&mut self) -> Vec<Assignment> {
        let n = self.dice.below(self.shape.nodes);
        let value = 1 + self.dice.below(3);
        vec![match self.dice.below(5) {
            0 => set("Desired_primaries", value),
            1 => set("Maximum_primaries", value),
            2 => set("Failback", "TRUE"),
            3 => {
                let mut nodes: Vec<String> =
                    (0..self.shape.nodes).map(|h| node(h).to_string()).collect();
                nodes.rotate_left(n);
                set("Nodelist", nodes.join(","))
            }
            _ => set("RG_description", value),
        }]
    }

    /// A monitor looks at its resource, and acts when it is dead.
    pub(crate) fn probe(&mut self, h: usize, life: u64, resource: &ResourceName) {
        let host = &self.hosts[h];
        if host.life != life || !host.may_act() {
            return;
        }
        let Some(page) = host.book.0.get(resource) else { return };
        if !page.monitored || !page.started {
            return;
        }
        let group = page.group.clone();
        // Such a monitor may only log; asking again and again, it would never let the cluster rest.
        let log_only = rgm::FailoverMode::LogOnly;
        if self.is_calm
            && self
                .truth
                .config
                .resources
                .get(resource)
                .is_some_and(|r| r.failover_mode == log_only)
        {
            return;
        }
        let strays = !self.is_calm && self.dice.permille(60 * self.luck);
        if !page_is_broken(self, h, resource) && !strays {
            return;
        }
        if self.dice.permille(600) {
            let (with_monitor, by_monitor) = (self.dice.permille(500), true);
            self.note(|| format!("{}: the monitor of {resource} wants a restart", self_name(h)));
            let resource = resource.clone();
            let fact = Fact::RestartAsked { resource, with_monitor, by_monitor };
            self.deliver(h, Input::Local(fact));
        } else {
            let node = self.hosts[h].name.clone();
            let resource = resource.clone();
            let check_only = false;
            let operation = if self.dice.permille(700) {
                Operation::Giveover { resource, group, node, check_only }
            } else {
                Operation::ControlRestart { resource, group, node, check_only }
            };
            self.ask(h, operation, "monitor");
        }
        judge::rest::disturbed(self);
        let time = self.dice.ms(1500, 4000);
        self.after(time, Event::Probe { host: h, life, resource: resource.clone() });
    }
}

fn page_is_broken(world: &World, h: usize, resource: &ResourceName) -> bool {
    world.hosts[h].book.0.get(resource).is_some_and(|page| page.broken)
}

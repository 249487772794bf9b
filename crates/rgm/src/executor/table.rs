//! The node's own table: every resource of the cluster with what is configured for it, who depends on whom, and what of it runs here. Rebuilt
//! when the configuration changes; what runs is carried over, even when its configuration is gone, so that it can be stopped.
//!
//! Never decides anything, never forgets a resource that is not offline.

use super::CallId;
use super::decide::Obstacle;
use crate::model::{
    Cluster, DependencyKind, FailoverMode, GroupState, Incarnation, MethodCall, ObservedResource,
    ResourceState, StartFailure,
};
use crate::names::{GroupName, NodeName, ResourceName};
use crate::store::Key;
use rtr::{Method, ResourceType};
use std::collections::BTreeMap;

/// Which methods a type has.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Methods(u16);

impl Methods {
    fn of(rtr: &ResourceType) -> Self {
        Self(rtr.methods.keys().fold(0, |bits, method| bits | 1 << (*method as u16)))
    }

    pub(super) const fn has(self, method: Method) -> bool {
        self.0 & (1 << (method as u16)) != 0
    }
}

/// One dependency, as an index into [`Table::units`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Edge {
    pub(super) to: usize,
    pub(super) kind: DependencyKind,
}

/// INIT and BOOT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Init {
    /// Not under management here.
    #[default]
    Nothing,
    /// This method is due or runs; nothing is started before it is over.
    Due(Method),
    /// Over; or there is no such method.
    Done,
}

/// A restart in place.
#[derive(Clone, Debug)]
pub(super) struct Restart {
    /// FALSE: its monitor goes on watching.
    pub(super) with_monitor: bool,
    /// TRUE: the type has no pair of START and STOP; it goes all the way to Offline and back.
    pub(super) full: bool,
    /// TRUE until it has been stopped.
    pub(super) stopping: bool,
}

/// Which life of a dependee a dependent was started against.
#[derive(Clone, Debug)]
pub(super) struct Against {
    pub(super) dependee: ResourceName,
    pub(super) lives: Vec<(NodeName, Incarnation, u64)>,
}

/// What of a resource runs here.
#[derive(Clone, Debug, Default)]
pub(super) struct Here {
    /// What is published.
    pub(super) seen: ObservedResource,
    /// The one method of it that runs.
    pub(super) call: Option<CallId>,
    pub(super) init: Init,
    pub(super) restart: Option<Restart>,
    /// MONITOR_START succeeded and MONITOR_STOP has not yet.
    pub(super) monitor_runs: bool,
    /// IGNORE_FAILED_START was said in the start that runs.
    pub(super) ignores_failed_start: bool,
    /// Its agent has set a status since the start or stop began.
    pub(super) status_told: bool,
    /// `Resource::generation` that the running UPDATE or START tells of.
    pub(super) told: u64,
    pub(super) against: Vec<Against>,
    /// Its stop methods as they were when it was started, for when its configuration is gone.
    pub(super) stop_calls: Vec<MethodCall>,
    /// Result of the last look: something of it cannot be understood, and it is left as it is.
    pub(super) left_alone: bool,
    /// Result of the last look: why it is not started, if it should be up.
    pub(super) obstacle: Obstacle,
    /// Result of the last look: it should be up in the end.
    pub(super) wanted: bool,
    /// Result of the last look: it should be up now (not while it, or what forces it down, is being restarted).
    pub(super) up: bool,
}

/// One resource.
#[derive(Clone, Debug)]
pub(super) struct Unit {
    pub(super) name: ResourceName,
    pub(super) team: usize,
    /// FALSE: gone from the configuration, and something of it still runs.
    pub(super) known: bool,
    /// TRUE: its key, or that of its type or group, cannot be understood; it is left as it is while the permit lasts.
    pub(super) frozen: bool,
    pub(super) enabled: bool,
    pub(super) monitor_on: bool,
    pub(super) methods: Methods,
    pub(super) failover_mode: FailoverMode,
    pub(super) generation: u64,
    /// INIT, BOOT and FINI of it run here.
    pub(super) init_node: bool,
    pub(super) depends: Vec<Edge>,
    /// It depends strongly on a resource that is not configured.
    pub(super) lost_dependee: bool,
    pub(super) dependents: Vec<Edge>,
    pub(super) here: Here,
}

impl Unit {
    pub(super) fn state(&self) -> ResourceState {
        self.here.seen.state
    }

    pub(super) fn has(&self, method: Method) -> bool {
        self.methods.has(method)
    }

    /// Whether something of it runs or may run here.
    pub(super) fn is_busy(&self) -> bool {
        self.state() != ResourceState::Offline || self.runs_lifecycle()
    }

    /// Its key cannot be understood and nothing of it runs: it is spoken of, and what depends on it has lost it.
    fn is_only_named(&self) -> bool {
        !self.known && !self.is_busy() && self.here.call.is_none()
    }

    /// Whether a method runs that is not INIT or BOOT.
    pub(super) fn runs_lifecycle(&self) -> bool {
        self.here.call.is_some()
            && !matches!(self.here.seen.method, Some(ref m) if matches!(m.method, Method::Init | Method::Boot))
    }
}

/// What this node knows of a group's intent, and says of the group.
#[derive(Clone, Debug, Default)]
pub(super) struct TeamHere {
    /// Newest generation seen; older ones are never acted on.
    pub(super) generation: u64,
    /// Mod revision of the intent then.
    pub(super) revision: i64,
    /// Generation at which the present permit was given.
    pub(super) permit_generation: u64,
    pub(super) permitted: bool,
    /// It named this node as a holder, permitted or not.
    pub(super) holder: bool,
    pub(super) start_failure: Option<StartFailure>,
    /// Result of the last look: the group should be up here.
    pub(super) wanted: bool,
    /// It has been Online (faulted or not) since it was last wanted: single resources come and go without making it pending.
    pub(super) was_online: bool,
    pub(super) state: GroupState,
    pub(super) waits_for: Option<String>,
    /// Something published has changed.
    pub(super) dirty: bool,
}

/// One group.
#[derive(Clone, Debug)]
pub(super) struct Team {
    pub(super) name: GroupName,
    /// FALSE: gone from the configuration.
    pub(super) known: bool,
    /// TRUE: its key cannot be understood.
    pub(super) frozen: bool,
    pub(super) managed: bool,
    pub(super) suspended: bool,
    /// This node is in its Nodelist.
    pub(super) mine: bool,
    pub(super) units: Vec<usize>,
    /// RG_dependencies.
    pub(super) after: Vec<usize>,
    /// The groups that name this one in theirs.
    pub(super) followers: Vec<usize>,
    pub(super) here: TeamHere,
}

/// Everything.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    pub(super) units: Vec<Unit>,
    pub(super) teams: Vec<Team>,
    by_name: BTreeMap<ResourceName, usize>,
}

impl Table {
    pub(super) fn find(&self, name: &ResourceName) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    pub(super) fn find_team(&self, name: &GroupName) -> Option<usize> {
        self.teams.iter().position(|team| team.name == *name)
    }

    /// The table of the present configuration, with what runs from this one.
    pub(super) fn rebuilt(mut self, cluster: &Cluster, me: &NodeName) -> Self {
        let mut new = Self::default();
        for name in cluster.config.groups.keys() {
            new.add_team(&mut self, cluster, name, me);
        }
        for name in cluster.config.resources.keys() {
            new.add_unit(&mut self, cluster, name, me);
        }
        for old in 0..self.units.len() {
            let unit = &self.units[old];
            // What cannot be understood is still spoken of, so that the president knows which group it holds up.
            let speaks = unit.is_busy()
                || unit.here.call.is_some()
                || cluster.is_problem(&Key::Resource(unit.name.clone()));
            if speaks && !new.by_name.contains_key(&unit.name) {
                new.carry_unit(&mut self, cluster, old, me);
            }
        }
        for was in 0..self.teams.len() {
            let name = self.teams[was].name.clone();
            // What is gone is still spoken of while the intent names this node: only its acknowledgement ends that.
            let owes = self.teams[was].here.holder;
            let unclear = owes || cluster.is_problem(&Key::Group(name.clone()));
            if unclear && new.find_team(&name).is_none() {
                new.add_team(&mut self, cluster, &name, me);
            }
        }
        new.link(&self, cluster);
        new
    }

    fn add_team(
        &mut self,
        old: &mut Self,
        cluster: &Cluster,
        name: &GroupName,
        me: &NodeName,
    ) -> usize {
        let config = cluster.config.groups.get(name);
        let mut here = TeamHere::default();
        let mut before = None;
        if let Some(was) = old.find_team(name) {
            here = std::mem::take(&mut old.teams[was].here);
            before = Some(&old.teams[was]);
        }
        here.dirty = true;
        let frozen = config.is_none() && cluster.is_problem(&Key::Group(name.clone()));
        self.teams.push(Team {
            name: name.clone(),
            known: config.is_some(),
            frozen,
            managed: config.map_or_else(|| before.is_some_and(|t| t.managed), |g| g.managed),
            suspended: config.map_or_else(|| before.is_some_and(|t| t.suspended), |g| g.suspended),
            mine: config.map_or(frozen, |g| g.nodelist.contains(me)),
            units: Vec::new(),
            after: Vec::new(),
            followers: Vec::new(),
            here,
        });
        self.teams.len() - 1
    }

    fn add_unit(&mut self, old: &mut Self, cluster: &Cluster, name: &ResourceName, me: &NodeName) {
        let Some(config) = cluster.config.resources.get(name) else { return };
        let team = match self.find_team(&config.group) {
            Some(team) => team,
            None => self.add_team(old, cluster, &config.group, me),
        };
        let of_type = cluster.config.type_of(config);
        let mut here = Here::default();
        let mut methods = of_type.map(|t| Methods::of(&t.rtr));
        if let Some(was) = old.find(name) {
            here = std::mem::take(&mut old.units[was].here);
            methods = methods.or(Some(old.units[was].methods));
        }
        self.push(Unit {
            name: name.clone(),
            team,
            known: true,
            frozen: of_type.is_none() || self.teams[team].frozen,
            enabled: config.enabled.is_on(me),
            monitor_on: config.monitored.is_on(me),
            methods: methods.unwrap_or_default(),
            failover_mode: config.failover_mode,
            generation: config.generation,
            init_node: cluster.config.init_nodes(config).contains(me),
            depends: Vec::new(),
            lost_dependee: false,
            dependents: Vec::new(),
            here,
        });
    }

    fn carry_unit(&mut self, old: &mut Self, cluster: &Cluster, was: usize, me: &NodeName) {
        let mut unit = old.units[was].clone();
        let group = old.teams[unit.team].name.clone();
        unit.team = match self.find_team(&group) {
            Some(team) => team,
            None => self.add_team(old, cluster, &group, me),
        };
        unit.known = false;
        unit.frozen =
            cluster.is_problem(&Key::Resource(unit.name.clone())) || self.teams[unit.team].frozen;
        unit.init_node = false;
        unit.depends.clear();
        unit.dependents.clear();
        self.push(unit);
    }

    fn push(&mut self, unit: Unit) {
        let n = self.units.len();
        self.by_name.insert(unit.name.clone(), n);
        self.teams[unit.team].units.push(n);
        self.units.push(unit);
    }

    fn link(&mut self, old: &Self, cluster: &Cluster) {
        for n in 0..self.units.len() {
            let name = self.units[n].name.clone();
            let named: Vec<(ResourceName, DependencyKind)> = if self.units[n].known {
                let all = cluster.config.dependencies_of(&name);
                all.into_iter().map(|d| (d.on, d.kind)).collect()
            } else {
                let was = old.find(&name).map(|w| old.units[w].depends.as_slice());
                let edges = was.unwrap_or_default().iter();
                edges.map(|e| (old.units[e.to].name.clone(), e.kind)).collect()
            };
            for (on, kind) in named {
                match self.find(&on).filter(|to| !self.units[*to].is_only_named()) {
                    Some(to) => {
                        self.units[n].depends.push(Edge { to, kind });
                        self.units[to].dependents.push(Edge { to: n, kind });
                    }
                    None if kind.is_strong() => self.units[n].lost_dependee = true,
                    None => {}
                }
            }
        }
        for n in 0..self.teams.len() {
            let Some(group) = cluster.config.groups.get(&self.teams[n].name) else { continue };
            let after: Vec<usize> =
                group.dependencies.iter().filter_map(|g| self.find_team(g)).collect();
            for &leader in &after {
                self.teams[leader].followers.push(n);
            }
            self.teams[n].after = after;
        }
    }
}

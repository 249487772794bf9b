//! What should be up here: first groups, from permits; then resources, from their switches and dependencies; then what must restart because what
//! it depends on did. Looks at everything each time and remembers only results.
//!
//! Never lets a permit of another incarnation, or of an older generation than seen, count.

use super::Executor;
use super::table::{Against, Edge, Init, Restart};
use super::transitions::is_stopped;
use crate::model::{Cluster, DependencyKind, Incarnation, ResourceState};
use crate::names::NodeName;
use crate::planted::PlantedFault;
use crate::store::Key;
use rtr::Method;

/// Why a resource that should be up is not started now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// Nothing stands in the way.
    #[default]
    Nothing,
    /// What it depends on in its own group is on its way.
    Soon,
    /// It waits for this resource of another group.
    Unit(usize),
    /// It waits for this other group (RG_dependencies).
    Team(usize),
    /// It depends on a resource that is not configured.
    Lost,
    /// It depends, in the end, on itself: over implicit network dependencies, or because somebody wrote to the store by hand.
    Circle,
    /// What it depends on failed to start, or waits for an operator.
    Failed,
}

impl Executor {
    /// Takes permits and generations from the intents.
    pub(super) fn take_intents(&mut self, cluster: &Cluster) {
        for n in 0..self.table.teams.len() {
            let me = &self.node;
            let team = &mut self.table.teams[n];
            let here = &mut team.here;
            let Some(intent) = cluster.intents.get(&team.name) else {
                if here.generation != 0 && !cluster.is_problem(&Key::Intent(team.name.clone())) {
                    here.dirty = true;
                    here.permitted = false;
                    here.holder = false;
                    here.generation = 0;
                    here.permit_generation = 0;
                }
                continue;
            };
            if intent.generation != here.generation {
                let key = Key::Intent(team.name.clone()).to_string();
                let revision = cluster.revisions.get(&key).copied().unwrap_or(0);
                // Older than seen. Only the intent of a new group of the same name has a smaller generation and a greater revision.
                if intent.generation < here.generation && revision <= here.revision {
                    continue;
                }
                here.generation = intent.generation;
                here.revision = revision;
                here.dirty = true;
            }
            let mut holders = intent.holders.iter().filter(|h| h.node == *me);
            here.holder = intent.holders.iter().any(|h| h.node == *me);
            let own = self.incarnation;
            let any_life = self.planted.is(PlantedFault::OldIncarnationObeyed);
            here.permitted =
                holders.any(|h| h.withdrawn.is_none() && (any_life || h.incarnation == own));
            let given = intent.permitted.iter().find(|(node, _)| node == me);
            here.permit_generation = given.map_or(intent.generation, |(_, at)| *at);
        }
    }

    /// Decides which groups should be up here, and says when that changes.
    pub(super) fn decide_teams(&mut self, cluster: &Cluster) {
        for n in 0..self.table.teams.len() {
            let team = &self.table.teams[n];
            if team.frozen && (team.here.permitted || !team.here.wanted) {
                continue;
            }
            let idle = || team.units.iter().all(|&u| !self.table.units[u].is_busy());
            let failed = team.here.start_failure.as_ref();
            if failed.is_some_and(|f| team.here.permit_generation > f.generation)
                && team.here.permitted
                && idle()
            {
                self.table.teams[n].here.start_failure = None;
                self.table.teams[n].here.dirty = true;
            }
            let team = &self.table.teams[n];
            let wanted = team.known
                && team.managed
                && team.mine
                && team.here.permitted
                && team.here.start_failure.is_none();
            if wanted != team.here.wanted {
                self.say_wanted(cluster, n, wanted);
                let here = &mut self.table.teams[n].here;
                here.wanted = wanted;
                here.was_online = false;
            }
        }
    }

    fn say_wanted(&mut self, cluster: &Cluster, n: usize, wanted: bool) {
        let team = &self.table.teams[n];
        let (group, node, generation) = (&team.name, &self.node, team.here.generation);
        let sentence = if wanted {
            let why = cluster.intents.get(group).map_or("", |i| i.why.as_str());
            let why = if why.is_empty() { String::new() } else { format!(": {why}") };
            format!("{group} is brought online on {node} (generation {generation}){why}")
        } else {
            let why = if !team.known && !team.frozen {
                "it is no longer configured".to_owned()
            } else if !team.managed {
                "it is no longer managed".to_owned()
            } else if let Some(failure) = &team.here.start_failure {
                format!("{} could not be started", failure.resource)
            } else if generation == 0 {
                "its intent is gone".to_owned()
            } else if !team.mine {
                format!("{node} is no longer in its Nodelist")
            } else {
                format!("the permit was withdrawn (generation {generation})")
            };
            format!("{group} is brought offline on {node}, because {why}")
        };
        let group = Some(group.clone());
        self.say(group, sentence);
    }

    /// Decides which resources should be up here.
    pub(super) fn decide_units(&mut self, cluster: &Cluster) {
        for n in 0..self.table.units.len() {
            let unit = &self.table.units[n];
            let team = &self.table.teams[unit.team].here;
            let left_alone = unit.frozen && team.permitted;
            let wanted = if left_alone {
                unit.state().is_started()
            } else {
                unit.known && unit.enabled && team.wanted
            };
            let here = &mut self.table.units[n].here;
            here.left_alone = left_alone;
            here.wanted = wanted;
            here.up = wanted && !here.restart.as_ref().is_some_and(|r| r.stopping);
        }
        // Down spreads along dependencies; each round takes at least one more resource down, so this ends.
        while self.spread_down(cluster) {}
        self.note_obstacles(cluster);
    }

    fn note_obstacles(&mut self, cluster: &Cluster) {
        let is_open = |n: &usize| {
            let unit = &self.table.units[*n];
            unit.here.wanted && !unit.state().is_started()
        };
        let open: Vec<usize> = (0..self.table.units.len()).filter(is_open).collect();
        if open.is_empty() {
            return;
        }
        let mut seen = vec![None; self.table.units.len()];
        for n in open {
            let obstacle = self.obstacle_within(cluster, n, &mut seen);
            self.table.units[n].here.obstacle = obstacle;
        }
    }

    fn spread_down(&mut self, cluster: &Cluster) -> bool {
        let mut changed = false;
        for n in 0..self.table.units.len() {
            if !self.table.units[n].here.up || self.table.units[n].here.left_alone {
                continue;
            }
            let unit = &self.table.units[n];
            let unwanted = unit.depends.iter().any(|e| {
                let dependee = &self.table.units[e.to];
                e.kind.is_strong() && dependee.team == unit.team && !dependee.here.wanted
            });
            let half_way = match unit.state() {
                ResourceState::PrenetStarted => true,
                ResourceState::Stopped => unit.here.restart.is_some(),
                _ => false,
            };
            let down = unwanted
                || (half_way && self.obstacle(cluster, n) == Obstacle::Failed)
                || (unit.state().is_started() && self.is_forced_down(cluster, n));
            if down {
                let here = &mut self.table.units[n].here;
                here.up = false;
                here.wanted &= !unwanted;
                changed = true;
            }
        }
        changed
    }

    /// What it depends on by offline-restart is down, or about to be.
    fn is_forced_down(&self, cluster: &Cluster, n: usize) -> bool {
        let unit = &self.table.units[n];
        !self.table.teams[unit.team].suspended
            && unit.depends.iter().any(|e| {
                e.kind == DependencyKind::OfflineRestart && !self.is_available(cluster, n, e.to)
            })
    }

    /// Whether the dependee is started and will stay: here, or, when it is of another group, on any node.
    pub(super) fn is_available(
        &self,
        cluster: &Cluster,
        dependent: usize,
        dependee: usize,
    ) -> bool {
        let unit = &self.table.units[dependee];
        if unit.state().is_started() && unit.here.up {
            return true;
        }
        unit.team != self.table.units[dependent].team
            && self.others(cluster, dependee).any(|other| other.stays)
    }

    /// The resource on the other nodes where something of it runs.
    pub(super) fn others<'a>(
        &'a self,
        cluster: &'a Cluster,
        n: usize,
    ) -> impl Iterator<Item = Other<'a>> + 'a {
        let unit = &self.table.units[n];
        let group = &self.table.teams[unit.team].name;
        let holders = cluster.intents.get(group).map_or(&[][..], |i| i.holders.as_slice());
        let others = cluster.observed.iter().filter(|(node, _)| **node != self.node);
        others.filter_map(move |(node, groups)| {
            let observed = groups.get(group)?;
            let member = cluster.members.get(node)?;
            if member.incarnation != observed.incarnation {
                return None;
            }
            let seen = observed.resources.get(&unit.name)?;
            let withdrawn = holders.iter().any(|h| h.node == *node && h.withdrawn.is_some());
            Some(Other {
                node,
                incarnation: observed.incarnation,
                state: seen.state,
                starts: seen.starts,
                stays: seen.state.is_started() && !seen.stopping && !withdrawn,
                stopping: seen.stopping || withdrawn,
            })
        })
    }

    fn obstacle(&self, cluster: &Cluster, n: usize) -> Obstacle {
        self.obstacle_within(cluster, n, &mut vec![None; self.table.units.len()])
    }

    /// Why a resource that should be up is not started now: the worst obstacle on its way. `seen`: what was found before.
    fn obstacle_within(&self, cluster: &Cluster, n: usize, seen: &mut Seen) -> Obstacle {
        if let Some(known) = seen[n] {
            return known;
        }
        // Stays only while it is being answered.
        seen[n] = Some(Obstacle::Circle);
        let found = self.find_obstacle(cluster, n, seen);
        seen[n] = Some(found);
        found
    }

    fn find_obstacle(&self, cluster: &Cluster, n: usize, seen: &mut Seen) -> Obstacle {
        let unit = &self.table.units[n];
        if matches!(unit.state(), ResourceState::StartFailed | ResourceState::StopFailed) {
            return Obstacle::Failed;
        }
        let mut worst = self.team_obstacle(cluster, unit.team, seen);
        if unit.lost_dependee {
            worst = Obstacle::Lost;
        }
        for edge in unit.depends.iter().filter(|e| e.kind.is_strong()) {
            if self.is_available(cluster, n, edge.to) {
                continue;
            }
            let dependee = &self.table.units[edge.to];
            if dependee.team != unit.team {
                worst = Obstacle::Unit(edge.to);
                continue;
            }
            match self.obstacle_within(cluster, edge.to, seen) {
                Obstacle::Failed => return Obstacle::Failed,
                Obstacle::Nothing | Obstacle::Soon if worst == Obstacle::Nothing => {
                    worst = Obstacle::Soon;
                }
                Obstacle::Nothing | Obstacle::Soon => {}
                elsewhere => worst = elsewhere,
            }
        }
        worst
    }

    fn team_obstacle(&self, cluster: &Cluster, team: usize, seen: &mut Seen) -> Obstacle {
        for &leader in &self.table.teams[team].after {
            if self.table.teams[leader].here.wanted && !self.is_started_over(cluster, leader, seen)
            {
                return Obstacle::Team(leader);
            }
        }
        Obstacle::Nothing
    }

    /// Whether all starts of a group here are over, failed ones too.
    fn is_started_over(&self, cluster: &Cluster, team: usize, seen: &mut Seen) -> bool {
        self.table.teams[team].units.iter().all(|&n| {
            let unit = &self.table.units[n];
            !unit.here.wanted
                || unit.state().is_started()
                || self.obstacle_within(cluster, n, seen) == Obstacle::Failed
        })
    }

    /// Restarts what was started against a life of its dependee that is over.
    pub(super) fn restart_dependents(&mut self, cluster: &Cluster) {
        for n in 0..self.table.units.len() {
            let unit = &self.table.units[n];
            let waits = !unit.here.up
                || unit.here.left_alone
                || !unit.state().is_started()
                || unit.here.restart.is_some()
                || self.table.teams[unit.team].suspended;
            if waits {
                continue;
            }
            let due = unit
                .depends
                .iter()
                .find(|e| restarts_with(**e) && self.is_life_over(cluster, n, e.to))
                .map(|e| e.to);
            if let Some(dependee) = due
                && !self.planted.is(PlantedFault::RestartNotPropagated)
            {
                let name = &self.table.units[dependee].name;
                let unit = &self.table.units[n];
                let sentence = format!(
                    "{} is restarted on {}, because {name}, on which it depends, was restarted",
                    unit.name, self.node
                );
                let group = Some(self.table.teams[unit.team].name.clone());
                self.say(group, sentence);
                self.begin_restart(n, true);
            }
            self.note_new_dependees(cluster, n);
        }
    }

    /// Marks a resource for a restart in place.
    pub(super) fn begin_restart(&mut self, n: usize, with_monitor: bool) {
        let unit = &mut self.table.units[n];
        let full = !(unit.has(Method::Start) && unit.has(Method::Stop));
        unit.here.restart = Some(Restart { with_monitor, full, stopping: true });
    }

    fn is_life_over(&self, cluster: &Cluster, n: usize, dependee: usize) -> bool {
        let unit = &self.table.units[n];
        let name = &self.table.units[dependee].name;
        let Some(against) = unit.here.against.iter().find(|a| a.dependee == *name) else {
            return false;
        };
        if !self.is_available(cluster, n, dependee) {
            return false;
        }
        let target = &self.table.units[dependee];
        let own = (target.state().is_started()).then_some(target.here.seen.starts);
        let was_own = against.lives.iter().find(|l| l.0 == self.node).map(|l| l.2);
        if let (Some(now), Some(then)) = (own, was_own) {
            return now != then;
        }
        if target.team == unit.team {
            return true;
        }
        !self.others(cluster, dependee).any(|o| {
            o.state.is_started()
                && against.lives.iter().any(|(node, incarnation, starts)| {
                    node == o.node && *incarnation == o.incarnation && *starts == o.starts
                })
        })
    }

    /// A dependency that was added while the resource ran begins to count now.
    fn note_new_dependees(&mut self, cluster: &Cluster, n: usize) {
        for at in 0..self.table.units[n].depends.len() {
            let edge = self.table.units[n].depends[at];
            if !restarts_with(edge) {
                continue;
            }
            let name = &self.table.units[edge.to].name;
            if !self.table.units[n].here.against.iter().any(|a| a.dependee == *name) {
                let against = self.life_of(cluster, n, edge.to);
                self.table.units[n].here.against.push(against);
            }
        }
    }

    /// Remembers against which lives of its dependees a resource is started.
    pub(super) fn note_dependees(&mut self, cluster: &Cluster, n: usize) {
        self.table.units[n].here.against.clear();
        self.note_new_dependees(cluster, n);
    }

    fn life_of(&self, cluster: &Cluster, n: usize, dependee: usize) -> Against {
        let target = &self.table.units[dependee];
        let mut lives = Vec::new();
        if target.state().is_started() {
            lives.push((self.node.clone(), self.incarnation, target.here.seen.starts));
        }
        if target.team != self.table.units[n].team {
            let others = self.others(cluster, dependee).filter(|o| o.state.is_started());
            lives.extend(others.map(|o| (o.node.clone(), o.incarnation, o.starts)));
        }
        Against { dependee: target.name.clone(), lives }
    }

    /// INIT and BOOT that have become due, or are so no more.
    pub(super) fn decide_init(&mut self, first_look: bool) {
        let method = if first_look { Method::Boot } else { Method::Init };
        for n in 0..self.table.units.len() {
            let unit = &self.table.units[n];
            if unit.frozen || !unit.known {
                continue;
            }
            let team = &self.table.teams[unit.team];
            let managed = team.known && team.managed && unit.init_node;
            let init = match (managed, unit.here.init) {
                (true, Init::Nothing) if unit.has(method) => Init::Due(method),
                (true, Init::Nothing) => Init::Done,
                (false, _) if unit.here.call.is_none() => Init::Nothing,
                (_, same) => same,
            };
            self.table.units[n].here.init = init;
        }
    }

    /// Whether a dependent that also has to stop still runs, so that the dependee has to wait; or one that could not be stopped.
    pub(super) fn holds_back(&self, dependent: Edge, same_team: bool) -> bool {
        let unit = &self.table.units[dependent.to];
        if unit.state() == ResourceState::StopFailed {
            return dependent.kind.is_strong() && (same_team || !unit.here.up);
        }
        unit.state() == ResourceState::Stopping || (!unit.here.up && !is_stopped(unit.state()))
    }
}

/// Obstacles found so far, by resource.
type Seen = Vec<Option<Obstacle>>;

/// A resource on another node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Other<'a> {
    pub(super) node: &'a NodeName,
    pub(super) incarnation: Incarnation,
    pub(super) state: ResourceState,
    pub(super) starts: u64,
    /// Started, and not about to be stopped.
    pub(super) stays: bool,
    /// About to be stopped, or being stopped.
    pub(super) stopping: bool,
}

const fn restarts_with(edge: Edge) -> bool {
    matches!(edge.kind, DependencyKind::Restart | DependencyKind::OfflineRestart)
}

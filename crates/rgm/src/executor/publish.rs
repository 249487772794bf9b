//! What this node says of each group: state, resources and what it waits for, derived from what runs; and the sentences when a state changes.
//!
//! Never says offline while anything of the group runs here or could still be started under the generation it names (0009).

use super::Executor;
use super::decide::Obstacle;
use super::table::Unit;
use crate::model::{Cluster, GroupState, Observed, ResourceState};
use crate::planted::PlantedFault;
use ResourceState as S;
use rtr::Method;

/// How the resources of a wanted group are, counted.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    faulted: bool,
    moving: bool,
    blocked: Option<usize>,
}

impl Executor {
    /// Brings `observed` up to date and says what has changed.
    pub(super) fn publish(&mut self, cluster: &Cluster) {
        for n in 0..self.table.teams.len() {
            self.mark_stopping(n);
            let (state, waits_for) = self.state_of(cluster, n);
            let here = &mut self.table.teams[n].here;
            let before = here.state;
            if here.waits_for != waits_for {
                here.waits_for = waits_for;
                here.dirty = true;
            }
            if before != state {
                here.state = state;
                here.dirty = true;
                here.was_online = match state {
                    GroupState::Online | GroupState::OnlineFaulted => true,
                    GroupState::PendingOnlineBlocked | GroupState::ErrorStopFailed => false,
                    _ => here.was_online,
                };
                self.say_state(n, before, state);
            }
            if self.table.teams[n].here.dirty {
                self.table.teams[n].here.dirty = false;
                self.write_observed(n);
            }
        }
        if self.table.teams.len() < self.observed.len() {
            let table = &self.table;
            self.observed.retain(|name, _| table.find_team(name).is_some());
        }
    }

    fn mark_stopping(&mut self, n: usize) {
        for at in 0..self.table.teams[n].units.len() {
            let unit = &mut self.table.units[self.table.teams[n].units[at]];
            let stopping = unit.state().is_started() && !unit.here.up;
            if unit.here.seen.stopping != stopping {
                unit.here.seen.stopping = stopping;
                self.table.teams[n].here.dirty = true;
            }
        }
    }

    fn write_observed(&mut self, n: usize) {
        let team = &self.table.teams[n];
        let units = team.units.iter().map(|&u| &self.table.units[u]);
        let speaks = team.mine || team.here.holder || units.clone().any(Unit::is_busy);
        if !speaks {
            self.observed.remove(&team.name);
            return;
        }
        let observed = Observed {
            incarnation: self.incarnation,
            generation: team.here.generation,
            state: team.here.state,
            resources: units.map(|u| (u.name.clone(), u.here.seen.clone())).collect(),
            start_failure: team.here.start_failure.clone(),
            waits_for: team.here.waits_for.clone(),
            node: Some(self.node.clone()),
        };
        self.observed.insert(team.name.clone(), observed);
    }

    fn state_of(&self, cluster: &Cluster, n: usize) -> (GroupState, Option<String>) {
        let team = &self.table.teams[n];
        let mut units = team.units.iter().map(|&u| &self.table.units[u]);
        let runs = units.clone().any(|u| u.runs_lifecycle());
        if units.clone().any(|u| u.state() == S::StopFailed) {
            let settled = team.here.wanted || !runs;
            let state =
                if settled { GroupState::ErrorStopFailed } else { GroupState::PendingOffline };
            return (state, None);
        }
        if team.here.wanted {
            return self.wanted_state(n);
        }
        let too_early = self.planted.is(PlantedFault::OfflineTooEarly);
        if !too_early && units.any(Unit::is_busy) {
            let waits_for = if runs { None } else { self.stop_waits_for(cluster, n) };
            return (GroupState::PendingOffline, waits_for);
        }
        let managed = team.managed || !team.known;
        (if managed { GroupState::Offline } else { GroupState::Unmanaged }, None)
    }

    fn wanted_state(&self, n: usize) -> (GroupState, Option<String>) {
        let team = &self.table.teams[n];
        let mut tally = Tally::default();
        for &u in &team.units {
            self.count(u, &mut tally);
        }
        let online = if tally.faulted { GroupState::OnlineFaulted } else { GroupState::Online };
        if let (false, Some(u)) = (tally.moving, tally.blocked) {
            return (GroupState::PendingOnlineBlocked, Some(self.start_waits_for(u)));
        }
        if !tally.moving || team.here.was_online {
            return (online, None);
        }
        let boots = self.boots.then(|| format!("BOOT methods run on {}", self.node));
        (GroupState::PendingOnline, boots)
    }

    fn count(&self, n: usize, tally: &mut Tally) {
        let unit = &self.table.units[n];
        let monitored = unit.monitor_on && unit.has(Method::MonitorStart);
        tally.faulted |= matches!(unit.state(), S::StartFailed | S::MonitorFailed);
        if !unit.here.wanted {
            tally.moving |= unit.is_busy();
            return;
        }
        let settled = match unit.state() {
            _ if unit.here.restart.as_ref().is_some_and(|r| r.stopping) => false,
            S::Online | S::StartFailed | S::MonitorFailed => true,
            S::OnlineUnmonitored => !monitored,
            // Stopped: in a restart in place, whose second half may have to wait.
            S::Offline | S::PrenetStarted | S::Stopped => match unit.here.obstacle {
                _ if unit.here.call.is_some() || unit.here.left_alone => unit.here.left_alone,
                Obstacle::Failed => unit.state() == S::Offline,
                Obstacle::Unit(_) | Obstacle::Team(_) | Obstacle::Lost | Obstacle::Circle => {
                    tally.blocked = tally.blocked.or(Some(n));
                    true
                }
                Obstacle::Nothing | Obstacle::Soon => false,
            },
            _ => unit.here.left_alone,
        };
        tally.moving |= !settled;
    }

    fn start_waits_for(&self, n: usize) -> String {
        let name = &self.table.units[n].name;
        match self.table.units[n].here.obstacle {
            Obstacle::Unit(other) => {
                let dependee = &self.table.units[other];
                let group = &self.table.teams[dependee.team].name;
                format!("{name} waits for {} of {group}, which is online on no node", dependee.name)
            }
            Obstacle::Team(other) => {
                let group = &self.table.teams[other].name;
                format!("{name} waits for all of {group} to be started on {}", self.node)
            }
            Obstacle::Circle => {
                format!("{name} depends, in the end, on itself; remove one of these dependencies")
            }
            _ => format!("{name} depends on a resource that is not configured"),
        }
    }

    /// Nothing of the group runs a method, and something is not stopped: because of what in another group?
    fn stop_waits_for(&self, cluster: &Cluster, n: usize) -> Option<String> {
        for &u in &self.table.teams[n].units {
            let unit = &self.table.units[u];
            if !unit.is_busy() {
                continue;
            }
            for edge in unit.dependents.iter().filter(|e| self.table.units[e.to].team != n) {
                let other = &self.table.units[edge.to];
                let group = &self.table.teams[other.team].name;
                let here = self.holds_back(*edge, false).then_some(&self.node);
                let there = || self.others(cluster, edge.to).find(|o| o.stopping).map(|o| o.node);
                if let Some(node) = here.or_else(there) {
                    return Some(format!(
                        "{} is stopped after {} of {group} on {node}",
                        unit.name, other.name
                    ));
                }
            }
        }
        let team = &self.table.teams[n];
        let follower =
            team.followers.iter().map(|&f| &self.table.teams[f]).find(|f| {
                f.units.iter().any(|&u| self.table.units[u].is_busy()) && !f.here.wanted
            })?;
        Some(format!("{} is stopped after {} on {}", team.name, follower.name, self.node))
    }

    fn say_state(&mut self, n: usize, before: GroupState, state: GroupState) {
        let team = &self.table.teams[n];
        let (group, node) = (&team.name, &self.node);
        let sentence = match state {
            GroupState::Online if before == GroupState::OnlineFaulted => {
                format!("{group} is online on {node} without a fault again")
            }
            GroupState::Online => format!("{group} is online on {node}"),
            GroupState::OnlineFaulted => {
                let faulted = team.units.iter().map(|&u| &self.table.units[u]);
                let faulted = faulted
                    .filter(|u| matches!(u.state(), S::StartFailed | S::MonitorFailed))
                    .map(|u| format!("{} is {}", u.name, u.state().token()));
                let faulted: Vec<String> = faulted.collect();
                format!("{group} is online on {node} and faulted: {}", faulted.join(", "))
            }
            GroupState::PendingOnlineBlocked => {
                let waits_for = team.here.waits_for.as_deref().unwrap_or_default();
                format!("{group} cannot come online on {node} yet: {waits_for}")
            }
            GroupState::Offline if before != GroupState::Unmanaged => {
                format!("{group} is offline on {node}")
            }
            GroupState::Unmanaged if before != GroupState::Offline => {
                format!("{group} is offline on {node} and no longer managed")
            }
            GroupState::ErrorStopFailed => {
                format!(
                    "{group} is in error on {node}: it can start nowhere until what could not be stopped is cleared"
                )
            }
            _ => return,
        };
        let group = Some(group.clone());
        self.say(group, sentence);
    }
}

//! One step for each resource: towards up (PRENET_START, START, MONITOR_START, UPDATE) or towards down (MONITOR_STOP, STOP, POSTNET_STOP),
//! where nothing stands in the way. The gates between resources are here; what should be up is decided in `decide`.
//!
//! Never runs two methods of a resource at once; never starts before, or stops after, what it depends on.

use super::Executor;
use super::decide::Obstacle;
use super::table::{Init, Unit};
use super::transitions::{is_coming, is_stopped};
use crate::model::{Cluster, DependencyKind, ResourceState};
use crate::planted::PlantedFault;
use ResourceState as S;
use rtr::Method;

impl Executor {
    /// Moves every resource on as far as it can go without waiting. TRUE: something moved, so look again.
    pub(super) fn advance(&mut self, cluster: &Cluster, now_ms: u64) -> bool {
        let mut moved = false;
        for n in 0..self.table.units.len() {
            let unit = &self.table.units[n];
            if unit.here.call.is_some() || unit.here.left_alone {
                continue;
            }
            moved |= match unit.here.init {
                Init::Due(method) if unit.state() == S::Offline => {
                    self.run_init(cluster, now_ms, n, method)
                }
                _ if unit.here.up => self.advance_up(cluster, now_ms, n),
                _ => self.advance_down(cluster, now_ms, n),
            };
        }
        moved
    }

    fn run_init(&mut self, cluster: &Cluster, now_ms: u64, n: usize, method: Method) -> bool {
        if self.owes_fini(&self.table.units[n]) {
            return false;
        }
        if !self.run(cluster, now_ms, n, method) {
            self.table.units[n].here.init = Init::Done;
        }
        true
    }

    fn advance_up(&mut self, cluster: &Cluster, now_ms: u64, n: usize) -> bool {
        let unit = &self.table.units[n];
        match unit.state() {
            S::Offline if unit.has(Method::PrenetStart) => {
                if !self.may_prenet(cluster, n) {
                    return false;
                }
                self.begin_start(cluster, n);
                self.run(cluster, now_ms, n, Method::PrenetStart)
                    && self.change(n, now_ms, S::PrenetStarting)
            }
            S::Offline | S::PrenetStarted => self.start(cluster, now_ms, n),
            S::Stopped if unit.here.restart.is_some() => self.start(cluster, now_ms, n),
            // It was on its way down and is wanted again: all the way down first.
            S::Stopped => self.advance_down(cluster, now_ms, n),
            S::JustStarted => self.after_start(cluster, now_ms, n),
            S::Online | S::OnlineUnmonitored | S::MonitorFailed => self.keep_up(cluster, now_ms, n),
            _ => false,
        }
    }

    fn start(&mut self, cluster: &Cluster, now_ms: u64, n: usize) -> bool {
        let has_order = self.planted.is(PlantedFault::StartsBeforeDependee);
        if !self.may_start_here(n) || !(has_order || self.may_start(cluster, n)) {
            return false;
        }
        if self.table.units[n].state() != S::PrenetStarted {
            self.begin_start(cluster, n);
        }
        self.note_dependees(cluster, n);
        if self.run(cluster, now_ms, n, Method::Start) {
            return self.change(n, now_ms, S::Starting);
        }
        self.started(n, now_ms);
        true
    }

    fn after_start(&mut self, cluster: &Cluster, now_ms: u64, n: usize) -> bool {
        let unit = &self.table.units[n];
        if !unit.has(Method::MonitorStart) || unit.here.monitor_runs {
            return self.change(n, now_ms, S::Online);
        }
        if !unit.monitor_on {
            return self.change(n, now_ms, S::OnlineUnmonitored);
        }
        self.run(cluster, now_ms, n, Method::MonitorStart)
            && self.change(n, now_ms, S::MonitorStarting)
    }

    /// UPDATE and the monitor's switch of what is up.
    fn keep_up(&mut self, cluster: &Cluster, now_ms: u64, n: usize) -> bool {
        let unit = &mut self.table.units[n];
        if unit.generation > unit.here.seen.generation {
            unit.here.told = unit.generation;
            if !self.run(cluster, now_ms, n, Method::Update) {
                let unit = &mut self.table.units[n];
                unit.here.seen.generation = unit.here.told;
                let team = unit.team;
                self.table.teams[team].here.dirty = true;
            }
            return true;
        }
        let monitored = unit.monitor_on && unit.has(Method::MonitorStart);
        match unit.state() {
            S::OnlineUnmonitored if unit.here.monitor_runs || !unit.has(Method::MonitorStart) => {
                self.change(n, now_ms, S::Online)
            }
            S::OnlineUnmonitored if monitored => {
                self.run(cluster, now_ms, n, Method::MonitorStart)
                    && self.change(n, now_ms, S::MonitorStarting)
            }
            S::Online if unit.here.monitor_runs && !monitored => {
                self.stop_monitor(cluster, now_ms, n)
            }
            S::MonitorFailed if !monitored => self.stop_monitor(cluster, now_ms, n),
            _ => false,
        }
    }

    fn stop_monitor(&mut self, cluster: &Cluster, now_ms: u64, n: usize) -> bool {
        let forgets = self.planted.is(PlantedFault::MonitorStopForgotten);
        if !forgets && self.run(cluster, now_ms, n, Method::MonitorStop) {
            return self.change(n, now_ms, S::MonitorStopping);
        }
        self.table.units[n].here.monitor_runs = false;
        let from = self.table.units[n].state();
        if matches!(from, S::Online | S::MonitorFailed) {
            self.change(n, now_ms, S::OnlineUnmonitored);
        }
        true
    }

    fn advance_down(&mut self, cluster: &Cluster, now_ms: u64, n: usize) -> bool {
        let unit = &self.table.units[n];
        let keeps_monitor = is_restarting(unit)
            && unit.here.wanted
            && unit.here.restart.as_ref().is_some_and(|r| !r.with_monitor);
        let stops_monitor = unit.here.monitor_runs && !keeps_monitor;
        match unit.state() {
            S::JustStarted => self.change(n, now_ms, S::OnlineUnmonitored),
            S::Online if !stops_monitor => self.change(n, now_ms, S::OnlineUnmonitored),
            S::Online | S::MonitorFailed => self.stop_monitor(cluster, now_ms, n),
            S::OnlineUnmonitored | S::StartFailed if stops_monitor => {
                self.stop_monitor(cluster, now_ms, n)
            }
            S::OnlineUnmonitored | S::PrenetStarted | S::StartFailed => {
                self.stop(cluster, now_ms, n)
            }
            S::Stopped => self.after_stop(cluster, now_ms, n, stops_monitor),
            S::Offline => self.after_offline(n),
            _ => false,
        }
    }

    fn stop(&mut self, cluster: &Cluster, now_ms: u64, n: usize) -> bool {
        if !self.may_stop(cluster, n) && !self.planted.is(PlantedFault::StopsDependeeFirst) {
            return false;
        }
        self.begin_stop(n);
        let to = if self.run(cluster, now_ms, n, Method::Stop) { S::Stopping } else { S::Stopped };
        self.change(n, now_ms, to)
    }

    fn after_stop(&mut self, cluster: &Cluster, now_ms: u64, n: usize, monitor: bool) -> bool {
        let here = &mut self.table.units[n].here;
        match &mut here.restart {
            Some(restart) if here.wanted && !restart.full && restart.stopping => {
                restart.stopping = false;
                return true;
            }
            _ => {}
        }
        if monitor {
            return self.stop_monitor(cluster, now_ms, n);
        }
        if !self.may_postnet(n) {
            return false;
        }
        if self.run(cluster, now_ms, n, Method::PostnetStop) {
            return self.change(n, now_ms, S::PostnetStopping);
        }
        self.stopped(n, now_ms);
        true
    }

    fn after_offline(&mut self, n: usize) -> bool {
        let here = &mut self.table.units[n].here;
        match &mut here.restart {
            Some(restart) if here.wanted && restart.stopping => {
                restart.stopping = false;
                true
            }
            Some(_) if !here.wanted => {
                here.restart = None;
                true
            }
            _ => false,
        }
    }

    /// Nothing that concerns the node, the group or the resource itself forbids a start method now.
    fn may_start_here(&self, n: usize) -> bool {
        let unit = &self.table.units[n];
        let boots = !self.planted.is(PlantedFault::BootNotAwaited) && self.boots;
        let units = &self.table.teams[unit.team].units;
        !boots
            && !matches!(unit.here.init, Init::Due(_))
            && !self.owes_fini(unit)
            && !units.iter().any(|&u| self.table.units[u].state() == S::StopFailed)
    }

    /// PRENET_START: after that of what it depends on in its own group, and after the start of what it depends on elsewhere.
    fn may_prenet(&self, cluster: &Cluster, n: usize) -> bool {
        let unit = &self.table.units[n];
        if !self.may_start_here(n)
            || !matches!(unit.here.obstacle, Obstacle::Nothing | Obstacle::Soon)
        {
            return false;
        }
        unit.depends.iter().all(|e| {
            let dependee = &self.table.units[e.to];
            if dependee.team != unit.team {
                return e.kind.is_strong() || !self.is_start_under_way(cluster, n, e.to);
            }
            self.is_prenet_over(e.to, self.table.units.len())
                || (!e.kind.is_strong() && !self.is_start_under_way(cluster, n, e.to))
        })
    }

    fn is_prenet_over(&self, n: usize, depth: usize) -> bool {
        let unit = &self.table.units[n];
        let Some(depth) = depth.checked_sub(1) else { return false };
        match unit.state() {
            S::PrenetStarted | S::Starting => true,
            state if state.is_started() => unit.here.up,
            // In a restart in place, which leaves its PRENET_START done.
            S::Stopped => unit.here.up && unit.here.restart.is_some(),
            S::Offline if !unit.has(Method::PrenetStart) => {
                let own = unit
                    .depends
                    .iter()
                    .filter(|e| e.kind.is_strong() && self.table.units[e.to].team == unit.team);
                own.copied().all(|e| self.is_prenet_over(e.to, depth))
            }
            _ => false,
        }
    }

    /// START: all strong dependees are started, weak ones have been tried, and the PRENET_START phase of the group is over.
    fn may_start(&self, cluster: &Cluster, n: usize) -> bool {
        let unit = &self.table.units[n];
        if unit.here.obstacle != Obstacle::Nothing {
            return false;
        }
        let phase_runs = self.table.teams[unit.team].units.iter().any(|&u| {
            let other = &self.table.units[u];
            u != n
                && other.here.up
                && other.has(Method::PrenetStart)
                && (other.state() == S::PrenetStarting
                    || (other.state() == S::Offline
                        && matches!(other.here.obstacle, Obstacle::Nothing | Obstacle::Soon)))
        });
        !phase_runs
            && unit.depends.iter().all(|e| {
                e.kind != DependencyKind::Weak || !self.is_start_under_way(cluster, n, e.to)
            })
    }

    /// What a weak dependency waits for: a start that is under way, or will be without anybody's help.
    fn is_start_under_way(&self, cluster: &Cluster, n: usize, dependee: usize) -> bool {
        let other = &self.table.units[dependee];
        if other.team != self.table.units[n].team {
            return is_coming(other.state())
                || self.others(cluster, dependee).any(|o| is_coming(o.state));
        }
        // What runs is under way, whatever has come into its way since.
        matches!(other.state(), S::PrenetStarting | S::Starting)
            || (other.here.wanted
                && !other.state().is_started()
                && matches!(other.here.obstacle, Obstacle::Nothing | Obstacle::Soon))
    }

    /// STOP: all monitors of what stops in the group are stopped, and all that depends on it and also stops has stopped.
    fn may_stop(&self, cluster: &Cluster, n: usize) -> bool {
        let unit = &self.table.units[n];
        if is_restarting(unit) && unit.here.wanted {
            return unit
                .dependents
                .iter()
                .filter(|e| e.kind == DependencyKind::OfflineRestart)
                .all(|e| !self.holds_back_anywhere(cluster, n, e.to, e.kind));
        }
        let team = &self.table.teams[unit.team];
        let monitors = team.units.iter().any(|&u| {
            let other = &self.table.units[u];
            !other.here.up
                && !other.here.left_alone
                && !is_restarting(other)
                && matches!(
                    other.state(),
                    S::Online | S::MonitorFailed | S::MonitorStarting | S::MonitorStopping
                )
        });
        !monitors
            && unit.dependents.iter().all(|e| !self.holds_back_anywhere(cluster, n, e.to, e.kind))
            && (team.here.wanted || !self.follower_stops(unit.team))
    }

    fn holds_back_anywhere(
        &self,
        cluster: &Cluster,
        n: usize,
        dependent: usize,
        kind: DependencyKind,
    ) -> bool {
        let own = &self.table.units[n];
        let other = &self.table.units[dependent];
        let same = own.team == other.team;
        if self.holds_back(super::table::Edge { to: dependent, kind }, same) {
            return true;
        }
        if same {
            return false;
        }
        // Where it goes on running on another node, what depends on it by offline-restart does so too, and waits for nothing.
        let forced = kind == DependencyKind::OfflineRestart
            && !self.table.teams[other.team].suspended
            && !self.others(cluster, n).any(|o| o.stays);
        self.others(cluster, dependent).any(|o| match o.state {
            S::StopFailed => kind.is_strong() && o.stopping,
            state => {
                state == S::Stopping
                    || !is_stopped(state) && (o.stopping || forced && state.is_started())
            }
        })
    }

    /// A group that names this one in RG_dependencies is being stopped here and can still get on.
    fn follower_stops(&self, team: usize) -> bool {
        self.table.teams[team].followers.iter().any(|&f| {
            let follower = &self.table.teams[f];
            let mut units = follower.units.iter().map(|&u| &self.table.units[u]);
            !follower.here.wanted
                && units.clone().any(Unit::is_busy)
                && !units.any(|u| u.state() == S::StopFailed)
        })
    }

    /// POSTNET_STOP: after every STOP of what stops in the group, in reverse order.
    fn may_postnet(&self, n: usize) -> bool {
        let unit = &self.table.units[n];
        if !unit.has(Method::PostnetStop) && unit.dependents.is_empty() {
            return true;
        }
        let units = &self.table.teams[unit.team].units;
        let stops = unit.has(Method::PostnetStop)
            && !is_restarting(unit)
            && units.iter().any(|&u| {
                let other = &self.table.units[u];
                !other.here.up
                    && !is_restarting(other)
                    && !is_stopped(other.state())
                    && !self.is_stuck(u, self.table.units.len())
            });
        let holds = unit.has(Method::PostnetStop)
            && !(is_restarting(unit) && unit.here.wanted)
            && unit.dependents.iter().any(|e| {
                let other = &self.table.units[e.to];
                other.team == unit.team
                    && !other.here.up
                    && match other.state() {
                        S::Offline => false,
                        S::StopFailed => e.kind.is_strong(),
                        _ => !self.is_stuck(e.to, self.table.units.len()) || e.kind.is_strong(),
                    }
            });
        !stops && !holds
    }

    /// It will not stop without an operator: it, or what strongly depends on it, is STOP_FAILED.
    pub(super) fn is_stuck(&self, n: usize, depth: usize) -> bool {
        let unit = &self.table.units[n];
        let Some(depth) = depth.checked_sub(1) else { return true };
        unit.state() == S::StopFailed
            || unit.here.left_alone
            || unit.dependents.iter().any(|e| {
                e.kind.is_strong()
                    && self.table.units[e.to].team == unit.team
                    && self.table.units[e.to].state() != S::Offline
                    && self.is_stuck(e.to, depth)
            })
    }
}

/// It is being stopped to be started again.
fn is_restarting(unit: &Unit) -> bool {
    unit.here.restart.as_ref().is_some_and(|r| r.stopping)
}

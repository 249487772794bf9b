//! What monitors, agents and operators ask of a resource that runs here: restart in place, IGNORE_FAILED_START, setting its status. Every
//! way to refuse is in `refuse_restart`.
//!
//! Decides by Failover_mode, Retry_count and Retry_interval (scha_control(1HA)); never asks the president.

use super::Executor;
use super::finish::cut;
use crate::model::{Cluster, FailoverMode, Refusal, Resource, ResourceState, SchaCode, Status};
use crate::names::ResourceName;
use rtr::Method;

/// Restarts remembered per resource; more than any sensible Retry_count.
const RESTARTS_MAX: usize = 256;
/// Bytes kept of a status message.
const STATUS_MESSAGE_BYTES_MAX: usize = 1000;

/// `Fact::RestartAsked`.
pub(super) struct RestartAsked<'a> {
    pub(super) resource: &'a ResourceName,
    pub(super) with_monitor: bool,
    pub(super) by_monitor: bool,
}

fn refuse<T>(code: SchaCode, sentence: String) -> Result<T, Refusal> {
    Err(Refusal { code, sentence })
}

impl Executor {
    pub(super) fn unit_of(&self, resource: &ResourceName) -> Result<usize, Refusal> {
        let found = self.table.find(resource).filter(|&n| self.table.units[n].known);
        found.ok_or_else(|| Refusal {
            code: SchaCode::Rsrc,
            sentence: format!("there is no resource {resource}; scstat -g lists them"),
        })
    }

    pub(super) fn restart_asked(
        &mut self,
        cluster: &Cluster,
        now_ms: u64,
        asked: &RestartAsked<'_>,
    ) -> Result<(), Refusal> {
        let &RestartAsked { resource, with_monitor, by_monitor } = asked;
        let n = self.unit_of(resource)?;
        self.refuse_restart(cluster, now_ms, n, by_monitor)?;
        if by_monitor && self.table.units[n].here.restart.is_none() {
            self.count_restart(cluster, now_ms, n);
        }
        if self.table.units[n].here.restart.is_none() {
            let who = if by_monitor { "its monitor" } else { "an operator" };
            let sentence =
                format!("{resource} is restarted in place on {}, as {who} asked", self.node);
            self.say_of(n, sentence);
            self.begin_restart(n, with_monitor);
        }
        Ok(())
    }

    fn refuse_restart(
        &self,
        cluster: &Cluster,
        now_ms: u64,
        n: usize,
        by_monitor: bool,
    ) -> Result<(), Refusal> {
        let unit = &self.table.units[n];
        let team = &self.table.teams[unit.team];
        let (name, node) = (&unit.name, &self.node);
        let state = unit.state();
        let failed = state == ResourceState::StartFailed;
        if unit.here.left_alone || !unit.here.wanted || !(state.is_started() || failed) {
            if unit.here.restart.is_some() && unit.here.wanted {
                return Ok(());
            }
            let words = state.words();
            return refuse(
                SchaCode::State,
                format!(
                    "{name} is not online on {node} (it is {words}), so it cannot be restarted there; enable it, or bring {} online",
                    team.name
                ),
            );
        }
        if !by_monitor {
            return Ok(());
        }
        if team.suspended {
            return refuse(
                SchaCode::Checks,
                format!(
                    "{} is suspended, so {name} is not restarted; resume it with scswitch -r -g {0}",
                    team.name
                ),
            );
        }
        match unit.failover_mode {
            FailoverMode::LogOnly => refuse(
                SchaCode::Checks,
                format!("{name} has Failover_mode LOG_ONLY, so its monitor may not restart it"),
            ),
            FailoverMode::RestartOnly => self.refuse_more_restarts(cluster, now_ms, n),
            _ => Ok(()),
        }
    }

    fn refuse_more_restarts(
        &self,
        cluster: &Cluster,
        now_ms: u64,
        n: usize,
    ) -> Result<(), Refusal> {
        let unit = &self.table.units[n];
        let Some(config) = cluster.config.resources.get(&unit.name) else { return Ok(()) };
        let count = cluster.config.number(config, "Retry_count");
        let (Some(count), Some(window)) = (count, window_ms(cluster, config)) else {
            return Ok(());
        };
        let done = unit.here.seen.restarts_ms.iter();
        let done = done.filter(|&&at| at.abs_diff(now_ms) < window).count();
        if i64::try_from(done).unwrap_or(i64::MAX) < count {
            return Ok(());
        }
        let seconds = window / 1000;
        refuse(
            SchaCode::Checks,
            format!(
                "{}: {done} restarts in the last {seconds} s, and with Failover_mode RESTART_ONLY its Retry_count of {count} is the limit; find out why it fails",
                unit.name
            ),
        )
    }

    fn count_restart(&mut self, cluster: &Cluster, now_ms: u64, n: usize) {
        let unit = &mut self.table.units[n];
        let config = cluster.config.resources.get(&unit.name);
        let Some(window) = config.and_then(|c| window_ms(cluster, c)) else { return };
        note_time(&mut unit.here.seen.restarts_ms, now_ms, window);
        let team = unit.team;
        self.table.teams[team].here.dirty = true;
    }

    pub(super) fn restart_told(
        &mut self,
        cluster: &Cluster,
        now_ms: u64,
        resource: &ResourceName,
    ) -> Result<(), Refusal> {
        let n = self.unit_of(resource)?;
        self.refuse_told(cluster, now_ms, n)?;
        self.count_restart(cluster, now_ms, n);
        Ok(())
    }

    fn refuse_told(&self, cluster: &Cluster, now_ms: u64, n: usize) -> Result<(), Refusal> {
        let unit = &self.table.units[n];
        let config = cluster.config.resources.get(&unit.name);
        if config.is_some_and(|c| window_ms(cluster, c).is_none()) {
            return refuse(
                SchaCode::Inval,
                format!(
                    "restarts of {} cannot be counted, because its type {} has no Retry_interval",
                    unit.name,
                    config.map_or("", |c| c.type_name.as_str())
                ),
            );
        }
        self.refuse_restart(cluster, now_ms, n, false)
    }

    pub(super) fn group_restart_told(
        &mut self,
        cluster: &Cluster,
        now_ms: u64,
        resource: &ResourceName,
    ) -> Result<(), Refusal> {
        let n = self.unit_of(resource)?;
        let unit = &mut self.table.units[n];
        let config = cluster.config.resources.get(&unit.name);
        if let Some(window) = config.and_then(|c| window_ms(cluster, c)) {
            note_time(&mut unit.here.seen.group_restarts_ms, now_ms, window);
            let team = unit.team;
            self.table.teams[team].here.dirty = true;
        }
        Ok(())
    }

    pub(super) fn failed_start_ignored(&mut self, resource: &ResourceName) -> Result<(), Refusal> {
        let n = self.unit_of(resource)?;
        let here = &mut self.table.units[n].here;
        let method = here.seen.method.as_ref().map(|m| m.method);
        if !matches!(method, Some(Method::PrenetStart | Method::Start)) {
            return refuse(
                SchaCode::State,
                format!(
                    "IGNORE_FAILED_START is for a start method of {resource} that runs, and none does"
                ),
            );
        }
        here.ignores_failed_start = true;
        Ok(())
    }

    pub(super) fn status_set(
        &mut self,
        resource: &ResourceName,
        status: Status,
        mut message: String,
    ) -> Result<(), Refusal> {
        let n = self.unit_of(resource)?;
        cut(&mut message, STATUS_MESSAGE_BYTES_MAX);
        let unit = &mut self.table.units[n];
        unit.here.status_told = true;
        unit.here.seen.status = status;
        unit.here.seen.status_message = message;
        let team = unit.team;
        self.table.teams[team].here.dirty = true;
        Ok(())
    }
}

fn note_time(times: &mut Vec<u64>, now_ms: u64, window: u64) {
    // Either way: a time far ahead is that of a clock which was set back since.
    times.retain(|at| at.abs_diff(now_ms) < window);
    if times.len() >= RESTARTS_MAX {
        times.remove(0);
    }
    times.push(now_ms);
}

/// Retry_interval in ms. `None`: the type has none, and nothing is counted.
fn window_ms(cluster: &Cluster, resource: &Resource) -> Option<u64> {
    let seconds = u64::try_from(cluster.config.number(resource, "Retry_interval")?).ok()?;
    seconds.checked_mul(1000)
}

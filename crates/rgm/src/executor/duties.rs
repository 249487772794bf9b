//! What a node does once and then reports: jobs of the president and FINIs it owes. Each is begun once and its result is given once; what was
//! done stays remembered until the key is gone or answered.
//!
//! Leaves `JobKind::Fence` to the node core.

use super::asked::RestartAsked;
use super::finish::cut;
use super::table::{Init, Unit};
use super::{Executor, MethodOutcome, Order, Purpose};
use crate::model::{Cluster, JobId, JobKind, JobResult, ResourceState, Status};
use crate::names::{GroupName, ResourceName};
use crate::store::Key;

/// Bytes kept of what a job's program wrote.
const OUTPUT_BYTES_MAX: usize = 16 * 1024;

/// A job of this incarnation, until its key is gone or answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Task {
    /// Its method runs.
    Runs,
    /// The resource is being restarted; it had been started so often.
    Restarts(ResourceName, u64),
    /// Its result was given.
    Done,
}

/// A FINI, until its key is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fini {
    /// Mod revision of the debt; another one is another debt.
    revision: i64,
    done: bool,
}

impl Executor {
    /// Begins new jobs, forgets answered ones, ends restarts that are over.
    pub(super) fn take_jobs(&mut self, cluster: &Cluster, now_ms: u64) {
        if !self.tasks.is_empty() {
            self.tasks.retain(|id, task| {
                *task != Task::Done || cluster.jobs.get(id).is_some_and(|job| job.result.is_none())
            });
        }
        for (id, job) in &cluster.jobs {
            let mine = id.node == self.node && job.incarnation == self.incarnation;
            if mine && job.result.is_none() && !self.tasks.contains_key(id) {
                self.begin_job(cluster, now_ms, id, &job.kind);
            }
        }
    }

    fn begin_job(&mut self, cluster: &Cluster, now_ms: u64, id: &JobId, kind: &JobKind) {
        match kind {
            JobKind::Fence { .. } => {}
            JobKind::Method(call) => {
                self.order(Purpose::Job(id.clone()), call.clone());
                self.tasks.insert(id.clone(), Task::Runs);
            }
            JobKind::Clear(resource) => {
                let result = self.clear(now_ms, resource);
                self.end_job(id, result);
            }
            JobKind::KillMethods(group) => {
                let result = self.kill_methods(group);
                self.end_job(id, result);
            }
            JobKind::Restart(resource) => {
                let starts =
                    self.table.find(resource).map(|n| self.table.units[n].here.seen.starts);
                let asked = RestartAsked { resource, with_monitor: true, by_monitor: false };
                match self.restart_asked(cluster, now_ms, &asked) {
                    Ok(()) => {
                        let task = Task::Restarts(resource.clone(), starts.unwrap_or(0));
                        self.tasks.insert(id.clone(), task);
                    }
                    Err(refusal) => {
                        self.end_job(id, JobResult { ok: false, output: refusal.sentence });
                    }
                }
            }
        }
    }

    fn end_job(&mut self, id: &JobId, mut result: JobResult) {
        cut(&mut result.output, OUTPUT_BYTES_MAX);
        self.tasks.insert(id.clone(), Task::Done);
        self.orders.push(Order::JobDone(id.clone(), result));
    }

    /// Gives the results of restarts that are over.
    pub(super) fn end_restarts(&mut self) {
        let over: Vec<(JobId, JobResult)> = self
            .tasks
            .iter()
            .filter_map(|(id, task)| {
                let Task::Restarts(resource, before) = task else { return None };
                Some((id.clone(), self.restart_result(resource, *before)?))
            })
            .collect();
        for (id, result) in over {
            self.end_job(&id, result);
        }
    }

    fn restart_result(&self, resource: &ResourceName, before: u64) -> Option<JobResult> {
        let node = &self.node;
        let Some(n) = self.table.find(resource) else {
            let output = format!("{resource} was removed while it was being restarted on {node}");
            return Some(JobResult { ok: false, output });
        };
        let unit = &self.table.units[n];
        if unit.here.restart.is_some() && unit.here.wanted {
            return None;
        }
        let state = unit.state();
        if state.is_started() && unit.here.seen.starts > before {
            let output = format!("{resource} was restarted on {node}");
            return Some(JobResult { ok: true, output });
        }
        let why = match &unit.here.seen.failure {
            _ if !unit.here.wanted => {
                Some(", because it is disabled or its group is leaving".into())
            }
            failure => failure.as_ref().map(|f| format!(": {}", f.why)),
        };
        let output = format!(
            "{resource} was not restarted on {node}, it is {} now{}",
            state.words(),
            why.unwrap_or_default()
        );
        Some(JobResult { ok: false, output })
    }

    fn clear(&mut self, now_ms: u64, resource: &ResourceName) -> JobResult {
        let stuck = self.table.find(resource).filter(|&n| {
            let unit = &self.table.units[n];
            unit.state() == ResourceState::StopFailed
        });
        let Some(n) = stuck else {
            let output = format!("{resource} is not STOP_FAILED on {}", self.node);
            return JobResult { ok: true, output };
        };
        self.table.units[n].here.status_told = false;
        self.offline(n, now_ms);
        let here = &mut self.table.units[n].here;
        here.seen.failure = None;
        here.seen.status = Status::Offline;
        let output = format!("{resource} is cleared on {} and counts as offline", self.node);
        self.say_of(n, output.clone());
        JobResult { ok: true, output }
    }

    fn kill_methods(&mut self, group: &GroupName) -> JobResult {
        let mut killed = Vec::new();
        for unit in &self.table.units {
            if self.table.teams[unit.team].name != *group {
                continue;
            }
            if let (Some(call), Some(running)) = (unit.here.call, &unit.here.seen.method) {
                self.orders.push(Order::Kill(call));
                killed.push(format!("{} of {}", running.method, unit.name));
            }
        }
        let node = &self.node;
        let output = if killed.is_empty() {
            format!("no method of {group} runs on {node}")
        } else {
            format!("killed on {node}: {}", killed.join(", "))
        };
        JobResult { ok: true, output }
    }

    /// A job's method has ended.
    pub(super) fn job_method_ended(&mut self, id: &JobId, outcome: MethodOutcome, output: String) {
        let result = match outcome {
            MethodOutcome::Succeeded => JobResult { ok: true, output },
            MethodOutcome::Failed(why) if output.is_empty() => JobResult { ok: false, output: why },
            MethodOutcome::Failed(why) => {
                let output = format!("{why}\n{output}");
                JobResult { ok: false, output }
            }
        };
        self.end_job(id, result);
    }

    /// Runs the FINIs that are owed, once nothing of the resource runs here.
    pub(super) fn take_fini(&mut self, cluster: &Cluster) {
        let owed = cluster.fini.get(&self.node);
        if !self.finis.is_empty() {
            self.finis
                .retain(|name, fini| !fini.done || owed.is_some_and(|o| o.contains_key(name)));
        }
        self.owed.clear();
        let Some(owed) = owed else { return };
        for (name, debt) in owed {
            let key = Key::Fini(self.node.clone(), name.clone()).to_string();
            let revision = cluster.revisions.get(&key).copied().unwrap_or(0);
            match self.finis.get(name) {
                Some(fini) if fini.done && fini.revision == revision => continue,
                Some(fini) if !fini.done => {
                    self.owed.insert(name.clone());
                    continue;
                }
                _ => {}
            }
            self.owed.insert(name.clone());
            let idle = self.table.find(name).is_none_or(|n| {
                let unit = &self.table.units[n];
                unit.state() == ResourceState::Offline && unit.here.call.is_none()
            });
            if idle {
                self.order(Purpose::Fini(name.clone()), debt.call.clone());
                self.finis.insert(name.clone(), Fini { revision, done: false });
            }
        }
    }

    /// Whether a FINI of an earlier resource of this name has to come first.
    pub(super) fn owes_fini(&self, unit: &Unit) -> bool {
        !self.owed.is_empty() && self.owed.contains(&unit.name)
    }

    /// A FINI has ended; its failure is only logged.
    pub(super) fn fini_ended(&mut self, name: &ResourceName, outcome: MethodOutcome) {
        if let Some(fini) = self.finis.get_mut(name) {
            fini.done = true;
        }
        self.owed.remove(name);
        if let Some(n) = self.table.find(name) {
            self.table.units[n].here.init = Init::Nothing;
        }
        if let MethodOutcome::Failed(why) = outcome {
            let node = &self.node;
            let sentence = format!("FINI of {name} failed on {node}, which changes nothing: {why}");
            self.say(None, sentence);
        }
        self.orders.push(Order::FiniDone(name.clone()));
    }
}

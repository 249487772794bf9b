//! How methods begin and end: the order to run one, what its success or failure makes of the resource, and the Status that the framework sets
//! by itself where the agent says nothing (r_properties(5), Failover_mode).
//!
//! Every change of a resource's state goes through `change`, which asserts that it is legal.

use super::table::Init;
use super::transitions::is_legal;
use super::{CallId, Executor, MethodOutcome, Order, Purpose};
use crate::model::{
    Cluster, FailoverMode, MethodCall, MethodFailure, ResourceState, RunningMethod, StartFailure,
    Status,
};
use crate::names::GroupName;
use crate::planted::PlantedFault;
use ResourceState as S;
use rtr::Method;

/// Bytes kept of the sentence why a method failed.
const WHY_BYTES_MAX: usize = 1000;
/// The methods that stop a resource.
const STOP_METHODS: [Method; 3] = [Method::MonitorStop, Method::Stop, Method::PostnetStop];

impl Executor {
    /// Orders a method of a resource. FALSE: its type has none.
    pub(super) fn run(&mut self, cluster: &Cluster, now_ms: u64, n: usize, method: Method) -> bool {
        let unit = &self.table.units[n];
        if !unit.has(method) {
            return false;
        }
        let remembered = || unit.here.stop_calls.iter().find(|c| c.method == method).cloned();
        let Some(call) = cluster.config.call(&unit.name, method, &[]).or_else(remembered) else {
            return false;
        };
        let id = self.order(Purpose::Resource(unit.name.clone()), call.clone());
        let unit = &mut self.table.units[n];
        unit.here.call = Some(id);
        let timeout_s = call.timeout_s;
        unit.here.seen.method = Some(RunningMethod { method, since_ms: now_ms, timeout_s });
        let team = unit.team;
        self.table.teams[team].here.dirty = true;
        true
    }

    /// Gives the order to run a method, for whatever purpose.
    pub(super) fn order(&mut self, purpose: Purpose, method: MethodCall) -> CallId {
        let call = CallId(self.next_call);
        self.next_call += 1;
        self.calls.insert(call, purpose);
        self.orders.push(Order::Run { call, method });
        call
    }

    /// Changes the state of a resource. Always TRUE: something moved.
    pub(super) fn change(&mut self, n: usize, now_ms: u64, to: ResourceState) -> bool {
        let unit = &mut self.table.units[n];
        let from = unit.state();
        assert!(is_legal(from, to), "{} may not go from {from:?} to {to:?}", unit.name);
        unit.here.seen.state = to;
        unit.here.seen.since_ms = now_ms;
        let team = unit.team;
        self.table.teams[team].here.dirty = true;
        true
    }

    pub(super) fn say(&mut self, group: Option<GroupName>, sentence: String) {
        self.orders.push(Order::Say(group, sentence));
    }

    /// Says something about a resource.
    pub(super) fn say_of(&mut self, n: usize, sentence: String) {
        let group = self.table.teams[self.table.units[n].team].name.clone();
        self.say(Some(group), sentence);
    }

    fn set_status(&mut self, n: usize, status: Status, message: &str) {
        let seen = &mut self.table.units[n].here.seen;
        seen.status = status;
        message.clone_into(&mut seen.status_message);
    }

    /// The first start method of a resource is about to run.
    pub(super) fn begin_start(&mut self, cluster: &Cluster, n: usize) {
        self.set_status(n, Status::Unknown, "Starting");
        let unit = &mut self.table.units[n];
        let calls = STOP_METHODS.iter().filter_map(|m| cluster.config.call(&unit.name, *m, &[]));
        unit.here.stop_calls = calls.collect();
        unit.here.status_told = false;
        unit.here.ignores_failed_start = false;
        unit.here.told = unit.generation;
        unit.here.seen.failure = None;
    }

    /// STOP is about to run.
    pub(super) fn begin_stop(&mut self, n: usize) {
        self.set_status(n, Status::Unknown, "Stopping");
        self.table.units[n].here.status_told = false;
    }

    /// START has succeeded, or there is none.
    pub(super) fn started(&mut self, n: usize, now_ms: u64) {
        self.change(n, now_ms, S::JustStarted);
        if !self.table.units[n].here.status_told {
            self.set_status(n, Status::Ok, "");
        }
        let here = &mut self.table.units[n].here;
        here.seen.starts += 1;
        here.seen.generation = here.told;
        let was_restart = here.restart.take().is_some();
        let unit = &self.table.units[n];
        let in_online = self.table.teams[unit.team].here.was_online;
        if was_restart || in_online {
            let again = if was_restart { " again" } else { "" };
            let sentence = format!("{} is started{again} on {}", unit.name, self.node);
            self.say_of(n, sentence);
        }
    }

    /// Nothing of it runs any more.
    pub(super) fn offline(&mut self, n: usize, now_ms: u64) {
        self.change(n, now_ms, S::Offline);
        if !self.table.units[n].here.status_told {
            self.set_status(n, Status::Offline, "");
        }
        let unit = &mut self.table.units[n];
        unit.here.monitor_runs = false;
        // Back where it began without having been started again: what it depends on has failed meanwhile.
        if unit.here.restart.as_ref().is_some_and(|r| !r.stopping) {
            unit.here.restart = None;
        }
        unit.here.stop_calls.clear();
        unit.here.against.clear();
    }

    /// The last stop method has succeeded, or there is none.
    pub(super) fn stopped(&mut self, n: usize, now_ms: u64) {
        self.offline(n, now_ms);
        let unit = &self.table.units[n];
        if self.table.teams[unit.team].here.wanted && unit.here.restart.is_none() {
            let sentence = format!("{} is stopped on {}", unit.name, self.node);
            self.say_of(n, sentence);
        }
    }

    /// A method of a resource has ended.
    pub(super) fn resource_method_ended(
        &mut self,
        cluster: &Cluster,
        now_ms: u64,
        n: usize,
        outcome: MethodOutcome,
    ) {
        let unit = &mut self.table.units[n];
        unit.here.call = None;
        let Some(running) = unit.here.seen.method.take() else { return };
        let team = unit.team;
        self.table.teams[team].here.dirty = true;
        let method = running.method;
        match outcome {
            MethodOutcome::Succeeded => self.succeeded(n, now_ms, method),
            MethodOutcome::Failed(mut why) => {
                cut(&mut why, WHY_BYTES_MAX);
                self.failed(cluster, now_ms, n, MethodFailure { method, why, at_ms: now_ms });
            }
        }
    }

    fn succeeded(&mut self, n: usize, now_ms: u64, method: Method) {
        let here = &mut self.table.units[n].here;
        match method {
            Method::Init | Method::Boot => here.init = Init::Done,
            Method::PrenetStart => _ = self.change(n, now_ms, S::PrenetStarted),
            Method::Start => self.started(n, now_ms),
            Method::MonitorStart => {
                here.monitor_runs = true;
                self.change(n, now_ms, S::Online);
                self.forget_failure(n, Method::MonitorStart);
            }
            Method::MonitorStop => {
                here.monitor_runs = false;
                self.change(n, now_ms, S::OnlineUnmonitored);
            }
            Method::Stop => _ = self.change(n, now_ms, S::Stopped),
            Method::PostnetStop => self.stopped(n, now_ms),
            Method::Update => {
                here.seen.generation = here.told;
                self.forget_failure(n, Method::Update);
            }
            Method::Fini | Method::Validate | Method::MonitorCheck => {}
        }
    }

    fn forget_failure(&mut self, n: usize, method: Method) {
        let seen = &mut self.table.units[n].here.seen;
        if seen.failure.as_ref().is_some_and(|f| f.method == method) {
            seen.failure = None;
        }
    }

    fn failed(&mut self, cluster: &Cluster, now_ms: u64, n: usize, failure: MethodFailure) {
        match failure.method {
            Method::PrenetStart | Method::Start => self.start_failed(now_ms, n, failure),
            Method::MonitorStop | Method::Stop | Method::PostnetStop => {
                if self.planted.is(PlantedFault::StopFailureIgnored) {
                    return self.succeeded(n, now_ms, failure.method);
                }
                self.stop_failed(cluster, now_ms, n, failure);
            }
            Method::MonitorStart => {
                self.change(n, now_ms, S::MonitorFailed);
                let sentence = format!(
                    "{} runs on {} and is not monitored: {}; switch its monitor off and on (scswitch -n -M -j {0}; scswitch -e -M -j {0})",
                    self.table.units[n].name, self.node, failure.why
                );
                self.table.units[n].here.seen.failure = Some(failure);
                self.say_of(n, sentence);
            }
            Method::Update => {
                let sentence = format!(
                    "{} on {} has not taken in its new properties: {}; they stay as they are configured",
                    self.table.units[n].name, self.node, failure.why
                );
                let here = &mut self.table.units[n].here;
                here.seen.generation = here.told;
                here.seen.failure = Some(failure);
                self.say_of(n, sentence);
            }
            Method::Init | Method::Boot => {
                let sentence = format!(
                    "{} of {} failed on {}, which changes nothing: {}",
                    failure.method, self.table.units[n].name, self.node, failure.why
                );
                let here = &mut self.table.units[n].here;
                here.init = Init::Done;
                here.seen.failure = Some(failure);
                self.say_of(n, sentence);
            }
            Method::Fini | Method::Validate | Method::MonitorCheck => {}
        }
    }

    fn start_failed(&mut self, now_ms: u64, n: usize, failure: MethodFailure) {
        self.change(n, now_ms, S::StartFailed);
        self.fault(n, &failure);
        let unit = &self.table.units[n];
        let team = &self.table.teams[unit.team];
        let (name, group, node) = (&unit.name, &team.name, &self.node);
        let moves = matches!(unit.failover_mode, FailoverMode::Soft | FailoverMode::Hard);
        let mode = unit.failover_mode.token();
        let next = if !team.here.wanted {
            format!("{group} is being stopped here anyway")
        } else if !moves || unit.here.ignores_failed_start || team.suspended {
            let because = if !moves {
                format!("with Failover_mode {mode}")
            } else if team.suspended {
                "because it is suspended,".to_owned()
            } else {
                "as its start method asked,".to_owned()
            };
            format!(
                "{because} {group} stays here without it; restart {name}, disable and enable it, or switch {group} to another node"
            )
        } else {
            format!(
                "with Failover_mode {mode} all of {group} is stopped here, to be started elsewhere"
            )
        };
        let sentence = format!("{name} could not be started on {node}: {}; {next}", failure.why);
        let (index, resource) = (unit.team, name.clone());
        let relocates =
            moves && !unit.here.ignores_failed_start && !team.suspended && team.here.wanted;
        self.say_of(n, sentence);
        if relocates && self.table.teams[index].here.start_failure.is_none() {
            let here = &mut self.table.teams[index].here;
            let generation = here.generation;
            here.start_failure = Some(StartFailure { generation, resource, failure });
        }
    }

    fn stop_failed(&mut self, cluster: &Cluster, now_ms: u64, n: usize, failure: MethodFailure) {
        self.change(n, now_ms, S::StopFailed);
        self.fault(n, &failure);
        let unit = &self.table.units[n];
        let team = &self.table.teams[unit.team];
        let (name, group, node) = (&unit.name, &team.name, &self.node);
        let nodelist = cluster.config.groups.get(group).map_or(&[][..], |g| g.nodelist.as_slice());
        let candidate = nodelist.iter().any(|other| {
            let in_maintenance = cluster.config.nodes.get(other).is_some_and(|c| c.maintenance);
            other != node && cluster.members.contains_key(other) && !in_maintenance
        });
        let hard = unit.failover_mode == FailoverMode::Hard && !team.suspended;
        let needs_candidate = cluster.config.cluster.hard_only_with_candidate;
        let why = &failure.why;
        if hard && (candidate || !needs_candidate) {
            let sentence = format!(
                "{name} could not be stopped on {node}: {why}; with Failover_mode HARD {node} is reset now, so that {group} can start elsewhere"
            );
            self.say_of(n, sentence.clone());
            self.orders.push(Order::ResetNode(sentence));
            return;
        }
        let kept = match (hard, team.suspended) {
            (true, _) => {
                format!("; {node} is not reset, because no other node of its Nodelist is a member")
            }
            (false, true) if unit.failover_mode == FailoverMode::Hard => {
                format!("; {node} is not reset, because {group} is suspended")
            }
            _ => String::new(),
        };
        let sentence = format!(
            "{name} could not be stopped on {node}: {why}{kept}; {group} can start nowhere until you have made sure that {name} is dead and cleared it: scswitch -c -h {node} -j {name} -f STOP_FAILED"
        );
        self.say_of(n, sentence);
    }

    fn fault(&mut self, n: usize, failure: &MethodFailure) {
        let here = &mut self.table.units[n].here;
        here.restart = None;
        here.seen.failure = Some(failure.clone());
        let told = here.status_told && here.seen.status == Status::Faulted;
        if !told {
            self.set_status(n, Status::Faulted, &failure.why);
        }
    }
}

/// Cuts a text to a length in bytes, at a character.
pub(super) fn cut(text: &mut String, bytes_max: usize) {
    let mut end = bytes_max;
    while end < text.len() && !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
}

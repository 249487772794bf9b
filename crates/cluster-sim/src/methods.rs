//! What methods do: how long they take, how they end, and what they change in the world.
//!
//! Never lets a method of a life that is over change anything.

use crate::book::{last_stop_method, start_method};
use crate::judge;
use crate::world::{Event, World};
use rgm::MethodCall;
use rgm::executor::{CallId, MethodOutcome};
use rgm::node::Input;
use rtr::Method;
use std::time::Duration;

/// A run of a method, or of a fence agent.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) what: What,
    pub(crate) ends: Ends,
}

#[derive(Clone, Debug)]
pub(crate) enum What {
    Method(MethodCall),
    Fence(usize),
}

/// How it will end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ends {
    Well,
    /// Exit 0, and nothing runs.
    InALie,
    Badly,
    /// Only the time-out ends it.
    Hanging,
    Killed,
}

impl World {
    pub(crate) fn run_method(&mut self, h: usize, call: CallId, method: MethodCall) {
        let text = || format!("{} of {} (call {})", method.method, method.resource, call.0);
        let line = text();
        self.note(|| format!("{} runs {line}", self_name(h)));
        judge::order::method_begins(self, h, &method);
        let is_life =
            !matches!(method.method, Method::Validate | Method::MonitorCheck | Method::Fini);
        let page = self.hosts[h].book.page(&method.resource, &method.group);
        if is_life {
            page.method = Some((call, method.method));
        }
        match method.method {
            Method::PrenetStart | Method::Start => page.up = true,
            Method::Stop | Method::PostnetStop => page.started = false,
            _ => {}
        }
        judge::primaries::never_more_than_maximum(self, &method.group);
        let ends = self.how_it_ends(h, &method);
        let time = self.method_time(&method, ends);
        self.hosts[h].runs.insert(call, Run { what: What::Method(method), ends });
        let life = self.hosts[h].life;
        self.after(time, Event::MethodEnds { host: h, life, call });
    }

    fn how_it_ends(&mut self, h: usize, method: &MethodCall) -> Ends {
        if self.is_calm {
            return Ends::Well;
        }
        let is_broken = self.never_starts.contains(&(h, method.resource.clone()));
        if method.method == Method::Start && is_broken {
            return if self.dice.permille(800) { Ends::Badly } else { Ends::InALie };
        }
        let (fails, hangs, lies) = match method.method {
            Method::Stop | Method::PostnetStop | Method::MonitorStop => (12, 6, 10),
            Method::PrenetStart | Method::Start => (50, 15, 40),
            Method::Validate | Method::MonitorCheck => (40, 10, 0),
            _ => (40, 10, 10),
        };
        let luck = self.luck;
        if self.dice.permille(fails * luck) {
            Ends::Badly
        } else if self.dice.permille(hangs * luck) {
            Ends::Hanging
        } else if self.dice.permille(lies * luck) {
            Ends::InALie
        } else {
            Ends::Well
        }
    }

    fn method_time(&mut self, method: &MethodCall, ends: Ends) -> Duration {
        if ends == Ends::Hanging {
            return Duration::from_secs(u64::from(method.timeout_s));
        }
        let slow = !self.is_calm && self.dice.permille(60);
        let most = u64::from(method.timeout_s) * 900;
        let (from, to) = if slow { (500, 3000) } else { (2, 150) };
        self.dice.ms(from.min(most), to.min(most).max(from.min(most)))
    }

    pub(crate) fn run_fence(&mut self, h: usize, call: CallId, of: usize) {
        let fails = !self.is_calm && self.dice.permille(250);
        let ends = if fails { Ends::Badly } else { Ends::Well };
        let time =
            if self.dice.permille(300) { self.dice.ms(500, 4000) } else { self.dice.ms(20, 300) };
        self.note(|| format!("{} runs the fence agent against {}", self_name(h), self_name(of)));
        self.hosts[h].runs.insert(call, Run { what: What::Fence(of), ends });
        let life = self.hosts[h].life;
        self.after(time, Event::MethodEnds { host: h, life, call });
    }

    pub(crate) fn kill_method(&mut self, h: usize, call: CallId) {
        let life = self.hosts[h].life;
        if let Some(run) = self.hosts[h].runs.get_mut(&call) {
            run.ends = Ends::Killed;
            let time = self.dice.ms(1, 20);
            self.after(time, Event::MethodEnds { host: h, life, call });
        }
    }

    pub(crate) fn method_ends(&mut self, h: usize, life: u64, call: CallId) {
        if self.hosts[h].life != life {
            return;
        }
        if self.hosts[h].frozen {
            self.hosts[h].thaws.push(Event::MethodEnds { host: h, life, call });
            return;
        }
        let Some(run) = self.hosts[h].runs.remove(&call) else { return };
        let line = match &run.what {
            What::Method(method) => {
                let line = format!("{} of {}", method.method, method.resource);
                self.take_effect(h, call, method, run.ends);
                line
            }
            What::Fence(of) => {
                if run.ends == Ends::Well {
                    self.fenced(*of);
                }
                format!("the fence agent against {}", self_name(*of))
            }
        };
        self.note(|| format!("{}: {line} ends {:?}", self_name(h), run.ends));
        let outcome = match run.ends {
            Ends::Well | Ends::InALie => MethodOutcome::Succeeded,
            Ends::Badly => MethodOutcome::Failed("it exited with 1".to_owned()),
            Ends::Hanging => MethodOutcome::Failed("it was killed at its time-out".to_owned()),
            Ends::Killed => MethodOutcome::Failed("it was killed".to_owned()),
        };
        let input = Input::MethodFinished { call, outcome, output: String::new() };
        self.deliver(h, input);
    }

    fn take_effect(&mut self, h: usize, call: CallId, method: &MethodCall, ends: Ends) {
        let config = &self.hosts[h].known_config();
        let resource = config.resources.get(&method.resource).cloned();
        let first = resource.as_ref().map(|r| start_method(config, r));
        let last = resource.as_ref().map_or(Method::Stop, |r| last_stop_method(config, r));
        let now = self.now;
        let page = self.hosts[h].book.page(&method.resource, &method.group);
        if page.method.is_some_and(|(of, _)| of == call) {
            page.method = None;
        }
        if !matches!(ends, Ends::Well | Ends::InALie) {
            return judge::rest::no_start_after_too_many_failures(self, h, method);
        }
        match method.method {
            m if first == Some(m) => {
                page.started = true;
                page.started_at = now;
                page.broken = ends == Ends::InALie;
            }
            Method::MonitorStart => page.monitored = true,
            Method::MonitorStop => page.monitored = false,
            m if m == last => {
                page.up = false;
                page.started = false;
                page.broken = false;
            }
            _ => {}
        }
        if method.method == Method::MonitorStart || page.broken && page.monitored {
            let life = self.hosts[h].life;
            let resource = method.resource.clone();
            let time = self.dice.ms(200, 1500);
            self.after(time, Event::Probe { host: h, life, resource });
        }
    }
}

/// How hosts are called.
pub(crate) fn self_name(h: usize) -> String {
    format!("n{}", h + 1)
}

//! A machine: its clocks, its guard (docs/decisions/0010), its daemon around the real `NodeCore`.
//!
//! Carries out effects as `node::daemon` does and decides nothing; the guard knows only deadlines and deaths.

use crate::book::Book;
use crate::configuration::Shape;
use crate::dice::Dice;
use crate::faults::ShellFault;
use crate::judge;
use crate::methods::{Run, self_name};
use crate::network::Request;
use crate::world::{Event, World};
use control::LeaseId;
use rgm::executor::CallId;
use rgm::node::{Effect, Input, NodeCore, Now, Settings};
use rgm::{Configuration, Incarnation, NodeName};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// Lease of all nodes.
pub(crate) const LEASE: Duration = Duration::from_millis(2000);
/// Its part for stopping everything.
pub(crate) const RESERVE: Duration = Duration::from_millis(500);
/// Microseconds in a second.
const MILLION: i128 = 1_000_000;

/// Both clocks of a machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clocks {
    /// True time when it booted.
    pub(crate) booted: Duration,
    /// What the boot clock showed then.
    shown: Duration,
    /// Runs that much too fast, in millionths.
    drift_ppm: i64,
    /// The wall clock is ahead by that.
    pub(crate) wall_ms: i64,
}

impl Clocks {
    pub(crate) fn now(&self, time: Duration) -> Now {
        let real = time.saturating_sub(self.booted).as_micros() as i128;
        let boot =
            self.shown.as_micros() as i128 + real + real * i128::from(self.drift_ppm) / MILLION;
        let wall = 1_700_000_000_000 + time.as_millis() as i64 + self.wall_ms;
        Now { boot: Duration::from_micros(boot.max(0) as u64), wall_ms: wall.max(0) as u64 }
    }

    /// When the boot clock will surely have reached this.
    pub(crate) fn when(&self, boot: Duration) -> Duration {
        let ahead = boot.saturating_sub(self.shown).as_micros() as i128;
        let real = ahead * MILLION / (MILLION + i128::from(self.drift_ppm)) + 2;
        self.booted + Duration::from_micros(real.max(0) as u64)
    }
}

/// A machine.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) name: NodeName,
    pub(crate) clocks: Clocks,
    /// FALSE: without power.
    pub(crate) is_on: bool,
    /// Grows with every end of a daemon: what belongs to an earlier life is void.
    pub(crate) life: u64,
    pub(crate) core: Option<NodeCore>,
    /// The daemon is stopped (SIGSTOP).
    pub(crate) paused: bool,
    /// The whole machine is.
    pub(crate) frozen: bool,
    /// It was frozen beyond its lease: until its guard has stopped everything, nobody counts on what it runs.
    pub(crate) stale: bool,
    /// Its member key was deleted by hand: until its guard has stopped everything, it cannot know what others were permitted.
    pub(crate) disowned: bool,
    frozen_at: Duration,
    /// CLOCK_BOOTTIME at which the guard's patience ends; `None`: no lease yet.
    pub(crate) deadline: Option<Duration>,
    /// The guard stops what an earlier life ran.
    pub(crate) stopping: bool,
    pub(crate) lease: Option<LeaseId>,
    pub(crate) inbox: VecDeque<Input>,
    /// What happens when the machine goes on.
    pub(crate) thaws: Vec<Event>,
    timer: (u64, Option<Duration>),
    pub(crate) runs: BTreeMap<CallId, Run>,
    pub(crate) book: Book,
    /// What `Settings::cluster_id` will be.
    remembered: String,
    pub(crate) link: crate::network::Link,
    pub(crate) sight: crate::watching::Sight,
    boots: u32,
    pub(crate) leaves: bool,
}

impl Host {
    pub(crate) fn new(h: usize, shape: &Shape, dice: &mut Dice) -> Self {
        let wall_ms = if shape.wild_clocks {
            dice.within(-9_000_000_000, 9_000_000_000)
        } else {
            dice.within(-300, 300)
        };
        let drift_ppm = dice.within(-20_000, 20_000);
        let clocks =
            Clocks { booted: Duration::ZERO, shown: dice.ms(0, 100_000), drift_ppm, wall_ms };
        Self {
            name: NodeName::new(&self_name(h)),
            clocks,
            is_on: true,
            life: 0,
            core: None,
            paused: false,
            frozen: false,
            stale: false,
            disowned: false,
            frozen_at: Duration::ZERO,
            deadline: None,
            stopping: false,
            lease: None,
            inbox: VecDeque::new(),
            thaws: Vec::new(),
            timer: (0, None),
            runs: BTreeMap::new(),
            book: Book::default(),
            remembered: String::new(),
            link: crate::network::Link::default(),
            sight: crate::watching::Sight::default(),
            boots: 1,
            leaves: false,
        }
    }

    /// The configuration as its daemon knows it.
    pub(crate) fn known_config(&self) -> Configuration {
        self.core.as_ref().map(|core| core.cluster().config.clone()).unwrap_or_default()
    }

    pub(crate) fn incarnation(&self) -> Option<Incarnation> {
        self.core.as_ref().and_then(NodeCore::incarnation)
    }

    pub(crate) fn may_act(&self) -> bool {
        self.is_on && !self.paused && !self.frozen
    }
}

impl World {
    fn clock(&self, h: usize) -> Now {
        self.hosts[h].clocks.now(self.now)
    }

    pub(crate) fn start_daemon(&mut self, h: usize, life: u64) {
        let (planted, new_cluster_id) = (self.planted(), format!("formed-{h}-{life}"));
        let host = &mut self.hosts[h];
        if host.life != life || !host.is_on || host.core.is_some() {
            return;
        }
        if host.frozen {
            host.thaws.push(Event::StartDaemon { host: h, life });
            return;
        }
        let settings = Settings {
            node: host.name.clone(),
            lease: LEASE,
            reserve: RESERVE,
            boot_id: format!("{h}-{}", host.boots),
            version: "sim".to_owned(),
            cluster_id: host.remembered.clone(),
            new_cluster_id,
            planted,
        };
        host.core = Some(NodeCore::new(settings));
        host.deadline = None;
        host.lease = None;
        host.paused = false;
        host.timer = (0, None);
        host.leaves = false;
        self.note(|| format!("{}: a daemon starts", self_name(h)));
        self.begin_watching(h);
        self.deliver(h, Input::TimePassed);
    }

    /// Hands a fact to the daemon, or keeps it as long as it is stopped.
    pub(crate) fn deliver(&mut self, h: usize, input: Input) {
        let host = &mut self.hosts[h];
        if host.core.is_none() {
            return;
        }
        if host.may_act() {
            self.give(h, input);
        } else {
            host.inbox.push_back(input);
        }
    }

    fn give(&mut self, h: usize, input: Input) {
        let now = self.clock(h);
        let life = self.hosts[h].life;
        let mut effects = Vec::new();
        let Some(core) = &mut self.hosts[h].core else { return };
        let before = core.incarnation();
        core.handle(now, input, &mut effects);
        let after = core.incarnation();
        if let Some(id) = core.cluster_id().map(str::to_owned) {
            self.hosts[h].remembered = id;
        }
        if before != after
            && let Some(incarnation) = after
        {
            judge::lease::an_incarnation_has_one_life(self, h, incarnation);
        }
        for effect in effects {
            if self.hosts[h].life == life {
                self.carry_out(h, effect);
            }
        }
        self.arm_timer(h);
    }

    fn carry_out(&mut self, h: usize, effect: Effect) {
        match effect {
            Effect::Grant(ttl) => self.send(h, Request::Grant(ttl)),
            Effect::KeepAlive => {
                if let Some(lease) = self.hosts[h].lease {
                    self.send(h, Request::KeepAlive(lease));
                }
            }
            Effect::Revoke => self.hosts[h].leaves = true,
            Effect::Commit(id, transaction) => {
                judge::store::own_reports(self, h, &transaction);
                let lease = self.hosts[h].lease;
                self.send(h, Request::Commit(id, transaction, lease));
            }
            Effect::Run(call, method) => self.run_method(h, call, method),
            Effect::Fence(call, node, _) => {
                let of = self.hosts.iter().position(|host| host.name == node);
                self.run_fence(h, call, of.unwrap_or(h));
            }
            Effect::Kill(call) => self.kill_method(h, call),
            Effect::AliveUntil(until) => {
                judge::lease::believed_no_longer_than_kept(self, h, until);
                self.hosts[h].deadline = Some(until);
                self.arm_guard(h);
            }
            Effect::StopEverything(why) => {
                self.note(|| format!("{}: {why}", self_name(h)));
                self.end_daemon(h, true);
            }
            Effect::ResetNode(why) => {
                self.note(|| format!("{} is reset: {why}", self_name(h)));
                self.crash_machine(h);
            }
            Effect::Say(_, decision) => {
                judge::say::no_bad_plan(self, &decision.sentence);
                self.note(|| format!("{} says: {}", self_name(h), decision.sentence));
            }
            Effect::Answered { asker, request: _, answer } => self.answered(asker, &answer),
            Effect::Refused(refusal) => {
                self.note(|| format!("{} refuses: {refusal}", self_name(h)))
            }
        }
    }

    fn arm_timer(&mut self, h: usize) {
        let host = &mut self.hosts[h];
        let due = host.core.as_ref().and_then(NodeCore::next_timeout);
        if due == host.timer.1 {
            return;
        }
        host.timer = (host.timer.0 + 1, due);
        let (serial, life) = (host.timer.0, host.life);
        if let Some(due) = due {
            let at = host.clocks.when(due);
            let late = self.dice.ms(0, 1);
            self.at(at + late, Event::Timer { host: h, life, serial });
        }
    }

    pub(crate) fn timer(&mut self, h: usize, life: u64, serial: u64) {
        let host = &mut self.hosts[h];
        if host.life != life || host.timer.0 != serial || !host.may_act() {
            return;
        }
        host.timer.1 = None;
        self.give(h, Input::TimePassed);
    }

    // ---- guard ----------------------------------------------------------------------------------------------------

    fn limit(&self, h: usize) -> Option<Duration> {
        let reserve =
            if self.errs(ShellFault::GuardWithoutReserve) { Duration::ZERO } else { RESERVE };
        self.hosts[h].deadline.map(|deadline| deadline.saturating_sub(reserve))
    }

    fn arm_guard(&mut self, h: usize) {
        let Some(limit) = self.limit(h) else { return };
        let (at, life) = (self.hosts[h].clocks.when(limit), self.hosts[h].life);
        let late = self.dice.ms(0, 3);
        self.at(at + late, Event::Guard { host: h, life });
    }

    pub(crate) fn guard_wakes(&mut self, h: usize, life: u64) {
        let host = &self.hosts[h];
        if host.life != life || host.core.is_none() || !host.is_on {
            return;
        }
        if host.frozen {
            self.hosts[h].thaws.push(Event::Guard { host: h, life });
            return;
        }
        if self.limit(h).is_some_and(|limit| self.clock(h).boot >= limit) {
            self.note(|| format!("{}: its guard kills the daemon", self_name(h)));
            self.end_daemon(h, false);
        }
    }

    /// The daemon is dead; the guard stops everything, then starts another. `orderly`: the daemon gives the lease back at the end.
    pub(crate) fn end_daemon(&mut self, h: usize, orderly: bool) {
        let may_revoke = orderly && self.dice.permille(800);
        let early = self.errs(ShellFault::RevokesBeforeStopping);
        let takes = self.dice.ms(1, 360);
        let host = &mut self.hosts[h];
        if host.core.take().is_none() {
            return;
        }
        host.life += 1;
        host.inbox.clear();
        host.paused = false;
        host.deadline = None;
        host.stopping = true;
        host.sight = crate::watching::Sight::default();
        let revoke = host.lease.take().filter(|_| may_revoke);
        let life = host.life;
        judge::fencing::a_life_ends(self, h);
        self.forget_askers(h);
        if early && let Some(lease) = revoke {
            self.send_of(h, life, Request::Revoke(lease));
        }
        self.after(takes, Event::Stopped { host: h, life, revoke });
    }

    pub(crate) fn stopped(&mut self, h: usize, life: u64, revoke: Option<LeaseId>) {
        let forgets = self.errs(ShellFault::GuardForgetsServices);
        let host = &mut self.hosts[h];
        if host.life != life || !host.is_on {
            return;
        }
        if host.frozen {
            host.thaws.push(Event::Stopped { host: h, life, revoke });
            return;
        }
        host.runs.clear();
        if !forgets {
            host.book = Book::default();
        }
        host.stopping = false;
        host.stale = false;
        host.disowned = false;
        let left = host.leaves;
        self.note(|| format!("{}: everything is stopped", self_name(h)));
        if let Some(lease) = revoke {
            self.send_of(h, life, Request::Revoke(lease));
        }
        let pause = if left { self.dice.ms(2000, 8000) } else { self.dice.ms(100, 900) };
        self.after(pause, Event::StartDaemon { host: h, life });
    }

    // ---- the machine ----------------------------------------------------------------------------------------------

    /// Power off; on again after a while.
    pub(crate) fn crash_machine(&mut self, h: usize) {
        let host = &mut self.hosts[h];
        if !host.is_on {
            return;
        }
        judge::fencing::a_life_ends(self, h);
        let host = &mut self.hosts[h];
        host.is_on = false;
        host.core = None;
        host.life += 1;
        host.paused = false;
        host.frozen = false;
        host.stale = false;
        host.disowned = false;
        host.stopping = false;
        host.inbox.clear();
        host.thaws.clear();
        host.runs.clear();
        host.book = Book::default();
        host.deadline = None;
        host.lease = None;
        host.sight = crate::watching::Sight::default();
        self.note(|| format!("{} has lost its power", self_name(h)));
        self.forget_askers(h);
        let away = if self.dice.permille(500) {
            self.dice.ms(300, 2500)
        } else {
            self.dice.ms(2500, 9000)
        };
        self.after(away, Event::Boot { host: h });
    }

    pub(crate) fn boot(&mut self, h: usize) {
        let shown = self.dice.ms(0, 5000);
        let now = self.now;
        let host = &mut self.hosts[h];
        if host.is_on {
            return;
        }
        host.is_on = true;
        host.boots += 1;
        host.clocks.booted = now;
        host.clocks.shown = shown;
        let life = host.life;
        self.note(|| format!("{} has power again", self_name(h)));
        self.after(Duration::from_millis(100), Event::StartDaemon { host: h, life });
    }

    pub(crate) fn freeze(&mut self, h: usize) {
        let now = self.now;
        let host = &mut self.hosts[h];
        if host.is_on && !host.frozen {
            host.frozen = true;
            host.frozen_at = now;
            self.note(|| format!("{} is suspended", self_name(h)));
        }
    }

    pub(crate) fn thaw(&mut self, h: usize) {
        if !self.hosts[h].frozen {
            return;
        }
        if self.errs(ShellFault::ClockIgnoresSuspension) {
            let slept = self.now - self.hosts[h].frozen_at;
            self.hosts[h].clocks.booted += slept;
        }
        self.hosts[h].frozen = false;
        let beyond = self.limit(h).is_some_and(|limit| self.clock(h).boot >= limit);
        // Also what an earlier life left and was being stopped.
        let was_stopping = self.hosts[h].stopping;
        self.hosts[h].stale |= beyond || was_stopping;
        self.note(|| format!("{} goes on", self_name(h)));
        let mut late = Duration::ZERO;
        for event in std::mem::take(&mut self.hosts[h].thaws) {
            late += self.dice.ms(0, 8);
            self.after(late, event);
        }
        self.resume(h);
    }

    /// The daemon goes on: it finds what has come meanwhile, in any order with its own time.
    pub(crate) fn resume(&mut self, h: usize) {
        if !self.hosts[h].may_act() {
            return;
        }
        let life = self.hosts[h].life;
        let mut time_first = self.dice.permille(500);
        while self.hosts[h].life == life {
            if std::mem::take(&mut time_first) {
                self.deliver(h, Input::TimePassed);
                continue;
            }
            let Some(input) = self.hosts[h].inbox.pop_front() else { break };
            self.deliver(h, input);
        }
        if self.hosts[h].life == life && self.hosts[h].core.is_some() {
            self.deliver(h, Input::TimePassed);
        }
    }
}

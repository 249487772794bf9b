//! The loop of the fault monitor.
//!
//! ```text
//!   sleeps until the next probe ──► a thread probes ──► arithmetic ──► act ──► tell ──► sleeps
//!        └── the service dies (any time) ────────────────────┘
//! ```

use super::act::act;
use super::death::{DeathWatch, Seen};
use super::probe::Probe;
use super::settings;
use crate::failure::{Failure, Outcome, say};
use crate::subject::Subject;
use rgm::monitor::{Action, FaultMonitor, ProbeResult};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// An accepted giveover ends this monitor within moments. If it does not, something went wrong on the way, and watching starts afresh.
const GIVEOVER_PATIENCE: Duration = Duration::from_secs(300);
/// A service that another type does not run under PMF has no deaths to wait for; whether it has now is asked this often.
const LOOK_FOR_TAG: Duration = Duration::from_secs(60);

/// What the loop wakes for.
enum Event {
    /// What the death watch with this number saw.
    Service(u64, Seen),
    /// The result of the probe with this number.
    Probed(u64, ProbeResult),
}

struct Loop<'a> {
    subject: &'a Subject,
    probe: &'a Probe,
    monitor: FaultMonitor,
    began: Instant,
    events: Receiver<Event>,
    tell: Sender<Event>,
    deaths: DeathWatch,
    /// Number of the death watch in force; what earlier ones see was our own doing.
    armed: u64,
    /// Whether the tag was ever seen: from then on its absence is a death.
    had_tag: bool,
    /// When to look for a tag that was never seen.
    arm_at: Option<Instant>,
    /// Number of the probe under way.
    probing: Option<u64>,
    probes: u64,
}

/// Watches a service until it is killed. Returns only with an error: the daemon is gone.
pub(crate) fn watch(subject: &Subject, probe: &Probe) -> Outcome {
    let settings = settings(subject);
    if let Some(warning) = settings.warning() {
        say(warning);
    }
    let (tell, events) = channel();
    let of_service = tell.clone();
    let deaths = DeathWatch::start(subject, move |number, seen| {
        // Nobody listens when the loop has ended, and then the process has too.
        let _ = of_service.send(Event::Service(number, seen));
    });
    let mut watched = Loop {
        subject,
        probe,
        monitor: FaultMonitor::new(Duration::ZERO, settings),
        began: Instant::now(),
        events,
        tell,
        deaths,
        armed: 0,
        // gds runs its service under PMF always; of other types it is learnt.
        had_tag: !matches!(probe, Probe::Program(_)),
        arm_at: None,
        probing: None,
        probes: 0,
    };
    watched.arm();
    watched.run()
}

impl Loop<'_> {
    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn arm(&mut self) {
        self.arm_at = None;
        self.armed += 1;
        self.deaths.arm(self.armed);
    }

    fn run(mut self) -> Outcome {
        loop {
            match self.events.recv_timeout(self.wait()) {
                Ok(Event::Service(number, seen)) if self.armed == number => {
                    self.handle_service(seen)?;
                }
                Ok(Event::Service(_, Seen::Blind(error))) => return Err(Failure::Daemon(error)),
                // The end of a tree that was stopped in a restart.
                Ok(Event::Service(..)) => {}
                Ok(Event::Probed(number, result)) if self.probing == Some(number) => {
                    self.probing = None;
                    if self.handle(result)? {
                        self.rearm();
                    }
                }
                // Of a probe that was overtaken by a death.
                Ok(Event::Probed(..)) => {}
                Err(RecvTimeoutError::Timeout) => self.handle_timeout(),
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
    }

    /// Everything the loop ever waits for, besides events.
    fn wait(&self) -> Duration {
        let probe = match (self.monitor.next_probe(), self.probing) {
            (Some(at), None) => at.saturating_sub(self.now()),
            (Some(_), Some(_)) | (None, _) => GIVEOVER_PATIENCE,
        };
        let look = self.arm_at.map(|at| at.saturating_duration_since(Instant::now()));
        look.map_or(probe, |look| look.min(probe))
    }

    fn handle_timeout(&mut self) {
        if self.arm_at.is_some_and(|at| at <= Instant::now()) {
            self.arm();
        }
        match self.monitor.next_probe() {
            Some(at) if at <= self.now() && self.probing.is_none() => self.start_probe(),
            Some(_) => {}
            None => {
                say("a giveover was accepted, but the group is still here; watching starts afresh");
                self.monitor = FaultMonitor::new(self.now(), self.monitor.settings().clone());
                self.arm();
            }
        }
    }

    fn start_probe(&mut self) {
        self.probes += 1;
        self.probing = Some(self.probes);
        let (number, probe, tell) = (self.probes, self.probe.clone(), self.tell.clone());
        let timeout = self.monitor.settings().probe_timeout;
        thread::spawn(move || {
            // Nobody listens when the loop has ended.
            let _ = tell.send(Event::Probed(number, probe.once(timeout)));
        });
    }

    fn handle_service(&mut self, seen: Seen) -> Outcome {
        match seen {
            Seen::Blind(error) => Err(Failure::Daemon(error)),
            Seen::NotThere if !self.had_tag => {
                self.arm_at = Some(Instant::now() + LOOK_FOR_TAG);
                Ok(())
            }
            Seen::Died | Seen::NotThere => {
                self.had_tag = true;
                self.probing = None;
                self.handle(ProbeResult::ServiceDied { how: "seen by PMF".to_owned() })?;
                if self.monitor.next_probe().is_some() {
                    self.rearm();
                }
                Ok(())
            }
        }
    }

    /// After a death that led to nothing that runs, the next look is one probe away: no storm of deaths of what is dead already.
    fn rearm(&mut self) {
        match crate::service::runs(self.subject, crate::service::Part::Service) {
            Ok(true) => self.arm(),
            _ if !self.had_tag => {}
            _ => self.arm_at = Some(Instant::now() + self.monitor.settings().probe_interval),
        }
    }

    /// Does what the arithmetic says, until it has nothing more to say. TRUE: the service was stopped, and perhaps started again.
    fn handle(&mut self, result: ProbeResult) -> Outcome<bool> {
        let now = self.now();
        let mut action = self.monitor.handle(now, result);
        let mut is_restarted = false;
        while action != Action::None {
            is_restarted |= matches!(action, Action::Restart(_));
            let Some(done) = act(self.subject, action)? else { break };
            let now = self.now();
            action = self.monitor.tell(now, done);
        }
        Ok(is_restarted)
    }
}

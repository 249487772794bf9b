//! The guard: starts the daemon, and stops everything when the daemon is dead, silent or too late (docs/decisions/0010).
//!
//! ```text
//! start ─► clean up what an earlier guard left ─► spawn daemon ─► wait ──record──► new deadline ─┐
//!              ▲                                                   ▲─────────────────────────────┘
//!              └── stop everything ◄── daemon dead, deadline − reserve passed, or told to reset
//! ```
//!
//! One thread, no runtime, no allocation that grows, no network. It must never wait for anything but its one `poll`, and must never let the
//! daemon live when the deadline has passed.
//!
//! - `alarm`: the one `poll`.
//! - `place`: one guard per run folder, and the daemon of a guard that was killed.
//! - `standing`: what makes the guard harder to stop than what it guards, and that nobody inherits it.
//! - `watched`: one daemon under guard.
//! - `stop`: kills and undoes.
//! - `reset`: the machine, when that is not enough.

mod alarm;
mod place;
mod record;
mod reset;
mod standing;
mod stop;
mod watched;

pub(crate) use place::Place;
pub use record::Record;
pub use reset::Reset;
pub(crate) use standing::of_daemon as stand_as_daemon;
pub use stop::{Traces, Undo, stop_everything};

use crate::clock;
use alarm::Alarm;
use reset::Resetter;
use standing::Standing;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use watched::{End, Watched};

/// First pause before a dead daemon is started again; doubles up to [`RESTART_PAUSE_MAX`].
const RESTART_PAUSE_MIN: Duration = Duration::from_millis(100);
/// Longest pause.
const RESTART_PAUSE_MAX: Duration = Duration::from_secs(10);
/// A daemon that lived this long starts the pauses anew.
const LIVED_WELL: Duration = Duration::from_secs(60);
/// How long stopping may take when no lease ends: after the daemon's death outside the cluster, and at the end.
const STOP_AT_LEISURE: Duration = Duration::from_secs(30);
/// How long what an earlier guard left may take to go, before the machine is reset.
const STOP_LEFTOVERS: Duration = Duration::from_secs(10);
/// How long a machine may take to die once its reset was ordered.
const RESET_PATIENCE: Duration = Duration::from_secs(10);
/// What the daemon's exit code says when it has left the cluster in order and shall not be started again.
pub const LEFT: u8 = 0;
/// The exit code of daemon and guard when starting again would change nothing: a wrong configuration, a second guard.
pub const HOPELESS: u8 = 2;
/// The guard's exit code when something it should have stopped still runs.
const UNSTOPPED: u8 = 1;

/// How to guard.
#[derive(Clone, Debug)]
pub struct Options {
    /// The daemon's program and arguments; it finds the guard's socket as its standard input.
    pub daemon: Vec<OsString>,
    /// What it may leave.
    pub traces: Traces,
    /// The part of the lease that stopping everything may take.
    pub reserve: Duration,
    /// What is done when that is not enough.
    pub reset: Reset,
    /// Where the guard keeps its lock, and shows who runs (`guard.pid`: guard and daemon).
    pub run_dir: PathBuf,
}

/// Guards until the daemon has left or the guard is told to end (SIGTERM, SIGINT, SIGHUP: the daemon leaves in order; a second one: everything
/// is stopped at once).
pub(crate) fn run(options: &Options, place: Place) -> io::Result<ExitCode> {
    let standing = Standing::raise();
    let alarm = Alarm::new()?;
    // Last: an open watchdog device that is not closed in order resets the machine.
    let resetter = Resetter::open(options.reset.clone())?;
    let mut guard = Guard { options, place, standing, alarm, resetter };
    guard.clean_up();
    guard.run()
}

struct Guard<'a> {
    options: &'a Options,
    place: Place,
    standing: Standing,
    alarm: Alarm,
    resetter: Resetter,
}

impl Guard<'_> {
    fn run(&mut self) -> io::Result<ExitCode> {
        let mut pause = RESTART_PAUSE_MIN;
        loop {
            if self.alarm.told() > 0 {
                return Ok(self.finish(LEFT));
            }
            let born = clock::boot();
            let (end, deadline) = self.watch_one();
            let (why, reset) = match end {
                End::Over(code) => return Ok(self.finish(code)),
                End::Again { why, reset } => (why, reset),
            };
            let now = clock::boot();
            let until = match deadline {
                Some(deadline) if deadline > now => deadline,
                // After a suspension the deadline is long past; stopping still takes the time it takes.
                Some(_) => now + self.options.reserve,
                None => now + STOP_AT_LEISURE,
            };
            tracing::error!("failfast: {why}; stopping everything this node runs");
            self.fail_fast(until, reset);
            if self.alarm.told() > 0 {
                continue;
            }
            if now - born > LIVED_WELL {
                pause = RESTART_PAUSE_MIN;
            }
            self.alarm.pause(pause, &mut || self.resetter.feed());
            pause = (pause * 2).min(RESTART_PAUSE_MAX);
        }
    }

    fn watch_one(&mut self) -> (End, Option<Duration>) {
        let spawned = Watched::spawn(self.options, &self.place, &self.standing);
        match spawned {
            Ok(mut watched) => {
                let end = watched.watch(self.options, &mut self.alarm, &mut self.resetter);
                (end, watched.deadline())
            }
            Err(error) => {
                let program = self.options.daemon.first().map(|p| p.to_string_lossy());
                let why = format!(
                    "the daemon {} cannot be started: {error}",
                    program.unwrap_or_default()
                );
                (End::Again { why, reset: false }, None)
            }
        }
    }

    /// What an earlier guard of this node left because it was killed itself: its lease may have ended long ago, so nothing of it may live.
    fn clean_up(&mut self) {
        crate::daemon::forget_lease(&self.options.run_dir);
        self.place.end_earlier_daemon(STOP_LEFTOVERS);
        let left = stop::stop_adopted(&self.options.traces, clock::boot(), &mut || ());
        if !left.is_empty() {
            tracing::warn!("left by an earlier run of this node: {}", left.join("; "));
            self.fail_fast(clock::boot() + STOP_LEFTOVERS, false);
        }
    }

    /// No daemon lives: nothing may run when the lease ends. Returns when nothing does, or when it is told a second time to end.
    fn fail_fast(&mut self, until: Duration, reset: bool) {
        let began = clock::boot();
        let mut left = self.stop(until);
        if left.is_empty() {
            let took_ms = (clock::boot() - began).as_millis();
            tracing::info!("failfast: everything is stopped after {took_ms} ms");
        } else {
            tracing::error!("failfast: cannot be stopped in time: {}", left.join("; "));
        }
        if reset || !left.is_empty() {
            self.reset();
        }
        while !left.is_empty() && self.alarm.told() < 2 {
            // No daemon starts while something runs that nobody controls; and it is tried until it succeeds.
            left = self.stop(clock::boot() + STOP_AT_LEISURE);
            if left.is_empty() {
                tracing::warn!("failfast: everything is stopped now");
            } else {
                tracing::error!("failfast: still there: {}", left.join("; "));
            }
        }
    }

    fn stop(&mut self, until: Duration) -> Vec<String> {
        stop::stop_adopted(&self.options.traces, until, &mut || self.resetter.feed())
    }

    /// Orders the reset; the machine is given time to die, so that nothing is started on it any more.
    fn reset(&mut self) {
        let (is_ordered, said) = self.resetter.reset(&self.standing);
        tracing::error!("failfast: reset: {said}");
        if is_ordered {
            self.alarm.pause(RESET_PATIENCE, &mut || ());
            tracing::error!("failfast: this machine still runs after its reset was ordered");
        }
        while self.resetter.is_starving() && self.alarm.told() < 2 {
            // The device will not forgive; a daemon that joined now would be cut off in the middle.
            self.alarm.pause(STOP_AT_LEISURE, &mut || ());
            tracing::error!("failfast: still waiting for the watchdog device to reset the machine");
        }
    }

    /// The end in order. The watchdog device is closed only when nothing runs any more.
    fn finish(&mut self, code: u8) -> ExitCode {
        let left = self.stop(clock::boot() + STOP_AT_LEISURE);
        if left.is_empty() {
            self.resetter.close();
            self.place.leave();
            return ExitCode::from(code);
        }
        tracing::error!("cannot be stopped: {}", left.join("; "));
        self.reset();
        ExitCode::from(UNSTOPPED)
    }
}

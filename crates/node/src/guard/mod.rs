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

mod alarm;
mod record;
mod reset;
mod stop;

pub use record::Record;
pub use reset::Reset;
pub use stop::{Traces, Undo, stop_everything};

use crate::clock;
use alarm::{Alarm, Event};
use reset::Resetter;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socketpair,
};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

/// First pause before a dead daemon is started again; doubles up to [`RESTART_PAUSE_MAX`].
const RESTART_PAUSE_MIN: Duration = Duration::from_millis(100);
/// Longest pause.
const RESTART_PAUSE_MAX: Duration = Duration::from_secs(10);
/// A daemon that lived this long starts the pauses anew.
const LIVED_WELL: Duration = Duration::from_secs(60);
/// How long stopping may take when no lease ends: after the daemon's death outside the cluster, and at the end.
const STOP_AT_LEISURE: Duration = Duration::from_secs(30);
/// What the daemon's exit code says when it has left the cluster in order and shall not be started again.
pub const LEFT: u8 = 0;
/// The daemon's exit code when starting it again would change nothing: a wrong configuration.
pub const HOPELESS: u8 = 2;

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
    /// Where the guard's own state is shown to people (`guard.pid`).
    pub run_dir: PathBuf,
}

/// Why a watch over one daemon ended.
enum End {
    /// It has left the cluster in order, or cannot run.
    Over(u8),
    /// It is dead or was killed: start another.
    Again {
        /// Say this.
        why: String,
        /// Reset the machine in any case.
        reset: bool,
    },
}

/// Guards until the daemon has left or the guard is told to end (SIGTERM, SIGINT: the daemon is asked to leave).
pub fn run(options: &Options) -> io::Result<ExitCode> {
    prepare();
    let mut resetter = Resetter::open(options.reset.clone())?;
    let mut alarm = Alarm::new()?;
    let mut pause = RESTART_PAUSE_MIN;
    clean_up(options);
    loop {
        let born = clock::boot();
        let mut watched = Watched::spawn(options)?;
        let end = watched.watch(options, &mut alarm, &mut resetter)?;
        let (why, reset) = match end {
            End::Over(code) => {
                stop_at_leisure(options, &mut resetter);
                resetter.close();
                return Ok(ExitCode::from(code));
            }
            End::Again { why, reset } => (why, reset),
        };
        let until = match watched.deadline {
            // After a suspension the deadline may be long past; stopping still takes the time it takes.
            Some(deadline) => deadline.max(clock::boot() + options.reserve),
            None => clock::boot() + STOP_AT_LEISURE,
        };
        fail_fast(options, &mut resetter, &why, until, reset);
        if alarm.is_told_to_end() {
            resetter.close();
            return Ok(ExitCode::SUCCESS);
        }
        pause = if clock::boot() - born > LIVED_WELL { RESTART_PAUSE_MIN } else { pause };
        std::thread::sleep(pause);
        pause = (pause * 2).min(RESTART_PAUSE_MAX);
    }
}

/// Everything that makes the guard harder to stop than what it guards. Each needs rights and is worth having alone.
fn prepare() {
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
    let _ = rustix::mm::mlockall(
        rustix::mm::MlockAllFlags::CURRENT | rustix::mm::MlockAllFlags::FUTURE,
    );
    let _ = rustix::process::setpriority_process(None, -20);
    let _ = std::fs::write("/proc/self/oom_score_adj", "-1000");
}

/// What an earlier guard of this node left because it was killed itself.
fn clean_up(options: &Options) {
    let left = stop_everything(&options.traces, clock::boot() + STOP_AT_LEISURE);
    for sentence in left {
        tracing::error!("left from an earlier run and cannot be stopped: {sentence}");
    }
}

fn stop_at_leisure(options: &Options, resetter: &mut Resetter) {
    let left = stop_everything(&options.traces, clock::boot() + STOP_AT_LEISURE);
    if !left.is_empty() {
        tracing::error!("cannot be stopped: {}", left.join("; "));
        tracing::error!("{}", resetter.reset());
    }
}

/// The daemon is dead: nothing may run when the lease ends.
fn fail_fast(options: &Options, resetter: &mut Resetter, why: &str, until: Duration, reset: bool) {
    tracing::error!("failfast: {why}; stopping everything this node runs");
    let began = clock::boot();
    let mut left = stop_everything(&options.traces, until);
    let took_ms = (clock::boot() - began).as_millis();
    if left.is_empty() {
        tracing::warn!("failfast: everything is stopped after {took_ms} ms");
    }
    if reset || !left.is_empty() {
        let said = resetter.reset();
        tracing::error!("failfast: reset: {said}; {}", left.join("; "));
    }
    while !left.is_empty() {
        // No daemon starts while something runs that nobody controls; and it is tried until it succeeds.
        left = stop_everything(&options.traces, clock::boot() + STOP_AT_LEISURE);
        tracing::error!("failfast: still there: {}", left.join("; "));
    }
}

/// One daemon under guard.
struct Watched {
    pidfd: OwnedFd,
    channel: OwnedFd,
    deadline: Option<Duration>,
}

impl Watched {
    fn spawn(options: &Options) -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC;
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        let Some((program, arguments)) = options.daemon.split_first() else {
            return Err(io::Error::other("no daemon to guard"));
        };
        let child = Command::new(program).args(arguments).stdin(Stdio::from(theirs)).spawn()?;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| io::Error::other("the daemon has no process id"))?;
        let pids = format!("{}\n{}\n", std::process::id(), child.id());
        // For people and tests; nothing depends on it.
        let _ = std::fs::write(options.run_dir.join("guard.pid"), pids);
        Ok(Self { pidfd: pidfd_open(pid, PidfdFlags::empty())?, channel: ours, deadline: None })
    }

    fn watch(
        &mut self,
        options: &Options,
        alarm: &mut Alarm,
        resetter: &mut Resetter,
    ) -> io::Result<End> {
        loop {
            alarm.set(self.deadline.map(|d| d.saturating_sub(options.reserve)))?;
            let event = alarm.wait(self.channel.as_fd(), self.pidfd.as_fd())?;
            // Records first: they may have come while this process was stopped, and only the last one counts.
            if self.take_records()? {
                return Ok(
                    self.kill("a resource whose Failover_mode is HARD could not be stopped", true)
                );
            }
            if self.is_late(options.reserve) {
                return Ok(self.kill("the daemon has not renewed this node's lease in time", false));
            }
            resetter.feed();
            match event {
                Event::Died => return Ok(self.died()),
                Event::ToldToEnd => {
                    // The daemon leaves in order; if it does not, its deadline ends it.
                    let _ = pidfd_send_signal(&self.pidfd, Signal::TERM);
                }
                Event::Record | Event::TimePassed => {}
            }
        }
    }

    fn is_late(&self, reserve: Duration) -> bool {
        self.deadline.is_some_and(|deadline| clock::boot() >= deadline.saturating_sub(reserve))
    }

    /// Takes all records that are there and sends each back. TRUE: the machine shall be reset.
    fn take_records(&mut self) -> io::Result<bool> {
        let mut bytes = [0; record::RECORD_BYTES];
        loop {
            let got = match recv(&self.channel, &mut bytes, RecvFlags::DONTWAIT) {
                Ok((0, _)) | Err(rustix::io::Errno::AGAIN | rustix::io::Errno::CONNRESET) => {
                    return Ok(false);
                }
                Ok((_, length)) => length,
                Err(error) => return Err(error.into()),
            };
            match bytes.get(..got).and_then(Record::decode) {
                Some(Record::AliveUntil(until)) => self.deadline = Some(until),
                Some(Record::Outside) => self.deadline = None,
                Some(Record::Reset) => return Ok(true),
                None => tracing::error!("the daemon sent a record that is none"),
            }
            // A daemon that does not read its own records has other troubles.
            let _ = send(&self.channel, &bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
        }
    }

    /// How the daemon died.
    fn died(&self) -> End {
        use rustix::process::{WaitId, WaitIdOptions, waitid};
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
        let status = waitid(WaitId::PidFd(self.pidfd.as_fd()), options).ok().flatten();
        match status.and_then(|s| s.exit_status()).map(u8::try_from) {
            Some(Ok(code @ (LEFT | HOPELESS))) => End::Over(code),
            Some(code) => {
                let code = code.unwrap_or(u8::MAX);
                End::Again { why: format!("the daemon ended with exit code {code}"), reset: false }
            }
            None => End::Again { why: "the daemon was killed".to_owned(), reset: false },
        }
    }

    /// Ends the daemon, also a stopped one, before anything else.
    fn kill(&self, why: &str, reset: bool) -> End {
        let _ = pidfd_send_signal(&self.pidfd, Signal::KILL);
        End::Again { why: why.to_owned(), reset }
    }
}

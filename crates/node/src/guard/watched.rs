//! One daemon under guard: spawned, heard, and ended when it is dead, silent or too late.
//!
//! It must never fail in a way that leaves the daemon alive and unguarded: what cannot be done any more ends in its death.

use super::alarm::{Alarm, Event};
use super::place::Place;
use super::record::{RECORD_BYTES, Record};
use super::reset::Resetter;
use super::standing::Standing;
use super::{HOPELESS, LEFT, Options};
use crate::clock;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socketpair,
};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

/// How long a daemon that was told to stop at once may take beyond the reserve.
const STOP_NOW_PATIENCE: Duration = Duration::from_secs(2);

/// Why a watch over one daemon ended.
pub(super) enum End {
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

/// One daemon under guard.
pub(super) struct Watched {
    pidfd: OwnedFd,
    channel: OwnedFd,
    deadline: Option<Duration>,
    /// Told to stop at once: killed then.
    kill_at: Option<Duration>,
    /// How often it was told to leave.
    told: u32,
}

impl Watched {
    pub(super) fn spawn(options: &Options, place: &Place, standing: &Standing) -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC;
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        let Some((program, arguments)) = options.daemon.split_first() else {
            return Err(io::Error::other("no daemon to guard"));
        };
        let mut command = Command::new(program);
        // A group of its own: a terminal's interrupt is for the guard, which passes it on.
        command.args(arguments).stdin(Stdio::from(theirs)).process_group(0);
        let mut child = standing.as_anybody(|| command.spawn())?;
        // Closes our copy of its end.
        drop(command);
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let opened = pid.ok_or(rustix::io::Errno::INVAL);
        let opened = opened.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()));
        let pidfd = match opened {
            Ok(pidfd) => pidfd,
            Err(error) => {
                child.kill()?;
                child.wait()?;
                return Err(error.into());
            }
        };
        place.note_daemon(child.id());
        Ok(Self { pidfd, channel: ours, deadline: None, kill_at: None, told: 0 })
    }

    /// Until when this node may act, as the daemon said last.
    pub(super) fn deadline(&self) -> Option<Duration> {
        self.deadline
    }

    pub(super) fn watch(
        &mut self,
        options: &Options,
        alarm: &mut Alarm,
        resetter: &mut Resetter,
    ) -> End {
        loop {
            let at = self.wakes_at(options.reserve, resetter);
            let event =
                alarm.set(at).and_then(|()| alarm.wait(self.channel.as_fd(), self.pidfd.as_fd()));
            let event = match event {
                Ok(event) => event,
                Err(error) => return self.kill(&format!("the guard cannot wait: {error}"), false),
            };
            // Records first: they may have come while this process was stopped, and only the last one counts.
            match self.take_records() {
                Ok(false) => {}
                Ok(true) => {
                    let why = "a resource whose Failover_mode is HARD could not be stopped";
                    return self.kill(why, true);
                }
                Err(error) => {
                    return self.kill(&format!("the daemon cannot be heard: {error}"), false);
                }
            }
            if self.is_late(options.reserve) {
                return self.kill("the daemon has not renewed this node's lease in time", false);
            }
            if self.kill_at.is_some_and(|at| clock::boot() >= at) {
                return self.kill("the daemon did not stop as it was told", false);
            }
            resetter.feed();
            if event == Event::Died {
                return self.died();
            }
            if alarm.told() > self.told {
                self.pass_on(alarm.told(), options.reserve);
            }
        }
    }

    /// When there is something to do though nothing happens.
    fn wakes_at(&self, reserve: Duration, resetter: &Resetter) -> Option<Duration> {
        let late = self.deadline.map(|deadline| deadline.saturating_sub(reserve));
        let feed = resetter.feeds_every().map(|every| clock::boot() + every);
        [late, self.kill_at, feed].into_iter().flatten().min()
    }

    fn is_late(&self, reserve: Duration) -> bool {
        self.deadline.is_some_and(|deadline| clock::boot() >= deadline.saturating_sub(reserve))
    }

    /// Takes all records that are there and sends each back. TRUE: the machine shall be reset.
    fn take_records(&mut self) -> io::Result<bool> {
        let mut bytes = [0; RECORD_BYTES];
        loop {
            let got = match recv(&self.channel, &mut bytes, RecvFlags::DONTWAIT) {
                // The end of the channel is not yet the end of the daemon, which is told by its pidfd.
                Ok((0, _)) | Err(rustix::io::Errno::AGAIN | rustix::io::Errno::CONNRESET) => {
                    return Ok(false);
                }
                Err(rustix::io::Errno::INTR) => continue,
                Ok((_, length)) => length,
                Err(error) => return Err(error.into()),
            };
            match bytes.get(..got).and_then(Record::decode) {
                Some(Record::AliveUntil(until)) => self.deadline = Some(until),
                Some(Record::Reset) => return Ok(true),
                Some(Record::Leave | Record::StopNow) | None => {
                    tracing::error!("the daemon sent a record that is none");
                    continue;
                }
            }
            // A daemon that does not read its own records has other troubles.
            self.tell(&bytes);
        }
    }

    fn tell(&self, bytes: &[u8]) {
        let _ = send(&self.channel, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
    }

    /// The first signal: leave in order. Any other: stop at once.
    fn pass_on(&mut self, told: u32, reserve: Duration) {
        if self.told == 0 {
            tracing::info!(
                "told to end: this node leaves the cluster in order; a second signal stops everything at once"
            );
            self.tell(&Record::Leave.encode());
        }
        if told > 1 && self.kill_at.is_none() {
            tracing::warn!("told to end again: everything is stopped at once");
            self.tell(&Record::StopNow.encode());
            self.kill_at = Some(clock::boot() + reserve + STOP_NOW_PATIENCE);
        }
        self.told = told;
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

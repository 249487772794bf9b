//! The keeper: the process between the node daemon and one tree.
//!
//! `steadfast pmf-launch TAG` runs [`main`] before it makes threads or a runtime. The keeper reads its order from the
//! daemon, prepares what every descendant inherits (session, signal dispositions, cgroup, umask, no descriptors, no
//! supplementary groups), starts the command, and then adopts, reaps and reports until no descendant is left. It must never
//! end before that, unless it is told to release the tree, and never outlive it.
//!
//! When the daemon's end of the socket closes, the keeper kills the tree and goes on killing until nobody is left.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{ExitCode, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use rustix::fs::Mode;
use rustix::net::SendFlags;
use rustix::process::{Pid, WaitOptions, getpid, set_child_subreaper, setsid, umask, wait};

use crate::cgroup::{self, Cgroup};
use crate::depth::Depths;
use crate::exit::Exit;
use crate::wire::{KILL, ORDER_BYTES_MAX, Order, RELEASE, Report};
use crate::{proc, sys};

/// How often the descent is looked at while a depth of 1 or more is watched: forks are not announced.
const DEPTH_LOOK: Duration = Duration::from_millis(200);
/// First and longest pause between two rounds of killing.
const KILL_PAUSE: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(500));
/// What waits to be handled at once; a full channel makes the reaper wait.
const FACTS_MAX: usize = 256;

/// Runs the keeper to its end. Standard input is the daemon's socket, standard output and error the tree's.
///
/// Must be the first thing a process does: it closes every descriptor above 2, whoever opened it.
pub fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(2), // the daemon sees the socket close; there is nobody else to tell
    }
}

fn run() -> io::Result<()> {
    sys::close_inherited();
    // A duplicate is close-on-exec and above 2: no descendant holds the daemon's socket.
    let mut socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut order = read_order(&mut socket)?;
    std::env::set_current_dir("/")?;
    sys::reset_signals();
    // An error means that we lead a session already.
    let _ = setsid();
    umask(Mode::from_raw_mode(0o022));
    let _ = std::fs::write("/proc/self/oom_score_adj", "0");
    set_child_subreaper(Some(getpid()))?;
    if rustix::process::geteuid().is_root() {
        // May fail in a user namespace that forbids it; there, there are no groups to lose.
        let _ = rustix::thread::set_thread_groups(&[]);
    }
    let first = match start(&mut order, &socket) {
        Ok(first) => first,
        Err(error) => {
            tell(&socket, &Report::Refused(error.raw_os_error().unwrap_or(libc::EIO)));
            return Ok(());
        }
    };
    // The keeper holds no pipe open; its directory is / for the same reason.
    let null = File::options().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(&null)?;
    tell(&socket, &Report::Started(first));
    let (facts, inbox) = sync_channel(FACTS_MAX);
    let reaper = facts.clone();
    std::thread::Builder::new().stack_size(64 * 1024).spawn(move || reap(&reaper))?;
    let listening = socket.try_clone()?;
    std::thread::Builder::new().stack_size(64 * 1024).spawn(move || listen(listening, &facts))?;
    Keeper::new(order, socket, first).keep(&inbox);
    Ok(())
}

fn read_order(socket: &mut UnixStream) -> io::Result<Order> {
    let mut length = [0; 4];
    socket.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length) as usize;
    if length > ORDER_BYTES_MAX {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut text = vec![0; length];
    socket.read_exact(&mut text)?;
    serde_json::from_slice(&text).map_err(io::Error::from)
}

/// Starts the command inside the tree's cgroup, while the keeper itself stays outside: it must survive its killing. If it
/// cannot, the order has no cgroup any more, and the tree is killed by descent.
fn start(order: &mut Order, socket: &UnixStream) -> io::Result<i32> {
    let joined = order.cgroup.as_deref().map(cgroup::join);
    let child = spawn(order);
    let left = match (&joined, &order.cgroup_home) {
        (Some(Ok(())), Some(home)) => cgroup::join(home),
        _ => Ok(()),
    };
    if let Err(error) = joined.unwrap_or(Ok(())).and(left) {
        order.cgroup = None;
        tell(socket, &Report::NoCgroup(error.raw_os_error().unwrap_or(libc::EIO)));
    }
    i32::try_from(child?.id()).map_err(|_| io::ErrorKind::InvalidData.into())
}

fn spawn(order: &Order) -> io::Result<std::process::Child> {
    let inherited = |fd: io::Result<OwnedFd>| fd.map(Stdio::from);
    let mut command = std::process::Command::new(&order.program);
    if let Some((zero, arguments)) = order.argv.split_first() {
        command.arg0(zero).args(arguments);
    }
    command
        .env_clear()
        .envs(order.env.iter().map(|(name, value)| (name, value)))
        .current_dir(&order.cwd)
        .stdin(Stdio::null())
        .stdout(inherited(io::stdout().as_fd().try_clone_to_owned())?)
        .stderr(inherited(io::stderr().as_fd().try_clone_to_owned())?)
        .process_group(0);
    if let Some(owner) = order.owner {
        command.uid(owner.uid).gid(owner.gid);
    }
    command.spawn()
}

/// Never raises SIGPIPE: a keeper whose daemon is dead has work to do.
fn tell(socket: &UnixStream, report: &Report) {
    let line = report.to_line();
    let mut rest = line.as_bytes();
    while !rest.is_empty() {
        match rustix::net::send(socket, rest, SendFlags::NOSIGNAL) {
            Ok(sent) => rest = rest.get(sent..).unwrap_or_default(),
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return,
        }
    }
}

/// What the keeper learns.
enum Fact {
    ChildEnded(i32, Exit),
    NobodyLeft,
    KillAsked,
    ReleaseAsked,
    DaemonGone,
}

/// Reaps whoever ends: the command, and every orphan of the tree.
fn reap(facts: &SyncSender<Fact>) {
    loop {
        let fact = match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) => {
                Fact::ChildEnded(pid.as_raw_nonzero().get(), exit_of(status))
            }
            Ok(None) | Err(rustix::io::Errno::INTR) => continue,
            Err(_) => Fact::NobodyLeft,
        };
        let is_last = matches!(fact, Fact::NobodyLeft);
        if facts.send(fact).is_err() || is_last {
            return;
        }
    }
}

fn exit_of(status: rustix::process::WaitStatus) -> Exit {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => Exit::Exited(code),
        (None, signal) => Exit::Signalled(signal.unwrap_or_default()),
    }
}

/// Takes the daemon's bytes; the end of the socket is the end of the daemon.
fn listen(mut socket: UnixStream, facts: &SyncSender<Fact>) {
    let mut byte = [0];
    loop {
        let fact = match socket.read(&mut byte) {
            Ok(1) if byte == [KILL] => Fact::KillAsked,
            Ok(1) if byte == [RELEASE] => Fact::ReleaseAsked,
            Ok(1) => continue,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            _ => Fact::DaemonGone,
        };
        let is_last = matches!(fact, Fact::DaemonGone);
        if facts.send(fact).is_err() || is_last {
            return;
        }
    }
}

/// What one keeper knows of its tree.
struct Keeper {
    socket: UnixStream,
    own_pid: i32,
    first: i32,
    cgroup: Option<Cgroup>,
    /// `-C` of 1 or more, until the watched depth is empty.
    depths: Option<Depths>,
    is_only_first_watched: bool,
    /// The pause before the next round of killing, once killing has begun.
    kill_pause: Option<Duration>,
    is_daemon_gone: bool,
}

impl Keeper {
    fn new(order: Order, socket: UnixStream, first: i32) -> Self {
        let own_pid = Pid::as_raw(Some(getpid()));
        let level = order.level;
        Self {
            socket,
            own_pid,
            first,
            cgroup: order.cgroup.map(Cgroup::at),
            depths: level
                .filter(|level| *level > 0)
                .map(|level| Depths::new(own_pid, first, level)),
            is_only_first_watched: level == Some(0),
            kill_pause: None,
            is_daemon_gone: false,
        }
    }

    fn keep(mut self, inbox: &Receiver<Fact>) {
        loop {
            match self.next(inbox) {
                Some(Fact::ChildEnded(pid, exit)) => self.handle_child_ended(pid, exit),
                Some(Fact::NobodyLeft) => return self.handle_nobody_left(),
                Some(Fact::ReleaseAsked) if self.kill_pause.is_none() => return,
                Some(Fact::ReleaseAsked) => {}
                Some(Fact::KillAsked) => self.begin_killing(),
                Some(Fact::DaemonGone) => {
                    self.is_daemon_gone = true;
                    self.begin_killing();
                }
                None => self.handle_tick(),
            }
        }
    }

    /// The next fact, or none when it is time to look at the tree again.
    fn next(&self, inbox: &Receiver<Fact>) -> Option<Fact> {
        let patience = match (self.kill_pause, &self.depths) {
            (Some(pause), _) => pause,
            (None, Some(_)) => DEPTH_LOOK,
            (None, None) => return Some(inbox.recv().unwrap_or(Fact::NobodyLeft)),
        };
        match inbox.recv_timeout(patience) {
            Ok(fact) => Some(fact),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Fact::NobodyLeft),
        }
    }

    fn handle_child_ended(&mut self, pid: i32, exit: Exit) {
        // Before the death is told: whoever hears of it may kill the next, and then nobody knows whose child that one's was.
        let is_watched_gone = self.is_watched_gone();
        if pid == self.first {
            // The number may be used again by an orphan: it is not ours any more.
            self.first = 0;
            tell(&self.socket, &Report::First(exit));
            if self.is_only_first_watched {
                tell(&self.socket, &Report::Watched);
            }
        }
        if is_watched_gone {
            tell(&self.socket, &Report::Watched);
        }
    }

    /// Looks at the tree, if a depth is watched; true once.
    fn is_watched_gone(&mut self) -> bool {
        let own_pid = self.own_pid;
        let is_gone = |depths: &mut Depths| !depths.is_anyone_alive(&proc::descent(own_pid));
        self.depths.take_if(is_gone).is_some()
    }

    fn handle_nobody_left(self) {
        tell(&self.socket, &Report::Empty);
        if self.is_daemon_gone
            && let Some(cgroup) = &self.cgroup
        {
            cgroup.remove();
        }
    }

    fn begin_killing(&mut self) {
        if self.kill_pause.is_none() {
            self.kill_pause = Some(KILL_PAUSE.0);
            match &self.cgroup {
                // Usually this is all it takes; who left the cgroup is found at the next tick.
                Some(cgroup) => cgroup.kill(),
                None => proc::kill_descent(self.own_pid),
            }
        }
    }

    fn handle_tick(&mut self) {
        if let Some(pause) = self.kill_pause {
            if let Some(cgroup) = &self.cgroup {
                cgroup.kill();
            }
            proc::kill_descent(self.own_pid);
            self.kill_pause = Some((pause * 2).min(KILL_PAUSE.1));
        } else if self.is_watched_gone() {
            tell(&self.socket, &Report::Watched);
        }
    }
}

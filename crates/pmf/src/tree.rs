//! A process tree as the daemon sees it: started through a keeper, watched, signalled, ended.
//!
//! One task attends each keeper: it takes the keeper's reports, publishes them, and reaps it. Dropping a
//! [`Tree`] closes the socket, and the keeper kills the tree; so does the death of this process.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::net::unix::OwnedWriteHalf;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

use crate::attendant::{Attendant, TreeState};
use crate::cgroup::{Cgroup, CgroupParent};
use crate::command::{Command, NotStarted};
use crate::exit::Exit;
use crate::output::{LogSink, OutputTail, Reader, log_to_tracing};
use crate::proc::{Process, Survivors};
use crate::wire::{KILL, ORDER_BYTES_MAX, Order, RELEASE};
use crate::{proc, program, reap};

/// How long a keeper may take to kill before the daemon looks after the keeper itself.
const KEEPER_PATIENCE: Duration = Duration::from_secs(1);

/// The program that becomes a keeper: it must call [`crate::launcher::main`] first of all.
#[derive(Clone, Debug)]
pub struct Launcher {
    /// Path of the program.
    pub program: PathBuf,
    /// Arguments; the tag is appended, for those who read `ps`.
    pub args: Vec<String>,
}

impl Launcher {
    /// This binary with the argument `pmf-launch`, also after its file was replaced.
    pub fn this_binary() -> Self {
        Self { program: "/proc/self/exe".into(), args: vec!["pmf-launch".into()] }
    }
}

/// Where trees are started: with which launcher, cgroups and log.
#[derive(Clone)]
pub struct Trees {
    launcher: Launcher,
    cgroups: Option<Arc<CgroupParent>>,
    log: LogSink,
}

/// How one tree is watched.
#[derive(Clone, Copy, Debug, Default)]
pub struct TreeOptions {
    /// Only processes down to this depth count as its life (`pmfadm -C`); `None`: all.
    pub level: Option<u32>,
    /// How many of the last bytes of output are kept.
    pub tail_bytes_max: usize,
}

impl Trees {
    /// Trees without cgroups whose output goes to `tracing`.
    pub fn new(launcher: Launcher) -> Self {
        Self { launcher, cgroups: None, log: log_to_tracing() }
    }

    /// The same with a cgroup for each tree.
    #[must_use]
    pub fn with_cgroups(self, parent: Arc<CgroupParent>) -> Self {
        Self { cgroups: Some(parent), ..self }
    }

    /// The same with another sink for what trees write.
    #[must_use]
    pub fn with_log(self, log: LogSink) -> Self {
        Self { log, ..self }
    }

    /// Starts a tree. When it returns, the command is executing. Cancelling it ends whatever was begun.
    pub async fn start(
        &self,
        tag: &str,
        command: &Command,
        options: TreeOptions,
    ) -> Result<Tree, NotStarted> {
        let (this, name, asked) = (self.clone(), tag.to_owned(), command.clone());
        let prepared = tokio::task::spawn_blocking(move || this.prepare(&name, &asked, options));
        let prepared =
            prepared.await.map_err(|error| machine("cannot start a thread", error))??;
        let program = prepared.order.program.clone();
        let order = encode(&prepared.order)?;
        let mut tree = Tree::attend(prepared, tag, self.log.clone(), options)?;
        // An error means that the keeper has ended; its attendant tells.
        let _ = tree.to_keeper.write_all(&order).await;
        let mut state = tree.state.clone();
        let known = state.wait_for(|state| state.started.is_some()).await;
        match known.ok().and_then(|state| state.started) {
            Some(Ok(_)) => Ok(tree),
            Some(Err(errno)) => Err(program::explain(&program, errno)),
            None => Err(machine("the keeper was not attended", "the runtime is ending")),
        }
    }

    /// Everything that may block: looks at files, makes the cgroup, starts the keeper.
    fn prepare(
        &self,
        tag: &str,
        command: &Command,
        options: TreeOptions,
    ) -> Result<Prepared, NotStarted> {
        let program = program::resolve(command)?;
        let cgroup = self.cgroups.as_ref().and_then(|parent| match parent.create(tag) {
            Ok(cgroup) => Some(cgroup),
            Err(error) => {
                tracing::warn!(
                    tag,
                    "no cgroup below {}: {error}; the tree runs without",
                    parent.path().display()
                );
                None
            }
        });
        let order = Order {
            program,
            argv: command.argv.clone(),
            env: command.env.clone(),
            cwd: command.cwd.clone().unwrap_or_else(|| "/".into()),
            owner: command.owner,
            cgroup: cgroup.as_ref().map(|cgroup| cgroup.path().to_owned()),
            cgroup_home: self.cgroups.as_ref().map(|parent| parent.home().to_owned()),
            level: options.level,
        };
        match self.spawn_keeper(tag) {
            Ok((keeper, socket, pipe)) => Ok(Prepared { order, cgroup, keeper, socket, pipe }),
            Err(error) => {
                let what = format!("cannot start the keeper {}", self.launcher.program.display());
                Err(machine(&what, error))
            }
        }
    }

    fn spawn_keeper(&self, tag: &str) -> io::Result<(reap::Keeper, OwnedFd, OwnedFd)> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let (pipe, output) = io::pipe()?;
        let mut command = std::process::Command::new(&self.launcher.program);
        command
            .arg0("steadfast")
            .args(&self.launcher.args)
            .arg(tag)
            .env_clear()
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(output.try_clone()?)
            .stderr(output);
        let keeper = reap::Keeper::spawn(&mut command)?;
        Ok((keeper, ours.into(), pipe.into()))
    }
}

fn machine(what: &str, error: impl std::fmt::Display) -> NotStarted {
    NotStarted::Machine { what: what.into(), error: error.to_string() }
}

fn encode(order: &Order) -> Result<Vec<u8>, NotStarted> {
    let text = serde_json::to_vec(order).map_err(|error| machine("cannot order", error))?;
    let length = u32::try_from(text.len()).ok().filter(|_| text.len() <= ORDER_BYTES_MAX);
    let length = length.ok_or_else(|| machine("cannot order", "the command is too large"))?;
    Ok([&length.to_be_bytes()[..], &text].concat())
}

struct Prepared {
    order: Order,
    cgroup: Option<Cgroup>,
    keeper: reap::Keeper,
    socket: OwnedFd,
    pipe: OwnedFd,
}

/// A running tree. Dropping it kills the tree.
#[derive(Debug)]
pub struct Tree {
    keeper_pid: i32,
    to_keeper: OwnedWriteHalf,
    state: watch::Receiver<TreeState>,
    output: Reader,
    is_released: Arc<AtomicBool>,
    begun: Instant,
    cgroup: Option<PathBuf>,
}

impl Tree {
    fn attend(
        prepared: Prepared,
        tag: &str,
        log: LogSink,
        options: TreeOptions,
    ) -> Result<Self, NotStarted> {
        let Prepared { order, cgroup, keeper, socket, pipe } = prepared;
        let failed = |error: io::Error| machine("cannot attend the keeper", error);
        let socket = UnixStream::from_std(socket.into()).map_err(failed)?;
        let output = Reader::start(pipe, tag, log, options.tail_bytes_max).map_err(failed)?;
        let (from_keeper, to_keeper) = socket.into_split();
        let (publish, state) = watch::channel(TreeState::default());
        let is_released = Arc::new(AtomicBool::new(false));
        let keeper_pid = keeper.pid();
        let attendant = Attendant {
            tag: tag.to_owned(),
            keeper,
            cgroup,
            publish,
            is_released: is_released.clone(),
        };
        tokio::spawn(attendant.run(from_keeper));
        let cgroup = order.cgroup;
        let begun = Instant::now();
        Ok(Self { keeper_pid, to_keeper, state, output, is_released, begun, cgroup })
    }

    /// The process that was started; its number means nothing once it has ended.
    pub fn first_pid(&self) -> Option<i32> {
        self.state.borrow().started.and_then(Result::ok)
    }

    /// The keeper: every process of the tree descends from it.
    pub fn keeper_pid(&self) -> i32 {
        self.keeper_pid
    }

    /// How long ago it was started.
    pub fn age(&self) -> Duration {
        self.begun.elapsed()
    }

    /// The cgroup of the tree, when it has one.
    pub fn cgroup(&self) -> Option<&PathBuf> {
        self.cgroup.as_ref()
    }

    /// How the started process ended, once it has.
    pub fn first_exit_now(&self) -> Option<Exit> {
        self.state.borrow().first
    }

    /// Whether nobody is left.
    pub fn is_empty(&self) -> bool {
        self.state.borrow().is_empty
    }

    /// Whether the keeper's number still stands for the keeper.
    fn is_kept(&self) -> bool {
        let state = self.state.borrow();
        !state.is_empty && !state.is_keeper_gone
    }

    /// Resolves when the started process has ended.
    pub async fn first_exit(&self) -> Exit {
        let mut state = self.state.clone();
        let known = state.wait_for(|state| state.first.is_some()).await;
        known.ok().and_then(|state| state.first).unwrap_or(Exit::Signalled(libc::SIGKILL))
    }

    /// Resolves when nobody down to the watched depth is alive: for PMF, the tree's death.
    pub async fn died(&self) {
        let mut state = self.state.clone();
        // An error means that the attendant has ended: there is no tree any more.
        let _ = state.wait_for(|state| state.is_watched_gone || state.is_empty).await;
    }

    /// Resolves when nobody at all is left.
    pub async fn emptied(&self) {
        let mut state = self.state.clone();
        let _ = state.wait_for(|state| state.is_empty).await;
    }

    /// Waits until nobody is left; names those who still are.
    pub async fn wait_empty(&self, patience: Duration) -> Result<(), Survivors> {
        if timeout(patience, self.emptied()).await.is_ok() {
            return Ok(());
        }
        let processes = self.members().await;
        if self.is_empty() { Ok(()) } else { Err(Survivors { processes }) }
    }

    /// The living processes of the tree.
    pub async fn members(&self) -> Vec<Process> {
        members_of(self.keeper_pid, !self.is_kept()).await
    }

    /// Sends a signal to every process of the tree; says how many got it. Numbers that are no signal reach nobody.
    pub async fn signal(&self, number: i32) -> usize {
        let keeper = self.keeper_pid;
        if !self.is_kept() {
            return 0;
        }
        let signalled = tokio::task::spawn_blocking(move || {
            let count = proc::signal_descent(keeper, number);
            if number == libc::SIGTERM {
                // A stopped process would not take it before it goes on.
                proc::signal_descent(keeper, libc::SIGCONT);
            }
            count
        });
        signalled.await.unwrap_or_default()
    }

    /// Orders the keeper to kill everybody, and to go on until nobody is left.
    pub fn kill_all(&self) {
        // The buffer of the socket holds more of these bytes than anybody sends; an error means that the keeper is gone.
        let _ = self.to_keeper.try_write(&[KILL]);
    }

    /// Kills everybody and waits until nobody is left. A tree that is empty already costs nothing.
    pub async fn end(&self, patience: Duration) -> Result<(), Survivors> {
        if self.is_empty() {
            return Ok(());
        }
        let deadline = deadline_after(patience);
        self.kill_all();
        let soon = deadline.min(Instant::now() + KEEPER_PATIENCE);
        if timeout_at(soon, self.emptied()).await.is_ok() {
            return Ok(());
        }
        if !self.is_kept() {
            return self.wait_empty(deadline.saturating_duration_since(Instant::now())).await;
        }
        // Somebody may have stopped the keeper.
        let (keeper, cgroup) = (self.keeper_pid, self.cgroup.clone());
        let woken = tokio::task::spawn_blocking(move || {
            if let Some(keeper) = proc::read(keeper) {
                proc::signal(&keeper, libc::SIGCONT);
            }
            proc::kill_descent(keeper);
            cgroup.map(Cgroup::at).inspect(Cgroup::kill);
        });
        let _ = woken.await;
        self.wait_empty(deadline.saturating_duration_since(Instant::now())).await
    }

    /// Lets go: what runs goes on without being watched, its output goes nowhere. Returns what it wrote last.
    pub async fn release(self) -> OutputTail {
        self.is_released.store(true, Ordering::Release);
        reap::note_release();
        let _ = self.to_keeper.try_write(&[RELEASE]);
        let mut state = self.state.clone();
        let _ = state.wait_for(|state| state.is_keeper_gone || state.is_empty).await;
        self.output.finish().await
    }

    /// What it wrote last; the pipe is closed, also when somebody still holds the other end.
    pub async fn finish(self) -> OutputTail {
        self.output.finish().await
    }
}

/// The instant so far away; a patience beyond all bounds is a year.
pub(crate) fn deadline_after(patience: Duration) -> Instant {
    Instant::now() + patience.min(Duration::from_secs(365 * 24 * 3600))
}

/// The living descendants of a keeper.
pub(crate) async fn members_of(keeper: i32, is_empty: bool) -> Vec<Process> {
    if is_empty {
        return Vec::new();
    }
    let members = tokio::task::spawn_blocking(move || proc::descent(keeper)).await;
    members.unwrap_or_default().into_iter().filter(|process| !process.is_zombie()).collect()
}

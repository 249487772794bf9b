//! One tag: a task that owns its tree, restarts it within the budget, and asks the action program when that is exhausted.
//!
//! ```text
//! Starting ─► Running ─► Restarting ─► Running …        (death within the budget)
//!                │  └──► Asking ─► Restarting | Gone    (budget exhausted)
//!                └─────► Stopping ─► Gone               (pmfadm -s, then the last process ends)
//! ```
//!
//! It must never restart what was stopped, nor start a second tree while processes of the first can still be killed.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::command::{Command, NotStarted, Owner, Trust};
use crate::exit::Exit;
use crate::method::MethodRun;
use crate::request::{CreateTag, Period, Retries, TagPhase};
use crate::tree::{Tree, TreeOptions, Trees};
use crate::window::{Backoff, FailureWindow, Verdict};

/// How long what died of a tree only in part may resist being killed before it is restarted all the same.
const LEFTOVERS_PATIENCE: Duration = Duration::from_secs(10);
/// How long an action program may take; then it counts as failed.
const ACTION_TIMEOUT: Duration = Duration::from_secs(300);
/// `PATH` of an action program whose tag has none.
const ACTION_PATH: &str = "/usr/bin:/bin:/usr/sbin:/sbin";

/// One death of a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Death {
    /// Which life of the tag ended: 1 for the first.
    pub life: u64,
    /// How long it lasted; zero when the restart itself failed.
    pub lived: Duration,
    /// How the started process ended; `None` when it could not be started again.
    pub exit: Option<Exit>,
}

/// What is published of a tag.
#[derive(Clone, Debug)]
pub(crate) struct TagState {
    pub(crate) phase: TagPhase,
    pub(crate) deaths: u64,
    pub(crate) last: Option<Death>,
    /// The current tree's keeper and first process.
    pub(crate) tree: Option<(i32, Option<i32>)>,
    pub(crate) retries: Retries,
    pub(crate) period: Period,
    pub(crate) failures: u32,
}

impl TagState {
    pub(crate) fn new(create: &CreateTag) -> Self {
        Self {
            phase: TagPhase::Starting,
            deaths: 0,
            last: None,
            tree: None,
            retries: create.retries,
            period: create.period,
            failures: 0,
        }
    }
}

/// A subscription to the deaths of one tag.
#[derive(Clone, Debug)]
pub struct TagWatch {
    state: watch::Receiver<TagState>,
    seen: u64,
}

impl TagWatch {
    pub(crate) fn new(state: watch::Receiver<TagState>, seen: u64) -> Self {
        Self { state, seen }
    }

    /// Resolves as soon as the tag has died since this was last asked (or since the subscription); at once when it has
    /// already. Several deaths are told as the last one. `None`: the tag is gone, and there was no death to tell.
    pub async fn died(&mut self) -> Option<Death> {
        let seen = self.seen;
        let is_told = |state: &TagState| state.deaths > seen || state.phase == TagPhase::Gone;
        // An error means that its task has ended; the last state is still there.
        let _ = self.state.wait_for(is_told).await.map(drop);
        let state = self.state.borrow().clone();
        if state.deaths == seen {
            return None;
        }
        self.seen = state.deaths;
        state.last
    }

    /// Resolves when the tag runs; at once when it does. `None`: it is gone.
    pub async fn running(&mut self) -> Option<()> {
        let is_told = |state: &TagState| matches!(state.phase, TagPhase::Running | TagPhase::Gone);
        let state = self.state.wait_for(is_told).await.ok()?;
        (state.phase == TagPhase::Running).then_some(())
    }

    /// Resolves when there is no such tag any more.
    pub async fn gone(&mut self) {
        let _ = self.state.wait_for(|state| state.phase == TagPhase::Gone).await;
    }
}

/// What the registry tells a tag.
#[derive(Debug)]
pub(crate) enum Order {
    Modify(Option<Retries>, Option<Period>),
    Stop(Option<i32>),
    Signal(i32),
    /// How many failures count now.
    Refresh,
}

/// An order, and where it is told that it was carried out.
pub(crate) type Mail = (Order, oneshot::Sender<()>);

pub(crate) struct TagTask {
    pub(crate) create: CreateTag,
    pub(crate) owner: Owner,
    pub(crate) trees: Trees,
    pub(crate) inbox: mpsc::Receiver<Mail>,
    pub(crate) publish: watch::Sender<TagState>,
    /// Takes the tag out of the registry.
    pub(crate) unregister: Arc<dyn Fn() + Send + Sync>,
    pub(crate) origin: Instant,
    pub(crate) window: FailureWindow,
    pub(crate) backoff: Backoff,
    pub(crate) tree: Option<Tree>,
    pub(crate) is_stopped: bool,
}

enum Event {
    Died,
    Told(Option<Mail>),
}

impl TagTask {
    pub(crate) async fn run(mut self, first: oneshot::Sender<Result<(), NotStarted>>) {
        match self.start().await {
            Ok(()) => {
                let _ = first.send(Ok(()));
                self.keep().await;
                self.retire();
            }
            Err(reason) => {
                self.retire();
                let _ = first.send(Err(reason));
            }
        }
    }

    /// First out of the registry, then gone: whoever waited for the end may use the name again.
    fn retire(&self) {
        (self.unregister)();
        self.publish.send_modify(|state| {
            state.phase = TagPhase::Gone;
            state.tree = None;
        });
    }

    async fn keep(&mut self) {
        loop {
            match self.next().await {
                Event::Died => {
                    if !self.handle_death().await {
                        return;
                    }
                }
                Event::Told(Some(mail)) => self.handle_mail(mail).await,
                // The registry is gone; dropping the tree kills it.
                Event::Told(None) => return,
            }
        }
    }

    async fn next(&mut self) -> Event {
        let Some(tree) = &self.tree else { return Event::Died };
        let is_stopped = self.is_stopped;
        let died = async { if is_stopped { tree.emptied().await } else { tree.died().await } };
        tokio::select! {
            biased;
            () = died => Event::Died,
            mail = self.inbox.recv() => Event::Told(mail),
        }
    }

    async fn start(&mut self) -> Result<(), NotStarted> {
        let command = Command {
            argv: self.create.command.clone(),
            env: self.create.env.clone(),
            cwd: self.create.cwd.clone(),
            owner: Some(self.owner),
            trust: Trust::Any,
        };
        let options = TreeOptions { level: self.create.level, tail_bytes_max: 0 };
        let tree = self.trees.start(&self.create.tag, &command, options).await?;
        self.publish.send_modify(|state| {
            state.phase = TagPhase::Running;
            state.tree = Some((tree.keeper_pid(), tree.first_pid()));
        });
        self.tree = Some(tree);
        Ok(())
    }

    async fn handle_mail(&mut self, (order, done): Mail) {
        match order {
            Order::Modify(retries, period) => self.window.modify(retries, period),
            Order::Refresh => {}
            Order::Signal(signal) => self.signal(signal).await,
            Order::Stop(signal) => {
                self.is_stopped = true;
                self.publish.send_modify(|state| state.phase = TagPhase::Stopping);
                if let Some(signal) = signal {
                    self.signal(signal).await;
                }
            }
        }
        self.publish_budget();
        // Whoever asked may have gone.
        let _ = done.send(());
    }

    async fn signal(&self, signal: i32) {
        let Some(tree) = &self.tree else { return };
        if signal == libc::SIGKILL {
            tree.kill_all();
        } else {
            let count = tree.signal(signal).await;
            let name = crate::signal_name(signal);
            tracing::info!(tag = self.create.tag, "sent {name} to {count} processes");
        }
    }

    fn publish_budget(&mut self) {
        let (retries, period) = self.window.limits();
        let failures = u32::try_from(self.window.failures(self.origin.elapsed()));
        self.publish.send_modify(|state| {
            (state.retries, state.period) = (retries, period);
            state.failures = failures.unwrap_or(u32::MAX);
        });
    }

    fn publish_death(&self, lived: Duration, exit: Option<Exit>) {
        let is_stopped = self.is_stopped;
        self.publish.send_modify(|state| {
            state.deaths += 1;
            state.last = Some(Death { life: state.deaths, lived, exit });
            state.phase = if is_stopped { TagPhase::Stopping } else { TagPhase::Restarting };
        });
    }

    /// Says whether the tag goes on.
    async fn handle_death(&mut self) -> bool {
        let Some(tree) = self.tree.take() else { return false };
        let (lived, exit) = (tree.age(), tree.first_exit_now());
        self.publish_death(lived, exit);
        if let Err(survivors) = tree.end(LEFTOVERS_PATIENCE).await {
            tracing::error!(tag = self.create.tag, "killed after its death, but {survivors}");
        }
        self.publish.send_modify(|state| state.tree = None);
        let _ = tree.finish().await;
        let how = exit.map_or_else(|| "ended".to_owned(), |exit| exit.to_string());
        if self.is_stopped {
            tracing::info!(tag = self.create.tag, "{how}; it was stopped, so the tag is removed");
            return false;
        }
        tracing::warn!(tag = self.create.tag, "{how} after {} ms", lived.as_millis());
        self.recover(lived).await
    }

    /// Restarts, as long as the budget or the action program allows; says whether the tag goes on.
    async fn recover(&mut self, mut lived: Duration) -> bool {
        loop {
            let verdict = self.window.record(self.origin.elapsed());
            self.publish_budget();
            if verdict == Verdict::Exhausted && !self.ask_action().await {
                return false;
            }
            let pause = self.backoff.pause(lived);
            let slept = self.while_told(tokio::time::sleep(pause)).await;
            if slept.is_none() {
                return false;
            }
            match self.start().await {
                Ok(()) => {
                    let ms = pause.as_millis();
                    tracing::info!(tag = self.create.tag, "restarted after a pause of {ms} ms");
                    return true;
                }
                Err(reason) => {
                    tracing::error!(tag = self.create.tag, "cannot be restarted: {reason}");
                    lived = Duration::ZERO;
                    self.publish_death(lived, None);
                }
            }
        }
    }

    /// Whether the action program asks for another restart.
    async fn ask_action(&mut self) -> bool {
        let (retries, period) = self.window.limits();
        let (retries, period) = (i64::from(retries), i64::from(period));
        let Some(action) = self.create.action.clone() else {
            let tag = &self.create.tag;
            if retries == 0 {
                // Nobody asked for restarts: a monitor watches the tag, or nobody minds.
                tracing::info!(tag, "its processes have ended: the tag is removed");
            } else {
                tracing::error!(
                    tag,
                    "more than {retries} failures (period {period} minutes) and no action program: the tag is removed"
                );
            }
            return false;
        };
        self.publish.send_modify(|state| state.phase = TagPhase::Asking);
        let words = action.split_ascii_whitespace().chain(["failed", &self.create.tag]);
        let path = self.create.env.iter().find(|(name, _)| name == "PATH");
        let path = path.map_or(ACTION_PATH, |(_, value)| value);
        let mut command = Command::new(words).with_env([("PATH", path)]);
        command.cwd.clone_from(&self.create.cwd);
        command.owner = Some(self.owner);
        let run = MethodRun::new(format!("{}.action", self.create.tag), command, ACTION_TIMEOUT);
        let trees = self.trees.clone();
        let Some(outcome) = self.while_told(trees.run_to_end(&run)).await else { return false };
        let is_restart = outcome.result.is_success();
        let next = if is_restart { "restarting" } else { "the tag is removed" };
        tracing::warn!(
            tag = self.create.tag,
            "more than {retries} failures (period {period} minutes); the action {action} {}: {next}",
            outcome.result
        );
        self.publish.send_modify(|state| state.phase = TagPhase::Restarting);
        is_restart
    }

    /// Waits for something while orders are taken; none when the tag was stopped meanwhile.
    async fn while_told<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::pin!(work);
        loop {
            tokio::select! {
                biased;
                mail = self.inbox.recv() => self.handle_mail(mail?).await,
                done = &mut work => return Some(done),
            }
            if self.is_stopped {
                return None;
            }
        }
    }
}

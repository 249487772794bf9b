//! The registry of tags: what `pmfadm` asks for, and what the node daemon itself starts.
//!
//! A map from names to the mailboxes of their tasks, and the rules of who may do what. It must never hold its lock across
//! an await.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, timeout, timeout_at};

use crate::command::Owner;
use crate::proc::{Process, Survivors};
use crate::request::{Caller, CreateTag, PmfAnswer, PmfRequest, TagPhase, TagStatus, Wait};
use crate::sys;
use crate::tag::{Mail, Order, TagState, TagTask, TagWatch};
use crate::tree::{Trees, deadline_after, members_of};
use crate::window::{Backoff, FailureWindow};

/// Orders that wait for one tag at once; who comes later waits.
const MAILBOX_MAX: usize = 16;
/// Longest tag, in bytes (sun-cluster.md §12).
const TAG_BYTES_MAX: usize = 255;
/// Longest action, in bytes.
const ACTION_BYTES_MAX: usize = 4096;

/// The process monitor facility of one node. Clones are the same registry; when the last is dropped, all trees are killed.
#[derive(Clone)]
pub struct Pmf {
    trees: Trees,
    registry: Arc<Registry>,
}

#[derive(Default)]
struct Registry {
    tags: Mutex<BTreeMap<String, Handle>>,
    serial: AtomicU64,
}

#[derive(Clone)]
struct Handle {
    serial: u64,
    owner: Owner,
    create: Arc<CreateTag>,
    mailbox: mpsc::Sender<Mail>,
    state: watch::Receiver<TagState>,
}

impl Registry {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Handle>> {
        self.tags.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remove(&self, tag: &str, serial: u64) {
        let mut tags = self.lock();
        if tags.get(tag).is_some_and(|handle| handle.serial == serial) {
            tags.remove(tag);
        }
    }
}

impl Handle {
    /// Waits until the task has carried it out, or is gone.
    async fn tell(&self, order: Order) {
        let (done, is_done) = oneshot::channel();
        if self.mailbox.send((order, done)).await.is_ok() {
            let _ = is_done.await;
        }
    }
}

impl Pmf {
    /// Most tags of a node.
    pub const TAGS_MAX: usize = 2048;
    /// Most tags of one user other than root.
    pub const TAGS_PER_USER_MAX: usize = 128;

    /// An empty registry that starts its trees here.
    pub fn new(trees: Trees) -> Self {
        Self { trees, registry: Arc::default() }
    }

    /// Where it starts its trees.
    pub fn trees(&self) -> &Trees {
        &self.trees
    }

    /// Carries out one request. Takes as long as the request says to wait.
    pub async fn handle(&self, caller: Caller, request: PmfRequest) -> PmfAnswer {
        let answer = match request {
            PmfRequest::Create(create) => {
                self.create(caller, create).await.map(|_| PmfAnswer::done())
            }
            PmfRequest::Modify { tag, retries, period } => {
                self.order(caller, &tag, Order::Modify(retries, period)).await
            }
            PmfRequest::Stop { tag, signal, wait } => self.stop(caller, &tag, signal, wait).await,
            PmfRequest::Kill { tag, signal, wait } => self.kill(caller, &tag, signal, wait).await,
            PmfRequest::Status { tag } => self.status(caller, &tag).await,
            PmfRequest::List => self.list(caller).await,
            PmfRequest::Query { tag } => self.find(&tag).map(|_| PmfAnswer::done()),
        };
        answer.unwrap_or_else(|refusal| refusal)
    }

    /// Creates a tag and starts its command; the subscription tells every death from the first on.
    pub async fn create(&self, caller: Caller, create: CreateTag) -> Result<TagWatch, PmfAnswer> {
        check(&create)?;
        let tag = create.tag.clone();
        let (task, state) = self.register(caller, create)?;
        let (first, is_started) = oneshot::channel();
        tokio::spawn(task.run(first));
        match is_started.await {
            Ok(Ok(())) => Ok(TagWatch::new(state, 0)),
            Ok(Err(reason)) => Err(refusal(format!("{tag}: {reason}"))),
            Err(_) => Err(refusal(format!("{tag}: the daemon is ending"))),
        }
    }

    /// The name is taken before the command runs, so that two creations cannot both succeed.
    fn register(
        &self,
        owner: Owner,
        create: CreateTag,
    ) -> Result<(TagTask, watch::Receiver<TagState>), PmfAnswer> {
        let mut tags = self.registry.lock();
        if tags.contains_key(&create.tag) {
            return Err(refusal(format!(
                "{}: the tag exists already; choose another, or end it with pmfadm -s {} KILL",
                create.tag, create.tag
            )));
        }
        let own = tags.values().filter(|handle| handle.owner.uid == owner.uid).count();
        if tags.len() >= Self::TAGS_MAX || (!is_root(owner) && own >= Self::TAGS_PER_USER_MAX) {
            return Err(refusal(format!(
                "{}: there are {} tags, {own} of them yours; {} and {} are the limits",
                create.tag,
                tags.len(),
                Self::TAGS_MAX,
                Self::TAGS_PER_USER_MAX
            )));
        }
        let serial = self.registry.serial.fetch_add(1, Ordering::Relaxed);
        let (mailbox, inbox) = mpsc::channel(MAILBOX_MAX);
        let (publish, state) = watch::channel(TagState::new(&create));
        let shared = Arc::new(create.clone());
        let handle = Handle { serial, owner, create: shared, mailbox, state: state.clone() };
        tags.insert(create.tag.clone(), handle);
        // Weak: the registry's end is what ends the tasks.
        let (registry, name) = (Arc::downgrade(&self.registry), create.tag.clone());
        let unregister = Arc::new(move || {
            if let Some(registry) = registry.upgrade() {
                registry.remove(&name, serial);
            }
        });
        let task = TagTask {
            window: FailureWindow::new(create.retries, create.period),
            create,
            owner,
            trees: self.trees.clone(),
            inbox,
            publish,
            unregister,
            origin: Instant::now(),
            backoff: Backoff::default(),
            tree: None,
            is_stopped: false,
        };
        Ok((task, state))
    }

    /// Subscribes to the deaths of a tag from now on; `None` when there is no such tag.
    pub fn watch(&self, tag: &str) -> Option<TagWatch> {
        let handle = self.find(tag).ok()?;
        let seen = handle.state.borrow().deaths;
        Some(TagWatch::new(handle.state, seen))
    }

    /// The living processes of a tag; empty when there is no such tag.
    pub async fn processes(&self, tag: &str) -> Vec<Process> {
        let Ok(handle) = self.find(tag) else { return Vec::new() };
        let tree = handle.state.borrow().tree;
        members_of(tree.map_or(0, |(keeper, _)| keeper), tree.is_none()).await
    }

    /// Stops and kills every tag and waits until nobody is left; names those who are. The way down of a node.
    pub async fn kill_everything(&self, patience: Duration) -> Result<(), Survivors> {
        let deadline = deadline_after(patience);
        let handles: Vec<Handle> = self.registry.lock().values().cloned().collect();
        let orders = handles.iter().cloned().map(|handle| {
            tokio::spawn(async move { handle.tell(Order::Stop(Some(libc::SIGKILL))).await })
        });
        let orders: Vec<_> = orders.collect();
        for order in orders {
            let _ = timeout_at(deadline, order).await;
        }
        let mut processes = Vec::new();
        for handle in handles {
            let mut watch = TagWatch::new(handle.state.clone(), 0);
            if timeout_at(deadline, watch.gone()).await.is_err() {
                processes.extend(self.processes(&handle.create.tag).await);
            }
        }
        if processes.is_empty() { Ok(()) } else { Err(Survivors { processes }) }
    }

    fn find(&self, tag: &str) -> Result<Handle, PmfAnswer> {
        let found = self.registry.lock().get(tag).cloned();
        found.ok_or_else(|| refusal(format!("{tag}: no such tag; pmfadm -L lists them")))
    }

    fn find_own(&self, caller: Caller, tag: &str) -> Result<Handle, PmfAnswer> {
        let handle = self.find(tag)?;
        if may_manipulate(caller, handle.owner) {
            return Ok(handle);
        }
        let owner = handle.owner.uid;
        Err(refusal(format!("{tag}: belongs to user {owner}; only that user and root may do this")))
    }

    async fn order(&self, caller: Caller, tag: &str, order: Order) -> Result<PmfAnswer, PmfAnswer> {
        self.find_own(caller, tag)?.tell(order).await;
        Ok(PmfAnswer::done())
    }

    async fn stop(
        &self,
        caller: Caller,
        tag: &str,
        signal: Option<i32>,
        wait: Option<Wait>,
    ) -> Result<PmfAnswer, PmfAnswer> {
        let handle = self.find_own(caller, tag)?;
        check_signal(signal)?;
        handle.tell(Order::Stop(signal)).await;
        let mut watch = TagWatch::new(handle.state.clone(), 0);
        self.await_end(tag, wait, async move { watch.gone().await }).await
    }

    async fn kill(
        &self,
        caller: Caller,
        tag: &str,
        signal: Option<i32>,
        wait: Option<Wait>,
    ) -> Result<PmfAnswer, PmfAnswer> {
        let handle = self.find_own(caller, tag)?;
        check_signal(signal)?;
        let mut state = handle.state.clone();
        let (tree, is_gone) = {
            let now = state.borrow();
            (now.tree, now.phase == TagPhase::Gone)
        };
        handle.tell(Order::Signal(signal.unwrap_or(libc::SIGKILL))).await;
        if tree.is_none() || is_gone {
            return Ok(PmfAnswer::done());
        }
        let ended = async move {
            // The tree that was signalled, not the one that may follow it.
            let _ = state.wait_for(|now| now.tree != tree).await;
        };
        self.await_end(tag, wait, ended).await
    }

    async fn await_end(
        &self,
        tag: &str,
        wait: Option<Wait>,
        ended: impl Future<Output = ()>,
    ) -> Result<PmfAnswer, PmfAnswer> {
        let limit = match wait {
            None => return Ok(PmfAnswer::done()),
            Some(Wait::Seconds(seconds)) => Some(Duration::from_secs(seconds.into())),
            Some(Wait::Forever) => None,
        };
        let Some(limit) = limit else {
            ended.await;
            return Ok(PmfAnswer::done());
        };
        if timeout(limit, ended).await.is_err() {
            let left = Survivors { processes: self.processes(tag).await };
            let message = format!("{tag}: after {} seconds {left}", limit.as_secs());
            return Ok(PmfAnswer::failed(PmfAnswer::TIMED_OUT, message));
        }
        Ok(PmfAnswer::done())
    }

    async fn status(&self, caller: Caller, tag: &str) -> Result<PmfAnswer, PmfAnswer> {
        let handle = self.find(tag)?;
        let tags = vec![self.describe(caller, handle).await];
        Ok(PmfAnswer { tags, ..PmfAnswer::done() })
    }

    async fn list(&self, caller: Caller) -> Result<PmfAnswer, PmfAnswer> {
        let handles: Vec<Handle> = self.registry.lock().values().cloned().collect();
        let mut tags = Vec::new();
        for handle in handles.into_iter().filter(|handle| may_manipulate(caller, handle.owner)) {
            tags.push(describe_state(caller, &handle, Vec::new()));
        }
        Ok(PmfAnswer { tags, ..PmfAnswer::done() })
    }

    async fn describe(&self, caller: Caller, handle: Handle) -> TagStatus {
        // Failures expire without anything happening.
        handle.tell(Order::Refresh).await;
        let tree = handle.state.borrow().tree;
        let members = members_of(tree.map_or(0, |(keeper, _)| keeper), tree.is_none()).await;
        let first = tree.and_then(|(_, first)| first);
        let mut pids: Vec<i32> = members.iter().map(|process| process.pid).collect();
        pids.sort_by_key(|pid| (Some(*pid) != first, *pid));
        describe_state(caller, &handle, pids)
    }
}

fn describe_state(caller: Caller, handle: &Handle, pids: Vec<i32>) -> TagStatus {
    let create = &handle.create;
    let state = handle.state.borrow();
    TagStatus {
        tag: create.tag.clone(),
        owner: handle.owner,
        retries: state.retries,
        period: state.period,
        failures: state.failures,
        deaths: state.deaths,
        action: create.action.clone(),
        level: create.level,
        command: create.command.clone(),
        env: may_manipulate(caller, handle.owner).then(|| create.env.clone()),
        pids,
        phase: state.phase,
        last_exit: state.last.and_then(|death| death.exit),
    }
}

/// Root, and whom this daemon runs as.
fn is_root(caller: Caller) -> bool {
    caller.uid == 0 || caller.uid == Owner::ourselves().uid
}

fn may_manipulate(caller: Caller, owner: Owner) -> bool {
    is_root(caller) || caller.uid == owner.uid
}

fn refusal(message: String) -> PmfAnswer {
    PmfAnswer::failed(1, message)
}

fn check_signal(signal: Option<i32>) -> Result<(), PmfAnswer> {
    match signal {
        Some(number) if sys::signal(number).is_none() => {
            Err(refusal(format!("{number} is no signal; give 1 to 31, 34 to 64, or a name")))
        }
        _ => Ok(()),
    }
}

fn check(create: &CreateTag) -> Result<(), PmfAnswer> {
    let tag = &create.tag;
    let is_plain = !tag.chars().any(|c| c.is_whitespace() || c.is_control());
    if tag.is_empty() || tag.len() > TAG_BYTES_MAX || !is_plain {
        return Err(refusal(format!(
            "{tag:?} cannot name a tag: give 1 to {TAG_BYTES_MAX} bytes without blanks"
        )));
    }
    if let Some(action) = &create.action
        && (action.trim().is_empty() || action.len() > ACTION_BYTES_MAX)
    {
        return Err(refusal(format!(
            "{tag}: the action must have 1 to {ACTION_BYTES_MAX} bytes; leave -a away for none"
        )));
    }
    Ok(())
}

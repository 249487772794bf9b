//! The daemon: one loop that owns the node's core, hands it every fact, and carries out every effect. It decides nothing.
//!
//! What it ever waits for: the control store's keys (mirror) and answers, methods that end, requests at the admin socket, the guard's
//! echo, the core's next time, a signal to leave.

mod admin;
mod asks;
mod described;
mod earlier;
mod identity;
mod leave;
mod line;
mod methods;
mod opening;
mod storage;
mod waiting;

pub(crate) use earlier::forget as forget_lease;
pub(crate) use identity::cgroup_name;

use crate::clock;
use crate::config::NodeFile;
use crate::guard::{HOPELESS, LEFT, Record, Traces, Undo, stop_everything};
use crate::start::make_folder;
use admin::Asked;
use control::{ControlStore, LeaseId, Mirror, MirrorView};
use described::Described;
use leave::Leaving;
use line::{GuardLine, LineError};
use methods::{Methods, Surroundings};
use opening::Hall;
use pmf::{CgroupParent, Launcher, Pmf, Trees};
use rgm::node::{Effect, Input, NodeCore, Now};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use storage::{StoreAnswer, StoreOrders};
use tokio::sync::mpsc;
use waiting::Waiting;

/// Facts that wait for the loop.
const FACTS_MAX: usize = 1024;
/// The daemon's exit code after it gave up its right to act; the guard starts another.
pub const OVER: u8 = 3;

/// Runs the daemon until it has left or must end; returns its exit code. Standard input is the guard's socket.
pub async fn run(file: NodeFile, undo: Undo) -> u8 {
    let mut leave = match Leave::new() {
        Ok(leave) => leave,
        Err(error) => {
            tracing::error!("signals cannot be received: {error}");
            return OVER;
        }
    };
    match Daemon::start(&file, undo, &mut leave).await {
        Ok(mut daemon) => daemon.run(&mut leave).await,
        Err(Ending { code, what }) => {
            if let Some(what) = what {
                tracing::error!("this node cannot run: {what}");
            }
            code
        }
    }
}

/// Why the daemon ended before it began.
#[derive(Debug)]
struct Ending {
    /// Its exit code.
    code: u8,
    /// What to say.
    what: Option<String>,
}

impl Ending {
    /// Starting again would change nothing.
    fn hopeless(what: String) -> Self {
        Self { code: HOPELESS, what: Some(what) }
    }

    /// It may go better the next time.
    fn again(what: String) -> Self {
        Self { code: OVER, what: Some(what) }
    }
}

struct Daemon {
    file: NodeFile,
    /// What the cluster's keys begin with in this store.
    prefix: String,
    traces: Traces,
    core: NodeCore,
    store: Arc<dyn ControlStore>,
    described: Described,
    orders: StoreOrders,
    mirror: Mirror,
    lease: Option<LeaseId>,
    line: GuardLine,
    methods: Methods,
    pmf: Pmf,
    waiting: Waiting,
    answers: mpsc::Receiver<StoreAnswer>,
    ended: mpsc::Receiver<Input>,
    asks: mpsc::Receiver<Asked>,
    /// Decides the exit code once set.
    over: Option<u8>,
    has_first_view: bool,
    /// The cluster's id as it is in the state folder.
    remembered: String,
    leaving: Option<Leaving>,
    /// Reaps what killed keepers leave.
    _reaper: Option<pmf::reap::Reaper>,
}

/// What the loop woke up for.
enum Woken {
    /// `None`: nothing was ever read.
    Store(Option<Changes>),
    Answer(StoreAnswer),
    Ended(Input),
    Asked(Asked),
    GuardHeard(Result<Option<Record>, LineError>),
    GuardSilent,
    TimePassed,
    ToldToLeave,
}

/// Keys that changed, in the core's terms.
struct Changes {
    revision: i64,
    changes: Vec<(String, Option<rgm::store::Raw>)>,
}

impl Daemon {
    async fn start(file: &NodeFile, undo: Undo, leave: &mut Leave) -> Result<Self, Ending> {
        let mut line =
            GuardLine::from_stdin().map_err(|error| Ending::hopeless(error.to_string()))?;
        let folders = [(&file.node.run_dir, 0o755), (&file.node.state_dir, 0o700)];
        for (folder, mode) in folders.into_iter().chain([(&file.claims(), 0o700)]) {
            make_folder(folder, mode).map_err(Ending::again)?;
        }
        let settings = identity::settings(file)?;
        let socket = file.socket();
        let listener = admin::listen(&socket, &file.node.admin_group)
            .map_err(|error| Ending::again(format!("{}: {error}", socket.display())))?;
        let (asks_in, mut asks) = mpsc::channel(FACTS_MAX);
        tokio::spawn(admin::serve(listener, asks_in));
        // What a killed keeper leaves comes to this process, where it is found.
        let reaper = pmf::reap::adopt_orphans()
            .inspect_err(|error| tracing::warn!("orphans cannot be adopted: {error}"));
        let (trees, cgroup) = trees(file).await;
        let hall = Hall { line: &mut line, asks: &mut asks, leave };
        let store = hall.open_store(file).await?;
        let (answers_in, answers) = mpsc::channel(FACTS_MAX);
        let (ended_in, ended) = mpsc::channel(FACTS_MAX);
        let surroundings = Surroundings {
            node: file.node_name(),
            socket,
            claims: file.claims(),
            run_dir: file.node.run_dir.clone(),
            cluster: file.cluster.name.clone(),
        };
        let prefix = storage::prefix(file);
        earlier::give_back(store.as_ref(), &prefix, file).await;
        let patience = file.lease();
        Ok(Self {
            traces: Traces { cgroup, claims: file.claims(), undo },
            file: file.clone(),
            remembered: settings.cluster_id.clone(),
            core: NodeCore::new(settings),
            orders: StoreOrders::new(Arc::clone(&store), prefix.clone(), answers_in, patience),
            mirror: Mirror::follow(Arc::clone(&store), prefix.clone()),
            prefix,
            store,
            described: Described::default(),
            lease: None,
            line,
            methods: Methods::new(trees.clone(), surroundings, ended_in),
            pmf: Pmf::new(trees),
            waiting: Waiting::default(),
            answers,
            ended,
            asks,
            over: None,
            has_first_view: false,
            leaving: None,
            _reaper: reaper.ok(),
        })
    }

    async fn run(&mut self, leave: &mut Leave) -> u8 {
        let settings = self.core.settings();
        tracing::info!("node {} of cluster {} starts", settings.node, self.file.cluster.name);
        self.give(Input::TimePassed).await;
        loop {
            if let Some(code) = self.over {
                return self.end(code).await;
            }
            let woken = self.wait(leave).await;
            self.take(woken).await;
            self.waiting.look(&self.core, clock::boot());
            self.go_on_leaving().await;
        }
    }

    async fn wait(&mut self, leave: &mut Leave) -> Woken {
        let silent_at = self.line.silent_at(self.core.settings().lease / 2);
        let due = self.core.next_timeout();
        let progress = self.waiting.next_look();
        let leaving = self.leaving.as_ref().map(Leaving::next_look);
        let first = [due, progress, leaving].into_iter().flatten().min();
        // The lease's time before all else: it bounds what may be done. The guard is heard before it counts as silent: if this process was late, it
        // has answered long ago. Then what is known, then what is asked.
        tokio::select! {
            biased;
            () = sleep_until(first) => Woken::TimePassed,
            heard = self.line.heard() => Woken::GuardHeard(heard),
            () = sleep_until(silent_at) => Woken::GuardSilent,
            Some(answer) = self.answers.recv() => Woken::Answer(answer),
            Some(ended) = self.ended.recv() => Woken::Ended(ended),
            view = self.mirror.changed() => Woken::Store(changes(view, &self.prefix, self.has_first_view)),
            () = leave.told() => Woken::ToldToLeave,
            Some(asked) = self.asks.recv() => Woken::Asked(asked),
        }
    }

    async fn take(&mut self, woken: Woken) {
        match woken {
            Woken::Store(_) if self.mirror.view().went_back.is_some() => self.lose_history(),
            Woken::Store(None) => {
                let why = self.mirror.view().error.clone().unwrap_or_default();
                storage::complain("reading the control store", &why);
            }
            Woken::Store(Some(Changes { revision, changes })) => {
                let complete = !self.has_first_view;
                self.has_first_view = true;
                self.give(Input::StoreChanged { revision, changes, complete }).await;
            }
            Woken::Answer(StoreAnswer::Input(input)) => self.give(input).await,
            Woken::Answer(StoreAnswer::Granted { sent, result }) => {
                self.lease = result.as_ref().ok().map(|granted| granted.id);
                if let Some(lease) = self.lease {
                    earlier::note(&self.file, lease);
                }
                let result = result
                    .map(|granted| granted.ttl)
                    .map_err(|error| storage::failure(&error, "asking for a lease"));
                self.give(Input::Granted { sent, result }).await;
            }
            Woken::Ended(input) => {
                if let Input::MethodFinished { call, .. } = &input {
                    self.methods.forget(*call);
                }
                self.give(input).await;
            }
            Woken::Asked(asked) => self.answer(asked).await,
            Woken::GuardHeard(Ok(Some(Record::Leave))) => self.begin_to_leave(None),
            Woken::GuardHeard(Ok(Some(Record::StopNow))) => {
                self.leave_at_once("told a second time to end")
            }
            Woken::GuardHeard(Ok(_)) => {}
            Woken::GuardHeard(Err(error)) => self.lose_guard(&error.to_string()),
            Woken::GuardSilent => self.lose_guard("the guard has not answered for half a lease"),
            Woken::TimePassed => self.give(Input::TimePassed).await,
            Woken::ToldToLeave => self.begin_to_leave(None),
        }
    }

    /// Hands a fact to the core and carries out what it orders.
    async fn give(&mut self, input: Input) {
        let mut effects = Vec::new();
        let now = Now { boot: clock::boot(), wall_ms: clock::wall_ms() };
        self.core.handle(now, input, &mut effects);
        for effect in effects {
            self.carry_out(effect);
        }
        self.remember_cluster();
    }

    fn remember_cluster(&mut self) {
        let Some(id) = self.core.cluster_id().filter(|id| *id != self.remembered) else { return };
        self.remembered = id.to_owned();
        if let Err(why) = identity::remember(&self.file, &self.remembered) {
            tracing::error!("{why}; this node will not know its cluster after its next start");
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Grant(ttl) => self.orders.grant(ttl),
            Effect::KeepAlive => match self.lease {
                Some(lease) => self.orders.keep_alive(lease),
                None => tracing::error!("a lease that was never granted cannot be renewed"),
            },
            // Done at the end, when everything is stopped.
            Effect::Revoke => self.over = Some(LEFT),
            Effect::Commit(id, transaction) => self.orders.commit(id, transaction, self.lease),
            Effect::Run(call, method) => self.methods.run(call, method),
            Effect::Fence(call, node, fencing) => self.methods.fence(call, &node, &fencing),
            Effect::Kill(call) => self.methods.kill(call),
            Effect::AliveUntil(until) => self.tell_guard(Record::AliveUntil(until)),
            Effect::StopEverything(why) if self.over == Some(LEFT) => tracing::info!("{why}"),
            Effect::StopEverything(why) => {
                tracing::error!("{why}");
                self.over = Some(OVER);
            }
            Effect::ResetNode(why) => {
                tracing::error!("{why}; this node is reset");
                self.tell_guard(Record::Reset);
            }
            Effect::Say(group, decision) => self.waiting.say(group, decision),
            Effect::Answered { asker: Waiting::OURSELVES, request: _, answer } => {
                self.evacuation_answered(&answer);
            }
            Effect::Answered { asker, request: _, answer } => self.waiting.answered(asker, answer),
            Effect::Refused(refusal) => self.waiting.refused(refusal),
        }
    }

    fn tell_guard(&mut self, record: Record) {
        if let Err(error) = self.line.tell(record) {
            self.lose_guard(&error.to_string());
        }
    }

    /// The store was restored under a running node. Its lease may go on being renewed, and its intents are those of another time: what runs
    /// here would be deaf to them, and another node may act on them.
    fn lose_history(&mut self) {
        let Some((now, before)) = self.mirror.view().went_back else { return };
        tracing::error!(
            "this node stops everything: the control store is at revision {now} after it was at {before}, so it was restored from a backup or has lost what it had promised; this node joins again with what the store holds now (before a restore, stop all nodes)"
        );
        self.over = Some(OVER);
    }

    /// Nobody would stop what runs here when the lease ends.
    fn lose_guard(&mut self, why: &str) {
        tracing::error!("{why}; without a guard nothing may run here");
        self.over = Some(OVER);
    }

    /// Stops everything (the guard, if it lives, does the same again) and only then gives the lease back, so that another node need not
    /// wait for it to end.
    async fn end(&mut self, code: u8) -> u8 {
        let until = clock::boot() + self.core.settings().reserve;
        let patience = self.core.settings().reserve;
        if let Err(survivors) = self.pmf.kill_everything(patience).await {
            tracing::error!("still there: {survivors}");
        }
        let traces = self.traces.clone();
        let left = tokio::task::spawn_blocking(move || stop_everything(&traces, until)).await;
        match left {
            Ok(left) if left.is_empty() => {
                if let Some(lease) = self.lease.take() {
                    let _ = tokio::time::timeout(patience, self.orders.revoke(lease)).await;
                }
            }
            Ok(left) => {
                tracing::error!("cannot be stopped: {}; the lease is left to end", left.join("; "))
            }
            Err(error) => tracing::error!("stopping everything broke off: {error}"),
        }
        self.tell_left(patience).await;
        code
    }
}

/// Where trees are started, and the cgroup they are in, when there is one.
async fn trees(file: &NodeFile) -> (Trees, Option<PathBuf>) {
    let trees = Trees::new(Launcher::this_binary());
    match CgroupParent::open(&cgroup_name(file)) {
        Ok(parent) => {
            let path = parent.path().to_owned();
            let leftovers = Arc::clone(&parent);
            // The guard has killed who was in them; the empty ones are removed.
            let _ = tokio::task::spawn_blocking(move || leftovers.clear_leftovers()).await;
            (trees.with_cgroups(parent), Some(path))
        }
        Err(why) => {
            tracing::info!("no cgroups ({why}); processes are watched by descent");
            (trees, None)
        }
    }
}

/// What changed in the mirror, without the prefix; everything the first time.
fn changes(view: &MirrorView, prefix: &str, only_changed: bool) -> Option<Changes> {
    // An empty view that was never read is no empty store.
    view.as_of?;
    let keys: BTreeSet<&String> =
        if only_changed { view.changed.iter().collect() } else { view.entries.keys().collect() };
    let changes = keys.into_iter().map(|key| {
        let raw = view.entries.get(key).map(|entry| rgm::store::Raw {
            value: entry.value.clone(),
            create_revision: entry.create_revision,
            mod_revision: entry.mod_revision,
        });
        (key.strip_prefix(prefix).unwrap_or(key).to_owned(), raw)
    });
    Some(Changes { revision: view.revision, changes: changes.collect() })
}

/// SIGTERM and SIGINT: leave the cluster in order.
struct Leave {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Leave {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn told(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Sleeps until a time on the boot clock; for ever when there is none. The core looks at the clock itself, so that a suspension in
/// between, which this timer does not count, makes it late and not wrong; the guard's timer counts it.
async fn sleep_until(at: Option<Duration>) {
    match at {
        Some(at) => tokio::time::sleep(at.saturating_sub(clock::boot())).await,
        None => std::future::pending().await,
    }
}

//! The daemon: one loop that owns the node's core, hands it every fact, and carries out every effect. It decides nothing.
//!
//! What it ever waits for: the control store's keys (mirror) and answers, methods that end, requests at the admin socket, the guard's
//! echo, the core's next time, a signal to leave.

mod admin;
mod asks;
mod line;
mod methods;
mod storage;
mod waiting;

use crate::clock;
use crate::config::NodeFile;
use crate::guard::{HOPELESS, LEFT, Record, Traces, Undo, stop_everything};
use admin::Asked;
use control::{ControlStore, LeaseId, Mirror};
use line::{GuardLine, LineError};
use methods::{Methods, Surroundings};
use pmf::{CgroupParent, Launcher, Pmf, Trees};
use rgm::node::{Effect, Input, NodeCore, Now, Settings};
use std::collections::BTreeSet;
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
    match Daemon::start(&file, undo).await {
        Ok(mut daemon) => daemon.run().await,
        Err(error) => {
            tracing::error!("this node cannot run: {error}");
            if error.is_hopeless { HOPELESS } else { OVER }
        }
    }
}

/// Why the daemon could not start.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
struct StartError {
    what: String,
    /// Starting again would change nothing.
    is_hopeless: bool,
}

fn hopeless(what: impl ToString) -> StartError {
    StartError { what: what.to_string(), is_hopeless: true }
}

/// The name of the cgroup (below the daemon's own) under which a node's trees are.
pub fn cgroup_name(file: &NodeFile) -> String {
    format!("steadfast-{}-{}", file.cluster.name, file.node_name())
}

struct Daemon {
    file: NodeFile,
    /// What the cluster's keys begin with in this store.
    prefix: String,
    traces: Traces,
    core: NodeCore,
    store: Arc<dyn ControlStore>,
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
}

/// What the loop woke up for.
enum Woken {
    Store(Changes),
    Answer(StoreAnswer),
    Ended(Input),
    Asked(Asked),
    GuardAnswered(Result<(), LineError>),
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
    async fn start(file: &NodeFile, undo: Undo) -> Result<Self, StartError> {
        let line = GuardLine::from_stdin().map_err(hopeless)?;
        for folder in [&file.node.run_dir, &file.node.state_dir, &file.claims()] {
            std::fs::create_dir_all(folder)
                .map_err(|error| hopeless(format!("{}: {error}", folder.display())))?;
        }
        let listener = admin::listen(&file.socket(), &file.node.admin_group)
            .map_err(|error| hopeless(format!("{}: {error}", file.socket().display())))?;
        let store = storage::open(file).await.map_err(|error| StartError {
            what: format!("control store: {error}"),
            is_hopeless: matches!(error, control::Error::Invalid(_) | control::Error::Damaged(_)),
        })?;
        let (answers_in, answers) = mpsc::channel(FACTS_MAX);
        let (ended_in, ended) = mpsc::channel(FACTS_MAX);
        let (asks_in, asks) = mpsc::channel(FACTS_MAX);
        tokio::spawn(admin::serve(listener, asks_in));
        let cgroups = CgroupParent::open(&cgroup_name(file));
        let mut trees = Trees::new(Launcher::this_binary());
        let mut cgroup = None;
        match cgroups {
            Ok(parent) => {
                cgroup = Some(parent.path().to_owned());
                trees = trees.with_cgroups(parent);
            }
            Err(why) => tracing::info!("no cgroups ({why}); processes are watched by descent"),
        }
        let surroundings = Surroundings {
            node: file.node_name(),
            socket: file.socket(),
            claims: file.claims(),
            run_dir: file.node.run_dir.clone(),
            cluster: file.cluster.name.clone(),
        };
        let settings = settings(file);
        let remembered = settings.cluster_id.clone();
        let core = NodeCore::new(settings);
        let prefix = storage::prefix(file);
        let mirror = Mirror::follow(Arc::clone(&store), prefix.clone());
        Ok(Self {
            traces: Traces { cgroup, claims: file.claims(), undo },
            file: file.clone(),
            core,
            orders: StoreOrders::new(Arc::clone(&store), prefix.clone(), answers_in),
            prefix,
            store,
            mirror,
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
            remembered,
        })
    }

    async fn run(&mut self) -> u8 {
        tracing::info!(
            "node {} of cluster {} starts",
            self.core.settings().node,
            self.file.cluster.name
        );
        let mut leave = match Leave::new() {
            Ok(leave) => leave,
            Err(error) => {
                tracing::error!("signals cannot be received: {error}");
                return OVER;
            }
        };
        self.give(Input::TimePassed).await;
        loop {
            if let Some(code) = self.over {
                return self.end(code).await;
            }
            let woken = self.wait(&mut leave).await;
            self.take(woken).await;
            self.waiting.look(&self.core, clock::boot());
        }
    }

    async fn wait(&mut self, leave: &mut Leave) -> Woken {
        let silent_at = self.line.silent_at(self.core.settings().lease / 2);
        let due = self.core.next_timeout();
        let progress = self.waiting.next_look();
        let first = [due, progress].into_iter().flatten().min();
        // The lease's time before all else: it bounds what may be done. Then what is known, then what is asked.
        tokio::select! {
            biased;
            () = sleep_until(first) => Woken::TimePassed,
            () = sleep_until(silent_at) => Woken::GuardSilent,
            answered = self.line.answered() => Woken::GuardAnswered(answered),
            Some(answer) = self.answers.recv() => Woken::Answer(answer),
            Some(ended) = self.ended.recv() => Woken::Ended(ended),
            view = self.mirror.changed() => Woken::Store(changes(view, &self.prefix, self.has_first_view)),
            () = leave.told() => Woken::ToldToLeave,
            Some(asked) = self.asks.recv() => Woken::Asked(asked),
        }
    }

    async fn take(&mut self, woken: Woken) {
        match woken {
            Woken::Store(Changes { revision, changes }) => {
                let complete = !self.has_first_view;
                self.has_first_view = true;
                self.give(Input::StoreChanged { revision, changes, complete }).await;
            }
            Woken::Answer(StoreAnswer::Input(input)) => self.give(input).await,
            Woken::Answer(StoreAnswer::Granted { sent, result }) => {
                self.lease = result.as_ref().ok().map(|granted| granted.id);
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
            Woken::GuardAnswered(Ok(())) => {}
            Woken::GuardAnswered(Err(error)) => self.lose_guard(&error.to_string()),
            Woken::GuardSilent => self.lose_guard("the guard has not answered for half a lease"),
            Woken::TimePassed => self.give(Input::TimePassed).await,
            Woken::ToldToLeave => self.give(Input::LeaveAsked).await,
        }
    }

    /// Hands a fact to the core and carries out what it orders.
    async fn give(&mut self, input: Input) {
        let mut effects = Vec::new();
        let now = Now { boot: clock::boot(), wall_ms: clock::wall_ms() };
        self.core.handle(now, input, &mut effects);
        for effect in effects {
            self.carry_out(effect).await;
        }
        self.remember_cluster();
    }

    /// Which cluster this node is in, so that it never joins another by mistake.
    fn remember_cluster(&mut self) {
        let Some(id) = self.core.cluster_id().filter(|id| *id != self.remembered) else { return };
        self.remembered = id.to_owned();
        let path = self.file.node.state_dir.join("cluster-id");
        if let Err(error) = std::fs::write(&path, &self.remembered) {
            tracing::error!("{}: {error}; this node will not know its cluster", path.display());
        }
    }

    async fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Grant(ttl) => self.orders.grant(ttl),
            Effect::KeepAlive => match self.lease {
                Some(lease) => self.orders.keep_alive(lease),
                None => tracing::error!("a lease that was never granted cannot be renewed"),
            },
            Effect::Revoke => {
                if let Some(lease) = self.lease.take() {
                    self.orders.revoke(lease).await;
                }
                self.over = Some(LEFT);
            }
            Effect::Commit(id, transaction) => self.orders.commit(id, transaction, self.lease),
            Effect::Run(call, method) => self.methods.run(call, method),
            Effect::Fence(call, node, fencing) => self.methods.fence(call, &node, &fencing),
            Effect::Kill(call) => self.methods.kill(call),
            Effect::AliveUntil(until) => self.tell_guard(Record::AliveUntil(until)),
            Effect::StopEverything(why) => {
                tracing::error!("{why}; this node stops everything it runs");
                self.over = Some(OVER);
            }
            Effect::ResetNode(why) => {
                tracing::error!("{why}; this node is reset");
                self.tell_guard(Record::Reset);
            }
            Effect::Say(group, decision) => self.waiting.say(group, decision),
            Effect::Answered { asker, request: _, answer } => self.waiting.answered(asker, answer),
            Effect::Refused(refusal) => self.waiting.refused(refusal),
        }
    }

    fn tell_guard(&mut self, record: Record) {
        if let Err(error) = self.line.tell(record) {
            self.lose_guard(&error.to_string());
        }
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
        code
    }
}

/// What the core is made with.
fn settings(file: &NodeFile) -> Settings {
    let read = |path: std::path::PathBuf| {
        std::fs::read_to_string(path).unwrap_or_default().trim().to_owned()
    };
    Settings {
        node: file.node_name(),
        lease: file.lease(),
        reserve: file.reserve(),
        boot_id: read("/proc/sys/kernel/random/boot_id".into()),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        cluster_id: read(file.node.state_dir.join("cluster-id")),
        new_cluster_id: random_id(),
        planted: rgm::planted::Planted::default(),
    }
}

/// 128 random bits from the kernel, in hexadecimal.
fn random_id() -> String {
    let uuid = std::fs::read_to_string("/proc/sys/kernel/random/uuid").unwrap_or_default();
    uuid.chars().filter(char::is_ascii_hexdigit).collect()
}

/// What changed in the mirror, without the prefix; everything the first time.
fn changes(view: &control::MirrorView, prefix: &str, only_changed: bool) -> Changes {
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
    Changes { revision: view.revision, changes: changes.collect() }
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

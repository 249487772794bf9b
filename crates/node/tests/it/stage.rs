//! A cluster of real processes in a temporary folder: nodes with the embedded store, a resource type of shell scripts, a service that writes
//! down who is master, polling with a deadline, and the last look round.

use node_api::{Client, ClientError, Snapshot};
use rgm::{Assignment, Cluster, GroupState, Operation};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Nothing here takes nearly as long; a case that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(10);
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_node-under-test");

/// Waits until something is there.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::sleep(LOOK);
    }
}

/// Waits until something is so.
pub(crate) fn until_true(what: &str, mut look: impl FnMut() -> bool) {
    until(what, || look().then_some(()));
}

/// One case.
pub(crate) struct Stage {
    folder: tempfile::TempDir,
    pub(crate) nodes: Vec<Node>,
    /// In the name of the cluster, and so in those of cgroups.
    mark: String,
}

/// One node.
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) config: PathBuf,
    pub(crate) run_dir: PathBuf,
    log: PathBuf,
    guard: Option<Child>,
}

impl Stage {
    /// Nodes that are members, and the type `TEST.svc`.
    pub(crate) fn new(names: &[&str]) -> Self {
        Self::with(names, "")
    }

    /// The same with more lines in each node's file.
    pub(crate) fn with(names: &[&str], more: &str) -> Self {
        let mut stage = Self::empty();
        stage.start_nodes(names, more);
        stage
    }

    pub(crate) fn start_nodes(&mut self, names: &[&str], more: &str) {
        for name in names {
            self.add_node(name, more).start();
        }
        self.await_members(names);
        let assignments = assignments(&[("new_cluster_wait_s", "0")]);
        self.does(Operation::SetCluster { assignments });
    }

    /// The cluster's name.
    pub(crate) fn mark(&self) -> &str {
        &self.mark
    }

    /// A guard beside the nodes of this case; what it says is in `another.log`.
    pub(crate) fn another_guard(&self, config: &Path) -> Child {
        let log = fs::File::create(self.path("another.log")).unwrap();
        let mut command = Command::new(PROGRAM);
        command.args(["node", "--config"]).arg(config).stdin(Stdio::null());
        command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap()
    }

    /// Whether the service runs on a node.
    pub(crate) fn serves(&self, node: &str) -> bool {
        let words = format!("serve\0{}\0{node}\0", self.path("masters").display());
        let entries = fs::read_dir("/proc").unwrap().flatten();
        entries.into_iter().any(|entry| {
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(&words)
        })
    }

    /// Without nodes.
    pub(crate) fn empty() -> Self {
        let folder = tempfile::Builder::new().prefix("node-it-").tempdir().unwrap();
        let name = folder.path().file_name().unwrap().to_string_lossy().into_owned();
        let mark: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        let stage = Self { folder, nodes: Vec::new(), mark };
        for method in ["start", "stop", "validate"] {
            stage.script(method, "exit 0");
        }
        let masters = stage.path("masters");
        stage.script(
            "start",
            &format!(
                "wait_while start-hangs\n[ -e \"$DIR/claims\" ] && {{ touch \"$DIR/mount-$STEADFAST_NODE\"; echo '{{\"claim\":\"mount\",\"mount_point\":\"'\"$DIR/mount-$STEADFAST_NODE\"'\",\"device\":\"x\"}}' > \"$STEADFAST_CLAIMS/m.claim\"; }}\n[ -e \"$DIR/start-fails-$STEADFAST_NODE\" ] && {{ echo no luck; exit 1; }}\nexec {PROGRAM} start \"$TAG\" {PROGRAM} serve {} \"$STEADFAST_NODE\"",
                masters.display()
            ),
        );
        stage.script(
            "stop",
            &format!("wait_while stop-hangs\n[ -e \"$DIR/stop-fails\" ] && exit 1\nexec {PROGRAM} stop \"$TAG\""),
        );
        stage
    }

    /// A method: who it is and when is in `events`, then comes `body`.
    pub(crate) fn script(&self, name: &str, body: &str) {
        let dir = self.folder.path().display();
        let text = format!(
            "#!/bin/sh\nDIR={dir}\nR=$2\nTAG=svc-$R-$STEADFAST_NODE\nwait_while() {{ while [ -e \"$DIR/$1\" ]; do sleep 0.05; done; }}\necho \"{name} $STEADFAST_NODE $R\" >> $DIR/events\n{body}\n"
        );
        self.executable(name, &text);
    }

    /// A program with exactly this text.
    pub(crate) fn executable(&self, name: &str, text: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn touch(&self, name: &str) {
        fs::write(self.path(name), "").unwrap();
    }

    pub(crate) fn untouch(&self, name: &str) {
        fs::remove_file(self.path(name)).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    pub(crate) fn add_node(&mut self, name: &str, more: &str) -> &mut Node {
        let store = self.path("control.db");
        let text = self.config_text(name, &store, more);
        let config = self.path(&format!("{name}.toml"));
        fs::write(&config, text).unwrap();
        let log = self.path(&format!("{name}.log"));
        let run_dir = self.path(name);
        self.nodes.push(Node { name: name.to_owned(), config, run_dir, log, guard: None });
        self.nodes.last_mut().unwrap()
    }

    pub(crate) fn config_text(&self, name: &str, store: &Path, more: &str) -> String {
        let (mark, run_dir, store) = (&self.mark, self.path(name), store.display());
        let state_dir = self.path(&format!("{name}-state"));
        format!(
            "[node]\nname = \"{name}\"\nrun_dir = \"{}\"\nstate_dir = \"{}\"\n[cluster]\nname = \"{mark}\"\n[store]\npath = \"{store}\"\n[log]\nsyslog = false\n{more}",
            run_dir.display(),
            state_dir.display()
        )
    }

    pub(crate) fn node(&self, name: &str) -> &Node {
        self.nodes.iter().find(|node| node.name == name).unwrap()
    }

    pub(crate) fn node_mut(&mut self, name: &str) -> &mut Node {
        self.nodes.iter_mut().find(|node| node.name == name).unwrap()
    }

    pub(crate) fn await_members(&self, names: &[&str]) {
        for name in names {
            until_true(&format!("{name} knows {names:?} as members"), || {
                self.node(name).cluster().is_some_and(|cluster| {
                    let is_in = |n: &&str| {
                        let n = rgm::NodeName::new(n);
                        cluster.members.contains_key(&n) && cluster.config.nodes.contains_key(&n)
                    };
                    cluster.president.is_some() && names.iter().all(is_in)
                })
            });
        }
    }

    /// Asks the first node that answers; `Err`: its refusal.
    pub(crate) fn ask(&self, operation: Operation) -> Result<Vec<String>, String> {
        let asked = until("some node answers", || {
            self.nodes.iter().find_map(|node| {
                match node.client().submit(operation.clone(), true, Some(PATIENCE), |_| {}) {
                    Err(ClientError::Unreachable { .. } | ClientError::Gone) => None,
                    // A cluster that is just forming.
                    Err(ClientError::Refused(refusal)) if refusal.code == rgm::SchaCode::Reconf => {
                        None
                    }
                    asked => Some(asked),
                }
            })
        });
        asked.map_err(|error| error.to_string())
    }

    pub(crate) fn does(&self, operation: Operation) -> Vec<String> {
        let shown = format!("{operation:?}");
        self.ask(operation).unwrap_or_else(|why| panic!("{shown}: {why}"))
    }

    /// Registers the type; `more` are further declarations.
    pub(crate) fn register(&self, name: &str, more: &str) {
        let dir = self.folder.path().display();
        let text = format!(
            "RESOURCE_TYPE = \"{name}\"; VENDOR_ID = TEST; RT_VERSION = \"1\"; API_VERSION = 2; FAILOVER = TRUE;\nRT_BASEDIR = {dir}; START = start; STOP = stop; VALIDATE = validate;\n{{ PROPERTY = Start_timeout; MIN = 1; DEFAULT = 60; }}\n{{ PROPERTY = Stop_timeout; MIN = 1; DEFAULT = 60; }}\n{{ PROPERTY = Validate_timeout; MIN = 1; DEFAULT = 60; }}\n{{ PROPERTY = Failover_mode; DEFAULT = SOFT; TUNABLE = ANYTIME; }}\n{more}"
        );
        let parsed = rtr::parse(name, text.as_bytes()).unwrap_or_else(|e| panic!("{e}"));
        let rtr = Box::new(parsed.resource_type);
        self.does(Operation::RegisterType { rtr, path: name.into(), installed_nodes: None });
    }

    /// A group `g` with a resource `r` of the type, not yet online.
    pub(crate) fn make_group(&self, nodelist: &str, system: &[(&str, &str)]) {
        self.register("svc", "");
        self.make_group_of("TEST.svc", nodelist, system, &[]);
    }

    pub(crate) fn make_group_of(
        &self,
        type_name: &str,
        nodelist: &str,
        system: &[(&str, &str)],
        extension: &[(&str, &str)],
    ) {
        let nodelist = assignments(&[("Nodelist", nodelist)]);
        self.does(Operation::CreateGroup { group: "g".into(), assignments: nodelist });
        self.does(Operation::CreateResource {
            resource: "r".into(),
            type_name: type_name.into(),
            group: "g".into(),
            system: assignments(system),
            extension: assignments(extension),
            enabled: true,
            builtin: None,
        });
    }

    /// The same, and online on its first node.
    pub(crate) fn online(&self, nodelist: &str, system: &[(&str, &str)]) {
        self.make_group(nodelist, system);
        self.bring_online();
    }

    pub(crate) fn bring_online(&self) {
        self.does(Operation::Online { groups: Some(vec!["g".into()]) });
    }

    pub(crate) fn switch(&self, node: &str) {
        self.does(Operation::Switch { groups: vec!["g".into()], nodes: vec![node.into()] });
    }

    /// As `seen_by` sees it.
    pub(crate) fn await_state(&self, seen_by: &str, node: &str, state: GroupState) {
        until_true(&format!("{seen_by} sees g {state:?} on {node}"), || {
            let cluster = self.node(seen_by).cluster();
            cluster.is_some_and(|c| c.group_state(&"g".into(), &node.into()) == state)
        });
    }

    /// Lines of `events`.
    pub(crate) fn events(&self) -> Vec<String> {
        self.read("events").lines().map(str::to_owned).collect()
    }

    /// Two lives of the service, or more, that were never there at the same time; gives the nodes in order.
    pub(crate) fn masters(&self) -> Vec<String> {
        let text = self.read("masters");
        let mut lives: Vec<(String, u128, u128)> = Vec::new();
        for line in text.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            let [node, pid, at] = words.as_slice() else { continue };
            let (who, at): (String, u128) = (format!("{node} {pid}"), at.parse().unwrap());
            match lives.iter_mut().find(|life| life.0 == who) {
                Some(life) => life.2 = life.2.max(at),
                None => lives.push((who, at, at)),
            }
        }
        lives.sort_by_key(|life| life.1);
        for pair in lives.windows(2) {
            assert!(pair[0].2 < pair[1].1, "two masters at a time: {pair:?}");
        }
        lives.iter().map(|(who, ..)| who.split(' ').next().unwrap().to_owned()).collect()
    }

    /// Until the service has shown that it ran on these nodes, one after the other.
    pub(crate) fn await_masters(&self, nodes: &[&str]) {
        until_true(&format!("the service has run on {nodes:?}"), || self.masters() == nodes);
    }

    /// All nodes leave; then nothing of them is there any more.
    pub(crate) fn end(self) {
        self.end_with(|| ());
    }

    /// The same; `meanwhile` is done when all have left.
    pub(crate) fn end_with(mut self, meanwhile: impl FnOnce()) {
        for node in &mut self.nodes {
            node.signal_guard("TERM");
            node.signal_guard("TERM");
        }
        for node in &mut self.nodes {
            node.await_end();
        }
        meanwhile();
        until_true("nothing survives", || self.survivors().is_empty());
        assert_eq!(self.cgroups(), Vec::<PathBuf>::new(), "cgroups are left");
        self.masters();
    }

    /// Processes whose arguments name this case's folder.
    fn survivors(&self) -> Vec<i32> {
        let mark = self.folder.path().to_string_lossy().into_owned();
        let entries = fs::read_dir("/proc").unwrap().flatten();
        let pids = entries.filter_map(|e| e.file_name().to_str()?.parse::<i32>().ok());
        let is_ours = |pid: &i32| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(&mark)
        };
        pids.filter(is_ours).collect()
    }

    fn cgroups(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut open = vec![PathBuf::from("/sys/fs/cgroup")];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    continue;
                }
                match entry.file_name().to_string_lossy().contains(&self.mark) {
                    true => found.push(entry.path()),
                    false => open.push(entry.path()),
                }
            }
        }
        found
    }
}

/// Whatever a failed case has left.
impl Drop for Stage {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for node in &self.nodes {
                eprintln!("--- {}\n{}", node.name, node.log_text());
            }
            eprintln!("--- events\n{}", self.read("events"));
        }
        for node in &mut self.nodes {
            if let Some(mut guard) = node.guard.take() {
                let _ = guard.kill();
                let _ = guard.wait();
            }
        }
        for _ in 0..100 {
            let left = self.survivors();
            if left.is_empty() {
                break;
            }
            for pid in left {
                send("KILL", pid);
            }
            std::thread::sleep(LOOK);
        }
        for cgroup in self.cgroups() {
            for entry in fs::read_dir(&cgroup).into_iter().flatten().flatten() {
                let _ = fs::remove_dir(entry.path());
            }
            let _ = fs::remove_dir(cgroup);
        }
    }
}

pub(crate) fn assignments(pairs: &[(&str, &str)]) -> Vec<Assignment> {
    let one = |(name, value): &(&str, &str)| Assignment {
        name: (*name).to_owned(),
        node: None,
        value: (*value).to_owned(),
    };
    pairs.iter().map(one).collect()
}

/// Sends a signal; FALSE: there is no such process.
pub(crate) fn send(signal: &str, pid: i32) -> bool {
    let signal = format!("-{signal}");
    let sent =
        Command::new("kill").args([&signal, &pid.to_string()]).stderr(Stdio::null()).status();
    sent.unwrap().success()
}

/// Alive, and not only a process-table entry.
pub(crate) fn is_alive(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
}

impl Node {
    pub(crate) fn start(&mut self) {
        let log = fs::OpenOptions::new().create(true).append(true).open(&self.log).unwrap();
        let mut command = Command::new(PROGRAM);
        command.args(["node", "--config"]).arg(&self.config).stdin(Stdio::null());
        let guard = command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        self.guard = Some(guard);
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.run_dir.join("node.sock"))
    }

    pub(crate) fn snapshot(&self) -> Option<Snapshot> {
        self.client().snapshot().ok()
    }

    /// What this node knows, when it answers.
    pub(crate) fn cluster(&self) -> Option<Cluster> {
        Some(self.snapshot()?.cluster())
    }

    pub(crate) fn log_text(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    pub(crate) fn await_log(&self, text: &str) {
        until_true(&format!("{} says {text:?}", self.name), || self.log_text().contains(text));
    }

    pub(crate) fn guard_pid(&self) -> i32 {
        i32::try_from(self.guard.as_ref().unwrap().id()).unwrap()
    }

    pub(crate) fn daemon_pid(&self) -> i32 {
        until("the daemon's number is known", || {
            let pids = fs::read_to_string(self.run_dir.join("guard.pid")).ok()?;
            pids.lines().nth(1)?.parse().ok()
        })
    }

    pub(crate) fn signal_guard(&self, signal: &str) {
        if self.guard.is_some() {
            send(signal, self.guard_pid());
        }
    }

    pub(crate) fn signal_daemon(&self, signal: &str) {
        send(signal, self.daemon_pid());
    }

    /// Until the guard has ended.
    pub(crate) fn await_end(&mut self) -> Option<ExitStatus> {
        let mut guard = self.guard.take()?;
        Some(until("the guard ends", || guard.try_wait().unwrap()))
    }
}

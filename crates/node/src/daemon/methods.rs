//! Runs methods and fence agents: environment, program, output, and the one sentence that says how they ended.

use crate::clock;
use crate::fence;
use pmf::{Command, MethodResult, MethodRun, Trees, Trust};
use rgm::executor::{CallId, MethodOutcome};
use rgm::node::Input;
use rgm::{Fencing, MethodCall, NodeName};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc};

/// Methods under this folder that are not installed there are this binary's own (`steadfast methods NAME`).
const OWN_METHODS: &str = "/usr/lib/steadfast/methods/";
/// Where a method finds programs.
const PATH: &str = "/usr/cluster/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Most bytes of a method's output that go into a job's result.
const OUTPUT_BYTES_MAX: usize = 16 * 1024;

/// What every method is told through its environment.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings {
    pub(crate) node: NodeName,
    pub(crate) socket: PathBuf,
    pub(crate) claims: PathBuf,
    pub(crate) run_dir: PathBuf,
    pub(crate) cluster: String,
}

/// The methods that run now.
pub(crate) struct Methods {
    trees: Trees,
    surroundings: Arc<Surroundings>,
    running: BTreeMap<CallId, Arc<Notify>>,
    done: mpsc::Sender<Input>,
}

impl Methods {
    pub(crate) fn new(trees: Trees, surroundings: Surroundings, done: mpsc::Sender<Input>) -> Self {
        forget_options(&surroundings.run_dir);
        Self { trees, surroundings: Arc::new(surroundings), running: BTreeMap::new(), done }
    }

    /// Runs a method; `Input::MethodFinished` follows.
    pub(crate) fn run(&mut self, call: CallId, method: MethodCall) {
        let tag = format!(
            "SC[{},{},{},{:?}]",
            method.type_name, method.group, method.resource, method.method
        );
        let run = MethodRun::new(
            tag,
            self.command(&method),
            Duration::from_secs(method.timeout_s.into()),
        );
        self.start(call, run);
    }

    /// Runs a fence agent; `Input::MethodFinished` follows.
    pub(crate) fn fence(&mut self, call: CallId, node: &NodeName, fencing: &Fencing) {
        let prepared = fence::program(&fencing.agent).and_then(|program| {
            let options = self.surroundings.run_dir.join(format!("fence-{}.options", call.0));
            write_private(&options, &fence::lines(node, fencing))
                .map_err(|error| format!("{}: {error}", options.display()))?;
            Ok((program, options))
        });
        let (program, options) = match prepared {
            Ok(prepared) => prepared,
            Err(why) => return self.finish_at_once(call, why),
        };
        // The options may hold passwords: they go through a private file, never through arguments.
        let script = "exec \"$0\" < \"$1\"";
        let argv = ["/bin/sh", "-c", script, &program, &options.to_string_lossy()];
        let command = Command::new(argv).with_env([("PATH", PATH)]);
        let run = MethodRun::new(
            format!("fence[{node}]"),
            command,
            Duration::from_secs(fencing.timeout_s.into()),
        );
        self.start(call, run);
    }

    /// Kills a running one, which then ends as failed.
    pub(crate) fn kill(&mut self, call: CallId) {
        if let Some(killed) = self.running.get(&call) {
            killed.notify_one();
        }
    }

    /// Must be told of each `MethodFinished`.
    pub(crate) fn forget(&mut self, call: CallId) {
        self.running.remove(&call);
        // Only fence agents have one.
        let _ = std::fs::remove_file(
            self.surroundings.run_dir.join(format!("fence-{}.options", call.0)),
        );
    }

    fn start(&mut self, call: CallId, run: MethodRun) {
        let killed = Arc::new(Notify::new());
        self.running.insert(call, Arc::clone(&killed));
        let (trees, done) = (self.trees.clone(), self.done.clone());
        tokio::spawn(async move {
            let began = clock::boot();
            let (outcome, output) = tokio::select! {
                ended = trees.run_to_end(&run) => {
                    let mut output = ended.output.text();
                    if let Some(survivors) = &ended.survivors {
                        output.push_str(&format!("\nstill there: {survivors}"));
                    }
                    let outcome = sentence(&ended.result, ended.survivors.is_some(), run.timeout, &output);
                    (outcome, output)
                }
                () = killed.notified() => {
                    (MethodOutcome::Failed("was killed on request".to_owned()), String::new())
                }
            };
            tracing::debug!(tag = run.tag, ?outcome, took = ?(clock::boot() - began), "method ended");
            let output = tail(output);
            // The daemon is over when nobody listens.
            let _ = done.send(Input::MethodFinished { call, outcome, output }).await;
        });
    }

    fn finish_at_once(&mut self, call: CallId, why: String) {
        let done = self.done.clone();
        tokio::spawn(async move {
            let outcome = MethodOutcome::Failed(why.clone());
            let _ = done.send(Input::MethodFinished { call, outcome, output: why }).await;
        });
    }

    fn command(&self, method: &MethodCall) -> Command {
        let own = method.program.strip_prefix(OWN_METHODS);
        let own = own.filter(|_| !std::path::Path::new(&method.program).exists());
        let mut argv = match own {
            // The keeper is this binary, also after its file was replaced by a newer one.
            Some(name) => vec!["/proc/self/exe".to_owned(), "methods".to_owned(), name.to_owned()],
            None => vec![method.program.clone()],
        };
        argv.extend(method.arguments.iter().cloned());
        let around = &self.surroundings;
        let mut command = Command::new(argv).with_env([
            ("PATH", PATH.to_owned()),
            ("LC_ALL", "C.UTF-8".to_owned()),
            (node_api::client::SOCKET_VARIABLE, around.socket.to_string_lossy().into_owned()),
            (node_api::claim::CLAIMS_VARIABLE, around.claims.to_string_lossy().into_owned()),
            ("STEADFAST_NODE", around.node.to_string()),
            ("STEADFAST_CLUSTER", around.cluster.clone()),
        ]);
        command.trust = if own.is_some() { Trust::Any } else { Trust::Owned };
        command
    }
}

/// How a method ended, as the rest of the sentence "START of R …".
fn sentence(
    result: &MethodResult,
    survived: bool,
    timeout: Duration,
    output: &str,
) -> MethodOutcome {
    if result.is_success() && !survived {
        return MethodOutcome::Succeeded;
    }
    let last = output.lines().rev().find(|line| !line.trim().is_empty());
    let what = match result {
        MethodResult::TimedOut => {
            format!("did not end within {} s and was killed", timeout.as_secs())
        }
        other => other.to_string(),
    };
    MethodOutcome::Failed(match last {
        Some(line) => format!("{what}: {}", line.trim().chars().take(400).collect::<String>()),
        None => what,
    })
}

/// The last bytes, cut at a character.
fn tail(output: String) -> String {
    let mut from = output.len().saturating_sub(OUTPUT_BYTES_MAX);
    while !output.is_char_boundary(from) {
        from += 1;
    }
    output.get(from..).unwrap_or_default().to_owned()
}

/// Options of fence agents that a daemon before this one ran when it was killed: they may hold passwords.
fn forget_options(run_dir: &std::path::Path) {
    let entries = std::fs::read_dir(run_dir).into_iter().flatten().flatten();
    for entry in entries {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("fence-") && name.ends_with(".options") {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

fn write_private(path: &std::path::Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}

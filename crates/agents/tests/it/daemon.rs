//! A stand-in for the node daemon: the admin socket's protocol over a configuration held in memory, with the real process monitor. It restarts by running
//! STOP and START, accepts giveovers (or refuses them) and remembers what it was asked.

use node_api::{Ask, Reply, Snapshot, StoredKey};
use pmf::{Launcher, Owner, Pmf, Trees};
use rgm::store::{Key, Object};
use rgm::{
    Configuration, Dependencies, FailoverMode, Group, GroupName, NodeConfig, NodeName, Operation,
    PropertyValue, Refusal, Resource, ResourceName, SchaCode, Switch, TypeConfig, TypeName,
};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_agents-methods");
/// The group and the node of all tests.
pub(crate) const GROUP: &str = "g";
pub(crate) const NODE: &str = "n1";

/// What the daemon was asked, in words.
#[derive(Default)]
struct Memory {
    statuses: Vec<String>,
    restarts: u32,
    giveovers: u32,
}

struct Inner {
    config: Mutex<Configuration>,
    memory: Mutex<Memory>,
    refuses_giveover: bool,
    pmf: Pmf,
    folder: PathBuf,
}

/// A running stand-in.
pub(crate) struct Daemon {
    inner: Arc<Inner>,
    runtime: tokio::runtime::Runtime,
    folder: tempfile::TempDir,
}

impl Daemon {
    pub(crate) fn start() -> Self {
        Self::new(false)
    }

    pub(crate) fn refusing_giveovers() -> Self {
        Self::new(true)
    }

    fn new(refuses_giveover: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let launcher = Launcher { program: PROGRAM.into(), args: vec!["pmf-launch".into()] };
        let trees = Trees::new(launcher).with_log(Arc::new(|line| eprintln!("{}", line.text)));
        let mut config = Configuration::default();
        config.nodes.insert(NODE.into(), node(1));
        config.nodes.insert("n2".into(), node(2));
        let nodelist = vec![NodeName::new(NODE), NodeName::new("n2")];
        config.groups.insert(GROUP.into(), Group { nodelist, managed: true, ..Group::default() });
        let inner = Arc::new(Inner {
            config: Mutex::new(config),
            memory: Mutex::default(),
            refuses_giveover,
            pmf: Pmf::new(trees),
            folder: folder.path().to_owned(),
        });
        let listener = {
            let _inside = runtime.enter();
            UnixListener::bind(folder.path().join("node.sock")).unwrap()
        };
        let serving = Arc::clone(&inner);
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let inner = Arc::clone(&serving);
                tokio::spawn(async move { inner.converse(stream).await });
            }
        });
        Self { inner, runtime, folder }
    }

    /// Adds a resource of a built-in type with these properties.
    pub(crate) fn add(&self, name: &str, type_name: &str, properties: &[(&str, &str)]) {
        let rtr = agents::builtin(type_name).unwrap();
        let full = TypeName::new(&rtr.full_name());
        let of_type = TypeConfig { rtr, installed_nodes: None, system: false, path: String::new() };
        let values = properties.iter().map(|(property, text)| {
            let kind = of_type.rtr.effective_property(property).unwrap();
            let value = kind.check(text).unwrap();
            ((*property).into(), PropertyValue { value, ..PropertyValue::default() })
        });
        let resource = Resource {
            group: GroupName::new(GROUP),
            type_name: full.clone(),
            description: String::new(),
            enabled: Switch::everywhere(true),
            monitored: Switch::everywhere(true),
            dependencies: Dependencies::default(),
            failover_mode: FailoverMode::Soft,
            values: values.collect(),
            generation: 1,
        };
        let mut config = self.inner.config.lock().unwrap();
        config.types.insert(full, of_type);
        config.resources.insert(ResourceName::new(name), resource);
    }

    /// Changes one property.
    pub(crate) fn set(&self, name: &str, property: &str, text: &str) {
        let mut config = self.inner.config.lock().unwrap();
        let values = rtr::split_list(text).into_iter().map(str::to_owned).collect();
        let value = PropertyValue { value: values, ..PropertyValue::default() };
        config.resources.get_mut(name).unwrap().values.insert(property.into(), value);
    }

    /// The claims folder.
    pub(crate) fn claims(&self) -> PathBuf {
        self.folder.path().join("claims")
    }

    /// How many claims there are.
    pub(crate) fn claim_count(&self) -> usize {
        let entries = std::fs::read_dir(self.claims()).into_iter().flatten().flatten();
        entries.filter(|e| e.path().extension().is_some_and(|x| x == "claim")).count()
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A method as a command, run by `prefix` (such as `ip netns exec NAME`).
    pub(crate) fn command(&self, prefix: &[&str], method: &str, name: &str) -> Command {
        self.inner.command(prefix, method, name)
    }

    /// Runs a method; the error is what it wrote.
    pub(crate) fn method(&self, prefix: &[&str], method: &str, name: &str) -> Result<(), String> {
        outcome(&self.command(prefix, method, name).output().unwrap())
    }

    /// Runs VALIDATE for a resource that does not exist yet.
    pub(crate) fn validate(
        &self,
        prefix: &[&str],
        method: &str,
        type_name: &str,
        properties: &[&str],
    ) -> Result<(), String> {
        let mut command = self.inner.command(prefix, method, "new");
        let arguments: Vec<&str> = properties.iter().flat_map(|p| ["-x", p]).collect();
        command.arg("-c").args(["-T", type_name]).args(arguments);
        outcome(&command.output().unwrap())
    }

    pub(crate) fn statuses(&self) -> Vec<String> {
        self.inner.memory.lock().unwrap().statuses.clone()
    }

    pub(crate) fn restarts(&self) -> u32 {
        self.inner.memory.lock().unwrap().restarts
    }

    pub(crate) fn giveovers(&self) -> u32 {
        self.inner.memory.lock().unwrap().giveovers
    }

    /// Living processes of a tag, the first one first.
    pub(crate) fn processes(&self, tag: &str) -> Vec<i32> {
        let pmf = &self.inner.pmf;
        let found = self.runtime.block_on(async { pmf.processes(tag).await });
        found.iter().map(|process| process.pid).collect()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let patience = std::time::Duration::from_secs(5);
        // What survives is ended with its keeper when the runtime goes.
        let _ = self.runtime.block_on(self.inner.pmf.kill_everything(patience));
    }
}

fn node(id: u32) -> NodeConfig {
    NodeConfig { id, fencing: None, maintenance: false }
}

fn outcome(output: &Output) -> Result<(), String> {
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if output.status.success() { Ok(()) } else { Err(said) }
}

impl Inner {
    fn command(&self, prefix: &[&str], method: &str, name: &str) -> Command {
        let of_type = self.config.lock().unwrap().resources.get(name).map(|r| r.type_name.clone());
        let words: Vec<&str> = prefix.iter().copied().chain([PROGRAM, "methods", method]).collect();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).args(["-R", name, "-G", GROUP]);
        if let Some(of_type) = of_type {
            command.args(["-T", of_type.as_str()]);
        }
        command
            .env_clear()
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .env("STEADFAST_NODE", NODE)
            .env("STEADFAST_NODE_SOCKET", self.folder.join("node.sock"))
            .env("STEADFAST_CLAIMS", self.folder.join("claims"))
            .env("TEST_FOLDER", &self.folder);
        command
    }

    async fn converse(self: Arc<Self>, stream: UnixStream) {
        let (read, mut write) = stream.into_split();
        let mut line = String::new();
        BufReader::new(read).read_line(&mut line).await.unwrap();
        let ask: Ask = serde_json::from_str(&line).unwrap();
        let reply = self.answer(ask).await;
        let mut line = serde_json::to_vec(&reply).unwrap();
        line.push(b'\n');
        // The client may have been killed.
        let _ = write.write_all(&line).await;
    }

    async fn answer(self: &Arc<Self>, ask: Ask) -> Reply {
        let done = Reply::Done { messages: Vec::new() };
        match ask {
            Ask::Snapshot => Reply::Snapshot(Box::new(self.snapshot())),
            Ask::Pmf(request) => Reply::Pmf(self.pmf.handle(Owner::ourselves(), request).await),
            Ask::PmfDeath { tag } => match self.pmf.watch(&tag) {
                Some(mut watch) => {
                    watch.died().await;
                    done
                }
                None => refused("there is no such tag"),
            },
            Ask::SetStatus { resource, status, message, .. } => {
                let said = format!("{resource} {status:?} {message}");
                self.memory.lock().unwrap().statuses.push(said);
                done
            }
            Ask::Restart { resource, .. } => self.restart(&resource).await,
            Ask::Submit { operation, .. } => match *operation {
                Operation::Giveover { .. } => {
                    self.memory.lock().unwrap().giveovers += 1;
                    if self.refuses_giveover { refused("there is no other node") } else { done }
                }
                _ => refused("the stand-in knows only giveovers"),
            },
            _ => refused("the stand-in does not know that"),
        }
    }

    async fn restart(self: &Arc<Self>, resource: &ResourceName) -> Reply {
        let (this, name) = (Arc::clone(self), resource.to_string());
        let run = move || {
            for method in ["gds_svc_stop", "gds_svc_start"] {
                outcome(&this.command(&[], method, &name).output().unwrap())?;
            }
            this.memory.lock().unwrap().restarts += 1;
            Ok::<(), String>(())
        };
        match tokio::task::spawn_blocking(run).await.unwrap() {
            Ok(()) => Reply::Done { messages: Vec::new() },
            Err(why) => refused(&why),
        }
    }

    fn snapshot(&self) -> Snapshot {
        let config = self.config.lock().unwrap();
        let nodes =
            config.nodes.iter().map(|(n, c)| (Key::Node(n.clone()), Object::Node(c.clone())));
        let types =
            config.types.iter().map(|(n, c)| (Key::Type(n.clone()), Object::Type(c.clone())));
        let groups =
            config.groups.iter().map(|(n, c)| (Key::Group(n.clone()), Object::Group(c.clone())));
        let resources = config
            .resources
            .iter()
            .map(|(n, c)| (Key::Resource(n.clone()), Object::Resource(c.clone())));
        let all = nodes.chain(types).chain(groups).chain(resources);
        let keys = all.map(|(key, object)| StoredKey {
            key: key.to_string(),
            value: String::from_utf8(object.encode()).unwrap(),
            create_revision: 1,
            mod_revision: 1,
        });
        Snapshot { node: Some(NODE.into()), keys: keys.collect(), ..Snapshot::default() }
    }
}

fn refused(sentence: &str) -> Reply {
    Reply::Refused(Refusal { code: SchaCode::State, sentence: sentence.to_owned() })
}

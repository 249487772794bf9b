//! A set of namespaces with a process 1 of ours in it. When that process ends, the kernel ends all others in it, unmounts what they mounted and
//! removes their interfaces: this is how a host dies at one blow, and how nothing is left when the rig itself dies (process 1 ends with its
//! standard input).

use crate::shell;
use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

/// Seconds a script inside may take.
const SCRIPT_S_MAX: &str = "60";

/// Namespaces, and the process that keeps them.
#[derive(Debug)]
pub struct Space {
    name: String,
    /// `unshare`, which waits for process 1.
    keeper: Child,
    /// Its end is the end of all.
    _life: ChildStdin,
    init: u32,
}

/// A process inside, by its id outside.
#[derive(Clone, Debug)]
pub struct Process {
    /// As seen by the rig.
    pub pid: u32,
    /// Its command line.
    pub argv: Vec<String>,
}

impl Process {
    /// Sends a signal to it; that it is gone already is no error.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        let _ = pid.map(|pid| kill_process(pid, signal));
    }
}

impl Space {
    /// Makes namespaces, runs `setup` (a shell script) as their first process, which then becomes `init` (the program `hosts-http`).
    pub fn start(name: &str, init: &Path, setup: &str) -> Result<Self> {
        let script = format!(
            "set -e\nhostname {name}\nip link set lo up\n{setup}\nexec {} init",
            init.display()
        );
        let words = [
            "--net",
            "--mount",
            "--pid",
            "--uts",
            "--ipc",
            "--fork",
            "--kill-child=KILL",
            "--mount-proc",
            "--propagation",
            "private",
            "/bin/sh",
            "-c",
            &script,
        ];
        let mut keeper = Command::new("unshare")
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // What `unshare` says of its killed child is no news.
            .stderr(Stdio::piped())
            .spawn()
            .context("unshare: namespaces need root")?;
        let life = keeper.stdin.take().context("no standard input")?;
        let said = keeper.stdout.take().context("no standard output")?;
        let mut line = String::new();
        BufReader::new(said).read_line(&mut line)?;
        if line.trim() != "ready" {
            let _ = keeper.kill();
            let _ = keeper.wait();
            let mut why = String::new();
            if let Some(mut said) = keeper.stderr.take() {
                said.read_to_string(&mut why)?;
            }
            bail!("namespace {name} did not come up: {line}{why}");
        }
        let init = first_child(keeper.id()).with_context(|| format!("{name} has no process 1"))?;
        Ok(Self { name: name.to_owned(), keeper, _life: life, init })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Process 1, by its id outside.
    pub const fn init(&self) -> u32 {
        self.init
    }

    /// A file of this space, as a path outside.
    pub fn path(&self, inside: &str) -> std::path::PathBuf {
        format!("/proc/{}/root{inside}", self.init).into()
    }

    /// The words before a command that shall run inside.
    pub fn prefix(&self) -> Vec<String> {
        let words = ["nsenter", "-t", &self.init.to_string(), "-m", "-n", "-p", "-u", "-i", "--"];
        words.map(ToOwned::to_owned).to_vec()
    }

    /// A command that runs inside.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command.args(&self.prefix()[1..]).args(words);
        command
    }

    /// Runs a shell script inside to its end.
    pub fn run(&self, script: &str) -> Result<String> {
        let command =
            self.command(&["timeout", "-s", "KILL", SCRIPT_S_MAX, "/bin/sh", "-c", script]);
        shell::output(command, &format!("[{}] {script}", self.name))
    }

    /// All processes inside but process 1.
    pub fn processes(&self) -> Vec<Process> {
        let namespace = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
        let Some(ours) = namespace(&self.init.to_string()) else { return Vec::new() };
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|e| e.file_name().to_str()?.parse::<u32>().ok());
        let inside = pids
            .filter(|pid| *pid != self.init && namespace(&pid.to_string()).as_ref() == Some(&ours));
        inside.map(|pid| Process { pid, argv: argv(pid) }).collect()
    }

    /// Those whose command line fits.
    pub fn find(&self, fits: impl Fn(&[&str]) -> bool) -> Vec<Process> {
        let mut found = self.processes();
        found.retain(|p| fits(&p.argv.iter().map(String::as_str).collect::<Vec<_>>()));
        found
    }

    /// Kills everything inside at one blow; that it is gone is waited for when this is dropped.
    pub fn strike(&self) {
        Process { pid: self.init, argv: Vec::new() }.signal(Signal::KILL);
    }

    fn end(&mut self) {
        self.strike();
        let _ = self.keeper.wait();
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        self.end();
    }
}

/// The first child of a process.
pub fn first_child(pid: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
    children.split_whitespace().next()?.parse().ok()
}

fn argv(pid: u32) -> Vec<String> {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words = bytes.split(|b| *b == 0).map(|w| String::from_utf8_lossy(w).into_owned());
    let mut words: Vec<_> = words.collect();
    words.pop();
    words
}

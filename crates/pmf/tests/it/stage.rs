//! What the cases share: trees with a marker in their environment, polling with a deadline, and the last look round.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pmf::{CgroupParent, Command, Launcher, Trees};

/// Nothing here takes nearly as long; a case that waits so long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The keeper of these tests.
pub(crate) fn launcher() -> Launcher {
    Launcher { program: env!("CARGO_BIN_EXE_pmf-launch").into(), args: Vec::new() }
}

/// One case: its trees, its lines of output, and the mark its processes carry.
pub(crate) struct Stage {
    pub(crate) trees: Trees,
    pub(crate) mark: String,
    pub(crate) lines: Arc<Mutex<Vec<String>>>,
    pub(crate) has_cgroups: bool,
    cgroups: Option<std::path::PathBuf>,
}

/// A keeper removes its tree's cgroup, but not the parent, which a daemon would use again.
impl Drop for Stage {
    fn drop(&mut self) {
        let Some(path) = &self.cgroups else { return };
        let begun = std::time::Instant::now();
        while path.exists() && begun.elapsed() < Duration::from_secs(2) {
            let _ = std::fs::remove_dir(path);
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Stage {
    /// Without cgroups, and with them where the machine allows.
    pub(crate) fn both() -> Vec<Stage> {
        let mut stages = vec![Stage::without_cgroups()];
        let mark = new_mark();
        if let Ok(parent) = CgroupParent::open(&mark) {
            stages.push(Stage::new(mark, Some(parent)));
        }
        stages
    }

    pub(crate) fn without_cgroups() -> Stage {
        Stage::new(new_mark(), None)
    }

    fn new(mark: String, parent: Option<Arc<CgroupParent>>) -> Stage {
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let sink = lines.clone();
        let has_cgroups = parent.is_some();
        let cgroups = parent.as_ref().map(|parent| parent.path().to_owned());
        let mut trees = Trees::new(launcher())
            .with_log(Arc::new(move |line| sink.lock().unwrap().push(line.text.to_owned())));
        if let Some(parent) = parent {
            trees = trees.with_cgroups(parent);
        }
        Stage { trees, mark, lines, has_cgroups, cgroups }
    }

    /// A shell command that carries the mark.
    pub(crate) fn sh(&self, script: &str) -> Command {
        Command::new(["/bin/sh", "-c", script]).with_env(self.env())
    }

    pub(crate) fn env(&self) -> Vec<(String, String)> {
        vec![("PMF_TEST".into(), self.mark.clone()), ("PATH".into(), "/usr/bin:/bin".into())]
    }

    /// The processes that carry the mark, keepers (by their tag) included. Zombies carry nothing any more.
    pub(crate) fn marked(&self) -> Vec<String> {
        marked(&self.mark)
    }

    pub(crate) fn is_line_seen(&self, text: &str) -> bool {
        self.lines.lock().unwrap().iter().any(|line| line == text)
    }

    /// A tag with the mark in it.
    pub(crate) fn tag(&self, name: &str) -> String {
        format!("{}.{name}", self.mark)
    }

    pub(crate) async fn assert_nobody_left(&self) {
        until("nobody is left", || self.marked().is_empty()).await;
    }
}

fn new_mark() -> String {
    static SERIAL: AtomicU64 = AtomicU64::new(0);
    format!("pmf-test-{}-{}", std::process::id(), SERIAL.fetch_add(1, Ordering::Relaxed))
}

/// The processes with this mark in their environment or arguments, as a whole word (up to `.` or the end).
pub(crate) fn marked(mark: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let pid = entry.file_name().to_string_lossy().into_owned();
        if pid.parse::<u32>().is_err() || pid == std::process::id().to_string() {
            continue;
        }
        let read = |name: &str| {
            let bytes = std::fs::read(entry.path().join(name)).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let (environ, cmdline) = (read("environ"), read("cmdline"));
        let is_marked = environ.split('\0').any(|var| var == format!("PMF_TEST={mark}"))
            || cmdline.split('\0').any(|arg| arg == mark || arg.starts_with(&format!("{mark}.")));
        if is_marked {
            found.push(format!("{pid} {}", cmdline.replace('\0', " ")));
        }
    }
    found
}

/// Polls until it is so.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !is_so() {
        assert!(tokio::time::Instant::now() < deadline, "never came: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Awaits it, or fails.
pub(crate) async fn soon<T>(what: &str, work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(done) => done,
        Err(_) => panic!("never came: {what}"),
    }
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// What concerns the whole process runs in one of its own. True there; the process of all cases waits for it and gets false.
pub(crate) fn is_alone(case: &str) -> bool {
    if std::env::var_os("PMF_TEST_ALONE").is_some() {
        return true;
    }
    let alone = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", case, "--nocapture"])
        .env("PMF_TEST_ALONE", "1")
        .output()
        .unwrap();
    assert!(alone.status.success(), "{}", String::from_utf8_lossy(&alone.stderr));
    false
}

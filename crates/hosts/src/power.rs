//! The power switch: fence agents leave a file that names a host, the rig ends that host and answers with another file. A thread of its own, so that it works
//! while a fault is being measured.

use crate::host::Host;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// A host that several look at.
pub type SharedHost = Arc<Mutex<Host>>;

/// The switch; it works until it is dropped.
pub struct Power {
    folder: PathBuf,
    ends: Arc<AtomicBool>,
    log: Arc<Mutex<Vec<(Instant, String)>>>,
    thread: Option<JoinHandle<()>>,
}

impl Power {
    /// Watches a folder for these hosts.
    pub fn start(folder: PathBuf, hosts: Vec<SharedHost>) -> std::io::Result<Self> {
        std::fs::create_dir_all(&folder)?;
        let ends = Arc::new(AtomicBool::new(false));
        let log = Arc::new(Mutex::new(Vec::new()));
        let (of_folder, of_ends, of_log) = (folder.clone(), Arc::clone(&ends), Arc::clone(&log));
        let thread = std::thread::spawn(move || {
            while !of_ends.load(Ordering::Relaxed) {
                for asked in look(&of_folder) {
                    serve(&asked, &hosts, &of_log);
                }
                std::thread::sleep(LOOK_AGAIN);
            }
        });
        Ok(Self { folder, ends, log, thread: Some(thread) })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Agents fail as long as this is set.
    pub fn break_down(&self, is_broken: bool) -> std::io::Result<()> {
        let file = self.folder.join("broken");
        if is_broken { std::fs::write(file, b"") } else { std::fs::remove_file(file) }
    }

    /// Who was switched off, and when.
    pub fn log(&self) -> Vec<(Instant, String)> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Power {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn look(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "ask")).collect()
}

fn serve(asked: &Path, hosts: &[SharedHost], log: &Mutex<Vec<(Instant, String)>>) {
    let stem = asked.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let name = stem.split('.').next().unwrap_or_default();
    for host in hosts {
        let mut host = host.lock().unwrap_or_else(PoisonError::into_inner);
        if host.name() == name {
            host.die();
            log.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push((Instant::now(), name.to_owned()));
        }
    }
    let _ = std::fs::remove_file(asked);
    let _ = std::fs::write(asked.with_extension("off"), b"");
}

//! The lease of the daemon before this one. The guard starts a daemon only when nothing of the one before runs any more; so its lease need not
//! be waited for, it is given back, and groups move at once.
//!
//! It must never end a lease that is not surely this node's own: the member key must lie under it. A guard forgets the note when it starts,
//! because what an earlier guard's daemon ran it may not see.

use crate::config::NodeFile;
use control::{ControlStore, LeaseId};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Longer is not worth it: the lease ends by itself.
const PATIENCE: Duration = Duration::from_millis(500);

fn path(run_dir: &Path) -> PathBuf {
    run_dir.join("lease")
}

/// Writes down the lease of this daemon. Without the note the next one waits.
pub(super) fn note(file: &NodeFile, lease: LeaseId) {
    let _ = std::fs::write(path(&file.node.run_dir), lease.0.to_string());
}

/// The next daemon shall give nothing back.
pub(crate) fn forget(run_dir: &Path) {
    let _ = std::fs::remove_file(path(run_dir));
}

/// Gives back the lease of the daemon before, if there is one.
pub(super) async fn give_back(store: &dyn ControlStore, prefix: &str, file: &NodeFile) {
    let note = std::fs::read_to_string(path(&file.node.run_dir)).unwrap_or_default();
    forget(&file.node.run_dir);
    let Ok(lease) = note.trim().parse().map(LeaseId) else { return };
    let key = format!("{prefix}{}", rgm::store::Key::Member(file.node_name()));
    let give_back = async {
        let found = store.range(&key).await?;
        let is_ours = found.entries.iter().any(|e| e.key == key && e.lease == Some(lease));
        if is_ours {
            store.revoke(lease).await?;
            tracing::info!("the lease of the daemon before was given back: nothing of it runs");
        }
        Ok::<(), control::Error>(())
    };
    // What fails here ends by itself.
    let _ = tokio::time::timeout(PATIENCE, give_back).await;
}

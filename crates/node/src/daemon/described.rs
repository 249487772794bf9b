//! The line about the control store in a snapshot: asked of the store again and again, and never waited for longer than a healthy store takes.
//!
//! Every method of a resource asks for a snapshot, also while a member of the store is dead, which is when groups move: the line must not hold them up.

use control::ControlStore;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::timeout;

/// How long a snapshot waits for the line to be fresh.
const FRESH_PATIENCE: Duration = Duration::from_millis(20);
/// How long the store may take.
const DESCRIBE_PATIENCE: Duration = Duration::from_secs(1);

/// The last line, and whether the store is being asked for another.
#[derive(Clone, Debug)]
pub(crate) struct Described {
    last: Arc<Mutex<String>>,
    asking: Arc<tokio::sync::Mutex<()>>,
}

impl Default for Described {
    fn default() -> Self {
        let last = "the control store has not answered yet".to_owned();
        Self { last: Arc::new(Mutex::new(last)), asking: Arc::default() }
    }
}

impl Described {
    /// The line; the last known one when the store takes its time.
    pub(crate) async fn line(&self, store: Arc<dyn ControlStore>) -> String {
        let this = self.clone();
        let asked = tokio::spawn(async move {
            // Who finds somebody asking waits for the same answer.
            let Ok(_asking) = this.asking.try_lock() else {
                drop(this.asking.lock().await);
                return;
            };
            let described = timeout(DESCRIBE_PATIENCE, store.describe()).await;
            let line = described.unwrap_or_else(|_| "the control store does not answer".to_owned());
            *this.last.lock().unwrap_or_else(PoisonError::into_inner) = line;
        });
        // It goes on when nobody waits for it any more.
        let _ = timeout(FRESH_PATIENCE, asked).await;
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

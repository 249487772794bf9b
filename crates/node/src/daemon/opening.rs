//! Before the control store can be opened: it is tried again and again, and whoever asks meanwhile is told what is waited for.
//!
//! Nothing runs here then, so there is nothing to guard; but a guard that dies, or a signal to leave, ends the wait.

use super::admin::Asked;
use super::line::GuardLine;
use super::{Ending, Leave, clock, storage};
use crate::config::NodeFile;
use crate::guard::{LEFT, Record};
use control::{ControlStore, Error};
use node_api::{Ask, Reply, Snapshot};
use rgm::{Refusal, SchaCode};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// First and longest pause between two tries.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// Whom a daemon without a store listens to.
pub(super) struct Hall<'a> {
    pub(super) line: &'a mut GuardLine,
    pub(super) asks: &'a mut mpsc::Receiver<Asked>,
    pub(super) leave: &'a mut Leave,
}

impl Hall<'_> {
    /// Opens the store that the file names, however long that takes.
    pub(super) async fn open_store(
        mut self,
        file: &NodeFile,
    ) -> Result<Arc<dyn ControlStore>, Ending> {
        let mut why = "the control store is being opened".to_owned();
        let mut pause = Duration::ZERO;
        loop {
            let attempt = async {
                tokio::time::sleep(pause).await;
                storage::open(file).await
            };
            match self.while_listening(attempt, file, &why).await? {
                Ok(store) => return Ok(store),
                Err(error @ Error::Invalid(_)) => {
                    return Err(Ending::hopeless(format!("control store: {error}")));
                }
                Err(error) => {
                    storage::cannot_open(&error);
                    why = error.to_string();
                }
            }
            pause = (pause * 2).clamp(PAUSE.0, PAUSE.1);
        }
    }

    async fn while_listening<T>(
        &mut self,
        work: impl Future<Output = T>,
        file: &NodeFile,
        why: &str,
    ) -> Result<T, Ending> {
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return Ok(done),
                heard = self.line.heard() => match heard {
                    Ok(Some(Record::Leave | Record::StopNow)) => return Err(Ending::left()),
                    Ok(_) => {}
                    Err(error) => return Err(Ending::again(error.to_string())),
                },
                () = self.leave.told() => return Err(Ending::left()),
                Some(asked) = self.asks.recv() => {
                    if matches!(asked.ask, Ask::Leave) {
                        let _ = asked.replies.send(Reply::Done { messages: Vec::new() }).await;
                        asked.replies.closed().await;
                        return Err(Ending::left());
                    }
                    refuse(&asked, file, why);
                }
            }
        }
    }
}

fn refuse(asked: &Asked, file: &NodeFile, why: &str) {
    let node = file.node_name();
    let sentence = format!("{node} is no member: {why}");
    let reply = match asked.ask {
        Ask::Snapshot => Reply::Snapshot(Box::new(Snapshot {
            node: Some(node),
            store: why.to_owned(),
            outside: Some(sentence),
            age_ms: u64::MAX,
            now_ms: clock::wall_ms(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..Snapshot::default()
        })),
        _ => Reply::Refused(Refusal { code: SchaCode::Reconf, sentence }),
    };
    // A client that has gone needs none.
    let _ = asked.replies.try_send(reply);
}

impl Ending {
    fn left() -> Self {
        Self { code: LEFT, what: None }
    }
}

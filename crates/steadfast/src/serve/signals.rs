//! Signals, as the service understands them.

use anyhow::{Context, Result};
use tokio::signal::unix::{Signal as Watch, SignalKind, signal};

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Read certificate and log level again.
    Reload,
    /// End; by which signal.
    End(&'static str),
}

/// The signals that are watched. Until the first call of [`Signals::next`] they wait.
pub(crate) struct Signals {
    terminate: Watch,
    interrupt: Watch,
    hang_up: Watch,
}

impl Signals {
    /// Begins to watch.
    pub(crate) fn watch() -> Result<Self> {
        let watch = |kind| signal(kind).context("cannot watch signals");
        Ok(Self {
            terminate: watch(SignalKind::terminate())?,
            interrupt: watch(SignalKind::interrupt())?,
            hang_up: watch(SignalKind::hangup())?,
        })
    }

    /// The next one.
    pub(crate) async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::End("SIGTERM"),
            _ = self.interrupt.recv() => Signal::End("SIGINT"),
            _ = self.hang_up.recv() => Signal::Reload,
        }
    }

    /// Waits for one that asks to end.
    pub(crate) async fn until_end(&mut self) {
        while self.next().await == Signal::Reload {}
    }
}

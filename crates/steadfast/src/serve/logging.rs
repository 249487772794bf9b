//! The log: standard error, as text or JSON, with a level that SIGHUP changes.

use crate::config::Log;
use std::io::IsTerminal;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Registry, fmt, reload};

/// Changes the level.
pub(crate) struct Level(reload::Handle<LevelFilter, Registry>);

/// Begins to log. Once per process; a second call changes nothing.
pub(crate) fn start(log: &Log) -> Level {
    let (filter, handle) = reload::Layer::new(level(log));
    let registry = tracing_subscriber::registry().with(filter);
    let started = if log.json {
        registry.with(fmt::layer().json().with_writer(std::io::stderr)).try_init()
    } else {
        let colours = std::io::stderr().is_terminal();
        registry
            .with(fmt::layer().with_target(false).with_ansi(colours).with_writer(std::io::stderr))
            .try_init()
    };
    drop(started);
    Level(handle)
}

impl Level {
    /// Logs at another level from now on.
    pub(crate) fn change(&self, log: &Log) {
        if let Err(error) = self.0.modify(|filter| *filter = level(log)) {
            tracing::warn!(%error, "the level of the log cannot be changed; restart to change it");
        }
    }
}

fn level(log: &Log) -> LevelFilter {
    log.level.parse().unwrap_or(LevelFilter::INFO)
}

//! `serve`: the service as a configuration file says.

use super::{checked, layers};
use crate::cli::ServeArgs;
use crate::config::{Config, Layers};
use crate::serve::{self, Ended, Service, Surroundings, logging};
use anyhow::Result;

/// Serves until it is told to end.
pub(crate) fn run(args: &ServeArgs) -> Result<()> {
    let layers = layers(&args.config)?;
    let config = checked(&layers)?;
    serve_with(&config, &layers, async |_: &Service| Ok(()))
}

/// Starts the service, says that it is there in the caller's way, and serves until it is told to end.
pub(super) fn serve_with(
    config: &Config,
    layers: &Layers,
    started: impl AsyncFnOnce(&Service) -> Result<()>,
) -> Result<()> {
    end_on_panic();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let around = Surroundings { layers: layers.clone(), level: logging::start(&config.log) };
    let result = runtime.block_on(async {
        let impatient = tokio::spawn(serve::end_while_starting());
        let service = serve::start(config).await?;
        impatient.abort();
        tracing::info!(domains = ?config.domains, data = %config.runtime_dir.display(), "the \
            service is ready");
        started(&service).await?;
        let mut ended = service.run(&around).await?;
        while let Ended::Replaced(restored) = ended {
            if let Some(kept) = restored.put_in_place()? {
                tracing::warn!(kept = %kept.display(), "the backup is in place; the store of \
                    before is kept");
            }
            ended = serve::start(config).await?.run(&around).await?;
        }
        Ok(())
    });
    // A thread that reads from a disk that hangs must not keep the process from ending.
    runtime.shutdown_background();
    result
}

/// A half-dead server is worse than a dead one: the next one takes every session up.
fn end_on_panic() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        usual(panic);
        crate::terminal::complain(
            "this is a mistake in the program, so it ends at once; nothing acknowledged is lost, \
                start it again, \
             and please report the lines above",
        );
        std::process::abort();
    }));
}

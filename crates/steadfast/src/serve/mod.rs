//! The running service: store, server and multiplexor in one process, and what a process needs around them.
//!
//! Reading order: [`start`] puts the parts together, [`Service::run`] waits for signals, [`Service::stop`] takes the parts
//! down in the order that lets every client resume.

mod addresses;
pub(crate) mod administered;
pub(crate) mod http;
pub(crate) mod logging;
mod monitor;
pub(crate) mod notify;
pub(crate) mod options;
mod secret;
mod signals;
pub(crate) mod store;

use crate::admin::{SocketPath, socket};
use crate::config::{Config, Layers, load};
use administered::Instance;
use anyhow::{Context, Result, anyhow};
use im_server::Server;
use link::Down;
use logging::Level;
use monitor::Monitor;
use mux::{Mux, TlsFiles, TlsStore};
use signals::{Signal, Signals};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use store::Restored;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Facts of the multiplexor that may wait for the core.
const FACTS_WAITING_MAX: usize = 8_192;
/// What connections get to take their last words.
const STOP_GRACE: Duration = Duration::from_secs(3);

/// What outlives the parts when they are started anew.
pub(crate) struct Surroundings {
    /// Where the configuration comes from, to be read again on SIGHUP.
    pub(crate) layers: Layers,
    /// Of the log.
    pub(crate) level: Level,
}

/// Why a service does not run any more.
pub(crate) enum Ended {
    /// It was told to end.
    Ordered,
    /// This is to be put in the place of its store.
    Replaced(Restored),
}

/// A service that runs.
pub(crate) struct Service {
    server: Server,
    mux: Arc<Mux>,
    tls: TlsStore,
    instance: Arc<Instance>,
    replacements: mpsc::Receiver<Restored>,
    signals: Signals,
    socket: SocketPath,
    tasks: Vec<JoinHandle<()>>,
}

/// Starts everything. The service can be used when this returns.
pub(crate) async fn start(config: &Config) -> Result<Service> {
    // From here on a signal waits until it is looked at, so that nothing is left half started.
    let signals = Signals::watch()?;
    raise_open_files();
    make_private_folder(&config.runtime_dir)?;
    let files =
        TlsFiles { certificate: config.tls.certificate.clone(), key: config.tls.key.clone() };
    let tls = TlsStore::open_or_make(files, &config.domains)?;
    let store = store::open(&config.runtime_dir)?;
    let metrics = match config.metrics {
        Some(address) => {
            let bound = TcpListener::bind(address).await;
            Some(bound.map_err(|error| addresses::explain(&error, address))?)
        }
        None => None,
    };
    let (facts_in, facts) = mpsc::channel(FACTS_WAITING_MAX);
    let mux = Mux::start(options::mux(config, tls.clone()), facts_in);
    let mux = Arc::new(mux.map_err(addresses::explain_mux)?);
    let downlink = mux.downlink();
    let down = Box::new(move |orders: Vec<Down>| downlink.carry_out(orders));
    let (replace, replacements) = mpsc::channel(1);
    let backups = store.backups();
    let server = Server::start(server_config(config)?, store, facts, down)?;
    let runtime_dir = config.runtime_dir.clone();
    let socket = SocketPath::of(&runtime_dir)?;
    let instance = Arc::new(Instance { server: server.handle(), backups, runtime_dir, replace });
    let mut tasks =
        vec![tokio::spawn(socket::serve(socket::open(&socket.path)?, Arc::clone(&instance)))];
    if let Some(listener) = metrics {
        let monitor = Monitor { server: server.handle(), mux: Arc::downgrade(&mux) };
        tasks.push(tokio::spawn(http::serve(listener, Arc::new(monitor))));
    }
    Ok(Service { server, mux, tls, instance, replacements, signals, socket, tasks })
}

/// Ends the process when a signal asks for it before the service runs; opening a large store may take its time.
pub(crate) async fn end_while_starting() {
    if let Ok(mut signals) = Signals::watch() {
        signals.until_end().await;
        crate::terminal::complain("ended by a signal while starting; nothing is lost");
        std::process::exit(1);
    }
}

impl Service {
    /// SHA-256 of the certificate.
    pub(crate) fn fingerprint(&self) -> String {
        self.tls.fingerprint()
    }

    /// To ask it.
    pub(crate) fn instance(&self) -> &Instance {
        &self.instance
    }

    /// Serves until a signal ends it, or the store does.
    pub(crate) async fn run(mut self, around: &Surroundings) -> Result<Ended> {
        notify::notify(notify::READY);
        loop {
            tokio::select! {
                signal = self.signals.next() => match signal {
                    Signal::Reload => self.reload(around),
                    Signal::End(name) => {
                        tracing::info!("{name}: ending; clients resume their sessions when the \
                            service is back");
                        notify::notify(notify::STOPPING);
                        self.stop().await?;
                        return Ok(Ended::Ordered);
                    }
                },
                Some(restored) = self.replacements.recv() => {
                    tracing::warn!("a backup takes the place of the store; every client has to log \
                        in again");
                    self.stop().await?;
                    return Ok(Ended::Replaced(restored));
                }
                ended = self.server.ended() => {
                    let why = ended.err().map_or("it was not told to".to_owned(), |died| died.to_string());
                    return Err(anyhow!("the server has ended: {why}; start the service again when \
                        that is solved"));
                }
            }
        }
    }

    async fn stop(self) -> Result<()> {
        let Self { mut server, mux, socket, tasks, mut signals, .. } = self;
        let ending = async {
            server.handle().stop().await;
            let ended = server.ended().await;
            let _ = std::fs::remove_file(&socket.path);
            for task in tasks {
                task.abort();
                let _ = task.await;
            }
            // Nobody else holds it longer than it takes to read its numbers.
            if let Some(mux) = Arc::into_inner(mux) {
                mux.stop(STOP_GRACE).await;
            }
            ended.map_err(|died| anyhow!("while ending: {died}"))
        };
        tokio::select! {
            ended = ending => ended,
            () = signals.until_end() => {
                Err(anyhow!("ended at once by a second signal; nothing acknowledged is lost"))
            }
        }
    }

    fn reload(&self, around: &Surroundings) {
        match self.tls.reload() {
            Ok(()) => tracing::info!("SIGHUP: the certificate was read again"),
            Err(error) => tracing::error!(%error, "SIGHUP: the certificate is kept as it was"),
        }
        let loaded = load(&around.layers);
        if let Some(config) = &loaded.config {
            around.level.change(&config.log);
            tracing::info!(level = config.log.level, "SIGHUP: the configuration was read again");
        }
        for problem in &loaded.settings.problems {
            tracing::error!(%problem, "SIGHUP: the configuration is kept as it was");
        }
    }
}

/// What an instance of the server is told.
pub(crate) fn server_config(config: &Config) -> Result<im_server::Config> {
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    Ok(im_server::Config {
        options: options::core(config)?,
        server_secret: secret::shared(&config.runtime_dir)?,
        seed: secret::random()?,
        readers: threads.min(4),
        hashers: threads,
    })
}

/// Makes a folder for its owner only, when it is not there.
pub(crate) fn make_private_folder(path: &Path) -> Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    let made = builder.recursive(true).mode(0o700).create(path);
    made.with_context(|| format!("cannot make the folder {}", path.display()))
}

/// Takes as many file descriptors as the system lets us have; each connection needs one.
fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let _ =
            setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    }
}

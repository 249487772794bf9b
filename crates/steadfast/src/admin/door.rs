//! The way in to a service: its socket while it runs; an instance in this process, on its store, while it does not.
//!
//! Either way the same core decides. Requests are made many at a time, so that a bulk of them shares commits; answers come
//! in the same order.

use super::SocketPath;
use super::protocol::{Answer, LINE_BYTES_MAX, PIPELINE_MAX, Request};
use super::socket::Administered;
use crate::config::Config;
use crate::serve::{self, administered::Instance};
use anyhow::{Context, Result, anyhow, bail};
use im_server::Server;
use link::Up;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

/// Time a running service gets for an answer that needs a commit or a page.
const ANSWER_DEADLINE: Duration = Duration::from_secs(60);

/// A service that can be asked.
pub(crate) enum Door {
    /// It runs.
    Running(Socket),
    /// It does not.
    Stopped(Box<InProcess>),
}

impl Door {
    /// The socket, when the service runs.
    pub(crate) fn knock(config: &Config) -> Result<Option<Socket>> {
        Socket::connect(&config.runtime_dir)
    }

    /// Finds out whether the service runs, and opens the way in.
    pub(crate) fn open(config: &Config) -> Result<Self> {
        match Self::knock(config)? {
            Some(socket) => Ok(Self::Running(socket)),
            None => Ok(Self::Stopped(Box::new(InProcess::start(config)?))),
        }
    }

    /// Asks, and waits for all answers.
    pub(crate) fn ask(&mut self, requests: &[Request]) -> Result<Vec<Answer>> {
        match self {
            Self::Running(socket) => socket.ask(requests),
            Self::Stopped(instance) => instance.ask(requests),
        }
    }

    /// Leaves everything as it should be left.
    pub(crate) fn close(self) -> Result<()> {
        match self {
            Self::Running(_) => Ok(()),
            Self::Stopped(instance) => instance.stop(),
        }
    }
}

/// The socket of a running service.
pub(crate) struct Socket {
    stream: UnixStream,
    answers: BufReader<UnixStream>,
}

impl Socket {
    /// Connects; `None` when nobody listens.
    pub(crate) fn connect(runtime_dir: &Path) -> Result<Option<Self>> {
        if !runtime_dir.exists() {
            return Ok(None);
        }
        let socket = SocketPath::of(runtime_dir)?;
        match UnixStream::connect(&socket.path) {
            Ok(stream) => {
                let answers = BufReader::new(stream.try_clone()?);
                Ok(Some(Self { stream, answers }))
            }
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) =>
            {
                Ok(None)
            }
            Err(error) => Err(error).with_context(|| {
                format!(
                    "the service in {} cannot be asked; are you its user?",
                    runtime_dir.display()
                )
            }),
        }
    }

    /// Asks, and waits for all answers.
    pub(crate) fn ask(&mut self, requests: &[Request]) -> Result<Vec<Answer>> {
        let copies = requests
            .iter()
            .any(|request| matches!(request, Request::Backup { .. } | Request::Restore { .. }));
        // A copy takes as long as the store is large.
        self.stream.set_read_timeout((!copies).then_some(ANSWER_DEADLINE))?;
        let mut answers = Vec::with_capacity(requests.len());
        for bulk in requests.chunks(PIPELINE_MAX) {
            let mut lines = Vec::new();
            for request in bulk {
                serde_json::to_writer(&mut lines, request)?;
                lines.push(b'\n');
            }
            self.stream.write_all(&lines).context("the service went away")?;
            for _ in bulk {
                answers.push(self.answer()?);
            }
        }
        Ok(answers)
    }

    fn answer(&mut self) -> Result<Answer> {
        let mut line = Vec::new();
        let mut bounded = (&mut self.answers).take(LINE_BYTES_MAX as u64);
        bounded.read_until(b'\n', &mut line).context("the service does not answer")?;
        if line.is_empty() {
            bail!("the service went away before it answered; ask again when it is back");
        }
        serde_json::from_slice(&line)
            .context("the service answered something this version does not know")
    }
}

/// An instance of the server without a multiplexor. It holds the store's lock, so no other can start meanwhile.
pub(crate) struct InProcess {
    runtime: Runtime,
    server: Server,
    instance: Arc<Instance>,
    /// Kept, because a server whose link ends would end too.
    _link: mpsc::Sender<Up>,
}

impl InProcess {
    fn start(config: &Config) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        serve::make_private_folder(&config.runtime_dir)?;
        serve::store::check_owner(&config.runtime_dir)?;
        let store = serve::store::open(&config.runtime_dir)?;
        let backups = store.backups();
        let (link, facts) = mpsc::channel(1);
        let server = Server::start(serve::server_config(config)?, store, facts, Box::new(drop))?;
        // Nobody takes a restore here: it needs no instance.
        let (replace, _) = mpsc::channel(1);
        let runtime_dir = config.runtime_dir.clone();
        let instance =
            Arc::new(Instance { server: server.handle(), backups, runtime_dir, replace });
        Ok(Self { runtime, server, instance, _link: link })
    }

    fn ask(&mut self, requests: &[Request]) -> Result<Vec<Answer>> {
        self.runtime.block_on(async {
            let mut answers = Vec::with_capacity(requests.len());
            for bulk in requests.chunks(PIPELINE_MAX) {
                let started: Vec<_> = bulk
                    .iter()
                    .cloned()
                    .map(|request| {
                        let instance = Arc::clone(&self.instance);
                        tokio::spawn(async move { instance.answer(request).await })
                    })
                    .collect();
                for answer in started {
                    answers.push(
                        answer.await.map_err(|_| anyhow!("the request could not be finished"))?,
                    );
                }
            }
            Ok(answers)
        })
    }

    fn stop(mut self) -> Result<()> {
        self.runtime.block_on(async {
            self.server.handle().stop().await;
            self.server.ended().await
        })?;
        Ok(())
    }
}

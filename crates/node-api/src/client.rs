//! A blocking client of the admin socket. Methods and commands are short programs: they need no runtime.

use crate::request::{Ask, Reply, SchaGet, Snapshot};
use rgm::{Operation, Refusal};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the daemon listens unless it is told otherwise.
pub const SOCKET_DEFAULT: &str = "/run/steadfast/node.sock";
/// Overrides it; set for every method the daemon runs.
pub const SOCKET_VARIABLE: &str = "STEADFAST_NODE_SOCKET";
/// Longest line either side takes: a snapshot of a large cluster.
pub const LINE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Why the daemon could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// It does not run here, or we may not.
    #[error("the node daemon does not answer at {path}: {source}{hint}")]
    Unreachable {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
        /// What to do.
        hint: &'static str,
    },
    /// It went away in the middle.
    #[error("the node daemon went away before it answered; whether it was done, `scstat` tells")]
    Gone,
    /// It said something else.
    #[error("the node daemon's answer is not understood ({0}); are both of the same version?")]
    NotUnderstood(String),
    /// It refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// The socket of this node's daemon: `STEADFAST_NODE_SOCKET` if set, else [`SOCKET_DEFAULT`].
pub fn socket_path() -> PathBuf {
    std::env::var_os(SOCKET_VARIABLE).map_or_else(|| PathBuf::from(SOCKET_DEFAULT), PathBuf::from)
}

/// Asks one daemon.
#[derive(Clone, Debug)]
pub struct Client {
    path: PathBuf,
}

impl Client {
    /// The daemon at this socket.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The daemon of this node.
    pub fn local() -> Self {
        Self::new(socket_path())
    }

    /// Where it asks.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Asks, hands every line but the last to `each`, and returns the last. `Reply::Refused` becomes an error.
    pub fn ask(&self, ask: &Ask, mut each: impl FnMut(&Reply)) -> Result<Reply, ClientError> {
        let mut stream = self.connect()?;
        let mut line =
            serde_json::to_vec(ask).map_err(|e| ClientError::NotUnderstood(e.to_string()))?;
        line.push(b'\n');
        // A daemon that refuses what is too long does not read to its end; its answer is there all the same.
        let _ = stream.write_all(&line);
        let mut reader = BufReader::new(stream);
        loop {
            let mut line = String::new();
            let read = std::io::Read::take(&mut reader, LINE_BYTES_MAX).read_line(&mut line);
            if !matches!(read, Ok(n) if n > 0) {
                return Err(ClientError::Gone);
            }
            let reply: Reply = serde_json::from_str(&line)
                .map_err(|e| ClientError::NotUnderstood(e.to_string()))?;
            match reply {
                Reply::Refused(refusal) => return Err(refusal.into()),
                reply if reply.is_last() => return Ok(reply),
                reply => each(&reply),
            }
        }
    }

    fn connect(&self) -> Result<UnixStream, ClientError> {
        UnixStream::connect(&self.path).map_err(|source| {
            let hint = match source.kind() {
                std::io::ErrorKind::NotFound | std::io::ErrorKind::ConnectionRefused => {
                    "; start it with `steadfast node`"
                }
                std::io::ErrorKind::PermissionDenied => {
                    "; only root and the admin group may ask it"
                }
                _ => "",
            };
            ClientError::Unreachable { path: self.path.clone(), source, hint }
        })
    }

    /// Everything the node knows.
    pub fn snapshot(&self) -> Result<Snapshot, ClientError> {
        match self.ask(&Ask::Snapshot, |_| {})? {
            Reply::Snapshot(snapshot) => Ok(*snapshot),
            other => Err(unexpected(&other)),
        }
    }

    /// Carries out an operation; returns its messages.
    pub fn submit(
        &self,
        operation: Operation,
        wait: bool,
        timeout: Option<Duration>,
        mut progress: impl FnMut(&str),
    ) -> Result<Vec<String>, ClientError> {
        let timeout_s = timeout.map(|t| u32::try_from(t.as_secs()).unwrap_or(u32::MAX));
        let ask = Ask::Submit { operation: Box::new(operation), wait, timeout_s };
        let last = self.ask(&ask, |reply| {
            if let Reply::Progress { sentence } = reply {
                progress(sentence);
            }
        })?;
        match last {
            Reply::Done { messages } => Ok(messages),
            other => Err(unexpected(&other)),
        }
    }

    /// `scha_*_get`.
    pub fn scha(
        &self,
        what: SchaGet,
        tag: &str,
        arguments: &[String],
    ) -> Result<Vec<String>, ClientError> {
        let ask = Ask::SchaGet { what, tag: tag.to_owned(), arguments: arguments.to_vec() };
        match self.ask(&ask, |_| {})? {
            Reply::Lines { lines } => Ok(lines),
            other => Err(unexpected(&other)),
        }
    }

    /// Any request that is answered with `Done`.
    pub fn order(&self, ask: &Ask) -> Result<Vec<String>, ClientError> {
        match self.ask(ask, |_| {})? {
            Reply::Done { messages } => Ok(messages),
            other => Err(unexpected(&other)),
        }
    }

    /// The process monitor facility.
    pub fn pmf(&self, request: pmf::PmfRequest) -> Result<pmf::PmfAnswer, ClientError> {
        match self.ask(&Ask::Pmf(request), |_| {})? {
            Reply::Pmf(answer) => Ok(answer),
            other => Err(unexpected(&other)),
        }
    }
}

fn unexpected(reply: &Reply) -> ClientError {
    ClientError::NotUnderstood(format!("{reply:?}").chars().take(80).collect())
}

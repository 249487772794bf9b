//! The daemon's end of the guard's socket: sends records, sees them come back.
//!
//! A guard that does not send them back is dead or stopped, and then nobody would stop what runs here when the lease ends: the daemon must end
//! everything itself.

use crate::clock;
use crate::guard::Record;
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;
use tokio::net::UnixDatagram;

/// The line to the guard.
#[derive(Debug)]
pub(crate) struct GuardLine {
    /// SOCK_SEQPACKET, which is read and written as datagrams are.
    socket: UnixDatagram,
    /// When the oldest record that has not come back was sent.
    unanswered_since: Option<Duration>,
    unanswered: u32,
}

/// Why there is no guard (any more).
#[derive(Debug, thiserror::Error)]
pub(crate) enum LineError {
    /// Not started by a guard.
    #[error(
        "standard input is not a guard's socket: start the node with `steadfast node`, which starts the daemon itself"
    )]
    NoGuard,
    /// The guard is dead.
    #[error("the guard is dead")]
    Dead,
    /// The kernel.
    #[error("the guard's socket: {0}")]
    Broken(#[from] io::Error),
}

impl GuardLine {
    /// Takes standard input, which the guard has made a socket.
    pub(crate) fn from_stdin() -> Result<Self, LineError> {
        let stdin = io::stdin();
        rustix::net::sockopt::socket_type(&stdin).map_err(|_| LineError::NoGuard)?;
        let socket = stdin.as_fd().try_clone_to_owned()?;
        let socket = std::os::unix::net::UnixDatagram::from(socket);
        socket.set_nonblocking(true)?;
        let socket = UnixDatagram::from_std(socket)?;
        Ok(Self { socket, unanswered_since: None, unanswered: 0 })
    }

    /// Tells the guard.
    pub(crate) fn tell(&mut self, record: Record) -> Result<(), LineError> {
        match self.socket.try_send(&record.encode()) {
            Ok(_) => {
                self.unanswered_since.get_or_insert_with(clock::boot);
                self.unanswered += 1;
                Ok(())
            }
            // A full socket is a guard that does not read: `silent_at` will say so.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) if is_end(&error) => Err(LineError::Dead),
            Err(error) => Err(LineError::Broken(error)),
        }
    }

    /// Waits until a record has come back (`None`) or the guard orders something. Cancel-safe.
    pub(crate) async fn heard(&mut self) -> Result<Option<Record>, LineError> {
        let mut bytes = [0; 64];
        let length = match self.socket.recv(&mut bytes).await {
            Ok(0) => return Err(LineError::Dead),
            Ok(length) => length,
            Err(error) if is_end(&error) => return Err(LineError::Dead),
            Err(error) => return Err(LineError::Broken(error)),
        };
        let record = bytes.get(..length).and_then(Record::decode);
        if let Some(order @ (Record::Leave | Record::StopNow)) = record {
            return Ok(Some(order));
        }
        self.unanswered = self.unanswered.saturating_sub(1);
        self.unanswered_since = (self.unanswered > 0).then(clock::boot);
        Ok(None)
    }

    /// When the guard counts as silent, if it does not answer before.
    pub(crate) fn silent_at(&self, patience: Duration) -> Option<Duration> {
        self.unanswered_since.map(|since| since + patience)
    }
}

fn is_end(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}

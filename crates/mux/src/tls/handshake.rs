//! From the first byte of a hello to finished, in a task of its own: what a handshake needs is given back before the
//! connection goes on.
//!
//! The login deadline runs on; bytes do not extend it. Steps that compute wait for one of a few permits, so that a flood of
//! hellos leaves the thread to established connections between any two of them.

use super::session::{Heard, SessionError, TlsSession};
use crate::connection::Connection;
use crate::scratch;
use link::{CloseReason, TlsFacts};
use rustls::ServerConfig;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

/// Plaintext that may come in the same packet as the end of the handshake, in bytes; a stream header is a twentieth.
const EARLY_PLAIN_BYTES_MAX: usize = 16 * 1024;

/// What became of a handshake.
enum Outcome {
    Done(Box<TlsSession>, TlsFacts, Vec<u8>),
    Failed(CloseReason),
}

/// Shakes hands on a connection whose first byte of TLS has come; then lets it go on.
pub(crate) fn spawn(connection: Connection) {
    tokio::spawn(run(connection));
}

async fn run(mut connection: Connection) {
    let outcome = shake_in_time(&connection).await;
    let counters = &connection.shared().counters;
    match outcome {
        Outcome::Done(session, facts, plain) => {
            counters.tls_handshakes_done.inc();
            connection.begin_tls(session, facts, &plain);
        }
        Outcome::Failed(reason) => {
            counters.tls_handshakes_failed.inc();
            connection.go(reason);
        }
    }
    connection.spawn();
}

async fn shake_in_time(connection: &Connection) -> Outcome {
    let shared = connection.shared();
    let Some(config) = &shared.tls else {
        return Outcome::Failed(CloseReason::PeerGone); // a listener with TLS has a certificate: `ListenerConfig::check`
    };
    let conn = connection.id().0;
    let deadline = connection
        .login_deadline()
        .unwrap_or_else(|| Instant::now() + shared.limits.login_deadline);
    let shaken = timeout_at(deadline, shake(connection.socket(), config, &shared.handshakes));
    let ended = poll_fn(|cx| connection.line().poll_end(cx));
    tokio::select! {
        biased;
        reason = ended => Outcome::Failed(reason),
        shaken = shaken => match shaken {
            Ok(Ok((session, facts, plain))) => Outcome::Done(session, facts, plain),
            Ok(Err(error)) => {
                tracing::debug!(conn, %error, "the TLS handshake failed");
                Outcome::Failed(CloseReason::PeerGone)
            }
            Err(_) => {
                shared.counters.login_deadlines.inc();
                Outcome::Failed(CloseReason::TimedOut)
            }
        },
    }
}

/// Why a handshake failed.
#[derive(Debug, thiserror::Error)]
enum HandshakeError {
    #[error("the peer went away: {0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Tls(#[from] SessionError),
    #[error("the peer closed before the end")]
    Closed,
    #[error("too much came at once")]
    TooMuch,
}

type Shaken = (Box<TlsSession>, TlsFacts, Vec<u8>);

async fn shake(
    socket: &TcpStream,
    config: &Arc<ServerConfig>,
    permits: &Semaphore,
) -> Result<Shaken, HandshakeError> {
    let mut session = Box::new(TlsSession::new(Arc::clone(config))?);
    let mut plain = Vec::new();
    loop {
        socket.readable().await?;
        let mut reply = Vec::new();
        let stepped = {
            // Fails only when closed, which nobody does; going on without is right then.
            let _permit = permits.acquire().await;
            step(socket, &mut session, &mut plain, &mut reply)
        };
        let heard = match stepped {
            Ok(Some(heard)) => heard,
            Ok(None) => continue,
            Err(error) => {
                let _ = socket.try_write(&reply); // the alert, if there is room for it
                return Err(error);
            }
        };
        write_all(socket, &reply).await?;
        if heard == Heard::Closed {
            return Err(HandshakeError::Closed);
        }
        if !session.is_handshaking() {
            let facts = session.finish().ok_or(SessionError::Unexpected)?;
            return Ok((session, facts, plain));
        }
    }
}

/// Reads once and computes. `None` when there was nothing to read after all.
fn step(
    socket: &TcpStream,
    session: &mut TlsSession,
    plain: &mut Vec<u8>,
    reply: &mut Vec<u8>,
) -> Result<Option<Heard>, HandshakeError> {
    scratch::with(|scratch| {
        let partial = session.partial_len();
        let room = scratch.input.get_mut(partial..).unwrap_or_default();
        let len = match socket.try_read(room) {
            Ok(0) => return Err(HandshakeError::Closed),
            Ok(len) => len,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let input = scratch.input.get_mut(..partial + len).unwrap_or_default();
        let heard = session.receive(input, |bytes| plain.extend_from_slice(bytes), reply)?;
        if plain.len() > EARLY_PLAIN_BYTES_MAX {
            return Err(HandshakeError::TooMuch);
        }
        Ok(Some(heard))
    })
}

async fn write_all(socket: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        socket.writable().await?;
        match socket.try_write(bytes) {
            Ok(len) => bytes = bytes.get(len..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

//! From the server to the socket: everything that waits leaves in one write, and is reported when the socket has it.
//!
//! Bytes are gathered, and encrypted, in the thread's scratch. Only what the socket does not take is kept here; while it is,
//! nothing more is gathered, so the rest stays in the line's outbox where it is bounded.

use super::{Connection, Phase};
use crate::alarms::Alarm;
use crate::line::Piece;
use crate::scratch::{self, Scratch};
use crate::socket;
use crate::tls::session::SessionError;
use bytes::Bytes;
use link::CloseReason;
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::AsyncWrite;
use tokio::net::TcpStream;
use tokio::time::Instant;

/// Bytes of XML after which no further piece is gathered into the same write.
const GATHERED_BYTES: usize = 64 * 1024;

/// What follows when the bytes on their way are written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum After {
    #[default]
    Nothing,
    Handshake,
    End(CloseReason),
}

/// What the socket has not taken yet.
#[derive(Debug, Default)]
pub(super) struct Unsent {
    bytes: Vec<u8>,
    written: usize,
    /// The last `Send` in it.
    seq: Option<u64>,
    /// How many.
    sends: usize,
    after: After,
}

impl Unsent {
    fn is_empty(&self) -> bool {
        self.written == self.bytes.len()
    }

    /// Where TLS puts what it has to say between our records.
    pub(super) fn urgent(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// How the connection ends, when last words are among these bytes.
    pub(super) fn close_reason(&self) -> Option<CloseReason> {
        match &self.after {
            After::End(reason) => Some(reason.clone()),
            _ => None,
        }
    }

    /// Writes what the socket takes at once, for the last time.
    pub(super) fn try_write(&mut self, socket: &TcpStream) {
        let _ = socket.try_write(self.bytes.get(self.written..).unwrap_or_default());
        *self = Self::default();
    }

    fn poll_write(&self, socket: &mut TcpStream, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let rest = self.bytes.get(self.written..).unwrap_or_default();
        Pin::new(socket).poll_write(cx, rest)
    }
}

/// Pieces gathered for one write.
#[derive(Default)]
struct Gathered {
    seq: Option<u64>,
    sends: usize,
    after: After,
    opens_stream: bool,
}

impl Connection {
    /// One turn of writing. Says whether anything moved.
    pub(super) fn write(&mut self, cx: &mut Context<'_>) -> bool {
        if matches!(self.phase, Phase::Lingering(_) | Phase::Gone(_)) {
            return false;
        }
        if !self.unsent.is_empty() {
            return self.write_rest(cx);
        }
        if self.queue.is_empty() {
            return false;
        }
        let result = scratch::with(|scratch| {
            let gathered = match self.gather(&mut scratch.plain) {
                Ok(gathered) => gathered,
                Err(reason) => return Err(reason),
            };
            if self.encrypt(scratch, &gathered).is_err() {
                return Err(CloseReason::PeerGone);
            }
            let bytes = if self.tls.is_some() { &scratch.cipher } else { &scratch.plain };
            self.is_stream_open |= gathered.opens_stream;
            self.unsent.seq = gathered.seq;
            self.unsent.sends = gathered.sends;
            self.unsent.after = gathered.after;
            self.write_first(cx, bytes)
        });
        if let Err(reason) = result {
            self.go(reason);
        }
        true
    }

    /// Takes pieces off the queue, as much as goes into one write.
    fn gather(&mut self, plain: &mut Vec<u8>) -> Result<Gathered, CloseReason> {
        let mut gathered = Gathered::default();
        while plain.len() < GATHERED_BYTES && gathered.after == After::Nothing {
            let Some(piece) = self.queue.pop_front() else {
                break;
            };
            match piece {
                Piece::Send { seq, bytes } => {
                    gathered.opens_stream |= opens_stream(&bytes);
                    gathered.seq = Some(seq);
                    gathered.sends += 1;
                    plain.extend_from_slice(&bytes);
                }
                Piece::StartTls { proceed } => {
                    self.may_start_tls()?;
                    plain.extend_from_slice(&proceed);
                    gathered.after = After::Handshake;
                }
                Piece::Close { bytes, reason } => {
                    plain.extend_from_slice(&bytes);
                    gathered.after = After::End(reason);
                    self.begin_ending();
                }
            }
        }
        if self.queue.is_empty() {
            self.queue = VecDeque::new();
        }
        Ok(gathered)
    }

    /// TLS starts on a silent, plain connection only.
    fn may_start_tls(&self) -> Result<(), CloseReason> {
        if self.tls.is_some() || self.shared.tls.is_none() {
            tracing::error!(conn = self.id().0, "the server ordered TLS where there can be none");
            return Err(CloseReason::Ordered);
        }
        if !self.is_silent() {
            self.shared.counters.starttls_injections.inc();
            tracing::info!(conn = self.id().0, "closed: bytes came between STARTTLS and TLS");
            return Err(CloseReason::PeerGone);
        }
        Ok(())
    }

    fn encrypt(&mut self, scratch: &mut Scratch, gathered: &Gathered) -> Result<(), SessionError> {
        let Some(tls) = &mut self.tls else {
            return Ok(());
        };
        if !scratch.plain.is_empty() {
            tls.send(&scratch.plain, &mut scratch.cipher)?;
        }
        if matches!(gathered.after, After::End(_)) {
            tls.send_close_notify(&mut scratch.cipher)?;
        }
        Ok(())
    }

    /// Writes fresh bytes; keeps what the socket does not take.
    fn write_first(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Result<(), CloseReason> {
        let len = match Pin::new(&mut self.socket).poll_write(cx, bytes) {
            Poll::Ready(Ok(len)) => len,
            Poll::Ready(Err(_)) => return Err(CloseReason::PeerGone),
            Poll::Pending => 0,
        };
        self.shared.counters.bytes_out.add(len);
        let rest = bytes.get(len..).unwrap_or_default();
        if rest.is_empty() {
            self.settle();
        } else {
            self.unsent.bytes = rest.to_vec();
            self.unsent.written = 0;
            self.set_stall();
        }
        Ok(())
    }

    fn write_rest(&mut self, cx: &mut Context<'_>) -> bool {
        match self.unsent.poll_write(&mut self.socket, cx) {
            Poll::Pending => {
                if !self.alarms.is_set(Alarm::Stall) {
                    self.set_stall();
                    return true; // so that the alarm is looked at, and wakes us
                }
                false
            }
            Poll::Ready(Ok(len)) => {
                self.shared.counters.bytes_out.add(len);
                self.unsent.written += len;
                if self.unsent.is_empty() {
                    self.settle();
                } else {
                    self.set_stall();
                }
                true
            }
            Poll::Ready(Err(_)) => {
                self.go(CloseReason::PeerGone);
                true
            }
        }
    }

    fn set_stall(&mut self) {
        self.alarms.set(Alarm::Stall, Instant::now() + self.shared.limits.write_stall);
    }

    /// Everything gathered is with the socket.
    fn settle(&mut self) {
        self.alarms.clear(Alarm::Stall);
        let unsent = std::mem::take(&mut self.unsent);
        self.shared.counters.sends_out.add(unsent.sends);
        if let Some(seq) = unsent.seq {
            self.reporting.written(seq);
        }
        match unsent.after {
            After::Nothing => {}
            After::Handshake => {
                self.is_stream_open = false;
                self.phase = Phase::Upgrading;
            }
            After::End(reason) => self.linger(reason),
        }
    }

    /// Last words are written. Closing at once could make the kernel throw them away, if the peer has sent something that
    /// nobody read; so our side is closed first, and the peer's awaited for a moment.
    fn linger(&mut self, reason: CloseReason) {
        if self.is_ended || socket::close_our_side(&self.socket).is_err() {
            return self.go(reason);
        }
        self.alarms.clear(Alarm::Login);
        self.alarms.set(Alarm::Ending, Instant::now() + self.shared.limits.linger);
        self.phase = Phase::Lingering(reason);
    }
}

/// Whether these bytes begin with our stream header.
fn opens_stream(bytes: &Bytes) -> bool {
    bytes.starts_with(b"<?xml") || bytes.starts_with(b"<stream:stream")
}

//! From the socket to the server: reading as far as credit allows, framing, and noticing the end.
//!
//! Nothing is read while a whole element waits for credit, or a fact for room on the link. So what one client can make us
//! hold is one incomplete element and one read.

use super::{Connection, Phase};
use crate::alarms::Alarm;
use crate::scratch;
use crate::shown::Shown;
use crate::socket::{self, Unread};
use crate::tls::session::{Heard, SessionError};
use link::{CloseReason, Up};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, ReadBuf};
use xmpp::stream_error::{StreamCondition, StreamError};
use xmpp::xml::Frame;

/// Frames passed up before anything else of this connection gets its turn.
const FRAMES_PER_TURN_MAX: usize = 64;
/// Bytes of plain XML in one read; TLS reads as much as the scratch holds, because a record may be large.
const PLAIN_READ_BYTES: usize = 16 * 1024;
/// Reads of a lingering connection whose bytes are thrown away; a peer that sends more is not waited for.
const LINGER_READS_MAX: u32 = 32;

impl Connection {
    /// One turn of reading. Says whether anything moved.
    pub(super) fn read(&mut self, cx: &mut Context<'_>) -> bool {
        match self.phase {
            Phase::Open => {}
            Phase::Lingering(_) => return self.throw_away(cx),
            _ => return false,
        }
        if self.is_barred || !self.reporting.has_room() {
            return false;
        }
        let moved = self.pass_frames();
        if self.phase != Phase::Open || self.is_unexamined || !self.reporting.has_room() {
            if self.credit == 0 {
                self.notice_end(cx);
            }
            return moved;
        }
        if self.is_ended {
            self.go(CloseReason::PeerGone);
            return true;
        }
        if self.credit == 0 {
            return self.notice_end(cx) || moved;
        }
        match self.pull(cx) {
            Poll::Pending => moved,
            Poll::Ready(()) => true,
        }
    }

    /// Passes up what is whole, as far as credit goes. The framer is asked until it has nothing: only then does it give
    /// its memory back, and only then may it be given more. Without credit it is asked only when it holds no byte, so
    /// that it cannot come up with an element.
    fn pass_frames(&mut self) -> bool {
        for passed in 0..FRAMES_PER_TURN_MAX {
            let may_ask = self.credit > 0 || self.framer.pending_bytes() == 0;
            if !may_ask || !self.is_unexamined || !self.reporting.has_room() {
                return passed > 0;
            }
            match self.framer.next_frame() {
                Ok(Some(frame)) => {
                    self.after_frame = self.framer.pending_bytes();
                    self.pass(frame);
                }
                Ok(None) => self.is_unexamined = false,
                Err(error) => self.violated(error),
            }
        }
        true
    }

    fn pass(&mut self, frame: Frame) {
        let conn = self.id();
        match frame {
            Frame::Header(header) => {
                self.headers += 1;
                if self.headers > self.shared.limits.headers_max {
                    let text = "too many stream headers on one connection";
                    return self.violated(StreamError::new(StreamCondition::PolicyViolation, text));
                }
                self.use_credit();
                self.tell(Up::Header { conn, header });
            }
            Frame::Element(bytes) => {
                self.use_credit();
                self.tell(Up::Element { conn, bytes });
            }
            Frame::End => {
                self.fall_deaf();
                self.tell(Up::Ended { conn });
            }
        }
    }

    fn use_credit(&mut self) {
        self.credit = self.credit.saturating_sub(1);
        self.shared.counters.elements_in.inc();
    }

    fn violated(&mut self, error: StreamError) {
        let conn = self.id();
        tracing::debug!(
            conn = conn.0,
            condition = error.condition.name(),
            text = %Shown(&error.text),
            "the peer broke the stream"
        );
        self.shared.counters.violations.inc();
        self.fall_deaf();
        self.tell(Up::Violated { conn, error });
    }

    fn fall_deaf(&mut self) {
        self.phase = Phase::Deaf;
        self.is_unexamined = false;
    }

    /// Gives the framer bytes.
    pub(super) fn push(&mut self, plain: &[u8]) {
        if plain.is_empty() {
            return;
        }
        self.framer.push(plain);
        self.after_frame += plain.len();
        for byte in plain.iter().skip(plain.len().saturating_sub(2)) {
            self.last_bytes = [self.last_bytes[1], *byte];
        }
        self.is_unexamined = true;
    }

    /// Reads once and gives what came to the framer.
    fn pull(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let pulled = match self.tls {
            None => ready!(self.pull_plain(cx)),
            Some(_) => ready!(self.pull_tls(cx)),
        };
        match pulled {
            Ok(0) => self.is_ended = true,
            Ok(len) => self.shared.counters.bytes_in.add(len),
            Err(_) => self.go(CloseReason::PeerGone),
        }
        Poll::Ready(())
    }

    fn pull_plain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        scratch::with(|scratch| {
            let room = scratch.input.get_mut(..PLAIN_READ_BYTES).unwrap_or_default();
            let mut room = ReadBuf::new(room);
            ready!(Pin::new(&mut self.socket).poll_read(cx, &mut room))?;
            self.push(room.filled());
            Poll::Ready(Ok(room.filled().len()))
        })
    }

    fn pull_tls(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Self { socket, tls, framer, after_frame, is_unexamined, unsent, .. } = self;
        let Some(tls) = tls else {
            return Poll::Ready(Ok(0));
        };
        let result = scratch::with(|scratch| {
            let partial = tls.partial_len();
            let room = scratch.input.get_mut(partial..).unwrap_or_default();
            let mut room = ReadBuf::new(room);
            if ready!(Pin::new(socket).poll_read(cx, &mut room)).is_err() {
                return Poll::Ready(Ok((0, Heard::Closed)));
            }
            let len = room.filled().len();
            if len == 0 {
                return Poll::Ready(Ok((0, Heard::Closed)));
            }
            let input = scratch.input.get_mut(..partial + len).unwrap_or_default();
            let plain = |bytes: &[u8]| {
                framer.push(bytes);
                *after_frame += bytes.len();
                *is_unexamined = true;
            };
            let heard = tls.receive(input, plain, unsent.urgent());
            Poll::Ready(heard.map(|heard| (len, heard)))
        });
        match ready!(result) {
            Ok((len, heard)) => {
                self.is_ended |= heard == Heard::Closed;
                Poll::Ready(Ok(len))
            }
            Err(error) => Poll::Ready(Err(self.tls_broken(&error))),
        }
    }

    /// TLS is broken: what the peer is told is an alert, if its socket takes it now.
    fn tls_broken(&mut self, error: &SessionError) -> io::Error {
        tracing::debug!(conn = self.id().0, %error, "the peer broke TLS");
        self.shared.counters.violations.inc();
        self.unsent.try_write(&self.socket);
        io::Error::from(io::ErrorKind::InvalidData)
    }

    /// Without credit nothing is read; but a peer that is gone and left nothing behind is noticed.
    fn notice_end(&mut self, cx: &mut Context<'_>) -> bool {
        if self.has_looked || self.framer.pending_bytes() > 0 {
            return false;
        }
        let mut byte = [0];
        match self.socket.poll_peek(cx, &mut ReadBuf::new(&mut byte)) {
            Poll::Pending => false,
            Poll::Ready(Ok(1..)) => {
                self.has_looked = true;
                false
            }
            Poll::Ready(_) => {
                self.go(CloseReason::PeerGone);
                true
            }
        }
    }

    /// Whether the peer has been silent since the element that asked for TLS (attack: injection before STARTTLS). The kernel
    /// is asked as well as the framer: the client must send nothing until it has read `<proceed/>`, not even white space
    /// (RFC 6120 §5.3.3, §5.4.2.3). One end of line is let through all the same, because a widespread library (go-xmpp)
    /// ends every element with it; it cannot carry anything, and is forgotten.
    pub(super) fn is_silent(&self) -> bool {
        let is_forgiven = match self.after_frame {
            0 => true,
            1 => self.last_bytes[1] == b'\n',
            2 => self.last_bytes == *b"\r\n",
            _ => false,
        };
        is_forgiven && socket::unread(&self.socket) == Unread::Nothing
    }

    fn throw_away(&mut self, cx: &mut Context<'_>) -> bool {
        let Phase::Lingering(reason) = self.phase.clone() else {
            return false;
        };
        for _ in 0..LINGER_READS_MAX {
            let read = scratch::with(|scratch| {
                let mut room = ReadBuf::new(&mut scratch.input);
                let result = Pin::new(&mut self.socket).poll_read(cx, &mut room);
                result.map_ok(|()| room.filled().len())
            });
            match read {
                Poll::Pending => return false,
                Poll::Ready(Ok(1..)) => {}
                Poll::Ready(_) => break,
            }
        }
        self.alarms.clear(Alarm::Ending);
        self.go(reason);
        true
    }
}

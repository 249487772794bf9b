//! The life of one connection: one task, which owns the socket and everything about it.
//!
//! ```text
//!            ┌──────────────── handshake (tls::handshake, a task of its own) ◄─────┐
//!            ▼                                                                     │
//!  accept ► Open ──violation, </stream>──► Deaf ──┐                                │ hello
//!      │     │ └──────────────────────────────────┼─ StartTls written ──► Upgrading ┘
//!      └─────┼── XEP-0368 ────────────────────────┼──────────────────────────▲
//!            │                                    │
//!            ├── last words written ◄─────────────┤
//!            ▼                                    │
//!        Lingering ──peer's end, time──► Gone ◄───┘ peer gone, time, too much output
//! ```
//!
//! A turn does, in this order: alarms, orders, writing, reading, reporting; and again until nothing moves. What moves
//! where is in [`reading`], [`writing`] and [`reporting`]. A quiet connection waits with four wakers and no buffer.
//!
//! The task must never wait for the server while it could write: facts that the server has no room for wait in
//! `reports`, and reading waits for them; writing does not.

mod reading;
mod reporting;
mod writing;

use crate::admission::Admitted;
use crate::alarms::{Alarm, Alarms};
use crate::config::MuxLimits;
use crate::line::{Line, Lines, Piece};
use crate::metrics::Counters;
use crate::socket;
use crate::tls::handshake;
use crate::tls::session::TlsSession;
use bytes::Bytes;
use link::{CloseReason, ConnFacts, ConnId, TlsFacts, Up};
use reporting::Reporting;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::ReadBuf;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;
use writing::Unsent;
use xmpp::xml::{Framer, Limits};

/// Turns of one poll before the other tasks of the thread are let in.
const TURNS_MAX: usize = 16;

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) limits: MuxLimits,
    pub(crate) counters: Counters,
    pub(crate) lines: Arc<Lines>,
    pub(crate) up: mpsc::Sender<Up>,
    pub(crate) tls: Option<Arc<rustls::ServerConfig>>,
    /// Taken while a handshake computes.
    pub(crate) handshakes: Semaphore,
}

/// What a connection does at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    /// Reads and writes.
    Open,
    /// Reads no more; writes until the server closes.
    Deaf,
    /// `<proceed/>` is written, or TLS comes first: the client's hello is awaited.
    Upgrading,
    /// Our side is closed; what the peer still sends is thrown away until it closes too.
    Lingering(CloseReason),
    /// The socket is closed; the server still has to be told.
    Gone(CloseReason),
}

/// One connection, owned by the task that runs it.
#[derive(Debug)]
pub(crate) struct Connection {
    shared: Arc<Shared>,
    line: Arc<Line>,
    socket: TcpStream,
    tls: Option<Box<TlsSession>>,
    framer: Framer,
    phase: Phase,
    alarms: Alarms,
    /// Headers and elements that may still be passed up.
    credit: u32,
    /// The framer may hold a whole frame.
    is_unexamined: bool,
    /// Reading is barred by an order that is not carried out yet.
    is_barred: bool,
    /// The peer will send nothing more.
    is_ended: bool,
    /// Without credit, a look at the socket found unread bytes.
    has_looked: bool,
    /// The server's side of a stream has been written.
    is_stream_open: bool,
    /// Bytes received after the last frame that was passed up …
    after_frame: usize,
    /// … and the last two bytes received, without TLS.
    last_bytes: [u8; 2],
    /// Stream headers so far.
    headers: u32,
    /// Pieces taken from the line and not gathered yet.
    queue: VecDeque<Piece>,
    unsent: Unsent,
    /// Facts for the server.
    reporting: Reporting,
    /// Given back when the connection is dropped.
    _admitted: Admitted,
}

/// What becomes of a connection when its task is done with it.
enum Next {
    Handshake,
    Nothing,
}

impl Connection {
    /// A connection just accepted.
    pub(crate) fn new(
        shared: Arc<Shared>,
        conn: ConnId,
        socket: TcpStream,
        facts: ConnFacts,
        admitted: Admitted,
    ) -> Self {
        let line = Arc::new(Line::new(conn));
        shared.lines.insert(Arc::clone(&line));
        let alarms = Alarms::new(Instant::now() + shared.limits.login_deadline);
        Self {
            shared,
            line,
            socket,
            tls: None,
            framer: Framer::new(Limits::BEFORE_LOGIN),
            phase: Phase::Open,
            alarms,
            credit: 1,
            is_unexamined: false,
            is_barred: false,
            is_ended: false,
            has_looked: false,
            is_stream_open: false,
            after_frame: 0,
            last_bytes: [0; 2],
            headers: 0,
            queue: VecDeque::new(),
            unsent: Unsent::default(),
            reporting: Reporting::new(facts),
            _admitted: admitted,
        }
    }

    /// The connection begins with TLS (XEP-0368).
    pub(crate) fn begins_with_tls(mut self) -> Self {
        self.phase = Phase::Upgrading;
        self
    }

    /// Goes on in a task of its own.
    pub(crate) fn spawn(self) {
        tokio::spawn(Task(Some(self)));
    }

    pub(crate) fn id(&self) -> ConnId {
        self.line.conn
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(crate) fn socket(&self) -> &TcpStream {
        &self.socket
    }

    pub(crate) fn line(&self) -> &Arc<Line> {
        &self.line
    }

    /// When the login must be done.
    pub(crate) fn login_deadline(&self) -> Option<Instant> {
        self.alarms.login()
    }

    /// TLS is up: the stream begins anew, and everything heard before is forgotten (RFC 6120 §5.4.3.3).
    pub(crate) fn begin_tls(&mut self, session: Box<TlsSession>, facts: TlsFacts, plain: &[u8]) {
        self.tls = Some(session);
        self.framer = Framer::new(Limits::BEFORE_LOGIN);
        self.after_frame = 0;
        self.push(plain);
        self.phase = Phase::Open;
        self.line.lift_bar();
        self.is_barred = false;
        self.report_tls(facts);
    }

    /// The socket is of no use any more. Nothing is written after this.
    pub(crate) fn go(&mut self, reason: CloseReason) {
        if matches!(self.phase, Phase::Gone(_)) {
            return;
        }
        tracing::debug!(conn = self.line.conn.0, ?reason, "connection closed");
        socket::close_both_sides(&self.socket);
        self.shared.lines.remove(self.line.conn);
        self.phase = Phase::Gone(reason);
        self.alarms = Alarms::default();
        self.queue = VecDeque::new();
        self.unsent = Unsent::default();
        self.tls = None;
        self.framer = Framer::new(Limits::BEFORE_LOGIN);
    }

    fn poll_turns(&mut self, cx: &mut Context<'_>) -> Poll<Next> {
        for _ in 0..TURNS_MAX {
            let mut moved = self.heed_alarms(cx);
            if self.phase == Phase::Upgrading {
                if self.poll_hello(cx).is_ready() {
                    return Poll::Ready(Next::Handshake);
                }
            } else {
                moved |= self.take_orders(cx);
                moved |= self.write(cx);
                moved |= self.read(cx);
            }
            moved |= self.report(cx);
            if let Phase::Gone(_) = self.phase
                && self.reporting.is_done()
            {
                return Poll::Ready(Next::Nothing);
            }
            if !moved {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Waits for the first byte of TLS here, and not in the handshake's task, which is five times as large: peers that
    /// connect and say nothing are the cheapest attack there is.
    fn poll_hello(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Poll::Ready(reason) = self.line.poll_end(cx) {
            self.go(reason);
            return Poll::Pending;
        }
        let mut byte = [0];
        match self.socket.poll_peek(cx, &mut ReadBuf::new(&mut byte)) {
            Poll::Ready(Ok(1..)) => Poll::Ready(()),
            Poll::Ready(_) => {
                self.go(CloseReason::PeerGone);
                Poll::Pending
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn heed_alarms(&mut self, cx: &mut Context<'_>) -> bool {
        let Poll::Ready(alarm) = self.alarms.poll(cx) else {
            return false;
        };
        match (alarm, &self.phase) {
            (Alarm::Login, _) => {
                self.shared.counters.login_deadlines.inc();
                self.end_late();
            }
            (Alarm::Stall, _) => {
                self.shared.counters.write_stalls.inc();
                self.go(CloseReason::TimedOut);
            }
            (Alarm::Ending, Phase::Lingering(reason)) => self.go(reason.clone()),
            (Alarm::Ending, _) => self.go(self.close_reason()),
        }
        true
    }

    /// How the connection ends if it ends before its last words are written.
    fn close_reason(&self) -> CloseReason {
        let queued = self.queue.iter().find_map(|piece| match piece {
            Piece::Close { reason, .. } => Some(reason.clone()),
            _ => None,
        });
        self.unsent.close_reason().or(queued).unwrap_or(CloseReason::TimedOut)
    }

    /// The login took too long. A stream that is open is told so (RFC 6120 §4.9.3.4).
    fn end_late(&mut self) {
        const LAST_WORDS: &[u8] = b"<stream:error>\
            <connection-timeout xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>\
            </stream:error></stream:stream>";
        if !self.is_stream_open || !matches!(self.phase, Phase::Open | Phase::Deaf) {
            return self.go(CloseReason::TimedOut);
        }
        self.phase = Phase::Deaf;
        let bytes = Bytes::from_static(LAST_WORDS);
        self.queue.push_back(Piece::Close { bytes, reason: CloseReason::TimedOut });
        self.begin_ending();
    }

    /// From now on there is little time, also for a client that takes none of its output.
    fn begin_ending(&mut self) {
        if !self.alarms.is_set(Alarm::Ending) {
            self.alarms.set(Alarm::Ending, Instant::now() + self.shared.limits.close_deadline);
        }
    }

    fn take_orders(&mut self, cx: &Context<'_>) -> bool {
        if matches!(self.phase, Phase::Lingering(_) | Phase::Gone(_)) {
            // Cuts still count while we linger.
            return self.take_cut(cx);
        }
        let taken = self.line.take(cx, &mut self.queue);
        if let Some(cut) = taken.cut {
            if cut == crate::line::Cut::Overflow {
                self.shared.counters.outbox_overflows.inc();
            }
            self.go(cut.reason());
            return true;
        }
        self.is_barred = taken.is_barred;
        if taken.is_closing {
            self.begin_ending();
        }
        if taken.is_raised {
            self.framer.set_limits(Limits::AFTER_LOGIN);
            self.alarms.clear(Alarm::Login);
        }
        if taken.is_restarted {
            self.framer.restart();
            self.is_stream_open = false;
            self.is_unexamined = true;
        }
        if taken.credit > 0 {
            self.credit = self.credit.saturating_add(taken.credit);
            self.has_looked = false;
        }
        taken.is_news
    }

    fn take_cut(&mut self, cx: &Context<'_>) -> bool {
        if !matches!(self.phase, Phase::Lingering(_)) {
            return false;
        }
        let taken = self.line.take(cx, &mut VecDeque::new());
        if let Some(cut) = taken.cut {
            self.go(cut.reason());
        }
        taken.is_news
    }
}

/// The task of a connection that is not shaking hands.
struct Task(Option<Connection>);

impl Future for Task {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(connection) = &mut self.0 else {
            return Poll::Ready(());
        };
        match connection.poll_turns(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Next::Nothing) => Poll::Ready(()),
            Poll::Ready(Next::Handshake) => {
                if let Some(connection) = self.0.take() {
                    handshake::spawn(connection);
                }
                Poll::Ready(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_small_before_it_holds_anything() {
        let size = size_of::<Connection>();
        assert!(size <= 768, "{size} bytes, of which the framer has {}", size_of::<Framer>());
    }
}

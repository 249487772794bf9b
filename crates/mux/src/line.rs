//! From the server to a connection: where orders wait until the connection's task takes them.
//!
//! The server's committer thread calls [`Downlink::carry_out`]; it must never wait there. So an order is put down under a
//! lock held for nanoseconds, the task is woken once, and what a task does not fetch is bounded.

use bytes::Bytes;
use link::{CloseReason, ConnId, Down};
use std::collections::{HashMap, VecDeque};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::task::{Context, Poll, Waker};

/// Something to be written, in its place among the others.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Bytes, and the number under which they are reported written.
    Send { seq: u64, bytes: Bytes },
    /// Last plain bytes before TLS.
    StartTls { proceed: Bytes },
    /// Last bytes of all.
    Close { bytes: Bytes, reason: CloseReason },
}

impl Piece {
    fn bytes_len(&self) -> usize {
        match self {
            Self::Send { bytes, .. } | Self::Close { bytes, .. } => bytes.len(),
            Self::StartTls { proceed } => proceed.len(),
        }
    }

    /// Whether nothing may be read from the client once this waits.
    fn is_barrier(&self) -> bool {
        !matches!(self, Self::Send { .. })
    }
}

/// Why a connection is cut without last words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// More bytes waited than may.
    Overflow,
    /// The multiplexor's grace is over.
    Stop,
}

/// The end of a line that the server writes to.
#[derive(Debug)]
pub(crate) struct Line {
    /// Whose line this is.
    pub(crate) conn: ConnId,
    outbox: Mutex<Outbox>,
}

#[derive(Debug, Default)]
struct Outbox {
    queue: VecDeque<Piece>,
    queue_bytes: usize,
    /// Credit, limits and restart concern reading; they do not wait for what is written.
    credit: u32,
    is_raised: bool,
    is_restarted: bool,
    /// A `StartTls` or `Close` has been ordered.
    is_barred: bool,
    /// A `Close` has been ordered: nothing after it counts.
    is_closing: bool,
    cut: Option<Cut>,
    waker: Option<Waker>,
}

/// What a task found in its outbox.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    /// New credit.
    pub(crate) credit: u32,
    /// The client has logged in.
    pub(crate) is_raised: bool,
    /// A new stream header is expected.
    pub(crate) is_restarted: bool,
    /// Nothing may be read any more: TLS or the end comes next.
    pub(crate) is_barred: bool,
    /// The end has been ordered, however much must be written before it.
    pub(crate) is_closing: bool,
    /// Close without last words.
    pub(crate) cut: Option<Cut>,
    /// Something was new.
    pub(crate) is_news: bool,
}

impl Line {
    pub(crate) fn new(conn: ConnId) -> Self {
        Self { conn, outbox: Mutex::default() }
    }

    fn outbox(&self) -> MutexGuard<'_, Outbox> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts one order down; gives the waker of a task that must be told.
    fn put(&self, order: Down, bytes_max: usize) -> Option<Waker> {
        let mut outbox = self.outbox();
        if outbox.is_closing || outbox.cut.is_some() {
            return None;
        }
        match order {
            Down::Credit { elements, .. } => {
                outbox.credit = outbox.credit.saturating_add(elements);
            }
            Down::Raise { .. } => outbox.is_raised = true,
            Down::Restart { .. } => outbox.is_restarted = true,
            Down::Send { seq, bytes, .. } => {
                outbox.put_piece(Piece::Send { seq, bytes }, bytes_max)
            }
            Down::StartTls { proceed, .. } => {
                outbox.put_piece(Piece::StartTls { proceed }, bytes_max);
            }
            Down::Close { bytes, .. } => {
                let reason = CloseReason::Ordered;
                outbox.put_piece(Piece::Close { bytes, reason }, bytes_max);
            }
        }
        outbox.waker.take()
    }

    /// Orders the end of a connection because the multiplexor stops: what waits is still written.
    pub(crate) fn close_for_shutdown(&self) {
        let waker = {
            let mut outbox = self.outbox();
            if !outbox.is_closing {
                let reason = CloseReason::ShuttingDown;
                outbox.put_piece(Piece::Close { bytes: Bytes::new(), reason }, usize::MAX);
            }
            outbox.waker.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }

    /// Orders the end of a connection without last words.
    pub(crate) fn cut(&self, cut: Cut) {
        let waker = {
            let mut outbox = self.outbox();
            outbox.cut.get_or_insert(cut);
            outbox.waker.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }

    /// Takes what is new. Pieces move to `queue` only when that is empty: a client that takes no output leaves them here,
    /// where they are counted. Registers the task when nothing is new.
    pub(crate) fn take(&self, cx: &Context<'_>, queue: &mut VecDeque<Piece>) -> Taken {
        let mut outbox = self.outbox();
        let mut taken = Taken {
            credit: mem::take(&mut outbox.credit),
            is_raised: mem::take(&mut outbox.is_raised),
            is_restarted: mem::take(&mut outbox.is_restarted),
            is_barred: outbox.is_barred,
            is_closing: outbox.is_closing,
            cut: outbox.cut,
            is_news: false,
        };
        taken.is_news =
            taken.credit > 0 || taken.is_raised || taken.is_restarted || taken.cut.is_some();
        if queue.is_empty() && !outbox.queue.is_empty() {
            mem::swap(&mut outbox.queue, queue);
            outbox.queue_bytes = 0;
            taken.is_news = true;
        }
        if !taken.is_news {
            outbox.register(cx);
        }
        taken
    }

    /// Says that what barred reading has been done: TLS is up.
    pub(crate) fn lift_bar(&self) {
        let mut outbox = self.outbox();
        outbox.is_barred = outbox.queue.iter().any(Piece::is_barrier);
    }

    /// Ready when the connection shall end; for a task that shakes hands and can write nothing.
    pub(crate) fn poll_end(&self, cx: &Context<'_>) -> Poll<CloseReason> {
        let mut outbox = self.outbox();
        if let Some(cut) = outbox.cut {
            return Poll::Ready(cut.reason());
        }
        let close = outbox.queue.iter().find_map(|piece| match piece {
            Piece::Close { reason, .. } => Some(reason.clone()),
            _ => None,
        });
        if let Some(reason) = close {
            return Poll::Ready(reason);
        }
        outbox.register(cx);
        Poll::Pending
    }
}

impl Outbox {
    fn put_piece(&mut self, piece: Piece, bytes_max: usize) {
        let bytes = self.queue_bytes.saturating_add(piece.bytes_len());
        if bytes > bytes_max && !self.queue.is_empty() {
            self.cut = Some(Cut::Overflow);
            self.queue = VecDeque::new();
            self.queue_bytes = 0;
            return;
        }
        self.queue_bytes = bytes;
        self.is_barred |= piece.is_barrier();
        self.is_closing |= matches!(piece, Piece::Close { .. });
        self.queue.push_back(piece);
    }

    fn register(&mut self, cx: &Context<'_>) {
        match &mut self.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            None => self.waker = Some(cx.waker().clone()),
        }
    }
}

impl Cut {
    /// What the server is told.
    pub(crate) fn reason(self) -> CloseReason {
        match self {
            Self::Overflow => CloseReason::TimedOut,
            Self::Stop => CloseReason::ShuttingDown,
        }
    }
}

/// All lines, by connection.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    lines: RwLock<HashMap<ConnId, Arc<Line>>>,
}

impl Lines {
    pub(crate) fn insert(&self, line: Arc<Line>) {
        let mut lines = self.lines.write().unwrap_or_else(PoisonError::into_inner);
        lines.insert(line.conn, line);
    }

    pub(crate) fn remove(&self, conn: ConnId) {
        let mut lines = self.lines.write().unwrap_or_else(PoisonError::into_inner);
        lines.remove(&conn);
        if lines.capacity() > 64 && lines.len() < lines.capacity() / 8 {
            let room = lines.len() * 2;
            lines.shrink_to(room);
        }
    }

    /// Every line that exists now.
    pub(crate) fn all(&self) -> Vec<Arc<Line>> {
        let lines = self.lines.read().unwrap_or_else(PoisonError::into_inner);
        lines.values().cloned().collect()
    }
}

/// Carries the server's orders to the connections. Cheap to clone; may be used from any thread.
#[derive(Clone, Debug)]
pub struct Downlink {
    lines: Arc<Lines>,
    outbox_bytes_max: usize,
}

impl Downlink {
    pub(crate) fn new(lines: Arc<Lines>, outbox_bytes_max: usize) -> Self {
        Self { lines, outbox_bytes_max }
    }

    /// Hands the orders to the connections' tasks and returns at once. Orders for one connection are carried out in
    /// order; orders for a connection that is gone are dropped (its [`link::Up::Closed`] is on its way).
    pub fn carry_out(&self, orders: Vec<Down>) {
        let mut wakers = Vec::new();
        {
            let lines = self.lines.lines.read().unwrap_or_else(PoisonError::into_inner);
            let mut line: Option<&Arc<Line>> = None;
            for order in orders {
                let conn = order.conn();
                if line.is_none_or(|line| line.conn != conn) {
                    line = lines.get(&conn);
                }
                if let Some(line) = line {
                    wakers.extend(line.put(order, self.outbox_bytes_max));
                }
            }
        }
        // Woken last, so that a task finds everything of this batch in one turn.
        wakers.into_iter().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONN: ConnId = ConnId(7);

    fn send(seq: u64, len: usize) -> Down {
        Down::Send { conn: CONN, seq, bytes: Bytes::from(vec![b'x'; len]) }
    }

    fn close() -> Down {
        Down::Close { conn: CONN, bytes: Bytes::new() }
    }

    fn line_and_downlink(bytes_max: usize) -> (Arc<Line>, Downlink) {
        let lines = Arc::new(Lines::default());
        let line = Arc::new(Line::new(CONN));
        lines.insert(Arc::clone(&line));
        (line, Downlink::new(lines, bytes_max))
    }

    #[test]
    fn credit_does_not_wait_behind_output_that_the_client_does_not_take() {
        let (line, downlink) = line_and_downlink(100);
        let cx = Context::from_waker(Waker::noop());
        downlink.carry_out(vec![send(2, 5), Down::Credit { conn: CONN, elements: 3 }]);
        let mut stuck = VecDeque::from([Piece::Send { seq: 1, bytes: Bytes::new() }]);
        let taken = line.take(&cx, &mut stuck);
        assert_eq!((taken.credit, taken.is_news, stuck.len()), (3, true, 1));
        stuck.clear();
        assert!(line.take(&cx, &mut stuck).is_news);
        assert_eq!(stuck.len(), 1);
    }

    #[test]
    fn nothing_may_be_read_once_tls_or_the_end_is_ordered() {
        let (line, downlink) = line_and_downlink(100);
        let cx = Context::from_waker(Waker::noop());
        let mut queue = VecDeque::new();
        downlink.carry_out(vec![Down::StartTls { conn: CONN, proceed: Bytes::new() }]);
        assert!(line.take(&cx, &mut queue).is_barred);
        assert!(line.take(&cx, &mut queue).is_barred);
        line.lift_bar();
        assert!(!line.take(&cx, &mut queue).is_barred);
    }

    #[test]
    fn output_that_nobody_takes_is_bounded_and_ends_the_connection() {
        let (line, downlink) = line_and_downlink(100);
        let cx = Context::from_waker(Waker::noop());
        downlink.carry_out((1..=11).map(|seq| send(seq, 10)).collect());
        let mut queue = VecDeque::new();
        assert_eq!(line.take(&cx, &mut queue).cut, Some(Cut::Overflow));
        assert!(queue.is_empty());
    }

    #[test]
    fn one_element_larger_than_the_bound_still_passes_alone() {
        let (line, downlink) = line_and_downlink(100);
        let cx = Context::from_waker(Waker::noop());
        downlink.carry_out(vec![send(1, 1000)]);
        assert_eq!(line.take(&cx, &mut VecDeque::new()).cut, None);
    }

    #[test]
    fn nothing_after_close_is_carried_out() {
        let (line, downlink) = line_and_downlink(100);
        let cx = Context::from_waker(Waker::noop());
        downlink.carry_out(vec![close(), send(1, 1), Down::Credit { conn: CONN, elements: 1 }]);
        let mut queue = VecDeque::new();
        assert_eq!(line.take(&cx, &mut queue).credit, 0);
        assert_eq!(queue.len(), 1);
        assert_eq!(line.poll_end(&cx), Poll::Pending);
    }

    #[test]
    fn a_batch_wakes_a_task_once() {
        struct Count(std::sync::atomic::AtomicUsize);
        impl std::task::Wake for Count {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            }
        }
        let count = Arc::new(Count(Default::default()));
        let waker = Waker::from(Arc::clone(&count));
        let (line, downlink) = line_and_downlink(100);
        line.take(&Context::from_waker(&waker), &mut VecDeque::new());
        downlink.carry_out(vec![send(1, 1), send(2, 1), send(3, 1)]);
        assert_eq!(count.0.load(std::sync::atomic::Ordering::SeqCst), 1);
    }
}

//! From a decision to a session: append to its queue, send if the session is in step, read the queue back if it is not.

use crate::planted::PlantedFault;
use crate::queue::{Outgoing, Urgency};
use crate::session::{AckQuestion, Carrier};
use crate::state::State;
use crate::timers::Timer;
use bytes::Bytes;
use im_store::{Content, Query, QueuedStanza, SessionId, Write};
use link::{ConnId, Down};
use std::time::Duration;
use xmpp::sm;

/// Bytes on their way to one client and not yet in its socket, beyond which the queue is left in the store.
const IN_FLIGHT_BYTES_MAX: usize = 256 * 1024;
/// The same in number of sends.
const IN_FLIGHT_SENDS_MAX: usize = 512;
/// Entries read back at once.
const REFILL_STANZAS_MAX: usize = 128;
/// Bytes read back at once, about.
const REFILL_BYTES_MAX: usize = 128 * 1024;
/// Lazy stanzas kept back from an inactive client before they are sent anyway (XEP-0352).
const LAZY_MAX: u64 = 200;
/// How much longer the queue of a connected client may get that receives and never acknowledges (attack row 28).
const CONNECTED_QUEUE_FACTOR: u64 = 20;
/// Unacknowledged stanzas after which the client is asked at once.
const ASK_AFTER_STANZAS: u64 = 8;
/// Time after which it is asked about fewer.
const ASK_AFTER: Duration = Duration::from_secs(2);
/// Time it has to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(90);

impl State {
    /// Gives a stanza to a session: now, or when it can take it.
    pub(crate) fn send(&mut self, id: SessionId, out: Outgoing) {
        let Some(session) = self.session(id) else { return };
        if session.is_ending() {
            return;
        }
        let in_step = session.queue.backlog() == 0;
        let may_wait = session.inactive && out.urgency == Urgency::Lazy;
        let open_conn = session.conn().filter(|conn| self.link_has_room(*conn));
        let direct = open_conn.filter(|_| in_step && !may_wait);
        let keeps_messages = !self.has_fault(PlantedFault::PlainNotKept);
        let is_kept = session.managed.is_some() || (out.outlives && keeps_messages);
        self.counters.stanzas_out += 1;
        if let Some(conn) = direct
            && !is_kept
        {
            self.push(conn, out.bytes, 0);
            return;
        }
        self.append(id, out.content, out.outlives);
        match direct {
            Some(conn) => self.push_newest(id, conn, out.bytes),
            None if !may_wait => self.refill(id),
            None => self.send_lazy_if_many(id),
        }
        self.end_if_overfull(id);
    }

    fn append(&mut self, id: SessionId, content: Content, lasting: bool) {
        let forgotten = self.has_fault(PlantedFault::QueueNotStored);
        let Some(session) = self.session_mut(id) else { return };
        let seq = session.queue.append(lasting);
        if !std::mem::replace(&mut session.stored, true) {
            self.touch(id, |dirty| dirty.state = true);
        }
        if forgotten && seq % 5 == 0 {
            return;
        }
        self.write(Write::QueueAppend { session: id, seq, content });
    }

    fn push_newest(&mut self, id: SessionId, conn: ConnId, bytes: Bytes) {
        let Some(session) = self.session_mut(id) else { return };
        let seq = session.queue.appended();
        session.queue.mark_sent(seq);
        self.push(conn, bytes, seq);
        self.ask_when_due(id);
    }

    fn send_lazy_if_many(&mut self, id: SessionId) {
        if self.session(id).is_some_and(|s| s.queue.backlog() > LAZY_MAX) {
            self.refill(id);
        }
    }

    /// A session that nobody carries may not collect without end. It ends by its timer: ending sends presence, which may
    /// overfill other sessions, and that must not become a recursion.
    pub(crate) fn end_if_overfull(&mut self, id: SessionId) {
        let now = self.now.mono;
        let queue_max = self.options.queue_stanzas_max;
        let Some(session) = self.session_mut(id) else { return };
        let kept = session.queue.kept();
        match session.carrier {
            Carrier::Detached { until } if kept > queue_max && until > now => {
                session.carrier = Carrier::Detached { until: now };
                self.timers.clear(until, Timer::ResumeExpires(id));
                self.timers.set(now, Timer::ResumeExpires(id));
            }
            Carrier::Attached(_) if kept > queue_max * CONNECTED_QUEUE_FACTOR => {
                self.clear_question(id);
                self.expect_answer(id, now);
            }
            Carrier::Detached { .. } | Carrier::Attached(_) | Carrier::Ending => {}
        }
    }

    // ---- link -----------------------------------------------------------------------------------------------------

    pub(crate) fn link_has_room(&self, conn: ConnId) -> bool {
        self.conns.get(&conn).is_some_and(|c| {
            c.in_flight_bytes < IN_FLIGHT_BYTES_MAX && c.in_flight.len() < IN_FLIGHT_SENDS_MAX
        })
    }

    /// Sends bytes on a connection. `queue_seq`: the queue entry they carry, 0 for none.
    pub(crate) fn push(&mut self, id: ConnId, bytes: Bytes, queue_seq: u64) {
        let Some(conn) = self.conns.get_mut(&id) else { return };
        conn.sends += 1;
        let seq = conn.sends;
        conn.in_flight_bytes += bytes.len();
        conn.in_flight.push_back((seq, bytes.len() as u32, queue_seq));
        self.order(Down::Send { conn: id, seq, bytes });
    }

    /// The multiplexor wrote everything up to a send into the client's socket.
    pub(crate) fn written(&mut self, id: ConnId, seq: u64) {
        let Some(conn) = self.conns.get_mut(&id) else { return };
        let mut queue_seq = 0;
        while let Some((first, bytes, entry)) = conn.in_flight.front().copied()
            && first <= seq
        {
            conn.in_flight.pop_front();
            conn.in_flight_bytes -= bytes as usize;
            queue_seq = queue_seq.max(entry);
        }
        if conn.in_flight.is_empty() {
            // An idle connection holds no memory for what it once sent.
            conn.in_flight = std::collections::VecDeque::new();
        }
        let Some(session) = conn.session else { return };
        self.resume_reading(id, session);
        if queue_seq > 0 {
            self.written_to_client(session, queue_seq);
        }
        self.refill(session);
    }

    /// A client that did not read what it was sent was not heard either; now it is.
    fn resume_reading(&mut self, id: ConnId, session: SessionId) {
        let Some(s) = self.session(session) else { return };
        let (is_paused, has_inbox) = (s.allowance.paused, !s.inbox.is_empty());
        if !self.link_has_room(id) {
            return;
        }
        if has_inbox {
            self.awake.push_back(session);
        }
        if !is_paused {
            self.pay_credit_by_steps(id);
        }
    }

    /// For a client without stream management, and for what was sent before it enabled it, the multiplexor's word is the
    /// acknowledgement.
    fn written_to_client(&mut self, id: SessionId, queue_seq: u64) {
        let trusts_link = self.has_fault(PlantedFault::WrittenCountsAsHandled);
        let Some(session) = self.session_mut(id) else { return };
        let up_to = match &session.managed {
            None => queue_seq,
            Some(_) if trusts_link => queue_seq,
            Some(managed) => queue_seq.min(managed.base),
        };
        if session.queue.acknowledge(up_to.max(session.queue.acked())) {
            self.touch(id, |dirty| dirty.trim = true);
        }
    }

    // ---- reading the queue back -----------------------------------------------------------------------------------

    /// Sends more of the queue if the session is behind and the link has room.
    pub(crate) fn refill(&mut self, id: SessionId) {
        let Some(session) = self.session(id) else { return };
        let Some(conn) = session.conn() else { return };
        if session.refilling || session.queue.backlog() == 0 || !self.link_has_room(conn) {
            return;
        }
        let from_seq = session.queue.sent() + 1;
        let query = Query::Queue {
            session: id,
            from_seq,
            max: REFILL_STANZAS_MAX,
            bytes_max: REFILL_BYTES_MAX,
        };
        if let Some(session) = self.session_mut(id) {
            session.refilling = true;
        }
        self.read_for_refill(id, query);
    }

    /// A part of the queue has been read.
    pub(crate) fn refill_read(&mut self, id: SessionId, entries: Vec<QueuedStanza>) {
        let Some(session) = self.session_mut(id) else { return };
        session.refilling = false;
        if entries.is_empty() && session.queue.backlog() > 0 {
            // The store lacks what it was given; asking again would never end.
            return self.refill_failed(id);
        }
        let jid = session.jid.clone();
        for entry in entries {
            let Some(session) = self.session_mut(id) else { return };
            let Some(conn) = session.conn() else { return };
            // The connection may have changed since the read was ordered: take only what comes next.
            if entry.seq != session.queue.sent() + 1 {
                continue;
            }
            session.queue.mark_sent(entry.seq);
            let bytes = crate::pipeline::render::queued(&entry, jid.bare());
            self.push(conn, bytes, entry.seq);
        }
        self.ask_when_due(id);
        self.refill(id);
    }

    /// Reading the queue failed: the client keeps its session and may resume it later.
    pub(crate) fn refill_failed(&mut self, id: SessionId) {
        let Some(session) = self.session_mut(id) else { return };
        session.refilling = false;
        if let Some(conn) = session.conn() {
            self.drop_connection(conn);
        }
    }

    // ---- acknowledgements (XEP-0198 §4) -----------------------------------------------------------------------------

    /// Asks the client what it has, now or soon.
    fn ask_when_due(&mut self, id: SessionId) {
        let now = self.now.mono;
        let Some(session) = self.session_mut(id) else { return };
        let Some(conn) = session.conn() else { return };
        let in_flight = session.queue.in_flight();
        if session.managed.is_none() || in_flight == 0 {
            return;
        }
        match session.ack {
            AckQuestion::Asked(_) => {}
            AckQuestion::Planned(at) if in_flight >= ASK_AFTER_STANZAS => {
                self.timers.clear(at, Timer::AckWanted(id));
                self.ask(id, conn);
            }
            AckQuestion::Planned(_) => {}
            AckQuestion::None if in_flight >= ASK_AFTER_STANZAS => self.ask(id, conn),
            AckQuestion::None => {
                session.ack = AckQuestion::Planned(now + ASK_AFTER);
                self.timers.set(now + ASK_AFTER, Timer::AckWanted(id));
            }
        }
    }

    fn ask(&mut self, id: SessionId, conn: ConnId) {
        self.expect_answer(id, self.now.mono + ANSWER_WITHIN);
        self.push(conn, Bytes::from_static(sm::ASK_ACK), 0);
    }

    fn expect_answer(&mut self, id: SessionId, by: Duration) {
        if let Some(session) = self.session_mut(id) {
            session.ack = AckQuestion::Asked(by);
            self.timers.set(by, Timer::AckOverdue(id));
        }
    }

    /// When stanzas have gone unacknowledged long enough to ask.
    pub(crate) fn ack_wanted(&mut self, id: SessionId) {
        let Some(session) = self.session_mut(id) else { return };
        session.ack = AckQuestion::None;
        if let Some(conn) = session.conn()
            && session.queue.in_flight() > 0
        {
            self.ask(id, conn);
        }
    }

    /// When a client that was asked has not answered.
    pub(crate) fn ack_overdue(&mut self, id: SessionId) {
        let Some(session) = self.session_mut(id) else { return };
        session.ack = AckQuestion::None;
        if let Some(conn) = session.conn() {
            self.drop_connection(conn);
        }
    }

    /// Forgets a planned or open question, because it was answered or the connection is gone.
    pub(crate) fn clear_question(&mut self, id: SessionId) {
        let Some(session) = self.session_mut(id) else { return };
        match std::mem::take(&mut session.ack) {
            AckQuestion::None => {}
            AckQuestion::Planned(at) => self.timers.clear(at, Timer::AckWanted(id)),
            AckQuestion::Asked(at) => self.timers.clear(at, Timer::AckOverdue(id)),
        }
    }

    /// The client says it has handled stanzas up to a queue number.
    pub(crate) fn acknowledged(&mut self, id: SessionId, up_to: u64) {
        self.clear_question(id);
        let one_more = u64::from(self.has_fault(PlantedFault::TrimsTooMuch));
        let Some(session) = self.session_mut(id) else { return };
        let up_to = (up_to + one_more).min(session.queue.appended());
        if session.queue.acknowledge(up_to) {
            self.touch(id, |dirty| dirty.trim = true);
        }
        self.ask_when_due(id);
    }
}

//! A session's queue as numbers. The entries are in the store (`docs/decisions/0003`).

use xmpp::jid::Jid;

/// Position of a session's queue. `acked <= sent <= appended`, always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Queue {
    appended: u64,
    sent: u64,
    acked: u64,
    /// Number of the newest entry that is somebody's loss if the session ends before it is acknowledged.
    lasting: u64,
}

impl Queue {
    /// As found in the store: nothing of it has been sent on the connection that will come.
    pub(crate) fn recovered(oldest: u64, newest: u64) -> Self {
        Self { appended: newest, sent: oldest - 1, acked: oldest - 1, lasting: newest }
    }

    /// Recovered without entries, from the number remembered with the session.
    pub(crate) fn empty_at(seq: u64) -> Self {
        Self { appended: seq, sent: seq, acked: seq, lasting: seq }
    }

    /// Number of the newest entry.
    pub(crate) fn appended(&self) -> u64 {
        self.appended
    }

    /// Number of the newest entry sent on this connection.
    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    /// Number of the newest entry the client has for certain.
    pub(crate) fn acked(&self) -> u64 {
        self.acked
    }

    /// Entries the client may not have.
    pub(crate) fn kept(&self) -> u64 {
        self.appended - self.acked
    }

    /// Entries still to be sent on this connection.
    pub(crate) fn backlog(&self) -> u64 {
        self.appended - self.sent
    }

    /// Entries sent on this connection and not acknowledged.
    pub(crate) fn in_flight(&self) -> u64 {
        self.sent - self.acked
    }

    /// Whether anything is left that has to find another way when the session ends.
    pub(crate) fn has_left_over(&self) -> bool {
        self.lasting > self.acked
    }

    pub(crate) fn append(&mut self, lasting: bool) -> u64 {
        self.appended += 1;
        if lasting {
            self.lasting = self.appended;
        }
        self.appended
    }

    pub(crate) fn mark_sent(&mut self, seq: u64) {
        assert!(seq <= self.appended && seq > self.sent, "entries are sent once and in order");
        self.sent = seq;
    }

    /// Returns whether anything was acknowledged anew.
    pub(crate) fn acknowledge(&mut self, seq: u64) -> bool {
        assert!(seq <= self.appended, "only what was appended can be acknowledged");
        let news = seq > self.acked;
        if news {
            self.acked = seq;
            self.sent = self.sent.max(seq);
        }
        news
    }

    /// A new connection: everything not acknowledged is to be sent again.
    pub(crate) fn rewind(&mut self) {
        self.sent = self.acked;
    }
}

/// Whether a stanza may wait while the client says it is inactive (XEP-0352).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// It may wait: presence, chat states.
    Lazy,
    /// It may not.
    Now,
}

/// A stanza on its way to one session.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    /// What the queue keeps.
    pub(crate) content: im_store::Content,
    /// What the client gets; equal to what the store would render from `content`.
    pub(crate) bytes: bytes::Bytes,
    /// Whether it may wait.
    pub(crate) urgency: Urgency,
    /// Whether it is somebody's loss if the session ends before its client has it: messages are, and requests that wait
    /// for an answer; presence and answers are not.
    pub(crate) outlives: bool,
}

impl Outgoing {
    /// For this session alone, and gone with it.
    pub(crate) fn own(bytes: bytes::Bytes) -> Self {
        let content = im_store::Content::Own(bytes.clone());
        Self { content, bytes, urgency: Urgency::Now, outlives: false }
    }

    /// The same, and it may wait.
    pub(crate) fn lazy(bytes: bytes::Bytes) -> Self {
        Self { urgency: Urgency::Lazy, ..Self::own(bytes) }
    }
}

/// Who sent what a directed presence went to; kept to say goodbye (RFC 6121 §4.6.3).
pub(crate) type Directed = Vec<Jid>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rewound_queue_sends_again_what_was_not_acknowledged() {
        let mut q = Queue::default();
        for _ in 0..3 {
            let seq = q.append(true);
            q.mark_sent(seq);
        }
        assert!(q.acknowledge(1));
        assert!(!q.acknowledge(1));
        q.rewind();
        assert_eq!((q.sent(), q.backlog(), q.kept(), q.in_flight()), (1, 2, 2, 0));
    }

    #[test]
    fn a_recovered_queue_starts_before_its_oldest_entry() {
        let q = Queue::recovered(5, 9);
        assert_eq!((q.acked(), q.sent(), q.appended()), (4, 4, 9));
    }
}

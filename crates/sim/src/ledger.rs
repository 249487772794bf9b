//! What really happened, kept beside the world, and the sentences that must be true of it.

use crate::actor::Dress;
use std::collections::{BTreeMap, BTreeSet};

/// A message in a simulation.
pub(crate) type MessageId = u64;
/// A session in a simulation: never the same number twice.
pub(crate) type SessionKey = u64;

/// One message.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) from_actor: usize,
    pub(crate) from_account: usize,
    pub(crate) to_account: usize,
    /// Whether the sender has been told that the server has it.
    pub(crate) accepted: bool,
    /// Whether the sender got it back as an error.
    pub(crate) bounced: bool,
    /// Whether it was addressed to one session rather than to the account: these are two streams of messages, and each is
    /// in order (what is for the account may have to wait for presence, what is for a session does not).
    pub(crate) to_session: bool,
    /// Sessions of the recipient that received it, or a copy of it.
    pub(crate) received_by: Vec<SessionKey>,
}

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which sentence is false, such as `P1`.
    pub promise: &'static str,
    /// What happened.
    pub what: String,
}

/// The ledger.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) messages: BTreeMap<MessageId, Message>,
    pub(crate) violations: Vec<Violation>,
    /// (session, message) pairs, copies of what was sent apart.
    seen: BTreeSet<(SessionKey, MessageId, bool)>,
    /// Last message of each sender that a session got.
    last_of: BTreeMap<(SessionKey, usize, bool, bool), MessageId>,
    /// Messages sent before this time may reach an account out of order: a session of it ended with some left over.
    disorder_until: BTreeMap<usize, u64>,
    /// Sessions of each account whose client has said that it leaves and whose connection is still there.
    leaving: BTreeMap<usize, u32>,
    pub(crate) sent: u64,
    pub(crate) resumed: u64,
    pub(crate) crashes: u64,
}

impl Ledger {
    pub(crate) fn violate(&mut self, promise: &'static str, what: String) {
        self.violations.push(Violation { promise, what });
    }

    pub(crate) fn send(
        &mut self,
        from_actor: usize,
        from_account: usize,
        to_account: usize,
        to_session: bool,
    ) -> MessageId {
        self.sent += 1;
        let id = self.sent;
        let message = Message {
            from_actor,
            from_account,
            to_account,
            accepted: false,
            bounced: false,
            to_session,
            received_by: Vec::new(),
        };
        self.messages.insert(id, message);
        id
    }

    pub(crate) fn accept(&mut self, id: MessageId) {
        if let Some(message) = self.messages.get_mut(&id) {
            message.accepted = true;
        }
    }

    pub(crate) fn bounce(&mut self, id: MessageId) {
        if let Some(message) = self.messages.get_mut(&id) {
            message.bounced = true;
        }
    }

    /// A client says that it leaves: from some moment on, before its connection is closed, its session has ended.
    pub(crate) fn session_leaves(&mut self, account: usize) {
        *self.leaving.entry(account).or_default() += 1;
    }

    /// The connection of a client that said so is gone.
    pub(crate) fn session_left(&mut self, account: usize) {
        if let Some(leaving) = self.leaving.get_mut(&account) {
            *leaving -= 1;
        }
    }

    /// A session of an account ended, maybe with messages left over.
    pub(crate) fn session_ended(&mut self, account: usize) {
        self.disorder_until.insert(account, self.sent);
    }

    /// A session got a message (P2: once, in order).
    pub(crate) fn receive(
        &mut self,
        session: SessionKey,
        account: usize,
        id: MessageId,
        dress: Dress,
    ) {
        let Dress { carbon, delayed } = dress;
        let Some(message) = self.messages.get_mut(&id) else {
            return self.violate("P2", format!("session {session} got {id}, which nobody sent"));
        };
        // What comes late says so, and is in order among its like.
        let stream = (session, message.from_actor, message.to_session, delayed);
        let is_for_it = message.to_account == account;
        // A copy at the recipient's account is as good as the message: its user has it.
        if is_for_it {
            message.received_by.push(session);
        }
        if !carbon && !is_for_it {
            self.violate("P2", format!("account {account} got {id}, which is not for it"));
        }
        if !self.seen.insert((session, id, carbon && !is_for_it)) {
            self.violate("P2", format!("session {session} got {id} twice (carbon: {carbon})"));
        }
        if carbon {
            return;
        }
        let last = self.last_of.insert(stream, id).unwrap_or(0);
        let in_disorder = self.disorder_until.get(&account).copied().unwrap_or(0);
        let is_leaving = self.leaving.get(&account).is_some_and(|leaving| *leaving > 0);
        if last > id && id > in_disorder && !is_leaving {
            self.violate("order", format!("session {session} got {id} after {last}"));
        }
    }

    /// P1, once everything has come to rest: what was accepted was received, and is in both archives once.
    pub(crate) fn check_at_rest(&mut self, archives: &BTreeMap<usize, Vec<MessageId>>) {
        let mut found = Vec::new();
        for (id, message) in &self.messages {
            let count = |account: usize| {
                archives.get(&account).map_or(0, |a| a.iter().filter(|x| *x == id).count())
            };
            if message.accepted && !message.bounced && message.received_by.is_empty() {
                found.push(("P1", format!("{id} was accepted and never received")));
            }
            let (mine, theirs) = (count(message.from_account), count(message.to_account));
            if message.accepted && !message.bounced && (mine != 1 || theirs != 1) {
                found.push((
                    "archive",
                    format!("{id} is {mine} times in its sender's and {theirs} times in its recipient's archive"),
                ));
            }
            if mine > 1 || theirs > 1 {
                found.push(("archive", format!("{id} is archived more than once")));
            }
        }
        for (promise, what) in found {
            self.violate(promise, what);
        }
    }
}

//! The way from a node to the store and back: latency, loss of requests and of answers, requests that arrive late.
//!
//! Every request has exactly one answer, as long as the daemon that sent it lives.

use crate::host::LEASE;
use crate::judge;
use crate::methods::self_name;
use crate::world::{Event, World};
use control::{Error, Guard, LeaseId, Op, Txn, TxnOutcome};
use rgm::Incarnation;
use rgm::node::{Input, StoreFailure, TxnId};
use rgm::store::Transaction;
use std::time::Duration;

/// After that nobody waits for an answer any more.
const CALL_TIMEOUT: Duration = Duration::from_millis(500);

/// What is wrong with the way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Cut {
    #[default]
    None,
    /// Nothing passes.
    Both,
    /// Requests arrive, answers do not; the watch is silent.
    Answers,
    /// Only the watch is silent.
    Watch,
    /// Only transactions are lost.
    Commits,
    /// Everything takes long.
    Slow,
}

/// A node's way to the store.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Link {
    pub(crate) cut: Cut,
    /// Grows with each change, so that an old end does not end a new trouble.
    pub(crate) serial: u64,
}

/// What is asked of the store.
#[derive(Clone, Debug)]
pub(crate) enum Request {
    Grant(Duration),
    KeepAlive(LeaseId),
    Commit(TxnId, Transaction, Option<LeaseId>),
    Revoke(LeaseId),
}

/// A request at the store.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) host: usize,
    pub(crate) life: u64,
    pub(crate) sender: Option<Incarnation>,
    pub(crate) request: Request,
    sent: Duration,
    sent_boot: Duration,
    /// Nobody waits for the answer any more.
    is_late: bool,
}

/// The answer to `Grant`.
#[derive(Debug)]
pub(crate) struct GrantAnswer {
    sent: Duration,
    result: Result<(LeaseId, Duration), StoreFailure>,
}

impl World {
    pub(crate) fn send(&mut self, h: usize, request: Request) {
        let life = self.hosts[h].life;
        self.send_of(h, life, request);
    }

    pub(crate) fn send_of(&mut self, h: usize, life: u64, request: Request) {
        let link = self.hosts[h].link.cut;
        let is_commit = matches!(request, Request::Commit(..));
        let cut = link == Cut::Both || (link == Cut::Commits && is_commit);
        let mut arrival = Arrival {
            host: h,
            life,
            sender: self.hosts[h].incarnation(),
            request,
            sent: self.now,
            sent_boot: self.hosts[h].clocks.now(self.now).boot,
            is_late: false,
        };
        let lost = cut || (!self.is_calm && self.dice.permille(4));
        if !lost {
            let leg = self.leg(h);
            self.after(leg, Event::Arrive(arrival));
            return;
        }
        self.fail(&arrival);
        if self.dice.permille(400) {
            arrival.is_late = true;
            let late = self.dice.ms(0, 1500);
            self.after(CALL_TIMEOUT + late, Event::Arrive(arrival));
        }
    }

    fn leg(&mut self, h: usize) -> Duration {
        match self.hosts[h].link.cut {
            Cut::Slow => self.dice.ms(20, 400),
            _ if !self.is_calm && self.dice.permille(20) => self.dice.ms(5, 200),
            _ => self.dice.ms(0, 4),
        }
    }

    /// The node gives up waiting.
    fn fail(&mut self, arrival: &Arrival) {
        let result = StoreFailure::Unavailable;
        let at = arrival.sent + CALL_TIMEOUT;
        self.answer(arrival, at, Err(result));
    }

    fn answer(&mut self, arrival: &Arrival, at: Duration, result: Result<Answer, StoreFailure>) {
        if arrival.is_late {
            return;
        }
        let (host, life, sent) = (arrival.host, arrival.life, arrival.sent_boot);
        let event = match &arrival.request {
            Request::Grant(_) => {
                let result = result.and_then(|answer| match answer {
                    Answer::Lease(id, ttl) => Ok((id, ttl)),
                    Answer::Revision(_) => Err(StoreFailure::Unavailable),
                });
                Event::Granted { host, life, granted: GrantAnswer { sent, result } }
            }
            Request::KeepAlive(_) => {
                let result = result.map(|answer| match answer {
                    Answer::Lease(_, ttl) => ttl,
                    Answer::Revision(_) => LEASE,
                });
                Event::Deliver { host, life, input: Input::Renewed { sent, result } }
            }
            Request::Commit(txn, ..) => {
                let result = result.map(|answer| match answer {
                    Answer::Revision(revision) => revision,
                    Answer::Lease(..) => None,
                });
                Event::Deliver { host, life, input: Input::Committed { txn: *txn, result } }
            }
            Request::Revoke(_) => return,
        };
        self.at(at, event);
    }

    pub(crate) fn granted(&mut self, h: usize, life: u64, granted: GrantAnswer) {
        if self.hosts[h].life != life {
            return;
        }
        if let Ok((id, _)) = granted.result {
            self.hosts[h].lease = Some(id);
        }
        let result = granted.result.map(|(_, ttl)| ttl);
        self.deliver(h, Input::Granted { sent: granted.sent, result });
    }

    pub(crate) fn arrive(&mut self, arrival: Arrival) {
        if self.now < self.store_down_until {
            self.fail(&arrival);
            return;
        }
        let _ = self.store.advance(self.now);
        self.look_at_store();
        let result = self.serve(&arrival);
        let at = self.now + self.leg(arrival.host);
        let lost = matches!(self.hosts[arrival.host].link.cut, Cut::Both | Cut::Answers)
            || (!self.is_calm && self.dice.permille(4))
            || at > arrival.sent + CALL_TIMEOUT;
        if lost { self.fail(&arrival) } else { self.answer(&arrival, at, result) }
    }

    fn serve(&mut self, arrival: &Arrival) -> Result<Answer, StoreFailure> {
        let now = self.now;
        let lease = |granted: control::Granted| Answer::Lease(granted.id, granted.ttl);
        let done = match &arrival.request {
            Request::Grant(ttl) => self.store.grant(now, *ttl).map(lease),
            Request::KeepAlive(id) => self.store.keep_alive(now, *id).map(lease),
            Request::Revoke(id) => {
                self.store.revoke(now, *id);
                Ok(Answer::Revision(None))
            }
            Request::Commit(_, transaction, lease) => self.commit(arrival, transaction, *lease),
        };
        done.map_err(|error| match error {
            Error::LeaseGone => StoreFailure::LeaseGone,
            _ => StoreFailure::Unavailable,
        })
    }

    fn commit(
        &mut self,
        arrival: &Arrival,
        transaction: &Transaction,
        lease: Option<LeaseId>,
    ) -> Result<Answer, Error> {
        let now = self.now;
        let before = judge::config::before_commit(self, transaction);
        let outcome = self.store.txn(now, translate(transaction, lease));
        let (h, txn) = (arrival.host, &arrival.request);
        if self.is_traced()
            && let Request::Commit(id, ..) = txn
        {
            let late = if arrival.is_late { ", late" } else { "" };
            self.note(|| format!("{}: transaction {}{late}: {outcome:?}", self_name(h), id.0));
        }
        match outcome? {
            TxnOutcome::Refused(_) => Ok(Answer::Revision(None)),
            TxnOutcome::Committed(revision) => {
                judge::store::only_the_president_writes(self, arrival, transaction);
                judge::config::after_commit(self, transaction, before);
                Ok(Answer::Revision(Some(revision)))
            }
        }
    }
}

enum Answer {
    Lease(LeaseId, Duration),
    Revision(Option<i64>),
}

/// As `node::daemon::storage` does it.
fn translate(transaction: &Transaction, lease: Option<LeaseId>) -> Txn {
    let guards = transaction.guards.iter().map(|guard| match guard {
        rgm::store::Guard::Absent(key) => Guard::Absent(key.clone()),
        rgm::store::Guard::CreatedAt(key, at) => Guard::CreatedAt(key.clone(), *at),
        rgm::store::Guard::ChangedAt(key, at) => Guard::ChangedAt(key.clone(), *at),
    });
    let ops = transaction.writes.iter().map(|(key, value, leased)| match value {
        Some(value) => {
            let lease = lease.filter(|_| *leased);
            Op::Put { key: key.clone(), value: value.clone(), lease }
        }
        None => Op::Delete { key: key.clone() },
    });
    Txn { guards: guards.collect(), ops: ops.collect() }
}

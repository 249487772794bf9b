//! The one transaction under way, and what it has done to revisions before the view shows it.
//!
//! What was refused waits for the store to change, what is uncertain waits a moment for the view to tell. Both are then decided anew from the
//! view; nothing is sent twice blindly. Own reports and the president's steps take turns, so that neither starves the other.

use super::lease::{self, RETRIES_PER_LEASE};
use super::{Effect, Life, NodeCore, Now, StoreFailure, TxnId};
use crate::model::Observed;
use crate::names::GroupName;
use crate::planner::Step;
use crate::store::{Key, Transaction};
use std::collections::BTreeMap;
use std::time::Duration;

/// What a transaction is for.
#[derive(Debug)]
pub(super) enum Kind {
    /// Become a member.
    Join,
    /// Become president.
    Elect,
    /// Delete a key `president` that is nobody's.
    Vacate,
    /// Reports, results of jobs, requests, fetched answers.
    Own(Vec<(GroupName, Observed)>),
    /// A step of a plan.
    Step(Step),
}

#[derive(Debug)]
pub(super) struct Flight {
    id: TxnId,
    pub(super) kind: Kind,
    /// What it writes: key, and whether it exists then.
    keys: Vec<(String, bool)>,
    /// The first value it writes, to find out what became of it.
    sample: Option<(String, Vec<u8>)>,
    /// The view's revision when it was sent.
    sent_at: i64,
}

/// When and what to commit.
#[derive(Debug, Default)]
pub(super) struct Line {
    last: u64,
    flight: Option<Flight>,
    /// Nothing is sent before.
    again_at: Option<Duration>,
    /// A change of the store ends that wait.
    until_change: bool,
    /// Keys as we wrote them, as long as the view is older: revision, and whether they exist.
    ahead: BTreeMap<String, (i64, bool)>,
    /// The last one was the node's own.
    was_own: bool,
}

impl Line {
    pub(super) fn view_reached(&mut self, revision: i64) {
        self.ahead.retain(|_, (at, _)| *at > revision);
        if self.until_change {
            self.until_change = false;
            self.again_at = None;
        }
    }

    /// Whether we wrote this key and have not seen that yet.
    pub(super) fn is_ahead(&self, key: &str) -> bool {
        self.ahead.contains_key(key)
    }

    /// The same, without making the path when there is nothing.
    pub(super) fn is_ahead_of(&self, key: &Key) -> bool {
        !self.ahead.is_empty() && self.is_ahead(&key.to_string())
    }

    pub(super) fn is_free(&self) -> bool {
        self.flight.is_none() && self.again_at.is_none()
    }

    pub(super) fn has_step(&self) -> bool {
        matches!(&self.flight, Some(Flight { kind: Kind::Step(_), .. }))
    }

    pub(super) const fn next_timeout(&self) -> Option<Duration> {
        if self.flight.is_some() { None } else { self.again_at }
    }

    fn put(&mut self, view: i64, kind: Kind, transaction: Transaction) -> Effect {
        self.last += 1;
        let id = TxnId(self.last);
        let writes = &transaction.writes;
        let keys = writes.iter().map(|(key, value, _)| (key.clone(), value.is_some())).collect();
        let sample = match kind {
            Kind::Step(_) => writes.iter().find_map(|(k, v, _)| Some((k.clone(), v.clone()?))),
            _ => None,
        };
        self.was_own = matches!(kind, Kind::Own(_));
        self.flight = Some(Flight { id, kind, keys, sample, sent_at: view });
        Effect::Commit(id, transaction)
    }
}

impl NodeCore {
    /// The revision to guard a key with: as we wrote it, else as the view has it.
    pub(super) fn revision_of(&self, key: &str) -> Option<i64> {
        match self.line.ahead.get(key) {
            Some((at, exists)) => exists.then_some(*at),
            None => self.cluster.revisions.get(key).copied(),
        }
    }

    /// Sends what is most urgent, if nothing is under way.
    pub(super) fn commit_next(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if self.line.again_at.is_some_and(|at| at <= now.boot) {
            self.line.again_at = None;
            self.line.until_change = false;
        }
        if !self.line.is_free() {
            return;
        }
        let next = match self.life {
            Life::Joining(_) => self.join(),
            Life::Inside(_) => self.elect(now.boot).or_else(|| {
                if self.line.was_own {
                    self.next_step(now, effects).or_else(|| self.own_changes(now, effects))
                } else {
                    self.own_changes(now, effects).or_else(|| self.next_step(now, effects))
                }
            }),
            Life::Outside | Life::Over => None,
        };
        if let Some((kind, transaction)) = next {
            effects.push(self.line.put(self.view.revision, kind, transaction));
        }
    }

    /// `Err`: the sentence to stop with.
    pub(super) fn committed(
        &mut self,
        now: Now,
        txn: TxnId,
        result: Result<Option<i64>, StoreFailure>,
        effects: &mut Vec<Effect>,
    ) -> Result<(), String> {
        let Some(flight) = self.line.flight.take_if(|flight| flight.id == txn) else {
            return Ok(());
        };
        match result {
            Ok(Some(revision)) => {
                if matches!(flight.kind, Kind::Vacate) {
                    let sentence = "the key president has named no member for three leases and was deleted; the members elect a president now";
                    effects.push(self.say(now, sentence.to_owned()));
                }
                self.done(flight, revision, effects);
            }
            Ok(None) => {
                // Otherwise the view is already newer than what it was decided from.
                if self.view.revision <= flight.sent_at {
                    self.line.again_at = Some(now.boot + self.settings.lease / 4);
                    self.line.until_change = true;
                }
                self.failed(flight, false);
            }
            Err(StoreFailure::Unavailable) => {
                self.line.again_at = Some(now.boot + self.settings.lease / RETRIES_PER_LEASE);
                self.line.until_change = false;
                self.failed(flight, true);
            }
            Err(StoreFailure::LeaseGone) => return Err(lease::gone(&self.settings)),
        }
        Ok(())
    }

    fn done(&mut self, flight: Flight, revision: i64, effects: &mut Vec<Effect>) {
        self.joined(&flight, revision);
        if revision > self.view.revision {
            let ahead = flight.keys.into_iter().map(|(key, exists)| (key, (revision, exists)));
            self.line.ahead.extend(ahead);
        }
        match flight.kind {
            Kind::Join | Kind::Elect | Kind::Vacate => {}
            Kind::Own(reports) => self.local.reported.extend(reports),
            Kind::Step(step) => {
                self.presidency.step_done(revision);
                effects.extend(step.decisions.into_iter().map(|(of, said)| Effect::Say(of, said)));
            }
        }
    }

    fn failed(&mut self, flight: Flight, is_uncertain: bool) {
        match flight.kind {
            Kind::Step(step) => {
                let uncertain = flight.sample.filter(|_| is_uncertain);
                self.presidency.step_failed(uncertain.map(|sample| (sample, step.decisions)));
            }
            Kind::Elect => self.presidency.election_failed(!is_uncertain),
            Kind::Join | Kind::Vacate | Kind::Own(_) => {}
        }
    }
}

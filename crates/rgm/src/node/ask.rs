//! What was asked at this node, until it is answered: a request key, then its answer, which this node fetches and deletes.
//!
//! A request survives the president, so nothing is asked twice. What cannot be written within one lease is answered with a refusal; it never
//! waits without end. The number of open requests is bounded.

use super::{Effect, Life, NodeCore, Now};
use crate::executor::Fact;
use crate::model::{Answer, Incarnation, Operation, Refusal, Request, RequestId, SchaCode};
use crate::store::{Change, Key, Object};
use std::collections::BTreeMap;
use std::time::Duration;

/// Requests of one node that wait for their answers.
const OPEN_MAX: usize = 256;

#[derive(Debug)]
struct Ask {
    /// `None`: this daemon itself, to be added to the cluster.
    asker: Option<u64>,
    request: Request,
    since: Duration,
    /// The request was seen in the store.
    is_seen: bool,
}

#[derive(Debug, Default)]
pub(super) struct Asks {
    open: BTreeMap<RequestId, Ask>,
    count: u64,
    /// This node has asked to be added.
    has_asked_in: bool,
}

impl Asks {
    /// When the patience with the oldest unwritten request ends.
    pub(super) fn next_timeout(&self, patience: Duration) -> Option<Duration> {
        let unseen = self.open.values().filter(|ask| !ask.is_seen);
        unseen.map(|ask| ask.since + patience).min()
    }

    fn next_id(&mut self, incarnation: Incarnation) -> RequestId {
        self.count += 1;
        RequestId(format!("{}{:010}", prefix(incarnation), self.count))
    }
}

/// Padded, so that the order of ids is the order of asking.
fn prefix(incarnation: Incarnation) -> String {
    format!("{:020}-", incarnation.0)
}

fn refused(now: Now, code: SchaCode, sentence: String) -> Answer {
    let refusal = Some(Refusal { code, sentence });
    Answer { refusal, messages: Vec::new(), goals: Vec::new(), at_ms: now.wall_ms }
}

impl NodeCore {
    pub(super) fn take_in_ask(
        &mut self,
        now: Now,
        asker: u64,
        (operation, by): (Operation, String),
        effects: &mut Vec<Effect>,
    ) {
        let node = &self.settings.node;
        let why = match self.life {
            Life::Inside(_) if self.asks.open.len() < OPEN_MAX => None,
            Life::Inside(_) => {
                Some(format!("{OPEN_MAX} requests of {node} wait for answers; ask again later"))
            }
            _ => Some(format!(
                "{node} is not a member of the cluster yet; ask again when it has joined"
            )),
        };
        let incarnation = self.incarnation().unwrap_or_default();
        let request = self.asks.next_id(incarnation);
        if let Some(why) = why {
            let answer = refused(now, SchaCode::Reconf, why);
            effects.push(Effect::Answered { asker, request, answer });
            return;
        }
        let value = Request { operation, by, at_ms: now.wall_ms };
        let ask = Ask { asker: Some(asker), request: value, since: now.boot, is_seen: false };
        self.asks.open.insert(request, ask);
    }

    /// Asks to be configured, once, when this node has never been in a cluster.
    fn ask_in(&mut self, now: Now) {
        let config = &self.cluster.config;
        let node = &self.settings.node;
        let is_stranger = self.settings.cluster_id.is_empty()
            && !config.cluster.id.is_empty()
            && !config.nodes.contains_key(node)
            && !self.cluster.is_problem(&Key::Node(node.clone()));
        let Some(incarnation) = self.incarnation().filter(|_| is_stranger) else { return };
        if self.asks.has_asked_in {
            return;
        }
        self.asks.has_asked_in = true;
        let operation = Operation::AddNode { node: node.clone() };
        let by = format!("the first start of {node}");
        let request = Request { operation, by, at_ms: now.wall_ms };
        let id = self.asks.next_id(incarnation);
        self.asks.open.insert(id, Ask { asker: None, request, since: now.boot, is_seen: false });
    }

    /// Answers whoever can be answered now.
    pub(super) fn answer_asks(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.ask_in(now);
        if self.asks.open.is_empty() {
            return;
        }
        let ids: Vec<RequestId> = self.asks.open.keys().cloned().collect();
        for id in ids {
            if let Some(answer) = self.answer_of(now, &id) {
                self.answer(now, &id, answer, effects);
            }
        }
    }

    fn answer_of(&mut self, now: Now, id: &RequestId) -> Option<Answer> {
        if let Some(answer) = self.cluster.answers.get(id) {
            return Some(answer.clone());
        }
        let ask = self.asks.open.get_mut(id)?;
        let key = Key::Request(id.clone()).to_string();
        if self.cluster.requests.contains_key(id) {
            ask.is_seen = true;
            return None;
        }
        for key in [&Key::Answer(id.clone()).to_string(), &key] {
            if let Some(problem) = self.cluster.problems.get(key) {
                return Some(refused(now, SchaCode::Internal, problem.sentence.clone()));
            }
        }
        if ask.is_seen {
            let why = "the request was removed from the control store without an answer; look at the state and ask again";
            return Some(refused(now, SchaCode::Reconf, why.to_owned()));
        }
        let patience = self.settings.lease;
        if now.boot < ask.since + patience {
            return None;
        }
        let why = format!(
            "the request could not be written to the control store for {} ms, and it is not certain that it never will be; look at the state before you ask again",
            patience.as_millis()
        );
        Some(refused(now, SchaCode::Timeout, why))
    }

    pub(super) fn answer(
        &mut self,
        now: Now,
        id: &RequestId,
        answer: Answer,
        effects: &mut Vec<Effect>,
    ) {
        let Some(ask) = self.asks.open.remove(id) else { return };
        if let Some(asker) = ask.asker {
            if answer.refusal.is_none()
                && let Operation::ControlRestart { resource, check_only: false, .. } =
                    ask.request.operation
            {
                // Num_rg_restarts counts on the node whose monitor asked.
                self.take_in_fact(now, Fact::GroupRestartTold { resource }, effects);
            }
            effects.push(Effect::Answered { asker, request: id.clone(), answer });
        } else if let Some(refusal) = answer.refusal {
            if refusal.code == SchaCode::Timeout {
                self.asks.has_asked_in = false;
                return;
            }
            let node = &self.settings.node;
            let sentence = format!(
                "{node} was not added to the cluster: {refusal}; then run `steadfast node add {node}`"
            );
            effects.push(self.say(now, sentence));
        }
    }

    /// Refuses a request that can never be written.
    pub(super) fn refuse_unwritable(
        &mut self,
        now: Now,
        id: &RequestId,
        why: String,
        effects: &mut Vec<Effect>,
    ) {
        self.answer(now, id, refused(now, SchaCode::Inval, why), effects);
    }

    /// Requests to write, and answers nobody here waits for to delete.
    pub(super) fn ask_changes(&self, changes: &mut Vec<Change>) {
        let Some(incarnation) = self.incarnation() else { return };
        if !self.cluster.answers.is_empty() {
            let prefix = prefix(incarnation);
            let from = RequestId(prefix.clone());
            let ours = self.cluster.answers.range(from..).map(|(id, _)| id);
            for id in ours.take_while(|id| id.0.starts_with(&prefix)) {
                let key = Key::Answer(id.clone());
                if !self.asks.open.contains_key(id) && !self.line.is_ahead_of(&key) {
                    changes.push(Change { key, object: None });
                }
            }
        }
        for (id, ask) in self.asks.open.iter().filter(|(_, ask)| !ask.is_seen) {
            let key = Key::Request(id.clone());
            if !self.line.is_ahead_of(&key) {
                let object = Some(Object::Request(ask.request.clone()));
                changes.push(Change { key, object });
            }
        }
    }
}

//! Election, forming the cluster, and the president's plans.
//!
//! President is who holds the key `president`; every step is guarded by the key's create revision, so a deposed one writes nothing. A
//! plan is made from a view that shows everything this president has written, and its steps are written one after another.

use super::commit::Kind;
use super::lease::RETRIES_PER_LEASE;
use super::{Effect, Life, NodeCore, Now};
use crate::model::{
    Answer, ClusterSettings, Decision, NodeConfig, President, Refusal, RequestId, SchaCode,
};
use crate::names::GroupName;
use crate::planner::{self, Situation, Step};
use crate::planted::PlantedFault;
use crate::store::{Change, Guard, Key, Object, Raw, Transaction, WriteError};
use std::collections::VecDeque;
use std::time::Duration;

const PRESIDENT: &str = "president";
const CLUSTER: &str = "cluster";
/// A key `president` that names no member for so many leases is nobody's.
const UNCLAIMED_LEASES: u32 = 3;
/// A plan that asks to be looked at again at once waits at least so long.
const LOOK_AGAIN_MIN: Duration = Duration::from_millis(100);

/// What is said about a step whose answer was lost, once a key shows that it was done: key and value, and the sentences.
type Uncertain = ((String, Vec<u8>), Vec<(Option<GroupName>, Decision)>);

#[derive(Debug, Default)]
pub(super) struct Presidency {
    /// Since when there is no president.
    vacant_since: Option<Duration>,
    /// The term as it was last seen, until the key has gone: what then lies there and is not understood is still this node's key.
    own_term: Option<i64>,
    /// Steps of the plan that are not written yet.
    pub(super) steps: VecDeque<Step>,
    /// A step of that plan is written. The rest is written before anything is planned anew: what a request asks for was decided
    /// from the cluster as it was before the first step (an unmanaged group owes no FINI any more).
    is_begun: bool,
    /// The key names no member: its mod revision, and since when.
    unclaimed: Option<(i64, Duration)>,
    /// Something changed since the last plan.
    plan_due: bool,
    /// Look again then: wall clock, and the boot clock's time for it.
    wake: Option<(u64, Duration)>,
    /// Revision of the last step written.
    written: i64,
    uncertain: Option<Uncertain>,
    /// What could not be written, said once.
    said: Option<String>,
}

impl Presidency {
    pub(super) fn election_failed(&mut self, is_refused: bool) {
        if is_refused {
            self.own_term = None;
        }
    }

    pub(super) fn look_again(&mut self) {
        self.plan_due = true;
    }

    pub(super) fn next_timeout(&self) -> Option<Duration> {
        self.wake.map(|(_, at)| at)
    }

    pub(super) fn step_done(&mut self, revision: i64) {
        self.written = revision;
        self.uncertain = None;
        self.is_begun = true;
    }

    pub(super) fn step_failed(&mut self, uncertain: Option<Uncertain>) {
        self.steps.clear();
        self.plan_due = true;
        if uncertain.is_some() {
            self.uncertain = uncertain;
        }
    }
}

impl NodeCore {
    /// The term, if this incarnation is president as far as the view says.
    pub(super) fn term(&self) -> Option<i64> {
        let president = self.cluster.president.as_ref()?;
        let incarnation = self.incarnation()?;
        let is_us = president.node == self.settings.node && president.incarnation == incarnation;
        is_us.then_some(president.term)
    }

    /// Keeps the time since when there is none.
    pub(super) fn note_president(&mut self, now: Duration) {
        let is_vacant =
            matches!(self.life, Life::Inside(_)) && !self.cluster.revisions.contains_key(PRESIDENT);
        if !is_vacant {
            self.presidency.vacant_since = None;
        } else if self.presidency.vacant_since.is_none() {
            self.presidency.vacant_since = Some(now);
        }
        let term = self.term();
        if term.is_some() || !self.cluster.problems.contains_key(PRESIDENT) {
            self.presidency.own_term = term;
        }
        let unclaimed = self.unclaimed_president();
        if self.presidency.unclaimed.map(|(at, _)| at) != unclaimed {
            self.presidency.unclaimed = unclaimed.map(|at| (at, now));
        }
        if term.is_none() {
            self.presidency.steps.clear();
            self.presidency.wake = None;
        }
    }

    /// Mod revision of a key `president` that names no member: put by hand, without a lease, or damaged so that nobody deletes it. Whoever
    /// could still be it, as far as this version can tell, keeps it.
    fn unclaimed_president(&self) -> Option<i64> {
        let revision = *self.cluster.revisions.get(PRESIDENT)?;
        let is_claimed = match &self.cluster.president {
            Some(said) => {
                let member = self.cluster.members.get(&said.node);
                member.is_some_and(|member| member.incarnation == said.incarnation)
                    || self.cluster.is_problem(&Key::Member(said.node.clone()))
            }
            None => self.presidency.own_term.is_some(),
        };
        (!is_claimed && matches!(self.life, Life::Inside(_))).then_some(revision)
    }

    /// When this node deletes such a key. It never writes over it: the key's create revision is the term.
    fn vacate_at(&self) -> Option<Duration> {
        let (_, since) = self.presidency.unclaimed?;
        if self.line.is_ahead(PRESIDENT) || self.leaving {
            return None;
        }
        Some(since + self.settings.lease * UNCLAIMED_LEASES + self.turn())
    }

    fn vacate(&self, now: Duration) -> Option<(Kind, Transaction)> {
        let incarnation = self.incarnation()?;
        let (at, _) = self.presidency.unclaimed?;
        if self.vacate_at()? > now {
            return None;
        }
        let guards = vec![
            Guard::ChangedAt(PRESIDENT.to_owned(), at),
            Guard::CreatedAt(self.member_key(), incarnation.0),
        ];
        let writes = vec![(PRESIDENT.to_owned(), None, false)];
        Some((Kind::Vacate, Transaction { guards, writes }))
    }

    /// When this node tries to become president: members by node id, one after another, so that usually one tries.
    fn election_at(&self) -> Option<Duration> {
        let since = self.presidency.vacant_since?;
        if self.line.is_ahead(PRESIDENT) || self.leaving {
            return None;
        }
        Some(since + self.turn())
    }

    /// How long this node lets others try first.
    fn turn(&self) -> Duration {
        let nodes = &self.cluster.config.nodes;
        let id = |node| (nodes.get(node).map_or(u32::MAX, |config| config.id), node);
        let own = id(&self.settings.node);
        let rank = self.cluster.members.keys().filter(|node| id(node) < own).count();
        let rank = u32::try_from(rank).unwrap_or(u32::MAX);
        (self.settings.lease / RETRIES_PER_LEASE).saturating_mul(rank)
    }

    /// The same as a time to wake up: only when it could be tried then.
    pub(super) fn election_due(&self) -> Option<Duration> {
        if !self.line.is_free() {
            return None;
        }
        self.election_at().into_iter().chain(self.vacate_at()).min()
    }

    /// Somebody wrote over the key that this node created, and it is not understood: the node repairs what is its own.
    fn damaged_term(&self) -> Option<i64> {
        let is_damaged = self.cluster.problems.contains_key(PRESIDENT);
        self.presidency.own_term.filter(|_| is_damaged && !self.line.is_ahead(PRESIDENT))
    }

    pub(super) fn elect(&mut self, now: Duration) -> Option<(Kind, Transaction)> {
        if let Some(vacating) = self.vacate(now) {
            return Some(vacating);
        }
        let incarnation = self.incarnation()?;
        let free = if let Some(term) = self.damaged_term() {
            Guard::CreatedAt(PRESIDENT.to_owned(), term)
        } else if self.election_at()? <= now {
            Guard::Absent(PRESIDENT.to_owned())
        } else {
            return None;
        };
        let president = President { node: self.settings.node.clone(), incarnation, term: 0 };
        let guards = vec![free, Guard::CreatedAt(self.member_key(), incarnation.0)];
        let value = Object::President(president).encode();
        let writes = vec![(PRESIDENT.to_owned(), Some(value), true)];
        Some((Kind::Elect, Transaction { guards, writes }))
    }

    /// Plans, if this node is president, something changed, and the view shows all that it has written.
    pub(super) fn plan(&mut self, now: Now) {
        if self.presidency.wake.is_some_and(|(wall, at)| wall <= now.wall_ms || at <= now.boot) {
            self.presidency.plan_due = true;
            self.presidency.wake = None;
        }
        let Some(incarnation) = self.incarnation().filter(|_| self.is_president()) else { return };
        let is_behind = self.line.has_step() || self.view.revision < self.presidency.written;
        let goes_on = self.presidency.is_begun && !self.presidency.steps.is_empty();
        if !self.presidency.plan_due || is_behind || goes_on {
            return;
        }
        self.presidency.plan_due = false;
        self.presidency.is_begun = false;
        if let Some(step) = self.forming(now) {
            self.presidency.steps = VecDeque::from([step]);
            return;
        }
        let situation = Situation {
            now_ms: now.wall_ms,
            node: self.settings.node.clone(),
            incarnation,
            planted: self.settings.planted,
        };
        let plan = planner::plan(&self.cluster, &situation);
        self.presidency.steps = plan.steps.into();
        self.presidency.wake = plan.wake_at_ms.map(|wall| {
            let wait = Duration::from_millis(wall.saturating_sub(now.wall_ms));
            (wall.max(now.wall_ms + 1), now.boot + wait.max(LOOK_AGAIN_MIN))
        });
    }

    /// The step that makes a cluster of an empty store: this node is its first.
    fn forming(&self, now: Now) -> Option<Step> {
        let config = &self.cluster.config;
        let is_empty = config.nodes.is_empty()
            && config.groups.is_empty()
            && config.types.is_empty()
            && config.resources.is_empty()
            && self.cluster.problems.is_empty();
        if !is_empty || self.cluster.revisions.contains_key(CLUSTER) {
            return None;
        }
        let (node, id) = (&self.settings.node, &self.settings.new_cluster_id);
        let settings = ClusterSettings { id: id.clone(), ..ClusterSettings::default() };
        let first = NodeConfig { id: 1, fencing: None, maintenance: false };
        let changes = vec![
            Change { key: Key::Cluster, object: Some(Object::Cluster(settings)) },
            Change { key: Key::Node(node.clone()), object: Some(Object::Node(first)) },
        ];
        let sentence = format!(
            "the control store was empty, so cluster {id} forms with {node} as its first node; others join by themselves"
        );
        let decision = Decision { at_ms: now.wall_ms, sentence, by: node.to_string() };
        Some(Step { changes, decisions: vec![(None, decision)] })
    }

    /// The next step as a transaction.
    pub(super) fn next_step(
        &mut self,
        now: Now,
        effects: &mut Vec<Effect>,
    ) -> Option<(Kind, Transaction)> {
        let term = self.term()?;
        let step = self.next_writing_step(now, effects)?;
        let error = match self.step_transaction(term, &step) {
            Ok(transaction) => {
                self.presidency.said = None;
                return Some((Kind::Step(step), transaction));
            }
            Err(error) => error,
        };
        // Later steps may depend on this one.
        self.presidency.steps.clear();
        if let Some(refusing) = refusing(&step, &error, now)
            && let Ok(transaction) = self.step_transaction(term, &refusing)
        {
            return Some((Kind::Step(refusing), transaction));
        }
        self.say_impossible(now, error.to_string(), effects);
        None
    }

    /// Steps that write nothing only say something: each sentence once.
    fn next_writing_step(&mut self, now: Now, effects: &mut Vec<Effect>) -> Option<Step> {
        while let Some(step) = self.presidency.steps.pop_front() {
            if !step.changes.is_empty() {
                return Some(step);
            }
            for (_, decision) in step.decisions {
                self.say_impossible(now, decision.sentence, effects);
            }
        }
        None
    }

    fn say_impossible(&mut self, now: Now, sentence: String, effects: &mut Vec<Effect>) {
        if self.presidency.said.as_ref() != Some(&sentence) {
            effects.push(self.say(now, sentence.clone()));
            self.presidency.said = Some(sentence);
        }
    }

    fn step_transaction(&self, term: i64, step: &Step) -> Result<Transaction, WriteError> {
        let holder = Guard::CreatedAt(PRESIDENT.to_owned(), term);
        let mut made =
            Transaction::of_changes(&self.cluster, &step.changes, Some(holder), |key| {
                self.revision_of(key)
            })?;
        if self.settings.planted.is(PlantedFault::PresidentUnguarded) {
            made.guards.clear();
        }
        Ok(made)
    }

    /// A step whose answer was lost was done after all: say what was to be said.
    pub(super) fn say_uncertain(
        &mut self,
        changes: &[(String, Option<Raw>)],
        effects: &mut Vec<Effect>,
    ) {
        let is_it = |((key, value), _): &mut Uncertain| {
            let is_same = |(k, raw): &(String, Option<Raw>)| {
                k == key && raw.as_ref().is_some_and(|raw| raw.value == *value)
            };
            changes.iter().any(is_same)
        };
        if let Some((_, decisions)) = self.presidency.uncertain.take_if(is_it) {
            effects.extend(decisions.into_iter().map(|(of, said)| Effect::Say(of, said)));
        }
    }
}

/// What is written instead of a step that would have carried out a request and cannot be written: the request's refusal.
fn refusing(step: &Step, error: &WriteError, now: Now) -> Option<Step> {
    let id: &RequestId = step.changes.iter().find_map(|change| match &change.key {
        Key::Request(id) if change.object.is_none() => Some(id),
        _ => None,
    })?;
    let refusal = Refusal { code: SchaCode::Inval, sentence: error.to_string() };
    let answer = Answer {
        refusal: Some(refusal),
        messages: Vec::new(),
        goals: Vec::new(),
        at_ms: now.wall_ms,
    };
    let changes = vec![
        Change { key: Key::Request(id.clone()), object: None },
        Change { key: Key::Answer(id.clone()), object: Some(Object::Answer(answer)) },
    ];
    Some(Step { changes, decisions: Vec::new() })
}

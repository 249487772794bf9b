//! What this node does and says of itself: the executor's orders, `observed/N/G`, results of jobs, paid FINIs, fence agents.
//!
//! A report counts only once it is written; until then it is written again whenever what lies in the store differs from what is true.
//! A start needs no report before it: the permit it rests on is in the store already (docs/decisions/0009).

use super::commit::Kind;
use super::{Effect, Life, NodeCore, Now};
use crate::executor::{CallId, Fact, MethodOutcome, Order};
use crate::model::{
    Decision, GroupState, Job, JobId, JobKind, JobResult, Observed, Refusal, SchaCode,
};
use crate::names::{GroupName, ResourceName};
use crate::store::{Change, Guard, Key, Object, Transaction, WriteError};
use std::collections::{BTreeMap, BTreeSet};

/// Changes of one transaction of a node: each has a guard, a request has two.
const CHANGES_MAX: usize = 40;
/// Bytes kept of what a fence agent wrote.
const OUTPUT_BYTES_MAX: usize = 16 * 1024;
/// Fence agents' calls are counted from here, methods from 0.
const FENCE_CALLS: u64 = 1 << 63;
/// Sentences about writes that are impossible, each said once; forgotten when there are so many.
const SAID_MAX: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Local {
    /// The executor must look again.
    pub(super) touched: bool,
    /// What was written last; holds as long as the view is older than that.
    pub(super) reported: BTreeMap<GroupName, Observed>,
    /// Results that the view does not show yet.
    results: BTreeMap<JobId, JobResult>,
    /// FINIs that were run, with the revision of the debt.
    fini_done: BTreeMap<ResourceName, i64>,
    /// Fence agents that run.
    fences: BTreeMap<CallId, JobId>,
    fence_count: u64,
    said: BTreeSet<String>,
}

impl NodeCore {
    pub(super) fn method_finished(
        &mut self,
        now: Now,
        call: CallId,
        (outcome, output): (MethodOutcome, String),
        effects: &mut Vec<Effect>,
    ) {
        if let Some(job) = self.local.fences.remove(&call) {
            let (ok, mut output) = match outcome {
                MethodOutcome::Succeeded => (true, output),
                MethodOutcome::Failed(why) => (false, why),
            };
            output.truncate(output.floor_char_boundary(OUTPUT_BYTES_MAX));
            self.local.results.insert(job, JobResult { ok, output });
            return;
        }
        self.take_in_fact(now, Fact::MethodFinished { call, outcome, output }, effects);
    }

    pub(super) fn take_in_fact(&mut self, now: Now, fact: Fact, effects: &mut Vec<Effect>) {
        let told = match &mut self.life {
            Life::Inside(executor) => executor.handle(&self.cluster, now.wall_ms, fact),
            _ => {
                let node = &self.settings.node;
                let sentence = format!(
                    "{node} is not a member of the cluster yet; ask again when it has joined"
                );
                Err(Refusal { code: SchaCode::Reconf, sentence })
            }
        };
        self.local.touched = true;
        if let Err(refusal) = told {
            effects.push(Effect::Refused(refusal));
        }
    }

    /// Lets the executor look, and passes its orders on.
    pub(super) fn act(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let Life::Inside(executor) = &mut self.life else { return };
        if !std::mem::take(&mut self.local.touched) {
            return;
        }
        for order in executor.step(&self.cluster, now.wall_ms) {
            match order {
                Order::Run { call, method } => effects.push(Effect::Run(call, method)),
                Order::Kill(call) => effects.push(Effect::Kill(call)),
                Order::JobDone(id, result) => drop(self.local.results.insert(id, result)),
                Order::FiniDone(resource) => {
                    let key = Key::Fini(self.settings.node.clone(), resource.clone());
                    if let Some(revision) = self.cluster.revisions.get(&key.to_string()) {
                        self.local.fini_done.insert(resource, *revision);
                    }
                }
                Order::ResetNode(sentence) => effects.push(Effect::ResetNode(sentence)),
                Order::Say(group, sentence) => {
                    let by = format!("executor on {}", self.settings.node);
                    let decision = Decision { at_ms: now.wall_ms, sentence, by };
                    effects.push(Effect::Say(group, decision));
                }
            }
        }
        self.start_fences(effects);
    }

    fn start_fences(&mut self, effects: &mut Vec<Effect>) {
        let Some(incarnation) = self.incarnation() else { return };
        for (id, job) in &self.cluster.jobs {
            let JobKind::Fence { node, fencing, .. } = &job.kind else { continue };
            let is_ours = id.node == self.settings.node
                && job.incarnation == incarnation
                && job.result.is_none();
            let is_known = self.local.results.contains_key(id)
                || self.local.fences.values().any(|running| running == id);
            if is_ours && !is_known && !self.line.is_ahead_of(&Key::Job(id.clone())) {
                let call = CallId(FENCE_CALLS + self.local.fence_count);
                self.local.fence_count += 1;
                self.local.fences.insert(call, id.clone());
                effects.push(Effect::Fence(call, node.clone(), fencing.clone()));
            }
        }
    }

    /// Whether nothing runs here, so that the node may leave.
    pub(super) fn is_idle(&self) -> bool {
        let Life::Inside(executor) = &self.life else { return true };
        let is_down = |observed: &Observed| {
            matches!(observed.state, GroupState::Offline | GroupState::Unmanaged)
                && observed.resources.values().all(|resource| resource.method.is_none())
        };
        executor.observed().values().all(is_down) && self.local.fences.is_empty()
    }

    /// All that this node has to write, as much as one transaction takes.
    pub(super) fn own_changes(
        &mut self,
        now: Now,
        effects: &mut Vec<Effect>,
    ) -> Option<(Kind, Transaction)> {
        let mut changes = Vec::new();
        self.report_changes(&mut changes);
        self.result_changes(&mut changes);
        self.fini_changes(&mut changes);
        self.ask_changes(&mut changes);
        changes.truncate(CHANGES_MAX);
        let holder = Guard::CreatedAt(self.member_key(), self.incarnation()?.0);
        while !changes.is_empty() {
            let made =
                Transaction::of_changes(&self.cluster, &changes, Some(holder.clone()), |key| {
                    self.revision_of(key)
                });
            let error = match made {
                Ok(mut transaction) => {
                    transaction.guards.extend(unanswered(&changes));
                    return Some((self.as_own(changes), transaction));
                }
                Err(error) => error,
            };
            let culprit = match &error {
                WriteError::NotUnderstood { key, .. }
                | WriteError::ValueTooLarge { key, .. }
                | WriteError::KeyTooLong { key, .. }
                | WriteError::Twice { key } => {
                    changes.iter().rposition(|change| change.key.to_string() == *key)
                }
                WriteError::TransactionTooLarge { .. } | WriteError::TooMany { .. } => None,
            };
            let Some(culprit) = culprit else {
                changes.truncate(changes.len() / 2);
                continue;
            };
            match changes.remove(culprit).key {
                Key::Request(id) => self.refuse_unwritable(now, &id, error.to_string(), effects),
                _ => self.say_once(now, error.to_string(), effects),
            }
        }
        None
    }

    fn as_own(&mut self, changes: Vec<Change>) -> Kind {
        let mut reports = Vec::new();
        for change in changes {
            match (change.key, change.object) {
                (Key::Observed(_, group), Some(Object::Observed(observed))) => {
                    reports.push((group, observed));
                }
                (Key::Observed(_, group), _) => drop(self.local.reported.remove(&group)),
                _ => {}
            }
        }
        Kind::Own(reports)
    }

    fn say_once(&mut self, now: Now, sentence: String, effects: &mut Vec<Effect>) {
        if self.local.said.len() >= SAID_MAX {
            self.local.said.clear();
        }
        if self.local.said.insert(sentence.clone()) {
            effects.push(self.say(now, sentence));
        }
    }

    fn report_changes(&self, changes: &mut Vec<Change>) {
        let Life::Inside(executor) = &self.life else { return };
        let node = &self.settings.node;
        let seen = self.cluster.observed.get(node);
        let key = |group: &GroupName| Key::Observed(node.clone(), group.clone());
        for (group, observed) in executor.observed() {
            let stored = if self.line.is_ahead_of(&key(group)) {
                self.local.reported.get(group)
            } else {
                seen.and_then(|seen| seen.get(group))
            };
            if !stored.is_some_and(|stored| says_the_same(stored, observed)) {
                let object = Some(Object::Observed(observed.clone()));
                changes.push(Change { key: key(group), object });
            }
        }
        for group in seen.into_iter().flat_map(BTreeMap::keys) {
            if !executor.observed().contains_key(group) && !self.line.is_ahead_of(&key(group)) {
                changes.push(Change { key: key(group), object: None });
            }
        }
    }

    fn result_changes(&mut self, changes: &mut Vec<Change>) {
        let Some(incarnation) = self.incarnation() else { return };
        let jobs = &self.cluster.jobs;
        let is_open = |id: &JobId| {
            jobs.get(id).is_some_and(|job| job.result.is_none() && job.incarnation == incarnation)
        };
        self.local.results.retain(|id, _| is_open(id));
        for (id, result) in &self.local.results {
            let key = Key::Job(id.clone());
            let Some(job) = jobs.get(id).filter(|_| !self.line.is_ahead_of(&key)) else { continue };
            let job = Job { result: Some(result.clone()), ..job.clone() };
            changes.push(Change { key, object: Some(Object::Job(job)) });
        }
    }

    fn fini_changes(&mut self, changes: &mut Vec<Change>) {
        if self.local.fini_done.is_empty() {
            return;
        }
        let node = self.settings.node.clone();
        let key = |resource: &ResourceName| Key::Fini(node.clone(), resource.clone());
        let revisions = &self.cluster.revisions;
        self.local
            .fini_done
            .retain(|resource, at| revisions.get(&key(resource).to_string()) == Some(at));
        for resource in self.local.fini_done.keys() {
            if !self.line.is_ahead_of(&key(resource)) {
                changes.push(Change { key: key(resource), object: None });
            }
        }
    }
}

/// A request is written once: the node may not have seen yet that it was, and that it is answered and gone. Its answer stays until this
/// node deletes it.
fn unanswered(changes: &[Change]) -> impl Iterator<Item = Guard> {
    changes.iter().filter_map(|change| match (&change.key, &change.object) {
        (Key::Request(id), Some(_)) => Some(Guard::Absent(Key::Answer(id.clone()).to_string())),
        _ => None,
    })
}

/// Whether two reports are equal. Every field is named, so that a new one is not forgotten; `node` is in the key.
fn says_the_same(a: &Observed, b: &Observed) -> bool {
    let Observed { incarnation, generation, state, resources, start_failure, waits_for, node: _ } =
        a;
    (incarnation, generation, state) == (&b.incarnation, &b.generation, &b.state)
        && *resources == b.resources
        && (start_failure, waits_for) == (&b.start_failure, &b.waits_for)
}

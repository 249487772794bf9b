//! What the passes write on: one sheet per group over the cluster as it is. Nothing is copied until it changes, so a look at a cluster
//! in which nothing is to be done costs little.
//!
//! Never decides anything; never reads a clock.

use super::Situation;
use super::bars::Bar;
use crate::model::{
    Cluster, Configuration, Decision, Fence, FenceState, Group, GroupState, History, Holder,
    Incarnation, Intent, Job, JobId, Observed,
};
use crate::names::{GroupName, NodeName};
use crate::store::Change;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// One group.
pub(super) struct Sheet<'a> {
    pub name: &'a GroupName,
    /// `None`: removed.
    pub group: Option<&'a Group>,
    pub intent: Cow<'a, Intent>,
    pub history: Cow<'a, History>,
    /// Of the intent if it changes now.
    pub next_generation: u64,
    /// A key it depends on cannot be read, or a new cluster waits for its nodes: nothing is done with it.
    pub left_alone: bool,
    /// `history/G` cannot be read: it is not written over.
    pub keep_history: bool,
    /// An operator's or a monitor's order of this plan concerns it.
    pub ordered: bool,
    /// Placed anew, wherever it is.
    pub fresh: bool,
    /// The intent is written even if nothing in it changes but whom it was placed for.
    pub touched: bool,
    /// Why something changes: half a sentence. The first one given stays.
    pub cause: Option<String>,
    /// Why something may change, if nothing better is known.
    pub occasion: Option<String>,
    /// Who ordered it, when it was not the president.
    pub by: Option<&'a str>,
    /// Decisions of this plan.
    pub said: Vec<Decision>,
}

impl Sheet<'_> {
    /// The intent, to be changed.
    pub(super) fn intent(&mut self) -> &mut Intent {
        self.intent.to_mut()
    }

    /// Why something changes; an earlier cause is the better one.
    pub(super) fn cause(&mut self, cause: impl FnOnce() -> String) {
        if self.cause.is_none() {
            self.cause = Some(cause());
        }
    }

    /// What gave the occasion, should something change and no cause be known.
    pub(super) fn occasion(&mut self, occasion: impl FnOnce() -> String) {
        if self.occasion.is_none() {
            self.occasion = Some(occasion());
        }
    }

    /// The cause, else the occasion.
    pub(super) fn reason(&self) -> Option<&str> {
        self.cause.as_deref().or(self.occasion.as_deref())
    }

    pub(super) fn is_managed(&self) -> bool {
        self.group.is_some_and(|g| g.managed)
    }

    pub(super) fn is_suspended(&self) -> bool {
        self.group.is_some_and(|g| g.suspended)
    }

    /// Upper bound of holders; a removed group may have none.
    pub(super) fn maximum(&self) -> usize {
        self.group.map_or(0, |g| g.maximum_primaries as usize)
    }

    /// How many primaries are aimed at.
    pub(super) fn wanted(&self) -> usize {
        let Some(group) = self.group else { return 0 };
        self.intent.chosen.unwrap_or(group.desired_primaries).min(group.maximum_primaries) as usize
    }

    pub(super) fn holder(&self, node: &NodeName) -> Option<&Holder> {
        self.intent.holders.iter().find(|h| h.node == *node)
    }

    /// Whether the node may run it.
    pub(super) fn is_permitted(&self, node: &NodeName) -> bool {
        self.holder(node).is_some_and(|h| h.withdrawn.is_none())
    }

    /// Failed starts on this node that the rebalance guard counts.
    pub(super) fn attempts_on(&self, node: &NodeName) -> usize {
        self.history.attempts.iter().filter(|a| a.node == *node).count()
    }

    /// Takes a holder away, with its permit.
    pub(super) fn drop_holder(&mut self, node: &NodeName) {
        let intent = self.intent();
        intent.holders.retain(|h| h.node != *node);
        intent.permitted.retain(|(n, _)| n != node);
        intent.restart.retain(|n| n != node);
    }

    /// Forgets failed starts: those of these nodes, or all.
    pub(super) fn forget_attempts(&mut self, nodes: Option<&[NodeName]>) {
        let forget = |n: &NodeName| nodes.is_none_or(|nodes| nodes.contains(n));
        if self.history.attempts.iter().any(|a| forget(&a.node)) {
            self.history.to_mut().attempts.retain(|a| !forget(&a.node));
        }
    }
}

/// What is known of the life that a holder names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    /// It is a member.
    Member,
    /// The node is a member again, so this life ended with everything it ran (docs/decisions/0010).
    Ended,
    /// It is no member any more: it has stopped everything, or may still write storage.
    Lost,
    /// Its member key cannot be read.
    Unreadable,
}

/// Everything the passes see and write.
pub(super) struct Board<'a> {
    pub cluster: &'a Cluster,
    /// As it will be after this plan.
    pub config: &'a Configuration,
    pub situation: &'a Situation,
    /// Groups, targets of affinities before those that have them.
    pub sheets: Vec<Sheet<'a>>,
    /// Fences that change; `None`: deleted.
    pub fences: BTreeMap<NodeName, Option<Fence>>,
    /// Jobs that change; `None`: deleted.
    pub jobs: BTreeMap<JobId, Option<Job>>,
    /// Decisions about no group.
    pub notes: Vec<Decision>,
    /// Other changes.
    pub others: Vec<Change>,
    /// Look again then.
    pub wake_at_ms: Option<u64>,
    /// A new cluster forms and waits for its nodes: nothing is placed by itself yet.
    pub waits_for_nodes: bool,
}

impl<'a> Board<'a> {
    /// An empty board over the cluster, with the configuration that this plan leads to.
    pub(super) fn new(
        cluster: &'a Cluster,
        config: &'a Configuration,
        situation: &'a Situation,
    ) -> Self {
        let mut board = Self {
            cluster,
            config,
            situation,
            sheets: Vec::new(),
            fences: BTreeMap::new(),
            jobs: BTreeMap::new(),
            notes: Vec::new(),
            others: Vec::new(),
            wake_at_ms: None,
            waits_for_nodes: false,
        };
        let mut names: Vec<&'a GroupName> = config.groups.keys().collect();
        names.extend(cluster.intents.keys().filter(|g| !config.groups.contains_key(*g)));
        for name in placing_order(config, &names) {
            let sheet = board.sheet_of(name);
            board.sheets.push(sheet);
        }
        board
    }

    fn sheet_of(&self, name: &'a GroupName) -> Sheet<'a> {
        let cluster = self.cluster;
        let intent = cluster.intents.get(name);
        let before = intent.map_or_else(|| first_generation(cluster, name), |i| i.generation);
        let (left_alone, keep_history) = super::damage::look(self, name);
        Sheet {
            name,
            group: self.config.groups.get(name),
            intent: intent.map_or_else(|| Cow::Owned(Intent::default()), Cow::Borrowed),
            history: cluster
                .history
                .get(name)
                .map_or_else(|| Cow::Owned(History::default()), Cow::Borrowed),
            next_generation: before + 1,
            left_alone,
            keep_history,
            ordered: false,
            fresh: false,
            touched: false,
            cause: None,
            occasion: None,
            by: None,
            said: Vec::new(),
        }
    }

    pub(super) fn sheet(&self, name: &GroupName) -> Option<&Sheet<'a>> {
        self.sheets.iter().find(|s| s.name == name)
    }

    pub(super) fn sheet_mut(&mut self, name: &GroupName) -> Option<&mut Sheet<'a>> {
        self.sheets.iter_mut().find(|s| s.name == name)
    }

    /// What became of the life a holder names.
    pub(super) fn life(&self, holder: &Holder) -> Life {
        match self.cluster.members.get(&holder.node) {
            Some(member) if member.incarnation == holder.incarnation => Life::Member,
            Some(_) => Life::Ended,
            None if super::damage::is_damaged(self.cluster, "member", &holder.node) => {
                Life::Unreadable
            }
            None => Life::Lost,
        }
    }

    /// What this incarnation of a node says of a group.
    pub(super) fn observed(&self, holder: &Holder, group: &GroupName) -> Option<&'a Observed> {
        let said = self.cluster.observed.get(&holder.node)?.get(group)?;
        (said.incarnation == holder.incarnation).then_some(said)
    }

    /// A node that could not stop the group, and has not been cleared: it may run there still.
    pub(super) fn stop_failed_on<'s>(&self, sheet: &'s Sheet<'a>) -> Option<&'s NodeName> {
        let failed = |h: &&Holder| {
            self.life(h) == Life::Member
                && self
                    .observed(h, sheet.name)
                    .is_some_and(|o| o.state == GroupState::ErrorStopFailed)
        };
        sheet.intent.holders.iter().find(failed).map(|h| &h.node)
    }

    /// The fence of a node as this plan leaves it.
    pub(super) fn fence(&self, node: &NodeName) -> Option<&Fence> {
        match self.fences.get(node) {
            Some(changed) => changed.as_ref(),
            None => self.cluster.fences.get(node),
        }
    }

    /// Whether a lost life has been fenced.
    pub(super) fn is_fenced(&self, node: &NodeName, incarnation: Incarnation) -> bool {
        self.fence(node)
            .is_some_and(|f| f.state == FenceState::Done && f.incarnation >= incarnation)
    }

    /// Looks again at this time at the latest.
    pub(super) fn wake(&mut self, at_ms: u64) {
        self.wake_at_ms = Some(self.wake_at_ms.map_or(at_ms, |wake| wake.min(at_ms)));
    }

    /// Says something about no group.
    pub(super) fn note(&mut self, sentence: String) {
        let decision = self.decision(sentence, None);
        self.notes.push(decision);
    }

    pub(super) fn decision(&self, sentence: String, by: Option<&str>) -> Decision {
        let by = by.unwrap_or(self.situation.node.as_str()).to_owned();
        Decision { at_ms: self.situation.now_ms, sentence, by }
    }

    /// The incarnations of all members, by name of the node.
    pub(super) fn all_members(&self) -> Vec<Incarnation> {
        self.cluster.members.values().map(|m| m.incarnation).collect()
    }

    /// Whether the node can run the group, as this plan stands; else why not.
    pub(super) fn bar(&self, sheet: &Sheet<'a>, node: &NodeName) -> Option<Bar> {
        super::bars::find(self, sheet, node, &[])
    }
}

/// The generation before an intent's first one. Never smaller than any generation of an earlier group of this name: each of those was written
/// before `group/G` was (a revision is never reused), and a node's old acknowledgement must not pass for a new one.
fn first_generation(cluster: &Cluster, group: &GroupName) -> u64 {
    let observed = cluster.observed.values().filter_map(|by_group| by_group.get(group));
    let seen = observed.map(|o| o.generation).max().unwrap_or(0);
    if cluster.revisions.is_empty() {
        return seen;
    }
    let key = crate::store::Key::Group(group.clone()).to_string();
    let written = cluster.revisions.get(&key).copied().unwrap_or(0);
    seen.max(u64::try_from(written).unwrap_or(0))
}

/// Groups in the order they are placed: before a group come those that its affinities name; otherwise by name. A cycle is entered
/// at its first name.
fn placing_order<'a>(config: &'a Configuration, names: &[&'a GroupName]) -> Vec<&'a GroupName> {
    let mut placed: Vec<&'a GroupName> = Vec::with_capacity(names.len());
    let mut open: Vec<&'a GroupName> = Vec::new();
    for name in names {
        visit(config, name, &mut open, &mut placed);
    }
    placed
}

fn visit<'a>(
    config: &'a Configuration,
    name: &'a GroupName,
    open: &mut Vec<&'a GroupName>,
    placed: &mut Vec<&'a GroupName>,
) {
    if placed.contains(&name) || open.contains(&name) {
        return;
    }
    open.push(name);
    for affinity in config.groups.get(name).map_or(&[][..], |g| &g.affinities) {
        if config.groups.contains_key(&affinity.target) {
            visit(config, &affinity.target, open, placed);
        }
    }
    open.pop();
    placed.push(name);
}

//! Joining the cluster, seeing what the store holds, and what makes a member stop being one.
//!
//! A node joins by creating `member/N` under its lease; the key's create revision is its incarnation. A key that an earlier life left is never
//! touched: it goes when that life's lease ends. Never goes on when its own key has gone or was changed.

use super::commit::{Flight, Kind};
use super::{Effect, NodeCore, Now};
use crate::executor::Executor;
use crate::model::{Incarnation, Member};
use crate::planted::PlantedFault;
use crate::store::{Guard, Key, Object, Raw, Transaction};
use std::collections::BTreeSet;
use std::time::Duration;

/// After so many leases the key of an earlier life does not go by itself.
const LEFTOVER_LEASES: u32 = 3;

/// Where in its life a core is.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "one per node")]
pub(super) enum Life {
    /// Without a lease, or before the store was listed.
    Outside,
    /// Has a lease; its member key is not written, or not yet seen.
    Joining(Joining),
    /// A member: the executor runs.
    Inside(Executor),
    /// Said `StopEverything`.
    Over,
}

impl Life {
    /// The legal transitions; Over is the end.
    pub(super) fn become_next(&mut self, next: Self) {
        let is_legal = match (&*self, &next) {
            (Self::Outside, Self::Joining(_)) | (Self::Joining(_), Self::Inside(_)) => true,
            (from, Self::Over) => !matches!(from, Self::Over),
            _ => false,
        };
        assert!(is_legal, "a node's life goes Outside, Joining, Inside, Over");
        *self = next;
    }
}

/// What is known of the own member key while joining.
#[derive(Debug)]
pub(super) struct Joining {
    /// Value to be written; the same at each try.
    value: Vec<u8>,
    /// The view's revision when it was first sent: what the store had created by then is not ours.
    sent_at: Option<i64>,
    /// Revision at which the store said that it was written.
    written: Option<i64>,
    /// When the earlier life's key was first seen, and how often that was said.
    leftover: Option<(Duration, u32)>,
}

/// What is known of the store.
#[derive(Debug, Default)]
pub(super) struct View {
    /// A complete listing has come.
    pub(super) is_listed: bool,
    /// All up to this revision is known.
    pub(super) revision: i64,
    /// The own member key as it is now.
    own_member: Option<Raw>,
    /// The cluster's id when this node joined, or when it was formed.
    cluster_id: String,
    /// Said that `cluster` cannot be understood.
    has_said_unreadable: bool,
}

impl NodeCore {
    /// `Err`: the sentence to stop with.
    pub(super) fn take_in_changes(
        &mut self,
        now: Now,
        (revision, is_complete): (i64, bool),
        changes: Vec<(String, Option<Raw>)>,
        effects: &mut Vec<Effect>,
    ) -> Result<(), String> {
        let is_known = self.view.is_listed && revision <= self.view.revision;
        let is_old = self.view.is_listed && revision < self.view.revision;
        if is_old || (!is_complete && (is_known || !self.view.is_listed)) {
            return Ok(());
        }
        self.say_uncertain(&changes, effects);
        if is_complete {
            let named: BTreeSet<&str> = changes.iter().map(|(key, _)| key.as_str()).collect();
            let is_gone = |key: &&String| !named.contains(key.as_str());
            let gone: Vec<String> =
                self.cluster.revisions.keys().filter(is_gone).cloned().collect();
            for key in gone {
                self.apply(&key, None);
            }
        }
        for (key, raw) in changes {
            let revision = raw.as_ref().map(|raw| raw.mod_revision);
            if !is_complete || self.cluster.revisions.get(&key).copied() != revision {
                self.apply(&key, raw);
            }
        }
        self.view.revision = revision;
        self.view.is_listed = true;
        self.line.view_reached(revision);
        self.local.touched = true;
        self.presidency.look_again();
        self.note_president(now.boot);
        self.check_membership()
    }

    fn apply(&mut self, key: &str, raw: Option<Raw>) {
        if key == self.member_key() {
            self.view.own_member.clone_from(&raw);
        }
        self.cluster.apply(key, raw);
    }

    /// That a member still is what it was, in the cluster in which it was.
    fn check_membership(&mut self) -> Result<(), String> {
        let Life::Inside(executor) = &self.life else { return Ok(()) };
        let (node, incarnation) = (&self.settings.node, executor.incarnation().0);
        let is_ours =
            |raw: &Raw| raw.create_revision == incarnation && raw.mod_revision == incarnation;
        let planted = self.settings.planted;
        let is_blind = planted.is(PlantedFault::LostMembershipIgnored)
            || planted.is(PlantedFault::AdoptsLeftoverMember);
        if !self.view.own_member.as_ref().is_some_and(is_ours) && !is_blind {
            let how = if self.view.own_member.is_some() { "was changed" } else { "has gone" };
            return Err(format!(
                "{node} stops everything: its key {} {how} from the control store, so it is no member any more; it joins again as a new incarnation",
                self.member_key()
            ));
        }
        let id = &self.cluster.config.cluster.id;
        if self.view.cluster_id.is_empty() {
            self.view.cluster_id.clone_from(id);
        }
        if !id.is_empty() && *id != self.view.cluster_id {
            let before = &self.view.cluster_id;
            return Err(format!(
                "{node} stops everything: the control store was of cluster {before} and now says {id}; restore the key cluster, or remove this node's state if that is meant"
            ));
        }
        Ok(())
    }

    /// Outside to Joining, Joining to Inside. `Err`: the sentence to stop with.
    pub(super) fn advance_life(
        &mut self,
        now: Now,
        effects: &mut Vec<Effect>,
    ) -> Result<(), String> {
        if matches!(self.life, Life::Outside)
            && self.lease.is_held()
            && self.view.is_listed
            && self.may_join(now, effects)?
        {
            let value = Object::Member(self.as_member(now)).encode();
            let joining = Joining { value, sent_at: None, written: None, leftover: None };
            self.life.become_next(Life::Joining(joining));
        }
        let Life::Joining(joining) = &mut self.life else { return Ok(()) };
        let found = self.view.own_member.as_ref();
        let incarnation = match (found, joining.written, joining.sent_at) {
            (Some(raw), _, _) if self.settings.planted.is(PlantedFault::AdoptsLeftoverMember) => {
                Some(raw.create_revision)
            }
            (Some(raw), Some(written), _) if raw.create_revision == written => Some(written),
            // The answer was lost, and it had been done.
            (Some(raw), None, Some(sent)) if raw.value == joining.value => {
                (raw.create_revision > sent).then_some(raw.create_revision)
            }
            (_, Some(written), _) if self.view.revision >= written => {
                let node = &self.settings.node;
                return Err(format!(
                    "{node} stops: its member key went as soon as it was written; it tries again"
                ));
            }
            _ => None,
        };
        let Some(incarnation) = incarnation else {
            if found.is_some() && joining.written.is_none() {
                let (since, said) = joining.leftover.unwrap_or((now.boot, 0));
                let is_long = now.boot >= since + self.settings.lease * LEFTOVER_LEASES;
                let due = if is_long { 2 } else { 1 };
                joining.leftover = Some((since, due));
                if said < due {
                    effects.push(self.say(now, self.leftover_sentence(is_long)));
                }
            }
            return Ok(());
        };
        let executor = Executor::new(self.settings.node.clone(), Incarnation(incarnation))
            .with_planted(self.settings.planted);
        self.life.become_next(Life::Inside(executor));
        self.view.cluster_id.clone_from(&self.cluster.config.cluster.id);
        self.local.touched = true;
        self.note_president(now.boot);
        Ok(())
    }

    fn leftover_sentence(&self, is_long: bool) -> String {
        let node = &self.settings.node;
        if !is_long {
            return format!(
                "{node} waits until the lease of its life before has ended; it joins then by itself"
            );
        }
        format!(
            "{node} still cannot join: {} is under a lease that does not end, or under none; if no other daemon runs as {node}, delete that key in the control store",
            self.member_key()
        )
    }

    /// Whether this is the cluster the node belongs to. `Err`: it is not.
    fn may_join(&mut self, now: Now, effects: &mut Vec<Effect>) -> Result<bool, String> {
        let (node, mine) = (&self.settings.node, &self.settings.cluster_id);
        if let Some(problem) = self.cluster.problems.get("cluster") {
            if !self.view.has_said_unreadable {
                self.view.has_said_unreadable = true;
                let why = &problem.sentence;
                let sentence = format!("{node} does not join yet: {why}");
                effects.push(self.say(now, sentence));
            }
            return Ok(false);
        }
        let found = &self.cluster.config.cluster.id;
        if mine.is_empty() {
            return Ok(true);
        }
        if found.is_empty() {
            return Err(format!(
                "{node} does not join: it belongs to cluster {mine}, and the control store holds none; restore the store, or remove this node's state so that a new cluster may form"
            ));
        }
        if found != mine {
            return Err(format!(
                "{node} does not join: it belongs to cluster {mine}, and the control store is of cluster {found}; correct the store's address, or remove this node's state to join the other"
            ));
        }
        let key = Key::Node(node.clone());
        if !self.cluster.config.nodes.contains_key(node) && !self.cluster.is_problem(&key) {
            return Err(format!(
                "{node} does not join: it was removed from cluster {mine}; run `steadfast node add {node}` on a member to have it back"
            ));
        }
        Ok(true)
    }

    fn as_member(&self, now: Now) -> Member {
        Member {
            incarnation: Incarnation::default(),
            joined_ms: now.wall_ms,
            boot_id: self.settings.boot_id.clone(),
            version: self.settings.version.clone(),
            cluster_id: self.cluster.config.cluster.id.clone(),
        }
    }

    /// The transaction that makes this node a member, if it may be sent.
    pub(super) fn join(&mut self) -> Option<(Kind, Transaction)> {
        let key = self.member_key();
        let Life::Joining(joining) = &mut self.life else { return None };
        if self.view.own_member.is_some() || joining.written.is_some() {
            return None;
        }
        joining.sent_at.get_or_insert(self.view.revision);
        let guards = vec![Guard::Absent(key.clone())];
        let writes = vec![(key, Some(joining.value.clone()), true)];
        Some((Kind::Join, Transaction { guards, writes }))
    }

    pub(super) fn joined(&mut self, flight: &Flight, revision: i64) {
        if let (Kind::Join, Life::Joining(joining)) = (&flight.kind, &mut self.life) {
            joining.written = Some(revision);
        }
    }
}

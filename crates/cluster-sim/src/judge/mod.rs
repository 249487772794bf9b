//! The checkers. Each is a function named for its sentence; each looks at what methods do, what the store holds and what operators were told,
//! never at what a core believes of itself (but for the configuration it acts on).
//!
//! Never mends anything: a violation ends the seed.

pub(crate) mod config;
pub(crate) mod end;
pub(crate) mod fencing;
pub(crate) mod lease;
pub(crate) mod order;
pub(crate) mod primaries;
pub(crate) mod rest;
pub(crate) mod say;
pub(crate) mod store;

use rgm::{GroupName, Incarnation, Operation, ResourceName};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// Something that must never be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which checker.
    pub checker: &'static str,
    /// What happened.
    pub what: String,
}

/// What the checkers remember.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) violations: Vec<Violation>,
    pub(crate) events: u64,
    pub(crate) answers: u64,
    pub(crate) accepted: u64,
    pub(crate) starts: u64,
    pub(crate) moves: u64,
    /// Operations that make the configuration, in order.
    pub(crate) script: VecDeque<Operation>,
    /// Incarnations that were used, and by which life of which host.
    incarnations: BTreeMap<Incarnation, (usize, u64)>,
    /// The highest Maximum_primaries a group ever had.
    maximum: BTreeMap<GroupName, u32>,
    /// Shared storage that a lost life may still write.
    dangerous: BTreeSet<(usize, GroupName)>,
    /// Permits (by generation) under which a group failed to start on a node, since something happened that allows more.
    failed_starts: BTreeMap<(GroupName, usize), BTreeSet<u64>>,
    /// Changes of targets since the calm.
    calm_moves: BTreeMap<GroupName, u32>,
    /// Groups that were suspended or unmanaged at any time.
    left_alone: BTreeSet<GroupName>,
    /// When a resource's configuration was last written.
    configured_at: BTreeMap<ResourceName, Duration>,
    /// Permits given by what is being taken in.
    given: Vec<(GroupName, rgm::NodeName)>,
    /// Looks at a cluster at rest, in a row.
    restful: u32,
}

impl Memory {
    pub(crate) fn violate(&mut self, checker: &'static str, what: String) {
        self.violations.push(Violation { checker, what });
    }

    pub(crate) fn is_broken(&self) -> bool {
        !self.violations.is_empty()
    }
}

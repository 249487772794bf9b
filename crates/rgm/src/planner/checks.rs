//! Methods that must succeed before a request is accepted (VALIDATE, MONITOR_CHECK), as jobs of the nodes where they run. A job is known by where it
//! runs and what it calls, so that a new president and a changed configuration find or make the right one.
//!
//! Never waits for a node that is no member: its check does not count.

use super::board::Board;
use crate::model::{Cluster, Job, JobId, JobKind, MethodCall, RequestId};
use crate::names::NodeName;
use std::collections::BTreeMap;

/// What became of one check.
pub(super) enum Outcome<'a> {
    /// The node is no member, or is not the one that was asked.
    DoesNotCount,
    /// Under way.
    Runs,
    /// Must be asked for.
    Missing,
    /// Done; what it wrote.
    Passed(&'a str),
    /// Refused; what it wrote.
    Failed(&'a str),
}

/// Looks.
pub(super) fn outcome<'a>(
    cluster: &'a Cluster,
    request: &RequestId,
    node: &NodeName,
    call: &MethodCall,
) -> Outcome<'a> {
    let Some(member) = cluster.members.get(node) else { return Outcome::DoesNotCount };
    let is_it = |id: &JobId, job: &Job| {
        id.node == *node
            && id.request == *request
            && job.incarnation == member.incarnation
            && matches!(&job.kind, JobKind::Method(c) if c == call)
    };
    let found = cluster.jobs.iter().find(|(id, job)| is_it(id, job));
    match found.map(|(_, job)| &job.result) {
        None => Outcome::Missing,
        Some(None) => Outcome::Runs,
        Some(Some(result)) if result.ok => Outcome::Passed(&result.output),
        Some(Some(result)) => Outcome::Failed(&result.output),
    }
}

/// Jobs of a request that are to be made.
pub(super) struct NewJobs<'a> {
    cluster: &'a Cluster,
    request: &'a RequestId,
    next: u32,
    /// To be written.
    pub jobs: Vec<(JobId, Job)>,
}

impl<'a> NewJobs<'a> {
    pub(super) fn new(cluster: &'a Cluster, request: &'a RequestId) -> Self {
        let next = first_free(cluster, &BTreeMap::new(), request);
        Self { cluster, request, next, jobs: Vec::new() }
    }

    /// Asks a node to do something. A node that is no member is asked nothing.
    pub(super) fn ask(&mut self, node: &NodeName, kind: JobKind) {
        let Some(member) = self.cluster.members.get(node) else { return };
        let id = JobId { node: node.clone(), request: self.request.clone(), number: self.next };
        self.next += 1;
        self.jobs.push((id, Job { incarnation: member.incarnation, kind, result: None }));
    }
}

/// A number that no job of the request has, in the cluster or on the board.
pub(super) fn next_number(board: &Board<'_>, request: &RequestId) -> u32 {
    first_free(board.cluster, &board.jobs, request)
}

fn first_free(
    cluster: &Cluster,
    changed: &BTreeMap<JobId, Option<Job>>,
    request: &RequestId,
) -> u32 {
    let known = cluster.jobs.keys().chain(changed.keys()).filter(|id| id.request == *request);
    let next = known.map(|id| id.number + 1).max().unwrap_or(0);
    // A damaged job keeps its number.
    let in_path = format!("/{}/", request.0);
    let damaged = cluster.problems.keys().filter(|k| k.starts_with("job/"));
    let damaged = damaged
        .filter(|k| k.contains(&in_path))
        .filter_map(|k| k.rsplit('/').next().and_then(|number| number.parse::<u32>().ok()));
    damaged.map(|n| n.saturating_add(1)).max().unwrap_or(0).max(next)
}

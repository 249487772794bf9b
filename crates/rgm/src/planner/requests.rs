//! First pass: requests. Each is decided by `operation::decide` again at every look, against the cluster as it is then; what must be validated first waits
//! for its jobs. At most one request is accepted per plan, so that the next is decided against what the first has made of the cluster.
//!
//! Never answers a request without deleting it, and never writes over a key that could not be read.

use super::checks::{NewJobs, Outcome, outcome};
use super::giveover::{self, Choice};
use super::{Situation, damage, differences};
use crate::model::{
    Answer, Cluster, Configuration, Job, JobId, JobKind, Operation, Refusal, Request, RequestId,
    SchaCode,
};
use crate::names::{GroupName, ResourceName};
use crate::operation::{Accepted, decide};
use crate::planted::PlantedFault;
use crate::store::{Change, Key, Object};

/// Requests answered with a refusal in one plan.
const REFUSED_MAX: usize = 8;

/// The request that this plan carries out.
pub(super) struct Accept<'a> {
    pub id: &'a RequestId,
    pub request: &'a Request,
    pub accepted: Accepted,
    /// Where a giveover goes.
    pub giveover: Option<Choice>,
    /// What its checks wrote.
    pub messages: Vec<String>,
}

/// What became of all requests.
#[derive(Default)]
pub(super) struct Requests<'a> {
    pub accept: Option<Accept<'a>>,
    /// Refusals, and jobs for those that wait.
    pub changes: Vec<Change>,
}

/// What a request may change; two that overlap are done one after the other.
enum Scope {
    Groups(Vec<GroupName>),
    /// A group and the registered types: of two that register the same type, the second finds it registered.
    GroupAndTypes(GroupName),
    /// Nodes and where groups are: it is wanted when something is wrong, asks no method, and waits for nobody's VALIDATE.
    Nodes,
    Everything,
}

enum Verdict {
    Accepted { giveover: Option<Choice>, messages: Vec<String> },
    Waits(Vec<(JobId, Job)>),
    Refused(Refusal),
}

/// Looks at all of them, oldest first.
pub(super) fn look<'a>(cluster: &'a Cluster, situation: &Situation) -> Requests<'a> {
    let mut found = Requests::default();
    if cluster.requests.is_empty() {
        return found;
    }
    let mut order: Vec<(&RequestId, &Request)> = cluster.requests.iter().collect();
    order.sort_by_key(|(id, request)| (request.at_ms, *id));
    let mut waiting: Vec<Scope> = Vec::new();
    let mut refused = 0;
    for (id, request) in order {
        let scope = scope(cluster, &request.operation);
        if waiting.iter().any(|w| overlap(w, &scope)) || refused >= REFUSED_MAX {
            waiting.push(scope);
            continue;
        }
        let decided = decide(cluster, situation.now_ms, &request.operation);
        let verdict = match &decided {
            Ok(accepted) => look_at_checks(cluster, situation, (id, request), accepted),
            Err(refusal) => Verdict::Refused(refusal.clone()),
        };
        match (verdict, decided) {
            (Verdict::Accepted { giveover, messages }, Ok(accepted)) => {
                found.accept = Some(Accept { id, request, accepted, giveover, messages });
                return found;
            }
            (Verdict::Waits(jobs), _) => {
                let new = jobs.into_iter();
                found.changes.extend(
                    new.map(|(id, job)| Change {
                        key: Key::Job(id),
                        object: Some(Object::Job(job)),
                    }),
                );
                waiting.push(scope);
            }
            (Verdict::Refused(refusal), _) => {
                refused += 1;
                let answer = Answer {
                    refusal: Some(refusal),
                    messages: Vec::new(),
                    goals: Vec::new(),
                    at_ms: situation.now_ms,
                };
                found.changes.extend(answered(cluster, id, answer));
            }
            (Verdict::Accepted { .. }, Err(_)) => {}
        }
    }
    found
}

fn look_at_checks(
    cluster: &Cluster,
    situation: &Situation,
    (id, request): (&RequestId, &Request),
    accepted: &Accepted,
) -> Verdict {
    let over = damage::written_over(cluster, &config_changes(cluster, accepted, situation));
    if let Some(key) = over {
        return Verdict::Refused(Refusal {
            code: SchaCode::State,
            sentence: format!(
                "the key {key} of the control store cannot be read and is not written over; repair or delete it first"
            ),
        });
    }
    if let Operation::Giveover { resource, group, node, .. } = &request.operation {
        return match giveover::choose(cluster, situation, id, (resource, group, node)) {
            Ok(giveover::Outcome::To(choice)) => {
                Verdict::Accepted { giveover: Some(choice), messages: Vec::new() }
            }
            Ok(giveover::Outcome::Waits(jobs)) => Verdict::Waits(jobs),
            Err(refusal) => Verdict::Refused(refusal),
        };
    }
    let mut new = NewJobs::new(cluster, id);
    let mut messages = Vec::new();
    let mut waits = false;
    for check in &accepted.checks {
        match outcome(cluster, id, &check.node, &check.call) {
            Outcome::DoesNotCount => {}
            Outcome::Runs => waits = true,
            Outcome::Missing => {
                waits = true;
                new.ask(&check.node, JobKind::Method(check.call.clone()));
            }
            Outcome::Passed("") => {}
            Outcome::Passed(output) => messages.push(format!("{}: {}", check.node, output.trim())),
            Outcome::Failed(output) => {
                let (resource, node) = (&check.call.resource, &check.node);
                let output = output.trim();
                let said = if output.is_empty() { "it said nothing" } else { output };
                return Verdict::Refused(Refusal {
                    code: SchaCode::Method,
                    sentence: format!(
                        "VALIDATE of {resource} on {node} refused it: {said}; nothing was changed"
                    ),
                });
            }
        }
    }
    if waits { Verdict::Waits(new.jobs) } else { Verdict::Accepted { giveover: None, messages } }
}

/// Configuration objects that an accepted request changes.
pub(super) fn config_changes(
    cluster: &Cluster,
    accepted: &Accepted,
    situation: &Situation,
) -> Vec<Change> {
    let mut changes = differences::between(&cluster.config, &accepted.config);
    if situation.planted.is(PlantedFault::ConfigChangeLost) {
        changes.pop();
    }
    changes
}

/// Everything else that is written with an accepted request, but its answer.
pub(super) fn debts_and_jobs(cluster: &Cluster, accept: &Accept<'_>) -> Vec<Change> {
    let fini = accept.accepted.fini.iter().map(|(node, resource, owed)| Change {
        key: Key::Fini(node.clone(), resource.clone()),
        object: Some(Object::Fini(owed.clone())),
    });
    let mut changes: Vec<Change> = fini.collect();
    let mut new = NewJobs::new(cluster, accept.id);
    for (node, kind) in &accept.accepted.jobs {
        new.ask(node, kind.clone());
    }
    changes.extend(
        new.jobs
            .into_iter()
            .map(|(id, job)| Change { key: Key::Job(id), object: Some(Object::Job(job)) }),
    );
    changes
}

/// The answer to the accepted request.
pub(super) fn accepted_answer(
    cluster: &Cluster,
    accept: &Accept<'_>,
    situation: &Situation,
) -> Vec<Change> {
    let mut messages = accept.accepted.messages.clone();
    messages.extend(accept.messages.iter().cloned());
    let answer = Answer {
        refusal: None,
        messages,
        goals: accept.accepted.goals.clone(),
        at_ms: situation.now_ms,
    };
    answered(cluster, accept.id, answer)
}

/// The answer, the request's end and that of its checks.
fn answered(cluster: &Cluster, id: &RequestId, answer: Answer) -> Vec<Change> {
    let mut changes = vec![
        Change { key: Key::Answer(id.clone()), object: Some(Object::Answer(answer)) },
        Change { key: Key::Request(id.clone()), object: None },
    ];
    let checks = cluster.jobs.keys().filter(|job| job.request == *id);
    changes.extend(checks.map(|job| Change { key: Key::Job(job.clone()), object: None }));
    changes
}

fn overlap(a: &Scope, b: &Scope) -> bool {
    match (a, b) {
        (Scope::Groups(a), Scope::Groups(b)) => a.iter().any(|g| b.contains(g)),
        (Scope::Groups(groups), Scope::GroupAndTypes(group))
        | (Scope::GroupAndTypes(group), Scope::Groups(groups)) => groups.contains(group),
        (Scope::Groups(_) | Scope::GroupAndTypes(_), Scope::Nodes)
        | (Scope::Nodes, Scope::Groups(_) | Scope::GroupAndTypes(_)) => false,
        _ => true,
    }
}

/// Groups that an operation is about; the whole cluster where that is not plain.
fn scope(cluster: &Cluster, operation: &Operation) -> Scope {
    let config: &Configuration = &cluster.config;
    let of_resources = |resources: &[ResourceName]| {
        let groups = resources.iter().filter_map(|r| config.resources.get(r));
        Scope::Groups(groups.map(|r| r.group.clone()).collect())
    };
    match operation {
        Operation::Switch { groups, .. }
        | Operation::Offline { groups }
        | Operation::RestartGroups { groups, .. }
        | Operation::Manage { groups }
        | Operation::Unmanage { groups }
        | Operation::Remaster { groups: Some(groups) }
        | Operation::Online { groups: Some(groups) }
        | Operation::Quiesce { groups: Some(groups), .. }
        | Operation::Suspend { groups: Some(groups), .. }
        | Operation::Resume { groups: Some(groups) } => Scope::Groups(groups.clone()),
        Operation::CreateGroup { group, .. }
        | Operation::ChangeGroup { group, .. }
        | Operation::RemoveGroup { group }
        | Operation::CreateResource { group, builtin: None, .. }
        | Operation::Giveover { group, .. }
        | Operation::ControlRestart { group, .. } => Scope::Groups(vec![group.clone()]),
        Operation::CreateResource { group, builtin: Some(_), .. } => {
            Scope::GroupAndTypes(group.clone())
        }
        Operation::Evacuate { .. }
        | Operation::ConfirmDead { .. }
        | Operation::SetFencing { .. }
        | Operation::SetMaintenance { .. } => Scope::Nodes,
        Operation::ChangeResource { resource, .. } | Operation::RemoveResource { resource } => {
            of_resources(std::slice::from_ref(resource))
        }
        Operation::RestartResources { resources }
        | Operation::SwitchResources { resources, .. }
        | Operation::ClearStopFailed { resources, .. } => of_resources(resources),
        _ => Scope::Everything,
    }
}

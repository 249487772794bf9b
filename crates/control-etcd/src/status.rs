//! One line on the state of etcd, for `status`: which endpoints answer, with which version, who leads, and whether there is a quorum.
//!
//! It asks every endpoint once and waits for none longer than a call may take. It never changes anything.

use crate::proto::{Empty, MemberListResponse, StatusResponse};
use crate::store::Shared;
use control::Error;
use std::fmt::Write;
use tokio::time::{Instant, timeout_at};

const STATUS: &str = "/etcdserverpb.Maintenance/Status";
const MEMBERS: &str = "/etcdserverpb.Cluster/MemberList";

/// What one endpoint says of itself, or why it says nothing.
type Report = Result<StatusResponse, String>;

pub(crate) async fn describe(shared: &Shared) -> String {
    let deadline = Instant::now() + shared.call_timeout;
    let mut reports: Vec<Report> = Vec::new();
    let mut members = None;
    let mut asking = Vec::new();
    for at in 0..shared.endpoints.len() {
        asking.push(Box::pin(ask_one(shared, at, deadline)));
    }
    // Polled together: a dead endpoint delays the line by one call, not each by one.
    let mut done: Vec<Option<(Report, Option<usize>)>> = asking.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, slot) in asking.iter_mut().zip(&mut done) {
            if slot.is_none()
                && let std::task::Poll::Ready(report) = future.as_mut().poll(context)
            {
                *slot = Some(report);
            }
        }
        if done.iter().all(Option::is_some) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    for (report, count) in done.into_iter().flatten() {
        members = members.max(count);
        reports.push(report);
    }
    let quorum = shared.confirm().await.map_err(|error| match error {
        Error::Unavailable(why) => why,
        other => other.to_string(),
    });
    let names: Vec<_> = (0..shared.endpoints.len()).map(|at| shared.endpoints.name(at)).collect();
    let first = shared.endpoints.name(shared.endpoints.first()).to_owned();
    let quorum_lost = quorum.err();
    let (quorum_lost, namespace) = (quorum_lost.as_deref(), shared.space.0.as_str());
    Picture { names, reports, first: &first, members, quorum_lost, namespace }.line()
}

/// What was found.
struct Picture<'a> {
    /// Of the endpoints, in the operator's order.
    names: Vec<&'a str>,
    reports: Vec<Report>,
    /// Which is asked first.
    first: &'a str,
    /// Voting members of the cluster, if anybody told.
    members: Option<usize>,
    /// Why there is no quorum, if there is none.
    quorum_lost: Option<&'a str>,
    namespace: &'a str,
}

async fn ask_one(shared: &Shared, at: usize, deadline: Instant) -> (Report, Option<usize>) {
    let ask = async {
        let ready = shared.endpoints.ready(at).await?;
        let timeout = deadline.saturating_duration_since(Instant::now());
        let status: StatusResponse =
            shared.endpoints.call(&ready, STATUS, &Empty {}, timeout).await?;
        // With etcd's own authentication on, not everybody may ask for this.
        let members = shared
            .endpoints
            .call::<_, MemberListResponse>(&ready, MEMBERS, &Empty {}, timeout)
            .await
            .ok()
            .map(|list| list.members.iter().filter(|member| !member.is_learner).count());
        Ok::<_, crate::failure::Failure>((status, members))
    };
    match timeout_at(deadline, ask).await {
        Ok(Ok((status, members))) => (Ok(status), members),
        Ok(Err(failure)) => (Err(failure.text().to_owned()), None),
        Err(_) => (Err(format!("no answer in {:?}", shared.call_timeout)), None),
    }
}

impl Picture<'_> {
    fn line(&self) -> String {
        let mut parts = String::new();
        for (name, report) in self.names.iter().zip(&self.reports) {
            let what = match report {
                Ok(status) => role(status),
                Err(why) => format!("does not answer: {why}"),
            };
            let asked = if *name == self.first { ", asked first" } else { "" };
            let comma = if parts.is_empty() { "" } else { ", " };
            _ = write!(parts, "{comma}{name} ({what}{asked})");
        }
        let answers: Vec<_> = self.reports.iter().flatten().collect();
        let version = answers.first().map_or("of unknown version", |status| &status.version);
        let members = self.members.map(|count| format!(", the cluster has {count} members"));
        let quorum = match self.quorum_lost {
            None => "quorum".to_owned(),
            Some(why) => format!("NO QUORUM ({why})"),
        };
        format!(
            "etcd {version} at {}: {quorum}; {} of {} endpoints answer{}: {parts}",
            self.namespace,
            answers.len(),
            self.names.len(),
            members.unwrap_or_default(),
        )
    }
}

/// What a member says of itself.
fn role(status: &StatusResponse) -> String {
    let id = status.header.as_ref().map_or(0, |header| header.member_id);
    let role = match status.leader {
        0 => "sees no leader",
        leader if leader == id => "leader",
        _ if status.is_learner => "learner",
        _ => "follower",
    };
    if status.errors.is_empty() {
        role.to_owned()
    } else {
        format!("{role} with {}", status.errors.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::ResponseHeader;

    #[test]
    fn the_line_says_who_answers_who_leads_and_whether_there_is_a_quorum() {
        let header = Some(ResponseHeader { member_id: 1, ..Default::default() });
        let status =
            StatusResponse { header, version: "3.4.23".into(), leader: 1, ..Default::default() };
        let away = || Err("connection refused".to_owned());
        let mut picture = Picture {
            names: vec!["a", "b"],
            reports: vec![Ok(status), away()],
            first: "a",
            members: Some(3),
            quorum_lost: None,
            namespace: "/s/",
        };
        assert_eq!(
            picture.line(),
            "etcd 3.4.23 at /s/: quorum; 1 of 2 endpoints answer, the cluster has 3 members: \
             a (leader, asked first), b (does not answer: connection refused)"
        );
        picture = Picture {
            names: vec!["b"],
            reports: vec![away()],
            quorum_lost: Some("no leader"),
            ..picture
        };
        assert!(
            picture.line().starts_with("etcd of unknown version at /s/: NO QUORUM (no leader)")
        );
    }
}

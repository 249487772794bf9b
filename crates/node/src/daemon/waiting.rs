//! Clients that wait: for the answer to an operation, for its goals to come true, for a resource to be back, for decisions to be made.
//!
//! Looked at after every fact. A waiting client costs nothing but its place; one that has gone away is forgotten at the next look.

use crate::clock;
use node_api::Reply;
use rgm::goal::{Goal, Progress};
use rgm::node::NodeCore;
use rgm::{
    Answer, Cluster, Decision, GroupName, GroupState, NodeName, Refusal, ResourceName,
    ResourceState, SchaCode,
};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::mpsc;

/// How often a client is told what it waits for, at most; the first time after this too (a command that takes less says nothing).
const PROGRESS_EVERY: Duration = Duration::from_secs(1);

/// A client.
#[derive(Debug)]
struct Client {
    replies: mpsc::Sender<Reply>,
    /// Told last, and when.
    told: (String, Duration),
    /// Give up then (boot clock).
    until: Option<Duration>,
}

impl Client {
    fn new(replies: mpsc::Sender<Reply>, until: Option<Duration>) -> Self {
        Self { replies, told: (String::new(), clock::boot()), until }
    }

    fn end(&self, reply: Reply) {
        // A client that does not read its replies has gone.
        let _ = self.replies.try_send(reply);
    }

    fn tell(&mut self, sentence: String, now: Duration) {
        if sentence != self.told.0 && now >= self.told.1 + PROGRESS_EVERY {
            let _ = self.replies.try_send(Reply::Progress { sentence: sentence.clone() });
            self.told = (sentence, now);
        }
    }
}

/// What a client waits for once its operation was accepted.
#[derive(Debug)]
struct Awaited {
    client: Client,
    goals: Vec<Goal>,
    messages: Vec<String>,
}

/// A restart in place that is under way.
#[derive(Debug)]
struct Restarted {
    client: Client,
    resource: ResourceName,
    group: GroupName,
    /// `starts` before.
    starts: u64,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    next_asker: u64,
    /// By asker: not yet answered; whether to wait for the goals.
    asked: BTreeMap<u64, (Client, bool)>,
    awaited: Vec<Awaited>,
    restarted: Vec<Restarted>,
    followers: Vec<mpsc::Sender<Reply>>,
    last_refusal: Option<Refusal>,
}

impl Waiting {
    /// An asker that is this daemon itself.
    pub(crate) const OURSELVES: u64 = 0;

    /// A client whose operation is given to the core under this handle.
    pub(crate) fn ask(
        &mut self,
        replies: mpsc::Sender<Reply>,
        wait: bool,
        timeout_s: Option<u32>,
    ) -> u64 {
        self.next_asker += 1;
        let until = timeout_s.map(|s| clock::boot() + Duration::from_secs(s.into()));
        self.asked.insert(self.next_asker, (Client::new(replies, until), wait));
        self.next_asker
    }

    /// The president has answered.
    pub(crate) fn answered(&mut self, asker: u64, answer: Answer) {
        let Some((client, wait)) = self.asked.remove(&asker) else { return };
        match answer.refusal {
            Some(refusal) => {
                for sentence in answer.messages {
                    let _ = client.replies.try_send(Reply::Progress { sentence });
                }
                client.end(Reply::Refused(refusal));
            }
            None if wait && !answer.goals.is_empty() => {
                let (goals, messages) = (answer.goals, answer.messages);
                self.awaited.push(Awaited { client, goals, messages });
            }
            None => client.end(Reply::Done { messages: answer.messages }),
        }
    }

    /// A client that waits until a resource has been restarted here.
    pub(crate) fn restart(
        &mut self,
        replies: mpsc::Sender<Reply>,
        resource: ResourceName,
        group: GroupName,
        starts: u64,
    ) {
        let client = Client::new(replies, None);
        self.restarted.push(Restarted { client, resource, group, starts });
    }

    /// A client that wants all decisions.
    pub(crate) fn follow(&mut self, replies: mpsc::Sender<Reply>) {
        self.followers.push(replies);
    }

    /// A decision was made: to the log and to those who follow.
    pub(crate) fn say(&mut self, group: Option<GroupName>, decision: Decision) {
        match &group {
            Some(group) => {
                tracing::info!(target: "Cluster.RGM.rgmd", "{group}: {}", decision.sentence)
            }
            None => tracing::info!(target: "Cluster.RGM.rgmd", "{}", decision.sentence),
        }
        self.followers.retain(|replies| {
            let decided = Reply::Decided { group: group.clone(), decision: decision.clone() };
            // One that does not keep up is let go: it would miss decisions and not know.
            replies.try_send(decided).is_ok()
        });
    }

    /// The core refused the local fact that was just given to it.
    pub(crate) fn refused(&mut self, refusal: Refusal) {
        self.last_refusal = Some(refusal);
    }

    /// Takes that refusal.
    pub(crate) fn take_refusal(&mut self) -> Option<Refusal> {
        self.last_refusal.take()
    }

    /// When somebody must be told something, at the latest.
    pub(crate) fn next_look(&self) -> Option<Duration> {
        let waits =
            !(self.awaited.is_empty() && self.asked.is_empty() && self.restarted.is_empty());
        waits.then(|| clock::boot() + PROGRESS_EVERY)
    }

    /// Looks whether anybody's wait is over.
    pub(crate) fn look(&mut self, core: &NodeCore, now: Duration) {
        self.asked.retain(|_, (client, _)| is_still_asking(client, now));
        let wall_ms = clock::wall_ms();
        self.awaited.retain_mut(|waits| is_still_awaited(waits, core.cluster(), now, wall_ms));
        let node = &core.settings().node;
        self.restarted.retain_mut(|waits| is_still_restarting(waits, core, node, now));
    }
}

/// While the president has not answered.
fn is_still_asking(client: &mut Client, now: Duration) -> bool {
    if client.replies.is_closed() {
        return false;
    }
    if client.until.is_some_and(|until| now >= until) {
        let sentence = "not yet: the president has not answered; the request stays, and is carried out when there is one".to_owned();
        client.end(Reply::Refused(Refusal { code: SchaCode::Timeout, sentence }));
        return false;
    }
    client.tell("waiting for the president to answer".to_owned(), now);
    true
}

/// Tells the client how far it is. FALSE: its wait is over.
fn is_still_awaited(waits: &mut Awaited, cluster: &Cluster, now: Duration, wall_ms: u64) -> bool {
    if waits.client.replies.is_closed() {
        return false;
    }
    let mut waiting = None;
    for goal in &waits.goals {
        match goal.progress(cluster, wall_ms) {
            Progress::Reached => {}
            Progress::Waiting(sentence) => waiting = waiting.or(Some(sentence)),
            Progress::Failed(sentence) => {
                waits.client.end(Reply::Refused(Refusal { code: SchaCode::State, sentence }));
                return false;
            }
        }
    }
    let Some(sentence) = waiting else {
        waits.client.end(Reply::Done { messages: std::mem::take(&mut waits.messages) });
        return false;
    };
    if waits.client.until.is_some_and(|until| now >= until) {
        let sentence = format!("not yet: {sentence}; it goes on without this command");
        waits.client.end(Reply::Refused(Refusal { code: SchaCode::Timeout, sentence }));
        return false;
    }
    waits.client.tell(sentence, now);
    true
}

/// The same for a restart in place.
fn is_still_restarting(
    waits: &mut Restarted,
    core: &NodeCore,
    node: &NodeName,
    now: Duration,
) -> bool {
    if waits.client.replies.is_closed() {
        return false;
    }
    let here = core.executor().and_then(|executor| executor.observed().get(&waits.group));
    let resource = here.and_then(|observed| observed.resources.get(&waits.resource));
    let failed = |state: &str| {
        let sentence = format!("{} on {node} is {state} after its restart", waits.resource);
        Reply::Refused(Refusal { code: SchaCode::Fail, sentence })
    };
    let is_group_down = here.is_some_and(|observed| observed.state == GroupState::Offline);
    let end = match resource.map(|r| (r.state, r.starts > waits.starts)) {
        Some((ResourceState::Online | ResourceState::OnlineUnmonitored, true)) => {
            Reply::Done { messages: Vec::new() }
        }
        Some((ResourceState::MonitorFailed, true)) => Reply::Done { messages: Vec::new() },
        Some((ResourceState::StartFailed, _)) => failed("Start failed"),
        Some((ResourceState::StopFailed, _)) => failed("Stop failed"),
        Some((ResourceState::Offline, true)) | None => failed("Offline"),
        // The group has left meanwhile.
        Some((ResourceState::Offline, false)) if is_group_down => failed("Offline"),
        Some(_) => {
            waits.client.tell(format!("{} is being restarted on {node}", waits.resource), now);
            return true;
        }
    };
    waits.client.end(end);
    false
}

//! Answers to the admin socket: what can be answered from what the node knows is answered at once, the rest is given to the core.

use super::Daemon;
use super::admin::Asked;
use crate::clock;
use node_api::request::SchaGet;
use node_api::{Ask, Reply, Snapshot, StoredKey};
use pmf::Owner;
use rgm::executor::Fact;
use rgm::node::Input;
use rgm::{GroupName, Operation, Refusal, ResourceName, SchaCode, scha};
use std::sync::Arc;
use tokio::sync::mpsc;

impl Daemon {
    /// Answers one request, or sees to it that it will be answered.
    pub(super) async fn answer(&mut self, asked: Asked) {
        let Asked { ask, caller, replies } = asked;
        match ask {
            Ask::Snapshot => {
                let mut snapshot = self.snapshot();
                let store = Arc::clone(&self.store);
                let described = self.described.clone();
                // A store that does not answer must hold up nobody.
                tokio::spawn(async move {
                    snapshot.store = described.line(store).await;
                    let _ = replies.send(Reply::Snapshot(Box::new(snapshot))).await;
                });
            }
            Ask::Submit { operation, wait, timeout_s } => {
                let by = self.who(caller, &operation);
                let asker = self.waiting.ask(replies, wait, timeout_s);
                self.give(Input::Asked { asker, operation: *operation, by }).await;
            }
            Ask::SchaGet { what, tag, arguments } => {
                reply(&replies, self.scha_get(&what, &tag, &arguments));
            }
            Ask::SetStatus { resource, group, status, message } => {
                let place = (resource.clone(), group);
                self.local(&replies, place, Fact::StatusSet { resource, status, message }).await;
            }
            Ask::Restart { resource, group, with_monitor } => {
                self.restart(replies, resource, group, with_monitor).await;
            }
            Ask::RestartTold { resource, group } => {
                let place = (resource.clone(), group);
                self.local(&replies, place, Fact::RestartTold { resource }).await;
            }
            Ask::IgnoreFailedStart { resource, group } => {
                let place = (resource.clone(), group);
                self.local(&replies, place, Fact::FailedStartIgnored { resource }).await;
            }
            Ask::Pmf(request) => {
                let pmf = self.pmf.clone();
                tokio::spawn(async move {
                    let answer = pmf.handle(caller, request).await;
                    let _ = replies.send(Reply::Pmf(answer)).await;
                });
            }
            Ask::PmfDeath { tag } => self.pmf_death(tag, replies),
            Ask::Follow => self.waiting.follow(replies),
            Ask::Leave => self.begin_to_leave(Some(replies)),
        }
    }

    /// All but the line about the store.
    fn snapshot(&self) -> Snapshot {
        let view = self.mirror.view();
        let keys = view.entries.values().map(|entry| StoredKey {
            key: entry.key.strip_prefix(&self.prefix).unwrap_or(&entry.key).to_owned(),
            value: String::from_utf8_lossy(&entry.value).into_owned(),
            create_revision: entry.create_revision,
            mod_revision: entry.mod_revision,
        });
        // Never read: older than anything.
        let age_ms = view.as_of.map(|at| at.elapsed().as_millis());
        Snapshot {
            node: Some(self.core.settings().node.clone()),
            keys: keys.collect(),
            revision: view.revision,
            store: String::new(),
            outside: self.outside(),
            age_ms: age_ms.and_then(|ms| u64::try_from(ms).ok()).unwrap_or(u64::MAX),
            now_ms: clock::wall_ms(),
            version: self.core.settings().version.clone(),
        }
    }

    /// Why this node is no member, as a sentence.
    fn outside(&self) -> Option<String> {
        let node = &self.core.settings().node;
        if self.core.executor().is_some() {
            return None;
        }
        let error = self.mirror.view().error.as_ref();
        Some(match (error, self.lease) {
            (Some(why), _) => format!("{node} is no member: {why}"),
            (None, None) => format!("{node} is no member: it waits for a lease"),
            (None, Some(_)) => format!("{node} is joining"),
        })
    }

    fn scha_get(&self, what: &SchaGet, tag: &str, arguments: &[String]) -> Reply {
        let (cluster, node) = (self.core.cluster(), &self.core.settings().node);
        let view = scha::Asker { cluster, node, now_ms: clock::wall_ms() };
        let lines = match what {
            SchaGet::Resource { resource, group } => {
                view.resource_get(tag, resource, group.as_ref(), arguments)
            }
            SchaGet::Group { group } => view.resourcegroup_get(tag, group, arguments),
            SchaGet::Type { type_name } => view.resourcetype_get(tag, type_name),
            SchaGet::Cluster => view.cluster_get(tag, arguments),
        };
        match lines {
            Ok(lines) => Reply::Lines { lines },
            Err(refusal) => Reply::Refused(refusal),
        }
    }

    /// A fact that the core takes or refuses at once.
    async fn local(
        &mut self,
        replies: &mpsc::Sender<Reply>,
        (resource, group): (ResourceName, GroupName),
        fact: Fact,
    ) {
        let refusal = match self.is_elsewhere(&resource, &group) {
            Some(refusal) => Some(refusal),
            None => self.give_local(fact).await,
        };
        reply(replies, refusal.map_or(Reply::Done { messages: Vec::new() }, Reply::Refused));
    }

    /// The resource is there, but in another group than who asks believes.
    fn is_elsewhere(&self, resource: &ResourceName, group: &GroupName) -> Option<Refusal> {
        let found = &self.core.cluster().config.resources.get(resource)?.group;
        let sentence = format!("{resource} is a resource of {found}, not of {group}");
        (found != group).then_some(Refusal { code: SchaCode::Rsrc, sentence })
    }

    async fn give_local(&mut self, fact: Fact) -> Option<Refusal> {
        let _ = self.waiting.take_refusal();
        self.give(Input::Local(fact)).await;
        self.waiting.take_refusal()
    }

    async fn restart(
        &mut self,
        replies: mpsc::Sender<Reply>,
        resource: ResourceName,
        group: GroupName,
        with_monitor: bool,
    ) {
        if let Some(refusal) = self.is_elsewhere(&resource, &group) {
            return reply(&replies, Reply::Refused(refusal));
        }
        let here = self.core.executor().and_then(|executor| executor.observed().get(&group));
        let starts = here.and_then(|o| o.resources.get(&resource)).map_or(0, |r| r.starts);
        let fact =
            Fact::RestartAsked { resource: resource.clone(), with_monitor, by_monitor: true };
        match self.give_local(fact).await {
            Some(refusal) => reply(&replies, Reply::Refused(refusal)),
            None => self.waiting.restart(replies, resource, group, starts),
        }
    }

    fn pmf_death(&self, tag: String, replies: mpsc::Sender<Reply>) {
        let Some(mut watch) = self.pmf.watch(&tag) else {
            let sentence = format!("there is no tag {tag}");
            return reply(&replies, Reply::Refused(Refusal { code: SchaCode::Inval, sentence }));
        };
        tokio::spawn(async move {
            tokio::select! {
                _ = watch.died() => { let _ = replies.send(Reply::Done { messages: Vec::new() }).await; }
                () = replies.closed() => {}
            }
        });
    }

    /// Who asks, for the history.
    fn who(&self, caller: Owner, operation: &Operation) -> String {
        let node = &self.core.settings().node;
        match operation {
            Operation::Giveover { resource, .. } | Operation::ControlRestart { resource, .. } => {
                format!("monitor of {resource} on {node}")
            }
            _ if caller.uid == 0 => format!("root on {node}"),
            _ => format!("user {} on {node}", caller.uid),
        }
    }
}

fn reply(replies: &mpsc::Sender<Reply>, reply: Reply) {
    // A client that has gone needs none.
    let _ = replies.try_send(reply);
}

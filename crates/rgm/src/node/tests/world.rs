//! A store and a few nodes for the tests of the node core: one clock, leases, watches with a delay, links that can be cut. Nothing is random.

use crate::executor::{CallId, MethodOutcome};
use crate::model::{Incarnation, MethodCall, Operation};
use crate::names::ResourceName;
use crate::node::{Effect, Input, NodeCore, Now, Settings, StoreFailure};
use crate::planted::Planted;
use crate::store::{Guard, Key, Object, Raw, Transaction};
use rtr::Method;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

pub(super) const LEASE: Duration = Duration::from_millis(2000);
pub(super) const RESERVE: Duration = Duration::from_millis(500);
const DELAY: Duration = Duration::from_millis(5);
const TIMEOUT: Duration = Duration::from_millis(250);

pub(super) const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

pub(super) fn at(boot: Duration) -> Now {
    Now { boot, wall_ms: 1_000_000 + u64::try_from(boot.as_millis()).unwrap() }
}

pub(super) fn settings(node: &str) -> Settings {
    Settings {
        node: node.into(),
        lease: LEASE,
        reserve: RESERVE,
        boot_id: "boot".to_owned(),
        version: "0".to_owned(),
        cluster_id: String::new(),
        new_cluster_id: format!("formed-by-{node}"),
        planted: Planted::default(),
    }
}

/// What lies in the store.
#[derive(Debug, Default)]
pub(super) struct Store {
    pub(super) revision: i64,
    pub(super) entries: BTreeMap<String, (Raw, Option<u64>)>,
    leases: BTreeMap<u64, Duration>,
    last_lease: u64,
    log: Vec<(i64, String, Option<Raw>)>,
}

impl Store {
    pub(super) fn put(&mut self, key: &str, value: Vec<u8>, lease: Option<u64>) {
        self.revision += 1;
        self.put_at(key, value, lease);
    }

    pub(super) fn put_object(&mut self, key: &Key, object: &Object) {
        self.put(&key.to_string(), object.encode(), None);
    }

    pub(super) fn delete(&mut self, key: &str) {
        self.revision += 1;
        self.entries.remove(key);
        self.log.push((self.revision, key.to_owned(), None));
    }

    fn put_at(&mut self, key: &str, value: Vec<u8>, lease: Option<u64>) {
        let mod_revision = self.revision;
        let create_revision =
            self.entries.get(key).map_or(mod_revision, |(raw, _)| raw.create_revision);
        let raw = Raw { value, create_revision, mod_revision };
        self.log.push((mod_revision, key.to_owned(), Some(raw.clone())));
        self.entries.insert(key.to_owned(), (raw, lease));
    }

    fn holds(&self, guard: &Guard) -> bool {
        let raw = |key: &String| self.entries.get(key).map(|(raw, _)| raw);
        match guard {
            Guard::Absent(key) => raw(key).is_none(),
            Guard::CreatedAt(key, at) => raw(key).is_some_and(|raw| raw.create_revision == *at),
            Guard::ChangedAt(key, at) => raw(key).is_some_and(|raw| raw.mod_revision == *at),
        }
    }

    pub(super) fn commit(
        &mut self,
        lease: Option<u64>,
        transaction: &Transaction,
    ) -> Result<Option<i64>, StoreFailure> {
        if !transaction.guards.iter().all(|guard| self.holds(guard)) {
            return Ok(None);
        }
        if transaction.writes.iter().any(|(_, _, leased)| *leased)
            && !lease.is_some_and(|lease| self.leases.contains_key(&lease))
        {
            return Err(StoreFailure::LeaseGone);
        }
        self.revision += 1;
        for (key, value, leased) in &transaction.writes {
            match value {
                Some(value) => self.put_at(key, value.clone(), lease.filter(|_| *leased)),
                None => {
                    self.entries.remove(key);
                    self.log.push((self.revision, key.clone(), None));
                }
            }
        }
        Ok(Some(self.revision))
    }

    fn end(&mut self, lease: u64) {
        self.leases.remove(&lease);
        let owned = |(_, (_, of)): &(&String, &(Raw, Option<u64>))| *of == Some(lease);
        let keys: Vec<String> =
            self.entries.iter().filter(owned).map(|(key, _)| key.clone()).collect();
        if !keys.is_empty() {
            self.revision += 1;
        }
        for key in keys {
            self.entries.remove(&key);
            self.log.push((self.revision, key, None));
        }
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    pub(super) fn text(&self, key: &str) -> String {
        self.entries
            .get(key)
            .map_or_else(String::new, |(raw, _)| String::from_utf8_lossy(&raw.value).into_owned())
    }
}

/// How a node reaches the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    Up,
    Down,
    /// Transactions are done, and nobody hears of it.
    AnswersLost,
    /// Everything but transactions.
    NoCommits,
    /// Transactions are done after their answers were given up.
    Late,
    /// Answers take long.
    Slow,
}

#[derive(Debug)]
pub(super) struct Node {
    pub(super) core: NodeCore,
    pub(super) link: Link,
    /// FALSE: hears nothing and does nothing.
    pub(super) runs: bool,
    lease: Option<u64>,
    seen: Option<i64>,
    inbox: VecDeque<(Duration, Input)>,
    pub(super) alive_until: Duration,
    pub(super) over: Option<(Duration, String)>,
    pub(super) effects: Vec<(Duration, Effect)>,
    calls: BTreeMap<CallId, MethodCall>,
    /// Resources whose START was begun and whose STOP has not ended.
    pub(super) running: BTreeSet<ResourceName>,
}

/// Everything.
#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) now: Duration,
    pub(super) store: Store,
    pub(super) nodes: Vec<Node>,
    /// Transactions on their way: when they arrive.
    pub(super) late: Vec<(Duration, Option<u64>, Transaction)>,
    /// What a transaction has changed is seen before its answer comes.
    pub(super) watch_is_first: bool,
}

impl World {
    pub(super) fn with(names: &[&str]) -> Self {
        let mut world = Self { now: ms(10_000), ..Self::default() };
        names.iter().for_each(|name| {
            world.add(settings(name));
        });
        world
    }

    pub(super) fn add(&mut self, settings: Settings) -> usize {
        self.nodes.push(Node {
            core: NodeCore::new(settings),
            link: Link::Up,
            runs: true,
            lease: None,
            seen: None,
            inbox: VecDeque::new(),
            alive_until: Duration::ZERO,
            over: None,
            effects: Vec::new(),
            calls: BTreeMap::new(),
            running: BTreeSet::new(),
        });
        self.nodes.len() - 1
    }

    /// Lets time pass, millisecond by millisecond.
    pub(super) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.tick();
            self.now += ms(1);
        }
    }

    pub(super) fn run_until(&mut self, most: Duration, is_there: impl Fn(&Self) -> bool) -> bool {
        let end = self.now + most;
        while self.now < end && !is_there(self) {
            self.tick();
            self.now += ms(1);
        }
        is_there(self)
    }

    fn tick(&mut self) {
        let due: Vec<u64> = self
            .store
            .leases
            .iter()
            .filter(|(_, ends)| **ends <= self.now)
            .map(|(lease, _)| *lease)
            .collect();
        due.into_iter().for_each(|lease| self.store.end(lease));
        let arrived: Vec<_> = self.late.extract_if(.., |(due, ..)| *due <= self.now).collect();
        for (_, lease, transaction) in arrived {
            let _ = self.store.commit(lease, &transaction);
        }
        for index in 0..self.nodes.len() {
            self.watch(index);
            while let Some(input) = self.next_input(index) {
                self.give(index, input);
            }
            // The guard (docs/decisions/0010).
            let node = &mut self.nodes[index];
            if node.over.is_some() || self.now + RESERVE >= node.alive_until {
                node.running.clear();
            }
        }
        let all: Vec<_> = self.nodes.iter().flat_map(|node| &node.running).collect();
        let distinct: BTreeSet<_> = all.iter().collect();
        assert_eq!(all.len(), distinct.len(), "at {:?} two nodes run {all:?}", self.now);
    }

    /// Nodes on which a resource runs.
    pub(super) fn where_runs(&self, resource: &str) -> Vec<usize> {
        (0..self.nodes.len()).filter(|i| self.nodes[*i].running.contains(resource)).collect()
    }

    fn next_input(&mut self, index: usize) -> Option<Input> {
        let now = self.now;
        let node = self.nodes.get_mut(index).filter(|node| node.runs)?;
        if node.inbox.front().is_some_and(|(due, _)| *due <= now) {
            return node.inbox.pop_front().map(|(_, input)| input);
        }
        node.core.next_timeout().filter(|due| *due <= now).map(|_| Input::TimePassed)
    }

    pub(super) fn give(&mut self, index: usize, input: Input) {
        if let Input::MethodFinished { call, .. } = &input {
            let ended = self.nodes[index].calls.remove(call);
            if let Some(ended) = ended.filter(|ended| ended.method == Method::Stop) {
                self.nodes[index].running.remove(&ended.resource);
            }
        }
        let mut effects = Vec::new();
        self.nodes[index].core.handle(at(self.now), input, &mut effects);
        for effect in effects {
            self.nodes[index].effects.push((self.now, effect.clone()));
            self.execute(index, effect);
        }
    }

    fn watch(&mut self, index: usize) {
        let (now, store) = (self.now, &self.store);
        let node = &mut self.nodes[index];
        if !matches!(node.link, Link::Up | Link::NoCommits | Link::Late | Link::Slow)
            || !node.runs
            || node.seen == Some(store.revision)
        {
            return;
        }
        let changes = match node.seen {
            None => {
                store.entries.iter().map(|(k, (raw, _))| (k.clone(), Some(raw.clone()))).collect()
            }
            Some(seen) => {
                let new = store.log.iter().filter(|(revision, _, _)| *revision > seen);
                let latest: BTreeMap<_, _> =
                    new.map(|(_, k, raw)| (k.clone(), raw.clone())).collect();
                latest.into_iter().collect()
            }
        };
        let complete = node.seen.is_none();
        node.seen = Some(store.revision);
        let input = Input::StoreChanged { revision: store.revision, changes, complete };
        node.inbox.push_back((now + DELAY, input));
        node.inbox.make_contiguous().sort_by_key(|(due, _)| *due);
    }

    fn execute(&mut self, index: usize, effect: Effect) {
        let (now, link) = (self.now, self.nodes[index].link);
        let done = link != Link::Down;
        let is_commit = matches!(effect, Effect::Commit(..));
        let done = done && !(is_commit && matches!(link, Link::NoCommits | Link::Late));
        let heard =
            link == Link::Up || (matches!(link, Link::NoCommits | Link::Late) && !is_commit);
        let mut lease = self.nodes[index].lease;
        let input = match effect {
            Effect::Grant(ttl) => {
                if done {
                    self.store.last_lease += 1;
                    self.store.leases.insert(self.store.last_lease, now + ttl);
                }
                let result = if heard {
                    lease = Some(self.store.last_lease);
                    Ok(ttl)
                } else {
                    Err(StoreFailure::Unavailable)
                };
                Some(Input::Granted { sent: now, result })
            }
            Effect::KeepAlive => {
                let held = lease.and_then(|lease| self.store.leases.get_mut(&lease));
                let result = match held.filter(|_| done) {
                    Some(ends) => {
                        *ends = now + LEASE;
                        Ok(LEASE)
                    }
                    None => Err(StoreFailure::LeaseGone),
                };
                let result = if heard { result } else { Err(StoreFailure::Unavailable) };
                Some(Input::Renewed { sent: now, result })
            }
            Effect::Revoke => {
                lease.into_iter().for_each(|lease| self.store.end(lease));
                None
            }
            Effect::Commit(txn, transaction) => {
                let result = self.commit(link, lease, done, transaction);
                let result = if heard { result } else { Err(StoreFailure::Unavailable) };
                Some(Input::Committed { txn, result })
            }
            Effect::Run(call, method) => {
                if method.method == Method::Start {
                    self.nodes[index].running.insert(method.resource.clone());
                }
                self.nodes[index].calls.insert(call, method);
                let outcome = MethodOutcome::Succeeded;
                Some(Input::MethodFinished { call, outcome, output: String::new() })
            }
            Effect::AliveUntil(until) => {
                self.nodes[index].alive_until = until;
                None
            }
            Effect::StopEverything(why) => {
                self.nodes[index].over = Some((now, why));
                None
            }
            _ => None,
        };
        let node = &mut self.nodes[index];
        node.lease = lease;
        let delay = match link {
            Link::Slow => TIMEOUT * 5,
            _ if heard && is_commit && self.watch_is_first => DELAY * 2,
            _ if heard => DELAY,
            _ => TIMEOUT,
        };
        node.inbox.extend(input.map(|input| (now + delay, input)));
        node.inbox.make_contiguous().sort_by_key(|(due, _)| *due);
    }

    fn commit(
        &mut self,
        link: Link,
        lease: Option<u64>,
        done: bool,
        transaction: Transaction,
    ) -> Result<Option<i64>, StoreFailure> {
        if done {
            return self.store.commit(lease, &transaction);
        }
        if link == Link::Late {
            self.late.push((self.now + TIMEOUT * 3, lease, transaction));
        }
        Err(StoreFailure::Unavailable)
    }

    /// A node whose link is up again lists everything.
    pub(super) fn heal(&mut self, index: usize) {
        self.nodes[index].link = Link::Up;
        self.nodes[index].seen = None;
    }

    pub(super) fn ask(&mut self, index: usize, asker: u64, operation: Operation) {
        self.give(index, Input::Asked { asker, operation, by: "root".to_owned() });
    }

    pub(super) fn presidents(&self) -> Vec<usize> {
        (0..self.nodes.len())
            .filter(|i| self.nodes[*i].runs && !self.nodes[*i].core.is_over())
            .filter(|i| self.nodes[*i].core.is_president())
            .collect()
    }

    pub(super) fn core(&self, index: usize) -> &NodeCore {
        &self.nodes[index].core
    }

    pub(super) fn incarnation(&self, index: usize) -> Incarnation {
        self.core(index).incarnation().unwrap()
    }

    /// Effects of a node since a time.
    pub(super) fn effects_since(&self, index: usize, from: Duration) -> Vec<&Effect> {
        self.nodes[index].effects.iter().filter(|(t, _)| *t >= from).map(|(_, e)| e).collect()
    }
}

//! The port, in etcd's calls.
//!
//! Reads, renewals, grants and revocations may be done twice and go to the next endpoint when one is slow. A transaction is sent once: only when
//! it certainly was not handled is it sent again, to another endpoint. Every key gets the namespace here, and loses it here.

use crate::endpoints::{Endpoints, ROUND_PAUSE, Ready};
use crate::failure::{Failure, Verdict};
use crate::options::{ConnectError, EtcdOptions};
use crate::proto::compare::TargetUnion;
use crate::proto::request_op::Request;
use crate::proto::{
    Answer, Compare, CompareTarget, DeleteRangeRequest, KeyValue, LeaseGrantRequest,
    LeaseGrantResponse, LeaseKeepAliveResponse, LeaseRequest, LeaseRevokeResponse, PutRequest,
    RangeRequest, RangeResponse, RequestOp, TxnRequest, TxnResponse,
};
use crate::status;
use crate::tls::TlsSource;
use crate::watch::EtcdWatch;
use control::{
    BoxFuture, ControlStore, Entry, Error, Granted, Guard, LeaseId, Op, Range, Revision, Txn,
    TxnOutcome, Watch,
};
use prost::Message;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};

/// Keys per page of a range: with the largest values a page is below the largest message.
const PAGE_KEYS: i64 = 100;
/// Pages of a range; more is not a cluster's configuration.
const PAGES_MAX: usize = 10_000;
/// How often a range is begun anew because etcd was compacted between its pages.
const RANGE_ATTEMPTS: usize = 3;

const RANGE: &str = "/etcdserverpb.KV/Range";
const TXN: &str = "/etcdserverpb.KV/Txn";
const GRANT: &str = "/etcdserverpb.Lease/LeaseGrant";
const REVOKE: &str = "/etcdserverpb.Lease/LeaseRevoke";
const KEEP_ALIVE: &str = "/etcdserverpb.Lease/LeaseKeepAlive";

/// The control store in etcd.
#[derive(Clone)]
pub struct EtcdStore {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) endpoints: Endpoints,
    pub(crate) space: Namespace,
    pub(crate) call_timeout: Duration,
    pub(crate) watch_interval: Duration,
    /// How long a watch waits for the sign of life it asked for.
    pub(crate) silence_max: Duration,
}

impl EtcdStore {
    /// Checks the options and the certificate files, without asking anybody anything.
    ///
    /// # Errors
    /// [`ConnectError::Option`] and [`ConnectError::File`].
    pub fn new(options: EtcdOptions) -> Result<Self, ConnectError> {
        let addresses = options.check()?;
        let space = Namespace(options.prefix());
        let tls = options.tls.map(TlsSource::open).transpose()?;
        let endpoints = Endpoints::new(addresses, tls, options.login, options.attempt_timeout);
        Ok(Self {
            shared: Arc::new(Shared {
                endpoints,
                space,
                call_timeout: options.call_timeout,
                watch_interval: options.watch_interval,
                silence_max: options.attempt_timeout * 2,
            }),
        })
    }

    /// [`new`](Self::new), and a first read: whoever gets a store from here is let in and has a quorum.
    ///
    /// # Errors
    /// Those of `new`, and [`ConnectError::Store`]: [`Error::Denied`] when etcd does not want us, [`Error::Unavailable`] when it does not answer
    /// within the call time-out (worth another try).
    pub async fn connect(options: EtcdOptions) -> Result<Self, ConnectError> {
        let store = Self::new(options)?;
        store.shared.confirm().await?;
        Ok(store)
    }
}

impl Shared {
    fn deadline(&self) -> Instant {
        Instant::now() + self.call_timeout
    }

    /// A call that may be done twice.
    async fn ask<Q: Message, A: Answer>(&self, path: &'static str, ask: &Q) -> Result<A, Error> {
        let deadline = self.deadline();
        self.endpoints
            .race(deadline, |at| {
                Box::pin(async move {
                    let ready = self.endpoints.ready(at).await?;
                    let timeout = deadline.saturating_duration_since(Instant::now());
                    self.endpoints.call(&ready, path, ask, timeout).await
                })
            })
            .await
    }

    /// A linearizable read of nothing: there is a quorum, and we may read.
    pub(crate) async fn confirm(&self) -> Result<(), Error> {
        let (key, range_end) = self.space.span("");
        let ask = RangeRequest { key, range_end, limit: 1, revision: 0, count_only: true };
        self.ask::<_, RangeResponse>(RANGE, &ask).await.map(|_| ())
    }

    /// `Ok(None)`: etcd was compacted between two pages.
    async fn range_pages(&self, prefix: &str) -> Result<Option<Range>, Error> {
        let (mut key, range_end) = self.space.span(prefix);
        let mut range = Range { revision: 0, entries: Vec::new() };
        for _ in 0..PAGES_MAX {
            let ask = RangeRequest {
                key,
                range_end: range_end.clone(),
                limit: PAGE_KEYS,
                revision: range.revision,
                count_only: false,
            };
            let answer = match self.ask::<_, RangeResponse>(RANGE, &ask).await {
                Err(Error::Invalid(why)) if why.contains("has been compacted") => return Ok(None),
                answer => answer?,
            };
            if range.revision == 0 {
                range.revision = answer.header.map_or(0, |header| header.revision);
            }
            let Some(last) = answer.kvs.last() else {
                return Ok(Some(range));
            };
            key = last.key.clone();
            key.push(0);
            for kv in answer.kvs {
                range.entries.push(self.space.entry(kv)?);
            }
            if !answer.more {
                return Ok(Some(range));
            }
        }
        Err(Error::Invalid(format!("more than {} keys under {prefix:?}", range.entries.len())))
    }

    async fn renew(&self, lease: LeaseId) -> Result<LeaseKeepAliveResponse, Error> {
        let deadline = self.deadline();
        let ask = LeaseRequest { id: lease.0 };
        let ask = &ask;
        self.endpoints
            .hedge(deadline, |at| {
                Box::pin(async move {
                    let ready = self.endpoints.ready(at).await?;
                    let timeout = deadline.saturating_duration_since(Instant::now());
                    let answer: LeaseKeepAliveResponse =
                        self.endpoints.call(&ready, KEEP_ALIVE, ask, timeout).await?;
                    self.endpoints.check_term(answer.header.as_ref())?;
                    Ok(answer)
                })
            })
            .await
    }

    /// Sends a transaction once; again only if it certainly was not handled.
    async fn send_txn(&self, ask: &TxnRequest) -> Result<TxnResponse, Error> {
        let deadline = self.deadline();
        let mut last = None;
        loop {
            let ready = self
                .endpoints
                .find(deadline)
                .await
                .map_err(|error| last.take().unwrap_or(error))?;
            let name = self.endpoints.name(ready.at);
            let timeout = deadline.saturating_duration_since(Instant::now());
            let call = self.endpoints.call::<_, TxnResponse>(&ready, TXN, ask, timeout);
            let Ok(answer) = timeout_at(deadline, call).await else {
                let why = format!("no answer in {:?}", self.call_timeout);
                self.endpoints.note_failure(ready.at, &why);
                return Err(perhaps(name, &why));
            };
            let failure = match answer {
                Ok(answer) => {
                    self.endpoints.note_success(ready.at);
                    return Ok(answer);
                }
                Err(failure) => failure,
            };
            match failure.verdict() {
                Verdict::Final(error) => return Err(error),
                Verdict::PerhapsDone => {
                    self.note(&ready, &failure);
                    return Err(perhaps(name, failure.text()));
                }
                Verdict::NotDone => {
                    self.note(&ready, &failure);
                    last = Some(Error::Unavailable(format!("{name}: {}", failure.text())));
                    if Instant::now() + ROUND_PAUSE >= deadline {
                        return Err(last.unwrap_or(Error::Unavailable(String::new())));
                    }
                    sleep(ROUND_PAUSE).await;
                }
            }
        }
    }

    fn note(&self, ready: &Ready, failure: &Failure) {
        self.endpoints.note_failure(ready.at, failure.text());
    }
}

fn perhaps(name: &str, why: &str) -> Error {
    Error::Unavailable(format!("{name}: {why}; the change was sent and may have been made"))
}

impl ControlStore for EtcdStore {
    fn range<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Range, Error>> {
        Box::pin(async move {
            for _ in 0..RANGE_ATTEMPTS {
                if let Some(range) = self.shared.range_pages(prefix).await? {
                    return Ok(range);
                }
            }
            Err(Error::Unavailable("etcd is compacted faster than it can be read".to_owned()))
        })
    }

    fn txn(&self, txn: Txn) -> BoxFuture<'_, Result<TxnOutcome, Error>> {
        Box::pin(async move {
            txn.check()?;
            let ask = self.shared.space.txn(txn)?;
            let answer = self.shared.send_txn(&ask).await?;
            let revision = answer.header.map_or(0, |header| header.revision);
            Ok(if answer.succeeded {
                TxnOutcome::Committed(revision)
            } else {
                TxnOutcome::Refused(revision)
            })
        })
    }

    fn watch<'a>(
        &'a self,
        prefix: &'a str,
        from: Revision,
    ) -> BoxFuture<'a, Result<Box<dyn Watch>, Error>> {
        Box::pin(async move {
            let deadline = self.shared.deadline();
            let shared = &self.shared;
            let watch = shared
                .endpoints
                .race(deadline, |at| {
                    Box::pin(EtcdWatch::open(Arc::clone(shared), at, prefix, from))
                })
                .await?;
            Ok(Box::new(watch) as Box<dyn Watch>)
        })
    }

    fn grant(&self, ttl: Duration) -> BoxFuture<'_, Result<Granted, Error>> {
        Box::pin(async move {
            if ttl > Granted::TTL_MAX {
                let max = Granted::TTL_MAX;
                return Err(Error::Invalid(format!("a lease of {ttl:?}, at most {max:?}")));
            }
            let seconds = ttl.as_secs() + u64::from(ttl.subsec_nanos() > 0);
            let ask = LeaseGrantRequest { ttl: i64::try_from(seconds.max(1)).unwrap_or(i64::MAX) };
            // A grant whose answer is lost is asked for again: the lease nobody knows of ends by itself.
            let answer: LeaseGrantResponse = self.shared.ask(GRANT, &ask).await?;
            if !answer.error.is_empty() {
                return Err(Error::Invalid(answer.error));
            }
            granted(LeaseId(answer.id), answer.ttl)
        })
    }

    fn keep_alive(&self, lease: LeaseId) -> BoxFuture<'_, Result<Granted, Error>> {
        Box::pin(async move {
            let answer = self.shared.renew(lease).await?;
            if answer.ttl > 0 {
                return granted(lease, answer.ttl);
            }
            // A new leader that has not caught up yet also says so, and the holder would stop everything: ask again behind a read that waits for it.
            self.shared.confirm().await?;
            let answer = self.shared.renew(lease).await?;
            if answer.ttl > 0 { granted(lease, answer.ttl) } else { Err(Error::LeaseGone) }
        })
    }

    fn revoke(&self, lease: LeaseId) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async move {
            let ask = LeaseRequest { id: lease.0 };
            match self.shared.ask::<_, LeaseRevokeResponse>(REVOKE, &ask).await {
                Ok(_) | Err(Error::LeaseGone) => Ok(()),
                Err(error) => Err(error),
            }
        })
    }

    fn describe(&self) -> BoxFuture<'_, String> {
        Box::pin(status::describe(&self.shared))
    }
}

fn granted(id: LeaseId, seconds: i64) -> Result<Granted, Error> {
    match u64::try_from(seconds) {
        Ok(seconds) if seconds > 0 => Ok(Granted { id, ttl: Duration::from_secs(seconds) }),
        _ => Err(Error::Damaged(format!("etcd granted a lease of {seconds} seconds"))),
    }
}

/// What all our keys begin with; ends with `/`.
pub(crate) struct Namespace(pub(crate) String);

impl Namespace {
    fn key(&self, key: &str) -> Vec<u8> {
        format!("{}{key}", self.0).into_bytes()
    }

    /// First key under a prefix, and the first one after all of them.
    pub(crate) fn span(&self, prefix: &str) -> (Vec<u8>, Vec<u8>) {
        let from = self.key(prefix);
        let mut end = from.clone();
        // No byte of UTF-8 is 255, and the namespace is not empty.
        if let Some(last) = end.last_mut() {
            *last = last.saturating_add(1);
        }
        (from, end)
    }

    /// The key as the port knows it.
    pub(crate) fn strip(&self, key: Vec<u8>) -> Result<String, Error> {
        let key = String::from_utf8(key).map_err(|error| {
            let key = String::from_utf8_lossy(error.as_bytes()).into_owned();
            Error::Damaged(format!(
                "the key {key:?} is not UTF-8, somebody else writes under {}",
                self.0
            ))
        })?;
        match key.strip_prefix(&self.0) {
            Some(rest) => Ok(rest.to_owned()),
            None => Err(Error::Damaged(format!(
                "etcd answered with the key {key:?}, not under {}",
                self.0
            ))),
        }
    }

    pub(crate) fn entry(&self, kv: KeyValue) -> Result<Entry, Error> {
        Ok(Entry {
            key: self.strip(kv.key)?,
            value: kv.value,
            create_revision: kv.create_revision,
            mod_revision: kv.mod_revision,
            lease: (kv.lease != 0).then_some(LeaseId(kv.lease)),
        })
    }

    fn txn(&self, txn: Txn) -> Result<TxnRequest, Error> {
        let compare = txn.guards.into_iter().map(|guard| self.compare(guard)).collect();
        let success = txn.ops.into_iter().map(|op| self.op(op)).collect::<Result<_, _>>()?;
        Ok(TxnRequest { compare, success })
    }

    fn compare(&self, guard: Guard) -> Compare {
        // Etcd says 0 of a key that is absent; a guard on a key that exists must not hold then.
        let existing = |revision: Revision| if revision > 0 { revision } else { -1 };
        let (target, key, union) = match guard {
            Guard::Absent(key) => (CompareTarget::Create, key, TargetUnion::CreateRevision(0)),
            Guard::CreatedAt(key, at) => {
                (CompareTarget::Create, key, TargetUnion::CreateRevision(existing(at)))
            }
            Guard::ChangedAt(key, at) => {
                (CompareTarget::Mod, key, TargetUnion::ModRevision(existing(at)))
            }
        };
        let key = self.key(&key);
        Compare { result: 0, target: target.into(), key, target_union: Some(union) }
    }

    fn op(&self, op: Op) -> Result<RequestOp, Error> {
        let request = match op {
            Op::Delete { key } => Request::DeleteRange(DeleteRangeRequest { key: self.key(&key) }),
            // To etcd, lease 0 is none: the key would stay for ever.
            Op::Put { lease: Some(LeaseId(0)), .. } => return Err(Error::LeaseGone),
            Op::Put { key, value, lease } => Request::Put(PutRequest {
                key: self.key(&key),
                value,
                lease: lease.map_or(0, |lease| lease.0),
            }),
        };
        Ok(RequestOp { request: Some(request) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_spans_its_keys_and_no_others() {
        let space = Namespace("/s/".to_owned());
        let (from, end) = space.span("");
        assert_eq!((from.as_slice(), end.as_slice()), (&b"/s/"[..], &b"/s0"[..]));
        let (from, end) = space.span("é");
        assert!(space.key("é") >= from && space.key("é\u{10ffff}") < end);
        assert!(space.key("ê") >= end);
    }

    #[test]
    fn a_foreign_key_in_the_namespace_is_damage_and_not_a_crash() {
        let space = Namespace("/s/".to_owned());
        assert_eq!(space.strip(b"/s/a".to_vec()), Ok("a".to_owned()));
        assert!(matches!(space.strip(b"/s/\xff".to_vec()), Err(Error::Damaged(_))));
        assert!(matches!(space.strip(b"/t/a".to_vec()), Err(Error::Damaged(_))));
    }

    #[test]
    fn a_guard_on_a_key_that_exists_never_holds_for_one_that_does_not() {
        let space = Namespace("/s/".to_owned());
        for guard in [Guard::CreatedAt("a".into(), 0), Guard::ChangedAt("a".into(), 0)] {
            let union = space.compare(guard).target_union;
            assert!(matches!(
                union,
                Some(TargetUnion::CreateRevision(-1) | TargetUnion::ModRevision(-1))
            ));
        }
    }
}

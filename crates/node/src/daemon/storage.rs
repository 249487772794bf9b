//! The control store's side of the daemon: opens it as configured, and carries out what the core orders of it, each in a task of its own.

use crate::clock;
use crate::config::{Engine, NodeFile};
use control::{BoxFuture, ControlStore, Error, Granted, Guard, LeaseId, Op, Txn, TxnOutcome};
use rgm::node::{Input, StoreFailure, TxnId};
use rgm::store::Transaction;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;

/// What the store answered.
#[derive(Debug)]
pub(crate) enum StoreAnswer {
    /// A lease; counted from `sent`.
    Granted { sent: Duration, result: Result<Granted, Error> },
    /// Anything the core can be told as it is.
    Input(Input),
}

/// Opens the store that the file names.
pub(crate) async fn open(file: &NodeFile) -> Result<Arc<dyn ControlStore>, Error> {
    match file.store.engine {
        Engine::Embedded => {
            if let Some(folder) = file.store.path.parent() {
                std::fs::create_dir_all(folder)
                    .map_err(|e| Error::Unavailable(format!("{}: {e}", folder.display())))?;
            }
            Ok(Arc::new(embedded(file).await?))
        }
        Engine::Etcd => Ok(Arc::new(etcd(file).await?)),
    }
}

/// Orders to the store; answers come back through the channel.
#[derive(Clone)]
pub(crate) struct StoreOrders {
    store: Arc<dyn ControlStore>,
    prefix: String,
    answers: mpsc::Sender<StoreAnswer>,
    /// Longest wait for an answer: later it is of no use.
    patience: Duration,
}

impl StoreOrders {
    pub(crate) fn new(
        store: Arc<dyn ControlStore>,
        prefix: String,
        answers: mpsc::Sender<StoreAnswer>,
        patience: Duration,
    ) -> Self {
        Self { store, prefix, answers, patience }
    }

    pub(crate) fn grant(&self, ttl: Duration) {
        let this = self.clone();
        tokio::spawn(async move {
            let sent = clock::boot();
            let result = this.within(this.store.grant(ttl)).await;
            this.answer(StoreAnswer::Granted { sent, result }).await;
        });
    }

    pub(crate) fn keep_alive(&self, lease: LeaseId) {
        let this = self.clone();
        tokio::spawn(async move {
            let sent = clock::boot();
            let result = this.within(this.store.keep_alive(lease)).await;
            let result = result
                .inspect(|_| works())
                .map(|granted| granted.ttl)
                .map_err(|error| failure(&error, "renewing the lease"));
            this.answer(StoreAnswer::Input(Input::Renewed { sent, result })).await;
        });
    }

    pub(crate) fn commit(&self, id: TxnId, transaction: Transaction, lease: Option<LeaseId>) {
        let this = self.clone();
        let txn = this.translate(transaction, lease);
        tokio::spawn(async move {
            let result = match this.within(this.store.txn(txn)).await {
                Ok(TxnOutcome::Committed(revision)) => Ok(Some(revision)),
                Ok(TxnOutcome::Refused(_)) => Ok(None),
                Err(error) => Err(failure(&error, "writing")),
            };
            this.answer(StoreAnswer::Input(Input::Committed { txn: id, result })).await;
        });
    }

    /// Ends a lease; waits for it.
    pub(crate) async fn revoke(&self, lease: LeaseId) {
        if let Err(error) = self.store.revoke(lease).await {
            tracing::warn!(%error, "the lease could not be given back; it ends by itself");
        }
    }

    /// Silence is an error: an order without an answer would be waited for without end.
    async fn within<T>(&self, call: BoxFuture<'_, Result<T, Error>>) -> Result<T, Error> {
        match tokio::time::timeout(self.patience, call).await {
            Ok(result) => result,
            Err(_) => {
                let ms = self.patience.as_millis();
                Err(Error::Unavailable(format!("no answer within {ms} ms")))
            }
        }
    }

    fn translate(&self, transaction: Transaction, lease: Option<LeaseId>) -> Txn {
        let full = |key: &str| format!("{}{key}", self.prefix);
        let guards = transaction.guards.iter().map(|guard| match guard {
            rgm::store::Guard::Absent(key) => Guard::Absent(full(key)),
            rgm::store::Guard::CreatedAt(key, revision) => Guard::CreatedAt(full(key), *revision),
            rgm::store::Guard::ChangedAt(key, revision) => Guard::ChangedAt(full(key), *revision),
        });
        let guards = guards.collect();
        let ops = transaction.writes.into_iter().map(|(key, value, leased)| match value {
            Some(value) => Op::Put { key: full(&key), value, lease: lease.filter(|_| leased) },
            None => Op::Delete { key: full(&key) },
        });
        Txn { guards, ops: ops.collect() }
    }

    async fn answer(&self, answer: StoreAnswer) {
        // The daemon is over when nobody listens.
        let _ = self.answers.send(answer).await;
    }
}

/// The core knows two failures; people get the sentence.
pub(crate) fn failure(error: &Error, doing: &str) -> StoreFailure {
    match error {
        Error::LeaseGone => StoreFailure::LeaseGone,
        error => {
            complaints().complain(doing, &error.to_string());
            StoreFailure::Unavailable
        }
    }
}

/// The store did what it was asked; ends what was complained of.
fn works() {
    complaints().end();
}

/// Every failed call is the same news; it is said once, then now and then, and once when it is over.
static COMPLAINTS: Mutex<Complaints> = Mutex::new(Complaints { last: None });

fn complaints() -> MutexGuard<'static, Complaints> {
    COMPLAINTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How often the same is said again.
const COMPLAIN_EVERY: Duration = Duration::from_secs(30);

/// What is wrong with the store, as it was said last.
#[derive(Debug)]
pub(crate) struct Complaints {
    /// The sentence, when that began, and when it was said last.
    last: Option<(String, Duration, Duration)>,
}

impl Complaints {
    /// Says it, unless that was just said.
    pub(crate) fn complain(&mut self, doing: &str, why: &str) {
        let now = clock::boot();
        let since = match &self.last {
            Some((said, _, at)) if said == why && now < *at + COMPLAIN_EVERY => return,
            Some((_, since, _)) => *since,
            None => now,
        };
        let seconds = (now - since).as_secs();
        if seconds < 1 {
            tracing::warn!("{doing}: {why}; it is tried again and again");
        } else {
            tracing::warn!("{doing}: {why}; for {seconds} s now, and it is tried again");
        }
        self.last = Some((why.to_owned(), since, now));
    }

    fn end(&mut self) {
        if let Some((_, since, _)) = self.last.take() {
            let ms = (clock::boot() - since).as_millis();
            tracing::info!("the control store answers again, after {ms} ms");
        }
    }
}

/// Says what is wrong while the store cannot be opened.
pub(crate) fn cannot_open(error: &Error) {
    complain("opening the control store", &error.to_string());
}

/// Says what is wrong with the store, not too often.
pub(crate) fn complain(doing: &str, why: &str) {
    complaints().complain(doing, why);
}

/// What keys begin with, seen through the opened store: etcd's client adds the prefix itself.
pub(crate) fn prefix(file: &NodeFile) -> String {
    match file.store.engine {
        Engine::Embedded => file.prefix(),
        Engine::Etcd => String::new(),
    }
}

async fn embedded(file: &NodeFile) -> Result<control::embedded::EmbeddedStore, Error> {
    let path = file.store.path.clone();
    let options = control::embedded::Options::of_this_machine()?;
    let opened =
        tokio::task::spawn_blocking(move || control::embedded::EmbeddedStore::open(&path, options));
    opened.await.map_err(|error| Error::Unavailable(error.to_string()))?
}

async fn etcd(file: &NodeFile) -> Result<control_etcd::EtcdStore, Error> {
    let of = &file.store;
    let tls = match (&of.ca, &of.cert, &of.key) {
        (None, None, None) => None,
        (Some(ca), Some(cert), Some(key)) => Some(control_etcd::Tls {
            ca: ca.clone(),
            cert: cert.clone(),
            key: key.clone(),
            domain: None,
        }),
        _ => {
            let why = "store.ca, store.cert and store.key are set together or not at all";
            return Err(Error::Invalid(why.to_owned()));
        }
    };
    let login = match (&of.user, &of.password_file) {
        (Some(name), Some(path)) => {
            let password = std::fs::read_to_string(path)
                .map_err(|error| Error::Invalid(format!("{}: {error}", path.display())))?;
            Some(control_etcd::Login {
                user: name.clone(),
                password: password.trim_end().to_owned(),
            })
        }
        (None, None) => None,
        _ => {
            let why = "store.user and store.password_file are set together or not at all";
            return Err(Error::Invalid(why.to_owned()));
        }
    };
    control_etcd::EtcdStore::connect(control_etcd::EtcdOptions {
        endpoints: of.endpoints.clone(),
        tls,
        login,
        namespace: file.prefix(),
        call_timeout: file.call_timeout(),
        ..control_etcd::EtcdOptions::default()
    })
    .await
    .map_err(Error::from)
}

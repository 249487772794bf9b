//! The control store's side of the daemon: opens it as configured, and carries out what the core orders of it, each in a task of its own.

use crate::clock;
use crate::config::{Engine, NodeFile};
use control::{ControlStore, Error, Granted, Guard, LeaseId, Op, Txn, TxnOutcome};
use rgm::node::{Input, StoreFailure, TxnId};
use rgm::store::Transaction;
use std::sync::Arc;
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
}

impl StoreOrders {
    pub(crate) fn new(
        store: Arc<dyn ControlStore>,
        prefix: String,
        answers: mpsc::Sender<StoreAnswer>,
    ) -> Self {
        Self { store, prefix, answers }
    }

    pub(crate) fn grant(&self, ttl: Duration) {
        let this = self.clone();
        tokio::spawn(async move {
            let sent = clock::boot();
            let result = this.store.grant(ttl).await;
            this.answer(StoreAnswer::Granted { sent, result }).await;
        });
    }

    pub(crate) fn keep_alive(&self, lease: LeaseId) {
        let this = self.clone();
        tokio::spawn(async move {
            let sent = clock::boot();
            let result = this.store.keep_alive(lease).await;
            let result = result
                .map(|granted| granted.ttl)
                .map_err(|error| failure(&error, "renewing the lease"));
            this.answer(StoreAnswer::Input(Input::Renewed { sent, result })).await;
        });
    }

    pub(crate) fn commit(&self, id: TxnId, transaction: Transaction, lease: Option<LeaseId>) {
        let this = self.clone();
        let txn = this.translate(transaction, lease);
        tokio::spawn(async move {
            let result = match this.store.txn(txn).await {
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
            tracing::warn!("{doing}: {error}");
            StoreFailure::Unavailable
        }
    }
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
        (Some(ca), Some(cert), Some(key)) => {
            Some(control_etcd::Tls { ca: ca.clone(), cert: cert.clone(), key: key.clone(), domain: None })
        }
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
        call_timeout: Duration::from_millis(of.call_timeout_ms),
        ..control_etcd::EtcdOptions::default()
    })
    .await
    .map_err(Error::from)
}

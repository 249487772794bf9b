//! The suite that every engine passes: one function per sentence of the port.
//!
//! A back end's tests either write `control::conformance_tests!(make);`, which makes a test of each sentence, or await [`suite`], which runs
//! all of them one after the other. `make` gives a [`Subject`]: two clients of one store and a prefix nobody else uses. The suite never
//! looks behind the port, and asserts nothing about how long anything takes; it only loses patience after [`PATIENCE`].

#![expect(clippy::unwrap_used, reason = "a suite of tests: a failed call is a failed test")]

use crate::{
    BoxFuture, ControlStore, Entry, Error, Event, Guard, LeaseId, Op, Revision, Txn, TxnOutcome,
    Watch,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

mod leases;
mod transactions;
mod watches;

pub use leases::*;
pub use transactions::*;
pub use watches::*;

/// How long the suite waits for something before it calls it missing.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Tells the engine to forget what happened before a revision.
pub type Compact = Box<dyn Fn(Revision) -> BoxFuture<'static, Result<(), Error>> + Send + Sync>;

/// What a check works on.
pub struct Subject {
    /// A client.
    pub store: Arc<dyn ControlStore>,
    /// Another client of the same store, by its own connection.
    pub other: Arc<dyn ControlStore>,
    /// Keys of this check only, ending in `/`.
    pub prefix: String,
    /// A lease time that the engine grants as asked.
    pub ttl: Duration,
    /// The largest difference between what is asked and what is granted.
    pub ttl_step: Duration,
    /// When the engine can be told; checks of compaction pass without it.
    pub compact: Option<Compact>,
}

/// Makes a test of every sentence of the suite; the argument is a path to an `async fn(&'static str) -> Subject`, called with the sentence's name.
#[macro_export]
macro_rules! conformance_tests {
    ($make:path) => {
        $crate::conformance_sentences! { @tests $make }
    };
}

/// The list of sentences, in one place.
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_sentences {
    (@tests $make:path) => { $crate::conformance_sentences! { @list @test_each ($make) } };
    (@suite $make:ident) => { $crate::conformance_sentences! { @list @run_each ($make) } };
    (@list @$how:ident $make:tt) => {
        $crate::conformance_sentences! { @$how $make
            what_was_put_is_found_with_its_revisions
            keys_under_a_prefix_come_in_their_order_and_no_others
            values_are_kept_byte_for_byte
            a_guard_on_absence_holds_only_without_the_key
            a_guard_on_creation_holds_through_changes_and_not_through_a_new_creation
            a_guard_on_the_last_change_holds_until_the_next
            guards_hold_together_or_not_at_all
            a_refused_transaction_changes_nothing
            a_transaction_is_one_revision
            what_changes_nothing_takes_no_revision
            deleting_and_putting_again_is_a_new_creation
            a_key_is_changed_once_in_a_transaction
            what_breaks_a_limit_is_invalid_and_changes_nothing
            the_largest_value_and_the_largest_transaction_are_taken
            two_clients_see_each_other
            concurrent_increments_lose_none
            a_lease_is_at_least_as_long_as_asked
            leases_have_different_ids
            the_end_of_a_lease_deletes_its_keys_in_one_go
            keeping_a_lease_alive_extends_it
            a_lease_ends_although_its_holder_only_stays_connected
            an_ended_lease_cannot_be_kept_alive_or_used
            a_transaction_with_a_gone_lease_changes_nothing
            a_refused_transaction_does_not_mind_a_gone_lease
            revoking_deletes_at_once_and_again_is_no_error
            a_key_put_again_without_its_lease_outlives_it
            a_key_moved_to_another_lease_ends_with_that
            a_deleted_key_put_again_does_not_end_with_its_old_lease
            a_watch_sees_what_comes_under_its_prefix_only
            a_watch_sees_the_past_from_its_revision
            a_watch_from_the_future_waits_for_it
            a_watch_gives_whole_revisions_in_order
            a_watch_without_news_gives_signs_of_life
            a_watch_waited_for_in_vain_misses_nothing
            watching_from_what_is_compacted_says_so
            a_range_and_a_watch_after_it_miss_nothing
        }
    };
    (@test_each ($make:path) $($name:ident)*) => {
        $(
            #[tokio::test]
            async fn $name() {
                $crate::conformance::$name(&$make(stringify!($name)).await).await;
            }
        )*
    };
    (@run_each ($make:ident) $($name:ident)*) => {
        $(
            tracing::info!("control store: {}", stringify!($name));
            $name(&$make(stringify!($name)).await).await;
        )*
    };
}

/// Runs every sentence, one after the other; `make` is called with the sentence's name, for a prefix of its own. A failed sentence panics in
/// the function named for it.
pub async fn suite<F, Made>(make: F)
where
    F: Fn(&'static str) -> Made,
    Made: Future<Output = Subject>,
{
    conformance_sentences! { @suite make }
}

impl Subject {
    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn put(&self, name: &str, value: &str) -> Op {
        Op::Put { key: self.key(name), value: value.into(), lease: None }
    }

    fn put_under(&self, lease: LeaseId, name: &str) -> Op {
        Op::Put { key: self.key(name), value: b"leased".to_vec(), lease: Some(lease) }
    }

    fn delete(&self, name: &str) -> Op {
        Op::Delete { key: self.key(name) }
    }

    /// Does it, and gives its revision.
    async fn commit(&self, ops: Vec<Op>) -> Revision {
        match self.guarded(vec![], ops).await {
            TxnOutcome::Committed(revision) => revision,
            refused => panic!("a transaction without guards: {refused:?}"),
        }
    }

    async fn guarded(&self, guards: Vec<Guard>, ops: Vec<Op>) -> TxnOutcome {
        self.store.txn(Txn { guards, ops }).await.unwrap()
    }

    async fn entries(&self) -> Vec<Entry> {
        self.store.range(&self.prefix).await.unwrap().entries
    }

    async fn entry(&self, name: &str) -> Option<Entry> {
        let key = self.key(name);
        self.entries().await.into_iter().find(|entry| entry.key == key)
    }

    /// Names of the keys there are.
    async fn names(&self) -> Vec<String> {
        let strip = |entry: Entry| entry.key[self.prefix.len()..].to_owned();
        self.entries().await.into_iter().map(strip).collect()
    }

    /// What a watch sees, each event as `+name` or `-name` with its revision.
    fn shown(&self, event: &Event) -> (String, Revision) {
        let name = &event.key()[self.prefix.len()..];
        let sign = if matches!(event, Event::Put(_)) { '+' } else { '-' };
        (format!("{sign}{name}"), event.revision())
    }

    async fn watch(&self, from: Revision) -> Box<dyn Watch> {
        self.store.watch(&self.prefix, from).await.unwrap()
    }
}

/// The next batch that has events.
async fn news(watch: &mut Box<dyn Watch>) -> (Revision, Vec<Event>) {
    let wanted = async {
        loop {
            let (revision, events) = watch.next().await.unwrap();
            if !events.is_empty() {
                return (revision, events);
            }
        }
    };
    timeout(PATIENCE, wanted).await.unwrap_or_else(|_| panic!("the watch gives nothing"))
}

/// Events until this many are there.
async fn events(watch: &mut Box<dyn Watch>, count: usize) -> Vec<Event> {
    let mut found = Vec::new();
    while found.len() < count {
        found.extend(news(watch).await.1);
    }
    found
}

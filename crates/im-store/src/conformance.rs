//! The suite that every back end passes: one function per sentence of the port.
//!
//! A back end's tests implement [`Harness`] and write `im_store::conformance_tests!(MyHarness::new());`, which makes a
//! test of each sentence. [`behaves_like_the_memory_store`] compares with the memory store over random batches. The
//! suite never looks behind the port.

#![expect(clippy::unwrap_used, reason = "a suite of tests: a failed read is a failed test")]

use crate::{
    AccountId, ArchiveFilter, ArchivePage, Batch, Content, ItemKind, Query, QueuedStanza, Reader,
    Reply, SessionId, StanzaId, Store, Write,
};
use bytes::Bytes;
use xmpp::jid::BareJid;

mod accounts;
mod archives;
mod instances;
mod offline;
mod queues;
mod random;

pub use accounts::*;
pub use archives::*;
pub use instances::*;
pub use offline::*;
pub use queues::*;
pub use random::{Universe, behaves_like_the_memory_store, random_batch, same_answers};

/// One place for a store, empty at first.
pub trait Harness {
    /// The back end.
    type Store: Store;

    /// Opens the place. Stores opened before may still be alive; they are fenced from now on. A store that was dropped
    /// had no chance to say goodbye.
    fn open(&mut self) -> Self::Store;
}

/// Makes a test of every sentence of the suite; the argument gives a new harness.
#[macro_export]
macro_rules! conformance_tests {
    ($harness:expr) => {
        $crate::conformance_tests! { @each $harness;
            an_account_is_found_by_its_address
            putting_an_account_again_replaces_its_credentials
            hot_items_come_with_the_account_and_cold_ones_do_not
            an_item_is_replaced_and_removed
            accounts_are_listed_in_order_of_address
            removing_an_account_removes_everything_it_owns
            an_archive_is_paged_forwards
            an_archive_is_paged_backwards
            an_archive_is_filtered_by_partner_and_resource
            an_archive_is_filtered_by_time
            an_archive_is_counted_without_the_bounds_of_the_page
            an_unknown_bound_is_reported_missing
            archived_stanzas_are_read_by_id_in_the_order_asked
            a_page_of_long_stanzas_ends_where_its_bytes_are_used_up
            an_archive_entry_may_come_in_a_later_batch_than_its_stanza
            offline_stanzas_are_paged_and_tell_whether_they_are_archived
            trimmed_offline_stanzas_are_gone_and_the_archive_is_not
            a_stanza_only_kept_offline_goes_when_it_is_trimmed
            offline_stanzas_are_counted
            a_session_is_recovered_as_last_put
            a_removed_session_is_not_recovered
            counters_survive_a_new_state
            a_queue_is_read_in_order_with_its_content
            a_queue_page_ends_at_its_limits
            a_trimmed_queue_begins_later
            a_stanza_in_two_queues_stays_until_both_are_trimmed
            a_stanza_moved_to_another_queue_within_a_batch_stays
            a_stanza_whose_entries_come_later_is_kept_for_them
            a_removed_session_takes_its_queue_along
            an_empty_batch_is_committed
            a_read_sees_what_was_committed_before
            an_older_instance_is_fenced
            the_last_ids_are_remembered_although_their_owners_are_gone
            recovered_is_given_once
            everything_committed_is_found_after_reopening
        }
    };
    (@each $harness:expr; $($name:ident)*) => {
        $(#[test] fn $name() { $crate::conformance::$name(&mut $harness); })*
    };
}

fn jid(text: &str) -> BareJid {
    BareJid::parse(text).unwrap()
}

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn commit(store: &mut impl Store, writes: Vec<Write>) {
    store.commit(&Batch { writes }).unwrap();
}

fn ask(store: &impl Store, query: &Query) -> Reply {
    store.reader().unwrap().read(query).unwrap()
}

fn account(id: u64, address: &str) -> Write {
    Write::AccountPut { account: AccountId(id), jid: jid(address), credentials: bytes("secret") }
}

fn item(account: u64, kind: u8, key: &str, value: &str) -> Write {
    let (account, kind) = (AccountId(account), ItemKind(kind));
    Write::ItemPut { account, kind, key: key.into(), value: bytes(value) }
}

/// A stanza whose bytes name its id.
fn stanza(id: u64, archived: bool) -> Write {
    Write::Stanza { id: StanzaId(id), bytes: stanza_bytes(id), archived }
}

fn stanza_bytes(id: u64) -> Bytes {
    bytes(&format!("<message id='{id}'/>"))
}

fn archive(account: u64, id: u64, peer: &str, resource: Option<&str>) -> Write {
    let peer_resource = resource.map(Into::into);
    Write::Archive { account: AccountId(account), id: StanzaId(id), peer: jid(peer), peer_resource }
}

fn offline(account: u64, id: u64) -> Write {
    Write::Offline { account: AccountId(account), id: StanzaId(id) }
}

fn session(id: u64, account: u64, state: &str) -> Write {
    Write::SessionPut { session: SessionId(id), account: AccountId(account), state: bytes(state) }
}

fn counters(id: u64, value: &str) -> Write {
    Write::SessionCounters { session: SessionId(id), counters: bytes(value) }
}

fn own(session: u64, seq: u64, text: &str) -> Write {
    Write::QueueAppend { session: SessionId(session), seq, content: Content::Own(bytes(text)) }
}

fn stored(session: u64, seq: u64, id: u64) -> Write {
    let content = Content::Stored(StanzaId(id), crate::Render::default());
    Write::QueueAppend { session: SessionId(session), seq, content }
}

fn trim(session: u64, up_to: u64) -> Write {
    Write::QueueTrim { session: SessionId(session), up_to }
}

fn remove_session(session: u64) -> Write {
    Write::SessionRemove { session: SessionId(session) }
}

fn queue(store: &impl Store, session: u64) -> Vec<QueuedStanza> {
    let query =
        Query::Queue { session: SessionId(session), from_seq: 0, max: 1000, bytes_max: usize::MAX };
    match ask(store, &query) {
        Reply::Queue(entries) => entries,
        other => panic!("a queue was asked, not {other:?}"),
    }
}

/// Sequence number and text of each entry.
fn queue_texts(store: &impl Store, session: u64) -> Vec<(u64, String)> {
    let text = |entry: QueuedStanza| (entry.seq, String::from_utf8(entry.bytes.to_vec()).unwrap());
    queue(store, session).into_iter().map(text).collect()
}

fn archive_query(filter: ArchiveFilter, max: usize, from_end: bool, count: bool) -> Query {
    Query::Archive { account: AccountId(1), filter, max, from_end, count }
}

fn page(store: &impl Store, query: &Query) -> ArchivePage {
    match ask(store, query) {
        Reply::Archive(page) => page,
        other => panic!("an archive was asked, not {other:?}"),
    }
}

fn page_ids(page: &ArchivePage) -> Vec<u64> {
    page.stanzas.iter().map(|stanza| stanza.id.0).collect()
}

//! Sentences about offline stanzas.

use super::{
    Harness, account, archive, archive_query, ask, commit, jid, offline, page, page_ids, stanza,
    stored,
};
use super::{queue_texts, session, stanza_bytes};
use crate::{AccountId, ArchiveFilter, Query, Reader, Reply, StanzaId, Store, Write};

fn read(store: &impl Store, account: u64, after: u64, max: usize) -> Vec<(u64, bool)> {
    match ask(store, &Query::Offline { account: AccountId(account), after: StanzaId(after), max }) {
        Reply::Offline(stanzas) => stanzas
            .iter()
            .map(|stanza| {
                assert_eq!(stanza.bytes, stanza_bytes(stanza.id.0));
                (stanza.id.0, stanza.archived)
            })
            .collect(),
        other => panic!("offline stanzas were asked, not {other:?}"),
    }
}

fn trim(account: u64, up_to: u64) -> Write {
    Write::OfflineTrim { account: AccountId(account), up_to: StanzaId(up_to) }
}

/// Stanzas 10, 20, 30 for romeo, 20 also in his archive, 30 only in juliet's.
fn filled(h: &mut impl Harness) -> impl Store {
    let mut store = h.open();
    let writes = vec![
        account(1, "romeo@example.org"),
        account(2, "juliet@example.org"),
        stanza(10, true),
        offline(1, 10),
        stanza(20, true),
        archive(1, 20, "juliet@example.org", None),
        offline(1, 20),
        stanza(30, true),
        archive(2, 30, "romeo@example.org", None),
        offline(1, 30),
        offline(2, 30),
    ];
    commit(&mut store, writes);
    store
}

/// See the name.
pub fn offline_stanzas_are_paged_and_tell_whether_they_are_archived(h: &mut impl Harness) {
    let store = filled(h);
    assert_eq!(read(&store, 1, 0, 10), [(10, false), (20, true), (30, false)]);
    assert_eq!(read(&store, 1, 0, 2), [(10, false), (20, true)]);
    assert_eq!(read(&store, 1, 20, 2), [(30, false)]);
    assert_eq!(read(&store, 1, 30, 2), []);
    assert_eq!(read(&store, 2, 0, 2), [(30, true)]);
}

/// See the name.
pub fn trimmed_offline_stanzas_are_gone_and_the_archive_is_not(h: &mut impl Harness) {
    let mut store = filled(h);
    commit(&mut store, vec![trim(1, 20)]);
    assert_eq!(read(&store, 1, 0, 10), [(30, false)]);
    // Older than the trim, and written after it: routed again.
    commit(&mut store, vec![trim(1, 40), offline(1, 20)]);
    assert_eq!(read(&store, 1, 0, 10), [(20, true)]);
    assert_eq!(read(&store, 2, 0, 10), [(30, true)]);
    let all = page(&store, &archive_query(ArchiveFilter::default(), 10, false, false));
    assert_eq!(page_ids(&all), [20]);
}

/// See the name. The port cannot ask for a stanza that nothing refers to: a new reference to it must fail to read.
pub fn a_stanza_only_kept_offline_goes_when_it_is_trimmed(h: &mut impl Harness) {
    let mut store = filled(h);
    commit(&mut store, vec![session(5, 2, ""), stored(5, 1, 30), trim(1, 30)]);
    assert_eq!(queue_texts(&store, 5).len(), 1);
    commit(&mut store, vec![offline(1, 10)]);
    let query = Query::Offline { account: AccountId(1), after: StanzaId(0), max: 10 };
    let error = store.reader().unwrap().read(&query).unwrap_err();
    assert!(error.to_string().contains("stanza 10"), "{error}");
}

/// See the name.
pub fn offline_stanzas_are_counted(h: &mut impl Harness) {
    let mut store = filled(h);
    let count = |store: &_, address| match ask(store, &Query::Account(jid(address))) {
        Reply::Account(row) => row.map(|row| row.offline),
        other => panic!("an account was asked, not {other:?}"),
    };
    assert_eq!(count(&store, "romeo@example.org"), Some(3));
    commit(&mut store, vec![trim(1, 10), offline(1, 20)]);
    assert_eq!(count(&store, "romeo@example.org"), Some(2));
    assert_eq!(count(&store, "juliet@example.org"), Some(1));
}

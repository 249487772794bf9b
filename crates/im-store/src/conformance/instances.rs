//! Sentences about committing, fencing and reopening.

use super::{
    Harness, account, archive, archive_query, ask, bytes, commit, item, jid, own, page, page_ids,
    queue_texts, remove_session, session, stanza,
};
use crate::{
    AccountId, ArchiveFilter, Batch, CommitError, Query, Reader, Recovered, Reply, Room, Store,
    Write,
};

/// See the name.
pub fn an_empty_batch_is_committed(h: &mut impl Harness) {
    let mut store = h.open();
    assert_eq!(store.commit(&Batch::default()).unwrap().room, Room::Plenty);
    assert_eq!(store.take_recovered(), Recovered::default());
}

/// See the name: also with a reader that is older than the commit.
pub fn a_read_sees_what_was_committed_before(h: &mut impl Harness) {
    let mut store = h.open();
    let mut reader = store.reader().unwrap();
    commit(&mut store, vec![account(1, "romeo@example.org")]);
    for n in 0..20 {
        let text = n.to_string();
        commit(&mut store, vec![item(1, 1, "k", &text)]);
        let Reply::Account(row) = reader.read(&Query::Account(jid("romeo@example.org"))).unwrap()
        else {
            panic!("an account was asked");
        };
        assert_eq!(row.unwrap().items[0].2, bytes(&text));
    }
}

/// See the name.
pub fn an_older_instance_is_fenced(h: &mut impl Harness) {
    let mut old = h.open();
    commit(&mut old, vec![account(1, "romeo@example.org")]);
    let mut new = h.open();
    assert!(new.epoch() > old.epoch());
    for writes in [vec![account(2, "juliet@example.org")], vec![]] {
        match old.commit(&Batch { writes }) {
            Err(CommitError::Fenced { mine, current }) => {
                assert_eq!((mine, current), (old.epoch(), new.epoch()));
            }
            other => panic!("the older instance committed: {other:?}"),
        }
    }
    commit(&mut new, vec![account(3, "nurse@example.org")]);
    drop((old, new));
    let third = h.open();
    let Reply::Accounts(found) = ask(&third, &Query::Accounts { after: "".into(), max: 9 }) else {
        panic!("accounts were asked");
    };
    assert_eq!(found, [jid("nurse@example.org"), jid("romeo@example.org")]);
}

/// See the name.
pub fn the_last_ids_are_remembered_although_their_owners_are_gone(h: &mut impl Harness) {
    let mut store = h.open();
    let writes = vec![
        account(41, "romeo@example.org"),
        session(51, 41, "s"),
        stanza(61, false),
        super::stored(51, 1, 61),
    ];
    commit(&mut store, writes);
    commit(&mut store, vec![remove_session(51), Write::AccountRemove { account: AccountId(41) }]);
    for _ in 0..2 {
        drop(store);
        store = h.open();
        let found = store.take_recovered();
        assert!(
            found.last_account >= 41 && found.last_session >= 51 && found.last_stanza >= 61,
            "{found:?}"
        );
        assert!(found.sessions.is_empty() && found.accounts.is_empty());
    }
}

/// See the name.
pub fn recovered_is_given_once(h: &mut impl Harness) {
    let mut store = h.open();
    commit(&mut store, vec![account(1, "romeo@example.org"), session(5, 1, "s")]);
    drop(store);
    let mut store = h.open();
    assert_eq!(store.take_recovered().sessions.len(), 1);
    assert_eq!(store.take_recovered(), Recovered::default());
}

/// See the name: many batches over many instances.
pub fn everything_committed_is_found_after_reopening(h: &mut impl Harness) {
    let mut expect = Vec::new();
    for instance in 0..4_u64 {
        let mut store = h.open();
        if instance == 0 {
            commit(&mut store, vec![account(1, "romeo@example.org"), session(5, 1, "s")]);
        }
        for n in 1..=25 {
            let id = instance * 1000 + n;
            let seq = instance * 25 + n;
            let archived = archive(1, id, "juliet@example.org", None);
            commit(&mut store, vec![stanza(id, true), archived, own(5, seq, "q")]);
            expect.push(id);
        }
    }
    let store = h.open();
    let all = page(&store, &archive_query(ArchiveFilter::default(), 1000, false, false));
    assert_eq!(page_ids(&all), expect);
    assert_eq!(queue_texts(&store, 5).len(), 100);
}

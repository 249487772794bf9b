//! Sentences about sessions and their queues.

use super::{
    Harness, account, ask, bytes, commit, counters, own, queue, queue_texts, remove_session,
    session, stanza, stanza_bytes, stored, trim,
};
use crate::{
    AccountId, CarbonKind, Content, KeptSession, Query, Reader, Render, Reply, SessionId, StanzaId,
    Store, Write,
};

/// See the name.
pub fn a_session_is_recovered_as_last_put(h: &mut impl Harness) {
    let mut store = h.open();
    let writes = vec![
        account(1, "romeo@example.org"),
        account(2, "juliet@example.org"),
        account(3, "nurse@example.org"),
        session(5, 1, "old"),
        session(6, 1, "other"),
        session(9, 3, "third"),
        counters(5, "1"),
        own(5, 1, "a"),
        own(5, 2, "b"),
    ];
    commit(&mut store, writes);
    commit(&mut store, vec![session(5, 1, "new"), counters(5, "2"), own(5, 3, "c"), trim(5, 1)]);
    drop(store);
    let recovered = h.open().take_recovered();
    let kept = |session, account, state, counters, queue| KeptSession {
        session: SessionId(session),
        account: AccountId(account),
        state: bytes(state),
        counters: bytes(counters),
        queue,
    };
    let mut sessions = recovered.sessions;
    sessions.sort_by_key(|kept| kept.session);
    let expect = [
        kept(5, 1, "new", "2", Some((2, 3))),
        kept(6, 1, "other", "", None),
        kept(9, 3, "third", "", None),
    ];
    assert_eq!(sessions, expect);
    let mut accounts: Vec<_> = recovered.accounts.iter().map(|row| row.jid.to_string()).collect();
    accounts.sort();
    assert_eq!(accounts, ["nurse@example.org", "romeo@example.org"]);
}

/// See the name.
pub fn a_removed_session_is_not_recovered(h: &mut impl Harness) {
    let mut store = h.open();
    commit(
        &mut store,
        vec![account(1, "romeo@example.org"), session(5, 1, "s"), session(6, 1, "s")],
    );
    commit(
        &mut store,
        vec![remove_session(5), session(7, 1, "s"), own(7, 1, "a"), remove_session(7)],
    );
    drop(store);
    let sessions = h.open().take_recovered().sessions;
    assert_eq!(sessions.iter().map(|kept| kept.session.0).collect::<Vec<_>>(), [6]);
}

/// See the name.
pub fn counters_survive_a_new_state(h: &mut impl Harness) {
    let mut store = h.open();
    commit(
        &mut store,
        vec![account(1, "romeo@example.org"), session(5, 1, "s"), counters(5, "17")],
    );
    commit(&mut store, vec![session(5, 1, "t")]);
    drop(store);
    let kept = h.open().take_recovered().sessions.remove(0);
    assert_eq!((kept.state, kept.counters), (bytes("t"), bytes("17")));
}

/// See the name.
pub fn a_queue_is_read_in_order_with_its_content(h: &mut impl Harness) {
    let mut store = h.open();
    let renders = [
        Render::default(),
        Render {
            stanza_id: true,
            delay: true,
            carbon: None,
            to: Some("romeo@example.org/x".into()),
            also: Vec::new(),
        },
        Render { also: vec![SessionId(6), SessionId(700)], ..Render::default() },
        Render { carbon: Some(CarbonKind::Sent), ..Render::default() },
        Render { carbon: Some(CarbonKind::Received), to: Some("".into()), ..Render::default() },
    ];
    let mut writes = vec![
        account(1, "romeo@example.org"),
        session(5, 1, "s"),
        own(5, 1, "<iq/>"),
        stanza(10, false),
    ];
    for (n, render) in renders.iter().enumerate() {
        let content = Content::Stored(StanzaId(10), render.clone());
        writes.push(Write::QueueAppend { session: SessionId(5), seq: n as u64 + 2, content });
    }
    commit(&mut store, writes);
    let entries = queue(&store, 5);
    let seqs: Vec<_> = entries.iter().map(|entry| entry.seq).collect();
    assert_eq!(seqs, (1..=renders.len() as u64 + 1).collect::<Vec<_>>());
    assert_eq!(entries[0].content, Content::Own(bytes("<iq/>")));
    assert_eq!(entries[0].bytes, bytes("<iq/>"));
    for (entry, render) in entries[1..].iter().zip(renders) {
        assert_eq!(entry.content, Content::Stored(StanzaId(10), render));
        assert_eq!(entry.bytes, stanza_bytes(10));
    }
}

/// See the name.
pub fn a_queue_page_ends_at_its_limits(h: &mut impl Harness) {
    let mut store = h.open();
    let mut writes = vec![account(1, "romeo@example.org"), session(5, 1, "s"), session(6, 1, "s")];
    writes.extend((1..=6).map(|seq| own(5, seq, "12345")));
    writes.push(own(6, 1, "of another"));
    commit(&mut store, writes);
    let seqs = |from_seq, max, bytes_max| match ask(
        &store,
        &Query::Queue { session: SessionId(5), from_seq, max, bytes_max },
    ) {
        Reply::Queue(page) => page.iter().map(|entry| entry.seq).collect::<Vec<_>>(),
        other => panic!("a queue was asked, not {other:?}"),
    };
    assert_eq!(seqs(1, 4, 1000), [1, 2, 3, 4]);
    assert_eq!(seqs(5, 4, 1000), [5, 6]);
    assert_eq!(seqs(7, 4, 1000), [0_u64; 0]);
    assert_eq!(seqs(1, 4, 10), [1, 2]);
    assert_eq!(seqs(1, 4, 11), [1, 2, 3]);
    assert_eq!(seqs(2, 4, 1), [2], "at least one entry");
    assert_eq!(seqs(2, 4, 0), [2], "at least one entry");
}

/// See the name.
pub fn a_trimmed_queue_begins_later(h: &mut impl Harness) {
    let mut store = h.open();
    let mut writes = vec![account(1, "romeo@example.org"), session(5, 1, "s"), session(6, 1, "s")];
    writes.extend((1..=3).flat_map(|seq| [own(5, seq, "a"), own(6, seq, "b")]));
    commit(&mut store, writes);
    commit(&mut store, vec![trim(5, 2)]);
    assert_eq!(queue_texts(&store, 5), [(3, "a".into())]);
    assert_eq!(queue_texts(&store, 6).len(), 3);
    commit(&mut store, vec![own(5, 4, "a"), trim(5, 4), own(5, 5, "z")]);
    assert_eq!(queue_texts(&store, 5), [(5, "z".into())]);
    drop(store);
    let mut sessions = h.open().take_recovered().sessions;
    sessions.sort_by_key(|kept| kept.session);
    let queues: Vec<_> = sessions.iter().map(|kept| kept.queue).collect();
    assert_eq!(queues, [Some((5, 5)), Some((1, 3))]);
}

/// See the name.
pub fn a_stanza_in_two_queues_stays_until_both_are_trimmed(h: &mut impl Harness) {
    let mut store = h.open();
    let writes = vec![
        account(1, "romeo@example.org"),
        session(5, 1, "s"),
        session(6, 1, "s"),
        stanza(10, false),
        stored(5, 1, 10),
        stored(6, 1, 10),
    ];
    commit(&mut store, writes);
    commit(&mut store, vec![trim(5, 1)]);
    assert_eq!(queue(&store, 6)[0].bytes, stanza_bytes(10));
    drop(store);
    let mut store = h.open();
    assert_eq!(queue(&store, 6)[0].bytes, stanza_bytes(10));
    commit(&mut store, vec![trim(6, 1)]);
    assert!(queue(&store, 6).is_empty());
    // The port cannot ask for a stanza that nothing refers to: a new reference to it must fail to read.
    commit(&mut store, vec![stored(5, 2, 10)]);
    let query = Query::Queue { session: SessionId(5), from_seq: 0, max: 9, bytes_max: 9 };
    let error = store.reader().unwrap().read(&query).unwrap_err();
    assert!(error.to_string().contains("stanza 10"), "{error}");
}

/// See the name.
pub fn a_stanza_moved_to_another_queue_within_a_batch_stays(h: &mut impl Harness) {
    let mut store = h.open();
    let writes = vec![
        account(1, "romeo@example.org"),
        session(5, 1, "s"),
        session(6, 1, "s"),
        stanza(10, false),
        stored(5, 1, 10),
    ];
    commit(&mut store, writes);
    assert_eq!(queue(&store, 5).len(), 1);
    commit(&mut store, vec![remove_session(5), stored(6, 1, 10)]);
    assert_eq!(queue_texts(&store, 6), [(1, "<message id='10'/>".into())]);
    commit(&mut store, vec![trim(6, 1), stored(6, 2, 10)]);
    assert_eq!(queue_texts(&store, 6), [(2, "<message id='10'/>".into())]);
}

/// See the name.
pub fn a_stanza_whose_entries_come_later_is_kept_for_them(h: &mut impl Harness) {
    let mut store = h.open();
    commit(
        &mut store,
        vec![account(1, "romeo@example.org"), session(5, 1, "s"), stanza(10, false)],
    );
    drop(store);
    let mut store = h.open();
    commit(&mut store, vec![stored(5, 1, 10)]);
    assert_eq!(queue_texts(&store, 5), [(1, "<message id='10'/>".into())]);
}

/// See the name.
pub fn a_removed_session_takes_its_queue_along(h: &mut impl Harness) {
    let mut store = h.open();
    commit(&mut store, vec![account(1, "romeo@example.org"), session(5, 1, "s"), own(5, 1, "a")]);
    assert_eq!(queue(&store, 5).len(), 1);
    commit(&mut store, vec![own(5, 2, "b"), remove_session(5)]);
    assert!(queue(&store, 5).is_empty());
}

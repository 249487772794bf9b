//! Sentences about accounts and their items.

use super::{
    Harness, account, archive, ask, bytes, commit, item, jid, offline, own, page, queue, session,
    stanza,
};
use crate::{AccountId, AccountRow, ArchiveFilter, ItemKind, Query, Reply, Store, Write};
use bytes::Bytes;

fn row(store: &impl Store, address: &str) -> Option<AccountRow> {
    match ask(store, &Query::Account(jid(address))) {
        Reply::Account(row) => row,
        other => panic!("an account was asked, not {other:?}"),
    }
}

fn value(store: &impl Store, account: u64, kind: u8, key: &str) -> Option<Bytes> {
    let query = Query::Item { account: AccountId(account), kind: ItemKind(kind), key: key.into() };
    match ask(store, &query) {
        Reply::Item(value) => value,
        other => panic!("an item was asked, not {other:?}"),
    }
}

fn addresses(store: &impl Store, after: &str, max: usize) -> Vec<String> {
    match ask(store, &Query::Accounts { after: after.into(), max }) {
        Reply::Accounts(jids) => jids.iter().map(ToString::to_string).collect(),
        other => panic!("accounts were asked, not {other:?}"),
    }
}

/// See the name.
pub fn an_account_is_found_by_its_address(h: &mut impl Harness) {
    let mut store = h.open();
    assert_eq!(row(&store, "romeo@example.org"), None);
    commit(&mut store, vec![account(7, "romeo@example.org"), account(8, "juliet@example.org")]);
    let found = row(&store, "romeo@example.org").unwrap();
    assert_eq!((found.account, found.jid), (AccountId(7), jid("romeo@example.org")));
    assert_eq!((found.credentials, found.offline), (bytes("secret"), 0));
    assert_eq!(row(&store, "tybalt@example.org"), None);
}

/// See the name.
pub fn putting_an_account_again_replaces_its_credentials(h: &mut impl Harness) {
    let mut store = h.open();
    commit(&mut store, vec![account(7, "romeo@example.org"), item(7, 1, "k", "kept")]);
    let jid = jid("romeo@example.org");
    commit(
        &mut store,
        vec![Write::AccountPut { account: AccountId(7), jid, credentials: bytes("new") }],
    );
    let found = row(&store, "romeo@example.org").unwrap();
    assert_eq!((found.account, found.credentials), (AccountId(7), bytes("new")));
    assert_eq!(found.items, [(ItemKind(1), "k".into(), bytes("kept"))]);
}

/// See the name.
pub fn hot_items_come_with_the_account_and_cold_ones_do_not(h: &mut impl Harness) {
    let mut store = h.open();
    let writes = vec![
        account(1, "romeo@example.org"),
        account(2, "juliet@example.org"),
        item(1, 2, "b", "2b"),
        item(1, 200, "", "vcard"),
        item(1, 1, "z", "1z"),
        item(2, 1, "x", "of juliet"),
        item(1, 2, "a", ""),
        item(1, 127, "last", "hot"),
        item(1, 128, "first", "cold"),
    ];
    commit(&mut store, writes);
    let items = row(&store, "romeo@example.org").unwrap().items;
    let hot = |kind, key: &str, value: &str| (ItemKind(kind), Box::from(key), bytes(value));
    assert_eq!(
        items,
        [hot(1, "z", "1z"), hot(2, "a", ""), hot(2, "b", "2b"), hot(127, "last", "hot")]
    );
    assert_eq!(value(&store, 1, 200, ""), Some(bytes("vcard")));
    assert_eq!(value(&store, 1, 128, "first"), Some(bytes("cold")));
    assert_eq!(value(&store, 1, 2, "a"), Some(bytes("")));
    assert_eq!(value(&store, 2, 200, ""), None);
}

/// See the name.
pub fn an_item_is_replaced_and_removed(h: &mut impl Harness) {
    let mut store = h.open();
    commit(
        &mut store,
        vec![account(1, "romeo@example.org"), item(1, 1, "k", "old"), item(1, 1, "k", "new")],
    );
    assert_eq!(value(&store, 1, 1, "k"), Some(bytes("new")));
    let remove = || Write::ItemRemove { account: AccountId(1), kind: ItemKind(1), key: "k".into() };
    commit(&mut store, vec![remove()]);
    assert_eq!(value(&store, 1, 1, "k"), None);
    commit(
        &mut store,
        vec![remove(), item(1, 1, "k", "again"), remove(), item(1, 1, "k", "at last")],
    );
    assert_eq!(value(&store, 1, 1, "k"), Some(bytes("at last")));
}

/// See the name.
pub fn accounts_are_listed_in_order_of_address(h: &mut impl Harness) {
    let mut store = h.open();
    let writes = vec![
        account(1, "romeo@example.org"),
        account(2, "juliet@example.org"),
        account(3, "zoe@a.org"),
    ];
    commit(&mut store, writes);
    assert_eq!(addresses(&store, "", 10), ["juliet@example.org", "romeo@example.org", "zoe@a.org"]);
    assert_eq!(addresses(&store, "", 2), ["juliet@example.org", "romeo@example.org"]);
    assert_eq!(addresses(&store, "juliet@example.org", 1), ["romeo@example.org"]);
    assert!(addresses(&store, "zoe@a.org", 10).is_empty());
}

/// See the name.
pub fn removing_an_account_removes_everything_it_owns(h: &mut impl Harness) {
    let mut store = h.open();
    let writes = vec![
        account(1, "romeo@example.org"),
        account(2, "juliet@example.org"),
        item(1, 1, "k", "v"),
        item(1, 200, "k", "v"),
        item(2, 1, "k", "of juliet"),
        stanza(100, true),
        archive(1, 100, "juliet@example.org", None),
        archive(2, 100, "romeo@example.org", None),
        offline(1, 100),
        session(5, 1, "state"),
        own(5, 1, "<presence/>"),
        session(6, 2, "state"),
        own(6, 1, "<presence/>"),
    ];
    commit(&mut store, writes);
    // What is written in the same batch after the removal stays.
    commit(
        &mut store,
        vec![Write::AccountRemove { account: AccountId(1) }, item(2, 2, "k", "after")],
    );
    assert_eq!(row(&store, "romeo@example.org"), None);
    assert_eq!((value(&store, 1, 1, "k"), value(&store, 1, 200, "k")), (None, None));
    assert!(queue(&store, 5).is_empty());
    let all = Query::Archive {
        account: AccountId(1),
        filter: ArchiveFilter::default(),
        max: 10,
        from_end: false,
        count: true,
    };
    assert_eq!(page(&store, &all).total, Some(0));
    assert_eq!(row(&store, "juliet@example.org").unwrap().items.len(), 2);
    assert_eq!(queue(&store, 6).len(), 1);
    drop(store);
    let sessions = h.open().take_recovered().sessions;
    assert_eq!(sessions.iter().map(|kept| kept.session.0).collect::<Vec<_>>(), [6]);
}

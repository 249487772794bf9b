//! Sentences about keys, guards and revisions.

use super::{Subject, timeout};
use crate::{ControlStore, Entry, Error, Guard, Op, Txn, TxnOutcome};
use std::sync::Arc;

/// See the name.
pub async fn what_was_put_is_found_with_its_revisions(s: &Subject) {
    let first = s.commit(vec![s.put("a", "1")]).await;
    let second = s.commit(vec![s.put("a", "2")]).await;
    assert!(second > first, "{second} after {first}");
    let expect = Entry {
        key: s.key("a"),
        value: b"2".to_vec(),
        create_revision: first,
        mod_revision: second,
        lease: None,
    };
    let range = s.store.range(&s.prefix).await.unwrap();
    assert_eq!(range.entries, [expect]);
    assert!(range.revision >= second);
    s.commit(vec![s.delete("a")]).await;
    assert_eq!(s.entries().await, []);
}

/// See the name: also keys that a careless upper bound would catch or miss.
pub async fn keys_under_a_prefix_come_in_their_order_and_no_others(s: &Subject) {
    let names =
        ["b", "a/2", "a/10", "a/", "a", "a0", "a/\u{10ffff}", "a/ü", "a.", "a/\u{ff}/x", "A"];
    s.commit(names.iter().map(|name| s.put(name, name)).collect()).await;
    let under = async |name: &str| -> Vec<String> {
        let range = s.store.range(&s.key(name)).await.unwrap();
        range.entries.into_iter().map(|entry| entry.key[s.prefix.len()..].to_owned()).collect()
    };
    let within = ["a/", "a/10", "a/2", "a/ü", "a/\u{ff}/x", "a/\u{10ffff}"];
    let mut sorted = within.to_vec();
    sorted.sort_unstable();
    assert_eq!(under("a/").await, sorted);
    let mut all = names.to_vec();
    all.sort_unstable();
    assert_eq!(under("").await, all);
    assert_eq!(under("a/\u{10ffff}").await, ["a/\u{10ffff}"]);
    assert_eq!(under("c").await, Vec::<String>::new());
}

/// See the name.
pub async fn values_are_kept_byte_for_byte(s: &Subject) {
    let all: Vec<u8> = (0..=255).collect();
    for (name, value) in [("empty", vec![]), ("nul", vec![0]), ("all", all)] {
        s.commit(vec![Op::Put { key: s.key(name), value: value.clone(), lease: None }]).await;
        assert_eq!(s.entry(name).await.unwrap().value, value, "{name}");
    }
}

async fn holds(s: &Subject, guards: &[Guard]) -> bool {
    matches!(s.guarded(guards.to_vec(), vec![]).await, TxnOutcome::Committed(_))
}

/// See the name.
pub async fn a_guard_on_absence_holds_only_without_the_key(s: &Subject) {
    let guard = [Guard::Absent(s.key("a"))];
    assert!(holds(s, &guard).await);
    s.commit(vec![s.put("a", "")]).await;
    assert!(!holds(s, &guard).await);
    s.commit(vec![s.delete("a")]).await;
    assert!(holds(s, &guard).await);
}

/// See the name.
pub async fn a_guard_on_creation_holds_through_changes_and_not_through_a_new_creation(s: &Subject) {
    let created = s.commit(vec![s.put("a", "1")]).await;
    let guard = [Guard::CreatedAt(s.key("a"), created)];
    assert!(holds(s, &guard).await);
    let changed = s.commit(vec![s.put("a", "2")]).await;
    assert!(holds(s, &guard).await);
    assert!(!holds(s, &[Guard::CreatedAt(s.key("a"), changed)]).await);
    s.commit(vec![s.delete("a")]).await;
    assert!(!holds(s, &guard).await);
    let again = s.commit(vec![s.put("a", "3")]).await;
    assert!(!holds(s, &guard).await);
    assert!(holds(s, &[Guard::CreatedAt(s.key("a"), again)]).await);
}

/// See the name.
pub async fn a_guard_on_the_last_change_holds_until_the_next(s: &Subject) {
    let created = s.commit(vec![s.put("a", "1")]).await;
    let guard = [Guard::ChangedAt(s.key("a"), created)];
    assert!(holds(s, &guard).await);
    s.commit(vec![s.put("b", "of no concern")]).await;
    assert!(holds(s, &guard).await);
    // The same value again is a change too.
    let changed = s.commit(vec![s.put("a", "1")]).await;
    assert!(!holds(s, &guard).await);
    assert!(holds(s, &[Guard::ChangedAt(s.key("a"), changed)]).await);
    s.commit(vec![s.delete("a")]).await;
    assert!(!holds(s, &[Guard::ChangedAt(s.key("a"), changed)]).await);
}

/// See the name.
pub async fn guards_hold_together_or_not_at_all(s: &Subject) {
    let at = s.commit(vec![s.put("a", "1")]).await;
    let (yes, no) = (Guard::CreatedAt(s.key("a"), at), Guard::Absent(s.key("a")));
    let also = Guard::Absent(s.key("b"));
    assert!(holds(s, &[yes.clone(), also.clone()]).await);
    assert!(!holds(s, &[yes.clone(), no.clone()]).await);
    assert!(!holds(s, &[no, yes, also]).await);
}

/// See the name.
pub async fn a_refused_transaction_changes_nothing(s: &Subject) {
    s.commit(vec![s.put("a", "1"), s.put("b", "1")]).await;
    let before = s.entries().await;
    let ops = vec![s.put("a", "2"), s.delete("b"), s.put("c", "2")];
    let outcome = s.guarded(vec![Guard::Absent(s.key("a"))], ops).await;
    assert!(matches!(outcome, TxnOutcome::Refused(_)), "{outcome:?}");
    assert_eq!(s.entries().await, before);
}

/// See the name.
pub async fn a_transaction_is_one_revision(s: &Subject) {
    let at = s.commit(vec![s.put("a", ""), s.put("b", ""), s.put("c", "")]).await;
    for entry in s.entries().await {
        assert_eq!((entry.create_revision, entry.mod_revision), (at, at), "{}", entry.key);
    }
    let mut watch = s.watch(at + 1).await;
    let next = s.commit(vec![s.put("b", ""), s.delete("a")]).await;
    for event in super::events(&mut watch, 2).await {
        assert_eq!(event.revision(), next, "{event:?}");
    }
}

/// See the name: the revision that comes back is the one that is.
pub async fn what_changes_nothing_takes_no_revision(s: &Subject) {
    let at = s.commit(vec![s.put("a", "")]).await;
    let mut watch = s.watch(at + 1).await;
    assert!(s.commit(vec![]).await >= at);
    assert!(s.commit(vec![s.delete("never was")]).await >= at);
    s.guarded(vec![Guard::Absent(s.key("a"))], vec![s.put("b", "")]).await;
    let next = s.commit(vec![s.put("c", "")]).await;
    let seen = super::events(&mut watch, 1).await;
    assert_eq!(seen.iter().map(|e| s.shown(e)).collect::<Vec<_>>(), [("+c".to_owned(), next)]);
}

/// See the name.
pub async fn deleting_and_putting_again_is_a_new_creation(s: &Subject) {
    let first = s.commit(vec![s.put("a", "")]).await;
    let deleted = s.commit(vec![s.delete("a")]).await;
    let again = s.commit(vec![s.put("a", "")]).await;
    assert!(first < deleted && deleted < again);
    let entry = s.entry("a").await.unwrap();
    assert_eq!((entry.create_revision, entry.mod_revision), (again, again));
}

async fn is_invalid(s: &Subject, txn: Txn) -> bool {
    match s.store.txn(txn).await {
        Err(Error::Invalid(_)) => true,
        other => panic!("not refused as invalid: {other:?}"),
    }
}

/// See the name: etcd's rule.
pub async fn a_key_is_changed_once_in_a_transaction(s: &Subject) {
    for ops in [
        vec![s.put("a", "1"), s.put("a", "2")],
        vec![s.put("a", "1"), s.delete("a")],
        vec![s.delete("a"), s.delete("a")],
    ] {
        assert!(is_invalid(s, Txn { guards: vec![], ops }).await);
    }
    assert_eq!(s.entries().await, []);
}

/// See the name.
pub async fn what_breaks_a_limit_is_invalid_and_changes_nothing(s: &Subject) {
    let put = |key: String, size| Op::Put { key, value: vec![b'x'; size], lease: None };
    let many = (0..=Txn::OPS_MAX).map(|n| s.put(&n.to_string(), "")).collect();
    let half = Entry::VALUE_BYTES_MAX / 2;
    let large = ["b", "c", "d"].map(|name| put(s.key(name), half)).into();
    for ops in [
        vec![s.put("a", ""), put(s.key("b"), Entry::VALUE_BYTES_MAX + 1)],
        vec![s.put("a", ""), put(s.key(&"k".repeat(Entry::KEY_BYTES_MAX)), 0)],
        vec![s.put("a", ""), put(String::new(), 0)],
        large,
        many,
    ] {
        assert!(is_invalid(s, Txn { guards: vec![], ops }).await);
    }
    let guards = (0..=Txn::OPS_MAX).map(|n| Guard::Absent(s.key(&n.to_string()))).collect();
    assert!(is_invalid(s, Txn { guards, ops: vec![s.put("a", "")] }).await);
    assert_eq!(s.entries().await, []);
}

/// See the name.
pub async fn the_largest_value_and_the_largest_transaction_are_taken(s: &Subject) {
    let value = vec![0xa5; Entry::VALUE_BYTES_MAX];
    s.commit(vec![Op::Put { key: s.key("large"), value: value.clone(), lease: None }]).await;
    assert_eq!(s.entry("large").await.unwrap().value, value);
    s.commit(vec![s.delete("large")]).await;
    let guards: Vec<_> = (0..Txn::OPS_MAX).map(|n| Guard::Absent(s.key(&n.to_string()))).collect();
    let ops: Vec<_> = (0..Txn::OPS_MAX).map(|n| s.put(&n.to_string(), "")).collect();
    let outcome = s.guarded(guards, ops).await;
    assert!(matches!(outcome, TxnOutcome::Committed(_)));
    assert_eq!(s.entries().await.len(), Txn::OPS_MAX);
}

/// See the name: what one was told, the other finds at once.
pub async fn two_clients_see_each_other(s: &Subject) {
    for n in 0..20 {
        let (here, there) = if n % 2 == 0 { (&s.store, &s.other) } else { (&s.other, &s.store) };
        let ops = vec![s.put("a", &n.to_string())];
        let TxnOutcome::Committed(at) = here.txn(Txn { guards: vec![], ops }).await.unwrap() else {
            panic!("refused without guards");
        };
        let range = there.range(&s.prefix).await.unwrap();
        assert!(range.revision >= at);
        assert_eq!(range.entries[0].value, n.to_string().into_bytes());
    }
}

async fn increment(store: &Arc<dyn ControlStore>, prefix: &str) {
    loop {
        let found = store.range(prefix).await.unwrap().entries.swap_remove(0);
        let count: u32 = String::from_utf8(found.value).unwrap().parse().unwrap();
        let value = (count + 1).to_string().into_bytes();
        let guards = vec![Guard::ChangedAt(found.key.clone(), found.mod_revision)];
        let ops = vec![Op::Put { key: found.key, value, lease: None }];
        if let TxnOutcome::Committed(_) = store.txn(Txn { guards, ops }).await.unwrap() {
            return;
        }
    }
}

/// See the name.
pub async fn concurrent_increments_lose_none(s: &Subject) {
    s.commit(vec![s.put("count", "0")]).await;
    let mut tasks = Vec::new();
    for n in 0..100 {
        let store = Arc::clone(if n % 2 == 0 { &s.store } else { &s.other });
        let prefix = s.prefix.clone();
        tasks.push(tokio::spawn(async move { increment(&store, &prefix).await }));
    }
    for task in tasks {
        timeout(super::PATIENCE, task).await.unwrap().unwrap();
    }
    assert_eq!(s.entry("count").await.unwrap().value, b"100");
}

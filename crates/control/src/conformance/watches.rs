//! Sentences about watches.

use super::{PATIENCE, Subject, events, news};
use crate::{Error, Event, Revision, Txn};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

fn all(s: &Subject, events: &[Event]) -> Vec<(String, Revision)> {
    events.iter().map(|event| s.shown(event)).collect()
}

/// See the name: also what another client does.
pub async fn a_watch_sees_what_comes_under_its_prefix_only(s: &Subject) {
    let at = s.commit(vec![s.put("x/0", "before")]).await;
    let mut watch = s.store.watch(&s.key("x/"), at + 1).await.unwrap();
    s.commit(vec![s.put("y", ""), s.put("x", "")]).await;
    let ops = vec![s.put("x/1", "seen"), s.put("z", "")];
    s.other.txn(Txn { guards: vec![], ops }).await.unwrap();
    let (revision, seen) = news(&mut watch).await;
    let entry = s.entry("x/1").await.unwrap();
    assert!(revision >= entry.mod_revision);
    assert_eq!(seen, [Event::Put(entry)]);
}

/// See the name.
pub async fn a_watch_sees_the_past_from_its_revision(s: &Subject) {
    let first = s.commit(vec![s.put("a", "1")]).await;
    let second = s.commit(vec![s.put("b", "1")]).await;
    let third = s.commit(vec![s.delete("a")]).await;
    let fourth = s.commit(vec![s.put("a", "2")]).await;
    let past =
        [("+a", first), ("+b", second), ("-a", third), ("+a", fourth)].map(|(n, r)| (n.into(), r));
    for (from, skip) in [(first, 0), (second, 1), (third, 2), (fourth, 3)] {
        let mut watch = s.watch(from).await;
        assert_eq!(all(s, &events(&mut watch, 4 - skip).await), past[skip..], "from {from}");
    }
}

/// See the name.
pub async fn a_watch_from_the_future_waits_for_it(s: &Subject) {
    let at = s.commit(vec![s.put("a", "1")]).await;
    let mut watch = s.watch(at + 2).await;
    let (mut last, mut n) = (at, 0);
    // Others may take revisions as well.
    while last < at + 2 {
        n += 1;
        last = s.commit(vec![s.put("a", &n.to_string())]).await;
    }
    let seen = events(&mut watch, 1).await;
    assert!(seen[0].revision() >= at + 2, "{seen:?}");
}

/// See the name: from the past and as it happens.
pub async fn a_watch_gives_whole_revisions_in_order(s: &Subject) {
    const EACH: usize = 5;
    let start = s.commit(vec![s.put("start", "")]).await;
    let mut live = s.watch(start + 1).await;
    let other = Arc::clone(&s.other);
    let txns: Vec<_> = (0..50)
        .map(|n: u32| (0..EACH).map(|k| s.put(&k.to_string(), &n.to_string())).collect())
        .map(|ops| Txn { guards: vec![], ops })
        .collect();
    let writer = tokio::spawn(async move {
        for txn in txns {
            other.txn(txn).await.unwrap();
        }
    });
    let check = async |watch: &mut Box<dyn crate::Watch>| {
        let (mut last, mut seen) = (start, 0);
        while seen < 50 * EACH {
            let (revision, batch) = news(watch).await;
            let mut counts: BTreeMap<Revision, usize> = BTreeMap::new();
            for event in &batch {
                assert!(event.revision() > last, "{} comes after {last}", event.revision());
                *counts.entry(event.revision()).or_default() += 1;
            }
            assert!(batch.is_sorted_by_key(Event::revision), "{batch:?}");
            assert!(counts.values().all(|count| *count == EACH), "half a revision: {counts:?}");
            last = batch[batch.len() - 1].revision();
            assert!(revision >= last);
            seen += batch.len();
        }
    };
    check(&mut live).await;
    writer.await.unwrap();
    check(&mut s.watch(start + 1).await).await;
}

/// See the name: empty batches, whose revision is never ahead of what was given.
pub async fn a_watch_without_news_gives_signs_of_life(s: &Subject) {
    let at = s.commit(vec![s.put("a", "")]).await;
    let mut watch = s.watch(at + 1).await;
    for _ in 0..2 {
        let (revision, events) = timeout(PATIENCE, watch.next()).await.unwrap().unwrap();
        assert_eq!(events, []);
        assert!(revision >= at, "{revision} before {at}");
    }
    let next = s.commit(vec![s.put("b", "")]).await;
    assert_eq!(all(s, &news(&mut watch).await.1), [("+b".to_owned(), next)]);
}

/// See the name: a wait that is given up takes nothing with it.
pub async fn a_watch_waited_for_in_vain_misses_nothing(s: &Subject) {
    let start = s.commit(vec![s.put("a", "")]).await;
    let mut watch = s.watch(start + 1).await;
    let mut expect = Vec::new();
    let mut seen = Vec::new();
    for n in 0..30 {
        for patience in [0, 1, 3] {
            let wait = Duration::from_millis(patience);
            if let Ok(batch) = timeout(wait, watch.next()).await {
                seen.extend(batch.unwrap().1);
            }
        }
        let at = s.commit(vec![s.put("a", &n.to_string())]).await;
        expect.push(("+a".to_owned(), at));
    }
    let missing = expect.len() - seen.len();
    seen.extend(events(&mut watch, missing).await);
    assert_eq!(all(s, &seen), expect);
}

/// See the name: when it is opened or at the first wait; and what is left can be watched.
pub async fn watching_from_what_is_compacted_says_so(s: &Subject) {
    let Some(compact) = &s.compact else { return };
    let first = s.commit(vec![s.put("a", "1")]).await;
    s.commit(vec![s.put("a", "2")]).await;
    let last = s.commit(vec![s.put("a", "3")]).await;
    compact(last).await.unwrap();
    let error = match s.store.watch(&s.prefix, first).await {
        Err(error) => error,
        Ok(mut watch) => timeout(PATIENCE, async {
            loop {
                match watch.next().await {
                    Err(error) => return error,
                    Ok((_, events)) => assert_eq!(events, [], "from what is compacted"),
                }
            }
        })
        .await
        .unwrap(),
    };
    assert!(
        matches!(error, Error::Compacted { asked, oldest } if asked == first && oldest > first),
        "{error:?}"
    );
    assert_eq!(s.entry("a").await.unwrap().value, b"3");
    let next = s.commit(vec![s.put("b", "")]).await;
    let mut watch = s.watch(last + 1).await;
    assert_eq!(all(s, &news(&mut watch).await.1), [("+b".to_owned(), next)]);
}

/// See the name: while another client writes.
pub async fn a_range_and_a_watch_after_it_miss_nothing(s: &Subject) {
    const LAST: u32 = 60;
    s.commit(vec![s.put("n", "0")]).await;
    let other = Arc::clone(&s.other);
    let ops: Vec<_> = (1..=LAST).map(|n| vec![s.put("n", &n.to_string())]).collect();
    let writer = tokio::spawn(async move {
        for ops in ops {
            other.txn(Txn { guards: vec![], ops }).await.unwrap();
        }
    });
    let number = |value: &[u8]| -> u32 { String::from_utf8_lossy(value).parse().unwrap() };
    loop {
        let range = s.store.range(&s.prefix).await.unwrap();
        let mut known = number(&range.entries[0].value);
        if known == LAST {
            break;
        }
        let mut watch = s.watch(range.revision + 1).await;
        for event in news(&mut watch).await.1 {
            let Event::Put(entry) = event else { panic!("nothing was deleted: {event:?}") };
            assert_eq!(number(&entry.value), known + 1);
            known += 1;
        }
    }
    writer.await.unwrap();
}

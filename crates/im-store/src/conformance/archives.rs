//! Sentences about archives (XEP-0313, XEP-0059).

use super::{
    Harness, account, archive, archive_query, commit, jid, offline, page, page_ids, stanza,
    stanza_bytes,
};
use crate::{AccountId, ArchiveFilter, Query, StanzaId, Store, Write};

/// Ten stanzas with ids 10, 20, … 100 in romeo's archive: odd ones with juliet at two resources in turn (the fifth
/// without any), even ones with nurse. And one of somebody else, in between.
fn filled(h: &mut impl Harness) -> impl Store {
    let mut store = h.open();
    let mut writes = vec![account(1, "romeo@example.org"), account(2, "juliet@example.org")];
    for n in 1..=10_u64 {
        writes.push(stanza(n * 10, true));
        let (peer, resource) = match n {
            5 => ("juliet@example.org", None),
            3 | 7 => ("juliet@example.org", Some("balcony")),
            1 | 9 => ("juliet@example.org", Some("garden")),
            _ => ("nurse@example.org", Some("balcony")),
        };
        writes.push(archive(1, n * 10, peer, resource));
        if n == 4 {
            writes.extend([stanza(45, true), archive(2, 45, "nurse@example.org", None)]);
        }
    }
    commit(&mut store, writes);
    store
}

fn after(id: u64) -> ArchiveFilter {
    ArchiveFilter { after: Some(StanzaId(id)), ..ArchiveFilter::default() }
}

fn before(id: u64) -> ArchiveFilter {
    ArchiveFilter { before: Some(StanzaId(id)), ..ArchiveFilter::default() }
}

fn with(peer: &str, resource: Option<&str>) -> ArchiveFilter {
    ArchiveFilter {
        with: Some(jid(peer)),
        with_resource: resource.map(Into::into),
        ..ArchiveFilter::default()
    }
}

/// Asks one page and compares its ids and whether it is complete.
fn check(store: &impl Store, filter: ArchiveFilter, how: (usize, bool), expect: (&[u64], bool)) {
    let (max, from_end) = how;
    let query = archive_query(filter, max, from_end, false);
    let found = page(store, &query);
    assert_eq!((page_ids(&found).as_slice(), found.complete), expect, "{query:?}");
    assert_eq!((found.total, found.first_index, found.missing), (None, None, None), "{query:?}");
    for stanza in &found.stanzas {
        assert_eq!(stanza.bytes, stanza_bytes(stanza.id.0));
    }
}

/// See the name.
pub fn an_archive_is_paged_forwards(h: &mut impl Harness) {
    let store = filled(h);
    check(&store, ArchiveFilter::default(), (4, false), (&[10, 20, 30, 40], false));
    check(&store, after(40), (4, false), (&[50, 60, 70, 80], false));
    check(&store, after(80), (4, false), (&[90, 100], true));
    check(&store, after(60), (4, false), (&[70, 80, 90, 100], true));
    check(&store, after(100), (4, false), (&[], true));
    check(
        &store,
        ArchiveFilter { before: Some(StanzaId(50)), ..after(20) },
        (9, false),
        (&[30, 40], true),
    );
    check(&store, ArchiveFilter::default(), (0, false), (&[], false));
    check(&store, before(30), (1, false), (&[10], false));
}

/// See the name.
pub fn an_archive_is_paged_backwards(h: &mut impl Harness) {
    let store = filled(h);
    check(&store, ArchiveFilter::default(), (4, true), (&[70, 80, 90, 100], false));
    check(&store, before(70), (4, true), (&[30, 40, 50, 60], false));
    check(&store, before(30), (4, true), (&[10, 20], true));
    check(&store, before(10), (4, true), (&[], true));
    check(&store, after(80), (4, true), (&[90, 100], true));
    check(&store, after(80), (1, true), (&[100], false));
}

/// See the name.
pub fn an_archive_is_filtered_by_partner_and_resource(h: &mut impl Harness) {
    let store = filled(h);
    let juliet = "juliet@example.org";
    check(&store, with(juliet, None), (10, false), (&[10, 30, 50, 70, 90], true));
    check(&store, with(juliet, None), (2, false), (&[10, 30], false));
    check(&store, with(juliet, None), (2, true), (&[70, 90], false));
    check(&store, with(juliet, Some("balcony")), (10, false), (&[30, 70], true));
    check(&store, with(juliet, Some("Balcony")), (10, false), (&[], true));
    check(&store, with("tybalt@example.org", None), (10, false), (&[], true));
    let later = ArchiveFilter { after: Some(StanzaId(40)), ..with(juliet, None) };
    check(&store, later, (2, false), (&[50, 70], false));
    // A bound must be in the archive, not among what the filter leaves.
    let beyond = ArchiveFilter { before: Some(StanzaId(80)), ..with(juliet, None) };
    check(&store, beyond, (2, true), (&[50, 70], false));
}

/// See the name.
pub fn an_archive_is_filtered_by_time(h: &mut impl Harness) {
    let store = filled(h);
    let time = |start_us, end_us| ArchiveFilter { start_us, end_us, ..ArchiveFilter::default() };
    check(&store, time(Some(30), Some(60)), (10, false), (&[30, 40, 50, 60], true));
    check(&store, time(Some(31), Some(59)), (10, false), (&[40, 50], true));
    check(&store, time(Some(91), None), (10, false), (&[100], true));
    check(&store, time(None, Some(19)), (10, true), (&[10], true));
    check(&store, time(Some(60), Some(30)), (10, false), (&[], true));
    check(&store, time(Some(u64::MAX), None), (10, false), (&[], true));
    check(&store, time(None, Some(u64::MAX)), (1, false), (&[10], false));
    let both = ArchiveFilter { after: Some(StanzaId(20)), ..time(Some(20), Some(40)) };
    check(&store, both, (10, false), (&[30, 40], true));
}

/// See the name.
pub fn an_archive_is_counted_without_the_bounds_of_the_page(h: &mut impl Harness) {
    let store = filled(h);
    let count = |filter: ArchiveFilter, max, from_end| {
        let found = page(&store, &archive_query(filter, max, from_end, true));
        (page_ids(&found), found.total, found.first_index)
    };
    let juliet = || with("juliet@example.org", None);
    assert_eq!(count(ArchiveFilter::default(), 0, false), (vec![], Some(10), None));
    assert_eq!(count(juliet(), 0, false), (vec![], Some(5), None));
    assert_eq!(count(after(30), 2, false), (vec![40, 50], Some(10), Some(3)));
    assert_eq!(count(before(30), 2, true), (vec![10, 20], Some(10), Some(0)));
    let later = ArchiveFilter { after: Some(StanzaId(50)), ..juliet() };
    assert_eq!(count(later, 1, false), (vec![70], Some(5), Some(3)));
    let since = ArchiveFilter { start_us: Some(31), ..juliet() };
    assert_eq!(count(since, 1, true), (vec![90], Some(3), Some(2)));
    assert_eq!(count(after(100), 5, false), (vec![], Some(10), None));
}

/// See the name.
pub fn an_unknown_bound_is_reported_missing(h: &mut impl Harness) {
    let store = filled(h);
    // 45 is in another account's archive only.
    for (filter, missing) in [(after(45), 45), (before(5), 5), (before(1000), 1000)] {
        let found = page(&store, &archive_query(filter, 5, false, true));
        assert_eq!((found.missing, found.stanzas.len()), (Some(StanzaId(missing)), 0));
    }
}

/// See the name.
pub fn archived_stanzas_are_read_by_id_in_the_order_asked(h: &mut impl Harness) {
    let store = filled(h);
    let ids = |ids: &[u64]| {
        let ids = ids.iter().copied().map(StanzaId).collect();
        page(&store, &Query::ArchiveIds { account: AccountId(1), ids })
    };
    let found = ids(&[30, 10, 30]);
    assert_eq!((page_ids(&found), found.missing, found.complete), (vec![30, 10, 30], None, true));
    let found = ids(&[30, 45, 10]);
    assert_eq!((page_ids(&found), found.missing), (vec![], Some(StanzaId(45))));
    assert_eq!(page_ids(&ids(&[])), [0_u64; 0]);
}

/// See the name.
pub fn an_archive_entry_may_come_in_a_later_batch_than_its_stanza(h: &mut impl Harness) {
    let mut store = h.open();
    commit(&mut store, vec![account(1, "romeo@example.org"), stanza(10, true), offline(1, 10)]);
    drop(store);
    let mut store = h.open();
    commit(&mut store, vec![archive(1, 10, "juliet@example.org", None)]);
    commit(&mut store, vec![Write::OfflineTrim { account: AccountId(1), up_to: StanzaId(10) }]);
    check(&store, ArchiveFilter::default(), (5, false), (&[10], true));
}

/// See the name.
pub fn a_page_of_long_stanzas_ends_where_its_bytes_are_used_up(h: &mut impl Harness) {
    let mut store = h.open();
    commit(&mut store, vec![account(1, "romeo@example.org")]);
    let third = vec![b'x'; Query::ARCHIVE_PAGE_BYTES_MAX / 3];
    let whole = vec![b'x'; Query::ARCHIVE_PAGE_BYTES_MAX + 1];
    for (id, bytes) in [(1, &third), (2, &third), (3, &third), (4, &third), (5, &whole)] {
        let bytes = bytes.clone().into();
        let stanza = Write::Stanza { id: StanzaId(id), bytes, archived: true };
        commit(&mut store, vec![stanza, archive(1, id, "juliet@example.org", None)]);
    }
    let check = |filter, from_end, expect: (&[u64], bool, u64)| {
        let query = archive_query(filter, 10, from_end, true);
        let found = page(&store, &query);
        let first = found.first_index.unwrap_or(u64::MAX);
        assert_eq!((page_ids(&found).as_slice(), found.complete, first), expect, "{query:?}");
    };
    check(ArchiveFilter::default(), false, (&[1, 2, 3], false, 0));
    check(after(3), false, (&[4], false, 3));
    check(after(4), false, (&[5], true, 4));
    check(ArchiveFilter::default(), true, (&[5], false, 4));
    check(before(5), true, (&[2, 3, 4], false, 1));
    check(before(2), true, (&[1], true, 0));
    let ids = [2, 5, 1].map(StanzaId).to_vec();
    let found = page(&store, &Query::ArchiveIds { account: AccountId(1), ids });
    assert_eq!((page_ids(&found).as_slice(), found.complete), (&[2][..], false));
}

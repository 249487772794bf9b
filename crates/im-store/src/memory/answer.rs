//! Answers to queries from a [`State`].

use super::state::{Peer, State};
use crate::{
    AccountId, ArchiveFilter, ArchivePage, ArchivedStanza, Content, OfflineStanza, Query,
    QueuedStanza, ReadError, Reply, SessionId, StanzaId,
};
use bytes::Bytes;
use std::ops::Bound;

/// The part of [`Query::Archive`] beside the filter.
struct Paging {
    max: usize,
    from_end: bool,
    count: bool,
}

impl State {
    pub(super) fn answer(&self, query: &Query) -> Result<Reply, ReadError> {
        Ok(match query {
            Query::Account(jid) => Reply::Account(
                self.addresses.get(jid).and_then(|&account| self.account_row(account)),
            ),
            Query::Item { account, kind, key } => {
                Reply::Item(self.items.get(&(*account, *kind, key.clone())).cloned())
            }
            Query::Archive { account, filter, max, from_end, count } => {
                let paging = Paging { max: *max, from_end: *from_end, count: *count };
                Reply::Archive(self.archive_page(*account, filter, &paging)?)
            }
            Query::ArchiveIds { account, ids } => Reply::Archive(self.archive_ids(*account, ids)?),
            Query::Offline { account, after, max } => {
                Reply::Offline(self.offline(*account, *after, *max)?)
            }
            Query::Queue { session, from_seq, max, bytes_max } => {
                Reply::Queue(self.queued(*session, *from_seq, *max, *bytes_max)?)
            }
            Query::Accounts { after, max } => {
                let beyond = self.addresses.keys().filter(|jid| jid.as_str() > &**after);
                Reply::Accounts(beyond.take(*max).cloned().collect())
            }
        })
    }

    fn archive_page(
        &self,
        account: AccountId,
        filter: &ArchiveFilter,
        paging: &Paging,
    ) -> Result<ArchivePage, ReadError> {
        for bound in [filter.after, filter.before].into_iter().flatten() {
            if !self.archive.contains_key(&(account, bound)) {
                return Ok(ArchivePage { missing: Some(bound), ..ArchivePage::default() });
            }
        }
        let whole = (account, StanzaId(0))..=(account, StanzaId(u64::MAX));
        let matching: Vec<StanzaId> = self
            .archive
            .range(whole)
            .filter(|((_, id), peer)| matches(filter, *id, peer))
            .map(|(&(_, id), _)| id)
            .collect();
        let between = |id: &StanzaId| {
            filter.after.is_none_or(|after| *id > after)
                && filter.before.is_none_or(|before| *id < before)
        };
        let mut ids: Vec<StanzaId> = matching.iter().copied().filter(between).collect();
        let complete = ids.len() <= paging.max;
        if paging.from_end {
            ids.reverse();
        }
        ids.truncate(paging.max);
        let mut page = self.archived(ids, complete)?;
        if paging.from_end {
            page.stanzas.reverse();
        }
        page.total = paging.count.then_some(matching.len() as u64);
        let index_of = |first: StanzaId| matching.iter().filter(|id| **id < first).count() as u64;
        let first = page.stanzas.first().filter(|_| paging.count);
        page.first_index = first.map(|first| index_of(first.id));
        Ok(page)
    }

    fn archive_ids(&self, account: AccountId, ids: &[StanzaId]) -> Result<ArchivePage, ReadError> {
        if ids.len() > Query::ARCHIVE_IDS_MAX {
            return Err(ReadError(format!("{} ids asked, at most 256 are allowed", ids.len())));
        }
        if let Some(&missing) = ids.iter().find(|id| !self.archive.contains_key(&(account, **id))) {
            return Ok(ArchivePage { missing: Some(missing), ..ArchivePage::default() });
        }
        self.archived(ids.iter().copied(), true)
    }

    /// These stanzas, as many as a page takes; `complete` when nothing else lies beyond them.
    fn archived(
        &self,
        ids: impl IntoIterator<Item = StanzaId>,
        complete: bool,
    ) -> Result<ArchivePage, ReadError> {
        let (mut page, mut bytes) = (ArchivePage { complete, ..ArchivePage::default() }, 0);
        for id in ids {
            let stanza = ArchivedStanza { id, bytes: self.bytes_of(id)? };
            if !page.take(stanza, &mut bytes) {
                break;
            }
        }
        Ok(page)
    }

    fn bytes_of(&self, id: StanzaId) -> Result<Bytes, ReadError> {
        let gone = || ReadError(format!("stanza {} is referred to and not there", id.0));
        self.stanzas.get(&id).map(|stanza| stanza.bytes.clone()).ok_or_else(gone)
    }

    fn offline(
        &self,
        account: AccountId,
        after: StanzaId,
        max: usize,
    ) -> Result<Vec<OfflineStanza>, ReadError> {
        let range =
            (Bound::Excluded((account, after)), Bound::Included((account, StanzaId(u64::MAX))));
        let entries = self.offline.range(range).take(max);
        let stanza = |&(_, id): &(AccountId, StanzaId)| {
            let archived = self.archive.contains_key(&(account, id));
            Ok(OfflineStanza { id, bytes: self.bytes_of(id)?, archived })
        };
        entries.map(stanza).collect()
    }

    fn queued(
        &self,
        session: SessionId,
        from_seq: u64,
        max: usize,
        bytes_max: usize,
    ) -> Result<Vec<QueuedStanza>, ReadError> {
        let mut page = Vec::new();
        let mut size = 0;
        for (&(_, seq), content) in
            self.queue.range((session, from_seq)..=(session, u64::MAX)).take(max)
        {
            let bytes = match content {
                Content::Own(bytes) => bytes.clone(),
                Content::Stored(id, _) => self.bytes_of(*id)?,
            };
            size += bytes.len();
            page.push(QueuedStanza { seq, content: content.clone(), bytes });
            if size >= bytes_max {
                break;
            }
        }
        Ok(page)
    }
}

/// Whether an entry matches the filter without its `after` and `before`.
fn matches(filter: &ArchiveFilter, id: StanzaId, peer: &Peer) -> bool {
    let with = filter.with.as_ref().is_none_or(|with| *with == peer.bare);
    let resource = filter.with_resource.is_none() || filter.with_resource == peer.resource;
    let start = filter.start_us.is_none_or(|start| id.0 >= start);
    let end = filter.end_us.is_none_or(|end| id.0 <= end);
    with && resource && start && end
}

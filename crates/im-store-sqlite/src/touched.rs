//! What the committed batches that are not in the tables yet have touched.
//!
//! A read need not wait for batches that cannot change its answer. Each write is filed under what it may change a
//! question about ([`Scope`]), with the number of its record. Filing too much only makes a read wait; filing too little
//! would give it an old answer, so a write nobody thought about goes under "everything". Pure.

use crate::plan::ById;
use im_store::{AccountId, Batch, Query, SessionId, Write};

/// What a question is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Items and offline stanzas of an account.
    Account(AccountId),
    /// The archive of an account.
    Archive(AccountId),
    /// The queue of a session.
    Queue(SessionId),
}

impl Scope {
    /// Ids are far below 2^62.
    fn key(self) -> u64 {
        match self {
            Self::Account(account) => account.0 << 2,
            Self::Archive(account) => account.0 << 2 | 1,
            Self::Queue(session) => session.0 << 2 | 2,
        }
    }

    /// What a query depends on besides "everything"; [`Query::Account`] on an account that is not known yet.
    pub(crate) fn of(query: &Query) -> [Option<Self>; 2] {
        match query {
            Query::Account(_) | Query::Accounts { .. } => [None, None],
            Query::Item { account, .. } => [Some(Self::Account(*account)), None],
            Query::Archive { account, .. } | Query::ArchiveIds { account, .. } => {
                [Some(Self::Archive(*account)), None]
            }
            // It tells of each stanza whether it is in the archive.
            Query::Offline { account, .. } => {
                [Some(Self::Account(*account)), Some(Self::Archive(*account))]
            }
            Query::Queue { session, .. } => [Some(Self::Queue(*session)), None],
        }
    }
}

/// What one batch touches.
#[derive(Debug, Default)]
pub(crate) struct Touches {
    keys: Vec<u64>,
    everything: bool,
}

impl Touches {
    pub(crate) fn of(batch: &Batch) -> Self {
        let mut touches = Self { keys: Vec::with_capacity(batch.writes.len()), everything: false };
        for write in &batch.writes {
            let scope = match write {
                Write::AccountPut { .. } | Write::AccountRemove { .. } => {
                    touches.everything = true;
                    continue;
                }
                // No question is about these: stanzas are reached through entries, sessions are read at opening only.
                Write::Stanza { .. } | Write::SessionPut { .. } | Write::SessionCounters { .. } => {
                    continue;
                }
                Write::ItemPut { account, .. }
                | Write::ItemRemove { account, .. }
                | Write::Offline { account, .. }
                | Write::OfflineTrim { account, .. } => Scope::Account(*account),
                Write::Archive { account, .. } => Scope::Archive(*account),
                Write::SessionRemove { session }
                | Write::QueueAppend { session, .. }
                | Write::QueueTrim { session, .. } => Scope::Queue(*session),
            };
            touches.keys.push(scope.key());
        }
        touches
    }
}

/// The scopes touched by records that are not in the tables, each with the last such record.
#[derive(Debug, Default)]
pub(crate) struct Touched {
    pending: Records,
    /// Of the group that is being applied.
    taken: Records,
}

#[derive(Debug, Default)]
struct Records {
    of_key: ById<u64>,
    of_everything: u64,
}

impl Records {
    fn last(&self, scope: Scope) -> u64 {
        self.of_key.get(&scope.key()).copied().unwrap_or(0)
    }
}

impl Touched {
    pub(crate) fn add(&mut self, touches: &Touches, lsn: u64) {
        for key in &touches.keys {
            self.pending.of_key.insert(*key, lsn);
        }
        if touches.everything {
            self.pending.of_everything = lsn;
        }
    }

    /// All that is pending is about to be applied.
    pub(crate) fn take(&mut self) {
        if self.taken.of_key.is_empty() {
            std::mem::swap(&mut self.pending.of_key, &mut self.taken.of_key);
        } else {
            self.taken.of_key.extend(self.pending.of_key.drain());
        }
        let everything = std::mem::take(&mut self.pending.of_everything);
        self.taken.of_everything = self.taken.of_everything.max(everything);
    }

    /// All that was taken is in the tables.
    pub(crate) fn applied(&mut self) {
        self.taken.of_key.clear();
        self.taken.of_everything = 0;
    }

    /// The record that has to be in the tables before a question about these may be answered; 0 for none.
    pub(crate) fn needed(&self, scopes: [Option<Scope>; 2]) -> u64 {
        let everything = self.pending.of_everything.max(self.taken.of_everything);
        let last = |scope| self.pending.last(scope).max(self.taken.last(scope));
        scopes.into_iter().flatten().map(last).fold(everything, u64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::{Scope, Touched, Touches};
    use im_store::{AccountId, Batch, SessionId, StanzaId, Write};

    fn trim(session: u64) -> Touches {
        Touches::of(&Batch {
            writes: vec![Write::QueueTrim { session: SessionId(session), up_to: 1 }],
        })
    }

    fn needed(touched: &Touched, scope: Scope) -> u64 {
        touched.needed([Some(scope), None])
    }

    #[test]
    fn a_question_waits_for_the_last_record_that_touched_it_and_for_no_other() {
        let mut touched = Touched::default();
        let (one, other) = (Scope::Queue(SessionId(1)), Scope::Queue(SessionId(2)));
        touched.add(&trim(1), 5);
        assert_eq!((needed(&touched, one), needed(&touched, other)), (5, 0));
        assert_eq!(needed(&touched, Scope::Account(AccountId(1))), 0);
        touched.take();
        touched.add(&trim(2), 6);
        assert_eq!((needed(&touched, one), needed(&touched, other)), (5, 6));
        touched.take();
        assert_eq!((needed(&touched, one), needed(&touched, other)), (5, 6));
        touched.add(&trim(1), 7);
        touched.applied();
        assert_eq!((needed(&touched, one), needed(&touched, other)), (7, 0));
    }

    #[test]
    fn a_changed_account_makes_every_question_wait() {
        let mut touched = Touched::default();
        let account = AccountId(1);
        touched.add(&Touches::of(&Batch { writes: vec![Write::AccountRemove { account }] }), 3);
        for _ in 0..2 {
            assert_eq!(touched.needed([None, None]), 3);
            touched.take();
        }
        touched.applied();
        assert_eq!(touched.needed([None, None]), 0);
    }

    #[test]
    fn an_offline_question_waits_for_the_archive_too() {
        let query = im_store::Query::Offline { account: AccountId(4), after: StanzaId(0), max: 1 };
        let scopes = Scope::of(&query);
        assert_eq!(
            scopes,
            [Some(Scope::Account(AccountId(4))), Some(Scope::Archive(AccountId(4)))]
        );
    }
}

//! What the loss checker found, as numbers, a verdict and a table.

use super::Options;
use super::actor::{Got, Sent};
use crate::server::Kind;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

/// What became of one sender's messages.
#[derive(Clone, Debug, Default)]
pub struct Pair {
    /// Messages sent.
    pub sent: u64,
    /// Of these, acknowledged by the server.
    pub accepted: u64,
    /// Accepted and received in a session.
    pub delivered: u64,
    /// Accepted, never received in a session, found in the archive.
    pub archive_only: u64,
    /// Accepted, and nowhere.
    pub lost: Vec<u64>,
    /// Accepted and received, but not in the archive.
    pub not_archived: u64,
    /// Received more than once in one session.
    pub duplicated: u64,
    /// Archived more than once.
    pub archived_twice: u64,
    /// Received again in a later session.
    pub repeated: u64,
    /// Received after a message with a higher number, in one session.
    pub out_of_order: u64,
    /// Times a session was resumed, by either side.
    pub resumed: u64,
    /// Times resumption was refused.
    pub not_resumed: u64,
    /// Times the other side was seen going away.
    pub flaps: u64,
    /// Acknowledgements that cannot be true.
    pub wrong: Vec<String>,
    gaps: Vec<Duration>,
}

impl Pair {
    pub(super) fn judge(sent: &Sent, got: &Got) -> Self {
        let mut pair = Self { sent: sent.count, ..Self::default() };
        let heard: BTreeSet<u64> = got.heard.iter().map(|(_, n)| *n).collect();
        let archived: BTreeSet<u64> = got.archived.iter().copied().collect();
        pair.archived_twice = (got.archived.len() - archived.len()) as u64;
        for number in (0..sent.count).filter(|n| !sent.uncertain.contains(n)) {
            pair.accepted += 1;
            match (heard.contains(&number), archived.contains(&number)) {
                (true, in_archive) => {
                    pair.delivered += 1;
                    pair.not_archived += u64::from(!in_archive);
                }
                (false, true) => pair.archive_only += 1,
                (false, false) => pair.lost.push(number),
            }
        }
        let mut sessions: BTreeMap<u64, BTreeSet<u64>> = BTreeMap::new();
        for (session, number) in &got.heard {
            pair.repeated +=
                u64::from(sessions.range(..session).any(|(_, seen)| seen.contains(number)));
            let seen = sessions.entry(*session).or_default();
            let highest = seen.last().copied();
            if !seen.insert(*number) {
                pair.duplicated += 1;
            } else if highest.is_some_and(|highest| highest > *number) {
                pair.out_of_order += 1;
            }
        }
        for counts in [&sent.counts, &got.counts] {
            pair.resumed += counts.resumed;
            pair.not_resumed += counts.not_resumed;
            pair.flaps += counts.flaps;
            pair.gaps.extend(&counts.gaps);
            pair.wrong.extend(counts.wrong.iter().cloned());
        }
        pair
    }
}

/// The sum over all pairs.
#[derive(Clone, Debug)]
pub struct Report {
    kind: Kind,
    options: Options,
    elapsed: Duration,
    /// Summed over the pairs.
    pub total: Pair,
}

impl Report {
    pub(super) fn new(kind: Kind, options: &Options, elapsed: Duration, pairs: &[Pair]) -> Self {
        let mut total = Pair::default();
        for pair in pairs {
            total.sent += pair.sent;
            total.accepted += pair.accepted;
            total.delivered += pair.delivered;
            total.archive_only += pair.archive_only;
            total.lost.extend(&pair.lost);
            total.not_archived += pair.not_archived;
            total.duplicated += pair.duplicated;
            total.archived_twice += pair.archived_twice;
            total.repeated += pair.repeated;
            total.out_of_order += pair.out_of_order;
            total.resumed += pair.resumed;
            total.not_resumed += pair.not_resumed;
            total.flaps += pair.flaps;
            total.gaps.extend(&pair.gaps);
            total.wrong.extend(pair.wrong.iter().cloned());
        }
        total.gaps.sort();
        Self { kind, options: options.clone(), elapsed, total }
    }

    /// Every promise that was not kept, as sentences. Empty is good.
    pub fn broken_promises(&self) -> Vec<String> {
        let t = &self.total;
        let counted = [
            (t.lost.len() as u64, "acknowledged messages are nowhere"),
            (t.archive_only, "acknowledged messages reached no session, only the archive"),
            (t.not_archived, "delivered messages are missing in the archive"),
            (t.duplicated, "messages came twice into one session"),
            (t.archived_twice, "messages are in the archive twice"),
            (t.repeated, "messages came again in a later session"),
            (t.out_of_order, "messages came out of order"),
            (t.not_resumed, "sessions could not be resumed"),
            (t.flaps, "times a contact was seen going away"),
            (t.wrong.len() as u64, "acknowledgements were impossible"),
        ];
        let mut broken: Vec<String> =
            counted.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
        broken.extend(t.wrong.iter().cloned());
        if t.accepted == 0 {
            broken.push("no message was accepted at all".to_owned());
        }
        broken
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let t = &self.total;
        let percentile = |p: usize| {
            let at = (t.gaps.len().saturating_sub(1)) * p / 100;
            t.gaps.get(at).copied().unwrap_or_default().as_millis()
        };
        let Options { trials, pairs, fault, seed, .. } = &self.options;
        writeln!(f, "| loss checker | {} |", self.kind.name())?;
        writeln!(f, "|---|---|")?;
        writeln!(f, "| faults | {trials} × {fault:?}, {pairs} pairs, seed {seed} |")?;
        writeln!(f, "| seconds | {:.1} |", self.elapsed.as_secs_f64())?;
        writeln!(f, "| sent / accepted | {} / {} |", t.sent, t.accepted)?;
        writeln!(f, "| delivered into sessions | {} |", t.delivered)?;
        writeln!(f, "| in the archive only | {} |", t.archive_only)?;
        writeln!(f, "| **lost** | **{}** |", t.lost.len())?;
        writeln!(f, "| delivered, not archived | {} |", t.not_archived)?;
        writeln!(
            f,
            "| duplicated in a session / in the archive | {} / {} |",
            t.duplicated, t.archived_twice
        )?;
        writeln!(f, "| repeated in a later session | {} |", t.repeated)?;
        writeln!(f, "| out of order | {} |", t.out_of_order)?;
        writeln!(f, "| sessions resumed / refused | {} / {} |", t.resumed, t.not_resumed)?;
        writeln!(f, "| presence flaps | {} |", t.flaps)?;
        writeln!(
            f,
            "| gap until resumed, ms: p50 / p99 / worst | {} / {} / {} |",
            percentile(50),
            percentile(99),
            percentile(100)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::actor::Counts;
    use super::*;

    /// Three messages sent; what arrived as (session, number), what is archived, and what is to be said about it.
    fn check(heard: &[(u64, u64)], archived: &[u64], expect: impl Fn(&Pair) -> bool) {
        let sent = Sent { count: 3, uncertain: BTreeSet::new(), counts: Counts::default() };
        let got =
            Got { heard: heard.to_vec(), archived: archived.to_vec(), counts: Counts::default() };
        let pair = Pair::judge(&sent, &got);
        assert!(expect(&pair), "{heard:?} {archived:?}: {pair:?}");
    }

    #[test]
    fn every_kind_of_broken_promise_is_noticed() {
        let all = [0, 1, 2];
        check(&[(0, 0), (0, 1), (0, 2)], &all, |p| p.delivered == 3 && p.lost.is_empty());
        check(&[(0, 0), (0, 1)], &[0, 1], |p| p.lost == [2]);
        check(&[(0, 0), (0, 1)], &all, |p| p.archive_only == 1 && p.lost.is_empty());
        check(&[(0, 0), (0, 1), (0, 2)], &[0, 1], |p| p.not_archived == 1);
        check(&[(0, 0), (0, 1), (0, 1), (0, 2)], &all, |p| p.duplicated == 1 && p.repeated == 0);
        check(&[(0, 0), (0, 1), (1, 1), (1, 2)], &all, |p| p.duplicated == 0 && p.repeated == 1);
        check(&[(0, 1), (0, 0), (0, 2)], &all, |p| p.out_of_order == 1);
        check(&[(0, 0), (0, 1), (0, 2)], &[0, 1, 1, 2], |p| p.archived_twice == 1);
    }

    #[test]
    fn what_was_never_acknowledged_is_not_claimed() {
        let sent = Sent { count: 3, uncertain: BTreeSet::from([2]), counts: Counts::default() };
        let got =
            Got { heard: vec![(0, 0), (0, 1)], archived: vec![0, 1], counts: Counts::default() };
        let pair = Pair::judge(&sent, &got);
        assert!(pair.accepted == 2 && pair.lost.is_empty(), "{pair:?}");
    }
}

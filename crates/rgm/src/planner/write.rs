//! From the board to steps: which objects changed, packed so that what belongs together is one transaction.
//!
//! Never writes a key twice in one plan: the guard of the second write would not hold.

use super::board::{Board, Sheet};
use super::requests::{self, Accept};
use super::{Plan, Step};
use crate::model::{Cluster, Decision, History, Intent};
use crate::names::GroupName;
use crate::planted::PlantedFault;
use crate::store::{Change, Key, Object};
use std::borrow::Cow;

/// Changes that go together, with what is said of them.
#[derive(Default)]
struct Chunk {
    changes: Vec<Change>,
    decisions: Vec<(Option<GroupName>, Decision)>,
}

/// All of the board. The answer is written with what it answers, or, where that does not fit into one step, last.
pub(super) fn plan(board: Board<'_>, accept: Option<&Accept<'_>>) -> Plan {
    let mut first = Chunk::default();
    let mut answer = Chunk::default();
    let mut ordered: Vec<Chunk> = Vec::new();
    let mut rest: Vec<Chunk> = Vec::new();
    if let Some(accept) = accept {
        let (cluster, situation) = (board.cluster, board.situation);
        first.changes = requests::config_changes(cluster, &accept.accepted, situation);
        first.changes.extend(requests::debts_and_jobs(cluster, accept));
        answer.changes = requests::accepted_answer(cluster, accept, situation);
    }
    let others = board.others.into_iter();
    let fences = board
        .fences
        .into_iter()
        .map(|(node, fence)| Change { key: Key::Fence(node), object: fence.map(Object::Fence) });
    let jobs = board
        .jobs
        .into_iter()
        .map(|(id, job)| Change { key: Key::Job(id), object: job.map(Object::Job) });
    let changes: Vec<Change> = fences.chain(jobs).chain(others).collect();
    let notes = board.notes.into_iter().map(|d| (None, d)).collect();
    rest.push(Chunk { changes, decisions: notes });
    let forgets = board.situation.planted.is(PlantedFault::GenerationForgotten);
    for sheet in board.sheets {
        if let Some((chunk, is_ordered)) = chunk_of(board.cluster, sheet, forgets) {
            if is_ordered { ordered.push(chunk) } else { rest.push(chunk) }
        }
    }
    let all = || ordered.iter().chain([&first, &answer]).flat_map(|chunk| &chunk.changes);
    let is_one_step =
        all().count() <= Step::CHANGES_MAX && all().map(bytes).sum::<usize>() <= Step::BYTES_MAX;
    let mut packer = Packer::default();
    if is_one_step {
        for chunk in ordered.into_iter().chain([answer]) {
            first.changes.extend(chunk.changes);
            first.decisions.extend(chunk.decisions);
        }
        packer.add(first);
        rest.into_iter().for_each(|chunk| packer.add(chunk));
    } else {
        packer.add(first);
        ordered.into_iter().chain(rest).for_each(|chunk| packer.add(chunk));
        packer.add(answer);
    }
    Plan { steps: packer.finish(), wake_at_ms: board.wake_at_ms }
}

/// What a change adds to a transaction: its key, once more in its guard, and its value.
fn bytes(change: &Change) -> usize {
    2 * change.key.to_string().len() + change.object.as_ref().map_or(0, |o| o.encode().len())
}

#[derive(Default)]
struct Packer {
    done: Vec<Step>,
    open: Step,
    /// Of what is open.
    open_bytes: usize,
}

impl Packer {
    fn add(&mut self, chunk: Chunk) {
        let sizes: Vec<usize> = chunk.changes.iter().map(bytes).collect();
        if !self.has_room(sizes.len(), sizes.iter().sum()) {
            self.close();
        }
        self.open.decisions.extend(chunk.decisions);
        for (change, size) in chunk.changes.into_iter().zip(sizes) {
            if !self.has_room(1, size) {
                self.close();
            }
            self.open.changes.push(change);
            self.open_bytes += size;
        }
    }

    fn has_room(&self, changes: usize, size: usize) -> bool {
        self.open.changes.len() + changes <= Step::CHANGES_MAX
            && self.open_bytes + size <= Step::BYTES_MAX
    }

    fn close(&mut self) {
        self.open_bytes = 0;
        if !self.open.changes.is_empty() {
            self.done.push(std::mem::take(&mut self.open));
        }
    }

    fn finish(mut self) -> Vec<Step> {
        self.close();
        self.done
    }
}

/// Intent and history of a group, if they change.
fn chunk_of(cluster: &Cluster, sheet: Sheet<'_>, forgets: bool) -> Option<(Chunk, bool)> {
    if sheet.left_alone {
        return None;
    }
    let name = sheet.name;
    let had = (cluster.intents.get(name), cluster.history.get(name));
    let mut chunk = Chunk::default();
    let mut write = |key: Key, object: Option<Object>| chunk.changes.push(Change { key, object });
    if sheet.group.is_none() && sheet.intent.holders.is_empty() {
        if had.0.is_some() {
            write(Key::Intent(name.clone()), None);
        }
        if had.1.is_some() && !sheet.keep_history {
            write(Key::History(name.clone()), None);
        }
    } else {
        let history_changed = match &sheet.history {
            Cow::Owned(history) => had.1.is_none_or(|before| before != history),
            Cow::Borrowed(_) => false,
        };
        let is_written =
            !sheet.said.is_empty() || (history_changed && *sheet.history != History::default());
        if let Some(intent) = changed_intent(cluster, &sheet, forgets) {
            write(Key::Intent(name.clone()), Some(Object::Intent(intent)));
        }
        if is_written && !sheet.keep_history {
            let history = with_decisions(sheet.history.into_owned(), &sheet.said);
            write(Key::History(name.clone()), Some(Object::History(history)));
        }
    }
    if chunk.changes.is_empty() {
        return None;
    }
    chunk.decisions = sheet.said.into_iter().map(|d| (Some(name.clone()), d)).collect();
    Some((chunk, sheet.ordered))
}

fn changed_intent(cluster: &Cluster, sheet: &Sheet<'_>, forgets: bool) -> Option<Intent> {
    let before = cluster.intents.get(sheet.name);
    let is_same = match &sheet.intent {
        Cow::Borrowed(_) => true,
        Cow::Owned(intent) => match before {
            Some(before) => before == intent,
            None => !sheet.is_managed(),
        },
    };
    if is_same && !sheet.touched {
        return None;
    }
    let mut intent = sheet.intent.clone().into_owned();
    if sheet.is_managed() {
        intent.placed_for = cluster.members.values().map(|m| m.incarnation).collect();
    }
    if before == Some(&intent) {
        return None;
    }
    if !forgets || before.is_none() {
        intent.generation = sheet.next_generation;
    }
    Some(intent)
}

fn with_decisions(mut history: History, said: &[Decision]) -> History {
    history.decisions.extend(said.iter().cloned());
    let over = history.decisions.len().saturating_sub(History::DECISIONS_MAX);
    history.decisions.drain(..over);
    history
}

#[cfg(test)]
mod tests {
    use super::{Chunk, Packer, Step, bytes};
    use crate::model::{Decision, History};
    use crate::store::{Change, Key, Object};

    fn history(group: usize, size: usize) -> Chunk {
        let decision = Decision { at_ms: 0, sentence: "x".repeat(size), by: String::new() };
        let history = History { decisions: vec![decision], ..History::default() };
        let key = Key::History(format!("g{group}").as_str().into());
        let changes = vec![Change { key, object: Some(Object::History(history)) }];
        Chunk { changes, decisions: Vec::new() }
    }

    #[test]
    fn no_step_is_larger_than_the_store_takes() {
        for (chunks, size) in [(300, 10), (100, 50_000), (5, 1_000_000)] {
            let mut packer = Packer::default();
            (0..chunks).for_each(|group| packer.add(history(group, size)));
            let steps = packer.finish();
            assert_eq!(steps.iter().map(|s| s.changes.len()).sum::<usize>(), chunks);
            for step in steps {
                assert!(step.changes.len() <= Step::CHANGES_MAX);
                assert!(step.changes.iter().map(bytes).sum::<usize>() <= Step::BYTES_MAX);
            }
        }
    }
}

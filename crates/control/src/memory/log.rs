//! What happened, by revision, as far back as the bounds allow.
//!
//! Watches read here. Only whole revisions are forgotten, and the last one never is.

use crate::{Error, Event, Revision};
use std::collections::VecDeque;

/// Changes in the order they happened.
#[derive(Clone, Debug)]
pub(super) struct Log {
    events: VecDeque<Event>,
    /// Keys and values of `events`.
    bytes: usize,
    /// First revision that can still be asked for.
    oldest: Revision,
    events_max: usize,
    bytes_max: usize,
}

impl Log {
    /// Nothing happened before `oldest`.
    pub(super) fn new(oldest: Revision, events_max: usize, bytes_max: usize) -> Self {
        Self { events: VecDeque::new(), bytes: 0, oldest, events_max, bytes_max }
    }

    pub(super) fn push(&mut self, event: Event) {
        self.bytes += size(&event);
        self.events.push_back(event);
    }

    /// Forgets what is beyond the bounds; called when a revision is complete.
    pub(super) fn trim(&mut self) {
        while self.events.len() > self.events_max || self.bytes > self.bytes_max {
            let (Some(first), Some(last)) = (self.events.front(), self.events.back()) else {
                return;
            };
            let revision = first.revision();
            if revision == last.revision() {
                return;
            }
            self.forget_before(revision + 1);
        }
    }

    /// Forgets all revisions before this one.
    pub(super) fn forget_before(&mut self, revision: Revision) {
        self.oldest = self.oldest.max(revision);
        while let Some(event) = self.events.front() {
            if event.revision() >= self.oldest {
                return;
            }
            self.bytes -= size(event);
            self.events.pop_front();
        }
    }

    /// What happened under a prefix since (and at) a revision.
    pub(super) fn since(&self, prefix: &str, from: Revision) -> Result<Vec<Event>, Error> {
        if from < self.oldest {
            return Err(Error::Compacted { asked: from, oldest: self.oldest });
        }
        let start = self.events.partition_point(|event| event.revision() < from);
        let wanted = |event: &&Event| event.key().starts_with(prefix);
        Ok(self.events.range(start..).filter(wanted).cloned().collect())
    }
}

fn size(event: &Event) -> usize {
    match event {
        Event::Put(entry) => entry.key.len() + entry.value.len(),
        Event::Deleted { key, .. } => key.len(),
    }
}

//! One instance of the server in a simulation: the core, and a shell whose every step can be the last.
//!
//! The shell here does what `im-server` does, one step at a time: *take* a fact, *close* the batch, *commit* it, carry out
//! *one* effect, answer one read. A crash may come between any two.

use crate::dice::Dice;
use crate::faults::ShellFault;
use im::{AdminReply, Core, Effect, Input, Now, Options, Output};
use im_store::memory::{MemoryDisk, MemoryReader, MemoryStore};
use im_store::{Batch, CommitError, OpenError, Query, ReadError, Reader as _, Store as _};
use link::Down;
use std::collections::VecDeque;

/// An instance.
#[derive(Debug)]
pub(crate) struct Instance {
    core: Core,
    store: MemoryStore,
    reader: MemoryReader,
    pub(crate) facts: VecDeque<Input>,
    /// Whether facts were taken since the last batch was closed.
    open: bool,
    /// A closed batch, not durable.
    closed: Option<Output>,
    effects: VecDeque<Effect>,
    reads: Vec<(im::Ticket, Query)>,
    fault: Option<ShellFault>,
    /// Answers to administrators.
    pub(crate) answers: Vec<Result<AdminReply, im::AdminRefused>>,
}

/// A step that an instance can make now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Take,
    Close,
    Commit,
    CarryOut,
    Read,
}

/// What came of a step.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Nothing that others see.
    Nothing,
    /// An order for the multiplexor.
    Order(Down),
    /// Another instance owns the store: this one ends.
    Fenced,
}

/// Why an instance does not start.
#[derive(Debug)]
pub(crate) struct NoStart(#[expect(dead_code, reason = "shown by Debug")] String);

impl From<OpenError> for NoStart {
    fn from(error: OpenError) -> Self {
        Self(error.to_string())
    }
}

impl From<ReadError> for NoStart {
    fn from(error: ReadError) -> Self {
        Self(error.to_string())
    }
}

impl Instance {
    pub(crate) fn start(
        disk: &MemoryDisk,
        options: Options,
        now: Now,
        dice: &mut Dice,
        fault: Option<ShellFault>,
    ) -> Result<Self, NoStart> {
        let mut store = MemoryStore::open(disk)?;
        let reader = store.reader()?;
        let recovered = store.take_recovered();
        let core = Core::start(options, now, dice.seed(), [7; 32], recovered);
        Ok(Self {
            core,
            store,
            reader,
            facts: VecDeque::new(),
            open: true,
            closed: None,
            effects: VecDeque::new(),
            reads: Vec::new(),
            fault,
            answers: Vec::new(),
        })
    }

    pub(crate) fn core(&self) -> &Core {
        &self.core
    }

    /// Steps that make sense now.
    pub(crate) fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut can = |step, yes: bool| {
            if yes {
                steps.push(step);
            }
        };
        can(Step::Take, !self.facts.is_empty());
        can(Step::Close, self.open && self.closed.is_none());
        can(Step::Commit, self.closed.is_some() && self.effects.is_empty());
        can(Step::CarryOut, !self.effects.is_empty());
        can(Step::Read, !self.reads.is_empty());
        steps
    }

    pub(crate) fn step(&mut self, step: Step, now: Now, dice: &mut Dice) -> Outcome {
        match step {
            Step::Take => {
                if let Some(fact) = self.facts.pop_front() {
                    self.core.handle(now, fact);
                    self.open = true;
                }
                Outcome::Nothing
            }
            Step::Close => {
                let mut output = self.core.take_output();
                self.open = false;
                if self.fault == Some(ShellFault::EffectsBeforeCommit) {
                    self.effects.extend(output.effects.drain(..));
                }
                if !output.writes.is_empty() || !output.effects.is_empty() {
                    self.closed = Some(output);
                }
                Outcome::Nothing
            }
            Step::Commit => self.commit(),
            Step::CarryOut => self.carry_out(),
            Step::Read => {
                let (ticket, query) = self.reads.swap_remove(dice.below(self.reads.len()));
                let result = self.reader.read(&query);
                self.facts.push_back(Input::ReadFinished { ticket, result });
                Outcome::Nothing
            }
        }
    }

    fn commit(&mut self) -> Outcome {
        let Some(output) = self.closed.take() else { return Outcome::Nothing };
        let mut batch = Batch { writes: output.writes };
        if self.fault == Some(ShellFault::HalfBatch) {
            let half = batch.writes.len() / 2;
            batch.writes.truncate(half.max(1));
        }
        let committed =
            if batch.writes.is_empty() { Ok(()) } else { self.store.commit(&batch).map(|_| ()) };
        match committed {
            Ok(()) => {
                self.effects.extend(output.effects);
                Outcome::Nothing
            }
            Err(CommitError::Full(_)) => {
                self.closed = Some(Output { writes: batch.writes, effects: output.effects });
                Outcome::Nothing
            }
            Err(CommitError::Fenced { .. } | CommitError::Broken(_)) => Outcome::Fenced,
        }
    }

    fn carry_out(&mut self) -> Outcome {
        match self.effects.pop_front() {
            Some(Effect::Link(down)) => return Outcome::Order(down),
            Some(Effect::Read { ticket, query }) => self.reads.push((ticket, query)),
            // Hashing is not what is simulated: every password is right.
            Some(Effect::VerifyPassword { ticket, .. }) => {
                self.facts.push_back(Input::PasswordVerified { ticket, matches: Some(true) });
            }
            Some(Effect::HashPassword { ticket, .. }) => {
                self.facts.push_back(Input::PasswordHashed { ticket, credentials: None });
            }
            Some(Effect::AdminAnswered { reply, .. }) => self.answers.push(reply),
            Some(Effect::Report(_)) | None => {}
        }
        Outcome::Nothing
    }

    /// For the trace: what a step is about.
    pub(crate) fn describe(&self, step: Step) -> String {
        match (step, &self.closed) {
            (Step::Commit, Some(output)) => format!("commit {:?}", output.writes),
            (Step::Read, _) => format!("one of the reads {:?}", self.reads),
            _ => format!("{step:?}"),
        }
    }
}

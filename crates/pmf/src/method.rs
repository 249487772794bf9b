//! Programs that are run to their end: methods, probes, action programs.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::command::{Command, NotStarted};
use crate::exit::Exit;
use crate::output::OutputTail;
use crate::proc::Survivors;
use crate::tree::{Tree, TreeOptions, Trees, deadline_after};

/// Longest time between SIGTERM and SIGKILL when the time is up; a quarter of the budget when that is shorter.
const GRACE_MAX: Duration = Duration::from_secs(5);
/// How long the killing may take, beyond the budget.
const KILL_PATIENCE: Duration = Duration::from_secs(5);

/// A program that is to be run to its end.
#[derive(Clone, Debug)]
pub struct MethodRun {
    /// Names it in the log and in `ps`.
    pub tag: String,
    /// What to run.
    pub command: Command,
    /// The whole budget. SIGTERM is sent [`MethodRun::grace`] before its end, SIGKILL at its end.
    pub timeout: Duration,
    /// What it leaves running is left alone. Otherwise it is killed: services are started through PMF.
    pub leave_children: bool,
    /// How many of the last bytes of output are kept.
    pub output_bytes_max: usize,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MethodOutcome {
    /// How it ended.
    pub result: MethodResult,
    /// From the order to the end of everything that was to end.
    pub duration: Duration,
    /// The end of what it wrote.
    pub output: OutputTail,
    /// Who could not be killed.
    pub survivors: Option<Survivors>,
}

/// How a method ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MethodResult {
    /// It returned this status.
    Exited(i32),
    /// A signal that we did not send ended it.
    Signalled(i32),
    /// Its time was up; it was terminated, and everything of it killed.
    TimedOut,
    /// It did not run.
    NotStarted(NotStarted),
}

impl MethodResult {
    /// `exit 0`.
    pub fn is_success(&self) -> bool {
        *self == MethodResult::Exited(0)
    }
}

impl std::fmt::Display for MethodResult {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            MethodResult::Exited(code) => Exit::Exited(*code).fmt(f),
            MethodResult::Signalled(signal) => Exit::Signalled(*signal).fmt(f),
            MethodResult::TimedOut => f.write_str("timed out and was killed"),
            MethodResult::NotStarted(reason) => write!(f, "did not start: {reason}"),
        }
    }
}

impl MethodRun {
    /// What is kept of the output unless said otherwise.
    pub const OUTPUT_BYTES: usize = 64 * 1024;

    /// A run that keeps the usual amount of output and leaves nothing behind.
    pub fn new(tag: impl Into<String>, command: Command, timeout: Duration) -> Self {
        let (leave_children, output_bytes_max) = (false, Self::OUTPUT_BYTES);
        Self { tag: tag.into(), command, timeout, leave_children, output_bytes_max }
    }

    /// The part of the budget between SIGTERM and SIGKILL (sun-cluster.md §13).
    pub fn grace(&self) -> Duration {
        GRACE_MAX.min(self.timeout / 4)
    }
}

impl Trees {
    /// Runs a program to its end. When the future is dropped, everything of it is killed.
    pub async fn run_to_end(&self, run: &MethodRun) -> MethodOutcome {
        let begun = Instant::now();
        let deadline = deadline_after(run.timeout);
        let options = TreeOptions { level: None, tail_bytes_max: run.output_bytes_max };
        let tree = match timeout_at(deadline, self.start(&run.tag, &run.command, options)).await {
            Ok(Ok(tree)) => tree,
            Ok(Err(reason)) => return nothing_ran(begun, MethodResult::NotStarted(reason)),
            Err(_) => return nothing_ran(begun, MethodResult::TimedOut),
        };
        let result = await_exit(&tree, deadline, run.grace()).await;
        let is_over_by_itself = matches!(result, MethodResult::Exited(_));
        if run.leave_children && is_over_by_itself {
            let output = tree.release().await;
            return MethodOutcome { result, duration: begun.elapsed(), output, survivors: None };
        }
        let survivors = tree.end(KILL_PATIENCE).await.err();
        if let Some(survivors) = &survivors {
            tracing::error!(tag = run.tag, "killed, but {survivors}");
        }
        let duration = begun.elapsed();
        MethodOutcome { result, duration, output: tree.finish().await, survivors }
    }
}

fn nothing_ran(begun: Instant, result: MethodResult) -> MethodOutcome {
    let (output, duration) = (OutputTail::default(), begun.elapsed());
    MethodOutcome { result, duration, output, survivors: None }
}

async fn await_exit(tree: &Tree, deadline: Instant, grace: Duration) -> MethodResult {
    match timeout_at(deadline - grace, tree.first_exit()).await {
        Ok(Exit::Exited(code)) => return MethodResult::Exited(code),
        Ok(Exit::Signalled(signal)) => return MethodResult::Signalled(signal),
        Err(_) => {}
    }
    let _ = timeout_at(deadline, tree.signal(libc::SIGTERM)).await;
    let _ = timeout_at(deadline, tree.first_exit()).await;
    MethodResult::TimedOut
}

//! The process monitor facility (PMF): process trees that are started, watched, restarted and ended as one.
//!
//! Every tree has a *keeper*: a tiny process between the node daemon and the command. It is a session leader, adopts
//! whatever its descendants orphan (`PR_SET_CHILD_SUBREAPER`), and therefore ends exactly when the last process of the tree
//! has ended, however often that forked or called `setsid`. When the daemon dies, the keeper's socket closes and it kills
//! the tree: a node whose daemon is dead runs nothing (P4). Where the kernel gives cgroup v2, the tree also has a cgroup of
//! its own, and is killed by one write.
//!
//! What Sun's manual leaves open and what is done here: processes deeper than `-C` neither keep a tag alive nor outlive its
//! death; after `-s` a tag is listed, and can be signalled, until its last process has ended; an action that allows a restart
//! does not clear the history; quick deaths with unlimited retries are slowed down ([`Backoff`]).
//!
//! Reading order: [`Command`] → [`launcher`] (the keeper) → [`Trees`] and [`Tree`] → [`MethodRun`] → [`Pmf`].
//!
//! It must never: block the runtime, signal a process that is not of the tree, take the wait status of another's child, or
//! let anything survive that was to end without naming it.

mod attendant;
mod cgroup;
mod command;
mod depth;
mod exit;
pub mod launcher;
mod method;
mod output;
mod pmf;
mod proc;
mod program;
pub mod reap;
mod request;
mod signals;
mod sys;
mod tag;
mod tree;
mod window;
mod wire;

pub use cgroup::{CgroupParent, CgroupUnavailable};
pub use command::{Command, NotStarted, Owner, Trust};
pub use exit::Exit;
pub use method::{MethodOutcome, MethodResult, MethodRun};
pub use output::{LogLine, LogSink, OutputTail, log_to_tracing};
pub use pmf::Pmf;
pub use proc::{Process, Survivors};
pub use request::{
    Caller, CreateTag, Period, PmfAnswer, PmfRequest, Retries, TagPhase, TagStatus, Wait,
};
pub use signals::{parse_signal, signal_name};
pub use tag::{Death, TagWatch};
pub use tree::{Launcher, Tree, TreeOptions, Trees};
pub use window::{Backoff, FailureWindow, Verdict};

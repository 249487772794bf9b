//! The built-in resource types: SUNW.LogicalHostname (`logical_host`), SUNW.HAStoragePlus and SUNW.HAStorage (`storage`), SUNW.gds (`generic`),
//! and the ready fault monitor (`monitor`) that gds uses and any other type may.
//!
//! A method is a short program, `steadfast methods NAME -R r -T t -G g`: no runtime, no threads beyond what it waits with, one
//! connection to the node daemon per question. What it does to the machine outside its own processes it claims first, so that the guard can `undo`
//! it (docs/decisions/0010). Methods are idempotent. They decide nothing about the cluster.

mod call;
mod failure;
mod net;
mod run;
mod storage;
mod subject;
mod types;
mod undo;

pub use types::{builtin, builtin_file, builtins};
pub use undo::undo;

use call::Call;
use failure::{Outcome, say};
use std::process::ExitCode;
use subject::Subject;

/// A method.
type Method = fn(&Subject) -> Outcome;

/// Every method, by the name that RTR files use.
const METHODS: &[(&str, Method)] = &[];

/// Whether there is such a method.
pub fn is_method(name: &str) -> bool {
    METHODS.iter().any(|(known, _)| *known == name)
}

/// Runs a method to its end: `steadfast methods NAME ARGUMENTS`. Exit code 0: done; 1: failed, with a sentence on standard error.
pub fn run(name: &str, arguments: &[String]) -> ExitCode {
    match dispatch(name, arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            say(failure);
            ExitCode::FAILURE
        }
    }
}

fn dispatch(name: &str, arguments: &[String]) -> Outcome {
    let Some((_, method)) = METHODS.iter().find(|(known, _)| *known == name) else {
        let known = METHODS.iter().map(|(known, _)| *known);
        let near =
            rtr::nearest(name, known).map_or(String::new(), |n| format!("; did you mean {n}?"));
        return failure::wrong(format!("there is no built-in method {name}{near}"));
    };
    method(&Subject::open(Call::parse(arguments)?)?)
}

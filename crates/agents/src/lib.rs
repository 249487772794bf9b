//! The built-in resource types: SUNW.LogicalHostname (`logical_host`), SUNW.HAStoragePlus and SUNW.HAStorage (`storage`), SUNW.gds (`generic`),
//! and the ready fault monitor (`monitor`) that gds uses and any other type may.
//!
//! A method is a short program, `steadfast methods NAME -R r -T t -G g` (`methods` has the table): no runtime, one connection to the
//! node daemon per question. What it does to the machine outside its own processes it claims first, so that the guard can `undo` it
//! (docs/decisions/0010). Methods are idempotent. They decide nothing about the cluster.

mod call;
mod failure;
mod generic;
mod logical_host;
mod methods;
mod monitor;
mod net;
mod run;
mod service;
mod storage;
mod subject;
mod types;
mod undo;

pub use methods::{is_method, run};
pub use types::{builtin, builtin_file, builtins};
pub use undo::undo;

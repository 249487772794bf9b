//! Tests of the crate from outside: golden scripts.

mod executor;
mod operation;
mod planner;

//! A node: the guard and the daemon (docs/decisions/0010). Shells around `rgm::node::NodeCore`; nothing about groups is decided here.

pub mod clock;
pub mod config;
pub mod daemon;
mod fence;
pub mod guard;
pub mod log;
pub mod start;

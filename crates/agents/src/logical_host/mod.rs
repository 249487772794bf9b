//! SUNW.LogicalHostname: addresses that are on exactly one node, the one where the group is online.
//!
//! - `hosts`: which addresses the names of HostnameList stand for.
//! - `place`: on which interface of this node they belong, or that they are only claimed (`hold`).
//! - `validate`: what the operator may not ask.
//! - `methods`: PRENET_START asks whether somebody holds them, START adds and announces them, STOP removes them.
//! - `monitor`: watches by the kernel's events that they stay and that the interface has a link.
//! - `hold`: on the loopback interface, or without the right to configure interfaces: a bare claim among the nodes of one machine.

mod hold;
mod hosts;
mod methods;
mod monitor;
mod place;
mod validate;

pub(crate) use hold::run as hold;
pub(crate) use hosts::resolve_all as addresses_of;
pub(crate) use methods::{postnet_stop, prenet_start, start, stop};
pub(crate) use monitor::{monitor, monitor_start, monitor_stop, update};
pub(crate) use validate::{monitor_check, validate};

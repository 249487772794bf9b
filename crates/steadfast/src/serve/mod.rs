//! The running service: everything around server and multiplexor that a process needs.

pub(crate) mod http;
pub(crate) mod notify;

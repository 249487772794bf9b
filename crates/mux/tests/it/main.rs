//! The multiplexor over real sockets, with a scripted server behind it.

mod abuse;
mod deadlines;
mod flow;
mod streams;
mod tls;
mod world;

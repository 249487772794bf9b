//! Facts that the core is told.

use crate::admin::AdminRequest;
use bytes::Bytes;
use im_store::{ReadError, Reply, Room};
use link::Up;
use std::time::Duration;

/// The time, as the shell sees it when it hands over an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Now {
    /// Since the start of this instance; never goes back, not even when the machine's clock does.
    pub mono: Duration,
    /// Microseconds since the Unix epoch; may jump.
    pub wall_us: u64,
}

/// Joins an effect with the input that answers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// A fact.
#[derive(Debug)]
pub enum Input {
    /// The multiplexor reported something.
    Link(Up),
    /// A read that was ordered has finished.
    ReadFinished {
        /// Of the order.
        ticket: Ticket,
        /// What was read.
        result: Result<Reply, ReadError>,
    },
    /// A password that was to be verified has been.
    PasswordVerified {
        /// Of the order.
        ticket: Ticket,
        /// Whether it is the right one; `None` when nobody had time to find out.
        matches: Option<bool>,
    },
    /// Verifiers that were ordered are ready.
    PasswordHashed {
        /// Of the order.
        ticket: Ticket,
        /// `xmpp::credentials::Credentials`, encoded; `None` when this cannot be a password.
        credentials: Option<Bytes>,
    },
    /// An administrator asked.
    AdminAsked {
        /// To be returned with the answer.
        ticket: Ticket,
        /// What.
        request: AdminRequest,
    },
    /// The store's room has changed.
    RoomChanged(Room),
    /// A deadline given by [`crate::Core::next_timeout`] has come.
    TimeoutDue,
    /// The instance is going to stop: tell the clients.
    StopRequested,
}

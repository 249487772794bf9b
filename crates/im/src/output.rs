//! What the core orders: writes first, effects after they are durable.

use crate::admin::{AdminRefused, AdminReply};
use crate::input::Ticket;
use im_store::{Query, Write};
use link::Down;
use std::net::IpAddr;
use xmpp::credentials::PasswordCheck;
use xmpp::jid::BareJid;

/// Both lists of one batch. The shell may let several inputs add to one batch.
#[derive(Debug, Default)]
pub struct Output {
    /// To be made durable as a whole, in this order.
    pub writes: Vec<Write>,
    /// To be carried out in this order, after `writes` are durable.
    pub effects: Vec<Effect>,
}

/// An order to the shell.
#[derive(Debug)]
pub enum Effect {
    /// Pass this to the multiplexor.
    Link(Down),
    /// Read from the store, answer with `Input::ReadFinished`.
    Read {
        /// For the answer.
        ticket: Ticket,
        /// What.
        query: Query,
    },
    /// Check a password against verifiers (expensive), answer with `Input::PasswordVerified`.
    VerifyPassword {
        /// For the answer.
        ticket: Ticket,
        /// Verifiers and the password in clear; its `Debug` shows neither.
        check: PasswordCheck,
    },
    /// Make verifiers of a password (expensive), answer with `Input::PasswordHashed`.
    HashPassword {
        /// For the answer.
        ticket: Ticket,
        /// The password in clear; never logged.
        password: String,
        /// Salt of the verifiers.
        salt: [u8; 16],
        /// PBKDF2 iterations.
        iterations: u32,
    },
    /// Answer an administrator.
    AdminAnswered {
        /// Of the request.
        ticket: Ticket,
        /// The answer.
        reply: Result<AdminReply, AdminRefused>,
    },
    /// Tell the log.
    Report(Report),
}

/// Something worth a line in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// A client logged in.
    LoggedIn {
        /// As whom.
        jid: BareJid,
        /// From where.
        peer: IpAddr,
        /// SASL mechanism.
        mechanism: &'static str,
    },
    /// A login was refused.
    LoginRefused {
        /// As whom, when that was said.
        jid: Option<BareJid>,
        /// From where.
        peer: IpAddr,
        /// SASL condition.
        condition: &'static str,
    },
    /// An address or account made too many attempts and has to wait.
    LoginThrottled {
        /// As whom, when the account's limit was reached.
        jid: Option<BareJid>,
        /// From where.
        peer: IpAddr,
    },
    /// A stranger registered an account (XEP-0077).
    Registered {
        /// The account.
        jid: BareJid,
        /// From where.
        peer: IpAddr,
    },
    /// An address asked for too many accounts and has to wait.
    RegistrationThrottled {
        /// From where.
        peer: IpAddr,
    },
    /// A read failed; what waited for it was answered with internal-server-error.
    ReadFailed {
        /// Why.
        why: String,
    },
    /// The store's room changed.
    Room {
        /// Whether only the reserve is left.
        scarce: bool,
    },
}

/// Running totals and current sizes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Connections now.
    pub connections: u64,
    /// Sessions now, resumable ones without a connection included.
    pub sessions: u64,
    /// Sessions now that wait to be resumed.
    pub sessions_detached: u64,
    /// Accounts in memory now.
    pub accounts_loaded: u64,
    /// Stanzas handled.
    pub stanzas_in: u64,
    /// Stanzas put into sessions' queues or sent.
    pub stanzas_out: u64,
    /// Messages stored offline.
    pub stored_offline: u64,
    /// Sessions resumed.
    pub resumed: u64,
    /// Resumptions refused.
    pub resume_refused: u64,
    /// Logins.
    pub logins: u64,
    /// Logins refused.
    pub logins_refused: u64,
    /// Stanzas refused because the store lacked room.
    pub refused_for_room: u64,
}

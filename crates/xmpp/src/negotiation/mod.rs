//! Everything between a client's first byte and its session (RFC 6120 §4–§7, RFC 7590, XEP-0368): the server's side, as a
//! state machine without I/O. One struct per state, named for what it awaits, consumed by its own `handle`, one file each.
//!
//! ```text
//! ExpectHeader ─► ExpectStartTls ─► ExpectTls ─► ExpectHeader      (TLS demanded)
//!      └────────► ExpectAuth ◄──────────────── any refusal
//!                   │  └─► ExpectInitialResponse ─┐
//!                   └──────────────┬──────────────┘
//!                        ExpectCredentials ─► ExpectResponse   (SCRAM) ─┐
//!                              └────────────► ExpectVerdict    (PLAIN) ─┤
//!                                                                       ▼
//!   ExpectOutcome ◄─► ExpectBind ◄──────────────────────── ExpectHeaderAfterAuth
//! ```
//!
//! Every refusal, every answer without progress and every restart is counted and bounded, so a peer cannot go round in
//! circles. The negotiation must never look at an account before it is told to, and never treat an unknown one differently.

mod expect_auth;
mod expect_bind;
mod expect_credentials;
mod expect_header;
mod expect_header_after_auth;
mod expect_initial_response;
mod expect_outcome;
mod expect_response;
mod expect_start_tls;
mod expect_tls;
mod expect_verdict;
mod features;
mod header;
mod login;
mod turn;

#[cfg(test)]
mod tests;

pub use header::stream_error_bytes;

use crate::credentials::PasswordCheck;
use crate::jid::BareJid;
use crate::sasl::{ChannelBindings, Failure, FailureCondition, Mechanism};
use crate::stream_error::StreamError;
use crate::xml::{Element, StreamHeader};
use bytes::Bytes;
use expect_auth::ExpectAuth;
use expect_bind::ExpectBind;
use expect_credentials::ExpectCredentials;
use expect_header::ExpectHeader;
use expect_header_after_auth::ExpectHeaderAfterAuth;
use expect_initial_response::ExpectInitialResponse;
use expect_outcome::ExpectOutcome;
use expect_response::ExpectResponse;
use expect_start_tls::ExpectStartTls;
use expect_tls::ExpectTls;
use expect_verdict::ExpectVerdict;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use turn::{Tally, Turn};

/// Answers without progress (refused binds, registration requests, …) that one stream gets.
pub const IDLE_ANSWERS_MAX: u8 = 16;

/// What the listener was configured to do about TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsPolicy {
    /// STARTTLS is offered and nothing else happens before it.
    Required,
    /// STARTTLS is offered; SCRAM works without it, PLAIN and registration do not.
    Optional,
    /// STARTTLS is not offered and everything works without it; only on loopback.
    Off,
}

/// What the negotiation is told about the service; the same for all clients of a listener.
#[derive(Clone, Copy)]
pub struct Settings<'a> {
    /// The domains served here; the first one speaks when a client asks for another. Never empty.
    pub domains: &'a [BareJid],
    /// The listener's rule about TLS.
    pub tls: TlsPolicy,
    /// Whether there is a certificate to do TLS with.
    pub tls_available: bool,
    /// Mechanisms that may be offered, in any order; each is offered only where it is safe.
    pub mechanisms: &'a [Mechanism],
    /// Makes the salts of accounts that do not exist. Same for all instances, never changed.
    pub server_secret: &'a [u8],
    /// Iterations of new accounts, and so of accounts that do not exist.
    pub iterations: NonZeroU32,
    /// Whether the challenge carries the hash of XEP-0474. Some old clients stumble over it.
    pub downgrade_protection: bool,
    /// Whether accounts may be registered before login (XEP-0077). The feature is added by the negotiation.
    pub registration: bool,
    /// More children of `<stream:features/>` before login, serialised.
    pub features_before_login: &'a [u8],
    /// More children of `<stream:features/>` after login, serialised; `<bind/>` is added by the negotiation.
    pub features_after_login: &'a [u8],
    /// Refused logins after which the stream is closed (RFC 6120 §6.4.5: 2 to 5).
    pub attempts_max: u8,
}

impl fmt::Debug for Settings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("domains", &self.domains)
            .field("tls", &self.tls)
            .field("mechanisms", &self.mechanisms)
            .finish_non_exhaustive()
    }
}

/// Where stream ids and nonces come from. Must be unpredictable in production.
pub trait Entropy {
    /// Sixteen fresh bytes.
    fn draw(&mut self) -> [u8; 16];
}

impl<F: FnMut() -> [u8; 16]> Entropy for F {
    fn draw(&mut self) -> [u8; 16] {
        self()
    }
}

/// A fact, from the peer or from whoever carried out an [`Order`].
#[derive(Clone, Debug)]
pub enum Heard {
    /// The peer opened a stream.
    Header(StreamHeader),
    /// The peer sent a whole top-level element.
    Element(Element),
    /// The handshake ordered by [`Order::StartTls`] is done.
    TlsStarted(ChannelBindings),
    /// Answer to [`Order::LookUp`]: the encoded credentials, `None` when there is no such account.
    Credentials(Option<Bytes>),
    /// Answer to [`Order::VerifyPassword`].
    PasswordVerified(bool),
    /// Answer to [`Order::LookUp`] or [`Order::VerifyPassword`] when it could not or must not be found out: the store
    /// failed (`temporary-auth-failure`), too many attempts, the account is disabled.
    LoginRefused(Failure),
}

/// What the caller has to do, in order.
#[derive(Clone, Debug)]
pub enum Order {
    /// Send to the peer.
    Send(Bytes),
    /// Send `proceed`, then start TLS; say [`Heard::TlsStarted`]. Whatever came after `<starttls/>` in the clear must not be
    /// heard.
    StartTls {
        /// `<proceed/>`.
        proceed: Bytes,
    },
    /// Expect a stream header from the next byte on.
    Restart,
    /// Find the credentials of an account; say [`Heard::Credentials`] or [`Heard::LoginRefused`].
    LookUp {
        /// The account.
        jid: BareJid,
    },
    /// Run the check outside the core; say [`Heard::PasswordVerified`] or [`Heard::LoginRefused`].
    VerifyPassword(PasswordCheck),
    /// The peer is who it says.
    Authenticated {
        /// Its account.
        jid: BareJid,
        /// Name of the mechanism that proved it.
        mechanism: &'static str,
    },
    /// A login was refused; for the limits on attempts.
    Refused {
        /// The account asked for, when it got that far. It need not exist.
        jid: Option<BareJid>,
        /// What the peer was told.
        condition: FailureCondition,
    },
    /// Bind a session of the authenticated account. The caller answers the IQ (a result, or an error followed by
    /// [`Negotiation::reopen`]).
    Bind {
        /// Id of the IQ to answer.
        id: String,
        /// The resource asked for, prepared; the caller makes one up when there is none.
        resource: Option<Arc<str>>,
    },
    /// Resume a session (XEP-0198 §5). The caller answers `<resumed/>`, or `<failed/>` followed by
    /// [`Negotiation::reopen`].
    Resume {
        /// Id of the session.
        previd: String,
        /// Stanzas the client has handled.
        h: u32,
    },
    /// A request of In-Band Registration (XEP-0077) before login. The caller answers it, and may hear the peer meanwhile.
    Register {
        /// The domain it is for.
        domain: BareJid,
        /// The whole IQ.
        iq: Element,
    },
    /// Send these last words and close. Nothing follows.
    Close(Bytes),
}

/// The negotiation of one connection.
#[derive(Debug)]
pub struct Negotiation {
    state: State,
    tally: Tally,
}

/// Where one connection stands; the diagram is in the head of this module.
#[derive(Debug)]
enum State {
    /// Nothing was said on this stream yet, or nothing since TLS.
    ExpectHeader(ExpectHeader),
    /// TLS is demanded and has not been asked for.
    ExpectStartTls(ExpectStartTls),
    /// `<proceed/>` was ordered.
    ExpectTls(ExpectTls),
    /// The peer may log in.
    ExpectAuth(ExpectAuth),
    /// The peer named a mechanism and got an empty challenge.
    ExpectInitialResponse(ExpectInitialResponse),
    /// The account is being looked up.
    ExpectCredentials(ExpectCredentials),
    /// The SCRAM challenge was sent.
    ExpectResponse(ExpectResponse),
    /// The password is being verified.
    ExpectVerdict(ExpectVerdict),
    /// The peer has logged in and must restart its stream.
    ExpectHeaderAfterAuth(ExpectHeaderAfterAuth),
    /// The peer may bind or resume a session.
    ExpectBind(ExpectBind),
    /// Binding or resuming was ordered: the negotiation is over unless it is reopened.
    ExpectOutcome(ExpectOutcome),
    /// The stream is closed.
    Closed,
}

impl Negotiation {
    /// A new connection; `tls` is present when it began with TLS (XEP-0368).
    pub fn new(tls: Option<ChannelBindings>) -> Self {
        Self { state: State::ExpectHeader(ExpectHeader { tls }), tally: Tally::default() }
    }

    /// Takes one fact, gives the orders that follow from it. While [`Negotiation::is_waiting`], what the peer sends must be
    /// held back.
    pub fn handle(
        &mut self,
        heard: Heard,
        settings: &Settings<'_>,
        entropy: &mut dyn Entropy,
    ) -> Vec<Order> {
        let mut turn = Turn::new(settings, entropy, &mut self.tally);
        self.state = match std::mem::replace(&mut self.state, State::Closed) {
            State::ExpectHeader(state) => state.handle(heard, &mut turn),
            State::ExpectStartTls(state) => state.handle(heard, &mut turn),
            State::ExpectTls(state) => state.handle(heard, &mut turn),
            State::ExpectAuth(state) => state.handle(heard, &mut turn),
            State::ExpectInitialResponse(state) => state.handle(heard, &mut turn),
            State::ExpectCredentials(state) => state.handle(heard, &mut turn),
            State::ExpectResponse(state) => state.handle(heard, &mut turn),
            State::ExpectVerdict(state) => state.handle(heard, &mut turn),
            State::ExpectHeaderAfterAuth(state) => state.handle(heard, &mut turn),
            State::ExpectBind(state) => state.handle(heard, &mut turn),
            State::ExpectOutcome(state) => state.handle(heard, &mut turn),
            State::Closed => State::Closed,
        };
        turn.finish()
    }

    /// Ends the stream because of an error found elsewhere (framing, a deadline, shutdown). Our header is written first if
    /// it was not yet (RFC 6120 §4.9.1.2). Also right after the negotiation is over.
    pub fn close(
        &mut self,
        error: StreamError,
        settings: &Settings<'_>,
        entropy: &mut dyn Entropy,
    ) -> Bytes {
        let mut turn = Turn::new(settings, entropy, &mut self.tally);
        self.state = State::Closed;
        turn.last_words(Some(&error))
    }

    /// Ends the stream because the peer has ended it: `</stream:stream>`.
    pub fn end(&mut self, settings: &Settings<'_>, entropy: &mut dyn Entropy) -> Bytes {
        let mut turn = Turn::new(settings, entropy, &mut self.tally);
        self.state = State::Closed;
        turn.last_words(None)
    }

    /// After [`Order::Bind`] or [`Order::Resume`] was refused: the peer may try again, within [`IDLE_ANSWERS_MAX`]. Does
    /// nothing in other states. What the peer is told about the refusal is the caller's.
    pub fn reopen(&mut self) {
        self.state = match std::mem::replace(&mut self.state, State::Closed) {
            State::ExpectOutcome(state) => {
                self.tally.idle_answers = self.tally.idle_answers.saturating_add(1);
                state.reopen()
            }
            other => other,
        };
    }

    /// Whether an order must be answered before anything more from the peer may be heard.
    pub fn is_waiting(&self) -> bool {
        matches!(
            self.state,
            State::ExpectTls(_)
                | State::ExpectCredentials(_)
                | State::ExpectVerdict(_)
                | State::ExpectOutcome(_)
        )
    }

    /// Whether the stream was closed.
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// The account, once it has authenticated.
    pub fn account(&self) -> Option<&BareJid> {
        match &self.state {
            State::ExpectHeaderAfterAuth(state) => Some(&state.jid),
            State::ExpectBind(state) => Some(&state.jid),
            State::ExpectOutcome(state) => Some(&state.jid),
            _ => None,
        }
    }
}

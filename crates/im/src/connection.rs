//! A connection before it carries a session, and the orders that concern connections only.

use crate::features::streams;
use crate::gather::Work;
use crate::input::Ticket;
use crate::output::{Effect, Report};
use crate::planted::PlantedFault;
use crate::state::State;
use bytes::Bytes;
use im_store::SessionId;
use link::{CloseReason, ConnFacts, ConnId, Down, TlsFacts, TlsPolicy};
use std::collections::VecDeque;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use xmpp::jid::BareJid;
use xmpp::negotiation::{self, Heard, Negotiation, Order, Settings, stream_error_bytes};
use xmpp::sasl::{ChannelBindings, Failure, FailureCondition, Mechanism};
use xmpp::stanza_error::StanzaError;
use xmpp::stream_error::{StreamCondition, StreamError};
use xmpp::xml::{Element, Writer};

/// Elements a bound client may have on the way before it has to wait for us.
const CREDIT_WINDOW: u32 = 32;
/// Handled elements after which credit is given back, to spare small frames.
const CREDIT_STEP: u32 = 8;
/// Refused logins per stream (RFC 6120 §6.4.5).
const LOGIN_ATTEMPTS_MAX: u8 = 3;

/// Too many failed logins from this address or for this account (attack row 11).
const THROTTLED: Failure = Failure::new(
    FailureCondition::TemporaryAuthFailure,
    "Too many failed logins; wait a minute and try again.",
);
/// More passwords to verify than there is time for.
const OVERLOADED: Failure =
    Failure::new(FailureCondition::TemporaryAuthFailure, "Too many logins at once; try again.");
/// The store could not be read.
const NOT_READABLE: Failure =
    Failure::new(FailureCondition::TemporaryAuthFailure, "The server cannot check this now.");

/// A request to bind a resource, on its way through the gathering of its account.
#[derive(Clone, Debug)]
pub(crate) struct BindRequest {
    /// Id of the IQ.
    pub(crate) id: String,
    /// The resource asked for, prepared.
    pub(crate) resource: Option<Arc<str>>,
}

/// A client connection.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) peer: IpAddr,
    tls_policy: TlsPolicy,
    /// Until a session is bound or resumed.
    negotiation: Option<Box<Negotiation>>,
    /// Since a session is.
    pub(crate) session: Option<SessionId>,
    /// Number of the last send.
    pub(crate) sends: u64,
    /// Sends not yet written to the client's socket: number, bytes, queue entry (0 for none).
    pub(crate) in_flight: VecDeque<(u64, u32, u64)>,
    pub(crate) in_flight_bytes: usize,
    /// Elements handled whose credit has not been given back.
    owed: u32,
    /// Closing was ordered: what still arrives is not heard.
    closing: bool,
}

impl State {
    // ---- facts ----------------------------------------------------------------------------------------------------

    pub(crate) fn connection_opened(&mut self, id: ConnId, facts: ConnFacts) {
        let negotiation = Negotiation::new(facts.tls.map(bindings));
        let conn = Connection {
            peer: facts.peer.ip(),
            tls_policy: facts.tls_policy,
            negotiation: Some(Box::new(negotiation)),
            session: None,
            sends: 0,
            in_flight: VecDeque::new(),
            in_flight_bytes: 0,
            owed: 0,
            closing: false,
        };
        self.conns.insert(id, conn);
        if self.stopping {
            let error =
                StreamError::new(StreamCondition::SystemShutdown, "The server is stopping.");
            self.break_connection(id, &error);
        }
    }

    pub(crate) fn header_received(&mut self, id: ConnId, header: xmpp::xml::StreamHeader) {
        if self.is_bound(id) {
            let error = StreamError::new(
                StreamCondition::PolicyViolation,
                "The stream must not be restarted now.",
            );
            return self.end_and_break(id, &error);
        }
        self.owe_one(id);
        self.negotiate(id, Heard::Header(header));
    }

    pub(crate) fn element_received(&mut self, id: ConnId, bytes: Bytes) {
        let Some(conn) = self.conns.get(&id) else { return };
        if conn.closing {
            return;
        }
        if let Some(session) = conn.session {
            return self.element_of_session(session, bytes);
        }
        let Ok(element) = Element::parse(bytes) else {
            let error = StreamError::new(StreamCondition::NotWellFormed, "");
            return self.break_connection(id, &error);
        };
        self.owe_one(id);
        self.negotiate(id, Heard::Element(element));
    }

    pub(crate) fn tls_started(&mut self, id: ConnId, tls: TlsFacts) {
        self.negotiate(id, Heard::TlsStarted(bindings(tls)));
    }

    /// The client broke the stream.
    pub(crate) fn stream_violated(&mut self, id: ConnId, error: &StreamError) {
        self.end_and_break(id, error);
    }

    /// The client ended the stream: its session is over, resumable or not (XEP-0198 §5).
    pub(crate) fn stream_ended(&mut self, id: ConnId) {
        match self.conns.get(&id).and_then(|c| c.session) {
            Some(session) => self.leave_when_done(session),
            None => self.close_ended(id),
        }
    }

    /// A client has gone for good: its session ends as soon as what it said before has been handled.
    fn leave_when_done(&mut self, id: SessionId) {
        let Some(session) = self.session_mut(id) else { return };
        session.leaves = true;
        self.awake.push_back(id);
    }

    /// Everything that a client said before it left has been handled.
    pub(crate) fn leave_now(&mut self, id: SessionId) {
        let conn = self.session(id).and_then(crate::session::Session::conn);
        self.end_session(id);
        if let Some(conn) = conn {
            self.close_ended(conn);
        }
    }

    fn close_ended(&mut self, id: ConnId) {
        let bytes = match self.with_negotiation(id, |n, settings, entropy| n.end(settings, entropy))
        {
            Some(bytes) => bytes,
            None => Bytes::from_static(b"</stream:stream>"),
        };
        self.close_connection(id, bytes);
    }

    /// The connection is gone; its session stays if it can be resumed.
    pub(crate) fn connection_closed(&mut self, id: ConnId, _reason: &CloseReason) {
        let Some(conn) = self.conns.remove(&id) else { return };
        if let Some(session) = conn.session {
            self.part(session, id);
        }
    }

    /// Session and connection go their ways.
    fn part(&mut self, session: SessionId, conn: ConnId) {
        let Some(s) = self.session(session) else { return };
        if s.conn() != Some(conn) {
            return;
        }
        if s.is_resumable() && !s.leaves && !self.has_fault(PlantedFault::EndsInsteadOfDetaching) {
            self.detach_session(session);
        } else {
            self.leave_when_done(session);
        }
    }

    // ---- closing --------------------------------------------------------------------------------------------------

    fn close_connection(&mut self, id: ConnId, bytes: Bytes) {
        let Some(conn) = self.conns.get_mut(&id) else { return };
        if conn.closing {
            return;
        }
        conn.closing = true;
        self.order(Down::Close { conn: id, bytes });
    }

    /// Ends a stream with an error. What becomes of its session is the caller's decision.
    pub(crate) fn break_connection(&mut self, id: ConnId, error: &StreamError) {
        let closing = self.with_negotiation(id, |negotiation, settings, entropy| {
            negotiation.close(error.clone(), settings, entropy)
        });
        self.close_connection(id, closing.unwrap_or_else(|| stream_error_bytes(error)));
    }

    /// Ends a stream with an error and its session with it: a client that breaks the rules starts anew.
    fn end_and_break(&mut self, id: ConnId, error: &StreamError) {
        if let Some(session) = self.conns.get(&id).and_then(|c| c.session) {
            self.end_session(session);
        }
        self.break_connection(id, error);
    }

    /// The same, by session.
    pub(crate) fn break_stream(&mut self, session: SessionId, error: &StreamError) {
        let conn = self.session(session).and_then(crate::session::Session::conn);
        self.end_session(session);
        if let Some(conn) = conn {
            self.break_connection(conn, error);
        }
    }

    /// Closes a connection without a word, so that its client resumes its session: only `</stream:stream>` or a stream
    /// error would end it (`docs/decisions/0005`).
    pub(crate) fn drop_connection(&mut self, id: ConnId) {
        if let Some(session) = self.conns.get(&id).and_then(|c| c.session) {
            self.part(session, id);
        }
        self.close_connection(id, Bytes::new());
    }

    /// The instance stops: clients that can resume are left to do so, the others are told.
    pub(crate) fn stop_connections(&mut self) {
        self.stopping = true;
        let mut ids: Vec<_> = self.conns.keys().copied().collect();
        ids.sort_unstable();
        for id in ids {
            let session = self.conns.get(&id).and_then(|c| c.session);
            if session.and_then(|s| self.session(s)).is_some_and(|s| s.is_resumable()) {
                self.drop_connection(id);
            } else {
                let error =
                    StreamError::new(StreamCondition::SystemShutdown, "The server is stopping.");
                self.end_and_break(id, &error);
            }
        }
    }

    // ---- credit ---------------------------------------------------------------------------------------------------

    fn is_bound(&self, id: ConnId) -> bool {
        self.conns.get(&id).is_some_and(|c| c.session.is_some())
    }

    fn owe_one(&mut self, id: ConnId) {
        if let Some(conn) = self.conns.get_mut(&id) {
            conn.owed += 1;
        }
    }

    /// One element of a bound session has been handled.
    pub(crate) fn owe_credit(&mut self, id: ConnId, pay: bool) {
        self.owe_one(id);
        if pay && self.link_has_room(id) {
            self.pay_credit_by_steps(id);
        }
    }

    /// Gives back credit owed once it is worth a frame.
    pub(crate) fn pay_credit_by_steps(&mut self, id: ConnId) {
        if self.conns.get(&id).is_some_and(|c| c.owed >= CREDIT_STEP) {
            self.pay_credit(id);
        }
    }

    /// Gives back all credit owed.
    pub(crate) fn pay_credit(&mut self, id: ConnId) {
        let Some(conn) = self.conns.get_mut(&id) else { return };
        let elements = std::mem::take(&mut conn.owed);
        if elements > 0 && !conn.closing {
            self.order(Down::Credit { conn: id, elements });
        }
    }

    /// A session was bound or resumed on this connection: the negotiation is over, the window opens.
    pub(crate) fn bound(&mut self, id: ConnId, session: SessionId) {
        let Some(conn) = self.conns.get_mut(&id) else { return };
        conn.negotiation = None;
        conn.session = Some(session);
        conn.owed += CREDIT_WINDOW - 1;
        self.pay_credit(id);
    }

    /// Binding was refused: the client may try again.
    pub(crate) fn refuse_bind(&mut self, id: ConnId, iq: &str, error: &StanzaError) {
        let mut w = Writer::new();
        w.open("iq").attr("type", "error").attr("id", iq);
        error.write(&mut w);
        self.reopen(id, w.finish());
    }

    /// Resuming was refused: the client may bind instead.
    pub(crate) fn refuse_resume(&mut self, id: ConnId, failed: Bytes) {
        self.reopen(id, failed);
    }

    fn reopen(&mut self, id: ConnId, answer: Bytes) {
        self.push(id, answer, 0);
        if let Some(negotiation) = self.conns.get_mut(&id).and_then(|c| c.negotiation.as_mut()) {
            negotiation.reopen();
        }
        self.pay_credit(id);
    }

    // ---- negotiation ------------------------------------------------------------------------------------------------

    /// Runs something on the connection's negotiation with the settings that hold for it; `None` when it is over.
    fn with_negotiation<T>(
        &mut self,
        id: ConnId,
        run: impl FnOnce(&mut Negotiation, &Settings<'_>, &mut dyn negotiation::Entropy) -> T,
    ) -> Option<T> {
        let conn = self.conns.get_mut(&id)?;
        let mut negotiation = conn.negotiation.take()?;
        let settings = Settings {
            domains: &self.options.domains,
            tls: policy(conn.tls_policy),
            tls_available: conn.tls_policy != TlsPolicy::Off,
            mechanisms: Mechanism::ALL,
            server_secret: &self.server_secret,
            iterations: NonZeroU32::new(self.options.scram_iterations).unwrap_or(NonZeroU32::MIN),
            downgrade_protection: true,
            registration: self.options.registration_allowed,
            features_before_login: streams::BEFORE_LOGIN,
            features_after_login: &self.stream_features,
            attempts_max: LOGIN_ATTEMPTS_MAX,
        };
        let entropy = &mut self.entropy;
        let result = run(&mut negotiation, &settings, &mut || entropy.bytes());
        conn.negotiation = Some(negotiation);
        Some(result)
    }

    fn negotiate(&mut self, id: ConnId, heard: Heard) {
        if self.conns.get(&id).is_none_or(|c| c.closing) {
            return;
        }
        let orders = self
            .with_negotiation(id, |negotiation, settings, entropy| {
                negotiation.handle(heard, settings, entropy)
            })
            .unwrap_or_default();
        for order in orders {
            self.carry_out(id, order);
        }
        let negotiation = self.conns.get(&id).and_then(|c| c.negotiation.as_ref());
        if negotiation.is_some_and(|n| !n.is_waiting()) {
            self.pay_credit(id);
        }
    }

    fn carry_out(&mut self, id: ConnId, order: Order) {
        match order {
            Order::Send(bytes) => self.push(id, bytes, 0),
            Order::StartTls { proceed } => self.order(Down::StartTls { conn: id, proceed }),
            Order::Restart => self.order(Down::Restart { conn: id }),
            Order::LookUp { jid } => self.look_up(id, jid),
            Order::VerifyPassword(check) => {
                let ticket = self.next_ticket();
                self.verifying.insert(ticket, id);
                self.effect(Effect::VerifyPassword { ticket, check });
            }
            Order::Authenticated { jid, mechanism } => self.authenticated(id, jid, mechanism),
            Order::Refused { jid, condition } => self.login_refused(id, jid, condition),
            Order::Bind { id: iq, resource } => {
                let Some(jid) = self.account_of(id) else { return };
                let request = BindRequest { id: iq, resource };
                self.submit(Work::Bind { conn: id, jid, request });
            }
            Order::Resume { previd, h } => {
                let Some(jid) = self.account_of(id) else { return };
                self.resume_requested(id, &jid, &previd, h);
            }
            Order::Register { domain, iq } => self.registration_requested(id, domain, iq),
            Order::Close(bytes) => self.close_connection(id, bytes),
        }
    }

    fn account_of(&self, id: ConnId) -> Option<BareJid> {
        self.conns.get(&id)?.negotiation.as_ref()?.account().cloned()
    }

    fn look_up(&mut self, id: ConnId, jid: BareJid) {
        let Some(peer) = self.conns.get(&id).map(|c| c.peer) else { return };
        if self.throttle.may_try(self.now.mono, peer, Some(&jid)) {
            self.submit(Work::Login { conn: id, jid });
        } else {
            self.report(Report::LoginThrottled { jid: Some(jid), peer });
            self.negotiate(id, Heard::LoginRefused(THROTTLED));
        }
    }

    /// The account is in memory, if there is one: the login goes on.
    pub(crate) fn credentials_gathered(&mut self, id: ConnId, jid: &BareJid, ok: bool) {
        let heard = match (ok, self.account(jid)) {
            (false, _) => Heard::LoginRefused(NOT_READABLE),
            (true, Some(account)) => Heard::Credentials(Some(account.credentials.clone())),
            (true, None) => Heard::Credentials(None),
        };
        self.negotiate(id, heard);
    }

    pub(crate) fn password_verified(&mut self, ticket: Ticket, matches: Option<bool>) {
        if let Some(id) = self.verifying.remove(&ticket) {
            let heard = matches.map_or(Heard::LoginRefused(OVERLOADED), Heard::PasswordVerified);
            self.negotiate(id, heard);
        }
    }

    fn authenticated(&mut self, id: ConnId, jid: BareJid, mechanism: &'static str) {
        let Some(peer) = self.conns.get(&id).map(|c| c.peer) else { return };
        self.counters.logins += 1;
        self.report(Report::LoggedIn { jid, peer, mechanism });
        self.order(Down::Raise { conn: id });
    }

    fn login_refused(&mut self, id: ConnId, jid: Option<BareJid>, condition: FailureCondition) {
        let Some(peer) = self.conns.get(&id).map(|c| c.peer) else { return };
        self.counters.logins_refused += 1;
        if condition == FailureCondition::NotAuthorized {
            self.throttle.failed(self.now.mono, peer, jid.as_ref());
        }
        self.report(Report::LoginRefused { jid, peer, condition: condition.name() });
    }
}

fn policy(policy: TlsPolicy) -> negotiation::TlsPolicy {
    match policy {
        TlsPolicy::Required => negotiation::TlsPolicy::Required,
        TlsPolicy::Optional => negotiation::TlsPolicy::Optional,
        TlsPolicy::Off => negotiation::TlsPolicy::Off,
    }
}

fn bindings(tls: TlsFacts) -> ChannelBindings {
    ChannelBindings { exporter: tls.exporter, end_point: tls.end_point }
}

//! The life of a session: bound, detached, resumed, ended (RFC 6120 §7, XEP-0198, XEP-0352).

use crate::account::Slot;
use crate::connection::BindRequest;
use crate::gather::{Found, Gathered, Need, Work};
use crate::pipeline::UNAVAILABLE;
use crate::planted::PlantedFault;
use crate::session::{Allowance, Carrier, End, Managed, Session};
use crate::stanza::Stanza;
use crate::state::State;
use crate::timers::Timer;
use bytes::Bytes;
use im_store::{Content, Query, QueuedStanza, Reply, SessionId, Write};
use link::ConnId;
use xmpp::jid::{BareJid, Jid};
use xmpp::ns;
use xmpp::sm;
use xmpp::stanza_error::{ErrorType, StanzaError};
use xmpp::stream_error::{StreamCondition, StreamError};
use xmpp::xml::{Element, Node, Writer};

/// Entries of an ended session's queue that are routed again at once.
const LEFT_OVER_PAGE: usize = 128;
/// The same in bytes, about.
const LEFT_OVER_PAGE_BYTES: usize = 512 * 1024;

/// RFC 6120 §7.6.2.1, at our limit.
const TOO_MANY_SESSIONS: StanzaError = StanzaError::new(
    ErrorType::Wait,
    "resource-constraint",
    "This account has as many sessions as it may have; close one of them first.",
);

/// A client that wants to go on with a session, waiting for a stanza of that session to be handled to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Resumer {
    pub(crate) conn: ConnId,
    pub(crate) h: u32,
}

impl State {
    // ---- bind -----------------------------------------------------------------------------------------------------

    /// The account is in memory: bind a resource to it (RFC 6120 §7).
    pub(crate) fn bind_gathered(
        &mut self,
        conn: ConnId,
        jid: &BareJid,
        request: BindRequest,
        ok: bool,
    ) {
        if !self.conns.contains_key(&conn) {
            return;
        }
        if !ok || self.account(jid).is_none() {
            let error = StreamError::new(StreamCondition::NotAuthorized, "The account is gone.");
            return self.break_connection(conn, &error);
        }
        let resource = match request.resource {
            Some(resource) => resource,
            None => self.entropy.token().into(),
        };
        let full = jid.with_resource(resource);
        if let Some(old) = self.session_at(&full) {
            self.replace_session(old);
        }
        if !self.make_room_for_session(jid) {
            return self.refuse_bind(conn, &request.id, &TOO_MANY_SESSIONS);
        }
        let id = self.create_session(conn, full.clone());
        self.bound(conn, id);
        let mut w = Writer::new();
        w.open("iq").attr("type", "result").attr("id", &request.id);
        w.open("bind").attr("xmlns", ns::BIND).leaf("jid", &full.to_string());
        self.push(conn, w.finish(), 0);
    }

    fn create_session(&mut self, conn: ConnId, full: Jid) -> SessionId {
        let id = self.next_session_id();
        let mut session = Session::new(id, full.clone(), Carrier::Attached(conn));
        session.allowance = Allowance::full(self.options.stanzas_burst, self.now.mono);
        self.sessions.insert(id, Box::new(session));
        if let Some(account) = self.account_mut(full.bare()) {
            account.sessions.push(id);
        }
        self.touch(id, |dirty| dirty.state = true);
        id
    }

    /// A new stream binds the same resource: the old one gives way, as users of other servers expect.
    fn replace_session(&mut self, old: SessionId) {
        let conn = self.session(old).and_then(Session::conn);
        self.end_session(old);
        if let Some(conn) = conn {
            let error = StreamError::new(
                StreamCondition::Conflict,
                "Another connection has bound this resource.",
            );
            self.break_connection(conn, &error);
        }
    }

    /// Ends the account's oldest session without a connection if it has too many; false if all are connected.
    fn make_room_for_session(&mut self, jid: &BareJid) -> bool {
        let sessions = self.sessions_of(jid);
        if sessions.len() < self.options.sessions_per_account_max {
            return true;
        }
        let oldest = sessions
            .iter()
            .copied()
            .find(|id| self.session(*id).is_some_and(|s| s.conn().is_none()));
        match oldest {
            Some(id) => {
                self.end_session(id);
                true
            }
            None => false,
        }
    }

    // ---- elements of a bound session --------------------------------------------------------------------------------

    /// A top-level element of a bound session arrived; it waits if one before it does.
    pub(crate) fn element_of_session(&mut self, id: SessionId, bytes: Bytes) {
        let Some(session) = self.session_mut(id) else { return };
        if session.waiting || !session.inbox.is_empty() {
            session.inbox.push_back(bytes);
            return;
        }
        self.handle_element(id, bytes);
    }

    /// Goes on with the elements that waited.
    pub(crate) fn drain_inbox(&mut self, id: SessionId) {
        while let Some(session) = self.session_mut(id)
            && !session.waiting
            && let Some(bytes) = session.inbox.pop_front()
        {
            if session.inbox.is_empty() {
                session.inbox = std::collections::VecDeque::new();
            }
            self.handle_element(id, bytes);
        }
    }

    fn handle_element(&mut self, id: SessionId, bytes: Bytes) {
        let Ok(element) = Element::parse(bytes) else {
            let error = StreamError::new(StreamCondition::NotWellFormed, "");
            return self.break_stream(id, &error);
        };
        let root = element.root();
        match (root.ns(), root.name()) {
            (ns::SM, _) => self.stream_management(id, root),
            (ns::CSI, "active") => self.client_state(id, false),
            (ns::CSI, "inactive") => self.client_state(id, true),
            _ => {
                if self.has_fault(PlantedFault::HandledTooEarly) {
                    self.count_handled(id);
                }
                return self.stanza_received(id, &element);
            }
        }
        self.element_done(id);
    }

    /// A stanza has been handled to its end: it counts (XEP-0198 §4), and what waited behind it may go on.
    pub(crate) fn stanza_handled(&mut self, id: SessionId) {
        self.counters.stanzas_in += 1;
        let Some(session) = self.session_mut(id) else { return };
        session.waiting = false;
        if !self.has_fault(PlantedFault::HandledTooEarly) {
            self.count_handled(id);
        }
        self.element_done(id);
        let Some(session) = self.session_mut(id) else { return };
        let has_more = !session.inbox.is_empty();
        let resumer = session.resumer.take();
        if has_more {
            self.awake.push_back(id);
        }
        if let Some(resumer) = resumer {
            self.resume_now(id, resumer);
        }
    }

    fn count_handled(&mut self, id: SessionId) {
        let forgotten = self.has_fault(PlantedFault::HandledNotStored);
        let Some(session) = self.session_mut(id) else { return };
        if let Some(managed) = &mut session.managed {
            managed.handled = managed.handled.wrapping_add(1);
            self.touch(id, |dirty| dirty.counters = !forgotten);
        }
    }

    /// Lets the client send one element more, at once or when it is within its allowance again.
    fn element_done(&mut self, id: SessionId) {
        let (per_second, burst) = (self.options.stanzas_per_second, self.options.stanzas_burst);
        let now = self.now.mono;
        let Some(session) = self.session_mut(id) else { return };
        let Some(conn) = session.conn() else { return };
        let within = session.allowance.take(now, per_second, burst);
        let was_paused = session.allowance.paused;
        session.allowance.paused = !within;
        if !within && !was_paused {
            let pause = std::time::Duration::from_millis(100);
            self.timers.set(now + pause, Timer::RateRefilled(id));
        }
        self.owe_credit(conn, within);
    }

    /// When a session that sent too fast may be heard again.
    pub(crate) fn rate_refilled(&mut self, id: SessionId) {
        let Some(session) = self.session_mut(id) else { return };
        session.allowance.paused = false;
        if let Some(conn) = session.conn() {
            self.pay_credit(conn);
        }
    }

    // ---- XEP-0352 -----------------------------------------------------------------------------------------------------

    fn client_state(&mut self, id: SessionId, inactive: bool) {
        let Some(session) = self.session_mut(id) else { return };
        session.inactive = inactive;
        if !inactive {
            self.refill(id);
        }
    }

    // ---- XEP-0198 -----------------------------------------------------------------------------------------------------

    fn stream_management(&mut self, id: SessionId, node: Node<'_>) {
        match sm::Request::parse(node) {
            Ok(sm::Request::Enable { resume, .. }) => self.enable_management(id, resume),
            Ok(sm::Request::AskAck) => self.report_handled(id),
            Ok(sm::Request::Ack { h }) => self.client_handled(id, h),
            Ok(sm::Request::Resume { .. }) => {
                self.push_nonza(id, sm::failed("unexpected-request", None));
            }
            Err(why) => {
                let error = StreamError::new(StreamCondition::BadFormat, why.to_string());
                self.break_stream(id, &error);
            }
        }
    }

    fn push_nonza(&mut self, id: SessionId, bytes: Bytes) {
        if let Some(conn) = self.session(id).and_then(Session::conn) {
            self.push(conn, bytes, 0);
        }
    }

    fn enable_management(&mut self, id: SessionId, resume: bool) {
        let secret = self.entropy.number();
        let max = self.options.resume_for;
        let Some(session) = self.session_mut(id) else { return };
        if session.managed.is_some() {
            return self.push_nonza(id, sm::failed("unexpected-request", None));
        }
        let base = session.queue.appended();
        session.managed = Some(Box::new(Managed { secret, resumable: resume, base, handled: 0 }));
        if !self.has_fault(PlantedFault::EnableNotStored) {
            self.touch(id, |dirty| (dirty.state, dirty.counters) = (true, true));
        }
        let token = resume.then(|| resumption_id(id, secret));
        let max = u32::try_from(max.as_secs()).unwrap_or(u32::MAX);
        self.push_nonza(id, sm::enabled(token.as_deref().map(|token| (token, max))));
    }

    fn report_handled(&mut self, id: SessionId) {
        let Some(session) = self.session(id) else { return };
        match &session.managed {
            Some(managed) => {
                let h = managed.handled;
                self.push_nonza(id, sm::ack(h));
            }
            None => self.push_nonza(id, sm::failed("unexpected-request", None)),
        }
    }

    fn client_handled(&mut self, id: SessionId, h: u32) {
        let Some(session) = self.session(id) else { return };
        let Some(managed) = &session.managed else { return };
        let base = managed.base;
        let sent = session.queue.sent().saturating_sub(base);
        let acked = session.queue.acked().saturating_sub(base);
        match sm::acknowledge(h, sent, acked) {
            Ok(acked) => {
                let up_to = session.queue.acked().max(base + acked);
                self.acknowledged(id, up_to);
            }
            Err(too_high) => self.break_stream(id, &too_high.into()),
        }
    }

    /// `<resume/>` in place of binding (XEP-0198 §5). Whoever asks has authenticated as `jid`.
    pub(crate) fn resume_requested(&mut self, conn: ConnId, jid: &BareJid, previd: &str, h: u32) {
        match self.find_resumable(jid, previd) {
            None => {
                self.counters.resume_refused += 1;
                self.refuse_resume(conn, sm::failed("item-not-found", None));
            }
            Some(id) => {
                self.take_over(id, conn);
                let resumer = Resumer { conn, h };
                let Some(session) = self.session_mut(id) else { return };
                if session.waiting {
                    session.resumer = Some(resumer);
                } else {
                    self.resume_now(id, resumer);
                }
            }
        }
    }

    fn find_resumable(&self, jid: &BareJid, previd: &str) -> Option<SessionId> {
        let (id, secret) = parse_resumption_id(previd)?;
        let session = self.session(id)?;
        let managed = session.managed.as_ref()?;
        let is_it = managed.resumable
            && managed.secret == secret
            && session.account() == jid
            && !session.is_ending();
        is_it.then_some(id)
    }

    /// Whatever connection the session still has gives way.
    fn take_over(&mut self, id: SessionId, new: ConnId) {
        let Some(session) = self.session_mut(id) else { return };
        if let Some(earlier) = session.resumer.take() {
            self.drop_connection(earlier.conn);
        }
        let Some(old) = self.session(id).and_then(Session::conn) else { return };
        if old != new {
            self.detach_session(id);
            let error =
                StreamError::new(StreamCondition::Conflict, "The session was resumed elsewhere.");
            self.break_connection(old, &error);
        }
    }

    fn resume_now(&mut self, id: SessionId, resumer: Resumer) {
        let Resumer { conn, h } = resumer;
        if !self.conns.contains_key(&conn) {
            return;
        }
        let ignores_h = self.has_fault(PlantedFault::IgnoresHOfResume);
        let Some(session) = self.session_mut(id) else {
            return self.refuse_resume(conn, sm::failed("item-not-found", None));
        };
        let Some(managed) = &session.managed else { return };
        let (base, secret, handled) = (managed.base, managed.secret, managed.handled);
        // What was sent is not known after a crash; what was appended bounds it.
        let appended = session.queue.appended().saturating_sub(base);
        let acked = session.queue.acked().saturating_sub(base);
        let h = if ignores_h { sm::on_the_wire(acked) } else { h };
        let acked = match sm::acknowledge(h, appended, acked) {
            Ok(acked) => acked,
            Err(too_high) => return self.break_connection(conn, &too_high.into()),
        };
        if let Carrier::Detached { until } = session.carrier {
            self.timers.clear(until, Timer::ResumeExpires(id));
        }
        let (burst, now) = (self.options.stanzas_burst, self.now.mono);
        let Some(session) = self.session_mut(id) else { return };
        session.carrier = Carrier::Attached(conn);
        session.allowance = Allowance::full(burst, now);
        let up_to = session.queue.acked().max(base + acked);
        if session.queue.acknowledge(up_to) {
            self.touch(id, |dirty| dirty.trim = true);
        }
        self.counters.resumed += 1;
        self.bound(conn, id);
        let resumed = sm::resumed(&resumption_id(id, secret), handled);
        self.push(conn, resumed, 0);
        self.refill(id);
    }

    // ---- detach and end ------------------------------------------------------------------------------------------------

    /// The connection is gone, the session stays: it goes on receiving and may be resumed.
    pub(crate) fn detach_session(&mut self, id: SessionId) {
        self.clear_question(id);
        let until = self.now.mono + self.options.resume_for;
        let rewinds_not = self.has_fault(PlantedFault::NoRewind);
        let Some(session) = self.session_mut(id) else { return };
        session.carrier = Carrier::Detached { until };
        session.inbox = std::collections::VecDeque::new();
        session.refilling = false;
        session.inactive = false;
        if !rewinds_not {
            session.queue.rewind();
        }
        self.timers.set(until, Timer::ResumeExpires(id));
        self.end_if_overfull(id);
    }

    /// When a session without a connection can no longer be resumed.
    pub(crate) fn resume_expired(&mut self, id: SessionId) {
        let is_detached =
            self.session(id).is_some_and(|s| matches!(s.carrier, Carrier::Detached { .. }));
        if is_detached {
            self.end_session(id);
        }
    }

    /// Ends a session: it is present no more, and what its client did not get is routed again.
    pub(crate) fn end_session(&mut self, id: SessionId) {
        let Some(session) = self.session(id) else { return };
        if session.is_ending() {
            return;
        }
        if let Carrier::Detached { until } = session.carrier {
            self.timers.clear(until, Timer::ResumeExpires(id));
        }
        self.clear_question(id);
        self.presence_of_ended(id);
        let Some(session) = self.session_mut(id) else { return };
        if let Some(resumer) = session.resumer.take() {
            self.refuse_resume(resumer.conn, sm::failed("item-not-found", None));
        }
        let Some(session) = self.session_mut(id) else { return };
        session.carrier = Carrier::Ending;
        session.presence = None;
        session.inbox = std::collections::VecDeque::new();
        let jid = session.jid.clone();
        self.leave_account(id, jid.bare());
        crate::features::last::session_ended(self, jid.bare());
        self.mark_end(id, jid.bare());
        *self.gathering.ending.entry(jid.bare().clone()).or_default() += 1;
        self.route_left_over(id, jid.bare());
    }

    /// Remembers, across a crash too, that the session ended and which sessions outlived it.
    fn mark_end(&mut self, id: SessionId, account: &BareJid) {
        self.last_end += 1;
        let end = End { order: self.last_end, outlived_by: self.sessions_of(account).to_vec() };
        let Some(session) = self.session_mut(id) else { return };
        let has_left_over = session.queue.has_left_over();
        session.end = Some(Box::new(end));
        if has_left_over {
            self.touch(id, |dirty| dirty.state = true);
        }
    }

    fn leave_account(&mut self, id: SessionId, jid: &BareJid) {
        let Some(Slot::Loaded(account)) = self.accounts.get_mut(jid) else { return };
        account.sessions.retain(|other| *other != id);
        if account.sessions.is_empty() {
            self.unused.put(jid);
        }
    }

    fn route_left_over(&mut self, id: SessionId, account: &BareJid) {
        if self.session(id).is_some_and(|s| s.queue.has_left_over()) {
            self.submit(Work::End { session: id, account: account.clone() });
        } else {
            self.write(Write::SessionRemove { session: id });
            self.forget_session(id, account);
        }
    }

    fn forget_session(&mut self, id: SessionId, account: &BareJid) {
        self.sessions.remove(&id);
        if let Some(sessions) = self.gathering.ending.get_mut(account) {
            *sessions -= 1;
            if *sessions == 0 {
                self.gathering.ending.remove(account);
            }
        }
    }

    /// What is needed to route a session's queue again.
    pub(crate) fn needs_of_ending(&self, id: SessionId) -> Vec<Need> {
        let Some(session) = self.session(id) else { return Vec::new() };
        vec![Need::Read(Query::Queue {
            session: id,
            from_seq: session.queue.acked() + 1,
            max: LEFT_OVER_PAGE,
            bytes_max: LEFT_OVER_PAGE_BYTES,
        })]
    }

    /// A page of an ended session's queue is here. Page and trim are one batch: a crash repeats or finishes it.
    pub(crate) fn ending_gathered(
        &mut self,
        id: SessionId,
        account: &BareJid,
        gathered: Option<Gathered>,
    ) {
        let Some(Some(Found::Read(Reply::Queue(entries)))) = gathered.map(|mut g| g.pop()) else {
            // The store keeps the session; the next start takes it up again.
            return self.forget_session(id, account);
        };
        let Some(newest) = entries.last().map(|entry| entry.seq) else {
            self.write(Write::SessionRemove { session: id });
            return self.forget_session(id, account);
        };
        for entry in &entries {
            self.left_over(id, account, entry);
        }
        if let Some(session) = self.session_mut(id) {
            session.queue.acknowledge(newest);
            self.write(Write::QueueTrim { session: id, up_to: newest });
            self.route_left_over(id, account);
        }
    }

    /// RFC 6121 §8 for what a session did not take: messages find another way, requests are refused, the rest is void.
    fn left_over(&mut self, id: SessionId, account: &BareJid, entry: &QueuedStanza) {
        if self.has_fault(PlantedFault::LeftOverDropped) {
            return;
        }
        match &entry.content {
            Content::Stored(..) => self.message_left_over(id, account, entry),
            Content::Own(bytes) => {
                let Ok(element) = Element::parse(bytes.clone()) else { return };
                let root = element.root();
                let from = root.attr("from").and_then(|from| Jid::parse(&from).ok());
                let to = root.attr("to").and_then(|to| Jid::parse(&to).ok());
                let is_request = root.name() == "iq"
                    && matches!(root.attr("type").as_deref(), Some("get" | "set"));
                if let (true, Some(from), Some(to)) = (is_request, from, to) {
                    let kind = crate::stanza::Kind::Iq(crate::stanza::IqType::Get);
                    if let Some(stanza) = Stanza::made(kind, from, to, bytes.clone()) {
                        self.bounce(&stanza, &UNAVAILABLE);
                    }
                }
            }
        }
    }
}

/// `id-secret`, both hexadecimal.
fn resumption_id(id: SessionId, secret: u64) -> String {
    format!("{:x}-{secret:016x}", id.0)
}

fn parse_resumption_id(text: &str) -> Option<(SessionId, u64)> {
    let (id, secret) = text.split_once('-')?;
    let id = u64::from_str_radix(id, 16).ok()?;
    Some((SessionId(id), u64::from_str_radix(secret, 16).ok()?))
}

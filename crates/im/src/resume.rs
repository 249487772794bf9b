//! Stream management (XEP-0198): what both sides have, and going on with a session over another connection.

use crate::planted::PlantedFault;
use crate::session::{Allowance, Carrier, Managed, Session};
use crate::state::State;
use crate::timers::Timer;
use bytes::Bytes;
use im_store::SessionId;
use link::ConnId;
use xmpp::jid::BareJid;
use xmpp::sm;
use xmpp::stream_error::{StreamCondition, StreamError};
use xmpp::xml::Node;

/// A client that wants to go on with a session, waiting for a stanza of that session to be handled to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Resumer {
    pub(crate) conn: ConnId,
    pub(crate) h: u32,
}

impl State {
    pub(crate) fn stream_management(&mut self, id: SessionId, node: Node<'_>) {
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

    pub(crate) fn resume_now(&mut self, id: SessionId, resumer: Resumer) {
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

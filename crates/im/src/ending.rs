//! The end of a session, and what becomes of what its client did not take (`docs/decisions/0006`).

use crate::account::Slot;
use crate::gather::{Found, Gathered, Need, Work};
use crate::pipeline::UNAVAILABLE;
use crate::planted::PlantedFault;
use crate::session::{Carrier, End};
use crate::stanza::Stanza;
use crate::state::State;
use crate::timers::Timer;
use im_store::{Content, Query, QueuedStanza, Reply, SessionId, Write};
use xmpp::jid::{BareJid, Jid};
use xmpp::sm;
use xmpp::xml::Element;

/// Entries of an ended session's queue that are routed again at once.
const LEFT_OVER_PAGE: usize = 128;
/// The same in bytes, about.
const LEFT_OVER_PAGE_BYTES: usize = 512 * 1024;

impl State {
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
            if self.session(id).is_some_and(|session| session.stored) {
                self.write(Write::SessionRemove { session: id });
            }
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

//! Top-level elements of a bound session, in order: stanzas go to the pipelines, the rest is answered at once. Nothing
//! overtakes a stanza that waits for a read.

use crate::planted::PlantedFault;
use crate::state::State;
use crate::timers::Timer;
use bytes::Bytes;
use im_store::SessionId;
use std::time::Duration;
use xmpp::ns;
use xmpp::stream_error::{StreamCondition, StreamError};
use xmpp::xml::Element;

/// Shortest time for which a client that sends too fast is not heard; shorter ones would be timers for nothing.
const PAUSE_MIN: Duration = Duration::from_millis(20);

impl State {
    /// A top-level element of a bound session arrived; it waits if one before it does.
    pub(crate) fn element_of_session(&mut self, id: SessionId, bytes: Bytes) {
        let must_wait = self.must_wait(id);
        let Some(session) = self.session_mut(id) else { return };
        if must_wait || !session.inbox.is_empty() {
            session.inbox.push_back(bytes);
            return;
        }
        self.handle_element(id, bytes);
    }

    /// Whether the next element has to wait: for a read, or for a client that does not read what it has asked for before.
    fn must_wait(&self, id: SessionId) -> bool {
        let Some(session) = self.session(id) else { return false };
        let is_deaf = !session.leaves
            && session
                .conn()
                .is_some_and(|conn| self.conns.contains_key(&conn) && !self.link_has_room(conn));
        session.waiting || is_deaf
    }

    /// Goes on with the elements that waited.
    pub(crate) fn drain_inbox(&mut self, id: SessionId) {
        while !self.must_wait(id)
            && let Some(session) = self.session_mut(id)
            && let Some(bytes) = session.inbox.pop_front()
        {
            if session.inbox.is_empty() {
                session.inbox = std::collections::VecDeque::new();
            }
            self.handle_element(id, bytes);
        }
        if self.session(id).is_some_and(|s| s.leaves && !s.is_busy()) {
            self.leave_now(id);
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
        let has_more = !session.inbox.is_empty() || session.leaves;
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
        let wait = session.allowance.take(now, per_second, burst);
        let was_paused = std::mem::replace(&mut session.allowance.paused, wait.is_some());
        if let Some(wait) = wait
            && !was_paused
        {
            self.timers.set(now + wait.max(PAUSE_MIN), Timer::RateRefilled(id));
        }
        self.owe_credit(conn, wait.is_none());
    }

    /// When a session that sent too fast may be heard again.
    pub(crate) fn rate_refilled(&mut self, id: SessionId) {
        let (per_second, burst) = (self.options.stanzas_per_second, self.options.stanzas_burst);
        let now = self.now.mono;
        let Some(session) = self.session_mut(id) else { return };
        if !session.allowance.paused {
            return;
        }
        // What was on its way when it was stopped counts too.
        if let Some(wait) = session.allowance.wait(now, per_second, burst) {
            return self.timers.set(now + wait.max(PAUSE_MIN), Timer::RateRefilled(id));
        }
        session.allowance.paused = false;
        if let Some(conn) = session.conn() {
            self.pay_credit(conn);
        }
    }

    /// The client says whether somebody is looking (XEP-0352).
    fn client_state(&mut self, id: SessionId, inactive: bool) {
        let Some(session) = self.session_mut(id) else { return };
        session.inactive = inactive;
        if !inactive {
            self.refill(id);
        }
    }
}

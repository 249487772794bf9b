//! The core's two calls: hand over a fact, take what follows from it.

use crate::account::Account;
use crate::account::Slot;
use crate::features;
use crate::input::{Input, Now};
use crate::options::Options;
use crate::output::{Counters, Output, Report};
use crate::planted::PlantedFault;
use crate::queue::Queue;
use crate::session::{Carrier, Session};
use crate::state::{LastIds, State};
use crate::timers::Timer;
use im_store::{KeptSession, Recovered, Room, SessionId};
use link::Up;
use std::time::Duration;

/// The messaging core of one instance of the server.
///
/// Call [`Core::handle`] for every fact, as many as are ready, then [`Core::take_output`] once: that is one batch. Make its
/// writes durable, then carry out its effects; meanwhile the next batch may be computed.
#[derive(Debug)]
pub struct Core {
    state: State,
}

impl Core {
    /// A core that goes on where the store's last instance stopped, however it stopped. Sessions that can be resumed wait for
    /// their clients; the others end. Take the output of this call like any other.
    ///
    /// `seed`: 32 unguessable bytes. `server_secret`: the same for all instances on one store.
    pub fn start(
        options: Options,
        now: Now,
        seed: [u8; 32],
        server_secret: [u8; 32],
        recovered: Recovered,
    ) -> Self {
        let ids = LastIds {
            account: recovered.last_account,
            session: recovered.last_session,
            stanza: recovered.last_stanza,
        };
        let mut state = State::new(options, seed, server_secret, ids);
        state.now = now;
        state.started_at = now.mono;
        state.stream_features = stream_features(&state);
        for row in recovered.accounts {
            let account = Account::from_row(row);
            state.accounts.insert(account.jid.clone(), Slot::Loaded(Box::new(account)));
        }
        let mut lost = Vec::new();
        for kept in recovered.sessions {
            if let Some(session) = recover(&kept) {
                lost.extend(state.take_up(session));
            }
        }
        lost.sort_unstable();
        for (_, id) in lost {
            state.end_session(id);
        }
        state.go_on_handing_over();
        Self { state }
    }

    /// Takes one fact. `now` never goes back.
    pub fn handle(&mut self, now: Now, input: Input) {
        let state = &mut self.state;
        state.now = Now { mono: state.now.mono.max(now.mono), wall_us: now.wall_us };
        match input {
            Input::Link(up) => state.link_reported(up),
            Input::ReadFinished { ticket, result } => state.read_finished(ticket, result),
            Input::PasswordVerified { ticket, matches } => state.password_verified(ticket, matches),
            Input::PasswordHashed { ticket, credentials } => {
                state.password_hashed(ticket, credentials);
            }
            Input::AdminAsked { ticket, request } => state.admin_asked(ticket, request),
            Input::RoomChanged(room) => state.room_changed(room),
            Input::TimeoutDue => {}
            Input::StopRequested => state.stop_connections(),
        }
        state.timeouts();
        while let Some(session) = state.awake.pop_front() {
            state.drain_inbox(session);
        }
        state.forget_unused_accounts();
    }

    /// What follows from the facts since the last call: one batch.
    pub fn take_output(&mut self) -> Output {
        self.state.write_changed_sessions();
        std::mem::take(&mut self.state.out)
    }

    /// When [`Input::TimeoutDue`] is wanted, on the clock of [`Now::mono`].
    pub fn next_timeout(&self) -> Option<Duration> {
        self.state.timers.next()
    }

    /// Whether nothing that was begun waits for a read. Asked before an instance stops.
    pub fn is_idle(&self) -> bool {
        self.state.gathering.is_idle()
    }

    /// Totals and sizes.
    pub fn counters(&self) -> Counters {
        self.state.counters()
    }
}

/// A kept session, with its queue where it was.
fn recover(kept: &KeptSession) -> Option<Session> {
    let mut session = Session::decode(kept.session, &kept.state, &kept.counters)?;
    if let Some((oldest, newest)) = kept.queue {
        session.queue = Queue::recovered(oldest, newest);
    }
    Some(session)
}

fn stream_features(state: &State) -> Vec<u8> {
    features::enabled(state)
        .flat_map(|feature| feature.stream_features.bytes())
        .chain(features::disco::stream_feature(state))
        .collect()
}

impl State {
    /// Takes up a kept session; returns it when it has to end: first those that had ended before, in the same order, then
    /// those that cannot be resumed.
    fn take_up(&mut self, mut session: Session) -> Option<(u64, SessionId)> {
        let (id, jid) = (session.id, session.jid.bare().clone());
        let resumable =
            session.is_resumable() && !self.has_fault(PlantedFault::RestartEndsSessions);
        let order = session.end.take().map(|end| end.order);
        let until = self.now.mono + self.options.resume_for;
        session.carrier = Carrier::Detached { until };
        let account = self.account_mut(&jid)?;
        account.sessions.push(id);
        self.sessions.insert(id, Box::new(session));
        self.timers.set(until, Timer::ResumeExpires(id));
        match order {
            Some(order) => {
                self.last_end = self.last_end.max(order);
                Some((order, id))
            }
            None => (!resumable).then_some((u64::MAX, id)),
        }
    }

    fn link_reported(&mut self, up: Up) {
        match up {
            Up::Opened { conn, facts } => self.connection_opened(conn, facts),
            Up::TlsStarted { conn, tls } => self.tls_started(conn, tls),
            Up::Header { conn, header } => self.header_received(conn, header),
            Up::Element { conn, bytes } => self.element_received(conn, bytes),
            Up::Violated { conn, error } => self.stream_violated(conn, &error),
            Up::Ended { conn } => self.stream_ended(conn),
            Up::Written { conn, seq } => self.written(conn, seq),
            Up::Closed { conn, reason } => self.connection_closed(conn, &reason),
        }
    }

    fn room_changed(&mut self, room: Room) {
        if self.room != room {
            self.room = room;
            self.report(Report::Room { scarce: room == Room::Scarce });
        }
    }

    fn timeouts(&mut self) {
        while let Some(timer) = self.timers.pop_due(self.now.mono) {
            match timer {
                Timer::ResumeExpires(id) => self.resume_expired(id),
                Timer::AckWanted(id) => self.ack_wanted(id),
                Timer::AckOverdue(id) => self.ack_overdue(id),
                Timer::RateRefilled(id) => self.rate_refilled(id),
            }
        }
    }
}

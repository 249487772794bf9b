//! What the server is told, in order, each fact once, without ever holding up the writing.
//!
//! A client that connects and says nothing is not reported at all: `Opened` goes up with the first thing worth telling,
//! and `Closed` only after `Opened`.

use super::{Connection, Phase};
use crate::connection::CloseReason;
use link::{ConnFacts, TlsFacts, Up};
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::mpsc::error::{SendError, TrySendError};
use tokio::sync::mpsc::{OwnedPermit, Sender};

type Permit = Pin<Box<dyn Future<Output = Result<OwnedPermit<Up>, SendError<()>>> + Send + Sync>>;

/// Facts on their way to the server.
pub(super) struct Reporting {
    /// Present until `Opened` has been told.
    facts: Option<Box<ConnFacts>>,
    /// What the link has had no room for.
    waiting: VecDeque<Up>,
    /// Room asked for.
    permit: Option<Permit>,
    /// The last `Send` written …
    written: u64,
    /// … and the last one reported.
    reported: u64,
    is_closed_told: bool,
}

impl fmt::Debug for Reporting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reporting").field("waiting", &self.waiting.len()).finish_non_exhaustive()
    }
}

impl Reporting {
    pub(super) fn new(facts: ConnFacts) -> Self {
        Self {
            facts: Some(Box::new(facts)),
            waiting: VecDeque::new(),
            permit: None,
            written: 0,
            reported: 0,
            is_closed_told: false,
        }
    }

    /// Whether nothing waits, so that more may be heard from the client.
    pub(super) fn has_room(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether the server knows all there will ever be.
    pub(super) fn is_done(&self) -> bool {
        self.waiting.is_empty() && (self.is_closed_told || self.facts.is_some())
    }

    /// Everything up to this `Send` is with the socket.
    pub(super) fn written(&mut self, seq: u64) {
        self.written = seq;
    }

    /// Sends at once or lets it wait. `Err` when there is no server any more.
    fn send(&mut self, up: &Sender<Up>, fact: Up) -> Result<(), ()> {
        if !self.waiting.is_empty() {
            self.waiting.push_back(fact);
            return Ok(());
        }
        match up.try_send(fact) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(fact)) => {
                self.waiting.push_back(fact);
                Ok(())
            }
            Err(TrySendError::Closed(_)) => Err(()),
        }
    }

    /// Sends what waits, as far as there is room.
    fn drain(&mut self, up: &Sender<Up>, cx: &mut Context<'_>) -> Result<bool, ()> {
        let mut moved = false;
        while !self.waiting.is_empty() {
            let permit = self.permit.get_or_insert_with(|| Box::pin(up.clone().reserve_owned()));
            match permit.as_mut().poll(cx) {
                Poll::Pending => return Ok(moved),
                Poll::Ready(permit) => {
                    self.permit = None;
                    let permit = permit.map_err(|_| ())?;
                    if let Some(fact) = self.waiting.pop_front() {
                        permit.send(fact);
                        moved = true;
                    }
                }
            }
        }
        if moved {
            self.waiting = VecDeque::new();
        }
        Ok(moved)
    }
}

impl Connection {
    /// Tells the server something, after `Opened`.
    pub(super) fn tell(&mut self, fact: Up) {
        let conn = self.id();
        let up = &self.shared.up;
        let mut result = Ok(());
        if let Some(facts) = self.reporting.facts.take() {
            result = self.reporting.send(up, Up::Opened { conn, facts: *facts });
        }
        if result.and_then(|()| self.reporting.send(up, fact)).is_err() {
            self.server_is_gone();
        }
    }

    /// TLS is up. A connection that began with it has not been reported yet.
    pub(super) fn report_tls(&mut self, tls: TlsFacts) {
        let conn = self.id();
        match &mut self.reporting.facts {
            Some(facts) => facts.tls = Some(tls),
            None => self.tell(Up::TlsStarted { conn, tls }),
        }
    }

    /// One turn of reporting. Says whether anything moved.
    pub(super) fn report(&mut self, cx: &mut Context<'_>) -> bool {
        let up = &self.shared.up;
        let Ok(mut moved) = self.reporting.drain(up, cx) else {
            self.server_is_gone();
            return true;
        };
        if !self.reporting.waiting.is_empty() {
            return moved;
        }
        let conn = self.line.conn;
        if self.reporting.written > self.reporting.reported {
            self.reporting.reported = self.reporting.written;
            self.tell(Up::Written { conn, seq: self.reporting.written });
            moved = true;
        }
        if let Phase::Gone(reason) = &self.phase
            && self.reporting.facts.is_none()
            && !self.reporting.is_closed_told
        {
            let reason = reason.clone();
            self.reporting.is_closed_told = true;
            self.tell(Up::Closed { conn, reason });
            moved = true;
        }
        moved
    }

    /// There is nobody to report to: the process ends.
    fn server_is_gone(&mut self) {
        self.reporting.waiting = VecDeque::new();
        self.reporting.is_closed_told = true;
        self.go(CloseReason::ShuttingDown);
    }
}

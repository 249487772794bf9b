//! A session: a bound resource, with or without a connection.
//!
//! ```text
//!            bind                    connection lost, resumable
//!   (none) ───────► Attached(conn) ────────────────────────────► Detached ──┐
//!                     ▲   │                    resume               │       │ expired
//!                     └───┼─────────────────────────────────────────┘       │
//!                         │ stream ended, conflict, not resumable           ▼
//!                         └──────────────────────────────────────────────► Ending ──► (removed)
//! ```
//! *Attached*: a connection carries it. *Detached*: none does, but it still receives, is present and may be resumed.
//! *Ending*: it is present no more; what is left in its queue is being routed again, then it is removed.

use crate::queue::{Directed, Queue};
use crate::wire::{Decoder, Encoder};
use bytes::Bytes;
use im_store::SessionId;
use link::ConnId;
use std::collections::VecDeque;
use std::time::Duration;
use xmpp::jid::{BareJid, Jid};

/// What carries a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carrier {
    /// This connection does.
    Attached(ConnId),
    /// None does; the session can be resumed until then.
    Detached {
        /// On the core's clock.
        until: Duration,
    },
    /// None will again.
    Ending,
}

/// Stream management of a session (XEP-0198).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Managed {
    /// Second half of the resumption id; the first is the session's number.
    pub(crate) secret: u64,
    /// Whether the client asked to be able to resume.
    pub(crate) resumable: bool,
    /// Queue number when stream management was enabled: `h` counts from here.
    pub(crate) base: u64,
    /// Stanzas handled from the client since then, modulo 2^32.
    pub(crate) handled: u32,
}

/// Presence last sent to everybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Presence {
    /// The stanza as stamped, without `to`.
    pub(crate) stanza: Bytes,
    /// −128 to 127 (RFC 6121 §4.7.2.3).
    pub(crate) priority: i8,
}

/// Asking the client what it has (XEP-0198 §4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum AckQuestion {
    /// Nothing is unacknowledged, or it was just answered.
    #[default]
    None,
    /// It will be asked then.
    Planned(Duration),
    /// It was asked; the connection is dead if there is no answer by then.
    Asked(Duration),
}

/// The end of a session whose client did not take everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct End {
    /// Rises with every session that ends; kept, so that a restart ends them again in the same order.
    pub(crate) order: u64,
    /// Sessions of the account that had not ended then. What one of them was given as well is its business.
    pub(crate) outlived_by: Vec<SessionId>,
}

/// A bound resource.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    pub(crate) jid: Jid,
    pub(crate) carrier: Carrier,
    pub(crate) managed: Option<Box<Managed>>,
    pub(crate) queue: Queue,
    pub(crate) presence: Option<Box<Presence>>,
    pub(crate) directed: Directed,
    /// Carbons are wanted (XEP-0280).
    pub(crate) carbons: bool,
    /// Whether the store knows of it. It need not as long as there is nothing to go on with: no stream management, no
    /// presence that others saw, nothing in its queue.
    pub(crate) stored: bool,
    /// Present while *Ending*.
    pub(crate) end: Option<Box<End>>,
    /// The roster was asked for, so pushes are wanted (RFC 6121 §2.1.6).
    pub(crate) roster_interest: bool,
    /// The blocking list was asked for, so pushes are wanted (XEP-0191 §3.2).
    pub(crate) blocking_interest: bool,
    /// The client says nobody is looking (XEP-0352); not kept: a resumed session is active.
    pub(crate) inactive: bool,
    /// Elements that wait because one before them waits for a read.
    pub(crate) inbox: VecDeque<Bytes>,
    /// The client has gone for good; the session ends when what it said before has been handled.
    pub(crate) leaves: bool,
    /// Whether a stanza of this session waits for a read.
    pub(crate) waiting: bool,
    /// Whether a part of the queue is being read back.
    pub(crate) refilling: bool,
    pub(crate) ack: AckQuestion,
    /// A client that waits to resume this session.
    pub(crate) resumer: Option<crate::resume::Resumer>,
    pub(crate) allowance: Allowance,
    /// What is to be written with the next batch.
    pub(crate) dirty: Dirty,
}

/// What of a session has changed since the last batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dirty {
    pub(crate) listed: bool,
    pub(crate) state: bool,
    pub(crate) counters: bool,
    pub(crate) trim: bool,
}

/// A token bucket over stanzas sent by the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allowance {
    /// Below zero: what was on its way when the client was stopped, to be waited for.
    pub(crate) tokens: i64,
    pub(crate) at: Duration,
    /// Whether the client is being kept waiting.
    pub(crate) paused: bool,
}

impl Allowance {
    pub(crate) fn full(burst: u32, now: Duration) -> Self {
        Self { tokens: i64::from(burst), at: now, paused: false }
    }

    /// Takes one token; gives how long to wait for the next when that was the last.
    pub(crate) fn take(&mut self, now: Duration, per_second: u32, burst: u32) -> Option<Duration> {
        self.earn(now, per_second, burst);
        self.tokens -= 1;
        self.wait(now, per_second, burst)
    }

    /// How long to wait for a token; `None` when there is one.
    pub(crate) fn wait(&mut self, now: Duration, per_second: u32, burst: u32) -> Option<Duration> {
        self.earn(now, per_second, burst);
        let missing = u64::try_from(1 - self.tokens).unwrap_or(0);
        let rate = u64::from(per_second.max(1));
        (missing > 0).then(|| Duration::from_micros(missing * 1_000_000 / rate))
    }

    fn earn(&mut self, now: Duration, per_second: u32, burst: u32) {
        let (rate, burst) = (u64::from(per_second.max(1)), i64::from(burst));
        let passed = now.saturating_sub(self.at).as_micros() as u64;
        let earned = passed.saturating_mul(rate) / 1_000_000;
        self.tokens = self.tokens.saturating_add(i64::try_from(earned).unwrap_or(i64::MAX));
        if self.tokens >= burst {
            (self.tokens, self.at) = (burst, now);
        } else {
            // What is left of a token is not lost.
            self.at += Duration::from_micros(earned * 1_000_000 / rate);
        }
    }
}

const STATE_VERSION: u8 = 1;
const FLAG_CARBONS: u64 = 1;
const FLAG_ROSTER: u64 = 2;
const FLAG_BLOCKING: u64 = 4;
const FLAG_MANAGED: u64 = 8;
const FLAG_RESUMABLE: u64 = 16;
const FLAG_PRESENT: u64 = 32;

impl Session {
    pub(crate) fn account(&self) -> &BareJid {
        self.jid.bare()
    }

    pub(crate) fn conn(&self) -> Option<ConnId> {
        match self.carrier {
            Carrier::Attached(conn) => Some(conn),
            Carrier::Detached { .. } | Carrier::Ending => None,
        }
    }

    /// Whether something its client said has not been handled.
    pub(crate) fn is_busy(&self) -> bool {
        self.waiting || !self.inbox.is_empty()
    }

    pub(crate) fn is_ending(&self) -> bool {
        self.carrier == Carrier::Ending
    }

    /// Whether the session has announced presence that is not "unavailable" (RFC 6121 §4.1: an *available resource*).
    pub(crate) fn is_available(&self) -> bool {
        self.presence.is_some() && !self.is_ending()
    }

    pub(crate) fn priority(&self) -> Option<i8> {
        self.presence.as_ref().map(|p| p.priority)
    }

    pub(crate) fn is_resumable(&self) -> bool {
        self.managed.as_ref().is_some_and(|m| m.resumable)
    }

    /// What seldom changes, as it is kept.
    pub(crate) fn encode_state(&self) -> Bytes {
        let mut flags = 0;
        let mut flag = |on: bool, bit: u64| flags |= if on { bit } else { 0 };
        flag(self.carbons, FLAG_CARBONS);
        flag(self.roster_interest, FLAG_ROSTER);
        flag(self.blocking_interest, FLAG_BLOCKING);
        flag(self.managed.is_some(), FLAG_MANAGED);
        flag(self.is_resumable(), FLAG_RESUMABLE);
        flag(self.presence.is_some(), FLAG_PRESENT);
        let mut e = Encoder::new(STATE_VERSION)
            .text(&self.jid.to_string())
            .number(flags)
            .number(self.managed.as_ref().map_or(0, |m| m.secret))
            .number(self.managed.as_ref().map_or(0, |m| m.base));
        if let Some(presence) = &self.presence {
            e = e.number(u64::from(presence.priority as u8)).bytes(&presence.stanza);
        }
        e = e.number(self.directed.len() as u64);
        let e = self.directed.iter().fold(e, |e, jid| e.text(&jid.to_string()));
        e.number(self.end.as_ref().map_or(0, |end| end.order)).finish()
    }

    /// What changes with every stanza, as it is kept.
    pub(crate) fn encode_counters(&self) -> Bytes {
        let handled = self.managed.as_ref().map_or(0, |m| u64::from(m.handled));
        Encoder::new(STATE_VERSION).number(handled).number(self.queue.acked()).finish()
    }

    /// A session as it was kept, without a connection; `None` when the bytes are not ours.
    pub(crate) fn decode(id: SessionId, state: &[u8], counters: &[u8]) -> Option<Self> {
        let (version, mut d) = Decoder::new(state)?;
        if version != STATE_VERSION {
            return None;
        }
        let jid = Jid::parse(d.text()?).ok()?;
        let flags = d.number()?;
        let (secret, base) = (d.number()?, d.number()?);
        let presence = match flags & FLAG_PRESENT {
            0 => None,
            _ => {
                let priority = d.number()? as u8 as i8;
                let stanza = Bytes::copy_from_slice(d.bytes()?);
                Some(Box::new(Presence { stanza, priority }))
            }
        };
        let count = d.number()?;
        let directed: Option<Directed> =
            (0..count).map(|_| d.text().and_then(|t| Jid::parse(t).ok())).collect();
        let end = d.number().filter(|order| *order > 0);
        let end = end.map(|order| Box::new(End { order, outlived_by: Vec::new() }));
        let (handled, acked) = decode_counters(counters)?;
        let managed = (flags & FLAG_MANAGED != 0).then(|| {
            let resumable = flags & FLAG_RESUMABLE != 0;
            Box::new(Managed { secret, resumable, base, handled })
        });
        let mut session = Self::new(id, jid, Carrier::Ending);
        session.managed = managed;
        session.queue = Queue::empty_at(acked);
        session.presence = presence;
        session.directed = directed?;
        session.carbons = flags & FLAG_CARBONS != 0;
        session.end = end;
        session.stored = true;
        session.roster_interest = flags & FLAG_ROSTER != 0;
        session.blocking_interest = flags & FLAG_BLOCKING != 0;
        Some(session)
    }

    pub(crate) fn new(id: SessionId, jid: Jid, carrier: Carrier) -> Self {
        Self {
            id,
            jid,
            carrier,
            managed: None,
            queue: Queue::default(),
            presence: None,
            directed: Vec::new(),
            carbons: false,
            stored: false,
            end: None,
            roster_interest: false,
            blocking_interest: false,
            inactive: false,
            inbox: VecDeque::new(),
            leaves: false,
            waiting: false,
            refilling: false,
            ack: AckQuestion::None,
            resumer: None,
            allowance: Allowance { tokens: 0, at: Duration::ZERO, paused: false },
            dirty: Dirty::default(),
        }
    }
}

fn decode_counters(counters: &[u8]) -> Option<(u32, u64)> {
    if counters.is_empty() {
        return Some((0, 0));
    }
    let (_, mut d) = Decoder::new(counters)?;
    Some((d.number()? as u32, d.number()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_sends_a_burst_and_then_the_rate_whatever_it_has_on_its_way() {
        for (per_second, on_its_way) in [(1, 32), (100, 32), (2_000, 32), (100, 0)] {
            let burst = 50;
            let mut allowance = Allowance::full(burst, Duration::ZERO);
            let (mut now, mut sent) = (Duration::ZERO, 0_u64);
            while now < Duration::from_secs(100) {
                let wait = allowance.take(now, per_second, burst);
                sent += 1;
                if let Some(mut wait) = wait {
                    for _ in 0..on_its_way {
                        wait = allowance.take(now, per_second, burst).unwrap();
                        sent += 1;
                    }
                    now += wait;
                }
            }
            let allowed = u64::from(burst) + 100 * u64::from(per_second);
            let most = allowed + on_its_way + 1;
            assert!((allowed - 1..=most).contains(&sent), "{sent} of {allowed} at {per_second}");
        }
    }
}

//! The lease: when to ask for it, when to renew it, and until when one may act.
//!
//! Every time is counted from before the request was sent, because the store may have handled it at once. A renewal that has failed
//! changes nothing about the time already granted. Never says that one may act when the lease may have ended.

use super::{Effect, Settings, StoreFailure};
use crate::planted::{Planted, PlantedFault};
use std::time::Duration;

/// A renewal is sent when this part of the lease has passed since the last one was sent.
const RENEWALS_PER_LEASE: u32 = 4;
/// What failed is tried again after this part of the lease.
pub(super) const RETRIES_PER_LEASE: u32 = 16;

#[derive(Debug)]
pub(super) struct Lease {
    asked: Duration,
    reserve: Duration,
    /// Until when the store surely keeps it; `None`: not granted yet.
    deadline: Option<Duration>,
    /// The time last granted.
    ttl: Duration,
    /// `Grant` or `KeepAlive` was sent and not answered.
    under_way: bool,
    /// When the next one is sent, unless one is under way.
    next_at: Duration,
    planted: Planted,
}

impl Lease {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            asked: settings.lease,
            reserve: settings.reserve,
            deadline: None,
            ttl: settings.lease,
            under_way: false,
            next_at: Duration::ZERO,
            planted: settings.planted,
        }
    }

    pub(super) const fn is_held(&self) -> bool {
        self.deadline.is_some()
    }

    /// From when on nothing may be done any more.
    fn limit(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.saturating_sub(self.reserve))
    }

    /// The sentence to stop with, when the time to act is over.
    pub(super) fn over(&self, now: Duration, settings: &Settings) -> Option<String> {
        let (deadline, limit) = (self.deadline?, self.limit()?);
        if now < limit {
            return None;
        }
        let node = &settings.node;
        let left = deadline.checked_sub(now).map_or_else(
            || format!("may have ended {} ms ago", (now - deadline).as_millis()),
            |left| format!("may end in {} ms", left.as_millis()),
        );
        let reserve = self.reserve.as_millis();
        Some(format!(
            "{node} stops everything: its lease was not renewed in time and {left}, {reserve} ms are kept for stopping; it joins again when the control store answers"
        ))
    }

    /// What is to be sent now.
    pub(super) fn due(&mut self, now: Duration) -> Option<Effect> {
        if self.under_way || now < self.next_at {
            return None;
        }
        self.under_way = true;
        Some(if self.is_held() { Effect::KeepAlive } else { Effect::Grant(self.asked) })
    }

    pub(super) fn granted(
        &mut self,
        now: Duration,
        sent: Duration,
        result: Result<Duration, StoreFailure>,
    ) -> Option<Effect> {
        if !self.under_way || self.is_held() {
            return None;
        }
        self.under_way = false;
        match result {
            Ok(ttl) => Some(self.extend(now, sent, ttl)),
            Err(_) => {
                self.next_at = now + self.asked / RETRIES_PER_LEASE;
                None
            }
        }
    }

    /// `Err`: the lease is gone; the sentence to stop with.
    pub(super) fn renewed(
        &mut self,
        now: Duration,
        sent: Duration,
        result: Result<Duration, StoreFailure>,
        settings: &Settings,
    ) -> Result<Option<Effect>, String> {
        if !self.under_way || !self.is_held() {
            return Ok(None);
        }
        self.under_way = false;
        let result = match result {
            Err(_) if self.planted.is(PlantedFault::FailedRenewalIgnored) => Ok(self.ttl),
            other => other,
        };
        match result {
            Ok(ttl) => Ok(Some(self.extend(now, sent, ttl))),
            Err(StoreFailure::LeaseGone) => Err(gone(settings)),
            Err(StoreFailure::Unavailable) => {
                self.next_at = now + self.ttl / RETRIES_PER_LEASE;
                Ok(None)
            }
        }
    }

    fn extend(&mut self, now: Duration, sent: Duration, ttl: Duration) -> Effect {
        let from =
            if self.planted.is(PlantedFault::LeaseCountedFromAnswer) { now } else { sent.min(now) };
        let deadline = self.deadline.map_or(from + ttl, |before| before.max(from + ttl));
        self.deadline = Some(deadline);
        self.ttl = ttl;
        self.next_at = from + ttl / RENEWALS_PER_LEASE;
        Effect::AliveUntil(deadline)
    }

    pub(super) fn next_timeout(&self) -> Option<Duration> {
        let send = (!self.under_way).then_some(self.next_at);
        [send, self.limit()].into_iter().flatten().min()
    }
}

/// The sentence when the store says that the lease has ended.
pub(super) fn gone(settings: &Settings) -> String {
    let node = &settings.node;
    format!(
        "{node} stops everything: the control store says that its lease has ended; it joins again as a new incarnation"
    )
}

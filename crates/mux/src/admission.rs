//! Who may come in: how many connections in all, from one address, and in one second.
//!
//! The counts are given back by dropping an [`Admitted`]; nothing else may lower them.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Why a connection was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// As many are open as may be.
    Total,
    /// As many are open from this address as may be.
    PerAddress,
}

/// Whose connections are counted together: an IPv4 address, or an IPv6 /64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Origin {
    V4(u32),
    V6(u64),
}

impl Origin {
    /// `None` for an address that is not counted.
    fn of(peer: SocketAddr, loopback_is_limited: bool) -> Option<Self> {
        match peer.ip().to_canonical() {
            ip if ip.is_loopback() && !loopback_is_limited => None,
            IpAddr::V4(ip) => Some(Self::V4(ip.to_bits())),
            IpAddr::V6(ip) => Some(Self::V6((ip.to_bits() >> 64) as u64)),
        }
    }
}

/// The counts of everything that is open.
#[derive(Debug)]
pub(crate) struct Admission {
    counts: Mutex<Counts>,
    emptied: Notify,
    total_max: usize,
    per_address_max: usize,
    loopback_is_limited: bool,
}

#[derive(Debug, Default)]
struct Counts {
    total: usize,
    origins: HashMap<Origin, u32>,
}

/// The right of one connection to be open.
#[derive(Debug)]
pub(crate) struct Admitted {
    admission: Arc<Admission>,
    origin: Option<Origin>,
}

impl Admission {
    pub(crate) fn new(total_max: usize, per_address_max: usize, loopback_is_limited: bool) -> Self {
        Self {
            counts: Mutex::default(),
            emptied: Notify::new(),
            total_max,
            per_address_max,
            loopback_is_limited,
        }
    }

    /// Counts one more connection, or says why not.
    pub(crate) fn admit(self: &Arc<Self>, peer: SocketAddr) -> Result<Admitted, Refusal> {
        let origin = Origin::of(peer, self.loopback_is_limited);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.total >= self.total_max {
            return Err(Refusal::Total);
        }
        if let Some(origin) = origin {
            let count = counts.origins.entry(origin).or_insert(0);
            if *count as usize >= self.per_address_max {
                if *count == 0 {
                    counts.origins.remove(&origin);
                }
                return Err(Refusal::PerAddress);
            }
            *count += 1;
        }
        counts.total += 1;
        Ok(Admitted { admission: Arc::clone(self), origin })
    }

    /// Connections open now.
    pub(crate) fn open(&self) -> usize {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).total
    }

    /// Resolves when nothing is open.
    pub(crate) async fn until_empty(&self) {
        loop {
            let emptied = self.emptied.notified();
            if self.open() == 0 {
                return;
            }
            emptied.await;
        }
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut counts = self.admission.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.total -= 1;
        if let Some(origin) = self.origin
            && let Some(count) = counts.origins.get_mut(&origin)
        {
            *count -= 1;
            if *count == 0 {
                counts.origins.remove(&origin);
            }
        }
        if counts.total == 0 {
            self.admission.emptied.notify_waiters();
        }
    }
}

/// A bucket that refills evenly: how many connections may be accepted, and when the next one may.
#[derive(Debug)]
pub(crate) struct AcceptBudget {
    interval: Duration,
    burst: Duration,
    /// The moment at which the bucket is full again; `None` while it is.
    full_at: Option<Instant>,
}

impl AcceptBudget {
    /// `per_second` connections a second, and as many in one burst.
    pub(crate) fn new(per_second: u32) -> Self {
        let interval = Duration::from_secs(1) / per_second.max(1);
        Self { interval, burst: Duration::from_secs(1), full_at: None }
    }

    /// Takes one connection's worth, or says how long to wait before asking again.
    pub(crate) fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let full_at = self.full_at.map_or(now, |at| at.max(now)) + self.interval;
        let debt = full_at.saturating_duration_since(now);
        if debt > self.burst {
            return Err(debt - self.burst);
        }
        self.full_at = Some(full_at);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(text: &str) -> SocketAddr {
        SocketAddr::new(text.parse().unwrap(), 1)
    }

    #[test]
    fn a_64_counts_as_one_address_and_a_mapped_address_as_ipv4() {
        let admission = Arc::new(Admission::new(100, 2, false));
        let first = admission.admit(peer("2001:db8::1")).unwrap();
        let _second = admission.admit(peer("2001:db8::ffff:2")).unwrap();
        assert_eq!(admission.admit(peer("2001:db8::3")).unwrap_err(), Refusal::PerAddress);
        let _other = admission.admit(peer("2001:db8:0:1::1")).unwrap();
        drop(first);
        let _again = admission.admit(peer("2001:db8::3")).unwrap();

        let _v4 = [admission.admit(peer("192.0.2.1")), admission.admit(peer("::ffff:192.0.2.1"))];
        assert_eq!(admission.admit(peer("192.0.2.1")).unwrap_err(), Refusal::PerAddress);
    }

    #[test]
    fn loopback_is_exempt_from_the_limit_per_address_but_not_from_the_total() {
        let admission = Arc::new(Admission::new(3, 1, false));
        let held: Vec<_> = (0..3).map(|_| admission.admit(peer("127.0.0.1")).unwrap()).collect();
        assert_eq!(admission.admit(peer("127.0.0.1")).unwrap_err(), Refusal::Total);
        assert_eq!(admission.open(), 3);
        drop(held);
        assert_eq!(admission.open(), 0);
        assert!(admission.counts.lock().unwrap().origins.is_empty());
    }

    #[test]
    fn refusals_leave_nothing_behind() {
        let admission = Arc::new(Admission::new(10, 0, true));
        assert_eq!(admission.admit(peer("127.0.0.1")).unwrap_err(), Refusal::PerAddress);
        assert!(admission.counts.lock().unwrap().origins.is_empty());
    }

    #[test]
    fn the_accept_budget_allows_one_burst_and_then_the_rate() {
        let start = Instant::now();
        let mut budget = AcceptBudget::new(10);
        for _ in 0..10 {
            budget.take(start).unwrap();
        }
        assert_eq!(budget.take(start), Err(Duration::from_millis(100)));
        budget.take(start + Duration::from_millis(100)).unwrap();
        assert!(budget.take(start + Duration::from_millis(150)).is_err());
        let later = start + Duration::from_secs(60);
        assert_eq!((0..20).filter(|_| budget.take(later).is_ok()).count(), 10);
    }
}

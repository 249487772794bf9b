//! Slows guessing down: counts failed logins per address and per account, forgives them with time, and never remembers
//! more than a fixed number of culprits.

use hashbrown::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;
use xmpp::jid::BareJid;

/// Culprits remembered per kind; the one whose failures are forgiven first makes room.
const CULPRITS_MAX: usize = 50_000;

/// Failed logins by culprit. A bucket that fills with failures and leaks one in `forgiven_after`.
#[derive(Debug)]
struct Failures<K> {
    limit: u32,
    forgiven_after: Duration,
    /// When the last remembered failure of each will be forgiven.
    clear_at: HashMap<K, Duration>,
}

impl<K: Hash + Eq + Clone> Failures<K> {
    fn may_try(&self, now: Duration, key: &K) -> bool {
        let Some(clear_at) = self.clear_at.get(key) else { return true };
        // What is forgiven in part still counts.
        clear_at.saturating_sub(now) <= self.forgiven_after * self.limit.saturating_sub(1)
    }

    fn add(&mut self, now: Duration, key: &K) {
        if self.clear_at.len() >= CULPRITS_MAX && !self.clear_at.contains_key(key) {
            self.make_room(now);
        }
        let clear_at = self.clear_at.entry(key.clone()).or_insert(now);
        *clear_at = (*clear_at).max(now) + self.forgiven_after;
    }

    fn make_room(&mut self, now: Duration) {
        self.clear_at.retain(|_, at| *at > now);
        if self.clear_at.len() >= CULPRITS_MAX {
            let mut times: Vec<_> = self.clear_at.values().copied().collect();
            let middle = times.len() / 2;
            let (_, median, _) = times.select_nth_unstable(middle);
            let median = *median;
            self.clear_at.retain(|_, at| *at > median);
        }
    }
}

/// Limits on attempts to log in.
#[derive(Debug)]
pub(crate) struct Throttle {
    addresses: Failures<IpAddr>,
    accounts: Failures<BareJid>,
    /// Accounts asked for (XEP-0077), by the limit of failed logins.
    registrations: Failures<IpAddr>,
    /// New passwords asked for (XEP-0077), by the limit of failed logins: each costs as much as a login.
    password_changes: Failures<BareJid>,
}

impl Throttle {
    pub(crate) fn new(per_address: u32, per_account: u32, forgiven_after: Duration) -> Self {
        Self {
            addresses: Failures { limit: per_address, forgiven_after, clear_at: HashMap::new() },
            accounts: Failures { limit: per_account, forgiven_after, clear_at: HashMap::new() },
            registrations: Failures {
                limit: per_address,
                forgiven_after,
                clear_at: HashMap::new(),
            },
            password_changes: Failures {
                limit: per_address,
                forgiven_after,
                clear_at: HashMap::new(),
            },
        }
    }

    pub(crate) fn may_try(&self, now: Duration, peer: IpAddr, jid: Option<&BareJid>) -> bool {
        self.addresses.may_try(now, &neighbourhood(peer))
            && jid.is_none_or(|jid| self.accounts.may_try(now, jid))
    }

    pub(crate) fn failed(&mut self, now: Duration, peer: IpAddr, jid: Option<&BareJid>) {
        self.addresses.add(now, &neighbourhood(peer));
        if let Some(jid) = jid {
            self.accounts.add(now, jid);
        }
    }
}

impl Throttle {
    /// Whether one more account may be asked for from this address.
    pub(crate) fn may_register(&self, now: Duration, peer: IpAddr) -> bool {
        self.registrations.may_try(now, &neighbourhood(peer))
    }

    /// An account was asked for.
    pub(crate) fn registered(&mut self, now: Duration, peer: IpAddr) {
        self.registrations.add(now, &neighbourhood(peer));
    }

    /// Whether an account may ask for one more new password.
    pub(crate) fn may_change_password(&self, now: Duration, jid: &BareJid) -> bool {
        self.password_changes.may_try(now, jid)
    }

    /// A new password was asked for.
    pub(crate) fn password_asked(&mut self, now: Duration, jid: &BareJid) {
        self.password_changes.add(now, jid);
    }
}

/// An IPv6 client owns its /64; an IPv4 client its address.
fn neighbourhood(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => {
            let s = v6.segments();
            IpAddr::V6(Ipv6Addr::new(s[0], s[1], s[2], s[3], 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn an_address_waits_after_its_limit_and_is_forgiven_with_time() {
        let mut t = Throttle::new(3, 100, secs(30));
        let a: IpAddr = "192.0.2.1".parse().unwrap();
        for _ in 0..3 {
            assert!(t.may_try(secs(0), a, None));
            t.failed(secs(0), a, None);
        }
        assert!(!t.may_try(secs(0), a, None));
        assert!(!t.may_try(secs(29), a, None));
        assert!(t.may_try(secs(31), a, None));
        assert!(t.may_try(secs(0), "192.0.2.2".parse().unwrap(), None));
    }

    #[test]
    fn an_ipv6_neighbourhood_is_one_address() {
        let mut t = Throttle::new(1, 100, secs(30));
        t.failed(secs(0), "2001:db8::1".parse().unwrap(), None);
        assert!(!t.may_try(secs(0), "2001:db8::ffff:2".parse().unwrap(), None));
        assert!(t.may_try(secs(0), "2001:db8:0:1::1".parse().unwrap(), None));
    }

    #[test]
    fn memory_of_culprits_is_bounded() {
        let mut t = Throttle::new(1, 1, secs(30));
        for n in 0..(CULPRITS_MAX as u32 + 1000) {
            t.failed(secs(u64::from(n)), IpAddr::V4(n.into()), None);
        }
        assert!(t.addresses.clear_at.len() <= CULPRITS_MAX);
    }
}

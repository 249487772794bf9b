//! What the multiplexor is told when it starts, and every way in which it can refuse to start.

use crate::tls::TlsStore;
use link::TlsPolicy;
use std::net::SocketAddr;
use std::time::Duration;

/// Everything the multiplexor needs to know.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Where to listen.
    pub listeners: Vec<ListenerConfig>,
    /// What any peer may use up.
    pub limits: MuxLimits,
    /// Certificate and key; needed unless every listener has TLS off.
    pub tls: Option<TlsStore>,
}

/// One address to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenerConfig {
    /// What is spoken there.
    pub kind: ListenerKind,
    /// Address and port; port 0 takes a free one, see [`crate::Mux::local_addresses`].
    pub address: SocketAddr,
    /// What is done about TLS. Without meaning for [`ListenerKind::C2sTls`].
    pub tls: TlsPolicy,
}

/// What is spoken on a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenerKind {
    /// XMPP over TCP, with STARTTLS as the policy says (RFC 6120).
    C2s,
    /// XMPP over TLS from the first byte (XEP-0368).
    C2sTls,
}

/// What any peer, or all of them together, may use up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MuxLimits {
    /// Connections open at one time. Lowered at start to what the limit on open files leaves room for.
    pub connections_max: usize,
    /// Connections open at one time from one IPv4 address or one IPv6 /64. Loopback is exempt unless
    /// `loopback_is_limited` is set: proxies and load generators connect from there.
    pub connections_per_address_max: usize,
    /// Whether the limit per address holds for loopback too.
    pub loopback_is_limited: bool,
    /// Connections accepted per second over all listeners; as many may come in one burst.
    pub accepts_per_second_max: u32,
    /// TLS handshakes that may compute at one time; the others wait, and established connections go first.
    pub handshakes_at_once_max: usize,
    /// From accept to login ([`link::Down::Raise`]), TLS included. Absolute: no byte extends it.
    pub login_deadline: Duration,
    /// How long output may wait for a client that takes none of it.
    pub write_stall: Duration,
    /// How long last words, and what was ordered before them, may take to leave.
    pub close_deadline: Duration,
    /// How long the peer may take to close its side after ours is closed.
    pub linger: Duration,
    /// Bytes of orders that may wait for one connection; more closes it.
    pub outbox_bytes_max: usize,
    /// Stream headers of one connection (one per TLS, SASL and retry; RFC 6120 asks for three).
    pub headers_max: u32,
}

impl Default for MuxLimits {
    fn default() -> Self {
        Self {
            connections_max: 200_000,
            connections_per_address_max: 8_192,
            loopback_is_limited: false,
            accepts_per_second_max: 5_000,
            handshakes_at_once_max: std::thread::available_parallelism().map_or(2, usize::from),
            login_deadline: Duration::from_secs(30),
            write_stall: Duration::from_secs(60),
            close_deadline: Duration::from_secs(10),
            linger: Duration::from_secs(1),
            outbox_bytes_max: 2 * 1024 * 1024,
            headers_max: 8,
        }
    }
}

/// Why the multiplexor does not start. The operator's or the environment's doing.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be had.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// TLS is wanted and there is no certificate.
    #[error("the listener on {address} speaks TLS, and no certificate is configured")]
    NoCertificate {
        /// The address.
        address: SocketAddr,
    },
    /// TLS is off where strangers can listen.
    #[error("TLS cannot be off on {address}: that is allowed on loopback addresses only")]
    TlsOffOutside {
        /// The address.
        address: SocketAddr,
    },
}

impl ListenerConfig {
    /// Whether this listener can ever shake hands.
    pub(crate) fn speaks_tls(&self) -> bool {
        self.kind == ListenerKind::C2sTls || self.tls != TlsPolicy::Off
    }

    /// Refuses what must not be listened to.
    pub(crate) fn check(&self, has_certificate: bool) -> Result<(), StartError> {
        let address = self.address;
        if !self.speaks_tls() && !address.ip().to_canonical().is_loopback() {
            return Err(StartError::TlsOffOutside { address });
        }
        if self.speaks_tls() && !has_certificate {
            return Err(StartError::NoCertificate { address });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listener(kind: ListenerKind, address: &str, tls: TlsPolicy) -> ListenerConfig {
        ListenerConfig { kind, address: address.parse().unwrap(), tls }
    }

    #[test]
    fn tls_is_off_only_on_loopback_and_on_only_with_a_certificate() {
        use ListenerKind::{C2s, C2sTls};
        use TlsPolicy::{Off, Optional, Required};
        for (kind, address, tls, has_certificate, allowed) in [
            (C2s, "127.0.0.1:0", Off, false, true),
            (C2s, "[::1]:0", Off, false, true),
            (C2s, "0.0.0.0:0", Off, true, false),
            (C2s, "192.0.2.1:5222", Off, true, false),
            (C2s, "0.0.0.0:0", Required, true, true),
            (C2s, "0.0.0.0:0", Optional, true, true),
            (C2s, "127.0.0.1:0", Required, false, false),
            (C2sTls, "127.0.0.1:0", Off, false, false),
            (C2sTls, "0.0.0.0:0", Off, true, true),
        ] {
            let result = listener(kind, address, tls).check(has_certificate);
            assert_eq!(result.is_ok(), allowed, "{kind:?} {address} {tls:?} {has_certificate}");
        }
    }
}

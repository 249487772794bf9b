//! What the multiplexor counts. Counters only rise; reading them never blocks a connection.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$doc:meta])+ $name:ident,)+) => {
        /// The counters, shared by all connections.
        #[derive(Debug, Default)]
        pub(crate) struct Counters { $(pub(crate) $name: Counter,)+ }

        /// A snapshot of everything that is counted.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct MuxMetrics {
            /// Connections open now.
            pub connections_open: u64,
            $($(#[$doc])+ pub $name: u64,)+
        }

        impl Counters {
            /// All values now.
            pub(crate) fn snapshot(&self, open: usize) -> MuxMetrics {
                MuxMetrics { connections_open: open as u64, $($name: self.$name.value(),)+ }
            }
        }

        impl MuxMetrics {
            /// Every rising counter by name, for an exporter.
            pub fn counters(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name),)+].into_iter()
            }
        }
    };
}

counters! {
    /// Connections accepted and admitted.
    accepted,
    /// Connections refused because too many were open.
    refused_total,
    /// Connections refused because too many were open from their address.
    refused_per_address,
    /// Pauses of accepting because the process had no file descriptors left.
    accept_pauses_no_files,
    /// Pauses of accepting because the budget per second was used up.
    accept_pauses_rate,
    /// TLS handshakes finished.
    tls_handshakes_done,
    /// TLS handshakes that failed.
    tls_handshakes_failed,
    /// Streams broken by the peer (XML, limits, order).
    violations,
    /// Connections closed because bytes came between STARTTLS and the handshake.
    starttls_injections,
    /// Connections closed because they had not logged in in time.
    login_deadlines,
    /// Connections closed because the client did not take its output.
    write_stalls,
    /// Connections closed because more output waited than may.
    outbox_overflows,
    /// Stream headers and elements passed up.
    elements_in,
    /// Sends written.
    sends_out,
    /// Bytes read from sockets.
    bytes_in,
    /// Bytes written to sockets.
    bytes_out,
}

/// One rising number.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, count: usize) {
        self.0.fetch_add(count as u64, Ordering::Relaxed);
    }

    pub(crate) fn inc(&self) {
        self.add(1);
    }

    fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

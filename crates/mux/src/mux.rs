//! The multiplexor as a whole: start, stop, and the handles to it.

use crate::admission::Admission;
use crate::config::{Config, MuxLimits, StartError};
use crate::connection::Shared;
use crate::journal;
use crate::line::{Cut, Downlink, Lines};
use crate::listen::Entrance;
use crate::metrics::{Counters, MuxMetrics};
use crate::socket;
use link::Up;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;

/// File descriptors kept from clients: for the store, the log, listeners, and whoever looks what is wrong.
const FILES_KEPT: u64 = 64;
/// What connections get after their grace to be cut.
const CUT_GRACE: Duration = Duration::from_secs(1);

/// A running multiplexor. Dropping it stops the accepting; [`Mux::stop`] also closes what is open.
#[derive(Debug)]
pub struct Mux {
    shared: Arc<Shared>,
    admission: Arc<Admission>,
    addresses: Vec<SocketAddr>,
    tasks: Vec<JoinHandle<()>>,
}

impl Mux {
    /// Binds every listener, then accepts; raises the limit on open files as far as it may. Facts go to `up`; orders come through [`Mux::downlink`]. Must be called within a
    /// tokio runtime, which it then runs on.
    pub fn start(config: Config, up: mpsc::Sender<Up>) -> Result<Self, StartError> {
        let mut listeners = Vec::with_capacity(config.listeners.len());
        for listener in &config.listeners {
            listener.check(config.tls.is_some())?;
            let bind_failed = |source| StartError::Bind { address: listener.address, source };
            let socket = socket::listen(listener.address).map_err(bind_failed)?;
            let address = socket.local_addr().map_err(bind_failed)?;
            listeners.push((*listener, address, socket));
        }

        let limits = within_open_files(config.limits, socket::raise_open_files_max());
        let shared = Arc::new(Shared {
            limits,
            counters: Counters::default(),
            lines: Arc::new(Lines::default()),
            up,
            tls: config.tls.as_ref().map(|tls| tls.config()),
            handshakes: Semaphore::new(limits.handshakes_at_once_max.max(1)),
        });
        let admission = Arc::new(Admission::new(
            limits.connections_max,
            limits.connections_per_address_max,
            limits.loopback_is_limited,
        ));
        let entrance = Arc::new(Entrance::new(Arc::clone(&shared), Arc::clone(&admission)));
        let addresses = listeners.iter().map(|(_, address, _)| *address).collect();
        let mut tasks: Vec<_> = listeners
            .into_iter()
            .map(|(listener, address, socket)| {
                tracing::info!(%address, kind = ?listener.kind, tls = ?listener.tls, "listening");
                tokio::spawn(Arc::clone(&entrance).run(listener, socket))
            })
            .collect();
        tasks.extend(config.tls.map(|tls| tokio::spawn(tls.watch())));
        tasks.push(tokio::spawn(journal::run(Arc::clone(&shared))));
        Ok(Self { shared, admission, addresses, tasks })
    }

    /// Where we listen, in the order of the configuration, with the ports that were taken for port 0.
    pub fn local_addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The way for the server's orders.
    pub fn downlink(&self) -> Downlink {
        Downlink::new(Arc::clone(&self.shared.lines), self.shared.limits.outbox_bytes_max)
    }

    /// Everything counted so far.
    pub fn metrics(&self) -> MuxMetrics {
        self.shared.counters.snapshot(self.admission.open())
    }

    /// Accepts nothing more, writes what waits, and closes every connection without ending its stream, so that sessions can
    /// be resumed; what is not closed within `grace` is cut. Facts keep going up meanwhile and must be taken. Gives the
    /// number of connections whose last fact nobody took.
    pub async fn stop(mut self, grace: Duration) -> usize {
        self.stop_accepting().await;
        for line in self.shared.lines.all() {
            line.close_for_shutdown();
        }
        if tokio::time::timeout(grace, self.admission.until_empty()).await.is_err() {
            for line in self.shared.lines.all() {
                line.cut(Cut::Stop);
            }
            let _ = tokio::time::timeout(CUT_GRACE, self.admission.until_empty()).await;
        }
        self.admission.open()
    }

    async fn stop_accepting(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
        for task in self.tasks.drain(..) {
            let _ = task.await; // aborted: that is what was wanted
        }
    }
}

impl Drop for Mux {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Lowers the limit on connections so that the rest of the process keeps some file descriptors.
fn within_open_files(mut limits: MuxLimits, open_files_max: Option<u64>) -> MuxLimits {
    let room = open_files_max.map_or(u64::MAX, |files| files.saturating_sub(FILES_KEPT).max(1));
    let room = usize::try_from(room).unwrap_or(usize::MAX);
    if limits.connections_max > room {
        tracing::info!(
            connections_max = limits.connections_max,
            lowered_to = room,
            "the limit on open files allows fewer connections; raise it (ulimit -n, LimitNOFILE=)"
        );
        limits.connections_max = room;
    }
    limits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_never_take_the_last_file_descriptors() {
        let limits = |connections_max| MuxLimits { connections_max, ..MuxLimits::default() };
        let check = |wanted, files, expect| {
            assert_eq!(within_open_files(limits(wanted), files).connections_max, expect);
        };
        check(100, None, 100);
        check(100, Some(1024), 100);
        check(5000, Some(1024), 960);
        check(5000, Some(10), 1);
    }
}

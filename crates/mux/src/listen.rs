//! Accepts connections: one task per listener, within the budgets, and never in a loop that burns the processor.
//!
//! When the process runs out of file descriptors, accepting pauses; connections wait in the kernel's queue meanwhile. The
//! limit on connections is set at start so that this does not happen for clients alone (see [`crate::Mux::start`]).

use crate::admission::{AcceptBudget, Admission, Refusal};
use crate::config::{ListenerConfig, ListenerKind};
use crate::connection::{Connection, Shared};
use crate::socket;
use link::{ConnFacts, ConnId};
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};

/// First pause after an error of `accept` that will not go away by itself; doubled up to the longest.
const PAUSE_FIRST: Duration = Duration::from_millis(100);
const PAUSE_LONGEST: Duration = Duration::from_secs(1);
/// A flood is one line in the log per so much time.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// Where connections come from; in tests something other than the kernel.
pub(crate) trait Accept {
    /// The next connection.
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>>;
}

impl Accept for TcpListener {
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        TcpListener::poll_accept(self, cx)
    }
}

/// What all listeners share.
#[derive(Debug)]
pub(crate) struct Entrance {
    pub(crate) shared: Arc<Shared>,
    pub(crate) admission: Arc<Admission>,
    budget: Mutex<AcceptBudget>,
    next_conn: AtomicU64,
}

impl Entrance {
    pub(crate) fn new(shared: Arc<Shared>, admission: Arc<Admission>) -> Self {
        let budget = Mutex::new(AcceptBudget::new(shared.limits.accepts_per_second_max));
        Self { shared, admission, budget, next_conn: AtomicU64::new(1) }
    }

    /// Accepts for ever.
    pub(crate) async fn run(self: Arc<Self>, config: ListenerConfig, mut listener: impl Accept) {
        let mut pause = PAUSE_FIRST;
        let mut log = Seldom::default();
        loop {
            self.await_budget().await;
            match poll_fn(|cx| listener.poll_accept(cx)).await {
                Ok((stream, peer)) => {
                    pause = PAUSE_FIRST;
                    self.enter(config, stream, peer, &mut log);
                }
                Err(error) if is_the_peers(&error) => {}
                Err(error) => {
                    if socket::is_out_of_files(&error) {
                        self.shared.counters.accept_pauses_no_files.inc();
                    }
                    if log.may() {
                        tracing::warn!(
                            address = %config.address, %error, pause_ms = pause.as_millis() as u64,
                            "cannot accept connections; trying again after a pause"
                        );
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSE_LONGEST);
                }
            }
        }
    }

    async fn await_budget(&self) {
        loop {
            let wait = {
                let mut budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
                budget.take(tokio::time::Instant::now().into_std())
            };
            let Err(wait) = wait else {
                return;
            };
            self.shared.counters.accept_pauses_rate.inc();
            tokio::time::sleep(wait).await;
        }
    }

    fn enter(&self, config: ListenerConfig, stream: TcpStream, peer: SocketAddr, log: &mut Seldom) {
        let counters = &self.shared.counters;
        let admitted = match self.admission.admit(peer) {
            Ok(admitted) => admitted,
            Err(refusal) => {
                match refusal {
                    Refusal::Total => counters.refused_total.inc(),
                    Refusal::PerAddress => counters.refused_per_address.inc(),
                }
                if log.may() {
                    tracing::warn!(%peer, ?refusal, "connections are refused: too many are open");
                }
                return;
            }
        };
        if socket::prepare(&stream).is_err() {
            return; // the peer has already gone
        }
        counters.accepted.inc();
        let conn = ConnId(self.next_conn.fetch_add(1, Ordering::Relaxed));
        tracing::debug!(conn = conn.0, %peer, "connection accepted");
        let facts = ConnFacts { peer, tls_policy: config.tls, tls: None };
        let shared = Arc::clone(&self.shared);
        let connection = Connection::new(shared, conn, stream, facts, admitted);
        match config.kind {
            ListenerKind::C2s => connection.spawn(),
            ListenerKind::C2sTls => connection.begins_with_tls().spawn(),
        }
    }
}

/// Whether an error of `accept` is about the connection that was to be accepted, and says nothing of the next.
fn is_the_peers(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, WouldBlock};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted | WouldBlock)
}

/// Lets one line through per [`LOG_INTERVAL`].
#[derive(Debug, Default)]
struct Seldom(Option<Instant>);

impl Seldom {
    fn may(&mut self) -> bool {
        let now = Instant::now();
        if self.0.is_some_and(|last| now.duration_since(last) < LOG_INTERVAL) {
            return false;
        }
        self.0 = Some(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::MuxLimits;
    use crate::line::Lines;
    use crate::metrics::Counters;
    use link::TlsPolicy;
    use std::collections::VecDeque;
    use tokio::sync::{Semaphore, mpsc};

    /// Errors, then a real listener.
    struct Failing(VecDeque<i32>, TcpListener);

    impl Accept for Failing {
        fn poll_accept(
            &mut self,
            cx: &mut Context<'_>,
        ) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
            match self.0.pop_front() {
                Some(code) => Poll::Ready(Err(io::Error::from_raw_os_error(code))),
                None => self.1.poll_accept(cx),
            }
        }
    }

    fn entrance() -> (Arc<Entrance>, mpsc::Receiver<link::Up>) {
        let (up, facts) = mpsc::channel(8);
        let shared = Arc::new(Shared {
            limits: MuxLimits::default(),
            counters: Counters::default(),
            lines: Arc::new(Lines::default()),
            up,
            tls: None,
            handshakes: Semaphore::new(1),
        });
        let admission = Arc::new(Admission::new(10, 10, false));
        (Arc::new(Entrance::new(shared, admission)), facts)
    }

    #[tokio::test(start_paused = true)]
    async fn without_file_descriptors_accepting_pauses_longer_and_longer_and_then_goes_on() {
        use rustix::io::Errno;
        let (entrance, _facts) = entrance();
        let listener = socket::listen(([127, 0, 0, 1], 0).into()).unwrap();
        let address = listener.local_addr().unwrap();
        let _client = std::net::TcpStream::connect(address).unwrap();
        let out = [Errno::MFILE, Errno::NFILE, Errno::MFILE, Errno::MFILE, Errno::NOBUFS];
        let mut errors: VecDeque<_> = out.iter().map(|errno| errno.raw_os_error()).collect();
        errors.push_front(Errno::CONNABORTED.raw_os_error());
        let config = ListenerConfig { kind: ListenerKind::C2s, address, tls: TlsPolicy::Off };

        let start = tokio::time::Instant::now();
        let run = tokio::spawn(Arc::clone(&entrance).run(config, Failing(errors, listener)));
        let counters = &entrance.shared.counters;
        while counters.snapshot(0).accepted == 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        // 100 + 200 + 400 + 800 + 1000 ms of paused time; no pause for the connection that was aborted.
        assert!(start.elapsed() >= Duration::from_millis(2_500));
        assert_eq!(counters.snapshot(0).accept_pauses_no_files, 5);
        run.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn more_connections_than_the_budget_wait() {
        let (entrance, _facts) = entrance();
        *entrance.budget.lock().unwrap() = AcceptBudget::new(1);
        entrance.await_budget().await;
        entrance.await_budget().await;
        assert_eq!(entrance.shared.counters.snapshot(0).accept_pauses_rate, 1);
    }
}

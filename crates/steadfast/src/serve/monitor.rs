//! What monitoring is told: numbers of core, store and multiplexor, and whether the core answers.

use super::http::{Monitored, OpenMetrics};
use im::AdminRequest;
use im_server::ServerHandle;
use mux::Mux;
use std::sync::Weak;
use std::time::Duration;

/// An answer of the core that takes longer than this is none. It passes through a commit, so this bounds the disk too.
const HEALTH_DEADLINE: Duration = Duration::from_secs(2);

/// A running service.
pub(crate) struct Monitor {
    /// The server.
    pub(crate) server: ServerHandle,
    /// The multiplexor, for as long as it runs.
    pub(crate) mux: Weak<Mux>,
}

impl Monitored for Monitor {
    fn metrics(&self) -> OpenMetrics {
        let mut m = OpenMetrics::default();
        m.build("steadfast_build", "The program.", "version", env!("CARGO_PKG_VERSION"));
        core(&mut m, &self.server);
        store(&mut m, &self.server);
        if let Some(mux) = self.mux.upgrade() {
            multiplexor(&mut m, &mux);
        }
        if let Some(bytes) = resident_bytes() {
            m.gauge("process_resident_memory_bytes", "Resident memory.", bytes as f64);
        }
        m
    }

    async fn health(&self) -> Result<(), String> {
        match tokio::time::timeout(HEALTH_DEADLINE, self.server.admin(AdminRequest::Ping)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(why)) => Err(why.to_string()),
            Err(_) => Err(format!("the core has not answered within {HEALTH_DEADLINE:?}")),
        }
    }
}

fn core(m: &mut OpenMetrics, server: &ServerHandle) {
    let core = server.stats().core;
    for (name, help, value) in [
        ("sessions", "Sessions, those without a connection included.", core.sessions),
        ("sessions_detached", "Sessions that wait for their client.", core.sessions_detached),
        ("accounts_loaded", "Accounts in memory.", core.accounts_loaded),
    ] {
        m.gauge(&format!("steadfast_{name}"), help, value as f64);
    }
    for (name, help, value) in [
        ("stanzas_in", "Stanzas handled.", core.stanzas_in),
        ("stanzas_out", "Stanzas for sessions.", core.stanzas_out),
        ("stored_offline", "Messages stored for accounts that were away.", core.stored_offline),
        ("resumed", "Sessions resumed.", core.resumed),
        ("resume_refused", "Resumptions refused.", core.resume_refused),
        ("logins", "Logins.", core.logins),
        ("logins_refused", "Logins refused.", core.logins_refused),
        ("refused_for_room", "Stanzas refused because the disk was full.", core.refused_for_room),
    ] {
        m.counter(&format!("steadfast_{name}"), help, value);
    }
}

fn store(m: &mut OpenMetrics, server: &ServerHandle) {
    let stats = server.stats();
    for (name, help, value) in [
        ("facts", "Facts handled by the core.", stats.facts),
        ("commits", "Batches made durable.", stats.commits),
        ("writes", "Writes in them.", stats.writes),
        ("commit_microseconds", "Time spent making them durable.", stats.commit_us),
        ("full_waits", "Commits that waited because the disk was full.", stats.full_waits),
    ] {
        m.counter(&format!("steadfast_store_{name}"), help, value);
    }
    let longest = "Longest commit since the start.";
    m.gauge("steadfast_store_commit_longest_seconds", longest, stats.commit_us_max as f64 / 1e6);
}

fn multiplexor(m: &mut OpenMetrics, mux: &Mux) {
    let metrics = mux.metrics();
    m.gauge("steadfast_mux_connections", "Open connections.", metrics.connections_open as f64);
    for (name, value) in metrics.counters() {
        let help = format!("Multiplexor: {}.", name.replace('_', " "));
        m.counter(&format!("steadfast_mux_{name}"), &help, value);
    }
}

fn resident_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split(' ').nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

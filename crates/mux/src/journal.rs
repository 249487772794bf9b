//! One line a minute about what peers did that they should not have done, and none when they did nothing.
//!
//! Each single case is a line at debug level, with the connection's number; a flood must not become a flood of lines.

use crate::connection::Shared;
use crate::metrics::MuxMetrics;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

/// How often a line may come.
const INTERVAL: Duration = Duration::from_secs(60);

/// Writes the lines for ever.
pub(crate) async fn run(shared: Arc<Shared>) {
    let mut interval = interval_at(Instant::now() + INTERVAL, INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut before = MuxMetrics::default();
    loop {
        interval.tick().await;
        let now = shared.counters.snapshot(0);
        let sentence = sentence(&before, &now);
        if !sentence.is_empty() {
            tracing::info!("in the last {} seconds: {sentence}", INTERVAL.as_secs());
        }
        before = now;
    }
}

/// What rose, in words.
fn sentence(before: &MuxMetrics, now: &MuxMetrics) -> String {
    let rose = [
        (now.refused_total - before.refused_total, "connections refused: too many in all"),
        (
            now.refused_per_address - before.refused_per_address,
            "connections refused: too many from one address",
        ),
        (
            now.accept_pauses_rate - before.accept_pauses_rate,
            "pauses of accepting: more connections than the budget per second",
        ),
        (
            now.accept_pauses_no_files - before.accept_pauses_no_files,
            "pauses of accepting: no file descriptors left",
        ),
        (now.tls_handshakes_failed - before.tls_handshakes_failed, "TLS handshakes failed"),
        (
            now.starttls_injections - before.starttls_injections,
            "connections closed: bytes between STARTTLS and TLS",
        ),
        (
            now.login_deadlines - before.login_deadlines,
            "connections closed: no login before the deadline",
        ),
        (now.violations - before.violations, "streams broken by the client"),
        (
            now.write_stalls - before.write_stalls + now.outbox_overflows - before.outbox_overflows,
            "connections closed: the client did not take its output",
        ),
    ];
    rose.iter().filter(|(count, _)| *count > 0).fold(String::new(), |mut text, (count, what)| {
        let separator = if text.is_empty() { "" } else { ", " };
        let _ = write!(text, "{separator}{count} {what}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quiet_minute_has_no_line_and_a_flood_has_one() {
        let before = MuxMetrics { violations: 3, accepted: 5, ..MuxMetrics::default() };
        let quiet = MuxMetrics { accepted: 9, ..before };
        assert_eq!(sentence(&before, &quiet), "");
        let flood = MuxMetrics { violations: 4, login_deadlines: 70_000, ..before };
        assert_eq!(
            sentence(&before, &flood),
            "70000 connections closed: no login before the deadline, 1 streams broken by the client"
        );
    }
}

//! Logins, one after the other on several connections at once.

use super::{Meter, Row, Size, end, login_of, runtime};
use crate::client::Client;
use crate::sasl::Mechanism;
use crate::server::{Kind, Server, Setup};
use crate::transport::Security;
use anyhow::Result;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Logins under way at any time.
const AT_ONCE: usize = 32;
/// Accounts taken in turn by each.
const ACCOUNTS_EACH: usize = 4;

/// One run on a fresh server.
pub(super) fn run(kind: Kind, size: &Size) -> Result<Vec<Row>> {
    let users: Vec<String> = (0..AT_ONCE * ACCOUNTS_EACH).map(|n| format!("login{n}")).collect();
    let server = Server::start(&Setup::new(kind, users.clone()).for_a_bench())?;
    let seconds = size.seconds;
    let row = runtime()?.block_on(async {
        let done = Arc::new(AtomicU64::new(0));
        let stop = Arc::new(AtomicBool::new(false));
        let mut tasks = Vec::new();
        for chunk in users.chunks(ACCOUNTS_EACH) {
            let chunk = chunk.to_vec();
            let endpoint = server.endpoint(Security::DirectTls);
            let (done, stop) = (Arc::clone(&done), Arc::clone(&stop));
            tasks.push(tokio::spawn(async move {
                for user in chunk.iter().cycle() {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let mut login = login_of(user);
                    login.mechanism = Some(Mechanism::ScramSha1);
                    Client::login(&endpoint, &login).await?.close().await?;
                    done.fetch_add(1, Ordering::Relaxed);
                }
                anyhow::Ok(())
            }));
        }
        // Each account once, so that our own share (the salted password) is computed before it counts.
        while done.load(Ordering::Relaxed) < users.len() as u64 {
            tokio::time::sleep(Duration::from_millis(10)).await;
            anyhow::ensure!(
                !tasks.iter().all(tokio::task::JoinHandle::is_finished),
                "all logins fail"
            );
        }
        let meter = Meter::start(&server);
        let before = done.load(Ordering::Relaxed);
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let (in_time, wall) = (done.load(Ordering::Relaxed) - before, meter.wall());
        stop.store(true, Ordering::Relaxed);
        let cpu = meter.cpu_at_rest(&server).await;
        let in_all = done.load(Ordering::Relaxed) - before;
        end(tasks).await?;
        #[expect(clippy::cast_precision_loss, reason = "counts of a few seconds")]
        let values = vec![in_all as f64 / cpu, in_time as f64 / wall];
        anyhow::Ok(Row::new("TLS, SCRAM-SHA-1", values))
    })?;
    Ok(vec![row])
}

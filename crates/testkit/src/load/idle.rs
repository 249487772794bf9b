//! Sessions that do nothing, and the memory they take.

use super::{Meter, Row, Size, TRANSPORTS, log_in_all, runtime};
use crate::client::Client;
use crate::server::{Kind, Server, Setup};
use crate::transport::Security;
use anyhow::Result;
use std::time::Duration;

/// Sessions made at the same time.
const AT_ONCE: usize = 32;
/// How long a server may tidy up before its memory is read.
const SETTLE: Duration = Duration::from_secs(10);

/// One run: plain, then TLS, each on a fresh server.
pub(super) fn run(kind: Kind, size: &Size) -> Result<Vec<Row>> {
    let users: Vec<String> = (0..size.sessions).map(|n| format!("idle{n}")).collect();
    let mut rows = Vec::new();
    for (name, security) in TRANSPORTS {
        let server = Server::start(&Setup::new(kind, users.clone()).for_a_bench())?;
        let row = runtime()?.block_on(async {
            // One login first, so that what a server loads once is not counted as a session's.
            drop(log_in_all(&server, security, &users[..1]).await?);
            tokio::time::sleep(SETTLE / 5).await;
            let at_rest = server.usage().pss_bytes;
            let meter = Meter::start(&server);
            let mut clients = Vec::with_capacity(users.len());
            for chunk in users.chunks(AT_ONCE) {
                clients.append(&mut settle_in_all(&server, security, chunk).await?);
            }
            let wall = meter.wall();
            tokio::time::sleep(SETTLE).await;
            let loaded = server.usage().pss_bytes;
            #[expect(clippy::cast_precision_loss, reason = "bytes of one process")]
            let (at_rest, loaded, count) = (at_rest as f64, loaded as f64, clients.len() as f64);
            let values =
                vec![(loaded - at_rest) / count / 1024.0, at_rest / 1024.0 / 1024.0, count / wall];
            anyhow::Ok(Row::new(name, values))
        })?;
        rows.push(row);
    }
    Ok(rows)
}

/// Several at a time, or the delayed TCP acknowledgements of some servers would take most of the time.
async fn settle_in_all(
    server: &Server,
    security: Security,
    users: &[String],
) -> Result<Vec<Client>> {
    let mut tasks = Vec::new();
    for client in log_in_all(server, security, users).await? {
        tasks.push(tokio::spawn(settle_in(client)));
    }
    let mut clients = Vec::new();
    for task in tasks {
        clients.push(task.await??);
    }
    Ok(clients)
}

async fn settle_in(mut client: Client) -> Result<Client> {
    client.enable_sm().await?;
    client.iq_ok("set", None, "<enable xmlns='urn:xmpp:carbons:2'/>").await?;
    client.come_online().await?;
    Ok(client)
}

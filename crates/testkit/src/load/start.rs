//! How long a server with very many accounts takes from its start to its first login, after an orderly end and after a kill.

use super::{Row, Size, login_of, runtime};
use crate::client::Client;
use crate::server::{Kind, Server, Setup};
use crate::transport::Security;
use anyhow::Result;
use std::time::Instant;

/// Starts measured after each kind of end; making the accounts takes far longer than all of them.
const STARTS: usize = 3;

/// One run: accounts made once, then the server ended and started several times.
pub(super) fn run(kind: Kind, size: &Size) -> Result<Vec<Row>> {
    let accounts: Vec<String> = (0..size.accounts).map(|n| format!("account{n}")).collect();
    let last = accounts.last().cloned().unwrap_or_default();
    let mut server = Server::start(&Setup::new(kind, accounts).for_a_bench())?;
    let mut rows = Vec::new();
    for _ in 0..STARTS {
        server.terminate()?;
        rows.push(Row::new("after SIGTERM", time_to_login(&mut server, &last, size.accounts)?));
        server.kill()?;
        rows.push(Row::new("after kill -9", time_to_login(&mut server, &last, size.accounts)?));
    }
    Ok(rows)
}

fn time_to_login(server: &mut Server, user: &str, accounts: u64) -> Result<Vec<f64>> {
    let start = Instant::now();
    server.restart()?;
    runtime()?.block_on(async {
        let client = Client::login(&server.endpoint(Security::DirectTls), &login_of(user)).await?;
        let took = start.elapsed().as_secs_f64();
        client.close().await?;
        #[expect(clippy::cast_precision_loss, reason = "a million")]
        Ok(vec![took, accounts as f64])
    })
}

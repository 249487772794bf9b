//! How long a server with very many accounts takes from its start to its first login.

use super::{Row, Size, login_of, runtime};
use crate::client::Client;
use crate::server::{Kind, Server, Setup};
use crate::transport::Security;
use anyhow::Result;
use std::time::Instant;

/// One run: accounts made, server ended in order, started, first login.
pub(super) fn run(kind: Kind, size: &Size) -> Result<Vec<Row>> {
    let accounts: Vec<String> = (0..size.accounts).map(|n| format!("account{n}")).collect();
    let last = accounts.last().cloned().unwrap_or_default();
    let mut server = Server::start(&Setup::new(kind, accounts).for_a_bench())?;
    server.terminate()?;
    let start = Instant::now();
    server.restart()?;
    runtime()?.block_on(async {
        let client = Client::login(&server.endpoint(Security::DirectTls), &login_of(&last)).await?;
        let took = start.elapsed().as_secs_f64();
        client.close().await?;
        #[expect(clippy::cast_precision_loss, reason = "a million")]
        Ok(vec![Row::new("TLS", vec![took, size.accounts as f64])])
    })
}

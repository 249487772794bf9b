//! How long a server with very many accounts takes from its start to its first login, after an orderly end and after a kill.

use super::{Row, Size, login_of, runtime};
use crate::client::Client;
use crate::server::{Kind, Server, Setup};
use crate::transport::Security;
use anyhow::{Result, ensure};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// Starts measured after each kind of end; making the accounts takes far longer than all of them.
const STARTS: usize = 3;

/// Accounts made by the command line; a million would take a quarter of an hour of hashing.
const MADE: u64 = 100;
/// Copies the first account's row for the others, in the SQLite file of a server that does not run.
const COPY: &str = "
import sqlite3, sys
path, first, last = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
store = sqlite3.connect(path)
(credentials,) = store.execute('SELECT credentials FROM account ORDER BY id LIMIT 1').fetchone()
(top,) = store.execute('SELECT max(id) FROM account').fetchone()
store.executemany('INSERT INTO account (id, jid, credentials) VALUES (?, ?, ?)', (
    (top + 1 + n - first, f'account{n}@localhost', credentials) for n in range(first, last)))
store.execute('UPDATE meta SET last_account = ?', (top + last - first,))
store.commit()
";

/// One run: accounts made once, then the server ended and started several times.
pub(super) fn run(kind: Kind, size: &Size) -> Result<Vec<Row>> {
    ensure!(kind == Kind::Steadfast, "only our own store can be filled with copied accounts");
    let accounts: Vec<String> =
        (0..size.accounts.min(MADE)).map(|n| format!("account{n}")).collect();
    let last = format!("account{}", size.accounts - 1);
    let mut server = Server::start(&Setup::new(kind, accounts).for_a_bench())?;
    if size.accounts > MADE {
        server.terminate()?;
        copy_accounts(&server.dir().join("data/store/store.db"), size.accounts)?;
        server.restart()?;
    }
    let mut rows = Vec::new();
    for _ in 0..STARTS {
        server.terminate()?;
        rows.push(Row::new("after SIGTERM", time_to_login(&mut server, &last, size.accounts)?));
        server.kill()?;
        rows.push(Row::new("after kill -9", time_to_login(&mut server, &last, size.accounts)?));
    }
    Ok(rows)
}

fn copy_accounts(store: &Path, count: u64) -> Result<()> {
    let out = Command::new("python3")
        .args(["-c", COPY])
        .arg(store)
        .args([MADE.to_string(), count.to_string()])
        .output()?;
    ensure!(out.status.success(), "copying accounts: {}", String::from_utf8_lossy(&out.stderr));
    Ok(())
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

//! A disk that fills up under a real process: it refuses, keeps what it has, and goes on when there is room.
//!
//! `cargo xtask test` mounts a small file system for this, when it is root, and names it in `STEADFAST_SMALL_FS_PROCESS`.

use anyhow::{Context, Result, ensure};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use testkit::client::{Client, Login};
use testkit::server::{Kind, PASSWORD, Server, Setup};
use testkit::transport::Security;

/// Messages of this many bytes fill the little that is left quickly.
const BODY_BYTES: usize = 20_000;
/// More than fit on the file system; whoever sends so many was never refused.
const MESSAGES_MAX: u64 = 10_000;

#[test]
fn a_full_disk_refuses_keeps_and_recovers() -> Result<()> {
    let Some(folder) = std::env::var_os("STEADFAST_SMALL_FS_PROCESS").map(PathBuf::from) else {
        eprintln!(
            "not run: STEADFAST_SMALL_FS_PROCESS names no small file system; cargo xtask test mounts one as root"
        );
        return Ok(());
    };
    let users = vec!["romeo".to_owned(), "juliet".to_owned()];
    let setup = Setup { folder: Some(folder.clone()), ..Setup::new(Kind::Steadfast, users) };
    let mut server = Server::start(&setup)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let filler = folder.join("filler-of-the-disk-test");
    let accepted = runtime.block_on(fill_until_refused(&server, &filler));
    std::fs::remove_file(&filler)?;
    let accepted = accepted.with_context(|| format!("--- server ---\n{}", server.log_tail()))?;

    ensure!(server.is_running(), "the full disk ended the server:\n{}", server.log_tail());
    let recovered = runtime.block_on(write_until_taken(&server));
    recovered
        .with_context(|| format!("{accepted} taken\n--- server ---\n{}", server.log_tail()))?;
    server.kill()?;
    server.restart()?;
    let kept = runtime.block_on(read_all(&server))?;
    ensure!(kept == accepted + 1, "{accepted} and one more were accepted, {kept} are there");
    Ok(())
}

fn message(number: u64) -> String {
    let body = "x".repeat(BODY_BYTES);
    format!(
        "<message to='juliet@localhost' type='chat' id='n{number}'><body>{body}</body></message>"
    )
}

async fn romeo(server: &Server) -> Result<Client> {
    let endpoint = server.endpoint(Security::DirectTls);
    Client::login(&endpoint, &Login::new("romeo", PASSWORD, "orchard")).await
}

/// Whether a message was taken: its error comes before the answer to a ping that was sent after it.
async fn is_taken(client: &mut Client, number: u64) -> Result<bool> {
    client.send(&message(number)).await?;
    client.sync().await?;
    let refused = client.inbox().drain(..).find(|e| e.attr("type") == Some("error"));
    let Some(error) = refused else { return Ok(true) };
    let condition = error.find("resource-constraint", "urn:ietf:params:xml:ns:xmpp-stanzas");
    ensure!(condition.is_some(), "refused with {error}");
    Ok(false)
}

async fn fill_until_refused(server: &Server, filler: &Path) -> Result<u64> {
    let mut client = romeo(server).await?;
    let mut file = std::fs::File::create(filler)?;
    while file.write_all(&[1; 65536]).is_ok() {}
    for number in 0..MESSAGES_MAX {
        if !is_taken(&mut client, number).await? {
            return Ok(number);
        }
    }
    anyhow::bail!("{MESSAGES_MAX} messages of {BODY_BYTES} bytes went onto a full disk")
}

async fn write_until_taken(server: &Server) -> Result<()> {
    let mut client = romeo(server).await?;
    let deadline = std::time::Instant::now() + client.patience;
    while !is_taken(&mut client, MESSAGES_MAX).await? {
        ensure!(std::time::Instant::now() < deadline, "there is room again, and nothing is taken");
    }
    Ok(())
}

/// Messages that wait for juliet.
async fn read_all(server: &Server) -> Result<u64> {
    let endpoint = server.endpoint(Security::DirectTls);
    let mut client = Client::login(&endpoint, &Login::new("juliet", PASSWORD, "balcony")).await?;
    client.come_online().await?;
    // The last one accepted comes last.
    let last = format!("n{MESSAGES_MAX}");
    client.expect("the last message accepted", |e| e.attr("id") == Some(&last)).await?;
    Ok(1 + client.inbox().iter().filter(|e| e.name == "message").count() as u64)
}

//! The admin socket: takes connections, reads one request of each, and writes what the daemon's loop answers.
//!
//! Only root and the admin group may connect (the socket's mode and owner). Who asks is read from the kernel. A client that goes away
//! or does not read loses its own answers and nothing else.

use node_api::client::LINE_BYTES_MAX;
use node_api::{Ask, Reply};
use pmf::Owner;
use rgm::{Refusal, SchaCode};
use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc};

/// Connections served at a time; more wait.
const CONNECTIONS_MAX: usize = 256;
/// Replies that wait for a slow client.
const REPLIES_MAX: usize = 64;
/// Longest request: an RTR file of 1 MiB as JSON.
const REQUEST_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// A request with its asker.
#[derive(Debug)]
pub(crate) struct Asked {
    /// What.
    pub(crate) ask: Ask,
    /// Who.
    pub(crate) caller: Owner,
    /// Where replies go; full or closed means that the client is gone.
    pub(crate) replies: mpsc::Sender<Reply>,
}

/// Listens at `path`, with the permissions that are the security.
pub(crate) fn listen(path: &Path, admin_group: &str) -> io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    let group = group_id(admin_group);
    if let Some(group) = group.filter(|_| rustix::process::geteuid().is_root()) {
        chown(path, None, Some(group))?;
    }
    let mode = if group.is_some() { 0o660 } else { 0o600 };
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    Ok(listener)
}

/// Id of a group from `/etc/group`; `None` when there is no such group.
fn group_id(name: &str) -> Option<u32> {
    let groups = std::fs::read_to_string("/etc/group").ok()?;
    let line = groups.lines().find(|line| line.split(':').next() == Some(name))?;
    line.split(':').nth(2)?.parse().ok()
}

/// Serves until the listener fails.
pub(crate) async fn serve(listener: UnixListener, asks: mpsc::Sender<Asked>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "the admin socket takes no connection");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                continue;
            }
        };
        let asks = asks.clone();
        tokio::spawn(async move {
            // A client that breaks off has its reasons.
            let _ = converse(stream, asks).await;
            drop(place);
        });
    }
}

async fn converse(stream: UnixStream, asks: mpsc::Sender<Asked>) -> io::Result<()> {
    let peer = stream.peer_cred()?;
    let caller = Owner { uid: peer.uid(), gid: peer.gid() };
    let (read, mut write) = stream.into_split();
    let mut reader = BufReader::new(read);
    let mut line = Vec::new();
    (&mut reader).take(REQUEST_BYTES_MAX).read_until(b'\n', &mut line).await?;
    let ask = match serde_json::from_slice(&line) {
        Ok(ask) => ask,
        Err(error) => {
            let sentence = format!("the request is not understood: {error}");
            return say(&mut write, &Reply::Refused(Refusal { code: SchaCode::Inval, sentence }))
                .await;
        }
    };
    let (replies, mut answers) = mpsc::channel(REPLIES_MAX);
    if asks.send(Asked { ask, caller, replies }).await.is_err() {
        return Ok(());
    }
    let mut gone = [0; 1];
    loop {
        tokio::select! {
            reply = answers.recv() => {
                let Some(reply) = reply else { return Ok(()) };
                say(&mut write, &reply).await?;
                if reply.is_last() {
                    return Ok(());
                }
            }
            // A client says nothing more; the end of its stream means that it is gone.
            read = reader.read(&mut gone) => {
                if read? == 0 {
                    return Ok(());
                }
            }
        }
    }
}

async fn say(write: &mut tokio::net::unix::OwnedWriteHalf, reply: &Reply) -> io::Result<()> {
    let mut line = serde_json::to_vec(reply)?;
    debug_assert!(line.len() as u64 <= LINE_BYTES_MAX, "a reply is longer than clients read");
    line.push(b'\n');
    write.write_all(&line).await
}

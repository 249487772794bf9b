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
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc};

/// Connections served at a time; more wait.
const CONNECTIONS_MAX: usize = 256;
/// Replies that wait for a slow client.
const REPLIES_MAX: usize = 64;
/// Longest request: an RTR file of 1 MiB as JSON.
const REQUEST_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// How long a client may take to say what it wants.
const ASKING_PATIENCE: Duration = Duration::from_secs(10);
/// How long a client may take to take one line.
const TAKING_PATIENCE: Duration = Duration::from_secs(30);

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
    // Only root can give it to a group; anybody else's socket is for its owner.
    let group = group_id(admin_group).filter(|_| rustix::process::geteuid().is_root());
    if let Some(group) = group {
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
                tokio::time::sleep(Duration::from_millis(100)).await;
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
    let mut limited = (&mut reader).take(REQUEST_BYTES_MAX);
    let asked = tokio::time::timeout(ASKING_PATIENCE, limited.read_until(b'\n', &mut line)).await;
    let understood = match asked {
        Ok(Ok(0)) => return Ok(()),
        Ok(Ok(_)) => understand(&line),
        Ok(Err(error)) => return Err(error),
        Err(_) => {
            let seconds = ASKING_PATIENCE.as_secs();
            Err(format!("no whole request came within {seconds} s; one line is expected"))
        }
    };
    let ask = match understood {
        Ok(ask) => ask,
        Err(sentence) => {
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

fn understand(line: &[u8]) -> Result<Ask, String> {
    if line.len() as u64 >= REQUEST_BYTES_MAX && line.last() != Some(&b'\n') {
        return Err(format!("the request is longer than {REQUEST_BYTES_MAX} bytes"));
    }
    serde_json::from_slice(line).map_err(|error| format!("the request is not understood: {error}"))
}

/// A client that takes nothing for so long has lost its answers.
async fn say(write: &mut tokio::net::unix::OwnedWriteHalf, reply: &Reply) -> io::Result<()> {
    let mut line = serde_json::to_vec(reply)?;
    if line.len() as u64 >= LINE_BYTES_MAX {
        let size = line.len();
        let sentence = format!("the answer has {size} bytes, and {LINE_BYTES_MAX} is the limit");
        line = serde_json::to_vec(&Reply::Refused(Refusal { code: SchaCode::Internal, sentence }))?;
    }
    line.push(b'\n');
    match tokio::time::timeout(TAKING_PATIENCE, write.write_all(&line)).await {
        Ok(written) => written,
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

//! The admin socket of a running service: `<runtime_dir>/admin.sock`, for its owner only.
//!
//! One task per connection reads requests and starts them, another writes the answers in order; so many requests of a
//! bulk share one commit. Everything is bounded.

use super::protocol::{Answer, LINE_BYTES_MAX, PIPELINE_MAX, Request};
use anyhow::{Context, Result};
use std::future::Future;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;

/// Connections at the same time; more wait.
const CONNECTIONS_MAX: usize = 32;

/// What answers requests.
pub(crate) trait Administered: Send + Sync + 'static {
    /// Answers one.
    fn answer(&self, request: Request) -> impl Future<Output = Answer> + Send;
}

/// Opens the socket. Whoever holds the store is the only one, so a socket that is there was left behind by a crash.
pub(crate) fn open(path: &Path) -> Result<UnixListener> {
    let what = || format!("cannot open the admin socket {}", path.display());
    // Bound under another name, so that nobody can connect before the mode is right.
    let fresh = path.with_extension("new");
    match std::fs::remove_file(&fresh) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(what);
        }
        _ => {}
    }
    let listener = UnixListener::bind(&fresh).with_context(what)?;
    std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(0o600)).with_context(what)?;
    std::fs::rename(&fresh, path).with_context(what)?;
    Ok(listener)
}

/// Answers until the task is dropped.
pub(crate) async fn serve<A: Administered>(listener: UnixListener, administered: Arc<A>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((socket, _)) => {
                let administered = Arc::clone(&administered);
                tokio::spawn(async move {
                    converse(socket, administered).await;
                    drop(place);
                });
            }
            // No file descriptors left, most likely; they come back.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn converse<A: Administered>(socket: UnixStream, administered: Arc<A>) {
    let (from, to) = socket.into_split();
    let (started, answers) = mpsc::channel(PIPELINE_MAX);
    let writer = tokio::spawn(write(to, answers));
    let mut lines = BufReader::new(from);
    let mut line = Vec::new();
    while let Ok(true) = next_line(&mut lines, &mut line).await {
        let answer = match serde_json::from_slice::<Request>(&line) {
            Ok(request) => {
                let administered = Arc::clone(&administered);
                tokio::spawn(async move { administered.answer(request).await })
            }
            Err(error) => {
                let why = format!("this is no request that this version knows ({error})");
                tokio::spawn(std::future::ready(Answer::Refused { why }))
            }
        };
        if started.send(answer).await.is_err() {
            break;
        }
    }
    drop(started);
    let _ = writer.await;
}

/// Reads a line; `false` at the end, or when a line is too long to be one of ours.
async fn next_line(
    from: &mut BufReader<OwnedReadHalf>,
    line: &mut Vec<u8>,
) -> std::io::Result<bool> {
    line.clear();
    let mut bounded = from.take(LINE_BYTES_MAX as u64);
    bounded.read_until(b'\n', line).await?;
    Ok(line.ends_with(b"\n"))
}

async fn write(mut to: OwnedWriteHalf, mut answers: mpsc::Receiver<JoinHandle<Answer>>) {
    while let Some(answer) = answers.recv().await {
        let answer = answer.await.unwrap_or_else(|_| Answer::Refused {
            why: "the service ends; ask again when it is back".to_owned(),
        });
        let Ok(mut line) = serde_json::to_vec(&answer) else { return };
        line.push(b'\n');
        if to.write_all(&line).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Refuses to remove; everything else is done.
    struct Fake;

    impl Administered for Fake {
        async fn answer(&self, request: Request) -> Answer {
            match request {
                Request::AccountRemove { jid } => {
                    // Later requests may be done earlier; their answers must wait.
                    tokio::task::yield_now().await;
                    Answer::Refused { why: jid }
                }
                _ => Answer::Done,
            }
        }
    }

    fn talk(text: &str) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("admin.sock");
            drop(open(&path).unwrap());
            let listener = open(&path).unwrap();
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            let server = tokio::spawn(serve(listener, Arc::new(Fake)));
            let mut socket = UnixStream::connect(&path).await.unwrap();
            socket.write_all(text.as_bytes()).await.unwrap();
            socket.shutdown().await.unwrap();
            let mut answers = String::new();
            socket.read_to_string(&mut answers).await.unwrap();
            server.abort();
            answers
        })
    }

    #[test]
    fn answers_come_in_the_order_of_requests() {
        let answers = talk("{\"op\":\"account-remove\",\"jid\":\"a@x\"}\n{\"op\":\"ping\"}\n");
        assert_eq!(answers, "{\"answer\":\"refused\",\"why\":\"a@x\"}\n{\"answer\":\"done\"}\n");
    }

    #[test]
    fn what_is_no_request_is_refused_and_the_next_one_answered() {
        let answers = talk("hello\n{\"op\":\"ping\"}\n{\"op\":\"half");
        let lines: Vec<&str> = answers.lines().collect();
        assert_eq!(lines.len(), 2, "{answers}");
        assert!(
            lines[0].starts_with("{\"answer\":\"refused\",\"why\":\"this is no request"),
            "{answers}"
        );
        assert_eq!(lines[1], "{\"answer\":\"done\"}");
    }
}

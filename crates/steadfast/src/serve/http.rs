//! Monitoring over plain HTTP/1.1: `/metrics` and `/healthz`, one request per connection.
//!
//! Everything is bounded: bytes of a request, time for it, connections at once. Nothing that is sent here changes
//! anything.

use std::fmt::Write as _;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// Bytes of a request with its headers.
const REQUEST_BYTES_MAX: usize = 4_096;
/// Time for a request and its answer.
const DEADLINE: Duration = Duration::from_secs(10);
/// Connections at the same time; more wait.
const CONNECTIONS_MAX: usize = 16;

/// What is monitored.
pub(crate) trait Monitored: Send + Sync + 'static {
    /// All metrics.
    fn metrics(&self) -> OpenMetrics;
    /// Says why not, if the service does not work. Takes a bounded time.
    fn health(&self) -> impl Future<Output = Result<(), String>> + Send;
}

/// Metrics in the format of OpenMetrics 1.0.
#[derive(Default)]
pub(crate) struct OpenMetrics(String);

impl OpenMetrics {
    /// A number that only rises.
    pub(crate) fn counter(&mut self, name: &str, help: &str, value: u64) {
        let _ =
            write!(self.0, "# TYPE {name} counter\n# HELP {name} {help}\n{name}_total {value}\n");
    }

    /// A number of now.
    pub(crate) fn gauge(&mut self, name: &str, help: &str, value: f64) {
        let _ = write!(self.0, "# TYPE {name} gauge\n# HELP {name} {help}\n{name} {value}\n");
    }

    /// Facts about the program, as labels; values must not need escaping.
    pub(crate) fn build(&mut self, name: &str, help: &str, label: &str, value: &str) {
        let _ = write!(
            self.0,
            "# TYPE {name} info\n# HELP {name} {help}\n{name}_info{{{label}=\"{value}\"}} 1\n"
        );
    }

    fn finish(mut self) -> String {
        self.0.push_str("# EOF\n");
        self.0
    }
}

/// Answers until the task is dropped.
pub(crate) async fn serve<M: Monitored>(listener: TcpListener, monitored: Arc<M>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((socket, _)) => {
                let monitored = Arc::clone(&monitored);
                tokio::spawn(async move {
                    let _ = tokio::time::timeout(DEADLINE, answer(socket, &*monitored)).await;
                    drop(place);
                });
            }
            // No file descriptors left, most likely; they come back.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn answer<M: Monitored>(mut socket: TcpStream, monitored: &M) -> std::io::Result<()> {
    let mut request = Vec::with_capacity(512);
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        let room = REQUEST_BYTES_MAX - request.len();
        if room == 0 {
            return respond(&mut socket, "431 Request Header Fields Too Large", Body::text(""))
                .await;
        }
        if (&mut socket).take(room as u64).read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let line = request.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let (status, mut body) = match parse(line) {
        None => ("400 Bad Request", Body::text("this is not HTTP/1.1\n")),
        Some((method, _)) if method != "GET" && method != "HEAD" => {
            ("405 Method Not Allowed", Body::text("only GET and HEAD\n"))
        }
        Some((_, "/metrics")) => ("200 OK", Body::metrics(monitored.metrics())),
        Some((_, "/healthz")) => match monitored.health().await {
            Ok(()) => ("200 OK", Body::text("ok\n")),
            Err(why) => ("503 Service Unavailable", Body::text(&format!("{why}\n"))),
        },
        Some(_) => ("404 Not Found", Body::text("there are /metrics and /healthz\n")),
    };
    body.left_out = line.starts_with(b"HEAD ");
    respond(&mut socket, status, body).await
}

/// Method and path of a request line.
fn parse(line: &[u8]) -> Option<(&str, &str)> {
    let mut words = std::str::from_utf8(line).ok()?.split(' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    let fits = version.starts_with("HTTP/1.") && words.next().is_none();
    fits.then(|| (method, target.split('?').next().unwrap_or(target)))
}

struct Body {
    text: String,
    kind: &'static str,
    left_out: bool,
}

impl Body {
    fn text(text: &str) -> Self {
        Self { text: text.to_owned(), kind: "text/plain; charset=utf-8", left_out: false }
    }

    fn metrics(metrics: OpenMetrics) -> Self {
        let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        Self { text: metrics.finish(), kind, left_out: false }
    }
}

async fn respond(socket: &mut TcpStream, status: &str, body: Body) -> std::io::Result<()> {
    let mut response = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {}\r\nContent-Length: {}\r\nCache-Control: \
            no-store\r\nConnection: close\r\n\r\n",
        body.kind,
        body.text.len(),
    );
    if !body.left_out {
        response.push_str(&body.text);
    }
    socket.write_all(response.as_bytes()).await?;
    socket.shutdown().await
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Well(bool);

    impl Monitored for Well {
        fn metrics(&self) -> OpenMetrics {
            let mut metrics = OpenMetrics::default();
            metrics.counter("steadfast_stanzas", "Stanzas.", 3);
            metrics
        }

        async fn health(&self) -> Result<(), String> {
            if self.0 { Ok(()) } else { Err("the core does not answer".to_owned()) }
        }
    }

    fn ask(well: bool, request: &str) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let server = tokio::spawn(serve(listener, Arc::new(Well(well))));
            let mut socket = TcpStream::connect(address).await.unwrap();
            socket.write_all(request.as_bytes()).await.unwrap();
            let mut response = String::new();
            socket.read_to_string(&mut response).await.unwrap();
            server.abort();
            response
        })
    }

    fn check(well: bool, request: &str, status: &str, body: &str) {
        let response = ask(well, request);
        let (head, rest) = response.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{request}: {head}");
        assert_eq!(rest, body, "{request}");
    }

    #[test]
    fn metrics_and_health_are_told_and_nothing_else() {
        let metrics = "# TYPE steadfast_stanzas counter\n# HELP steadfast_stanzas \
            Stanzas.\nsteadfast_stanzas_total 3\n# EOF\n";
        check(true, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", "200 OK", metrics);
        check(true, "GET /metrics?x=1 HTTP/1.0\r\n\r\n", "200 OK", metrics);
        check(true, "HEAD /metrics HTTP/1.1\r\n\r\n", "200 OK", "");
        check(true, "GET /healthz HTTP/1.1\r\n\r\n", "200 OK", "ok\n");
        check(
            false,
            "GET /healthz HTTP/1.1\r\n\r\n",
            "503 Service Unavailable",
            "the core does not answer\n",
        );
        check(
            true,
            "GET / HTTP/1.1\r\n\r\n",
            "404 Not Found",
            "there are /metrics and \
            /healthz\n",
        );
        check(
            true,
            "POST /metrics HTTP/1.1\r\n\r\n",
            "405 Method Not Allowed",
            "only GET and HEAD\n",
        );
        check(true, "\u{16}\u{3}\r\n\r\n", "400 Bad Request", "this is not HTTP/1.1\n");
    }

    #[test]
    fn a_request_without_end_is_refused() {
        check(true, &"x".repeat(REQUEST_BYTES_MAX), "431 Request Header Fields Too Large", "");
    }
}

//! gRPC as far as etcd needs it: one HTTP/2 connection to one endpoint, single calls and streams on it.
//!
//! Written on `h2` because what is needed from it (when exactly was a request not sent, which endpoint, when does a connection end) is what
//! the usual client hides. No load balancing, no retrying and no time-outs here: the callers do these. HTTP/2 pings are never sent: etcd closes
//! connections that ping faster than its `--grpc-keepalive-min-time`.

mod stream;

pub(crate) use stream::Stream;

use crate::failure::Failure;
use crate::options::Address;
use crate::proto::Answer;
use crate::tls::TlsSource;
use bytes::Bytes;
use h2::client::SendRequest;
use http::{HeaderValue, Method, Request, Uri};
use prost::Message;
use socket2::{SockRef, TcpKeepalive};
use std::io;
use std::sync::Arc;
use std::sync::OnceLock;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Largest answer that is taken, in bytes; a page of a range is far below it.
pub(crate) const MESSAGE_BYTES_MAX: usize = 128 * 1024 * 1024;
/// HTTP/2 window of a call, in bytes: a range of a thousand small keys comes without a pause.
const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
/// That of the connection is the largest there is: watches that nobody looks at must not hold up a renewal.
const CONNECTION_WINDOW_BYTES: u32 = (1 << 31) - 1;
/// Longest header list of an answer, in bytes; error messages travel there.
const HEADER_BYTES_MAX: u32 = 64 * 1024;
/// How long to wait for the first words of the other side of a TLS connection, which are either its settings or its refusal.
const FIRST_WORDS_TIMEOUT: Duration = Duration::from_millis(100);
/// Unacknowledged bytes end a TCP connection after this.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(10);
/// A silent TCP connection is probed this often, so that none is kept to a host that is gone.
const TCP_KEEPALIVE: Duration = Duration::from_secs(5);

/// What goes with a request beside its message.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meta {
    /// Of etcd's own authentication.
    pub token: Option<Arc<str>>,
    /// After which nobody waits for the answer.
    pub timeout: Option<Duration>,
}

/// A connection to one endpoint. Clones share it; it ends when the last clone and the last stream are gone.
#[derive(Clone)]
pub(crate) struct Channel {
    send: SendRequest<Bytes>,
    scheme: &'static str,
    authority: Arc<str>,
    /// Set when the connection has ended, with the reason.
    end: Arc<OnceLock<String>>,
}

impl Channel {
    /// Connects. Whatever goes wrong here, nothing was sent.
    pub(crate) async fn open(
        address: &Address,
        tls: Option<&Arc<TlsSource>>,
    ) -> Result<Self, Failure> {
        let not_sent = |e: io::Error| Failure::NotSent(e.to_string());
        let tcp =
            TcpStream::connect((address.host.as_str(), address.port)).await.map_err(not_sent)?;
        tune(&tcp).map_err(not_sent)?;
        let authority: Arc<str> = address.authority().into();
        if !address.tls {
            if !tcp.peer_addr().map_err(not_sent)?.ip().is_loopback() {
                return Err(Failure::Distrust(
                    "the name leads off this machine and the endpoint is not https".to_owned(),
                ));
            }
            return Self::handshake(tcp, "http", authority).await;
        }
        let Some(source) = tls else {
            return Err(Failure::Distrust("no certificates are set".to_owned()));
        };
        let name = source.server_name(address).map_err(Failure::Distrust)?;
        let reader = Arc::clone(source);
        let config = tokio::task::spawn_blocking(move || reader.current())
            .await
            .map_err(|e| Failure::NotSent(e.to_string()))?;
        let connector = TlsConnector::from(config);
        let tls = connector
            .connect(name, tcp)
            .await
            .map_err(|e| tls_failure(&e, &source.ca().to_string_lossy()))?;
        // In TLS 1.3 the server looks at our certificate after we are done. What it says first is waited for, so that a refusal is known as one.
        let mut tls = BufReader::new(tls);
        match tokio::time::timeout(FIRST_WORDS_TIMEOUT, tls.fill_buf()).await {
            Ok(Ok([])) => {
                return Err(Failure::NotSent("closed after the TLS handshake".to_owned()));
            }
            Ok(Err(error)) => return Err(tls_failure(&error, &source.ca().to_string_lossy())),
            Ok(Ok(_)) | Err(_) => {}
        }
        Self::handshake(tls, "https", authority).await
    }

    async fn handshake<T>(io: T, scheme: &'static str, authority: Arc<str>) -> Result<Self, Failure>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (send, connection) = h2::client::Builder::new()
            .initial_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_header_list_size(HEADER_BYTES_MAX)
            .enable_push(false)
            .handshake(io)
            .await
            .map_err(|e| Failure::NotSent(e.to_string()))?;
        let end = Arc::new(OnceLock::new());
        let ended = Arc::clone(&end);
        tokio::spawn(async move {
            let reason = match connection.await {
                Ok(()) => "the connection was closed".to_owned(),
                Err(error) => error.to_string(),
            };
            _ = ended.set(reason);
        });
        Ok(Self { send, scheme, authority, end })
    }

    /// Whether it is worth a request.
    pub(crate) fn is_open(&self) -> bool {
        self.end.get().is_none()
    }

    /// One request, one answer.
    pub(crate) async fn call<Q: Message, A: Answer>(
        &self,
        path: &'static str,
        meta: &Meta,
        ask: &Q,
    ) -> Result<A, Failure> {
        let mut stream = self.stream(path, meta).await?;
        stream.send(ask, true)?;
        let Some(answer) = stream.message().await? else {
            return Err(Failure::Lost("the answer is empty".to_owned()));
        };
        // Read to its end: an answer that is dropped before looks like an attack to some servers.
        match stream.message::<A>().await? {
            None => Ok(answer),
            Some(_) => Err(Failure::Lost("two answers to one request".to_owned())),
        }
    }

    /// A call whose two directions stay open.
    pub(crate) async fn stream(&self, path: &'static str, meta: &Meta) -> Result<Stream, Failure> {
        let request = self.request(path, meta).map_err(|e| Failure::NotSent(e.to_string()))?;
        let mut send = match self.send.clone().ready().await {
            Ok(send) => send,
            Err(error) => return Err(Failure::NotSent(self.words(&error))),
        };
        let (head, body) = send
            .send_request(request, false)
            .map_err(|error| Failure::NotSent(self.words(&error)))?;
        Ok(Stream::new(head, body, Arc::clone(&self.end)))
    }

    fn request(&self, path: &'static str, meta: &Meta) -> Result<Request<()>, http::Error> {
        let uri = Uri::builder()
            .scheme(self.scheme)
            .authority(&*self.authority)
            .path_and_query(path)
            .build()?;
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(uri)
            .version(http::Version::HTTP_2)
            .header(http::header::CONTENT_TYPE, "application/grpc")
            .header(http::header::TE, "trailers")
            .header(http::header::USER_AGENT, concat!("steadfast/", env!("CARGO_PKG_VERSION")))
            // A member that has no leader says so, and ends its watches.
            .header("hasleader", "true");
        if let Some(token) = &meta.token {
            let mut token = HeaderValue::from_str(token)?;
            token.set_sensitive(true);
            request = request.header("token", token);
        }
        if let Some(timeout) = meta.timeout {
            // gRPC takes at most eight digits.
            let milliseconds = timeout.as_millis().clamp(1, 99_999_999);
            request = request.header("grpc-timeout", format!("{milliseconds}m"));
        }
        request.body(())
    }

    fn words(&self, error: &h2::Error) -> String {
        self.end.get().cloned().unwrap_or_else(|| error.to_string())
    }
}

fn tune(tcp: &TcpStream) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    let socket = SockRef::from(tcp);
    socket.set_tcp_user_timeout(Some(TCP_USER_TIMEOUT))?;
    socket.set_tcp_keepalive(
        &TcpKeepalive::new().with_time(TCP_KEEPALIVE).with_interval(TCP_KEEPALIVE).with_retries(2),
    )
}

/// Says whose certificate the other side does not take, or that the connection just broke.
fn tls_failure(error: &io::Error, ca: &str) -> Failure {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::AlertReceived(alert)) => Failure::Distrust(format!(
            "it does not take our certificate ({alert:?}): is it signed by the authority in etcd's --trusted-ca-file?"
        )),
        Some(rustls::Error::InvalidCertificate(why)) => Failure::Distrust(format!(
            "its certificate is not accepted ({why}): is it signed by the authority in {ca}, and for this name?"
        )),
        Some(other) => Failure::NotSent(format!("no TLS: {other}")),
        None => Failure::NotSent(error.to_string()),
    }
}

//! The probe: logs in as a client does, sends itself a message, and measures every step.
//!
//! It leaves nothing behind: the message asks not to be archived, and no presence is sent, so nobody sees it come and go.

mod connection;
mod login;
mod trust;

pub(crate) use trust::Trust;

use anyhow::{Context, Result, bail};
use connection::Connection;
use std::future::Future;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use xmpp::jid::BareJid;
use xmpp::ns;
use xmpp::xml::Writer;

/// Stanzas that others may send us before our message comes back.
const OTHER_STANZAS_MAX: usize = 1_000;

/// Whom to probe, and as whom.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// The account.
    pub(crate) account: BareJid,
    /// Its password.
    pub(crate) password: String,
    /// Host name or IP address.
    pub(crate) host: String,
    /// Port.
    pub(crate) port: u16,
    /// TLS from the first byte.
    pub(crate) direct_tls: bool,
    /// What is demanded of the certificate.
    pub(crate) trust: Trust,
    /// For each step.
    pub(crate) timeout: Duration,
}

/// A step that was done.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// One word.
    pub(crate) name: &'static str,
    /// How long it took.
    pub(crate) took: Duration,
    /// What came of it.
    pub(crate) note: String,
}

/// What the probe found.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// In order.
    pub(crate) steps: Vec<Step>,
    /// The step that failed, and why.
    pub(crate) failure: Option<(&'static str, String)>,
}

/// Runs all steps until one fails.
pub(crate) async fn run(target: &Target) -> Report {
    let mut report = Report::default();
    let mut walk = Walk { timeout: target.timeout, steps: &mut report.steps, at: "connect" };
    let result = walk.all(target).await;
    let at = walk.at;
    report.failure = result.err().map(|error| (at, format!("{error:#}")));
    report
}

struct Walk<'a> {
    timeout: Duration,
    steps: &'a mut Vec<Step>,
    at: &'static str,
}

impl Walk<'_> {
    /// Measures a step, which gives its result and what is worth saying about it.
    async fn step<T>(
        &mut self,
        name: &'static str,
        work: impl Future<Output = Result<(T, String)>>,
    ) -> Result<T> {
        self.at = name;
        let began = Instant::now();
        let Ok(result) = tokio::time::timeout(self.timeout, work).await else {
            bail!("no answer within {:?}", self.timeout);
        };
        let (value, note) = result?;
        self.steps.push(Step { name, took: began.elapsed(), note });
        Ok(value)
    }

    async fn all(&mut self, target: &Target) -> Result<()> {
        let socket = self.step("connect", connect(target)).await?;
        let connection = if target.direct_tls {
            let tls = Connection::with_tls(socket, target.account.domain(), &target.trust, true);
            self.step("tls", tls).await?
        } else {
            Connection::new(socket)
        };
        let domain = target.account.domain();
        let (connection, features) = self.step("stream", connection.open_stream(domain)).await?;
        let (connection, features) = if features.root().child("starttls", ns::TLS).is_some() {
            let tls = connection.start_tls(domain, &target.trust);
            let connection = self.step("tls", tls).await?;
            self.step("stream", connection.open_stream(domain)).await?
        } else {
            if !connection.is_encrypted() && !is_loopback(&target.host) {
                bail!("the server offers no TLS; the password is not sent in clear");
            }
            (connection, features)
        };
        let connection = self.step("login", login::log_in(connection, features, target)).await?;
        let (connection, features) = self.step("stream", connection.open_stream(domain)).await?;
        if features.root().child("bind", ns::BIND).is_none() {
            bail!("the server does not offer to bind a resource");
        }
        let (connection, jid) = self.step("bind", login::bind(connection)).await?;
        let connection = self.step("message", message_to_self(connection, &jid)).await?;
        self.step("close", connection.close()).await
    }
}

async fn connect(target: &Target) -> Result<(TcpStream, String)> {
    let name = format!("{}:{}", target.host, target.port);
    let socket = TcpStream::connect((target.host.as_str(), target.port))
        .await
        .with_context(|| format!("cannot connect to {name}; is the service running?"))?;
    socket.set_nodelay(true)?;
    let peer = socket.peer_addr()?;
    Ok((socket, peer.to_string()))
}

async fn message_to_self(mut connection: Connection, jid: &str) -> Result<(Connection, String)> {
    let id = format!("probe-{}", login::random_hex()?);
    let mut w = Writer::new();
    w.open("message").attr("to", jid).attr("type", "normal").attr("id", &id);
    w.leaf("body", "probe");
    w.open("no-store").attr("xmlns", ns::HINTS).close();
    w.open("no-copy").attr("xmlns", ns::HINTS).close();
    connection.send(&w.finish()).await?;
    for _ in 0..OTHER_STANZAS_MAX {
        let element = connection.element().await?;
        let root = element.root();
        if root.is("message", ns::CLIENT) && root.attr("id").as_deref() == Some(&id) {
            if root.attr("type").as_deref() == Some("error") {
                bail!("the message came back as an error: {}", login::condition(root));
            }
            return Ok((connection, "sent and received".to_owned()));
        }
    }
    bail!("{OTHER_STANZAS_MAX} other stanzas came before the message")
}

/// Whether a host is this machine, where nobody can be in between.
pub(crate) fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.to_canonical().is_loopback())
}

//! A scripted XMPP client: does what the test says, notices everything, hides nothing.
//!
//! It reads only when it is asked to, so a test decides exactly when the socket is drained. What was received and not yet
//! asked for stays in the inbox, in order. Every wait has a deadline; none is a sleep.

mod befriend;
mod login;
mod sm;

pub use befriend::{befriend, subscribe};
pub use login::Login;
pub use sm::{Resumption, SmState};

use crate::transport::{Bindings, Bytes, Endpoint};
use crate::xml::{Element, Item, Reader};
use anyhow::{Context, Result, bail};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// How long anything may take on a busy machine before the test gives up.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Namespace of the stream element itself.
pub const NS_STREAM: &str = "http://etherx.jabber.org/streams";
/// Namespace of client stanzas.
pub const NS_CLIENT: &str = "jabber:client";
/// Namespace of stream management.
pub const NS_SM: &str = "urn:xmpp:sm:3";

/// The connection under a client.
enum Wire {
    Tcp(TcpStream),
    Tls(Box<dyn Bytes>),
    Gone,
}

/// Whether an error says that a deadline passed, and nothing worse.
pub fn is_timeout(error: &anyhow::Error) -> bool {
    error.is::<tokio::time::error::Elapsed>()
}

/// What came next on a stream.
#[derive(Debug)]
pub enum Heard {
    /// A top-level element, stream errors included.
    Element(Element),
    /// `</stream:stream>`.
    End,
    /// The connection ended.
    Eof,
}

/// One client connection.
pub struct Client {
    endpoint: Endpoint,
    wire: Wire,
    reader: Reader,
    inbox: VecDeque<Element>,
    bindings: Bindings,
    /// What the server offered last.
    pub features: Element,
    /// Attributes of the server's last stream header.
    pub header: Element,
    /// Full JID, once bound or resumed.
    pub jid: String,
    /// Stream management, once enabled.
    pub sm: Option<SmState>,
    /// Limit for each wait.
    pub patience: Duration,
    last_id: u32,
}

impl Client {
    /// Connects, and goes as far as the features that come before login (TLS included).
    pub async fn connect(endpoint: &Endpoint) -> Result<Self> {
        tokio::time::timeout(PATIENCE, login::connect(endpoint))
            .await
            .with_context(|| format!("connecting to {} took too long", endpoint.address))?
    }
    /// Connects, logs in and binds. Sends no presence.
    pub async fn login(endpoint: &Endpoint, login: &Login) -> Result<Self> {
        let mut client = Self::connect(endpoint).await?;
        client.authenticate(login).await?;
        client.bind(login.resource.as_deref()).await?;
        Ok(client)
    }

    /// Bare JID.
    pub fn bare(&self) -> &str {
        self.jid.split('/').next().unwrap_or_default()
    }
    /// Channel bindings of the TLS connection.
    pub fn bindings(&self) -> &Bindings {
        &self.bindings
    }
    /// An id not used before on this connection.
    pub fn fresh_id(&mut self) -> String {
        self.last_id += 1;
        format!("t{}", self.last_id)
    }

    /// Sends bytes as they are, counted nowhere.
    pub async fn send_raw(&mut self, bytes: &[u8]) -> Result<()> {
        let write = async {
            match &mut self.wire {
                Wire::Tcp(tcp) => tcp.write_all(bytes).await,
                Wire::Tls(tls) => match tls.write_all(bytes).await {
                    Ok(()) => tls.flush().await,
                    Err(e) => Err(e),
                },
                Wire::Gone => Err(std::io::ErrorKind::NotConnected.into()),
            }
        };
        tokio::time::timeout(self.patience, write).await.context("sending took too long")??;
        Ok(())
    }
    /// Sends one whole element; counted and remembered when stream management is on.
    pub async fn send(&mut self, xml: &str) -> Result<()> {
        if let Some(sm) = &mut self.sm {
            sm.note_sent(xml);
        }
        self.send_raw(xml.as_bytes()).await
    }
    /// Sends an IQ (given without `id`) to `to` or to the own server; gives the result or the error.
    pub async fn iq(&mut self, kind: &str, to: Option<&str>, payload: &str) -> Result<Element> {
        let id = self.fresh_id();
        let to = to.map(|to| format!(" to='{to}'")).unwrap_or_default();
        self.send(&format!("<iq type='{kind}' id='{id}'{to}>{payload}</iq>")).await?;
        self.expect(&format!("answer to the iq {payload}"), |e| {
            e.name == "iq"
                && e.attr("id") == Some(&id)
                && matches!(e.attr("type"), Some("result" | "error"))
        })
        .await
    }
    /// Like [`Client::iq`], but an error is an error.
    pub async fn iq_ok(&mut self, kind: &str, to: Option<&str>, payload: &str) -> Result<Element> {
        let answer = self.iq(kind, to, payload).await?;
        if answer.attr("type") == Some("error") {
            bail!("{payload} was refused: {answer}");
        }
        Ok(answer)
    }
    /// Waits until the server has handled everything sent so far.
    pub async fn sync(&mut self) -> Result<()> {
        self.iq("get", None, "<ping xmlns='urn:xmpp:ping'/>").await.map(drop)
    }
    /// Asks for the roster and sends initial presence.
    pub async fn come_online(&mut self) -> Result<()> {
        self.iq_ok("get", None, "<query xmlns='jabber:iq:roster'/>").await?;
        self.send("<presence/>").await?;
        let own = self.jid.clone();
        self.expect("own presence", |e| e.name == "presence" && e.attr("from") == Some(&own))
            .await
            .map(drop)
    }

    /// Takes the first element for which `wanted` holds, already received or still to come.
    pub async fn expect(
        &mut self,
        what: &str,
        wanted: impl Fn(&Element) -> bool,
    ) -> Result<Element> {
        if let Some(at) = self.inbox.iter().position(&wanted)
            && let Some(found) = self.inbox.remove(at)
        {
            return Ok(found);
        }
        let deadline = Instant::now() + self.patience;
        loop {
            match self.hear(deadline).await {
                Ok(Heard::Element(e)) if wanted(&e) => return Ok(e),
                Ok(Heard::Element(e)) if e.is("error", NS_STREAM) => {
                    bail!("waiting for {what}: the server closed the stream with {e}")
                }
                Ok(Heard::Element(e)) => self.inbox.push_back(e),
                Ok(Heard::End | Heard::Eof) => bail!("waiting for {what}: the stream ended"),
                Err(e) => {
                    let inbox: Vec<String> = self.inbox.iter().map(ToString::to_string).collect();
                    return Err(e.context(format!(
                        "{} waited for {what}; not asked for yet:\n  {}",
                        self.jid,
                        inbox.join("\n  ")
                    )));
                }
            }
        }
    }
    /// What was received and not asked for; read up to here with [`Client::sync`] first.
    pub fn inbox(&mut self) -> &mut VecDeque<Element> {
        &mut self.inbox
    }
    /// Waits until the server ends the stream or the connection; gives the stream error, if it sent one.
    pub async fn expect_end(&mut self) -> Result<Option<Element>> {
        let deadline = Instant::now() + self.patience;
        let mut error = None;
        loop {
            match self.hear(deadline).await {
                Ok(Heard::Element(e)) if e.is("error", NS_STREAM) => error = Some(e),
                Ok(Heard::Element(e)) => self.inbox.push_back(e),
                Ok(Heard::End | Heard::Eof) => return Ok(error),
                Err(e) if e.is::<std::io::Error>() => return Ok(error),
                Err(e) => return Err(e.context("waited for the end of the stream")),
            }
        }
    }

    /// The next thing on the stream, past the inbox. Answers `<r/>` and takes in `<a/>` when asked to.
    pub async fn hear(&mut self, deadline: Instant) -> Result<Heard> {
        loop {
            match self.reader.next_item()? {
                Some(Item::Header(header)) => self.header = header,
                Some(Item::End) => return Ok(Heard::End),
                Some(Item::Element(element)) => {
                    let answer = match &mut self.sm {
                        Some(sm) => sm.note_received(&element),
                        None => sm::Answer::PassOn,
                    };
                    match answer {
                        sm::Answer::PassOn => return Ok(Heard::Element(element)),
                        sm::Answer::Swallow => {}
                        sm::Answer::Send(ack) => {
                            // A server that has just died cannot be answered; the next read says so.
                            let _ = self.send_raw(ack.as_bytes()).await;
                        }
                    }
                }
                None => {
                    if self.read_more(deadline).await? == 0 {
                        return Ok(Heard::Eof);
                    }
                }
            }
        }
    }

    async fn read_more(&mut self, deadline: Instant) -> Result<usize> {
        let mut buffer = [0u8; 16 * 1024];
        let read = async {
            match &mut self.wire {
                Wire::Tcp(tcp) => tcp.read(&mut buffer).await,
                Wire::Tls(tls) => match tls.read(&mut buffer).await {
                    // A server killed in mid-air sends no close_notify.
                    Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => Ok(0),
                    other => other,
                },
                Wire::Gone => Ok(0),
            }
        };
        let count = tokio::time::timeout_at(deadline, read).await.context("deadline passed")??;
        self.reader.push(&buffer[..count]);
        Ok(count)
    }

    /// Ends the stream politely and waits for the server to do the same.
    pub async fn close(mut self) -> Result<()> {
        self.send_raw(b"</stream:stream>").await?;
        self.expect_end().await.map(drop)
    }
    /// Gives the bare connection to somebody who reads it more cheaply, with the number of stanzas handled so far.
    /// Nothing may be on its way: call [`Client::sync`] first.
    pub fn into_connection(mut self) -> Result<(Box<dyn Bytes>, u32)> {
        let handled = self.sm.as_ref().map_or(0, |sm| sm.handled);
        match std::mem::replace(&mut self.wire, Wire::Gone) {
            Wire::Tcp(tcp) => Ok((Box::new(tcp), handled)),
            Wire::Tls(tls) => Ok((tls, handled)),
            Wire::Gone => bail!("the connection is gone"),
        }
    }
    /// Drops the connection without a word, as a phone in a tunnel does.
    pub fn drop_connection(&mut self) {
        self.wire = Wire::Gone;
    }
    /// Whether the connection was dropped from this side.
    pub fn is_dropped(&self) -> bool {
        matches!(self.wire, Wire::Gone)
    }
}

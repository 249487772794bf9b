//! One connection of the probe: bytes out, whole elements in, in clear or in TLS.
//!
//! A stream error of the server becomes an error with its words.

use super::login::condition;
use super::trust::{Trust, client_config};
use anyhow::{Context, Result, anyhow, bail};
use bytes::Bytes;
use rustls::pki_types::ServerName;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use xmpp::ns;
use xmpp::sasl::ChannelBindings;
use xmpp::xml::{Element, Frame, Framer, Limits};

enum Socket {
    Clear(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A connection and what has been read from it.
pub(super) struct Connection {
    socket: Socket,
    framer: Framer,
    bindings: ChannelBindings,
}

impl Connection {
    /// In clear.
    pub(super) fn new(socket: TcpStream) -> Self {
        Self {
            socket: Socket::Clear(socket),
            framer: Framer::new(Limits::AFTER_LOGIN),
            bindings: ChannelBindings::default(),
        }
    }

    /// Shakes hands. `direct`: TLS is the first thing on this connection (XEP-0368).
    pub(super) async fn with_tls(
        socket: TcpStream,
        domain: &str,
        trust: &Trust,
        direct: bool,
    ) -> Result<(Self, String)> {
        let connector = TlsConnector::from(Arc::new(client_config(trust, direct)?));
        let stream = connector.connect(server_name(domain)?, socket).await.context("no TLS")?;
        let session = stream.get_ref().1;
        let version = session.protocol_version();
        let mut exporter = [0; 32];
        let exported = session
            .export_keying_material(&mut exporter, b"EXPORTER-Channel-Binding", None)
            .is_ok_and(|_| version == Some(rustls::ProtocolVersion::TLSv1_3));
        let bindings = ChannelBindings { exporter: exported.then_some(exporter), end_point: None };
        let version = match version {
            Some(rustls::ProtocolVersion::TLSv1_3) => "TLS 1.3",
            _ => "TLS 1.2",
        };
        let note = format!("{version}, certificate {}", trust.verdict());
        let mut connection = Self::new_with(Socket::Tls(Box::new(stream)));
        connection.bindings = bindings;
        Ok((connection, note))
    }

    fn new_with(socket: Socket) -> Self {
        let framer = Framer::new(Limits::AFTER_LOGIN);
        Self { socket, framer, bindings: ChannelBindings::default() }
    }

    /// Asks for TLS and shakes hands.
    pub(super) async fn start_tls(mut self, domain: &str, trust: &Trust) -> Result<(Self, String)> {
        self.send(format!("<starttls xmlns='{}'/>", ns::TLS).as_bytes()).await?;
        let answer = self.element().await?;
        if !answer.root().is("proceed", ns::TLS) {
            bail!("the server refused STARTTLS with <{}/>", answer.root().name());
        }
        match self.socket {
            Socket::Clear(socket) if self.framer.pending_bytes() == 0 => {
                Self::with_tls(socket, domain, trust, false).await
            }
            _ => bail!("bytes came between <proceed/> and TLS; somebody may be in between"),
        }
    }

    /// Whether TLS protects it.
    pub(super) fn is_encrypted(&self) -> bool {
        matches!(self.socket, Socket::Tls(_))
    }

    /// What binds a login to this connection.
    pub(super) fn bindings(&self) -> &ChannelBindings {
        &self.bindings
    }

    /// Opens a stream, or opens it anew, and waits for the features.
    pub(super) async fn open_stream(mut self, domain: &str) -> Result<((Self, Element), String)> {
        self.framer.restart();
        let mut header = xmpp::xml::Writer::new();
        header.open("stream:stream").attr("to", domain).attr("version", "1.0");
        header.attr("xml:lang", "en").attr("xmlns", ns::CLIENT).attr("xmlns:stream", ns::STREAM);
        // The writer closes what it opened; a stream stays open.
        let tag = header.finish();
        let tag = tag.strip_suffix(b"/>").unwrap_or(&tag);
        self.send(&[b"<?xml version='1.0'?>", tag, b">"].concat()).await?;
        match self.frame().await? {
            Frame::Header(_) => {}
            _ => bail!("the server did not open its stream"),
        }
        let features = self.element().await?;
        if !features.root().is("features", ns::STREAM) {
            bail!("the server sent <{}/> instead of its features", features.root().name());
        }
        Ok(((self, features), String::new()))
    }

    /// Writes bytes.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let result = match &mut self.socket {
            Socket::Clear(socket) => socket.write_all(bytes).await,
            Socket::Tls(stream) => match stream.write_all(bytes).await {
                Ok(()) => stream.flush().await,
                Err(error) => Err(error),
            },
        };
        result.context("the connection broke while writing")
    }

    /// The next element.
    pub(super) async fn element(&mut self) -> Result<Element> {
        match self.frame().await? {
            Frame::Element(bytes) => parse(bytes),
            Frame::End => bail!("the server closed the stream"),
            Frame::Header(_) => bail!("the server opened a second stream"),
        }
    }

    /// Closes the stream and waits for the server to do the same.
    pub(super) async fn close(mut self) -> Result<((), String)> {
        self.send(b"</stream:stream>").await?;
        loop {
            match self.frame().await? {
                Frame::End => return Ok(((), String::new())),
                Frame::Element(_) | Frame::Header(_) => {}
            }
        }
    }

    async fn frame(&mut self) -> Result<Frame> {
        let mut buffer = [0; 4_096];
        loop {
            if let Some(frame) = self
                .framer
                .next_frame()
                .map_err(|error| anyhow!("the server broke XML: {error}"))?
            {
                return Ok(frame);
            }
            let read = match &mut self.socket {
                Socket::Clear(socket) => socket.read(&mut buffer).await,
                Socket::Tls(stream) => stream.read(&mut buffer).await,
            };
            match read.context("the connection broke while reading")? {
                0 => bail!("the server closed the connection"),
                count => self.framer.push(&buffer[..count]),
            }
        }
    }
}

fn parse(bytes: Bytes) -> Result<Element> {
    let element = Element::parse(bytes)?;
    if element.root().is("error", ns::STREAM) {
        bail!("stream error: {}", condition(element.root()));
    }
    Ok(element)
}

fn server_name(domain: &str) -> Result<ServerName<'static>> {
    let bare = domain.trim_start_matches('[').trim_end_matches(']');
    let ascii = if bare.is_ascii() { bare.to_owned() } else { idna::domain_to_ascii(bare)? };
    ServerName::try_from(ascii).with_context(|| format!("{domain:?} cannot be in a certificate"))
}

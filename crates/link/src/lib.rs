//! What multiplexor and server say to each other. In one process the values travel through a channel; between processes
//! they are framed by the [`codec`].
//!
//! The multiplexor knows connections, bytes and whole elements; it knows no accounts. The server knows sessions; it
//! never sees a socket.

pub mod codec;

use bytes::Bytes;
use std::net::SocketAddr;
use xmpp::stream_error::StreamError;
use xmpp::xml::StreamHeader;

/// One client connection of one multiplexor; never used twice in the life of a multiplexor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnId(pub u64);

/// What is known of a connection when it opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnFacts {
    /// The client's address.
    pub peer: SocketAddr,
    /// Whether the listener demands TLS before anything else is offered.
    pub tls_policy: TlsPolicy,
    /// Present when the connection began with TLS (XEP-0368).
    pub tls: Option<TlsFacts>,
}

/// What the listener was configured to do about TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsPolicy {
    /// STARTTLS is offered and nothing else happens before it.
    Required,
    /// STARTTLS is offered.
    Optional,
    /// STARTTLS is not offered; only on loopback. SCRAM and PLAIN work without it there.
    Off,
}

/// What a finished TLS handshake proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFacts {
    /// "TLSv1.2" or "TLSv1.3".
    pub version: &'static str,
    /// The server name the client asked for.
    pub server_name: Option<String>,
    /// RFC 9266 tls-exporter: 32 bytes, absent where the handshake cannot give it safely (TLS 1.2).
    pub exporter: Option<[u8; 32]>,
    /// RFC 5929 tls-server-end-point: hash of our certificate.
    pub end_point: Option<Bytes>,
    /// The client's certificate chain, leaf first, DER; empty when none was sent. Not verified.
    pub client_certificates: Vec<Bytes>,
}

/// Why a connection is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// The client closed the TCP connection, or it broke.
    PeerGone,
    /// The server ordered it.
    Ordered,
    /// A deadline of the multiplexor passed (before login, or the client stopped reading).
    TimedOut,
    /// The multiplexor stops.
    ShuttingDown,
}

/// From the multiplexor to the server: facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Up {
    /// A client connected.
    Opened {
        /// The new connection.
        conn: ConnId,
        /// What is known of it.
        facts: ConnFacts,
    },
    /// TLS is up after [`Down::StartTls`].
    TlsStarted {
        /// The connection.
        conn: ConnId,
        /// What the handshake proved.
        tls: TlsFacts,
    },
    /// A stream header arrived. Uses one credit.
    Header {
        /// The connection.
        conn: ConnId,
        /// The header.
        header: StreamHeader,
    },
    /// A whole top-level element arrived. Uses one credit.
    Element {
        /// The connection.
        conn: ConnId,
        /// Its bytes, checked and self-contained (see `xmpp::xml::Frame::Element`).
        bytes: Bytes,
    },
    /// The client broke the stream. The multiplexor reads no more from it and waits for [`Down::Close`].
    Violated {
        /// The connection.
        conn: ConnId,
        /// How.
        error: StreamError,
    },
    /// `</stream:stream>` arrived. The multiplexor reads no more and waits for [`Down::Close`].
    Ended {
        /// The connection.
        conn: ConnId,
    },
    /// Everything up to the [`Down::Send`] with this number has been handed to the client's socket.
    Written {
        /// The connection.
        conn: ConnId,
        /// The number of the last `Send` written.
        seq: u64,
    },
    /// The connection is gone; the last word about it.
    Closed {
        /// The connection.
        conn: ConnId,
        /// Why.
        reason: CloseReason,
    },
}

/// From the server to the multiplexor: orders. Orders for one connection are carried out in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Down {
    /// Write these bytes. `seq` rises by one with every `Send` of a connection, from 1.
    Send {
        /// The connection.
        conn: ConnId,
        /// Number for [`Up::Written`].
        seq: u64,
        /// XML.
        bytes: Bytes,
    },
    /// Write these bytes (`<proceed/>`), then start TLS. Bytes received before the handshake and not yet passed up are a
    /// violation: the connection is closed at once.
    StartTls {
        /// The connection.
        conn: ConnId,
        /// What to write before.
        proceed: Bytes,
    },
    /// Expect a new stream header next (after SASL success). Comes before the `Send` that tells the client.
    Restart {
        /// The connection.
        conn: ConnId,
    },
    /// The client has authenticated: limits widen, the deadline before login ends.
    Raise {
        /// The connection.
        conn: ConnId,
    },
    /// The multiplexor may pass up this many more headers or elements. A connection begins with one.
    Credit {
        /// The connection.
        conn: ConnId,
        /// How many more.
        elements: u32,
    },
    /// Write these bytes, then close the connection. `Closed { Ordered }` follows when it is done.
    Close {
        /// The connection.
        conn: ConnId,
        /// Last words, for instance a stream error and `</stream:stream>`; may be empty.
        bytes: Bytes,
    },
}

impl Up {
    /// The connection this is about.
    pub fn conn(&self) -> ConnId {
        match self {
            Self::Opened { conn, .. }
            | Self::TlsStarted { conn, .. }
            | Self::Header { conn, .. }
            | Self::Element { conn, .. }
            | Self::Violated { conn, .. }
            | Self::Ended { conn }
            | Self::Written { conn, .. }
            | Self::Closed { conn, .. } => *conn,
        }
    }
}

impl Down {
    /// The connection this is about.
    pub fn conn(&self) -> ConnId {
        match self {
            Self::Send { conn, .. }
            | Self::StartTls { conn, .. }
            | Self::Restart { conn }
            | Self::Raise { conn }
            | Self::Credit { conn, .. }
            | Self::Close { conn, .. } => *conn,
        }
    }
}

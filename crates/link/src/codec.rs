//! Facts and orders as bytes, for a multiplexor and a server in two processes.
//!
//! ```text
//! frame  = length: u32 (of what follows)  version: u8  kind: u8  connection: u64  fields
//! text   = length: u32  bytes              absent = 0: u8, present = 1: u8 and the value
//! ```
//!
//! Numbers are big-endian. A later version only adds kinds, and fields at the end of a kind: so what it sends can be read
//! here as far as it is known here, and one version back can always talk to the next.
//!
//! The other end is trusted more than a client, and still nothing it sends may make us allocate more than a frame, or
//! panic: it may be broken, or of another version.

mod wire;

use crate::{CloseReason, ConnFacts, ConnId, Down, TlsFacts, TlsPolicy, Up};
use bytes::{Buf, Bytes, BytesMut};
use std::net::SocketAddr;
use wire::{Reader, Writer};
use xmpp::stream_error::{StreamCondition, StreamError};
use xmpp::xml::StreamHeader;

/// The version that is written here.
pub const VERSION: u8 = 1;
/// The longest frame, without its length, in bytes.
pub const FRAME_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The longest certificate chain that is read.
const CERTIFICATES_MAX: u32 = 32;

const LENGTH_BYTES: usize = 4;

/// Why bytes are no frame, or a value can be none. We or the other end erred.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// Longer than may be.
    #[error("a link frame of {bytes} bytes; at most {FRAME_BYTES_MAX} are allowed")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// The frame ends within a field.
    #[error("a link frame ends within its {field}")]
    Short {
        /// The field.
        field: &'static str,
    },
    /// More than the fields of a version that is known.
    #[error("a link frame of version {version} has {bytes} bytes too many")]
    Long {
        /// Its version.
        version: u8,
        /// How many.
        bytes: usize,
    },
    /// A value that means nothing here.
    #[error("a link frame of version {version} has {value} as its {field}")]
    Unknown {
        /// Its version.
        version: u8,
        /// The field.
        field: &'static str,
        /// The value.
        value: u64,
    },
    /// Bytes that are not UTF-8 where text is due.
    #[error("a link frame has bytes that are not UTF-8 in its {field}")]
    NotText {
        /// The field.
        field: &'static str,
    },
}

/// Takes the first frame off the front of what was received; `None` when it is not all there yet.
pub fn take_frame(received: &mut BytesMut) -> Result<Option<Bytes>, CodecError> {
    let Some(length) = received.first_chunk::<LENGTH_BYTES>() else {
        return Ok(None);
    };
    let bytes = u32::from_be_bytes(*length) as usize;
    if bytes > FRAME_BYTES_MAX {
        return Err(CodecError::TooLong { bytes });
    }
    if received.len() < LENGTH_BYTES + bytes {
        return Ok(None);
    }
    received.advance(LENGTH_BYTES);
    Ok(Some(received.split_to(bytes).freeze()))
}

const OPENED: u8 = 1;
const TLS_STARTED: u8 = 2;
const HEADER: u8 = 3;
const ELEMENT: u8 = 4;
const VIOLATED: u8 = 5;
const ENDED: u8 = 6;
const WRITTEN: u8 = 7;
const CLOSED: u8 = 8;

const SEND: u8 = 65;
const START_TLS: u8 = 66;
const RESTART: u8 = 67;
const RAISE: u8 = 68;
const CREDIT: u8 = 69;
const CLOSE: u8 = 70;

impl Up {
    /// Appends this fact as a frame. `out` is unchanged on an error.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        let (kind, conn) = (self.kind(), self.conn());
        wire::frame(out, VERSION, kind, conn.0, |w| match self {
            Self::Opened { facts, .. } => write_facts(w, facts),
            Self::TlsStarted { tls, .. } => write_tls(w, tls),
            Self::Header { header, .. } => write_header(w, header),
            Self::Element { bytes, .. } => w.bytes(bytes),
            Self::Violated { error, .. } => {
                w.text(error.condition.name());
                w.text(&error.text);
                w.text(&error.detail);
            }
            Self::Ended { .. } => {}
            Self::Written { seq, .. } => w.u64(*seq),
            Self::Closed { reason, .. } => w.u8(match reason {
                CloseReason::PeerGone => 0,
                CloseReason::Ordered => 1,
                CloseReason::TimedOut => 2,
                CloseReason::ShuttingDown => 3,
            }),
        })
    }

    fn kind(&self) -> u8 {
        match self {
            Self::Opened { .. } => OPENED,
            Self::TlsStarted { .. } => TLS_STARTED,
            Self::Header { .. } => HEADER,
            Self::Element { .. } => ELEMENT,
            Self::Violated { .. } => VIOLATED,
            Self::Ended { .. } => ENDED,
            Self::Written { .. } => WRITTEN,
            Self::Closed { .. } => CLOSED,
        }
    }

    /// Reads the fact of one frame, as [`take_frame`] gave it.
    pub fn decode(frame: Bytes) -> Result<Self, CodecError> {
        let (mut r, kind, conn) = Reader::begin(frame)?;
        let conn = ConnId(conn);
        let fact = match kind {
            OPENED => Self::Opened { conn, facts: read_facts(&mut r)? },
            TLS_STARTED => Self::TlsStarted { conn, tls: read_tls(&mut r)? },
            HEADER => Self::Header { conn, header: read_header(&mut r)? },
            ELEMENT => Self::Element { conn, bytes: r.bytes("element")? },
            VIOLATED => Self::Violated { conn, error: read_error(&mut r)? },
            ENDED => Self::Ended { conn },
            WRITTEN => Self::Written { conn, seq: r.u64("number")? },
            CLOSED => Self::Closed { conn, reason: read_reason(&mut r)? },
            _ => return Err(r.unknown("kind", kind.into())),
        };
        r.end()?;
        Ok(fact)
    }
}

impl Down {
    /// Appends this order as a frame. `out` is unchanged on an error.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        let (kind, conn) = (self.kind(), self.conn());
        wire::frame(out, VERSION, kind, conn.0, |w| match self {
            Self::Send { seq, bytes, .. } => {
                w.u64(*seq);
                w.bytes(bytes);
            }
            Self::StartTls { proceed, .. } => w.bytes(proceed),
            Self::Restart { .. } | Self::Raise { .. } => {}
            Self::Credit { elements, .. } => w.u32(*elements),
            Self::Close { bytes, .. } => w.bytes(bytes),
        })
    }

    fn kind(&self) -> u8 {
        match self {
            Self::Send { .. } => SEND,
            Self::StartTls { .. } => START_TLS,
            Self::Restart { .. } => RESTART,
            Self::Raise { .. } => RAISE,
            Self::Credit { .. } => CREDIT,
            Self::Close { .. } => CLOSE,
        }
    }

    /// Reads the order of one frame, as [`take_frame`] gave it.
    pub fn decode(frame: Bytes) -> Result<Self, CodecError> {
        let (mut r, kind, conn) = Reader::begin(frame)?;
        let conn = ConnId(conn);
        let order = match kind {
            SEND => Self::Send { conn, seq: r.u64("number")?, bytes: r.bytes("bytes")? },
            START_TLS => Self::StartTls { conn, proceed: r.bytes("bytes")? },
            RESTART => Self::Restart { conn },
            RAISE => Self::Raise { conn },
            CREDIT => Self::Credit { conn, elements: r.u32("credit")? },
            CLOSE => Self::Close { conn, bytes: r.bytes("bytes")? },
            _ => return Err(r.unknown("kind", kind.into())),
        };
        r.end()?;
        Ok(order)
    }
}

fn write_facts(w: &mut Writer<'_>, facts: &ConnFacts) {
    match facts.peer {
        SocketAddr::V4(peer) => {
            w.u8(4);
            w.raw(&peer.ip().octets());
            w.u16(peer.port());
        }
        SocketAddr::V6(peer) => {
            w.u8(6);
            w.raw(&peer.ip().octets());
            w.u16(peer.port());
            w.u32(peer.flowinfo());
            w.u32(peer.scope_id());
        }
    }
    w.u8(match facts.tls_policy {
        TlsPolicy::Required => 0,
        TlsPolicy::Optional => 1,
        TlsPolicy::Off => 2,
    });
    w.option(facts.tls.as_ref(), write_tls);
}

fn read_facts(r: &mut Reader) -> Result<ConnFacts, CodecError> {
    const PEER: &str = "peer address";
    let peer = match r.u8(PEER)? {
        4 => (r.array::<4>(PEER)?, r.u16(PEER)?).into(),
        6 => {
            let (ip, port) = (r.array::<16>(PEER)?, r.u16(PEER)?);
            let (flow, scope) = (r.u32(PEER)?, r.u32(PEER)?);
            std::net::SocketAddrV6::new(ip.into(), port, flow, scope).into()
        }
        other => return Err(r.unknown(PEER, other.into())),
    };
    let tls_policy = match r.u8("TLS policy")? {
        0 => TlsPolicy::Required,
        1 => TlsPolicy::Optional,
        2 => TlsPolicy::Off,
        other => return Err(r.unknown("TLS policy", other.into())),
    };
    Ok(ConnFacts { peer, tls_policy, tls: r.option("TLS", read_tls)? })
}

const TLS_VERSIONS: [&str; 2] = ["TLSv1.2", "TLSv1.3"];

fn write_tls(w: &mut Writer<'_>, tls: &TlsFacts) {
    // A version that is not in the list cannot be read at the other end either: it is refused there.
    let known = TLS_VERSIONS.iter().position(|version| *version == tls.version);
    w.u8(known.map_or(u8::MAX, |index| index as u8));
    w.option(tls.server_name.as_ref(), |w, name| w.text(name));
    w.option(tls.exporter.as_ref(), |w, exporter| w.raw(exporter));
    w.option(tls.end_point.as_ref(), |w, end_point| w.bytes(end_point));
    w.u32(tls.client_certificates.len() as u32);
    tls.client_certificates.iter().for_each(|certificate| w.bytes(certificate));
}

fn read_tls(r: &mut Reader) -> Result<TlsFacts, CodecError> {
    let version = r.u8("TLS version")?;
    let Some(version) = TLS_VERSIONS.get(usize::from(version)) else {
        return Err(r.unknown("TLS version", version.into()));
    };
    let server_name = r.option("server name", |r| r.text("server name"))?;
    let exporter = r.option("exporter", |r| r.array("exporter"))?;
    let end_point = r.option("end point", |r| r.bytes("end point"))?;
    let count = r.u32("certificates")?;
    if count > CERTIFICATES_MAX {
        return Err(r.unknown("certificates", count.into()));
    }
    let client_certificates =
        (0..count).map(|_| r.bytes("certificate")).collect::<Result<Vec<_>, _>>()?;
    Ok(TlsFacts { version, server_name, exporter, end_point, client_certificates })
}

fn write_header(w: &mut Writer<'_>, header: &StreamHeader) {
    for text in [&header.to, &header.from, &header.lang] {
        w.option(text.as_ref(), |w, text| w.text(text));
    }
    w.option(header.version.as_ref(), |w, (major, minor)| {
        w.u16(*major);
        w.u16(*minor);
    });
    w.text(&header.content_ns);
}

fn read_header(r: &mut Reader) -> Result<StreamHeader, CodecError> {
    Ok(StreamHeader {
        to: r.option("to", |r| r.text("to"))?,
        from: r.option("from", |r| r.text("from"))?,
        lang: r.option("lang", |r| r.text("lang"))?,
        version: r.option("version", |r| Ok((r.u16("version")?, r.u16("version")?)))?,
        content_ns: r.text("namespace")?,
    })
}

fn read_error(r: &mut Reader) -> Result<StreamError, CodecError> {
    let name = r.text("condition")?;
    let known = StreamCondition::ALL.iter().find(|condition| condition.name() == name);
    // A condition of a later RFC: the client broke the stream all the same.
    let condition = *known.unwrap_or(&StreamCondition::UndefinedCondition);
    Ok(StreamError { condition, text: r.text("error text")?, detail: r.text("error detail")? })
}

fn read_reason(r: &mut Reader) -> Result<CloseReason, CodecError> {
    Ok(match r.u8("reason")? {
        0 => CloseReason::PeerGone,
        1 => CloseReason::Ordered,
        2 => CloseReason::TimedOut,
        3 => CloseReason::ShuttingDown,
        other => return Err(r.unknown("reason", other.into())),
    })
}

#[cfg(test)]
mod tests;

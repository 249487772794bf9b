//! Cuts a byte stream into stream header, whole top-level elements and stream end; refuses all that RFC 6120 §11 forbids.

use crate::stream_error::StreamError;
use bytes::Bytes;

/// Hard limits of one stream. Every dimension has one; none can be switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one top-level element, from its `<` to its last `>`; also of the stream header.
    pub element_bytes_max: usize,
    /// Open tags at any time, counted from the top-level element.
    pub depth_max: usize,
    /// Attributes of one tag, namespace declarations not counted.
    pub attributes_max: usize,
    /// Namespace declarations of one tag.
    pub namespaces_max: usize,
    /// Bytes of one tag or attribute name.
    pub name_bytes_max: usize,
}

impl Limits {
    /// For a peer that has not authenticated.
    pub const BEFORE_LOGIN: Self = Self {
        element_bytes_max: 10_000,
        depth_max: 16,
        attributes_max: 32,
        namespaces_max: 16,
        name_bytes_max: 256,
    };
    /// For an authenticated client.
    pub const AFTER_LOGIN: Self = Self {
        element_bytes_max: 262_144,
        depth_max: 96,
        attributes_max: 64,
        namespaces_max: 32,
        name_bytes_max: 512,
    };
}

/// What the peer said when it opened the stream (RFC 6120 §4.7).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamHeader {
    /// `to`, unparsed.
    pub to: Option<String>,
    /// `from`, unparsed.
    pub from: Option<String>,
    /// `version` as (major, minor); `None` when absent or malformed.
    pub version: Option<(u16, u16)>,
    /// `xml:lang`.
    pub lang: Option<String>,
    /// The default namespace of the stream's content, for instance `jabber:client`.
    pub content_ns: String,
}

/// One whole thing heard on a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// The opening tag of the stream.
    Header(StreamHeader),
    /// A whole top-level element, self-contained under the default namespace `jabber:client` and the prefix `xml`: any
    /// other prefix it takes from the stream header is declared again on its first tag.
    Element(Bytes),
    /// `</stream:stream>`.
    End,
}

/// Push parser for one direction of one stream.
#[derive(Debug)]
pub struct Framer {
    limits: Limits,
}

impl Framer {
    /// A framer that waits for a stream header.
    pub fn new(limits: Limits) -> Self {
        Self { limits }
    }
    /// Applies from the next byte on.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }
    /// Forgets the stream and waits for a new header; bytes pushed and not yet returned as frames stay.
    pub fn restart(&mut self) {
        todo!()
    }
    /// Takes bytes from the peer.
    pub fn push(&mut self, _bytes: &[u8]) {
        todo!()
    }
    /// The next whole frame, `None` when more bytes are needed. After an error the framer is finished.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, StreamError> {
        todo!()
    }
    /// Bytes pushed and not yet part of a returned frame.
    pub fn pending_bytes(&self) -> usize {
        todo!()
    }
}

//! The stream itself (RFC 6120 §4): checking the peer's header, writing ours, stream errors.

use super::Settings;
use crate::jid::{BareJid, Jid};
use crate::ns;
use crate::stream_error::{StreamCondition, StreamError};
use crate::xml::{StreamHeader, Writer};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;

/// Ends our side of a stream.
pub(super) const CLOSING_TAG: &[u8] = b"</stream:stream>";

/// A stream error and the end of the stream, as bytes (RFC 6120 §4.9).
pub fn stream_error_bytes(error: &StreamError) -> Bytes {
    let mut w = Writer::new();
    w.open("stream:error").open(error.condition.name()).attr("xmlns", ns::STREAM_ERROR).close();
    if !error.text.is_empty() {
        w.open("text").attr("xmlns", ns::STREAM_ERROR).attr("xml:lang", "en");
        w.text(&error.text).close();
    }
    w.raw(error.detail.as_bytes());
    [&w.finish()[..], CLOSING_TAG].concat().into()
}

/// Our opening tag (RFC 6120 §4.7). `to` is the peer's own `from`.
pub(super) fn open(from: &str, to: Option<&str>, id: &[u8; 16]) -> Bytes {
    // A stream header is never closed, so `Writer` cannot write it; an empty element with the same attributes can.
    let mut w = Writer::new();
    w.open("stream:stream").attr("xmlns", ns::CLIENT).attr("xmlns:stream", ns::STREAM);
    w.attr("from", from).attr_opt("to", to).attr("id", &URL_SAFE_NO_PAD.encode(id));
    w.attr("version", "1.0").attr("xml:lang", "en");
    let tag = w.finish();
    let tag = tag.strip_suffix(b"/>").unwrap_or(&tag);
    [b"<?xml version='1.0'?>", tag, b">"].concat().into()
}

/// What a good header says.
#[derive(Debug)]
pub(super) struct Greeting {
    /// The domain asked for.
    pub(super) domain: BareJid,
    /// Who the peer says it is.
    pub(super) from: Option<Jid>,
}

/// Why a header is refused.
type Refusal = (StreamCondition, &'static str);

/// Checks a header from a client (RFC 6120 §4.7, §4.8, §4.9.3).
pub(super) fn check(header: &StreamHeader, settings: &Settings<'_>) -> Result<Greeting, Refusal> {
    if header.content_ns != ns::CLIENT {
        return Err((
            StreamCondition::InvalidNamespace,
            "streams of clients have the content namespace jabber:client",
        ));
    }
    // A peer without version speaks 0.9 (§4.7.5); a newer one is answered with what we speak.
    if header.version.is_none_or(|(major, _)| major < 1) {
        return Err((StreamCondition::UnsupportedVersion, "XMPP 1.0 is spoken here"));
    }
    let improper = |text| (StreamCondition::ImproperAddressing, text);
    let to = header.to.as_deref().ok_or(improper("'to' must name the domain you want"))?;
    let to = BareJid::parse(to).map_err(|_| improper("'to' is not a domain"))?;
    if to.local().is_some() {
        return Err(improper("'to' must be a domain without a local part"));
    }
    let from = header.from.as_deref().map(Jid::parse).transpose();
    let from = from.map_err(|_| improper("'from' is not a JID"))?;
    match settings.domains.iter().find(|domain| **domain == to) {
        Some(domain) => Ok(Greeting { domain: domain.clone(), from }),
        None => Err((StreamCondition::HostUnknown, "this domain is not served here")),
    }
}

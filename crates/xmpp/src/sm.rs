//! Stream Management (XEP-0198) without a stream: its elements and the arithmetic of its counters. Queues and sessions are
//! somebody else's.

use crate::ns;
use crate::stream_error::{StreamCondition, StreamError};
use crate::xml::{Node, Writer};
use bytes::Bytes;

/// The peer acknowledged stanzas that it was never sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the peer acknowledged {h} stanzas, but only {send_count} were sent")]
pub struct HandledCountTooHigh {
    /// What it acknowledged.
    pub h: u32,
    /// What it could have acknowledged at most.
    pub send_count: u32,
}

/// The wire's counter (modulo 2^32, XEP-0198 §4) for a number of stanzas.
pub fn on_the_wire(stanzas: u64) -> u32 {
    (stanzas & u64::from(u32::MAX)) as u32
}

/// How many stanzas are acknowledged after `h` arrived.
///
/// `last_sent` and `acked` count stanzas since stream management was enabled, `acked` at most `last_sent`. An `h` that was
/// right earlier (a late or repeated `<a/>`) changes nothing. Anything else that is not between the two is too high: at
/// most 2^32 - 1 stanzas can be unacknowledged for this to be unambiguous, and queues are bounded far below.
pub fn acknowledge(h: u32, last_sent: u64, acked: u64) -> Result<u64, HandledCountTooHigh> {
    let ahead = u64::from(h.wrapping_sub(on_the_wire(acked)));
    if ahead <= last_sent.saturating_sub(acked) {
        return Ok(acked + ahead);
    }
    let behind = u64::from(on_the_wire(acked).wrapping_sub(h));
    if behind <= acked && behind < 1 << 31 {
        return Ok(acked);
    }
    Err(HandledCountTooHigh { h, send_count: on_the_wire(last_sent) })
}

impl From<HandledCountTooHigh> for StreamError {
    /// The stream error of XEP-0198 §6.
    fn from(error: HandledCountTooHigh) -> Self {
        let HandledCountTooHigh { h, send_count } = error;
        let detail = format!(
            "<handled-count-too-high xmlns='{}' h='{h}' send-count='{send_count}'/>",
            ns::SM
        );
        Self {
            condition: StreamCondition::UndefinedCondition,
            text: format!("You acknowledged {h} stanzas, but only {send_count} were sent."),
            detail,
        }
    }
}

/// What a client says in the namespace of stream management.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// `<enable/>`.
    Enable {
        /// Whether the session is to be resumable.
        resume: bool,
        /// Seconds for which the client wants it to be.
        max: Option<u32>,
    },
    /// `<resume/>`.
    Resume {
        /// Id of the session.
        previd: String,
        /// Stanzas the client has handled.
        h: u32,
    },
    /// `<a/>`.
    Ack {
        /// Stanzas the client has handled.
        h: u32,
    },
    /// `<r/>`.
    AskAck,
}

/// Why an element is not one of stream management.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotARequest {
    /// No such element.
    #[error("it is none of enable, resume, a, r")]
    Unknown,
    /// `h` or `previd` is missing or not what it must be.
    #[error("an attribute is missing or malformed")]
    BadAttribute,
}

/// Longest session id that is looked at; XEP-0198 §5 gives 4000 bytes as the longest one.
pub const PREVID_BYTES_MAX: usize = 4000;

impl Request {
    /// Reads an element of namespace `urn:xmpp:sm:3`.
    pub fn parse(element: Node<'_>) -> Result<Self, NotARequest> {
        if element.ns() != ns::SM {
            return Err(NotARequest::Unknown);
        }
        let number = |name: &str| element.attr(name).as_deref().and_then(unsigned_int);
        let h = || number("h").ok_or(NotARequest::BadAttribute);
        match element.name() {
            "enable" => Ok(Self::Enable {
                resume: matches!(element.attr("resume").as_deref(), Some("true" | "1")),
                max: number("max"),
            }),
            "resume" => {
                let previd = element.attr("previd").ok_or(NotARequest::BadAttribute)?;
                match previd.len() {
                    1..=PREVID_BYTES_MAX => {
                        Ok(Self::Resume { previd: previd.into_owned(), h: h()? })
                    }
                    _ => Err(NotARequest::BadAttribute),
                }
            }
            "a" => Ok(Self::Ack { h: h()? }),
            "r" => Ok(Self::AskAck),
            _ => Err(NotARequest::Unknown),
        }
    }
}

/// `xs:unsignedInt`, in digits only.
fn unsigned_int(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// `<enabled/>`; with an id the session is resumable, for `max` seconds.
pub fn enabled(resumable: Option<(&str, u32)>) -> Bytes {
    let mut w = Writer::new();
    w.open("enabled").attr("xmlns", ns::SM);
    if let Some((id, max)) = resumable {
        w.attr("id", id).attr("resume", "true").attr("max", &max.to_string());
    }
    w.finish()
}

/// `<resumed/>` with the number of stanzas that were handled.
pub fn resumed(previd: &str, h: u32) -> Bytes {
    let mut w = Writer::new();
    w.open("resumed").attr("xmlns", ns::SM).attr("previd", previd).attr("h", &h.to_string());
    w.finish()
}

/// `<failed/>` with a stanza error condition and, where it is known, the number of stanzas of the session asked for that
/// were handled before it ended.
pub fn failed(condition: &'static str, h: Option<u32>) -> Bytes {
    let mut w = Writer::new();
    w.open("failed").attr("xmlns", ns::SM).attr_opt("h", h.map(|h| h.to_string()).as_deref());
    w.open(condition).attr("xmlns", ns::STANZA_ERROR);
    w.finish()
}

/// `<a/>` with the number of stanzas that were handled.
pub fn ack(h: u32) -> Bytes {
    format!("<a xmlns='{}' h='{h}'/>", ns::SM).into()
}

/// `<r/>`.
pub const ASK_ACK: &[u8] = b"<r xmlns='urn:xmpp:sm:3'/>";

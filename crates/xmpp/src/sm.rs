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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::Element;

    #[test]
    fn an_acknowledgement_is_understood_across_the_wrap_of_the_counter() {
        const WRAP: u64 = 1 << 32;
        let check = |h: u32, sent: u64, acked: u64| acknowledge(h, sent, acked).ok();
        // (h, sent, acked before) gives acked after, None for too high.
        for ((h, sent, acked), after) in [
            ((0, 0, 0), Some(0)),
            ((1, 0, 0), None),
            ((u32::MAX, 0, 0), None),
            ((3, 5, 0), Some(3)),
            ((5, 5, 0), Some(5)),
            ((6, 5, 0), None),
            ((u32::MAX, 5, 0), None),
            ((1 << 31, 5, 0), None),
            ((5, 5, 5), Some(5)),
            ((4, 5, 5), Some(5)),
            ((0, 5, 5), Some(5)),
            ((u32::MAX, 5, 5), None),
            ((u32::MAX, WRAP - 1, WRAP - 3), Some(WRAP - 1)),
            ((0, WRAP - 1, WRAP - 3), None),
            ((0, WRAP, WRAP - 3), Some(WRAP)),
            ((7, WRAP + 7, WRAP - 3), Some(WRAP + 7)),
            ((8, WRAP + 7, WRAP - 3), None),
            ((u32::MAX - 3, WRAP + 7, WRAP - 3), Some(WRAP - 3)),
            ((u32::MAX, WRAP + 7, WRAP + 3), Some(WRAP + 3)),
            ((4, 5 * WRAP + 9, 5 * WRAP + 2), Some(5 * WRAP + 4)),
            ((10, 5 * WRAP + 9, 5 * WRAP + 2), None),
        ] {
            assert_eq!(check(h, sent, acked), after, "h={h} sent={sent} acked={acked}");
        }
    }

    #[test]
    fn every_number_between_acknowledged_and_sent_is_taken_and_the_next_is_not() {
        for acked in [0, 1, (1 << 32) - 5, 1 << 32, 3 << 40] {
            for unacked in 0..12 {
                let sent = acked + unacked;
                for now in acked..=sent {
                    assert_eq!(acknowledge(on_the_wire(now), sent, acked), Ok(now));
                }
                let error = acknowledge(on_the_wire(sent + 1), sent, acked).unwrap_err();
                assert_eq!(error.send_count, on_the_wire(sent));
            }
        }
    }

    #[test]
    fn requests_are_read_strictly() {
        let check = |xml: &str| {
            let xml = xml.replacen("/>", " xmlns='urn:xmpp:sm:3'/>", 1);
            let element = Element::parse(xml.into_bytes().into()).unwrap();
            Request::parse(element.root())
        };
        let enable = |resume, max| Ok(Request::Enable { resume, max });
        let bad = || Err(NotARequest::BadAttribute);
        assert_eq!(check("<enable/>"), enable(false, None));
        assert_eq!(check("<enable resume='true' max='300'/>"), enable(true, Some(300)));
        assert_eq!(check("<enable resume='1' max='-1'/>"), enable(true, None));
        assert_eq!(check("<enable resume='yes'/>"), enable(false, None));
        assert_eq!(check("<r/>"), Ok(Request::AskAck));
        assert_eq!(check("<a h='4294967295'/>"), Ok(Request::Ack { h: u32::MAX }));
        for wrong in ["", "h=''", "h='4294967296'", "h='-1'", "h='+1'", "h=' 1'", "h='1.0'"] {
            assert_eq!(check(&format!("<a {wrong}/>")), bad(), "{wrong}");
        }
        let resume = Ok(Request::Resume { previd: "x&y".into(), h: 7 });
        assert_eq!(check("<resume previd='x&amp;y' h='7'/>"), resume);
        assert_eq!(check("<resume previd='x'/>"), bad());
        assert_eq!(check("<resume h='7'/>"), bad());
        assert_eq!(check("<resume h='7' previd=''/>"), bad());
        let long = format!("<resume h='7' previd='{}'/>", "x".repeat(PREVID_BYTES_MAX + 1));
        assert_eq!(check(&long), bad());
        assert_eq!(check("<enabled/>"), Err(NotARequest::Unknown));
    }

    #[test]
    fn answers_are_written_as_the_specification_prints_them() {
        let text = |bytes: Bytes| String::from_utf8(bytes.to_vec()).unwrap();
        assert_eq!(
            text(enabled(Some(("some-long-sm-id", 600)))),
            "<enabled xmlns='urn:xmpp:sm:3' id='some-long-sm-id' resume='true' max='600'/>"
        );
        assert_eq!(text(enabled(None)), "<enabled xmlns='urn:xmpp:sm:3'/>");
        assert_eq!(
            text(resumed("a'b", 2)),
            "<resumed xmlns='urn:xmpp:sm:3' previd='a&apos;b' h='2'/>"
        );
        assert_eq!(
            text(failed("item-not-found", Some(3))),
            "<failed xmlns='urn:xmpp:sm:3' h='3'>\
             <item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>"
        );
        assert_eq!(text(ack(9)), "<a xmlns='urn:xmpp:sm:3' h='9'/>");
        let error = acknowledge(10, 8, 0).unwrap_err().into();
        assert_eq!(
            text(crate::negotiation::stream_error_bytes(&error)),
            "<stream:error><undefined-condition xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>\
             <text xmlns='urn:ietf:params:xml:ns:xmpp-streams' xml:lang='en'>\
             You acknowledged 10 stanzas, but only 8 were sent.</text>\
             <handled-count-too-high xmlns='urn:xmpp:sm:3' h='10' send-count='8'/>\
             </stream:error></stream:stream>"
        );
    }
}

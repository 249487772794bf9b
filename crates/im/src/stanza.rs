//! A stanza as the pipelines see it: addresses parsed, sender stamped, forged children gone.

use crate::features::provenance;
use crate::options::Options;
use bytes::Bytes;
use xmpp::jid::Jid;
use xmpp::ns;
use xmpp::stanza_error::{ErrorType, StanzaError};
use xmpp::stream_error::{StreamCondition, StreamError};
use xmpp::xml::{Edit, Element, Node, Writer};

/// `to` is not a JID.
const JID_MALFORMED: StanzaError =
    StanzaError::new(ErrorType::Modify, "jid-malformed", "The address in 'to' is not a JID.");
/// The stanza's `type` is none of its kind.
const UNKNOWN_TYPE: StanzaError =
    StanzaError::new(ErrorType::Modify, "bad-request", "There is no such stanza type.");
/// RFC 6120 §8.2.3: an IQ has an id, and a request exactly one child.
const IQ_MALFORMED: StanzaError = StanzaError::new(
    ErrorType::Modify,
    "bad-request",
    "An IQ has an id, and a request exactly one child element.",
);

/// RFC 6121 §5.2.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MessageType {
    Chat,
    Error,
    Groupchat,
    Headline,
    Normal,
}

impl MessageType {
    /// The type of a message; `None` when this is none.
    pub(crate) fn of(root: Node<'_>) -> Option<Self> {
        if !root.is("message", ns::CLIENT) {
            return None;
        }
        Some(match root.attr("type").as_deref() {
            Some("chat") => Self::Chat,
            Some("error") => Self::Error,
            Some("groupchat") => Self::Groupchat,
            Some("headline") => Self::Headline,
            // RFC 6121 §5.2.2: an unknown type is treated as "normal".
            _ => Self::Normal,
        })
    }
}

/// RFC 6121 §4.7.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PresenceType {
    Available,
    Error,
    Probe,
    Subscribe,
    Subscribed,
    Unavailable,
    Unsubscribe,
    Unsubscribed,
}

/// RFC 6120 §8.2.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IqType {
    Get,
    Set,
    Result,
    Error,
}

/// Kind and type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Message(MessageType),
    Presence(PresenceType),
    Iq(IqType),
}

impl Kind {
    /// Whether this is an error: no error is ever answered by an error (RFC 6120 §8.3.1).
    pub(crate) fn is_error(self) -> bool {
        matches!(
            self,
            Self::Message(MessageType::Error)
                | Self::Presence(PresenceType::Error)
                | Self::Iq(IqType::Error)
        )
    }

    fn element_name(self) -> &'static str {
        match self {
            Self::Message(_) => "message",
            Self::Presence(_) => "presence",
            Self::Iq(_) => "iq",
        }
    }
}

/// A stanza that was accepted from a session, or made by the server.
#[derive(Clone, Debug)]
pub(crate) struct Stanza {
    pub(crate) kind: Kind,
    pub(crate) from: Jid,
    pub(crate) to: Option<Jid>,
    pub(crate) id: Option<String>,
    /// `from` stamped, forged children removed; what is routed and stored.
    pub(crate) element: Element,
}

/// Why a top-level element does not become a stanza.
#[derive(Debug)]
pub(crate) enum Unfit {
    /// The stream ends.
    Stream(StreamError),
    /// The sender gets this error (already a whole stanza).
    Bounce(Bytes),
    /// It is dropped: an error that is itself malformed.
    Drop,
}

impl Stanza {
    /// Accepts an element from the session with this full JID.
    pub(crate) fn admit(element: &Element, sender: &Jid, options: &Options) -> Result<Self, Unfit> {
        let root = element.root();
        let kind = match kind_of(root) {
            Ok(kind) => kind,
            Err(Some(error)) => return Err(bounce_node(root, sender, &error)),
            Err(None) => {
                return Err(Unfit::Stream(StreamError::new(
                    StreamCondition::UnsupportedStanzaType,
                    "Only message, presence and iq may follow here.",
                )));
            }
        };
        check_from(root, sender).map_err(Unfit::Stream)?;
        let to = match root.attr("to").map(|to| Jid::parse(&to)) {
            None => None,
            Some(Ok(to)) => Some(to),
            Some(Err(_)) if kind.is_error() => return Err(Unfit::Drop),
            Some(Err(_)) => return Err(bounce_node(root, sender, &JID_MALFORMED)),
        };
        let id = root.attr("id").map(std::borrow::Cow::into_owned);
        if let Kind::Iq(iq) = kind {
            check_iq(root, iq, id.is_some()).map_err(|error| match error {
                Some(error) => bounce_node(root, sender, &error),
                None => Unfit::Drop,
            })?;
        }
        Ok(Self { kind, from: sender.clone(), to, id, element: stamp(element, sender, options) })
    }

    /// A stanza the server makes. `bytes` carry `from` and `to` already.
    pub(crate) fn made(kind: Kind, from: Jid, to: Jid, bytes: Bytes) -> Option<Self> {
        let element = Element::parse(bytes).ok()?;
        let id = element.root().attr("id").map(std::borrow::Cow::into_owned);
        Some(Self { kind, from, to: Some(to), id, element })
    }

    /// The only child of an IQ request.
    pub(crate) fn payload(&self) -> Option<Node<'_>> {
        self.element.root().children().next()
    }

    /// This stanza's bytes.
    pub(crate) fn bytes(&self) -> &Bytes {
        self.element.bytes()
    }

    /// The error stanza that answers this one, `None` when it is an error itself or must not be answered.
    pub(crate) fn error(&self, error: &StanzaError) -> Option<Bytes> {
        if self.kind.is_error() || self.kind == Kind::Iq(IqType::Result) {
            return None;
        }
        let to = self.from.to_string();
        let from = self.to.as_ref().map(ToString::to_string);
        Some(error_bytes(self.kind.element_name(), self.id.as_deref(), from.as_deref(), &to, error))
    }

    /// The result that answers this IQ request, around a payload that is XML already.
    pub(crate) fn result(&self, payload: &[u8]) -> Bytes {
        let mut w = Writer::new();
        w.open("iq").attr("type", "result").attr_opt("id", self.id.as_deref());
        if let Some(to) = &self.to {
            w.attr("from", &to.to_string());
        }
        w.attr("to", &self.from.to_string());
        if !payload.is_empty() {
            w.raw(payload);
        }
        w.finish()
    }
}

fn error_bytes(
    name: &'static str,
    id: Option<&str>,
    from: Option<&str>,
    to: &str,
    error: &StanzaError,
) -> Bytes {
    let mut w = Writer::new();
    w.open(name).attr("type", "error").attr_opt("id", id).attr_opt("from", from).attr("to", to);
    error.write(&mut w);
    w.finish()
}

/// `Err(Some)`: a stanza of an unknown type; `Err(None)`: not a stanza.
fn kind_of(root: Node<'_>) -> Result<Kind, Option<StanzaError>> {
    if root.ns() != ns::CLIENT {
        return Err(None);
    }
    let kind = root.attr("type");
    let kind = kind.as_deref();
    match root.name() {
        "message" => MessageType::of(root).map(Kind::Message).ok_or(None),
        "presence" => Ok(Kind::Presence(match kind {
            None => PresenceType::Available,
            Some("error") => PresenceType::Error,
            Some("probe") => PresenceType::Probe,
            Some("subscribe") => PresenceType::Subscribe,
            Some("subscribed") => PresenceType::Subscribed,
            Some("unavailable") => PresenceType::Unavailable,
            Some("unsubscribe") => PresenceType::Unsubscribe,
            Some("unsubscribed") => PresenceType::Unsubscribed,
            Some(_) => return Err(Some(UNKNOWN_TYPE)),
        })),
        "iq" => Ok(Kind::Iq(match kind {
            Some("get") => IqType::Get,
            Some("set") => IqType::Set,
            Some("result") => IqType::Result,
            Some("error") => IqType::Error,
            _ => return Err(Some(UNKNOWN_TYPE)),
        })),
        _ => Err(None),
    }
}

/// RFC 6120 §8.1.2.1: the sender may name itself, bare or full, and nobody else.
fn check_from(root: Node<'_>, sender: &Jid) -> Result<(), StreamError> {
    let Some(from) = root.attr("from") else { return Ok(()) };
    let is_own = Jid::parse(&from)
        .is_ok_and(|from| from == *sender || (!from.is_full() && from.bare() == sender.bare()));
    if is_own {
        return Ok(());
    }
    Err(StreamError::new(StreamCondition::InvalidFrom, "'from' is not an address of this session."))
}

/// `Some(Some)` an error to bounce, `Some(None)` silently dropped.
fn check_iq(root: Node<'_>, iq: IqType, has_id: bool) -> Result<(), Option<StanzaError>> {
    let children = root.children().count();
    match iq {
        IqType::Get | IqType::Set if !has_id || children != 1 => Err(Some(IQ_MALFORMED)),
        IqType::Result if !has_id || children > 1 => Err(None),
        IqType::Error if !has_id => Err(None),
        _ => Ok(()),
    }
}

fn bounce_node(root: Node<'_>, sender: &Jid, error: &StanzaError) -> Unfit {
    let name = match root.name() {
        "message" => "message",
        "presence" => "presence",
        _ => "iq",
    };
    let id = root.attr("id");
    Unfit::Bounce(error_bytes(name, id.as_deref(), None, &sender.to_string(), error))
}

/// Stamps `from` and removes what only a server may say.
fn stamp(element: &Element, sender: &Jid, options: &Options) -> Element {
    let from = sender.to_string();
    let mut edit = Edit::new(element).set_attr("from", &from);
    for node in provenance::forged(element.root(), sender, options) {
        edit = edit.remove(node);
    }
    // Editing well-formed XML gives well-formed XML; should that ever fail, the sender's stanza is replaced by an empty
    // one rather than passed on unstamped.
    Element::parse(edit.finish()).unwrap_or_else(|_| {
        let mut w = Writer::new();
        w.open("message").attr("from", &from).attr("type", "error");
        Element::parse(w.finish()).unwrap_or_else(|_| element.clone())
    })
}

//! One call of [`super::Negotiation::handle`]: what the states may look at, what they order, and the answers to what is
//! wrong in every state.

use super::{Entropy, Heard, IDLE_ANSWERS_MAX, Order, Settings, State, header};
use crate::jid::BareJid;
use crate::ns;
use crate::stream_error::{StreamCondition, StreamError};
use crate::xml::{Element, Writer};
use bytes::Bytes;

/// What is counted over the whole life of a connection.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// What may be said without further ado.
    pub(super) speech: Speech,
    /// Refused logins.
    pub(super) refusals: u8,
    /// Answers that led nowhere.
    pub(super) idle_answers: u8,
}

/// What our side of the connection is ready for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Speech {
    /// Our header of the present stream must come first (RFC 6120 §4.9.1.2).
    #[default]
    Unopened,
    /// Our header was sent.
    Open,
    /// `<proceed/>` was ordered: whatever XML is said now would disturb the handshake.
    Handshake,
}

/// The circumstances of one fact.
pub(super) struct Turn<'a> {
    pub(super) settings: &'a Settings<'a>,
    pub(super) entropy: &'a mut dyn Entropy,
    pub(super) tally: &'a mut Tally,
    orders: Vec<Order>,
}

impl<'a> Turn<'a> {
    pub(super) fn new(
        settings: &'a Settings<'a>,
        entropy: &'a mut dyn Entropy,
        tally: &'a mut Tally,
    ) -> Self {
        assert!(!settings.domains.is_empty(), "a service has at least one domain");
        Self { settings, entropy, tally, orders: Vec::new() }
    }

    pub(super) fn finish(self) -> Vec<Order> {
        self.orders
    }

    pub(super) fn order(&mut self, order: Order) {
        self.orders.push(order);
    }

    pub(super) fn send(&mut self, bytes: Bytes) {
        self.order(Order::Send(bytes));
    }

    /// Our header of a new stream, to be sent before anything else on it.
    pub(super) fn open_stream(&mut self, from: &BareJid, to: Option<&str>) -> Bytes {
        self.tally.speech = Speech::Open;
        header::open(from.as_str(), to, &self.entropy.draw())
    }

    /// Closes with a stream error.
    pub(super) fn close(&mut self, condition: StreamCondition, text: &str) -> State {
        let bytes = self.last_words(Some(&StreamError::new(condition, text)));
        self.order(Order::Close(bytes));
        State::Closed
    }

    /// What is still to be said before the connection closes.
    pub(super) fn last_words(&mut self, error: Option<&StreamError>) -> Bytes {
        let opening = match self.tally.speech {
            Speech::Unopened => self.open_stream(&self.settings.domains[0], None),
            Speech::Open => Bytes::new(),
            Speech::Handshake => return Bytes::new(),
        };
        let closing = match error {
            Some(error) => header::stream_error_bytes(error),
            None => Bytes::from_static(header::CLOSING_TAG),
        };
        if opening.is_empty() { closing } else { [opening, closing].concat().into() }
    }

    /// STARTTLS where it is not offered: RFC 6120 §5.4.2.2.
    pub(super) fn refuse_starttls(&mut self) -> State {
        let mut w = Writer::new();
        w.open("failure").attr("xmlns", ns::TLS).close();
        self.send(w.finish());
        let bytes = self.last_words(None);
        self.order(Order::Close(bytes));
        State::Closed
    }

    /// Whether one more thing may be done that may lead nowhere.
    pub(super) fn has_patience(&self) -> bool {
        self.tally.idle_answers < IDLE_ANSWERS_MAX
    }

    /// Something led nowhere.
    pub(super) fn count_idle_answer(&mut self) {
        self.tally.idle_answers = self.tally.idle_answers.saturating_add(1);
    }

    /// Too many of them.
    pub(super) fn close_idler(&mut self) -> State {
        self.close(StreamCondition::PolicyViolation, "too many requests that lead nowhere")
    }

    /// Closes because of something that is not legal in this state, whatever the state is.
    pub(super) fn close_unexpected(&mut self, heard: &Heard) -> State {
        match heard {
            Heard::Header(_) => {
                self.close(StreamCondition::PolicyViolation, "the stream must not be restarted now")
            }
            Heard::Element(element) if is_stanza(element) => {
                self.close(StreamCondition::NotAuthorized, "log in and bind a resource first")
            }
            Heard::Element(element) if element.root().ns() == ns::SASL => {
                self.close(StreamCondition::PolicyViolation, "SASL is not to be negotiated now")
            }
            Heard::Element(_) => self.close(
                StreamCondition::UnsupportedStanzaType,
                "this element is not understood at this point",
            ),
            // Only the caller can say these, and only after an order.
            Heard::TlsStarted(_)
            | Heard::Credentials(_)
            | Heard::PasswordVerified(_)
            | Heard::LoginRefused(_) => {
                self.close(StreamCondition::InternalServerError, "an answer came unasked")
            }
        }
    }
}

/// Whether this is a message, presence or IQ.
fn is_stanza(element: &Element) -> bool {
    let root = element.root();
    root.ns() == ns::CLIENT && matches!(root.name(), "message" | "presence" | "iq")
}

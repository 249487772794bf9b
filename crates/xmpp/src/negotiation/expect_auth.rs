//! The peer may log in, ask for TLS where it is offered and not demanded, or register an account.

use super::expect_header::Stream;
use super::expect_initial_response::{self, ExpectInitialResponse};
use super::expect_start_tls::start_tls;
use super::features::Offer;
use super::turn::Turn;
use super::{Heard, Order, State, TlsPolicy, login};
use crate::ns;
use crate::sasl::{Failure, FailureCondition, Mechanism, decode_message};
use crate::xml::{Element, Node, Writer};

/// See [`State::ExpectAuth`].
#[derive(Debug)]
pub(super) struct ExpectAuth {
    pub(super) stream: Stream,
}

impl ExpectAuth {
    pub(super) fn handle(self, heard: Heard, turn: &mut Turn<'_>) -> State {
        let Heard::Element(element) = &heard else { return turn.close_unexpected(&heard) };
        let root = element.root();
        match (root.name(), root.ns()) {
            ("auth", ns::SASL) => self.handle_auth(root, turn),
            ("abort", ns::SASL) => {
                login::refuse(self.stream, None, FailureCondition::Aborted.into(), turn)
            }
            (_, ns::SASL) => {
                let failure =
                    Failure::new(FailureCondition::MalformedRequest, "begin with <auth/>");
                login::refuse(self.stream, None, failure, turn)
            }
            ("starttls", ns::TLS) => start_tls(&self.stream, turn),
            ("iq", ns::CLIENT) if self.is_registration(element, turn) => {
                self.handle_registration(element.clone(), turn)
            }
            _ => turn.close_unexpected(&heard),
        }
    }

    fn handle_auth(self, auth: Node<'_>, turn: &mut Turn<'_>) -> State {
        let asked = auth.attr("mechanism").unwrap_or_default();
        let offer = Offer::new(turn.settings, self.stream.tls.as_ref());
        let mechanism = match Mechanism::from_name(&asked) {
            Some(mechanism) if offer.has_mechanism(mechanism) => mechanism,
            Some(mechanism) => {
                let failure = self.why_not_offered(mechanism, turn);
                return login::refuse(self.stream, None, failure, turn);
            }
            None => {
                let failure = FailureCondition::InvalidMechanism.into();
                return login::refuse(self.stream, None, failure, turn);
            }
        };
        match decode_message(&auth.text()) {
            Ok(Some(message)) => {
                expect_initial_response::begin(self.stream, mechanism, &message, turn)
            }
            Ok(None) => {
                let mut w = Writer::new();
                w.open("challenge").attr("xmlns", ns::SASL);
                turn.send(w.finish());
                State::ExpectInitialResponse(ExpectInitialResponse {
                    stream: self.stream,
                    mechanism,
                })
            }
            Err(failure) => login::refuse(self.stream, None, failure, turn),
        }
    }

    fn why_not_offered(&self, mechanism: Mechanism, turn: &Turn<'_>) -> Failure {
        let lacks_tls = self.stream.tls.is_none() && turn.settings.tls != TlsPolicy::Off;
        let is_enabled = turn.settings.mechanisms.contains(&mechanism);
        match mechanism {
            Mechanism::Plain if lacks_tls && is_enabled => FailureCondition::EncryptionRequired,
            _ => FailureCondition::InvalidMechanism,
        }
        .into()
    }

    fn is_registration(&self, iq: &Element, turn: &Turn<'_>) -> bool {
        Offer::new(turn.settings, self.stream.tls.as_ref()).has_registration()
            && iq.root().child("query", ns::REGISTER).is_some()
            && matches!(iq.root().attr("type").as_deref(), Some("get" | "set"))
    }

    fn handle_registration(self, iq: Element, turn: &mut Turn<'_>) -> State {
        if !turn.has_patience() {
            return turn.close_idler();
        }
        turn.count_idle_answer();
        turn.order(Order::Register { domain: self.stream.domain.clone(), iq });
        State::ExpectAuth(self)
    }
}

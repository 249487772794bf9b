//! `<stream:features/>` (RFC 6120 §4.3.2): what is offered depends on what has been reached and on nothing the peer says.

use super::{Settings, TlsPolicy};
use crate::ns;
use crate::sasl::{Binding, ChannelBindings, Mechanism};
use crate::xml::Writer;
use bytes::Bytes;

/// What may be negotiated on an unauthenticated stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Offer<'a> {
    settings: &'a Settings<'a>,
    tls: Option<&'a ChannelBindings>,
}

impl<'a> Offer<'a> {
    /// `tls` is what is known of the connection's TLS, if it has it.
    pub(super) fn new(settings: &'a Settings<'a>, tls: Option<&'a ChannelBindings>) -> Self {
        Self { settings, tls }
    }
    /// Whether `<starttls/>` is offered.
    pub(super) fn has_starttls(self) -> bool {
        self.tls.is_none() && self.settings.tls_available && self.settings.tls != TlsPolicy::Off
    }
    /// Whether nothing else may happen before TLS.
    pub(super) fn demands_tls(self) -> bool {
        self.tls.is_none() && self.settings.tls == TlsPolicy::Required
    }
    /// Whether secrets may cross this stream.
    pub(super) fn is_confidential(self) -> bool {
        self.tls.is_some() || self.settings.tls == TlsPolicy::Off
    }
    /// Whether accounts may be registered here.
    pub(super) fn has_registration(self) -> bool {
        self.settings.registration && self.is_confidential()
    }
    /// Mechanisms, strongest first.
    pub(super) fn mechanisms(self) -> impl Iterator<Item = Mechanism> {
        Mechanism::ALL.iter().copied().filter(move |mechanism| self.has_mechanism(*mechanism))
    }
    /// Whether a mechanism is offered.
    pub(super) fn has_mechanism(self, mechanism: Mechanism) -> bool {
        let is_possible = match mechanism {
            Mechanism::Plain => self.is_confidential(),
            _ if mechanism.is_plus() => self.tls.is_some_and(|tls| !tls.is_empty()),
            _ => !self.demands_tls(),
        };
        is_possible && self.settings.mechanisms.contains(&mechanism)
    }
    /// Whether any mechanism with channel binding is offered.
    pub(super) fn has_plus(self) -> bool {
        self.mechanisms().any(Mechanism::is_plus)
    }
    /// Types of channel binding (XEP-0440), strongest first.
    pub(super) fn bindings(self) -> Vec<Binding> {
        match self.tls {
            Some(tls) if self.has_plus() => tls.types().collect(),
            _ => Vec::new(),
        }
    }
    /// The features of the stream.
    pub(super) fn to_bytes(self) -> Bytes {
        let mut w = Writer::new();
        w.open("stream:features");
        if self.has_starttls() {
            w.open("starttls").attr("xmlns", ns::TLS);
            if self.demands_tls() {
                w.open("required").close();
            }
            w.close();
        }
        if self.mechanisms().next().is_some() {
            w.open("mechanisms").attr("xmlns", ns::SASL);
            for mechanism in self.mechanisms() {
                w.leaf("mechanism", mechanism.name());
            }
            w.close();
        }
        let bindings = self.bindings();
        if !bindings.is_empty() {
            w.open("sasl-channel-binding").attr("xmlns", ns::SASL_CB);
            for binding in bindings {
                w.open("channel-binding").attr("type", binding.name()).close();
            }
            w.close();
        }
        if self.has_registration() {
            w.open("register").attr("xmlns", ns::REGISTER_FEATURE).close();
        }
        if !self.demands_tls() {
            w.raw(self.settings.features_before_login);
        }
        w.finish()
    }
}

/// The features after login: binding, and what the caller adds.
pub(super) fn after_login(settings: &Settings<'_>) -> Bytes {
    let mut w = Writer::new();
    w.open("stream:features").open("bind").attr("xmlns", ns::BIND).close();
    w.raw(settings.features_after_login);
    w.finish()
}

//! Stanza errors (RFC 6120 §8.3): the peer asked wrongly.

use crate::ns;
use crate::xml::Writer;

/// What the sender may do about it (RFC 6120 §8.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorType {
    /// Retry after providing credentials.
    Auth,
    /// Do not retry.
    Cancel,
    /// It was only a warning.
    Continue,
    /// Retry after changing what was sent.
    Modify,
    /// Retry after waiting.
    Wait,
}

impl ErrorType {
    /// Value of the `type` attribute.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Cancel => "cancel",
            Self::Continue => "continue",
            Self::Modify => "modify",
            Self::Wait => "wait",
        }
    }
}

/// A stanza error as a feature declares it in its table: type, condition, sentence, application condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StanzaError {
    /// What the sender may do.
    pub kind: ErrorType,
    /// One of the conditions of RFC 6120 §8.3.3, by element name.
    pub condition: &'static str,
    /// A sentence for the person at the other end; may be empty.
    pub text: &'static str,
    /// Application-specific condition as (element, namespace).
    pub detail: Option<(&'static str, &'static str)>,
}

impl StanzaError {
    /// An error without application-specific condition.
    pub const fn new(kind: ErrorType, condition: &'static str, text: &'static str) -> Self {
        Self { kind, condition, text, detail: None }
    }
    /// The same with an application-specific condition.
    pub const fn with_detail(mut self, element: &'static str, ns: &'static str) -> Self {
        self.detail = Some((element, ns));
        self
    }
    /// Writes `<error …>…</error>`.
    pub fn write(&self, w: &mut Writer) {
        w.open("error").attr("type", self.kind.name());
        w.open(self.condition).attr("xmlns", ns::STANZA_ERROR).close();
        if !self.text.is_empty() {
            w.open("text").attr("xmlns", ns::STANZA_ERROR).text(self.text).close();
        }
        if let Some((element, namespace)) = self.detail {
            w.open(element).attr("xmlns", namespace).close();
        }
        w.close();
    }
}

//! Why the framer refuses a stream, in a form that costs nothing until it happens.

use crate::stream_error::{StreamCondition, StreamError};

/// What the peer did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It broke a rule of XML or of XMPP: the condition and the rule.
    Rule(StreamCondition, &'static str),
    /// It sent more of something than a limit allows.
    Limit {
        /// What there is too much of, in the plural.
        what: &'static str,
        /// How much would have been fine.
        max: usize,
    },
}

impl Fault {
    /// XML or namespaces used against their grammar (RFC 6120 §11.3).
    pub(crate) const fn malformed(why: &'static str) -> Self {
        Self::Rule(StreamCondition::NotWellFormed, why)
    }
    /// XML that RFC 6120 §11.1 forbids.
    pub(crate) const fn restricted(why: &'static str) -> Self {
        Self::Rule(StreamCondition::RestrictedXml, why)
    }
}

impl From<Fault> for StreamError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Rule(condition, why) => Self::new(condition, why),
            Fault::Limit { what, max } => {
                Self::new(StreamCondition::PolicyViolation, format!("more than {max} {what}"))
            }
        }
    }
}

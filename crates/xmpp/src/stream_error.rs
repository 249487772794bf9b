//! Stream errors (RFC 6120 §4.9): the peer broke the stream.

/// One of the conditions of RFC 6120 §4.9.3 with the sentence the peer gets to read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {text}", condition.name())]
pub struct StreamError {
    /// The defined condition.
    pub condition: StreamCondition,
    /// A sentence for the person at the other end; may be empty.
    pub text: String,
    /// An application-specific condition, already serialised; may be empty.
    pub detail: String,
}

macro_rules! conditions {
    ($($(#[$doc:meta])+ $variant:ident = $name:literal,)+) => {
        /// The defined conditions of RFC 6120 §4.9.3.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum StreamCondition { $($(#[$doc])+ $variant,)+ }
        impl StreamCondition {
            /// Every condition, in the order of the RFC.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];
            /// Element name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

conditions! {
    /// XML that cannot be processed.
    BadFormat = "bad-format",
    /// A prefix that is unsupported or missing where one is needed.
    BadNamespacePrefix = "bad-namespace-prefix",
    /// A new stream for the same session displaces this one.
    Conflict = "conflict",
    /// The peer did not answer, or did not log in, in time.
    ConnectionTimeout = "connection-timeout",
    /// The domain was served here and is no longer.
    HostGone = "host-gone",
    /// The domain is not served here.
    HostUnknown = "host-unknown",
    /// `to` or `from` is missing or not a JID.
    ImproperAddressing = "improper-addressing",
    /// We erred.
    InternalServerError = "internal-server-error",
    /// `from` is not an address the peer may use.
    InvalidFrom = "invalid-from",
    /// The stream or content namespace is not supported.
    InvalidNamespace = "invalid-namespace",
    /// XML that fails validation.
    InvalidXml = "invalid-xml",
    /// Something was sent before the stream was authorised for it.
    NotAuthorized = "not-authorized",
    /// Not well-formed XML.
    NotWellFormed = "not-well-formed",
    /// A local limit or rule was broken.
    PolicyViolation = "policy-violation",
    /// A connection that is needed cannot be made.
    RemoteConnectionFailed = "remote-connection-failed",
    /// The stream is reset, usually for security.
    Reset = "reset",
    /// The server lacks room or capacity.
    ResourceConstraint = "resource-constraint",
    /// XML features that XMPP forbids: comments, processing instructions, DTDs, entities.
    RestrictedXml = "restricted-xml",
    /// Another host serves this.
    SeeOtherHost = "see-other-host",
    /// The server is going down.
    SystemShutdown = "system-shutdown",
    /// Explained by the application-specific condition.
    UndefinedCondition = "undefined-condition",
    /// Not UTF-8.
    UnsupportedEncoding = "unsupported-encoding",
    /// A mandatory feature was not understood.
    UnsupportedFeature = "unsupported-feature",
    /// A top-level element that is none of ours.
    UnsupportedStanzaType = "unsupported-stanza-type",
    /// A version of XMPP that is not spoken here.
    UnsupportedVersion = "unsupported-version",
}

impl StreamError {
    /// A condition with its sentence.
    pub fn new(condition: StreamCondition, text: impl Into<String>) -> Self {
        Self { condition, text: text.into(), detail: String::new() }
    }
}

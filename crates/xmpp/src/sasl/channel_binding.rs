//! Channel binding (RFC 5056): data that both ends of one TLS connection know and nobody between them does.
//!
//! tls-unique is left out on purpose: RFC 9266 §4 retires it for TLS 1.3 and it is unsafe before.

use bytes::Bytes;

/// A registered type of channel binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Binding {
    /// RFC 9266.
    TlsExporter,
    /// RFC 5929 §4.
    TlsServerEndPoint,
}

impl Binding {
    /// All of them, strongest first.
    pub const ALL: &'static [Self] = &[Self::TlsExporter, Self::TlsServerEndPoint];

    /// The registered unique prefix.
    pub fn name(self) -> &'static str {
        match self {
            Self::TlsExporter => "tls-exporter",
            Self::TlsServerEndPoint => "tls-server-end-point",
        }
    }
    /// From the registered unique prefix.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|binding| binding.name() == name)
    }
}

/// The binding data of one TLS connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelBindings {
    /// For tls-exporter; absent where the handshake cannot give it safely.
    pub exporter: Option<[u8; 32]>,
    /// For tls-server-end-point: hash of the server's certificate.
    pub end_point: Option<Bytes>,
}

impl ChannelBindings {
    /// The data of one type, if this connection has it.
    pub fn data(&self, binding: Binding) -> Option<&[u8]> {
        match binding {
            Binding::TlsExporter => self.exporter.as_ref().map(|bytes| &bytes[..]),
            Binding::TlsServerEndPoint => self.end_point.as_deref(),
        }
    }
    /// The types this connection has, strongest first.
    pub fn types(&self) -> impl Iterator<Item = Binding> + '_ {
        Binding::ALL.iter().copied().filter(|binding| self.data(*binding).is_some())
    }
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.types().next().is_none()
    }
}

//! The SASL mechanisms spoken here, strongest first.

use crate::credentials::Hash;

/// A SASL mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mechanism {
    /// RFC 7677 with channel binding.
    ScramSha256Plus,
    /// RFC 7677.
    ScramSha256,
    /// RFC 5802 with channel binding.
    ScramSha1Plus,
    /// RFC 5802.
    ScramSha1,
    /// RFC 4616.
    Plain,
}

impl Mechanism {
    /// All of them, strongest first: the order in which they are offered.
    pub const ALL: &'static [Self] = &[
        Self::ScramSha256Plus,
        Self::ScramSha256,
        Self::ScramSha1Plus,
        Self::ScramSha1,
        Self::Plain,
    ];

    /// The registered name.
    pub fn name(self) -> &'static str {
        match self {
            Self::ScramSha256Plus => "SCRAM-SHA-256-PLUS",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha1Plus => "SCRAM-SHA-1-PLUS",
            Self::ScramSha1 => "SCRAM-SHA-1",
            Self::Plain => "PLAIN",
        }
    }
    /// From the registered name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|mechanism| mechanism.name() == name)
    }
    /// The hash function, `None` for PLAIN.
    pub fn hash(self) -> Option<Hash> {
        match self {
            Self::ScramSha256Plus | Self::ScramSha256 => Some(Hash::Sha256),
            Self::ScramSha1Plus | Self::ScramSha1 => Some(Hash::Sha1),
            Self::Plain => None,
        }
    }
    /// Whether it binds the login to the TLS connection.
    pub fn is_plus(self) -> bool {
        matches!(self, Self::ScramSha256Plus | Self::ScramSha1Plus)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_back_to_its_mechanism() {
        for &mechanism in Mechanism::ALL {
            assert_eq!(Mechanism::from_name(mechanism.name()), Some(mechanism));
            assert_eq!(mechanism.is_plus(), mechanism.name().ends_with("-PLUS"));
        }
        for other in ["", "plain", "SCRAM-SHA-512", "EXTERNAL", "PLAIN ", "DIGEST-MD5"] {
            assert_eq!(Mechanism::from_name(other), None);
        }
    }
}

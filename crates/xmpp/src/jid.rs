//! JIDs (RFC 7622), prepared when parsed: equal addresses are equal bytes from then on.

use std::fmt;
use std::sync::Arc;

/// Why a text is not a JID.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a JID: {why}")]
pub struct NotAJid {
    /// The offending text, shortened.
    pub text: String,
    /// What is wrong with it.
    pub why: &'static str,
}

/// `local@domain` or `domain`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BareJid {
    text: Arc<str>,
    /// Bytes of the localpart, 0 when there is none.
    local_len: u16,
}

impl BareJid {
    /// Parses and prepares; a resource is refused.
    pub fn parse(_text: &str) -> Result<Self, NotAJid> {
        todo!()
    }
    /// The address of a domain, prepared.
    pub fn domain_only(_domain: &str) -> Result<Self, NotAJid> {
        todo!()
    }
    /// From parts, each prepared.
    pub fn from_parts(_local: &str, _domain: &str) -> Result<Self, NotAJid> {
        todo!()
    }
    /// Localpart, `None` for the address of a domain.
    pub fn local(&self) -> Option<&str> {
        (self.local_len > 0).then(|| &self.text[..self.local_len as usize])
    }
    /// Domainpart.
    pub fn domain(&self) -> &str {
        if self.local_len == 0 { &self.text } else { &self.text[self.local_len as usize + 1..] }
    }
    /// `local@domain`.
    pub fn as_str(&self) -> &str {
        &self.text
    }
    /// With a resource that has been prepared already (see [`prepare_resource`]).
    pub fn with_resource(&self, resource: Arc<str>) -> Jid {
        Jid { bare: self.clone(), resource: Some(resource) }
    }
}

/// `local@domain/resource`, each but the domain optional. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Jid {
    bare: BareJid,
    resource: Option<Arc<str>>,
}

impl Jid {
    /// Parses and prepares (RFC 7622 §3).
    pub fn parse(_text: &str) -> Result<Self, NotAJid> {
        todo!()
    }
    /// Without the resource.
    pub fn bare(&self) -> &BareJid {
        &self.bare
    }
    /// Resourcepart.
    pub fn resource(&self) -> Option<&str> {
        self.resource.as_deref()
    }
    /// Whether there is a resource.
    pub fn is_full(&self) -> bool {
        self.resource.is_some()
    }
}

/// Prepares a localpart: what a user name becomes before it is compared or stored.
pub fn prepare_local(_text: &str) -> Result<String, NotAJid> {
    todo!()
}

/// Prepares a resourcepart.
pub fn prepare_resource(_text: &str) -> Result<Arc<str>, NotAJid> {
    todo!()
}

impl From<BareJid> for Jid {
    fn from(bare: BareJid) -> Self {
        Self { bare, resource: None }
    }
}

impl fmt::Display for BareJid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for BareJid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for Jid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.bare.as_str())?;
        match &self.resource {
            Some(resource) => write!(f, "/{resource}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Jid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

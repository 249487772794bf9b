//! JIDs (RFC 7622), prepared when parsed: equal addresses are equal bytes from then on.
//!
//! Every address that a peer sends goes through here exactly once; everything behind compares bytes. Must never hold an
//! address that would change if it were prepared again. The module `prepare` has the rules.

use crate::prepare;
use std::borrow::Cow;
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
    pub fn parse(text: &str) -> Result<Self, NotAJid> {
        if memchr::memchr(b'/', text.as_bytes()).is_some() {
            return Err(NotAJid::new(text, "it has a resource"));
        }
        // Whatever follows the first '@' is the domain (RFC 7622 §3.2); a second one is refused there.
        let (local, domain) = match memchr::memchr(b'@', text.as_bytes()) {
            Some(at) => (Some(&text[..at]), &text[at + 1..]),
            None => (None, text),
        };
        Self::build(text, local, domain)
    }
    /// The address of a domain, prepared.
    pub fn domain_only(domain: &str) -> Result<Self, NotAJid> {
        Self::build(domain, None, domain)
    }
    /// From parts, each prepared here.
    pub fn from_parts(local: &str, domain: &str) -> Result<Self, NotAJid> {
        Self::build(local, Some(local), domain)
    }
    fn build(text: &str, local: Option<&str>, domain: &str) -> Result<Self, NotAJid> {
        let fail = |why| NotAJid::new(text, why);
        let local = local.map(prepare::local).transpose().map_err(fail)?;
        let domain = prepare::domain(domain).map_err(fail)?;
        let local_len = local.as_ref().map_or(0, |l| l.len());
        let joined_len = local_len + usize::from(local.is_some()) + domain.len();
        let unchanged = text.len() == joined_len
            && matches!((&local, &domain), (None | Some(Cow::Borrowed(_)), Cow::Borrowed(_)));
        let text = match local {
            _ if unchanged => Arc::from(text),
            None => Arc::from(&*domain),
            Some(local) => Arc::from([&*local, "@", &*domain].concat()),
        };
        Ok(Self { text, local_len: local_len as u16 })
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
    /// Whether this is the address of a domain.
    pub fn is_domain(&self) -> bool {
        self.local_len == 0
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
    pub fn parse(text: &str) -> Result<Self, NotAJid> {
        let Some(slash) = memchr::memchr(b'/', text.as_bytes()) else {
            return BareJid::parse(text).map(Self::from);
        };
        let bare = BareJid::parse(&text[..slash])?;
        let resource = prepare_resource(&text[slash + 1..])?;
        Ok(Self { bare, resource: Some(resource) })
    }
    /// Without the resource.
    pub fn bare(&self) -> &BareJid {
        &self.bare
    }
    /// Without the resource, by value.
    pub fn into_bare(self) -> BareJid {
        self.bare
    }
    /// The same resource at another bare address.
    #[must_use]
    pub fn with_bare(&self, bare: BareJid) -> Self {
        Self { bare, resource: self.resource.clone() }
    }
    /// Localpart, `None` for the address of a domain.
    pub fn local(&self) -> Option<&str> {
        self.bare.local()
    }
    /// Domainpart.
    pub fn domain(&self) -> &str {
        self.bare.domain()
    }
    /// Resourcepart, shared.
    pub fn resource_arc(&self) -> Option<&Arc<str>> {
        self.resource.as_ref()
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
pub fn prepare_local(text: &str) -> Result<String, NotAJid> {
    prepare::local(text).map(Cow::into_owned).map_err(|why| NotAJid::new(text, why))
}

/// Prepares a resourcepart.
pub fn prepare_resource(text: &str) -> Result<Arc<str>, NotAJid> {
    prepare::resource(text).map(Arc::from).map_err(|why| NotAJid::new(text, why))
}

impl NotAJid {
    /// Characters of the offending text that are kept.
    const TEXT_CHARS_MAX: usize = 64;

    fn new(text: &str, why: &'static str) -> Self {
        Self { text: text.chars().take(Self::TEXT_CHARS_MAX).collect(), why }
    }
}

impl std::str::FromStr for BareJid {
    type Err = NotAJid;
    fn from_str(text: &str) -> Result<Self, NotAJid> {
        Self::parse(text)
    }
}

impl std::str::FromStr for Jid {
    type Err = NotAJid;
    fn from_str(text: &str) -> Result<Self, NotAJid> {
        Self::parse(text)
    }
}

impl PartialEq<BareJid> for Jid {
    /// Equal when there is no resource and the rest is the same.
    fn eq(&self, other: &BareJid) -> bool {
        self.resource.is_none() && self.bare == *other
    }
}

impl PartialEq<Jid> for BareJid {
    fn eq(&self, other: &Jid) -> bool {
        other == self
    }
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

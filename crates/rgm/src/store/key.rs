//! Paths of keys. A name is one path element; every byte of it that is not a letter, a digit or one of `-_.:` is written `%XX`.
//!
//! One object has one path: what parses prints the same again, and anything else is unknown. Never guesses.

use crate::model::{JobId, RequestId};
use crate::names::{GroupName, NodeName, ResourceName, TypeName};
use std::fmt;
use std::str::FromStr;

/// What a key stands for. `Display` is its path below the cluster's prefix.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// `cluster`
    Cluster,
    /// `node/N`
    Node(NodeName),
    /// `type/T`
    Type(TypeName),
    /// `group/G`
    Group(GroupName),
    /// `resource/R`
    Resource(ResourceName),
    /// `intent/G`
    Intent(GroupName),
    /// `history/G`
    History(GroupName),
    /// `fini/N/R`
    Fini(NodeName, ResourceName),
    /// `fence/N`
    Fence(NodeName),
    /// `request/ID`
    Request(RequestId),
    /// `answer/ID`
    Answer(RequestId),
    /// `job/N/REQUEST/NUMBER`
    Job(JobId),
    /// `member/N`
    Member(NodeName),
    /// `observed/N/G`
    Observed(NodeName, GroupName),
    /// `president`
    President,
    /// `last-members`
    LastMembers,
}

/// The path is none of this version's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no key of this version of Steadfast")]
pub struct UnknownKey;

impl Key {
    /// The first path element, which is also the kind written into the value.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Cluster => "cluster",
            Self::Node(_) => "node",
            Self::Type(_) => "type",
            Self::Group(_) => "group",
            Self::Resource(_) => "resource",
            Self::Intent(_) => "intent",
            Self::History(_) => "history",
            Self::Fini(..) => "fini",
            Self::Fence(_) => "fence",
            Self::Request(_) => "request",
            Self::Answer(_) => "answer",
            Self::Job(_) => "job",
            Self::Member(_) => "member",
            Self::Observed(..) => "observed",
            Self::President => "president",
            Self::LastMembers => "last-members",
        }
    }

    /// Whether it lies under the writing node's lease (docs/decisions/0008).
    pub const fn is_leased(&self) -> bool {
        matches!(self, Self::Member(_) | Self::Observed(..) | Self::President)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())?;
        match self {
            Self::Cluster | Self::President | Self::LastMembers => Ok(()),
            Self::Node(node) | Self::Fence(node) | Self::Member(node) => {
                write!(f, "/{}", Element(node.as_str()))
            }
            Self::Type(name) => write!(f, "/{}", Element(name.as_str())),
            Self::Group(group) | Self::Intent(group) | Self::History(group) => {
                write!(f, "/{}", Element(group.as_str()))
            }
            Self::Resource(resource) => write!(f, "/{}", Element(resource.as_str())),
            Self::Fini(node, resource) => {
                write!(f, "/{}/{}", Element(node.as_str()), Element(resource.as_str()))
            }
            Self::Request(id) | Self::Answer(id) => write!(f, "/{}", Element(&id.0)),
            Self::Job(id) => {
                let (node, request) = (Element(id.node.as_str()), Element(&id.request.0));
                write!(f, "/{node}/{request}/{}", id.number)
            }
            Self::Observed(node, group) => {
                write!(f, "/{}/{}", Element(node.as_str()), Element(group.as_str()))
            }
        }
    }
}

/// Prints a name as one path element.
struct Element<'a>(&'a str);

impl fmt::Display for Element<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.bytes().all(is_plain) {
            return f.write_str(self.0);
        }
        for byte in self.0.bytes() {
            if is_plain(byte) {
                write!(f, "{}", char::from(byte))?;
            } else {
                write!(f, "%{byte:02X}")?;
            }
        }
        Ok(())
    }
}

const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':')
}

impl FromStr for Key {
    type Err = UnknownKey;

    fn from_str(path: &str) -> Result<Self, UnknownKey> {
        let mut parts = path.split('/');
        let kind = parts.next().ok_or(UnknownKey)?;
        let names: Vec<String> = parts.map(element).collect::<Result<_, _>>()?;
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        Ok(match (kind, names.as_slice()) {
            ("cluster", []) => Self::Cluster,
            ("president", []) => Self::President,
            ("last-members", []) => Self::LastMembers,
            ("node", [node]) => Self::Node(NodeName::new(node)),
            ("type", [name]) => Self::Type(TypeName::new(name)),
            ("group", [group]) => Self::Group(GroupName::new(group)),
            ("resource", [resource]) => Self::Resource(ResourceName::new(resource)),
            ("intent", [group]) => Self::Intent(GroupName::new(group)),
            ("history", [group]) => Self::History(GroupName::new(group)),
            ("fini", [node, of]) => Self::Fini(NodeName::new(node), ResourceName::new(of)),
            ("fence", [node]) => Self::Fence(NodeName::new(node)),
            ("request", [id]) => Self::Request(RequestId((*id).to_owned())),
            ("answer", [id]) => Self::Answer(RequestId((*id).to_owned())),
            ("job", [node, request, number]) => Self::Job(JobId {
                node: NodeName::new(node),
                request: RequestId((*request).to_owned()),
                number: decimal(number)?,
            }),
            ("member", [node]) => Self::Member(NodeName::new(node)),
            ("observed", [node, of]) => Self::Observed(NodeName::new(node), GroupName::new(of)),
            _ => return Err(UnknownKey),
        })
    }
}

/// Reads one path element; refuses what [`Element`] would not have written.
fn element(written: &str) -> Result<String, UnknownKey> {
    if written.is_empty() {
        return Err(UnknownKey);
    }
    if written.bytes().all(is_plain) {
        return Ok(written.to_owned());
    }
    let mut bytes = Vec::with_capacity(written.len());
    let mut rest = written.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match *first {
            b'%' => {
                let (digits, after) = rest.split_at_checked(2).ok_or(UnknownKey)?;
                let digits = std::str::from_utf8(digits).map_err(|_| UnknownKey)?;
                bytes.push(u8::from_str_radix(digits, 16).map_err(|_| UnknownKey)?);
                rest = after;
            }
            byte if is_plain(byte) => bytes.push(byte),
            _ => return Err(UnknownKey),
        }
    }
    let name = String::from_utf8(bytes).map_err(|_| UnknownKey)?;
    if Element(&name).to_string() == written { Ok(name) } else { Err(UnknownKey) }
}

fn decimal(written: &str) -> Result<u32, UnknownKey> {
    let number: u32 = written.parse().map_err(|_| UnknownKey)?;
    if number.to_string() == written { Ok(number) } else { Err(UnknownKey) }
}

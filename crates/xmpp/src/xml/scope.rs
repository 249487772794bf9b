//! Which prefixes mean what: on the stream, and inside the element that is being read.
//!
//! Must never take longer than a constant for one name, so that the number of prefixes in scope has its own limit.

use super::chars::{Place, escape_into, unescape};
use super::fault::Fault;
use super::tape::XML_NS;
use crate::ns;
use std::borrow::Cow;

/// The namespace of `xmlns` itself.
const XMLNS_NS: &str = "http://www.w3.org/2000/xmlns/";
/// Prefixes that the tags open at one time may declare.
const PREFIXES_MAX: usize = 128;
/// Prefixes that a stream header may declare.
const STREAM_PREFIXES_MAX: usize = 64;
/// Bytes of all declarations of a stream header once they are written out. Each element may repeat them.
const STREAM_NAMESPACE_BYTES_MAX: usize = 1024;

/// Equal for equal namespace names that are in scope at the same time.
pub(crate) type NamespaceId = u32;
const ID_XML: NamespaceId = u32::MAX;
/// Ids below are indices into the stream's prefixes.
const ID_FIRST: NamespaceId = STREAM_PREFIXES_MAX as u32;

/// What the stream header declared. On nearly every stream that is the same, and then nothing is kept.
#[derive(Debug, Default)]
pub(crate) enum StreamScope {
    /// There was no header yet.
    #[default]
    Nothing,
    /// `stream` for itself, `jabber:client` for the rest.
    Usual,
    /// Anything else.
    Unusual(Box<Unusual>),
}

/// See [`StreamScope::Unusual`].
#[derive(Debug)]
pub(crate) struct Unusual {
    default: Box<str>,
    prefixes: Box<[(Box<str>, Box<str>)]>,
    /// Whether the header's own name has no prefix.
    plain: bool,
}

impl StreamScope {
    /// From the declarations of a header: prefix (empty for the default namespace) and namespace name. `plain` when the
    /// header's own name has no prefix.
    pub(crate) fn new(declared: &[(&str, Cow<'_, str>)], plain: bool) -> Result<Self, Fault> {
        let mut written = Vec::new();
        for (prefix, name) in declared {
            push_declaration(&mut written, prefix, name);
        }
        if written.len() > STREAM_NAMESPACE_BYTES_MAX {
            let what = "bytes of namespaces in the stream header";
            return Err(Fault::Limit { what, max: STREAM_NAMESPACE_BYTES_MAX });
        }
        if declared.len() > STREAM_PREFIXES_MAX {
            let what = "namespaces in the stream header";
            return Err(Fault::Limit { what, max: STREAM_PREFIXES_MAX });
        }
        let default = declared.iter().find(|(prefix, _)| prefix.is_empty());
        let default = default.map_or("", |(_, name)| name);
        let prefixes: Box<[(Box<str>, Box<str>)]> = declared
            .iter()
            .filter(|(prefix, _)| !prefix.is_empty() && *prefix != "xml")
            .map(|(prefix, name)| ((*prefix).into(), (**name).into()))
            .collect();
        let usual = !plain
            && default == ns::CLIENT
            && matches!(&*prefixes, [(p, name)] if &**p == "stream" && &**name == ns::STREAM);
        let unusual = Unusual { default: default.into(), prefixes, plain };
        Ok(if usual { Self::Usual } else { Self::Unusual(Box::new(unusual)) })
    }
    /// Whether there was a header.
    pub(crate) fn is_open(&self) -> bool {
        !matches!(self, Self::Nothing)
    }
    /// The default namespace of the stream.
    pub(crate) fn default_ns(&self) -> &str {
        if let Self::Unusual(unusual) = self { &unusual.default } else { ns::CLIENT }
    }
    /// The header's name, which the closing tag repeats.
    pub(crate) fn header_name(&self) -> &'static str {
        if matches!(self, Self::Unusual(u) if u.plain) { "stream" } else { "stream:stream" }
    }
    /// Prefix and namespace name of each declaration.
    pub(crate) fn declarations(&self) -> impl Iterator<Item = (&str, &str)> {
        let (usual, unusual) = match self {
            Self::Nothing => (None, &[][..]),
            Self::Usual => (Some(("stream", ns::STREAM)), &[][..]),
            Self::Unusual(unusual) => (None, &unusual.prefixes[..]),
        };
        usual.into_iter().chain(unusual.iter().map(|(prefix, name)| (&**prefix, &**name)))
    }
    fn find_name(&self, name: &[u8]) -> Option<usize> {
        self.declarations().position(|(_, known)| known.as_bytes() == name)
    }
}

/// From and to, counted from the first byte of the element.
pub(crate) type Span = (u32, u32);

/// One prefix declared inside the element.
#[derive(Debug)]
struct Binding {
    prefix: Span,
    /// The value as it stands there, and whether it stands for itself.
    name: Span,
    plain: bool,
    id: NamespaceId,
}

/// The prefixes that open tags of one element declared, and which of the stream's it used.
#[derive(Debug, Default)]
pub(crate) struct ElementScope {
    bindings: Vec<Binding>,
    next_id: NamespaceId,
    /// Bit by bit the stream's declarations that this element relies on.
    pub(crate) stream_used: u64,
}

impl ElementScope {
    /// Forgets everything but the room it has.
    pub(crate) fn clear(&mut self) {
        self.bindings.clear();
        self.next_id = ID_FIRST;
        self.stream_used = 0;
    }
    /// How many prefixes are in scope, to return to with [`ElementScope::leave`].
    pub(crate) fn mark(&self) -> usize {
        self.bindings.len()
    }
    /// Forgets what was declared since the mark.
    pub(crate) fn leave(&mut self, mark: usize) {
        self.bindings.truncate(mark);
    }
    /// Takes `xmlns:prefix='name'`, or `xmlns='name'` when the prefix is empty, both as ranges of the element.
    pub(crate) fn declare(
        &mut self,
        element: &[u8],
        prefix: Span,
        name: Span,
        stream: &StreamScope,
    ) -> Result<(), Fault> {
        let prefix_text = slice(element, prefix);
        let value = namespace_name(slice(element, name));
        let plain = matches!(value, Cow::Borrowed(_));
        let value = value.as_bytes();
        if prefix_text == b"xml" {
            let same = value == XML_NS.as_bytes();
            return if same {
                Ok(())
            } else {
                Err(Fault::malformed("the prefix 'xml' is bound elsewhere"))
            };
        }
        if prefix_text == b"xmlns" {
            return Err(Fault::malformed("the prefix 'xmlns' is declared"));
        }
        if value == XML_NS.as_bytes() || value == XMLNS_NS.as_bytes() {
            return Err(Fault::malformed("a namespace of XML itself is bound to another prefix"));
        }
        if prefix_text.is_empty() {
            return Ok(());
        }
        if value.is_empty() {
            return Err(Fault::malformed("a prefix is bound to no namespace"));
        }
        if self.bindings.len() == PREFIXES_MAX {
            return Err(Fault::Limit { what: "prefixes declared by open tags", max: PREFIXES_MAX });
        }
        let known = self.bindings.iter().find(|b| {
            let other = slice(element, b.name);
            other == value || (!b.plain && namespace_name(other).as_bytes() == value)
        });
        let id = match known {
            Some(binding) => binding.id,
            None => stream.find_name(value).map_or(self.next_id, |index| index as NamespaceId),
        };
        self.next_id = self.next_id.saturating_add(1);
        self.bindings.push(Binding { prefix, name, plain, id });
        Ok(())
    }
    /// The namespace that a prefix means here.
    pub(crate) fn resolve(
        &mut self,
        element: &[u8],
        prefix: &[u8],
        stream: &StreamScope,
    ) -> Option<NamespaceId> {
        if let Some(binding) =
            self.bindings.iter().rev().find(|b| slice(element, b.prefix) == prefix)
        {
            return Some(binding.id);
        }
        if prefix == b"xml" {
            return Some(ID_XML);
        }
        let mut declarations = stream.declarations().enumerate();
        let (index, (_, name)) = declarations.find(|(_, (known, _))| known.as_bytes() == prefix)?;
        self.stream_used |= 1 << index;
        stream.find_name(name.as_bytes()).map(|index| index as NamespaceId)
    }
}

/// Appends ` xmlns:prefix='name'`, or ` xmlns='name'` when the prefix is empty.
pub(crate) fn push_declaration(out: &mut Vec<u8>, prefix: &str, name: &str) {
    let colon = if prefix.is_empty() { "" } else { ":" };
    for part in [" xmlns", colon, prefix, "='"] {
        out.extend_from_slice(part.as_bytes());
    }
    escape_into(out, name, Place::Attribute);
    out.push(b'\'');
}

/// A namespace name from an attribute's value.
pub(crate) fn namespace_name(raw: &[u8]) -> Cow<'_, str> {
    unescape(raw, Place::Attribute)
}

fn slice(element: &[u8], range: Span) -> &[u8] {
    &element[range.0 as usize..range.1 as usize]
}

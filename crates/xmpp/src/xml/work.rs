//! What the lexer knows of the element it is reading: open tags, the current tag's attributes, what they declare.
//!
//! Exists only while an element is read. All places are offsets from the element's first byte, so that the bytes may
//! move between two slices.

use super::fault::Fault;
use super::scope::{ElementScope, NamespaceId, Span, StreamScope};

/// An attribute of the tag being read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AttrSpan {
    pub(crate) name: Span,
    /// Bytes before the colon, 0 without one.
    pub(crate) prefix_len: u32,
    pub(crate) value: Span,
    /// What its prefix means, once the tag is complete.
    pub(crate) ns: NamespaceId,
}

impl AttrSpan {
    pub(crate) fn name<'a>(&self, data: &'a [u8]) -> &'a [u8] {
        &data[self.name.0 as usize..self.name.1 as usize]
    }
    pub(crate) fn value<'a>(&self, data: &'a [u8]) -> &'a [u8] {
        &data[self.value.0 as usize..self.value.1 as usize]
    }
    fn prefix<'a>(&self, data: &'a [u8]) -> &'a [u8] {
        &self.name(data)[..self.prefix_len as usize]
    }
    fn local<'a>(&self, data: &'a [u8]) -> &'a [u8] {
        &self.name(data)[self.prefix_len as usize + 1..]
    }
    /// Range of the prefix that this declares, empty for the default namespace.
    pub(crate) fn declares(&self, data: &[u8]) -> Option<Span> {
        match self.name(data) {
            b"xmlns" => Some((self.name.1, self.name.1)),
            _ if self.prefix(data) == b"xmlns" => Some((self.name.0 + 6, self.name.1)),
            _ => None,
        }
    }
}

/// A tag that is open.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenTag {
    pub(crate) name: Span,
    /// Where its declarations begin in the scope.
    pub(crate) scope: u32,
}

/// What is known of the element so far. Exists only while there is one.
#[derive(Debug, Default)]
pub(crate) struct Work {
    pub(crate) open: Vec<OpenTag>,
    pub(crate) attrs: Vec<AttrSpan>,
    pub(crate) scope: ElementScope,
    /// Name of the tag being read and the bytes of its prefix.
    pub(crate) name: Span,
    pub(crate) prefix_len: u32,
    /// Declarations among `attrs`, and in the element so far.
    pub(crate) namespaces: u32,
    pub(crate) declarations: u32,
    /// End of the first tag's name, where declarations can be added.
    pub(crate) root_name_end: u32,
    pub(crate) root_declares_default: bool,
    pub(crate) has_cdata: bool,
    /// How many bytes the element grows by when its CDATA sections become text, at most.
    pub(crate) cdata_growth: i64,
}

impl Work {
    /// Forgets everything but the room it has.
    pub(crate) fn clear(&mut self) {
        self.open.clear();
        self.attrs.clear();
        self.scope.clear();
        self.declarations = 0;
        self.root_declares_default = false;
        self.has_cdata = false;
        self.cdata_growth = 0;
    }

    /// Declares what the tag declares, resolves its prefixes, refuses attributes that are there twice.
    pub(crate) fn check_namespaces(
        &mut self,
        data: &[u8],
        stream: &StreamScope,
    ) -> Result<(), Fault> {
        if self.namespaces > 0 {
            for attr in &self.attrs {
                if let Some(prefix) = attr.declares(data) {
                    self.scope.declare(data, prefix, attr.value, stream)?;
                }
            }
        }
        const UNDECLARED: Fault = Fault::malformed("a prefix is not declared");
        if self.prefix_len > 0 {
            let start = self.name.0 as usize;
            let prefix = &data[start..start + self.prefix_len as usize];
            self.scope.resolve(data, prefix, stream).ok_or(UNDECLARED)?;
        }
        for index in 0..self.attrs.len() {
            let attr = self.attrs[index];
            if attr.prefix_len > 0 && attr.declares(data).is_none() {
                let ns = self.scope.resolve(data, attr.prefix(data), stream);
                self.attrs[index].ns = ns.ok_or(UNDECLARED)?;
            }
            let attr = self.attrs[index];
            let twice = |other: &AttrSpan| {
                let same_name = other.name(data) == attr.name(data);
                let both = other.prefix_len > 0 && attr.prefix_len > 0;
                same_name || (both && other.ns == attr.ns && other.local(data) == attr.local(data))
            };
            if self.attrs[..index].iter().any(twice) {
                return Err(Fault::malformed("an attribute is there twice"));
            }
        }
        Ok(())
    }
}

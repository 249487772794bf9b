//! One whole element as a tape over its bytes: names, namespaces and ranges, no tree of allocations.

use bytes::Bytes;
use std::borrow::Cow;
use std::ops::Range;

/// Why bytes are not one element.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a well-formed XML element: {0}")]
pub struct NotAnElement(pub &'static str);

/// A parsed element. Cheap to clone: the bytes are shared.
#[derive(Clone, Debug)]
pub struct Element {
    bytes: Bytes,
}

impl Element {
    /// Parses one element; names without prefix and declaration are in `jabber:client`.
    pub fn parse(_bytes: Bytes) -> Result<Self, NotAnElement> {
        todo!()
    }
    /// The outermost tag.
    pub fn root(&self) -> Node<'_> {
        todo!()
    }
    /// The bytes as they were parsed.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

/// One tag of an [`Element`].
#[derive(Clone, Copy, Debug)]
pub struct Node<'a> {
    element: &'a Element,
    #[expect(dead_code, reason = "skeleton")]
    index: u32,
}

impl<'a> Node<'a> {
    /// Local name.
    pub fn name(self) -> &'a str {
        todo!()
    }
    /// Namespace name, empty when there is none.
    pub fn ns(self) -> &'a str {
        todo!()
    }
    /// Whether local name and namespace are these.
    pub fn is(self, name: &str, ns: &str) -> bool {
        self.name() == name && self.ns() == ns
    }
    /// Value of an attribute without prefix, entities resolved.
    pub fn attr(self, _name: &str) -> Option<Cow<'a, str>> {
        todo!()
    }
    /// Value of `xml:lang`.
    pub fn lang(self) -> Option<Cow<'a, str>> {
        todo!()
    }
    /// Child elements in order.
    pub fn children(self) -> impl Iterator<Item = Node<'a>> {
        std::iter::empty()
    }
    /// First child with this name and namespace.
    pub fn child(self, name: &str, ns: &str) -> Option<Node<'a>> {
        self.children().find(|c| c.is(name, ns))
    }
    /// All character data directly in this element, entities resolved.
    pub fn text(self) -> Cow<'a, str> {
        todo!()
    }
    /// Range of bytes from `<` to the last `>`.
    pub fn span(self) -> Range<usize> {
        todo!()
    }
    /// The bytes of [`Node::span`]. May use prefixes declared further out; see [`Node::standalone`].
    pub fn raw(self) -> &'a [u8] {
        &self.element.bytes[self.span()]
    }
    /// The bytes between the opening and the closing tag, empty for `<x/>`.
    pub fn inner(self) -> &'a [u8] {
        todo!()
    }
    /// This node's bytes with every namespace it needs declared on its own tag, its default namespace included, so that
    /// they mean the same anywhere.
    pub fn standalone(self) -> Bytes {
        todo!()
    }
}

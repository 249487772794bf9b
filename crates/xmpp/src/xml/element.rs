//! One whole element as a tape over its bytes: names, namespaces and ranges, no tree of allocations.
//!
//! What the features read. Values are resolved when they are asked for, because most never are. Must never panic,
//! whatever the bytes are.

use super::chars::{Place, unescape};
use super::scope::push_declaration;
use super::tape::{Attributes, Tag, Tape};
use bytes::Bytes;
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// Why bytes are not one element.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a well-formed XML element: {0}")]
pub struct NotAnElement(pub &'static str);

/// A parsed element. Cheap to clone: the bytes are shared.
#[derive(Clone)]
pub struct Element {
    bytes: Bytes,
    tape: Arc<Tape>,
}

impl Element {
    /// Parses one element; names without prefix and declaration are in `jabber:client`.
    pub fn parse(bytes: Bytes) -> Result<Self, NotAnElement> {
        let tape = Arc::new(Tape::read(&bytes)?);
        Ok(Self { bytes, tape })
    }
    /// The outermost tag.
    pub fn root(&self) -> Node<'_> {
        Node { element: self, index: 0 }
    }
    /// The bytes as they were parsed.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

/// One tag of an [`Element`].
#[derive(Clone, Copy)]
pub struct Node<'a> {
    element: &'a Element,
    index: u32,
}

impl<'a> Node<'a> {
    /// Local name.
    pub fn name(self) -> &'a str {
        text_of(self.name_bytes())
    }
    /// Namespace name, empty when there is none.
    pub fn ns(self) -> &'a str {
        text_of(self.ns_bytes())
    }
    /// Whether local name and namespace are these.
    pub fn is(self, name: &str, ns: &str) -> bool {
        self.name_bytes() == name.as_bytes() && self.ns_bytes() == ns.as_bytes()
    }
    /// Value of an attribute without prefix, entities resolved.
    pub fn attr(self, name: &str) -> Option<Cow<'a, str>> {
        let mut attrs = Attributes::of(&self.element.bytes, self.tag());
        while let Ok(Some(attr)) = attrs.next() {
            if attr.name == name.as_bytes() {
                return Some(unescape(attr.value(&self.element.bytes), Place::Attribute));
            }
        }
        None
    }
    /// All attributes as (name as it is written, value with entities resolved), namespace declarations left out.
    pub fn attrs(self) -> impl Iterator<Item = (&'a str, Cow<'a, str>)> {
        let bytes = &self.element.bytes;
        let mut attrs = Attributes::of(bytes, self.tag());
        std::iter::from_fn(move || {
            loop {
                let attr = attrs.next().ok()??;
                if attr.declares().is_none() {
                    let value = unescape(attr.value(bytes), Place::Attribute);
                    return Some((text_of(attr.name), value));
                }
            }
        })
    }
    /// Value of `xml:lang`.
    pub fn lang(self) -> Option<Cow<'a, str>> {
        self.attr("xml:lang")
    }
    /// Child elements in order.
    pub fn children(self) -> impl Iterator<Item = Node<'a>> {
        let element = self.element;
        let end = self.tag().next;
        let mut next = self.index + 1;
        std::iter::from_fn(move || {
            (next < end).then(|| {
                let child = Node { element, index: next };
                next = child.tag().next;
                child
            })
        })
    }
    /// First child with this name and namespace.
    pub fn child(self, name: &str, ns: &str) -> Option<Node<'a>> {
        self.children().find(|c| c.is(name, ns))
    }
    /// All character data directly in this element, entities resolved.
    pub fn text(self) -> Cow<'a, str> {
        let bytes = &self.element.bytes;
        let tag = self.tag();
        if tag.next == self.index + 1 {
            return unescape(self.inner(), Place::Text);
        }
        let mut text = String::new();
        let mut from = tag.open_end as usize;
        for child in self.children() {
            let span = child.span();
            text.push_str(&unescape(&bytes[from..span.start], Place::Text));
            from = span.end;
        }
        text.push_str(&unescape(&bytes[from..tag.close as usize], Place::Text));
        Cow::Owned(text)
    }
    /// Range of bytes from `<` to the last `>`.
    pub fn span(self) -> Range<usize> {
        let tag = self.tag();
        tag.start as usize..tag.end as usize
    }
    /// The bytes of [`Node::span`]. May use prefixes declared further out; see [`Node::standalone`].
    pub fn raw(self) -> &'a [u8] {
        &self.element.bytes[self.span()]
    }
    /// The bytes between the opening and the closing tag, empty for `<x/>`.
    pub fn inner(self) -> &'a [u8] {
        let tag = self.tag();
        &self.element.bytes[tag.open_end as usize..tag.close as usize]
    }
    /// This node's bytes with every namespace it needs declared on its own tag, its default namespace included, so that
    /// they mean the same anywhere.
    ///
    /// At most the node's own bytes and once each declaration it uses.
    pub fn standalone(self) -> Bytes {
        let bytes = &self.element.bytes;
        let tag = self.tag();
        let scope = self.declarations_in_scope();
        let mut out = Vec::with_capacity(self.raw().len() + 64);
        let name_end = tag.start as usize + 1 + self.qualified_name_len();
        out.extend_from_slice(&bytes[tag.start as usize..name_end]);
        if !scope.iter().any(|d| d.prefix.is_empty()) {
            push_declaration(&mut out, "", crate::ns::CLIENT);
        }
        for declaration in scope {
            if declaration.own || !(declaration.prefix.is_empty() || self.uses(declaration.prefix))
            {
                continue;
            }
            let name = unescape(declaration.value, Place::Attribute);
            push_declaration(&mut out, text_of(declaration.prefix), &name);
        }
        out.extend_from_slice(&bytes[name_end..tag.end as usize]);
        Bytes::from(out)
    }

    /// Whether both are the same tag of the same element.
    pub(crate) fn is_same(self, other: Node<'_>) -> bool {
        std::ptr::eq(self.element, other.element) && self.index == other.index
    }
    /// Whether this is a tag of that element.
    pub(crate) fn is_of(self, element: &Element) -> bool {
        std::ptr::eq(self.element, element)
    }
    pub(crate) fn tag(self) -> &'a Tag {
        &self.element.tape.tags[self.index as usize]
    }
    /// Bytes of prefix, colon and local name.
    pub(crate) fn qualified_name_len(self) -> usize {
        let tag = self.tag();
        tag.prefix_len as usize + usize::from(tag.prefix_len > 0) + tag.name_len as usize
    }

    fn name_bytes(self) -> &'a [u8] {
        let tag = self.tag();
        let end = tag.start as usize + 1 + self.qualified_name_len();
        &self.element.bytes[end - tag.name_len as usize..end]
    }
    fn ns_bytes(self) -> &'a [u8] {
        self.element.tape.ns(&self.element.bytes, self.tag())
    }

    /// The declarations that hold here, the innermost for each prefix.
    fn declarations_in_scope(self) -> Vec<Declaration<'a>> {
        let mut scope: Vec<Declaration<'a>> = Vec::new();
        let mut at = self.element.root();
        loop {
            let own = at.index == self.index;
            let mut attrs = Attributes::of(&self.element.bytes, at.tag());
            while let Ok(Some(attr)) = attrs.next() {
                let Some(prefix) = attr.declares() else { continue };
                let value = attr.value(&self.element.bytes);
                scope.retain(|d| d.prefix != prefix);
                scope.push(Declaration { prefix, value, own });
            }
            let inner = at.children().find(|c| c.index <= self.index && self.index < c.tag().next);
            match inner {
                Some(inner) => at = inner,
                None => return scope,
            }
        }
    }

    /// Whether a tag or attribute in this node has that prefix.
    fn uses(self, prefix: &[u8]) -> bool {
        let bytes = &self.element.bytes;
        let tags = &self.element.tape.tags[self.index as usize..self.tag().next as usize];
        tags.iter().any(|tag| {
            let start = tag.start as usize + 1;
            if &bytes[start..start + tag.prefix_len as usize] == prefix {
                return true;
            }
            let mut attrs = Attributes::of(bytes, tag);
            while let Ok(Some(attr)) = attrs.next() {
                if attr.declares().is_none()
                    && attr.colon.is_some_and(|c| &attr.name[..c] == prefix)
                {
                    return true;
                }
            }
            false
        })
    }
}

impl fmt::Debug for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(text_of(&self.bytes))
    }
}

impl fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(text_of(self.raw()))
    }
}

/// One namespace declaration that holds at a node.
struct Declaration<'a> {
    prefix: &'a [u8],
    value: &'a [u8],
    /// Whether it is on the node's own tag.
    own: bool,
}

/// The bytes were checked to be UTF-8 as a whole and every range ends at ASCII, so that nothing is ever lost here.
fn text_of(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

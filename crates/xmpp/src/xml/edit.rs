//! Changes to a whole element by copying the ranges that stay: attributes of the root set or removed, children removed,
//! children appended. The body of a stanza is never rebuilt.
//!
//! Stamping `from`, stripping what was forged and adding ids happens here for every stanza. Must never change a byte
//! that no call asked to change. Output is at most the input, what was appended and 6 bytes for each byte of a value.

use super::element::{Element, Node};
use super::tape::Attributes;
use super::writer::push_attr;
use bytes::Bytes;
use std::ops::Range;

/// A list of changes to the root of one element.
#[derive(Debug)]
pub struct Edit<'a> {
    element: &'a Element,
    /// One entry per name.
    attrs: Vec<Change>,
    removed: Vec<Range<usize>>,
    appended: Vec<u8>,
}

/// What becomes of one attribute of the root.
#[derive(Debug)]
struct Change {
    name: &'static str,
    /// `None` removes it.
    value: Option<Box<str>>,
    /// Whether the root has it now.
    present: bool,
}

impl<'a> Edit<'a> {
    /// No change yet.
    pub fn new(element: &'a Element) -> Self {
        Self { element, attrs: Vec::new(), removed: Vec::new(), appended: Vec::new() }
    }
    /// Sets an attribute without prefix on the root (value unescaped), whether or not it was there.
    #[must_use]
    pub fn set_attr(mut self, name: &'static str, value: &str) -> Self {
        self.attrs.retain(|change| change.name != name);
        let old = self.element.root().attr(name);
        if old.as_deref() != Some(value) {
            self.attrs.push(Change { name, value: Some(value.into()), present: old.is_some() });
        }
        self
    }
    /// Removes an attribute without prefix of the root, if it is there.
    #[must_use]
    pub fn remove_attr(mut self, name: &'static str) -> Self {
        self.attrs.retain(|change| change.name != name);
        if self.element.root().attr(name).is_some() {
            self.attrs.push(Change { name, value: None, present: true });
        }
        self
    }
    /// Removes a descendant of the root with all it contains.
    #[must_use]
    pub fn remove(mut self, node: Node<'a>) -> Self {
        assert!(node.is_of(self.element), "a node can be removed from its own element only");
        assert!(!node.is_same(self.element.root()), "the root itself cannot be removed");
        self.removed.push(node.span());
        self
    }
    /// Appends already serialised children before the root's closing tag.
    #[must_use]
    pub fn append(mut self, children: &[u8]) -> Self {
        self.appended.extend_from_slice(children);
        self
    }
    /// Whether nothing would change.
    pub fn is_empty(&self) -> bool {
        self.attrs.is_empty() && self.removed.is_empty() && self.appended.is_empty()
    }
    /// The changed bytes; the same buffer when nothing changes.
    pub fn finish(mut self) -> Bytes {
        if self.is_empty() {
            return self.element.bytes().clone();
        }
        let bytes = self.element.bytes();
        let root = self.element.root();
        let tag = root.tag();
        let (open_end, close) = (tag.open_end as usize, tag.close as usize);
        let name = &bytes[1..1 + root.qualified_name_len()];
        let mut out = Vec::with_capacity(bytes.len() + self.spare());

        self.write_tag(&mut out);
        let empty = close == bytes.len();
        if empty && self.appended.is_empty() {
            out.extend_from_slice(b"/>");
            return Bytes::from(out);
        }
        out.push(b'>');
        self.removed.sort_unstable_by_key(|r| r.start);
        let mut from = open_end;
        for range in &self.removed {
            if range.start >= from {
                out.extend_from_slice(&bytes[from..range.start]);
                from = range.end;
            }
        }
        out.extend_from_slice(&bytes[from..close]);
        out.extend_from_slice(&self.appended);
        if empty {
            out.extend_from_slice(b"</");
            out.extend_from_slice(name);
            out.push(b'>');
        } else {
            out.extend_from_slice(&bytes[close..]);
        }
        Bytes::from(out)
    }

    /// How much longer the bytes may get when nothing has to be escaped.
    fn spare(&self) -> usize {
        let attr = |c: &Change| c.name.len() + c.value.as_ref().map_or(0, |v| v.len()) + 4;
        let attrs: usize = self.attrs.iter().map(attr).sum();
        attrs + self.appended.len() + self.element.root().qualified_name_len() + 4
    }

    /// The root's opening tag without its `>` or `/>`.
    fn write_tag(&self, out: &mut Vec<u8>) {
        let bytes = self.element.bytes();
        let root = self.element.root();
        let mut from = 0;
        let mut at = 1 + root.qualified_name_len();
        let mut attrs = Attributes::of(bytes, root.tag());
        while let Ok(Some(attr)) = attrs.next() {
            at = attr.end();
            let changed = self.attrs.iter().find(|c| c.name.as_bytes() == attr.name);
            let Some(change) = changed else { continue };
            out.extend_from_slice(&bytes[from..attr.start]);
            from = attr.end();
            if let Some(value) = &change.value {
                push_attr(out, change.name, value);
            }
        }
        out.extend_from_slice(&bytes[from..at]);
        for change in self.attrs.iter().filter(|c| !c.present) {
            if let Some(value) = &change.value {
                push_attr(out, change.name, value);
            }
        }
    }
}

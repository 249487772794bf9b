//! Changes to a whole element by copying the ranges that stay: attributes of the root set or removed, children removed,
//! children appended. The body of a stanza is never rebuilt.

use super::element::{Element, Node};
use bytes::Bytes;

/// A list of changes to the root of one element.
#[derive(Debug)]
pub struct Edit<'a> {
    element: &'a Element,
}

impl<'a> Edit<'a> {
    /// No change yet.
    pub fn new(element: &'a Element) -> Self {
        Self { element }
    }
    /// Sets an attribute without prefix on the root (value unescaped), whether or not it was there.
    #[must_use]
    pub fn set_attr(self, _name: &'static str, _value: &str) -> Self {
        todo!()
    }
    /// Removes an attribute without prefix of the root, if it is there.
    #[must_use]
    pub fn remove_attr(self, _name: &'static str) -> Self {
        todo!()
    }
    /// Removes a descendant of the root with all it contains.
    #[must_use]
    pub fn remove(self, _node: Node<'a>) -> Self {
        todo!()
    }
    /// Appends already serialised children before the root's closing tag.
    #[must_use]
    pub fn append(self, _children: &[u8]) -> Self {
        todo!()
    }
    /// Whether nothing would change.
    pub fn is_empty(&self) -> bool {
        todo!()
    }
    /// The changed bytes; the same buffer when nothing changes.
    pub fn finish(self) -> Bytes {
        let _ = self.element;
        todo!()
    }
}

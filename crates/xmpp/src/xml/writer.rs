//! Writes XML: escapes what must be escaped, closes what was opened.

use bytes::Bytes;

/// Appends tags and text to a growing buffer.
///
/// ```
/// let mut w = xmpp::xml::Writer::new();
/// w.open("iq").attr("type", "result").attr_opt("id", Some("a&b")).open("query").attr("xmlns", "jabber:iq:roster");
/// assert_eq!(&w.finish()[..], b"<iq type='result' id='a&amp;b'><query xmlns='jabber:iq:roster'/></iq>");
/// ```
#[derive(Debug, Default)]
pub struct Writer {
    buffer: Vec<u8>,
}

impl Writer {
    /// An empty buffer.
    pub fn new() -> Self {
        Self::default()
    }
    /// Opens a tag. The name may carry a prefix.
    pub fn open(&mut self, _name: &'static str) -> &mut Self {
        todo!()
    }
    /// Adds an attribute to the tag just opened (single quotes, value escaped). Also used for `xmlns`.
    pub fn attr(&mut self, _name: &str, _value: &str) -> &mut Self {
        todo!()
    }
    /// Adds an attribute when there is a value.
    pub fn attr_opt(&mut self, name: &str, value: Option<&str>) -> &mut Self {
        match value {
            Some(value) => self.attr(name, value),
            None => self,
        }
    }
    /// Adds escaped character data.
    pub fn text(&mut self, _text: &str) -> &mut Self {
        todo!()
    }
    /// Adds bytes that are XML already.
    pub fn raw(&mut self, _xml: &[u8]) -> &mut Self {
        todo!()
    }
    /// Closes the innermost open tag (`<x/>` when it is empty).
    pub fn close(&mut self) -> &mut Self {
        todo!()
    }
    /// `<name>text</name>` as a child.
    pub fn leaf(&mut self, name: &'static str, text: &str) -> &mut Self {
        self.open(name).text(text).close()
    }
    /// Closes all open tags and gives the bytes.
    pub fn finish(self) -> Bytes {
        let _ = self.buffer;
        todo!()
    }
}

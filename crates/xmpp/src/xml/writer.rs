//! Writes XML: escapes what must be escaped, closes what was opened.
//!
//! Everything the server says itself is written here. Must never emit a byte that another part of this folder would
//! refuse: text is escaped always, and only [`Writer::raw`] trusts its caller.

use super::chars::{Place, escape_into};
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
    /// Names of the tags that are open, outermost first.
    open: Vec<&'static str>,
    /// Whether the innermost tag still lacks its `>`.
    in_tag: bool,
}

impl Writer {
    /// An empty buffer.
    pub fn new() -> Self {
        Self::default()
    }
    /// Opens a tag. The name may carry a prefix.
    pub fn open(&mut self, name: &'static str) -> &mut Self {
        self.end_tag();
        self.buffer.push(b'<');
        self.buffer.extend_from_slice(name.as_bytes());
        self.open.push(name);
        self.in_tag = true;
        self
    }
    /// Adds an attribute to the tag just opened (single quotes, value escaped). Also used for `xmlns`.
    ///
    /// The name is written as it is: it comes from our code or from a name that was parsed, never from a value.
    pub fn attr(&mut self, name: &str, value: &str) -> &mut Self {
        assert!(self.in_tag, "an attribute belongs right after the tag it is for");
        push_attr(&mut self.buffer, name, value);
        self
    }
    /// Adds an attribute when there is a value.
    pub fn attr_opt(&mut self, name: &str, value: Option<&str>) -> &mut Self {
        match value {
            Some(value) => self.attr(name, value),
            None => self,
        }
    }
    /// Adds escaped character data.
    pub fn text(&mut self, text: &str) -> &mut Self {
        if !text.is_empty() {
            self.end_tag();
            escape_into(&mut self.buffer, text, Place::Text);
        }
        self
    }
    /// Adds bytes that are XML already.
    pub fn raw(&mut self, xml: &[u8]) -> &mut Self {
        if !xml.is_empty() {
            self.end_tag();
            self.buffer.extend_from_slice(xml);
        }
        self
    }
    /// Closes the innermost open tag (`<x/>` when it is empty).
    pub fn close(&mut self) -> &mut Self {
        let name = self.open.pop();
        assert!(name.is_some(), "only a tag that was opened can be closed");
        if self.in_tag {
            self.buffer.extend_from_slice(b"/>");
        } else if let Some(name) = name {
            self.buffer.extend_from_slice(b"</");
            self.buffer.extend_from_slice(name.as_bytes());
            self.buffer.push(b'>');
        }
        self.in_tag = false;
        self
    }
    /// `<name>text</name>` as a child.
    pub fn leaf(&mut self, name: &'static str, text: &str) -> &mut Self {
        self.open(name).text(text).close()
    }
    /// Closes all open tags and gives the bytes.
    pub fn finish(mut self) -> Bytes {
        while !self.open.is_empty() {
            self.close();
        }
        Bytes::from(self.buffer)
    }

    fn end_tag(&mut self) {
        if self.in_tag {
            self.buffer.push(b'>');
            self.in_tag = false;
        }
    }
}

/// Appends ` name='value'`, the value escaped.
pub(crate) fn push_attr(out: &mut Vec<u8>, name: &str, value: &str) {
    out.push(b' ');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"='");
    escape_into(out, value, Place::Attribute);
    out.push(b'\'');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(write: impl FnOnce(&mut Writer), expect: &str) {
        let mut w = Writer::new();
        write(&mut w);
        assert_eq!(String::from_utf8_lossy(&w.finish()), expect);
    }

    #[test]
    fn everything_opened_is_closed() {
        check(|_| (), "");
        check(|w| _ = w.open("a"), "<a/>");
        check(|w| _ = w.open("a").open("b").close().open("c"), "<a><b/><c/></a>");
        check(|w| _ = w.open("s:a").leaf("b", "x").leaf("c", ""), "<s:a><b>x</b><c/></s:a>");
        check(|w| _ = w.open("a").raw(b"<b/>").raw(b""), "<a><b/></a>");
        check(|w| _ = w.open("a").close().open("b"), "<a/><b/>");
    }

    #[test]
    fn values_and_text_are_escaped() {
        check(
            |w| _ = w.open("a").attr("b", "<>&'\"\n").text("<>&'\"\n]]>\r"),
            "<a b='&lt;&gt;&amp;&apos;&quot;&#10;'>&lt;&gt;&amp;'\"\n]]&gt;&#13;</a>",
        );
        check(
            |w| _ = w.open("a").attr_opt("b", None).text("\0\u{FFFF}"),
            "<a>\u{FFFD}\u{FFFD}</a>",
        );
    }
}

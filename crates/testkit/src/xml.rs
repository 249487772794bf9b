//! Elements as owned trees, read from a stream with `rxml` and written back as text.
//!
//! Test code wants to look at stanzas, not to be fast, and must not use the parser it is testing. The load generator,
//! which must be fast, does not use this file.

use anyhow::{Context, Result, bail};
use rxml::error::EndOrError;
use rxml::{Event, Parse, Parser};
use std::fmt;

/// One element with everything in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    /// Local name.
    pub name: String,
    /// Namespace name, empty for none.
    pub ns: String,
    /// Attributes as (namespace, name, value); the namespace is empty for ordinary ones.
    pub attrs: Vec<(String, String, String)>,
    /// Children and text in order.
    pub content: Vec<Content>,
}

/// What an element can hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A child element.
    Element(Element),
    /// Character data.
    Text(String),
}

impl Element {
    /// Whether local name and namespace are these.
    pub fn is(&self, name: &str, ns: &str) -> bool {
        self.name == name && self.ns == ns
    }
    /// Value of an attribute without namespace.
    pub fn attr(&self, name: &str) -> Option<&str> {
        self.attrs.iter().find(|(ns, n, _)| ns.is_empty() && n == name).map(|(_, _, v)| v.as_str())
    }
    /// Child elements in order.
    pub fn children(&self) -> impl Iterator<Item = &Element> {
        self.content.iter().filter_map(|c| match c {
            Content::Element(e) => Some(e),
            Content::Text(_) => None,
        })
    }
    /// First child with this name and namespace.
    pub fn child(&self, name: &str, ns: &str) -> Option<&Element> {
        self.children().find(|c| c.is(name, ns))
    }
    /// First element with this name and namespace anywhere below.
    pub fn find(&self, name: &str, ns: &str) -> Option<&Element> {
        self.children().find_map(|c| if c.is(name, ns) { Some(c) } else { c.find(name, ns) })
    }
    /// All character data directly in this element.
    pub fn text(&self) -> String {
        self.content
            .iter()
            .filter_map(|c| match c {
                Content::Text(t) => Some(t.as_str()),
                Content::Element(_) => None,
            })
            .collect()
    }
    /// Text of a child with this name in the same namespace, for instance the body of a message.
    pub fn child_text(&self, name: &str) -> Option<String> {
        self.child(name, &self.ns).map(Element::text)
    }

    /// Reads exactly one element whose default namespace is `jabber:client`.
    pub fn parse(text: &str) -> Result<Self> {
        let wrapped = format!("<w xmlns='jabber:client'>{text}</w>");
        let mut reader = Reader::new();
        reader.push(wrapped.as_bytes());
        let mut found = None;
        while let Some(item) = reader.next_item().with_context(|| format!("in {text}"))? {
            match item {
                Item::Header(_) => {}
                Item::Element(e) if found.is_none() => found = Some(e),
                Item::Element(_) => bail!("more than one element in {text}"),
                Item::End => break,
            }
        }
        found.with_context(|| format!("no element in {text}"))
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, outer_ns: &str) -> fmt::Result {
        write!(f, "<{}", self.name)?;
        if self.ns != outer_ns {
            write!(f, " xmlns='{}'", escape(&self.ns))?;
        }
        for (ns, name, value) in &self.attrs {
            let prefix = match ns.as_str() {
                "" => "",
                "http://www.w3.org/XML/1998/namespace" => "xml:",
                _ => "other:",
            };
            write!(f, " {prefix}{name}='{}'", escape(value))?;
        }
        if self.content.is_empty() {
            return f.write_str("/>");
        }
        f.write_str(">")?;
        for content in &self.content {
            match content {
                Content::Element(e) => e.write(f, &self.ns)?,
                Content::Text(t) => f.write_str(&escape(t))?,
            }
        }
        write!(f, "</{}>", self.name)
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, "jabber:client")
    }
}

/// Escapes text for element content and for attributes in either kind of quotes.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\'' => out.push_str("&apos;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

/// One whole thing heard on a stream.
#[derive(Clone, Debug)]
pub enum Item {
    /// The opening tag of the stream, without content.
    Header(Element),
    /// A top-level element.
    Element(Element),
    /// The closing tag of the stream.
    End,
}

/// Push parser for one direction of one stream.
pub struct Reader {
    parser: Parser,
    buffer: Vec<u8>,
    open: Vec<Element>,
    header_seen: bool,
}

impl Default for Reader {
    fn default() -> Self {
        Self::new()
    }
}

impl Reader {
    /// Waits for a stream header.
    pub fn new() -> Self {
        let mut parser = Parser::new();
        parser.set_text_buffering(true);
        Self { parser, buffer: Vec::new(), open: Vec::new(), header_seen: false }
    }
    /// Takes bytes from the peer.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }
    /// Forgets the stream and waits for a new header.
    pub fn restart(&mut self) {
        let rest = std::mem::take(&mut self.buffer);
        *self = Self::new();
        self.buffer = rest;
    }
    /// The next whole thing, `None` when more bytes are needed.
    pub fn next_item(&mut self) -> Result<Option<Item>> {
        loop {
            let mut rest = &self.buffer[..];
            let parsed = self.parser.parse(&mut rest, false);
            let used = self.buffer.len() - rest.len();
            self.buffer.drain(..used);
            match parsed {
                Ok(Some(event)) => {
                    if let Some(item) = self.handle_event(event)? {
                        return Ok(Some(item));
                    }
                }
                Ok(None) | Err(EndOrError::NeedMoreData) => return Ok(None),
                Err(EndOrError::Error(e)) => bail!("the peer sent malformed XML: {e}"),
            }
        }
    }

    fn handle_event(&mut self, event: Event) -> Result<Option<Item>> {
        match event {
            Event::XmlDeclaration(..) => Ok(None),
            Event::StartElement(_, (ns, name), attrs) => {
                let element = Element {
                    name: name.to_string(),
                    ns: ns.as_str().to_owned(),
                    attrs: attrs
                        .into_iter()
                        .map(|((ns, name), v)| (ns.as_str().to_owned(), name.to_string(), v))
                        .collect(),
                    content: Vec::new(),
                };
                if !self.header_seen {
                    self.header_seen = true;
                    return Ok(Some(Item::Header(element)));
                }
                self.open.push(element);
                Ok(None)
            }
            Event::Text(_, text) => {
                if let Some(open) = self.open.last_mut() {
                    open.content.push(Content::Text(text.to_string()));
                }
                Ok(None)
            }
            Event::EndElement(_) => {
                let Some(done) = self.open.pop() else { return Ok(Some(Item::End)) };
                match self.open.last_mut() {
                    Some(parent) => {
                        parent.content.push(Content::Element(done));
                        Ok(None)
                    }
                    None => Ok(Some(Item::Element(done))),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_survives_being_written_and_read() {
        let text = "<message to='a@b' type='chat'><body>a &lt; b</body><x xmlns='urn:x'><y/></x></message>";
        let element = Element::parse(text).unwrap();
        assert_eq!(element.to_string(), text);
        assert_eq!(element.child_text("body").unwrap(), "a < b");
        assert!(element.find("y", "urn:x").is_some());
    }

    #[test]
    fn a_stream_is_cut_into_header_elements_and_end() {
        let bytes = b"<?xml version='1.0'?><s:stream xmlns='jabber:client' xmlns:s='http://etherx.jabber.org/streams' id='1'><a/><b>x</b></s:stream>";
        let mut reader = Reader::new();
        let mut seen = Vec::new();
        for byte in bytes {
            reader.push(&[*byte]);
            while let Some(item) = reader.next_item().unwrap() {
                seen.push(match item {
                    Item::Header(h) => format!("header {}", h.attr("id").unwrap()),
                    Item::Element(e) => e.to_string(),
                    Item::End => "end".to_owned(),
                });
            }
        }
        assert_eq!(seen, ["header 1", "<a/>", "<b>x</b>", "end"]);
    }
}

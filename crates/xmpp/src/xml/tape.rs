//! Reads one element into a [`Tape`]: where each tag begins and ends, which namespace it has.
//!
//! Its input normally went through the framer or was written by us, but it may come from a disk or a test: it checks all
//! it relies on and never panics. No recursion, one pass, three allocations at most.

use super::chars::{
    After, Place, ascii_name, is_space, legal_prefix, name_run, qualified_name, unescape,
};
use super::element::NotAnElement;
use crate::ns;

/// Open tags at any time.
pub(crate) const DEPTH_MAX: usize = 128;
/// Bytes of one element; offsets are 32 bits.
pub(crate) const ELEMENT_BYTES_MAX: usize = 1 << 30;
/// Prefixes in scope at any time: what the framer lets pass, and what it adds.
const PREFIXES_MAX: usize = 256;
/// Different namespace declarations of one element; the index of one is 16 bits.
const SPACES_MAX: usize = 1 << 15;

/// The namespace of the prefix `xml`.
pub(crate) const XML_NS: &str = "http://www.w3.org/XML/1998/namespace";

/// Index of `jabber:client` in the list of namespaces.
const SPACE_CLIENT: u16 = 0;
/// Index of no namespace.
const SPACE_NONE: u16 = 1;
/// Index of the namespace of the prefix `xml`.
const SPACE_XML: u16 = 2;
/// Index of the first declaration found.
const SPACE_FIRST: u16 = 3;

/// One tag. All offsets count from the first byte of the element.
#[derive(Clone, Debug)]
pub(crate) struct Tag {
    /// Its `<`.
    pub(crate) start: u32,
    /// Past the `>` of the opening tag.
    pub(crate) open_end: u32,
    /// The `<` of the closing tag; equal to `end` for `<x/>`.
    pub(crate) close: u32,
    /// Past the last `>`.
    pub(crate) end: u32,
    /// Index of the first tag that is not inside this one.
    pub(crate) next: u32,
    /// Index into [`Tape::spaces`], shifted by the fixed ones.
    space: u16,
    /// Bytes of the prefix, 0 when there is none.
    pub(crate) prefix_len: u16,
    /// Bytes of the local name.
    pub(crate) name_len: u16,
}

/// A namespace name as it was declared.
#[derive(Clone, Debug)]
enum Space {
    /// As it stands there.
    Raw(u32, u32),
    /// With references resolved.
    Resolved(Box<str>),
}

/// All tags of one element in the order of their `<`, and the namespaces they are in.
#[derive(Clone, Debug)]
pub(crate) struct Tape {
    pub(crate) tags: Vec<Tag>,
    spaces: Vec<Space>,
}

impl Tape {
    /// Reads the bytes of one element; nothing may stand before or after it.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, NotAnElement> {
        if bytes.len() > ELEMENT_BYTES_MAX {
            return Err(NotAnElement("too long"));
        }
        match legal_prefix(bytes) {
            (len, After::Nothing) if len == bytes.len() => (),
            (_, After::BadChar) => return Err(NotAnElement("XML does not allow a character")),
            _ => return Err(NotAnElement("not UTF-8")),
        }
        let mut reader = Reader::new(bytes);
        reader.run()?;
        Ok(Self { tags: reader.tags, spaces: reader.spaces })
    }

    /// The namespace name of a tag.
    pub(crate) fn ns<'a>(&'a self, bytes: &'a [u8], tag: &Tag) -> &'a [u8] {
        match tag.space {
            SPACE_CLIENT => ns::CLIENT.as_bytes(),
            SPACE_NONE => b"",
            SPACE_XML => XML_NS.as_bytes(),
            index => match &self.spaces[(index - SPACE_FIRST) as usize] {
                Space::Raw(from, to) => &bytes[*from as usize..*to as usize],
                Space::Resolved(name) => name.as_bytes(),
            },
        }
    }
}

/// An open tag while reading.
#[derive(Clone, Copy, Default)]
struct Open {
    tag: u32,
    default: u16,
    prefixes: u16,
}

/// A prefix in scope while reading.
struct Prefix<'a> {
    name: &'a [u8],
    space: u16,
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    tags: Vec<Tag>,
    spaces: Vec<Space>,
    prefixes: Vec<Prefix<'a>>,
    open: [Open; DEPTH_MAX],
    depth: usize,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            tags: Vec::with_capacity(4),
            spaces: Vec::new(),
            prefixes: Vec::new(),
            open: [Open::default(); DEPTH_MAX],
            depth: 0,
        }
    }

    fn run(&mut self) -> Result<(), NotAnElement> {
        if self.bytes.first() != Some(&b'<') {
            return Err(NotAnElement("it does not begin with a tag"));
        }
        loop {
            if self.bytes.get(self.at + 1) == Some(&b'/') {
                self.closing_tag()?;
            } else {
                self.opening_tag()?;
            }
            if self.depth == 0 {
                break;
            }
            match memchr::memchr(b'<', &self.bytes[self.at..]) {
                Some(text) => self.at += text,
                None => return Err(NotAnElement("it ends inside a tag's content")),
            }
        }
        if self.at == self.bytes.len() { Ok(()) } else { Err(NotAnElement("something follows it")) }
    }

    fn closing_tag(&mut self) -> Result<(), NotAnElement> {
        let start = self.at;
        let Some(depth) = self.depth.checked_sub(1) else {
            return Err(NotAnElement("it begins with a closing tag"));
        };
        let open = self.open[depth];
        let next = self.tags.len() as u32;
        let tag = &mut self.tags[open.tag as usize];
        let name_start = tag.start as usize + 1;
        let colon = usize::from(tag.prefix_len > 0);
        let name_end = name_start + tag.prefix_len as usize + colon + tag.name_len as usize;
        let name = &self.bytes[name_start..name_end];
        let Some(rest) = self.bytes[start + 2..].strip_prefix(name) else {
            return Err(NotAnElement("a closing tag has another name than the opening one"));
        };
        let spaces = rest.iter().take_while(|&&b| is_space(b)).count();
        if rest.get(spaces) != Some(&b'>') {
            return Err(NotAnElement("a closing tag has another name than the opening one"));
        }
        self.at = start + 2 + name.len() + spaces + 1;
        tag.close = start as u32;
        tag.end = self.at as u32;
        tag.next = next;
        self.prefixes.truncate(open.prefixes as usize);
        self.depth = depth;
        Ok(())
    }

    fn opening_tag(&mut self) -> Result<(), NotAnElement> {
        let start = self.at;
        if self.depth == DEPTH_MAX {
            return Err(NotAnElement("more than 128 tags inside each other"));
        }
        let (_, name, colon) = qualified(self.bytes, start + 1)?;
        let outer = self.depth.checked_sub(1).map(|d| self.open[d]);
        let mut open = Open {
            tag: self.tags.len() as u32,
            default: outer.map_or(SPACE_CLIENT, |o| o.default),
            prefixes: self.prefixes.len() as u16,
        };
        let mut attrs = Attributes { bytes: self.bytes, at: start + 1 + name.len() };
        let mut prefixed_attr = false;
        while let Some(attr) = attrs.next()? {
            match attr.declares() {
                Some(b"") => open.default = self.declare(&attr)?,
                Some(prefix) => {
                    if self.prefixes.len() == PREFIXES_MAX {
                        return Err(NotAnElement("more than 256 prefixes in scope"));
                    }
                    let space = self.declare(&attr)?;
                    self.prefixes.push(Prefix { name: prefix, space });
                }
                None => prefixed_attr |= attr.colon.is_some(),
            }
        }
        if prefixed_attr {
            self.check_prefixes_of_attributes(start + 1 + name.len())?;
        }
        let space = match colon {
            None => open.default,
            Some(colon) => self.resolve(&name[..colon])?,
        };
        let empty = self.bytes[attrs.at] == b'/';
        self.at = attrs.at + 1 + usize::from(empty);
        let prefix_len = colon.unwrap_or(0);
        self.tags.push(Tag {
            start: start as u32,
            open_end: self.at as u32,
            close: self.at as u32,
            end: self.at as u32,
            next: open.tag + 1,
            space,
            prefix_len: prefix_len as u16,
            name_len: (name.len() - colon.map_or(0, |c| c + 1)) as u16,
        });
        if empty {
            self.prefixes.truncate(open.prefixes as usize);
        } else {
            self.open[self.depth] = open;
            self.depth += 1;
        }
        Ok(())
    }

    fn check_prefixes_of_attributes(&self, from: usize) -> Result<(), NotAnElement> {
        let mut attrs = Attributes { bytes: self.bytes, at: from };
        while let Some(attr) = attrs.next()? {
            if let (None, Some(colon)) = (attr.declares(), attr.colon) {
                self.resolve(&attr.name[..colon])?;
            }
        }
        Ok(())
    }

    fn declare(&mut self, attr: &Attr<'a>) -> Result<u16, NotAnElement> {
        let raw = attr.value(self.bytes);
        if raw.is_empty() {
            return Ok(SPACE_NONE);
        }
        if raw == ns::CLIENT.as_bytes() {
            return Ok(SPACE_CLIENT);
        }
        if self.spaces.len() == SPACES_MAX {
            return Err(NotAnElement("more than 32768 namespace declarations"));
        }
        let plain = !raw.iter().any(|&b| b == b'&' || b < b' ');
        self.spaces.push(if plain {
            Space::Raw(attr.value_start as u32, attr.value_end as u32)
        } else {
            Space::Resolved(unescape(raw, Place::Attribute).into())
        });
        Ok((self.spaces.len() - 1) as u16 + SPACE_FIRST)
    }

    fn resolve(&self, prefix: &[u8]) -> Result<u16, NotAnElement> {
        match self.prefixes.iter().rev().find(|p| p.name == prefix) {
            Some(found) => Ok(found.space),
            None if prefix == b"xml" => Ok(SPACE_XML),
            None => Err(NotAnElement("a prefix is not declared")),
        }
    }
}

/// The qualified name at a position: past its end, itself, where its colon is.
fn qualified(bytes: &[u8], at: usize) -> Result<(usize, &[u8], Option<usize>), NotAnElement> {
    let rest = bytes.get(at..).unwrap_or_default();
    let (len, known) = ascii_name(rest);
    let name = if known.is_some() { &rest[..len] } else { &rest[..name_run(rest)] };
    match known.or_else(|| qualified_name(name)) {
        _ if name.len() > u16::MAX as usize => Err(NotAnElement("a name is too long")),
        Some(colon) => Ok((at + name.len(), name, colon)),
        None => Err(NotAnElement("a name is missing or malformed")),
    }
}

/// Attributes of one tag as they stand there, declarations included.
pub(crate) struct Attributes<'a> {
    bytes: &'a [u8],
    /// Before an attribute or its white space; at the end at the `>` or the `/` before it.
    at: usize,
}

/// One attribute as it stands there.
#[derive(Debug)]
pub(crate) struct Attr<'a> {
    /// The white space before it.
    pub(crate) start: usize,
    pub(crate) name: &'a [u8],
    pub(crate) colon: Option<usize>,
    /// Past the opening quote.
    pub(crate) value_start: usize,
    /// The closing quote.
    pub(crate) value_end: usize,
}

impl<'a> Attr<'a> {
    /// The value between the quotes, escaped.
    pub(crate) fn value(&self, bytes: &'a [u8]) -> &'a [u8] {
        &bytes[self.value_start..self.value_end]
    }
    /// Past the closing quote.
    pub(crate) fn end(&self) -> usize {
        self.value_end + 1
    }
    /// The prefix this declares a namespace for, empty for the default one; `None` when it is an ordinary attribute.
    pub(crate) fn declares(&self) -> Option<&'a [u8]> {
        match self.name.strip_prefix(b"xmlns") {
            Some(b"") => Some(b""),
            Some([b':', prefix @ ..]) => Some(prefix),
            _ => None,
        }
    }
}

impl<'a> Attributes<'a> {
    /// Attributes of a tag that was read already.
    pub(crate) fn of(bytes: &'a [u8], tag: &Tag) -> Self {
        let colon = usize::from(tag.prefix_len > 0);
        let name_len = tag.prefix_len as usize + colon + tag.name_len as usize;
        Self { bytes, at: tag.start as usize + 1 + name_len }
    }

    /// The next attribute; `None` at the end of the tag.
    pub(crate) fn next(&mut self) -> Result<Option<Attr<'a>>, NotAnElement> {
        let start = self.at;
        self.skip_space();
        match (self.bytes.get(self.at), self.bytes.get(self.at + 1)) {
            (Some(b'>'), _) | (Some(b'/'), Some(b'>')) => return Ok(None),
            _ if self.at == start => return Err(NotAnElement("a tag is malformed")),
            _ => (),
        }
        let (end, name, colon) = qualified(self.bytes, self.at)?;
        self.at = end;
        self.skip_space();
        if self.bytes.get(self.at) != Some(&b'=') {
            return Err(NotAnElement("an attribute has no value"));
        }
        self.at += 1;
        self.skip_space();
        let quote = match self.bytes.get(self.at) {
            Some(&quote @ (b'\'' | b'"')) => quote,
            _ => return Err(NotAnElement("a value has no quotes")),
        };
        let value_start = self.at + 1;
        let Some(len) = memchr::memchr2(quote, b'<', &self.bytes[value_start..]) else {
            return Err(NotAnElement("it ends inside a value"));
        };
        let value_end = value_start + len;
        if self.bytes[value_end] == b'<' {
            return Err(NotAnElement("a value contains '<'"));
        }
        self.at = value_end + 1;
        Ok(Some(Attr { start, name, colon, value_start, value_end }))
    }

    fn skip_space(&mut self) {
        while self.bytes.get(self.at).is_some_and(|&b| is_space(b)) {
            self.at += 1;
        }
    }
}

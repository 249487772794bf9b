//! The lexer behind the framer: reads one tag after another, stops wherever the bytes stop, goes on there.
//!
//! It sees the bytes of one element (or header) from its `<` on; they are known to be UTF-8 and characters that XML
//! allows. Each byte is looked at a constant number of times, however the bytes were sliced. The outcome must never
//! depend on the slicing: every decision is made from the bytes before it.

use super::chars::{ascii_name, is_space, name_run, qualified_name};
use super::fault::Fault;
use super::framer::Limits;
use super::reference::reference_len;
use super::scope::{Span, StreamScope};
use super::work::{AttrSpan, OpenTag, Work};
use crate::stream_error::StreamCondition;

/// Bytes of an XML declaration.
const DECLARATION_BYTES_MAX: usize = 256;
/// Namespace declarations in one element, at any depth. The tape counts them with 16 bits.
const DECLARATIONS_MAX: usize = 30_000;

/// What the lexer came to. `end` counts from the first byte it saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// It needs more bytes.
    More,
    /// An XML declaration.
    Declaration { end: usize },
    /// The opening tag of the stream; `empty` when it closes itself.
    Header { end: usize, empty: bool },
    /// A whole element.
    Element { end: usize },
    /// The closing tag of the stream.
    Close { end: usize },
}

/// What precedes the next byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// A `<`.
    #[default]
    Markup,
    /// `<`, part of a name.
    OpenName,
    /// A name, or a value; white space follows before the next attribute.
    InTag,
    /// White space inside a tag.
    Spaced,
    /// Part of an attribute's name.
    AttrName,
    /// An attribute's name.
    AfterAttrName,
    /// `=`.
    BeforeValue,
    /// `'` or `"` and part of a value.
    Value { quote: u8 },
    /// `/` at the end of a tag.
    SelfClose,
    /// `</`, part of a name.
    CloseName,
    /// `</` and a name.
    AfterCloseName,
    /// `<!`.
    Bang,
    /// `<![CDATA[`.
    CData,
    /// `<?`.
    Declaration,
    /// A tag's `>` or text.
    Text,
}

/// State between two slices of bytes.
#[derive(Debug, Default)]
pub(crate) struct Lexer {
    state: State,
    /// Next byte to look at.
    pos: usize,
    /// Where the name, text or section began that is being read.
    token: usize,
    work: Option<Box<Work>>,
}

impl Lexer {
    /// Whether it waits for the `<` of something new.
    pub(crate) fn is_idle(&self) -> bool {
        self.pos == 0
    }
    /// Makes ready for the next element.
    pub(crate) fn reset(&mut self) {
        self.pos = 0;
        self.state = State::Markup;
    }
    /// Bytes it has looked at.
    pub(crate) fn seen(&self) -> usize {
        self.pos
    }
    /// Gives back all memory. Only when idle.
    pub(crate) fn release(&mut self) {
        self.work = None;
    }
    /// What was found out about the element or header that was just read.
    pub(crate) fn work(&mut self) -> &mut Work {
        self.work.get_or_insert_default()
    }
    /// Reads on. `data` begins at the element's `<` and is what it was before, or longer. `declaration` tells
    /// whether an XML declaration may come.
    pub(crate) fn advance(
        &mut self,
        data: &[u8],
        limits: &Limits,
        stream: &StreamScope,
        declaration: bool,
    ) -> Result<Step, Fault> {
        let work = self.work.get_or_insert_default();
        if self.pos == 0 {
            work.clear();
            self.state = State::Markup;
            self.pos = 1;
        }
        let mut run = Run {
            data,
            limits,
            stream,
            in_stream: stream.is_open(),
            declaration,
            state: self.state,
            pos: self.pos,
            token: self.token,
            work,
        };
        let step = run.run();
        (self.state, self.pos, self.token) = (run.state, run.pos, run.token);
        step
    }
}

/// One call of [`Lexer::advance`].
struct Run<'a> {
    data: &'a [u8],
    limits: &'a Limits,
    stream: &'a StreamScope,
    in_stream: bool,
    /// Whether an XML declaration may come.
    declaration: bool,
    state: State,
    pos: usize,
    token: usize,
    work: &'a mut Work,
}

/// A name's range and the bytes of its prefix.
type Name = (Span, u32);

/// `None`: go on with the state that is set now.
type Flow = Result<Option<Step>, Fault>;

impl Run<'_> {
    fn run(&mut self) -> Result<Step, Fault> {
        loop {
            let step = match self.state {
                State::Text => self.text(),
                State::Markup => self.markup(),
                State::OpenName => self.open_name(),
                State::InTag => self.in_tag(false),
                State::Spaced => self.in_tag(true),
                State::AttrName => self.attr_name(),
                State::AfterAttrName => self.after_attr_name(),
                State::BeforeValue => self.before_value(),
                State::Value { quote } => self.value(quote),
                State::SelfClose => self.self_close(),
                State::CloseName => self.close_name(),
                State::AfterCloseName => self.after_close_name(),
                State::Bang => self.bang(),
                State::CData => self.cdata(),
                State::Declaration => self.xml_declaration(),
            };
            if let Some(step) = step? {
                return Ok(step);
            }
        }
    }

    fn go(&mut self, state: State) -> Flow {
        self.state = state;
        Ok(None)
    }

    fn markup(&mut self) -> Flow {
        let Some(&byte) = self.data.get(self.pos) else { return Ok(Some(Step::More)) };
        match byte {
            b'/' if self.in_stream => {
                self.pos += 1;
                self.token = self.pos;
                self.state = State::CloseName;
                self.close_name()
            }
            b'/' => Err(Fault::malformed("a closing tag comes before the stream header")),
            b'!' => {
                self.token = self.pos + 1;
                self.go(State::Bang)
            }
            b'?' if self.declaration && self.pos == 1 => self.go(State::Declaration),
            b'?' => Err(Fault::restricted("processing instructions are not allowed")),
            _ => {
                self.token = self.pos;
                self.state = State::OpenName;
                self.open_name()
            }
        }
    }

    /// Reads a name up to its end: its range and the length of its prefix. `None` when there is no end yet.
    fn name(&mut self) -> Result<Option<Name>, Fault> {
        let name = &self.data[self.token..];
        // Mostly the whole name is there and ASCII; what is not is read on from where the bytes ended.
        let (len, known) = if self.pos == self.token { ascii_name(name) } else { (0, None) };
        self.pos += len;
        if known.is_none() {
            self.pos += name_run(&self.data[self.pos..]);
        }
        let max = self.limits.name_bytes_max.min(u16::MAX as usize);
        if self.pos - self.token > max {
            return Err(Fault::Limit { what: "bytes in a name", max });
        }
        if self.pos == self.data.len() {
            return Ok(None);
        }
        let name = &self.data[self.token..self.pos];
        match known.or_else(|| qualified_name(name)) {
            Some(colon) => {
                Ok(Some(((self.token as u32, self.pos as u32), colon.unwrap_or(0) as u32)))
            }
            None => Err(Fault::malformed("a name is missing or malformed")),
        }
    }

    fn open_name(&mut self) -> Flow {
        let Some((name, prefix_len)) = self.name()? else { return Ok(Some(Step::More)) };
        let max = self.limits.depth_max.min(super::tape::DEPTH_MAX);
        if self.work.open.len() >= max {
            return Err(Fault::Limit { what: "open tags inside each other", max });
        }
        (self.work.name, self.work.prefix_len) = (name, prefix_len);
        self.work.attrs.clear();
        self.work.namespaces = 0;
        self.state = State::InTag;
        self.in_tag(false)
    }

    /// The next byte that is no white space.
    fn skip_space(&mut self) -> Option<u8> {
        while let Some(&byte) = self.data.get(self.pos) {
            if !is_space(byte) {
                return Some(byte);
            }
            self.pos += 1;
        }
        None
    }

    fn in_tag(&mut self, spaced: bool) -> Flow {
        let start = self.pos;
        let byte = self.skip_space();
        let spaced = spaced || self.pos > start;
        match byte {
            None => {
                self.state = if spaced { State::Spaced } else { State::InTag };
                Ok(Some(Step::More))
            }
            Some(b'>') => self.finish_tag(false),
            Some(b'/') => {
                self.pos += 1;
                self.go(State::SelfClose)
            }
            Some(_) if spaced => {
                self.token = self.pos;
                self.state = State::AttrName;
                self.attr_name()
            }
            Some(_) => Err(Fault::malformed("a tag is malformed")),
        }
    }

    fn attr_name(&mut self) -> Flow {
        let Some((name, prefix_len)) = self.name()? else { return Ok(Some(Step::More)) };
        let attr = AttrSpan { name, prefix_len, value: (0, 0), ns: 0 };
        if attr.declares(self.data).is_some() {
            self.work.namespaces += 1;
            self.work.declarations += 1;
            let max = self.limits.namespaces_max;
            if self.work.namespaces as usize > max {
                return Err(Fault::Limit { what: "namespace declarations on one tag", max });
            }
            if self.work.declarations as usize > DECLARATIONS_MAX {
                let what = "namespace declarations in one element";
                return Err(Fault::Limit { what, max: DECLARATIONS_MAX });
            }
        } else {
            let max = self.limits.attributes_max;
            if self.work.attrs.len() - self.work.namespaces as usize >= max {
                return Err(Fault::Limit { what: "attributes on one tag", max });
            }
        }
        self.work.attrs.push(attr);
        self.state = State::AfterAttrName;
        self.after_attr_name()
    }

    fn after_attr_name(&mut self) -> Flow {
        match self.skip_space() {
            None => Ok(Some(Step::More)),
            Some(b'=') => {
                self.pos += 1;
                self.state = State::BeforeValue;
                self.before_value()
            }
            Some(_) => Err(Fault::malformed("an attribute has no value")),
        }
    }

    fn before_value(&mut self) -> Flow {
        match self.skip_space() {
            None => Ok(Some(Step::More)),
            Some(quote @ (b'\'' | b'"')) => {
                self.pos += 1;
                self.token = self.pos;
                self.state = State::Value { quote };
                self.value(quote)
            }
            Some(_) => Err(Fault::malformed("a value has no quotes")),
        }
    }

    fn value(&mut self, quote: u8) -> Flow {
        loop {
            let Some(len) = memchr::memchr3(quote, b'<', b'&', &self.data[self.pos..]) else {
                self.pos = self.data.len();
                return Ok(Some(Step::More));
            };
            self.pos += len;
            match self.data[self.pos] {
                b'<' => return Err(Fault::malformed("a value contains '<'")),
                b'&' => match reference_len(&self.data[self.pos..])? {
                    Some(len) => self.pos += len,
                    None => return Ok(Some(Step::More)),
                },
                _ => break,
            }
        }
        if let Some(attr) = self.work.attrs.last_mut() {
            attr.value = (self.token as u32, self.pos as u32);
        }
        self.pos += 1;
        self.go(State::InTag)
    }

    fn self_close(&mut self) -> Flow {
        match self.data.get(self.pos) {
            None => Ok(Some(Step::More)),
            Some(b'>') => self.finish_tag(true),
            Some(_) => Err(Fault::malformed("a tag is malformed")),
        }
    }

    /// At the `>` of an opening tag.
    fn finish_tag(&mut self, empty: bool) -> Flow {
        self.pos += 1;
        let mark = self.work.scope.mark();
        self.work.check_namespaces(self.data, self.stream)?;
        let work = &mut *self.work;
        if !self.in_stream {
            return Ok(Some(Step::Header { end: self.pos, empty }));
        }
        if work.open.is_empty() {
            work.root_name_end = work.name.1;
            work.root_declares_default = work.attrs.iter().any(|a| a.name(self.data) == b"xmlns");
        }
        if !empty {
            work.open.push(OpenTag { name: work.name, scope: mark as u32 });
        } else {
            work.scope.leave(mark);
            if work.open.is_empty() {
                return self.finish_element();
            }
        }
        self.token = self.pos;
        self.go(State::Text)
    }

    fn close_name(&mut self) -> Flow {
        let expected = match self.work.open.last() {
            Some(open) => &self.data[open.name.0 as usize..open.name.1 as usize],
            None => self.stream.header_name().as_bytes(),
        };
        // Mostly it is the right one; when it is not, or not yet whole, the name is read to say what is wrong.
        let right = self.data[self.token..].strip_prefix(expected);
        if right.and_then(|rest| rest.first()) == Some(&b'>') {
            self.pos = self.token + expected.len();
        } else {
            let Some((name, _)) = self.name()? else { return Ok(Some(Step::More)) };
            if &self.data[name.0 as usize..name.1 as usize] != expected {
                return Err(Fault::malformed(
                    "a closing tag has another name than the opening one",
                ));
            }
        }
        self.state = State::AfterCloseName;
        self.after_close_name()
    }

    fn after_close_name(&mut self) -> Flow {
        match self.skip_space() {
            None => return Ok(Some(Step::More)),
            Some(b'>') => self.pos += 1,
            Some(_) => return Err(Fault::malformed("a closing tag is malformed")),
        }
        let Some(open) = self.work.open.pop() else {
            return Ok(Some(Step::Close { end: self.pos }));
        };
        self.work.scope.leave(open.scope as usize);
        if self.work.open.is_empty() {
            return self.finish_element();
        }
        self.token = self.pos;
        self.go(State::Text)
    }

    fn finish_element(&mut self) -> Flow {
        self.check_growth()?;
        Ok(Some(Step::Element { end: self.pos }))
    }

    /// What is handed out may not be longer than what may come in.
    fn check_growth(&self) -> Result<(), Fault> {
        let max = self.limits.element_bytes_max;
        if self.work.has_cdata && self.pos as i64 + self.work.cdata_growth > max as i64 {
            let what = "bytes in one element once its CDATA sections are text";
            return Err(Fault::Limit { what, max });
        }
        Ok(())
    }

    fn text(&mut self) -> Flow {
        loop {
            let Some(len) = memchr::memchr3(b'<', b'&', b'>', &self.data[self.pos..]) else {
                self.pos = self.data.len();
                return Ok(Some(Step::More));
            };
            self.pos += len;
            match self.data[self.pos] {
                b'<' => {
                    self.pos += 1;
                    self.state = State::Markup;
                    return self.markup();
                }
                b'&' => match reference_len(&self.data[self.pos..])? {
                    Some(len) => self.pos += len,
                    None => return Ok(Some(Step::More)),
                },
                _ => {
                    if self.data[self.token..self.pos].ends_with(b"]]") {
                        return Err(Fault::malformed("text contains ']]>'"));
                    }
                    self.pos += 1;
                }
            }
        }
    }

    /// After `<!`, of which `token` is the end.
    fn bang(&mut self) -> Flow {
        const CDATA: &[u8] = b"[CDATA[";
        let rest = &self.data[self.token..];
        let seen = &rest[..rest.len().min(CDATA.len())];
        match seen {
            [] | [b'-'] => Ok(Some(Step::More)),
            [b'-', b'-', ..] => Err(Fault::restricted("comments are not allowed")),
            [first, ..] if first.is_ascii_alphabetic() => {
                Err(Fault::restricted("document type declarations are not allowed"))
            }
            [b'[', ..] if !self.in_stream => {
                Err(Fault::malformed("text comes before the stream header"))
            }
            [b'[', ..] if self.work.open.is_empty() => Err(TEXT_IN_STREAM),
            _ if !CDATA.starts_with(seen) => Err(Fault::malformed("markup is malformed")),
            _ if seen.len() < CDATA.len() => Ok(Some(Step::More)),
            _ => {
                self.token += CDATA.len();
                self.pos = self.token;
                self.go(State::CData)
            }
        }
    }

    fn cdata(&mut self) -> Flow {
        loop {
            let Some(len) = memchr::memchr(b'>', &self.data[self.pos..]) else {
                self.pos = self.data.len();
                return Ok(Some(Step::More));
            };
            self.pos += len + 1;
            let Some(content) = self.data[self.token..self.pos].strip_suffix(b"]]>") else {
                continue;
            };
            // The section's own twelve bytes go, two brackets before it may have to be escaped.
            let growth: i64 = content
                .iter()
                .map(|&b| super::cdata::escaped(b).map_or(0, |e| e.len() as i64 - 1))
                .sum();
            self.work.cdata_growth += growth - 4;
            self.work.has_cdata = true;
            self.check_growth()?;
            self.token = self.pos;
            return self.go(State::Text);
        }
    }

    fn xml_declaration(&mut self) -> Flow {
        const START: &[u8] = b"<?xml";
        let seen = &self.data[..self.data.len().min(START.len())];
        if !START.starts_with(seen) || self.data.get(START.len()).is_some_and(|&b| !is_space(b)) {
            return Err(Fault::restricted("processing instructions are not allowed"));
        }
        let window = &self.data[..self.data.len().min(DECLARATION_BYTES_MAX)];
        match memchr::memmem::find(window, b"?>") {
            Some(len) => {
                super::declaration::check(&self.data[START.len()..len])?;
                self.pos = len + 2;
                Ok(Some(Step::Declaration { end: self.pos }))
            }
            None if window.len() == DECLARATION_BYTES_MAX => Err(Fault::Limit {
                what: "bytes in the XML declaration",
                max: DECLARATION_BYTES_MAX,
            }),
            None => Ok(Some(Step::More)),
        }
    }
}

/// Text where only elements may be.
pub(crate) const TEXT_IN_STREAM: Fault =
    Fault::Rule(StreamCondition::BadFormat, "text is only allowed inside of an element");

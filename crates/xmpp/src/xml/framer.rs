//! Cuts a byte stream into stream header, whole top-level elements and stream end; refuses all that
//! RFC 6120 §11 forbids.
//!
//! Every byte a peer sends comes through here before anything else looks at it. Must never keep memory while nothing is
//! half read, never look at a byte more than a constant number of times, and never let pass what one XML parser
//! understands differently from another.

use super::cdata;
use super::chars::{After, is_space, legal_prefix};
use super::fault::Fault;
use super::header;
use super::lexer::{Lexer, Step, TEXT_IN_STREAM};
use super::scope::{StreamScope, push_declaration};
use super::tape;
use crate::ns;
use crate::stream_error::{StreamCondition, StreamError};
use bytes::Bytes;

/// Hard limits of one stream. Every dimension has one; none can be switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one top-level element, from its `<` to its last `>`; also of the stream header.
    pub element_bytes_max: usize,
    /// Open tags at any time, counted from the top-level element.
    pub depth_max: usize,
    /// Attributes of one tag, namespace declarations not counted.
    pub attributes_max: usize,
    /// Namespace declarations of one tag.
    pub namespaces_max: usize,
    /// Bytes of one tag or attribute name.
    pub name_bytes_max: usize,
}

impl Limits {
    /// For a peer that has not authenticated.
    pub const BEFORE_LOGIN: Self = Self {
        element_bytes_max: 10_000,
        depth_max: 16,
        attributes_max: 32,
        namespaces_max: 16,
        name_bytes_max: 256,
    };
    /// For an authenticated client.
    pub const AFTER_LOGIN: Self = Self {
        element_bytes_max: 262_144,
        depth_max: 96,
        attributes_max: 64,
        namespaces_max: 32,
        name_bytes_max: 512,
    };
}

/// What the peer said when it opened the stream (RFC 6120 §4.7).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamHeader {
    /// `to`, unparsed.
    pub to: Option<String>,
    /// `from`, unparsed.
    pub from: Option<String>,
    /// `version` as (major, minor); `None` when absent or malformed.
    pub version: Option<(u16, u16)>,
    /// `xml:lang`.
    pub lang: Option<String>,
    /// The default namespace of the stream's content, for instance `jabber:client`; empty when there is none. A header
    /// without any prefix has to leave it to the content itself and is taken to mean `jabber:client` (RFC 6120 §4.8.5).
    pub content_ns: String,
}

/// One whole thing heard on a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// The opening tag of the stream.
    Header(StreamHeader),
    /// A whole top-level element, self-contained under the default namespace `jabber:client` and the prefix `xml`: any
    /// other prefix it takes from the stream header is declared again on its first tag, and so is the stream's default
    /// namespace when it is another one.
    Element(Bytes),
    /// `</stream:stream>`.
    End,
}

/// Where the stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing but white space was heard.
    Fresh,
    /// The XML declaration was heard.
    Declared,
    /// The header was heard.
    Open,
    /// The header was heard and closed itself, which is still to be told.
    Closing,
    /// The stream was closed.
    Closed,
    /// The peer broke the stream.
    Failed,
}

/// Push parser for one direction of one stream.
///
/// ```text
/// Fresh ─► Declared ─► Open ─► Closed      any but Failed ─ restart ─► Fresh
///   └─────────┴──────► Closing ──┘         any ─ error ─► Failed
/// ```
#[derive(Debug)]
pub struct Framer {
    limits: Limits,
    /// What was pushed; before `head` it has been returned already.
    buffer: Vec<u8>,
    /// Where the element that is being read begins, or what comes next.
    head: usize,
    /// Up to here the buffer is UTF-8 and holds characters that XML allows.
    legal: usize,
    /// What follows there.
    after_legal: After,
    phase: Phase,
    lexer: Lexer,
    scope: StreamScope,
}

impl Framer {
    /// A framer that waits for a stream header.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            buffer: Vec::new(),
            head: 0,
            legal: 0,
            after_legal: After::Nothing,
            phase: Phase::Fresh,
            lexer: Lexer::default(),
            scope: StreamScope::Nothing,
        }
    }
    /// Applies from the next byte on.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }
    /// Forgets the stream and waits for a new header; bytes pushed and not yet returned as frames stay.
    pub fn restart(&mut self) {
        if self.phase != Phase::Failed {
            self.phase = Phase::Fresh;
            self.scope = StreamScope::Nothing;
            self.lexer.reset();
        }
    }
    /// Takes bytes from the peer.
    ///
    /// They are kept until [`Framer::next_frame`] was called often enough: call it until it returns `None` before pushing
    /// more, and never more than one element's limit and one push is kept.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.phase == Phase::Failed {
            return;
        }
        if self.head > 0 {
            self.tidy();
        }
        if self.buffer.is_empty() {
            self.buffer = bytes.to_vec();
        } else {
            self.buffer.extend_from_slice(bytes);
        }
    }
    /// The next whole frame, `None` when more bytes are needed. After an error the framer is finished.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, StreamError> {
        match self.read() {
            Ok(frame) => {
                if frame.is_none() {
                    self.tidy();
                }
                Ok(frame)
            }
            Err(fault) => {
                self.buffer = Vec::new();
                (self.head, self.legal) = (0, 0);
                self.phase = Phase::Failed;
                self.lexer.release();
                Err(fault.into())
            }
        }
    }
    /// Bytes pushed and not yet part of a returned frame.
    pub fn pending_bytes(&self) -> usize {
        self.buffer.len() - self.head
    }

    fn read(&mut self) -> Result<Option<Frame>, Fault> {
        match self.phase {
            Phase::Failed => return Err(Fault::malformed("the stream was broken before")),
            Phase::Closing => {
                self.phase = Phase::Closed;
                return Ok(Some(Frame::End));
            }
            _ => (),
        }
        if self.after_legal == After::Nothing && self.legal < self.buffer.len() {
            let (len, after) = legal_prefix(&self.buffer[self.legal..]);
            self.legal += len;
            self.after_legal = after;
        }
        loop {
            if self.lexer.is_idle() && !self.find_start()? {
                return Ok(None);
            }
            let max = self.limits.element_bytes_max.min(tape::ELEMENT_BYTES_MAX);
            let fault = Fault::Limit { what: "bytes in one element", max };
            if self.lexer.seen() > max {
                return Err(fault);
            }
            let end = self.legal.min(self.head.saturating_add(max));
            let data = &self.buffer[self.head..end];
            let declaration = self.phase == Phase::Fresh;
            match self.lexer.advance(data, &self.limits, &self.scope, declaration)? {
                Step::More if data.len() == max => return Err(fault),
                Step::More => return self.more(),
                Step::Declaration { end } => {
                    self.skip(end);
                    self.phase = Phase::Declared;
                }
                Step::Header { end, empty } => return self.open(end, empty).map(Some),
                Step::Element { end } => return Ok(Some(Frame::Element(self.cut(end)))),
                Step::Close { end } => {
                    self.skip(end);
                    self.phase = Phase::Closed;
                    return Ok(Some(Frame::End));
                }
            }
        }
    }

    /// Skips white space; whether something begins after it. Before a header it is skipped as well: what a peer sends to
    /// keep a connection alive may arrive after the stream was restarted.
    fn find_start(&mut self) -> Result<bool, Fault> {
        let rest = &self.buffer[self.head..self.legal];
        let space = rest.iter().take_while(|&&b| is_space(b)).count();
        self.head += space;
        match (rest.get(space), self.phase) {
            (None, _) => self.more().map(|_| false),
            (Some(_), Phase::Closed) => {
                Err(Fault::malformed("something follows the end of the stream"))
            }
            (Some(b'<'), _) => Ok(true),
            (Some(_), Phase::Open) => Err(TEXT_IN_STREAM),
            (Some(_), _) => Err(NO_HEADER),
        }
    }

    /// There will be more, unless what is there already can never become right.
    fn more(&self) -> Result<Option<Frame>, Fault> {
        match self.after_legal {
            After::Nothing => Ok(None),
            After::BadUtf8 => Err(NOT_UTF8),
            After::BadChar => Err(self
                .utf16()
                .unwrap_or(Fault::malformed("XML does not allow one of the characters"))),
        }
    }

    /// A peer that begins in an encoding of two bytes is told so. Looks no further than the first zero.
    fn utf16(&self) -> Option<Fault> {
        let zero = matches!(self.buffer[self.head..], [0, ..] | [b'<', 0, ..]);
        (self.phase == Phase::Fresh && zero).then_some(NOT_UTF8)
    }

    /// The header's tag is complete.
    fn open(&mut self, end: usize, empty: bool) -> Result<Frame, Fault> {
        let data = &self.buffer[self.head..self.head + end];
        let (header, scope) = header::read(data, self.lexer.work())?;
        self.scope = scope;
        self.phase = if empty { Phase::Closing } else { Phase::Open };
        self.skip(end);
        Ok(Frame::Header(header))
    }

    /// Takes the element that ends there out of the buffer.
    fn cut(&mut self, end: usize) -> Bytes {
        let work = self.lexer.work();
        let used = work.scope.stream_used;
        let default_differs = !work.root_declares_default && self.scope.default_ns() != ns::CLIENT;
        let name_end = work.root_name_end as usize;
        let has_cdata = work.has_cdata;
        let data = &self.buffer[self.head..self.head + end];
        if used == 0 && !default_differs && !has_cdata {
            if end == self.buffer.len() && self.buffer.capacity() - end <= end / 8 {
                self.legal = 0;
                self.lexer.reset();
                return Bytes::from(std::mem::take(&mut self.buffer));
            }
            let frame = Bytes::copy_from_slice(data);
            self.skip(end);
            return frame;
        }
        let mut out = Vec::with_capacity(end + 64);
        out.extend_from_slice(&data[..name_end]);
        if default_differs {
            push_declaration(&mut out, "", self.scope.default_ns());
        }
        for (index, (prefix, name)) in self.scope.declarations().enumerate() {
            if used & (1 << index) != 0 {
                push_declaration(&mut out, prefix, name);
            }
        }
        if has_cdata {
            cdata::append_as_text(&mut out, &data[name_end..]);
        } else {
            out.extend_from_slice(&data[name_end..]);
        }
        self.skip(end);
        Bytes::from(out)
    }

    /// Gives back memory: all of it when nothing is half read, else all but what is half read.
    fn tidy(&mut self) {
        self.tidy_buffer();
        if self.lexer.is_idle() {
            self.lexer.release();
        }
    }

    fn tidy_buffer(&mut self) {
        if self.head == self.buffer.len() {
            self.buffer = Vec::new();
        } else if self.head > 0 {
            self.buffer = self.buffer[self.head..].to_vec();
        }
        self.legal -= self.head;
        self.head = 0;
    }

    fn skip(&mut self, len: usize) {
        self.head += len;
        self.lexer.reset();
        if self.head == self.buffer.len() {
            self.tidy_buffer();
        }
    }
}

const NOT_UTF8: Fault =
    Fault::Rule(StreamCondition::UnsupportedEncoding, "the bytes are not UTF-8");
const NO_HEADER: Fault = Fault::malformed("the opening tag of a stream was expected");

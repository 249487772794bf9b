//! The lexer of RTR files. Tokens are taken on demand, because what a bare word may contain depends on where it stands; what
//! white space, comments and quotes hide from the grammar is reported here. It ends for every input and never panics.

use crate::diagnostic::{Report, Source, Span};

/// Errors of one file that are reported; a file that is something else altogether would have thousands.
pub(crate) const ERRORS_MAX: usize = 50;
/// Warnings of one file that are reported.
pub(crate) const WARNINGS_MAX: usize = 50;

/// What a bare word may contain.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// A keyword: up to white space or any mark.
    Name,
    /// The value of a declaration: up to white space, `;` or `"`.
    Value,
    /// A value in a list or in an entry: up to white space, `;` `,` `{` `}` or `"`.
    List,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The whole span is the word.
    Word,
    /// The text between the quotes.
    Quoted(Span),
    Equals,
    Semicolon,
    Comma,
    Open,
    Close,
    /// `#$` and the letters behind it.
    Directive,
    End,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) span: Span,
}

/// Typographic quotes in UTF-8 and in the code page of Windows.
const CURLY: [&[u8]; 12] = [
    "“".as_bytes(),
    "”".as_bytes(),
    "„".as_bytes(),
    "‟".as_bytes(),
    "‘".as_bytes(),
    "’".as_bytes(),
    "«".as_bytes(),
    "»".as_bytes(),
    b"\x91",
    b"\x92",
    b"\x93",
    b"\x94",
];
const NO_BREAK_SPACE: &[u8] = "\u{A0}".as_bytes();
const BYTE_ORDER_MARK: &[u8] = "\u{FEFF}".as_bytes();

pub(crate) struct Scanner<'a> {
    pub(crate) source: Source<'a>,
    at: usize,
    reports: Vec<Report>,
    errors: usize,
    /// Reported once for a file, at the first place.
    said: [bool; 4],
}

/// What is reported once for a file.
#[derive(Clone, Copy)]
enum Once {
    LineEnds,
    Comment,
    Control,
    NoBreakSpace,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(file: &'a str, text: &'a [u8]) -> Self {
        let source = Source::new(file, text);
        let mut scanner = Self { source, at: 0, reports: vec![], errors: 0, said: [false; 4] };
        if text.starts_with(BYTE_ORDER_MARK) {
            scanner.at = BYTE_ORDER_MARK.len();
            let span = Span { start: 0, end: scanner.at };
            scanner.report(
                Report::warning(span, "the file begins with a byte order mark").label("ignored"),
            );
        }
        scanner
    }

    /// Takes a report, unless it was made before or there are too many.
    pub(crate) fn report(&mut self, report: Report) {
        if self.reports.iter().any(|have| have.is_same(&report)) {
            return;
        }
        if report.is_error() {
            self.errors += 1;
            if self.errors > ERRORS_MAX {
                return;
            }
        } else if self.reports.len() >= self.errors.min(ERRORS_MAX) + WARNINGS_MAX {
            return;
        }
        self.reports.push(report);
    }

    /// Whether there are so many errors that reading on helps nobody.
    pub(crate) fn is_given_up(&self) -> bool {
        self.errors > ERRORS_MAX
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// The source and everything that was reported, in the order of the file.
    pub(crate) fn finish(mut self) -> (Source<'a>, Vec<Report>) {
        self.reports.sort_by_key(Report::place);
        if self.is_given_up() {
            let message =
                format!("more than {ERRORS_MAX} errors; the rest of the file was not read");
            self.reports.push(Report::about_the_file(message));
        }
        (self.source, self.reports)
    }

    fn once(&mut self, what: Once, report: Report) {
        if !std::mem::replace(&mut self.said[what as usize], true) {
            self.report(report);
        }
    }

    fn rest(&self) -> &'a [u8] {
        self.source.text.get(self.at..).unwrap_or_default()
    }

    fn until(&self, start: usize) -> Span {
        Span { start, end: self.at }
    }

    /// The bytes of a piece as text; what is not ASCII is replaced where it is not UTF-8.
    pub(crate) fn text(&self, span: Span) -> std::borrow::Cow<'a, str> {
        String::from_utf8_lossy(&self.source.text[span.start..span.end])
    }

    /// Whether two places lie on one line.
    pub(crate) fn same_line(&self, a: usize, b: usize) -> bool {
        self.source.line(a) == self.source.line(b)
    }

    /// The next token without taking it.
    pub(crate) fn peek(&mut self, mode: Mode) -> Token {
        let at = self.at;
        let token = self.next(mode);
        self.at = at;
        token
    }

    /// The next keyword and the token behind it, without taking them.
    pub(crate) fn peek_two(&mut self) -> (Token, Token) {
        let at = self.at;
        let tokens = (self.next(Mode::Name), self.next(Mode::Name));
        self.at = at;
        tokens
    }

    /// Takes the next token.
    pub(crate) fn next(&mut self, mode: Mode) -> Token {
        self.skip_blank();
        let start = self.at;
        let Some(&first) = self.rest().first() else {
            return Token { kind: Kind::End, span: self.until(start) };
        };
        let mark = match first {
            b'=' => Some(Kind::Equals),
            b';' => Some(Kind::Semicolon),
            b',' => Some(Kind::Comma),
            b'{' => Some(Kind::Open),
            b'}' => Some(Kind::Close),
            _ => None,
        };
        let kind = if let Some(kind) = mark {
            self.at += 1;
            kind
        } else if self.rest().starts_with(b"#$") {
            self.at += 2;
            let letters =
                self.rest().iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_');
            self.at += letters.count();
            Kind::Directive
        } else if first == b'"' {
            self.quoted()
        } else if let Some(quote) = self.curly() {
            self.curly_quoted(quote)
        } else {
            let word = self.rest().iter().take_while(|&&b| !ends_word(mode, b)).count();
            let blank = find(&self.rest()[..word], NO_BREAK_SPACE).filter(|&at| at > 0);
            self.at += blank.unwrap_or(word).max(1);
            Kind::Word
        };
        Token { kind, span: self.until(start) }
    }

    /// White space and comments, and what is reported of them.
    fn skip_blank(&mut self) {
        loop {
            let (start, rest) = (self.at, self.rest());
            match rest.first() {
                Some(b'\r') if rest.get(1) == Some(&b'\n') => {
                    self.at += 2;
                    let report = Report::warning(self.until(start), "the lines end with CR LF");
                    self.once(Once::LineEnds, report.label("accepted; LF alone is usual here"));
                }
                Some(b' ' | b'\t' | b'\n' | b'\r' | 0x0B | 0x0C) => self.at += 1,
                Some(b'#') if rest.get(1) != Some(&b'$') => self.skip_comment(),
                Some(byte) if byte.is_ascii_control() => {
                    self.at += 1;
                    let (name, byte) =
                        (if *byte == 0 { "NUL byte" } else { "control character" }, *byte);
                    let report = Report::error(
                        self.until(start),
                        format!("{name} (0x{byte:02X}) in the file"),
                    );
                    self.once(Once::Control, report.label("an RTR file is plain ASCII text"));
                }
                Some(_) if rest.starts_with(NO_BREAK_SPACE) => {
                    self.at += NO_BREAK_SPACE.len();
                    let report = Report::error(self.until(start), "no-break space in the file");
                    self.once(Once::NoBreakSpace, report.label("write an ordinary blank"));
                }
                _ => return,
            }
        }
    }

    fn skip_comment(&mut self) {
        let start = self.at;
        self.skip_line();
        let comment = &self.source.text[start..self.at];
        if let Some(first) = comment.iter().position(|b| !b.is_ascii()) {
            let place = start + first;
            let report =
                Report::warning(Span { start: place, end: place + 1 }, "a comment is not ASCII");
            self.once(Once::Comment, report.label("ignored, as all comments are"));
        }
        let inner = comment.trim_ascii_start().strip_prefix(b"#").unwrap_or_default();
        if inner.first() != Some(&b'$') && inner.trim_ascii_start().starts_with(b"$upgrade") {
            let report = Report::warning(self.until(start), "this is a comment, not a directive");
            self.report(report.label("a directive is written `#$upgrade`, without blanks"));
        }
    }

    /// To the end of the line, which is not taken.
    pub(crate) fn skip_line(&mut self) {
        self.at += self.rest().iter().take_while(|b| !matches!(b, b'\n' | b'\r')).count();
    }

    /// `"…"`. A newline ends it with an error.
    fn quoted(&mut self) -> Kind {
        let start = self.at;
        let line = self.source.line_span(self.source.line(start)).end.max(start + 1);
        let inner = start + 1;
        if let Some(len) = self.source.text[inner..line].iter().position(|&b| b == b'"') {
            self.at = inner + len + 1;
            return Kind::Quoted(Span { start: inner, end: inner + len });
        }
        let span = Span { start, end: line };
        // A value that was meant to go on, or a quote that was forgotten: the first thing behind it tells.
        let after = &self.source.text[line..];
        let next = after.iter().position(|b| matches!(b, b'"' | b';' | b'{' | b'}' | b'='));
        if let Some(len) = next.filter(|&len| after[len] == b'"') {
            self.at = line + len + 1;
            let report = Report::error(span, "a quoted value goes over the end of its line");
            self.report(
                report
                    .label("it must end on the line where it begins")
                    .help("write it on one line"),
            );
            return Kind::Quoted(Span { start: inner, end: line });
        }
        let text = self.source.text[inner..line].trim_ascii_end();
        let text = text.strip_suffix(b";").unwrap_or(text);
        self.at = inner + text.len();
        let report = Report::error(span, "a quoted value is not closed");
        self.report(report.label("expected `\"` before the end of the line"));
        Kind::Quoted(self.until(inner))
    }

    fn curly(&self) -> Option<&'static [u8]> {
        CURLY.into_iter().find(|quote| self.rest().starts_with(quote))
    }

    /// A value in typographic quotes: reported, and taken as if the quotes were right.
    fn curly_quoted(&mut self, quote: &[u8]) -> Kind {
        let start = self.at;
        self.at += quote.len();
        let inner = self.at;
        while let Some(&byte) = self.rest().first() {
            let closing = if byte == b'"' { Some(1) } else { self.curly().map(<[u8]>::len) };
            if closing.is_some() || matches!(byte, b'\n' | b'\r' | b';') {
                let text = self.until(inner);
                self.at += closing.unwrap_or(0);
                let report = Report::error(self.until(start), "typographic quotes");
                self.report(report.label("expected plain quotes: `\"…\"`"));
                return Kind::Quoted(text);
            }
            self.at += 1;
        }
        let report = Report::error(self.until(start), "typographic quotes");
        self.report(report.label("expected plain quotes: `\"…\"`"));
        Kind::Quoted(self.until(inner))
    }
}

fn ends_word(mode: Mode, byte: u8) -> bool {
    match byte {
        b';' | b'"' => true,
        b',' | b'{' | b'}' => mode != Mode::Value,
        b'=' | b'#' => mode == Mode::Name,
        _ => byte.is_ascii_whitespace() || byte.is_ascii_control(),
    }
}

fn find(text: &[u8], piece: &[u8]) -> Option<usize> {
    text.windows(piece.len()).position(|window| window == piece)
}

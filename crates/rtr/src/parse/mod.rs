//! The parser: text in, a type or diagnostics out, rt_reg(4).
//!
//! Recursive descent over [`crate::scan`], one file per part of the grammar. After an error it goes on where the next statement
//! begins, so that one run names most of what is wrong; a file with any error is refused as a whole. It ends for every input.
//!
//! ```text
//! rtr = RESOURCE_TYPE "=" value ";" { declaration } [ upgrade ] { entry }
//! ```

mod checks;
mod declarations;
mod entry;
mod entry_checks;
mod upgrade;

use crate::diagnostic::{Diagnostic, Diagnostics, Report, Span, shown};
use crate::model::{Property, ResourceType};
use crate::scan::{Kind, Mode, Scanner, Token};
use std::collections::{HashMap, HashSet};

/// Bytes of a file. Real ones have a few thousand.
pub const FILE_BYTES_MAX: usize = 1024 * 1024;
/// Highest API_VERSION of Sun Cluster 3.1.
pub const API_VERSION_MAX: u32 = 6;
/// Highest API_VERSION that is accepted, with a warning.
pub const API_VERSION_ACCEPTED_MAX: u32 = 10;
/// API_VERSION of a file that does not say.
pub const API_VERSION_DEFAULT: u32 = 2;

/// A file that can be registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed {
    /// What it says.
    pub resource_type: ResourceType,
    /// What its author should know, in the order of the file.
    pub warnings: Vec<Diagnostic>,
}

/// Reads an RTR file. `file_name` is what diagnostics call it.
pub fn parse(file_name: &str, text: &[u8]) -> Result<Parsed, Diagnostics> {
    let mut parser = Parser::new(file_name, text);
    if parser.is_a_text() {
        parser.file();
    }
    let is_refused = parser.scan.has_errors();
    let (source, reports) = parser.scan.finish();
    let list: Vec<_> = reports.into_iter().map(|report| source.diagnostic(report)).collect();
    if is_refused {
        return Err(Diagnostics { list });
    }
    Ok(Parsed { resource_type: parser.resource_type, warnings: list })
}

/// The parts of a file, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Declarations,
    Upgrade,
    Table,
}

struct Parser<'a> {
    scan: Scanner<'a>,
    part: Part,
    resource_type: ResourceType,
    /// Where each declaration stands, by its keyword.
    declared: HashMap<&'static str, Span>,
    /// Keywords that misspelt declarations probably meant, so that they are not reported as missing too.
    guessed: HashSet<&'static str>,
    /// Whether it was said that declarations come before the table.
    is_late_said: bool,
    /// Where each name in the table stands, folded.
    entries: HashMap<String, Span>,
    /// The places of `resource_type.properties`, in their order.
    places: Vec<Places>,
}

/// Where an entry's parts stand.
#[derive(Clone, Copy)]
struct Places {
    name: Span,
    default: Option<Span>,
}

/// A value with its place.
#[derive(Clone, Debug)]
struct Value {
    text: String,
    span: Span,
    /// Whether all of it is printable ASCII. When not, that has been reported, and nothing else is said of it.
    is_clean: bool,
}

/// `[ "=" [ value { "," value } ] ]`
struct Values {
    /// Whether there was a `=`.
    equals: bool,
    list: Vec<Value>,
    /// Everything behind the name.
    span: Span,
}

impl<'a> Parser<'a> {
    fn new(file_name: &'a str, text: &'a [u8]) -> Self {
        // Of a file that is too big nothing is looked at.
        let text = if text.len() > FILE_BYTES_MAX { &text[..FILE_BYTES_MAX + 1] } else { text };
        Self {
            scan: Scanner::new(file_name, text),
            part: Part::Declarations,
            resource_type: declarations::nothing_declared(),
            declared: HashMap::new(),
            guessed: HashSet::new(),
            is_late_said: false,
            entries: HashMap::new(),
            places: Vec::new(),
        }
    }

    /// Refuses what is not worth reading.
    fn is_a_text(&mut self) -> bool {
        let text = self.scan.source.text;
        let problem = if text.len() > FILE_BYTES_MAX {
            format!("the file is bigger than {FILE_BYTES_MAX} bytes, which no RTR file is")
        } else if text.starts_with(b"\xFF\xFE") || text.starts_with(b"\xFE\xFF") {
            "the file is UTF-16; save it as plain ASCII".to_owned()
        } else {
            return true;
        };
        self.scan.report(Report::about_the_file(problem));
        false
    }

    fn file(&mut self) {
        let mut entries_seen = 0;
        while !self.scan.is_given_up() {
            let token = self.scan.peek(Mode::Name);
            match token.kind {
                Kind::End => break,
                Kind::Word => self.declaration(),
                Kind::Directive => self.directive(),
                Kind::Open => {
                    self.check_first(token.span);
                    self.part = Part::Table;
                    entries_seen += 1;
                    self.entry();
                }
                _ => self.stray(token),
            }
        }
        if entries_seen == 0 && self.declared.is_empty() && !self.scan.has_errors() {
            let report = Report::about_the_file("the file declares nothing");
            self.scan.report(
                report.label("expected `RESOURCE_TYPE = name;` and the other declarations"),
            );
        } else if !self.scan.is_given_up() {
            self.check_file();
        }
    }

    /// A token with which nothing begins.
    fn stray(&mut self, token: Token) {
        self.scan.next(Mode::Name);
        let text = self.shown(token.span);
        let report = Report::error(token.span, format!("unexpected `{text}`"));
        let expected = match (token.kind, self.part) {
            (Kind::Close, _) => "no `{` is open here",
            (Kind::Semicolon, Part::Table) => "an entry ends with `}` alone",
            (Kind::Semicolon, _) => "there is no statement that this could end",
            (_, Part::Declarations) => "expected a declaration",
            _ => "expected `{`",
        };
        self.scan.report(report.label(expected));
        if !matches!(token.kind, Kind::Close | Kind::Semicolon) {
            self.skip_rest_of_line();
        }
    }

    /// The bytes of a piece, for a message.
    fn shown(&self, span: Span) -> String {
        shown(&self.scan.text(span))
    }

    /// The text of a word or quoted value. What is not ASCII is reported.
    fn value(&mut self, token: Token) -> Value {
        let span = match token.kind {
            Kind::Quoted(inner) => inner,
            _ => token.span,
        };
        let bytes = &self.scan.source.text[span.start..span.end];
        let foreign = |b: &u8| !b.is_ascii() || (b.is_ascii_control() && *b != b'\t');
        let first = bytes.iter().position(foreign);
        if let Some(first) = first {
            let last = bytes.iter().rposition(foreign).unwrap_or(first);
            let place = Span { start: span.start + first, end: span.start + last + 1 };
            let what =
                if bytes[first] == 0 { "a NUL byte" } else { "a character that is not ASCII" };
            let report = Report::error(place, format!("{what} in a value"));
            self.scan.report(report.label("expected printable ASCII"));
        }
        Value {
            text: self.scan.text(span).into_owned(),
            span: token.span,
            is_clean: first.is_none(),
        }
    }

    /// What follows a name up to its `;`, which is taken too.
    fn values(&mut self, name: Span, mode: Mode) -> Values {
        let mut values = Values { equals: false, list: vec![], span: name.after() };
        if self.scan.peek(Mode::Name).kind == Kind::Equals {
            values.equals = true;
            values.span = self.scan.next(Mode::Name).span;
            self.list(&mut values, mode);
        } else if self.is_equals_missing(name) {
            let report = Report::error(name.after(), "a name and a value without `=`");
            self.scan.report(report.label("expected `=`"));
            values.equals = true;
            self.list(&mut values, mode);
        }
        self.semicolon(name.to(values.span), values.equals);
        values
    }

    /// Whether a value follows the name on its line. After a word that takes none it is another mistake.
    fn is_equals_missing(&mut self, name: Span) -> bool {
        let token = self.scan.peek(Mode::Name);
        matches!(token.kind, Kind::Word | Kind::Quoted(_))
            && self.scan.same_line(name.start, token.span.start)
            && !entry::is_keyword(&self.scan.text(token.span))
            && !entry::takes_no_value(&self.scan.text(name))
    }

    fn list(&mut self, values: &mut Values, mode: Mode) {
        let first = self.scan.peek(mode);
        let is_value = matches!(first.kind, Kind::Word | Kind::Quoted(_));
        if !is_value || self.begins_statement(first, values.span) {
            return;
        }
        loop {
            let token = self.scan.peek(mode);
            match token.kind {
                Kind::Word | Kind::Quoted(_) if !self.begins_statement(token, values.span) => {
                    self.scan.next(mode);
                    let value = self.value(token);
                    values.list.push(value);
                    values.span = values.span.to(token.span);
                }
                _ => {
                    let report = Report::error(values.span.after(), "a list ends with a comma");
                    self.scan.report(report.label("expected a value"));
                    return;
                }
            }
            let comma = self.scan.peek(Mode::List);
            if comma.kind != Kind::Comma {
                return;
            }
            self.scan.next(Mode::List);
            values.span = values.span.to(comma.span);
        }
    }

    /// Whether a word where a value could stand is the next statement already: a keyword on a line of its own with what follows
    /// a keyword behind it. (A method's program may well be called `start`.)
    fn begins_statement(&mut self, token: Token, before: Span) -> bool {
        if token.kind != Kind::Word || self.scan.same_line(before.end, token.span.start) {
            return false;
        }
        let (word, behind) = self.scan.peek_two();
        let word = self.scan.text(word.span);
        match behind.kind {
            Kind::Equals => declarations::is_keyword(&word) || entry::is_keyword(&word),
            Kind::Open | Kind::Semicolon => self.part == Part::Table && entry::is_keyword(&word),
            _ => false,
        }
    }

    /// Takes the `;` behind a statement; says what stands there instead.
    fn semicolon(&mut self, statement: Span, equals: bool) {
        let token = self.scan.peek(Mode::Name);
        if token.kind == Kind::Semicolon {
            self.scan.next(Mode::Name);
            return;
        }
        let is_junk =
            matches!(token.kind, Kind::Word | Kind::Quoted(_) | Kind::Equals | Kind::Comma);
        if !is_junk || !self.scan.same_line(statement.end.saturating_sub(1), token.span.start) {
            let report = Report::error(statement.after(), "a statement does not end");
            self.scan.report(report.label("expected `;`"));
            return;
        }
        let text = self.shown(token.span);
        let report = Report::error(token.span, format!("unexpected `{text}`"));
        self.scan.report(match token.kind {
            Kind::Word if equals => report
                .label("expected `;`")
                .help("a value with blanks must stand in quotes: `\"…\"`"),
            _ if equals => report.label("expected `;`"),
            _ => report.label("expected `=` or `;`"),
        });
        self.skip_rest_of_line();
    }

    /// Skips to the end of the statement or of the line, whichever comes first.
    fn skip_rest_of_line(&mut self) {
        loop {
            let token = self.scan.peek(Mode::Name);
            let from = token.span.start;
            match token.kind {
                Kind::End | Kind::Open | Kind::Close | Kind::Directive => return,
                Kind::Semicolon => {
                    self.scan.next(Mode::Name);
                    return;
                }
                _ => self.scan.next(Mode::Name),
            };
            let next = self.scan.peek(Mode::Name);
            if next.kind != Kind::Semicolon && !self.scan.same_line(from, next.span.start) {
                return;
            }
        }
    }

    /// The one value of a statement that takes one; reports what is wrong.
    fn one(&mut self, name: &str, span: Span, values: Values, expected: &str) -> Option<Value> {
        let Values { equals, list, span: behind } = values;
        let mut list = list.into_iter();
        match (list.next(), list.next()) {
            (Some(value), None) => return Some(value),
            (Some(_), Some(second)) => {
                let report = Report::error(second.span, format!("{name} takes one value"));
                self.scan.report(report.label("expected `;` before this"));
            }
            (None, _) => {
                let place = if equals { behind } else { span };
                let report = Report::error(place, format!("{name} has no value"));
                self.scan.report(report.label(format!("expected {expected}")));
            }
        }
        None
    }

    /// The value of a statement whose values are a fixed set of words.
    fn word<T: crate::names::Keyword>(&mut self, name: &str, value: &Value) -> Option<T> {
        let word = T::from_word(&value.text);
        if word.is_none() && value.is_clean {
            let message = format!("`{}` is not a value of {name}", shown(&value.text));
            let report = Report::error(value.span, message)
                .label(format!("expected {}", alternatives(T::words())))
                .suggest(crate::names::nearest(&value.text, T::words()));
            self.scan.report(report);
        }
        word
    }

    fn push(&mut self, property: Property, places: Places) {
        self.resource_type.properties.push(property);
        self.places.push(places);
    }
}

/// `a, b or c`
fn alternatives(words: impl Iterator<Item = &'static str>) -> String {
    let words: Vec<_> = words.collect();
    match words.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}

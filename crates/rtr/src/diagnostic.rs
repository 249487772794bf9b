//! What is wrong with an RTR file, said so that its author can mend it without the manual: where, what stands there, what was
//! expected. Looks like a compiler's message, because that is what people of this trade can read fastest.
//!
//! A diagnostic carries all it needs for printing, so it can travel from the node daemon to a command. Its size is bounded
//! whatever the file holds. It must never repeat control characters of the file to a terminal.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Columns of a source line that are shown; longer lines are cut round the underlined part.
const SHOWN_COLUMNS_MAX: usize = 120;
/// Columns shown in front of the underlined part when a line is cut.
const LEAD_COLUMNS: usize = 40;
/// Tabs are shown as blanks up to the next multiple of this, as terminals and vi do.
const TAB_COLUMNS: usize = 8;
/// Characters of a value that a message repeats.
const QUOTED_CHARS_MAX: usize = 60;

/// Whether a file can be registered in spite of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Severity {
    /// The file is refused.
    Error,
    /// The file is accepted; its author should know.
    Warning,
}

/// One thing that is wrong, at one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// Whether the file is refused for it.
    pub severity: Severity,
    /// What is wrong, naming the thing.
    pub message: String,
    /// As given to [`crate::parse`].
    pub file: String,
    /// From 1.
    pub line: u32,
    /// From 1, in characters; a tab is one.
    pub column: u32,
    /// The source line with the part to underline; absent when it is about the file as a whole.
    pub excerpt: Option<Excerpt>,
    /// Beside the underline: what was expected there.
    pub label: String,
    /// What to do, each one line.
    pub help: Vec<String>,
}

/// A line of the file, made printable: tabs are blanks, control characters are pictures, long lines are cut.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Excerpt {
    /// The line.
    pub text: String,
    /// Columns in front of the underline.
    pub start: usize,
    /// Columns of the underline, at least 1.
    pub len: usize,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        writeln!(f, "{severity}: {}", self.message)?;
        let number = self.line.to_string();
        let margin = " ".repeat(number.len());
        write!(f, "{margin}--> {}:{}:{}", self.file, self.line, self.column)?;
        if let Some(Excerpt { text, start, len }) = &self.excerpt {
            let line = format!("{number} | {text}");
            writeln!(f, "\n{margin} |\n{}", line.trim_end())?;
            let underline = format!("{}{}", " ".repeat(*start), "^".repeat(*len));
            write!(f, "{}", format!("{margin} | {underline} {}", self.label).trim_end())?;
        } else if !self.label.is_empty() {
            write!(f, "\n{margin} = {}", self.label)?;
        }
        for help in &self.help {
            write!(f, "\n{margin} = help: {help}")?;
        }
        Ok(())
    }
}

/// Why a file was refused: at least one error, and the warnings, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostics {
    /// In the order of the file.
    pub list: Vec<Diagnostic>,
}

impl Diagnostics {
    /// How many are errors.
    pub fn errors(&self) -> usize {
        self.list.iter().filter(|d| d.severity == Severity::Error).count()
    }
}

/// All of them with a blank line between, and a line that counts them.
impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for diagnostic in &self.list {
            writeln!(f, "{diagnostic}\n")?;
        }
        let (errors, file) = (self.errors(), self.list.first().map_or("", |d| &d.file));
        write!(f, "{file}: {}", counted(errors, "error"))?;
        match self.list.len() - errors {
            0 => Ok(()),
            warnings => write!(f, ", {}", counted(warnings, "warning")),
        }
    }
}

impl std::error::Error for Diagnostics {}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// A value as a message repeats it: printable and cut.
pub(crate) fn shown(value: &str) -> String {
    let mut shown = String::new();
    for char in value.chars().take(QUOTED_CHARS_MAX) {
        match char {
            // Escaping these would show what the author did not write.
            '"' | '\'' | '\\' => shown.push(char),
            _ => shown.extend(char.escape_debug()),
        }
    }
    if value.chars().nth(QUOTED_CHARS_MAX).is_some() {
        shown.push('…');
    }
    shown
}

/// A piece of the file, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Span {
    /// The place just behind this piece.
    pub(crate) fn after(self) -> Self {
        Self { start: self.end, end: self.end }
    }

    /// From the start of this piece to the end of the other.
    pub(crate) fn to(self, other: Self) -> Self {
        Self { start: self.start, end: other.end.max(self.end) }
    }
}

/// The file and where its lines start. A line ends with LF, CR LF or CR.
pub(crate) struct Source<'a> {
    file: &'a str,
    pub(crate) text: &'a [u8],
    lines: Vec<usize>,
}

impl<'a> Source<'a> {
    pub(crate) fn new(file: &'a str, text: &'a [u8]) -> Self {
        let ends = (0..text.len()).filter(|&at| match text[at] {
            b'\n' => true,
            b'\r' => text.get(at + 1) != Some(&b'\n'),
            _ => false,
        });
        let lines = std::iter::once(0).chain(ends.map(|at| at + 1)).collect();
        Self { file, text, lines }
    }

    /// Index of the line in which a byte lies, from 0.
    pub(crate) fn line(&self, offset: usize) -> usize {
        self.lines.partition_point(|&start| start <= offset).saturating_sub(1)
    }

    /// Bytes of a line without its end.
    pub(crate) fn line_span(&self, line: usize) -> Span {
        let start = self.lines.get(line).copied().unwrap_or(self.text.len());
        let end = self.lines.get(line + 1).copied().unwrap_or(self.text.len());
        let line = &self.text[start..end];
        let ends = line.iter().rev().take_while(|b| matches!(b, b'\n' | b'\r')).count();
        Span { start, end: end - ends }
    }

    /// Makes a report printable. A span over several lines is underlined on its first.
    pub(crate) fn diagnostic(&self, report: Report) -> Diagnostic {
        let Report { severity, span, message, label, help } = report;
        let (line, column, excerpt) = match span {
            Some(span) => {
                let line = self.line(span.start);
                let (column, excerpt) = self.excerpt(line, span);
                (line + 1, column, Some(excerpt))
            }
            None => (1, 1, None),
        };
        let narrow = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let (line, column) = (narrow(line), narrow(column));
        Diagnostic { severity, message, file: shown(self.file), line, column, excerpt, label, help }
    }

    fn excerpt(&self, line: usize, span: Span) -> (usize, Excerpt) {
        let Span { start: from, end: to } = self.line_span(line);
        let (mut text, mut column) = (Vec::<char>::new(), 1);
        let (mut first, mut last) = (None, None);
        let mut at = from;
        'line: for chunk in self.text[from..to].utf8_chunks() {
            let broken =
                (!chunk.invalid().is_empty()).then_some(('\u{FFFD}', chunk.invalid().len()));
            for (char, bytes) in chunk.valid().chars().map(|c| (c, c.len_utf8())).chain(broken) {
                if at >= span.start {
                    first.get_or_insert(text.len());
                } else {
                    column += 1;
                }
                if at >= span.end {
                    last.get_or_insert(text.len());
                }
                // Nobody is shown more than this.
                if first.is_some_and(|first| text.len() > first + 2 * SHOWN_COLUMNS_MAX) {
                    break 'line;
                }
                at += bytes;
                match char {
                    '\t' => text.resize((text.len() / TAB_COLUMNS + 1) * TAB_COLUMNS, ' '),
                    _ => text.push(printable(char)),
                }
            }
        }
        let first = first.unwrap_or(text.len());
        let last = last.unwrap_or(text.len()).max(first);
        (column, window(&text, first, last))
    }
}

/// A control character as its picture, and what would turn the line round as a mark.
fn printable(char: char) -> char {
    match char {
        '\u{0}'..='\u{1F}' => char::from_u32(0x2400 + u32::from(char)).unwrap_or('\u{FFFD}'),
        '\u{7F}' => '\u{2421}',
        '\u{80}'..='\u{9F}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' => '\u{FFFD}',
        '\u{2066}'..='\u{2069}' | '\u{FEFF}' => '\u{FFFD}',
        _ => char,
    }
}

/// Cuts a long line round the columns `first..last`.
fn window(text: &[char], first: usize, last: usize) -> Excerpt {
    let from = if text.len() > SHOWN_COLUMNS_MAX { first.saturating_sub(LEAD_COLUMNS) } else { 0 };
    let to = text.len().min(from + SHOWN_COLUMNS_MAX);
    let mut shown = String::new();
    if from > 0 {
        shown.push('…');
    }
    shown.extend(&text[from..to]);
    if to < text.len() {
        shown.push('…');
    }
    let start = first - from + usize::from(from > 0);
    Excerpt { text: shown, start, len: (last.min(to).max(first) - first).max(1) }
}

/// A diagnostic before its place is looked up.
#[derive(Debug)]
pub(crate) struct Report {
    severity: Severity,
    /// `None`: about the file as a whole.
    span: Option<Span>,
    message: String,
    label: String,
    help: Vec<String>,
}

impl Report {
    pub(crate) fn error(span: Span, message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            severity: Severity::Error,
            span: Some(span),
            message,
            label: String::new(),
            help: vec![],
        }
    }

    pub(crate) fn warning(span: Span, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(span, message) }
    }

    /// Without a place.
    pub(crate) fn about_the_file(message: impl Into<String>) -> Self {
        Self { span: None, ..Self::error(Span { start: 0, end: 0 }, message) }
    }

    pub(crate) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// "did you mean", when there is something near enough.
    pub(crate) fn suggest(self, nearest: Option<&str>) -> Self {
        match nearest {
            Some(name) => self.help(format!("did you mean `{name}`?")),
            None => self,
        }
    }

    pub(crate) fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// Two reports of the same thing, met twice because a token was looked at twice.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.span == other.span && self.message == other.message
    }

    pub(crate) fn place(&self) -> usize {
        self.span.map_or(0, |span| span.start)
    }
}

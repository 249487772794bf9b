//! From the text of a file to assignments of known keys, with every unknown key and unreadable line reported.
//!
//! Never looks at what a value means; that is the kind's business.

use super::kind::Raw;
use super::problem::{Position, Problem, nearest};
use super::table::{Key, SECTIONS, Section};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Bytes a configuration file may have.
pub(crate) const FILE_BYTES_MAX: u64 = 1 << 20;

/// A key of the table with the value the file gives it.
pub(crate) struct Assignment {
    /// Its section.
    pub(crate) section: &'static Section,
    /// Which `[[section]]`, from 0; 0 for plain sections.
    pub(crate) item: usize,
    /// The key.
    pub(crate) key: &'static Key,
    /// What it is given.
    pub(crate) raw: Raw,
    /// Where the value stands.
    pub(crate) position: Position,
}

/// What a file says.
#[derive(Default)]
pub(crate) struct FileContent {
    /// In the order of the table's names.
    pub(crate) assignments: Vec<Assignment>,
    /// Where each `[[listen]]` begins.
    pub(crate) listeners: Vec<Position>,
    /// What could not be understood.
    pub(crate) problems: Vec<Problem>,
}

struct Reading<'a> {
    file: &'a str,
    text: &'a str,
    content: FileContent,
}

/// Reads the text of a file called `file`.
pub(crate) fn read(file: &str, text: &str) -> FileContent {
    let mut reading = Reading { file, text, content: FileContent::default() };
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let byte = error.span().map_or(0, |span| span.start);
        reading.report(byte, error.message().replace('\n', "; "));
    }
    // After a syntax error the rest of the file may be misread; complaints about it would mislead.
    if errors.is_empty() {
        reading.top_level(table.get_ref());
    }
    reading.content
}

impl Reading<'_> {
    fn position(&self, byte: usize) -> Position {
        Position::of(self.file, self.text, byte)
    }

    fn report(&mut self, byte: usize, text: impl Into<String>) {
        let position = self.position(byte);
        self.content.problems.push(Problem::new(position, text));
    }

    fn top_level(&mut self, table: &DeTable<'_>) {
        for (name, value) in table.iter() {
            let section =
                SECTIONS.iter().find(|s| !s.name.is_empty() && s.name == name.get_ref().as_ref());
            match (section, value.get_ref()) {
                (Some(section), DeValue::Table(inner)) if !section.repeated => {
                    self.section(section, 0, inner)
                }
                (Some(section), DeValue::Array(items)) if section.repeated => {
                    for (item, value) in items.iter().enumerate() {
                        match value.get_ref() {
                            DeValue::Table(inner) => {
                                let position = self.position(value.span().start);
                                self.content.listeners.push(position);
                                self.section(section, item, inner);
                            }
                            _ => self.report(value.span().start, misshapen(section)),
                        }
                    }
                }
                (Some(section), _) => self.report(name.span().start, misshapen(section)),
                (None, DeValue::Table(_)) => {
                    let text = unknown_section(name.get_ref());
                    self.report(name.span().start, text);
                }
                (None, _) => self.assignment(&SECTIONS[0], 0, name, value),
            }
        }
    }

    fn section(&mut self, section: &'static Section, item: usize, table: &DeTable<'_>) {
        for (name, value) in table.iter() {
            self.assignment(section, item, name, value);
        }
    }

    fn assignment(
        &mut self,
        section: &'static Section,
        item: usize,
        name: &Spanned<std::borrow::Cow<'_, str>>,
        value: &Spanned<DeValue<'_>>,
    ) {
        match section.keys.iter().find(|key| key.name == name.get_ref().as_ref()) {
            Some(key) => {
                let position = self.position(value.span().start);
                let raw = raw(value.get_ref());
                self.content.assignments.push(Assignment { section, item, key, raw, position });
            }
            None => self.report(name.span().start, unknown_key(section, name.get_ref())),
        }
    }
}

fn misshapen(section: &Section) -> String {
    if section.repeated {
        format!("{0:?} must be written as [[{0}]], once for each", section.name)
    } else {
        format!("{0:?} must be written as [{0}] with its keys below", section.name)
    }
}

fn unknown_section(name: &str) -> String {
    let known = SECTIONS.iter().filter(|section| !section.name.is_empty());
    match nearest(name, known.clone().map(|section| section.name)) {
        Some(near) => {
            let title =
                SECTIONS.iter().find(|s| s.name == near).map(Section::title).unwrap_or_default();
            format!("unknown section [{name}]; did you mean {title}?")
        }
        None => {
            let titles: Vec<String> = known.map(Section::title).collect();
            format!("unknown section [{name}]; there are {}", titles.join(", "))
        }
    }
}

fn unknown_key(section: &Section, name: &str) -> String {
    let start = format!("unknown key {name:?} in {}", section.title());
    if let Some(near) = nearest(name, section.keys.iter().map(|key| key.name)) {
        return format!("{start}; did you mean {near:?}?");
    }
    if let Some(home) = SECTIONS.iter().find(|s| s.keys.iter().any(|key| key.name == name)) {
        return format!("{start}; it belongs in {}", home.title());
    }
    if section.name.is_empty() {
        let sections = SECTIONS.iter().map(|section| section.name).filter(|name| !name.is_empty());
        if let Some(near) = nearest(name, sections) {
            return format!("{start}; did you mean the section {near:?}?");
        }
    }
    let known: Vec<&str> = section.keys.iter().map(|key| key.name).collect();
    format!("{start}; known here: {}", known.join(", "))
}

/// A value of the parser, as kinds look at it.
pub(super) fn raw(value: &DeValue<'_>) -> Raw {
    match value {
        DeValue::String(text) => Raw::Text(text.to_string()),
        DeValue::Boolean(on) => Raw::Switch(*on),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| Raw::Other(number.to_string()), Raw::Number),
        DeValue::Array(items) => {
            let texts: Option<Vec<String>> =
                items.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect();
            texts.map_or_else(
                || Raw::Other("a list of other things than texts".to_owned()),
                Raw::List,
            )
        }
        DeValue::Float(number) => Raw::Other(number.to_string()),
        DeValue::Datetime(time) => Raw::Other(time.to_string()),
        DeValue::Table(_) => Raw::Other("a table".to_owned()),
    }
}

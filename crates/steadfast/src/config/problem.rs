//! What is wrong with a configuration, and where.
//!
//! Several are reported in one run; each is one line that begins with the place.

use std::fmt;

/// A place in a configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    /// The file as the operator named it.
    pub(crate) file: String,
    /// From 1.
    pub(crate) line: usize,
    /// From 1, in characters.
    pub(crate) column: usize,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// `FILE:LINE:COL`, `FILE`, the name of a variable or of a flag.
    pub(crate) place: String,
    /// What is wrong, the value, and what is allowed.
    pub(crate) text: String,
}

impl Problem {
    /// A problem at a place.
    pub(crate) fn new(place: impl fmt::Display, text: impl Into<String>) -> Self {
        Self { place: place.to_string(), text: text.into() }
    }
}

impl Position {
    /// The place of a byte of a text.
    pub(crate) fn of(file: &str, text: &str, byte: usize) -> Self {
        let before = text.get(..byte).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            file: file.to_owned(),
            line: before.bytes().filter(|b| *b == b'\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

/// Puts problems with a line in the order of lines, and all others after them in the order they were found.
pub(crate) fn sort(problems: &mut [Problem]) {
    problems.sort_by_key(|problem| {
        let mut parts = problem.place.rsplit(':').map(str::parse::<usize>);
        match (parts.next(), parts.next()) {
            (Some(Ok(column)), Some(Ok(line))) => (line, column),
            _ => (usize::MAX, 0),
        }
    });
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.text)
    }
}

/// The nearest of the known names, if any is near enough to be meant.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    known
        .into_iter()
        .map(|candidate| (strsim::osa_distance(&name, &candidate.to_lowercase()), candidate))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, candidate)| *distance <= (candidate.len() / 3).max(1))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters() {
        assert_eq!(Position::of("f", "ä\nöü x", 8).to_string(), "f:2:4");
        assert_eq!(Position::of("f", "", 0).to_string(), "f:1:1");
    }

    #[test]
    fn only_near_names_are_suggested() {
        let known = ["address", "kind", "tls"];
        assert_eq!(nearest("adress", known), Some("address"));
        assert_eq!(nearest("Kind", known), Some("kind"));
        assert_eq!(nearest("colour", known), None);
    }
}

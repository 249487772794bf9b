//! Values of properties: whether a text is a value of a kind, and the one spelling under which it is kept.
//!
//! Every value that enters the cluster's configuration goes through here, from an RTR file or from a command. Each refusal is one
//! sentence that names the property, the value and the bound.

use crate::diagnostic::shown;
use crate::model::{PropertyKind, Range};
use crate::names::{Keyword, is_legal_name, nearest};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Bytes of a value, all elements of an array together. The original allows 4 MiB; a record of the control store does not.
pub const VALUE_BYTES_MAX: usize = 64 * 1024;

/// Literals of an enumeration that a message lists.
const LISTED_LITERALS_MAX: usize = 16;

/// Protocols of Port_list.
const PROTOCOLS: [&str; 4] = ["tcp", "udp", "tcp6", "udp6"];

/// What the elements of a system-defined array (or a value) must look like beyond their kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rule {
    /// Nothing more.
    #[default]
    Plain,
    /// `port/protocol`; `80` is `80/tcp`.
    Ports,
    /// Legal names of resources or groups.
    Names,
    /// `weight@node`.
    Weights,
    /// Empty, or an absolute path.
    Path,
}

/// Why a text is not a value of a property. The operator erred.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("property {property}: {problem}")]
pub struct ValueError {
    /// Name of the property.
    pub property: String,
    /// What is wrong.
    pub problem: ValueProblem,
}

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "each variant is its sentence")]
pub enum ValueProblem {
    #[error("a value is needed; an empty one is not possible for {kind}")]
    Empty { kind: &'static str },
    #[error("{count} values were given, but it takes one")]
    Several { count: usize },
    #[error("the value is {bytes} bytes long, at most {VALUE_BYTES_MAX} are possible")]
    TooBig { bytes: usize },
    #[error("\"{value}\" contains {character}, which no value may contain{remedy}")]
    Illegal { value: String, character: String, remedy: &'static str },
    #[error("\"{value}\" is not a decimal integer")]
    NotInteger { value: String },
    #[error("{value} is less than the minimum, {bound}")]
    BelowMin { value: i64, bound: i64 },
    #[error("{value} is more than the maximum, {bound}")]
    AboveMax { value: i64, bound: i64 },
    #[error("\"{value}\" is neither TRUE nor FALSE")]
    NotBoolean { value: String },
    #[error("\"{value}\" is not one of {}{}", listed(.literals), did_you_mean(.nearest))]
    NotLiteral { value: String, literals: Vec<String>, nearest: Option<String> },
    #[error("\"{value}\" is {bytes} bytes long, at least {bound} are required")]
    TooShort { value: String, bytes: usize, bound: i64 },
    #[error("\"{value}\" is {bytes} bytes long, at most {bound} are allowed")]
    TooLong { value: String, bytes: usize, bound: i64 },
    #[error("{count} elements were given, at least {bound} are required")]
    TooFew { count: usize, bound: i64 },
    #[error("{count} elements were given, at most {bound} are allowed")]
    TooMany { count: usize, bound: i64 },
    #[error("an element of the list is empty")]
    EmptyElement,
    #[error(
        "\"{value}\" is not a port, which is a number from 1 to 65535 with an optional protocol, such as 80/tcp"
    )]
    NotPort { value: String },
    #[error("\"{value}\" names no protocol that exists; possible are tcp, udp, tcp6, udp6")]
    NotProtocol { value: String },
    #[error(
        "\"{value}\" is not a name: a letter, then letters, digits, - and _, at most 255 in all"
    )]
    NotName { value: String },
    #[error("\"{value}\" is not weight@node, such as 2@node-1")]
    NotWeight { value: String },
    #[error("\"{value}\" is not an absolute path")]
    NotPath { value: String },
}

/// The literals as a message lists them.
fn listed(literals: &[String]) -> String {
    let first = literals.get(..LISTED_LITERALS_MAX).unwrap_or(literals);
    let more = if first.len() < literals.len() { ", …" } else { "" };
    format!("{}{more}", first.join(", "))
}

fn did_you_mean(nearest: &Option<String>) -> String {
    nearest.as_ref().map_or_else(String::new, |name| format!("; did you mean {name}?"))
}

/// Splits a list as commands take it, `a,b,c`. Blanks round elements do not count; nothing but blanks is the empty list.
pub fn split_list(text: &str) -> Vec<&str> {
    if text.trim().is_empty() { vec![] } else { text.split(',').map(str::trim).collect() }
}

/// A decimal integer with an optional sign.
pub(crate) fn integer(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_decimal = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    is_decimal.then(|| text.parse().ok()).flatten()
}

impl PropertyKind {
    /// The keyword of RTR files.
    pub fn keyword(&self) -> &'static str {
        match self {
            Self::String { .. } => "STRING",
            Self::Int { .. } => "INT",
            Self::Boolean => "BOOLEAN",
            Self::Enum { .. } => "ENUM",
            Self::StringArray { .. } => "STRINGARRAY",
        }
    }

    /// Whether values are lists.
    pub fn is_array(&self) -> bool {
        matches!(self, Self::StringArray { .. })
    }

    /// The values as they are kept: integers without leading zeros, TRUE or FALSE, literals as declared. One element for single
    /// values, none for an empty string or array.
    pub fn check<S: AsRef<str>>(
        &self,
        property: &str,
        values: &[S],
    ) -> Result<Vec<String>, ValueError> {
        self.check_with(Rule::Plain, property, values)
    }

    /// [`PropertyKind::check`] with what a system-defined property demands beyond its kind.
    pub fn check_with<S: AsRef<str>>(
        &self,
        rule: Rule,
        property: &str,
        values: &[S],
    ) -> Result<Vec<String>, ValueError> {
        let values: Vec<&str> = values.iter().map(AsRef::as_ref).collect();
        self.checked(rule, &values)
            .map_err(|problem| ValueError { property: property.to_owned(), problem })
    }

    fn checked(&self, rule: Rule, values: &[&str]) -> Result<Vec<String>, ValueProblem> {
        let bytes = values.iter().map(|v| v.len()).sum::<usize>() + values.len().saturating_sub(1);
        if bytes > VALUE_BYTES_MAX {
            return Err(ValueProblem::TooBig { bytes });
        }
        for value in values {
            is_made_of_legal_characters(value, self.is_array())?;
        }
        // `Name=` and `DEFAULT = "";` are the empty value, of arrays too.
        let values = if values == [""] { &[] } else { values };
        match self {
            Self::StringArray { length, size } => {
                check_size(*size, values.len())?;
                values.iter().map(|value| element(rule, *length, value)).collect()
            }
            Self::String { length } => match single(values)? {
                Some(value) => element(rule, *length, value).map(|value| vec![value]),
                None => check_length(*length, "").map(|()| vec![]),
            },
            Self::Int { range } => {
                let value = self.needed(values)?;
                let number = integer(value)
                    .ok_or_else(|| ValueProblem::NotInteger { value: shown(value) })?;
                check_range(*range, number)?;
                Ok(vec![number.to_string()])
            }
            Self::Boolean => {
                let value = self.needed(values)?;
                let truth = bool::from_word(value)
                    .ok_or_else(|| ValueProblem::NotBoolean { value: shown(value) })?;
                Ok(vec![if truth { "TRUE" } else { "FALSE" }.to_owned()])
            }
            Self::Enum { literals } => literal(literals, self.needed(values)?),
        }
    }

    fn needed<'v>(&self, values: &[&'v str]) -> Result<&'v str, ValueProblem> {
        single(values)?.ok_or(ValueProblem::Empty { kind: self.keyword() })
    }
}

fn single<'v>(values: &[&'v str]) -> Result<Option<&'v str>, ValueProblem> {
    match values {
        [] => Ok(None),
        [value] => Ok(Some(value)),
        _ => Err(ValueProblem::Several { count: values.len() }),
    }
}

/// Whether an element or value has only characters that a value may have ("legal RGM values").
fn is_made_of_legal_characters(value: &str, is_element: bool) -> Result<(), ValueProblem> {
    let illegal = |c: &char| !c.is_ascii() || matches!(c, '\0' | '\n' | '\r' | ',' | ';');
    let Some(found) = value.chars().find(illegal) else { return Ok(()) };
    let (character, remedy) = match found {
        '\0' => ("a NUL byte".to_owned(), ""),
        '\n' | '\r' => ("a line end".to_owned(), ""),
        ',' if is_element => ("a comma".to_owned(), ", because it separates elements"),
        ',' => ("a comma".to_owned(), "; put a command that needs one into a script"),
        ';' => ("a semicolon".to_owned(), "; put a command that needs one into a script"),
        _ => (format!("'{}', which is not ASCII and", shown(&found.to_string())), ""),
    };
    let character = character.replace(", which is not ASCII and", " (not ASCII)");
    Err(ValueProblem::Illegal { value: shown(value), character, remedy })
}

fn check_range(range: Range, value: i64) -> Result<(), ValueProblem> {
    match (range.min, range.max) {
        (Some(bound), _) if value < bound => Err(ValueProblem::BelowMin { value, bound }),
        (_, Some(bound)) if value > bound => Err(ValueProblem::AboveMax { value, bound }),
        _ => Ok(()),
    }
}

fn check_length(length: Range, value: &str) -> Result<(), ValueProblem> {
    let bytes = value.len();
    match check_range(length, i64::try_from(bytes).unwrap_or(i64::MAX)) {
        Err(ValueProblem::BelowMin { bound, .. }) => {
            Err(ValueProblem::TooShort { value: shown(value), bytes, bound })
        }
        Err(ValueProblem::AboveMax { bound, .. }) => {
            Err(ValueProblem::TooLong { value: shown(value), bytes, bound })
        }
        other => other,
    }
}

fn check_size(size: Range, count: usize) -> Result<(), ValueProblem> {
    match check_range(size, i64::try_from(count).unwrap_or(i64::MAX)) {
        Err(ValueProblem::BelowMin { bound, .. }) => Err(ValueProblem::TooFew { count, bound }),
        Err(ValueProblem::AboveMax { bound, .. }) => Err(ValueProblem::TooMany { count, bound }),
        other => other,
    }
}

fn literal(literals: &[String], value: &str) -> Result<Vec<String>, ValueProblem> {
    match literals.iter().find(|literal| literal.eq_ignore_ascii_case(value)) {
        Some(literal) => Ok(vec![literal.clone()]),
        None => Err(ValueProblem::NotLiteral {
            value: shown(value),
            literals: literals.to_vec(),
            nearest: nearest(value, literals.iter().map(String::as_str)).map(str::to_owned),
        }),
    }
}

/// One element of an array, or the value of a string.
fn element(rule: Rule, length: Range, value: &str) -> Result<String, ValueProblem> {
    if value.is_empty() {
        return Err(ValueProblem::EmptyElement);
    }
    check_length(length, value)?;
    match rule {
        Rule::Plain => Ok(value.to_owned()),
        Rule::Ports => port(value),
        Rule::Names if is_legal_name(value) => Ok(value.to_owned()),
        Rule::Names => Err(ValueProblem::NotName { value: shown(value) }),
        Rule::Path if value.starts_with('/') => Ok(value.to_owned()),
        Rule::Path => Err(ValueProblem::NotPath { value: shown(value) }),
        Rule::Weights => match value.split_once('@') {
            Some((weight, node)) if !node.is_empty() && weight.parse::<u32>().is_ok() => {
                Ok(value.to_owned())
            }
            _ => Err(ValueProblem::NotWeight { value: shown(value) }),
        },
    }
}

fn port(value: &str) -> Result<String, ValueProblem> {
    let (number, protocol) = value.split_once('/').unwrap_or((value, "tcp"));
    let is_decimal = number.bytes().all(|b| b.is_ascii_digit());
    let Some(number) = number.parse::<u16>().ok().filter(|&n| n > 0 && is_decimal) else {
        return Err(ValueProblem::NotPort { value: shown(value) });
    };
    match PROTOCOLS.into_iter().find(|known| known.eq_ignore_ascii_case(protocol)) {
        Some(protocol) => Ok(format!("{number}/{protocol}")),
        None => Err(ValueProblem::NotProtocol { value: shown(value) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn int(min: Option<i64>, max: Option<i64>) -> PropertyKind {
        PropertyKind::Int { range: Range { min, max } }
    }

    fn array(
        length_max: Option<i64>,
        size_min: Option<i64>,
        size_max: Option<i64>,
    ) -> PropertyKind {
        PropertyKind::StringArray {
            length: Range { min: None, max: length_max },
            size: Range { min: size_min, max: size_max },
        }
    }

    fn modes() -> PropertyKind {
        PropertyKind::Enum { literals: vec!["Quiet".into(), "Normal".into()] }
    }

    const STRING: PropertyKind = PropertyKind::String { length: Range { min: None, max: Some(5) } };

    #[test]
    fn a_value_is_kept_in_one_spelling() {
        let check = |kind: PropertyKind, rule, values: &[&str], expect: &[&str]| {
            assert_eq!(kind.check_with(rule, "P", values).unwrap(), expect, "{values:?}");
        };
        check(int(Some(-1), Some(10)), Rule::Plain, &["+007"], &["7"]);
        check(int(None, None), Rule::Plain, &["-1"], &["-1"]);
        check(PropertyKind::Boolean, Rule::Plain, &["tRUE"], &["TRUE"]);
        check(modes(), Rule::Plain, &["NORMAL"], &["Normal"]);
        check(STRING, Rule::Plain, &[""], &[]);
        check(STRING, Rule::Plain, &["a b#\""], &["a b#\""]);
        check(array(None, None, None), Rule::Plain, &[], &[]);
        check(array(None, None, None), Rule::Plain, &[""], &[]);
        check(array(None, None, None), Rule::Plain, &["a", "b"], &["a", "b"]);
        check(array(None, None, None), Rule::Ports, &["80", "53/UDP"], &["80/tcp", "53/udp"]);
        check(array(None, None, None), Rule::Weights, &["3@node-1"], &["3@node-1"]);
    }

    fn refused(kind: PropertyKind, rule: Rule, values: &[&str], expect: &str) {
        let error = kind.check_with(rule, "P", values).unwrap_err();
        assert_eq!(error.to_string(), format!("property P: {expect}"));
    }

    #[test]
    fn a_refusal_says_property_value_and_bound() {
        let check = refused;
        check(int(Some(1), None), Rule::Plain, &["0"], "0 is less than the minimum, 1");
        check(int(None, Some(9)), Rule::Plain, &["10"], "10 is more than the maximum, 9");
        for text in ["", "+", "0x10", "1.5", "60s", "99999999999999999999", "--1", "1 "] {
            assert!(int(None, None).check("P", &[text]).is_err(), "{text}");
        }
        check(int(None, None), Rule::Plain, &["6O"], "\"6O\" is not a decimal integer");
        check(
            int(None, None),
            Rule::Plain,
            &[],
            "a value is needed; an empty one is not possible for INT",
        );
        check(int(None, None), Rule::Plain, &["1", "2"], "2 values were given, but it takes one");
        check(PropertyKind::Boolean, Rule::Plain, &["yes"], "\"yes\" is neither TRUE nor FALSE");
        check(
            modes(),
            Rule::Plain,
            &["quite"],
            "\"quite\" is not one of Quiet, Normal; did you mean Quiet?",
        );
        check(
            STRING,
            Rule::Plain,
            &["abcdef"],
            "\"abcdef\" is 6 bytes long, at most 5 are allowed",
        );
    }

    #[test]
    fn a_refused_list_says_which_element() {
        let check = refused;
        check(
            array(None, Some(1), None),
            Rule::Plain,
            &[],
            "0 elements were given, at least 1 are required",
        );
        check(
            array(None, None, Some(1)),
            Rule::Plain,
            &["a", "b"],
            "2 elements were given, at most 1 are allowed",
        );
        check(array(None, None, None), Rule::Plain, &["a", ""], "an element of the list is empty");
        check(
            array(None, None, None),
            Rule::Plain,
            &["a,b"],
            "\"a,b\" contains a comma, which no value may contain, because it separates elements",
        );
        check(
            STRING,
            Rule::Plain,
            &["é"],
            "\"é\" contains 'é' (not ASCII), which no value may contain",
        );
        check(
            STRING,
            Rule::Plain,
            &["a\nb"],
            "\"a\\nb\" contains a line end, which no value may contain",
        );
        check(
            array(None, None, None),
            Rule::Names,
            &["9a"],
            "\"9a\" is not a name: a letter, then letters, digits, - and _, at most 255 in all",
        );
        for port in ["0", "65536", "/tcp", "+80", "http", "-1/tcp", ""] {
            assert!(
                array(None, None, None).check_with(Rule::Ports, "P", &["1", port]).is_err(),
                "{port}"
            );
        }
        check(
            array(None, None, None),
            Rule::Ports,
            &["80/sctp"],
            "\"80/sctp\" names no protocol that exists; possible are tcp, udp, tcp6, udp6",
        );
    }

    #[test]
    fn a_huge_value_is_refused() {
        let huge = "x".repeat(VALUE_BYTES_MAX + 1);
        let kind = array(None, None, None);
        assert!(matches!(
            kind.check("P", &[&huge]).unwrap_err().problem,
            ValueProblem::TooBig { .. }
        ));
        assert!(kind.check("P", &[&huge[1..]]).is_ok());
    }

    #[test]
    fn a_list_of_the_command_line_is_split_at_commas() {
        assert_eq!(split_list(" a, b ,c"), ["a", "b", "c"]);
        assert_eq!(split_list(" "), Vec::<&str>::new());
        assert_eq!(split_list("a,"), ["a", ""]);
    }
}

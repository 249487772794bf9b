//! Kinds of values: what a key accepts, how it is written, and the sentence that says so.
//!
//! A kind never looks at files, the environment or other keys; what needs those is in `check.rs`.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;
use xmpp::jid::BareJid;

/// What a value may be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// A domain as it stands in a JID.
    Domain,
    /// At least one domain.
    Domains,
    /// A file or a folder.
    Path,
    /// IP address and port.
    Address,
    /// IP address and port, or `off`.
    AddressOrOff,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// `true` or `false`.
    Switch,
    /// A whole number, bounds included.
    Count {
        /// Smallest allowed.
        min: u64,
        /// Largest allowed.
        max: u64,
    },
    /// A length of time, bounds included.
    Span {
        /// Shortest allowed.
        min: Duration,
        /// Longest allowed.
        max: Duration,
    },
    /// Any number of URIs.
    Uris,
}

/// A value before its kind has looked at it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Raw {
    /// Text.
    Text(String),
    /// A whole number.
    Number(i64),
    /// `true` or `false`.
    Switch(bool),
    /// A list of texts.
    List(Vec<String>),
    /// Anything else, as it is to be shown.
    Other(String),
}

/// A value its kind has accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// Text, path, address, word.
    Text(String),
    /// A list of texts.
    List(Vec<String>),
    /// `true` or `false`.
    Switch(bool),
    /// A whole number.
    Count(u64),
    /// A length of time.
    Span(Duration),
}

impl Kind {
    /// What is allowed, to follow "must be".
    pub(crate) fn allowed(&self) -> String {
        match self {
            Self::Domain => "a domain such as \"example.org\"".to_owned(),
            Self::Domains => "a list of domains such as [\"example.org\"]".to_owned(),
            Self::Path => "a path such as \"/var/lib/steadfast\"".to_owned(),
            Self::Address => {
                "an IP address and a port such as \"127.0.0.1:5222\" or \"[::]:5222\"".to_owned()
            }
            Self::AddressOrOff => {
                "an IP address and a port such as \"127.0.0.1:9580\", or \"off\"".to_owned()
            }
            Self::Choice(words) => one_of(words),
            Self::Switch => "true or false".to_owned(),
            Self::Count { min, max } => format!("a whole number from {min} to {max}"),
            Self::Span { min, max } => {
                format!(
                    "a length of time from \"{}\" to \"{}\" such as \"30s\", \"10m\", \"12h\" \
                    or \"90d\"",
                    Span(*min),
                    Span(*max)
                )
            }
            Self::Uris => "a list of mailto:, xmpp: or https: addresses such as \
                [\"mailto:admin@example.org\"]"
                .to_owned(),
        }
    }

    /// Accepts a value, or says no. The reason is [`Kind::allowed`], or the text in the error when it says more.
    pub(crate) fn accept(&self, raw: &Raw) -> Result<Value, Option<String>> {
        match (self, raw) {
            (Self::Domain, Raw::Text(text)) => Ok(Value::Text(domain(text)?)),
            (Self::Domains, Raw::List(list)) if !list.is_empty() => {
                list.iter().map(|text| domain(text)).collect::<Result<_, _>>().map(Value::List)
            }
            (Self::Path, Raw::Text(text)) if !text.is_empty() && !text.contains('\0') => {
                Ok(Value::Text(text.clone()))
            }
            (Self::AddressOrOff, Raw::Text(text)) if text == "off" => Ok(Value::Text(text.clone())),
            (Self::Address | Self::AddressOrOff, Raw::Text(text)) => {
                match text.parse::<SocketAddr>() {
                    Ok(address) if address.port() != 0 => Ok(Value::Text(address.to_string())),
                    _ => Err(None),
                }
            }
            (Self::Choice(words), Raw::Text(text)) if words.contains(&text.as_str()) => {
                Ok(Value::Text(text.clone()))
            }
            (Self::Switch, Raw::Switch(on)) => Ok(Value::Switch(*on)),
            (Self::Count { min, max }, Raw::Number(number)) => match u64::try_from(*number) {
                Ok(number) if (*min..=*max).contains(&number) => Ok(Value::Count(number)),
                _ => Err(None),
            },
            (Self::Span { min, max }, Raw::Text(text)) => match parse_span(text) {
                Some(span) if (*min..=*max).contains(&span) => Ok(Value::Span(span)),
                _ => Err(None),
            },
            (Self::Uris, Raw::List(list)) if list.iter().all(|uri| is_contact(uri)) => {
                Ok(Value::List(list.clone()))
            }
            _ => Err(None),
        }
    }

    /// Reads text from the environment or the command line the way this kind wants it.
    pub(crate) fn read_text(&self, text: &str) -> Raw {
        let text = text.trim();
        match self {
            Self::Switch => text.parse().map_or_else(|_| Raw::Text(text.to_owned()), Raw::Switch),
            Self::Count { .. } => text
                .replace('_', "")
                .parse()
                .map_or_else(|_| Raw::Text(text.to_owned()), Raw::Number),
            Self::Domains | Self::Uris => Raw::List(
                text.split(',')
                    .map(str::trim)
                    .filter(|part| !part.is_empty())
                    .map(str::to_owned)
                    .collect(),
            ),
            _ => Raw::Text(text.to_owned()),
        }
    }
}

fn domain(text: &str) -> Result<String, Option<String>> {
    match BareJid::domain_only(text) {
        Ok(jid) => Ok(jid.domain().to_owned()),
        Err(error) => Err(Some(format!("a domain as it stands in a JID ({})", error.why))),
    }
}

fn is_contact(uri: &str) -> bool {
    ["mailto:", "xmpp:", "https:", "http:", "tel:"]
        .iter()
        .any(|scheme| uri.len() > scheme.len() && uri.starts_with(scheme))
        && !uri.contains(|c: char| c.is_whitespace() || c.is_control())
}

fn one_of(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}

const UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Parses `90d`, `1h30m`, `500ms`. A number without a unit is refused.
pub(crate) fn parse_span(text: &str) -> Option<Duration> {
    let mut total: u64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.bytes().take_while(u8::is_ascii_lowercase).count();
        let unit = &rest[..letters];
        rest = &rest[letters..];
        let (_, millis) = UNITS.iter().find(|(name, _)| *name == unit)?;
        total = total.checked_add(number.checked_mul(*millis)?)?;
    }
    (!text.is_empty()).then(|| Duration::from_millis(total))
}

/// Prints a length of time in the largest unit that is exact: `90d`, `10m`, `1500ms`.
pub(crate) struct Span(pub(crate) Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        for (name, unit) in UNITS {
            if millis >= unit && millis.is_multiple_of(unit) {
                return write!(f, "{}{name}", millis / unit);
            }
        }
        f.write_str("0s")
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{}", toml::Value::from(text.as_str())),
            Self::List(list) => write!(f, "{}", toml::Value::from(list.clone())),
            Self::Switch(on) => write!(f, "{on}"),
            Self::Count(number) => write!(f, "{number}"),
            Self::Span(span) => write!(f, "\"{}\"", Span(*span)),
        }
    }
}

impl fmt::Display for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{}", toml::Value::from(text.as_str())),
            Self::Number(number) => write!(f, "{number}"),
            Self::Switch(on) => write!(f, "{on}"),
            Self::List(list) => write!(f, "{}", toml::Value::from(list.clone())),
            Self::Other(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_read_and_printed() {
        for (text, millis, printed) in [
            ("90d", 7_776_000_000, "90d"),
            ("1h30m", 5_400_000, "90m"),
            ("500ms", 500, "500ms"),
            ("1500ms", 1_500, "1500ms"),
            ("60s", 60_000, "1m"),
            ("0s", 0, "0s"),
        ] {
            let span = parse_span(text);
            assert_eq!(span, Some(Duration::from_millis(millis)), "{text}");
            assert_eq!(Span(span.unwrap()).to_string(), printed);
        }
        for text in [
            "",
            "10",
            "s",
            "10 s",
            "10x",
            "-1s",
            "1.5h",
            "99999999999999999999d",
            "99999999999999d",
        ] {
            assert_eq!(parse_span(text), None, "{text:?}");
        }
    }

    #[test]
    fn an_address_has_a_port() {
        for good in ["127.0.0.1:5222", "[::]:5222"] {
            assert_eq!(Kind::Address.accept(&Raw::Text(good.into())), Ok(Value::Text(good.into())));
        }
        for bad in ["127.0.0.1", "localhost:5222", "127.0.0.1:0", "5222", ":5222", "off"] {
            assert_eq!(Kind::Address.accept(&Raw::Text(bad.into())), Err(None), "{bad}");
        }
    }

    #[test]
    fn text_from_the_environment_becomes_what_the_key_wants() {
        assert_eq!(Kind::Count { min: 0, max: 9_000 }.read_text("1_000"), Raw::Number(1_000));
        assert_eq!(Kind::Switch.read_text("true"), Raw::Switch(true));
        assert_eq!(Kind::Switch.read_text("yes"), Raw::Text("yes".into()));
        assert_eq!(
            Kind::Domains.read_text("a.org, b.org"),
            Raw::List(vec!["a.org".into(), "b.org".into()])
        );
    }
}

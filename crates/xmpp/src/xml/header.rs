//! The opening tag of a stream: what it says, and whether it is one (RFC 6120 §4.7, §4.8).

use super::chars::{Place, unescape};
use super::fault::Fault;
use super::framer::StreamHeader;
use super::scope::StreamScope;
use super::work::Work;
use crate::ns;
use crate::stream_error::StreamCondition;
use std::borrow::Cow;

const WRONG_NS: Fault = Fault::Rule(
    StreamCondition::InvalidNamespace,
    "the stream is not in the namespace http://etherx.jabber.org/streams",
);
const WRONG_NAME: Fault =
    Fault::Rule(StreamCondition::BadFormat, "the first element is not the opening tag of a stream");
const WRONG_PREFIX: Fault = Fault::Rule(
    StreamCondition::BadNamespacePrefix,
    "the opening tag of the stream has another prefix than 'stream'",
);

/// Reads the header from its bytes and what the lexer found in them.
pub(crate) fn read(data: &[u8], work: &Work) -> Result<(StreamHeader, StreamScope), Fault> {
    let mut declared: Vec<(&str, Cow<'_, str>)> = Vec::new();
    let mut header = StreamHeader::default();
    for attr in &work.attrs {
        let value = unescape(attr.value(data), Place::Attribute);
        if let Some((from, to)) = attr.declares(data) {
            declared.push((text_of(&data[from as usize..to as usize]), value));
            continue;
        }
        match attr.name(data) {
            b"to" => header.to = Some(value.into_owned()),
            b"from" => header.from = Some(value.into_owned()),
            b"version" => header.version = version(&value),
            b"xml:lang" => header.lang = Some(value.into_owned()),
            _ => (),
        }
    }
    let name = text_of(&data[work.name.0 as usize..work.name.1 as usize]);
    let (prefix, local) = name.split_once(':').unwrap_or(("", name));
    let ns_of = |prefix: &str| declared.iter().find(|(p, _)| *p == prefix).map(|(_, ns)| &**ns);
    let stream_prefix_exists = declared.iter().any(|(p, ns)| !p.is_empty() && ns == ns::STREAM);
    match (ns_of(prefix), prefix) {
        (Some(ns::STREAM), _) if local != "stream" => return Err(WRONG_NAME),
        (Some(ns::STREAM), "" | "stream") => (),
        (Some(ns::STREAM), _) => return Err(WRONG_PREFIX),
        (_, "") if local == "stream" && stream_prefix_exists => return Err(WRONG_PREFIX),
        _ => return Err(WRONG_NS),
    }
    let content_ns = ns_of("").unwrap_or_default();
    let content_ns = if prefix.is_empty() { ns::CLIENT } else { content_ns };
    header.content_ns = content_ns.to_owned();
    let scope = StreamScope::new(&declared, prefix.is_empty())?;
    Ok((header, scope))
}

/// `major.minor`, leading zeros ignored (RFC 6120 §4.7.5).
fn version(text: &str) -> Option<(u16, u16)> {
    let number = |digits: &str| {
        let all_digits = digits.bytes().all(|b| b.is_ascii_digit());
        if all_digits { digits.parse().ok() } else { None }
    };
    let (major, minor) = text.split_once('.')?;
    Some((number(major)?, number(minor)?))
}

/// Names were checked to be UTF-8 before they came here.
fn text_of(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_two_numbers() {
        let check =
            |text: &str, expect: Option<(u16, u16)>| assert_eq!(version(text), expect, "{text:?}");
        check("1.0", Some((1, 0)));
        check("01.010", Some((1, 10)));
        for bad in ["", "1", "1.", ".1", "+1.0", "1.0.0", "1.x", "99999.0", " 1.0"] {
            check(bad, None);
        }
    }
}

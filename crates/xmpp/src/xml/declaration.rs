//! The XML declaration: version 1.0, UTF-8, nothing else.

use super::chars::is_space;
use super::fault::Fault;
use crate::stream_error::StreamCondition;

const MALFORMED: Fault = Fault::malformed("the XML declaration is malformed");

/// Checks what stands between `<?xml` and `?>`.
pub(crate) fn check(content: &[u8]) -> Result<(), Fault> {
    let mut rest = content;
    let version = pseudo_attribute(&mut rest, b"version")?.ok_or(MALFORMED)?;
    if version != b"1.0" {
        return Err(Fault::restricted("only XML 1.0 is allowed"));
    }
    if let Some(encoding) = pseudo_attribute(&mut rest, b"encoding")?
        && !encoding.eq_ignore_ascii_case(b"utf-8")
    {
        let why = "only the encoding UTF-8 is allowed";
        return Err(Fault::Rule(StreamCondition::UnsupportedEncoding, why));
    }
    if let Some(standalone) = pseudo_attribute(&mut rest, b"standalone")?
        && !matches!(standalone, b"yes" | b"no")
    {
        return Err(MALFORMED);
    }
    if rest.iter().all(|&b| is_space(b)) { Ok(()) } else { Err(MALFORMED) }
}

/// Takes ` name="value"` off the front when that name is next.
fn pseudo_attribute<'a>(rest: &mut &'a [u8], name: &[u8]) -> Result<Option<&'a [u8]>, Fault> {
    let trimmed = trim(rest);
    let Some(after) = trimmed.strip_prefix(name) else { return Ok(None) };
    if trimmed.len() == rest.len() {
        return Err(MALFORMED);
    }
    let value = trim(trim(after).strip_prefix(b"=").ok_or(MALFORMED)?);
    let quote = match value.first() {
        Some(&quote @ (b'\'' | b'"')) => quote,
        _ => return Err(MALFORMED),
    };
    let len = memchr::memchr(quote, &value[1..]).ok_or(MALFORMED)?;
    *rest = &value[len + 2..];
    Ok(Some(&value[1..=len]))
}

fn trim(bytes: &[u8]) -> &[u8] {
    let space = bytes.iter().take_while(|&&b| is_space(b)).count();
    &bytes[space..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_xml_1_0_in_utf_8_is_taken() {
        let table = |content: &str, expect: Option<StreamCondition>| {
            let found = check(content.as_bytes()).err().map(|fault| match fault {
                Fault::Rule(condition, _) => condition,
                Fault::Limit { .. } => StreamCondition::PolicyViolation,
            });
            assert_eq!(found, expect, "{content:?}");
        };
        table(" version='1.0'", None);
        table(" version = \"1.0\" encoding='UTF-8' standalone='yes' ", None);
        table("\nversion='1.0'\tencoding='utf-8'", None);
        table(" version='1.1'", Some(StreamCondition::RestrictedXml));
        table(" version='1.0' encoding='UTF-16'", Some(StreamCondition::UnsupportedEncoding));
        table(" version='1.0' encoding='ISO-8859-1'", Some(StreamCondition::UnsupportedEncoding));
        for bad in [
            "",
            " ",
            " encoding='UTF-8'",
            " version=1.0",
            " version='1.0",
            " version='1.0'encoding='utf-8'",
            " version='1.0' standalone='maybe'",
            " version='1.0' standalone='yes' encoding='utf-8'",
            " version='1.0' a='b'",
            " version='1.0' version='1.0'",
            " version=\"1.0'",
        ] {
            table(bad, Some(StreamCondition::NotWellFormed));
        }
    }
}

//! Which characters XML 1.0 and XML Names allow, and escaping in both directions.
//!
//! Shared by everything in this folder, so that what one part writes every other part reads the same way. Must never
//! panic on any byte and never let a character through that XML 1.0 forbids.

use super::letters::{self, FOLLOWERS, LETTERS};
use super::reference::reference;
use std::borrow::Cow;

const START: u8 = 1;
const NAME: u8 = 2;

/// One entry per byte: bit 0 set for ASCII name start characters, bit 1 for ASCII name characters. No colon.
const CLASS: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 128 {
        let b = byte as u8;
        if b.is_ascii_alphabetic() || b == b'_' {
            table[byte] = START | NAME;
        } else if b.is_ascii_digit() || b == b'-' || b == b'.' {
            table[byte] = NAME;
        }
        byte += 1;
    }
    table
};

/// White space of XML (production 3).
pub(crate) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Whether this ASCII byte may stand in a name without colon.
pub(crate) fn is_ascii_name(byte: u8) -> bool {
    CLASS[byte as usize] & NAME != 0
}

/// A character that XML 1.0 allows at all (production 2).
pub(crate) fn is_xml_char(c: char) -> bool {
    match c {
        '\t' | '\n' | '\r' => true,
        '\u{FFFE}' | '\u{FFFF}' => false,
        c => c >= ' ',
    }
}

/// First character of a name part. [`letters`] says why not all of the fifth edition's.
fn is_name_start(c: char) -> bool {
    if c.is_ascii() { CLASS[c as usize] & START != 0 } else { letters::contains(LETTERS, c) }
}

/// Further character of a name part.
fn is_name_char(c: char) -> bool {
    if c.is_ascii() {
        return is_ascii_name(c as u8);
    }
    letters::contains(LETTERS, c) || letters::contains(FOLLOWERS, c)
}

/// Position of the colon of a qualified name: `Some(None)` when there is none, `None` when the bytes are no such name.
pub(crate) fn qualified_name(name: &[u8]) -> Option<Option<usize>> {
    let colon = memchr::memchr(b':', name);
    let valid = match colon {
        None => is_name_part(name),
        Some(at) => is_name_part(&name[..at]) && is_name_part(&name[at + 1..]),
    };
    valid.then_some(colon)
}

/// Whether the bytes are a name without colon (`NCName` of XML Names).
pub(crate) fn is_name_part(name: &[u8]) -> bool {
    let Some(&first) = name.first() else { return false };
    if first < 0x80 && CLASS[first as usize] & START == 0 {
        return false;
    }
    if name.iter().all(|&b| is_ascii_name(b)) {
        return true;
    }
    let Ok(name) = std::str::from_utf8(name) else { return false };
    let mut chars = name.chars();
    chars.next().is_some_and(is_name_start) && chars.all(is_name_char)
}

/// [`name_run`] and [`qualified_name`] in one, for what nearly every name is: ASCII, and ended by more
/// bytes. The second part is `None` when it is neither or malformed, and the first then counts only
/// what was looked at.
pub(crate) fn ascii_name(bytes: &[u8]) -> (usize, Option<Option<usize>>) {
    let starts = |at: usize| bytes.get(at).is_some_and(|&b| CLASS[b as usize] & START != 0);
    let run = |from: usize| bytes[from..].iter().take_while(|&&b| is_ascii_name(b)).count();
    if !starts(0) {
        return (0, None);
    }
    let mut end = run(0);
    let mut colon = None;
    if bytes.get(end) == Some(&b':') && starts(end + 1) {
        colon = Some(end);
        end += 1 + run(end + 1);
    }
    match bytes.get(end) {
        Some(&b) if b < 0x80 && b != b':' => (end, Some(colon)),
        _ => (end, None),
    }
}

/// How many of the bytes belong to one run that may be a qualified name. What ends it is ASCII and no name character;
/// [`qualified_name`] judges the run itself.
pub(crate) fn name_run(bytes: &[u8]) -> usize {
    let ends = |&b: &u8| b < 0x80 && b != b':' && !is_ascii_name(b);
    bytes.iter().position(ends).unwrap_or(bytes.len())
}

/// The longest prefix that is UTF-8 and holds only characters that XML 1.0 allows, and what follows it.
pub(crate) fn legal_prefix(bytes: &[u8]) -> (usize, After) {
    let mut len = bytes.len();
    let mut after = After::Nothing;
    if simdutf8::basic::from_utf8(bytes).is_err()
        && let Err(error) = simdutf8::compat::from_utf8(bytes)
    {
        len = error.valid_up_to();
        after = if error.error_len().is_some() { After::BadUtf8 } else { After::Nothing };
    }
    let legal = legal_chars(&bytes[..len]);
    if legal < len { (legal, After::BadChar) } else { (len, after) }
}

/// What stops [`legal_prefix`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// The end, or the beginning of a character whose other bytes are still to come.
    Nothing,
    /// Bytes that are not UTF-8.
    BadUtf8,
    /// A character that XML 1.0 forbids.
    BadChar,
}

/// How many bytes of this UTF-8 come before the first forbidden character.
fn legal_chars(bytes: &[u8]) -> usize {
    const BLOCK: usize = 64;
    for (number, block) in bytes.chunks(BLOCK).enumerate() {
        let mut suspicious = false;
        for &b in block {
            suspicious |= b < b' ' || b == 0xEF;
        }
        if !suspicious {
            continue;
        }
        for (at, &b) in block.iter().enumerate() {
            let at = number * BLOCK + at;
            let control = b < b' ' && !is_space(b);
            if control || (b == 0xEF && matches!(bytes[at..], [_, 0xBF, 0xBE | 0xBF, ..])) {
                return at;
            }
        }
    }
    bytes.len()
}

/// Where escaped text will stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Between tags.
    Text,
    /// Between the quotes of an attribute, either kind.
    Attribute,
}

/// Appends text escaped; a character that XML forbids becomes U+FFFD. At most 6 bytes for one.
pub(crate) fn escape_into(out: &mut Vec<u8>, text: &str, place: Place) {
    let bytes = text.as_bytes();
    let mut done = 0;
    for (at, &b) in bytes.iter().enumerate() {
        if !needs_look(b) {
            continue;
        }
        let (with, taken): (&str, usize) = match b {
            b'<' => ("&lt;", 1),
            b'>' => ("&gt;", 1),
            b'&' => ("&amp;", 1),
            b'\'' if place == Place::Attribute => ("&apos;", 1),
            b'"' if place == Place::Attribute => ("&quot;", 1),
            b'\t' if place == Place::Attribute => ("&#9;", 1),
            b'\n' if place == Place::Attribute => ("&#10;", 1),
            b'\r' => ("&#13;", 1),
            b'\'' | b'"' | b'\t' | b'\n' => continue,
            0xEF if matches!(bytes[at..], [_, 0xBF, 0xBE | 0xBF, ..]) => ("\u{FFFD}", 3),
            0xEF => continue,
            _ => ("\u{FFFD}", 1),
        };
        out.extend_from_slice(&bytes[done..at]);
        out.extend_from_slice(with.as_bytes());
        done = at + taken;
    }
    out.extend_from_slice(&bytes[done..]);
}

/// Bytes that [`escape_into`] has to look at twice.
fn needs_look(b: u8) -> bool {
    b < b' ' || matches!(b, b'<' | b'>' | b'&' | b'\'' | b'"' | 0xEF)
}

/// The text that raw bytes stand for: references resolved, line ends and (in attributes) white space normalised as
/// XML 1.0 §2.11 and §3.3.3 say. A reference that is none stays as it is.
pub(crate) fn unescape(raw: &[u8], place: Place) -> Cow<'_, str> {
    let plain = match place {
        Place::Text => memchr::memchr2(b'&', b'\r', raw).is_none(),
        Place::Attribute => !raw.iter().any(|&b| b == b'&' || (is_space(b) && b != b' ')),
    };
    let text = match std::str::from_utf8(raw) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(raw),
    };
    if plain {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = &*text;
    while let Some(at) = rest.find(['&', '\r', '\n', '\t']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let (c, taken) = match (rest.as_bytes()[0], place) {
            (b'&', _) => reference(rest.as_bytes()).unwrap_or(('&', 1)),
            (b'\r', _) => {
                let taken = if rest.as_bytes().get(1) == Some(&b'\n') { 2 } else { 1 };
                (if place == Place::Text { '\n' } else { ' ' }, taken)
            }
            (b, Place::Text) => (char::from(b), 1),
            (_, Place::Attribute) => (' ', 1),
        };
        out.push(c);
        rest = &rest[taken..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_exactly_those_of_xml_names() {
        let check = |name: &str, expect: Option<Option<usize>>| {
            assert_eq!(qualified_name(name.as_bytes()), expect, "{name:?}");
            let followed = format!("{name}=");
            let run = name_run(followed.as_bytes());
            match ascii_name(followed.as_bytes()) {
                (len, Some(colon)) => {
                    assert_eq!(
                        (len, Some(colon)),
                        (run, qualified_name(&followed.as_bytes()[..run]))
                    );
                }
                (len, None) => assert!(len <= run && (expect.is_none() || !name.is_ascii())),
            }
        };
        check("a", Some(None));
        check("_a-1.b", Some(None));
        check("stream:stream", Some(Some(6)));
        check("é", Some(None));
        check("a·b", Some(None));
        check("\u{3007}\u{4e00}\u{d7a3}\u{660}", Some(None));
        for bad in [
            "",
            ":",
            ":a",
            "a:",
            "a:b:c",
            "1a",
            "-a",
            ".a",
            "a:1",
            "·a",
            "a×",
            "\u{3001}",
            "\u{fffd}",
            "\u{10000}",
            "a\u{203f}",
            "a\u{200d}",
            "a b",
            "\u{300}a",
        ] {
            check(bad, None);
        }
    }

    #[test]
    fn references_are_the_five_and_numbers_of_legal_characters() {
        let check = |text: &str, expect: &str| {
            assert_eq!(unescape(text.as_bytes(), Place::Text), expect, "{text:?}");
        };
        check("&lt;&gt;&amp;&apos;&quot;", "<>&'\"");
        check("&#65;&#x41;&#x1F600;&#0065;", "AA\u{1F600}A");
        for bad in [
            "&#0;",
            "&#x0;",
            "&#xD800;",
            "&#xFFFE;",
            "&#x110000;",
            "&#;",
            "&#x;",
            "&foo;",
            "&",
            "&#99999999999;",
        ] {
            check(bad, bad);
        }
        check("a\r\nb\rc\nd\te", "a\nb\nc\nd\te");
        check("&#13;&#10;", "\r\n");
        assert_eq!(unescape(b"a\r\nb\rc\nd\te", Place::Attribute), "a b c d e");
    }

    #[test]
    fn what_is_escaped_comes_back() {
        for text in ["", "plain", "<>&'\"", "\r\n\t", "é\u{FFFD}\u{FEFF}\u{1F600}"] {
            for place in [Place::Text, Place::Attribute] {
                let mut out = Vec::new();
                escape_into(&mut out, text, place);
                assert_eq!(unescape(&out, place), text, "{place:?}");
            }
        }
    }

    #[test]
    fn forbidden_characters_are_never_written() {
        let mut out = Vec::new();
        escape_into(&mut out, "\0a\x1b\u{FFFE}b\u{FFFF}\x7f", Place::Text);
        assert_eq!(String::from_utf8_lossy(&out), "\u{FFFD}a\u{FFFD}\u{FFFD}b\u{FFFD}\x7f");
    }

    #[test]
    fn the_legal_prefix_ends_before_the_first_bad_byte_wherever_that_is() {
        for lead in 0..150 {
            let check = |tail: &[u8], expect: After| {
                let mut bytes = vec![b'a'; lead];
                bytes.extend_from_slice(tail);
                bytes.extend_from_slice(b"zz");
                assert_eq!(legal_prefix(&bytes), (lead, expect), "{lead} {tail:x?}");
            };
            check(b"\0", After::BadChar);
            check(b"\x1b", After::BadChar);
            check(b"\xEF\xBF\xBE", After::BadChar);
            check(b"\xEF\xBF\xBF", After::BadChar);
            check(b"\xC0\x80", After::BadUtf8);
            check(b"\xED\xA0\x80", After::BadUtf8);
            check(b"\xF4\x90\x80\x80", After::BadUtf8);
            check(b"\xFF", After::BadUtf8);
        }
        assert_eq!(legal_prefix(b"a\xF0\x9F"), (1, After::Nothing));
        assert_eq!(legal_prefix(b"a\x7f\xC2\x80\t\r\n"), (7, After::Nothing));
    }
}

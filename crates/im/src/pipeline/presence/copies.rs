//! One stanza to many: the copies differ in `to` only, so each is three slices put together. Must give what an XML writer
//! would.

use bytes::Bytes;
use xmpp::jid::Jid;
use xmpp::xml::Writer;

/// A stanza without `to`, cut where `to` goes in: behind the name of its tag.
#[derive(Clone, Copy, Debug)]
pub(super) struct Copies<'a> {
    head: &'a [u8],
    tail: &'a [u8],
}

impl<'a> Copies<'a> {
    /// `stanza`: a whole element without an attribute `to`.
    pub(super) fn of(stanza: &'a [u8]) -> Self {
        let ends_name = |b: &u8| matches!(b, b' ' | b'\t' | b'\r' | b'\n' | b'/' | b'>');
        let at = stanza.iter().position(ends_name).unwrap_or(stanza.len());
        let (head, tail) = stanza.split_at(at);
        Self { head, tail }
    }

    /// The copy for one address, bare or full.
    pub(super) fn to(&self, to: &str) -> Bytes {
        let is_plain = !to.bytes().any(|b| matches!(b, b'&' | b'<' | b'>' | b'\'' | b'"'));
        if is_plain { self.joined(to.as_bytes()) } else { self.joined(&escaped(to)) }
    }

    fn joined(&self, to: &[u8]) -> Bytes {
        let mut copy = Vec::with_capacity(self.head.len() + to.len() + self.tail.len() + 6);
        for part in [self.head, b" to='", to, b"'", self.tail] {
            copy.extend_from_slice(part);
        }
        Bytes::from(copy)
    }
}

/// A resource may have characters that an attribute may not.
fn escaped(text: &str) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(text.len() + 16);
    for byte in text.bytes() {
        match byte {
            b'&' => escaped.extend_from_slice(b"&amp;"),
            b'<' => escaped.extend_from_slice(b"&lt;"),
            b'>' => escaped.extend_from_slice(b"&gt;"),
            b'\'' => escaped.extend_from_slice(b"&apos;"),
            b'"' => escaped.extend_from_slice(b"&quot;"),
            _ => escaped.push(byte),
        }
    }
    escaped
}

/// `<presence type='unavailable'/>` from a session, without `to`.
pub(super) fn unavailable(from: &Jid) -> Bytes {
    let mut w = Writer::new();
    w.open("presence").attr("from", &from.to_string()).attr("type", "unavailable");
    w.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_the_stanza_with_to() {
        for (stanza, to, copy) in [
            ("<presence/>", "a@b", "<presence to='a@b'/>"),
            (
                "<presence from='x'><c/></presence>",
                "a@b/c",
                "<presence to='a@b/c' from='x'><c/></presence>",
            ),
            ("<p:presence\n xmlns:p='y'/>", "a@b", "<p:presence to='a@b'\n xmlns:p='y'/>"),
            (
                "<presence></presence>",
                "a@b/<'&>\"",
                "<presence to='a@b/&lt;&apos;&amp;&gt;&quot;'></presence>",
            ),
        ] {
            let got = Copies::of(stanza.as_bytes()).to(to);
            assert_eq!(String::from_utf8_lossy(&got), copy);
        }
    }
}

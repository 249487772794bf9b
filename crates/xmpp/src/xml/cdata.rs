//! CDATA sections become ordinary text, so that nobody behind the framer ever meets one.

use memchr::memmem;

/// What stands for a byte of a CDATA section; `None` when the byte stands for itself.
///
/// Brackets are escaped as well, so that joining text with what precedes or follows it never makes a `]]>`.
pub(crate) fn escaped(byte: u8) -> Option<&'static [u8]> {
    match byte {
        b'&' => Some(b"&amp;"),
        b'<' => Some(b"&lt;"),
        b'>' => Some(b"&gt;"),
        b']' => Some(b"&#93;"),
        _ => None,
    }
}

/// Appends well-formed XML with each CDATA section as text. `<![CDATA[` can stand nowhere else: `<` is forbidden in
/// values and text.
pub(crate) fn append_as_text(out: &mut Vec<u8>, xml: &[u8]) {
    const START: &[u8] = b"<![CDATA[";
    const END: &[u8] = b"]]>";
    let mut rest = xml;
    while let Some(at) = memmem::find(rest, START) {
        out.extend_from_slice(&rest[..at]);
        escape_brackets_at_end(out);
        rest = &rest[at + START.len()..];
        let len = memmem::find(rest, END).unwrap_or(rest.len());
        let mut done = 0;
        for (at, &byte) in rest[..len].iter().enumerate() {
            if let Some(escaped) = escaped(byte) {
                out.extend_from_slice(&rest[done..at]);
                out.extend_from_slice(escaped);
                done = at + 1;
            }
        }
        out.extend_from_slice(&rest[done..len]);
        rest = rest.get(len + END.len()..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
}

/// Without the section between them, brackets before it and a `>` behind it would meet.
fn escape_brackets_at_end(out: &mut Vec<u8>) {
    let brackets = out.iter().rev().take(2).take_while(|&&b| b == b']').count();
    out.truncate(out.len() - brackets);
    for _ in 0..brackets {
        out.extend_from_slice(b"&#93;");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_become_text_that_means_the_same() {
        let check = |xml: &str, expect: &str| {
            let mut out = Vec::new();
            append_as_text(&mut out, xml.as_bytes());
            assert_eq!(String::from_utf8_lossy(&out), expect, "{xml}");
            assert!(out.len() <= 5 * xml.len());
        };
        check("<a/>", "<a/>");
        check("<a><![CDATA[]]></a>", "<a></a>");
        check("<a>x<![CDATA[<b>&amp;\r\n]]>y</a>", "<a>x&lt;b&gt;&amp;amp;\r\ny</a>");
        check("<a><![CDATA[1]]><![CDATA[2]]></a>", "<a>12</a>");
        check("<a>]]<![CDATA[]]>></a>", "<a>&#93;&#93;></a>");
        check("<a>]<![CDATA[]]]>></a>", "<a>&#93;&#93;></a>");
        check("<a>]<![CDATA[]]>]<![CDATA[]]>></a>", "<a>&#93;&#93;></a>");
        check("<a><![CDATA[]]]]><![CDATA[>]]></a>", "<a>&#93;&#93;&gt;</a>");
    }
}

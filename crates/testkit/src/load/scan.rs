//! Finds top-level elements in a stream from a server we trust, as cheaply as it can: it looks at tags and at nothing else.

/// What the load generator wants to know about a top-level element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen<'a> {
    /// `<message …>`, with its opening tag.
    Message(&'a str),
    /// Any other stanza.
    Stanza,
    /// `<r/>`
    Request,
    /// `<a h='…'/>`
    Ack(u32),
    /// The end of the stream, or an error.
    End,
}

/// Scanner over one stream that is already open.
#[derive(Debug, Default)]
pub(super) struct Scan {
    depth: usize,
    in_tag: bool,
    quote: Option<u8>,
    tag: Vec<u8>,
    opening: Vec<u8>,
}

impl Scan {
    /// Takes bytes; tells about each element when it ends.
    pub(super) fn push(&mut self, bytes: &[u8], mut tell: impl FnMut(Seen<'_>)) {
        for &byte in bytes {
            if !self.in_tag {
                if byte == b'<' {
                    self.in_tag = true;
                    self.tag.clear();
                }
                continue;
            }
            match (self.quote, byte) {
                (Some(quote), _) if quote == byte => self.quote = None,
                (None, b'\'' | b'"') => self.quote = Some(byte),
                (None, b'>') => {
                    self.in_tag = false;
                    self.end_of_tag(&mut tell);
                    continue;
                }
                _ => {}
            }
            self.tag.push(byte);
        }
    }

    fn end_of_tag(&mut self, tell: &mut impl FnMut(Seen<'_>)) {
        let closes = self.tag.first() == Some(&b'/');
        let empty = self.tag.last() == Some(&b'/');
        if closes && self.depth == 0 {
            return tell(Seen::End);
        }
        if self.depth == 0 {
            std::mem::swap(&mut self.opening, &mut self.tag);
        }
        if closes {
            self.depth -= 1;
        } else if !empty {
            self.depth += 1;
        }
        if self.depth == 0 {
            tell(classify(std::str::from_utf8(&self.opening).unwrap_or_default()));
        }
    }
}

fn classify(tag: &str) -> Seen<'_> {
    let name = tag.split([' ', '/', '\t', '\n']).next().unwrap_or_default();
    match name.rsplit(':').next().unwrap_or_default() {
        "message" => Seen::Message(tag),
        "presence" | "iq" => Seen::Stanza,
        "r" => Seen::Request,
        "a" => Seen::Ack(attribute(tag, "h").and_then(|h| h.parse().ok()).unwrap_or(0)),
        _ => Seen::End,
    }
}

/// Value of an attribute in an opening tag.
pub(super) fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    tag.match_indices(name).find_map(|(at, _)| {
        let before = tag[..at].chars().next_back()?;
        let rest = tag[at + name.len()..].strip_prefix('=')?;
        let quote = rest.chars().next()?;
        (before == ' ').then(|| rest[1..].split(quote).next())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn top_level_elements_are_found_whatever_is_in_them() {
        let text =
            b"<message id='7' to='a>b'><body>x</body><e/></message><r xmlns='urn:xmpp:sm:3'/> \
            <a xmlns='urn:xmpp:sm:3' h='12'/><presence/><iq><q><r/></q></iq></stream:stream>";
        let mut seen = Vec::new();
        let mut scan = Scan::default();
        for byte in text {
            scan.push(&[*byte], |s| {
                seen.push(match s {
                    Seen::Message(tag) => format!("message {}", attribute(tag, "id").unwrap()),
                    other => format!("{other:?}"),
                });
            });
        }
        assert_eq!(seen, ["message 7", "Request", "Ack(12)", "Stanza", "Stanza", "End"]);
    }
}

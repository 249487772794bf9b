//! How text from a peer is written to a log: escaped, and cut. Nothing a peer chose goes to a log in another way.

use std::fmt;

/// Longest piece of a peer's text that is shown, in characters.
const SHOWN_CHARS_MAX: usize = 80;

/// Shows a peer's text on one line, without control characters, and not for ever.
pub(crate) struct Shown<'a>(pub(crate) &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut chars = self.0.chars();
        for c in chars.by_ref().take(SHOWN_CHARS_MAX) {
            // Bidirectional overrides are not "control characters", and still rewrite what a reader sees.
            match c {
                '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                    write!(f, "{}", c.escape_unicode())?;
                }
                c => write!(f, "{}", c.escape_debug())?,
            }
        }
        if chars.next().is_some() { f.write_str("…") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::Shown;

    #[test]
    fn a_peers_text_cannot_start_a_line_colour_a_terminal_or_fill_a_disk() {
        let check = |text: &str, expect: &str| assert_eq!(Shown(text).to_string(), expect);
        check("example.org", "example.org");
        check("a\nERROR forged", "a\\nERROR forged");
        check("\x1b[31mred", "\\u{1b}[31mred");
        check("\u{202e}gpj", "\\u{202e}gpj");
        assert_eq!(Shown(&"x".repeat(10_000)).to_string().chars().count(), 81);
    }
}

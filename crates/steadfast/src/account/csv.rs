//! `users.csv`: one `jid,password` per line, quoted as RFC 4180 says where need be.
//!
//! Lines are independent of each other: a wrong one is reported with its number and the others still count. Never
//! prints a password.

use std::io::{BufRead, Read};
use xmpp::jid::BareJid;

/// Bytes one line may have.
const LINE_BYTES_MAX: usize = 8_192;

/// A line that could be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct User {
    /// Address.
    pub(crate) jid: BareJid,
    /// Not empty.
    pub(crate) password: String,
}

/// What a line came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// From 1.
    pub(crate) number: usize,
    /// The user, or why there is none.
    pub(crate) user: Result<User, String>,
}

/// Reads all lines; empty ones and a header are left out.
pub(crate) fn read(mut input: impl BufRead) -> std::io::Result<Vec<Line>> {
    let mut lines = Vec::new();
    let mut buffer = Vec::new();
    let mut number = 0;
    loop {
        if !next_line(&mut input, &mut buffer)? {
            return Ok(lines);
        }
        number += 1;
        let text = match text_of(&buffer, number) {
            Ok(text) => text,
            Err(why) => {
                lines.push(Line { number, user: Err(why) });
                continue;
            }
        };
        if text.trim().is_empty() || (number == 1 && is_header(text)) {
            continue;
        }
        lines.push(Line { number, user: user(text) });
    }
}

/// Reads the next line, of which at most one byte more than allowed is kept. `false` at the end.
fn next_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> std::io::Result<bool> {
    line.clear();
    input.take(LINE_BYTES_MAX as u64 + 1).read_until(b'\n', line)?;
    if line.len() > LINE_BYTES_MAX && !line.ends_with(b"\n") {
        input.skip_until(b'\n')?;
    }
    Ok(!line.is_empty())
}

fn text_of(bytes: &[u8], number: usize) -> Result<&str, String> {
    if bytes.len() > LINE_BYTES_MAX {
        return Err(format!("is longer than {LINE_BYTES_MAX} bytes"));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| "is not UTF-8 text".to_owned())?;
    let text = text.trim_end_matches(['\n', '\r']);
    Ok(if number == 1 { text.trim_start_matches('\u{feff}') } else { text })
}

fn is_header(text: &str) -> bool {
    let first = text.split(',').next().unwrap_or_default();
    first.trim().trim_matches('"').eq_ignore_ascii_case("jid")
}

fn user(text: &str) -> Result<User, String> {
    let mut rest = text;
    let jid = field(&mut rest)?;
    let password = match rest.strip_prefix(',') {
        Some(after) => {
            rest = after;
            field(&mut rest)?
        }
        None => return Err("has no password; write jid,password".to_owned()),
    };
    if password.is_empty() {
        return Err("has an empty password".to_owned());
    }
    Ok(User { jid: super::account_jid(jid.trim()).map_err(|error| error.to_string())?, password })
}

/// Takes one field from the beginning; leaves the comma after it.
fn field(rest: &mut &str) -> Result<String, String> {
    let Some(quoted) = rest.strip_prefix('"') else {
        let end = rest.find(',').unwrap_or(rest.len());
        let (field, after) = rest.split_at(end);
        *rest = after;
        return Ok(field.to_owned());
    };
    let mut field = String::new();
    let mut chars = quoted.char_indices().peekable();
    while let Some((_, c)) = chars.next() {
        if c != '"' {
            field.push(c);
        } else if chars.next_if(|(_, next)| *next == '"').is_some() {
            field.push('"');
        } else {
            let end = chars.peek().map_or(quoted.len(), |(at, _)| *at);
            *rest = &quoted[end..];
            if !rest.is_empty() && !rest.starts_with(',') {
                return Err("has text after a closing quote".to_owned());
            }
            return Ok(field);
        }
    }
    Err("has a quote that is not closed".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    type Expected = (usize, Result<(&'static str, &'static str), &'static str>);

    fn check(text: &str, expect: &[Expected]) {
        let lines = read(text.as_bytes()).unwrap();
        let got: Vec<_> = lines
            .iter()
            .map(|line| match &line.user {
                Ok(user) => (line.number, Ok((user.jid.as_str(), user.password.as_str()))),
                Err(why) => (line.number, Err(why.as_str())),
            })
            .collect();
        assert_eq!(got, expect, "{text:?}");
    }

    #[test]
    fn users_are_read_with_quotes_headers_and_more_columns() {
        check("a@x.example,pw\n", &[(1, Ok(("a@x.example", "pw")))]);
        check(
            "\u{feff}JID,Password,Name\r\na@x.example,pw,Ann\r\n",
            &[(2, Ok(("a@x.example", "pw")))],
        );
        check("a@x.example,\"p,\"\"w\"", &[(1, Ok(("a@x.example", "p,\"w")))]);
        check(
            "a@x.example, p w \n\n b@x.example,q",
            &[(1, Ok(("a@x.example", " p w "))), (3, Ok(("b@x.example", "q")))],
        );
    }

    #[test]
    fn a_wrong_line_is_reported_and_the_others_count() {
        check(
            "a@x.example\nb@x.example,\nc@x.example,\"x\nd@x.example,\"x\"y\ne@x.example,pw\n",
            &[
                (1, Err("has no password; write jid,password")),
                (2, Err("has an empty password")),
                (3, Err("has a quote that is not closed")),
                (4, Err("has text after a closing quote")),
                (5, Ok(("e@x.example", "pw"))),
            ],
        );
    }

    #[test]
    fn an_address_without_user_is_refused() {
        let lines = read("x.example,pw\n@,pw\n".as_bytes()).unwrap();
        assert!(lines.iter().all(|line| line.user.is_err()), "{lines:?}");
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let text = format!("{},pw", "a".repeat(LINE_BYTES_MAX));
        check(&text, &[(1, Err("is longer than 8192 bytes"))]);
    }
}

//! References: the five predefined entities and numbers of characters, nothing else (RFC 6120 §11.1).

use super::chars::{is_ascii_name, is_xml_char};
use super::fault::Fault;

/// Longest reference that is taken, `&` and `;` included. Only leading zeros could make one longer.
const REFERENCE_BYTES_MAX: usize = 32;

/// The character a reference at the start of the bytes stands for, and how many bytes the reference has.
pub(crate) fn reference(bytes: &[u8]) -> Option<(char, usize)> {
    let window = &bytes[..bytes.len().min(REFERENCE_BYTES_MAX)];
    let end = memchr::memchr(b';', window)?;
    let c = match window.get(1..end)? {
        b"lt" => '<',
        b"gt" => '>',
        b"amp" => '&',
        b"apos" => '\'',
        b"quot" => '"',
        [b'#', b'x', digits @ ..] => number(digits, 16)?,
        [b'#', digits @ ..] => number(digits, 10)?,
        _ => return None,
    };
    Some((c, end + 1))
}

fn number(digits: &[u8], radix: u32) -> Option<char> {
    let mut value: u32 = 0;
    for &digit in digits {
        let digit = char::from(digit).to_digit(radix)?;
        value = value.saturating_mul(radix).saturating_add(digit);
    }
    char::from_u32(value).filter(|&c| !digits.is_empty() && is_xml_char(c))
}

/// Length of the reference at the start of the bytes; `None` when more bytes are needed to tell.
pub(crate) fn reference_len(bytes: &[u8]) -> Result<Option<usize>, Fault> {
    const MALFORMED: Fault = Fault::malformed("a reference is malformed");
    /// `&` and the longest name that is defined.
    const NAMED_BYTES_MAX: usize = 5;
    let mut at = 1;
    let numeric = bytes.get(1) == Some(&b'#');
    if numeric {
        at = if bytes.get(2) == Some(&b'x') { 3 } else { 2 };
    }
    while let Some(&byte) = bytes.get(at) {
        if byte == b';' {
            return match reference(bytes) {
                Some((_, len)) => Ok(Some(len)),
                None if numeric || at == 1 => Err(MALFORMED),
                None => Err(Fault::restricted("only the five predefined entities are allowed")),
            };
        }
        let fits = match numeric {
            true => byte.is_ascii_hexdigit(),
            false => byte >= 0x80 || is_ascii_name(byte) || byte == b':',
        };
        if !fits {
            return Err(MALFORMED);
        }
        if !numeric && at == NAMED_BYTES_MAX {
            return Err(Fault::restricted("only the five predefined entities are allowed"));
        }
        at += 1;
        if at == REFERENCE_BYTES_MAX {
            return Err(Fault::Limit { what: "bytes in a reference", max: REFERENCE_BYTES_MAX });
        }
    }
    Ok(None)
}

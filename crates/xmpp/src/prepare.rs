//! Preparation of the parts of an address: what makes two spellings of one name the same bytes.
//!
//! RFC 7622 says which characters a part may have; the servers out there fold case and compatibility forms with the
//! older nodeprep, nameprep and resourceprep. Both are applied: what RFC 7622 refuses is refused, what remains is mapped
//! as those profiles map it, so that our idea of equality is at least as coarse as any peer's. The result of a
//! preparation prepared again is always itself. Must never be slower than linear.

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use std::borrow::Cow;
use std::net::Ipv6Addr;
use stringprep::tables;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkd_quick};
use unicode_properties::{GeneralCategory as Category, UnicodeGeneralCategory};

/// Bytes of one prepared part (RFC 7622 §3.1).
pub(crate) const PART_BYTES_MAX: usize = 1023;
/// Bytes of one part as it came. Preparation may shorten, so that this is more.
const RAW_BYTES_MAX: usize = 4 * PART_BYTES_MAX;
/// Bytes of one label of a domain, as DNS has it.
const LABEL_BYTES_MAX: usize = 63;

/// ASCII that a domain may not have: all but letters, digits, hyphen, dot and (host names of containers) underscore.
const NOT_IN_DOMAINS: AsciiDenyList = AsciiDenyList::new(true, "%:/?#[]@!$&'()*+,;<=>\\^`{|}~\"");

const LOCAL: u8 = 1;
const DOMAIN: u8 = 2;
const RESOURCE: u8 = 4;

/// For each byte the parts in which it is its own preparation.
const CLASS: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = b' ';
    while byte < 0x7f {
        let mut class = RESOURCE;
        let reserved =
            matches!(byte, b' ' | b'"' | b'&' | b'\'' | b'/' | b':' | b'<' | b'>' | b'@');
        if !reserved && !byte.is_ascii_uppercase() {
            class |= LOCAL;
        }
        if byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.' | b'_')
        {
            class |= DOMAIN;
        }
        table[byte as usize] = class;
        byte += 1;
    }
    table
};

fn all(text: &str, class: u8) -> bool {
    text.bytes().fold(class, |so_far, b| so_far & CLASS[b as usize]) != 0
}

/// Localpart: UsernameCaseMapped of RFC 8265, folded as nodeprep does.
pub(crate) fn local(text: &str) -> Result<Cow<'_, str>, &'static str> {
    check_raw_length(text)?;
    if all(text, LOCAL) {
        return check_length(Cow::Borrowed(text));
    }
    let lower = text.to_ascii_lowercase();
    let prepared = if all(&lower, LOCAL) { lower } else { fold_local(text)? };
    check_length(Cow::Owned(prepared))
}

fn fold_local(text: &str) -> Result<String, &'static str> {
    if text.chars().any(|c| !is_width_form(c) && is_compatibility_form(c)) {
        return Err("its localpart has a character that only looks like others");
    }
    let prepared = fold_once(text);
    if fold_once(&prepared) != prepared {
        return Err("its localpart has no stable form");
    }
    if let Some(why) = refuse_local(&prepared) {
        return Err(why);
    }
    check_bidi(&prepared)?;
    Ok(prepared)
}

fn fold_once(text: &str) -> String {
    let kept = text.chars().filter(|&c| !tables::commonly_mapped_to_nothing(c));
    kept.flat_map(char::to_lowercase).flat_map(tables::case_fold_for_nfkc).nfkc().collect()
}

/// Full-width and half-width forms, which are mapped before anything is refused (RFC 8265 §3.3.1).
fn is_width_form(c: char) -> bool {
    matches!(c, '\u{FF01}'..='\u{FFEF}' | '\u{3000}')
}

/// Whether only a compatibility decomposition makes this another character (RFC 8264 §9.17).
fn is_compatibility_form(c: char) -> bool {
    use std::iter::once;
    let decomposed = c.is_ascii() || is_nfkd_quick(once(c)) == IsNormalized::Yes;
    !decomposed && !once(c).nfd().eq(once(c).nfkd())
}

/// The rules of IdentifierClass (RFC 8264 §4.2) and of RFC 7622 §3.3.1.
fn refuse_local(text: &str) -> Option<&'static str> {
    for (at, c) in text.char_indices() {
        if c.is_ascii() {
            if CLASS[c as usize] & LOCAL == 0 {
                return Some("its localpart has a character that a localpart may not have");
            }
            continue;
        }
        let (before, after) = (text[..at].chars().next_back(), text[at..].chars().nth(1));
        let allowed = match c {
            '\u{3007}' | '\u{0F0B}' | '\u{06FD}' | '\u{06FE}' => true,
            '\u{0640}'
            | '\u{07FA}'
            | '\u{302E}'
            | '\u{302F}'
            | '\u{3031}'..='\u{3035}'
            | '\u{303B}' => false,
            '\u{1100}'..='\u{11FF}' | '\u{A960}'..='\u{A97C}' | '\u{D7B0}'..='\u{D7FB}' => false,
            '\u{00B7}' => before == Some('l') && after == Some('l'),
            '\u{0375}' => {
                after.is_some_and(|c| matches!(c, '\u{370}'..='\u{3FF}' | '\u{1F00}'..='\u{1FFF}'))
            }
            '\u{05F3}' | '\u{05F4}' => before.is_some_and(|c| matches!(c, '\u{591}'..='\u{5F2}')),
            '\u{30FB}' => text.chars().any(is_kana_or_han),
            '\u{0660}'..='\u{0669}' => !text.contains(|c| matches!(c, '\u{06F0}'..='\u{06F9}')),
            c => is_letter_digit(c),
        };
        if !allowed {
            return Some("its localpart has a character that a localpart may not have");
        }
    }
    None
}

/// LetterDigits of RFC 8264 §9.1.
fn is_letter_digit(c: char) -> bool {
    matches!(
        c.general_category(),
        Category::LowercaseLetter
            | Category::UppercaseLetter
            | Category::OtherLetter
            | Category::ModifierLetter
            | Category::DecimalNumber
            | Category::NonspacingMark
            | Category::SpacingMark
    )
}

fn is_kana_or_han(c: char) -> bool {
    matches!(c, '\u{3005}'..='\u{3007}' | '\u{3041}'..='\u{309F}' | '\u{30A1}'..='\u{30FA}'
        | '\u{30FC}'..='\u{30FF}' | '\u{3400}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}')
}

/// Resourcepart: OpaqueString of RFC 8265, normalised as resourceprep does; case stays.
pub(crate) fn resource(text: &str) -> Result<Cow<'_, str>, &'static str> {
    check_raw_length(text)?;
    if all(text, RESOURCE) {
        return check_length(Cow::Borrowed(text));
    }
    let once = |text: &str| -> String {
        text.chars().filter(|&c| !tables::commonly_mapped_to_nothing(c)).nfkc().collect()
    };
    let prepared = once(text);
    if once(&prepared) != prepared {
        return Err("its resource has no stable form");
    }
    if prepared.contains(is_prohibited_in_resources) {
        return Err("its resource has a character that a resource may not have");
    }
    check_bidi(&prepared)?;
    check_length(Cow::Owned(prepared))
}

/// Tables C.1.2 to C.9 of RFC 3454, and what Unicode has not assigned today (they say: in 2002).
fn is_prohibited_in_resources(c: char) -> bool {
    tables::non_ascii_space_character(c)
        || tables::ascii_control_character(c)
        || tables::non_ascii_control_character(c)
        || tables::private_use(c)
        || tables::non_character_code_point(c)
        || tables::inappropriate_for_plain_text(c)
        || tables::inappropriate_for_canonical_representation(c)
        || tables::change_display_properties_or_deprecated(c)
        || tables::tagging_character(c)
        || matches!(c.general_category(), Category::Unassigned | Category::Control)
}

/// RFC 3454 §6: a text with right-to-left letters has no left-to-right ones, and begins and ends with the former.
fn check_bidi(text: &str) -> Result<(), &'static str> {
    if !text.contains(tables::bidi_r_or_al) {
        return Ok(());
    }
    let starts = text.starts_with(tables::bidi_r_or_al);
    let ends = text.chars().next_back().is_some_and(tables::bidi_r_or_al);
    if text.contains(tables::bidi_l) || !starts || !ends {
        return Err("it mixes directions of writing");
    }
    Ok(())
}

/// Domainpart: labels as Unicode in lower case, no dot at the end (RFC 7622 §3.2); or an address of IPv4, or of IPv6 in
/// brackets.
pub(crate) fn domain(text: &str) -> Result<Cow<'_, str>, &'static str> {
    check_raw_length(text)?;
    let plain = text.strip_suffix('.').unwrap_or(text);
    if all(plain, DOMAIN) && plain.split('.').all(is_plain_label) {
        return check_length(Cow::Borrowed(plain));
    }
    let lower = plain.to_ascii_lowercase();
    if all(&lower, DOMAIN) && lower.split('.').all(is_plain_label) {
        return check_length(Cow::Owned(lower));
    }
    if let Some(inner) = text.strip_prefix('[') {
        let address = inner.strip_suffix(']').and_then(|a| a.parse::<Ipv6Addr>().ok());
        let address = address.ok_or("its domain is no address of IPv6")?;
        return Ok(Cow::Owned(format!("[{address}]")));
    }
    const WHY: &str = "its domain has a label that DNS could not have";
    // Decoding punycode is quadratic, so that what can only be too long does not get there.
    let too_long = |label: &str| {
        label.len() > 4 * LABEL_BYTES_MAX || (label.is_ascii() && label.len() > LABEL_BYTES_MAX)
    };
    if text.split(['.', '\u{3002}', '\u{ff0e}', '\u{ff61}']).any(too_long) {
        return Err(WHY);
    }
    let uts46 = Uts46::new();
    let once = |text: &str| -> Result<String, &'static str> {
        let (unicode, result) =
            uts46.to_unicode(text.as_bytes(), NOT_IN_DOMAINS, Hyphens::CheckFirstLast);
        result.map_err(|_| WHY)?;
        Ok(unicode.into_owned())
    };
    let mut unicode = once(text)?;
    if unicode.ends_with('.') {
        unicode.pop();
    }
    if once(&unicode)? != unicode {
        return Err(WHY);
    }
    let ascii = uts46
        .to_ascii(unicode.as_bytes(), NOT_IN_DOMAINS, Hyphens::CheckFirstLast, DnsLength::Ignore)
        .map_err(|_| WHY)?;
    if !ascii.split('.').all(|label| (1..=LABEL_BYTES_MAX).contains(&label.len())) {
        return Err(WHY);
    }
    check_length(Cow::Owned(unicode))
}

/// A label that needs neither folding nor a look at punycode.
fn is_plain_label(label: &str) -> bool {
    let bytes = label.as_bytes();
    (1..=LABEL_BYTES_MAX).contains(&bytes.len())
        && bytes[0] != b'-'
        && bytes[bytes.len() - 1] != b'-'
        && !label.starts_with("xn--")
}

fn check_raw_length(text: &str) -> Result<(), &'static str> {
    if text.is_empty() {
        Err("a part of it is empty")
    } else if text.len() > RAW_BYTES_MAX {
        Err("a part of it is longer than 1023 bytes")
    } else {
        Ok(())
    }
}

fn check_length(prepared: Cow<'_, str>) -> Result<Cow<'_, str>, &'static str> {
    if prepared.is_empty() {
        Err("a part of it is empty")
    } else if prepared.len() > PART_BYTES_MAX {
        Err("a part of it is longer than 1023 bytes")
    } else {
        Ok(prepared)
    }
}

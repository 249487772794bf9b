//! Every diagnostic: `tests/diagnostics/NAME.rtr` is a file, `NAME.expected` is what its author is told. `UPDATE=1` writes the
//! latter anew; read the difference before you commit it. Bytes that no editor shows stand here instead.

use crate::{files, folder, golden, none};
use rtr::{FILE_BYTES_MAX, parse};

/// Everything that is said about a file.
fn said(name: &str, text: &[u8]) -> String {
    match parse(name, text) {
        Err(refused) => format!("{refused}\n"),
        Ok(parsed) => {
            let warnings = parsed.warnings.iter().map(|d| format!("{d}\n\n")).collect::<String>();
            format!("{warnings}{name}: accepted as {}\n", parsed.resource_type.full_name())
        }
    }
}

#[test]
fn every_diagnostic_says_where_what_and_what_was_expected() {
    let cases = files(&folder("diagnostics"), "rtr");
    assert!(cases.len() >= 30, "{} cases", cases.len());
    none(
        cases
            .iter()
            .filter_map(|path| {
                let name = path.file_name().unwrap().to_str().unwrap();
                let text = std::fs::read(path).unwrap();
                golden(&path.with_extension("expected"), &said(name, &text))
            })
            .collect(),
    );
}

#[test]
fn every_golden_file_has_its_case() {
    for path in files(&folder("diagnostics"), "expected") {
        assert!(path.with_extension("rtr").exists(), "{} has no case", path.display());
    }
}

/// A file in which this is all that may be wrong, from its second line on.
fn with(text: &[u8]) -> Vec<u8> {
    let head = b"RESOURCE_TYPE = x; RT_VERSION = 1; RT_BASEDIR = /x; START = s; STOP = s;\n";
    [head, text].concat()
}

#[test]
fn bytes_that_no_editor_shows_are_named() {
    let check = |text: &[u8], place: &str, sentence: &str| {
        let said = said("f", text);
        assert!(said.contains(place) && said.contains(sentence), "{sentence}\n{said}");
    };
    check(&with(b"\0"), "f:2:1", "NUL byte (0x00) in the file");
    check(&with(b"VENDOR_ID = \"a\0b\";"), "f:2:15", "a NUL byte in a value");
    check(&with(b"\x1B[31m"), "f:2:1", "control character (0x1B) in the file");
    check(&with(b"VENDOR_ID =\xC2\xA0x;"), "f:2:12", "no-break space");
    check(&with(b"VENDOR_ID = \x93x\x94;"), "f:2:13", "typographic quotes");
    check(&with(b"RT_DESCRIPTION = \"caf\xE9\";"), "f:2:22", "not ASCII");
    check(&with(b"# caf\xE9\n"), "f:2:6", "a comment is not ASCII");
    check(b"\xEF\xBB\xBFVENDOR_ID = x;", "f:1:1", "byte order mark");
    check(b"\xFF\xFER\0E\0", "f:1:1", "UTF-16");
    check(&with(b"VENDOR_ID = x;\r\nFAILOVR;\r\n"), "f:3:1", "the lines end with CR LF");
    check(&with(b"VENDOR_ID = x;\rFAILOVR;\r"), "f:3:1", "`FAILOVR` is not a declaration");
    check(&with(b"\t\tFAILOVR;"), "f:2:3", "  |                 ^^^^^^^ ");
    let name = "n".repeat(256);
    check(&with(format!("VENDOR_ID = {name};").as_bytes()), "f:2:13", "not a legal name");
}

#[test]
fn a_file_that_is_too_big_is_refused_without_reading_it() {
    let comment = vec![b'#'; FILE_BYTES_MAX];
    let big = with(&comment);
    let said = said("big", &big);
    assert_eq!(said.lines().count(), 4, "{said}");
    assert!(said.contains("bigger than 1048576 bytes"), "{said}");
    assert!(parse("fits", &with(&comment[100..])).is_ok());
}

#[test]
fn more_errors_than_anyone_reads_are_not_told() {
    let said = said("f", "banana;\n".repeat(1000).as_bytes());
    assert_eq!(said.matches("`banana` is not a declaration").count(), 50);
    assert!(said.contains("more than 50 errors; the rest of the file was not read"), "{said}");
}

#[test]
fn lists_without_end_are_refused_in_one_sentence() {
    let literals: Vec<_> = (0..3000).map(|n| format!("literal-{n}")).collect();
    let literals = format!("{{PROPERTY=X;EXTENSION;ENUM{{{}}};DEFAULT=none;}}", literals.join(","));
    let lines: String = (0..3000).map(|n| format!("#$upgrade_from {n} anytime\n")).collect();
    for (text, sentence) in [
        (literals, "the enumeration has more than 1024 literals"),
        (format!("#$upgrade\n{lines}"), "there are more than 1024 `#$upgrade_from` lines"),
    ] {
        let said = said("f", &with(text.as_bytes()));
        assert_eq!(said.matches(sentence).count(), 1, "{said}");
        assert!(said.len() < 2000, "{said}");
    }
}

#[test]
fn a_file_that_is_something_else_gets_few_diagnostics() {
    let binary: Vec<u8> =
        (0..100_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let braces = vec![b'{'; 10_000];
    let prose = "Lorem ipsum dolor sit amet.\n".repeat(1000);
    let one_line = format!("{} = ", "word ".repeat(50_000));
    for text in [&binary[..], &braces, prose.as_bytes(), one_line.as_bytes()] {
        let refused = parse("other", text).unwrap_err();
        assert!(refused.list.len() <= 101, "{}", refused.list.len());
        assert!(refused.to_string().len() < 100_000);
    }
}

//! Each limit holds exactly: what reaches it passes, one more is refused (attack list, rows 15 and 18).

use crate::framing::HEADER;
use xmpp::xml::{Framer, Limits};

const LIMITS: Limits = Limits {
    element_bytes_max: 2000,
    depth_max: 8,
    attributes_max: 5,
    namespaces_max: 4,
    name_bytes_max: 20,
};

/// The error's text, if there is one, and how many bytes were pushed until then.
fn run(limits: Limits, input: &[u8], slice: usize) -> (Option<String>, usize) {
    let mut framer = Framer::new(limits);
    let mut pushed = 0;
    for bytes in input.chunks(slice) {
        framer.push(bytes);
        pushed += bytes.len();
        loop {
            match framer.next_frame() {
                Ok(Some(_)) => (),
                Ok(None) => break,
                Err(error) => return (Some(error.to_string()), pushed),
            }
        }
    }
    (None, pushed)
}

fn check(what: &str, max: usize, build: impl Fn(usize) -> String) {
    for slice in [1, 3, 64, usize::MAX] {
        let fits = format!("{HEADER}{}", build(max));
        assert_eq!(run(LIMITS, fits.as_bytes(), slice).0, None, "{max} {what}, slices of {slice}");
        let beyond = format!("{HEADER}{}", build(max + 1));
        let expect = format!("policy-violation: more than {max} {what}");
        assert_eq!(run(LIMITS, beyond.as_bytes(), slice).0, Some(expect), "slices of {slice}");
    }
}

#[test]
fn each_limit_lets_exactly_its_value_pass() {
    check("bytes in one element", 2000, |n| format!("<a>{}</a>", "x".repeat(n - 7)));
    check("bytes in one element", 2000, |n| format!("<a b='{}'/>", "x".repeat(n - 9)));
    check("bytes in one element", 2000, |n| {
        format!("<a>{}</a>", "\u{e9}".repeat(n / 2 - 4) + if n % 2 == 0 { "x" } else { "xx" })
    });
    check("bytes in one element", 2000, |n| format!("<a{}/>", " ".repeat(n - 4)));
    check("open tags inside each other", 8, |n| format!("{}{}", "<a>".repeat(n), "</a>".repeat(n)));
    check("open tags inside each other", 8, |n| {
        format!("{}<a/>{}", "<a>".repeat(n - 1), "</a>".repeat(n - 1))
    });
    let attrs = |n: usize| (0..n).map(|i| format!(" a{i}='{i}'")).collect::<String>();
    check("attributes on one tag", 5, |n| format!("<a xmlns='b' xmlns:c='d'{}/>", attrs(n)));
    let spaces = |n: usize| (0..n).map(|i| format!(" xmlns:a{i}='{i}'")).collect::<String>();
    check("namespace declarations on one tag", 4, |n| format!("<a b='c'{}/>", spaces(n)));
    check("bytes in a name", 20, |n| format!("<{}/>", "a".repeat(n)));
    check("bytes in a name", 20, |n| format!("<a {}=''/>", "a".repeat(n)));
    check("bytes in a name", 20, |n| format!("<a xmlns:{}='x'/>", "a".repeat(n - 6)));
    check("bytes in a reference", 32, |n| format!("<a>&#{}65;</a>", "0".repeat(n - 5)));
}

#[test]
fn cdata_counts_as_the_text_it_becomes() {
    let what = "bytes in one element once its CDATA sections are text";
    // Eight bytes are kept back for brackets that may have to be escaped at its borders.
    check(what, 2000, |n| {
        let (plain, escaped) = ((n - 15) % 5, (n - 15) / 5);
        format!("<a>{}<![CDATA[{}]]></a>", "x".repeat(plain), "&".repeat(escaped))
    });
}

#[test]
fn the_limits_of_the_header_hold() {
    let header = |n: usize| HEADER.replace("to=", &format!("a='{}' to=", "x".repeat(n)));
    let room = LIMITS.element_bytes_max - header(0).len();
    assert_eq!(run(LIMITS, header(room).as_bytes(), 7).0, None);
    let (error, _) = run(LIMITS, header(room + 1).as_bytes(), 7);
    assert_eq!(error.as_deref(), Some("policy-violation: more than 2000 bytes in one element"));
    let long = format!("<?xml version='1.0'{}?>", " ".repeat(300));
    let (error, _) = run(LIMITS, long.as_bytes(), 7);
    assert_eq!(
        error.as_deref(),
        Some("policy-violation: more than 256 bytes in the XML declaration")
    );
}

#[test]
fn prefixes_in_scope_are_limited_across_tags() {
    let tag = |depth: usize| {
        let spaces: String = (0..16).map(|i| format!(" xmlns:a{depth}-{i}='{i}'")).collect();
        format!("<a{spaces}>")
    };
    let open = |n: usize| (0..n).map(tag).collect::<String>();
    let (error, _) = run(Limits::AFTER_LOGIN, format!("{HEADER}{}", open(8)).as_bytes(), 100);
    assert_eq!(error, None);
    let (error, _) = run(Limits::AFTER_LOGIN, format!("{HEADER}{}", open(9)).as_bytes(), 100);
    assert_eq!(
        error.as_deref(),
        Some("policy-violation: more than 128 prefixes declared by open tags")
    );
}

#[test]
fn enormous_things_are_refused_as_soon_as_they_pass_a_limit() {
    const SLICE: usize = 512;
    let check = |input: String, what: &str, near: usize| {
        let input = format!("{HEADER}{input}");
        let (error, pushed) = run(Limits::AFTER_LOGIN, input.as_bytes(), SLICE);
        assert_eq!(error, Some(format!("policy-violation: more than {what}")));
        assert!(pushed <= HEADER.len() + near + SLICE, "{what} after {pushed} bytes");
    };
    check("<a>".repeat(1_000_000), "96 open tags inside each other", 97 * 3);
    let attrs: String = (0..100_000).map(|i| format!(" a{i}=''")).collect();
    check(format!("<a{attrs}/>"), "64 attributes on one tag", 65 * 7);
    let spaces: String = (0..100_000).map(|i| format!(" xmlns:a{i}='x'")).collect();
    check(format!("<a{spaces}/>"), "32 namespace declarations on one tag", 33 * 15);
    check(format!("<{}/>", "a".repeat(1 << 20)), "512 bytes in a name", 513);
    check(format!("<a {}=''/>", "a".repeat(1 << 20)), "512 bytes in a name", 520);
    check(format!("<a b='{}'/>", "x".repeat(1 << 20)), "262144 bytes in one element", 262_144);
    check(format!("<a>{}", "x".repeat(1 << 20)), "262144 bytes in one element", 262_144);
    check(format!("<a>{}", "<b/>".repeat(1 << 18)), "262144 bytes in one element", 262_144);
    check(format!("<a><![CDATA[{}", "]".repeat(1 << 20)), "262144 bytes in one element", 262_144);
    check(format!("<a>&#{}", "0".repeat(1 << 20)), "32 bytes in a reference", 40);
}

#[test]
fn limits_change_with_the_next_byte() {
    let mut framer = Framer::new(Limits::BEFORE_LOGIN);
    let stanza = format!("<a>{}</a>", "x".repeat(20_000));
    framer.push(HEADER.as_bytes());
    assert!(framer.next_frame().unwrap().is_some());
    framer.set_limits(Limits::AFTER_LOGIN);
    framer.push(stanza.as_bytes());
    assert!(framer.next_frame().unwrap().is_some());
    framer.push(&stanza.as_bytes()[..15_000]);
    assert!(framer.next_frame().unwrap().is_none());
    framer.set_limits(Limits::BEFORE_LOGIN);
    assert!(framer.next_frame().is_err());
    assert!(framer.next_frame().is_err());
    assert_eq!(framer.pending_bytes(), 0);
}

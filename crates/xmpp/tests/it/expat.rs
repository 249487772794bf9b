//! Ours against expat, which most clients and servers read XML with: what it refuses is refused, what it understands we
//! understand the same way (attack list, row 17). `tests/expat/bless.py` wrote down what expat said.

use crate::differential::{differs_from_xml, in_stream, ours};

const CASES: &str = include_str!("../expat/cases.txt");

/// Undoes the `\xNN` of a line.
fn bytes(shown: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = shown;
    while let Some((plain, escaped)) = rest.split_once("\\x") {
        bytes.extend_from_slice(plain.as_bytes());
        bytes.push(u8::from_str_radix(&escaped[..2], 16).expect("two digits"));
        rest = &escaped[2..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    })
}

#[test]
fn both_agree_on_every_case() {
    for line in CASES.lines() {
        let (verdict, body) = line.split_once('\t').expect("a verdict and a body");
        let input = in_stream(&bytes(body));
        let found = match ours(&input, usize::MAX) {
            Ok(tree) => {
                let lines: Vec<_> = tree.iter().map(|node| node.fields()).collect();
                format!("{:016x}", fnv1a(&lines.join("\u{2}")))
            }
            Err(condition) if differs_from_xml(&condition) => continue,
            Err(_) => "-".to_owned(),
        };
        assert_eq!(found, verdict, "{body}");
    }
}

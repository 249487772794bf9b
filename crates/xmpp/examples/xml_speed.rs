//! How long one 300-byte message takes: framing, parsing, editing, and what is asked of it on the way.
//!
//! `cargo run --release -p xmpp --example xml_speed`. A yardstick for changes to the XML code, not a benchmark of the
//! server; must never be read as one.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a yardstick that reads a clock and prints"
)]

use bytes::Bytes;
use std::hint::black_box;
use std::time::Instant;
use xmpp::jid::Jid;
use xmpp::xml::{Edit, Element, Frame, Framer, Limits, Writer};

const HEADER: &[u8] =
    b"<?xml version='1.0'?><stream:stream xmlns='jabber:client' to='example.org' version='1.0' \
    xmlns:stream='http://etherx.jabber.org/streams'>";
const MESSAGE: &str = "<message type='chat' to='juliet@example.org/balcony' id='0f3a9c52-77d1-4b1e' xml:lang='en'>\
    <body>Art thou not Romeo, and a Montague? &lt;3</body><active xmlns='http://jabber.org/protocol/chatstates'/>\
    <request xmlns='urn:xmpp:receipts'/><origin-id xmlns='urn:xmpp:sid:0' id='0f3a9c52-77d1-4b1e'/></message>";
const ROUNDS: u32 = 20_000;
const RUNS: u32 = 60;

#[expect(clippy::too_many_lines, reason = "a list of what is measured")]
fn main() {
    println!("message of {} bytes, {ROUNDS} rounds, best of {RUNS}", MESSAGE.len());
    let bytes = Bytes::from_static(MESSAGE.as_bytes());
    let Ok(element) = Element::parse(bytes.clone()) else {
        return println!("the message is malformed");
    };

    let mut framer = open();
    measure("frame, one message per push", 1, || {
        framer.push(MESSAGE.as_bytes());
        while let Ok(Some(frame)) = framer.next_frame() {
            black_box(&frame);
        }
    });
    let batch = MESSAGE.repeat(40);
    let mut framer = open();
    measure("frame, 40 messages per push", 40, || {
        framer.push(batch.as_bytes());
        while let Ok(Some(frame)) = framer.next_frame() {
            black_box(&frame);
        }
    });
    measure("parse", 1, || _ = black_box(Element::parse(bytes.clone())));
    measure("parse, look at what routing needs", 1, || {
        let Ok(element) = Element::parse(bytes.clone()) else { return };
        let root = element.root();
        black_box((root.name() == "message", root.attr("to"), root.attr("type"), root.attr("id")));
        black_box((root.child("body", "jabber:client"), root.child("x", "urn:xmpp:carbons:2")));
    });
    measure("edit: set from, append stanza-id", 1, || {
        let edit = Edit::new(&element).set_attr("from", "romeo@example.org/orchard");
        black_box(
            edit.append(b"<stanza-id xmlns='urn:xmpp:sid:0' by='juliet@example.org' id='1'/>")
                .finish(),
        );
    });
    measure("standalone of a child", 1, || {
        _ = black_box(element.root().children().map(|c| c.standalone()).last())
    });
    measure("write an answer", 1, || {
        let mut w = Writer::new();
        w.open("iq")
            .attr("type", "result")
            .attr("id", "a1")
            .attr("to", "juliet@example.org/balcony");
        w.open("query").attr("xmlns", "jabber:iq:roster").leaf("item", "a & b");
        black_box(w.finish());
    });
    measure("address, bare, plain", 1, || {
        _ = black_box(Jid::parse(black_box("juliet@example.org")))
    });
    measure("address, full, plain", 1, || {
        _ = black_box(Jid::parse(black_box("juliet@example.org/balcony")))
    });
    measure("address, upper case", 1, || {
        _ = black_box(Jid::parse(black_box("Juliet@Example.ORG")))
    });
    measure("address, Unicode", 1, || _ = black_box(Jid::parse(black_box("jülchen@exämple.org"))));
    for (what, text) in [
        ("expanding letters", "\u{fdfa}".repeat(1364)),
        ("marks to sort", "\u{301}\u{316}".repeat(1023)),
        ("composed letters", "\u{1fa7}".repeat(1364)),
        ("forms of width", "\u{ff21}".repeat(1364)),
        ("a domain of Unicode labels", format!("a@{}", "\u{fc}\u{dc}a.".repeat(800))),
        ("a domain of punycode labels", format!("a@{}", "xn--exmple-cua.".repeat(270))),
        ("one label of punycode", format!("a@xn--{}", "a".repeat(4000))),
        ("a resource of marks", format!("a@b/{}", "\u{301}\u{316}".repeat(1023))),
    ] {
        let text = if text.contains('@') { text } else { text + "@b" };
        let start = Instant::now();
        let taken = black_box(Jid::parse(&text)).is_ok();
        println!(
            "{:8.1} ns/byte  address of {what}, {}",
            start.elapsed().as_nanos() as f64 / text.len() as f64,
            if taken { "taken" } else { "refused" }
        );
    }
    hostile();
}

fn open() -> Framer {
    let mut framer = Framer::new(Limits::AFTER_LOGIN);
    framer.push(HEADER);
    _ = black_box(framer.next_frame());
    framer
}

/// Prints the best run as microseconds per item; each call of `work` handles that many items.
fn measure(what: &str, items: u32, mut work: impl FnMut()) {
    let mut best = f64::MAX;
    for _ in 0..RUNS {
        let start = Instant::now();
        for _ in 0..ROUNDS / items {
            work();
        }
        let items = f64::from(ROUNDS / items * items);
        best = best.min(start.elapsed().as_secs_f64() * 1e6 / items);
    }
    println!("{best:8.3} µs  {what}");
}

/// What a hostile peer can make us work: nanoseconds per byte for elements that pass all limits at their worst.
fn hostile() {
    let repeat = |piece: &str| {
        let count = (Limits::AFTER_LOGIN.element_bytes_max - 4000) / piece.len();
        piece.repeat(count)
    };
    let attrs: String = (0..64).map(|i| format!(" a{i:02}=''")).collect();
    let prefixed: String = (0..32).map(|i| format!(" p{i:02}:a=''")).collect();
    let spaces =
        |n: usize| (0..32).map(|i| format!(" xmlns:p{i:02}='{n}/{i}'")).collect::<String>();
    let scope = |content: String| {
        let open: String =
            (0..4).map(|n| format!("<x{}>", spaces(n).replace(":p", &format!(":q{n}")))).collect();
        format!("<x>{open}{content}{}</x>", "</x>".repeat(4))
    };
    let cases = [
        ("64 attributes on each tag", format!("<x>{}</x>", repeat(&format!("<x{attrs}/>")))),
        (
            "32 prefixed attributes on each tag",
            format!("<x{}>{}</x>", spaces(0), repeat(&format!("<x{prefixed}/>"))),
        ),
        ("128 prefixes in scope, the outermost used", scope(repeat("<q000:x/>"))),
        (
            "32 declarations on each tag",
            format!("<x>{}</x>", repeat(&format!("<x{}/>", spaces(0)))),
        ),
        ("default namespaces", format!("<x>{}</x>", repeat("<x xmlns='y'/>"))),
        ("empty CDATA sections", format!("<x>{}</x>", repeat("<![CDATA[]]>"))),
        ("references", format!("<x>{}</x>", repeat("&#65;"))),
        ("'>' in text", format!("<x>{}</x>", repeat(">"))),
        ("smallest tags", format!("<x>{}</x>", repeat("<x/>"))),
        (
            "96 deep",
            format!("<x>{}</x>", repeat(&format!("{}{}", "<x>".repeat(95), "</x>".repeat(95)))),
        ),
        ("two-byte letters", format!("<x>{}</x>", repeat("é"))),
    ];
    for (what, xml) in cases {
        for slice in [usize::MAX, 16] {
            let start = Instant::now();
            let mut framer = open();
            let mut found = None;
            for bytes in xml.as_bytes().chunks(slice) {
                framer.push(bytes);
                match framer.next_frame() {
                    Ok(None) => (),
                    Ok(frame) => found = frame,
                    Err(error) => println!("{error}"),
                }
            }
            let framing = start.elapsed().as_nanos() as f64 / xml.len() as f64;
            let Some(Frame::Element(bytes)) = found else { continue };
            let start = Instant::now();
            let parsed = black_box(Element::parse(bytes)).is_ok();
            let parsing = start.elapsed().as_nanos() as f64 / xml.len() as f64;
            println!(
                "{framing:8.1} + {parsing:.1} ns/byte  {what}, slices of {slice}{}",
                if parsed { "" } else { " (!)" }
            );
        }
    }
}

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
use xmpp::xml::{Edit, Element, Framer, Limits, Writer};

const HEADER: &[u8] =
    b"<?xml version='1.0'?><stream:stream xmlns='jabber:client' to='example.org' version='1.0' \
    xmlns:stream='http://etherx.jabber.org/streams'>";
const MESSAGE: &str = "<message type='chat' to='juliet@example.org/balcony' id='0f3a9c52-77d1-4b1e' xml:lang='en'>\
    <body>Art thou not Romeo, and a Montague? &lt;3</body><active xmlns='http://jabber.org/protocol/chatstates'/>\
    <request xmlns='urn:xmpp:receipts'/><origin-id xmlns='urn:xmpp:sid:0' id='0f3a9c52-77d1-4b1e'/></message>";
const ROUNDS: u32 = 300_000;

fn main() {
    println!("message of {} bytes, {ROUNDS} rounds, best of 5", MESSAGE.len());
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
}

fn open() -> Framer {
    let mut framer = Framer::new(Limits::AFTER_LOGIN);
    framer.push(HEADER);
    _ = black_box(framer.next_frame());
    framer
}

/// Prints the best of five runs as microseconds per item; each call of `work` handles that many items.
fn measure(what: &str, items: u32, mut work: impl FnMut()) {
    let mut best = f64::MAX;
    for _ in 0..5 {
        let start = Instant::now();
        for _ in 0..ROUNDS / items {
            work();
        }
        let items = f64::from(ROUNDS / items * items);
        best = best.min(start.elapsed().as_secs_f64() * 1e6 / items);
    }
    println!("{best:8.3} µs  {what}");
}

//! No output is longer than a constant times its input (attack list, row 16).

use crate::elements::parse;
use crate::framing::frames;
use proptest::prelude::*;
use xmpp::xml::{Edit, Element, Frame, Framer, Limits, Writer};

#[test]
fn a_stream_header_cannot_make_every_stanza_long() {
    let header = |name: &str| {
        format!(
            "<stream:stream xmlns='jabber:client' xmlns:a='{name}' xmlns:stream='http://etherx.jabber.org/streams'>"
        )
    };
    let (frames, error) =
        frames(format!("{}{}", header(&"&quot;".repeat(140)), "<a:m/>".repeat(50)).as_bytes(), 100);
    assert_eq!(error, None);
    for frame in &frames[1..] {
        let Frame::Element(bytes) = frame else { panic!("{frame:?}") };
        assert!(bytes.len() <= 6 + 1024, "{} bytes", bytes.len());
    }
    let mut framer = Framer::new(Limits::AFTER_LOGIN);
    framer.push(header(&"&quot;".repeat(160)).as_bytes());
    let error = framer.next_frame().expect_err("too long");
    assert_eq!(
        error.to_string(),
        "policy-violation: more than 1024 bytes of namespaces in the stream header"
    );
}

#[test]
fn taking_out_a_child_copies_only_what_it_uses() {
    let spaces: String = (0..30).map(|i| format!(" xmlns:n{i}='{}'", "u".repeat(1000))).collect();
    let element = parse(&format!("<m{spaces}>{}</m>", "<b/>".repeat(100)));
    for child in element.root().children() {
        assert_eq!(&child.standalone()[..], b"<b xmlns='jabber:client'/>");
    }
}

proptest! {
    #![proptest_config(crate::always_the_same(500))]

    #[test]
    fn writing_takes_at_most_six_bytes_for_one(text in any::<String>(), value in any::<String>()) {
        let mut w = Writer::new();
        w.open("a").attr("b", &value).text(&text);
        let bytes = w.finish();
        prop_assert!(bytes.len() <= 6 * (text.len() + value.len()) + 16);
        let element = Element::parse(bytes).expect("what is written is an element");
        let legal = |text: &str| -> String {
            let ok = |c: char| matches!(c, '\t' | '\n' | '\r') || (c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}'));
            text.chars().map(|c| if ok(c) { c } else { '\u{fffd}' }).collect()
        };
        prop_assert_eq!(element.root().text(), legal(&text));
        prop_assert_eq!(element.root().attr("b").unwrap_or_default(), legal(&value));
    }

    #[test]
    fn what_is_written_frames_to_itself(text in any::<String>(), value in any::<String>()) {
        let mut w = Writer::new();
        w.open("a").attr("b", &value).text(&text);
        let bytes = w.finish();
        let (frames, error) = frames(&[crate::framing::HEADER.as_bytes(), &bytes].concat(), usize::MAX);
        prop_assert_eq!(error, None);
        prop_assert_eq!(frames.get(1), Some(&Frame::Element(bytes)));
    }

    #[test]
    fn an_edit_adds_what_it_was_given_and_no_more(value in any::<String>(), children in 0..20_usize) {
        let xml = format!("<m a=\"1\" from='x'>{}</m>", "<b/>".repeat(children));
        let element = parse(&xml);
        let appended = b"<c xmlns='d'/>";
        let mut edit = Edit::new(&element).set_attr("from", &value).set_attr("new", &value).append(appended);
        for child in element.root().children().step_by(2) {
            edit = edit.remove(child);
        }
        let bytes = edit.finish();
        prop_assert!(bytes.len() <= xml.len() + appended.len() + 12 * value.len() + 32);
        prop_assert_eq!(Element::parse(bytes).expect("an element").root().children().count(), children / 2 + 1);
    }
}

//! What the framer makes of well-formed streams, however they are sliced.

use xmpp::xml::{Frame, Framer, Limits};

pub(crate) const HEADER: &str = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' \
    to='example.org' version='1.0'>";

/// All frames of the input, pushed in slices of that size, and the error's condition if there is one.
pub(crate) fn frames(input: &[u8], slice: usize) -> (Vec<Frame>, Option<String>) {
    let mut framer = Framer::new(Limits::AFTER_LOGIN);
    let mut frames = Vec::new();
    for bytes in input.chunks(slice.max(1)) {
        framer.push(bytes);
        loop {
            match framer.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error.condition.name().to_owned())),
            }
        }
    }
    (frames, None)
}

fn elements(input: &str) -> Vec<String> {
    let (frames, error) = frames(input.as_bytes(), usize::MAX);
    assert_eq!(error, None, "{input}");
    let element = |frame: Frame| match frame {
        Frame::Element(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        _ => None,
    };
    frames.into_iter().filter_map(element).collect()
}

#[test]
fn elements_come_out_as_they_went_in() {
    let check = |body: &str, expect: &[&str]| {
        assert_eq!(elements(&format!("{HEADER}{body}")), expect, "{body}")
    };
    check("<message/>", &["<message/>"]);
    check(" \n<a/>\t<b></b >\r\n", &["<a/>", "<b></b >"]);
    check("<a b='\"' c=\"'>\" />", &["<a b='\"' c=\"'>\" />"]);
    check("<a>&lt;&#65;&#x41; ]] ></a>", &["<a>&lt;&#65;&#x41; ]] ></a>"]);
    check(
        "<a xmlns='x'><p:b xmlns:p='y' p:c='' c=''/></a>",
        &["<a xmlns='x'><p:b xmlns:p='y' p:c='' c=''/></a>"],
    );
    check("<é>\u{1F600}</é>", &["<é>\u{1F600}</é>"]);
    check(
        "<a xml:lang='de' xmlns:xml='http://www.w3.org/XML/1998/namespace'/>",
        &["<a xml:lang='de' xmlns:xml='http://www.w3.org/XML/1998/namespace'/>"],
    );
}

#[test]
fn cdata_sections_come_out_as_text() {
    let check = |body: &str, expect: &str| {
        assert_eq!(elements(&format!("{HEADER}{body}")), [expect], "{body}")
    };
    check("<a><![CDATA[<b>&x;]]></a>", "<a>&lt;b&gt;&amp;x;</a>");
    check("<a>]]<![CDATA[]]>></a>", "<a>&#93;&#93;></a>");
    check("<a><![CDATA[]]]]><![CDATA[>]]></a>", "<a>&#93;&#93;&gt;</a>");
}

#[test]
fn prefixes_of_the_stream_are_declared_where_they_are_used() {
    let check = |declared: &str, body: &str, expect: &str| {
        let header =
            format!("<stream:stream {declared} xmlns:stream='http://etherx.jabber.org/streams'>");
        assert_eq!(elements(&format!("{header}{body}")), [expect], "{declared} {body}");
    };
    let client = "xmlns='jabber:client' xmlns:a='u&amp;v' xmlns:b=\"w'\"";
    check(client, "<m/>", "<m/>");
    check(client, "<a:m x='y'/>", "<a:m xmlns:a='u&amp;v' x='y'/>");
    check(client, "<m><x b:y=''/></m>", "<m xmlns:b='w&apos;'><x b:y=''/></m>");
    check(client, "<a:m xmlns:a='own'/>", "<a:m xmlns:a='own'/>");
    check(
        client,
        "<m><a:x xmlns:a='own'/><a:y/></m>",
        "<m xmlns:a='u&amp;v'><a:x xmlns:a='own'/><a:y/></m>",
    );
    check(
        client,
        "<stream:error/>",
        "<stream:error xmlns:stream='http://etherx.jabber.org/streams'/>",
    );
    check("xmlns='jabber:server'", "<m/>", "<m xmlns='jabber:server'/>");
    check("xmlns='jabber:server'", "<m xmlns='jabber:client'/>", "<m xmlns='jabber:client'/>");
    check("", "<m/>", "<m xmlns=''/>");
}

#[test]
fn a_stream_opens_closes_and_starts_again() {
    let mut framer = Framer::new(Limits::BEFORE_LOGIN);
    framer.push(b"<?xml version='1.0' encoding='utf-8'?>\n");
    framer.push(HEADER.as_bytes());
    framer.push(b"<auth/>\n<?xml version='1.0'?>");
    framer.push(HEADER.as_bytes());
    framer.push(b"</stream:stream >  ");
    let Ok(Some(Frame::Header(header))) = framer.next_frame() else { panic!("no header") };
    assert_eq!(header.to.as_deref(), Some("example.org"));
    assert_eq!((header.version, header.content_ns.as_str()), (Some((1, 0)), "jabber:client"));
    assert!(matches!(framer.next_frame(), Ok(Some(Frame::Element(_)))));
    framer.restart();
    assert!(matches!(framer.next_frame(), Ok(Some(Frame::Header(_)))));
    assert_eq!(framer.next_frame(), Ok(Some(Frame::End)));
    assert_eq!(framer.next_frame(), Ok(None));
    assert_eq!(framer.pending_bytes(), 0);
}

#[test]
fn a_header_may_do_without_prefix_and_may_close_itself() {
    let header = "<stream xmlns='http://etherx.jabber.org/streams' to='a'>";
    let input = format!("{header}<message xmlns='jabber:client'/><features/></stream>");
    let (frames, error) = frames(input.as_bytes(), 7);
    assert_eq!((frames.len(), error), (4, None));
    assert_eq!(
        frames[2],
        Frame::Element("<features xmlns='http://etherx.jabber.org/streams'/>".into())
    );
    let (frames, error) = self::frames(HEADER.replace('>', "/>").as_bytes(), 5);
    assert!(matches!(frames[..], [Frame::Header(_), Frame::End]));
    assert_eq!(error, None);
}

#[test]
fn slicing_changes_nothing() {
    let body = "<message to='a@b' xml:lang='de'><body>x &lt; \u{1F600}é</body><![CDATA[]]]]><![CDATA[>]]>\
        <p:x xmlns:p='q' p:y=\"'\"/></message> <stream:error><a xmlns='urn:x'/></stream:error>\n</stream:stream>";
    let input = format!("<?xml version='1.0'?>{HEADER}{body} ");
    let whole = frames(input.as_bytes(), usize::MAX);
    assert_eq!((whole.0.len(), &whole.1), (4, &None));
    for size in 1..input.len() {
        assert_eq!(frames(input.as_bytes(), size), whole, "{size}");
    }
    for at in 0..input.len() {
        let mut framer = Framer::new(Limits::AFTER_LOGIN);
        let mut found = Vec::new();
        for part in [&input.as_bytes()[..at], &input.as_bytes()[at..]] {
            framer.push(part);
            while let Some(frame) = framer.next_frame().unwrap() {
                found.push(frame);
            }
        }
        assert_eq!(found, whole.0, "{at}");
    }
}

//! Rows 14–19 on the wire: what is not the XML of XMPP, too large, or cut into the smallest pieces, in clear and inside TLS.

use crate::raw::{HEADER, Raw};
use crate::service::{Door, PASSWORD, Service};

/// Longest element after login; what the stream features tell is compared with it.
const ELEMENT_BYTES_MAX: usize = 262_144;
/// The same before login.
const ELEMENT_BYTES_MAX_BEFORE: usize = 10_000;

/// Where in a stream something is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    First,
    BeforeLogin,
    Bound,
}

/// What comes back when this is said there; the connection has ended.
fn refused(service: &Service, door: Door, stage: Stage, bytes: &[u8]) -> String {
    let mut raw = match stage {
        Stage::Bound => Raw::login(service, door, "romeo", "orchard"),
        _ => Raw::connect(service, door),
    };
    if stage == Stage::BeforeLogin {
        raw.open();
    }
    // In pieces, because the server does not listen to the end.
    let _ = bytes.chunks(8 * 1024).all(|piece| raw.say(piece));
    raw.hear_end()
}

const BILLION_LAUGHS: &str = "<!DOCTYPE lolz [<!ENTITY lol \"lol\"><!ENTITY lol2 \"&lol;&lol;&lol;\
    &lol;&lol;&lol;&lol;&lol;&lol;&lol;\"><!ENTITY lol3 \"&lol2;&lol2;&lol2;&lol2;&lol2;\">]>";

#[test]
fn xml_that_xmpp_forbids_ends_the_stream_everywhere() {
    let service = Service::with("");
    let mut bystander = Raw::login(&service, Door::Direct, "juliet", "balcony");
    let inside = |xml: &str| xml.as_bytes().to_vec();
    let restricted = [
        inside(BILLION_LAUGHS),
        inside("<!-- comment -->"),
        inside("<?php evil ?>"),
        inside("<message><!-- comment --></message>"),
        inside("<message><body>&lol;</body></message>"),
        inside("<message><?pi?></message>"),
    ];
    let first = [
        ("restricted-xml", inside(&format!("<?xml version='1.0'?>{BILLION_LAUGHS}{HEADER}"))),
        ("unsupported-encoding", inside("<?xml version='1.0' encoding='ISO-8859-1'?>")),
        ("", inside("<?xml version='1.1'?><stream:stream>")),
        ("", HEADER.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("", HEADER.encode_utf16().flat_map(u16::to_be_bytes).collect()),
    ];
    for door in Door::BOTH {
        for (condition, bytes) in &first {
            let heard = refused(&service, door, Stage::First, bytes);
            assert!(heard.contains("<stream:error>") && heard.contains(condition), "{heard}");
            assert!(!heard.contains("stream:features"), "{heard}");
        }
        for stage in [Stage::BeforeLogin, Stage::Bound] {
            for bytes in &restricted {
                let heard = refused(&service, door, stage, bytes);
                let shown = String::from_utf8_lossy(bytes);
                assert!(heard.contains("restricted-xml"), "{door:?} {stage:?} {shown}: {heard}");
            }
        }
    }
    bystander.sync();
}

#[test]
fn enormous_xml_is_refused_as_soon_as_it_passes_a_limit() {
    let service = Service::with("");
    let mut bystander = Raw::login(&service, Door::Direct, "juliet", "balcony");
    let deep = "<a>".repeat(1_000_000).into_bytes();
    let attributes =
        (0..100_000).fold("<message".to_owned(), |text, n| text + &format!(" a{n}=''"));
    let name = format!("<{}/>", "n".repeat(1 << 20));
    let namespaces =
        (0..10_000).fold("<m".to_owned(), |text, n| text + &format!(" xmlns:p{n}='u'"));
    let endless = format!("<message><body>{}", "x".repeat(4 << 20));
    let twice = "<message id='1' id='2'/>".to_owned();
    let same = "<m xmlns:a='u' xmlns:b='u' a:x='' b:x=''/>".to_owned();
    for door in Door::BOTH {
        for stage in [Stage::BeforeLogin, Stage::Bound] {
            for text in [&attributes, &name, &namespaces, &endless, &twice, &same] {
                let heard = refused(&service, door, stage, text.as_bytes());
                // Who talks on long after the end may lose our last words to a reset.
                let is_reset = heard.is_empty() && text.len() > 64 * 1024;
                let is_refused = heard.contains("<stream:error>") || is_reset;
                assert!(is_refused, "{stage:?} {text:.40}: {heard}");
                bystander.sync();
            }
            let heard = refused(&service, door, stage, &deep);
            assert!(heard.is_empty() || heard.contains("policy-violation"), "{heard}");
        }
    }
    bystander.sync();
}

#[test]
fn what_is_delivered_is_at_most_six_times_what_was_sent() {
    let service = Service::with("");
    let mut juliet = Raw::online(&service, Door::Open, "juliet", "balcony");
    let mut romeo = Raw::login(&service, Door::Open, "romeo", "orchard");
    let quotes = |c: char| format!("<body>{}</body>", String::from(c).repeat(40_000));
    let long = format!("urn:{}", "x".repeat(2_000));
    let repeated = format!("<p:a xmlns:p='{long}'>{}</p:a>", "<p:b><p:c/></p:b>".repeat(2_000));
    let sections = format!("<body>{}</body>", "<![CDATA[&<>]]>".repeat(3_000));
    for content in [quotes('\''), quotes('"'), quotes('>'), quotes('\u{e9}'), repeated, sections] {
        let message = format!(
            "<message to='juliet@localhost/balcony'>{content}<x xmlns='urn:end'/></message>"
        );
        romeo.say(&message);
        let heard = juliet.hear("</message>");
        assert!(heard.len() <= 6 * message.len() + 2_000, "{} of {}", heard.len(), message.len());
    }
    // What is refused comes back shorter than it went.
    let refused = format!(
        "<iq type='get' id='1' to='nobody@localhost'><q xmlns='{long}'>{}</q></iq>",
        "<r/>".repeat(10_000)
    );
    romeo.say(&refused);
    assert!(romeo.hear("</iq>").len() < refused.len());
}

#[test]
fn what_is_not_utf_8_or_no_character_ends_the_stream() {
    let service = Service::with("");
    let cases: [&[u8]; 12] = [
        b"\x00",
        b"\xff",
        b"\xc0\xaf",
        b"\xe0\x80\xaf",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\x80",
        b"\xef\xbf\xbe",
        b"\x08",
        b"&#0;",
        b"&#xD800;",
        b"&#xFFFE;",
    ];
    for door in Door::BOTH {
        for stage in [Stage::BeforeLogin, Stage::Bound] {
            for case in cases {
                let message = [b"<message><body>", case, b"</body></message>"].concat();
                let heard = refused(&service, door, stage, &message);
                assert!(heard.contains("<stream:error>"), "{door:?} {stage:?} {case:x?}: {heard}");
            }
        }
    }
}

#[test]
fn an_element_of_the_advertised_length_passes_and_one_byte_more_does_not() {
    let service = Service::with("");
    for door in Door::BOTH {
        let mut juliet = Raw::online(&service, door, "juliet", "balcony");
        let mut romeo = Raw::connect(&service, door);
        let told = format!("<max-bytes>{ELEMENT_BYTES_MAX_BEFORE}</max-bytes>");
        assert!(romeo.open().contains(&told));
        assert!(romeo.plain("", "romeo", PASSWORD).contains("<success"));
        let told = format!("<max-bytes>{ELEMENT_BYTES_MAX}</max-bytes>");
        assert!(romeo.open().contains(&told));
        romeo.bind("orchard");
        let (head, tail) = ("<message to='juliet@localhost/balcony'><body>", "</body></message>");
        let room = ELEMENT_BYTES_MAX - head.len() - tail.len();
        romeo.say(format!("{head}{}{tail}", "x".repeat(room)));
        assert!(juliet.hear("</message>").len() > room);
        romeo.say(format!("{head}{}{tail}", "x".repeat(room + 1)));
        assert!(romeo.hear_end().contains("policy-violation"));
        assert!(!juliet.sync().contains("<message"));

        let sized = |len: usize| {
            let head = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>";
            format!("{head}{}</auth>", "A".repeat(len - head.len() - "</auth>".len()))
        };
        let stage = Stage::BeforeLogin;
        let over = refused(&service, door, stage, sized(ELEMENT_BYTES_MAX_BEFORE + 1).as_bytes());
        assert!(over.contains("policy-violation"), "{over}");
        let fits = format!("{}</stream:stream>", sized(ELEMENT_BYTES_MAX_BEFORE));
        let fits = refused(&service, door, stage, fits.as_bytes());
        assert!(fits.contains("<failure") && !fits.contains("policy-violation"), "{fits}");
    }
}

#[test]
fn a_stream_that_comes_byte_by_byte_is_the_same_stream() {
    let service = Service::with("");
    for door in Door::BOTH {
        let mut juliet = Raw::online(&service, door, "juliet", "balcony");
        let mut romeo = Raw::connect(&service, door);
        romeo.trickle(HEADER.as_bytes());
        romeo.hear("</stream:features>");
        romeo.trickle(
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>".as_bytes(),
        );
        use base64::Engine as _;
        let auth = format!("\0romeo\0{PASSWORD}");
        let auth = base64::engine::general_purpose::STANDARD.encode(auth);
        romeo.trickle(format!("{auth}</auth>").as_bytes());
        romeo.hear("<success");
        romeo.trickle(HEADER.as_bytes());
        romeo.hear("</stream:features>");
        romeo.bind("orchard");
        let text = "\u{20ac} &lt;\u{1f600}&#x20AC;<![CDATA[ ]] > ]]>";
        let message =
            format!("<message to='juliet@localhost/balcony' id='m'><body>{text}</body></message>");
        romeo.trickle(message.as_bytes());
        let one = juliet.hear("</message>");
        romeo.say(&message);
        let other = juliet.hear("</message>");
        let body = |heard: &str| {
            heard.split_once("<body>").unwrap().1.split_once("</body>").unwrap().0.to_owned()
        };
        assert_eq!(body(&one), body(&other));
        assert!(one.contains('\u{1f600}'), "{one}");
    }
}

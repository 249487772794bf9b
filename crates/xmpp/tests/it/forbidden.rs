//! Everything RFC 6120 §11 forbids, with the condition the peer is told (attack list, rows 14 and 17).

use crate::framing::{HEADER, frames};

/// The input is refused with that condition, wherever it is cut.
fn check(input: impl AsRef<[u8]>, expect: &str) {
    let input = input.as_ref();
    let shown = String::from_utf8_lossy(input);
    for slice in [usize::MAX, 1, 2, 3, 7] {
        let (_, error) = frames(input, slice);
        assert_eq!(error.as_deref(), Some(expect), "{shown} in slices of {slice}");
    }
}

fn check_in_stream(input: impl AsRef<[u8]>, expect: &str) {
    check([HEADER.as_bytes(), input.as_ref()].concat(), expect);
}

#[test]
fn features_of_xml_that_xmpp_forbids() {
    let restricted = "restricted-xml";
    for input in [
        "<!-- c -->",
        "<m><!-- c --></m>",
        "<?php ?>",
        "<m><?php ?></m>",
        "<?xml version='1.0'?>",
        "<m><?xml version='1.0'?></m>",
        "<!DOCTYPE a []>",
        "<m><!DOCTYPE a></m>",
        "<!ENTITY a 'b'>",
        "<m>&foo;</m>",
        "<m>&nbsp;</m>",
        "<m a='&lol9;'/>",
        "<m>&LT;</m>",
        "<m>&verylongname;</m>",
        "<m>&am;</m>",
        "<m>&ltx;</m>",
        "<m>&\u{e9};</m>",
    ] {
        check_in_stream(input, restricted);
    }
    for input in [
        "<!-- c -->",
        "<!DOCTYPE a>",
        "<?php ?>",
        "<?xml version='1.1'?>",
        "<?xml version='1.0'?><?xml version='1.0'?>",
        "<?xml version='1.0'?><!DOCTYPE lolz [<!ENTITY lol 'lol'>]>",
        "<?xmlx version='1.0'?>",
        "<?XML version='1.0'?>",
    ] {
        check(input, restricted);
    }
}

#[test]
fn encodings_other_than_utf_8() {
    let unsupported = "unsupported-encoding";
    check("<?xml version='1.0' encoding='UTF-16'?>", unsupported);
    check("<?xml version='1.0' encoding='ISO-8859-1'?>", unsupported);
    check(b"\xFF\xFE<\0", unsupported);
    check(b"\xFE\xFF\0<", unsupported);
    check(b"<\0?\0x\0", unsupported);
    check(b"\0<\0?", unsupported);
    let bad: [&[u8]; 11] = [
        b"\x80",
        b"\xC0\x80",
        b"\xC1\xBF",
        b"\xE0\x80\x80",
        b"\xED\xA0\x80",
        b"\xED\xBF\xBF",
        b"\xF0\x80\x80\x80",
        b"\xF4\x90\x80\x80",
        b"\xF8\x88\x80\x80\x80",
        b"\xFF",
        b"\xC3(",
    ];
    for bytes in bad {
        check_in_stream([b"<m>", bytes, b"</m>"].concat(), unsupported);
        check_in_stream([b"<m a='", bytes, b"'/>"].concat(), unsupported);
        check_in_stream([b"<m", bytes, b"/>"].concat(), unsupported);
        check_in_stream([b" ", bytes].concat(), unsupported);
    }
}

#[test]
fn characters_that_xml_forbids() {
    for c in ["\0", "\u{1}", "\u{8}", "\u{b}", "\u{c}", "\u{1b}", "\u{1f}", "\u{fffe}", "\u{ffff}"]
    {
        check_in_stream(format!("<m>{c}</m>"), "not-well-formed");
        check_in_stream(format!("<m a='{c}'/>"), "not-well-formed");
        check_in_stream(format!("<m {c}/>"), "not-well-formed");
        check_in_stream(format!("<m><![CDATA[{c}]]></m>"), "not-well-formed");
        check_in_stream(c, "not-well-formed");
    }
    for number in [
        "0",
        "1",
        "8",
        "31",
        "xFFFE",
        "xFFFF",
        "xD800",
        "xDFFF",
        "x110000",
        "99999999999",
        "",
        "x",
        "a",
        "x-1",
    ] {
        check_in_stream(format!("<m>&#{number};</m>"), "not-well-formed");
        check_in_stream(format!("<m a='&#{number};'/>"), "not-well-formed");
    }
}

#[test]
fn markup_that_is_not_well_formed() {
    for input in [
        "<m></n>",
        "<m></M>",
        "<a:m xmlns:a='x' xmlns:b='x'></b:m>",
        "<m/ >",
        "<m//>",
        "<m a/>",
        "<m a=/>",
        "<m a=b/>",
        "<m a='b'c='d'/>",
        "<m a='<'/>",
        "<m a='b' a='c'/>",
        "<m>]]></m>",
        "< m/>",
        "<>",
        "</>",
        "<m></ m>",
        "</m>",
        "<m>&</m>",
        "<m>& </m>",
        "<m>&amp</m>",
        "<m>&;</m>",
        "<m a='&'/>",
        "<m a='&amp'/>",
        "<m><![cdata[]]></m>",
        "<m><!x-></m>".replace("!x", "!-x").as_str(),
        "<m><![IGNORE[]]></m>",
        "<m><! ></m>",
        "<m><</m>",
        "<m <n/>",
        "<m a'b'/>",
        "<m a='b\"/><n a='c'/>",
    ] {
        check_in_stream(input, "not-well-formed");
    }
    for input in [
        "hello",
        "GET / HTTP/1.1\r\n",
        "</stream:stream>",
        "<![CDATA[",
        "\u{feff}<a/>",
        "&#32;",
        "<?xml ?>",
        "<a:/>",
    ] {
        check(input, "not-well-formed");
    }
}

#[test]
fn names_that_are_none() {
    for name in [
        "1m", "-m", ".m", ":m", "m:", "a:b:c", "a:1", "m\u{d7}", "\u{b7}m", "m$", "\u{300}m",
        "m\u{37e}",
    ] {
        check_in_stream(format!("<{name}/>"), "not-well-formed");
        check_in_stream(format!("<m {name}=''/>"), "not-well-formed");
    }
}

/// Of what XML 1.0 allows in names since its fifth edition, expat knows nothing: the recipient's stream would end.
#[test]
fn names_that_expat_does_not_know() {
    for c in [
        "\u{3001}",
        "\u{fdcf}",
        "\u{fffd}",
        "\u{10000}",
        "\u{1f600}",
        "\u{200c}",
        "\u{203f}",
        "\u{37f}",
        "\u{2070}",
    ] {
        check_in_stream(format!("<a{c}/>"), "not-well-formed");
        check_in_stream(format!("<m a{c}=''/>"), "not-well-formed");
    }
}

#[test]
fn namespaces_used_wrongly() {
    let xml = "http://www.w3.org/XML/1998/namespace";
    let xmlns = "http://www.w3.org/2000/xmlns/";
    let cases: Vec<String> = vec![
        "<p:m/>".into(),
        "<m p:a=''/>".into(),
        "<m><p:n xmlns:p='x'/><p:n/></m>".into(),
        "<xmlns:m/>".into(),
        "<m xmlns:p=''/>".into(),
        "<m xmlns:xml='x'/>".into(),
        format!("<m xmlns:p='{xml}'/>"),
        format!("<m xmlns='{xml}'/>"),
        format!("<m xmlns:xmlns='{xmlns}'/>"),
        format!("<m xmlns:p='{xmlns}'/>"),
        format!("<m xmlns='{xmlns}'/>"),
        format!("<m xmlns:p='{}'/>", xml.replace('w', "&#119;")),
        "<m xmlns:p='x' xmlns:p='y'/>".into(),
        "<m xmlns='x' xmlns='x'/>".into(),
        "<m xmlns:p='x' xmlns:q='x' p:a='' q:a=''/>".into(),
        "<m xmlns:p='x' xmlns:q='&#120;' p:a='' q:a=''/>".into(),
        "<m xmlns:p='x\ty' xmlns:q='x y' p:a='' q:a=''/>".into(),
        "<m xmlns:p='x'><n xmlns:q='x' q:a='' p:a=''/></m>".into(),
        "<m xmlns:p='http://etherx.jabber.org/streams' p:a='' stream:a=''/>".into(),
        "<m xmlns:='x'/>".into(),
        "<m xml:lang='' xml:lang=''/>".into(),
        "<m XMLNS:p='x'><p:n/></m>".into(),
    ];
    for input in cases {
        check_in_stream(input, "not-well-formed");
    }
}

#[test]
fn text_between_stanzas() {
    for input in ["x", "<m/>x", "<m/> &amp;", "<![CDATA[", "\u{a0}", "\u{feff}"] {
        check_in_stream(input, "bad-format");
    }
}

#[test]
fn headers_that_are_none() {
    let streams = "http://etherx.jabber.org/streams";
    check(
        format!("<stream:stream xmlns='jabber:client' xmlns:stream='{streams}/'>"),
        "invalid-namespace",
    );
    check(
        "<stream:stream xmlns='jabber:client' xmlns:stream='http://wrong.example/'>",
        "invalid-namespace",
    );
    check("<stream xmlns='jabber:client'>", "invalid-namespace");
    check("<html>", "invalid-namespace");
    check("<stream:stream xmlns='jabber:client'>", "not-well-formed");
    check(
        format!("<foobar:stream xmlns='jabber:client' xmlns:foobar='{streams}'>"),
        "bad-namespace-prefix",
    );
    check(
        format!("<stream xmlns='jabber:client' xmlns:stream='{streams}'>"),
        "bad-namespace-prefix",
    );
    check(format!("<stream:message xmlns='jabber:client' xmlns:stream='{streams}'>"), "bad-format");
    check(
        format!("<stream:stream xmlns='{}' xmlns:stream='{streams}'>", "x".repeat(1024)),
        "policy-violation",
    );
    check(format!("{}</stream>", HEADER), "not-well-formed");
    check(format!("{}</stream:stream><m/>", HEADER), "not-well-formed");
    check(format!("{}</stream:stream>{}", HEADER, HEADER), "not-well-formed");
}

//! What an element says about itself, and what it says after it was changed.

use bytes::Bytes;
use xmpp::xml::element::NotAnElement;
use xmpp::xml::{Edit, Element, Node};

pub(crate) fn parse(xml: &str) -> Element {
    Element::parse(Bytes::copy_from_slice(xml.as_bytes()))
        .unwrap_or_else(|error| panic!("{xml}: {error}"))
}

fn at<'a>(element: &'a Element, path: &[usize]) -> Node<'a> {
    path.iter().fold(element.root(), |node, &index| node.children().nth(index).expect("a child"))
}

#[test]
fn names_and_namespaces_are_those_in_scope() {
    let check = |xml: &str, path: &[usize], name: &str, ns: &str| {
        let element = parse(xml);
        let node = at(&element, path);
        assert_eq!((node.name(), node.ns()), (name, ns), "{xml} {path:?}");
        assert!(node.is(name, ns) && !node.is(name, "other") && !node.is("other", ns));
    };
    check("<m/>", &[], "m", "jabber:client");
    check("<m><b/></m>", &[0], "b", "jabber:client");
    check("<m xmlns=''><b/></m>", &[0], "b", "");
    check("<m xmlns='jabber:client'/>", &[], "m", "jabber:client");
    check("<m><b xmlns='u'><c/></b><d/></m>", &[0, 0], "c", "u");
    check("<m><b xmlns='u'><c/></b><d/></m>", &[1], "d", "jabber:client");
    check("<m><b xmlns='u'><c xmlns=''><e/></c></b></m>", &[0, 0, 0], "e", "");
    check("<p:m xmlns:p='u'><p:b xmlns:p='v'/><p:c/></p:m>", &[], "m", "u");
    check("<p:m xmlns:p='u'><p:b xmlns:p='v'/><p:c/></p:m>", &[0], "b", "v");
    check("<p:m xmlns:p='u'><p:b xmlns:p='v'/><p:c/></p:m>", &[1], "c", "u");
    check("<m xmlns='a&amp;b'/>", &[], "m", "a&b");
    check("<xml:m/>", &[], "m", "http://www.w3.org/XML/1998/namespace");
    check("<é xmlns='ü'/>", &[], "é", "ü");
}

#[test]
fn values_and_text_are_resolved() {
    let element = parse(
        "<m a='&lt;&#65;\n' b=\"it's\" xml:lang='de' p:c='d' xmlns:p='x'>a&amp;<b>no</b>\r\nc</m>",
    );
    let root = element.root();
    assert_eq!(root.attr("a").as_deref(), Some("<A "));
    assert_eq!(root.attr("b").as_deref(), Some("it's"));
    assert_eq!(root.attr("c"), None);
    assert_eq!(root.lang().as_deref(), Some("de"));
    assert_eq!(root.text(), "a&\nc");
    assert_eq!(root.child("b", "jabber:client").map(|b| b.text()).as_deref(), Some("no"));
    assert!(root.child("b", "").is_none());
    // What expat makes of the same bytes.
    let ends = parse("<m a='\r\n\r\t\n&#10;' b='a\rb'>c\rd\r\n</m>");
    assert_eq!(ends.root().attr("a").as_deref(), Some("    \n"));
    assert_eq!((ends.root().attr("b").as_deref(), &*ends.root().text()), (Some("a b"), "c\nd\n"));
    let names: Vec<_> = root.attrs().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(names, ["a=<A ", "b=it's", "xml:lang=de", "p:c=d"]);
}

#[test]
fn ranges_are_those_of_the_bytes() {
    let xml = "<m><a/>x<b y='>'>z</b ></m>";
    let element = parse(xml);
    let raw: Vec<_> = element.root().children().map(|c| String::from_utf8_lossy(c.raw())).collect();
    assert_eq!(raw, ["<a/>", "<b y='>'>z</b >"]);
    let inner: Vec<_> =
        element.root().children().map(|c| String::from_utf8_lossy(c.inner())).collect();
    assert_eq!(inner, ["", "z"]);
    assert_eq!(element.root().raw(), xml.as_bytes());
    assert_eq!(element.root().span(), 0..xml.len());
    assert_eq!(element.bytes(), xml.as_bytes());
}

#[test]
fn what_is_no_element_is_refused() {
    let deep = |n: usize| format!("{}{}", "<a>".repeat(n), "</a>".repeat(n));
    assert!(Element::parse(deep(128).into()).is_ok());
    let cases = [
        "",
        "x",
        " <a/>",
        "<a/> ",
        "<a/><b/>",
        "<a>",
        "</a>",
        "<a></b>",
        "<a",
        "<a b",
        "<a b=",
        "<a b='",
        "<a b='c'",
        "<a b='c'd=''/>",
        "<a b='<'/>",
        "<a/",
        "<>",
        "<a><!-- --></a>",
        "<a><![CDATA[]]></a>",
        "<?a?>",
        "<!DOCTYPE a>",
        "<p:a/>",
        "<a p:b=''/>",
        "<a xmlns:p='x'/><p:b/>",
        "<1/>",
        "<a:b:c xmlns:a=''/>",
        "<a></a b>",
        "<a></aa>",
        "<aa></a>",
    ];
    for bad in
        cases.iter().map(|&c| c.to_owned()).chain([deep(129), deep(100_000), "<a>".repeat(100_000)])
    {
        assert!(Element::parse(bad.clone().into()).is_err(), "{bad:.100}");
    }
    assert_eq!(
        Element::parse(Bytes::from_static(b"<a>\xff</a>")).err(),
        Some(NotAnElement("not UTF-8"))
    );
}

#[test]
fn a_standalone_node_means_the_same_anywhere() {
    let check = |xml: &str, path: &[usize], expect: &str| {
        let element = parse(xml);
        let alone = at(&element, path).standalone();
        assert_eq!(String::from_utf8_lossy(&alone), expect, "{xml} {path:?}");
    };
    check("<m><b/></m>", &[0], "<b xmlns='jabber:client'/>");
    check("<m/>", &[], "<m xmlns='jabber:client'/>");
    check("<m xmlns='jabber:client'/>", &[], "<m xmlns='jabber:client'/>");
    check("<m><b xmlns='u'/></m>", &[0], "<b xmlns='u'/>");
    check("<m><b xmlns='u'><c d='e'>f</c></b></m>", &[0, 0], "<c xmlns='u' d='e'>f</c>");
    check(
        "<m xmlns:p='u' xmlns:q='v'><b p:a=''/></m>",
        &[0],
        "<b xmlns='jabber:client' xmlns:p='u' p:a=''/>",
    );
    check(
        "<m xmlns:p='u'><p:b xmlns='w'><p:c/></p:b></m>",
        &[0, 0],
        "<p:c xmlns:p='u' xmlns='w'/>",
    );
    check(
        "<m xmlns:p='u'><b xmlns:p=\"v'\"><p:c/></b></m>",
        &[0, 0],
        "<p:c xmlns='jabber:client' xmlns:p='v&apos;'/>",
    );
    check("<m xmlns=''><b/></m>", &[0], "<b xmlns=''/>");
    check("<m><b xml:lang='de'/></m>", &[0], "<b xmlns='jabber:client' xml:lang='de'/>");
}

fn edited(xml: &str, edit: impl for<'a> FnOnce(Edit<'a>, &'a Element) -> Edit<'a>) -> String {
    let element = parse(xml);
    let bytes = edit(Edit::new(&element), &element).finish();
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

#[test]
fn attributes_of_the_root_are_set_and_removed() {
    let check = |xml: &str, expect: &str| {
        let found = edited(xml, |edit, _| {
            edit.set_attr("from", "a&'b").remove_attr("to").remove_attr("no")
        });
        assert_eq!(found, expect, "{xml}");
    };
    check("<m/>", "<m from='a&amp;&apos;b'/>");
    check("<m />", "<m from='a&amp;&apos;b'/>");
    check("<m></m>", "<m from='a&amp;&apos;b'></m>");
    check("<m to='x'/>", "<m from='a&amp;&apos;b'/>");
    check(
        "<m to='x' from=\"y\" id='1'><to to='z'/></m>",
        "<m from='a&amp;&apos;b' id='1'><to to='z'/></m>",
    );
    check("<m\nfrom = 'y'\tto='x'\n>z</m>", "<m from='a&amp;&apos;b'>z</m>");
    check(
        "<p:m xmlns:p='u' p:to='x' xto='y'/>",
        "<p:m xmlns:p='u' p:to='x' xto='y' from='a&amp;&apos;b'/>",
    );
}

#[test]
fn the_last_change_to_an_attribute_counts() {
    assert_eq!(edited("<m a='1'/>", |e, _| e.set_attr("a", "2").set_attr("a", "3")), "<m a='3'/>");
    assert_eq!(edited("<m a='1'/>", |e, _| e.set_attr("a", "2").remove_attr("a")), "<m/>");
    assert_eq!(edited("<m a='1'/>", |e, _| e.remove_attr("a").set_attr("a", "2")), "<m a='2'/>");
    assert_eq!(edited("<m/>", |e, _| e.set_attr("a", "2").remove_attr("a")), "<m/>");
    assert_eq!(edited("<m a='1'/>", |e, _| e.set_attr("a", "2").set_attr("a", "1")), "<m a='1'/>");
}

#[test]
fn children_are_removed_and_appended() {
    let first = |e: &'static str| {
        edited(e, |edit, element| match element.root().children().next() {
            Some(child) => edit.remove(child),
            None => edit,
        })
    };
    assert_eq!(first("<m><a/><b/></m>"), "<m><b/></m>");
    assert_eq!(first("<m>x<a>y</a>z</m>"), "<m>xz</m>");
    assert_eq!(first("<m><a/></m>"), "<m></m>");
    assert_eq!(edited("<m/>", |e, _| e.append(b"<a/>").append(b"<b/>")), "<m><a/><b/></m>");
    assert_eq!(
        edited("<p:m xmlns:p='u' a='b' />", |e, _| e.append(b"<a/>")),
        "<p:m xmlns:p='u' a='b'><a/></p:m>"
    );
    assert_eq!(
        edited("<m>x</m >", |e, _| e.append(b"<a/>").set_attr("b", "c")),
        "<m b='c'>x<a/></m >"
    );
    let nested = edited("<m><a><b/><c/></a><d/>e</m>", |edit, element| {
        let child = |path: &[usize]| at(element, path);
        edit.remove(child(&[1]))
            .remove(child(&[0, 1]))
            .remove(child(&[0]))
            .remove(child(&[0]))
            .append(b"<f/>")
    });
    assert_eq!(nested, "<m>e<f/></m>");
    let inner = edited("<m><a><b/><c/></a></m>", |edit, element| edit.remove(at(element, &[0, 0])));
    assert_eq!(inner, "<m><a><c/></a></m>");
}

#[test]
fn without_a_change_the_buffer_stays_the_same() {
    let element = parse("<m a='1'><b/></m>");
    let same = |edit: Edit<'_>| {
        assert!(edit.is_empty());
        assert_eq!(edit.finish().as_ptr(), element.bytes().as_ptr());
    };
    same(Edit::new(&element));
    same(Edit::new(&element).set_attr("a", "1").remove_attr("z").append(b""));
    assert!(!Edit::new(&element).set_attr("a", "2").is_empty());
}

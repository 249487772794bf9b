//! XEP-0049 as clients see it; attack row 32.

use crate::scene::Scene;
use im_store::Room;

fn get(inner: &str) -> String {
    format!("<iq type='get' id='g'><query xmlns='jabber:iq:private'>{inner}</query></iq>")
}

fn set(inner: &str) -> String {
    format!("<iq type='set' id='s'><query xmlns='jabber:iq:private'>{inner}</query></iq>")
}

fn romeo(change: impl FnOnce(&mut crate::Options)) -> Scene {
    let mut s = Scene::with(change);
    s.account("romeo@localhost");
    s.connect("romeo", "romeo@localhost/orchard");
    s
}

#[test]
fn what_was_stored_is_given_back_also_after_a_crash_and_with_prefixes_declared_outside() {
    let mut s = romeo(|_| {});
    s.sends(
        "romeo",
        "<iq type='set' id='s' xmlns:p='urn:p'><query xmlns='jabber:iq:private'>\
         <exodus xmlns='exodus:prefs'><p:nick>R &amp; J</p:nick></exodus></query></iq>",
    );
    s.receives("romeo", &["type='result'", "id='s'"]);
    s.crash();
    s.connect("romeo", "romeo@localhost/orchard");
    s.sends("romeo", &get("<exodus xmlns='exodus:prefs'/>"));
    let answer =
        s.receives("romeo", &["type='result'", "<query xmlns='jabber:iq:private'><exodus "]);
    let element = xmpp::xml::Element::parse(answer.into()).unwrap();
    let query = element.root().child("query", "jabber:iq:private").unwrap();
    let nick = query.child("exodus", "exodus:prefs").unwrap().child("nick", "urn:p").unwrap();
    assert_eq!(nick.text(), "R & J");
}

#[test]
fn what_was_never_stored_comes_back_as_it_was_asked_for() {
    let mut s = romeo(|_| {});
    s.sends("romeo", &get("<a xmlns='urn:a'/>"));
    s.receives(
        "romeo",
        &["type='result'", "<query xmlns='jabber:iq:private'><a xmlns='urn:a'/></query>"],
    );
}

#[test]
fn elements_are_told_apart_by_name_and_by_namespace() {
    let mut s = romeo(|_| {});
    s.sends("romeo", &set("<a xmlns='urn:a'>1</a><b xmlns='urn:a'>2</b><a xmlns='urn:b'>3</a>"));
    s.receives("romeo", &["type='result'"]);
    for (ask, kept) in [
        ("<a xmlns='urn:a'/>", ">1<"),
        ("<b xmlns='urn:a'/>", ">2<"),
        ("<a xmlns='urn:b'/>", ">3<"),
    ] {
        s.sends("romeo", &get(ask));
        s.receives("romeo", &[kept]);
    }
}

#[test]
fn a_request_that_breaks_a_rule_gets_the_error_of_that_rule() {
    let mut s = romeo(|options| options.item_bytes_max = 100);
    let large = format!("<a xmlns='urn:a'>{}</a>", "x".repeat(100));
    let long = format!("<a xmlns='urn:{}'/>", "x".repeat(2000));
    for (xml, condition) in [
        (get(""), "<not-acceptable"),
        (set(""), "<not-acceptable"),
        (get("<a/>"), "<not-acceptable"),
        (set("<a xmlns=''>1</a>"), "<not-acceptable"),
        (get("<a xmlns='urn:a'/><b xmlns='urn:b'/>"), "<bad-request"),
        (set(&large), "<policy-violation"),
        (get(&long), "<policy-violation"),
    ] {
        s.sends("romeo", &xml);
        s.receives("romeo", &["type='error'", condition]);
    }
}

#[test]
fn elements_are_counted_and_an_empty_one_makes_room() {
    let mut s = romeo(|options| options.private_items_max = 2);
    for (name, answer) in [("a", "result"), ("b", "result"), ("a", "result"), ("c", "error")] {
        s.sends("romeo", &set(&format!("<{name} xmlns='urn:x'>1</{name}>")));
        s.receives("romeo", &[&format!("type='{answer}'")]);
    }
    s.sends("romeo", &set("<a xmlns='urn:x'/>"));
    s.receives("romeo", &["type='result'"]);
    s.crash();
    s.connect("romeo", "romeo@localhost/orchard");
    for (name, answer) in [("c", "result"), ("d", "error")] {
        s.sends("romeo", &set(&format!("<{name} xmlns='urn:x'>1</{name}>")));
        s.receives("romeo", &[&format!("type='{answer}'")]);
    }
    s.sends("romeo", &get("<a xmlns='urn:x'/>"));
    s.receives("romeo", &["<a xmlns='urn:x'/>"]);
}

#[test]
fn without_room_nothing_is_stored_and_what_is_there_can_be_taken_away() {
    let mut s = romeo(|_| {});
    s.sends("romeo", &set("<a xmlns='urn:x'>1</a>"));
    s.receives("romeo", &["type='result'"]);
    s.room(Room::Scarce);
    s.sends("romeo", &set("<b xmlns='urn:x'>1</b>"));
    s.receives("romeo", &["type='error'", "<resource-constraint"]);
    s.sends("romeo", &set("<a xmlns='urn:x'/>"));
    s.receives("romeo", &["type='result'"]);
}

#[test]
fn other_peoples_private_xml_is_closed_whether_they_exist_or_not() {
    let mut s = romeo(|_| {});
    s.account("juliet@localhost");
    s.connect("juliet", "juliet@localhost/balcony");
    s.sends("juliet", &set("<a xmlns='urn:x'>secret</a>"));
    s.receives("juliet", &["type='result'"]);
    for kind in ["get", "set"] {
        for to in ["juliet@localhost", "nobody@localhost"] {
            let query = "<query xmlns='jabber:iq:private'><a xmlns='urn:x'/></query>";
            s.sends("romeo", &format!("<iq type='{kind}' id='1' to='{to}'>{query}</iq>"));
            s.receives("romeo", &["type='error'", "<forbidden"]);
        }
    }
    s.sends("juliet", &get("<a xmlns='urn:x'/>"));
    s.receives("juliet", &["secret"]);
}

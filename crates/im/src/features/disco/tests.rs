//! XEP-0030, XEP-0115, XEP-0128 and XEP-0157 as clients see them.

use crate::scene::{Scene, attr};
use xmpp::xml::Element;

fn ask(what: &str, to: &str, node: &str) -> String {
    format!(
        "<iq type='get' id='d'{to}><query xmlns='http://jabber.org/protocol/disco#{what}'{node}/></iq>"
    )
}

fn romeo() -> Scene {
    let mut s = Scene::with(|options| {
        options.contact.fields = vec![
            ("support-addresses".to_owned(), vec!["xmpp:help@localhost".to_owned()]),
            (
                "abuse-addresses".to_owned(),
                vec!["mailto:abuse@localhost".to_owned(), "https://localhost/?a&b".to_owned()],
            ),
            ("sales-addresses".to_owned(), Vec::new()),
        ];
    });
    s.account("romeo@localhost");
    s.connect("romeo", "romeo@localhost/orchard");
    s
}

#[test]
fn the_server_says_what_it_is_what_it_can_do_and_who_is_behind_it() {
    let mut s = romeo();
    s.sends("romeo", &ask("info", " to='localhost'", ""));
    let answer = s.receives(
        "romeo",
        &[
            "type='result'",
            "from='localhost'",
            "<identity category='server' type='im' name='Steadfast'/>",
            "<feature var='http://jabber.org/protocol/disco#info'/>",
            "<feature var='urn:xmpp:ping'/>",
            "<feature var='urn:xmpp:blocking'/>",
            "<feature var='jabber:iq:register'/>",
            "<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'>\
             <value>http://jabber.org/network/serverinfo</value></field>\
             <field var='abuse-addresses' type='list-multi'><value>mailto:abuse@localhost</value>\
             <value>https://localhost/?a&amp;b</value></field>\
             <field var='support-addresses' type='list-multi'>\
             <value>xmpp:help@localhost</value></field></x>",
        ],
    );
    assert!(!answer.contains("sales-addresses"));
    let element = Element::parse(answer.into()).unwrap();
    let query = element.root().children().next().unwrap();
    let features: Vec<_> =
        query.children().filter_map(|c| Some(c.attr("var")?.into_owned())).collect();
    let mut sorted = features.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!(features, sorted);
}

#[test]
fn without_addresses_there_is_no_form() {
    let mut s = Scene::new();
    s.account("romeo@localhost");
    s.connect("romeo", "romeo@localhost/orchard");
    s.sends("romeo", &ask("info", " to='localhost'", ""));
    assert!(!s.receives("romeo", &["type='result'"]).contains("jabber:x:data"));
}

#[test]
fn the_hash_in_the_stream_features_is_a_node_with_the_same_information() {
    let mut s = romeo();
    let features = s.login("another", "romeo@localhost");
    let caps = features.split("<c ").nth(1).unwrap();
    let caps = format!("<c {}", caps.split("/>").next().unwrap());
    let node = format!("{}#{}", attr(&caps, "node"), attr(&caps, "ver"));
    s.sends("romeo", &ask("info", " to='localhost'", ""));
    let plain = s.receives("romeo", &["type='result'"]);
    s.sends("romeo", &ask("info", " to='localhost'", &format!(" node='{node}'")));
    let answer = s.receives("romeo", &["type='result'", &node]);
    assert_eq!(answer.replace(&format!(" node='{node}'"), ""), plain);
}

#[test]
fn ones_own_account_is_told_and_has_nothing_beneath_it() {
    let mut s = romeo();
    for to in ["", " to='romeo@localhost'"] {
        s.sends("romeo", &ask("info", to, ""));
        s.receives("romeo", &["type='result'", "<identity category='account' type='registered'/>"]);
        s.sends("romeo", &ask("items", to, ""));
        s.receives(
            "romeo",
            &["type='result'", "<query xmlns='http://jabber.org/protocol/disco#items'/>"],
        );
    }
}

#[test]
fn a_node_that_is_not_there_is_not_found() {
    let mut s = romeo();
    for to in ["", " to='localhost'", " to='romeo@localhost'"] {
        for what in ["info", "items"] {
            s.sends("romeo", &ask(what, to, " node='urn:steadfast:server#x'"));
            s.receives("romeo", &["type='error'", "<item-not-found"]);
        }
    }
}

#[test]
fn an_account_is_told_to_whoever_sees_its_presence_and_is_nobody_to_others() {
    let mut s = romeo();
    s.account("juliet@localhost");
    s.connect("juliet", "juliet@localhost/balcony");
    for what in ["info", "items"] {
        let mut said = Vec::new();
        for to in ["juliet@localhost", "nobody@localhost"] {
            s.sends("romeo", &ask(what, &format!(" to='{to}'"), ""));
            let answer = s.receives("romeo", &["type='error'", "<service-unavailable"]);
            said.push(answer.replace(to, "SOMEBODY"));
        }
        assert_eq!(said[0], said[1]);
    }
    s.sends("romeo", "<presence to='juliet@localhost' type='subscribe'/>");
    s.sends("juliet", "<presence to='romeo@localhost' type='subscribed'/>");
    s.take("romeo");
    s.sends("romeo", &ask("info", " to='juliet@localhost'", ""));
    s.receives("romeo", &["type='result'", "category='account'"]);
    s.sends("juliet", &ask("info", " to='romeo@localhost'", ""));
    let answers = s.take("juliet");
    assert!(answers.last().unwrap().contains("<service-unavailable"), "{answers:?}");
}

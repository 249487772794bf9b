//! Scenes of archives.

use crate::scene::{Scene, attr};
use crate::{ArchiveDefault, Options};

const ORCHARD: &str = "romeo@localhost/orchard";
const BALCONY: &str = "juliet@localhost/balcony";

fn verona_with(change: impl FnOnce(&mut Options)) -> Scene {
    let mut s = Scene::with(change);
    s.account("romeo@localhost");
    s.account("juliet@localhost");
    s.online("romeo", ORCHARD);
    s.online("juliet", BALCONY);
    s
}

fn verona() -> Scene {
    verona_with(|_| {})
}

fn says(s: &mut Scene, name: &str, to: &str, body: &str) {
    s.sends(name, &format!("<message to='{to}' type='chat'><body>{body}</body></message>"));
}

fn form(fields: &[(&str, &str)]) -> String {
    let field = |(name, value): &(&str, &str)| {
        format!("<field var='{name}'><value>{value}</value></field>")
    };
    let fields: String = fields.iter().map(field).collect();
    format!(
        "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'>\
         <value>urn:xmpp:mam:2</value></field>{fields}</x>"
    )
}

fn rsm(inner: &str) -> String {
    format!("<set xmlns='http://jabber.org/protocol/rsm'>{inner}</set>")
}

/// What a query gave: bodies, ids, and the answer that ends it.
struct Page {
    bodies: Vec<String>,
    ids: Vec<String>,
    fin: String,
}

fn query(s: &mut Scene, name: &str, inner: &str) -> Page {
    s.take(name);
    s.sends(
        name,
        &format!(
            "<iq type='set' id='q'><query xmlns='urn:xmpp:mam:2' queryid='f'>{inner}</query></iq>"
        ),
    );
    let mut results = s.take(name);
    let fin = results.pop().expect("an answer");
    let body =
        |xml: &String| xml.split("<body>").nth(1).unwrap().split('<').next().unwrap().to_owned();
    for result in &results {
        assert!(result.contains("<result xmlns='urn:xmpp:mam:2' queryid='f' id='"), "{result}");
        assert!(result.contains("<forwarded xmlns='urn:xmpp:forward:0'><delay"), "{result}");
    }
    let id = |xml: &String| attr(xml.split_once("<result").unwrap().1, "id");
    Page { bodies: results.iter().map(body).collect(), ids: results.iter().map(id).collect(), fin }
}

fn bodies(s: &mut Scene, name: &str, inner: &str) -> Vec<String> {
    query(s, name, inner).bodies
}

/// A conversation of ten messages, Romeo's even, Juliet's odd.
fn talked() -> (Scene, Vec<String>) {
    let mut s = verona();
    for n in 0..10 {
        match n % 2 {
            0 => says(&mut s, "romeo", "juliet@localhost", &n.to_string()),
            _ => says(&mut s, "juliet", ORCHARD, &n.to_string()),
        }
    }
    let ids = query(&mut s, "romeo", "").ids;
    assert_eq!(ids.len(), 10);
    (s, ids)
}

#[test]
fn both_sides_of_a_conversation_are_archived_for_both_and_survive_a_crash() {
    let mut s = verona();
    says(&mut s, "romeo", "juliet@localhost", "hail");
    says(&mut s, "juliet", ORCHARD, "hello");
    let delivered = s.receives("romeo", &["hello", "<stanza-id"]);
    let delivered = attr(delivered.split_once("<stanza-id").unwrap().1, "id");
    s.crash();
    s.online("romeo", ORCHARD);
    s.online("juliet", BALCONY);
    for name in ["romeo", "juliet"] {
        let page = query(&mut s, name, "");
        assert_eq!(page.bodies, ["hail", "hello"]);
        assert_eq!(page.ids[1], delivered);
    }
    let first = query(&mut s, "juliet", &rsm("<max>1</max>"));
    assert!(first.fin.contains("from=") || first.fin.starts_with("<iq type='result' id='q'"));
}

#[test]
fn a_result_is_the_message_as_it_was_routed() {
    let mut s = verona();
    says(&mut s, "juliet", "romeo@localhost", "hail");
    s.take("romeo");
    s.sends("romeo", "<iq type='set' id='q'><query xmlns='urn:xmpp:mam:2'/></iq>");
    let result =
        s.receives("romeo", &["<message from='romeo@localhost' to='romeo@localhost/orchard'>"]);
    assert!(result.contains("<message to='romeo@localhost' type='chat' from='juliet@localhost/balcony' xmlns='jabber:client'><body>hail</body></message></forwarded></result></message>"), "{result}");
    assert!(!result.contains("queryid") && !result.contains("<stanza-id"), "{result}");
    s.receives("romeo", &["<fin xmlns='urn:xmpp:mam:2' complete='true'>"]);
}

#[test]
fn an_archive_is_paged_in_both_directions() {
    let (mut s, ids) = talked();
    let page = query(&mut s, "romeo", &rsm("<max>4</max>"));
    assert_eq!(page.bodies, ["0", "1", "2", "3"]);
    assert!(!page.fin.contains("complete"), "{}", page.fin);
    let set =
        format!("<first index='0'>{}</first><last>{}</last><count>10</count>", ids[0], ids[3]);
    assert!(page.fin.contains(&set), "{}", page.fin);
    let page = query(&mut s, "romeo", &rsm(&format!("<max>4</max><after>{}</after>", ids[3])));
    assert_eq!(page.bodies, ["4", "5", "6", "7"]);
    assert!(page.fin.contains("<first index='4'>"), "{}", page.fin);
    let page = query(&mut s, "romeo", &rsm(&format!("<max>4</max><after>{}</after>", ids[7])));
    assert_eq!(page.bodies, ["8", "9"]);
    assert!(page.fin.contains("complete='true'"), "{}", page.fin);
    let page = query(&mut s, "romeo", &rsm("<max>3</max><before/>"));
    assert_eq!(page.bodies, ["7", "8", "9"]);
    let page = query(&mut s, "romeo", &rsm(&format!("<max>3</max><before>{}</before>", ids[7])));
    assert_eq!(page.bodies, ["4", "5", "6"]);
    let page = query(&mut s, "romeo", &rsm(&format!("<before>{}</before>", ids[1])));
    assert_eq!(page.bodies, ["0"]);
    assert!(page.fin.contains("complete='true'"), "{}", page.fin);
    let page = query(&mut s, "romeo", &rsm("<max>0</max>"));
    assert!(
        page.bodies.is_empty()
            && page
                .fin
                .contains("<set xmlns='http://jabber.org/protocol/rsm'><count>10</count></set>"),
        "{}",
        page.fin
    );
}

#[test]
fn a_flipped_page_is_the_same_page_backwards() {
    let (mut s, ids) = talked();
    let page = query(&mut s, "romeo", &format!("{}<flip-page/>", rsm("<max>3</max><before/>")));
    assert_eq!(page.bodies, ["9", "8", "7"]);
    assert!(
        page.fin.contains(&format!("{}</first><last>{}</last>", ids[7], ids[9])),
        "{}",
        page.fin
    );
    let page = query(&mut s, "romeo", &format!("{}<flip-page/>", rsm("<max>2</max>")));
    assert_eq!(page.bodies, ["1", "0"]);
}

#[test]
fn an_archive_is_filtered_by_the_fields_of_the_form() {
    let (mut s, ids) = talked();
    says(&mut s, "romeo", "romeo@localhost", "note");
    says(&mut s, "romeo", "juliet@localhost/tower", "tower");
    let mut check = |fields: &[(&str, &str)], expect: &[&str]| {
        assert_eq!(bodies(&mut s, "romeo", &form(fields)), expect, "{fields:?}");
    };
    check(&[("with", "JULIET@localhost"), ("after-id", &ids[7])], &["8", "9", "tower"]);
    check(&[("with", "juliet@localhost/tower")], &["tower"]);
    check(&[("with", "romeo@localhost")], &["note"]);
    check(&[("with", "nobody@localhost")], &[]);
    check(&[("after-id", &ids[2]), ("before-id", &ids[5])], &["3", "4"]);
    check(&[("before-id", &ids[2])], &["0", "1"]);
    check(&[("start", "2023-11-14T22:13:19Z"), ("before-id", &ids[1])], &["0"]);
    check(&[("start", "2100-01-01T00:00:00Z")], &[]);
    check(&[("end", "2023-11-14T22:13:20Z")], &[]);
    check(&[("end", "2023-11-14T22:13:21Z"), ("before-id", &ids[1])], &["0"]);
    check(&[("ids", &ids[4]), ("include-groupchat", "true")], &["4"]);
    let both =
        format!("<field var='ids'><value>{}</value><value>{}</value></field>", ids[6], ids[1]);
    let both = form(&[]).replace("</x>", &format!("{both}</x>"));
    let page = query(&mut s, "romeo", &both);
    assert_eq!(page.bodies, ["6", "1"]);
    // The form says what matches, the page which part of it.
    let page = query(
        &mut s,
        "romeo",
        &format!("{}{}", form(&[("after-id", &ids[4])]), rsm("<max>2</max>")),
    );
    assert_eq!(page.bodies, ["5", "6"]);
    assert!(
        page.fin.contains("<first index='0'>") && page.fin.contains("<count>7</count>"),
        "{}",
        page.fin
    );
}

#[test]
fn an_id_that_is_not_in_the_archive_is_an_error() {
    let (mut s, _) = talked();
    for inner in [
        form(&[("after-id", "17")]),
        form(&[("before-id", "17")]),
        form(&[("ids", "17")]),
        form(&[("ids", "x")]),
        rsm("<after>17</after>"),
        rsm("<before>17</before>"),
        rsm("<after>' OR '1'='1</after>"),
    ] {
        let page = query(&mut s, "romeo", &inner);
        assert!(
            page.ids.is_empty() && page.fin.contains("item-not-found"),
            "{inner}: {}",
            page.fin
        );
    }
}

#[test]
fn somebody_elses_archive_is_forbidden_whether_it_exists_or_not() {
    let (mut s, _) = talked();
    s.take("juliet");
    for to in ["romeo@localhost", "nobody@localhost"] {
        for (kind, payload) in [
            ("set", "<query xmlns='urn:xmpp:mam:2'/>"),
            ("get", "<query xmlns='urn:xmpp:mam:2'/>"),
            ("get", "<metadata xmlns='urn:xmpp:mam:2'/>"),
            ("get", "<prefs xmlns='urn:xmpp:mam:2'/>"),
            ("set", "<prefs xmlns='urn:xmpp:mam:2' default='never'/>"),
        ] {
            s.sends("juliet", &format!("<iq type='{kind}' id='1' to='{to}'>{payload}</iq>"));
            s.receives("juliet", &["type='error'", "<error type='auth'", "<forbidden"]);
            s.receives_nothing("juliet");
        }
    }
    s.sends(
        "juliet",
        "<iq type='set' id='1' to='juliet@localhost'><query xmlns='urn:xmpp:mam:2'/></iq>",
    );
    assert_eq!(s.take("juliet").len(), 11);
}

#[test]
fn the_form_and_the_metadata_are_given() {
    let (mut s, ids) = talked();
    s.take("romeo");
    s.sends("romeo", "<iq type='get' id='1'><query xmlns='urn:xmpp:mam:2'/></iq>");
    s.receives(
        "romeo",
        &[
            "type='form'",
            "var='with'",
            "var='start'",
            "var='end'",
            "var='before-id'",
            "var='after-id'",
            "var='ids'",
            "<open/>",
        ],
    );
    s.sends("romeo", "<iq type='get' id='1'><metadata xmlns='urn:xmpp:mam:2'/></iq>");
    let start = format!("<start id='{}' timestamp='2023-11-14T22:13:20.", ids[0]);
    s.receives("romeo", &[&start, &format!("<end id='{}'", ids[9])]);
    s.account("mercutio@localhost");
    s.online("mercutio", "mercutio@localhost/street");
    s.sends("mercutio", "<iq type='get' id='1'><metadata xmlns='urn:xmpp:mam:2'/></iq>");
    s.receives("mercutio", &["<metadata xmlns='urn:xmpp:mam:2'/>"]);
    let page = query(&mut s, "mercutio", "");
    assert!(
        page.fin.contains(
            "complete='true'><set xmlns='http://jabber.org/protocol/rsm'><count>0</count>"
        ),
        "{}",
        page.fin
    );
}

#[test]
fn only_what_is_worth_it_is_archived() {
    let mut s = verona();
    let body = "<body>b</body>";
    let hint = |hint: &str| format!("{body}<{hint} xmlns='urn:xmpp:hints'/>");
    let state = "<active xmlns='http://jabber.org/protocol/chatstates'/>";
    let mut before = 0;
    for (kind, children, is_kept) in [
        ("chat", body, true),
        ("normal", body, true),
        ("headline", body, false),
        ("groupchat", body, false),
        ("error", body, false),
        ("chat", state, false),
        ("chat", &format!("{state}<store xmlns='urn:xmpp:hints'/>"), true),
        ("chat", &hint("no-store"), false),
        ("chat", &hint("no-permanent-store"), false),
        ("chat", &hint("no-copy"), true),
        ("chat", "<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>", true),
        ("chat", "<x xmlns='y:z'/>", false),
    ] {
        s.sends("juliet", &format!("<message to='{ORCHARD}' type='{kind}'>{children}</message>"));
        let got = s.receives("romeo", &["<message"]);
        assert_eq!(got.contains("<stanza-id"), is_kept, "{kind} {children}");
        for name in ["romeo", "juliet"] {
            s.take(name);
            s.sends(name, "<iq type='set' id='q'><query xmlns='urn:xmpp:mam:2'/></iq>");
            let count = s.take(name).len() - 1;
            assert_eq!(count, before + usize::from(is_kept), "{kind} {children} for {name}");
        }
        before += usize::from(is_kept);
    }
}

#[test]
fn what_was_refused_is_not_in_the_archive_of_who_refused_it() {
    let mut s = verona_with(|options| options.offline_messages_max = 0);
    s.ends("romeo");
    says(&mut s, "juliet", "romeo@localhost", "lost");
    s.receives("juliet", &["type='error'"]);
    assert_eq!(bodies(&mut s, "juliet", ""), ["lost"]);
    s.online("romeo", ORCHARD);
    assert_eq!(bodies(&mut s, "romeo", ""), [""; 0]);
}

#[test]
fn preferences_decide_and_survive_a_crash() {
    let mut s = verona();
    s.account("paris@localhost");
    s.online("paris", "paris@localhost/church");
    let get = "<iq type='get' id='p'><prefs xmlns='urn:xmpp:mam:2'/></iq>";
    s.sends("romeo", get);
    s.receives(
        "romeo",
        &["<prefs xmlns='urn:xmpp:mam:2' default='always'><always/><never/></prefs>"],
    );
    let set = "<prefs xmlns='urn:xmpp:mam:2' default='never'><always><jid>juliet@localhost</jid></always>\
               <never><jid>juliet@localhost/tower</jid></never></prefs>";
    s.sends("romeo", &format!("<iq type='set' id='p'>{set}</iq>"));
    s.receives("romeo", &["type='result'", set]);
    s.crash();
    for (name, jid) in
        [("romeo", ORCHARD), ("juliet", BALCONY), ("paris", "paris@localhost/church")]
    {
        s.online(name, jid);
    }
    s.connect("tower", "juliet@localhost/tower");
    s.sends("romeo", get);
    s.receives("romeo", &[set]);
    says(&mut s, "juliet", ORCHARD, "kept");
    says(&mut s, "tower", ORCHARD, "not kept");
    says(&mut s, "paris", ORCHARD, "nor this");
    assert_eq!(bodies(&mut s, "romeo", ""), ["kept"]);
    assert_eq!(bodies(&mut s, "paris", ""), ["nor this"]);
    for bad in
        ["default='sometimes'/>", "/>", "default='always'><never><jid>@@</jid></never></prefs>"]
    {
        s.sends(
            "romeo",
            &format!("<iq type='set' id='p'><prefs xmlns='urn:xmpp:mam:2' {bad}</iq>"),
        );
        s.receives("romeo", &["type='error'", "bad-request"]);
    }
}

#[test]
fn with_the_default_roster_only_contacts_are_archived() {
    let mut s = verona_with(|options| options.archive_default = ArchiveDefault::Roster);
    says(&mut s, "romeo", "juliet@localhost", "stranger");
    s.sends(
        "romeo",
        "<iq type='set' id='r'><query xmlns='jabber:iq:roster'><item jid='juliet@localhost'/></query></iq>",
    );
    says(&mut s, "romeo", "juliet@localhost", "contact");
    assert_eq!(bodies(&mut s, "romeo", ""), ["contact"]);
    assert_eq!(bodies(&mut s, "juliet", ""), [""; 0]);
}

#[test]
fn a_note_to_oneself_is_archived_once() {
    let mut s = verona();
    says(&mut s, "romeo", "romeo@localhost", "note");
    s.receives("romeo", &["note", "<stanza-id xmlns='urn:xmpp:sid:0' by='romeo@localhost'"]);
    assert_eq!(bodies(&mut s, "romeo", ""), ["note"]);
}

#[test]
fn a_page_of_long_messages_is_shorter() {
    let mut s = verona();
    for letter in ["a", "b", "c", "d", "e"] {
        says(&mut s, "romeo", "juliet@localhost", &letter.repeat(300 * 1024));
    }
    let first = |page: &Page| -> String {
        page.bodies.iter().map(|body| body.chars().next().unwrap()).collect()
    };
    let page = query(&mut s, "romeo", "");
    assert_eq!(first(&page), "abc");
    assert!(
        !page.fin.contains("complete") && page.fin.contains("<count>5</count>"),
        "{}",
        page.fin
    );
    let page = query(&mut s, "romeo", &rsm(&format!("<after>{}</after>", page.ids[2])));
    assert_eq!(first(&page), "de");
    assert!(page.fin.contains("complete='true'"), "{}", page.fin);
    let page = query(&mut s, "romeo", &rsm("<before/>"));
    assert_eq!(first(&page), "cde");
    assert!(page.fin.contains("<first index='2'>"), "{}", page.fin);
}

//! XEP-0191 as clients see it; attack row 32.

use crate::scene::Scene;

const LIST: &str = "<iq type='get' id='l'><blocklist xmlns='urn:xmpp:blocking'/></iq>";

fn command(name: &str, jids: &[&str]) -> String {
    let items: String = jids.iter().map(|jid| format!("<item jid='{jid}'/>")).collect();
    format!("<iq type='set' id='b'><{name} xmlns='urn:xmpp:blocking'>{items}</{name}></iq>")
}

/// Romeo and Juliet see each other's presence; Juliet may be on two resources.
fn lovers(change: impl FnOnce(&mut crate::Options)) -> Scene {
    let mut s = Scene::with(change);
    s.account("romeo@localhost");
    s.account("juliet@localhost");
    s.online("romeo", "romeo@localhost/orchard");
    s.online("juliet", "juliet@localhost/balcony");
    s.sends("romeo", "<presence to='juliet@localhost' type='subscribe'/>");
    s.sends("juliet", "<presence to='romeo@localhost' type='subscribed'/>");
    s.sends("juliet", "<presence to='romeo@localhost' type='subscribe'/>");
    s.sends("romeo", "<presence to='juliet@localhost' type='subscribed'/>");
    s.take("romeo");
    s.take("juliet");
    s
}

fn blocks(s: &mut Scene, jids: &[&str]) {
    s.sends("romeo", &command("block", jids));
    let said = s.take("romeo");
    assert!(said.iter().any(|xml| xml.contains("type='result'")), "{said:?}");
}

#[test]
fn the_list_is_kept_and_told_in_order() {
    let mut s = lovers(|_| {});
    s.sends("romeo", LIST);
    s.receives("romeo", &["type='result'", "<blocklist xmlns='urn:xmpp:blocking'/>"]);
    blocks(&mut s, &["x.example", "Juliet@localhost", "juliet@localhost", "a@x.example/r &amp; s"]);
    s.crash();
    s.connect("romeo", "romeo@localhost/orchard");
    s.sends("romeo", LIST);
    let expect = "<blocklist xmlns='urn:xmpp:blocking'><item jid='a@x.example/r &amp; s'/>\
                  <item jid='juliet@localhost'/><item jid='x.example'/></blocklist>";
    s.receives("romeo", &["type='result'", expect]);
}

#[test]
fn sessions_that_asked_for_the_list_hear_of_every_change_and_others_do_not() {
    let mut s = lovers(|_| {});
    s.connect("phone", "romeo@localhost/phone");
    s.connect("tablet", "romeo@localhost/tablet");
    let previd = s.manage("phone");
    s.sends("phone", LIST);
    s.take("phone");
    s.sends("romeo", &command("block", &["a@x.example", "b@x.example"]));
    s.receives("romeo", &["type='result'", "id='b'"]);
    s.receives_nothing("romeo");
    s.receives_nothing("tablet");
    let push = "<block xmlns='urn:xmpp:blocking'><item jid='a@x.example'/><item jid='b@x.example'/></block>";
    s.receives("phone", &["type='set'", "from='romeo@localhost'", push]);
    // A push is as durable as any stanza, and the wish to be told outlives a crash.
    s.crash();
    s.connect("romeo", "romeo@localhost/orchard");
    s.sends("romeo", &command("unblock", &["a@x.example"]));
    s.sends("romeo", &command("unblock", &[]));
    s.resume("phone", "romeo@localhost/phone", &previd, 1);
    s.receives("phone", &[push]);
    s.receives(
        "phone",
        &["<unblock xmlns='urn:xmpp:blocking'><item jid='a@x.example'/></unblock>"],
    );
    s.receives("phone", &["<unblock xmlns='urn:xmpp:blocking'/>"]);
}

#[test]
fn whoever_is_blocked_sees_the_user_leave_and_after_unblocking_come_back() {
    for items in [&["juliet@localhost"][..], &["localhost"], &["juliet@localhost", "localhost"]] {
        let mut s = lovers(|_| {});
        s.sends("romeo", &command("block", items));
        s.receives(
            "juliet",
            &["<presence", "type='unavailable'", "from='romeo@localhost/orchard'"],
        );
        s.receives_nothing("juliet");
        s.sends("romeo", "<presence><show>away</show></presence>");
        s.sends("juliet", "<presence><show>dnd</show></presence>");
        assert!(s.take("romeo").iter().all(|xml| !xml.contains("dnd")));
        assert!(s.take("juliet").iter().all(|xml| !xml.contains("away")));
        s.sends("romeo", &command("unblock", items));
        s.receives("juliet", &["<presence", "<show>away</show>", "from='romeo@localhost/orchard'"]);
        s.receives_nothing("juliet");
        assert!(s.take("romeo").iter().any(|xml| xml.contains("dnd")));
    }
}

#[test]
fn a_resource_is_blocked_alone() {
    let mut s = lovers(|_| {});
    s.online("phone", "juliet@localhost/phone");
    s.take("juliet");
    s.take("romeo");
    s.sends("romeo", &command("block", &["juliet@localhost/phone"]));
    s.receives("phone", &["<presence", "type='unavailable'", "from='romeo@localhost/orchard'"]);
    s.receives_nothing("juliet");
    s.take("romeo");
    s.sends("juliet", "<message to='romeo@localhost' type='chat'><body>1</body></message>");
    s.receives("romeo", &["<body>1</body>"]);
    s.take("phone");
    s.sends("phone", "<message to='romeo@localhost' type='chat'><body>2</body></message>");
    s.receives("phone", &["type='error'", "<service-unavailable"]);
    s.receives_nothing("romeo");
    s.sends("romeo", &command("unblock", &[]));
    s.receives("phone", &["<presence", "from='romeo@localhost/orchard'"]);
}

#[test]
fn what_the_blocked_send_is_answered_as_if_nobody_was_there() {
    let mut s = lovers(|_| {});
    s.account("tybalt@localhost");
    s.connect("tybalt", "tybalt@localhost/street");
    blocks(&mut s, &["tybalt@localhost"]);
    for to in ["romeo@localhost", "romeo@localhost/orchard"] {
        let message = format!("<message to='{to}' type='chat' id='m'><body>b</body></message>");
        s.sends("tybalt", &message);
        s.receives("tybalt", &["<message type='error'", "<service-unavailable"]);
        for query in [
            "<ping xmlns='urn:xmpp:ping'/>",
            "<query xmlns='jabber:iq:last'/>",
            "<vCard xmlns='vcard-temp'/>",
        ] {
            s.sends("tybalt", &format!("<iq to='{to}' type='get' id='i'>{query}</iq>"));
            s.receives("tybalt", &["<iq type='error'", "<service-unavailable"]);
        }
        s.sends("tybalt", &format!("<iq to='{to}' type='result' id='i'/>"));
        for kind in ["", " type='probe'", " type='subscribe'", " type='unavailable'"] {
            s.sends("tybalt", &format!("<presence to='{to}'{kind}/>"));
        }
        let said = s.take("tybalt");
        assert!(said.iter().all(|xml| !xml.contains("error")), "{said:?}");
    }
    s.receives_nothing("romeo");
}

#[test]
fn a_user_cannot_write_to_whom_it_blocks() {
    let mut s = lovers(|_| {});
    blocks(&mut s, &["juliet@localhost"]);
    s.take("juliet");
    for stanza in [
        "<message to='juliet@localhost' id='1' type='chat'><body>b</body></message>",
        "<iq to='juliet@localhost/balcony' type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>",
        "<iq to='juliet@localhost' type='get' id='1'><vCard xmlns='vcard-temp'/></iq>",
        "<presence to='juliet@localhost/balcony' id='1'/>",
    ] {
        s.sends("romeo", stanza);
        s.receives(
            "romeo",
            &[
                "type='error'",
                "id='1'",
                "<not-acceptable",
                "<blocked xmlns='urn:xmpp:blocking:errors'/>",
            ],
        );
    }
    s.receives_nothing("juliet");
}

#[test]
fn whoever_was_sent_presence_directly_sees_the_user_leave() {
    let mut s = lovers(|_| {});
    s.account("tybalt@localhost");
    s.online("tybalt", "tybalt@localhost/street");
    s.sends("romeo", "<presence to='tybalt@localhost/street'/>");
    s.take("tybalt");
    blocks(&mut s, &["tybalt@localhost"]);
    s.receives("tybalt", &["<presence", "type='unavailable'", "from='romeo@localhost/orchard'"]);
    s.ends("romeo");
    s.receives_nothing("tybalt");
}

#[test]
fn a_list_that_matches_oneself_or_the_server_does_not_apply_to_them() {
    let mut s = lovers(|_| {});
    blocks(&mut s, &["localhost"]);
    s.sends("romeo", "<iq to='localhost' type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>");
    s.receives("romeo", &["type='result'"]);
    s.sends("romeo", "<message to='romeo@localhost' type='chat'><body>note</body></message>");
    s.receives("romeo", &["<body>note</body>"]);
}

#[test]
fn a_command_that_breaks_a_rule_gets_the_error_of_that_rule() {
    let mut s = lovers(|options| options.blocked_items_max = 2);
    for (xml, condition) in [
        (command("block", &[]), "<bad-request"),
        (command("block", &["a@b@c"]), "<jid-malformed"),
        (command("unblock", &["a@b@c"]), "<jid-malformed"),
        (command("block", &["romeo@localhost"]), "<not-allowed"),
        (command("block", &["a@x", "b@x", "c@x"]), "<resource-constraint"),
        (
            "<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item/></block></iq>"
                .to_owned(),
            "<bad-request",
        ),
    ] {
        s.sends("romeo", &xml);
        s.receives("romeo", &["type='error'", condition]);
    }
    blocks(&mut s, &["a@x", "b@x"]);
    blocks(&mut s, &["a@x"]);
    s.sends("romeo", LIST);
    s.receives("romeo", &["<item jid='a@x'/><item jid='b@x'/></blocklist>"]);
}

#[test]
fn other_peoples_lists_are_closed_whether_they_exist_or_not() {
    let mut s = lovers(|_| {});
    for to in ["juliet@localhost", "nobody@localhost"] {
        let asks = [
            LIST.replace("<iq ", &format!("<iq to='{to}' ")),
            command("block", &["a@x"]).replace("<iq ", &format!("<iq to='{to}' ")),
            command("unblock", &[]).replace("<iq ", &format!("<iq to='{to}' ")),
        ];
        for ask in asks {
            s.sends("romeo", &ask);
            s.receives("romeo", &["type='error'", "<forbidden"]);
        }
    }
    s.receives_nothing("juliet");
}

/// Attack row 26.
#[test]
fn blocking_and_unblocking_in_turns_is_slowed_down_and_blocking_never_refused() {
    let mut s = lovers(|options| options.copies_per_second = 20);
    let mut refused = 0;
    for _ in 0..50 {
        s.sends("romeo", &command("block", &["localhost"]));
        assert!(s.take("romeo").iter().any(|xml| xml.contains("type='result'")));
        s.sends("romeo", &command("unblock", &[]));
        let said = s.take("romeo").concat();
        refused += usize::from(said.contains("<resource-constraint"));
    }
    assert!(refused > 30, "{refused}");
    assert!(s.take("juliet").len() <= 30);
    s.pass(std::time::Duration::from_secs(60));
    s.sends("romeo", &command("unblock", &[]));
    assert!(s.take("romeo").concat().contains("type='result'"));
}

#[test]
fn a_list_is_bounded_in_bytes_because_it_is_told_in_one_stanza() {
    let mut s = lovers(|_| {});
    let long = "x".repeat(1000);
    let mut refused = false;
    for batch in 0..5 {
        let jids: Vec<String> = (0..60).map(|n| format!("{long}@{batch}.example/{n}")).collect();
        let jids: Vec<&str> = jids.iter().map(String::as_str).collect();
        s.sends("romeo", &command("block", &jids));
        refused |= s.take("romeo").concat().contains("<resource-constraint");
    }
    assert!(refused);
    s.sends("romeo", LIST);
    assert!(s.take("romeo").concat().len() < 256 * 1024);
}

//! Scenes of rosters and subscriptions (RFC 6121 §2 and §3).

use super::item::Item;
use crate::account::kinds;
use crate::admin::AdminRequest;
use crate::scene::{Scene, attr};
use im_store::memory::MemoryStore;
use im_store::{AccountId, Batch, Room, Store as _, Write};
use xmpp::jid::BareJid;

/// Romeo and Juliet with an account each.
pub(crate) fn verona() -> Scene {
    verona_with(|_| {})
}

fn verona_with(change: impl FnOnce(&mut crate::options::Options)) -> Scene {
    let mut s = Scene::with(change);
    s.account("romeo@localhost");
    s.account("juliet@localhost");
    s
}

/// Lets two accounts see each other's presence.
pub(crate) fn befriend(s: &mut Scene, one: &str, other: &str) {
    s.connect("first", &format!("{one}@localhost/befriending"));
    s.connect("second", &format!("{other}@localhost/befriending"));
    for (name, to) in [("first", other), ("second", one)] {
        s.sends(name, &format!("<presence to='{to}@localhost' type='subscribe'/>"));
    }
    for (name, to) in [("first", other), ("second", one)] {
        s.sends(name, &format!("<presence to='{to}@localhost' type='subscribed'/>"));
    }
    s.ends("first");
    s.ends("second");
}

/// Asks for the roster, which makes the session interested; gives the answer. What came before is thrown away.
pub(crate) fn roster(s: &mut Scene, name: &str) -> String {
    s.take(name);
    s.sends(name, "<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>");
    s.receives(name, &["<iq", "type='result'", "id='roster'"])
}

fn sets(s: &mut Scene, name: &str, item: &str) {
    let query = format!("<query xmlns='jabber:iq:roster'>{item}</query>");
    s.sends(name, &format!("<iq type='set' id='set'>{query}</iq>"));
}

fn pushed(s: &mut Scene, name: &str, parts: &[&str]) -> String {
    let push = s.receives(name, &["<iq", "type='set'", "jabber:iq:roster"]);
    for part in parts {
        assert!(push.contains(part), "{name} is pushed {parts:?}, but this came: {push}");
    }
    push
}

#[test]
fn the_stream_says_that_rosters_have_versions_and_requests_can_be_approved_in_advance() {
    let mut s = verona();
    s.open("romeo");
    s.header("romeo", "localhost");
    let auth = "AHJvbWVvAHNlY3JldA==";
    s.sends(
        "romeo",
        &format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{auth}</auth>"),
    );
    s.header("romeo", "localhost");
    let said = s.take("romeo").concat();
    assert!(said.contains("<ver xmlns='urn:xmpp:features:rosterver'/>"), "{said}");
    assert!(said.contains("<sub xmlns='urn:xmpp:features:pre-approval'/>"), "{said}");
}

// ---- §2: the roster ---------------------------------------------------------------------------------------------------

#[test]
fn a_contact_that_was_set_is_in_the_roster_and_pushed_to_every_session_that_asked() {
    let mut s = verona();
    s.connect("orchard", "romeo@localhost/orchard");
    s.connect("street", "romeo@localhost/street");
    s.connect("uninterested", "romeo@localhost/uninterested");
    assert!(roster(&mut s, "orchard").contains("<query xmlns='jabber:iq:roster'/>"));
    roster(&mut s, "street");
    sets(&mut s, "orchard", "<item jid='juliet@localhost' name='J'><group>F</group></item>");
    let item = "<item jid='juliet@localhost' name='J' subscription='none'><group>F</group></item>";
    let first = pushed(&mut s, "orchard", &[item, "to='romeo@localhost/orchard'"]);
    s.receives("orchard", &["type='result'", "id='set'"]);
    let second = pushed(&mut s, "street", &[item, "from='romeo@localhost'"]);
    assert_ne!(attr(&first, "id"), attr(&second, "id"), "every push has its own id");
    s.sends("street", &format!("<iq type='result' id='{}'/>", attr(&second, "id")));
    s.receives_nothing("street");
    s.receives_nothing("uninterested");
    assert!(roster(&mut s, "street").contains(item));
}

#[test]
fn a_roster_survives_a_crash() {
    let mut s = verona();
    s.connect("romeo", "romeo@localhost/orchard");
    sets(&mut s, "romeo", "<item jid='nurse@elsewhere' name='N'><group>F</group></item>");
    s.receives("romeo", &["type='result'", "id='set'"]);
    s.crash();
    s.connect("romeo", "romeo@localhost/orchard");
    assert!(roster(&mut s, "romeo").contains("<item jid='nurse@elsewhere' name='N'"));
}

#[test]
fn an_update_replaces_name_and_groups_and_leaves_the_subscription() {
    let mut s = verona();
    befriend(&mut s, "romeo", "juliet");
    s.connect("romeo", "romeo@localhost/orchard");
    sets(&mut s, "romeo", "<item jid='juliet@localhost' name='J'><group>F</group></item>");
    sets(&mut s, "romeo", "<item jid='juliet@localhost' subscription='none'/>");
    s.take("romeo");
    let all = roster(&mut s, "romeo");
    assert!(all.contains("<item jid='juliet@localhost' subscription='both'/>"), "{all}");
}

#[test]
fn a_set_that_cannot_be_done_is_refused() {
    let mut s = verona_with(|o| o.roster_items_max = 1);
    s.connect("romeo", "romeo@localhost/orchard");
    for (item, condition) in [
        ("<item jid='juliet@localhost' subscription='remove'/>", "item-not-found"),
        ("<item jid='romeo@localhost'/>", "not-allowed"),
        ("<item jid='a@b'/><item jid='c@b'/>", "bad-request"),
        ("<item jid='a@b'><group/></item>", "not-acceptable"),
    ] {
        sets(&mut s, "romeo", item);
        s.receives("romeo", &["<iq", "type='error'", condition]);
    }
    s.room(Room::Scarce);
    sets(&mut s, "romeo", "<item jid='a@b'/>");
    s.receives("romeo", &["resource-constraint", "type='wait'"]);
    s.room(Room::Plenty);
    sets(&mut s, "romeo", "<item jid='a@b'/>");
    s.receives("romeo", &["type='result'"]);
    sets(&mut s, "romeo", "<item jid='c@b'/>");
    s.receives("romeo", &["resource-constraint", "type='cancel'"]);
    sets(&mut s, "romeo", "<item jid='a@b' name='changed'/>");
    s.receives("romeo", &["type='result'"]);
    s.receives_nothing("romeo");
}

#[test]
fn the_roster_of_somebody_else_is_closed() {
    let mut s = verona();
    s.connect("romeo", "romeo@localhost/orchard");
    for kind in ["get", "set"] {
        for to in ["juliet@localhost", "nobody@localhost"] {
            s.sends(
                "romeo",
                &format!(
                    "<iq type='{kind}' id='1' to='{to}'><query xmlns='jabber:iq:roster'>\
                     <item jid='a@b'/></query></iq>"
                ),
            );
            s.receives("romeo", &["type='error'", "forbidden"]);
        }
    }
}

#[test]
fn a_client_with_the_current_version_gets_an_empty_result() {
    let mut s = verona();
    s.connect("romeo", "romeo@localhost/orchard");
    let ask = |s: &mut Scene, ver: &str| {
        let query = format!("<query xmlns='jabber:iq:roster' ver='{ver}'/>");
        s.sends("romeo", &format!("<iq type='get' id='1'>{query}</iq>"));
        s.receives("romeo", &["type='result'", "id='1'"])
    };
    let first = attr(&ask(&mut s, ""), "ver");
    sets(&mut s, "romeo", "<item jid='a@b'/>");
    let push = pushed(&mut s, "romeo", &["jid='a@b'"]);
    s.take("romeo");
    let second = attr(&push, "ver");
    assert_ne!(first, second);
    assert!(ask(&mut s, &first).contains("<item jid='a@b'"));
    assert!(!ask(&mut s, &second).contains("<query"));
    sets(&mut s, "romeo", "<item jid='a@b' name='n'/>");
    s.take("romeo");
    assert_eq!(ask(&mut s, &second).matches("<item").count(), 1);
    assert!(!roster(&mut s, "romeo").contains("ver="), "who did not ask for versions gets none");
}

// ---- §3: subscriptions --------------------------------------------------------------------------------------------------

#[test]
fn a_request_and_its_approval_are_told_to_both_sides() {
    let mut s = verona();
    s.online("romeo", "romeo@localhost/orchard");
    s.online("juliet", "juliet@localhost/balcony");
    roster(&mut s, "romeo");
    roster(&mut s, "juliet");

    s.sends("romeo", "<presence id='r1' to='Juliet@localhost/balcony' type='subscribe'><status>please</status></presence>");
    pushed(&mut s, "romeo", &["jid='juliet@localhost'", "subscription='none'", "ask='subscribe'"]);
    s.receives(
        "juliet",
        &["<presence", "id='r1'", "from='romeo@localhost'", "to='juliet@localhost'", "please"],
    );
    s.receives_nothing("juliet");
    assert!(!roster(&mut s, "juliet").contains("romeo"), "being asked makes no contact");

    s.sends("juliet", "<presence to='romeo@localhost' type='subscribed'/>");
    pushed(&mut s, "juliet", &["jid='romeo@localhost'", "subscription='from'"]);
    s.receives("romeo", &["type='subscribed'", "from='juliet@localhost'", "to='romeo@localhost'"]);
    pushed(&mut s, "romeo", &["subscription='to'"]);
    s.receives("romeo", &["<presence to='romeo@localhost' from='juliet@localhost/balcony'/>"]);
    s.receives_nothing("romeo");
    s.receives_nothing("juliet");
}

#[test]
fn a_request_waits_for_its_answer_through_logins_and_crashes() {
    let mut s = verona();
    s.online("romeo", "romeo@localhost/orchard");
    let request =
        "<presence to='juliet@localhost' type='subscribe'><nick xmlns='n'>R</nick></presence>";
    s.sends("romeo", request);
    s.sends("romeo", request);
    for _ in 0..2 {
        s.connect("juliet", "juliet@localhost/balcony");
        s.receives_nothing("juliet");
        s.sends("juliet", "<presence/>");
        let said = s.take("juliet");
        let requests =
            said.iter().filter(|x| x.contains("type='subscribe'") && x.contains("<nick"));
        assert_eq!(requests.count(), 1, "{said:?}");
        s.crash();
    }
    s.online("juliet", "juliet@localhost/balcony");
    s.sends("juliet", "<presence to='romeo@localhost' type='unsubscribed'/>");
    s.ends("juliet");
    s.connect("juliet", "juliet@localhost/balcony");
    s.sends("juliet", "<presence/>");
    assert!(s.take("juliet").iter().all(|x| !x.contains("subscribe")));
}

#[test]
fn a_refusal_takes_the_question_back() {
    let mut s = verona();
    s.online("romeo", "romeo@localhost/orchard");
    s.online("juliet", "juliet@localhost/balcony");
    roster(&mut s, "romeo");
    s.sends("romeo", "<presence to='juliet@localhost' type='subscribe'/>");
    s.take("romeo");
    s.sends("juliet", "<presence to='romeo@localhost' type='unsubscribed'/>");
    s.receives("romeo", &["type='unsubscribed'", "from='juliet@localhost'"]);
    let push = pushed(&mut s, "romeo", &["subscription='none'"]);
    assert!(!push.contains("ask="));
    s.receives_nothing("romeo");
}

#[test]
fn approval_in_advance_answers_the_request_that_comes_later() {
    let mut s = verona();
    s.online("romeo", "romeo@localhost/orchard");
    s.online("juliet", "juliet@localhost/balcony");
    roster(&mut s, "juliet");
    roster(&mut s, "romeo");
    s.sends("juliet", "<presence to='romeo@localhost' type='subscribed'/>");
    pushed(&mut s, "juliet", &["jid='romeo@localhost'", "subscription='none'", "approved='true'"]);
    s.receives_nothing("romeo");
    s.crash();
    s.online("juliet", "juliet@localhost/balcony");
    s.online("romeo", "romeo@localhost/orchard");
    roster(&mut s, "juliet");
    roster(&mut s, "romeo");
    s.sends("romeo", "<presence to='juliet@localhost' type='subscribe'/>");
    pushed(&mut s, "romeo", &["ask='subscribe'"]);
    s.receives("romeo", &["type='subscribed'", "from='juliet@localhost'"]);
    pushed(&mut s, "romeo", &["subscription='to'"]);
    s.receives("romeo", &["<presence", "from='juliet@localhost/balcony'"]);
    s.receives_nothing("romeo");
    pushed(&mut s, "juliet", &["subscription='from'"]);
    s.receives_nothing("juliet");
}

#[test]
fn approval_in_advance_can_be_taken_back() {
    let mut s = verona();
    s.online("juliet", "juliet@localhost/balcony");
    s.sends("juliet", "<presence to='romeo@localhost' type='subscribed'/>");
    s.sends("juliet", "<presence to='romeo@localhost' type='unsubscribed'/>");
    s.online("romeo", "romeo@localhost/orchard");
    s.sends("romeo", "<presence to='juliet@localhost' type='subscribe'/>");
    s.receives("juliet", &["type='subscribe'"]);
    s.receives_nothing("romeo");
}

#[test]
fn a_second_request_for_what_is_granted_already_is_answered_at_once() {
    let mut s = verona();
    befriend(&mut s, "romeo", "juliet");
    s.online("romeo", "romeo@localhost/orchard");
    s.online("juliet", "juliet@localhost/balcony");
    s.take("romeo");
    s.sends("romeo", "<presence to='juliet@localhost' type='subscribe'/>");
    s.receives_nothing("romeo");
    s.receives_nothing("juliet");
}

#[test]
fn who_cancels_a_subscription_leaves_the_others_screen_first() {
    let mut s = verona();
    befriend(&mut s, "romeo", "juliet");
    s.online("romeo", "romeo@localhost/orchard");
    s.online("street", "romeo@localhost/street");
    s.online("juliet", "juliet@localhost/balcony");
    roster(&mut s, "juliet");
    s.sends("romeo", "<presence to='juliet@localhost' type='unsubscribed'/>");
    s.receives("juliet", &["type='unavailable'", "from='romeo@localhost/orchard'"]);
    s.receives("juliet", &["type='unavailable'", "from='romeo@localhost/street'"]);
    s.receives("juliet", &["type='unsubscribed'", "from='romeo@localhost'"]);
    pushed(&mut s, "juliet", &["subscription='from'"]);
    s.receives_nothing("juliet");
    s.sends("romeo", "<presence><show>away</show></presence>");
    s.receives_nothing("juliet");
}

#[test]
fn who_unsubscribes_sees_the_other_leave() {
    let mut s = verona();
    befriend(&mut s, "romeo", "juliet");
    s.online("romeo", "romeo@localhost/orchard");
    s.online("juliet", "juliet@localhost/balcony");
    roster(&mut s, "romeo");
    roster(&mut s, "juliet");
    s.take("romeo");
    s.sends("romeo", "<presence to='juliet@localhost' type='unsubscribe'/>");
    pushed(&mut s, "romeo", &["subscription='from'"]);
    s.receives("romeo", &["type='unavailable'", "from='juliet@localhost/balcony'"]);
    s.receives_nothing("romeo");
    s.receives("juliet", &["type='unsubscribe'", "from='romeo@localhost'"]);
    pushed(&mut s, "juliet", &["subscription='to'"]);
    s.receives_nothing("juliet");
}

#[test]
fn removing_a_contact_ends_both_subscriptions_in_both_rosters() {
    let mut s = verona();
    befriend(&mut s, "romeo", "juliet");
    // Both are out of memory now.
    s.crash();
    s.online("juliet", "juliet@localhost/balcony");
    roster(&mut s, "juliet");
    s.connect("romeo", "romeo@localhost/orchard");
    sets(&mut s, "romeo", "<item jid='juliet@localhost' subscription='remove'/>");
    pushed_nothing_but_result(&mut s);
    s.receives("juliet", &["type='unsubscribe'"]);
    pushed(&mut s, "juliet", &["subscription='to'"]);
    s.receives("juliet", &["type='unsubscribed'"]);
    pushed(&mut s, "juliet", &["subscription='none'"]);
    s.receives_nothing("juliet");
    s.crash();
    s.connect("romeo", "romeo@localhost/orchard");
    s.connect("juliet", "juliet@localhost/balcony");
    assert!(!roster(&mut s, "romeo").contains("<item"));
    assert!(roster(&mut s, "juliet").contains("subscription='none'"));
}

fn pushed_nothing_but_result(s: &mut Scene) {
    let said = s.take("romeo");
    let expected = said.iter().all(|x| x.contains("id='set'") || x.contains("'unavailable'"));
    assert!(expected && said.iter().any(|x| x.contains("type='result'")), "{said:?}");
}

#[test]
fn a_removed_account_leaves_its_contacts_rosters() {
    let mut s = verona();
    s.account("nurse@localhost");
    befriend(&mut s, "romeo", "juliet");
    befriend(&mut s, "romeo", "nurse");
    s.crash();
    s.online("juliet", "juliet@localhost/balcony");
    s.online("romeo", "romeo@localhost/orchard");
    roster(&mut s, "juliet");
    s.take("juliet");
    let jid = BareJid::parse("romeo@localhost").unwrap();
    s.admin(AdminRequest::AccountRemove { jid }).unwrap();
    s.receives("juliet", &["type='unavailable'", "from='romeo@localhost/orchard'"]);
    s.receives("juliet", &["type='unsubscribe'"]);
    pushed(&mut s, "juliet", &["subscription='to'"]);
    s.receives("juliet", &["type='unsubscribed'"]);
    pushed(&mut s, "juliet", &["subscription='none'"]);
    // A contact that was not in memory hears of it too.
    s.connect("nurse", "nurse@localhost/kitchen");
    assert!(roster(&mut s, "nurse").contains("subscription='none'"));
}

#[test]
fn nobody_can_tell_an_account_that_does_not_exist_from_one_that_does_not_answer() {
    let mut s = verona();
    s.online("romeo", "romeo@localhost/orchard");
    roster(&mut s, "romeo");
    let mut said = Vec::new();
    for to in ["juliet@localhost", "nobody@localhost"] {
        for kind in ["subscribe", "probe", "unsubscribe", "subscribed", "unsubscribed"] {
            s.sends("romeo", &format!("<presence to='{to}' type='{kind}'/>"));
        }
        s.sends("romeo", &format!("<presence to='{to}'/>"));
        let heard = s.take("romeo").join("\n").replace(to, "somebody");
        let id_and_version = |x: &str| x.split('\'').filter(|v| v.len() < 13).collect::<String>();
        said.push(id_and_version(&heard));
    }
    assert_eq!(said[0], said[1]);
}

#[test]
fn a_subscription_that_cannot_be_is_refused_and_leaves_no_trace() {
    let mut s = verona();
    s.online("romeo", "romeo@localhost/orchard");
    for (to, condition) in [
        ("to='juliet@elsewhere'", "remote-server-not-found"),
        ("to='romeo@localhost'", "not-allowed"),
        ("to='localhost'", "service-unavailable"),
        ("", "bad-request"),
    ] {
        s.sends("romeo", &format!("<presence id='p' {to} type='subscribe'/>"));
        s.receives("romeo", &["<presence", "type='error'", "id='p'", condition]);
    }
    let long = "x".repeat(10_000);
    s.sends(
        "romeo",
        &format!(
            "<presence to='juliet@localhost' type='subscribe'><status>{long}</status></presence>"
        ),
    );
    s.receives("romeo", &["policy-violation"]);
    s.room(Room::Scarce);
    s.sends("romeo", "<presence to='juliet@localhost' type='subscribe'/>");
    s.receives("romeo", &["resource-constraint"]);
    assert!(!roster(&mut s, "romeo").contains("<item"));
}

#[test]
fn requests_that_one_account_has_to_answer_are_bounded() {
    let mut s = Scene::new();
    s.account("juliet@localhost");
    let mut refused = 0;
    for n in 0..260 {
        s.account(&format!("suitor{n}@localhost"));
        s.connect("suitor", &format!("suitor{n}@localhost/x"));
        s.sends("suitor", "<presence to='juliet@localhost' type='subscribe'/>");
        refused += s.take("suitor").iter().filter(|x| x.contains("resource-constraint")).count();
        s.ends("suitor");
    }
    assert_eq!(refused, 4);
}

#[test]
fn a_subscription_that_only_one_roster_knows_of_shows_nothing() {
    // So it is when the server dies between the removal of an account and the last farewell to its contacts, and
    // somebody else gets the name.
    let mut s = verona();
    let jid = BareJid::parse("romeo@localhost").unwrap();
    let item = Item { to: true, from: true, ..Item::new(jid) };
    let (account, key) = (AccountId(2), "romeo@localhost".into());
    let write = Write::ItemPut { account, kind: kinds::ROSTER, key, value: item.encode() };
    let mut store = MemoryStore::open(&s.disk).unwrap();
    store.commit(&Batch { writes: vec![write] }).unwrap();
    s.crash();
    s.online("romeo", "romeo@localhost/orchard");
    s.connect("juliet", "juliet@localhost/balcony");
    assert!(roster(&mut s, "juliet").contains("subscription='both'"));
    s.sends("juliet", "<presence/>");
    s.receives("juliet", &["from='juliet@localhost/balcony'"]);
    s.receives_nothing("juliet");
    s.receives_nothing("romeo");
    s.ends("juliet");
    s.receives_nothing("romeo");
}

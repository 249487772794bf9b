//! XEP-0077 as clients see it; attack row 12.

use crate::scene::Scene;
use im_store::Room;
use std::time::Duration;

const FORM: &str = "<iq type='get' id='f' to='localhost'><query xmlns='jabber:iq:register'/></iq>";
const REMOVE: &str =
    "<iq type='set' id='r'><query xmlns='jabber:iq:register'><remove/></query></iq>";

fn fill_in(name: &str, password: &str) -> String {
    format!(
        "<iq type='set' id='s'><query xmlns='jabber:iq:register'><username>{name}</username>\
         <password>{password}</password></query></iq>"
    )
}

fn open_to_all() -> Scene {
    Scene::with(|options| options.registration_allowed = true)
}

fn stranger(s: &mut Scene, name: &str) -> String {
    s.open(name);
    s.header(name, "localhost");
    s.take(name).pop().unwrap()
}

#[test]
fn a_stranger_registers_and_logs_in_on_the_same_stream() {
    let mut s = open_to_all();
    let features = stranger(&mut s, "romeo");
    assert!(features.contains("<register xmlns='http://jabber.org/features/iq-register'/>"));
    s.sends("romeo", FORM);
    s.receives(
        "romeo",
        &["type='result'", "id='f'", "<username/>", "<password/>", "<instructions>"],
    );
    s.sends("romeo", &fill_in("Romeo", "secret"));
    s.receives("romeo", &["type='result'", "id='s'"]);
    assert!(s.credit("romeo") > 0);
    s.sends(
        "romeo",
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AHJvbWVvAHNlY3JldA==</auth>",
    );
    s.receives("romeo", &["<success"]);
    s.crash();
    s.login("romeo", "romeo@localhost");
}

#[test]
fn registration_is_off_unless_it_was_switched_on() {
    let mut s = Scene::new();
    let features = stranger(&mut s, "romeo");
    assert!(!features.contains("iq-register"));
    s.sends("romeo", FORM);
    s.receives("romeo", &["<stream:error>"]);
    assert!(s.is_closed("romeo"));
}

#[test]
fn a_form_that_breaks_a_rule_gets_the_error_of_that_rule() {
    let mut s = open_to_all();
    s.account("juliet@localhost");
    let long = "x".repeat(2000);
    for (name, password, condition) in [
        ("", "secret", "<not-acceptable"),
        ("romeo", "", "<not-acceptable"),
        ("romeo", &long, "<not-acceptable"),
        (&long, "secret", "<not-acceptable"),
        ("ro meo", "secret", "<not-acceptable"),
        ("romeo@localhost", "secret", "<not-acceptable"),
        ("romeo", "\u{e000}", "<not-acceptable"),
        ("juliet", "secret", "<conflict"),
        ("JULIET", "secret", "<conflict"),
    ] {
        stranger(&mut s, "stranger");
        s.sends("stranger", &fill_in(name, password));
        s.receives("stranger", &["type='error'", "id='s'", condition]);
    }
    s.room(Room::Scarce);
    stranger(&mut s, "stranger");
    s.sends("stranger", &fill_in("romeo", "secret"));
    s.receives("stranger", &["type='error'", "<resource-constraint"]);
}

#[test]
fn one_address_registers_only_so_many_accounts_and_logs_in_all_the_same() {
    let mut s = Scene::with(|options| {
        options.registration_allowed = true;
        options.failures_per_address_max = 3;
        options.failure_forgiven_after = Duration::from_secs(30);
    });
    for n in 0..5 {
        stranger(&mut s, "stranger");
        s.sends("stranger", &fill_in(&format!("name{n}"), "secret"));
        let answer = if n < 3 { "type='result'" } else { "<resource-constraint" };
        s.receives("stranger", &[answer]);
    }
    s.login("name0", "name0@localhost");
    s.pass(Duration::from_secs(31));
    stranger(&mut s, "stranger");
    s.sends("stranger", &fill_in("name9", "secret"));
    s.receives("stranger", &["type='result'"]);
}

#[test]
fn one_connection_may_not_go_on_registering() {
    let mut s = open_to_all();
    stranger(&mut s, "stranger");
    for n in 0..100 {
        if s.is_closed("stranger") {
            break;
        }
        s.sends("stranger", &fill_in(&format!("name{n}"), "secret"));
    }
    assert!(s.is_closed("stranger"));
}

#[test]
fn a_new_password_counts_from_its_result_on_and_ends_other_sessions() {
    let mut s = Scene::new();
    s.account("romeo@localhost");
    s.connect("romeo", "romeo@localhost/orchard");
    s.connect("phone", "romeo@localhost/phone");
    s.sends("romeo", &fill_in("romeo", "new"));
    s.receives("romeo", &["type='result'", "id='s'"]);
    s.receives("phone", &["<stream:error>", "<reset"]);
    assert!(s.is_closed("phone") && !s.is_closed("romeo"));
    stranger(&mut s, "old");
    let auth = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>";
    s.sends("old", &format!("{auth}AHJvbWVvAHNlY3JldA==</auth>"));
    s.receives("old", &["<failure", "<not-authorized/>"]);
    s.sends("old", &format!("{auth}AHJvbWVvAG5ldw==</auth>"));
    s.receives("old", &["<success"]);
}

#[test]
fn the_form_after_login_says_who_is_registered() {
    let mut s = Scene::new();
    s.account("romeo@localhost");
    s.connect("romeo", "romeo@localhost/orchard");
    s.sends("romeo", FORM);
    s.receives(
        "romeo",
        &["type='result'", "<registered/>", "<username>romeo</username>", "<password/>"],
    );
}

#[test]
fn a_change_that_breaks_a_rule_changes_nothing() {
    let mut s = Scene::new();
    s.account("romeo@localhost");
    s.account("juliet@localhost");
    s.connect("romeo", "romeo@localhost/orchard");
    let both = REMOVE.replace("<remove/>", "<remove/><username>romeo</username>");
    for (xml, condition) in [
        (fill_in("juliet", "new"), "<forbidden"),
        (fill_in("nobody", "new"), "<forbidden"),
        (fill_in("romeo", ""), "<bad-request"),
        (fill_in("romeo", "\u{e000}"), "<not-acceptable"),
        (both, "<bad-request"),
        (REMOVE.to_owned(), "<not-allowed"),
    ] {
        s.sends("romeo", &xml);
        s.receives("romeo", &["type='error'", condition]);
    }
    s.login("again", "romeo@localhost");
    s.login("juliet", "juliet@localhost");
}

#[test]
fn where_nothing_is_allowed_there_is_no_such_feature() {
    let mut s = Scene::with(|options| options.password_change_allowed = false);
    s.account("romeo@localhost");
    s.connect("romeo", "romeo@localhost/orchard");
    s.sends("romeo", &fill_in("romeo", "new"));
    s.receives("romeo", &["type='error'", "<service-unavailable"]);
}

#[test]
fn whoever_ends_its_account_is_told_and_is_gone_with_all_sessions() {
    let mut s = open_to_all();
    s.account("romeo@localhost");
    s.account("juliet@localhost");
    s.online("juliet", "juliet@localhost/balcony");
    s.online("romeo", "romeo@localhost/orchard");
    s.connect("phone", "romeo@localhost/phone");
    s.manage("phone");
    s.sends("romeo", "<presence to='juliet@localhost' type='subscribe'/>");
    s.take("romeo");
    s.take("juliet");
    s.sends("romeo", REMOVE);
    s.receives("romeo", &["type='result'", "id='r'"]);
    s.receives("romeo", &["<stream:error>", "<not-authorized"]);
    s.take("phone");
    assert!(s.is_closed("romeo") && s.is_closed("phone"));
    s.sends("juliet", "<message to='romeo@localhost' type='chat'><body>b</body></message>");
    assert!(s.take("juliet").last().unwrap().contains("<service-unavailable"));
    s.crash();
    stranger(&mut s, "romeo");
    s.sends("romeo", &fill_in("romeo", "secret"));
    s.receives("romeo", &["type='result'"]);
}

#[test]
fn passwords_are_changed_only_so_often_and_again_after_a_while() {
    let mut s = Scene::with(|options| {
        options.failures_per_address_max = 3;
        options.failure_forgiven_after = Duration::from_secs(30);
    });
    s.account("romeo@localhost");
    s.connect("romeo", "romeo@localhost/orchard");
    for n in 0..5 {
        s.sends("romeo", &fill_in("romeo", &format!("new{n}")));
        s.receives("romeo", &[if n < 3 { "type='result'" } else { "<resource-constraint" }]);
    }
    s.pass(Duration::from_secs(31));
    s.sends("romeo", &fill_in("romeo", "last"));
    s.receives("romeo", &["type='result'"]);
}

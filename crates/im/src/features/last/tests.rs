//! XEP-0012 as clients see it.

use crate::scene::Scene;
use std::time::Duration;

fn ask(to: &str) -> String {
    format!("<iq type='get' id='l' to='{to}'><query xmlns='jabber:iq:last'/></iq>")
}

/// Romeo sees Juliet's presence.
fn friends() -> Scene {
    let mut s = Scene::new();
    s.account("romeo@localhost");
    s.account("juliet@localhost");
    s.online("romeo", "romeo@localhost/orchard");
    s.online("juliet", "juliet@localhost/balcony");
    s.sends("romeo", "<presence to='juliet@localhost' type='subscribe'/>");
    s.sends("juliet", "<presence to='romeo@localhost' type='subscribed'/>");
    s.take("romeo");
    s.take("juliet");
    s
}

#[test]
fn the_server_tells_how_long_it_runs() {
    let mut s = Scene::new();
    s.account("romeo@localhost");
    s.connect("romeo", "romeo@localhost/orchard");
    s.pass(Duration::from_secs(100));
    s.sends("romeo", &ask("localhost"));
    s.receives("romeo", &["from='localhost'", "<query xmlns='jabber:iq:last' seconds='100'/>"]);
}

#[test]
fn a_subscriber_learns_when_a_contact_left_and_with_what_words_also_after_a_crash() {
    let mut s = friends();
    s.sends("romeo", &ask("juliet@localhost"));
    s.receives("romeo", &["seconds='0'/>"]);
    s.sends("juliet", "<presence type='unavailable'><status>Parting &lt;3</status></presence>");
    s.ends("juliet");
    s.take("romeo");
    s.pass(Duration::from_secs(903));
    s.sends("romeo", &ask("juliet@localhost"));
    s.receives("romeo", &["seconds='903'>Parting &lt;3</query>"]);
    s.crash();
    s.online("romeo", "romeo@localhost/orchard");
    s.sends("romeo", &ask("juliet@localhost"));
    s.receives("romeo", &["seconds='903'>Parting &lt;3</query>"]);
}

#[test]
fn a_lost_connection_ends_activity_without_words() {
    let mut s = friends();
    s.loses("juliet");
    s.take("romeo");
    s.pass(Duration::from_secs(5));
    s.sends("romeo", &ask("juliet@localhost"));
    s.receives("romeo", &["<query xmlns='jabber:iq:last' seconds='5'/>"]);
}

#[test]
fn an_account_is_active_until_its_last_resource_leaves() {
    let mut s = friends();
    s.online("phone", "juliet@localhost/phone");
    s.ends("juliet");
    s.take("romeo");
    s.pass(Duration::from_secs(5));
    s.sends("romeo", &ask("juliet@localhost"));
    s.receives("romeo", &["seconds='0'"]);
}

#[test]
fn a_stranger_is_told_the_same_of_every_account_known_or_not() {
    let mut s = friends();
    s.account("mercutio@localhost");
    s.connect("mercutio", "mercutio@localhost/street");
    let mut said = Vec::new();
    for to in
        ["juliet@localhost", "nobody@localhost", "juliet@localhost/balcony", "nobody@localhost/x"]
    {
        s.sends("mercutio", &ask(to));
        let answer = s.receives("mercutio", &["type='error'", "<forbidden"]);
        said.push(answer.replace(to, "SOMEBODY"));
    }
    said.dedup();
    assert_eq!(said.len(), 1, "{said:?}");
    s.receives_nothing("juliet");
}

#[test]
fn a_subscriber_asks_a_client_for_its_idle_time() {
    let mut s = friends();
    s.sends("romeo", &ask("juliet@localhost/balcony"));
    s.receives("juliet", &["jabber:iq:last", "from='romeo@localhost/orchard'"]);
}

#[test]
fn ones_own_account_is_told_without_a_subscription() {
    let mut s = Scene::new();
    s.account("romeo@localhost");
    s.connect("invisible", "romeo@localhost/a");
    s.sends("invisible", "<iq type='get' id='l'><query xmlns='jabber:iq:last'/></iq>");
    s.receives("invisible", &["seconds='0'"]);
    s.ends("invisible");
    s.pass(Duration::from_secs(7));
    s.connect("later", "romeo@localhost/a");
    s.sends("later", &ask("romeo@localhost"));
    s.receives("later", &["seconds='7'"]);
}

//! Row 9: elements before login in any order, mechanisms that were not offered, a second login, binding too early.

use crate::raw::{HEADER, Raw};
use crate::service::{Door, Service};

/// What a client can say before it has logged in, and none of it lets anybody in.
const WORDS: [&str; 13] = [
    HEADER,
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AHJvbWVvAHdyb25n</auth>",
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>",
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>",
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-1'>biwsbj1yb21lbyxyPWE=</auth>",
    "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>Yz1iaXdz</response>",
    "<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
    "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>AHJvbWVvAHdyb25n</initial-response></authenticate>",
    "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
    "<iq type='set' id='a'><query xmlns='jabber:iq:auth'><username>romeo</username><password>x</password></query></iq>",
    "<enable xmlns='urn:xmpp:sm:3' resume='true'/><resume xmlns='urn:xmpp:sm:3' previd='x' h='0'/>",
    "<compress xmlns='http://jabber.org/protocol/compress'><method>zlib</method></compress>",
    "<message to='juliet@localhost'><body>hello</body></message><presence/>",
];
/// Connections that try a random order.
const ORDERS: usize = 60;

#[test]
fn no_order_of_elements_gets_in_without_a_password() {
    let mut service = Service::with(
        "[limits]\nlogin_failures_per_address_max = 1_000_000\n\
         login_failures_per_account_max = 1_000_000",
    );
    let mut dice = 1_u64;
    for order in 0..ORDERS {
        let mut raw = Raw::connect(&service, Door::BOTH[order % 2]);
        let mut said = String::new();
        if order % 8 != 0 {
            said.push_str(HEADER);
        }
        for _ in 0..order % 7 + 1 {
            dice = dice
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            said.push_str(WORDS[(dice >> 33) as usize % WORDS.len()]);
        }
        said.push_str("</stream:stream>");
        raw.say(&said);
        let heard = raw.hear_end();
        for way_in in ["<success", "<jid>", "type='result'", "<enabled", "<resumed", "<compressed"]
        {
            assert!(!heard.contains(way_in), "{said}\n{heard}");
        }
    }
    assert!(service.is_running());
    assert_eq!(service.metric("steadfast_logins_total"), 0);
}

#[test]
fn whoever_is_logged_in_cannot_log_in_again() {
    let service = Service::with("");
    let [_, auth, ..] = WORDS;
    for door in Door::BOTH {
        let mut raw = Raw::connect(&service, door);
        raw.open();
        assert!(raw.plain("", "romeo", crate::service::PASSWORD).contains("<success"));
        raw.open();
        raw.say(auth);
        assert!(raw.hear_end().contains("<stream:error>"), "before a resource is bound");
        let mut raw = Raw::login(&service, door, "romeo", "orchard");
        raw.say(auth);
        assert!(raw.hear_end().contains("<stream:error>"), "after a resource is bound");
    }
}

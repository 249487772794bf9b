//! Any bytes from a client that has logged in: nothing panics, nobody is impersonated, everything that leaves is
//! well-formed, and what leaves is bounded by what came in.
//!
//! `fuzz/fuzz_targets/stanza.rs` feeds this, and a test replays the corpus with mutations. Row 16 and 20–22 of the attack list,
//! for input that nobody thought of.

use crate::world::{DOMAIN, World};
use bytes::Bytes;
use link::{ConnId, Up};
use std::time::Duration;
use xmpp::xml::{Element, Frame, Framer, Limits, Node};

const HEADER: &[u8] =
    b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
/// Bytes that one element may cause to be sent, for each byte of it: four sessions hear it, carbons wrap it, and
/// escaping makes six bytes of one. An IQ may bring back what was said before it.
const OUT_PER_BYTE_MAX: usize = 32;
/// The same for an element of any length: features, rosters, forms, errors.
const OUT_PER_ELEMENT_MAX: usize = 12 * 1024;
/// Who attacks.
const ATTACKER: &str = "romeo@localhost/orchard";
/// A session of the attacker's account that behaves.
const SIBLING: &str = "romeo@localhost/phone";

/// The people of a run.
struct Cast {
    attacker: ConnId,
    sibling: ConnId,
    victims: [ConnId; 2],
}

/// Panics when something does not hold for these bytes, which are what a client sends after it has bound a resource.
pub fn check(data: &[u8]) {
    let mut world = World::new(&["romeo", "juliet"]);
    let cast = set_up(&mut world);
    let mut framer = Framer::new(Limits::AFTER_LOGIN);
    framer.push(HEADER);
    framer.push(data);
    let mut said = 0;
    loop {
        let before = world.sent_bytes();
        let conn = cast.attacker;
        let (len, goes_on) = match framer.next_frame() {
            Ok(Some(Frame::Element(bytes))) => {
                let len = bytes.len();
                said += len;
                let recalls = bytes.starts_with(b"<iq");
                world.up(Up::Element { conn, bytes });
                (if recalls { said } else { len }, true)
            }
            Ok(Some(Frame::Header(_))) => continue,
            Ok(Some(_)) => {
                world.up(Up::Ended { conn });
                (0, false)
            }
            Ok(None) => break,
            Err(error) => {
                world.up(Up::Violated { conn, error });
                (0, false)
            }
        };
        let sent = world.sent_bytes() - before;
        assert!(
            sent <= OUT_PER_BYTE_MAX * len + OUT_PER_ELEMENT_MAX,
            "{sent} bytes were sent because of {len}"
        );
        if !goes_on || world.is_closed(conn) {
            break;
        }
    }
    listen(&mut world, &cast);
    // What follows later: the connection breaks, time passes, the server is killed.
    world.lose(cast.attacker);
    let wall = world.wall_us() + 700_000_000;
    world.pass(Duration::from_secs(700), wall);
    listen(&mut world, &cast);
    world.crash();
    let again = world.login("juliet", "again");
    world.say(again, "<presence/>");
    judge(&world.take(again));
}

/// Two friends, each with two sessions that want to hear everything.
fn set_up(world: &mut World) -> Cast {
    let attacker = world.login("romeo", "orchard");
    let sibling = world.login("romeo", "phone");
    let victims = [world.login("juliet", "balcony"), world.login("juliet", "phone")];
    for conn in [attacker, sibling, victims[0], victims[1]] {
        world.say(conn, "<iq type='get' id='s1'><query xmlns='jabber:iq:roster'/></iq>");
        world.say(conn, "<iq type='set' id='s2'><enable xmlns='urn:xmpp:carbons:2'/></iq>");
        world.say(conn, "<iq type='get' id='s3'><blocklist xmlns='urn:xmpp:blocking'/></iq>");
        world.say(conn, "<presence/>");
    }
    for (conn, to) in [(sibling, "juliet"), (victims[0], "romeo")] {
        for kind in ["subscribe", "subscribed"] {
            world.say(conn, &format!("<presence to='{to}@{DOMAIN}' type='{kind}'/>"));
        }
    }
    world.say(sibling, &format!("<presence to='juliet@{DOMAIN}' type='subscribed'/>"));
    for conn in [attacker, sibling, victims[0], victims[1]] {
        world.take(conn);
    }
    Cast { attacker, sibling, victims }
}

fn listen(world: &mut World, cast: &Cast) {
    elements(&world.take(cast.attacker));
    elements(&world.take(cast.sibling));
    for victim in cast.victims {
        judge(&world.take(victim));
    }
}

/// Cuts what a client heard into elements; panics unless it is the inside of a stream.
fn elements(heard: &[u8]) -> Vec<Bytes> {
    let mut limits = Limits::AFTER_LOGIN;
    (limits.element_bytes_max, limits.depth_max) = (16 << 20, 128);
    (limits.attributes_max, limits.namespaces_max) = (128, 128);
    let mut framer = Framer::new(limits);
    framer.push(HEADER);
    framer.push(heard);
    let mut found = Vec::new();
    loop {
        match framer.next_frame() {
            Ok(Some(Frame::Element(bytes))) => found.push(bytes),
            Ok(Some(_)) => {}
            Ok(None) => return found,
            Err(error) => panic!("{error}: {}", String::from_utf8_lossy(heard)),
        }
    }
}

/// What juliet's clients hear is the server's, her own, or says truly that it is the attacker's.
fn judge(heard: &[u8]) {
    for bytes in elements(heard) {
        let shown = String::from_utf8_lossy(&bytes).into_owned();
        let element = Element::parse(bytes).expect("a frame is an element");
        let root = element.root();
        let from = root.attr("from").map(|from| from.into_owned()).unwrap_or_default();
        let is_ours =
            from.is_empty() || from == DOMAIN || from.split('/').next() == Some("juliet@localhost");
        if is_ours {
            judge_copies(root, &shown);
            continue;
        }
        let kind = root.attr("type").map(|kind| kind.into_owned()).unwrap_or_default();
        let is_true = match (root.name(), kind.as_str()) {
            ("presence", "subscribe" | "subscribed" | "unsubscribe" | "unsubscribed") => {
                from == "romeo@localhost"
            }
            // The other session's presence is told by the server: it comes, goes and is probed for.
            ("presence", "" | "unavailable") => {
                from == ATTACKER || from == SIBLING || from == "romeo@localhost"
            }
            _ => from == ATTACKER,
        };
        assert!(is_true, "somebody is impersonated: {shown}");
        for child in root.children() {
            let is_forged = match child.ns() {
                "urn:xmpp:carbons:2" => matches!(child.name(), "received" | "sent"),
                "urn:xmpp:mam:2" | "http://jabber.org/protocol/pubsub#event" => true,
                _ => false,
            };
            assert!(!is_forged || root.name() == "iq", "a forged child arrived: {shown}");
        }
        let is_push = matches!(child_ns(root), "jabber:iq:roster" | "urn:xmpp:blocking");
        assert!(!(root.name() == "iq" && kind == "set" && is_push), "a forged push: {shown}");
    }
}

/// A carbon copy or an archived message says who sent what is inside.
fn judge_copies(root: Node<'_>, shown: &str) {
    for copy in root.children().filter(|c| c.ns() == "urn:xmpp:carbons:2") {
        let forwarded = copy.children().find(|c| c.name() == "forwarded");
        let inside = forwarded.and_then(|f| f.children().find(|c| c.name() == "message"));
        let from = inside.and_then(|m| m.attr("from").map(|from| from.into_owned()));
        let from = from.unwrap_or_default();
        let is_true = from == ATTACKER || from.starts_with("juliet@localhost") || from == DOMAIN;
        assert!(is_true, "a copy of what nobody sent: {shown}");
    }
}

fn child_ns<'a>(root: Node<'a>) -> &'a str {
    root.children().next().map_or("", |child| child.ns())
}

#[cfg(test)]
mod tests {
    use super::judge;

    /// Whether juliet may hear this.
    fn may_hear(xml: &str) -> bool {
        std::panic::catch_unwind(|| judge(xml.as_bytes())).is_ok()
    }

    #[test]
    fn what_must_not_arrive_is_noticed() {
        assert!(may_hear("<message from='romeo@localhost/orchard'><body>x</body></message>"));
        assert!(may_hear("<presence from='romeo@localhost' type='subscribe'/>"));
        assert!(may_hear("<iq type='set' id='1'><query xmlns='jabber:iq:roster'/></iq>"));
        for forged in [
            "<message from='romeo@localhost'><body>x</body></message>",
            "<message from='romeo@localhost/phone'/>",
            "<message from='nurse@localhost/x'/>",
            "<presence from='elsewhere'/>",
            "<presence from='romeo@localhost/third'/>",
            "<iq type='set' id='1' from='romeo@localhost/orchard'><query xmlns='jabber:iq:roster'/></iq>",
            "<message from='romeo@localhost/orchard'><sent xmlns='urn:xmpp:carbons:2'/></message>",
            "<message from='romeo@localhost/orchard'><result xmlns='urn:xmpp:mam:2'/></message>",
            "<message from='juliet@localhost'><received xmlns='urn:xmpp:carbons:2'><forwarded \
             xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='nurse@localhost'/>\
             </forwarded></received></message>",
            "<message><body>not closed</message>",
            "</stream:stream>after the end",
        ] {
            assert!(!may_hear(forged), "{forged}");
        }
    }
}

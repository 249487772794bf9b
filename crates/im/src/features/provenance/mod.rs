//! What only a server may say: removed from what clients send (attack row 21), or refused (row 22).
//!
//! Recipients believe a carbon, an archive result or a stable id because their server would not pass on somebody else's.
//! This is where that is made true. It runs on the sender's element before anything else does, and must never remove
//! what a client may say of itself: its own delay, an invitation, a forwarded message.

use crate::options::Options;
use crate::stanza::{IqType, Kind, Stanza};
use std::borrow::Cow;
use xmpp::jid::Jid;
use xmpp::ns;
use xmpp::xml::Node;

/// XEP-0091, older than XEP-0203 and as easily believed.
const LEGACY_DELAY: &str = "jabber:x:delay";
/// XEP-0060: notifications come from services.
const PUBSUB_EVENT: &str = "http://jabber.org/protocol/pubsub#event";

/// Children of a client's message or presence that are forged by definition.
pub(crate) fn forged<'a>(root: Node<'a>, sender: &Jid, options: &Options) -> Vec<Node<'a>> {
    // An IQ has one child and is refused as a whole where it is forged.
    if root.name() == "iq" {
        return Vec::new();
    }
    root.children().filter(|child| is_forged(*child, sender, options)).collect()
}

fn is_forged(child: Node<'_>, sender: &Jid, options: &Options) -> bool {
    match child.ns() {
        ns::CARBONS => matches!(child.name(), "received" | "sent"),
        ns::MAM | ns::OCCUPANT_ID | PUBSUB_EVENT => true,
        ns::STANZA_ID => {
            child.name() == "stanza-id"
                && child.attr("by").is_none_or(|by| speaks_for_us(by, None, options))
        }
        ns::DELAY | LEGACY_DELAY => {
            child.attr("from").is_some_and(|from| speaks_for_us(from, Some(sender), options))
        }
        // Invitations and their refusals are a user's to send; who is in a room, and as what, is the room's to say.
        ns::MUC_USER => child.children().any(|c| matches!(c.name(), "item" | "status" | "destroy")),
        _ => false,
    }
}

/// Whether an address is one of this server or of an account here other than the sender's, or none at all.
fn speaks_for_us(address: Cow<'_, str>, sender: Option<&Jid>, options: &Options) -> bool {
    Jid::parse(&address).map_or(true, |jid| {
        options.serves(jid.domain()) && sender.is_none_or(|sender| jid.bare() != sender.bare())
    })
}

/// Whether an IQ is a push that a client takes from its own server only: of a roster, of a blocking list.
pub(crate) fn is_forged_push(stanza: &Stanza) -> bool {
    let is_to_another = stanza.to.as_ref().is_some_and(|to| to.bare() != stanza.from.bare());
    stanza.kind == Kind::Iq(IqType::Set)
        && is_to_another
        && stanza.payload().is_some_and(|payload| matches!(payload.ns(), ns::ROSTER | ns::BLOCKING))
}

#[cfg(test)]
mod tests {
    use super::*;
    use xmpp::jid::BareJid;
    use xmpp::xml::Element;

    /// Checks whether `romeo@here/orchard` may send this child.
    fn check(child: &str, may_pass: bool) {
        let options = Options::for_domains(vec![
            BareJid::parse("here").unwrap(),
            BareJid::parse("also.here").unwrap(),
        ]);
        let sender = Jid::parse("romeo@here/orchard").unwrap();
        for name in ["message", "presence"] {
            let xml = format!("<{name}><body>b</body>{child}</{name}>");
            let element = Element::parse(xml.into()).unwrap();
            let forged = forged(element.root(), &sender, &options);
            assert_eq!(forged.is_empty(), may_pass, "{child}");
        }
    }

    #[test]
    fn a_forged_carbon_is_removed() {
        check(
            "<received xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'/></received>",
            false,
        );
        check("<sent xmlns='urn:xmpp:carbons:2'/>", false);
        check("<c:sent xmlns:c='urn:xmpp:carbons:2'/>", false);
        check("<private xmlns='urn:xmpp:carbons:2'/>", true);
    }

    #[test]
    fn a_forged_archive_result_is_removed() {
        check(
            "<result xmlns='urn:xmpp:mam:2' id='1'><forwarded xmlns='urn:xmpp:forward:0'/></result>",
            false,
        );
        check("<fin xmlns='urn:xmpp:mam:2'/>", false);
    }

    #[test]
    fn a_message_forwarded_openly_is_left_alone() {
        check(
            "<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'/></forwarded>",
            true,
        );
    }

    #[test]
    fn a_forged_stable_id_is_removed() {
        for by in ["here", "also.here", "juliet@here", "romeo@here", "HERE", "@@", ""] {
            check(&format!("<stanza-id xmlns='urn:xmpp:sid:0' id='1' by='{by}'/>"), false);
        }
        check("<stanza-id xmlns='urn:xmpp:sid:0' id='1'/>", false);
        check("<stanza-id xmlns='urn:xmpp:sid:0' id='1' by='room@elsewhere'/>", true);
        check("<origin-id xmlns='urn:xmpp:sid:0' id='1'/>", true);
    }

    #[test]
    fn a_forged_delay_is_removed() {
        for ns in ["urn:xmpp:delay", "jabber:x:delay"] {
            for from in ["here", "also.here", "juliet@here", "juliet@here/r", "Here", "@@"] {
                check(&format!("<delay xmlns='{ns}' from='{from}' stamp='x'/>"), false);
            }
            for from in ["romeo@here/orchard", "romeo@here", "elsewhere"] {
                check(&format!("<delay xmlns='{ns}' from='{from}' stamp='x'/>"), true);
            }
            check(&format!("<delay xmlns='{ns}' stamp='x'/>"), true);
        }
    }

    #[test]
    fn a_forged_occupant_id_is_removed() {
        check("<occupant-id xmlns='urn:xmpp:occupant-id:0' id='1'/>", false);
    }

    #[test]
    fn what_only_a_room_may_say_is_removed() {
        let x = |inner| format!("<x xmlns='http://jabber.org/protocol/muc#user'>{inner}</x>");
        check(&x("<item affiliation='owner'/>"), false);
        check(&x("<status code='110'/>"), false);
        check(&x("<invite to='a@b'/><item affiliation='owner'/>"), false);
        check(&x("<destroy/>"), false);
        check(&x("<invite to='a@b'/>"), true);
        check(&x("<decline to='a@b'/>"), true);
        check(&x(""), true);
        check("<x xmlns='jabber:x:conference' jid='room@b'/>", true);
    }

    #[test]
    fn a_forged_notification_is_removed() {
        check("<event xmlns='http://jabber.org/protocol/pubsub#event'><items/></event>", false);
    }

    #[test]
    fn markers_receipts_and_hints_are_left_alone() {
        check("<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>", true);
        check("<received xmlns='urn:xmpp:receipts' id='1'/>", true);
        check("<store xmlns='urn:xmpp:hints'/>", true);
    }
}

//! What a message is, as far as its way depends on it: read from its children in one pass, for every stage behind.

use crate::features::hints::Hints;
use crate::stanza::MessageType;
use xmpp::ns;
use xmpp::xml::Node;

/// XEP-0249: a direct invitation.
const CONFERENCE: &str = "jabber:x:conference";
/// XEP-0380: the body is elsewhere, encrypted.
const ENCRYPTION: &str = "urn:xmpp:eme:0";
/// XEP-0308: replaces an earlier message.
const CORRECTION: &str = "urn:xmpp:message-correct:0";
/// XEP-0444: reactions to an earlier message.
const REACTIONS: &str = "urn:xmpp:reactions:0";
/// XEP-0424: takes an earlier message back.
const RETRACTION: &str = "urn:xmpp:message-retract:1";
/// XEP-0353: a call is proposed, taken, ended.
const JINGLE_MESSAGE: &str = "urn:xmpp:jingle-message:0";

/// What a message's children say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Traits {
    /// There is a `<body/>`.
    pub(crate) has_body: bool,
    /// There is something to lose: anything beside chat states, hints and other notes about the message itself.
    pub(crate) has_content: bool,
    /// There is something that a conversation read later would lack.
    pub(crate) is_memorable: bool,
    /// There is a payload typical of instant messaging (XEP-0280 §6.1).
    pub(crate) is_conversation: bool,
    /// It came through a room: `<x/>` of XEP-0045 without an invitation.
    pub(crate) is_from_room: bool,
    /// `<private/>` (XEP-0280 §9).
    pub(crate) is_private: bool,
    /// XEP-0334.
    pub(crate) hints: Hints,
}

impl Traits {
    /// Reads a message.
    pub(crate) fn of(root: Node<'_>, kind: MessageType) -> Self {
        let mut traits = root.children().fold(Self::default(), Self::with);
        if kind == MessageType::Error {
            traits.hints = Hints::default();
        }
        traits
    }

    fn with(mut self, child: Node<'_>) -> Self {
        match child.ns() {
            ns::CLIENT => match child.name() {
                "body" => {
                    (self.has_body, self.has_content, self.is_memorable) = (true, true, true);
                }
                "thread" => {}
                "subject" => (self.has_content, self.is_memorable) = (true, true),
                _ => self.has_content = true,
            },
            ns::HINTS => self.hints.take(child),
            ns::CHAT_STATES => self.is_conversation = true,
            ns::CARBONS => self.is_private |= child.name() == "private",
            ns::RECEIPTS => {
                // A request alone goes with what it is about; "received" is news of its own.
                let is_news = child.name() == "received";
                (self.has_content, self.is_conversation) = (self.has_content | is_news, true);
                self.is_memorable |= is_news;
            }
            ns::MARKERS => {
                let is_news = child.name() != "markable";
                (self.has_content, self.is_conversation) = (self.has_content | is_news, true);
                self.is_memorable |= is_news;
            }
            ns::MUC_USER => {
                let is_invitation = child.children().any(|c| c.name() == "invite");
                self.has_content = true;
                self.is_from_room |= !is_invitation;
                self.is_conversation |= is_invitation;
                self.is_memorable |= is_invitation;
            }
            CONFERENCE => {
                (self.has_content, self.is_conversation) = (true, true);
                self.is_memorable = true;
            }
            ENCRYPTION | CORRECTION | REACTIONS | RETRACTION | JINGLE_MESSAGE => {
                (self.has_content, self.is_memorable) = (true, true);
            }
            ns::STANZA_ID | ns::DELAY => {}
            _ => self.has_content = true,
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xmpp::xml::Element;

    #[test]
    fn what_a_message_is_follows_from_its_children() {
        let check = |children: &str, kind| {
            let xml = format!("<message>{children}</message>");
            Traits::of(Element::parse(xml.into()).unwrap().root(), kind)
        };
        let nothing = Traits::default();
        let said = Traits { has_content: true, is_memorable: true, ..nothing };
        let talk = Traits { is_conversation: true, ..nothing };
        let hint = |hints| Traits { hints, ..nothing };
        let none = Hints::default();
        for (children, expect) in [
            ("", nothing),
            ("<thread>t</thread><origin-id xmlns='urn:xmpp:sid:0' id='1'/>", nothing),
            ("<body>b</body>", Traits { has_body: true, ..said }),
            ("<subject>s</subject>", said),
            ("<encryption xmlns='urn:xmpp:eme:0'/>", said),
            ("<unknown xmlns='urn:x'/>", Traits { has_content: true, ..nothing }),
            ("<active xmlns='http://jabber.org/protocol/chatstates'/>", talk),
            ("<request xmlns='urn:xmpp:receipts'/>", talk),
            (
                "<received xmlns='urn:xmpp:receipts' id='1'/>",
                Traits { is_conversation: true, ..said },
            ),
            (
                "<displayed xmlns='urn:xmpp:chat-markers:0'/>",
                Traits { is_conversation: true, ..said },
            ),
            (
                "<x xmlns='jabber:x:conference' jid='r@x'/>",
                Traits { is_conversation: true, ..said },
            ),
            (
                "<x xmlns='http://jabber.org/protocol/muc#user'><invite/></x>",
                Traits { is_conversation: true, ..said },
            ),
            (
                "<x xmlns='http://jabber.org/protocol/muc#user'/>",
                Traits { has_content: true, is_from_room: true, ..nothing },
            ),
            ("<private xmlns='urn:xmpp:carbons:2'/>", Traits { is_private: true, ..nothing }),
            ("<store xmlns='urn:xmpp:hints'/>", hint(Hints { store: true, ..none })),
            ("<no-store xmlns='urn:xmpp:hints'/>", hint(Hints { no_store: true, ..none })),
            ("<no-copy xmlns='urn:xmpp:hints'/>", hint(Hints { no_copy: true, ..none })),
            (
                "<no-permanent-store xmlns='urn:xmpp:hints'/>",
                hint(Hints { no_permanent_store: true, ..none }),
            ),
        ] {
            assert_eq!(check(children, MessageType::Chat), expect, "{children}");
        }
        assert_eq!(check("<store xmlns='urn:xmpp:hints'/>", MessageType::Error), nothing);
    }
}

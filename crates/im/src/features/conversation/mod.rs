//! What clients say to each other about a conversation and the server only has to understand: chat states (XEP-0085),
//! receipts (XEP-0184) and displayed markers (XEP-0333). `pipeline::message::traits` reads them: a chat state alone is
//! neither stored nor missed, a receipt is.

use super::{Feature, Specification};

/// The feature as data.
pub(crate) const FEATURE: Feature = Feature {
    name: "conversation",
    specifications: &[
        Specification { number: "XEP-0085", version: "2.1", title: "Chat State Notifications" },
        Specification { number: "XEP-0184", version: "1.4.0", title: "Message Delivery Receipts" },
    ],
    ..Feature::NONE
};

#[cfg(test)]
mod tests {
    use crate::scene::Scene;

    /// XEP-0085, XEP-0184.
    #[test]
    fn chat_states_and_receipts_reach_the_other_client_as_they_were_sent() {
        let mut s = Scene::new();
        s.account("romeo@localhost");
        s.account("juliet@localhost");
        s.online("romeo", "romeo@localhost/orchard");
        s.online("juliet", "juliet@localhost/balcony");
        for note in [
            "<composing xmlns='http://jabber.org/protocol/chatstates'/>",
            "<received xmlns='urn:xmpp:receipts' id='m1'/>",
        ] {
            let to = "to='juliet@localhost/balcony'";
            s.sends("romeo", &format!("<message type='chat' id='n' {to}>{note}</message>"));
            s.receives("juliet", &["from='romeo@localhost/orchard'", note]);
        }
    }
}

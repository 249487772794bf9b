//! Client State Indication (XEP-0352), as far as it is told. A client that says nobody is looking is noted in
//! `elements.rs`; what may wait then is held back by `routing.rs`, by the urgency that each stanza was given where it was
//! decided (`queue::Urgency`).

use super::{Feature, Specification};

/// The feature as data.
pub(crate) const FEATURE: Feature = Feature {
    name: "csi",
    specifications: &[Specification {
        number: "XEP-0352",
        version: "1.0.0",
        title: "Client State Indication",
    }],
    stream_features: "<csi xmlns='urn:xmpp:csi:0'/>",
    ..Feature::NONE
};

#[cfg(test)]
mod tests {
    use crate::scene::Scene;

    #[test]
    fn presence_waits_while_nobody_looks_and_a_message_does_not() {
        let mut s = Scene::new();
        s.account("romeo@localhost");
        s.online("phone", "romeo@localhost/phone");
        s.manage("phone");
        s.sends("phone", "<inactive xmlns='urn:xmpp:csi:0'/>");
        s.online("desk", "romeo@localhost/desk");
        s.receives_nothing("phone");
        s.sends("desk", "<message to='romeo@localhost/phone' type='chat'><body>1</body></message>");
        s.receives("phone", &["<presence", "from='romeo@localhost/desk'"]);
        s.receives("phone", &["<message", "<body>1</body>"]);
        s.sends("desk", "<presence><show>away</show></presence>");
        assert!(!s.take("phone").iter().any(|xml| xml.contains("away")));
        s.sends("phone", "<active xmlns='urn:xmpp:csi:0'/>");
        s.receives("phone", &["<presence", "<show>away</show>"]);
    }
}

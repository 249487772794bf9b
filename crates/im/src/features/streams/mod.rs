//! Streams (RFC 6120) and what limits them, as far as it is told. The negotiation is in `xmpp::negotiation`, TLS and direct
//! TLS (XEP-0368) in the multiplexor, addresses (RFC 7622) in `xmpp::jid`.

use super::{Feature, Specification};

/// Features of a stream that has not logged in, beside what the negotiation offers.
pub(crate) const BEFORE_LOGIN: &[u8] =
    b"<limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>10000</max-bytes></limits>";

/// The feature as data.
pub(crate) const FEATURE: Feature = Feature {
    name: "streams",
    specifications: &[
        Specification { number: "RFC 6120", version: "", title: "XMPP: Core" },
        Specification {
            number: "RFC 7590",
            version: "",
            title: "Use of Transport Layer Security (TLS) in XMPP",
        },
        Specification { number: "RFC 7622", version: "", title: "XMPP: Address Format" },
        Specification {
            number: "XEP-0368",
            version: "1.1.0",
            title: "SRV records for XMPP over TLS",
        },
        Specification {
            number: "XEP-0440",
            version: "1.0.0",
            title: "SASL Channel-Binding Type Capability",
        },
        Specification {
            number: "XEP-0478",
            version: "0.2.0",
            title: "Stream Limits Advertisement",
        },
    ],
    stream_features: "<limits xmlns='urn:xmpp:stream-limits:0'>\
                      <max-bytes>262144</max-bytes></limits>",
    ..Feature::NONE
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features;
    use crate::scene::Scene;
    use xmpp::xml::{Element, Limits};

    /// XEP-0478; attack row 18.
    #[test]
    fn the_limit_told_is_the_limit_kept() {
        let told = [(BEFORE_LOGIN, Limits::BEFORE_LOGIN)];
        let told =
            told.into_iter().chain([(FEATURE.stream_features.as_bytes(), Limits::AFTER_LOGIN)]);
        for (features, limits) in told {
            let features = String::from_utf8_lossy(features);
            let limit = format!("<max-bytes>{}</max-bytes>", limits.element_bytes_max);
            assert!(features.contains(&limit), "{features}");
        }
    }

    #[test]
    fn the_features_of_a_stream_are_elements_each_in_a_namespace_of_its_own() {
        for feature in features::ALL {
            let xml = format!("<features>{}</features>", feature.stream_features);
            let element = Element::parse(xml.into()).expect(feature.name);
            for child in element.root().children() {
                assert_ne!(child.ns(), xmpp::ns::CLIENT, "{}", feature.name);
            }
        }
    }

    #[test]
    fn the_stream_after_login_tells_what_may_be_negotiated() {
        let mut s = Scene::new();
        s.account("romeo@localhost");
        s.open("stranger");
        s.header("stranger", "localhost");
        let before = s.take("stranger").concat();
        assert!(before.contains("<max-bytes>10000</max-bytes>"), "{before}");
        let features = s.login("romeo", "romeo@localhost");
        for feature in [
            "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>",
            "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'><optional/></session>",
            "<sm xmlns='urn:xmpp:sm:3'>",
            "<csi xmlns='urn:xmpp:csi:0'/>",
            "<ver xmlns='urn:xmpp:features:rosterver'/>",
            "<sub xmlns='urn:xmpp:features:pre-approval'/>",
            "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='",
        ] {
            assert!(features.contains(feature), "{feature} in {features}");
        }
        assert_eq!(features.matches("<stream:features>").count(), 1);
    }
}

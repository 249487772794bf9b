//! Stream Management (XEP-0198), as far as it is told. Acknowledgement is in `routing.rs`, resumption in `resume.rs`, the
//! elements and their arithmetic in `xmpp::sm`.

use super::{Feature, Specification};

/// The feature as data.
pub(crate) const FEATURE: Feature = Feature {
    name: "stream_management",
    specifications: &[Specification {
        number: "XEP-0198",
        version: "1.6.3",
        title: "Stream Management",
    }],
    stream_features: "<sm xmlns='urn:xmpp:sm:3'><optional/></sm>",
    ..Feature::NONE
};

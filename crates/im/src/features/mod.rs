//! The features, one folder each: what it advertises, its options, its errors, its decisions, its tests. Deleting a
//! feature is deleting its folder and its line in [`ALL`].

pub(crate) mod archive;
pub(crate) mod blocking;
pub(crate) mod carbons;
pub(crate) mod hints;
pub(crate) mod offline;
pub(crate) mod provenance;
pub(crate) mod register;
pub(crate) mod roster;

use crate::pipeline::iq::IqRoute;
use crate::state::State;

/// One specification that a feature implements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Specification {
    /// Such as `XEP-0199` or `RFC 6121`.
    pub number: &'static str,
    /// Its version, empty for RFCs.
    pub version: &'static str,
    /// Its title.
    pub title: &'static str,
}

/// A feature as data.
#[derive(Clone, Copy, Debug)]
pub struct Feature {
    /// Folder name.
    pub name: &'static str,
    /// What it implements.
    pub specifications: &'static [Specification],
    /// Namespaces in disco#info of the server's domain (XEP-0030).
    pub server_features: &'static [&'static str],
    /// Namespaces in disco#info of an account's bare JID.
    pub account_features: &'static [&'static str],
    /// Serialised children of `<stream:features/>` after login.
    pub stream_features: &'static str,
    /// IQ requests it answers.
    pub(crate) iqs: &'static [IqRoute],
    /// Whether the operator has switched it on; `None` when it always is.
    pub(crate) enabled: Option<fn(&State) -> bool>,
}

impl Feature {
    /// Nothing advertised, nothing answered: for the fields a feature does not set.
    pub(crate) const NONE: Self = Self {
        name: "",
        specifications: &[],
        server_features: &[],
        account_features: &[],
        stream_features: "",
        iqs: &[],
        enabled: None,
    };
}

/// Every feature.
pub const ALL: &[Feature] = &[
    roster::FEATURE,
    blocking::FEATURE,
    archive::FEATURE,
    carbons::FEATURE,
    hints::FEATURE,
    offline::FEATURE,
];

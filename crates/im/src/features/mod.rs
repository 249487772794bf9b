//! The features, one folder each: what it advertises, its options, its errors, its decisions, its tests. Deleting a
//! feature is deleting its folder and its line in [`ALL`].

pub(crate) mod archive;
pub(crate) mod blocking;
pub(crate) mod carbons;
pub(crate) mod conversation;
pub(crate) mod csi;
pub(crate) mod disco;
pub(crate) mod hints;
pub(crate) mod last;
pub(crate) mod offline;
pub(crate) mod ping;
pub(crate) mod private;
pub(crate) mod provenance;
pub(crate) mod register;
pub(crate) mod roster;
pub(crate) mod session;
pub(crate) mod stream_management;
pub(crate) mod streams;
pub(crate) mod time;
pub(crate) mod vcard;
pub(crate) mod version;

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
    streams::FEATURE,
    session::FEATURE,
    stream_management::FEATURE,
    csi::FEATURE,
    roster::FEATURE,
    blocking::FEATURE,
    archive::FEATURE,
    carbons::FEATURE,
    hints::FEATURE,
    offline::FEATURE,
    conversation::FEATURE,
    disco::FEATURE,
    ping::FEATURE,
    time::FEATURE,
    version::FEATURE,
    last::FEATURE,
    private::FEATURE,
    vcard::FEATURE,
    register::FEATURE,
];

/// The features that the operator has not switched off.
pub(crate) fn enabled(state: &State) -> impl Iterator<Item = &'static Feature> {
    ALL.iter().filter(|feature| feature.enabled.is_none_or(|enabled| enabled(state)))
}

/// The table of specifications in `docs/specifications.md`: RFCs, then XEPs, each by number.
pub fn specification_table() -> String {
    let mut rows: Vec<(&Specification, &Feature)> =
        ALL.iter().flat_map(|f| f.specifications.iter().map(move |s| (s, f))).collect();
    rows.sort_by_key(|(specification, feature)| (specification.number, feature.name));
    let mut table = String::from(
        "| specification | version | title | feature |\n\
         |---|---|---|---|\n",
    );
    for (Specification { number, version, title }, feature) in rows {
        table.push_str(&format!("| {number} | {version} | {title} | `{}` |\n", feature.name));
    }
    table
}

#[cfg(test)]
mod tests;

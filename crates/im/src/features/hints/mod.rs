//! Message Processing Hints (XEP-0334): what the sender would like stored and copied. Archive, offline storage and carbons
//! ask here. Hints of errors are never heard (§5): an error may carry those of the message it answers.

use super::{Feature, Specification};
use xmpp::ns;
use xmpp::xml::Node;

/// The feature as data.
pub(crate) const FEATURE: Feature = Feature {
    name: "hints",
    specifications: &[Specification {
        number: "XEP-0334",
        version: "1.0.0",
        title: "Message Processing Hints",
    }],
    server_features: &[ns::HINTS],
    ..Feature::NONE
};

/// The hints of one message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hints {
    /// Neither in an archive nor offline.
    pub(crate) no_store: bool,
    /// Not in an archive.
    pub(crate) no_permanent_store: bool,
    /// No carbons.
    pub(crate) no_copy: bool,
    /// Worth storing, whatever else is in it.
    pub(crate) store: bool,
}

impl Hints {
    /// Takes a child of a message if it is a hint.
    pub(crate) fn take(&mut self, child: Node<'_>) {
        match child.name() {
            "no-store" => self.no_store = true,
            "no-permanent-store" => self.no_permanent_store = true,
            "no-copy" => self.no_copy = true,
            "store" => self.store = true,
            _ => {}
        }
    }

    /// What there is against an archive entry outweighs what is for it.
    pub(crate) fn forbids_archive(self) -> bool {
        self.no_store || self.no_permanent_store
    }
}

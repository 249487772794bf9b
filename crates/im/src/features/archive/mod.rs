//! Message Archive Management (XEP-0313).

use super::Feature;
use bytes::Bytes;

/// The feature as data.
pub(crate) const FEATURE: Feature = Feature { name: "archive", ..Feature::NONE };

/// Archiving preferences of one account.
#[derive(Clone, Debug, Default)]
pub(crate) struct Preferences {}

impl Preferences {
    /// From the stored item.
    pub(crate) fn load(_value: &Bytes) -> Self {
        Self {}
    }
}

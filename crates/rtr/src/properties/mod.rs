//! What the framework itself knows of properties: the system-defined ones of resources, those of groups and of types, and
//! which of them a resource of a given type has.
//!
//! Facts: r_properties(5), rg_properties(5), rt_properties(5). Names compare without case; the tables' spelling is the one shown.

mod effective;
mod group;
mod resource;
mod resource_type;

pub use effective::{EffectiveProperty, effective};
pub use group::{GROUP, GroupProperty, group};
pub use resource::{METHOD_TIMEOUT_DEFAULT_S, Presence, RESOURCE, SystemProperty, resource};
pub use resource_type::{TYPE, TypeProperty, resource_type};

use crate::model::{PropertyKind, Range};
use serde::{Deserialize, Serialize};

/// Who gives a property its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Category {
    /// The administrator or the RTR file must.
    Required,
    /// Exists only when declared in the RTR file; the administrator must when it is declared without default.
    Conditional,
    /// The framework does unless somebody else wants to.
    Optional,
    /// The framework alone.
    QueryOnly,
}

/// [`PropertyKind`] as a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any string.
    String,
    /// An integer from this on.
    Int(i64),
    /// An integer from the one to the other.
    IntBetween(i64, i64),
    /// TRUE or FALSE.
    Boolean,
    /// One of these.
    Enum(&'static [&'static str]),
    /// A list.
    StringArray,
}

impl Kind {
    /// As the model says it.
    pub fn kind(self) -> PropertyKind {
        let any = Range::default();
        match self {
            Self::String => PropertyKind::String { length: any },
            Self::Int(min) => PropertyKind::Int { range: Range { min: Some(min), max: None } },
            Self::IntBetween(min, max) => {
                PropertyKind::Int { range: Range { min: Some(min), max: Some(max) } }
            }
            Self::Boolean => PropertyKind::Boolean,
            Self::Enum(literals) => {
                PropertyKind::Enum { literals: literals.iter().map(|&l| l.to_owned()).collect() }
            }
            Self::StringArray => PropertyKind::StringArray { length: any, size: any },
        }
    }
}

fn owned(values: &[&str]) -> Vec<String> {
    values.iter().map(|&v| v.to_owned()).collect()
}

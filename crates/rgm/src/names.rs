//! Names of things, each its own type. Cheap to clone. `legal` is the one rule of what a name may be ("legal RGM names").

use serde::{Deserialize, Serialize};
use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// Longest name, in bytes.
pub const NAME_BYTES_MAX: usize = 255;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes a name as it is; whether it is legal is asked where it is first given (`operation`).
            pub fn new(name: &str) -> Self {
                Self(Arc::from(name))
            }

            /// The name.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self::new(name)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// A node, by its name.
    NodeName
);
name!(
    /// A resource group.
    GroupName
);
name!(
    /// A resource; unique in the cluster.
    ResourceName
);
name!(
    /// A resource type by its full name: `vendor.base` or `vendor.base:version`.
    TypeName
);

/// Whether a name is legal: ASCII, a letter first, then letters, digits, `-` and `_`; at most [`NAME_BYTES_MAX`] bytes.
/// The error is the sentence to print, without the name itself.
pub fn legal(name: &str) -> Result<(), &'static str> {
    let mut bytes = name.bytes();
    match bytes.next() {
        None => return Err("is empty; a name begins with a letter"),
        Some(first) if !first.is_ascii_alphabetic() => {
            return Err("does not begin with a letter");
        }
        Some(_) => {}
    }
    if !bytes.all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
        return Err("may hold only ASCII letters, digits, '-' and '_'");
    }
    if name.len() > NAME_BYTES_MAX {
        return Err("is longer than 255 bytes");
    }
    Ok(())
}

/// The name of a property. Compared without ASCII case; keeps the spelling it was declared with.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PropertyName(Arc<str>);

impl PropertyName {
    /// Takes a name as it is spelled.
    pub fn new(name: &str) -> Self {
        Self(Arc::from(name))
    }

    /// As spelled.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn folded(&self) -> impl Iterator<Item = u8> + '_ {
        self.0.bytes().map(|b| b.to_ascii_lowercase())
    }
}

impl From<&str> for PropertyName {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

impl PartialEq for PropertyName {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for PropertyName {}

impl PartialOrd for PropertyName {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for PropertyName {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.folded().cmp(other.folded())
    }
}

impl fmt::Display for PropertyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PropertyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

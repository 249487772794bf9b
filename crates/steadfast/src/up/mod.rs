//! `up`: a whole service from an empty folder.

pub(crate) mod accounts;
pub(crate) mod screen;

/// The configuration that `up` writes into its folder.
pub(crate) const CONFIG_FILE: &str = "steadfast.toml";

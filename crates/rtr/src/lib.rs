//! Resource type registration (RTR) files, rt_reg(4): what one says as a value, the parser with its diagnostics, the tables of
//! system-defined properties, and the printer.
//!
//! A resource type is an RTR file and its methods; everything the cluster manager knows of a type comes from here. This crate
//! reads no files: text comes in, values and diagnostics go out (the paths to look under are in `search`). It must never panic,
//! whatever the text. Facts: Sun Cluster 3.1 rt_reg(4), rt_properties(5), r_properties(5), property_attributes(5).

mod diagnostic;
mod model;
mod names;
mod parse;
mod print;
pub mod properties;
mod scan;
pub mod search;
mod value;

pub use diagnostic::{Diagnostic, Diagnostics, Excerpt, Severity};
pub use model::{
    InitNodes, Method, Property, PropertyKind, Range, ResourceType, SystemDefined, Tunability,
    Tunable, Upgrade, UpgradeFrom,
};
pub use names::{NAME_BYTES_MAX, NameError, is_legal_name, name_matches, nearest, resolve};
pub use parse::{
    API_VERSION_ACCEPTED_MAX, API_VERSION_DEFAULT, API_VERSION_MAX, FILE_BYTES_MAX, Parsed, parse,
};
pub use print::print;
pub use value::{Rule, VALUE_BYTES_MAX, ValueError, ValueProblem, split_list};

//! The printer: a type as an RTR file in the canonical form. What it prints parses to the same value, and canonical text prints
//! as itself.
//!
//! Canonical: declarations in the order of rt_reg(4), one a line, only what differs from the default; strings in quotes; entries
//! in the order of the value; of a system-defined property only the bounds that narrow the framework's.

use crate::model::{InitNodes, Method, Property, PropertyKind, Range, ResourceType};
use crate::properties;
use std::fmt::Write;

/// The canonical text. Characters that the grammar has no way to write (a value of this shape never came from a file) are replaced:
/// quotes by apostrophes, control characters by blanks.
pub fn print(resource_type: &ResourceType) -> String {
    let mut out = String::new();
    declarations(&mut out, resource_type);
    if let Some(upgrade) = &resource_type.upgrade {
        out.push_str("\n#$upgrade\n");
        for from in &upgrade.from {
            line(&mut out, format_args!("#$upgrade_from {} {}", quoted(&from.version), from.when));
        }
    }
    for property in &resource_type.properties {
        entry(&mut out, property);
    }
    out
}

fn declarations(out: &mut String, of: &ResourceType) {
    let mut text = |keyword: &str, value: &str| {
        line(out, format_args!("{keyword} = {};", quoted(value)));
    };
    text("RESOURCE_TYPE", &of.resource_type);
    if let Some(vendor) = &of.vendor_id {
        text("VENDOR_ID", vendor);
    }
    text("RT_VERSION", &of.rt_version);
    if !of.rt_description.is_empty() {
        text("RT_DESCRIPTION", &of.rt_description);
    }
    line(out, format_args!("API_VERSION = {};", of.api_version));
    if let Some(kind) = of.sysdefined_type {
        line(out, format_args!("SYSDEFINED_TYPE = {kind};"));
    }
    let flags = [
        ("FAILOVER", of.failover),
        ("SINGLE_INSTANCE", of.single_instance),
        ("RT_SYSTEM", of.rt_system),
        ("GLOBAL_ZONE", of.global_zone),
        ("PROXY", of.proxy),
    ];
    for (keyword, _) in flags.iter().filter(|(_, truth)| *truth) {
        line(out, format_args!("{keyword} = TRUE;"));
    }
    if of.init_nodes != InitNodes::default() {
        line(out, format_args!("INIT_NODES = {};", of.init_nodes));
    }
    if !of.pkglist.is_empty() {
        line(out, format_args!("PKGLIST = {};", list(&of.pkglist)));
    }
    if let Some(directory) = &of.rt_basedir {
        line(out, format_args!("RT_BASEDIR = {};", quoted(directory)));
    }
    for method in Method::ALL {
        if let Some(path) = of.methods.get(&method) {
            line(out, format_args!("{method} = {};", quoted(path)));
        }
    }
}

fn entry(out: &mut String, property: &Property) {
    out.push_str("\n{\n");
    let mut attribute = |text: std::fmt::Arguments<'_>| line(out, format_args!("\t{text};"));
    attribute(format_args!("PROPERTY = {}", bare(&property.name)));
    if property.extension {
        attribute(format_args!("EXTENSION"));
        if property.per_node {
            attribute(format_args!("PER_NODE"));
        }
        match &property.kind {
            PropertyKind::Enum { literals } => {
                attribute(format_args!("ENUM {{ {} }}", literals.join(", ")))
            }
            kind => attribute(format_args!("{}", kind.keyword())),
        }
    }
    for (keyword, bound) in bounds(property) {
        attribute(format_args!("{keyword} = {bound}"));
    }
    if let Some(default) = &property.default {
        match &property.kind {
            _ if default.is_empty() => attribute(format_args!("DEFAULT = \"\"")),
            PropertyKind::String { .. } | PropertyKind::StringArray { .. } => {
                attribute(format_args!("DEFAULT = {}", list(default)));
            }
            _ => attribute(format_args!("DEFAULT = {}", bare(&default.join(", ")))),
        }
    }
    if let Some(tunable) = property.tunable {
        attribute(format_args!("TUNABLE = {tunable}"));
    }
    if let Some(description) = property.description.as_ref().filter(|_| property.extension) {
        attribute(format_args!("DESCRIPTION = {}", quoted(description)));
    }
    out.push_str("}\n");
}

/// The bounds of an entry that the framework does not set already.
fn bounds(property: &Property) -> Vec<(&'static str, i64)> {
    let system = properties::resource(&property.name).filter(|_| !property.extension);
    let framework = system.map(|row| row.kind.kind());
    let of = |kind: &PropertyKind| match kind {
        PropertyKind::Int { range } => vec![("MIN", "MAX", *range)],
        PropertyKind::String { length } => vec![("MINLENGTH", "MAXLENGTH", *length)],
        PropertyKind::StringArray { length, size } => {
            vec![("MINLENGTH", "MAXLENGTH", *length), ("ARRAY_MINSIZE", "ARRAY_MAXSIZE", *size)]
        }
        PropertyKind::Boolean | PropertyKind::Enum { .. } => vec![],
    };
    let known = framework.as_ref().map(of).unwrap_or_default();
    let mut bounds = vec![];
    for (at, (lower, upper, range)) in of(&property.kind).into_iter().enumerate() {
        let given = known.get(at).map_or_else(Range::default, |(_, _, range)| *range);
        let pairs = [(lower, range.min, given.min), (upper, range.max, given.max)];
        bounds.extend(
            pairs
                .into_iter()
                .filter(|(_, own, given)| own != given)
                .filter_map(|(keyword, own, _)| Some((keyword, own?))),
        );
    }
    bounds
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    _ = writeln!(out, "{text}");
}

fn list(values: &[String]) -> String {
    values.iter().map(|value| quoted(value)).collect::<Vec<_>>().join(", ")
}

fn quoted(value: &str) -> String {
    format!("\"{}\"", bare(value))
}

fn bare(value: &str) -> String {
    let writable = |c: char| match c {
        '"' => '\'',
        '\t' => '\t',
        _ if c.is_control() => ' ',
        _ => c,
    };
    value.chars().map(writable).collect()
}

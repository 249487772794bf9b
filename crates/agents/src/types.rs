//! The RTR files of the built-in types, compiled in, and their parsed form.
//!
//! Names are matched without case, with or without the vendor, with or without the version: `HAStoragePlus`, `SUNW.gds`,
//! `SUNW.LogicalHostname:3.1`. An edited copy under the registration folders wins over these (that is the caller's search order).

use rtr::ResourceType;

/// Name and text of every built-in RTR file.
const FILES: [(&str, &str); 4] = [
    ("SUNW.LogicalHostname", include_str!("../rtreg/SUNW.LogicalHostname")),
    ("SUNW.HAStoragePlus", include_str!("../rtreg/SUNW.HAStoragePlus")),
    ("SUNW.HAStorage", include_str!("../rtreg/SUNW.HAStorage")),
    ("SUNW.gds", include_str!("../rtreg/SUNW.gds")),
];

/// All built-in types.
pub fn builtins() -> Vec<ResourceType> {
    // A test keeps them correct; a wrong one would be missing, which every command says.
    FILES.iter().filter_map(|(name, text)| read(name, text)).collect()
}

/// The built-in type of this name; `None` when there is none. `SUNW.SharedAddress` is none: nothing here spreads the connections
/// of one address over several nodes, and an address that only pretended to would be worse than a refusal.
pub fn builtin(type_name: &str) -> Option<ResourceType> {
    builtins().into_iter().find(|found| is_named(found, type_name))
}

/// The text of a built-in type's RTR file.
pub fn builtin_file(type_name: &str) -> Option<&'static str> {
    let (_, text) = FILES.into_iter().find(|(name, text)| {
        let short = name.split_once('.').map_or(*name, |(_, base)| base);
        [name, short].iter().any(|n| n.eq_ignore_ascii_case(type_name))
            || read(name, text).is_some_and(|t| is_named(&t, type_name))
    })?;
    Some(text)
}

fn read(name: &str, text: &str) -> Option<ResourceType> {
    rtr::parse(name, text.as_bytes()).ok().map(|parsed| parsed.resource_type)
}

fn is_named(of: &ResourceType, typed: &str) -> bool {
    let (name, version) = typed.split_once(':').map_or((typed, None), |(n, v)| (n, Some(v)));
    let base = of.resource_type.as_str();
    let with_vendor = format!("{}.{base}", of.vendor_id.as_deref().unwrap_or_default());
    let is_name = name.eq_ignore_ascii_case(base) || name.eq_ignore_ascii_case(&with_vendor);
    is_name && version.is_none_or(|v| v == of.rt_version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_file_is_read_without_a_remark() {
        for (name, text) in FILES {
            let parsed = rtr::parse(name, text.as_bytes()).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(parsed.warnings, [], "{name}");
            assert_eq!(format!("SUNW.{}", parsed.resource_type.resource_type), name);
        }
    }

    #[test]
    fn built_in_types_are_found_by_any_of_their_names() {
        for typed in ["SUNW.gds", "gds", "GDS", "sunw.GDS:6"] {
            assert_eq!(builtin(typed).map(|t| t.resource_type).as_deref(), Some("gds"), "{typed}");
            assert!(builtin_file(typed).is_some(), "{typed}");
        }
        for typed in ["SUNW.gds:5", "ACME.gds", "SUNW.SharedAddress", ""] {
            assert!(builtin(typed).is_none(), "{typed}");
        }
    }

    #[test]
    fn every_method_of_a_built_in_type_is_in_the_table() {
        for of in builtins() {
            for (method, program) in &of.methods {
                assert!(
                    crate::is_method(program),
                    "{method:?} of {} is {program}",
                    of.resource_type
                );
            }
        }
    }
}

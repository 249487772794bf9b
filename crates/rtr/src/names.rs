//! Names: the keywords of the grammar, legal names, the full name of a type and how people shorten it, and the nearest right
//! name to a wrong one. Everything compares without ASCII case.

use crate::diagnostic::shown;
use crate::model::{InitNodes, Method, ResourceType, SystemDefined, Tunability, Tunable};
use std::fmt;
use thiserror::Error;

/// Bytes of a name of a group, a resource, a property or an enumeration literal.
pub const NAME_BYTES_MAX: usize = 255;
/// Longer words are not compared with anything: nobody mistypes that much.
const SUGGESTED_BYTES_MAX: usize = 64;

/// Whether this is a legal name: an ASCII letter, then letters, digits, `-`, `_`; at most [`NAME_BYTES_MAX`] bytes.
pub fn is_legal_name(name: &str) -> bool {
    name.len() <= NAME_BYTES_MAX
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// Which of the known names was probably meant; `None` when none is near.
pub fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if typed.len() > SUGGESTED_BYTES_MAX {
        return None;
    }
    let fold = |name: &str| name.to_ascii_lowercase().replace('-', "_");
    let typed = fold(typed);
    let far = typed.len() / 3 + usize::from(typed.len() < 3);
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&typed, &fold(name)), name))
        .filter(|&(distance, _)| distance <= far)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, name)| name)
}

/// A type whose values are a fixed set of words in RTR files.
pub(crate) trait Keyword: Copy + 'static {
    /// In the order in which messages list them; of several words for one value the canonical one comes first.
    const WORDS: &'static [(&'static str, Self)];

    fn from_word(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(w, _)| w.eq_ignore_ascii_case(word)).map(|&(_, value)| value)
    }

    fn words() -> impl Iterator<Item = &'static str> {
        Self::WORDS.iter().map(|&(word, _)| word)
    }
}

impl Keyword for Method {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("VALIDATE", Self::Validate),
        ("UPDATE", Self::Update),
        ("INIT", Self::Init),
        ("FINI", Self::Fini),
        ("BOOT", Self::Boot),
        ("PRENET_START", Self::PrenetStart),
        ("START", Self::Start),
        ("MONITOR_START", Self::MonitorStart),
        ("MONITOR_STOP", Self::MonitorStop),
        ("STOP", Self::Stop),
        ("POSTNET_STOP", Self::PostnetStop),
        ("MONITOR_CHECK", Self::MonitorCheck),
    ];
}

impl Keyword for InitNodes {
    const WORDS: &'static [(&'static str, Self)] =
        &[("RG_PRIMARIES", Self::RgPrimaries), ("RT_INSTALLED_NODES", Self::RtInstalledNodes)];
}

impl Keyword for SystemDefined {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("RTR_LOGICAL_HOSTNAME", Self::LogicalHostname),
        ("RTR_SHARED_ADDRESS", Self::SharedAddress),
    ];
}

impl Keyword for Tunability {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("anytime", Self::Anytime),
        ("when_unmonitored", Self::WhenUnmonitored),
        ("when_offline", Self::WhenOffline),
        ("when_disabled", Self::WhenDisabled),
        ("when_unmanaged", Self::WhenUnmanaged),
        ("at_creation", Self::AtCreation),
    ];
}

impl Keyword for Tunable {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("NONE", Self::None),
        ("AT_CREATION", Self::AtCreation),
        ("WHEN_DISABLED", Self::WhenDisabled),
        ("ANYTIME", Self::Anytime),
        ("FALSE", Self::None),
        ("TRUE", Self::Anytime),
    ];
}

impl Keyword for bool {
    const WORDS: &'static [(&'static str, Self)] = &[("TRUE", true), ("FALSE", false)];
}

macro_rules! shown_as_its_word {
    ($($type:ty),*) => {$(
        /// The word of RTR files.
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let word = Self::WORDS.iter().find(|(_, value)| value == self);
                f.write_str(word.map_or("", |&(word, _)| word))
            }
        }
    )*};
}
shown_as_its_word!(Method, InitNodes, SystemDefined, Tunability, Tunable);

impl Method {
    /// All twelve, in the order of the enumeration.
    pub const ALL: [Self; 12] = [
        Self::Validate,
        Self::Update,
        Self::Init,
        Self::Fini,
        Self::Boot,
        Self::PrenetStart,
        Self::Start,
        Self::MonitorStart,
        Self::MonitorStop,
        Self::Stop,
        Self::PostnetStop,
        Self::MonitorCheck,
    ];

    /// The method of a word as in RTR files and `scha_resourcetype_get`, such as `MONITOR_START`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::from_word(name)
    }

    /// The property that limits its time, such as `Monitor_start_timeout`.
    pub const fn timeout_property(self) -> &'static str {
        match self {
            Self::Validate => "Validate_timeout",
            Self::Update => "Update_timeout",
            Self::Init => "Init_timeout",
            Self::Fini => "Fini_timeout",
            Self::Boot => "Boot_timeout",
            Self::PrenetStart => "Prenet_start_timeout",
            Self::Start => "Start_timeout",
            Self::MonitorStart => "Monitor_start_timeout",
            Self::MonitorStop => "Monitor_stop_timeout",
            Self::Stop => "Stop_timeout",
            Self::PostnetStop => "Postnet_stop_timeout",
            Self::MonitorCheck => "Monitor_check_timeout",
        }
    }

    /// The method whose time this property limits.
    pub fn of_timeout_property(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|m| m.timeout_property().eq_ignore_ascii_case(name))
    }
}

impl ResourceType {
    /// `vendor.base`, or `vendor.base:version` when the file has `#$upgrade`; without the vendor when there is none.
    pub fn full_name(&self) -> String {
        let mut name = String::new();
        if let Some(vendor) = &self.vendor_id {
            name.push_str(vendor);
            name.push('.');
        }
        name.push_str(&self.resource_type);
        if self.upgrade.is_some() {
            name.push(':');
            name.push_str(&self.rt_version);
        }
        name
    }

    /// Whether somebody who typed this may have meant the type: vendor and version may be left out.
    pub fn matches_name(&self, typed: &str) -> bool {
        let full = self.full_name();
        // The version of a type without #$upgrade is not part of its name, but naming it is not wrong.
        name_matches(&full, typed)
            || (self.upgrade.is_none()
                && name_matches(&format!("{full}:{}", self.rt_version), typed))
    }

    /// The program of a method with its whole path; `None` when the type does not have the method.
    pub fn method_path(&self, method: Method) -> Option<String> {
        let path = self.methods.get(&method)?;
        Some(match &self.rt_basedir {
            Some(directory) if !path.starts_with('/') => {
                format!("{}/{path}", directory.trim_end_matches('/'))
            }
            _ => path.clone(),
        })
    }
}

/// Whether what somebody typed may mean the type of this full name: vendor and version may be left out.
pub fn name_matches(full_name: &str, typed: &str) -> bool {
    let (vendor, base, version) = parts(full_name);
    let (typed_vendor, typed_base, typed_version) = parts(typed);
    let agrees = |have: Option<&str>, typed: Option<&str>| {
        typed.is_none_or(|typed| have.is_some_and(|have| have.eq_ignore_ascii_case(typed)))
    };
    base.eq_ignore_ascii_case(typed_base)
        && agrees(vendor, typed_vendor)
        && agrees(version, typed_version)
}

/// Why a typed name is not that of one type. The operator erred.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NameError {
    /// No type has it.
    #[error("there is no resource type {}{}", shown(.typed), .nearest.as_ref().map_or_else(String::new, |n| format!("; did you mean {n}?")))]
    Unknown {
        /// As typed.
        typed: String,
        /// Full name of the nearest.
        nearest: Option<String>,
    },
    /// Several types have it.
    #[error("{} may be any of {}; give the full name", shown(.typed), .candidates.join(", "))]
    Ambiguous {
        /// As typed.
        typed: String,
        /// Their full names.
        candidates: Vec<String>,
    },
}

/// The type of which somebody typed the name, among these full names. A whole name wins; else vendor and version may be left out
/// as long as one type remains.
pub fn resolve<'a>(
    typed: &str,
    full_names: impl IntoIterator<Item = &'a str>,
) -> Result<&'a str, NameError> {
    let full_names: Vec<&str> = full_names.into_iter().collect();
    if let Some(name) = full_names.iter().find(|name| name.eq_ignore_ascii_case(typed)) {
        return Ok(name);
    }
    let matching: Vec<&str> =
        full_names.iter().copied().filter(|name| name_matches(name, typed)).collect();
    match matching[..] {
        [name] => Ok(name),
        [] => {
            let near = |name: &&&str| nearest(typed, [**name, parts(name).1]).is_some();
            let nearest = nearest(typed, full_names.iter().copied())
                .or_else(|| full_names.iter().find(near).copied());
            let nearest = nearest.map(str::to_owned);
            Err(NameError::Unknown { typed: typed.to_owned(), nearest })
        }
        _ => {
            let candidates = matching.into_iter().map(str::to_owned).collect();
            Err(NameError::Ambiguous { typed: typed.to_owned(), candidates })
        }
    }
}

/// Vendor, base and version of a type's name. Neither vendor nor base can contain `.` or `:`; a version may.
fn parts(name: &str) -> (Option<&str>, &str, Option<&str>) {
    let (name, version) = match name.split_once(':') {
        Some((name, version)) => (name, Some(version)),
        None => (name, None),
    };
    match name.split_once('.') {
        Some((vendor, base)) => (Some(vendor), base, version),
        None => (None, name, version),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_legal_name_starts_with_a_letter() {
        for name in ["a", "Im-Node_2", "x9"] {
            assert!(is_legal_name(name), "{name}");
        }
        for name in ["", "9x", "-a", "a.b", "a b", "é", "a/b"] {
            assert!(!is_legal_name(name), "{name}");
        }
        assert!(is_legal_name(&"n".repeat(NAME_BYTES_MAX)));
        assert!(!is_legal_name(&"n".repeat(NAME_BYTES_MAX + 1)));
    }

    #[test]
    fn vendor_and_version_may_be_left_out_of_a_types_name() {
        for typed in ["SUNW.iim:3.1", "sunw.IIM", "iim", "iim:3.1", "SUNW.iim"] {
            assert!(name_matches("SUNW.iim:3.1", typed), "{typed}");
        }
        for typed in ["SUNW.iim:3", "ACME.iim", "SUNW.im", "im", "", "SUNW.", ":3.1", "SUNW.iim:"] {
            assert!(!name_matches("SUNW.iim:3.1", typed), "{typed}");
        }
        assert!(name_matches("iim", "iim"));
        assert!(!name_matches("iim", "SUNW.iim"));
    }

    #[test]
    fn a_short_name_is_resolved_when_one_type_has_it() {
        let types = ["SUNW.iim:3.1", "SUNW.iim:3.2", "SUNW.gds:6", "ACME.gds", "SUNW.HAStorage"];
        let check = |typed: &str, expect: Result<&str, &str>| {
            let found = resolve(typed, types).map_err(|e| e.to_string());
            assert_eq!(found, expect.map_err(str::to_owned), "{typed}");
        };
        check("SUNW.iim:3.1", Ok("SUNW.iim:3.1"));
        check("iim:3.2", Ok("SUNW.iim:3.2"));
        check("SUNW.gds", Ok("SUNW.gds:6"));
        check("acme.GDS", Ok("ACME.gds"));
        check("hastorage", Ok("SUNW.HAStorage"));
        check("gds", Err("gds may be any of SUNW.gds:6, ACME.gds; give the full name"));
        check("iim", Err("iim may be any of SUNW.iim:3.1, SUNW.iim:3.2; give the full name"));
        check(
            "SUNW.HAStorag",
            Err("there is no resource type SUNW.HAStorag; did you mean SUNW.HAStorage?"),
        );
        check("hastorge", Err("there is no resource type hastorge; did you mean SUNW.HAStorage?"));
        check("banana", Err("there is no resource type banana"));
    }

    #[test]
    fn the_nearest_name_is_found_and_a_far_one_is_not() {
        let known = ["Retry_count", "Retry_interval", "Port_list"];
        assert_eq!(nearest("Retry_cuont", known), Some("Retry_count"));
        assert_eq!(nearest("retry-interval", known), Some("Retry_interval"));
        assert_eq!(nearest("Banana", known), None);
        assert_eq!(nearest(&"x".repeat(1000), known), None);
    }

    #[test]
    fn the_order_of_methods_is_that_of_the_enumeration() {
        assert!(Method::ALL.is_sorted());
        for method in Method::ALL {
            assert_eq!(Method::from_name(&method.to_string().to_lowercase()), Some(method));
            assert_eq!(Method::of_timeout_property(method.timeout_property()), Some(method));
        }
    }
}

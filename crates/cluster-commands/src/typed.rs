//! What operators type, as the model's values: names, lists of names, numbers, assignments. The first look at a name: whether it
//! is one at all. Whether there is such a thing is the daemon's to say.

use crate::table::parse::UsageError;
use rgm::{Assignment, GroupName, NodeName, ResourceName};

/// A text of an operator for a sentence: bounded, printable, quoted when it is empty or has blanks.
pub(crate) fn shown(text: &str) -> String {
    const CHARACTERS_MAX: usize = 64;
    let mut clean: String =
        text.chars().take(CHARACTERS_MAX).flat_map(char::escape_default).collect();
    if text.chars().count() > CHARACTERS_MAX {
        clean.push('…');
    }
    if clean.is_empty() || clean.contains(' ') { format!("\"{clean}\"") } else { clean }
}

type Typed<T> = Result<T, UsageError>;

fn name<'a>(noun: &str, option: &str, typed: &'a str) -> Typed<&'a str> {
    rgm::legal(typed).map_err(|why| {
        let hint = if typed.starts_with('-') {
            format!("; {option} needs the name of a {noun} behind it")
        } else {
            String::new()
        };
        UsageError::new(format!("{} is no name of a {noun}: it {why}{hint}", shown(typed)))
    })?;
    Ok(typed)
}

fn names<T: for<'a> From<&'a str>>(noun: &str, option: &str, typed: &str) -> Typed<Vec<T>> {
    if typed.is_empty() {
        return Err(UsageError::new(format!(
            "the list of {option} is empty; give at least one {noun}"
        )));
    }
    typed
        .split(',')
        .map(|one| {
            if one.is_empty() {
                return Err(UsageError::new(format!(
                    "the list {} of {option} has an empty name; give names with one comma between two",
                    shown(typed)
                )));
            }
            Ok(T::from(name(noun, option, one)?))
        })
        .collect()
}

/// The name of a node.
pub(crate) fn node(option: &str, typed: &str) -> Typed<NodeName> {
    name("node", option, typed).map(NodeName::new)
}

/// `n1,n2`
pub(crate) fn nodes(option: &str, typed: &str) -> Typed<Vec<NodeName>> {
    names("node", option, typed)
}

/// The name of a group.
pub(crate) fn group(option: &str, typed: &str) -> Typed<GroupName> {
    name("resource group", option, typed).map(GroupName::new)
}

/// `g1,g2`
pub(crate) fn groups(option: &str, typed: &str) -> Typed<Vec<GroupName>> {
    names("resource group", option, typed)
}

/// The name of a resource.
pub(crate) fn resource(option: &str, typed: &str) -> Typed<ResourceName> {
    name("resource", option, typed).map(ResourceName::new)
}

/// `r1,r2`
pub(crate) fn resources(option: &str, typed: &str) -> Typed<Vec<ResourceName>> {
    names("resource", option, typed)
}

/// The name of a type: `vendor.base:version`, vendor and version optional.
pub(crate) fn type_name<'a>(option: &str, typed: &'a str) -> Typed<&'a str> {
    let good = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    let why = if typed.is_empty() {
        "is empty"
    } else if typed.len() > 3 * rgm::NAME_BYTES_MAX {
        "is longer than 765 bytes"
    } else if !typed.starts_with(|c: char| c.is_ascii_alphabetic()) {
        "does not begin with a letter"
    } else if !typed.chars().all(good) {
        "may hold only ASCII letters, digits, '-', '_', '.' and ':'"
    } else {
        return Ok(typed);
    };
    Err(UsageError::new(format!(
        "{} is no name of a resource type: it {why}; {option} takes one such as SUNW.gds",
        shown(typed)
    )))
}

/// A whole number within bounds.
pub(crate) fn number(
    option: &str,
    typed: &str,
    (least, most): (i64, i64),
    unit: &str,
) -> Typed<i64> {
    let number = typed.parse::<i64>().ok().filter(|n| (least..=most).contains(n));
    number.ok_or_else(|| {
        UsageError::new(format!(
            "{option} {} is not a number of {unit} from {least} to {most}",
            shown(typed)
        ))
    })
}

/// TRUE or FALSE, as the original takes them.
pub(crate) fn truth(option: &str, typed: &str) -> Typed<bool> {
    match typed.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" => Ok(true),
        "false" | "no" | "off" => Ok(false),
        _ => Err(UsageError::new(format!("{option}: {} is neither TRUE nor FALSE", shown(typed)))),
    }
}

/// `NAME=VALUE`, `NAME{node}=VALUE`.
pub(crate) fn assignment(option: &str, typed: &str) -> Typed<Assignment> {
    let Some((left, value)) = typed.split_once('=') else {
        return Err(UsageError::new(format!(
            "{option} {} has no '='; give {option} NAME=VALUE",
            shown(typed)
        )));
    };
    if value.contains('\u{fffd}') {
        return Err(UsageError::new(format!("{option} {}: the value is not UTF-8", shown(left))));
    }
    let (property, of) = match left.split_once('{') {
        None => (left, None),
        Some((property, rest)) => {
            let inner = rest.strip_suffix('}').ok_or_else(|| {
                UsageError::new(format!(
                    "{option} {} has no '}}' before the '='; give {option} \"NAME{{node}}=VALUE\"",
                    shown(typed)
                ))
            })?;
            (property, Some(node(option, inner)?))
        }
    };
    name("property", option, property)?;
    Ok(Assignment { name: property.to_owned(), node: of, value: value.to_owned() })
}

/// All of a repeated option.
pub(crate) fn assignments<'a>(
    option: &str,
    typed: impl Iterator<Item = &'a str>,
) -> Typed<Vec<Assignment>> {
    typed.map(|one| assignment(option, one)).collect()
}

/// An assignment made from another option.
pub(crate) fn set(name: &str, value: impl Into<String>) -> Assignment {
    Assignment { name: name.to_owned(), node: None, value: value.into() }
}

//! Values: JSON with a format number and the kind of object. What cannot be read says why and what to do.
//!
//! The golden files of `tests` pin every format: a change of a field is either compatible (a default) or a new [`FORMAT`].

use super::Object;
use super::key::Key;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Format this version writes, and the newest it reads.
pub const FORMAT: u32 = 1;

/// How every value looks.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wrapped<'a, T> {
    format: u32,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    value: T,
}

/// What is looked at when a value cannot be read.
#[derive(Deserialize)]
struct Head {
    format: Option<u64>,
    kind: Option<String>,
}

impl Object {
    /// The value as it is written. Size is checked where it becomes part of a transaction.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Cluster(value) => wrap("cluster", value),
            Self::Node(value) => wrap("node", value),
            Self::Type(value) => wrap("type", value),
            Self::Group(value) => wrap("group", value),
            Self::Resource(value) => wrap("resource", value),
            Self::Intent(value) => wrap("intent", value),
            Self::History(value) => wrap("history", value),
            Self::Fini(value) => wrap("fini", value),
            Self::Fence(value) => wrap("fence", value),
            Self::Request(value) => wrap("request", value),
            Self::Answer(value) => wrap("answer", value),
            Self::Job(value) => wrap("job", value),
            Self::Member(value) => wrap("member", value),
            Self::Observed(value) => wrap("observed", value),
            Self::President(value) => wrap("president", value),
            Self::LastMembers(value) => wrap("last-members", value),
        }
    }

    /// Reads the value of a key. The error is one sentence with what to do.
    pub(super) fn decode(key: &Key, value: &[u8]) -> Result<Self, String> {
        let kind = key.kind();
        Ok(match key {
            Key::Cluster => Self::Cluster(unwrap(kind, value)?),
            Key::Node(_) => Self::Node(unwrap(kind, value)?),
            Key::Type(_) => Self::Type(unwrap(kind, value)?),
            Key::Group(_) => Self::Group(unwrap(kind, value)?),
            Key::Resource(_) => Self::Resource(unwrap(kind, value)?),
            Key::Intent(_) => Self::Intent(unwrap(kind, value)?),
            Key::History(_) => Self::History(unwrap(kind, value)?),
            Key::Fini(_, resource) => {
                let fini: crate::model::FiniOwed = unwrap(kind, value)?;
                agree(resource.as_str(), fini.call.resource.as_str())?;
                Self::Fini(fini)
            }
            Key::Fence(_) => Self::Fence(unwrap(kind, value)?),
            Key::Request(_) => Self::Request(unwrap(kind, value)?),
            Key::Answer(_) => Self::Answer(unwrap(kind, value)?),
            Key::Job(_) => Self::Job(unwrap(kind, value)?),
            Key::Member(_) => Self::Member(unwrap(kind, value)?),
            Key::Observed(..) => Self::Observed(unwrap(kind, value)?),
            Key::President => Self::President(unwrap(kind, value)?),
            Key::LastMembers => Self::LastMembers(unwrap(kind, value)?),
        })
    }
}

const RESTORE: &str = "restore the key from a backup or delete it in the control store";

fn wrap<T: Serialize>(kind: &str, value: &T) -> Vec<u8> {
    let wrapped = Wrapped { format: FORMAT, kind: Cow::Borrowed(kind), value };
    match serde_json::to_vec(&wrapped) {
        Ok(bytes) => bytes,
        // No object holds a map with keys that are not strings, nor a number that JSON has not.
        Err(error) => unreachable!("an object of the model is always JSON: {error}"),
    }
}

fn unwrap<T: DeserializeOwned>(kind: &str, value: &[u8]) -> Result<T, String> {
    let read: Result<Wrapped<'_, T>, _> = serde_json::from_slice(value);
    match read {
        Ok(read) if read.format == FORMAT && read.kind == kind => Ok(read.value),
        Ok(_) => Err(why_not(kind, value, "")),
        Err(error) => Err(why_not(kind, value, &error.to_string())),
    }
}

/// Finds the most useful sentence for a value that cannot be read.
fn why_not(kind: &str, value: &[u8], error: &str) -> String {
    if std::str::from_utf8(value).is_err() {
        return format!("the value is not UTF-8; {RESTORE}");
    }
    let Ok(head) = serde_json::from_slice::<Head>(value) else {
        return format!("the value is damaged ({error}); {RESTORE}");
    };
    match (head.format, head.kind) {
        (Some(format), _) if format > u64::from(FORMAT) => {
            format!(
                "the value has format {format}, this version reads up to {FORMAT}; upgrade this node"
            )
        }
        (Some(format), _) if format < u64::from(FORMAT) => {
            format!("the value has format {format}, which no version has written; {RESTORE}")
        }
        (None, _) => format!("the value has no format number; {RESTORE}"),
        (_, Some(found)) if found != kind => {
            format!("the value is a {found}, the key is a {kind}'s; {RESTORE}")
        }
        _ => format!("the value is not what a {kind} holds ({error}); {RESTORE}"),
    }
}

fn agree(key: &str, value: &str) -> Result<(), String> {
    if key == value {
        return Ok(());
    }
    Err(format!("the key is {key}'s, the value {value}'s; {RESTORE}"))
}

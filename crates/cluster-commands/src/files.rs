//! RTR files on this machine: found, read within bounds, parsed, and their method programs looked for.
//!
//! Registers nothing. The built-in types come last, so that an edited copy in a registration directory wins.

use crate::trust;
use rtr::{Diagnostic, Method, ResourceType};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Why there is no type to register.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The name is none.
    #[error(transparent)]
    Search(#[from] rtr::search::SearchError),
    /// Nowhere.
    #[error("there is no RTR file of {name} {places}{hint}")]
    NotFound {
        /// The type.
        name: String,
        /// Where it was looked for.
        places: String,
        /// What to do.
        hint: String,
    },
    /// It is there, and cannot be read.
    #[error("{path} cannot be read: {why}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// Others could have changed it, and it names programs that run as root.
    #[error("{path} is not registered: {why}")]
    Untrusted {
        /// The file.
        path: PathBuf,
        /// Who could, and what to do.
        why: String,
    },
    /// It is no correct RTR file.
    #[error("{0}")]
    Wrong(rtr::Diagnostics),
    /// It is the file of another type.
    #[error(
        "{path} is the RTR file of {found}, not of {name}; register it with -t {found} -f {path}"
    )]
    OtherType {
        /// The file.
        path: PathBuf,
        /// What it describes.
        found: String,
        /// What was asked for.
        name: String,
    },
}

/// A type as found.
#[derive(Debug)]
pub struct Found {
    /// What the file says.
    pub resource_type: ResourceType,
    /// Where it was; `built in`.
    pub path: String,
    /// What its author should know.
    pub warnings: Vec<Diagnostic>,
}

/// The type of a name: from `path`, else from the first directory that has it, else the built-in one.
pub fn find(name: &str, path: Option<&Path>, prefixes: &[PathBuf]) -> Result<Found, FileError> {
    for candidate in rtr::search::candidates(name, path, prefixes)? {
        if candidate.is_file() {
            trust::is_only_ours(&candidate)
                .map_err(|why| FileError::Untrusted { path: candidate.clone(), why })?;
            let found = read(&candidate)?;
            if !found.resource_type.matches_name(name) {
                let full = found.resource_type.full_name();
                return Err(FileError::OtherType {
                    path: candidate,
                    found: full,
                    name: name.to_owned(),
                });
            }
            return Ok(found);
        }
        if path.is_some() && !candidate.is_dir() && candidate.exists() {
            let why = "it is neither a file nor a directory".to_owned();
            return Err(FileError::Unreadable { path: candidate, why });
        }
    }
    if path.is_none()
        && let Some(resource_type) = agents::builtin(name)
    {
        return Ok(Found { resource_type, path: "built in".to_owned(), warnings: Vec::new() });
    }
    Err(not_found(name, path, prefixes))
}

/// What `CreateResource` carries for a type that may not be registered yet: a built-in one, or its edited copy.
pub(crate) fn builtin(name: &str, prefixes: &[PathBuf]) -> Option<Box<ResourceType>> {
    let built_in = agents::builtin(name)?;
    let edited = find(name, None, prefixes).ok().map(|found| found.resource_type);
    Some(Box::new(edited.unwrap_or(built_in)))
}

/// Reads and parses one file.
pub fn read(path: &Path) -> Result<Found, FileError> {
    let text = read_bounded(path)
        .map_err(|e| FileError::Unreadable { path: path.to_path_buf(), why: e.to_string() })?;
    let parsed = rtr::parse(&path.display().to_string(), &text).map_err(FileError::Wrong)?;
    Ok(Found {
        resource_type: parsed.resource_type,
        path: path.display().to_string(),
        warnings: parsed.warnings,
    })
}

fn read_bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    let limit = u64::try_from(rtr::FILE_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    let mut text = Vec::new();
    // The parser refuses what is longer, with a sentence.
    File::open(path)?.take(limit).read_to_end(&mut text)?;
    Ok(text)
}

/// One sentence for each method whose program is not on this node.
pub fn missing_methods(of: &ResourceType) -> Vec<String> {
    let is_ours = agents::builtin(&of.full_name()).is_some_and(|b| b.methods == of.methods);
    if is_ours {
        return Vec::new();
    }
    let absent = |method: &Method| {
        let path = of.method_path(*method)?;
        let why = match std::fs::metadata(&path) {
            Ok(meta) if meta.is_file() => return None,
            Ok(_) => "is not a file",
            Err(_) => "is not on this node",
        };
        Some(format!("warning: {method} of {}: {path} {why}", of.full_name()))
    };
    of.methods.keys().filter_map(absent).collect()
}

fn not_found(name: &str, path: Option<&Path>, prefixes: &[PathBuf]) -> FileError {
    let places = match path {
        Some(path) => format!("at {}", path.display()),
        None => {
            let all: Vec<String> = prefixes.iter().map(|p| p.display().to_string()).collect();
            format!("under {}", all.join(", "))
        }
    };
    let mut known: Vec<String> = Vec::new();
    for prefix in prefixes.iter().filter(|_| path.is_none()) {
        let entries = std::fs::read_dir(prefix).into_iter().flatten().flatten();
        // Directories of types hold dozens of files; more are not worth a suggestion.
        known.extend(entries.take(1000).filter_map(|e| e.file_name().into_string().ok()));
    }
    known.extend(agents::builtins().iter().map(ResourceType::full_name));
    let hint = match rtr::nearest(name, known.iter().map(String::as_str)) {
        Some(near) if path.is_none() => format!("; did you mean {near}?"),
        _ if path.is_none() => "; give its path with -f".to_owned(),
        _ => String::new(),
    };
    FileError::NotFound { name: name.to_owned(), places, hint }
}

//! Where the RTR file of a type is looked for. Names paths; opens none.

use std::path::{Path, PathBuf};
use thiserror::Error;

/// Directories that hold RTR files, in the order in which they are searched.
pub const PREFIXES: [&str; 3] =
    ["/usr/cluster/lib/rgm/rtreg", "/opt/cluster/lib/rgm/rtreg", "/usr/lib/steadfast/rtreg"];

/// Why nothing is looked for. The operator erred.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SearchError {
    /// A type is named, not pathed: a name could otherwise lead out of the directories.
    #[error(
        "\"{}\" is not the name of a resource type; give the path of a file with -f",
        crate::diagnostic::shown(.0)
    )]
    NotAName(String),
}

/// A list of directories as an environment variable or a configuration file gives it, `a:b:c`. Empty ones do not count.
pub fn prefixes(list: &str) -> Vec<PathBuf> {
    list.split(':').filter(|prefix| !prefix.is_empty()).map(PathBuf::from).collect()
}

/// The files that `scrgadm -a -t NAME [-f PATH]` reads: the first that exists and is a file is the one. PATH may be the file or
/// a directory that holds it; without PATH the prefixes are searched. A version in the name (`SUNW.iim:3.1`) may be part of
/// the file's name or not.
pub fn candidates<P: AsRef<Path>>(
    name: &str,
    path: Option<&Path>,
    prefixes: &[P],
) -> Result<Vec<PathBuf>, SearchError> {
    if name.is_empty() || name.starts_with('.') || name.contains(['/', '\0']) {
        return Err(SearchError::NotAName(name.to_owned()));
    }
    let unversioned = name.split_once(':').map(|(name, _)| name).filter(|name| !name.is_empty());
    let under = |directory: &Path| {
        let names = std::iter::once(name).chain(unversioned);
        names.map(|name| directory.join(name)).collect::<Vec<_>>()
    };
    Ok(match path {
        Some(path) => std::iter::once(path.to_path_buf()).chain(under(path)).collect(),
        None => prefixes.iter().flat_map(|prefix| under(prefix.as_ref())).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, path: Option<&str>, expect: &[&str]) {
        let found = candidates(name, path.map(Path::new), &["/a", "/b"]).unwrap();
        assert_eq!(found, expect.iter().map(PathBuf::from).collect::<Vec<_>>(), "{name}");
    }

    #[test]
    fn a_type_is_looked_for_under_the_prefixes_or_the_path() {
        check("SUNW.iim", None, &["/a/SUNW.iim", "/b/SUNW.iim"]);
        check("SUNW.iim", Some("/x/my.rtr"), &["/x/my.rtr", "/x/my.rtr/SUNW.iim"]);
        check("S.i:2", None, &["/a/S.i:2", "/a/S.i", "/b/S.i:2", "/b/S.i"]);
    }

    #[test]
    fn a_name_does_not_lead_out_of_the_directories() {
        for name in ["", "..", "../etc/passwd", "/etc/passwd", ".hidden", "a/b", "a\0"] {
            assert!(candidates(name, None, &PREFIXES).is_err(), "{name}");
        }
    }

    #[test]
    fn a_list_of_prefixes_is_split_at_colons() {
        assert_eq!(prefixes("/a::/b:"), [PathBuf::from("/a"), PathBuf::from("/b")]);
    }
}

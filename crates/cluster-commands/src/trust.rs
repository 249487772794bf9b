//! Whether a file may be believed that names programs which will run as root: nobody but root (or who runs the daemon) may be able to write or to
//! replace it.
//!
//! The rules for the file are those of `pmf` for the programs themselves (`Trust::Owned`); the folders above are looked at too, because whoever
//! may write one of them can put another file there.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// In such a folder (`/tmp`) only its owner, and a file's owner, may rename or remove that file.
const STICKY: u32 = 0o1000;

/// The error says who could change it, and what to do.
pub(crate) fn is_only_ours(path: &Path) -> Result<(), String> {
    let ourselves = pmf::Owner::ourselves().uid;
    let found = std::fs::metadata(path).map_err(|e| e.to_string())?;
    judge(&found, ourselves, false)
        .map_err(|(who, remedy)| format!("{who}; {remedy} {}", path.display()))?;
    // Links are followed by root too: the folders on both ways count.
    let real = std::fs::canonicalize(path).map_err(|e| e.to_string())?;
    let typed = std::path::absolute(path).map_err(|e| e.to_string())?;
    for folder in typed.ancestors().chain(real.ancestors().skip(1)).skip(1) {
        let found = std::fs::metadata(folder).map_err(|e| e.to_string())?;
        judge(&found, ourselves, true).map_err(|(who, remedy)| {
            let folder = folder.display();
            format!("another file could be put in its place: of the folder {folder}, {who}; {remedy} {folder}, or copy the file to a folder of root's")
        })?;
    }
    Ok(())
}

/// The error: who could change it, and the command that ends that.
fn judge(found: &Metadata, ourselves: u32, is_folder: bool) -> Result<(), (String, &'static str)> {
    let mode = found.mode();
    if found.uid() != 0 && found.uid() != ourselves {
        return Err((format!("user {} is the owner", found.uid()), "chown root"));
    }
    if is_folder && mode & STICKY != 0 {
        return Ok(());
    }
    if mode & 0o002 != 0 {
        return Err(("everybody may write it".to_owned(), "chmod o-w"));
    }
    if mode & 0o020 != 0 && ourselves == 0 && found.gid() != 0 {
        return Err((format!("group {} may write it", found.gid()), "chmod g-w"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_that_others_could_write_or_replace_is_not_believed() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("reg");
        std::fs::create_dir(&folder).unwrap();
        let file = folder.join("ACME.web");
        std::fs::write(&file, "").unwrap();
        for (folder_mode, file_mode, expect) in [
            (0o755, 0o644, ""),
            (0o755, 0o666, "everybody may write it; chmod o-w /"),
            (0o777, 0o644, "in its place: of the folder"),
            (0o1777, 0o644, ""),
        ] {
            set_permissions(&folder, Permissions::from_mode(folder_mode)).unwrap();
            set_permissions(&file, Permissions::from_mode(file_mode)).unwrap();
            let said = is_only_ours(&file).err().unwrap_or_default();
            assert!(said.contains(expect) && said.is_empty() == expect.is_empty(), "{said}");
        }
    }
}

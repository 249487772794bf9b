//! What the instances on one runtime_dir share, and what each has alone: unguessable bytes.
//!
//! Never printed. Readable by its owner only, from its first byte on.

use anyhow::{Context, Result, anyhow};
use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// 32 bytes that all instances on this folder share, made by the first one. Whoever calls this holds the store's lock.
pub(crate) fn shared(runtime_dir: &Path) -> Result<[u8; 32]> {
    let path = runtime_dir.join("secret");
    let what = || format!("cannot use {}", path.display());
    match fs::read(&path) {
        Ok(bytes) => bytes.try_into().map_err(|_| {
            anyhow!("{} is not 32 bytes long; remove it to have it made anew", path.display())
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let bytes = random()?;
            let part = path.with_extension("part");
            let mut options = fs::OpenOptions::new();
            let made = options.write(true).create(true).truncate(true).mode(0o600).open(&part);
            let mut file = made.with_context(what)?;
            file.write_all(&bytes).and_then(|()| file.sync_all()).with_context(what)?;
            fs::rename(&part, &path).with_context(what)?;
            Ok(bytes)
        }
        Err(error) => Err(error).with_context(what),
    }
}

/// 32 bytes for this instance alone.
pub(crate) fn random() -> Result<[u8; 32]> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| anyhow!("the system gives no random numbers"))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_second_instance_finds_the_same_secret() {
        let folder = tempfile::tempdir().unwrap();
        let first = shared(folder.path()).unwrap();
        assert_eq!(shared(folder.path()).unwrap(), first);
        assert_ne!(random().unwrap(), first);
        let mode = fs::metadata(folder.path().join("secret")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::write(folder.path().join("secret"), "short").unwrap();
        assert!(shared(folder.path()).is_err());
    }
}

//! Claims: what a method is about to do to this machine outside its own process tree (an address, a mount, a reservation), written down before it is
//! done, so that the guard can undo it when the daemon is dead (docs/decisions/0010).
//!
//! One file per claim in the node's claims folder. Written and synced before the act, removed after it is undone. Reading never fails as a whole: a
//! damaged claim is reported and the others are still undone.

use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// Names the claims folder for methods; set by the daemon.
pub const CLAIMS_VARIABLE: &str = "STEADFAST_CLAIMS";

/// Something to undo.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "claim", rename_all = "snake_case")]
pub enum Claim {
    /// An address on an interface.
    Address {
        /// The address.
        address: IpAddr,
        /// Length of the network's prefix, in bits.
        prefix: u8,
        /// Name of the interface.
        interface: String,
    },
    /// A mounted file system.
    Mount {
        /// Where.
        mount_point: PathBuf,
        /// What: the device, for messages.
        device: String,
    },
    /// Our key on a disk with SCSI-3 persistent reservations.
    Reservation {
        /// The disk.
        device: PathBuf,
        /// Our registration key.
        key: u64,
    },
}

/// The claims folder of a node.
#[derive(Clone, Debug)]
pub struct Claims {
    folder: PathBuf,
}

/// A claim as found: its file, and what it says or why that cannot be read.
pub type Found = (PathBuf, Result<Claim, String>);

impl Claims {
    /// The folder; made when it is not there.
    pub fn open(folder: impl Into<PathBuf>) -> io::Result<Self> {
        let folder = folder.into();
        if !folder.is_dir() {
            // Whoever can write here can have things undone.
            fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        }
        Ok(Self { folder })
    }

    /// The folder the daemon named to this method.
    pub fn of_this_method() -> io::Result<Self> {
        let folder = std::env::var_os(CLAIMS_VARIABLE).ok_or_else(|| {
            io::Error::other(format!(
                "{CLAIMS_VARIABLE} is not set: methods are run by the node daemon"
            ))
        })?;
        Self::open(PathBuf::from(folder))
    }

    /// Writes a claim down, durably, before the act. `name` identifies it (a second one of the same name replaces the first).
    pub fn make(&self, name: &str, claim: &Claim) -> io::Result<()> {
        let path = self.path(name);
        let draft = path.with_extension("new");
        let mut file = File::create(&draft)?;
        file.write_all(&serde_json::to_vec(claim).map_err(io::Error::other)?)?;
        file.sync_all()?;
        fs::rename(&draft, &path)?;
        File::open(&self.folder)?.sync_all()
    }

    /// Forgets a claim after it was undone. No error when there is none.
    pub fn forget(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.path(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// All claims, the one made last first: mounts inside mounts are undone in the right order.
    pub fn all(&self) -> io::Result<Vec<Found>> {
        let mut found: Vec<(std::time::SystemTime, Found)> = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if path.extension().is_none_or(|e| e != "claim") {
                continue;
            }
            let made =
                fs::metadata(&path).and_then(|m| m.modified()).unwrap_or(std::time::UNIX_EPOCH);
            found.push((made, (path.clone(), read(&path))));
        }
        found.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| b.1.0.cmp(&a.1.0)));
        Ok(found.into_iter().map(|(_, claim)| claim).collect())
    }

    fn path(&self, name: &str) -> PathBuf {
        let safe: String = name
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '+' })
            .collect();
        self.folder.join(format!("{safe}.claim"))
    }
}

fn read(path: &Path) -> Result<Claim, String> {
    let bytes = fs::read(path).map_err(|e| e.to_string())?;
    serde_json::from_slice(&bytes).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(at: &str) -> Claim {
        Claim::Mount { mount_point: at.into(), device: "/dev/loop7".to_owned() }
    }

    #[test]
    fn a_claim_is_found_until_it_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let claims = Claims::open(folder.path().join("claims")).unwrap();
        claims.make("store:/global/im", &mount("/global/im")).unwrap();
        let found: Vec<_> = claims.all().unwrap().into_iter().map(|(_, c)| c).collect();
        assert_eq!(found, [Ok(mount("/global/im"))]);
        claims.forget("store:/global/im").unwrap();
        claims.forget("store:/global/im").unwrap();
        assert!(claims.all().unwrap().is_empty());
    }

    #[test]
    fn a_damaged_claim_hides_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let claims = Claims::open(folder.path()).unwrap();
        claims.make("good", &mount("/a")).unwrap();
        fs::write(folder.path().join("bad.claim"), b"{").unwrap();
        let found = claims.all().unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!(found.iter().filter(|(_, c)| c.is_ok()).count(), 1);
    }
}

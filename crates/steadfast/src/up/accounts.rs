//! `accounts.txt`: the accounts that `up` made, with the passwords it gave them.
//!
//! Readable by its owner only, from its first byte on. An existing file is never written over.

use crate::account::account_jid;
use anyhow::{Context, Result, anyhow};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use xmpp::jid::BareJid;

const FILE: &str = "accounts.txt";
const NAMES: [&str; 2] = ["romeo", "juliet"];

/// The accounts in a folder, made when there are none.
pub(crate) fn read_or_make(folder: &Path, domain: &str) -> Result<Vec<(BareJid, String)>> {
    let path = folder.join(FILE);
    let mut text = String::from(
        "# Accounts that `steadfast up` makes when they do not exist: address and first \
            password.\n",
    );
    for name in NAMES {
        text.push_str(&format!("{name}@{domain} {}\n", random_password()?));
    }
    let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    match made {
        Ok(mut file) => {
            file.write_all(text.as_bytes())
                .and_then(|()| file.sync_all())
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => {
            return Err(error).with_context(|| format!("cannot write {}", path.display()));
        }
    }
    read(folder)
}

/// The accounts in a folder; none when there is no file.
pub(crate) fn read(folder: &Path) -> Result<Vec<(BareJid, String)>> {
    let path = folder.join(FILE);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let mut accounts = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let place = || format!("{}:{}", path.display(), index + 1);
        let (jid, password) = line
            .trim()
            .split_once(' ')
            .ok_or_else(|| anyhow!("{}: write an address, a blank and a password", place()))?;
        let jid = account_jid(jid).with_context(place)?;
        accounts.push((jid, password.trim().to_owned()));
    }
    Ok(accounts)
}

/// Sixteen letters and digits that cannot be mistaken for each other: 80 bits.
fn random_password() -> Result<String> {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| anyhow!("the system gives no random numbers"))?;
    Ok(bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_second_start_finds_the_same_accounts() {
        let folder = tempfile::tempdir().unwrap();
        let first = read_or_make(folder.path(), "localhost").unwrap();
        assert_eq!(first.len(), 2);
        assert_eq!(first[0].0.as_str(), "romeo@localhost");
        assert_eq!((first[0].1.len(), first[0].1 == first[1].1), (16, false));
        assert_eq!(read_or_make(folder.path(), "localhost").unwrap(), first);
        let mode = std::fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_spoilt_line_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), "# x\nromeo@localhost\n").unwrap();
        let error = format!("{:#}", read(folder.path()).unwrap_err());
        assert!(error.contains("accounts.txt:2: write an address"), "{error}");
    }
}

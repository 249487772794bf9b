//! The certificate of a server that was given none: self-signed, ECDSA P-256, for its domains and `localhost`.
//!
//! The key is readable by its owner only, from its first byte on. Existing files are never written over.

use super::store::{TlsError, TlsFiles};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Writes certificate and key where neither exists. Refuses when only one of them does.
pub(super) fn make_if_absent(files: &TlsFiles, domains: &[String]) -> Result<bool, TlsError> {
    match (files.certificate.exists(), files.key.exists()) {
        (true, true) => return Ok(false),
        (false, false) => {}
        (certificate_exists, _) => {
            let (there, missing) = match certificate_exists {
                true => (&files.certificate, &files.key),
                false => (&files.key, &files.certificate),
            };
            return Err(TlsError::Half { there: there.clone(), missing: missing.clone() });
        }
    }
    let (certificate, key) = make(domains).map_err(TlsError::Make)?;
    // The key first: a certificate without a key would be refused for ever, a lone key says what happened.
    write_new(&files.key, key.as_bytes(), 0o600)?;
    write_new(&files.certificate, certificate.as_bytes(), 0o644)?;
    Ok(true)
}

fn make(domains: &[String]) -> Result<(String, String), rcgen::Error> {
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
    let mut names = domains.to_vec();
    names.push("localhost".to_owned());
    names.sort();
    names.dedup();
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = DistinguishedName::new();
    let name = domains.first().map_or("localhost", String::as_str);
    params.distinguished_name.push(DnType::CommonName, name);
    Ok((params.self_signed(&key)?.pem(), key.serialize_pem()))
}

/// Writes a file that appears whole or not at all, and only where there is none.
fn write_new(path: &Path, content: &[u8], mode: u32) -> Result<(), TlsError> {
    let write = || -> io::Result<()> {
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        // A part left behind by a crash is ours to replace; O_EXCL keeps us from following a planted link.
        match fs::remove_file(&part) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&part)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::hard_link(&part, path)?;
        fs::remove_file(&part)
    };
    write().map_err(|source| TlsError::Write { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn files(folder: &tempfile::TempDir) -> TlsFiles {
        TlsFiles { certificate: folder.path().join("cert.pem"), key: folder.path().join("key.pem") }
    }

    #[test]
    fn a_made_key_is_private_and_an_existing_one_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let files = files(&folder);
        assert!(make_if_absent(&files, &["example.org".to_owned()]).unwrap());
        let mode = fs::metadata(&files.key).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let before = fs::read(&files.key).unwrap();
        assert!(!make_if_absent(&files, &["example.net".to_owned()]).unwrap());
        assert_eq!(fs::read(&files.key).unwrap(), before);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_key_without_its_certificate_is_refused_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let files = files(&folder);
        fs::write(&files.key, "mine").unwrap();
        let error = make_if_absent(&files, &[]).unwrap_err();
        assert!(error.to_string().contains("cert.pem"), "{error}");
        assert_eq!(fs::read_to_string(&files.key).unwrap(), "mine");
    }
}

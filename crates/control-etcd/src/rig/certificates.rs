//! Certificates for a rig: an authority, the members' certificate, ours, an expired one of ours, and those of a stranger.
//!
//! Made anew for each cluster, and gone with it.

use super::RigError;
use crate::options::Tls;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, date_time_ymd,
};
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// The files.
pub(super) struct Certificates {
    pub(super) client: Tls,
    pub(super) stranger: Tls,
    pub(super) expired: Tls,
    pub(super) server_cert: PathBuf,
    pub(super) server_key: PathBuf,
}

/// What one certificate is.
struct Wanted<'a> {
    name: &'a str,
    subjects: Vec<String>,
    /// Years between which it is valid.
    years: (i32, i32),
}

type Authority = CertifiedIssuer<'static, KeyPair>;

impl Certificates {
    pub(super) fn make(dir: &Path, addresses: &[IpAddr]) -> Result<Self, RigError> {
        fs::create_dir_all(dir)
            .map_err(|source| RigError::Io { what: dir.display().to_string(), source })?;
        let ours = authority(dir, "ca")?;
        let theirs = authority(dir, "stranger-ca")?;
        let mut subjects: Vec<_> = addresses.iter().map(ToString::to_string).collect();
        // Etcd looks at where a peer's connection comes from, and on loopback that is 127.0.0.1 whatever the peer listens on.
        subjects.push("127.0.0.1".to_owned());
        subjects.sort();
        subjects.dedup();
        subjects.push("etcd.test".to_owned());
        // A member is also a client of the others.
        let server = Wanted { name: "server", subjects, years: (2024, 2090) };
        let (server_cert, server_key) = issue(dir, &ours, server)?;
        let client = |name, authority, years| -> Result<Tls, RigError> {
            let wanted = Wanted { name, subjects: vec![format!("{name}.test")], years };
            let (cert, key) = issue(dir, authority, wanted)?;
            Ok(Tls { ca: dir.join("ca.pem"), cert, key, domain: None })
        };
        Ok(Self {
            client: client("client", &ours, (2024, 2090))?,
            stranger: client("stranger", &theirs, (2024, 2090))?,
            expired: client("expired", &ours, (2001, 2002))?,
            server_cert,
            server_key,
        })
    }
}

fn failed(error: &rcgen::Error) -> RigError {
    RigError::Other(format!("certificates: {error}"))
}

fn write(path: &Path, text: &str) -> Result<(), RigError> {
    fs::write(path, text)
        .map_err(|source| RigError::Io { what: path.display().to_string(), source })
}

fn params(subjects: Vec<String>, name: &str) -> Result<CertificateParams, RigError> {
    let mut params = CertificateParams::new(subjects).map_err(|e| failed(&e))?;
    params.not_before = date_time_ymd(2024, 1, 1);
    params.not_after = date_time_ymd(2090, 1, 1);
    params.distinguished_name.push(DnType::CommonName, name);
    Ok(params)
}

fn authority(dir: &Path, name: &str) -> Result<Authority, RigError> {
    let mut params = params(Vec::new(), name)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().map_err(|e| failed(&e))?;
    let authority = CertifiedIssuer::self_signed(params, key).map_err(|e| failed(&e))?;
    write(&dir.join(format!("{name}.pem")), &authority.pem())?;
    Ok(authority)
}

fn issue(
    dir: &Path,
    authority: &Authority,
    wanted: Wanted<'_>,
) -> Result<(PathBuf, PathBuf), RigError> {
    let mut params = params(wanted.subjects, wanted.name)?;
    params.not_before = date_time_ymd(wanted.years.0, 1, 1);
    params.not_after = date_time_ymd(wanted.years.1, 1, 1);
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate().map_err(|e| failed(&e))?;
    let certificate = params.signed_by(&key, authority).map_err(|e| failed(&e))?;
    let cert_path = dir.join(format!("{}.pem", wanted.name));
    let key_path = dir.join(format!("{}.key", wanted.name));
    write(&cert_path, &certificate.pem())?;
    write(&key_path, &key.serialize_pem())?;
    Ok((cert_path, key_path))
}

//! The TLS of the connections to etcd: three files made into a rustls configuration, with a sentence for each way they can be wrong.
//!
//! Mutual always: there is no way to make a connection without our certificate. Files are read again for each connection; when new ones do not
//! fit, the last good ones stay in use and a line says so. Never trusts the system's certificate authorities, never skips a check.

use crate::options::{Address, ConnectError, Tls};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::{CertificateError, ClientConfig, RootCertStore};
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Longest certificate or key file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// The files, and the last configuration made of them.
#[derive(Debug)]
pub(crate) struct TlsSource {
    files: Tls,
    last: Mutex<Arc<ClientConfig>>,
}

impl TlsSource {
    /// Reads and checks the files.
    pub(crate) fn open(files: Tls) -> Result<Self, ConnectError> {
        let last = Mutex::new(Arc::new(load(&files)?));
        Ok(Self { files, last })
    }

    /// The configuration for a new connection: from the files as they are now if they fit, else the last one that did.
    pub(crate) fn current(&self) -> Arc<ClientConfig> {
        let fresh = load(&self.files);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match fresh {
            Ok(config) => *last = Arc::new(config),
            Err(error) => tracing::warn!(
                "etcd connections go on with the certificates read before, the files do not fit: {error}"
            ),
        }
        Arc::clone(&last)
    }

    /// The name the certificate of an endpoint must be for.
    pub(crate) fn server_name(&self, address: &Address) -> Result<ServerName<'static>, String> {
        server_name(self.files.domain.as_ref().unwrap_or(&address.host))
    }

    /// Where the authority lies, for messages.
    pub(crate) fn ca(&self) -> &Path {
        &self.files.ca
    }
}

fn server_name(name: &str) -> Result<ServerName<'static>, String> {
    ServerName::try_from(name.to_owned())
        .map_err(|_| format!("{name:?} is no name a certificate can be for"))
}

fn wrong(path: &Path, reason: impl Into<String>) -> ConnectError {
    ConnectError::File { path: path.to_owned(), reason: reason.into() }
}

fn read(path: &Path) -> Result<Vec<u8>, ConnectError> {
    let size = fs::metadata(path).map_err(|e| wrong(path, format!("cannot be read: {e}")))?.len();
    if size > FILE_BYTES_MAX {
        return Err(wrong(path, format!("has {size} bytes, too large for a PEM file")));
    }
    fs::read(path).map_err(|e| wrong(path, format!("cannot be read: {e}")))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, ConnectError> {
    let text = read(path)?;
    let all: Vec<_> = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .map_err(|e| wrong(path, format!("is not PEM: {e}")))?;
    if all.is_empty() {
        return Err(wrong(path, "holds no certificate: it must have a BEGIN CERTIFICATE block"));
    }
    Ok(all)
}

fn load(files: &Tls) -> Result<ClientConfig, ConnectError> {
    if let Some(domain) = &files.domain {
        server_name(domain).map_err(ConnectError::Option)?;
    }
    let authorities = certificates(&files.ca)?;
    let mut roots = RootCertStore::empty();
    for certificate in authorities.iter().cloned() {
        roots
            .add(certificate)
            .map_err(|e| wrong(&files.ca, format!("holds a certificate that is damaged: {e}")))?;
    }
    let roots = Arc::new(roots);
    // One of several may be old: that is how an authority is replaced.
    let expired = |authority: &CertificateDer<'_>| matches!(fault(authority, &[], &roots), Ok(Some(error)) if is_expired(&error));
    if authorities.iter().all(expired) {
        return Err(wrong(&files.ca, "the authority's certificate has expired: put the new one"));
    }
    let chain = certificates(&files.cert)?;
    check_own(&files.cert, &chain, &roots)?;
    let key = PrivateKeyDer::from_pem_slice(&read(&files.key)?).map_err(|e| {
        wrong(&files.key, format!("holds no private key in PEM (PKCS #8, PKCS #1 or SEC 1): {e}"))
    })?;
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| ConnectError::Option(format!("TLS cannot be used: {e}")))?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .map_err(|e| {
            let cert = files.cert.display();
            wrong(&files.key, format!("is not the key of the certificate in {cert}: {e}"))
        })?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

/// What etcd will find wrong with a certificate, if anything.
fn fault(
    certificate: &CertificateDer<'_>,
    rest: &[CertificateDer<'_>],
    roots: &Arc<RootCertStore>,
) -> Result<Option<CertificateError>, ConnectError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), provider)
        .build()
        .map_err(|e| ConnectError::Option(format!("TLS cannot be used: {e}")))?;
    Ok(match verifier.verify_client_cert(certificate, rest, UnixTime::now()) {
        Err(rustls::Error::InvalidCertificate(error)) => Some(error),
        _ => None,
    })
}

fn is_expired(error: &CertificateError) -> bool {
    matches!(error, CertificateError::Expired | CertificateError::ExpiredContext { .. })
}

/// Looks at our own certificate as etcd will. That it is signed by another authority than the endpoints' is allowed.
fn check_own(
    path: &Path,
    chain: &[CertificateDer<'static>],
    roots: &Arc<RootCertStore>,
) -> Result<(), ConnectError> {
    let Some((leaf, rest)) = chain.split_first() else {
        return Err(wrong(path, "holds no certificate"));
    };
    let Some(error) = fault(leaf, rest, roots)? else {
        return Ok(());
    };
    let reason = match error {
        error if is_expired(&error) => "the certificate has expired: have a new one issued",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the certificate is not valid yet: look at the clock of this machine"
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "the certificate is not for client authentication: have one issued with the extended key usage clientAuth"
        }
        CertificateError::BadEncoding => "holds a certificate that is damaged",
        _ => return Ok(()),
    };
    Err(wrong(path, reason))
}

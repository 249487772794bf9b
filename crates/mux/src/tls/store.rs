//! Certificate and key as they lie on disk, and the rustls configuration that serves them.
//!
//! A new pair is taken without restart: new handshakes get it, established sessions keep theirs. A pair that does not
//! fit is refused with a sentence, and the old one stays; a running server never loses its certificate.

use super::{binding, self_made, witness};
use arc_swap::ArcSwap;
use bytes::Bytes;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, version};
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How often the files are looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(3);
/// XEP-0368 §3: the ALPN name of client connections.
const ALPN: &[u8] = b"xmpp-client";
/// Longest certificate or key file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Where certificate and key lie, in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate chain, leaf first.
    pub certificate: PathBuf,
    /// Its private key (PKCS #8, PKCS #1 or SEC 1).
    pub key: PathBuf,
}

/// Why a certificate cannot be served. The operator's or the environment's doing.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or is not PEM of the right kind.
    #[error("cannot read {path}: {reason}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file cannot be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// One of the two files is missing.
    #[error(
        "{there} exists and {missing} does not: put the missing file there, or remove the other to have both made anew"
    )]
    Half {
        /// The file that is there.
        there: PathBuf,
        /// The file that is not.
        missing: PathBuf,
    },
    /// A certificate cannot be made.
    #[error("cannot make a certificate: {0}")]
    Make(rcgen::Error),
    /// Certificate and key do not belong together, or are of a kind that is not supported.
    #[error("cannot use {certificate} with {key}: {reason}")]
    Pair {
        /// The certificate file.
        certificate: PathBuf,
        /// The key file.
        key: PathBuf,
        /// What is wrong with them.
        reason: rustls::Error,
    },
}

/// The pair that is served, and how to get the next. Clones share it.
#[derive(Clone)]
pub struct TlsStore(Arc<Store>);

struct Store {
    files: TlsFiles,
    resolver: Arc<Resolver>,
    config: Arc<ServerConfig>,
    /// How the files looked when they were last read, used or refused.
    looked: Mutex<Looks>,
}

/// Enough to notice that a file was replaced or rewritten: inode, size, time of last change.
type Looks = [Option<(u64, u64, i64, i64)>; 2];

impl fmt::Debug for TlsStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsStore").field("files", &self.0.files).finish_non_exhaustive()
    }
}

impl TlsStore {
    /// Reads the pair. Refuses when it is missing or does not fit.
    pub fn open(files: TlsFiles) -> Result<Self, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let looked = looks(&files);
        let served = read(&files, &provider)?;
        let resolver = Arc::new(Resolver(ArcSwap::from_pointee(served)));
        let config = Arc::new(server_config(&files, provider, Arc::clone(&resolver))?);
        Ok(Self(Arc::new(Store { files, resolver, config, looked: Mutex::new(looked) })))
    }

    /// Reads the pair, after making a self-signed one for these domains and `localhost` where there is none.
    pub fn open_or_make(files: TlsFiles, domains: &[String]) -> Result<Self, TlsError> {
        if self_made::make_if_absent(&files, domains)? {
            tracing::info!(
                certificate = %files.certificate.display(),
                key = %files.key.display(),
                "made a self-signed certificate, because there was none"
            );
        }
        Self::open(files)
    }

    /// Reads the files again and serves what they hold; on an error the old pair is kept.
    pub fn reload(&self) -> Result<(), TlsError> {
        let store = &*self.0;
        *store.looked.lock().unwrap_or_else(PoisonError::into_inner) = looks(&store.files);
        let served = read(&store.files, store.config.crypto_provider())?;
        store.resolver.0.store(Arc::new(served));
        Ok(())
    }

    /// Reloads when a file has changed since it was last read, and says in the log how that went.
    pub fn reload_if_changed(&self) {
        let store = &*self.0;
        let changed =
            looks(&store.files) != *store.looked.lock().unwrap_or_else(PoisonError::into_inner);
        if !changed {
            return;
        }
        let certificate = store.files.certificate.display();
        match self.reload() {
            Ok(()) => tracing::info!(%certificate, "the certificate was reloaded"),
            Err(error) => tracing::warn!(
                %certificate, %error,
                "the new certificate is refused and the old one kept; put a pair that fits in place"
            ),
        }
    }

    /// SHA-256 of the leaf certificate, for people to compare: lower-case hex.
    pub fn fingerprint(&self) -> String {
        use std::fmt::Write as _;
        let served = self.0.resolver.0.load();
        let leaf = served.key.cert.first().map(|leaf| leaf.as_ref()).unwrap_or_default();
        let hash = ::aws_lc_rs::digest::digest(&::aws_lc_rs::digest::SHA256, leaf);
        hash.as_ref().iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.0.config)
    }

    /// Looks at the files for ever.
    pub(crate) async fn watch(self) {
        let mut interval = tokio::time::interval(LOOK_INTERVAL);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            let store = self.clone();
            // Reading a file can block; a connection's task must not wait for that.
            if tokio::task::spawn_blocking(move || store.reload_if_changed()).await.is_err() {
                return; // the runtime ends
            }
        }
    }
}

fn looks(files: &TlsFiles) -> Looks {
    [&files.certificate, &files.key].map(|path| {
        let meta = fs::metadata(path).ok()?;
        Some((meta.ino(), meta.size(), meta.mtime(), meta.mtime_nsec()))
    })
}

/// The pair as handshakes get it.
#[derive(Debug)]
struct Served {
    key: Arc<CertifiedKey>,
    end_point: Option<Bytes>,
}

fn read(files: &TlsFiles, provider: &CryptoProvider) -> Result<Served, TlsError> {
    let certificate = read_file(&files.certificate)?;
    let broken = |path: &Path, reason: String| TlsError::Read { path: path.to_owned(), reason };
    let chain = CertificateDer::pem_slice_iter(&certificate)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| broken(&files.certificate, error.to_string()))?;
    let Some(leaf) = chain.first() else {
        return Err(broken(&files.certificate, "there is no certificate in it".to_owned()));
    };
    let end_point = binding::end_point(leaf);
    let key = PrivateKeyDer::from_pem_slice(&read_file(&files.key)?)
        .map_err(|error| broken(&files.key, error.to_string()))?;
    let pair = CertifiedKey::from_der(chain, key, provider).map_err(|reason| TlsError::Pair {
        certificate: files.certificate.clone(),
        key: files.key.clone(),
        reason,
    })?;
    Ok(Served { key: Arc::new(pair), end_point })
}

fn read_file(path: &Path) -> Result<Vec<u8>, TlsError> {
    use std::io::Read as _;
    let read = || -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        fs::File::open(path)?.take(FILE_BYTES_MAX).read_to_end(&mut content)?;
        Ok(content)
    };
    read().map_err(|error| TlsError::Read { path: path.to_owned(), reason: error.to_string() })
}

fn server_config(
    files: &TlsFiles,
    provider: Arc<CryptoProvider>,
    resolver: Arc<Resolver>,
) -> Result<ServerConfig, TlsError> {
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])
        .map_err(|reason| TlsError::Pair {
            certificate: files.certificate.clone(),
            key: files.key.clone(),
            reason,
        })?
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    config.key_log = Arc::new(witness::ExporterWitness);
    config.alpn_protocols = vec![ALPN.to_vec()];
    // Resumption saves a signature per login and costs a write and memory per session; early data is never taken.
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.max_early_data_size = 0;
    Ok(config)
}

#[derive(Debug)]
struct Resolver(ArcSwap<Served>);

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let served = self.0.load();
        witness::note_hello(hello.server_name(), served.end_point.clone());
        Some(Arc::clone(&served.key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(folder: &tempfile::TempDir, name: &str) -> TlsFiles {
        let files = TlsFiles {
            certificate: folder.path().join(format!("{name}.cert")),
            key: folder.path().join(format!("{name}.key")),
        };
        self_made::make_if_absent(&files, &["example.org".to_owned()]).unwrap();
        files
    }

    #[test]
    fn a_pair_that_does_not_fit_is_refused_and_the_old_one_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (files, other) = (made(&folder, "ours"), made(&folder, "other"));
        let store = TlsStore::open(files.clone()).unwrap();
        let first = store.fingerprint();

        fs::copy(&other.certificate, &files.certificate).unwrap();
        let error = store.reload().unwrap_err();
        assert!(matches!(error, TlsError::Pair { .. }), "{error}");
        assert_eq!(store.fingerprint(), first);

        fs::copy(&other.key, &files.key).unwrap();
        store.reload().unwrap();
        assert_ne!(store.fingerprint(), first);
    }

    #[test]
    fn a_change_of_the_files_is_noticed_once() {
        let folder = tempfile::tempdir().unwrap();
        let (files, other) = (made(&folder, "ours"), made(&folder, "other"));
        let store = TlsStore::open(files.clone()).unwrap();
        let first = store.fingerprint();
        store.reload_if_changed();
        assert_eq!(store.fingerprint(), first);
        fs::rename(&other.certificate, &files.certificate).unwrap();
        fs::rename(&other.key, &files.key).unwrap();
        store.reload_if_changed();
        assert_ne!(store.fingerprint(), first);
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let files = made(&folder, "ours");
        for (content, expect) in [("", "no certificate"), ("-----BEGIN", "ours.cert")] {
            fs::write(&files.certificate, content).unwrap();
            let error = TlsStore::open(files.clone()).unwrap_err().to_string();
            assert!(error.contains("ours.cert") && error.contains(expect), "{error}");
        }
    }
}

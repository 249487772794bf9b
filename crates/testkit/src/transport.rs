//! Byte streams to a server: TCP, TLS over TCP, and what SASL channel binding needs to know about them.
//!
//! Certificates are not verified here: tests talk to servers that made their own a moment ago. Never use this outside tests.

use anyhow::{Context, Result};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// How the bytes travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// Plain TCP.
    Plain,
    /// Plain TCP, then STARTTLS (RFC 6120 §5).
    StartTls,
    /// TLS from the first byte (XEP-0368).
    DirectTls,
}

/// Where a server listens and who it is.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Address to connect to.
    pub address: SocketAddr,
    /// Domain served there.
    pub domain: String,
    /// How the bytes travel.
    pub security: Security,
}

/// A byte stream of any kind.
pub trait Bytes: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Bytes for T {}

/// What ties a login to the TLS connection it happens on.
#[derive(Clone, Debug, Default)]
pub struct Bindings {
    /// `tls-exporter` (RFC 9266), only with TLS 1.3.
    pub exporter: Option<Vec<u8>>,
    /// `tls-server-end-point` (RFC 5929), SHA-256 of the certificate.
    pub end_point: Option<Vec<u8>>,
}

/// Opens a TCP connection without delaying small writes.
pub async fn connect_tcp(address: SocketAddr) -> Result<TcpStream> {
    let tcp =
        TcpStream::connect(address).await.with_context(|| format!("connecting to {address}"))?;
    tcp.set_nodelay(true)?;
    Ok(tcp)
}

/// Runs a TLS handshake over a connection.
pub async fn start_tls(tcp: TcpStream, domain: &str) -> Result<(Box<dyn Bytes>, Bindings)> {
    let name = ServerName::try_from(domain.to_owned()).context("domain is no host name")?;
    let connector = tokio_rustls::TlsConnector::from(client_config());
    let tls = connector.connect(name, tcp).await.context("TLS handshake")?;
    let (_, connection) = tls.get_ref();
    let mut bindings = Bindings::default();
    if connection.protocol_version() == Some(rustls::ProtocolVersion::TLSv1_3) {
        let key =
            connection.export_keying_material([0u8; 32], b"EXPORTER-Channel-Binding", None)?;
        bindings.exporter = Some(key.to_vec());
    }
    if let Some([leaf, ..]) = connection.peer_certificates() {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, leaf);
        bindings.end_point = Some(digest.as_ref().to_vec());
    }
    Ok((Box::new(tls), bindings))
}

/// One configuration for all connections: any certificate, no session tickets kept.
pub fn client_config() -> Arc<ClientConfig> {
    static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    Arc::clone(CONFIG.get_or_init(|| {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .unwrap_or_else(|e| unreachable!("the provider supports both versions: {e}"))
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate))
            .with_no_client_auth();
        config.resumption = rustls::client::Resumption::disabled();
        Arc::new(config)
    }))
}

/// Accepts every certificate.
#[derive(Debug)]
struct AnyCertificate;

impl rustls::client::danger::ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }
    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }
    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::aws_lc_rs::default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}

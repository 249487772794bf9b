//! One TLS session: records in, records out.
//!
//! Between two calls it holds rustls's state and the beginning of a record that is not complete yet, and nothing else.
//! That is why it uses rustls's unbuffered interface.

use super::binding;
use super::witness::{self, Seen};
use bytes::Bytes;
use link::TlsFacts;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncryptError, InsufficientSizeError, UnbufferedStatus,
};
use rustls::{ProtocolVersion, ServerConfig};
use std::sync::Arc;

/// Bytes that may wait for the rest of a record or handshake message. The largest record has 18,437; a hello is one
/// tenth of that.
const PARTIAL_BYTES_MAX: usize = 20 * 1024;
/// The most a TLS record carries.
const RECORD_BYTES_MAX: usize = 16 * 1024;
/// The most a record adds to what it carries: header, nonce, content type, tag.
const RECORD_OVERHEAD_BYTES: usize = 64;

/// How the peer or we broke TLS.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    /// rustls refused what came.
    #[error("{0}")]
    Refused(#[from] rustls::Error),
    /// A record or handshake message larger than ours may be.
    #[error("a TLS message of more than {PARTIAL_BYTES_MAX} bytes")]
    TooLarge,
    /// The session cannot encrypt any more.
    #[error("the session can encrypt no more")]
    Exhausted,
    /// There was an error before.
    #[error("the session is broken")]
    Broken,
    /// rustls and this file disagree about the order of things.
    #[error("an unexpected state of TLS")]
    Unexpected,
}

/// What came of a piece of ciphertext.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// There may be more.
    Open,
    /// The peer said that nothing more will come.
    Closed,
}

/// A TLS session of the server's side, from its first byte on.
pub(crate) struct TlsSession {
    conn: UnbufferedServerConnection,
    /// The beginning of a record, as rustls left it (parts may be deciphered in place).
    partial: Vec<u8>,
    /// After an error rustls must not be asked again: it has lost its place in what it was given, and panics.
    is_broken: bool,
    /// Until the handshake is finished.
    seen: Option<Box<Seen>>,
}

impl std::fmt::Debug for TlsSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsSession").field("partial", &self.partial.len()).finish_non_exhaustive()
    }
}

impl TlsSession {
    pub(crate) fn new(config: Arc<ServerConfig>) -> Result<Self, SessionError> {
        let conn = UnbufferedServerConnection::new(config)?;
        Ok(Self { conn, partial: Vec::new(), is_broken: false, seen: Some(Box::default()) })
    }

    /// How many bytes must be put in front of what is read next, see [`Self::receive`].
    pub(crate) fn partial_len(&self) -> usize {
        self.partial.len()
    }

    /// Takes ciphertext: `input` has [`Self::partial_len`] bytes of room in front, then what was read. Plaintext goes to
    /// `plain`; what TLS itself has to answer is appended to `reply`, also on an error (an alert).
    pub(crate) fn receive(
        &mut self,
        input: &mut [u8],
        mut plain: impl FnMut(&[u8]),
        reply: &mut Vec<u8>,
    ) -> Result<Heard, SessionError> {
        if self.is_broken {
            return Err(SessionError::Broken);
        }
        let (front, _) = input.split_at_mut(self.partial.len());
        front.copy_from_slice(&self.partial);
        self.partial = Vec::new();
        let Self { conn, seen, .. } = self;
        let result = match seen {
            Some(seen) => witness::watch(seen, || process(conn, input, &mut plain, reply)),
            None => process(conn, input, &mut plain, reply),
        };
        match result {
            Ok((used, heard)) => {
                let rest = input.get(used..).unwrap_or_default();
                if rest.len() > PARTIAL_BYTES_MAX {
                    self.is_broken = true;
                    return Err(SessionError::TooLarge);
                }
                self.partial = rest.to_vec();
                Ok(heard)
            }
            Err(error) => {
                self.is_broken = true;
                take_alert(&mut self.conn, reply);
                Err(error)
            }
        }
    }

    /// Whether application data may not flow yet.
    pub(crate) fn is_handshaking(&self) -> bool {
        self.conn.is_handshaking()
    }

    /// What the finished handshake proved. To be asked once; what was kept for it is given up.
    pub(crate) fn finish(&mut self) -> Option<TlsFacts> {
        let mut seen = self.seen.take()?;
        let suite = self.conn.negotiated_cipher_suite()?;
        let version = match self.conn.protocol_version()? {
            ProtocolVersion::TLSv1_3 => "TLSv1.3",
            ProtocolVersion::TLSv1_2 => "TLSv1.2",
            _ => return None,
        };
        let exporter_secret = seen.exporter_secret.take();
        let certificates = self.conn.peer_certificates().unwrap_or_default();
        Some(TlsFacts {
            version,
            server_name: seen.server_name.take(),
            exporter: exporter_secret.and_then(|secret| binding::exporter(suite, &secret)),
            end_point: seen.end_point.take(),
            client_certificates: certificates
                .iter()
                .map(|certificate| Bytes::copy_from_slice(certificate))
                .collect(),
        })
    }

    /// Appends these bytes to `out`, encrypted.
    pub(crate) fn send(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Result<(), SessionError> {
        let records = plain.len() / RECORD_BYTES_MAX + 1;
        let room = plain.len() + records * RECORD_OVERHEAD_BYTES;
        self.write(out, room, |traffic, room| traffic.encrypt(plain, room))
    }

    /// Appends the notice that nothing more will come.
    pub(crate) fn send_close_notify(&mut self, out: &mut Vec<u8>) -> Result<(), SessionError> {
        self.write(out, RECORD_OVERHEAD_BYTES * 2, |traffic, room| traffic.queue_close_notify(room))
    }

    fn write(
        &mut self,
        out: &mut Vec<u8>,
        room: usize,
        mut encrypt: impl FnMut(&mut Traffic<'_>, &mut [u8]) -> Result<usize, EncryptError>,
    ) -> Result<(), SessionError> {
        if self.is_broken {
            return Err(SessionError::Broken);
        }
        let Self { conn, partial, .. } = self;
        // What TLS itself has to say (a key update) goes first. rustls must be shown the beginning of a record again, even
        // though it cannot go on with it: it may have marked a message in there, and relies on what it marked.
        loop {
            match conn.process_tls_records(partial).state? {
                ConnectionState::EncodeTlsData(mut data) => encode(&mut data, out)?,
                ConnectionState::TransmitTlsData(data) => data.done(),
                ConnectionState::PeerClosed => {}
                ConnectionState::WriteTraffic(mut traffic) => {
                    return append(out, room, |room| match encrypt(&mut traffic, room) {
                        Ok(len) => Ok(len),
                        Err(EncryptError::InsufficientSize(size)) => Err(Some(size)),
                        Err(EncryptError::EncryptExhausted) => Err(None),
                    });
                }
                ConnectionState::Closed => return Err(SessionError::Exhausted),
                _ => return Err(SessionError::Unexpected),
            }
        }
    }
}

type Traffic<'c> = rustls::unbuffered::WriteTraffic<'c, rustls::server::ServerConnectionData>;
type TlsData<'c> = rustls::unbuffered::EncodeTlsData<'c, rustls::server::ServerConnectionData>;

/// Runs rustls over `input` until it wants more. Gives how many bytes it is done with.
fn process(
    conn: &mut UnbufferedServerConnection,
    input: &mut [u8],
    plain: &mut impl FnMut(&[u8]),
    reply: &mut Vec<u8>,
) -> Result<(usize, Heard), SessionError> {
    let mut used = 0;
    let mut heard = Heard::Open;
    loop {
        let rest = input.get_mut(used..).unwrap_or_default();
        let UnbufferedStatus { mut discard, state, .. } = conn.process_tls_records(rest);
        let wants_more = match state? {
            ConnectionState::ReadTraffic(mut traffic) => {
                while let Some(record) = traffic.next_record() {
                    let record = record?;
                    discard += record.discard;
                    plain(record.payload);
                }
                false
            }
            ConnectionState::EncodeTlsData(mut data) => {
                encode(&mut data, reply)?;
                false
            }
            // Replies leave in order with everything else, so they count as transmitted here.
            ConnectionState::TransmitTlsData(data) => {
                data.done();
                false
            }
            ConnectionState::PeerClosed => {
                heard = Heard::Closed;
                false
            }
            ConnectionState::Closed => {
                heard = Heard::Closed;
                true
            }
            ConnectionState::BlockedHandshake | ConnectionState::WriteTraffic(_) => true,
            _ => return Err(SessionError::Unexpected),
        };
        used += discard;
        if wants_more {
            return Ok((used, heard));
        }
    }
}

/// After an error: the alert that rustls has queued, and nothing else. What is queued is given out before anything that was
/// received is looked at.
fn take_alert(conn: &mut UnbufferedServerConnection, reply: &mut Vec<u8>) {
    while conn.wants_write() {
        let Ok(ConnectionState::EncodeTlsData(mut data)) = conn.process_tls_records(&mut []).state
        else {
            return;
        };
        if encode(&mut data, reply).is_err() {
            return;
        }
    }
}

fn encode(data: &mut TlsData<'_>, out: &mut Vec<u8>) -> Result<(), SessionError> {
    append(out, 1024, |room| match data.encode(room) {
        Ok(len) => Ok(len),
        Err(EncodeError::InsufficientSize(size)) => Err(Some(size)),
        Err(EncodeError::AlreadyEncoded) => Err(None),
    })
}

/// Lets `fill` write to the end of `out`, with as much room as it asks for.
fn append(
    out: &mut Vec<u8>,
    mut room: usize,
    mut fill: impl FnMut(&mut [u8]) -> Result<usize, Option<InsufficientSizeError>>,
) -> Result<(), SessionError> {
    let start = out.len();
    loop {
        out.resize(start + room, 0);
        match fill(out.get_mut(start..).unwrap_or_default()) {
            Ok(len) => {
                out.truncate(start + len);
                return Ok(());
            }
            Err(Some(size)) if size.required_size > room => room = size.required_size,
            Err(_) => {
                out.truncate(start);
                return Err(SessionError::Exhausted);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::{TlsFiles, TlsStore};
    use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
    use rustls::crypto::CryptoProvider;
    use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
    use rustls::{
        ClientConfig, ClientConnection, ConnectionTrafficSecrets, DigitallySignedStruct,
        SignatureScheme,
    };

    fn server_config(folder: &tempfile::TempDir) -> Arc<ServerConfig> {
        let path = |name| folder.path().join(name);
        let files = TlsFiles { certificate: path("cert.pem"), key: path("key.pem") };
        TlsStore::open_or_make(files, &[]).unwrap().config()
    }

    fn client() -> ClientConnection {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Gullible(provider)))
            .with_no_client_auth();
        config.enable_secret_extraction = true;
        let name = ServerName::try_from("example.org").unwrap();
        ClientConnection::new(Arc::new(config), name).unwrap()
    }

    fn hello() -> Vec<u8> {
        let mut hello = Vec::new();
        client().write_tls(&mut hello).unwrap();
        hello
    }

    /// Feeds in pieces of this size; stops at the first error.
    fn feed(session: &mut TlsSession, bytes: &[u8], step: usize) -> Result<Vec<u8>, SessionError> {
        let mut reply = Vec::new();
        for piece in bytes.chunks(step) {
            let mut input = vec![0; session.partial_len()];
            input.extend_from_slice(piece);
            session.receive(&mut input, |_| panic!("there is no plaintext yet"), &mut reply)?;
        }
        Ok(reply)
    }

    #[test]
    fn a_hello_is_answered_however_it_is_cut_and_leaves_no_buffer() {
        let folder = tempfile::tempdir().unwrap();
        let (config, hello) = (server_config(&folder), hello());
        for step in [1, 7, 100, hello.len()] {
            let mut session = TlsSession::new(Arc::clone(&config)).unwrap();
            let reply = feed(&mut session, &hello, step).unwrap();
            assert!(reply.len() > 500, "certificate and all");
            assert_eq!(session.partial.capacity(), 0);
        }
    }

    #[test]
    fn a_damaged_hello_is_an_error_or_waits_and_never_more() {
        let folder = tempfile::tempdir().unwrap();
        let (config, hello) = (server_config(&folder), hello());
        let mut refused = 0;
        for at in 0..hello.len() {
            let mut damaged = hello.clone();
            damaged[at] ^= 1 << (at % 8);
            let mut session = TlsSession::new(Arc::clone(&config)).unwrap();
            let step = if at % 2 == 0 { damaged.len() } else { 50 };
            refused += usize::from(feed(&mut session, &damaged, step).is_err());
        }
        assert!(refused > 50, "{refused} of {}", hello.len());
    }

    #[test]
    fn a_hello_that_never_ends_is_refused_before_it_is_large() {
        let folder = tempfile::tempdir().unwrap();
        let mut session = TlsSession::new(server_config(&folder)).unwrap();
        // One record of 16 KiB begins a message of 64 KiB, and the next goes on with it.
        let mut endless = vec![22, 3, 1, 0x40, 0, 1, 0, 0xff, 0xf0];
        endless.resize(5 + 0x4000, 0);
        let record = [vec![22, 3, 1, 0x40, 0], vec![0; 0x4000]].concat();
        endless.extend(&record);
        let error = feed(&mut session, &endless, 1000).unwrap_err();
        assert!(matches!(error, SessionError::TooLarge), "{error}");
    }

    /// One TLS 1.3 record of the client's, with any bytes as a part of a handshake message.
    fn handshake_record(secrets: &ConnectionTrafficSecrets, seq: u64, part: &[u8]) -> Vec<u8> {
        use aws_lc_rs::aead;
        let (algorithm, key, iv) = match secrets {
            ConnectionTrafficSecrets::Aes128Gcm { key, iv } => (&aead::AES_128_GCM, key, iv),
            ConnectionTrafficSecrets::Aes256Gcm { key, iv } => (&aead::AES_256_GCM, key, iv),
            ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => {
                (&aead::CHACHA20_POLY1305, key, iv)
            }
            _ => panic!("a new cipher"),
        };
        let mut nonce: [u8; 12] = iv.as_ref().try_into().unwrap();
        nonce.iter_mut().rev().zip(seq.to_le_bytes()).for_each(|(byte, seq)| *byte ^= seq);
        let mut sealed = [part, &[22]].concat();
        let header = [23, 3, 3, 0, sealed.len() as u8 + 16];
        aead::LessSafeKey::new(aead::UnboundKey::new(algorithm, key.as_ref()).unwrap())
            .seal_in_place_append_tag(
                aead::Nonce::assume_unique_for_key(nonce),
                aead::Aad::from(header),
                &mut sealed,
            )
            .unwrap();
        [&header[..], &sealed].concat()
    }

    /// A session that is up, and what its client writes with.
    fn established(config: &Arc<ServerConfig>) -> (TlsSession, u64, ConnectionTrafficSecrets) {
        let mut session = TlsSession::new(Arc::clone(config)).unwrap();
        let mut client = client();
        let mut to_server = Vec::new();
        while client.is_handshaking() || session.is_handshaking() {
            client.write_tls(&mut to_server).unwrap();
            let reply = feed(&mut session, &std::mem::take(&mut to_server), 4096).unwrap();
            client.read_tls(&mut &reply[..]).unwrap();
            client.process_new_packets().unwrap();
        }
        session.finish().unwrap();
        let (seq, secrets) = client.dangerous_extract_secrets().unwrap().tx;
        (session, seq, secrets)
    }

    #[test]
    fn half_a_message_of_tls_is_kept_while_we_write() {
        let folder = tempfile::tempdir().unwrap();
        let (mut session, seq, secrets) = established(&server_config(&folder));
        // KeyUpdate, update_not_requested, in two records.
        let key_update = [24, 0, 0, 1, 0];
        let halves = key_update.split_at(3);
        feed(&mut session, &handshake_record(&secrets, seq, halves.0), 4096).unwrap();
        let mut out = Vec::new();
        session.send(b"<message/>", &mut out).unwrap();
        session.send(&[b'x'; 100_000], &mut out).unwrap();
        assert!(out.len() > 100_000);
        feed(&mut session, &handshake_record(&secrets, seq + 1, halves.1), 4096).unwrap();
        session.send_close_notify(&mut out).unwrap();
    }

    #[test]
    fn a_client_with_keys_can_send_any_nonsense_while_we_write() {
        let folder = tempfile::tempdir().unwrap();
        let config = server_config(&folder);
        let mut random = 1_u32;
        let mut next = |below: u32| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random >> 8) % below
        };
        for _ in 0..60 {
            let (mut session, first, secrets) = established(&config);
            for seq in first..first + 8 {
                // Mostly the beginnings of messages that go on in the next record.
                let kind = [1, 2, 4, 11, 20, 24][next(6) as usize];
                let mut part = vec![kind, 0, next(2) as u8, next(40) as u8];
                part.resize(1 + next(60) as usize, next(256) as u8);
                let record = handshake_record(&secrets, seq, &part);
                let step = 1 + next(80) as usize;
                let is_over = feed(&mut session, &record, step).is_err();
                let is_over = is_over | session.send(b"<a/>", &mut Vec::new()).is_err();
                if is_over {
                    break;
                }
            }
        }
    }

    /// Believes every certificate.
    #[derive(Debug)]
    struct Gullible(Arc<CryptoProvider>);

    impl ServerCertVerifier for Gullible {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, rustls::Error> {
            Ok(ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn verify_tls13_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.0.signature_verification_algorithms.supported_schemes()
        }
    }
}

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
        Ok(Self { conn, partial: Vec::new(), seen: Some(Box::default()) })
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
                    return Err(SessionError::TooLarge);
                }
                self.partial = rest.to_vec();
                Ok(heard)
            }
            Err(error) => {
                // The alert is queued by now; a second error has nothing to add.
                let _ = process(&mut self.conn, &mut [], &mut |_| {}, reply);
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
        // What TLS itself has to say (a key update) goes first.
        loop {
            match self.conn.process_tls_records(&mut []).state? {
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

//! Sees what rustls shows only in passing: the server name the client asked for, the certificate it was given, and the
//! secret of the exporter.
//!
//! rustls calls its certificate resolver and its key log from within the processing of records, on the same thread. So
//! what they see is put down in the thread, and picked up by the caller of that processing. The secret lives until the
//! handshake is finished and is then wiped; it must never be logged.

use bytes::Bytes;
use rustls::KeyLog;
use rustls::crypto::tls13::OkmBlock;
use std::cell::RefCell;

/// What was seen of one handshake.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) server_name: Option<String>,
    pub(super) end_point: Option<Bytes>,
    pub(super) exporter_secret: Option<OkmBlock>,
}

thread_local! {
    static SEEN: RefCell<Option<Seen>> = const { RefCell::new(None) };
}

/// Runs one step of a handshake; what it shows is added to `seen`.
pub(super) fn watch<T>(seen: &mut Seen, step: impl FnOnce() -> T) -> T {
    SEEN.set(Some(std::mem::take(seen)));
    let result = step();
    *seen = SEEN.take().unwrap_or_default();
    result
}

/// To be called by the certificate resolver.
pub(super) fn note_hello(server_name: Option<&str>, end_point: Option<Bytes>) {
    SEEN.with_borrow_mut(|seen| {
        if let Some(seen) = seen {
            seen.server_name = server_name.map(str::to_owned);
            seen.end_point = end_point;
        }
    });
}

/// The "key log" that keeps the exporter secret for its own handshake and logs nothing.
#[derive(Debug)]
pub(super) struct ExporterWitness;

const EXPORTER_SECRET: &str = "EXPORTER_SECRET";

impl KeyLog for ExporterWitness {
    fn log(&self, label: &str, _client_random: &[u8], secret: &[u8]) {
        if label != EXPORTER_SECRET || secret.len() > OkmBlock::MAX_LEN {
            return;
        }
        SEEN.with_borrow_mut(|seen| {
            if let Some(seen) = seen {
                seen.exporter_secret = Some(OkmBlock::new(secret));
            }
        });
    }

    fn will_log(&self, label: &str) -> bool {
        label == EXPORTER_SECRET
    }
}

//! One connection of a simulation: what is on its way in both directions, and what a multiplexor would know of it.

use bytes::Bytes;
use link::{CloseReason, ConnId, Down, Up};
use std::collections::VecDeque;
use xmpp::xml::StreamHeader;

/// Something a client said.
#[derive(Clone, Debug)]
pub(crate) enum Said {
    Header,
    Element(Bytes),
    End,
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Pipe {
    pub(crate) conn: ConnId,
    pub(crate) actor: usize,
    /// Said by the client, not yet passed on.
    pub(crate) up: VecDeque<Said>,
    credit: i64,
    /// Ordered by the server, not yet written to the client's socket.
    pub(crate) down: VecDeque<(u64, Bytes)>,
    /// In the client's socket, not yet read by it.
    pub(crate) socket: VecDeque<Bytes>,
    /// The server ordered to close, with these last words.
    pub(crate) last_words: Option<Bytes>,
    /// A client that does not read for now.
    pub(crate) stalled: bool,
}

impl Pipe {
    pub(crate) fn new(conn: ConnId, actor: usize) -> Self {
        Self {
            conn,
            actor,
            up: VecDeque::new(),
            credit: 1,
            down: VecDeque::new(),
            socket: VecDeque::new(),
            last_words: None,
            stalled: false,
        }
    }

    /// Takes an order of the server.
    pub(crate) fn order(&mut self, down: Down) {
        match down {
            Down::Send { seq, bytes, .. } => self.down.push_back((seq, bytes)),
            Down::Credit { elements, .. } => self.credit += i64::from(elements),
            Down::Close { bytes, .. } => self.last_words = Some(bytes),
            Down::StartTls { .. } | Down::Restart { .. } | Down::Raise { .. } => {}
        }
    }

    /// Whether something the client said may be passed on.
    pub(crate) fn may_pass(&self) -> bool {
        self.credit > 0 && !self.up.is_empty() && self.last_words.is_none()
    }

    /// Passes on the next thing the client said.
    pub(crate) fn pass(&mut self) -> Option<Up> {
        let conn = self.conn;
        let said = self.up.pop_front()?;
        self.credit -= 1;
        Some(match said {
            Said::Header => Up::Header { conn, header: header() },
            Said::Element(bytes) => Up::Element { conn, bytes },
            Said::End => Up::Ended { conn },
        })
    }

    /// Whether something can be written to the client's socket.
    pub(crate) fn may_write(&self) -> bool {
        !self.stalled && !self.down.is_empty() && self.socket.len() < 8
    }

    /// Writes the next thing to the client's socket.
    pub(crate) fn write(&mut self) -> Option<Up> {
        let (seq, bytes) = self.down.pop_front()?;
        self.socket.push_back(bytes);
        Some(Up::Written { conn: self.conn, seq })
    }

    /// Whether the multiplexor has written everything and may close.
    pub(crate) fn may_close(&self) -> bool {
        self.last_words.is_some() && (self.down.is_empty() || self.stalled)
    }

    pub(crate) fn closed(&self, reason: CloseReason) -> Up {
        Up::Closed { conn: self.conn, reason }
    }
}

fn header() -> StreamHeader {
    StreamHeader {
        to: Some("localhost".to_owned()),
        version: Some((1, 0)),
        content_ns: xmpp::ns::CLIENT.to_owned(),
        ..StreamHeader::default()
    }
}

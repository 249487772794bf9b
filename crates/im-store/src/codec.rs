//! The bytes of a batch: what a redo log stores, and nothing a client ever sees.
//!
//! Compact, versioned, append-only: a tag or a flag once given keeps its meaning, new ones go at the end. Decoding
//! borrows from the input ([`WriteRef`]), so that a log is replayed without copying, allocates nothing that the input
//! does not pay for, and must never panic, whatever the bytes are: they come from a disk.
//!
//! ```text
//! batch   = version:u8  write*            until the input ends
//! write   = tag:u8  field*                in the order of the variant's fields
//! integer = LEB128, at most 10 bytes      text, bytes = length:integer  byte*
//! ```

use crate::{AccountId, Batch, CarbonKind, Content, ItemKind, Render, SessionId, StanzaId, Write};
use bytes::Bytes;
use xmpp::jid::BareJid;

/// Version this code writes, and the newest it reads.
pub const VERSION: u8 = 1;

/// Why bytes are not a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// A newer version wrote it.
    #[error("version {0} of the batch encoding is not known; run the newer version")]
    Version(u8),
    /// The input ends within a write.
    #[error("the batch ends within a write")]
    Truncated,
    /// A write of an unknown kind.
    #[error("unknown write {0}")]
    Tag(u8),
    /// A number, flag or text that no encoder writes.
    #[error("{0} is out of range")]
    Value(&'static str),
}

mod tag {
    pub(super) const ACCOUNT_PUT: u8 = 1;
    pub(super) const ACCOUNT_REMOVE: u8 = 2;
    pub(super) const ITEM_PUT: u8 = 3;
    pub(super) const ITEM_REMOVE: u8 = 4;
    pub(super) const STANZA: u8 = 5;
    pub(super) const ARCHIVE: u8 = 6;
    pub(super) const OFFLINE: u8 = 7;
    pub(super) const OFFLINE_TRIM: u8 = 8;
    pub(super) const SESSION_PUT: u8 = 9;
    pub(super) const SESSION_COUNTERS: u8 = 10;
    pub(super) const SESSION_REMOVE: u8 = 11;
    pub(super) const QUEUE_OWN: u8 = 12;
    pub(super) const QUEUE_STORED: u8 = 13;
    pub(super) const QUEUE_TRIM: u8 = 14;
}

mod flag {
    pub(super) const STANZA_ID: u8 = 1;
    pub(super) const DELAY: u8 = 2;
    pub(super) const CARBON_RECEIVED: u8 = 4;
    pub(super) const CARBON_SENT: u8 = 8;
    pub(super) const TO: u8 = 16;
    pub(super) const ALSO: u8 = 32;
    pub(super) const ALL: u8 = 63;
}

/// A [`Write`] as it lies in its encoding. Addresses are texts that were prepared before they were written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "variant for variant and field for field those of Write")]
pub enum WriteRef<'a> {
    AccountPut { account: AccountId, jid: &'a str, credentials: &'a [u8] },
    AccountRemove { account: AccountId },
    ItemPut { account: AccountId, kind: ItemKind, key: &'a str, value: &'a [u8] },
    ItemRemove { account: AccountId, kind: ItemKind, key: &'a str },
    Stanza { id: StanzaId, bytes: &'a [u8], archived: bool },
    Archive { account: AccountId, id: StanzaId, peer: &'a str, peer_resource: Option<&'a str> },
    Offline { account: AccountId, id: StanzaId },
    OfflineTrim { account: AccountId, up_to: StanzaId },
    SessionPut { session: SessionId, account: AccountId, state: &'a [u8] },
    SessionCounters { session: SessionId, counters: &'a [u8] },
    SessionRemove { session: SessionId },
    QueueAppend { session: SessionId, seq: u64, content: ContentRef<'a> },
    QueueTrim { session: SessionId, up_to: u64 },
}

/// A [`Content`] as it lies in its encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentRef<'a> {
    /// A stanza of its own.
    Own(&'a [u8]),
    /// A stored stanza and its encoded [`Render`]; see [`decode_render`].
    Stored(StanzaId, &'a [u8]),
}

/// Appends the encoding of a batch to `out`.
pub fn encode(batch: &Batch, out: &mut Vec<u8>) {
    out.push(VERSION);
    for write in &batch.writes {
        encode_write(write, out);
    }
}

fn encode_write(write: &Write, out: &mut Vec<u8>) {
    match write {
        Write::AccountPut { account, jid, credentials } => {
            head(out, tag::ACCOUNT_PUT, account.0);
            put_bytes(out, jid.as_str().as_bytes());
            put_bytes(out, credentials);
        }
        Write::AccountRemove { account } => head(out, tag::ACCOUNT_REMOVE, account.0),
        Write::ItemPut { account, kind, key, value } => {
            head(out, tag::ITEM_PUT, account.0);
            out.push(kind.0);
            put_bytes(out, key.as_bytes());
            put_bytes(out, value);
        }
        Write::ItemRemove { account, kind, key } => {
            head(out, tag::ITEM_REMOVE, account.0);
            out.push(kind.0);
            put_bytes(out, key.as_bytes());
        }
        Write::Stanza { id, bytes, archived } => {
            head(out, tag::STANZA, id.0);
            put_bytes(out, bytes);
            out.push(u8::from(*archived));
        }
        Write::Archive { account, id, peer, peer_resource } => {
            head(out, tag::ARCHIVE, account.0);
            put_int(out, id.0);
            put_bytes(out, peer.as_str().as_bytes());
            out.push(u8::from(peer_resource.is_some()));
            if let Some(resource) = peer_resource {
                put_bytes(out, resource.as_bytes());
            }
        }
        Write::Offline { account, id } => {
            head(out, tag::OFFLINE, account.0);
            put_int(out, id.0);
        }
        Write::OfflineTrim { account, up_to } => {
            head(out, tag::OFFLINE_TRIM, account.0);
            put_int(out, up_to.0);
        }
        Write::SessionPut { session, account, state } => {
            head(out, tag::SESSION_PUT, session.0);
            put_int(out, account.0);
            put_bytes(out, state);
        }
        Write::SessionCounters { session, counters } => {
            head(out, tag::SESSION_COUNTERS, session.0);
            put_bytes(out, counters);
        }
        Write::SessionRemove { session } => head(out, tag::SESSION_REMOVE, session.0),
        Write::QueueAppend { session, seq, content } => encode_append(*session, *seq, content, out),
        Write::QueueTrim { session, up_to } => {
            head(out, tag::QUEUE_TRIM, session.0);
            put_int(out, *up_to);
        }
    }
}

fn encode_append(session: SessionId, seq: u64, content: &Content, out: &mut Vec<u8>) {
    match content {
        Content::Own(bytes) => {
            head(out, tag::QUEUE_OWN, session.0);
            put_int(out, seq);
            put_bytes(out, bytes);
        }
        Content::Stored(id, render) => {
            head(out, tag::QUEUE_STORED, session.0);
            put_int(out, seq);
            put_int(out, id.0);
            let mut encoded = Vec::new();
            encode_render(render, &mut encoded);
            put_bytes(out, &encoded);
        }
    }
}

/// Appends the encoding of a render: one byte of flags, the number of other sessions and their ids, the text of `to`.
pub fn encode_render(render: &Render, out: &mut Vec<u8>) {
    let carbon = match render.carbon {
        None => 0,
        Some(CarbonKind::Received) => flag::CARBON_RECEIVED,
        Some(CarbonKind::Sent) => flag::CARBON_SENT,
    };
    let stanza_id = if render.stanza_id { flag::STANZA_ID } else { 0 };
    let delay = if render.delay { flag::DELAY } else { 0 };
    let to = if render.to.is_some() { flag::TO } else { 0 };
    let also = if render.also.is_empty() { 0 } else { flag::ALSO };
    out.push(carbon | stanza_id | delay | to | also);
    if also != 0 {
        put_int(out, render.also.len() as u64);
        render.also.iter().for_each(|session| put_int(out, session.0));
    }
    out.extend_from_slice(render.to.as_deref().unwrap_or_default().as_bytes());
}

/// Decodes what [`encode_render`] wrote; the whole input is the render.
pub fn decode_render(bytes: &[u8]) -> Result<Render, Malformed> {
    let (&flags, rest) = bytes.split_first().ok_or(Malformed::Truncated)?;
    let carbon = match flags & (flag::CARBON_RECEIVED | flag::CARBON_SENT) {
        0 => None,
        flag::CARBON_RECEIVED => Some(CarbonKind::Received),
        flag::CARBON_SENT => Some(CarbonKind::Sent),
        _ => return Err(Malformed::Value("the carbon flag")),
    };
    let mut rest = Writes { rest };
    let also = if flags & flag::ALSO != 0 { rest.sessions()? } else { Vec::new() };
    let to = rest.rest;
    let has_to = flags & flag::TO != 0;
    if flags & !flag::ALL != 0 || !has_to && !to.is_empty() {
        return Err(Malformed::Value("a render flag"));
    }
    let to = if has_to { Some(text(to)?.into()) } else { None };
    Ok(Render {
        stanza_id: flags & flag::STANZA_ID != 0,
        delay: flags & flag::DELAY != 0,
        carbon,
        to,
        also,
    })
}

/// The writes of an encoded batch, one after the other. Ends after the first error.
#[derive(Clone, Debug)]
pub struct Writes<'a> {
    rest: &'a [u8],
}

/// Begins to decode a batch.
pub fn writes(encoded: &[u8]) -> Result<Writes<'_>, Malformed> {
    match encoded.split_first() {
        None => Err(Malformed::Truncated),
        Some((&VERSION, rest)) => Ok(Writes { rest }),
        Some((&version, _)) => Err(Malformed::Version(version)),
    }
}

/// Decodes a batch; values share the memory of `encoded`.
pub fn decode(encoded: &Bytes) -> Result<Batch, Malformed> {
    let mut batch = Batch::default();
    for write in writes(encoded)? {
        batch.writes.push(write?.to_write(encoded)?);
    }
    Ok(batch)
}

impl<'a> Iterator for Writes<'a> {
    type Item = Result<WriteRef<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let write = self.take_write();
        if write.is_err() {
            self.rest = &[];
        }
        Some(write)
    }
}

impl<'a> Writes<'a> {
    fn take_write(&mut self) -> Result<WriteRef<'a>, Malformed> {
        let tag = self.byte()?;
        let owner = self.int()?;
        let (account, session) = (AccountId(owner), SessionId(owner));
        Ok(match tag {
            tag::ACCOUNT_PUT => {
                WriteRef::AccountPut { account, jid: self.text()?, credentials: self.bytes()? }
            }
            tag::ACCOUNT_REMOVE => WriteRef::AccountRemove { account },
            tag::ITEM_PUT => WriteRef::ItemPut {
                account,
                kind: ItemKind(self.byte()?),
                key: self.text()?,
                value: self.bytes()?,
            },
            tag::ITEM_REMOVE => {
                WriteRef::ItemRemove { account, kind: ItemKind(self.byte()?), key: self.text()? }
            }
            tag::STANZA => WriteRef::Stanza {
                id: StanzaId(owner),
                bytes: self.bytes()?,
                archived: self.bool()?,
            },
            tag::ARCHIVE => WriteRef::Archive {
                account,
                id: self.stanza()?,
                peer: self.text()?,
                peer_resource: if self.bool()? { Some(self.text()?) } else { None },
            },
            tag::OFFLINE => WriteRef::Offline { account, id: self.stanza()? },
            tag::OFFLINE_TRIM => WriteRef::OfflineTrim { account, up_to: self.stanza()? },
            tag::SESSION_PUT => WriteRef::SessionPut {
                session,
                account: AccountId(self.int()?),
                state: self.bytes()?,
            },
            tag::SESSION_COUNTERS => WriteRef::SessionCounters { session, counters: self.bytes()? },
            tag::SESSION_REMOVE => WriteRef::SessionRemove { session },
            tag::QUEUE_OWN => WriteRef::QueueAppend {
                session,
                seq: self.int()?,
                content: ContentRef::Own(self.bytes()?),
            },
            tag::QUEUE_STORED => WriteRef::QueueAppend {
                session,
                seq: self.int()?,
                content: ContentRef::Stored(self.stanza()?, self.bytes()?),
            },
            tag::QUEUE_TRIM => WriteRef::QueueTrim { session, up_to: self.int()? },
            other => return Err(Malformed::Tag(other)),
        })
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        let (&byte, rest) = self.rest.split_first().ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(byte)
    }

    fn bool(&mut self) -> Result<bool, Malformed> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed::Value("a flag")),
        }
    }

    fn int(&mut self) -> Result<u64, Malformed> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(Malformed::Value("an integer"));
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Malformed::Value("an integer"))
    }

    /// A number of session ids, at least one; no more than there are bytes for.
    fn sessions(&mut self) -> Result<Vec<SessionId>, Malformed> {
        let count = self.int()?;
        if count == 0 || count > self.rest.len() as u64 {
            return Err(Malformed::Value("the number of other sessions"));
        }
        (0..count).map(|_| self.int().map(SessionId)).collect()
    }

    fn stanza(&mut self) -> Result<StanzaId, Malformed> {
        self.int().map(StanzaId)
    }

    fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = usize::try_from(self.int()?).map_err(|_| Malformed::Truncated)?;
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(bytes)
    }

    fn text(&mut self) -> Result<&'a str, Malformed> {
        text(self.bytes()?)
    }
}

impl WriteRef<'_> {
    /// The write on its own. `encoded` is the buffer this was decoded from; values share its memory.
    fn to_write(self, encoded: &Bytes) -> Result<Write, Malformed> {
        let own = |bytes: &[u8]| encoded.slice_ref(bytes);
        Ok(match self {
            Self::AccountPut { account, jid: text, credentials } => {
                Write::AccountPut { account, jid: jid(text)?, credentials: own(credentials) }
            }
            Self::AccountRemove { account } => Write::AccountRemove { account },
            Self::ItemPut { account, kind, key, value } => {
                Write::ItemPut { account, kind, key: key.into(), value: own(value) }
            }
            Self::ItemRemove { account, kind, key } => {
                Write::ItemRemove { account, kind, key: key.into() }
            }
            Self::Stanza { id, bytes, archived } => {
                Write::Stanza { id, bytes: own(bytes), archived }
            }
            Self::Archive { account, id, peer, peer_resource } => Write::Archive {
                account,
                id,
                peer: jid(peer)?,
                peer_resource: peer_resource.map(Into::into),
            },
            Self::Offline { account, id } => Write::Offline { account, id },
            Self::OfflineTrim { account, up_to } => Write::OfflineTrim { account, up_to },
            Self::SessionPut { session, account, state } => {
                Write::SessionPut { session, account, state: own(state) }
            }
            Self::SessionCounters { session, counters } => {
                Write::SessionCounters { session, counters: own(counters) }
            }
            Self::SessionRemove { session } => Write::SessionRemove { session },
            Self::QueueAppend { session, seq, content } => {
                let content = match content {
                    ContentRef::Own(bytes) => Content::Own(own(bytes)),
                    ContentRef::Stored(id, render) => Content::Stored(id, decode_render(render)?),
                };
                Write::QueueAppend { session, seq, content }
            }
            Self::QueueTrim { session, up_to } => Write::QueueTrim { session, up_to },
        })
    }
}

fn head(out: &mut Vec<u8>, tag: u8, owner: u64) {
    out.push(tag);
    put_int(out, owner);
}

fn put_int(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_int(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn text(bytes: &[u8]) -> Result<&str, Malformed> {
    std::str::from_utf8(bytes).map_err(|_| Malformed::Value("a text"))
}

fn jid(text: &str) -> Result<BareJid, Malformed> {
    BareJid::parse(text).map_err(|_| Malformed::Value("an address"))
}

#[cfg(test)]
#[path = "codec_tests.rs"]
mod tests;

//! A connection that is logged in and costs little: bytes out, counted elements in, acknowledgements answered.

use super::scan::{Scan, Seen};
use crate::client::Client;
use crate::transport::Bytes;
use anyhow::{Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A lean connection.
pub(super) struct Lean {
    stream: Box<dyn Bytes>,
    scan: Scan,
    handled: u32,
    buffer: Vec<u8>,
}

/// What one read brought.
#[derive(Debug, Default)]
pub(super) struct Brought {
    pub messages: u32,
    pub stanzas: u32,
    pub acked: Option<u32>,
}

impl Lean {
    /// Takes a client over.
    pub(super) async fn new(mut client: Client) -> Result<Self> {
        client.sync().await?;
        let (stream, handled) = client.into_connection()?;
        Ok(Self { stream, scan: Scan::default(), handled, buffer: vec![0; 16 * 1024] })
    }
    /// Sends bytes.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await?;
        Ok(())
    }
    /// Reads once, answers an `<r/>`; tells about each message's opening tag.
    pub(super) async fn read(&mut self, mut message: impl FnMut(&str)) -> Result<Brought> {
        let count = self.stream.read(&mut self.buffer).await?;
        ensure!(count > 0, "the server closed the connection");
        let mut brought = Brought::default();
        let (mut asked, mut ended) = (false, false);
        self.scan.push(&self.buffer[..count], |seen| match seen {
            Seen::Message(tag) => {
                brought.messages += 1;
                message(tag);
            }
            Seen::Stanza => brought.stanzas += 1,
            Seen::Request => asked = true,
            Seen::Ack(h) => brought.acked = Some(h),
            Seen::End => ended = true,
        });
        ensure!(!ended, "the server ended the stream");
        self.handled = self.handled.wrapping_add(brought.messages + brought.stanzas);
        if asked {
            let answer = format!("<a xmlns='urn:xmpp:sm:3' h='{}'/>", self.handled);
            self.send(answer.as_bytes()).await?;
        }
        Ok(brought)
    }
}

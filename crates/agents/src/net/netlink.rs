//! A blocking rtnetlink socket: one request, its answers; or the kernel's events.
//!
//! Only what logical hosts need of netlink(7), so that no crate with the whole of it is built into every method.
//! It must never wait for ever: every receive has a limit.

use super::attribute::{aligned, u16_at, u32_at};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, netlink, recv, send,
    socket_with,
};
use std::io;
use std::time::{Duration, Instant};

/// Bytes of nlmsghdr.
const HEAD: usize = 16;
/// The kernel fills at most 32 KiB per datagram of a dump.
const DATAGRAM_BYTES_MAX: usize = 64 * 1024;
/// The kernel answers at once; this long only when the machine is in deep trouble.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) const REQUEST: u16 = 0x1;
pub(crate) const ACK: u16 = 0x4;
pub(crate) const EXCLUSIVE: u16 = 0x200;
pub(crate) const CREATE: u16 = 0x400;
pub(crate) const DUMP: u16 = 0x300;

const ERROR: u16 = 2;
const DONE: u16 = 3;

/// One message, without its head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) kind: u16,
    sequence: u32,
    pub(crate) body: Vec<u8>,
}

/// A socket to the kernel's routing tables.
#[derive(Debug)]
pub(crate) struct Netlink {
    socket: OwnedFd,
    sequence: u32,
}

impl Netlink {
    /// For requests.
    pub(crate) fn open() -> io::Result<Self> {
        Self::listening(0)
    }

    /// Also gets the events of these groups (RTMGRP_*).
    pub(crate) fn listening(groups: u32) -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC;
        let family = AddressFamily::NETLINK;
        let socket = socket_with(family, SocketType::RAW, flags, None)?; // 0 is NETLINK_ROUTE
        bind(&socket, &netlink::SocketAddrNetlink::new(0, groups))?;
        Ok(Self { socket, sequence: 0 })
    }

    /// Sends a request and gives its answers; an error of the kernel is an error with its number.
    pub(crate) fn request(
        &mut self,
        kind: u16,
        flags: u16,
        body: &[u8],
    ) -> io::Result<Vec<Message>> {
        self.sequence = self.sequence.wrapping_add(1);
        let length = u32::try_from(HEAD + body.len()).map_err(io::Error::other)?;
        let mut message = Vec::with_capacity(HEAD + body.len());
        message.extend_from_slice(&length.to_ne_bytes());
        message.extend_from_slice(&kind.to_ne_bytes());
        message.extend_from_slice(&(flags | REQUEST).to_ne_bytes());
        message.extend_from_slice(&self.sequence.to_ne_bytes());
        message.extend_from_slice(&0u32.to_ne_bytes());
        message.extend_from_slice(body);
        send(&self.socket, &message, SendFlags::empty())?;
        let until = Instant::now() + PATIENCE;
        let mut answers = Vec::new();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let Some(messages) = self.events(left)? else {
                return Err(io::Error::other("the kernel does not answer on its netlink socket"));
            };
            for message in messages.into_iter().filter(|m| m.sequence == self.sequence) {
                match message.kind {
                    ERROR => return outcome(&message.body).map(|()| answers),
                    DONE => return Ok(answers),
                    _ => answers.push(message),
                }
            }
        }
    }

    /// The next messages, whatever they are; `None` when there is none within the time. Lost events (ENOBUFS) come as no messages:
    /// whoever listens looks at the whole state again anyway.
    pub(crate) fn events(&self, wait: Duration) -> io::Result<Option<Vec<Message>>> {
        let mut fds = [PollFd::new(&self.socket, PollFlags::IN)];
        let timeout = Timespec::try_from(wait).map_err(io::Error::other)?;
        match poll(&mut fds, Some(&timeout)) {
            Ok(0) => return Ok(None),
            Ok(_) => {}
            Err(Errno::INTR) => return Ok(Some(Vec::new())),
            Err(error) => return Err(error.into()),
        }
        let mut buffer = vec![0u8; DATAGRAM_BYTES_MAX];
        match recv(&self.socket, &mut buffer[..], RecvFlags::DONTWAIT) {
            Ok((length, _)) => {
                buffer.truncate(length);
                Ok(Some(messages(&buffer)))
            }
            Err(Errno::NOBUFS | Errno::AGAIN | Errno::INTR) => Ok(Some(Vec::new())),
            Err(error) => Err(error.into()),
        }
    }
}

/// NLMSG_ERROR: zero is an acknowledgement.
fn outcome(body: &[u8]) -> io::Result<()> {
    match u32_at(body, 0).map(u32::cast_signed) {
        Some(0) => Ok(()),
        Some(code) => Err(io::Error::from_raw_os_error(code.wrapping_neg())),
        None => Err(io::Error::other("the kernel's answer is cut off")),
    }
}

fn messages(mut bytes: &[u8]) -> Vec<Message> {
    let mut found = Vec::new();
    while let (Some(length), Some(kind), Some(sequence)) =
        (u32_at(bytes, 0), u16_at(bytes, 4), u32_at(bytes, 8))
    {
        let Ok(length) = usize::try_from(length) else { break };
        let Some(body) = bytes.get(HEAD..length) else { break };
        found.push(Message { kind, sequence, body: body.to_vec() });
        bytes = bytes.get(aligned(length)..).unwrap_or_default();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_messages_of_one_datagram_are_all_read() {
        let one = |kind: u16, body: &[u8]| {
            let mut bytes = u32::try_from(HEAD + body.len()).unwrap().to_ne_bytes().to_vec();
            bytes.extend_from_slice(&kind.to_ne_bytes());
            bytes.extend_from_slice(&[0, 0, 7, 0, 0, 0, 0, 0, 0, 0]);
            bytes.extend_from_slice(body);
            bytes.resize(aligned(bytes.len()), 0);
            bytes
        };
        let mut datagram = one(20, b"abcde");
        datagram.extend(one(3, b""));
        let read = messages(&datagram);
        assert_eq!(read.iter().map(|m| m.kind).collect::<Vec<_>>(), [20, 3]);
        assert_eq!(read[0].body, b"abcde");
        assert_eq!(messages(&datagram[..30]).len(), 1, "a cut message ends the reading");
        assert_eq!(messages(&[0; 64]).len(), 0, "a length of zero ends the reading");
    }
}

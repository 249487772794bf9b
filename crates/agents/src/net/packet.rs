//! Ethernet frames on one interface, by a packet(7) socket.

use super::route::Link;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::AsFd;
use rustix::io::Errno;
use socket2::{Domain, SockAddr, SockAddrStorage, Socket, Type};
use std::io;
use std::time::{Duration, Instant};

/// An Ethernet address.
pub(crate) type Hardware = [u8; 6];

/// Everybody on the wire.
pub(crate) const BROADCAST: Hardware = [0xff; 6];
/// Bytes of an Ethernet head: destination, source, kind.
pub(crate) const HEAD: usize = 14;
/// Longer frames are cut; what we look for is short.
const FRAME_BYTES_MAX: usize = 2048;

/// Frames of one kind on one interface.
#[derive(Debug)]
pub(crate) struct Wire {
    socket: Socket,
    /// Of the interface.
    pub(crate) hardware: Hardware,
    ethertype: u16,
}

impl Wire {
    /// Sends and receives frames of this kind. Needs CAP_NET_RAW.
    pub(crate) fn open(link: &Link, ethertype: u16) -> io::Result<Self> {
        let hardware = link
            .hardware
            .ok_or_else(|| io::Error::other(format!("{} is no Ethernet", link.name)))?;
        // Without a protocol nothing arrives before the socket is bound to its interface.
        let socket = Socket::new(Domain::PACKET, Type::RAW, None)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address(link.index, ethertype))?;
        Ok(Self { socket, hardware, ethertype })
    }

    /// Sends one frame.
    pub(crate) fn send(&self, to: Hardware, payload: &[u8]) -> io::Result<()> {
        let mut frame = Vec::with_capacity(HEAD + payload.len());
        frame.extend_from_slice(&to);
        frame.extend_from_slice(&self.hardware);
        frame.extend_from_slice(&self.ethertype.to_be_bytes());
        frame.extend_from_slice(payload);
        self.socket.send(&frame).map(drop)
    }

    /// One frame that is there already, if any: its sender and what it carries.
    pub(crate) fn take(&self) -> io::Result<Option<(Hardware, Vec<u8>)>> {
        let mut buffer = [0u8; FRAME_BYTES_MAX];
        let length = match rustix::io::read(&self.socket, &mut buffer) {
            Ok(length) => length,
            Err(Errno::AGAIN | Errno::INTR | Errno::NETDOWN) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let from = buffer.get(6..12).and_then(|from| from.try_into().ok());
        let payload = buffer.get(HEAD..length);
        Ok(from.zip(payload.map(<[u8]>::to_vec)))
    }
}

/// Waits until a frame has arrived at one of them (TRUE) or the time is over.
pub(crate) fn wait(wires: &[&Wire], until: Instant) -> io::Result<bool> {
    let left: Duration = until.saturating_duration_since(Instant::now());
    let timeout = Timespec::try_from(left).map_err(io::Error::other)?;
    let mut fds: Vec<PollFd<'_>> = wires
        .iter()
        .map(|wire| PollFd::from_borrowed_fd(wire.socket.as_fd(), PollFlags::IN))
        .collect();
    match poll(&mut fds, Some(&timeout)) {
        Ok(ready) => Ok(ready > 0),
        Err(Errno::INTR) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// struct sockaddr_ll.
#[expect(unsafe_code, reason = "no safe wrapper knows packet(7)'s addresses")]
fn address(index: u32, ethertype: u16) -> SockAddr {
    let mut storage = SockAddrStorage::zeroed();
    // SAFETY: sockaddr_storage is large enough and aligned for every kind of socket address, of which sockaddr_ll is one, and all its
    // fields are integers, for which any bytes are a value.
    let link: &mut libc::sockaddr_ll = unsafe { storage.view_as() };
    link.sll_family = u16::try_from(libc::AF_PACKET).unwrap_or_default();
    link.sll_protocol = ethertype.to_be();
    link.sll_ifindex = i32::try_from(index).unwrap_or_default();
    let length = u32::try_from(size_of::<libc::sockaddr_ll>()).unwrap_or_default();
    // SAFETY: the storage holds a sockaddr_ll of that length, with its family set.
    unsafe { SockAddr::new(storage, length) }
}

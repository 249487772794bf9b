//! Everything the multiplexor asks of the kernel about a socket, beyond reading and writing.

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use std::io;
use std::mem::MaybeUninit;
use std::net::{Shutdown, SocketAddr};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// Connections the kernel completes while we are busy or pause; it lowers this to `net.core.somaxconn`.
const BACKLOG: i32 = 4096;
/// A silent peer is asked for a sign of life after this time …
const KEEPALIVE_AFTER: Duration = Duration::from_secs(120);
/// … again at this interval …
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);
/// … and given up after so many.
const KEEPALIVE_RETRIES: u32 = 4;
/// A peer that acknowledges no segment for so long is gone (RFC 5482).
const USER_TIMEOUT: Duration = Duration::from_secs(120);

/// Binds and listens; needs a tokio runtime.
pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // So that [::]:5222 and 0.0.0.0:5222 can both be configured, whatever the system's default is.
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Prepares an accepted connection. A socket the peer has already reset refuses some of this.
pub(crate) fn prepare(stream: &TcpStream) -> io::Result<()> {
    let socket = SockRef::from(stream);
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(
        &TcpKeepalive::new()
            .with_time(KEEPALIVE_AFTER)
            .with_interval(KEEPALIVE_INTERVAL)
            .with_retries(KEEPALIVE_RETRIES),
    )?;
    socket.set_tcp_user_timeout(Some(USER_TIMEOUT))
}

/// What lies unread in the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    /// Nothing yet.
    Nothing,
    /// At least one byte.
    Bytes,
    /// The peer closed its side, or the connection is broken.
    Closure,
}

/// Looks without taking, and without trusting what the runtime has been told so far.
pub(crate) fn unread(stream: &TcpStream) -> Unread {
    match SockRef::from(stream).peek(&mut [MaybeUninit::uninit()]) {
        Ok(0) => Unread::Closure,
        Ok(_) => Unread::Bytes,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Unread::Nothing,
        Err(_) => Unread::Closure,
    }
}

/// Closes our side; the peer reads an end after what was written.
pub(crate) fn close_our_side(stream: &TcpStream) -> io::Result<()> {
    SockRef::from(stream).shutdown(Shutdown::Write)
}

/// Closes both sides at once.
pub(crate) fn close_both_sides(stream: &TcpStream) {
    // The peer may have been faster; there is nothing left to do then.
    let _ = SockRef::from(stream).shutdown(Shutdown::Both);
}

/// Raises the limit on open files as far as this process may, and gives it; `None` without limit. The usual 1,024 exist for
/// the sake of `select`, which nothing here uses.
pub(crate) fn raise_open_files_max() -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    }
}

/// Whether an error of `accept` means that the process or the system has no file descriptors or buffers left.
pub(crate) fn is_out_of_files(error: &io::Error) -> bool {
    use rustix::io::Errno;
    const OUT: [Errno; 4] = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    error.raw_os_error().is_some_and(|code| OUT.iter().any(|out| out.raw_os_error() == code))
}

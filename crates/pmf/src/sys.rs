//! The few things the kernel offers and no safe interface reaches: default signal dispositions, closing
//! descriptors we do not know, real-time signal numbers, and waiting for a descriptor we own.
//!
//! Used by the keeper before it has threads, and for sending a signal. It must never grow: whatever has a safe wrapper in
//! `std` or `rustix` is used from there.
#![expect(
    unsafe_code,
    reason = "signal, close_range, Signal::from_raw and AsyncFd have no safe interface"
)]

use std::io;
use std::os::fd::OwnedFd;

use rustix::process::Signal;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Highest signal number of Linux.
const SIGNAL_MAX: i32 = 64;

/// Sets every signal to its default disposition and unblocks all: what a parent ignored or blocked (`nohup`, a shell's `&`)
/// would otherwise outlive every exec. `SIGPIPE` is left alone: std ignores it in this process and resets it in children.
pub(crate) fn reset_signals() {
    for signal in (1..=SIGNAL_MAX).filter(|signal| *signal != libc::SIGPIPE) {
        // SAFETY: SIG_DFL is a valid disposition and no handler of this process is replaced by code; numbers that cannot
        // be changed (KILL, STOP, 32, 33) are refused by the kernel or libc with an error that means nothing to us.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    // SAFETY: the set is plain memory, initialised by sigemptyset before it is read.
    unsafe {
        let mut none = std::mem::zeroed::<libc::sigset_t>();
        libc::sigemptyset(&mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &none, std::ptr::null_mut());
    }
}

/// Closes every descriptor from 3 on: whatever the daemon did not mark close-on-exec. For a process that has just begun and
/// owns none of them.
pub(crate) fn close_inherited() {
    // SAFETY: the caller has opened nothing yet, so no value of this process stands for any of these descriptors.
    let done = unsafe { libc::syscall(libc::SYS_close_range, 3_u32, u32::MAX, 0) };
    if done == 0 {
        return;
    }
    // A kernel before 5.9: one by one. The listing's own descriptor is closed by then.
    let open = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let numbers: Vec<i32> =
        open.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    for number in numbers.into_iter().filter(|number| *number > 2) {
        // SAFETY: as above; a number that is closed already gives EBADF.
        unsafe { libc::close(number) };
    }
}

/// The signal of that number, real-time ones included, or `None` for numbers that are no signal or belong to libc.
pub(crate) fn signal(number: i32) -> Option<Signal> {
    if (34..=SIGNAL_MAX).contains(&number) {
        // SAFETY: 32 and 33 are libc's own; the numbers above are free for programs to send.
        return Some(unsafe { Signal::from_raw_unchecked(number) });
    }
    Signal::from_named_raw(number)
}

/// A descriptor whose becoming readable can be awaited.
pub(crate) fn await_readable(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an OwnedFd is open and names the same thing for as long as the AsyncFd that owns it.
    unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) }.map_err(io::Error::from)
}

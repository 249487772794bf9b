//! Buffers lent by the thread for the length of one read or write, so that a quiet connection holds none.
//!
//! Never kept over an await, and never borrowed twice: [`with`] takes a closure that must not call back into it.

use std::cell::RefCell;

/// Bytes of one read: a whole TLS record of the largest kind with what preceded it, several times over.
pub(crate) const INPUT_BYTES: usize = 64 * 1024;

/// A scratch buffer that has grown beyond this is given back to the allocator.
const KEPT_BYTES_MAX: usize = 512 * 1024;

/// The buffers.
pub(crate) struct Scratch {
    /// Bytes from the socket; always [`INPUT_BYTES`] long.
    pub(crate) input: Vec<u8>,
    /// What is to be written, gathered.
    pub(crate) plain: Vec<u8>,
    /// The same as TLS records.
    pub(crate) cipher: Vec<u8>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch {
        input: vec![0; INPUT_BYTES],
        plain: Vec::new(),
        cipher: Vec::new(),
    });
}

/// Lends this thread's buffers. `plain` and `cipher` are empty.
pub(crate) fn with<T>(borrow: impl FnOnce(&mut Scratch) -> T) -> T {
    SCRATCH.with_borrow_mut(|scratch| {
        let result = borrow(scratch);
        for buffer in [&mut scratch.plain, &mut scratch.cipher] {
            buffer.clear();
            if buffer.capacity() > KEPT_BYTES_MAX {
                *buffer = Vec::new();
            }
        }
        result
    })
}

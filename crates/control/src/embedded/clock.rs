//! CLOCK_BOOTTIME, which goes on while the machine is suspended, and the boot that it counts from.
//!
//! Processes in containers may have a time namespace of their own; its offset is taken out, so that all processes of the machine agree.

use crate::Error;
use rustix::time::{ClockId, clock_gettime};
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const NANOS: i128 = 1_000_000_000;

/// The machine's clock.
#[derive(Clone, Debug)]
pub struct Clock {
    boot: String,
    /// Nanoseconds that this process's clock is ahead of the machine's.
    offset: i128,
    /// Milliseconds added by a test.
    ahead: Arc<AtomicU64>,
}

impl Clock {
    /// The real one.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the kernel does not tell which boot this is.
    pub fn of_this_machine() -> Result<Self, Error> {
        const PATH: &str = "/proc/sys/kernel/random/boot_id";
        let boot = fs::read_to_string(PATH)
            .map_err(|error| Error::Unavailable(format!("{PATH}: {error}; mount /proc")))?;
        // Kernels without time namespaces do not have this file.
        let offsets = fs::read_to_string("/proc/self/timens_offsets").unwrap_or_default();
        Ok(Self {
            boot: boot.trim().to_owned(),
            offset: boottime_offset(&offsets),
            ahead: Arc::default(),
        })
    }

    /// For tests: as if the machine had booted anew, with this as the boot's id.
    #[must_use]
    pub fn pretend_boot(self, boot: &str) -> Self {
        Self { boot: boot.to_owned(), ..self }
    }

    /// For tests: as if this time had passed, for all clones of this clock.
    pub fn pretend_passed(&self, time: Duration) {
        let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.ahead.fetch_add(millis, Ordering::Relaxed);
    }

    pub(super) fn boot(&self) -> &str {
        &self.boot
    }

    /// Time since the machine booted.
    pub(super) fn now(&self) -> Duration {
        let read = clock_gettime(ClockId::Boottime);
        let nanos = i128::from(read.tv_sec) * NANOS + i128::from(read.tv_nsec) - self.offset;
        let ahead = Duration::from_millis(self.ahead.load(Ordering::Relaxed));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(0)).saturating_add(ahead)
    }
}

/// Reads the line `boottime SECONDS NANOSECONDS`.
fn boottime_offset(text: &str) -> i128 {
    for line in text.lines() {
        let mut words = line.split_whitespace();
        if words.next() == Some("boottime") {
            let mut number = || words.next().and_then(|word| word.parse::<i64>().ok());
            if let (Some(seconds), Some(nanos)) = (number(), number()) {
                return i128::from(seconds) * NANOS + i128::from(nanos);
            }
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::boottime_offset;

    #[test]
    fn the_offset_of_a_time_namespace_is_read() {
        for (text, offset) in [
            ("", 0),
            ("monotonic           0         0\nboottime            0         0\n", 0),
            ("monotonic  5 6\nboottime   86400 7\n", 86_400_000_000_007),
            ("boottime -10 500000000\n", -9_500_000_000),
            ("boottime soon\n", 0),
        ] {
            assert_eq!(boottime_offset(text), offset, "{text:?}");
        }
    }
}

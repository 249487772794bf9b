//! Resetting the machine when something on it cannot be stopped: the last step of failfast.
//!
//! A watchdog device is closed so that it does not fire (the magic close) only when the guard ends in order and nothing runs any more; whatever
//! else ends the guard lets it fire.

use super::standing::Standing;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How often a watchdog device is fed; the shortest time-out a device can have is a second.
const FEED_EVERY: Duration = Duration::from_millis(400);
/// How long the operator's program may take.
const COMMAND_PATIENCE: Duration = Duration::from_secs(10);
/// How often it is looked whether it has ended.
const COMMAND_LOOK: Duration = Duration::from_millis(10);

/// What is done to a machine that cannot stop what it runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Reset {
    /// Nothing: it is said, and tried again.
    #[default]
    Never,
    /// reboot(2), without a sync: what is not written must not be written now.
    Reboot,
    /// A watchdog device (`/dev/watchdog`) is opened and fed while all is well; then it no longer is.
    Watchdog(PathBuf),
    /// A program of the operator's (a power switch). Also how tests see it.
    Command(PathBuf),
}

/// Resets as configured; holds the watchdog device open.
#[derive(Debug)]
pub(super) struct Resetter {
    how: Reset,
    watchdog: Option<File>,
    is_starving: bool,
}

impl Resetter {
    /// Opens what it needs; a watchdog device that is configured and not there is an error, because the operator counts on it.
    pub(super) fn open(how: Reset) -> std::io::Result<Self> {
        let watchdog = match &how {
            Reset::Watchdog(path) => Some(open_device(path)?),
            _ => None,
        };
        Ok(Self { how, watchdog, is_starving: false })
    }

    /// How often [`Self::feed`] must be called.
    pub(super) fn feeds_every(&self) -> Option<Duration> {
        self.watchdog.as_ref().map(|_| FEED_EVERY)
    }

    /// All is well.
    pub(super) fn feed(&mut self) {
        if let (Some(device), false) = (&mut self.watchdog, self.is_starving) {
            // A device that cannot be fed resets the machine; that is its purpose.
            let _ = device.write_all(b"1");
        }
    }

    /// Closes the watchdog so that it does not fire: the guard ends in order.
    pub(super) fn close(&mut self) {
        if let (Some(mut device), false) = (self.watchdog.take(), self.is_starving) {
            let _ = device.write_all(b"V");
        }
    }

    /// A watchdog device is no longer fed.
    pub(super) fn is_starving(&self) -> bool {
        self.is_starving
    }

    /// Resets the machine. Returns whether that is under way, with the sentence to say.
    pub(super) fn reset(&mut self, standing: &Standing) -> (bool, String) {
        match &self.how {
            Reset::Never => {
                let said = "no way to reset this machine is configured ([failfast] reset)";
                (false, said.to_owned())
            }
            Reset::Reboot => {
                let error = rustix::system::reboot(rustix::system::RebootCommand::Restart);
                (false, format!("reboot(2) failed: {error:?}"))
            }
            Reset::Watchdog(path) => {
                self.is_starving = true;
                (true, format!("{} is no longer fed", path.display()))
            }
            Reset::Command(program) => standing.as_anybody(|| call(program)),
        }
    }
}

fn open_device(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().write(true).open(path).map_err(|error| {
        let shown = path.display();
        std::io::Error::new(error.kind(), format!("the watchdog device {shown}: {error}"))
    })
}

/// Runs the operator's program, not longer than its patience: what it does may be the last thing this machine does.
fn call(program: &Path) -> (bool, String) {
    let shown = program.display();
    let mut child = match Command::new(program).stdin(Stdio::null()).spawn() {
        Ok(child) => child,
        Err(error) => return (false, format!("{shown} cannot be run: {error}")),
    };
    let began = Instant::now();
    while began.elapsed() < COMMAND_PATIENCE {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return (true, format!("{shown} was called")),
            Ok(Some(status)) => return (false, format!("{shown} failed: {status}")),
            Ok(None) => std::thread::sleep(COMMAND_LOOK),
            Err(error) => return (false, format!("{shown}: {error}")),
        }
    }
    (true, format!("{shown} still runs after {} s", COMMAND_PATIENCE.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a device was told, by a file in its place.
    fn told(act: impl FnOnce(&mut Resetter)) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("watchdog");
        std::fs::write(&path, "").unwrap();
        let mut resetter = Resetter::open(Reset::Watchdog(path.clone())).unwrap();
        act(&mut resetter);
        drop(resetter);
        std::fs::read_to_string(path).unwrap()
    }

    #[test]
    fn a_watchdog_is_closed_only_in_order_and_never_fed_after_a_reset() {
        let standing = Standing::raise();
        assert_eq!(told(|r| r.feed()), "1");
        assert_eq!(
            told(|r| {
                r.feed();
                r.close();
            }),
            "1V"
        );
        let starved = told(|r| {
            r.feed();
            assert!(r.reset(&standing).0 && r.is_starving());
            r.feed();
            r.close();
        });
        assert_eq!(starved, "1");
    }

    #[test]
    fn a_watchdog_that_is_not_there_is_said_by_name() {
        let error = Resetter::open(Reset::Watchdog("/no/watchdog".into())).unwrap_err();
        assert!(error.to_string().contains("the watchdog device /no/watchdog"), "{error}");
    }
}

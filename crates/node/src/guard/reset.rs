//! Resetting the machine when something on it cannot be stopped: the last step of failfast.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

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
pub(crate) struct Resetter {
    how: Reset,
    watchdog: Option<File>,
}

impl Resetter {
    /// Opens what it needs; a watchdog device that is configured and not there is an error, because the operator counts on it.
    pub(crate) fn open(how: Reset) -> std::io::Result<Self> {
        let watchdog = match &how {
            Reset::Watchdog(path) => Some(OpenOptions::new().write(true).open(path)?),
            _ => None,
        };
        Ok(Self { how, watchdog })
    }

    /// All is well.
    pub(crate) fn feed(&mut self) {
        if let Some(device) = &mut self.watchdog {
            // A device that cannot be fed resets the machine; that is its purpose.
            let _ = device.write_all(b"1");
        }
    }

    /// Closes the watchdog so that it does not fire: the guard ends in order.
    pub(crate) fn close(&mut self) {
        if let Some(device) = &mut self.watchdog {
            let _ = device.write_all(b"V");
        }
    }

    /// Resets the machine. Returns only when that is not possible, with the sentence to say.
    pub(crate) fn reset(&mut self) -> String {
        match &self.how {
            Reset::Never => {
                "no way to reset this machine is configured ([failfast] reset)".to_owned()
            }
            Reset::Reboot => {
                let error = rustix::system::reboot(rustix::system::RebootCommand::Restart);
                format!("reboot(2) failed: {error:?}")
            }
            Reset::Watchdog(path) => format!("{} is no longer fed", path.display()),
            Reset::Command(program) => match Command::new(program).status() {
                Ok(status) if status.success() => format!("{} was called", program.display()),
                Ok(status) => format!("{} failed: {status}", program.display()),
                Err(error) => format!("{} cannot be run: {error}", program.display()),
            },
        }
    }
}

//! How a process ended.

use serde::{Deserialize, Serialize};

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Exit {
    /// It returned, with this status (0–255).
    Exited(i32),
    /// A signal ended it, core dump or not.
    Signalled(i32),
}

impl Exit {
    /// `exit 0`.
    pub fn is_success(self) -> bool {
        self == Exit::Exited(0)
    }
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Exit::Exited(code) => write!(f, "exited with status {code}"),
            Exit::Signalled(signal) => {
                write!(f, "was ended by signal {} ({signal})", crate::signal_name(*signal))
            }
        }
    }
}

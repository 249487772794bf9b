//! How states are spelled: scstat's words for people, the tokens of the `scha` commands for programs. One place, so that no two
//! commands call a state by two names.
//!
//! Never decides anything; never looks at more than the value it is given.

use crate::model::{FailoverMode, GroupMode, GroupState, ResourceState, Status};

/// TRUE or FALSE.
pub const fn truth(value: bool) -> &'static str {
    if value { "TRUE" } else { "FALSE" }
}

/// Value of On_off_switch and Monitored_switch.
pub const fn switch(on: bool) -> &'static str {
    if on { "ENABLED" } else { "DISABLED" }
}

impl GroupState {
    /// As scstat says it: `Pending online`.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Unmanaged => "Unmanaged",
            Self::Offline => "Offline",
            Self::PendingOnline => "Pending online",
            Self::PendingOnlineBlocked => "Pending online blocked",
            Self::Online => "Online",
            Self::OnlineFaulted => "Online faulted",
            Self::PendingOffline => "Pending offline",
            Self::ErrorStopFailed => "Error--stop failed",
        }
    }

    /// As RG_STATE says it: `PENDING_ONLINE`.
    pub const fn token(self) -> &'static str {
        match self {
            Self::Unmanaged => "UNMANAGED",
            Self::Offline => "OFFLINE",
            Self::PendingOnline => "PENDING_ONLINE",
            Self::PendingOnlineBlocked => "PENDING_ONLINE_BLOCKED",
            Self::Online => "ONLINE",
            Self::OnlineFaulted => "ONLINE_FAULTED",
            Self::PendingOffline => "PENDING_OFFLINE",
            Self::ErrorStopFailed => "ERROR_STOP_FAILED",
        }
    }

    /// Whether the group's resources are started here, faulted or not.
    pub const fn is_online(self) -> bool {
        matches!(self, Self::Online | Self::OnlineFaulted)
    }

    /// Whether nothing of the group runs here.
    pub const fn is_offline(self) -> bool {
        matches!(self, Self::Offline | Self::Unmanaged)
    }
}

impl ResourceState {
    /// As scstat says it: `Start failed`.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Offline => "Offline",
            Self::PrenetStarting | Self::PrenetStarted | Self::Starting | Self::JustStarted => {
                "Starting"
            }
            Self::Online => "Online",
            Self::MonitorStarting | Self::MonitorStopping | Self::OnlineUnmonitored => {
                "Online not monitored"
            }
            Self::Stopping | Self::Stopped | Self::PostnetStopping => "Stopping",
            Self::StartFailed => "Start failed",
            Self::StopFailed => "Stop failed",
            Self::MonitorFailed => "Monitor failed",
        }
    }

    /// As RESOURCE_STATE says it: `START_FAILED`.
    pub const fn token(self) -> &'static str {
        match self {
            Self::Offline => "OFFLINE",
            Self::PrenetStarting | Self::PrenetStarted | Self::Starting | Self::JustStarted => {
                "STARTING"
            }
            Self::Online => "ONLINE",
            Self::MonitorStarting | Self::MonitorStopping | Self::OnlineUnmonitored => {
                "ONLINE_NOT_MONITORED"
            }
            Self::Stopping | Self::Stopped | Self::PostnetStopping => "STOPPING",
            Self::StartFailed => "START_FAILED",
            Self::StopFailed => "STOP_FAILED",
            Self::MonitorFailed => "MONITOR_FAILED",
        }
    }

    /// Whether START has succeeded and STOP has not begun: what dependents wait for.
    pub const fn is_started(self) -> bool {
        matches!(
            self,
            Self::JustStarted
                | Self::MonitorStarting
                | Self::Online
                | Self::MonitorStopping
                | Self::OnlineUnmonitored
                | Self::MonitorFailed
        )
    }
}

impl Status {
    /// As scstat says it; a resource that is OK is shown as `Online`.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Ok => "Online",
            Self::Degraded => "Degraded",
            Self::Faulted => "Faulted",
            Self::Unknown => "Unknown",
            Self::Offline => "Offline",
        }
    }

    /// As STATUS and `scha_resource_setstatus` say it.
    pub const fn token(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Degraded => "DEGRADED",
            Self::Faulted => "FAULTED",
            Self::Unknown => "UNKNOWN",
            Self::Offline => "OFFLINE",
        }
    }

    /// All five, in the order messages list them.
    pub const ALL: [Self; 5] =
        [Self::Ok, Self::Degraded, Self::Faulted, Self::Unknown, Self::Offline];

    /// The status of a token, in any case.
    pub fn from_token(token: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.token().eq_ignore_ascii_case(token))
    }

    /// The "Status Message" column of scstat: keyword, and the message behind a dash when there is one.
    pub fn line(self, message: &str) -> String {
        if message.is_empty() {
            self.words().to_owned()
        } else {
            format!("{} - {message}", self.words())
        }
    }
}

impl GroupMode {
    /// Value of RG_mode.
    pub const fn token(self) -> &'static str {
        match self {
            Self::Failover => "Failover",
            Self::Scalable => "Scalable",
        }
    }
}

impl FailoverMode {
    /// All five, in the order of r_properties(5).
    pub const ALL: [Self; 5] =
        [Self::None, Self::Soft, Self::Hard, Self::RestartOnly, Self::LogOnly];

    /// Value of Failover_mode.
    pub const fn token(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Soft => "SOFT",
            Self::Hard => "HARD",
            Self::RestartOnly => "RESTART_ONLY",
            Self::LogOnly => "LOG_ONLY",
        }
    }

    /// The mode of a value, in any case.
    pub fn from_token(token: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.token().eq_ignore_ascii_case(token))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_spelled_as_scstat_and_as_scha_spell_it() {
        let groups = [
            (GroupState::ErrorStopFailed, "Error--stop failed", "ERROR_STOP_FAILED"),
            (GroupState::PendingOffline, "Pending offline", "PENDING_OFFLINE"),
            (GroupState::OnlineFaulted, "Online faulted", "ONLINE_FAULTED"),
            (GroupState::Unmanaged, "Unmanaged", "UNMANAGED"),
        ];
        for (state, words, token) in groups {
            assert_eq!((state.words(), state.token()), (words, token));
        }
        let resources = [
            (ResourceState::PrenetStarted, "Starting", "STARTING"),
            (ResourceState::MonitorStarting, "Online not monitored", "ONLINE_NOT_MONITORED"),
            (ResourceState::StartFailed, "Start failed", "START_FAILED"),
            (ResourceState::Stopped, "Stopping", "STOPPING"),
        ];
        for (state, words, token) in resources {
            assert_eq!((state.words(), state.token()), (words, token));
        }
    }

    #[test]
    fn a_status_that_is_ok_is_shown_as_online_with_its_message() {
        assert_eq!(Status::Ok.line("LogicalHostname online."), "Online - LogicalHostname online.");
        assert_eq!(Status::Offline.line(""), "Offline");
        assert_eq!(Status::from_token("faulted"), Some(Status::Faulted));
        assert_eq!(FailoverMode::from_token("restart_only"), Some(FailoverMode::RestartOnly));
    }
}

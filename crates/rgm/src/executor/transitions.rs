//! The states of a resource on a node and the legal ways between them, listed once; every change of state is asserted against the list.
//!
//! ```text
//!            PRENET_START                  START                 MONITOR_START
//!  Offline ─► PrenetStarting ─► PrenetStarted ─► Starting ─► JustStarted ─► MonitorStarting ─► Online
//!     ▲                                 ▲  restart in place                                      │
//!     │    PostnetStopping ◄─ Stopped ──┴── Stopping ◄─ OnlineUnmonitored ◄─ MonitorStopping ◄───┘
//!     └─────────┘ POSTNET_STOP                STOP                            MONITOR_STOP
//!
//!  a start method fails ─► StartFailed (is stopped like one that runs)    MONITOR_START fails ─► MonitorFailed
//!  a stop method fails  ─► StopFailed  (only an operator's clear leads on: Offline)
//! ```
//!
//! A method that the type does not have is skipped, so that its `…ing` state is left out. Never runs anything.

use crate::model::ResourceState;
use ResourceState as S;

/// Every legal change of state.
const LEGAL: &[(ResourceState, &[ResourceState])] = &[
    (S::Offline, &[S::PrenetStarting, S::Starting, S::JustStarted]),
    (S::PrenetStarting, &[S::PrenetStarted, S::StartFailed]),
    (S::PrenetStarted, &[S::Starting, S::JustStarted, S::Stopping, S::Stopped]),
    (S::Starting, &[S::JustStarted, S::StartFailed]),
    (S::JustStarted, &[S::MonitorStarting, S::Online, S::OnlineUnmonitored]),
    (S::MonitorStarting, &[S::Online, S::MonitorFailed]),
    (S::Online, &[S::MonitorStopping, S::OnlineUnmonitored]),
    (S::MonitorFailed, &[S::MonitorStopping, S::OnlineUnmonitored]),
    (S::MonitorStopping, &[S::OnlineUnmonitored, S::StopFailed]),
    (
        S::OnlineUnmonitored,
        &[S::MonitorStarting, S::MonitorStopping, S::Online, S::Stopping, S::Stopped],
    ),
    (S::Stopping, &[S::Stopped, S::StopFailed]),
    // Starting, JustStarted: a restart in place. MonitorStopping: its monitor went on watching, and now all of it has to stop.
    (
        S::Stopped,
        &[S::Starting, S::JustStarted, S::MonitorStopping, S::PostnetStopping, S::Offline],
    ),
    (S::PostnetStopping, &[S::Offline, S::StopFailed]),
    (S::StartFailed, &[S::MonitorStopping, S::Stopping, S::Stopped]),
    (S::StopFailed, &[S::Offline]),
];

/// Whether a resource may go from one state to the other.
pub(super) fn is_legal(from: ResourceState, to: ResourceState) -> bool {
    LEGAL.iter().any(|(state, next)| *state == from && next.contains(&to))
}

/// Whether STOP is behind it, or it never ran: what it depends on may stop.
pub(super) const fn is_stopped(state: ResourceState) -> bool {
    matches!(state, S::Offline | S::Stopped | S::PostnetStopping)
}

/// Whether it is on its way up: what weakly depends on it waits.
pub(super) const fn is_coming(state: ResourceState) -> bool {
    matches!(state, S::PrenetStarting | S::PrenetStarted | S::Starting)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_is_listed_once_and_can_be_left_and_reached() {
        for (n, (state, next)) in LEGAL.iter().enumerate() {
            assert!(!next.is_empty() && !next.contains(state), "{state:?}");
            assert!(LEGAL[n + 1..].iter().all(|(other, _)| other != state), "{state:?} twice");
            assert!(LEGAL.iter().any(|(_, next)| next.contains(state)), "{state:?} unreachable");
        }
        assert_eq!(LEGAL.len(), 15);
    }

    #[test]
    fn a_stop_failure_is_left_by_being_cleared_and_in_no_other_way() {
        for (to, _) in LEGAL {
            assert_eq!(is_legal(S::StopFailed, *to), *to == S::Offline, "{to:?}");
        }
    }
}

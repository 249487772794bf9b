//! Tables of probe results and what follows from each, with the numeric examples of scds_fm_action(3HA).

use super::{Action, Done, FaultMonitor, ProbeResult, Settings};
use crate::model::{FailoverMode, Status};
use std::time::Duration;

const fn s(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn settings() -> Settings {
    Settings {
        resource: "http".to_owned(),
        probe_interval: s(60),
        probe_timeout: s(30),
        retry_count: 2,
        retry_interval: s(300),
        failover_enabled: true,
        failover_mode: FailoverMode::None,
        scalable: false,
    }
}

fn weight(weight: u32) -> ProbeResult {
    ProbeResult::Ended { weight, said: String::new() }
}

/// Name of an action and, after a colon, the status it sets.
fn name(action: &Action) -> String {
    let (name, logged) = match action {
        Action::None => return "none".to_owned(),
        Action::SetStatus(logged) => ("status", logged),
        Action::Restart(logged) => ("restart", logged),
        Action::Giveover(logged) => ("giveover", logged),
        Action::OfflineHere(logged) => ("offline", logged),
        Action::KeepRunning(logged) => ("keep", logged),
    };
    assert!(logged.sentence.starts_with("http ") || logged.sentence.contains(" http "));
    let status = match logged.status {
        Status::Ok => "ok",
        Status::Degraded => "degraded",
        Status::Faulted => "faulted",
        Status::Unknown => "unknown",
        Status::Offline => "offline",
    };
    format!("{name}:{status}")
}

/// Results at seconds, and what each leads to; restarts succeed, giveovers are refused.
fn check(settings: Settings, rounds: &[(u64, u32, &str)]) {
    let mut monitor = FaultMonitor::new(s(0), settings);
    for (at, result, expect) in rounds {
        let action = monitor.handle(s(*at), weight(*result));
        let found = name(&action);
        assert_eq!(found, *expect, "at {at} s after {result}: {action:?}");
        match action {
            Action::Restart(_) => drop(monitor.tell(s(*at), Done::Restarted)),
            Action::Giveover(_) | Action::OfflineHere(_) => {
                let action = monitor.tell(s(*at), Done::Refused("no other node".to_owned()));
                assert_eq!(name(&action), "restart:degraded");
                monitor.tell(s(*at), Done::Restarted);
            }
            _ => {}
        }
        assert_eq!(monitor.next_probe(), Some(s(at + 60)));
    }
}

#[test]
fn a_healthy_service_is_said_to_work_once() {
    check(settings(), &[(60, 0, "status:ok"), (120, 0, "none"), (180, 0, "none")]);
}

#[test]
fn two_half_failures_make_a_whole_one() {
    check(settings(), &[(60, 50, "status:degraded"), (120, 50, "restart:degraded")]);
}

#[test]
fn a_healthy_probe_between_does_not_forget_half_a_failure() {
    let rounds = [(60, 50, "status:degraded"), (120, 0, "none"), (180, 50, "restart:degraded")];
    check(settings(), &rounds);
}

#[test]
fn half_a_failure_ages_after_retry_interval() {
    let rounds = [
        (60, 50, "status:degraded"),
        (359, 0, "none"),
        (360, 0, "status:ok"),
        (420, 50, "status:degraded"),
        (719, 49, "status:degraded"),
        (720, 50, "status:degraded"),
        (721, 1, "restart:degraded"),
    ];
    check(settings(), &rounds);
}

#[test]
fn after_two_restarts_the_third_failure_gives_over() {
    let rounds = [
        (60, 100, "restart:degraded"),
        (120, 100, "restart:degraded"),
        (180, 100, "giveover:faulted"),
    ];
    check(settings(), &rounds);
}

#[test]
fn restarts_age_after_retry_interval() {
    let rounds = [
        (60, 100, "restart:degraded"),
        (120, 100, "restart:degraded"),
        (360, 100, "restart:degraded"),
        (361, 100, "giveover:faulted"),
    ];
    check(settings(), &rounds);
}

#[test]
fn a_refused_giveover_restarts_the_service_here_and_counts() {
    let settings = Settings { retry_count: 0, ..settings() };
    check(settings, &[(60, 100, "giveover:faulted"), (120, 100, "giveover:faulted")]);
}

#[test]
fn with_retry_count_0_the_first_failure_gives_over() {
    let settings = Settings { retry_count: 0, ..settings() };
    check(settings, &[(60, 99, "status:degraded"), (120, 1, "giveover:faulted")]);
}

#[test]
fn what_properties_forbid_is_not_done() {
    let no_failover = Settings { failover_enabled: false, ..settings() };
    let restart_only = Settings { failover_mode: FailoverMode::RestartOnly, ..settings() };
    for settings in [no_failover, restart_only] {
        let rounds = [
            (60, 100, "restart:degraded"),
            (61, 201, "restart:degraded"),
            (62, 100, "keep:faulted"),
            (63, 50, "status:degraded"),
            (64, 0, "none"),
            (365, 0, "status:ok"),
        ];
        check(settings, &rounds);
    }
    let log_only = Settings { failover_mode: FailoverMode::LogOnly, ..settings() };
    check(log_only, &[(60, 100, "keep:faulted"), (61, 201, "keep:faulted"), (62, 0, "status:ok")]);
}

#[test]
fn the_agent_may_ask_for_a_giveover_at_once() {
    for failover_mode in [FailoverMode::None, FailoverMode::Soft, FailoverMode::Hard] {
        let settings = Settings { failover_mode, ..settings() };
        check(settings, &[(60, 201, "giveover:faulted")]);
    }
}

#[test]
fn a_scalable_resource_goes_offline_on_its_node_alone() {
    let settings = Settings { scalable: true, retry_count: 0, ..settings() };
    check(settings, &[(60, 100, "offline:faulted")]);
}

#[test]
fn weights_beyond_the_scale_are_complete_failures() {
    for result in [101, 200, 202, u32::MAX] {
        check(settings(), &[(60, result, "restart:degraded")]);
    }
}

#[test]
fn time_outs_deaths_and_probes_that_cannot_run() {
    let cases = [
        (ProbeResult::TimedOut { weight: None }, "restart:degraded", "within 30 s"),
        (ProbeResult::TimedOut { weight: Some(34) }, "status:degraded", "34 of 100"),
        (ProbeResult::ServiceDied { how: "signal 9".to_owned() }, "restart:degraded", "signal 9"),
        (ProbeResult::NotRun { why: "no such file".to_owned() }, "status:unknown", "no such file"),
        (
            ProbeResult::Ended { weight: 7, said: "slow\n".to_owned() },
            "status:degraded",
            "answered 7 (slow)",
        ),
    ];
    for (result, expect, sentence) in cases {
        let mut monitor = FaultMonitor::new(s(0), settings());
        let action = monitor.handle(s(1), result);
        assert_eq!(name(&action), expect);
        assert!(format!("{action:?}").contains(sentence), "{action:?}");
    }
}

#[test]
fn a_failed_restart_gives_over_and_a_failed_last_resort_goes_on_probing() {
    let mut monitor = FaultMonitor::new(s(0), settings());
    assert_eq!(name(&monitor.handle(s(60), weight(100))), "restart:degraded");
    assert_eq!(monitor.next_probe(), None, "probed while it is restarted");
    assert_eq!(monitor.handle(s(61), weight(100)), Action::None);
    let action = monitor.tell(s(62), Done::RestartFailed("START exited with 1".to_owned()));
    assert_eq!(name(&action), "giveover:faulted");
    assert!(format!("{action:?}").contains("START exited with 1"));
    let action = monitor.tell(s(63), Done::Refused("n2 is in ping-pong".to_owned()));
    assert_eq!(name(&action), "restart:degraded");
    let action = monitor.tell(s(64), Done::RestartFailed("again".to_owned()));
    assert_eq!(name(&action), "status:faulted");
    assert_eq!((monitor.next_probe(), monitor.counted()), (Some(s(124)), (0, 0)));
}

#[test]
fn an_accepted_giveover_ends_the_monitors_work() {
    let mut monitor = FaultMonitor::new(s(0), Settings { retry_count: 0, ..settings() });
    assert_eq!(name(&monitor.handle(s(60), weight(100))), "giveover:faulted");
    assert_eq!(monitor.tell(s(61), Done::Accepted), Action::None);
    assert_eq!(monitor.next_probe(), None);
}

#[test]
fn a_retry_interval_too_short_for_its_count_is_warned_of() {
    let short = Settings { retry_interval: s(179), ..settings() };
    assert!(short.warning().unwrap().contains("180 s"));
    assert_eq!(Settings { retry_interval: s(180), ..settings() }.warning(), None);
}

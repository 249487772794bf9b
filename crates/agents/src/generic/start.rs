//! START: the command runs under PMF, and the method ends when the service answers.
//!
//! A tree that dies meanwhile fails the start at once; a probe that never succeeds fails it shortly before Start_timeout, so that the reason is told.

use super::commands;
use crate::failure::{Failure, Outcome, failed, wrong};
use crate::monitor::{DeathWatch, Probe, Seen, probe_timeout};
use crate::service::{self, Part};
use crate::subject::Subject;
use pmf::CreateTag;
use rgm::Status;
use rgm::monitor::ProbeResult;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Pause between the first two probes; each is half as long again as the one before, up to the last.
const PAUSE_FIRST: Duration = Duration::from_millis(5);
const PAUSE_LAST: Duration = Duration::from_millis(500);
/// A service that is not probed has started when it has lived this long.
const LIVES: Duration = Duration::from_millis(50);

/// START.
pub(crate) fn start(subject: &Subject) -> Outcome {
    let limit = subject.seconds("Start_timeout", 300);
    // The rest of Start_timeout is for saying why.
    let until = Instant::now() + limit * 19 / 20;
    let Some(line) = commands::command(subject, "Start_command") else {
        return wrong("Start_command is empty: give the command that starts the service");
    };
    if !service::runs(subject, Part::Service)? {
        let level = u32::try_from(subject.number("Child_mon_level", -1)).ok();
        let command = ["/bin/sh", "-c", &line].map(str::to_owned).to_vec();
        let tag = service::new_tag(Part::Service, &subject.call, command);
        service::create(subject, CreateTag { level, ..tag })?;
    }
    let (tell, deaths) = channel();
    let watch = DeathWatch::start(subject, move |_, seen| {
        // Nobody listens when the start is over.
        let _ = tell.send(seen);
    });
    watch.arm(1);
    match commands::probe(subject)? {
        Probe::None => lives(&deaths, LIVES, &line)?,
        probe => answers(subject, &probe, &deaths, until, &line)?,
    }
    subject.set_status(Status::Ok, "Service is online.");
    Ok(())
}

/// Waits until a probe succeeds.
fn answers(
    subject: &Subject,
    probe: &Probe,
    deaths: &Receiver<Seen>,
    until: Instant,
    line: &str,
) -> Outcome {
    let mut pause = PAUSE_FIRST;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let result = probe.once(left.min(probe_timeout(subject)).max(PAUSE_FIRST));
        let said = match result {
            ProbeResult::Ended { weight: 0, .. } => return Ok(()),
            ProbeResult::Ended { weight, said } if said.is_empty() => {
                format!("its probe answers {weight}")
            }
            ProbeResult::Ended { weight, said } => format!("its probe answers {weight}: {said}"),
            ProbeResult::NotRun { why } => {
                return wrong(format!("Probe_command cannot be run: {why}"));
            }
            _ => "its probe does not end".to_owned(),
        };
        lives(deaths, pause, line)?;
        if Instant::now() >= until {
            let seconds = subject.seconds("Start_timeout", 300).as_secs();
            return failed(format!(
                "the service runs, but {said}, until Start_timeout ({seconds} s) was nearly over"
            ));
        }
        pause = (pause * 3 / 2).min(PAUSE_LAST);
    }
}

/// The tree lives all this time.
fn lives(deaths: &Receiver<Seen>, time: Duration, line: &str) -> Outcome {
    match deaths.recv_timeout(time) {
        Err(RecvTimeoutError::Timeout) => Ok(()),
        Ok(Seen::Blind(error)) => Err(Failure::Daemon(error)),
        Ok(Seen::Died | Seen::NotThere) | Err(RecvTimeoutError::Disconnected) => failed(format!(
            "the service ended while it was being started: Start_command ({line}) left no process; its log says why"
        )),
    }
}

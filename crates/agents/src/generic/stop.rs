//! STOP: orderly within 80 % of Stop_timeout, SIGKILL for the whole tree within 15 %, the rest in reserve.

use super::commands;
use crate::failure::{Doing, Outcome, failed, say};
use crate::run::{run, shell};
use crate::service::{self, Part};
use crate::subject::Subject;
use pmf::Wait;
use rgm::Status;
use std::time::{Duration, Instant};

/// Share of Stop_timeout for an orderly end, in percent.
const ORDERLY_PERCENT: u32 = 80;
/// And for SIGKILL.
const KILL_PERCENT: u32 = 15;
/// After Stop_command has ended, its service may take this long to follow.
const FOLLOWS: Duration = Duration::from_secs(2);
/// Between two looks meanwhile.
const PAUSE: Duration = Duration::from_millis(5);

/// STOP.
pub(crate) fn stop(subject: &Subject) -> Outcome {
    let limit = subject.seconds("Stop_timeout", 300);
    if service::runs(subject, Part::Service)? {
        let orderly = limit * ORDERLY_PERCENT / 100;
        match commands::command(subject, "Stop_command") {
            Some(line) => by_command(subject, &line, orderly)?,
            None => by_signal(subject, orderly)?,
        }
        let kill = whole_seconds(limit * KILL_PERCENT / 100);
        if !service::kill(subject, Part::Service, kill)? {
            return failed(survivors(subject)?);
        }
    }
    subject.set_status(Status::Offline, "Service is offline.");
    Ok(())
}

/// Whatever the command says, its service is to be gone afterwards.
fn by_command(subject: &Subject, line: &str, limit: Duration) -> Outcome {
    let until = Instant::now() + limit;
    let ended = run(&mut shell(line), Some(limit)).doing("running Stop_command")?;
    if !ended.is_success() {
        say(format!("Stop_command ({line}) {}; what is left is killed", ended.sentence()));
        return Ok(());
    }
    let until = until.min(Instant::now() + FOLLOWS);
    while Instant::now() < until && service::runs(subject, Part::Service)? {
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

fn by_signal(subject: &Subject, limit: Duration) -> Outcome {
    let signal = i32::try_from(subject.number("Stop_signal", 15)).unwrap_or(15);
    if !service::stop(subject, Part::Service, Some(signal), whole_seconds(limit))? {
        say(format!("the service did not end after signal {signal}; it is killed"));
    }
    Ok(())
}

fn whole_seconds(time: Duration) -> Wait {
    Wait::Seconds(u32::try_from(time.as_secs()).unwrap_or(u32::MAX).max(1))
}

fn survivors(subject: &Subject) -> Outcome<String> {
    let pids = service::status(subject, Part::Service)?.map(|tag| tag.pids).unwrap_or_default();
    let pids: Vec<String> = pids.iter().map(ToString::to_string).collect();
    Ok(format!(
        "processes of the service do not die even by SIGKILL (they hang in the kernel): {}",
        pids.join(", ")
    ))
}

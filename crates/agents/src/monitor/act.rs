//! Carries out what the arithmetic orders, by asking the node daemon.

use crate::failure::{Failure, Outcome, say};
use crate::subject::Subject;
use node_api::{Ask, ClientError};
use rgm::monitor::{Action, Done, Logged};
use rgm::{Operation, Status};

/// Does it. `Some`: what the arithmetic is to be told. An error: the daemon is gone, and this monitor with it.
pub(super) fn act(subject: &Subject, action: Action) -> Outcome<Option<Done>> {
    match action {
        Action::None => Ok(None),
        Action::SetStatus(logged) | Action::KeepRunning(logged) => {
            tell(subject, &logged);
            Ok(None)
        }
        Action::Restart(logged) => {
            let ask = Ask::Restart {
                resource: subject.name().clone(),
                group: subject.group().clone(),
                with_monitor: false,
            };
            tell(subject, &logged);
            let result = subject.client.order(&ask);
            answer(result.map(drop), Done::Restarted, Done::RestartFailed).map(Some)
        }
        Action::Giveover(logged) | Action::OfflineHere(logged) => {
            tell(subject, &logged);
            let operation = Operation::Giveover {
                resource: subject.name().clone(),
                group: subject.group().clone(),
                node: subject.node.clone(),
                check_only: false,
            };
            let result = subject.client.submit(operation, false, None, |_| {});
            answer(result.map(drop), Done::Accepted, Done::Refused).map(Some)
        }
    }
}

fn answer(
    result: Result<(), ClientError>,
    done: Done,
    refused: impl Fn(String) -> Done,
) -> Outcome<Done> {
    match result {
        Ok(()) => Ok(done),
        Err(ClientError::Refused(refusal)) => Ok(refused(refusal.sentence)),
        Err(error) => Err(Failure::Daemon(error)),
    }
}

fn tell(subject: &Subject, logged: &Logged) {
    log(subject, logged);
    subject.set_status(logged.status, logged.sentence.clone());
}

/// Log_level (of gds; other types have none): NONE, ERR (default), INFO.
fn log(subject: &Subject, logged: &Logged) {
    let level = subject.text("Log_level").unwrap_or_default().to_ascii_uppercase();
    let is_wanted = match level.as_str() {
        "NONE" => false,
        "ERR" => logged.status != Status::Ok,
        _ => true,
    };
    if is_wanted {
        say(&logged.sentence);
    }
}

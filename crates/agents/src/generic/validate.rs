//! VALIDATE and MONITOR_CHECK of a generic data service.

use super::commands;
use crate::failure::{Doing, Outcome, failed, say, wrong};
use crate::monitor::settings;
use crate::run::{run, shell};
use crate::storage::mounts;
use crate::subject::Subject;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where programs without a path are looked for when the environment does not say.
const PATH_DEFAULT: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// VALIDATE.
pub(crate) fn validate(subject: &Subject) -> Outcome {
    check(subject)?;
    if let Some(warning) = settings(subject).warning() {
        say(warning);
    }
    Ok(())
}

/// MONITOR_CHECK: the same on the candidate.
pub(crate) fn monitor_check(subject: &Subject) -> Outcome {
    check(subject)
}

fn check(subject: &Subject) -> Outcome {
    if subject.text("Start_command").is_none() {
        return wrong("Start_command is empty: give the command that starts the service");
    }
    for property in ["Start_command", "Stop_command", "Probe_command", "Validate_command"] {
        if let Some(line) = subject.text(property) {
            is_executable(subject, property, &line)?;
        }
    }
    if subject.is_true("Network_aware", true) {
        is_reachable(subject)?;
    }
    if let Some(line) = commands::command(subject, "Validate_command") {
        // The method's own time-out comes a little later, and would not say which command hung.
        let limit = subject.seconds("Validate_timeout", 300).mul_f64(0.9);
        let ended = run(&mut shell(&line), Some(limit.max(Duration::from_secs(1))))
            .doing("running Validate_command")?;
        if !ended.is_success() {
            return failed(format!(
                "Validate_command ({line}) on node {} {}",
                subject.node,
                ended.sentence()
            ));
        }
    }
    Ok(())
}

fn is_reachable(subject: &Subject) -> Outcome {
    let name = subject.name();
    if subject.values("Port_list").is_empty() {
        return wrong(format!(
            "Port_list of {name} is empty: give its ports, such as 80/tcp, or set Network_aware=FALSE"
        ));
    }
    if commands::network_resources(subject).is_empty() {
        return wrong(format!(
            "{name} listens on the network (Network_aware is TRUE), but group {} has no network resource for it: add a logical host, name one in Network_resources_used, or set Network_aware=FALSE",
            subject.group()
        ));
    }
    Ok(())
}

/// The program that a line begins with can be run; told only where that can be seen.
fn is_executable(subject: &Subject, property: &str, line: &str) -> Outcome {
    let Some(program) = first_word(line) else { return Ok(()) };
    let candidates: Vec<PathBuf> = if program.contains('/') {
        vec![PathBuf::from(program)]
    } else {
        let path = std::env::var("PATH").unwrap_or_else(|_| PATH_DEFAULT.to_owned());
        path.split(':').map(|folder| Path::new(folder).join(program)).collect()
    };
    let is_program = |path: &PathBuf| {
        std::fs::metadata(path).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
    };
    if candidates.iter().any(is_program) || candidates.iter().any(|p| is_on_storage(subject, p)) {
        return Ok(());
    }
    wrong(format!("{property}: {program} is no program on node {}", subject.node))
}

/// Below a mount point of the group's storage that is not mounted here now.
fn is_on_storage(subject: &Subject, program: &Path) -> bool {
    let config = &subject.cluster.config;
    config.resources_of(subject.group()).any(|(_, resource)| {
        let points = config.value(resource, "FilesystemMountPoints", Some(&subject.node));
        points.unwrap_or_default().iter().any(|point| {
            program.starts_with(point) && !mounts::is_mount_point(Path::new(point)).unwrap_or(false)
        })
    })
}

/// The program of a simple command. `None`: it begins with something only the shell understands.
fn first_word(line: &str) -> Option<&str> {
    const BUILT_IN: [&str; 14] = [
        "exec", "cd", "if", "for", "while", "case", "trap", "ulimit", "umask", "export", "set",
        "test", "eval", "until",
    ];
    let word = line.split_whitespace().next()?;
    let is_plain = word.chars().all(|c| c.is_alphanumeric() || "/._-+@:".contains(c));
    (is_plain && !BUILT_IN.contains(&word)).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_programs_are_looked_for() {
        for (line, expect) in [
            ("/opt/a/bin/start -x", Some("/opt/a/bin/start")),
            (" httpd -f conf", Some("httpd")),
            ("A=1 httpd", None),
            ("cd /tmp && run", None),
            ("exec run", None),
            ("(run)", None),
            ("$hostnames", None),
            ("", None),
        ] {
            assert_eq!(first_word(line), expect, "{line}");
        }
    }
}

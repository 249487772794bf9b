//! The node of this crate's tests: guard, daemon and keeper as in the `steadfast` binary, a service that shows when it runs, and an undo that
//! leaves a trace. It is not installed and must never do anything for real.

use node_api::Client;
use node_api::claim::Claim;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["pmf-launch", ..] => return pmf::launcher::main(),
        ["node", "--daemon", "--config", config] => {
            node::start::run_daemon(Path::new(config), undo).map_err(|error| error.to_string())
        }
        ["node", "--config", config] => node::start::run_guard(Path::new(config), undo),
        ["serve", masters, node] => serve(Path::new(masters), node),
        ["start", tag, command @ ..] => start(tag, command),
        ["stop", tag] => stop(tag),
        _ => Err(format!("not understood: {words:?}")),
    };
    done.unwrap_or_else(|why| {
        eprintln!("{why}");
        ExitCode::FAILURE
    })
}

/// A mount is a file that goes away, unless it is stuck.
fn undo(claim: &Claim) -> Result<(), String> {
    let Claim::Mount { mount_point, .. } = claim else { return Ok(()) };
    if mount_point.with_extension("stuck").exists() {
        return Err(format!("{} is stuck", mount_point.display()));
    }
    match std::fs::remove_file(mount_point) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.to_string()),
        _ => Ok(()),
    }
}

/// Writes a line every few milliseconds for as long as it lives: who, which process, when (boot clock, ns).
fn serve(masters: &Path, node: &str) -> Result<ExitCode, String> {
    let file = std::fs::OpenOptions::new().create(true).append(true).open(masters);
    let mut file = file.map_err(|error| error.to_string())?;
    loop {
        let line = format!("{node} {} {}\n", std::process::id(), node::clock::boot().as_nanos());
        file.write_all(line.as_bytes()).map_err(|error| error.to_string())?;
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn start(tag: &str, command: &[&str]) -> Result<ExitCode, String> {
    let create = pmf::CreateTag::new(tag, command.iter().copied());
    order(pmf::PmfRequest::Create(create))
}

fn stop(tag: &str) -> Result<ExitCode, String> {
    let listed = Client::local().pmf(pmf::PmfRequest::Query { tag: tag.to_owned() });
    if listed.map_err(|error| error.to_string())?.exit != 0 {
        return Ok(ExitCode::SUCCESS);
    }
    let wait = Some(pmf::Wait::Forever);
    order(pmf::PmfRequest::Stop { tag: tag.to_owned(), signal: Some(9), wait })
}

fn order(request: pmf::PmfRequest) -> Result<ExitCode, String> {
    let answer = Client::local().pmf(request).map_err(|error| error.to_string())?;
    if answer.exit == 0 { Ok(ExitCode::SUCCESS) } else { Err(answer.message) }
}

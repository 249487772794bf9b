//! Programs of the machine, run to their end with a bound on the time, and waiting with a deadline.

use anyhow::{Context, Result, bail};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Longest run of a program of the machine, in seconds.
const RUN_S_MAX: &str = "60";
/// Between two looks while waiting.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Runs a command line of words and gives its output; an error shows what it wrote.
pub fn run(words: &[&str]) -> Result<String> {
    let mut command = Command::new("timeout");
    command.arg("-s").arg("KILL").arg(RUN_S_MAX).args(words);
    output(command, &words.join(" "))
}

/// Runs a command to its end and gives its output.
pub fn output(mut command: Command, called: &str) -> Result<String> {
    let out =
        command.stdin(Stdio::null()).output().with_context(|| format!("cannot run: {called}"))?;
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    if !out.status.success() {
        let said = String::from_utf8_lossy(&out.stderr);
        bail!("{}: {called}: {text}{said}", out.status);
    }
    Ok(text)
}

/// Waits until `look` gives something; after `patience` an error with `what`.
pub fn wait_for<T>(
    what: &str,
    patience: Duration,
    mut look: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let deadline = Instant::now() + patience;
    let mut last = None;
    loop {
        match look() {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => {}
            Err(error) => last = Some(error),
        }
        if Instant::now() >= deadline {
            return match last {
                Some(error) => Err(error.context(format!("not within {patience:?}: {what}"))),
                None => bail!("not within {patience:?}: {what}"),
            };
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}

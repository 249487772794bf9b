//! Runs a program to its end or until its time is over: probes, checks of file systems, commands of resources.
//!
//! The program gets a process group of its own, `/dev/null` as its input, and a pipe for what it says, of which the last part is kept. It is
//! never waited for longer than asked, however many of its descendants keep the pipe open.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// What is kept of a program's output, from its end.
const OUTPUT_BYTES_MAX: usize = 16 * 1024;

/// How a program ended.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    /// `None`: the time was over, and its process group was killed.
    pub(crate) status: Option<ExitStatus>,
    /// The last part of what it wrote to standard output and standard error.
    pub(crate) output: String,
}

impl Ended {
    pub(crate) fn is_success(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }

    /// As the end of a sentence: `ended with exit code 3: no such host`.
    pub(crate) fn sentence(&self) -> String {
        let how = match self.status {
            None => "did not end in time and was killed".to_owned(),
            Some(status) => match (status.code(), status.signal()) {
                (Some(code), _) => format!("ended with exit code {code}"),
                (None, Some(signal)) => format!("was ended by signal {}", pmf::signal_name(signal)),
                (None, None) => "ended".to_owned(),
            },
        };
        match self.last_line() {
            Some(line) => format!("{how}: {line}"),
            None => how,
        }
    }

    /// The last line with something in it.
    pub(crate) fn last_line(&self) -> Option<&str> {
        self.output.lines().rev().map(str::trim).find(|line| !line.is_empty())
    }
}

/// Runs it. `None`: as long as it takes (the method's own time-out bounds it).
pub(crate) fn run(command: &mut Command, timeout: Option<Duration>) -> io::Result<Ended> {
    let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    fcntl_setfl(&reader, fcntl_getfl(&reader)? | OFlags::NONBLOCK)?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer).process_group(0);
    let mut child = command.spawn()?;
    // Closes our copies of the pipe's writing end.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| io::Error::other("a process without a number"))?;
    let pidfd = pidfd_open(pid, PidfdFlags::empty())?;
    let until = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let mut output = Output { pipe: Some(reader), kept: Vec::new() };
    let in_time = wait(&pidfd, &mut output, until)?;
    if !in_time {
        // The whole group; it may have ended this moment.
        let _ = kill_process_group(pid, Signal::KILL);
    }
    let status = child.wait()?;
    output.read();
    Ok(Ended { status: in_time.then_some(status), output: output.text() })
}

/// Until the process has ended (TRUE) or the time is over.
fn wait(pidfd: &OwnedFd, output: &mut Output, until: Option<Instant>) -> io::Result<bool> {
    loop {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        let timeout = left.map(Timespec::try_from).transpose().map_err(io::Error::other)?;
        let mut fds = vec![PollFd::new(pidfd, PollFlags::IN)];
        if let Some(pipe) = &output.pipe {
            fds.push(PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::IN));
        }
        match poll(&mut fds, timeout.as_ref()) {
            Ok(0) => return Ok(false),
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let has_ended = fds.first().is_some_and(|fd| !fd.revents().is_empty());
        let has_output = fds.get(1).is_some_and(|fd| !fd.revents().is_empty());
        drop(fds);
        if has_output {
            output.read();
        }
        if has_ended {
            return Ok(true);
        }
    }
}

struct Output {
    /// `None` at its end.
    pipe: Option<OwnedFd>,
    kept: Vec<u8>,
}

impl Output {
    /// What is there now, at most a pipe's worth per call.
    fn read(&mut self) {
        let mut buffer = [0u8; 64 * 1024];
        let Some(pipe) = &self.pipe else { return };
        match rustix::io::read(pipe, &mut buffer) {
            Ok(0) => self.pipe = None,
            Ok(length) => {
                self.kept.extend_from_slice(buffer.get(..length).unwrap_or_default());
                let excess = self.kept.len().saturating_sub(OUTPUT_BYTES_MAX);
                self.kept.drain(..excess);
            }
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_) => self.pipe = None,
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.kept).into_owned()
    }
}

/// A command line for the shell, as the commands of resources are.
pub(crate) fn shell(line: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(line);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_says_and_how_it_ends_is_known() {
        let ended = run(&mut shell("echo one; echo two >&2; exit 3"), None).unwrap();
        assert_eq!(ended.sentence(), "ended with exit code 3: two");
        assert!(!ended.is_success());
        assert!(run(&mut shell("true"), None).unwrap().is_success());
    }

    #[test]
    fn a_program_that_takes_too_long_is_killed_with_its_children() {
        let mut command = shell("sleep 60 & echo $!; wait");
        let ended = run(&mut command, Some(Duration::from_millis(300))).unwrap();
        assert!(ended.status.is_none());
        let pid: i32 = ended.output.trim().parse().unwrap();
        let stat = || std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let is_gone = || stat().is_empty() || stat().contains(") Z ");
        while !is_gone() {
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_descendant_that_keeps_the_pipe_does_not_hold_up() {
        let ended = run(&mut shell("sleep 30 & echo $!"), None).unwrap();
        assert!(ended.is_success());
        let pid = Pid::from_raw(ended.output.trim().parse().unwrap()).unwrap();
        rustix::process::kill_process(pid, Signal::KILL).unwrap();
    }

    #[test]
    fn only_the_end_of_much_output_is_kept() {
        let ended = run(&mut shell("yes | head -c 300000; echo end"), None).unwrap();
        assert!(ended.output.len() <= OUTPUT_BYTES_MAX);
        assert_eq!(ended.last_line(), Some("end"));
    }
}

//! The log of a node: standard error for people and tests, and the machine's syslog, where operators of Sun Cluster look.
//!
//! Syslog lines carry the tags of the original: `Cluster.RGM.rgmd` for decisions, `Cluster.PMF.pmfd` for processes,
//! `SC[type,group,resource,method]` for what methods write. A log that is not there or is full loses lines, never time: a guard that waits for
//! the reader of its standard error would guard nothing.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::fmt::{self, Write};
use std::io;
use std::os::unix::net::UnixDatagram;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

/// The local syslog's socket.
const SOCKET: &str = "/dev/log";
/// Facility `daemon`; `scha_cluster_get -O SYSLOG_FACILITY` says the same.
const FACILITY: u8 = 3;
/// Longest line, in bytes: what classic daemons take.
const LINE_BYTES_MAX: usize = 8 * 1024;
/// What a pipe takes at once when it is ready.
const PIPE_BYTES: usize = 4096;

/// Begins to log. Once per process; a second call changes nothing.
pub fn start(level: &str, syslog: bool) {
    let level: LevelFilter = level.parse().unwrap_or(LevelFilter::INFO);
    let to_people = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(|| People);
    let to_syslog = syslog.then(Syslog::open).flatten();
    // What libraries say of every frame helps nobody who looks for a decision.
    let quiet = level.min(LevelFilter::INFO);
    let libraries = ["h2", "rustls", "tokio_rustls"].map(|target| (target, quiet));
    let filter = Targets::new().with_default(level).with_targets(libraries);
    let registry = tracing_subscriber::registry().with(filter).with(to_people).with(to_syslog);
    drop(registry.try_init());
}

/// Standard error, as long as somebody takes what is written there.
struct People;

impl io::Write for People {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let stderr = io::stderr();
        let mut fds = [PollFd::new(&stderr, PollFlags::OUT)];
        let no_time = Timespec { tv_sec: 0, tv_nsec: 0 };
        let is_ready = matches!(poll(&mut fds, Some(&no_time)), Ok(1))
            && fds.iter().all(|fd| fd.revents().contains(PollFlags::OUT));
        if is_ready {
            // A pipe that is ready takes so much without waiting (PIPE_BUF).
            let (taken, rest) = line.split_at(line.len().min(PIPE_BYTES));
            stderr.lock().write_all(taken)?;
            if !rest.is_empty() {
                return Ok(taken.len());
            }
        }
        // What nobody takes is lost.
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Syslog {
    socket: UnixDatagram,
}

impl Syslog {
    fn open() -> Option<Self> {
        let socket = UnixDatagram::unbound().ok()?;
        socket.set_nonblocking(true).ok()?;
        Some(Self { socket })
    }
}

impl<S: Subscriber> Layer<S> for Syslog {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let metadata = event.metadata();
        let mut said = Said::default();
        event.record(&mut said);
        let line = line(*metadata.level(), metadata.target(), &said);
        // Lost when the daemon is not there or does not keep up. By name each time: it may have been started anew.
        let _ = self.socket.send_to(line.as_bytes(), SOCKET);
    }
}

/// `<PRI>TAG[PID]: message`, without a time: the daemon knows it.
fn line(level: Level, target: &str, said: &Said) -> String {
    let severity = match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 5,
        Level::DEBUG | Level::TRACE => 7,
    };
    let tag = match (&said.tag, target) {
        (Some(tag), _) => tag.as_str(),
        (None, target) if target.starts_with("Cluster.") => target,
        (None, target) if target.starts_with("pmf") => "Cluster.PMF.pmfd",
        (None, _) => "steadfast",
    };
    let mut line = format!("<{}>{tag}[{}]: ", FACILITY * 8 + severity, std::process::id());
    line.extend(said.text.chars().map(|c| if c.is_control() { ' ' } else { c }));
    let mut end = line.len().min(LINE_BYTES_MAX);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    line.truncate(end);
    line
}

/// The fields of an event as one line of text.
#[derive(Default)]
struct Said {
    text: String,
    tag: Option<String>,
}

impl Visit for Said {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "tag" => self.tag = Some(value.to_owned()),
            _ => self.record_debug(field, &format_args!("{value}")),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string does not fail.
        let _ = match field.name() {
            "message" => write!(self.text, "{value:?}"),
            "tag" => {
                self.tag = Some(format!("{value:?}").trim_matches('"').to_owned());
                Ok(())
            }
            name => write!(self.text, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str, tag: Option<&str>) -> Said {
        Said { text: text.to_owned(), tag: tag.map(str::to_owned) }
    }

    #[test]
    fn lines_carry_the_tags_of_the_original() {
        let pid = std::process::id();
        let of_decision = line(Level::INFO, "Cluster.RGM.rgmd", &said("web moves", None));
        assert_eq!(of_decision, format!("<29>Cluster.RGM.rgmd[{pid}]: web moves"));
        let of_method =
            line(Level::WARN, "pmf::output", &said("x", Some("SC[SUNW.gds,g,r,Start]")));
        assert_eq!(of_method, format!("<28>SC[SUNW.gds,g,r,Start][{pid}]: x"));
        let of_pmf = line(Level::ERROR, "pmf::tag", &said("died", None));
        assert_eq!(of_pmf, format!("<27>Cluster.PMF.pmfd[{pid}]: died"));
    }

    #[test]
    fn a_line_is_one_line_of_bounded_length() {
        let long =
            line(Level::INFO, "x", &said(&format!("a\nb{}", "é".repeat(LINE_BYTES_MAX)), None));
        assert!(!long.contains('\n') && long.len() <= LINE_BYTES_MAX);
    }
}

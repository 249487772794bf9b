//! The terminal: answers go to standard output, everything else to standard error.
//!
//! A reader that goes away (`steadfast account list | head`) is no failure.

use std::io::{ErrorKind, IsTerminal, Write};

/// Writes an answer to standard output. Ends the process quietly when nobody reads it any more.
pub(crate) fn answer(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        result => result,
    }
}

/// One line of an answer.
pub(crate) fn answer_line(text: &str) -> std::io::Result<()> {
    answer(&format!("{text}\n"))
}

/// Says what went wrong.
pub(crate) fn complain(text: &str) {
    remark(&format!("steadfast: {text}"));
}

/// Says something that is not the answer. If standard error is gone there is nobody to tell.
pub(crate) fn remark(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// A line on standard error that is rewritten in place while work goes on; silent when nobody watches.
pub(crate) struct Progress {
    what: &'static str,
    total: usize,
    shown_percent: Option<usize>,
    watched: bool,
}

impl Progress {
    /// Begins with nothing done of `total`.
    pub(crate) fn new(what: &'static str, total: usize) -> Self {
        Self { what, total, shown_percent: None, watched: std::io::stderr().is_terminal() }
    }

    /// Shows that this many are done.
    pub(crate) fn reach(&mut self, done: usize) {
        let percent = (done * 100).checked_div(self.total).unwrap_or(100).min(100);
        if self.watched && self.shown_percent != Some(percent) {
            self.shown_percent = Some(percent);
            let full = percent * 30 / 100;
            let bar = format!("{}{}", "=".repeat(full), " ".repeat(30 - full));
            let mut err = std::io::stderr().lock();
            let _ = write!(err, "\r{} [{bar}] {done}/{} {percent:3}%", self.what, self.total);
            let _ = err.flush();
        }
    }

    /// Leaves the line, so that what follows begins on its own.
    pub(crate) fn end(self) {
        if self.shown_percent.is_some() {
            remark("");
        }
    }
}

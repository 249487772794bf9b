//! What a running command has: the daemon to ask, where to write, and how to say what is waited for.
//!
//! Answers go to `out`; everything else (progress, warnings, refusals) to `err`. A reader that goes away is no failure. Nothing here reads
//! the process's surroundings except [`Surroundings::of_this_process`].

use node_api::{Ask, Client, ClientError, Reply};
use rgm::{Operation, SchaCode};
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Names the directories that are searched for RTR files instead of the built-in list: `a:b:c`.
pub const RTREG_VARIABLE: &str = "STEADFAST_RTREG";
/// Columns and rows of a terminal that does not say how many it has.
const SIZE_DEFAULT: (usize, usize) = (80, 24);
/// Without a terminal, progress that differs in its seconds only is said again after this time.
const SAY_AGAIN: Duration = Duration::from_secs(10);

/// What the process finds round it.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// Socket of the node daemon.
    pub socket: PathBuf,
    /// Where RTR files are looked for.
    pub prefixes: Vec<PathBuf>,
    /// The caller's environment.
    pub environment: Vec<(String, String)>,
    /// The caller's directory.
    pub directory: Option<PathBuf>,
    /// `Some`: progress is shown in place on a terminal of so many columns. `None`: as lines.
    pub columns: Option<usize>,
}

impl Surroundings {
    /// Those of this process.
    pub fn of_this_process() -> Self {
        let environment: Vec<(String, String)> = std::env::vars_os()
            .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
            .collect();
        let of = |name: &str| environment.iter().find(|(k, _)| k == name).map(|(_, v)| v.as_str());
        let prefixes = match of(RTREG_VARIABLE) {
            Some(list) => rtr::search::prefixes(list),
            None => rtr::search::PREFIXES.iter().map(PathBuf::from).collect(),
        };
        let error_output = std::io::stderr();
        let columns = error_output.is_terminal().then(|| size_of(&error_output).0);
        let directory = std::env::current_dir().ok();
        Self { socket: node_api::socket_path(), prefixes, environment, directory, columns }
    }
}

/// Columns and rows of a terminal.
pub(crate) fn size_of(terminal: &impl std::os::fd::AsFd) -> (usize, usize) {
    match rustix::termios::tcgetwinsize(terminal) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col.into(), size.ws_row.into()),
        _ => SIZE_DEFAULT,
    }
}

/// A command at work.
pub(crate) struct Session<'a> {
    pub(crate) name: &'a str,
    pub(crate) client: Client,
    pub(crate) around: Surroundings,
    pub(crate) out: &'a mut dyn Write,
    pub(crate) err: &'a mut dyn Write,
}

/// How long a command stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stay {
    /// Until what was asked for has come true.
    pub(crate) wait: bool,
    /// At most so long.
    pub(crate) timeout: Option<Duration>,
}

impl Stay {
    /// As the original: until it is done.
    pub(crate) const UNTIL_DONE: Self = Self { wait: true, timeout: None };
}

impl<'a> Session<'a> {
    pub(crate) fn new(
        name: &'a str,
        around: Surroundings,
        out: &'a mut dyn Write,
        err: &'a mut dyn Write,
    ) -> Self {
        Self { name, client: Client::new(&around.socket), around, out, err }
    }

    /// Writes an answer.
    pub(crate) fn answer(&mut self, text: &str) {
        // A reader that went away (`| head`) has what it wanted.
        let _ = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
    }

    /// Says something that is not the answer.
    pub(crate) fn remark(&mut self, text: &str) {
        let _ = writeln!(self.err, "{text}");
    }

    /// Says something with the command's name in front.
    pub(crate) fn complain(&mut self, text: &str) {
        let _ = writeln!(self.err, "{}: {text}", self.name);
    }

    /// Has the daemon carry out an operation and shows what is waited for; returns its messages.
    pub(crate) fn submit(
        &mut self,
        operation: Operation,
        stay: Stay,
    ) -> Result<Vec<String>, ClientError> {
        let mut line = Line::new(&mut *self.err, self.around.columns);
        let done = self.client.submit(operation, stay.wait, stay.timeout, |s| line.show(s));
        line.clear();
        done
    }

    /// The same, and says the messages.
    pub(crate) fn carry_out(
        &mut self,
        operation: Operation,
        stay: Stay,
    ) -> Result<(), ClientError> {
        let messages = self.submit(operation, stay)?;
        messages.iter().for_each(|message| self.remark(message));
        Ok(())
    }

    /// Gives an order to the daemon of this node and shows what is waited for; returns its messages.
    pub(crate) fn order(&mut self, ask: &Ask) -> Result<Vec<String>, ClientError> {
        let mut line = Line::new(&mut *self.err, self.around.columns);
        let last = self.client.ask(ask, |reply| {
            if let Reply::Progress { sentence } = reply {
                line.show(sentence);
            }
        });
        line.clear();
        match last? {
            Reply::Done { messages } => Ok(messages),
            other => {
                let shown = format!("{other:?}").chars().take(80).collect();
                Err(ClientError::NotUnderstood(shown))
            }
        }
    }
}

/// A line of progress: rewritten in place on a terminal.
struct Line<'a> {
    err: &'a mut dyn Write,
    columns: Option<usize>,
    shown: bool,
    /// What was said last and when, without a terminal.
    said: Option<(String, Instant)>,
}

impl<'a> Line<'a> {
    fn new(err: &'a mut dyn Write, columns: Option<usize>) -> Self {
        Self { err, columns, shown: false, said: None }
    }

    fn show(&mut self, sentence: &str) {
        let clean: String = sentence.chars().filter(|c| !c.is_control()).collect();
        let _ = match self.columns {
            None => self.say(&clean, Instant::now()),
            Some(columns) => {
                self.shown = true;
                let cut: String = clean.chars().take(columns.saturating_sub(1)).collect();
                write!(self.err, "\r{cut}\x1b[K")
            }
        };
        let _ = self.err.flush();
    }

    /// A log that gets a line each second is read by nobody.
    fn say(&mut self, sentence: &str, now: Instant) -> std::io::Result<()> {
        let without = without_seconds(sentence);
        if let Some((last, at)) = &self.said
            && *last == without
            && now.duration_since(*at) < SAY_AGAIN
        {
            return Ok(());
        }
        self.said = Some((without, now));
        writeln!(self.err, "{sentence}")
    }

    fn clear(&mut self) {
        if self.shown {
            let _ = write!(self.err, "\r\x1b[K");
        }
    }
}

/// The sentence with every count of seconds (`57 s`) taken out.
fn without_seconds(sentence: &str) -> String {
    let mut words = sentence.split(' ').peekable();
    let mut kept = Vec::new();
    while let Some(word) = words.next() {
        let is_number = !word.is_empty() && word.chars().all(|c| c.is_ascii_digit() || c == '.');
        let is_unit = words.peek().is_some_and(|w| w.trim_end_matches([',', ';', ')', ':']) == "s");
        if !(is_number && is_unit) {
            kept.push(word);
        }
    }
    kept.join(" ")
}

/// The code of the scha functions in which a failure is grouped.
pub(crate) fn scha_code(error: &ClientError) -> SchaCode {
    match error {
        ClientError::Refused(refusal) => refusal.code,
        ClientError::Unreachable { source, .. }
            if source.kind() == std::io::ErrorKind::PermissionDenied =>
        {
            SchaCode::Access
        }
        // The node is not in the cluster now; it may be again.
        ClientError::Unreachable { .. } | ClientError::Gone => SchaCode::Reconf,
        ClientError::NotUnderstood(_) => SchaCode::Internal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_without_a_terminal_is_said_when_it_changes_or_after_ten_seconds() {
        let mut text = Vec::new();
        let mut line = Line::new(&mut text, None);
        let start = Instant::now();
        for (second, sentence) in [
            (1, "START of r runs, 1 s of 60 s"),
            (2, "START of r runs, 2 s of 60 s"),
            (3, "START of r1 runs, 3 s of 60 s"),
            (12, "START of r1 runs, 12 s of 60 s"),
            (13, "START of r1 runs, 13 s of 60 s"),
        ] {
            line.say(sentence, start + Duration::from_secs(second)).unwrap();
        }
        let said = String::from_utf8(text).unwrap();
        let seconds: Vec<&str> = said.lines().filter_map(|l| l.split(' ').nth(4)).collect();
        assert_eq!(seconds, ["1", "3", "13"], "{said}");
    }
}

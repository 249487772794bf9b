//! What a running command has: the daemon to ask, where to write, and how to say what is waited for.
//!
//! Answers go to `out`; everything else (progress, warnings, refusals) to `err`. A reader that goes away is no failure. Nothing here reads
//! the process's surroundings except [`Surroundings::of_this_process`].

use node_api::{Client, ClientError};
use rgm::{Operation, SchaCode};
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::time::Duration;

/// Names the directories that are searched for RTR files instead of the built-in list: `a:b:c`.
pub const RTREG_VARIABLE: &str = "STEADFAST_RTREG";
/// Columns of a terminal that does not say how many it has.
const COLUMNS_DEFAULT: usize = 80;

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
        let columns = of("COLUMNS").and_then(|c| c.parse().ok()).filter(|c| *c >= 20);
        let columns = std::io::stderr().is_terminal().then_some(columns.unwrap_or(COLUMNS_DEFAULT));
        let directory = std::env::current_dir().ok();
        Self { socket: node_api::socket_path(), prefixes, environment, directory, columns }
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

    /// Has the daemon carry out an operation; shows what is waited for and, at the end, its messages.
    pub(crate) fn submit(&mut self, operation: Operation, stay: Stay) -> Result<(), ClientError> {
        let done = {
            let (err, columns) = (&mut *self.err, self.around.columns);
            let mut line = Line { err, columns, shown: false };
            let done = self
                .client
                .submit(operation, stay.wait, stay.timeout, |sentence| line.show(sentence));
            line.clear();
            done
        };
        for message in done? {
            self.remark(&message);
        }
        Ok(())
    }
}

/// A line of progress: rewritten in place on a terminal.
struct Line<'a> {
    err: &'a mut dyn Write,
    columns: Option<usize>,
    shown: bool,
}

impl Line<'_> {
    fn show(&mut self, sentence: &str) {
        let clean: String = sentence.chars().filter(|c| !c.is_control()).collect();
        let _ = match self.columns {
            None => writeln!(self.err, "{clean}"),
            Some(columns) => {
                self.shown = true;
                let cut: String = clean.chars().take(columns.saturating_sub(1)).collect();
                write!(self.err, "\r{cut}\x1b[K")
            }
        };
        let _ = self.err.flush();
    }

    fn clear(&mut self) {
        if self.shown {
            let _ = write!(self.err, "\r\x1b[K");
        }
    }
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

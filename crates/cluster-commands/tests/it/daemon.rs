//! A node daemon that answers from a script and remembers what it was asked.

use cluster_commands::Surroundings;
use node_api::{Ask, Reply, Snapshot};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// It lives as long as the test process.
pub(crate) struct Daemon {
    asked: Arc<Mutex<Vec<Ask>>>,
    folder: tempfile::TempDir,
    pub(crate) columns: Option<usize>,
}

/// What a command left behind.
pub(crate) struct Ran {
    pub(crate) code: u8,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Daemon {
    /// Answers snapshots with this one, everything else as `script` says; `None` there: goes away without an answer.
    pub(crate) fn start(
        snapshot: Snapshot,
        script: impl Fn(&Ask) -> Vec<Reply> + Send + 'static,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("node.sock")).unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = asked.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut line = String::new();
                BufReader::new(stream.try_clone().unwrap()).read_line(&mut line).unwrap();
                let ask: Ask = serde_json::from_str(&line).unwrap();
                let replies = match &ask {
                    Ask::Snapshot => vec![Reply::Snapshot(Box::new(snapshot.clone()))],
                    other => script(other),
                };
                seen.lock().unwrap().push(ask);
                for reply in replies {
                    let mut text = serde_json::to_vec(&reply).unwrap();
                    text.push(b'\n');
                    stream.write_all(&text).unwrap();
                }
            }
        });
        Self { asked, folder, columns: None }
    }

    /// One that says yes to everything.
    pub(crate) fn agreeing(snapshot: Snapshot) -> Self {
        Self::start(snapshot, |_| vec![Reply::Done { messages: Vec::new() }])
    }

    /// Everything it was asked since the last time.
    pub(crate) fn asked(&self) -> Vec<Ask> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }

    /// A directory for RTR files.
    pub(crate) fn rtreg(&self) -> PathBuf {
        let path = self.folder.path().join("rtreg");
        std::fs::create_dir_all(&path).unwrap();
        path
    }

    pub(crate) fn around(&self) -> Surroundings {
        Surroundings {
            socket: self.folder.path().join("node.sock"),
            prefixes: vec![self.rtreg()],
            environment: vec![("HOME".to_owned(), "/root".to_owned())],
            directory: Some("/".into()),
            columns: self.columns,
        }
    }

    /// Runs a command against it.
    pub(crate) fn run(&self, name: &str, args: &[&str]) -> Ran {
        let args: Vec<String> = args.iter().map(|a| (*a).to_owned()).collect();
        run(name, &args, self.around())
    }

    /// The same with the whole line as a shell would read it.
    pub(crate) fn line(&self, line: &str) -> Ran {
        let words = words(line);
        run(&words[0], &words[1..], self.around())
    }
}

pub(crate) fn run(name: &str, args: &[String], around: Surroundings) -> Ran {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = cluster_commands::run_with(name, args, around, &mut out, &mut err);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code, out: text(out), err: text(err) }
}

/// Words of a line, with double quotes.
pub(crate) fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted, mut any) = (Vec::new(), String::new(), false, false);
    for c in line.chars() {
        match c {
            '"' => (quoted, any) = (!quoted, true),
            ' ' if !quoted => {
                if any {
                    words.push(std::mem::take(&mut word));
                }
                any = false;
            }
            c => {
                word.push(c);
                any = true;
            }
        }
    }
    if any {
        words.push(word);
    }
    words
}

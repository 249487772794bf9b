//! The way in to a service: its socket when it runs.
//!
//! Requests are made many at a time, so that a bulk of them shares commits; answers come in the same order.

use super::SOCKET;
use super::protocol::{Answer, LINE_BYTES_MAX, PIPELINE_MAX, Request};
use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// A running service.
pub(crate) struct Socket {
    stream: UnixStream,
    answers: BufReader<UnixStream>,
}

impl Socket {
    /// Connects; `None` when nobody listens.
    pub(crate) fn connect(runtime_dir: &Path) -> Result<Option<Self>> {
        let path = runtime_dir.join(SOCKET);
        match UnixStream::connect(&path) {
            Ok(stream) => {
                let answers = BufReader::new(stream.try_clone()?);
                Ok(Some(Self { stream, answers }))
            }
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) =>
            {
                Ok(None)
            }
            Err(error) => Err(error).with_context(|| {
                format!("the service cannot be asked at {}; are you its user?", path.display())
            }),
        }
    }

    /// Asks, and waits for all answers.
    pub(crate) fn ask(&mut self, requests: &[Request]) -> Result<Vec<Answer>> {
        let mut answers = Vec::with_capacity(requests.len());
        for bulk in requests.chunks(PIPELINE_MAX) {
            let mut lines = Vec::new();
            for request in bulk {
                serde_json::to_writer(&mut lines, request)?;
                lines.push(b'\n');
            }
            self.stream.write_all(&lines).context("the service went away")?;
            for _ in bulk {
                answers.push(self.answer()?);
            }
        }
        Ok(answers)
    }

    fn answer(&mut self) -> Result<Answer> {
        let mut line = Vec::new();
        let mut bounded = (&mut self.answers).take(LINE_BYTES_MAX as u64);
        bounded.read_until(b'\n', &mut line).context("the service went away")?;
        if line.is_empty() {
            bail!("the service went away before it answered; ask again when it is back");
        }
        serde_json::from_slice(&line)
            .context("the service answered something this version does not know")
    }
}

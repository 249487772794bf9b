//! What a tree writes: read without end so that it never blocks, handed on line by line within a rate, and its tail kept.
//!
//! It must never grow with what a program writes, and never pass control characters on to a log or a terminal.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Longest line that is handed on; the rest of it is cut.
const LINE_BYTES_MAX: usize = 4096;
/// Lines per second handed on in the long run, and at once.
const LINES_PER_SECOND: u64 = 200;
const LINES_BURST: u64 = 2000;
/// Bytes read at once; every running tree has such a buffer.
const READ_BYTES: usize = 8 * 1024;
/// Most bytes read after the end was asked for: what a pipe can hold, several times over.
const DRAIN_BYTES_MAX: usize = 1024 * 1024;

/// One line a tree wrote.
#[derive(Clone, Copy, Debug)]
pub struct LogLine<'a> {
    /// Whose.
    pub tag: &'a str,
    /// Without its end; invalid UTF-8 replaced, control characters escaped.
    pub text: &'a str,
}

/// Takes the lines. Called from the runtime's threads: it must not block.
pub type LogSink = Arc<dyn Fn(LogLine<'_>) + Send + Sync>;

/// The sink that writes every line to `tracing`, level INFO, target `pmf::output`.
pub fn log_to_tracing() -> LogSink {
    Arc::new(|line| tracing::info!(target: "pmf::output", tag = line.tag, "{}", line.text))
}

/// The last bytes a tree wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutputTail {
    /// The last bytes, as written.
    pub bytes: Vec<u8>,
    /// How many bytes before them are forgotten.
    pub dropped: u64,
}

impl OutputTail {
    /// The bytes as text, invalid UTF-8 replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// Cuts bytes into lines, within the limits. Pure: time is an argument.
#[derive(Debug)]
struct Lines {
    line: Vec<u8>,
    is_cut: bool,
    credit: u64,
    counted: Duration,
    suppressed: u64,
}

impl Lines {
    fn new() -> Self {
        let line = Vec::new();
        Self { line, is_cut: false, credit: LINES_BURST, counted: Duration::ZERO, suppressed: 0 }
    }

    fn push(&mut self, now: Duration, bytes: &[u8], out: &mut dyn FnMut(&str)) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (piece, is_whole) = match piece.strip_suffix(b"\n") {
                Some(line) => (line, true),
                None => (piece, false),
            };
            let room = LINE_BYTES_MAX - self.line.len();
            self.is_cut |= piece.len() > room;
            self.line.extend_from_slice(piece.get(..room).unwrap_or(piece));
            if is_whole {
                self.end_line(now, out);
            }
        }
    }

    /// The last line may lack its end.
    fn finish(&mut self, now: Duration, out: &mut dyn FnMut(&str)) {
        if !self.line.is_empty() {
            self.end_line(now, out);
        }
        if self.suppressed > 0 {
            self.credit = self.credit.max(1);
            self.admit(now, out);
        }
    }

    fn end_line(&mut self, now: Duration, out: &mut dyn FnMut(&str)) {
        let line = std::mem::take(&mut self.line);
        let is_cut = std::mem::take(&mut self.is_cut);
        if !self.admit(now, out) {
            self.suppressed += 1;
            return;
        }
        self.credit -= 1;
        let mut text = printable(&line);
        if is_cut {
            text.push_str(" … (cut)");
        }
        out(&text);
    }

    /// Whether a line may pass now; tells what could not pass before.
    fn admit(&mut self, now: Duration, out: &mut dyn FnMut(&str)) -> bool {
        let whole_seconds = now.saturating_sub(self.counted).as_secs();
        if whole_seconds > 0 {
            self.counted += Duration::from_secs(whole_seconds);
            let gained = whole_seconds.saturating_mul(LINES_PER_SECOND);
            self.credit = self.credit.saturating_add(gained).min(LINES_BURST);
        }
        if self.credit > 0 && self.suppressed > 0 {
            let suppressed = std::mem::take(&mut self.suppressed);
            out(&format!("({suppressed} lines left out: more than {LINES_PER_SECOND} a second)"));
        }
        self.credit > 0
    }
}

fn printable(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let text = text.trim_end_matches('\r');
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() && c != '\t' { clean.extend(c.escape_default()) } else { clean.push(c) }
    }
    clean
}

/// Reads one tree's pipe in a task of its own.
#[derive(Debug)]
pub(crate) struct Reader {
    task: JoinHandle<OutputTail>,
    /// Sent, or dropped: read what is there, close, end.
    stop: oneshot::Sender<()>,
}

impl Reader {
    pub(crate) fn start(
        pipe: OwnedFd,
        tag: &str,
        sink: LogSink,
        tail_bytes_max: usize,
    ) -> io::Result<Self> {
        let pipe = Receiver::from_owned_fd(pipe)?;
        let (stop, stopped) = oneshot::channel();
        let intake = Intake {
            tag: tag.into(),
            sink,
            begun: Instant::now(),
            lines: Lines::new(),
            tail: VecDeque::new(),
            tail_bytes_max,
            dropped: 0,
        };
        Ok(Self { task: tokio::spawn(intake.run(pipe, stopped)), stop })
    }

    /// Reads what is in the pipe, closes it and hands out the tail, also when somebody still holds the other end.
    pub(crate) async fn finish(self) -> OutputTail {
        drop(self.stop);
        self.task.await.unwrap_or_default()
    }
}

struct Intake {
    tag: String,
    sink: LogSink,
    begun: Instant,
    lines: Lines,
    tail: VecDeque<u8>,
    tail_bytes_max: usize,
    dropped: u64,
}

impl Intake {
    async fn run(mut self, mut pipe: Receiver, mut stopped: oneshot::Receiver<()>) -> OutputTail {
        let mut buffer = vec![0; READ_BYTES];
        loop {
            tokio::select! {
                biased;
                _ = &mut stopped => break,
                count = pipe.read(&mut buffer) => match count {
                    Ok(count) if count > 0 => self.take(buffer.get(..count).unwrap_or_default()),
                    _ => break,
                },
            }
        }
        let mut drained = 0;
        while let Ok(count) = pipe.try_read(&mut buffer)
            && count > 0
            && drained < DRAIN_BYTES_MAX
        {
            drained += count;
            self.take(buffer.get(..count).unwrap_or_default());
        }
        let (sink, tag) = (self.sink, self.tag);
        self.lines.finish(self.begun.elapsed(), &mut |text| sink(LogLine { tag: &tag, text }));
        OutputTail { bytes: self.tail.into(), dropped: self.dropped }
    }

    fn take(&mut self, bytes: &[u8]) {
        let (sink, tag) = (&self.sink, &self.tag);
        self.lines.push(self.begun.elapsed(), bytes, &mut |text| sink(LogLine { tag, text }));
        self.tail.extend(bytes);
        let excess = self.tail.len().saturating_sub(self.tail_bytes_max);
        self.tail.drain(..excess);
        self.dropped += excess as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(pieces: &[(u64, &[u8])]) -> Vec<String> {
        let mut lines = Lines::new();
        let mut out = Vec::new();
        let mut last = Duration::ZERO;
        for (at_s, piece) in pieces {
            last = Duration::from_secs(*at_s);
            lines.push(last, piece, &mut |text| out.push(text.to_owned()));
        }
        lines.finish(last, &mut |text| out.push(text.to_owned()));
        out
    }

    #[test]
    fn lines_are_whole_however_they_arrive_and_harmless_whatever_they_contain() {
        assert_eq!(lines(&[(0, b"a\nb"), (0, b"c\n\nd")]), ["a", "bc", "", "d"]);
        assert_eq!(lines(&[(0, b"\x1b[2Jx\ty\x00\r\n")]), ["\\u{1b}[2Jx\ty\\u{0}"]);
        assert_eq!(lines(&[(0, b"\xff\n")]), ["\u{fffd}"]);
        assert_eq!(lines(&[(0, b"\xc3"), (0, b"\xa9\n")]), ["é"]);
    }

    #[test]
    fn a_line_without_end_is_cut_and_costs_no_memory() {
        let long = vec![b'x'; LINE_BYTES_MAX + 1];
        let out = lines(&[(0, &long), (0, &long), (0, b"\nnext\n")]);
        assert_eq!(out.len(), 2);
        assert_eq!(out[0].len(), LINE_BYTES_MAX + " … (cut)".len());
        assert_eq!(out[1], "next");
        let fits = vec![b'x'; LINE_BYTES_MAX];
        assert_eq!(lines(&[(0, &fits), (0, b"\n")]), [String::from_utf8(fits).unwrap()]);
    }

    #[test]
    fn a_flood_is_told_as_a_number() {
        let flood = b"x\n".repeat(5000);
        let out = lines(&[(0, &flood), (1, b"after\n")]);
        assert_eq!(out.len() as u64, LINES_BURST + 2);
        assert_eq!(out[out.len() - 2], "(3000 lines left out: more than 200 a second)");
        assert_eq!(out[out.len() - 1], "after");
        let out = lines(&[(0, &flood)]);
        assert!(out[out.len() - 1].starts_with("(3000 lines"), "{:?}", out.last());
    }
}

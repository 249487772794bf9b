//! A service that runs while a test does things to it. Killed when the test ends, however it ends.

use crate::run::{Dir, Run};
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

/// Nothing that a test waits for takes longer, or it has failed.
const DEADLINE: Duration = Duration::from_secs(60);

/// A running `up` or `serve`.
pub(crate) struct Running {
    child: Child,
    /// Ports: STARTTLS, direct TLS, metrics.
    pub(crate) ports: [u16; 3],
    /// What `up` showed.
    pub(crate) screen: String,
}

/// Three ports in a row that nobody has now. Every test process begins elsewhere.
pub(crate) fn free_ports() -> [u16; 3] {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    loop {
        let start = (std::process::id().wrapping_mul(37) % 8_000) as u16 * 4;
        let base = 20_000 + (start + NEXT.fetch_add(4, Ordering::Relaxed)) % 12_000;
        let ports = [base, base + 1, base + 2];
        if ports.iter().all(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()) {
            return ports;
        }
    }
}

impl Running {
    /// `up` in a folder, when its screen has been shown.
    pub(crate) fn up(dir: &Dir) -> Self {
        let ports = free_ports();
        let mut child = dir.command(&format!("up --port-base {}", ports[0])).spawn().unwrap();
        let mut screen = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        while !screen.contains("--print-default-config") {
            let mut line = String::new();
            if out.read_line(&mut line).unwrap() == 0 {
                let mut err = String::new();
                child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
                panic!("it ended: {err}");
            }
            screen.push_str(&line);
        }
        Self { child, ports, screen }
    }

    /// `serve` with a file, when it has said that it is ready.
    pub(crate) fn serve(dir: &Dir, file: &str, ports: [u16; 3]) -> Self {
        let (mut command, ready) = Self::notified(dir, &format!("serve --config {file}"));
        let child = command.spawn().unwrap();
        let running = Self { child, ports, screen: String::new() };
        let mut state = [0; 64];
        let count = ready.recv(&mut state).unwrap();
        assert_eq!(&state[..count], b"READY=1");
        running
    }

    fn notified(dir: &Dir, arguments: &str) -> (Command, UnixDatagram) {
        let path = dir.path().join("notify");
        let _ = std::fs::remove_file(&path);
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        let mut command = dir.command(arguments);
        command.env("NOTIFY_SOCKET", &path);
        (command, socket)
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, name: &str) {
        let sent =
            Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits until the log says something; gives everything up to there.
    pub(crate) fn wait_for_log(&mut self, text: &str) -> String {
        let mut log = String::new();
        let from = self.child.stderr.as_mut().unwrap();
        while !log.contains(text) {
            let mut byte = [0];
            assert_eq!(from.read(&mut byte).unwrap(), 1, "it ended without {text:?}: {log}");
            log.push(char::from(byte[0]));
        }
        log
    }

    /// Sends a signal and waits for the end.
    pub(crate) fn end_with(mut self, name: &str) -> Run {
        self.signal(name);
        let status = self.child.wait().unwrap();
        let mut run = Run { code: status.code(), out: String::new(), err: String::new() };
        if let Some(mut err) = self.child.stderr.take() {
            err.read_to_string(&mut run.err).unwrap();
        }
        run
    }

    /// An answer of the monitoring port.
    pub(crate) fn http(&self, path: &str) -> String {
        use std::io::Write;
        let mut socket = std::net::TcpStream::connect(("127.0.0.1", self.ports[2])).unwrap();
        write!(socket, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

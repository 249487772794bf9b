//! The service that the hosts run in tests and benchmarks, and the small programs around it: `serve`, `probe`, `hang`, `fence`, `init`.
//!
//! `serve` claims the next epoch in a file on the failover storage, appends every POST to a log there (synced before it answers), and answers
//! every request with its node and epoch. It also tells an observer outside the cluster of each write, before and after: that file is how two
//! masters are seen, whatever happened to the storage. It must never answer before the write is synced.

#![expect(clippy::print_stderr, reason = "its standard error is a method's log")]

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Threads that take connections; more clients wait in the kernel.
const WORKERS: usize = 4;
/// A client that says nothing for so long is left.
const CLIENT_PATIENCE: Duration = Duration::from_millis(500);
/// Longest request.
const REQUEST_BYTES_MAX: u64 = 4096;
/// Longest wait for the rig's power switch.
const POWER_PATIENCE: Duration = Duration::from_secs(20);

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["serve", address, folder, node, observer] => {
            serve(address, Path::new(folder), node, Path::new(observer))
        }
        ["probe", address, timeout_ms] => probe(address, timeout_ms),
        ["hang", address] => hang(address),
        ["fence", folder] => fence(Path::new(folder)),
        ["init"] => init(),
        _ => Err(io::Error::other(
            "serve ADDRESS FOLDER NODE OBSERVER | probe ADDRESS MS | hang ADDRESS | fence FOLDER | init",
        )),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hosts-http {}: {error}", words.first().unwrap_or(&""));
            ExitCode::from(100)
        }
    }
}

/// What the workers share.
struct Service {
    epoch: u64,
    node: String,
    files: Mutex<(File, File)>,
    /// Answers nobody any more.
    hangs: AtomicBool,
}

fn serve(address: &str, folder: &Path, node: &str, observer: &Path) -> io::Result<()> {
    let observer = OpenOptions::new().append(true).create(true).open(observer)?;
    let epoch = claim_epoch(folder)?;
    let log = folder.join("log");
    // A line that a crash cut off must not swallow the next one.
    let torn = fs::read(&log).is_ok_and(|text| text.last().is_some_and(|last| *last != b'\n'));
    let mut log = OpenOptions::new().append(true).create(true).open(&log)?;
    if torn {
        log.write_all(b"\n")?;
    }
    (&observer).write_all(format!("claim {epoch} {node}\n").as_bytes())?;
    let service = Arc::new(Service {
        epoch,
        node: node.to_owned(),
        files: Mutex::new((log, observer)),
        hangs: AtomicBool::new(false),
    });
    let listener = Arc::new(TcpListener::bind(address)?);
    let workers = (0..WORKERS).map(|_| {
        let (service, listener) = (Arc::clone(&service), Arc::clone(&listener));
        std::thread::spawn(move || {
            loop {
                if let Ok((stream, _)) = listener.accept() {
                    // A client that breaks off has its reasons.
                    let _ = answer(&service, stream);
                }
            }
        })
    });
    for worker in workers.collect::<Vec<_>>() {
        let _ = worker.join();
    }
    Ok(())
}

/// Counts up the epoch file, durably.
fn claim_epoch(folder: &Path) -> io::Result<u64> {
    let path = folder.join("epoch");
    let last = match fs::read_to_string(&path) {
        Ok(text) => text.trim().parse::<u64>().map_err(io::Error::other)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(error),
    };
    let draft = folder.join("epoch.new");
    let mut file = File::create(&draft)?;
    file.write_all((last + 1).to_string().as_bytes())?;
    file.sync_all()?;
    fs::rename(&draft, &path)?;
    File::open(folder)?.sync_all()?;
    Ok(last + 1)
}

fn answer(service: &Service, stream: TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(CLIENT_PATIENCE))?;
    stream.set_write_timeout(Some(CLIENT_PATIENCE))?;
    let mut reader = BufReader::new((&stream).take(REQUEST_BYTES_MAX));
    let mut first = String::new();
    reader.read_line(&mut first)?;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
    }
    let mut words = first.split(' ');
    let (verb, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if path == "/hang" {
        service.hangs.store(true, Ordering::Relaxed);
    }
    while service.hangs.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_secs(3600));
    }
    let status = match verb {
        "GET" => "200 OK",
        "POST" => match service.write(path.trim_start_matches('/')) {
            Ok(()) => "200 OK",
            Err(error) => {
                eprintln!("a write failed: {error}");
                "500 Failed"
            }
        },
        _ => "400 What",
    };
    let body = format!("{} {}\n", service.node, service.epoch);
    let head =
        format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
    (&stream).write_all((head + &body).as_bytes())
}

impl Service {
    fn write(&self, id: &str) -> io::Result<()> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let (log, observer) = &mut *files;
        let line = format!("{} {} {id}\n", self.epoch, self.node);
        observer.write_all(format!("begin {line}").as_bytes())?;
        log.write_all(line.as_bytes())?;
        log.sync_data()?;
        observer.write_all(format!("end {line}").as_bytes())
    }
}

/// One GET; an error when it does not come in time.
fn probe(address: &str, timeout_ms: &str) -> io::Result<()> {
    let timeout = Duration::from_millis(timeout_ms.parse().map_err(io::Error::other)?);
    let address = address.parse().map_err(io::Error::other)?;
    let mut stream = TcpStream::connect_timeout(&address, timeout)?;
    stream.set_read_timeout(Some(timeout))?;
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    if text.starts_with("HTTP/1.1 200") { Ok(()) } else { Err(io::Error::other("no good answer")) }
}

/// Makes the service hang, as a programming error would: it lives, takes connections, and answers nobody.
fn hang(address: &str) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(b"GET /hang HTTP/1.1\r\n\r\n")?;
    std::thread::sleep(Duration::from_millis(20));
    Ok(())
}

/// A fence agent by the protocol of the fence-agents collection: asks the rig's power switch (files in a folder) and waits for it.
fn fence(folder: &Path) -> io::Result<()> {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text)?;
    let of = |key: &str| {
        let mut pairs = text.lines().filter_map(|line| line.split_once('='));
        pairs.find(|(name, _)| *name == key).map(|(_, value)| value.trim().to_owned())
    };
    match of("action").as_deref() {
        None | Some("off" | "reboot") => {}
        Some("metadata") => return Ok(()),
        Some(_) => return Ok(()),
    }
    let node = of("plug").or_else(|| of("port")).or_else(|| of("nodename"));
    let node = node.ok_or_else(|| io::Error::other("no node named"))?;
    if folder.join("broken").exists() {
        return Err(io::Error::other("the power switch does not answer"));
    }
    let asked: PathBuf = folder.join(format!("{node}.{}.ask", std::process::id()));
    let off = asked.with_extension("off");
    fs::write(&asked, b"")?;
    let pause = Duration::from_millis(2);
    for _ in 0..POWER_PATIENCE.as_millis() / pause.as_millis() {
        if off.exists() {
            return fs::remove_file(off);
        }
        std::thread::sleep(pause);
    }
    Err(io::Error::other(format!("{node} was not switched off in time")))
}

/// Process 1 of a host: takes what is orphaned, and ends the host when the rig is gone (its standard input ends).
fn init() -> io::Result<()> {
    io::stdout().write_all(b"ready\n")?;
    std::thread::spawn(|| {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        std::process::exit(0);
    });
    loop {
        if rustix::process::wait(rustix::process::WaitOptions::empty()).is_err() {
            // Nobody to wait for yet.
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

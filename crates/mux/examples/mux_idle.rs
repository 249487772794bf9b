//! Measures what a quiet connection costs the multiplexor, and what an echoed stanza costs its processor.
//!
//! `cargo run --release -p mux --example mux_idle -- [CONNECTIONS]`. A child process makes the connections, so that only the
//! multiplexor's own memory is counted; each has opened its stream and had one message of 600 bytes echoed.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measuring program: it prints, and stops at the first thing that is not as it should be"
)]

use bytes::Bytes;
use link::{ConnId, Down, TlsPolicy, Up};
use mux::{Config, Downlink, ListenerConfig, ListenerKind, Mux, MuxLimits, TlsFiles, TlsStore};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

const HEADER: &[u8] = b"<?xml version='1.0'?><stream:stream to='localhost' version='1.0' \
    xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
/// Stanzas that may be on their way to the server.
const CREDIT: u32 = 64;
/// Stanzas of one write, and how long the echo is measured.
const BATCH: usize = 32;
const ECHO_TIME: Duration = Duration::from_secs(3);
const ECHO_CONNECTIONS: usize = 4;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let files = rustix::process::Resource::Nofile;
    let mut limit = rustix::process::getrlimit(files);
    limit.current = limit.maximum;
    rustix::process::setrlimit(files, limit).unwrap();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["client", kind, what, address, certificate, count] => {
            let secure = (kind == "tls").then(|| client_config(certificate.into()));
            match what {
                "silent" => be_silent(address, count.parse().unwrap()),
                "idle" => be_idle(address, secure, count.parse().unwrap()),
                _ => be_chatty(address, secure, count.parse().unwrap()),
            }
        }
        ["server", kind, count] => measure(kind, count.parse().unwrap()),
        [] => measure_both("5000"),
        [count] => measure_both(count),
        _ => panic!("usage: mux_idle [CONNECTIONS]"),
    }
}

/// Each in a process of its own: memory that one kind has given back would be lent to the other.
fn measure_both(count: &str) {
    println!("| connection | RSS KiB each | CPU us per connection | CPU us per echoed stanza |");
    println!("|---|---|---|---|");
    for kind in ["plain", "tls", "plain-silent", "tls-silent"] {
        let program = std::env::current_exe().unwrap();
        Command::new(program).args(["server", kind, count]).status().unwrap();
    }
    println!("\nCPU of the multiplexor's process, the echoing server included.");
}

fn measure(kind: &str, count: usize) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name| folder.path().join(name);
    let files = TlsFiles { certificate: path("cert.pem"), key: path("key.pem") };
    let tls = TlsStore::open_or_make(files.clone(), &["localhost".to_owned()]).unwrap();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let _guard = runtime.enter();
    let (listener_kind, policy) = match kind {
        "tls" | "tls-silent" => (ListenerKind::C2sTls, TlsPolicy::Required),
        _ => (ListenerKind::C2s, TlsPolicy::Off),
    };
    let address = ([127, 0, 0, 1], 0).into();
    let config = Config {
        listeners: vec![ListenerConfig { kind: listener_kind, address, tls: policy }],
        limits: MuxLimits::default(),
        tls: Some(tls),
    };
    let (up, facts) = mpsc::channel(1024);
    let mux = Mux::start(config, up).unwrap();
    let downlink = mux.downlink();
    std::thread::spawn(move || serve(facts, &downlink));
    let address = mux.local_addresses()[0].to_string();
    let child = |what, count| client(kind, what, &address, &files.certificate, count);

    // The first ones pay for what all share.
    let what = if kind.ends_with("silent") { "silent" } else { "idle" };
    let warm = child(what, 200);
    let (rss, cpu) = (rss_bytes(), cpu_time());
    let held = child(what, count);
    let bytes_each = (rss_bytes() - rss) / 1024.0 / count as f64;
    let cpu_each = (cpu_time() - cpu).as_micros() as f64 / count as f64;
    end([warm, held]);

    if what == "silent" {
        return println!("| {kind} | {bytes_each:.2} | {cpu_each:.0} | |");
    }
    let (before, cpu) = (mux.metrics(), cpu_time());
    let chatty = child("chatty", ECHO_CONNECTIONS);
    let stanzas = mux.metrics().elements_in - before.elements_in;
    let echo = (cpu_time() - cpu).as_nanos() as f64 / 1000.0 / stanzas as f64;
    end([chatty]);
    println!("| {kind} | {bytes_each:.2} | {cpu_each:.0} | {echo:.2} |");
}

/// Opens every stream at once and echoes every element.
fn serve(mut facts: mpsc::Receiver<Up>, downlink: &Downlink) {
    let mut seqs: HashMap<ConnId, u64> = HashMap::new();
    let mut batch = Vec::new();
    while facts.blocking_recv_many(&mut batch, 1024) > 0 {
        let mut orders = Vec::new();
        for fact in batch.drain(..) {
            let conn = fact.conn();
            let mut send = |bytes| {
                let seq = seqs.entry(conn).or_default();
                *seq += 1;
                orders.push(Down::Send { conn, seq: *seq, bytes });
            };
            match fact {
                Up::Header { .. } => {
                    send(Bytes::from_static(HEADER));
                    orders.push(Down::Raise { conn });
                    orders.push(Down::Credit { conn, elements: CREDIT });
                }
                Up::Element { bytes, .. } => {
                    send(bytes);
                    orders.push(Down::Credit { conn, elements: 1 });
                }
                Up::Closed { .. } => {
                    seqs.remove(&conn);
                }
                _ => {}
            }
        }
        downlink.carry_out(orders);
    }
}

/// Starts a child that makes the connections, and waits until it has.
fn client(kind: &str, what: &str, address: &str, certificate: &PathBuf, count: usize) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["client", kind, what, address])
        .arg(certificate)
        .arg(count.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    std::thread::sleep(Duration::from_millis(200)); // the last tasks come to rest
    child
}

fn end(children: impl IntoIterator<Item = Child>) {
    for mut child in children {
        drop(child.stdin.take());
        child.wait().unwrap();
    }
}

trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

fn connect(address: &str, secure: Option<&Arc<ClientConfig>>) -> Box<dyn Stream> {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut stream: Box<dyn Stream> = match secure {
        None => Box::new(stream),
        Some(config) => {
            let name = ServerName::try_from("localhost").unwrap();
            let session = ClientConnection::new(Arc::clone(config), name).unwrap();
            Box::new(StreamOwned::new(session, stream))
        }
    };
    stream.write_all(HEADER).unwrap();
    stream.read_exact(&mut vec![0; HEADER.len()]).unwrap();
    stream
}

fn be_silent(address: &str, count: usize) {
    let connections: Vec<_> = (0..count).map(|_| TcpStream::connect(address).unwrap()).collect();
    await_end();
    drop(connections);
}

fn be_idle(address: &str, secure: Option<Arc<ClientConfig>>, count: usize) {
    let message = format!("<message><body>{}</body></message>", "x".repeat(566));
    let connections: Vec<_> = (0..count)
        .map(|_| {
            let mut stream = connect(address, secure.as_ref());
            stream.write_all(message.as_bytes()).unwrap();
            stream.read_exact(&mut vec![0; message.len()]).unwrap();
            stream
        })
        .collect();
    await_end();
    drop(connections);
}

fn be_chatty(address: &str, secure: Option<Arc<ClientConfig>>, count: usize) {
    let message = format!("<message><body>{}</body></message>", "x".repeat(166)).repeat(BATCH);
    let threads: Vec<_> = (0..count)
        .map(|_| {
            let mut stream = connect(address, secure.as_ref());
            let message = message.clone();
            std::thread::spawn(move || {
                let (start, mut echo) = (Instant::now(), vec![0; message.len()]);
                while start.elapsed() < ECHO_TIME {
                    stream.write_all(message.as_bytes()).unwrap();
                    stream.read_exact(&mut echo).unwrap();
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    await_end();
}

/// Says that everything is there, and waits for the parent to have looked.
fn await_end() {
    println!("ready");
    let _ = std::io::stdin().read(&mut [0]);
}

fn client_config(certificate: PathBuf) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

fn rss_bytes() -> f64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: f64 = pages.split(' ').nth(1).unwrap().parse().unwrap();
    pages * rustix::param::page_size() as f64
}

fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

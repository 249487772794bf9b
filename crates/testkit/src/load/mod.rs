//! Load: many lean connections against one server, and what it costs the server.
//!
//! Client and server share the machine, so rates are given per CPU-second of the server process and its children; the
//! wall clock only bounds a run. All servers get the same connections, the same messages and the same windows.

mod chat;
mod idle;
mod latency;
mod lean;
mod login;
mod presence;
pub mod report;
mod scan;
mod start;

use crate::client::{Client, Login};
use crate::server::{Kind, PASSWORD, Server};
use crate::transport::Security;
use anyhow::Result;
use std::time::{Duration, Instant};

pub use report::Row;

/// How large and how long.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Pairs of clients that chat.
    pub pairs: usize,
    /// Messages of a pair that may be unacknowledged.
    pub window: u32,
    /// Idle sessions.
    pub sessions: usize,
    /// Contacts of one account.
    pub contacts: usize,
    /// Accounts whose presence changes.
    pub stars: usize,
    /// Seconds of each measurement.
    pub seconds: u64,
    /// Accounts on disk when the start is timed.
    pub accounts: u64,
}

impl Size {
    /// What `cargo xtask bench` measures.
    pub const FULL: Self = Self {
        pairs: 64,
        window: 16,
        sessions: 2000,
        contacts: 100,
        stars: 8,
        seconds: 8,
        accounts: 1_000_000,
    };
    /// To see that it works.
    pub const QUICK: Self = Self {
        pairs: 8,
        window: 16,
        sessions: 100,
        contacts: 10,
        stars: 2,
        seconds: 1,
        accounts: 1000,
    };
}

/// One measurement: what it is called, which servers it makes sense for, and how one run of it is done.
pub struct Bench {
    /// Its name on the command line.
    pub name: &'static str,
    /// Heading and unit in the document.
    pub title: &'static str,
    /// What the numbers are, in a sentence.
    pub about: &'static str,
    /// Columns of its rows.
    pub columns: &'static [&'static str],
    /// Whether the peers are measured as well.
    pub with_peers: bool,
    /// One run against one server: rows of (variant, values).
    pub run: fn(Kind, &Size) -> Result<Vec<Row>>,
}

/// All of them, in the order of the document.
pub const BENCHES: &[Bench] = &[
    Bench {
        name: "chat",
        title: "1:1 chat with archive",
        about: "Pairs exchange 200-byte messages with XEP-0198 on both sides; a message counts when the recipient has it. Both archives are written.",
        columns: &["messages per server CPU-second", "messages/s", "server CPU, %"],
        with_peers: true,
        run: chat::run,
    },
    Bench {
        name: "idle",
        title: "Idle sessions",
        about: "Sessions with roster, presence, XEP-0198 and carbons, quiet for a while; growth of the server's PSS divided by their number.",
        columns: &["KiB per session", "process at rest, MiB", "login rate while loading, 1/s"],
        with_peers: true,
        run: idle::run,
    },
    Bench {
        name: "login",
        title: "Logins",
        about: "TCP, direct TLS (full handshake), SCRAM-SHA-1 without channel binding, bind, close.",
        columns: &["logins per server CPU-second", "logins/s"],
        with_peers: true,
        run: login::run,
    },
    Bench {
        name: "presence",
        title: "Presence to contacts",
        about: "Accounts change their presence; a delivery counts when a contact has it.",
        columns: &["deliveries per server CPU-second", "deliveries/s"],
        with_peers: true,
        run: presence::run,
    },
    Bench {
        name: "latency",
        title: "Delivery latency at half load",
        about: "From the sender's write to the recipient's read, at half the rate that the same pairs reach when each waits for the acknowledgement of every message. Beside it: a bare TCP echo that appends the message to a preallocated file and calls fdatasync.",
        columns: &["p50, ms", "p99, ms", "messages/s"],
        with_peers: true,
        run: latency::run,
    },
    Bench {
        name: "start",
        title: "Start with many accounts on disk",
        about: "From the start of the process to the end of the first login. All but a hundred of the accounts are copied rows, each with its own name.",
        columns: &["seconds to first login", "accounts"],
        with_peers: false,
        run: start::run,
    },
];

/// A login for an account of the benches.
fn login_of(user: &str) -> Login {
    Login::new(user, PASSWORD, "bench")
}

/// A runtime with one thread: the generator may use one core, the server the other.
fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

/// Logs in, several at a time; gives the clients in the order of the names.
async fn log_in_all(server: &Server, security: Security, users: &[String]) -> Result<Vec<Client>> {
    const AT_ONCE: usize = 16;
    let mut clients = Vec::with_capacity(users.len());
    for chunk in users.chunks(AT_ONCE) {
        let mut tasks = Vec::new();
        for user in chunk {
            let (endpoint, login) = (server.endpoint(security), login_of(user));
            tasks.push(tokio::spawn(async move { Client::login(&endpoint, &login).await }));
        }
        for task in tasks {
            clients.push(task.await??);
        }
    }
    Ok(clients)
}

/// CPU and time between two moments.
struct Meter {
    cpu: Duration,
    at: Instant,
}

impl Meter {
    fn start(server: &Server) -> Self {
        Self { cpu: server.usage().cpu, at: Instant::now() }
    }
    /// Seconds since the start.
    fn wall(&self) -> f64 {
        self.at.elapsed().as_secs_f64()
    }
    /// CPU seconds of the server since the start, after it has come to rest: what it put off counts as well.
    async fn cpu_at_rest(&self, server: &Server) -> f64 {
        let mut last = server.usage().cpu;
        let deadline = Instant::now() + REST_LIMIT;
        while Instant::now() < deadline {
            tokio::time::sleep(REST).await;
            let now = server.usage().cpu;
            if now.saturating_sub(last) <= REST / 20 {
                break;
            }
            last = now;
        }
        server.usage().cpu.saturating_sub(self.cpu).as_secs_f64().max(0.01)
    }
}

/// A server rests when it uses less than a twentieth of a core for so long.
const REST: Duration = Duration::from_millis(500);
/// A server that never rests is not waited for longer.
const REST_LIMIT: Duration = Duration::from_secs(30);

/// Ends tasks; an error of one that ended by itself is ours.
async fn end(tasks: Vec<tokio::task::JoinHandle<Result<()>>>) -> Result<()> {
    for task in tasks {
        if task.is_finished() {
            task.await??;
        } else {
            task.abort();
        }
    }
    Ok(())
}

/// The variants of transport that are measured.
const TRANSPORTS: [(&str, Security); 2] =
    [("plain", Security::Plain), ("TLS", Security::DirectTls)];

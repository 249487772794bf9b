//! A real process to attack: `steadfast serve` on loopback, with an address of its own, its data in a folder of its own.
//!
//! Every service gets its own address of 127.0.0.0/8, so that no other test has its ports. It ends with the test.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use testkit::client::{Client, Login};
use testkit::process::Process;
use testkit::server::steadfast_binary;
use testkit::transport::{Endpoint, Security};

/// Nothing that a test waits for takes longer on a busy machine, or it has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);
/// Password of every account.
pub(crate) const PASSWORD: &str = "a pass phrase for tests";

/// A listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// No TLS at all, as behind a proxy on the same machine.
    Open,
    /// STARTTLS is offered.
    StartTls,
    /// TLS from the first byte.
    Direct,
}

impl Door {
    /// The two a client can log in through without STARTTLS.
    pub(crate) const BOTH: [Self; 2] = [Self::Open, Self::Direct];

    fn port(self) -> u16 {
        match self {
            Self::Open => 5220,
            Self::StartTls => 5222,
            Self::Direct => 5223,
        }
    }
}

/// What a service shall have.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    /// Localparts of the accounts.
    pub(crate) accounts: Vec<&'static str>,
    /// Sections added to the configuration.
    pub(crate) toml: &'static str,
    /// Where the data lies; in its own folder when absent.
    pub(crate) data: Option<PathBuf>,
    /// What a shell does before it becomes the service, for instance `ulimit -n 256`.
    pub(crate) shell: Option<String>,
}

impl Plan {
    /// Two accounts and these sections.
    pub(crate) fn with(toml: &'static str) -> Self {
        Self { accounts: vec!["romeo", "juliet"], toml, ..Self::default() }
    }
}

/// A service that runs.
pub(crate) struct Service {
    process: Process,
    dir: TempDir,
    ip: Ipv4Addr,
    plan: Plan,
}

impl Service {
    /// Starts a service with two accounts and these sections in its configuration.
    pub(crate) fn with(toml: &'static str) -> Self {
        Self::start(Plan::with(toml))
    }

    /// Starts a service.
    pub(crate) fn start(plan: Plan) -> Self {
        let dir = tempfile::Builder::new().prefix("steadfast-attack-").tempdir().unwrap();
        let ip = own_address();
        let data = plan.data.clone().unwrap_or_else(|| dir.path().join("data"));
        let mut text = format!("domain = \"localhost\"\nruntime_dir = \"{}\"\n", data.display());
        for (kind, door, tls) in [
            ("c2s", Door::StartTls, "optional"),
            ("c2s-tls", Door::Direct, "required"),
            ("c2s", Door::Open, "off"),
        ] {
            text.push_str(&format!(
                "[[listen]]\nkind = \"{kind}\"\naddress = \"{ip}:{}\"\ntls = \"{tls}\"\n",
                door.port()
            ));
        }
        text.push_str(&format!("[metrics]\naddress = \"{ip}:9580\"\n{}\n", plan.toml));
        std::fs::write(dir.path().join("s.toml"), text).unwrap();
        let users = plan.accounts.iter().map(|name| format!("{name}@localhost,{PASSWORD}\n"));
        std::fs::write(dir.path().join("users.csv"), users.collect::<String>()).unwrap();
        if !plan.accounts.is_empty() {
            let users = dir.path().join("users.csv");
            let out = command(&dir, &["account", "add"]).arg("--file").arg(users).output().unwrap();
            assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        }
        let process = run(&dir, ip, &plan);
        Self { process, dir, ip, plan }
    }

    /// Kills it and starts it again on the same data.
    pub(crate) fn kill_and_restart(&mut self) {
        self.process.kill().unwrap();
        self.process = run(&self.dir, self.ip, &self.plan);
    }

    /// Where a door is.
    pub(crate) fn address(&self, door: Door) -> SocketAddr {
        (self.ip, door.port()).into()
    }

    /// For the client of the test kit.
    pub(crate) fn endpoint(&self, security: Security) -> Endpoint {
        let door = match security {
            Security::Plain => Door::Open,
            Security::StartTls => Door::StartTls,
            Security::DirectTls => Door::Direct,
        };
        Endpoint { address: self.address(door), domain: "localhost".to_owned(), security }
    }

    /// A client of the test kit that has bound a resource.
    pub(crate) async fn client(&self, security: Security, user: &str, resource: &str) -> Client {
        let login = Login::new(user, PASSWORD, resource);
        let mut client = Client::login(&self.endpoint(security), &login).await.unwrap();
        client.patience = PATIENCE;
        client
    }

    /// Whether the process lives.
    pub(crate) fn is_running(&mut self) -> bool {
        self.process.is_running()
    }

    /// Resident memory, KiB.
    pub(crate) fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.pid()));
        let status = status.unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches("kB").trim().parse().unwrap()
    }

    /// Open file descriptors.
    pub(crate) fn open_files(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.process.pid())).unwrap().count()
    }

    /// An answer of the monitoring port, without its head.
    pub(crate) fn http(&self, path: &str) -> String {
        let mut socket = TcpStream::connect((self.ip, 9580)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(socket, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default()
    }

    /// One number of the metrics.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let text = self.http("/metrics");
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let value = value.unwrap_or_else(|| panic!("no {name} in {text}"));
        value.parse::<f64>().unwrap() as u64
    }

    /// All it has logged.
    pub(crate) fn log(&self) -> Vec<u8> {
        std::fs::read(self.dir.path().join("output.log")).unwrap()
    }

    /// Asks for a login and a message to oneself, as an operator's monitoring does.
    pub(crate) fn probe(&self) -> Output {
        let account = format!("{}@localhost", self.plan.accounts[0]);
        let mut child = command(&self.dir, &["probe", "--password-stdin", "--timeout", "30s"])
            .args(["--account", &account, "--server"])
            .arg(self.address(Door::StartTls).to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(format!("{PASSWORD}\n").as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }
}

/// Polls until something is so.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Lets the test itself have many sockets.
pub(crate) fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
}

fn command(dir: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(steadfast_binary().unwrap());
    command.args(arguments).arg("--config").arg(dir.path().join("s.toml"));
    command.current_dir(dir.path());
    command
}

fn run(dir: &TempDir, ip: Ipv4Addr, plan: &Plan) -> Process {
    let mut serve = command(dir, &["serve"]);
    if let Some(first) = &plan.shell {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(format!("{first} && exec \"$0\" \"$@\""));
        shell.arg(serve.get_program()).args(serve.get_args()).current_dir(dir.path());
        serve = shell;
    }
    let mut process = Process::start(serve, &dir.path().join("output.log")).unwrap();
    for door in [Door::Open, Door::StartTls, Door::Direct] {
        process.wait_until_listening((ip, door.port()).into(), PATIENCE).unwrap();
    }
    // The ports are open before everything behind them is.
    wait_until("it is ready", || {
        let Ok(mut socket) = TcpStream::connect((ip, 9580)) else { return false };
        let mut answer = String::new();
        let _ = write!(socket, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let _ = socket.read_to_string(&mut answer);
        answer.ends_with("ok\n")
    });
    process
}

/// An address of the loopback network that no other service of these tests has.
fn own_address() -> Ipv4Addr {
    static LAST: AtomicU8 = AtomicU8::new(0);
    let [.., high, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 64 + LAST.fetch_add(1, Ordering::Relaxed) % 128, high, low.clamp(1, 254))
}

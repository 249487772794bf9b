//! A server under test: ours or a peer's, with its data in a temporary directory, started, killed and started again.
//!
//! All of them get the same accounts, the same certificate and two ports: one for plain TCP and STARTTLS, one for direct
//! TLS. What differs between them is in `peers.rs` and in `steadfast` below.

use crate::peers;
use crate::process::{Process, Usage, free_port};
use crate::transport::{Endpoint, Security};
use anyhow::{Context, Result, bail, ensure};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Domain of every server under test.
pub const DOMAIN: &str = "localhost";
/// Password of every account under test.
pub const PASSWORD: &str = "a pass phrase for tests";

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Ours: `steadfast serve`.
    Steadfast,
    /// Prosody from Debian.
    Prosody,
    /// ejabberd from Debian.
    Ejabberd,
}

impl Kind {
    /// All of them, ours first.
    pub const ALL: [Self; 3] = [Self::Steadfast, Self::Prosody, Self::Ejabberd];
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Steadfast => "steadfast",
            Self::Prosody => "prosody",
            Self::Ejabberd => "ejabberd",
        }
    }
    /// By its name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.name() == name)
    }
}

/// What a server shall have.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Which server.
    pub kind: Kind,
    /// Localparts of the accounts, all with [`PASSWORD`].
    pub accounts: Vec<String>,
    /// Whether messages are archived.
    pub archive: bool,
    /// Whether limits that would throttle a bench are lifted; the peers' always are.
    pub limits_lifted: bool,
    /// Folder for the server's directory; the system's for temporary files when absent.
    pub folder: Option<PathBuf>,
}

impl Setup {
    /// With archive, as its users run it.
    pub fn new(kind: Kind, accounts: Vec<String>) -> Self {
        Self { kind, accounts, archive: true, limits_lifted: false, folder: None }
    }
    /// The same without the limits that would throttle a bench.
    #[must_use]
    pub fn for_a_bench(self) -> Self {
        Self { limits_lifted: true, ..self }
    }
}

/// A server that runs, or has been killed and can be started again on the same data.
pub struct Server {
    kind: Kind,
    process: Option<Process>,
    dir: TempDir,
    plain: SocketAddr,
    tls: SocketAddr,
}

/// Paths and ports a server is configured with.
pub struct Place<'a> {
    /// Its own directory.
    pub dir: &'a Path,
    /// Address for plain TCP and STARTTLS.
    pub plain: SocketAddr,
    /// Address for direct TLS.
    pub tls: SocketAddr,
}

/// How long a server may take to listen, with accounts to create and a busy machine.
const START_LIMIT: Duration = Duration::from_secs(120);
/// How long an orderly end may take.
const STOP_LIMIT: Duration = Duration::from_secs(30);

impl Server {
    /// Prepares a directory with configuration, certificate and accounts, and starts it.
    pub fn start(setup: &Setup) -> Result<Self> {
        let folder = setup.folder.clone().unwrap_or_else(std::env::temp_dir);
        let dir = tempfile::Builder::new().prefix("steadfast-test-").tempdir_in(folder)?;
        let plain = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        let tls = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        write_certificate(dir.path())?;
        let place = Place { dir: dir.path(), plain, tls };
        match setup.kind {
            Kind::Steadfast => prepare_steadfast(&place, setup)?,
            Kind::Prosody => peers::prepare_prosody(&place, setup)?,
            Kind::Ejabberd => peers::prepare_ejabberd(&place, setup)?,
        }
        let mut server = Self { kind: setup.kind, process: None, dir, plain, tls };
        server.restart()?;
        Ok(server)
    }

    /// Starts it on the data that is there; returns when it listens.
    pub fn restart(&mut self) -> Result<()> {
        ensure!(self.process.is_none(), "{} runs already", self.kind.name());
        let place = Place { dir: self.dir.path(), plain: self.plain, tls: self.tls };
        let mut readiness = None;
        let command = match self.kind {
            Kind::Steadfast => {
                let mut command = Command::new(steadfast_binary()?);
                command.arg("serve").arg("--config").arg(place.dir.join("steadfast.toml"));
                readiness = Some(Readiness::ask(&mut command, place.dir)?);
                command
            }
            Kind::Prosody => peers::prosody_command(&place),
            Kind::Ejabberd => peers::ejabberd_command(&place),
        };
        let mut process = Process::start(command, &self.dir.path().join("output.log"))?;
        if self.kind == Kind::Ejabberd {
            peers::wait_for_ejabberd(&place, &mut process, START_LIMIT)?;
        }
        if let Some(readiness) = readiness {
            readiness.wait(&mut process, START_LIMIT)?;
        }
        process.wait_until_listening(self.plain, START_LIMIT)?;
        process.wait_until_listening(self.tls, START_LIMIT)?;
        self.process = Some(process);
        Ok(())
    }
    /// kill -9; returns when it is gone.
    pub fn kill(&mut self) -> Result<()> {
        match self.process.take() {
            Some(mut process) => process.kill(),
            None => Ok(()),
        }
    }
    /// SIGTERM; returns when it has ended in order.
    pub fn terminate(&mut self) -> Result<()> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        let status = process.terminate(STOP_LIMIT)?;
        // A peer's exit status is its own business.
        ensure!(
            status.success() || self.kind != Kind::Steadfast,
            "SIGTERM ended it with {status}\n{}",
            process.log_tail()
        );
        Ok(())
    }

    /// Which server it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }
    /// Its directory.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }
    /// Where clients connect.
    pub fn endpoint(&self, security: Security) -> Endpoint {
        let address = if security == Security::DirectTls { self.tls } else { self.plain };
        Endpoint { address, domain: DOMAIN.to_owned(), security }
    }
    /// CPU and memory so far.
    pub fn usage(&self) -> Usage {
        self.process.as_ref().map(Process::usage).unwrap_or_default()
    }
    /// Its process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::pid)
    }
    /// Whether the process is alive.
    pub fn is_running(&mut self) -> bool {
        self.process.as_mut().is_some_and(Process::is_running)
    }
    /// The last lines it wrote.
    pub fn log_tail(&self) -> String {
        self.process.as_ref().map(Process::log_tail).unwrap_or_default()
    }
}

/// Where a server of ours says that it is ready, as it says it to systemd (sd_notify(3)).
struct Readiness(UnixDatagram);

impl Readiness {
    fn ask(command: &mut Command, dir: &Path) -> Result<Self> {
        let path = dir.join("notify.sock");
        let _ = std::fs::remove_file(&path);
        let socket = UnixDatagram::bind(&path)?;
        socket.set_read_timeout(Some(Duration::from_millis(100)))?;
        command.env("NOTIFY_SOCKET", path);
        Ok(Self(socket))
    }
    fn wait(&self, process: &mut Process, limit: Duration) -> Result<()> {
        let deadline = Instant::now() + limit;
        let mut buffer = [0; 1024];
        loop {
            if let Ok(count) = self.0.recv(&mut buffer)
                && String::from_utf8_lossy(&buffer[..count]).lines().any(|l| l == "READY=1")
            {
                return Ok(());
            }
            ensure!(process.is_running(), "it ended before it was ready\n{}", process.log_tail());
            ensure!(Instant::now() < deadline, "not ready after {limit:?}\n{}", process.log_tail());
        }
    }
}

/// The binary under test: `STEADFAST_BIN`, or the one beside the running test binary.
pub fn steadfast_binary() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("STEADFAST_BIN") {
        return Ok(path.into());
    }
    let me = std::env::current_exe()?;
    let candidates = me.ancestors().skip(1).take(2).map(|dir| dir.join("steadfast"));
    candidates.into_iter().find(|path| path.is_file()).with_context(|| {
        format!(
            "no steadfast binary near {}: build it (cargo build -p steadfast) or set STEADFAST_BIN",
            me.display()
        )
    })
}

/// `cert.pem`, `key.pem` and `both.pem`: P-256, self-signed, the same for every server.
fn write_certificate(dir: &Path) -> Result<()> {
    let mut params = rcgen::CertificateParams::new(vec![DOMAIN.to_owned()])?;
    // ejabberd cannot read rcgen's default, the year 4096.
    params.not_before = rcgen::date_time_ymd(2024, 1, 1);
    params.not_after = rcgen::date_time_ymd(2040, 1, 1);
    let key = rcgen::KeyPair::generate()?;
    let (cert, key) = (params.self_signed(&key)?.pem(), key.serialize_pem());
    std::fs::write(dir.join("cert.pem"), &cert)?;
    std::fs::write(dir.join("key.pem"), &key)?;
    std::fs::write(dir.join("both.pem"), format!("{cert}{key}"))?;
    Ok(())
}

fn prepare_steadfast(place: &Place<'_>, setup: &Setup) -> Result<()> {
    let mut text =
        format!("domain = \"{DOMAIN}\"\nruntime_dir = \"{}\"\n", place.dir.join("data").display());
    for (kind, address, tls) in
        [("c2s", place.plain, "optional"), ("c2s-tls", place.tls, "required")]
    {
        write!(text, "[[listen]]\nkind = \"{kind}\"\naddress = \"{address}\"\ntls = \"{tls}\"\n")?;
    }
    let (cert, key) = (place.dir.join("cert.pem"), place.dir.join("key.pem"));
    write!(text, "[tls]\ncertificate = \"{}\"\nkey = \"{}\"\n", cert.display(), key.display())?;
    if setup.limits_lifted {
        text.push_str("[limits]\nstanzas_per_second = 10_000_000\nstanzas_burst = 10_000_000\n");
        text.push_str("copies_per_second = 10_000_000\n");
    }
    let config = place.dir.join("steadfast.toml");
    std::fs::write(&config, text)?;
    std::fs::create_dir_all(place.dir.join("data"))?;
    let users = place.dir.join("users.csv");
    let lines: String =
        setup.accounts.iter().map(|user| format!("{user}@{DOMAIN},{PASSWORD}\n")).collect();
    std::fs::write(&users, lines)?;
    let out = Command::new(steadfast_binary()?)
        .args(["account", "add", "--config"])
        .arg(&config)
        .arg("--file")
        .arg(&users)
        .output()?;
    if !out.status.success() {
        bail!("creating accounts failed: {}", String::from_utf8_lossy(&out.stderr));
    }
    Ok(())
}

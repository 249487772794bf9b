//! One probe: a command and its exit code, or a connection to every address and port; bounded by Probe_timeout.

use crate::run::{Ended, run, shell};
use rgm::monitor::{COMPLETE_FAILURE, ProbeResult};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

/// Connected, but not disconnected in order: half a failure (conventional).
const HALF_FAILURE: u32 = 50;
/// The shell could not run the command: it is not executable, or there is none.
const NOT_RUN: [i32; 2] = [126, 127];

/// How a service is probed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Probe {
    /// A line for the shell; its exit code is the result.
    Shell(String),
    /// A program and its arguments, likewise.
    Program(Vec<String>),
    /// A connection to each of these is made and ended.
    Connect(Vec<SocketAddr>),
    /// There is nothing to ask; only deaths count.
    None,
}

impl Probe {
    /// Probes once.
    pub(crate) fn once(&self, timeout: Duration) -> ProbeResult {
        match self {
            Self::Shell(line) => command(&mut shell(line), timeout),
            Self::Program(words) => match words.split_first() {
                Some((program, arguments)) => {
                    command(Command::new(program).args(arguments), timeout)
                }
                None => healthy(),
            },
            Self::Connect(addresses) => connect(addresses, timeout),
            Self::None => healthy(),
        }
    }
}

fn healthy() -> ProbeResult {
    ProbeResult::Ended { weight: 0, said: String::new() }
}

fn command(command: &mut Command, timeout: Duration) -> ProbeResult {
    match run(command, Some(timeout)) {
        Ok(ended) => result(&ended),
        Err(error) => {
            let program = command.get_program().to_string_lossy();
            ProbeResult::NotRun { why: format!("{program}: {error}") }
        }
    }
}

fn result(ended: &Ended) -> ProbeResult {
    let Some(status) = ended.status else { return ProbeResult::TimedOut { weight: None } };
    let said = ended.last_line().unwrap_or_default().to_owned();
    match status.code() {
        Some(code) if NOT_RUN.contains(&code) => ProbeResult::NotRun { why: ended.sentence() },
        Some(code) => {
            ProbeResult::Ended { weight: u32::try_from(code).unwrap_or(COMPLETE_FAILURE), said }
        }
        None => ProbeResult::Ended { weight: COMPLETE_FAILURE, said: ended.sentence() },
    }
}

fn connect(addresses: &[SocketAddr], timeout: Duration) -> ProbeResult {
    let until = Instant::now() + timeout;
    let mut worst = (0, String::new());
    for address in addresses {
        let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        let (weight, said) = match TcpStream::connect_timeout(address, left) {
            Err(error) => (COMPLETE_FAILURE, format!("{address} takes no connection: {error}")),
            Ok(stream) => match stream.shutdown(Shutdown::Both) {
                Ok(()) => (0, String::new()),
                Err(error) => (HALF_FAILURE, format!("{address} ended the connection: {error}")),
            },
        };
        if weight > worst.0 {
            worst = (weight, said);
        }
    }
    let (weight, said) = worst;
    ProbeResult::Ended { weight, said }
}

/// The end points of a service, from Port_list (`80/tcp`) and its addresses. UDP answers nobody, so it is not asked.
pub(crate) fn end_points(addresses: &[IpAddr], ports: &[String]) -> Vec<SocketAddr> {
    let mut all = Vec::new();
    for entry in ports {
        let (port, protocol) = entry.split_once('/').unwrap_or((entry, "tcp"));
        let Ok(port) = port.parse::<u16>() else { continue };
        let is_fit = |address: &&IpAddr| match protocol {
            "tcp" => true,
            "tcp6" => address.is_ipv6(),
            _ => false,
        };
        all.extend(addresses.iter().filter(is_fit).map(|ip| SocketAddr::new(*ip, port)));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn the_exit_code_of_a_probe_is_its_weight() {
        let ended = |weight, said: &str| ProbeResult::Ended { weight, said: said.to_owned() };
        for (line, expect) in [
            ("exit 0", ended(0, "")),
            ("echo slow; exit 30", ended(30, "slow")),
            ("exit 201", ended(201, "")),
            ("kill -9 $$", ended(100, "was ended by signal KILL")),
        ] {
            assert_eq!(Probe::Shell(line.to_owned()).once(LONG), expect, "{line}");
        }
    }

    #[test]
    fn a_probe_that_cannot_be_run_says_nothing_of_the_service() {
        let missing = "/no/such/probe".to_owned();
        for probe in [Probe::Shell(missing.clone()), Probe::Program(vec![missing.clone()])] {
            assert!(matches!(probe.once(LONG), ProbeResult::NotRun { .. }), "{probe:?}");
        }
    }

    #[test]
    fn a_probe_that_hangs_has_timed_out() {
        let probe = Probe::Program(vec!["sleep".to_owned(), "60".to_owned()]);
        let result = probe.once(Duration::from_millis(50));
        assert_eq!(result, ProbeResult::TimedOut { weight: None });
    }

    #[test]
    fn a_port_that_takes_no_connection_is_a_complete_failure() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(Probe::Connect(vec![address]).once(LONG), healthy());
        drop(listener);
        let result = Probe::Connect(vec![address]).once(LONG);
        assert!(matches!(result, ProbeResult::Ended { weight: 100, .. }), "{result:?}");
    }

    #[test]
    fn end_points_are_all_addresses_with_all_tcp_ports() {
        let addresses = ["10.0.0.1".parse().unwrap(), "fd00::1".parse().unwrap()];
        let ports = ["80/tcp", "53/udp", "81/tcp6", "90"].map(str::to_owned);
        let found: Vec<String> =
            end_points(&addresses, &ports).iter().map(ToString::to_string).collect();
        let expect = ["10.0.0.1:80", "[fd00::1]:80", "[fd00::1]:81", "10.0.0.1:90", "[fd00::1]:90"];
        assert_eq!(found, expect);
    }
}

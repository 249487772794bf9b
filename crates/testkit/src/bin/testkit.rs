//! The checks of this crate as commands, for `cargo xtask` and for anybody who wants to point them at a server.
//!
//! ```text
//! testkit scenarios [--server steadfast|prosody|ejabberd] [--at HOST:PORT --domain D --password P] [NAME…]
//! testkit accounts                       the accounts that the scenarios need
//! testkit serve --server KIND USER…      a server for scripts; takes kill, terminate, start
//! testkit faults [--server KIND] [--trials N] [--pairs N] [--fault kill|term|both] [--tls yes] [--seed N]
//! ```

#![expect(clippy::print_stdout, reason = "a command line program talks to a terminal")]

use anyhow::{Context, Result, bail};
use std::time::Instant;
use testkit::loss::{self, Fault, Options};
use testkit::scenario::{self, Outcome, Runner};
use testkit::server::{Kind, PASSWORD, Server, Setup};
use testkit::transport::{Endpoint, Security};

/// Arguments as `--name value` pairs and the rest.
struct Arguments {
    options: Vec<(String, String)>,
    rest: Vec<String>,
}

impl Arguments {
    fn parse(args: impl Iterator<Item = String>) -> Result<Self> {
        let (mut options, mut rest) = (Vec::new(), Vec::new());
        let mut args = args;
        while let Some(arg) = args.next() {
            match arg.strip_prefix("--") {
                Some(name) => {
                    let value = args.next().with_context(|| format!("--{name} needs a value"))?;
                    options.push((name.to_owned(), value));
                }
                None => rest.push(arg),
            }
        }
        Ok(Self { options, rest })
    }
    fn get(&self, name: &str) -> Option<&str> {
        self.options.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
    fn number(&self, name: &str, default: u64) -> Result<u64> {
        self.get(name).map_or(Ok(default), |n| n.parse().with_context(|| format!("--{name} {n}")))
    }
    fn kind(&self) -> Result<Kind> {
        let name = self.get("server").unwrap_or("steadfast");
        Kind::from_name(name).with_context(|| format!("no server is called {name}"))
    }
}

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let command = args.next().unwrap_or_default();
    let args = Arguments::parse(args)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match command.as_str() {
        "scenarios" => runtime.block_on(scenarios(&args)),
        "accounts" => {
            for account in scenario::accounts(&scenario::load(&scenario::own_directory())?) {
                println!("{account}");
            }
            Ok(())
        }
        "serve" => serve(&args),
        "faults" => faults(&args),
        _ => bail!("testkit scenarios | accounts | serve | faults; got {command:?}"),
    }
}

async fn scenarios(args: &Arguments) -> Result<()> {
    let mut all = scenario::load(&scenario::own_directory())?;
    if !args.rest.is_empty() {
        all.retain(|s| args.rest.iter().any(|name| s.name.contains(name.as_str())));
    }
    let mut server = None;
    let runner = if let Some(address) = args.get("at") {
        let endpoint = Endpoint {
            address: address.parse().context("--at wants ADDRESS:PORT")?,
            domain: args.get("domain").unwrap_or("localhost").to_owned(),
            security: Security::StartTls,
        };
        let password = args.get("password").unwrap_or(PASSWORD).to_owned();
        Runner { endpoint, password, kind: None }
    } else {
        let kind = args.kind()?;
        let started = server.insert(Server::start(&Setup::new(kind, scenario::accounts(&all)))?);
        Runner::new(started.endpoint(Security::StartTls), kind)
    };
    let (mut passed, mut failed, mut deviated) = (0, 0, 0);
    for scenario in &all {
        let start = Instant::now();
        let outcome = runner.run(scenario).await;
        let took = start.elapsed().as_millis();
        match outcome {
            Outcome::Passed => {
                passed += 1;
                println!("ok        {:<40} {took:>5} ms", scenario.name);
            }
            Outcome::Deviated(why) => {
                deviated += 1;
                println!("deviates  {:<40} {took:>5} ms  {why}", scenario.name);
            }
            Outcome::Failed(error) => {
                failed += 1;
                println!("FAILED    {:<40} {took:>5} ms\n  {error:#}", scenario.name);
            }
        }
    }
    println!("{passed} passed, {deviated} known deviations, {failed} failed");
    if failed > 0 {
        if let Some(server) = &server {
            println!("--- the server's last lines ---\n{}", server.log_tail());
        }
        bail!("{failed} scenarios failed");
    }
    Ok(())
}

/// A server for scripts: says where it listens in one line, then takes orders until the standard input ends.
fn serve(args: &Arguments) -> Result<()> {
    let mut server = Server::start(&Setup::new(args.kind()?, args.rest.clone()))?;
    println!(
        "ready plain={}\ttls={}\tdir={}\tpassword={PASSWORD}",
        server.endpoint(Security::StartTls).address,
        server.endpoint(Security::DirectTls).address,
        server.dir().display()
    );
    for order in std::io::stdin().lines() {
        let done = match order?.as_str() {
            "kill" => server.kill(),
            "terminate" => server.terminate(),
            "start" => server.restart(),
            other => bail!("no order is called {other:?}: kill, terminate, start"),
        };
        match done {
            Ok(()) => println!("done"),
            Err(error) => println!("{error:#}"),
        }
    }
    Ok(())
}

fn faults(args: &Arguments) -> Result<()> {
    let options = Options {
        trials: u32::try_from(args.number("trials", 12)?)?,
        pairs: usize::try_from(args.number("pairs", 4)?)?,
        fault: match args.get("fault").unwrap_or("kill") {
            "kill" => Fault::Kill,
            "term" => Fault::Terminate,
            "both" => Fault::Alternating,
            other => bail!("--fault is kill, term or both, not {other}"),
        },
        security: if args.get("tls").is_some() { Security::DirectTls } else { Security::Plain },
        seed: args.number("seed", 1)?,
    };
    let mut server = Server::start(&Setup::new(args.kind()?, loss::accounts(options.pairs)))?;
    let report = loss::run(&mut server, &options)?;
    println!("{report}");
    let broken = report.broken_promises();
    if !broken.is_empty() {
        bail!("not kept:\n  {}", broken.join("\n  "));
    }
    Ok(())
}

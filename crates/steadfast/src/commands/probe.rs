//! `probe`: is the service well, and how fast?

use crate::Failed;
use crate::cli::{ProbeArgs, ServiceArgs};
use crate::config::Config;
use crate::probe::{Report, Target, Trust, is_loopback, run as probe};
use crate::terminal::{answer, answer_line, remark};
use crate::{account, up};
use anyhow::{Context, Result, bail};
use serde_json::json;
use std::fmt::Write;

/// Runs the probe and reports; fails when a step fails.
pub(crate) fn run(args: &ProbeArgs) -> Result<()> {
    let target = target(args)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(probe(&target));
    if args.json {
        answer_line(&as_json(&report).to_string())?;
    } else {
        answer(&as_text(&report))?;
    }
    match &report.failure {
        None => Ok(()),
        Some((step, why)) => {
            if !args.json {
                remark(&format!("{step} failed: {why}"));
            }
            Err(Failed.into())
        }
    }
}

fn target(args: &ProbeArgs) -> Result<Target> {
    let config = config(&args.service, args.server.is_some())?;
    let (account, password) = match &args.account {
        Some(text) => {
            let password = account::password::first_line(std::io::stdin().lock())?;
            (account::account_jid(text)?, password)
        }
        None => {
            let folder = config.as_ref().map(|config| config.runtime_dir.clone());
            let folder = folder.context("name an account: --account JID --password-stdin")?;
            let first = up::accounts::read(&folder)?.into_iter().next();
            first.context("name an account: --account JID --password-stdin")?
        }
    };
    let (host, port, direct_tls) = match (&args.server, &config) {
        (Some(server), _) => {
            let (host, port) = split(server)?;
            (host, port, args.direct_tls)
        }
        (None, Some(config)) => nearest_listener(config, args.direct_tls)?,
        (None, None) => (
            account.domain().to_owned(),
            if args.direct_tls { 5223 } else { 5222 },
            args.direct_tls,
        ),
    };
    let trust = match &args.ca {
        _ if args.insecure => Trust::Anybody("--insecure"),
        Some(file) => Trust::File(file.clone()),
        None if is_loopback(&host) => Trust::Anybody("loopback address"),
        None => Trust::System,
    };
    Ok(Target { account, password, host, port, direct_tls, trust, timeout: args.timeout })
}

/// The configuration, where there is one; it is not needed when everything else is said.
fn config(args: &ServiceArgs, server_named: bool) -> Result<Option<Config>> {
    if super::names_nothing(args)
        || server_named && args.data.is_none() && args.config.config.is_none()
    {
        return Ok(None);
    }
    super::service_config(args).map(Some)
}

fn split(server: &str) -> Result<(String, u16)> {
    let Some((host, port)) = server.rsplit_once(':') else {
        bail!("--server {server}: write HOST:PORT, such as chat.example.org:5222");
    };
    let port = port.parse().with_context(|| format!("--server {server}: {port:?} is no port"))?;
    Ok((host.trim_start_matches('[').trim_end_matches(']').to_owned(), port))
}

/// A listener of the configuration, on an address that can be connected to.
fn nearest_listener(config: &Config, direct_tls: bool) -> Result<(String, u16, bool)> {
    let kind = config.listeners.iter().find(|listener| listener.direct_tls == direct_tls);
    let listener =
        kind.or(config.listeners.first()).context("the configuration has no listener")?;
    let ip = match listener.address.ip() {
        ip if !ip.is_unspecified() => ip,
        _ => std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
    };
    Ok((ip.to_string(), listener.address.port(), listener.direct_tls))
}

fn millis(took: std::time::Duration) -> f64 {
    (took.as_secs_f64() * 1e6).round() / 1e3
}

fn as_text(report: &Report) -> String {
    let mut out = String::new();
    for step in &report.steps {
        let line = format!("{:8} {:>9.3} ms  {}", step.name, millis(step.took), step.note);
        let _ = writeln!(out, "{}", line.trim_end());
    }
    let total = report.steps.iter().map(|step| step.took).sum();
    if report.failure.is_none() {
        let _ = writeln!(out, "{:8} {:>9.3} ms", "total", millis(total));
    }
    out
}

fn as_json(report: &Report) -> serde_json::Value {
    let steps: Vec<serde_json::Value> = report
        .steps
        .iter()
        .map(|step| json!({ "step": step.name, "ms": millis(step.took), "note": step.note }))
        .collect();
    let failed = report.failure.as_ref().map(|(step, why)| json!({ "step": step, "why": why }));
    let total: std::time::Duration = report.steps.iter().map(|step| step.took).sum();
    json!({ "ok": failed.is_none(), "steps": steps, "total_ms": millis(total), "failed": failed })
}

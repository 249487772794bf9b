//! What follows from several settings together, and what is wrong with them together.
//!
//! Looks at the file system (may the runtime_dir be written, are the certificate's files there) but changes nothing.

use super::effective::{Listener, TlsDemand};
use super::kind::Value;
use super::problem::Problem;
use super::settings::{Origin, Settings};
use rustix::fs::Access;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

/// Fills in what follows from what is set.
pub(super) fn complete(s: &mut Settings) {
    if s.get("domains").is_none()
        && let Some(domain) = s.get("domain").map(|setting| setting.value.clone())
    {
        let list = if let Value::Text(text) = domain { vec![text] } else { Vec::new() };
        s.derive("domains", Value::List(list), "domain");
    }
    if s.listeners.is_empty() {
        s.add_default_listener("c2s");
        s.add_default_listener("c2s-tls");
    }
    for item in 0..s.listeners.len() {
        let path = format!("listen[{item}].address");
        let refused = s.problems.iter().any(|problem| problem.text.starts_with("listen.address"));
        if s.get(&path).is_none() && !refused {
            let port =
                if s.text(&format!("listen[{item}].kind")) == "c2s-tls" { 5223 } else { 5222 };
            s.derive(&path, Value::Text(format!("[::]:{port}")), "kind");
        }
    }
    if s.get("tls.certificate").is_none() && s.get("tls.key").is_none() {
        let folder = Path::new(s.text("runtime_dir")).to_owned();
        for (path, file) in
            [("tls.certificate", "self-made-cert.pem"), ("tls.key", "self-made-key.pem")]
        {
            s.derive(path, Value::Text(folder.join(file).display().to_string()), "runtime_dir");
        }
    }
}

/// Everything that is wrong with the settings together.
pub(super) fn check(s: &Settings) -> Vec<Problem> {
    let mut problems = Vec::new();
    check_domains(s, &mut problems);
    check_runtime_dir(s, &mut problems);
    check_listeners(s, &mut problems);
    check_tls(s, &mut problems);
    problems
}

fn check_domains(s: &Settings, problems: &mut Vec<Problem>) {
    match (s.get("domain"), s.get("domains")) {
        (None, None) if !s.problems.iter().any(|p| p.text.starts_with("domain")) => {
            problems.push(Problem::new(
                "configuration",
                "domain is missing; write domain = \"example.org\" with the part after the @ of \
                    your users' addresses",
            ));
        }
        (Some(_), Some(domains)) if !matches!(domains.origin, Origin::Derived(_)) => {
            problems.push(Problem::new(
                s.place("domains"),
                "domains is set beside domain; keep one of them",
            ));
        }
        (_, Some(setting)) => {
            if let Value::List(list) = &setting.value {
                for (index, domain) in list.iter().enumerate() {
                    if list[..index].contains(domain) {
                        problems.push(Problem::new(
                            s.place("domains"),
                            format!("domains: {domain:?} is there twice"),
                        ));
                    }
                }
            }
        }
        _ => {}
    }
}

fn check_runtime_dir(s: &Settings, problems: &mut Vec<Problem>) {
    let text = s.text("runtime_dir");
    let mut problem = |why: String| {
        problems
            .push(Problem::new(s.place("runtime_dir"), format!("runtime_dir = {text:?}: {why}")));
    };
    let path = Path::new(text);
    let Some(existing) = path.ancestors().find(|ancestor| ancestor.exists()) else {
        return problem("no part of this path exists".to_owned());
    };
    if !existing.is_dir() {
        return problem(format!("{} is not a folder", existing.display()));
    }
    if rustix::fs::access(existing, Access::WRITE_OK | Access::EXEC_OK).is_err() {
        let what = if existing == path {
            "it is"
        } else {
            "it does not exist and the folder it would be made in is"
        };
        problem(format!(
            "{what} not writable for this user; change its owner, or set another runtime_dir"
        ));
    }
}

fn check_listeners(s: &Settings, problems: &mut Vec<Problem>) {
    let mut seen: BTreeMap<SocketAddr, String> = BTreeMap::new();
    if let Some(address) = s.address("metrics.address") {
        seen.insert(address, "metrics.address".to_owned());
    }
    for item in 0..s.listeners.len() {
        let Some(listener) = s.listener(item) else { continue };
        let place = |name: &str| match s.place(&format!("listen[{item}].{name}")).as_str() {
            "configuration" => s.listeners[item].to_string(),
            place => place.to_owned(),
        };
        if let Some(why) = wrong_tls(&listener) {
            problems.push(Problem::new(place("tls"), why));
        }
        let name = format!("listen[{item}].address");
        if let Some(other) = seen.insert(listener.address, name) {
            problems.push(Problem::new(
                place("address"),
                format!(
                    "listen.address = \"{}\": {other} has this address already",
                    listener.address
                ),
            ));
        }
    }
}

fn wrong_tls(listener: &Listener) -> Option<String> {
    match (listener.tls, listener.direct_tls) {
        (TlsDemand::Required, _) => None,
        (TlsDemand::Off | TlsDemand::Optional, true) => Some(
            "listen.tls: a listener of kind c2s-tls begins with TLS; leave tls out, or set it \
                to \"required\""
                .to_owned(),
        ),
        (TlsDemand::Off, false) if !listener.address.ip().to_canonical().is_loopback() => {
            Some(format!(
                "listen.tls = \"off\" is allowed only on a loopback address such as 127.0.0.1, not \
                    on \
                {}; passwords would travel in clear",
                listener.address.ip()
            ))
        }
        (TlsDemand::Off | TlsDemand::Optional, false) => None,
    }
}

fn check_tls(s: &Settings, problems: &mut Vec<Problem>) {
    let (certificate, key) = match (s.get("tls.certificate"), s.get("tls.key")) {
        (Some(_), Some(_)) => (s.text("tls.certificate"), s.text("tls.key")),
        (Some(_), None) => {
            let text = "tls.certificate is set without tls.key; name the file with the \
                certificate's private key";
            return problems.push(Problem::new(s.place("tls.certificate"), text));
        }
        (None, Some(_)) => {
            let text = "tls.key is set without tls.certificate; name the file with the \
                certificate";
            return problems.push(Problem::new(s.place("tls.key"), text));
        }
        (None, None) => return,
    };
    let there = |path: &str| Path::new(path).exists();
    // Both absent is no problem: a self-made pair is written there.
    for (path, file, other) in
        [("tls.certificate", certificate, key), ("tls.key", key, certificate)]
    {
        if !there(file) && there(other) {
            let why = format!(
                "{path} = {file:?}: there is no such file, but {other:?} exists; name files that \
                    belong together"
            );
            problems.push(Problem::new(s.place(path), why));
        } else if there(file) && std::fs::File::open(file).is_err() {
            problems.push(Problem::new(
                s.place(path),
                format!("{path} = {file:?}: cannot be read by this user"),
            ));
        }
    }
}

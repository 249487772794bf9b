//! Steadfast on a site: etcd on both hosts and the witness, guard and daemon on each host, one group with logical host, failover storage and the HTTP service under
//! SUNW.gds, each depending on what it needs.

use crate::contender::Contender;
use crate::etcd::{Etcd, Tuning};
use crate::host::SHARED;
use crate::shell::wait_for;
use crate::site::{ADDRESSES, HOSTS, SERVICE, SERVICE_NAME, Site};
use crate::space::Process;
use anyhow::{Context, Result};
use node_api::Client;
use rgm::{Assignment, Fencing, Operation};
use std::fs;
use std::time::Duration;

/// The group.
pub const GROUP: &str = "web_rg";
/// The service.
pub const SERVER: &str = "web_server";
/// The logical host.
pub const ADDRESS: &str = "web_lh";
/// The storage.
pub const STORAGE: &str = "web_store";
/// How long anything may take to come true on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(40);

/// How the cluster is set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Lease, in seconds.
    pub lease_s: f64,
    /// Reserve, in seconds.
    pub reserve_s: f64,
    /// Of etcd.
    pub etcd: Tuning,
    /// Whether a fence agent is configured; without one, the operator has allowed storage without fencing.
    pub fencing: bool,
}

impl Settings {
    /// As delivered.
    pub const DEFAULT: Self =
        Self { lease_s: 2.0, reserve_s: 0.5, etcd: Tuning::Documented, fencing: true };
    /// The tightest that is documented.
    pub const TIGHT: Self =
        Self { lease_s: 1.0, reserve_s: 0.3, etcd: Tuning::Tight, fencing: true };

    /// The same without fencing.
    #[must_use]
    pub const fn unfenced(mut self) -> Self {
        self.fencing = false;
        self
    }
}

/// The cluster.
pub struct Steadfast {
    settings: Settings,
    etcd: Option<Etcd>,
}

impl Steadfast {
    /// Not started yet.
    pub const fn new(settings: Settings) -> Self {
        Self { settings, etcd: None }
    }

    /// Its settings.
    pub const fn settings(&self) -> Settings {
        self.settings
    }

    /// Its control store.
    pub fn etcd(&mut self) -> Result<&mut Etcd> {
        self.etcd.as_mut().context("etcd does not run")
    }

    /// A client of a node's daemon.
    pub fn node(&self, site: &Site, at: usize) -> Client {
        Client::new(site.host(at).root().join("run/steadfast/node.sock"))
    }

    /// A node's guard.
    pub fn guard(&self, site: &Site, at: usize) -> Vec<Process> {
        site.find(at, |argv| {
            is_steadfast(argv) && argv.get(1) == Some(&"node") && argv.get(2) == Some(&"--config")
        })
    }

    /// A node's daemon.
    pub fn daemon(&self, site: &Site, at: usize) -> Vec<Process> {
        site.find(at, |argv| {
            is_steadfast(argv) && argv.get(1) == Some(&"node") && argv.get(2) == Some(&"--daemon")
        })
    }

    /// The service's fault monitor.
    pub fn monitor(&self, site: &Site, at: usize) -> Vec<Process> {
        site.find(at, |argv| {
            is_steadfast(argv)
                && argv.get(1) == Some(&"methods")
                && argv.get(2).is_some_and(|m| m.contains("probe") || m.contains("monitor"))
                && argv.contains(&SERVER)
        })
    }

    /// Carries out an operation through a node and waits until it has come true.
    pub fn order(&self, site: &Site, at: usize, operation: Operation) -> Result<()> {
        let shown = format!("{operation:?}").chars().take(160).collect::<String>();
        self.node(site, at)
            .submit(operation, true, Some(PATIENCE), |_| {})
            .map(drop)
            .with_context(|| shown)
    }

    /// Who plans; `None` while nobody does.
    pub fn president(&self, site: &Site, asked: usize) -> Result<Option<usize>> {
        let snapshot = self.node(site, asked).snapshot()?;
        let key = snapshot.keys.iter().find(|k| k.key == "president");
        Ok(key.and_then(|key| {
            HOSTS.iter().position(|name| key.value.contains(&format!("\"{name}\"")))
        }))
    }

    /// Starts guard and daemon of a node.
    pub fn start_node(&mut self, site: &Site, at: usize) -> Result<()> {
        let host = site.host(at);
        let config = host.root().join("node.toml");
        fs::write(&config, self.config(site, host.name(), host.root()))?;
        let (http, power) = (site.programs.http.display(), site.power.folder().display());
        write_script(
            &host.root().join("reset"),
            &format!("echo plug={} | exec {http} fence {power}", host.name()),
        )?;
        let (program, log) = (site.programs.steadfast.display(), host.root().join("node.log"));
        // A child of process 1, as on any machine: what outside started it would have to reap it.
        let script = format!(
            "setsid {program} node --config {} </dev/null >>{} 2>&1 &",
            config.display(),
            log.display()
        );
        host.space()?.run(&script).map(drop)
    }

    fn config(&self, site: &Site, name: &str, root: &std::path::Path) -> String {
        let mut endpoints = self.etcd.as_ref().map(Etcd::endpoints).unwrap_or_default();
        // Its own, the witness's, and last the other host's, as docs/two-nodes.md has it.
        if name == HOSTS[0] && endpoints.len() == ADDRESSES.len() {
            endpoints.swap(1, 2);
        } else {
            endpoints.rotate_left(1);
        }
        let Settings { lease_s, reserve_s, .. } = self.settings;
        let (cluster, tls) = (site.unique(), root.join("keep"));
        let tls = tls.display();
        format!(
            "[node]\nname = \"{name}\"\n[cluster]\nname = \"{cluster}\"\n[store]\nengine = \"etcd\"\nendpoints = {endpoints:?}\n\
             ca = \"{tls}/ca.pem\"\ncert = \"{tls}/client.pem\"\nkey = \"{tls}/client.key\"\n\
             [lease]\ntime_s = {lease_s:?}\nreserve_s = {reserve_s:?}\n[log]\nlevel = \"debug\"\nsyslog = false\n\
             [failfast]\nreset = \"command\"\npath = \"{}\"\n",
            root.join("reset").display()
        )
    }

    fn start_etcd(&mut self, site: &Site) -> Result<()> {
        let etcd = Etcd::start(&site.inits(), &ADDRESSES, self.settings.etcd, site.witness())?;
        for at in 0..HOSTS.len() {
            etcd.give_certificates(&site.host(at).root().join("keep"))?;
        }
        // The leader is where no service runs unless a fault wants it otherwise.
        etcd.lead(site.witness(), 2)?;
        self.etcd = Some(etcd);
        Ok(())
    }

    fn configure(&self, site: &Site) -> Result<()> {
        if self.settings.fencing {
            let agent = site.base().join("bin/fence_site");
            let (http, folder) = (site.programs.http.display(), site.power.folder().display());
            write_script(&agent, &format!("exec {http} fence {folder}"))?;
            for name in HOSTS {
                let fencing = Fencing {
                    agent: agent.to_string_lossy().into_owned(),
                    options: std::collections::BTreeMap::new(),
                    timeout_s: 30,
                };
                self.order(
                    site,
                    0,
                    Operation::SetFencing { node: name.into(), fencing: Some(fencing) },
                )?;
            }
        } else {
            let allowed = assign("Unfenced_storage_allowed", "TRUE");
            self.order(site, 0, Operation::SetCluster { assignments: vec![allowed] })?;
        }
        let nodes = assign("Nodelist", &HOSTS.join(","));
        // The client's proof needs many faults in a row.
        let patient = assign("Pingpong_interval", "1");
        self.order(
            site,
            0,
            Operation::CreateGroup { group: GROUP.into(), assignments: vec![nodes, patient] },
        )?;
        let lists = vec![assign("HostnameList", SERVICE_NAME)];
        self.create(site, ADDRESS, "SUNW.LogicalHostname", (Vec::new(), lists))?;
        let mounts = vec![assign("FilesystemMountPoints", SHARED)];
        self.create(site, STORAGE, "SUNW.HAStoragePlus", (Vec::new(), mounts))?;
        let command = site.service_command("$STEADFAST_NODE").join(" ");
        let probe = format!("{} probe {SERVICE} 900", site.programs.http.display());
        let system = vec![
            assign("Resource_dependencies", &format!("{ADDRESS},{STORAGE}")),
            assign("Network_resources_used", ADDRESS),
            assign("Port_list", "8080/tcp"),
            assign("Thorough_probe_interval", "1"),
            assign("Stop_timeout", "10"),
            assign("Retry_count", "10"),
            assign("Retry_interval", "20"),
        ];
        let extension = vec![
            assign("Start_command", &command),
            assign("Probe_command", &probe),
            assign("Probe_timeout", "1"),
        ];
        self.create(site, SERVER, "SUNW.gds", (system, extension))?;
        self.order(site, 0, Operation::Online { groups: Some(vec![GROUP.into()]) })
    }

    /// `properties`: those of the system, and the type's own.
    fn create(
        &self,
        site: &Site,
        name: &str,
        kind: &str,
        properties: (Vec<Assignment>, Vec<Assignment>),
    ) -> Result<()> {
        let rtr = agents::builtin(kind).with_context(|| format!("no built-in type {kind}"))?;
        let (system, extension) = properties;
        let operation = Operation::CreateResource {
            resource: name.into(),
            type_name: kind.to_owned(),
            group: GROUP.into(),
            system,
            extension,
            enabled: true,
            builtin: Some(Box::new(rtr)),
        };
        self.order(site, 0, operation)
    }
}

impl Contender for Steadfast {
    fn name(&self) -> String {
        let fenced = if self.settings.fencing { "" } else { ", no fencing" };
        format!("Steadfast, lease {} s{fenced}", self.settings.lease_s)
    }

    fn start(&mut self, site: &mut Site) -> Result<()> {
        self.start_etcd(site)?;
        for at in 0..HOSTS.len() {
            self.start_node(site, at)?;
        }
        self.members(site)?;
        self.configure(site)?;
        site.serving(PATIENCE).map(drop)
    }

    fn rejoin(&mut self, site: &mut Site, at: usize) -> Result<()> {
        if !site.host(at).is_up() {
            let etcd = self.etcd()?;
            etcd.kill(at);
            site.boot(at)?;
            etcd.restart(at)?;
        }
        if self.guard(site, at).is_empty() {
            self.start_node(site, at)?;
        }
        Ok(())
    }

    fn settled(&self, site: &Site) -> Result<()> {
        self.members(site)?;
        wait_for("the group is online on one node, and nothing moves", PATIENCE, || {
            let snapshot = self.node(site, 0).snapshot()?;
            let states: Vec<&str> = HOSTS
                .iter()
                .filter_map(|node| {
                    let key = format!("observed/{node}/{GROUP}");
                    let stored = snapshot.keys.iter().find(|k| k.key == key)?;
                    Some(if stored.value.contains("\"state\":\"ONLINE\"") {
                        "online"
                    } else {
                        "other"
                    })
                })
                .collect();
            Ok((states.iter().filter(|s| **s == "online").count() == 1).then_some(()))
        })?;
        site.serving(PATIENCE).map(drop)
    }

    fn switch(&self, site: &Site, to: usize) -> Result<()> {
        self.order(
            site,
            to,
            Operation::Switch { groups: vec![GROUP.into()], nodes: vec![HOSTS[to].into()] },
        )
    }

    fn log(&self, site: &Site) -> String {
        let ends = (0..HOSTS.len()).map(|at| {
            let path = site.host(at).root().join("node.log");
            let text = fs::read_to_string(&path).unwrap_or_default();
            let lines: Vec<&str> = text.lines().filter(|l| !l.contains(" h2::")).collect();
            format!(
                "--- {}\n{}\n",
                path.display(),
                lines[lines.len().saturating_sub(60)..].join("\n")
            )
        });
        ends.collect()
    }
}

impl Steadfast {
    /// Waits until both nodes are members.
    pub fn members(&self, site: &Site) -> Result<()> {
        wait_for("both nodes are members", PATIENCE, || {
            for at in 0..HOSTS.len() {
                let snapshot = self.node(site, at).snapshot()?;
                let members = HOSTS
                    .iter()
                    .filter(|n| snapshot.keys.iter().any(|k| k.key == format!("member/{n}")));
                if snapshot.outside.is_some() || members.count() < HOSTS.len() {
                    return Ok(None);
                }
            }
            Ok(Some(()))
        })
    }
}

fn is_steadfast(argv: &[&str]) -> bool {
    argv.first().is_some_and(|p| p.ends_with("/steadfast"))
}

/// A program of the operator's.
pub fn write_script(path: &std::path::Path, script: &str) -> Result<()> {
    fs::write(path, format!("#!/bin/sh\n{script}\n"))?;
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    Ok(())
}

/// A property's new value.
pub fn assign(name: &str, value: &str) -> Assignment {
    Assignment { name: name.to_owned(), node: None, value: value.to_owned() }
}

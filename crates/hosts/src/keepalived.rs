//! keepalived on a site: VRRP moves the address; the HTTP service runs on both hosts all the time and is probed on each. That is what keepalived is for; it has no
//! exclusive storage, so there is no shared disk here, and no proof of one writer.

use crate::contender::Contender;
use crate::shell::wait_for;
use crate::site::{HOSTS, SERVICE_ADDRESS, Site};
use crate::space::Process;
use anyhow::Result;
use rustix::process::Signal;
use std::fs;
use std::time::Duration;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(40);

/// Settings of VRRP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tuning {
    /// Advertisements each second.
    Default,
    /// Each 100 ms (VRRP version 3); probes stay at 1 s, their shortest interval.
    Tight,
}

/// Both keepaliveds.
pub struct Keepalived {
    tuning: Tuning,
}

impl Keepalived {
    /// Not started yet.
    pub const fn new(tuning: Tuning) -> Self {
        Self { tuning }
    }

    fn start_on(&self, site: &Site, at: usize) -> Result<()> {
        let host = site.host(at);
        let config = host.root().join("keepalived.conf");
        let (version, advert) = match self.tuning {
            Tuning::Default => (2, "1"),
            Tuning::Tight => (3, "0.1"),
        };
        let probe = format!("{} probe 127.0.0.1:8080 900", site.programs.http.display());
        let text = format!(
            "global_defs {{\n router_id {name}\n vrrp_version {version}\n script_user root\n}}\n\
             vrrp_script probe {{\n script \"{probe}\"\n interval 1\n timeout 1\n fall 1\n rise 1\n}}\n\
             vrrp_instance web {{\n state BACKUP\n nopreempt\n interface eth0\n virtual_router_id 51\n priority {priority}\n advert_int {advert}\n\
              virtual_ipaddress {{\n  {SERVICE_ADDRESS}/24\n }}\n track_script {{\n  probe\n }}\n}}\n",
            name = host.name(),
            priority = 100 - at,
        );
        fs::write(&config, text)?;
        let (config, log) = (config.display(), host.root().join("keepalived.log"));
        host.space()?.run(&format!(
            "setsid keepalived -n -l -f {config} </dev/null >>{} 2>&1 &",
            log.display()
        ))?;
        Ok(())
    }

    fn processes(site: &Site, at: usize) -> Vec<Process> {
        site.find(at, |argv| argv.first().is_some_and(|p| p.ends_with("keepalived")))
    }

    /// Starts the service on a host where it does not run, as an init system would.
    fn serve(site: &Site, at: usize) -> Result<()> {
        if site.service(at).is_ok() {
            return Ok(());
        }
        let folder = site.base().join("no-disk");
        fs::create_dir_all(&folder)?;
        let (http, observer) = (site.programs.http.display(), site.base().join("observer"));
        let (folder, observer) = (folder.display(), observer.display());
        let script = format!(
            "setsid {http} serve 0.0.0.0:8080 {folder} {} {observer} </dev/null >/dev/null 2>&1 &",
            HOSTS[at]
        );
        site.on(at, &script).map(drop)
    }
}

impl Contender for Keepalived {
    fn name(&self) -> String {
        match self.tuning {
            Tuning::Default => "keepalived, default".to_owned(),
            Tuning::Tight => "keepalived, advertisements each 100 ms".to_owned(),
        }
    }

    fn start(&mut self, site: &mut Site) -> Result<()> {
        for at in 0..HOSTS.len() {
            Self::serve(site, at)?;
            self.start_on(site, at)?;
        }
        site.serving(PATIENCE).map(drop)
    }

    fn rejoin(&mut self, site: &mut Site, at: usize) -> Result<()> {
        if !site.host(at).is_up() {
            site.boot(at)?;
        }
        Self::serve(site, at)?;
        if Self::processes(site, at).is_empty() {
            self.start_on(site, at)?;
        }
        Ok(())
    }

    fn settled(&self, site: &Site) -> Result<()> {
        for at in 0..HOSTS.len() {
            Self::serve(site, at)?;
            if Self::processes(site, at).is_empty() {
                self.start_on(site, at)?;
            }
        }
        // Probes have to succeed before a host may have the address, and adverts to be heard.
        std::thread::sleep(Duration::from_secs(5));
        wait_for("one host has the address", PATIENCE, || {
            let holders = (0..HOSTS.len()).filter(|at| {
                site.on(*at, &format!("ip -o addr show dev eth0 | grep -q ' {SERVICE_ADDRESS}/'"))
                    .is_ok()
            });
            Ok((holders.count() == 1).then_some(()))
        })?;
        site.serving(PATIENCE).map(drop)
    }

    fn switch(&self, site: &Site, to: usize) -> Result<()> {
        let parent = Self::processes(site, 1 - to);
        // The first is the parent; it tells the other host that it goes.
        site.signal(&parent[..parent.len().min(1)], Signal::TERM)
    }

    fn has_disk(&self) -> bool {
        false
    }

    fn log(&self, site: &Site) -> String {
        let texts = (0..HOSTS.len()).map(|at| {
            let text =
                fs::read_to_string(site.host(at).root().join("keepalived.log")).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            format!("--- {}\n{}\n", HOSTS[at], lines[lines.len().saturating_sub(30)..].join("\n"))
        });
        texts.collect()
    }
}

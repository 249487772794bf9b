//! What is done to a site, one value per fault: how it is done, what must come of it, how it is repaired. `common` is done to every contender, `ours` only to Steadfast.
//!
//! One run: everything is settled; the fault; the client is served again as expected; what it cost is read from the client; repair.

pub mod common;
pub mod ours;

use crate::client::Outage;
use crate::contender::Contender;
use crate::measure::Sample;
use crate::shell::wait_for;
use crate::site::{HOSTS, Site};
use anyhow::{Context, Result, ensure};
use std::time::{Duration, Instant};

/// How long the service may be away before a run counts as failed.
const PATIENCE: Duration = Duration::from_secs(100);
/// How long the service must be steady afterwards to be called back.
const STEADY: Duration = Duration::from_millis(400);

/// A site with its contender.
pub struct Rig<C> {
    /// Where.
    pub site: Site,
    /// What.
    pub cluster: C,
}

/// What must come of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// The service is started again, anywhere.
    Again,
    /// It runs on the other host.
    Moved,
    /// Nothing happens to it.
    Undisturbed,
}

/// A fault for contenders of a kind.
pub struct Fault<C> {
    /// Short, for command lines.
    pub name: &'static str,
    /// For tables.
    pub label: &'static str,
    /// What design 5.5 (or the settings) promise, for tables; empty: nothing.
    pub bound: &'static str,
    /// What must come of it.
    pub expect: Expect,
    /// Does it. The argument is the host that serves.
    pub strike: fn(&mut Rig<C>, usize) -> Result<()>,
    /// Before it is measured, such as moving the service where the fault needs it. Gives the host that serves.
    pub prepare: fn(&mut Rig<C>, usize) -> Result<()>,
    /// Undoes it, after the service is back.
    pub repair: fn(&mut Rig<C>, usize) -> Result<()>,
}

/// Nothing to prepare or repair.
pub fn nothing<C>(_: &mut Rig<C>, _: usize) -> Result<()> {
    Ok(())
}

/// Repair for hosts that died: they boot and join.
pub fn rejoin<C: Contender>(rig: &mut Rig<C>, at: usize) -> Result<()> {
    rig.cluster.rejoin(&mut rig.site, at)
}

/// The other host.
pub const fn other(at: usize) -> usize {
    1 - at
}

impl<C: Contender> Rig<C> {
    /// Starts the contender on a site.
    pub fn start(mut site: Site, mut cluster: C) -> Result<Self> {
        let started = cluster.start(&mut site);
        started.with_context(|| {
            format!("{} does not start\n{}", cluster.name(), cluster.log(&site))
        })?;
        Ok(Self { site, cluster })
    }

    /// The same contender on a new site.
    pub fn anew(self, programs: &crate::Programs) -> Result<Self> {
        let Self { site, cluster } = self;
        drop(site);
        Self::start(Site::start(programs)?, cluster)
    }

    /// One run of a fault.
    pub fn run(&mut self, fault: &Fault<C>) -> Result<Sample> {
        let done = self.try_run(fault);
        done.with_context(|| {
            format!("{}, {}\n{}", self.cluster.name(), fault.name, self.cluster.log(&self.site))
        })
    }

    fn try_run(&mut self, fault: &Fault<C>) -> Result<Sample> {
        self.cluster.settled(&self.site)?;
        let at = self.site.serving(PATIENCE)?;
        (fault.prepare)(self, at)?;
        let at = self.site.serving(PATIENCE)?;
        self.steady()?;
        let epoch = self.epoch()?;
        let mark = self.site.client().mark();
        (fault.strike)(self, at)?;
        let struck = Instant::now();
        wait_for(fault.label, PATIENCE, || {
            let Some(served) = self.site.client().served_after(struck) else { return Ok(None) };
            let moved = served.node != HOSTS[at];
            let done = match fault.expect {
                Expect::Again => served.epoch != epoch,
                Expect::Moved => served.epoch != epoch && moved,
                Expect::Undisturbed => struck.elapsed() > Duration::from_secs(4),
            };
            Ok(done.then_some(()))
        })?;
        self.steady()?;
        let outage: Outage = self.site.client().since(&mark);
        if fault.expect == Expect::Undisturbed {
            ensure!(self.epoch()? == epoch, "the service was started again or moved");
        }
        (fault.repair)(self, at).context("repair")?;
        self.cluster.settled(&self.site).context("after the repair")?;
        self.cluster.forgive(&self.site)?;
        Ok(Sample { without_service_us: micros(outage.without_service), failed: outage.failed })
    }

    fn epoch(&self) -> Result<u64> {
        let from = Instant::now();
        wait_for("an answer", PATIENCE, || {
            Ok(self.site.client().served_after(from).map(|s| s.epoch))
        })
    }

    /// Waits until no gap has ended for a while.
    fn steady(&self) -> Result<()> {
        wait_for("the service is steady", PATIENCE, || {
            let now = Instant::now();
            let seen = self.site.client().seen();
            let quiet = seen.gaps.last().is_none_or(|gap| now.duration_since(gap.to) > STEADY);
            let fresh = seen
                .last
                .as_ref()
                .is_some_and(|(at, _)| now.duration_since(*at) < Duration::from_millis(50));
            Ok((quiet && fresh).then_some(()))
        })
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

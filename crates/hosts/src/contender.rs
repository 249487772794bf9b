//! What is put on a site: a cluster manager with the service under it. Ours and the others fill in the same few verbs, so that the same faults and the same
//! client measure all of them.

use crate::Site;
use anyhow::Result;

/// A cluster manager with its configuration.
pub trait Contender {
    /// For tables: name and settings.
    fn name(&self) -> String;

    /// Starts it on both hosts and brings the service up.
    fn start(&mut self, site: &mut Site) -> Result<()>;

    /// Brings a host that was killed back: its processes, as a boot would start them.
    fn rejoin(&mut self, site: &mut Site, at: usize) -> Result<()>;

    /// Waits until both hosts are members and nothing moves.
    fn settled(&self, site: &Site) -> Result<()>;

    /// Moves the service to a host as an operator would; returns at the latest when it runs there.
    fn switch(&self, site: &Site, to: usize) -> Result<()>;

    /// What is done between two runs, so that counters of failures do not add up.
    fn forgive(&self, _site: &Site) -> Result<()> {
        Ok(())
    }

    /// Whether the service's data is on the shared disk, so that the checker can judge it.
    fn has_disk(&self) -> bool {
        true
    }

    /// What it wrote, for people when something is wrong.
    fn log(&self, site: &Site) -> String;
}

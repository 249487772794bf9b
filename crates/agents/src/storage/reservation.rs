//! SCSI-3 persistent reservations through `sg_persist` (sg3_utils; `mpathpersist` takes the same options): only the node with the
//! reservation, *write exclusive, registrants only* (type 5), can write to the disk, whatever another node believes (P4).
//!
//! Taking: register our key, remove the keys of all others (their writes fail from that moment), reserve, and look whether the disk says so.
//! Releasing: release and unregister. Both are idempotent. It must never say that the disk is ours without having read it from the disk.

use crate::run::run;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Overrides the program; for the guard too, which knows no properties.
pub(crate) const PROGRAM_VARIABLE: &str = "STEADFAST_SG_PERSIST";
const PROGRAM_DEFAULT: &str = "sg_persist";
/// Write exclusive, registrants only.
const KIND: &str = "--prout-type=5";
/// One command to a disk; a disk that takes longer has failed.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(10);
/// First two bytes of our keys, `ST`: a key of somebody else's software is recognized.
const KEY_PREFIX: u64 = 0x5354_0000_0000_0000;

/// The program that talks to disks.
#[derive(Clone, Debug)]
pub(crate) struct Program(String);

impl Program {
    /// What the environment names, else `sg_persist`.
    pub(crate) fn of_environment() -> Self {
        Self::new(PROGRAM_DEFAULT)
    }

    /// What the environment names, else this.
    pub(crate) fn new(otherwise: &str) -> Self {
        Self(std::env::var(PROGRAM_VARIABLE).unwrap_or_else(|_| otherwise.to_owned()))
    }

    /// Output of a command, or a sentence.
    fn ask(&self, device: &Path, options: &[&str]) -> Result<String, String> {
        let ended = run(Command::new(&self.0).args(options).arg(device), Some(COMMAND_TIMEOUT))
            .map_err(|error| format!("{} cannot be run: {error}", self.0))?;
        if ended.is_success() {
            return Ok(ended.output);
        }
        let options = options.join(" ");
        Err(format!("{} {options} {} {}", self.0, device.display(), ended.sentence()))
    }

    /// The keys registered at the disk.
    fn keys(&self, device: &Path) -> Result<Vec<u64>, String> {
        let output = self.ask(device, &["--in", "--read-keys"])?;
        Ok(output.lines().map(str::trim).filter_map(hexadecimal).collect())
    }

    /// Whether the disk knows reservations at all.
    pub(crate) fn can_reserve(&self, device: &Path) -> Result<(), String> {
        self.keys(device).map(drop)
    }

    /// The key of the holder.
    fn holder(&self, device: &Path) -> Result<Option<u64>, String> {
        let output = self.ask(device, &["--in", "--read-reservation"])?;
        let mut lines = output.lines().map(str::trim);
        Ok(lines.find_map(|line| hexadecimal(line.strip_prefix("Key=")?)))
    }
}

/// The key of a node.
pub(crate) fn key_of(node_id: u32) -> u64 {
    KEY_PREFIX | u64::from(node_id)
}

/// Makes this node the only one that can write. Returns the keys that were removed.
pub(crate) fn take(program: &Program, device: &Path, key: u64) -> Result<Vec<u64>, String> {
    let own = format!("--param-rk={key:#x}");
    let register = format!("--param-sark={key:#x}");
    program.ask(device, &["--out", "--register-ignore", &register])?;
    let others: Vec<u64> =
        program.keys(device)?.into_iter().filter(|other| *other != key).collect();
    for other in &others {
        let victim = format!("--param-sark={other:#x}");
        // With abort, so that what the other has under way is not written later; not all disks can.
        let abort = ["--out", "--preempt-abort", &own, &victim, KIND];
        let plain = ["--out", "--preempt", &own, &victim, KIND];
        program.ask(device, &abort).or_else(|_| program.ask(device, &plain))?;
    }
    if program.holder(device)? != Some(key) {
        program.ask(device, &["--out", "--reserve", &own, KIND])?;
    }
    let shown = device.display();
    match (program.holder(device)?, program.keys(device)?.as_slice()) {
        (Some(holder), [only]) if holder == key && *only == key => Ok(others),
        (holder, keys) => Err(format!(
            "{shown} is not reserved for us ({key:#x}) after all was done for it: it says that {} holds it and {} may write",
            holder.map_or_else(|| "nobody".to_owned(), |holder| format!("{holder:#x}")),
            keys.iter().map(|key| format!("{key:#x}")).collect::<Vec<_>>().join(", ")
        )),
    }
}

/// Gives the disk back. A key that is not registered (any more) is no error.
pub(crate) fn release(program: &Program, device: &Path, key: u64) -> Result<(), String> {
    if !program.keys(device)?.contains(&key) {
        return Ok(());
    }
    let own = format!("--param-rk={key:#x}");
    if program.holder(device)? == Some(key) {
        program.ask(device, &["--out", "--release", &own, KIND])?;
    }
    program.ask(device, &["--out", "--register", &own, "--param-sark=0"]).map(drop)
}

/// `0x…` and nothing else.
fn hexadecimal(text: &str) -> Option<u64> {
    u64::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

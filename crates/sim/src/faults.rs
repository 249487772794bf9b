//! Deliberate faults. Each must be found by the batch of seeds, or the simulation proves nothing.

pub use im::PlantedFault;

/// A fault of the shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShellFault {
    /// An effect is released before its batch is durable.
    EffectsBeforeCommit,
    /// Half of a batch reaches the disk.
    HalfBatch,
}

/// Any fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// In the shell.
    Shell(ShellFault),
    /// In the core.
    Core(PlantedFault),
}

impl Fault {
    /// All of them.
    pub fn all() -> Vec<Self> {
        let shell = [ShellFault::EffectsBeforeCommit, ShellFault::HalfBatch];
        let core = PlantedFault::ALL.iter().copied().map(Self::Core);
        shell.into_iter().map(Self::Shell).chain(core).collect()
    }

    /// Name for the command line.
    pub fn name(self) -> String {
        match self {
            Self::Shell(fault) => format!("{fault:?}"),
            Self::Core(fault) => format!("{fault:?}"),
        }
    }
}

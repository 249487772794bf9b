//! Deliberate faults. Each must be found by the batch of seeds, or the simulation proves nothing.

pub use rgm::planted::PlantedFault;

/// A fault of what is around the core: the guard and the daemon's shell, as the simulation plays them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShellFault {
    /// The guard takes the end of the lease for the time to begin stopping: nothing is kept in reserve.
    GuardWithoutReserve,
    /// The guard starts a new daemon while something of the old life still runs.
    GuardForgetsServices,
    /// The lease is given back before everything has been stopped.
    RevokesBeforeStopping,
    /// The clock that leases are counted with stands still while the machine is suspended.
    ClockIgnoresSuspension,
}

impl ShellFault {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::GuardWithoutReserve,
        Self::GuardForgetsServices,
        Self::RevokesBeforeStopping,
        Self::ClockIgnoresSuspension,
    ];
}

/// Any fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Around the core.
    Shell(ShellFault),
    /// In the core: planner, executor, lease handling.
    Core(PlantedFault),
}

impl Fault {
    /// All of them.
    pub fn all() -> Vec<Self> {
        let shell = ShellFault::ALL.iter().copied().map(Self::Shell);
        shell.chain(PlantedFault::ALL.iter().copied().map(Self::Core)).collect()
    }

    /// Name for the command line.
    pub fn name(self) -> String {
        match self {
            Self::Shell(fault) => format!("{fault:?}"),
            Self::Core(fault) => format!("{fault:?}"),
        }
    }
}

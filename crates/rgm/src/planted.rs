//! Deliberate faults: places where planner, executor and lease handling can be told to break their promise, so that the simulation can
//! be shown to notice. Without the feature `planted-faults` none of this is in the program.
//!
//! A fault is carried as [`Planted`] in `node::Settings` and handed to whoever may err; `planted.is(PlantedFault::X)` is false and free
//! without the feature.

macro_rules! faults {
    ($($(#[$doc:meta])+ $variant:ident,)+) => {
        /// A way for the resource group manager to go wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum PlantedFault { $($(#[$doc])+ $variant,)+ }

        impl PlantedFault {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];
        }
    };
}

faults! {
    /// node: the lease is counted from when the answer came instead of from when the request was sent.
    LeaseCountedFromAnswer,
    /// node: after a pause the first input is acted on before the lease is looked at.
    ActsAfterPause,
    /// node: a renewal that failed counts like one that succeeded.
    FailedRenewalIgnored,
    /// node: the president's writes carry no guards.
    PresidentUnguarded,
    /// node: a new incarnation takes the member key of the one before for its own.
    AdoptsLeftoverMember,
    /// node: that its member key has gone does not stop a node.
    LostMembershipIgnored,
    /// planner: a permit is given while the holder before still stops.
    PermitBeforeOffline,
    /// planner: a holder is dropped when its node says offline, under whatever generation.
    AcknowledgementOfOldGeneration,
    /// planner: holders of a node that is no member are forgotten whether or not they were fenced.
    FenceIgnored,
    /// planner: withdrawing a permit does not make a new generation.
    GenerationForgotten,
    /// planner: failed starts are not counted.
    StartFailuresForgotten,
    /// planner: the last key of a configuration change is answered and not written.
    ConfigChangeLost,
    /// planner: a node that could not stop a group does not keep it from starting elsewhere.
    StopFailedIgnored,
    /// planner: strong negative affinities are looked at when a node is chosen, and not when the permit is given.
    StrongNegativePermitted,
    /// executor: a permit counts for every incarnation of the node.
    OldIncarnationObeyed,
    /// executor: a resource is started before what it depends on.
    StartsBeforeDependee,
    /// executor: a resource is stopped before what depends on it.
    StopsDependeeFirst,
    /// executor: a group is reported offline while its stop methods still run.
    OfflineTooEarly,
    /// executor: a stop method that failed counts like one that succeeded.
    StopFailureIgnored,
    /// executor: MONITOR_STOP is left out.
    MonitorStopForgotten,
    /// executor: dependents are not restarted with what they depend on.
    RestartNotPropagated,
    /// executor: groups start while BOOT still runs.
    BootNotAwaited,
}

/// The fault that was planted, if any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Planted(#[cfg(feature = "planted-faults")] Option<PlantedFault>);

impl Planted {
    /// Errs in this way.
    #[cfg(feature = "planted-faults")]
    pub const fn one(fault: PlantedFault) -> Self {
        Self(Some(fault))
    }

    /// Whether this fault was planted.
    #[cfg(feature = "planted-faults")]
    pub(crate) fn is(self, fault: PlantedFault) -> bool {
        self.0 == Some(fault)
    }

    /// No fault ever is.
    #[cfg(not(feature = "planted-faults"))]
    #[expect(clippy::unused_self, reason = "same signature as with the feature")]
    pub(crate) const fn is(self, _fault: PlantedFault) -> bool {
        false
    }
}

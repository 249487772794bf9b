//! Deliberate faults: places where the core can be told to break its promise, so that the simulation can be shown to
//! notice. Without the feature `planted-faults` none of this is in the program.

use crate::state::State;

macro_rules! faults {
    ($($(#[$doc:meta])+ $variant:ident,)+) => {
        /// A way for the core to go wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[cfg_attr(
            not(feature = "planted-faults"),
            expect(unreachable_pub, reason = "public only with the feature")
        )]
        pub enum PlantedFault { $($(#[$doc])+ $variant,)+ }

        impl PlantedFault {
            /// All of them.
            #[cfg(feature = "planted-faults")]
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];
        }
    };
}

faults! {
    /// The counter of handled stanzas is not stored.
    HandledNotStored,
    /// A stanza counts as handled before it is.
    HandledTooEarly,
    /// Queue entries are sent and not stored.
    QueueNotStored,
    /// An acknowledgement takes one queue entry too many with it.
    TrimsTooMuch,
    /// What the client says it has when it resumes is ignored.
    IgnoresHOfResume,
    /// After a lost connection the queue goes on where it was instead of where the client is.
    NoRewind,
    /// That a session is resumable is not stored.
    EnableNotStored,
    /// A resumable session ends with its connection.
    EndsInsteadOfDetaching,
    /// A restart ends resumable sessions.
    RestartEndsSessions,
    /// What a session did not take is dropped when it ends.
    LeftOverDropped,
    /// The multiplexor's word is taken for the client's.
    WrittenCountsAsHandled,
    /// A message to a session without stream management is not kept until it is written.
    PlainNotKept,
    /// Offline messages are forgotten when they are read, before they are in the session's queue.
    OfflineForgottenEarly,
    /// A message is delivered and not archived.
    NotArchived,
}

impl State {
    /// Whether this fault was planted.
    #[cfg(feature = "planted-faults")]
    pub(crate) fn has_fault(&self, fault: PlantedFault) -> bool {
        self.options.planted == Some(fault)
    }

    /// No fault ever is.
    #[cfg(not(feature = "planted-faults"))]
    #[expect(clippy::unused_self, reason = "same signature as with the feature")]
    pub(crate) fn has_fault(&self, _fault: PlantedFault) -> bool {
        false
    }
}

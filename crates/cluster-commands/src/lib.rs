//! The cluster commands.

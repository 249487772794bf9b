//! The process monitor facility.

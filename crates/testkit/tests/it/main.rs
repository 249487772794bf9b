//! The service as real processes: scenarios over TLS, and a dozen kills under load.
//!
//! They need the `steadfast` binary: `cargo xtask test` builds it and says where it is; by hand, `cargo build -p steadfast`.

mod faults;
mod full_disk;
mod scenarios;

//! Entry point for cargo-fuzz; what is checked stands in `bodies/rtr.rs`.

#![no_main]

#[path = "../bodies/rtr.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::check(data));

//! Entry point for cargo-fuzz; what is checked stands in `crates/attacks/src/stanza_fuzz.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| attacks::stanza_fuzz::check(data));

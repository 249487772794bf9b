//! Entry point for cargo-fuzz; what is checked stands in `bodies/framing.rs`.

#![no_main]

#[path = "../bodies/element.rs"]
mod element;
#[path = "../bodies/framing.rs"]
mod framing;

libfuzzer_sys::fuzz_target!(|data: &[u8]| framing::check(data));

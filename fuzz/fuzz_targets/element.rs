//! Entry point for cargo-fuzz; what is checked stands in `bodies/element.rs`.

#![no_main]

#[path = "../bodies/element.rs"]
mod element;

libfuzzer_sys::fuzz_target!(|data: &[u8]| element::check(data));

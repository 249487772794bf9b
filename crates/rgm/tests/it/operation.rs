//! What operators and monitors may ask: every refusal with its exact sentence, the chapter's command sequences, VALIDATE's arguments, goals, and the
//! answers of `scha_*_get`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what these tests build by hand must be there"
)]

mod accepted;
mod any_order;
mod chapter;
mod commands;
mod goals;
mod refusals_config;
mod refusals_state;
mod scha;
mod world;

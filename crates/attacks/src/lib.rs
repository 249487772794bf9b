//! The attack list: for each attack that this service must withstand, the tests that attack it so.
//!
//! [`ROWS`] is the list as data. A test checks that every test named there exists, and `docs/attacks.md` is made from it.
//! What needs a real process stands in `tests/it`; [`stanza_fuzz`] attacks the core with arbitrary bytes, in a [`world`]
//! without a shell. Nothing here is part of the product.
#![expect(
    clippy::expect_used,
    reason = "what holds the attacks may end with a sentence: it is a test"
)]

mod rows;
pub mod stanza_fuzz;
pub mod world;

pub use rows::{ROWS, Row, WANTED};

use std::fmt::Write as _;

const HEAD: &str = "# Attacks\n\n\
    What is tried against the service in every run of the tests, and where. Made from `crates/attacks/src/rows.rs`; not to be\n\
    edited. After a change there: `UPDATE=1 cargo nextest run -p attacks the_page`.\n\n\
    `attacks::it::…` are attacks on a real process over sockets. The others are closer to what they test: table cases, scenes of\n\
    the core, simulated disks. Rows that are not here belong to parts that are not here yet (federation, rooms, upload, cluster).\n\n\
    | # | attack | tests | smaller than in the list, and why |\n|---|---|---|---|\n";

/// `docs/attacks.md`.
pub fn page() -> String {
    ROWS.iter().fold(HEAD.to_owned(), |mut page, row| {
        let tests: Vec<String> = row.tests.iter().map(|test| format!("`{test}`")).collect();
        let tests = tests.join("<br>");
        let _ = writeln!(page, "| {} | {} | {tests} | {} |", row.number, row.attack, row.scale);
        page
    })
}

//! The methods as a program of their own, for this crate's tests: `agents-methods methods NAME -R …`, as `steadfast` takes it.

use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "methods").collect();
    match words.split_first() {
        Some((name, arguments)) => agents::run(name, arguments),
        None => ExitCode::FAILURE,
    }
}

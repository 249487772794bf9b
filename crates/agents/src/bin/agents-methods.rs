//! The methods as a program of their own, for this crate's tests: `agents-methods methods NAME -R …` as `steadfast` takes it, `pmf-launch` for
//! the process monitor, and `undo FOLDER` for what the guard does with claims.

use node_api::claim::Claims;
use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["pmf-launch", ..] => pmf::launcher::main(),
        ["undo", folder] => undo(folder),
        ["methods", name, arguments @ ..] => {
            let arguments: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
            agents::run(name, &arguments)
        }
        _ => ExitCode::FAILURE,
    }
}

fn undo(folder: &str) -> ExitCode {
    let found = Claims::open(folder).and_then(|claims| claims.all()).unwrap_or_default();
    let mut code = ExitCode::SUCCESS;
    for (_, claim) in found {
        if let Err(why) = claim.and_then(|claim| agents::undo(&claim)) {
            eprintln!("{why}");
            code = ExitCode::FAILURE;
        }
    }
    code
}

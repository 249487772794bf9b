//! Golden scripts of the planner: `tests/planner/FOLDER/SITUATION.txt`. Lines that begin with `>` are events (`events`), those before the first one
//! describe the cluster (`setup`), and the indented lines below an event are what the planner decides, written by
//! `UPDATE=1 cargo nextest run -p rgm golden` and read by people: they are the specification.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a script that cannot be played is a failed test"
)]

mod events;
mod print;
mod random;
mod setup;
mod world;

use rgm::planted::Planted;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use world::{Happened, START_MS, World};

#[test]
fn every_golden_script_ends_as_it_is_written() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/planner");
    let update = std::env::var_os("UPDATE").is_some();
    let mut wrong = Vec::new();
    let scripts = scripts(&root);
    for path in &scripts {
        let kept = std::fs::read_to_string(path).unwrap();
        let played = std::panic::catch_unwind(|| play(&kept, Planted::default()));
        let name = path.strip_prefix(&root).unwrap_or(path).display().to_string();
        match played {
            Ok(text) if text == kept => {}
            Ok(text) if update => std::fs::write(path, text).unwrap(),
            Ok(text) => wrong.push(format!("--- {name}\n{}", first_difference(&kept, &text))),
            Err(_) => wrong.push(format!("--- {name}: panics")),
        }
    }
    assert!(wrong.is_empty(), "{}\nrun with UPDATE=1 and read what has changed", wrong.join("\n"));
    assert!(scripts.len() >= 150, "only {} scripts", scripts.len());
}

#[cfg(feature = "planted-faults")]
#[test]
fn every_fault_planted_in_the_planner_shows_in_a_golden_script() {
    use rgm::planted::PlantedFault as Fault;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/planner");
    let scripts: Vec<String> =
        scripts(&root).iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let faults = [
        Fault::PermitBeforeOffline,
        Fault::AcknowledgementOfOldGeneration,
        Fault::FenceIgnored,
        Fault::GenerationForgotten,
        Fault::StartFailuresForgotten,
        Fault::ConfigChangeLost,
        Fault::StopFailedIgnored,
        Fault::StrongNegativePermitted,
    ];
    for fault in faults {
        let shows = |script: &String| {
            let played = std::panic::catch_unwind(|| play(script, Planted::one(fault)));
            played.map_or(true, |text| text != *script)
        };
        assert!(scripts.iter().any(shows), "{fault:?} shows nowhere");
    }
}

fn scripts(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "txt") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The script with what the planner decides now below each event.
fn play(script: &str, planted: Planted) -> String {
    let mut world = World { now_ms: START_MS, planted, ..World::default() };
    let mut kept = Vec::new();
    let mut text = String::new();
    for line in script.lines().filter(|l| !l.starts_with("  ")) {
        let _ = writeln!(text, "{line}");
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let Some(event) = line.strip_prefix("> ") else {
            setup::line(&mut world, line);
            continue;
        };
        let before = print::Before::of(&world);
        let mut happened = Happened::default();
        events::event(&mut world, event, &mut happened, &mut kept);
        world.fetch_answers(script);
        for line in print::lines(&world, &before, &happened).into_iter().chain(print::wake(&world))
        {
            let _ = writeln!(text, "  {line}");
        }
    }
    text
}

fn first_difference(kept: &str, now: &str) -> String {
    let mut event = "";
    let mut now = now.lines();
    for line in kept.lines() {
        if line.starts_with('>') {
            event = line;
        }
        let played = now.next().unwrap_or("(end)");
        if played != line {
            return format!("{event}\n- {line}\n+ {played}");
        }
    }
    format!("{event}\n+ {}", now.next().unwrap_or("(end)"))
}

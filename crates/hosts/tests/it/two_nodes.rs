//! `docs/two-nodes.md`, executed: every block of the page, in its order, on the machine it names, with the output it shows.
//!
//! What a block is for stands behind its language: `sh n1 n2` is typed on these machines one after the other, `sh n1 within 20 s` is repeated until the output
//! fits, `ini n1:/etc/x` is the content of a file there. An `output` block is what the block before it printed; `…` stands for anything within a
//! line, and a line of its own for any number of lines. A block of any other kind is an error: nothing on the page may be unexecuted.

use crate::lab::Lab;
use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The machines of the page.
const MACHINES: [(&str, &str); 3] =
    [("n1", "10.77.0.1"), ("n2", "10.77.0.2"), ("witness", "10.77.0.3")];
/// Between two tries of a block that may take a while.
const TRY_AGAIN: Duration = Duration::from_millis(100);

/// A block of the page.
#[derive(Debug, PartialEq)]
struct Block {
    line: usize,
    machines: Vec<String>,
    /// Content of this file; else a script.
    file: Option<String>,
    within: Option<Duration>,
    text: String,
    output: Option<String>,
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn page() -> Result<String> {
    fs::read_to_string(repository().join("docs/two-nodes.md")).context("docs/two-nodes.md")
}

fn parse(page: &str) -> Result<Vec<Block>> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut lines = page.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        let Some(info) = line.strip_prefix("```") else { continue };
        let body: Vec<&str> =
            lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```").collect();
        let text = body.join("\n") + "\n";
        if info == "output" {
            let last = blocks.last_mut().filter(|b| b.output.is_none() && b.file.is_none());
            last.with_context(|| format!("line {}: output of nothing", at + 1))?.output =
                Some(text);
            continue;
        }
        blocks.push(block(at + 1, info, text)?);
    }
    Ok(blocks)
}

fn block(line: usize, info: &str, text: String) -> Result<Block> {
    let (mut machines, mut file, mut within) = (Vec::new(), None, None);
    let mut words = info.split(' ');
    let language = words.next().unwrap_or_default();
    while let Some(word) = words.next() {
        if word == "within" {
            let seconds = words.next().and_then(|s| s.parse().ok()).context("within how many?")?;
            ensure!(words.next() == Some("s"), "line {line}: within N s");
            within = Some(Duration::from_secs(seconds));
            continue;
        }
        let (machine, path) = word.split_once(':').map_or((word, None), |(m, p)| (m, Some(p)));
        ensure!(MACHINES.iter().any(|(m, _)| *m == machine), "line {line}: no machine {machine}");
        machines.push(machine.to_owned());
        file = path.map(str::to_owned).or(file);
    }
    ensure!(
        !machines.is_empty(),
        "line {line}: ```{info} names no machine: it would not be executed"
    );
    ensure!(
        (language == "sh") != file.is_some(),
        "line {line}: ```{info} is neither sh nor a file"
    );
    Ok(Block { line, machines, file, within, text, output: None })
}

/// Whether `said` is what `shown` stands for.
fn fits(shown: &str, said: &str) -> bool {
    fn lines(shown: &[&str], said: &[&str]) -> bool {
        match (shown, said) {
            ([], []) => true,
            (["…", rest @ ..], said) => (0..=said.len()).any(|from| lines(rest, &said[from..])),
            ([one, shown @ ..], [other, said @ ..]) => {
                line(one.trim_end(), other.trim_end()) && lines(shown, said)
            }
            _ => false,
        }
    }
    fn line(shown: &str, said: &str) -> bool {
        let Some((before, after)) = shown.split_once('…') else { return shown == said };
        let Some(rest) = said.strip_prefix(before) else { return false };
        rest.char_indices().map(|(at, _)| at).chain([rest.len()]).any(|at| line(after, &rest[at..]))
    }
    let shown: Vec<&str> = shown.trim_end().lines().collect();
    let said: Vec<&str> = said.trim_end().lines().collect();
    lines(&shown, &said)
}

fn execute(lab: &Lab, block: &Block) -> Result<()> {
    let deadline = Instant::now() + block.within.unwrap_or_default();
    for machine in &block.machines {
        if let Some(path) = &block.file {
            lab.put(machine, path, &block.text)?;
            continue;
        }
        // As an administrator types it: a line that fails is seen, and what follows is still typed; a block of several lines must not hide that.
        let script = format!("set -e -o pipefail\n{}", block.text);
        loop {
            let said = lab.sh(machine, &script);
            let is_as_shown = block.output.as_ref().is_none_or(|shown| fits(shown, &said.text));
            if said.code == 0 && is_as_shown {
                break;
            }
            if Instant::now() < deadline {
                std::thread::sleep(TRY_AGAIN);
                continue;
            }
            let (line, text, code) = (block.line, &block.text, said.code);
            let shown = block.output.as_deref().unwrap_or("(anything)\n");
            bail!(
                "docs/two-nodes.md:{line} on {machine}, exit code {code}:\n{text}--- the page shows\n{shown}--- it said\n{}",
                said.text
            );
        }
    }
    Ok(())
}

#[test]
fn every_command_of_the_page_does_what_the_page_says() -> Result<()> {
    let blocks = parse(&page()?)?;
    ensure!(blocks.len() > 40, "{} blocks were found on the page", blocks.len());
    let lab = Lab::start(&MACHINES)?;
    let began = Instant::now();
    let mut wrong = Vec::new();
    for block in &blocks {
        let start = Instant::now();
        if let Err(error) = execute(&lab, block) {
            wrong.push(format!("{error:#}"));
            // To write the page one wants to see all of it.
            if std::env::var_os("LAB_ALL").is_none() {
                break;
            }
        }
        if std::env::var_os("LAB_ALL").is_some() {
            eprintln!("line {}: {:?}, at {:?}", block.line, start.elapsed(), began.elapsed());
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n=====\n"));
    Ok(())
}

#[test]
fn the_unit_files_of_the_page_are_what_systemd_understands() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut checked = 0;
    for block in parse(&page()?)? {
        let Some(path) = block.file.filter(|path| path.ends_with(".service")) else { continue };
        let at = folder.path().join(Path::new(&path).file_name().context("no name")?);
        // Programs and users of the page need not be on this machine.
        let text = block
            .text
            .replace("/usr/bin/etcd", "/bin/true")
            .replace("/usr/bin/steadfast", "/bin/true");
        fs::write(&at, text.replace("User=etcd", "User=root"))?;
        let out = std::process::Command::new("systemd-analyze")
            .arg("verify")
            .arg("--man=no")
            .arg(&at)
            .output()?;
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        let about: Vec<&str> = said
            .lines()
            .filter(|line| line.contains(&path) || line.contains(&*at.to_string_lossy()))
            .collect();
        ensure!(about.is_empty(), "{path}: {}", about.join("\n"));
        checked += 1;
    }
    ensure!(checked == 2, "{checked} unit files were found on the page");
    Ok(())
}

#[test]
fn every_sentence_of_the_table_is_one_the_programs_say() -> Result<()> {
    let page = page()?;
    let (_, table) = page.split_once("| it says |").context("the table of sentences is gone")?;
    let mut sources = String::new();
    for folder in
        ["node", "node-api", "rgm", "control", "control-etcd", "agents", "cluster-commands"]
    {
        gather(&repository().join("crates").join(folder).join("src"), &mut sources)?;
    }
    // Sentences are broken over lines in the sources, and have names in braces.
    let sources = sources.replace("\\\n", " ");
    let sources: String = sources.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut seen = 0;
    for row in table.lines().skip(2).take_while(|row| row.starts_with('|')) {
        let said = row.split('|').nth(1).unwrap_or_default().trim().replace('`', "…");
        for part in said.split('…').map(str::trim).filter(|part| !part.is_empty()) {
            ensure!(sources.contains(part), "no program says {part:?} (of {said:?})");
        }
        seen += 1;
    }
    ensure!(seen >= 10, "{seen} rows were found in the table");
    Ok(())
}

fn gather(folder: &Path, into: &mut String) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            gather(&path, into)?;
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.push_str(&fs::read_to_string(path)?);
        }
    }
    Ok(())
}

#[test]
fn a_block_that_would_not_be_executed_is_an_error() {
    for bad in [
        "```sh\nx\n```",
        "```\nx\n```",
        "```toml n1\nx\n```",
        "```sh n3\nx\n```",
        "```sh n1:/x\n```",
        "```output\n```",
    ] {
        assert!(parse(bad).is_err(), "{bad}");
    }
    let good = parse("```sh n1 n2 within 9 s\nx\n```\n```output\ny\n```").unwrap();
    assert_eq!(good[0].machines, ["n1", "n2"]);
    assert_eq!(good[0].output.as_deref(), Some("y\n"));
}

#[test]
fn an_output_fits_only_what_it_stands_for() {
    for (shown, said, does) in [
        ("a", "a\n", true),
        ("a", "b", false),
        ("a…c", "abbbc", true),
        ("a…c", "ac", true),
        ("a…c", "acd", false),
        ("…\nb", "x\ny\nb", true),
        ("a\n…", "a", true),
        ("a", "a\nb", false),
        ("…é…", "xéy", true),
    ] {
        assert_eq!(fits(shown, said), does, "{shown:?} {said:?}");
    }
}

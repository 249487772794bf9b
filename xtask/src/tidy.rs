//! `tidy`: the rules of the house that no compiler knows. Each is a function from the tree to the sentences that are false.

use crate::step::{cargo, output, program, root};
use anyhow::{Result, bail};
use std::collections::BTreeSet;
use std::path::Path;

/// Hard limit of lines in a Rust file.
const LINES_MAX: usize = 600;
/// Crates that compute and do nothing else (design §3; style, *Habits*).
const PURE_CRATES: &[&str] = &["xmpp", "link", "im", "im-store", "rtr", "rgm"];
/// What a pure crate never depends on, however far away.
const IMPURE_DEPENDENCIES: &[&str] = &["tokio", "rusqlite", "rustls", "mio", "socket2"];
/// What the `clippy.toml` of a pure crate forbids.
const IMPURE_METHODS: &[&str] =
    &["std::time::SystemTime::now", "std::time::Instant::now", "std::thread::spawn"];
/// What the source of a pure crate never names. (Its tests may read their corpus.)
const IMPURE_MODULES: &[&str] =
    &["std::fs", "TcpStream", "TcpListener", "UdpSocket", "std::env", "std::os", "std::process"];

/// A file of the repository, as text.
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) text: String,
}

/// A rule: what it is called and what it finds.
type Rule = (&'static str, fn(&[File]) -> Result<Vec<String>>);

const RULES: &[Rule] = &[
    ("every Rust file begins with what it is", begins_with_a_head),
    ("no file is longer than 600 lines", is_short),
    ("nothing is called done that is not", is_done),
    ("files named in ARCHITECTURE.md exist", named_files_exist),
    ("pure crates stay pure", pure_crates_are_pure),
    ("no registry host is named", no_registry_host),
    ("every fuzz target has a corpus", fuzz_targets_have_a_corpus),
    ("every specification we list has a test", specifications_have_tests),
];

/// `cargo xtask tidy`
pub(crate) fn run(_args: &[String]) -> Result<()> {
    let files = files()?;
    let mut count = 0;
    for (name, rule) in RULES {
        let found = rule(&files)?;
        for sentence in &found {
            println!("tidy: {sentence} ({name})");
        }
        count += found.len();
    }
    if count > 0 {
        bail!("{count} things are not tidy");
    }
    println!("tidy: {} rules hold for {} files", RULES.len(), files.len());
    Ok(())
}

/// All text files that are in the repository or would be if they were added.
fn files() -> Result<Vec<File>> {
    let list = output(program("git", &["ls-files", "--cached", "--others", "--exclude-standard"]))?;
    let mut files = Vec::new();
    for path in list.lines() {
        // Binary files and files deleted but not yet committed are of no interest here.
        if let Ok(text) = std::fs::read_to_string(root().join(path)) {
            files.push(File { path: path.to_owned(), text });
        }
    }
    Ok(files)
}

fn rust(files: &[File]) -> impl Iterator<Item = &File> {
    files.iter().filter(|f| f.path.ends_with(".rs"))
}

fn begins_with_a_head(files: &[File]) -> Result<Vec<String>> {
    Ok(rust(files)
        .filter(|f| !f.text.starts_with("//!"))
        .map(|f| format!("{} does not begin with //!", f.path))
        .collect())
}

fn is_short(files: &[File]) -> Result<Vec<String>> {
    Ok(rust(files)
        .map(|f| (f, f.text.lines().count()))
        .filter(|(_, lines)| *lines > LINES_MAX)
        .map(|(f, lines)| format!("{} has {lines} lines, {LINES_MAX} are allowed", f.path))
        .collect())
}

fn is_done(files: &[File]) -> Result<Vec<String>> {
    // Put together, so that this file does not find itself.
    let words = [concat!("to", "do!("), concat!("unimpl", "emented!("), concat!("FIX", "ME")];
    let mut found = Vec::new();
    for file in rust(files) {
        for (at, line) in file.text.lines().enumerate() {
            if let Some(word) = words.iter().find(|w| line.contains(**w)) {
                found.push(format!("{}:{} says {word}", file.path, at + 1));
            }
        }
    }
    Ok(found)
}

fn named_files_exist(files: &[File]) -> Result<Vec<String>> {
    let Some(map) = files.iter().find(|f| f.path == "ARCHITECTURE.md") else {
        return Ok(vec!["there is no ARCHITECTURE.md".to_owned()]);
    };
    let endings = [".rs", ".md", ".toml", ".txt", ".py", ".mjs"];
    let names = map.text.split('`').skip(1).step_by(2);
    Ok(names
        .filter(|name| endings.iter().any(|e| name.ends_with(e)))
        .filter(|name| !name.contains([' ', '*', '<', '{', '…']))
        .filter(|name| name.contains('/'))
        .filter(|name| !root().join(name).exists() && !root().join("crates").join(name).exists())
        .map(|name| format!("ARCHITECTURE.md names {name}, which does not exist"))
        .collect())
}

fn pure_crates_are_pure(files: &[File]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for krate in PURE_CRATES {
        let tree =
            output(cargo(&["tree", "-p", krate, "-e", "normal", "--prefix", "none", "--locked"]))?;
        let names: BTreeSet<&str> =
            tree.lines().filter_map(|line| line.split_whitespace().next()).collect();
        for bad in IMPURE_DEPENDENCIES.iter().filter(|bad| names.contains(*bad)) {
            found.push(format!("crates/{krate} depends on {bad}"));
        }
        let path = format!("crates/{krate}/clippy.toml");
        let text = std::fs::read_to_string(root().join(&path)).unwrap_or_default();
        for method in IMPURE_METHODS.iter().filter(|m| !text.contains(&format!("\"{m}\""))) {
            found.push(format!("{path} does not forbid {method}"));
        }
        let source = format!("crates/{krate}/src/");
        let of_crate = rust(files).filter(|f| f.path.starts_with(&source));
        for file in of_crate.filter(|f| !f.path.ends_with("/tests.rs")) {
            for module in IMPURE_MODULES.iter().filter(|m| file.text.contains(**m)) {
                found.push(format!("{} uses {module}", file.path));
            }
        }
    }
    Ok(found)
}

fn no_registry_host(files: &[File]) -> Result<Vec<String>> {
    let hosts = [
        concat!("static.crates", ".io"),
        concat!("index.crates", ".io"),
        concat!("pypi", ".org"),
        concat!("pythonhosted", ".org"),
        concat!("registry.npm", "js.org"),
        concat!("proxy.go", "lang.org"),
        concat!("deb.deb", "ian.org"),
    ];
    let mut found = Vec::new();
    for file in files {
        for host in hosts.iter().filter(|h| file.text.contains(**h)) {
            found.push(format!(
                "{} names {host}; the clients know where their registry is",
                file.path
            ));
        }
    }
    Ok(found)
}

fn fuzz_targets_have_a_corpus(files: &[File]) -> Result<Vec<String>> {
    let targets = files.iter().filter(|f| f.path.starts_with("fuzz/fuzz_targets/"));
    Ok(targets
        .filter_map(|f| Path::new(&f.path).file_stem())
        .map(|stem| format!("fuzz/corpus/{}", stem.to_string_lossy()))
        .filter(|dir| {
            std::fs::read_dir(root().join(dir)).map_or(true, |mut entries| entries.next().is_none())
        })
        .map(|dir| format!("{dir} is empty or missing"))
        .collect())
}

/// Every `XEP-nnnn` in a row of the table of specifications is named by a scenario or by a test.
fn specifications_have_tests(files: &[File]) -> Result<Vec<String>> {
    let Some(table) = files.iter().find(|f| f.path == "docs/specifications.md") else {
        return Ok(vec!["there is no docs/specifications.md".to_owned()]);
    };
    let mut listed = BTreeSet::new();
    for row in table.text.lines().filter(|l| l.starts_with('|')) {
        listed.extend(xeps_in(row));
    }
    let mut tested = BTreeSet::new();
    for file in files {
        let is_test = file.path.starts_with("crates/testkit/scenarios/")
            || file.path.starts_with("tests-interop/")
            || file.path.contains("/tests/")
            || file.text.contains("#[cfg(test)]");
        if is_test {
            tested.extend(xeps_in(&file.text));
        }
    }
    Ok(listed
        .difference(&tested)
        .map(|xep| format!("docs/specifications.md lists {xep}, which no test names"))
        .collect())
}

fn xeps_in(text: &str) -> impl Iterator<Item = String> + '_ {
    text.match_indices("XEP-").filter_map(|(at, _)| {
        let name = text.get(at..at + 8)?;
        name[4..].bytes().all(|b| b.is_ascii_digit()).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rule: fn(&[File]) -> Result<Vec<String>>, path: &str, text: &str, expect: usize) {
        let file = File { path: path.to_owned(), text: text.to_owned() };
        assert_eq!(rule(&[file]).unwrap().len(), expect, "{path}: {text:.60}");
    }

    #[test]
    fn each_rule_finds_what_it_forbids() {
        check(begins_with_a_head, "a.rs", "use std;", 1);
        check(begins_with_a_head, "a.rs", "//! Head.", 0);
        check(is_short, "a.rs", &"x\n".repeat(601), 1);
        check(is_short, "a.rs", &"x\n".repeat(600), 0);
        check(is_done, "a.rs", concat!("fn f() { to", "do!() }"), 1);
        check(named_files_exist, "ARCHITECTURE.md", "see `xtask/src/nowhere.rs`", 1);
        check(named_files_exist, "ARCHITECTURE.md", "see `xtask/src/tidy.rs`", 0);
        check(no_registry_host, "a.md", concat!("from pypi", ".org"), 1);
    }
}

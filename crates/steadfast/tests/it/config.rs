//! Configuration from the command line.

use crate::run::Dir;
use std::path::Path;

const GOOD: &str = "domain = \"example.org\"\nruntime_dir = \"data\"\n";

/// The lines about these keys, blanks squeezed.
fn lines(out: &str, keys: &[&str]) -> Vec<String> {
    out.lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|line| keys.iter().any(|key| line.starts_with(&format!("{key} "))))
        .collect()
}

#[test]
fn check_config_says_every_value_and_where_it_comes_from() {
    let dir = Dir::new();
    dir.write("s.toml", &format!("{GOOD}[log]\nlevel = \"warn\"\n"));
    let mut command = dir.command("check-config --config s.toml --set offline.messages_max=5");
    let run = crate::run::Run::of(command.env("STEADFAST_LOG", "debug").output().unwrap());
    let out = run.done();
    assert_eq!(
        lines(
            &out,
            &["domain", "domains", "sessions.resume_for", "offline.messages_max", "log.level"]
        ),
        [
            "domain \"example.org\" s.toml:1:10",
            "domains [\"example.org\"] derived from domain",
            "sessions.resume_for \"10m\" default",
            "offline.messages_max 5 flag --set offline.messages_max=5",
            "log.level \"debug\" environment STEADFAST_LOG",
        ]
    );
}

#[test]
fn check_config_fails_with_a_line_per_problem() {
    let dir = Dir::new();
    dir.write("s.toml", &format!("{GOOD}[[listen]]\nadress = \"127.0.0.1:1\"\n[log]\nlevel = 3\n"));
    assert_eq!(
        dir.run("check-config --config s.toml").failed(),
        "s.toml:4:1: unknown key \"adress\" in [[listen]]; did you mean \"address\"?\n\
         s.toml:6:9: log.level = 3: must be \"error\", \"warn\", \"info\", \"debug\" or \"trace\"\n"
    );
}

#[test]
fn check_config_speaks_json() {
    let dir = Dir::new();
    dir.write("s.toml", GOOD);
    let out = dir.run("check-config --config s.toml --json").done();
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json["ok"], true);
    let values = json["values"].as_array().unwrap();
    let resume = values.iter().find(|v| v["key"] == "sessions.resume_for").unwrap();
    assert_eq!((&resume["value"], &resume["from"]), (&"10m".into(), &"default".into()));
}

#[test]
fn without_a_domain_the_configuration_is_refused() {
    let dir = Dir::new();
    dir.write("s.toml", "runtime_dir = \".\"\n");
    let err = dir.run("check-config --config s.toml").failed();
    assert!(err.starts_with("configuration: domain is missing; write domain = "), "{err}");
}

#[test]
fn the_printed_default_file_is_accepted() {
    let dir = Dir::new();
    let text = dir.run("serve --print-default-config").done();
    assert_eq!(text, dir.run("check-config --print-default").done());
    dir.write("s.toml", &text);
    let out = dir.run("check-config --config s.toml --set runtime_dir=.").done();
    assert_eq!(lines(&out, &["domain"]).len(), 1);
}

#[test]
fn the_generated_pages_of_the_documentation_are_the_present_ones() {
    for page in ["configuration", "commands", "cluster-commands"] {
        let text = Dir::new().run(&format!("documentation {page}")).done();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../docs/{page}.md"));
        if std::env::var_os("STEADFAST_BLESS").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(written, text, "STEADFAST_BLESS=1 writes docs/{page}.md anew");
    }
}

#[test]
fn usage_errors_exit_with_2() {
    let dir = Dir::new();
    for arguments in
        ["", "frobnicate", "account", "account add", "serve --data x", "probe --timeout soon"]
    {
        let run = dir.run(arguments);
        assert_eq!(run.code, Some(2), "{arguments}: {run:?}");
    }
}

#[test]
fn help_version_and_completions_are_there() {
    let dir = Dir::new();
    assert!(dir.run("version").done().starts_with("steadfast 0."));
    assert!(dir.run("completions bash").done().contains("check-config"));
    for command in ["up", "serve", "account add", "backup", "restore", "probe", "check-config"] {
        let help = dir.run(&format!("{command} --help")).done();
        assert!(help.contains("Example:\n") && help.contains("Exit codes:"), "{command}: {help}");
    }
}

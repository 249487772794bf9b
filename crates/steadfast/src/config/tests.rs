//! What files lead to which complaints, and which values.

use super::settings::Layers;
use super::{default_file, load, print_effective};
use std::path::Path;

struct Case {
    folder: tempfile::TempDir,
    layers: Layers,
}

impl Case {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("s.toml");
        std::fs::write(&file, text).unwrap();
        // Every case has a runtime_dir of its own unless it sets one.
        let layers = Layers { file: Some(file), ..Layers::default() };
        Self { folder, layers }
    }

    fn env(mut self, variable: &str, value: &str) -> Self {
        self.layers.environment.push((variable.into(), value.into()));
        self
    }

    fn flag(mut self, path: &str, value: &str) -> Self {
        self.layers.flags.push((path.into(), value.into(), format!("--set {path}")));
        self
    }

    fn shorten(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.folder.path().display()), "")
    }

    fn problems(&self) -> Vec<String> {
        let loaded = load(&self.layers);
        assert_eq!(loaded.config.is_none(), !loaded.settings.problems.is_empty());
        loaded.settings.problems.iter().map(|problem| self.shorten(&problem.to_string())).collect()
    }

    fn line(&self, path: &str) -> String {
        let all = self.shorten(&print_effective(&load(&self.layers).settings));
        let line = all.lines().find(|line| line.split_whitespace().next() == Some(path));
        line.map(|line| line.split_whitespace().skip(1).collect::<Vec<_>>().join(" "))
            .unwrap_or_default()
    }
}

/// Complaints about a file that has `domain` and `runtime_dir` on its first two lines.
fn check(text: &str, expect: &[&str]) {
    let case = Case::new(&format!("domain = \"example.org\"\nruntime_dir = \".\"\n{text}"));
    assert_eq!(case.problems(), expect, "{text}");
}

#[test]
fn unknown_names_are_refused_with_the_nearest_known_one() {
    check(
        "[[listen]]\nadress = \"127.0.0.1:1\"",
        &["s.toml:4:1: unknown key \"adress\" in [[listen]]; did you mean \"address\"?"],
    );
    check(
        "[metric]\naddress = \"off\"",
        &["s.toml:3:2: unknown section [metric]; did you mean [metrics]?"],
    );
    check(
        "runtime-dir = \"/x\"",
        &[
            "s.toml:3:1: unknown key \"runtime-dir\" in the top level; did you mean \"runtime_dir\"?",
        ],
    );
    check(
        "[archive]\nresume_for = \"1m\"",
        &["s.toml:4:1: unknown key \"resume_for\" in [archive]; it belongs in [sessions]"],
    );
    check(
        "[tls]\ncolour = 1",
        &["s.toml:4:1: unknown key \"colour\" in [tls]; known here: certificate, key"],
    );
    check(
        "listen = 5222",
        &["s.toml:3:1: \"listen\" must be written as [[listen]], once for each"],
    );
    check(
        "[listen]\naddress = \"[::1]:1\"",
        &["s.toml:3:2: \"listen\" must be written as [[listen]], once for each"],
    );
    check(
        "[[tls]]\nkey = \"k\"",
        &["s.toml:3:3: \"tls\" must be written as [tls] with its keys below"],
    );
}

#[test]
fn wrong_values_are_refused_with_what_is_allowed() {
    check(
        "[limits]\nconnections_max = \"many\"\nlogin_deadline = 30\n[archive]\ndefault = \"all\"",
        &[
            "s.toml:4:19: limits.connections_max = \"many\": must be a whole number from 1 to \
                10000000",
            "s.toml:5:18: limits.login_deadline = 30: must be a length of time from \"1s\" to \"1h\" \
                such as \"30s\", \"10m\", \"12h\" \
             or \"90d\"",
            "s.toml:7:11: archive.default = \"all\": must be \"always\", \"roster\" or \"never\"",
        ],
    );
    check(
        "[[listen]]\naddress = \"localhost:5222\"",
        &["s.toml:4:11: listen.address = \"localhost:5222\": must be an IP address and a port \
                such as \"127.0.0.1:5222\" or \
           \"[::]:5222\""],
    );
    check(
        "[contact]\nadmin = [\"root\"]",
        &["s.toml:4:9: contact.admin = [\"root\"]: must be a list of mailto:, xmpp: or https: \
                addresses such as \
           [\"mailto:admin@example.org\"]"],
    );
    check(
        "[offline]\nmessages_max = -1",
        &["s.toml:4:16: offline.messages_max = -1: must be a whole number from 0 to 1000000"],
    );
}

#[test]
fn a_syntax_error_has_its_place() {
    let problems = Case::new("domain = \"example.org\nruntime_dir = \".\"\n").problems();
    assert!(problems[0].starts_with("s.toml:1:"), "{problems:?}");
}

#[test]
fn settings_that_do_not_fit_each_other_are_refused() {
    check(
        "[[listen]]\naddress = \"0.0.0.0:5222\"\ntls = \"off\"",
        &["s.toml:5:7: listen.tls = \"off\" is allowed only on a loopback address such as \
                127.0.0.1, not on 0.0.0.0; passwords would \
           travel in clear"],
    );
    check("[[listen]]\naddress = \"127.0.0.1:5222\"\ntls = \"off\"", &[]);
    check(
        "[[listen]]\nkind = \"c2s-tls\"\ntls = \"optional\"",
        &["s.toml:5:7: listen.tls: a listener of kind c2s-tls begins with TLS; leave tls out, or \
                set it to \"required\""],
    );
    check(
        "[[listen]]\n[[listen]]\naddress = \"[::]:5222\"",
        &["s.toml:5:11: listen.address = \"[::]:5222\": listen[0].address has this address \
                already"],
    );
    check(
        "[tls]\ncertificate = \"c.pem\"",
        &["s.toml:4:15: tls.certificate is set without tls.key; name the file with the \
                certificate's private key"],
    );
    check("[tls]\ncertificate = \"c.pem\"\nkey = \"k.pem\"", &[]);
    check(
        "domains = [\"example.net\"]",
        &["s.toml:3:11: domains is set beside domain; keep one of them"],
    );
}

#[test]
fn a_domain_is_needed_and_must_be_one() {
    assert_eq!(
        Case::new("runtime_dir = \".\"").problems(),
        ["configuration: domain is missing; write domain = \"example.org\" with the part after \
                the @ of your users' addresses"]
    );
    let problems = Case::new("runtime_dir = \".\"\ndomain = \"romeo@example.org\"").problems();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].starts_with(
        "s.toml:2:10: domain = \"romeo@example.org\": must be a domain as it stands in a JID"
    ));
    assert_eq!(
        Case::new("runtime_dir = \".\"\ndomains = [\"a.example\", \"a.example\"]").problems(),
        ["s.toml:2:11: domains: \"a.example\" is there twice"]
    );
}

#[test]
fn a_runtime_dir_that_cannot_be_is_refused() {
    let problems = Case::new("domain = \"a.example\"\nruntime_dir = \"s.toml/x\"").problems();
    assert_eq!(problems, ["s.toml:2:15: runtime_dir = \"s.toml/x\": s.toml is not a folder"]);
}

#[test]
fn half_a_key_pair_is_refused() {
    let case = Case::new(
        "domain = \"a.example\"\nruntime_dir = \".\"\n[tls]\ncertificate = \"c.pem\"\nkey = \"k.pem\"",
    );
    std::fs::write(case.folder.path().join("c.pem"), "x").unwrap();
    assert_eq!(
        case.problems(),
        ["s.toml:5:7: tls.key = \"k.pem\": there is no such file, but \"c.pem\" exists; name \
                files that belong together"]
    );
}

#[test]
fn later_layers_win_and_say_so() {
    let case = Case::new("domain = \"a.example\"\nruntime_dir = \"rel\"\n[log]\nlevel = \"warn\"");
    assert_eq!(case.line("runtime_dir"), "\"rel\" s.toml:2:15");
    assert_eq!(case.line("log.level"), "\"warn\" s.toml:4:9");
    assert_eq!(case.line("log.format"), "\"text\" default");
    assert_eq!(case.line("domains"), "[\"a.example\"] derived from domain");
    assert_eq!(case.line("listen[1].address"), "\"[::]:5223\" derived from kind");
    let case = case.env("STEADFAST_LOG", "debug");
    assert_eq!(case.line("log.level"), "\"debug\" environment STEADFAST_LOG");
    let case = case.flag("log.level", "error");
    assert_eq!(case.line("log.level"), "\"error\" flag --set log.level");
}

#[test]
fn a_domain_from_the_environment_replaces_the_list_of_the_file() {
    let case = Case::new("domains = [\"a.example\", \"b.example\"]\nruntime_dir = \".\"")
        .env("STEADFAST_DOMAIN", "c.example");
    assert_eq!(case.problems(), [""; 0]);
    assert_eq!(case.line("domains"), "[\"c.example\"] derived from domain");
}

#[test]
fn unknown_flags_and_refused_variables_name_themselves() {
    let case = Case::new("domain = \"a.example\"\nruntime_dir = \".\"")
        .env("STEADFAST_LOG", "loud")
        .flag("log.levle", "info");
    assert_eq!(
        case.problems(),
        [
            "environment STEADFAST_LOG: log.level = \"loud\": must be \"error\", \"warn\", \"info\", \"debug\" \
                or \"trace\"",
            "--set log.levle: unknown key \"log.levle\"; did you mean \"log.level\"?",
        ]
    );
}

#[test]
fn a_file_that_is_not_there_says_what_to_do() {
    let layers =
        Layers { file: Some(Path::new("/nonexistent/s.toml").to_owned()), ..Layers::default() };
    let problems = load(&layers).settings.problems;
    assert!(
        problems[0].to_string().starts_with("/nonexistent/s.toml: cannot be read ("),
        "{}",
        problems[0]
    );
}

/// The values without their origins.
fn values(text: &str) -> Vec<String> {
    let case =
        Case::new(text).env("STEADFAST_RUNTIME_DIR", "/tmp").env("STEADFAST_DOMAIN", "example.org");
    assert_eq!(case.problems(), [""; 0], "{text}");
    let all = print_effective(&load(&case.layers).settings);
    all.lines().map(|line| line.split_whitespace().take(2).collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn the_default_file_says_the_defaults() {
    let nothing = values("");
    assert_eq!(values(&default_file()), nothing);
    let uncommented: Vec<String> = default_file()
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(rest) if !rest.starts_with(' ') => rest.to_owned(),
            _ => line.to_owned(),
        })
        .collect();
    let uncommented = uncommented.join("\n");
    assert!(uncommented.contains("\n[[listen]]\nkind") || uncommented.contains("\n[[listen]]\n# "));
    assert_eq!(values(&uncommented), nothing);
}

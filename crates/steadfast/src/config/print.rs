//! The table as an operator sees it: the default file, the effective values, the page of the documentation.

use super::settings::{Origin, Setting, Settings};
use super::table::{Key, SECTIONS, Section};
use serde_json::json;
use std::fmt::Write;

const LINE_MAX: usize = 100;

/// A commented file that says nothing but the defaults. Comments begin with `# `, settings with `#` alone, so that taking
/// that one character away sets them.
pub(crate) fn default_file() -> String {
    let mut out = String::from(
        "# Configuration of Steadfast. Lines with # and no blank after it show the defaults: take \
            the # away\n\
         # and change the value. `steadfast check-config --config FILE` says what is wrong, and \
            where each\n\
         # value comes from. Later wins: defaults, this file, the environment, flags.\n",
    );
    for section in SECTIONS {
        out.push('\n');
        comment(&mut out, section.help);
        if section.repeated {
            default_listeners(&mut out, section);
            continue;
        }
        if !section.name.is_empty() {
            let _ = writeln!(out, "[{}]", section.name);
        }
        for key in section.keys {
            comment(&mut out, &key_help(key));
            let value = key.default.or(key.example).unwrap_or("\"\"");
            let off = if key.name == "domain" { "" } else { "#" };
            // An example stays a comment when the # is taken away.
            let example = if key.default.is_none() && key.name != "domain" { " " } else { "" };
            let _ = writeln!(out, "{off}{example}{} = {value}", key.name);
        }
    }
    out
}

fn default_listeners(out: &mut String, section: &Section) {
    for (kind, port) in [("c2s", 5222), ("c2s-tls", 5223)] {
        let _ = writeln!(out, "#[[{}]]", section.name);
        for key in section.keys {
            if port == 5222 {
                comment(out, &key_help(key));
            }
            let value = match key.name {
                "kind" => format!("\"{kind}\""),
                "address" => format!("\"[::]:{port}\""),
                _ => key.default.unwrap_or("\"\"").to_owned(),
            };
            let _ = writeln!(out, "#{} = {value}", key.name);
        }
    }
}

fn key_help(key: &Key) -> String {
    let mut help = key.help.to_owned();
    if let Some(variable) = key.env {
        let _ = write!(help, " Environment: {variable}.");
    }
    help
}

fn comment(out: &mut String, text: &str) {
    let mut line = String::from("#");
    for word in text.split_whitespace() {
        if line.len() + 1 + word.len() > LINE_MAX {
            let _ = writeln!(out, "{line}");
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    if line.len() > 1 {
        let _ = writeln!(out, "{line}");
    }
}

/// Every setting in the order of the table, with its path.
fn rows(settings: &Settings) -> Vec<(String, &Setting)> {
    let mut rows = Vec::new();
    for section in SECTIONS {
        let items = if section.repeated { settings.listeners.len() } else { 1 };
        for item in 0..items {
            for key in section.keys {
                let path = if section.repeated {
                    format!("{}[{item}].{}", section.name, key.name)
                } else {
                    section.path_of(key)
                };
                rows.extend(settings.get(&path).map(|setting| (path, setting)));
            }
        }
    }
    rows
}

/// One line per setting: path, value, origin.
pub(crate) fn effective(settings: &Settings) -> String {
    let rows = rows(settings);
    let shown: Vec<(String, String, String)> = rows
        .iter()
        .map(|(path, s)| (path.clone(), s.value.to_string(), s.origin.to_string()))
        .collect();
    let width = |of: fn(&(String, String, String)) -> usize| {
        shown.iter().map(of).max().unwrap_or(0).min(40)
    };
    let (path_width, value_width) =
        (width(|row| row.0.chars().count()), width(|row| row.1.chars().count()));
    let mut out = String::new();
    for (path, value, origin) in &shown {
        let _ = writeln!(out, "{path:path_width$}  {value:value_width$}  {origin}");
    }
    out
}

/// The same as JSON, with what is wrong.
pub(crate) fn effective_json(settings: &Settings) -> serde_json::Value {
    let values: Vec<serde_json::Value> = rows(settings)
        .into_iter()
        .map(|(path, s)| {
            let (from, at) = match &s.origin {
                Origin::Default => ("default", None),
                Origin::File(position) => ("file", Some(position.to_string())),
                Origin::Environment(variable) => ("environment", Some(variable.clone())),
                Origin::Flag(flag) => ("flag", Some(flag.clone())),
                Origin::Derived(source) => ("derived", Some((*source).to_owned())),
            };
            json!({ "key": path, "value": as_json(&s.value), "from": from, "at": at })
        })
        .collect();
    let problems: Vec<serde_json::Value> =
        settings.problems.iter().map(|p| json!({ "at": p.place, "problem": p.text })).collect();
    json!({ "ok": problems.is_empty(), "values": values, "problems": problems })
}

fn as_json(value: &super::kind::Value) -> serde_json::Value {
    use super::kind::{Span, Value};
    match value {
        Value::Text(text) => json!(text),
        Value::List(list) => json!(list),
        Value::Switch(on) => json!(on),
        Value::Count(number) => json!(number),
        Value::Span(span) => json!(Span(*span).to_string()),
    }
}

/// The page docs/configuration.md.
pub(crate) fn markdown() -> String {
    let mut out = String::from(
        "# Configuration\n\n\
         <!-- Written by `steadfast documentation configuration` from \
            crates/steadfast/src/config/table.rs. Do not edit. -->\n\n\
         A TOML file, named by `--config` or `STEADFAST_CONFIG`; without either, \
            `/etc/steadfast/steadfast.toml`. Unknown keys are refused.\n\
         Later wins: defaults, the file, the environment, flags (`--set KEY=VALUE`, such as `--set \
            sessions.resume_for=5m`).\n\
         `steadfast check-config` prints every effective value and where it comes from; `steadfast \
            serve --print-default-config`\n\
         prints a file to begin with. Relative paths start at the folder of the file.\n",
    );
    for section in SECTIONS {
        let title = if section.name.is_empty() {
            "Top level".to_owned()
        } else {
            format!("`{}`", section.title())
        };
        let _ = write!(out, "\n## {title}\n\n");
        if !section.help.is_empty() {
            let _ = write!(out, "{}\n\n", section.help);
        }
        out.push_str("| key | default | allowed | what it does |\n|---|---|---|---|\n");
        for key in section.keys {
            let default =
                key.default.map_or_else(|| "–".to_owned(), |default| format!("`{default}`"));
            let mut help = key_help(key);
            if key.reloads {
                help.push_str(" A change takes effect on SIGHUP.");
            }
            let _ = writeln!(
                out,
                "| `{}` | {default} | {} | {} |",
                key.name,
                cell(&key.kind.allowed()),
                cell(&help)
            );
        }
    }
    out
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

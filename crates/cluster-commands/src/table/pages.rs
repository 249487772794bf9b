//! Man pages, documentation and completions of the commands with the original's syntax, from their tables.

use super::{Command, Operands};
use std::fmt::Write;

/// Section of the manual: administration, or the highly available data services' own.
fn section(command: &Command) -> &'static str {
    if command.name.starts_with("scha_") { "1HA" } else { "1M" }
}

/// File name and text of a man page.
pub(crate) fn man(command: &Command) -> (String, String) {
    let section = section(command);
    let mut out = format!(
        ".TH {} {section} \"\" \"Steadfast\" \"Steadfast Manual\"\n.SH NAME\n{} \\- {}\n.SH SYNOPSIS\n",
        roff(&command.name.to_uppercase()),
        roff(command.name),
        roff(command.purpose)
    );
    for form in command.forms {
        let _ = writeln!(out, ".PP\n.B {}", roff(&command.synopsis(form)));
    }
    out.push_str(".SH DESCRIPTION\n");
    for paragraph in command.description.split("\n\n") {
        let _ = writeln!(out, ".PP\n{}", roff(paragraph));
    }
    out.push_str(".SH FORMS\n");
    for form in command.forms {
        let _ = writeln!(out, ".TP\n.B {}\n{}.", roff(&command.synopsis(form)), roff(form.purpose));
    }
    out.push_str(".SH OPTIONS\n");
    for opt in command.options {
        let value = opt.value.map(|v| format!(" \\fI{}\\fR", roff(v))).unwrap_or_default();
        let _ = writeln!(out, ".TP\n\\fB{}\\fR{value}\n{}.", roff(&opt.typed()), roff(opt.help));
    }
    out.push_str(".SH EXAMPLES\n");
    for (line, what) in command.examples {
        let _ = writeln!(out, ".TP\n.B {}\n{}.", roff(line), roff(what));
    }
    out.push_str(".SH EXIT STATUS\n");
    for (code, what) in command.exit {
        let _ = writeln!(out, ".TP\n.B {code}\n{}.", roff(what));
    }
    let _ = writeln!(out, ".SH SEE ALSO\n.PP\n{}", roff(command.see_also));
    (format!("{}.{section}", command.name), out)
}

/// Text as roff takes it literally.
fn roff(text: &str) -> String {
    let escaped = text.replace('\\', "\\e").replace('-', "\\-").replace('"', "\\(dq");
    if escaped.starts_with(['.', '\'']) { format!("\\&{escaped}") } else { escaped }
}

/// One command as markdown.
pub(crate) fn markdown(command: &Command) -> String {
    let mut out = format!(
        "## {}\n\n{}.\n\n{}\n\n```text\n",
        command.name, command.purpose, command.description
    );
    for form in command.forms {
        let _ = writeln!(out, "{}", command.synopsis(form));
    }
    out.push_str("```\n\n| option | meaning |\n|---|---|\n");
    for opt in command.options {
        let value = opt.value.map(|v| format!(" {v}")).unwrap_or_default();
        let help = opt.help.replace('|', "\\|");
        let _ = writeln!(out, "| `{}{value}` | {help} |", opt.typed());
    }
    out.push_str("\nExamples:\n\n```sh\n");
    for (line, what) in command.examples {
        let _ = writeln!(out, "{line}    # {what}");
    }
    out.push_str("```\n\n| exit code | meaning |\n|---|---|\n");
    for (code, what) in command.exit {
        let _ = writeln!(out, "| {code} | {what} |");
    }
    out
}

/// A shell that completions are made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shell {
    /// GNU Bash.
    Bash,
    /// Z shell.
    Zsh,
    /// fish.
    Fish,
}

/// What an option's argument names, for completing it from the running cluster.
fn source(command: &Command, option: &str) -> Option<&'static str> {
    let value = command.option(option)?.value?;
    // Asked of the cluster when the key is pressed; silent when there is none.
    match value {
        v if v.starts_with("group") && option != "D" => {
            Some("scha_cluster_get -O ALL_RESOURCEGROUPS")
        }
        v if v.starts_with("node") => Some("scha_cluster_get -O ALL_NODENAMES"),
        "type" => Some("scha_cluster_get -O ALL_RESOURCETYPES"),
        _ => None,
    }
}

/// The completions of one command.
pub(crate) fn completion(command: &Command, shell: Shell) -> String {
    match shell {
        Shell::Bash => bash(command),
        Shell::Zsh => zsh(command),
        Shell::Fish => fish(command),
    }
}

fn bash(command: &Command) -> String {
    let name = command.name;
    let options: Vec<String> = command.options.iter().map(super::Opt::typed).collect();
    let mut out = format!(
        "_{name}() {{\n  local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}}\n  case $prev in\n"
    );
    for opt in command.options.iter().filter(|o| o.value.is_some()) {
        let words = match source(command, opt.name) {
            Some(source) => {
                format!("COMPREPLY=($(compgen -W \"$({source} 2>/dev/null)\" -- \"$cur\"))")
            }
            None => "COMPREPLY=($(compgen -f -- \"$cur\"))".to_owned(),
        };
        let _ = writeln!(out, "    {}) {words}; return;;", opt.typed());
    }
    let _ = writeln!(
        out,
        "  esac\n  COMPREPLY=($(compgen -W \"{} --help\" -- \"$cur\"))\n}}\ncomplete -F _{name} {name}",
        options.join(" ")
    );
    out
}

fn zsh(command: &Command) -> String {
    let name = command.name;
    let quote = |text: &str| {
        text.replace('\'', "'\\''").replace('[', "\\[").replace(']', "\\]").replace(':', "\\:")
    };
    let mut out = format!("_{name}() {{\n  _arguments -s \\\n");
    for opt in command.options {
        let star = if opt.repeats { "*" } else { "" };
        let value = match (opt.value, source(command, opt.name)) {
            (None, _) => String::new(),
            (Some(v), Some(source)) => format!(":{}:($({source} 2>/dev/null))", quote(v)),
            (Some(v), None) => format!(":{}:_files", quote(v)),
        };
        let _ = writeln!(out, "    '{star}{}[{}]{value}' \\", opt.typed(), quote(opt.help));
    }
    let rest = if command.forms.iter().any(|f| f.operands != Operands::None) {
        "*::word:_files"
    } else {
        ""
    };
    let _ = writeln!(
        out,
        "    '--help[help]' {}\n}}\ncompdef _{name} {name}",
        if rest.is_empty() { String::new() } else { format!("'{rest}'") }
    );
    out
}

fn fish(command: &Command) -> String {
    let name = command.name;
    let quote = |text: &str| text.replace('\\', "\\\\").replace('\'', "\\'");
    let mut out = format!("complete -c {name} -f\ncomplete -c {name} -l help -d 'help'\n");
    for opt in command.options {
        let flag = if opt.name.len() == 1 { "-s" } else { "-l" };
        let value = match (opt.value, source(command, opt.name)) {
            (None, _) => String::new(),
            (Some(_), Some(source)) => format!(" -x -a '({source} 2>/dev/null)'"),
            (Some(_), None) => " -r".to_owned(),
        };
        let _ =
            writeln!(out, "complete -c {name} {flag} {}{value} -d '{}'", opt.name, quote(opt.help));
    }
    out
}

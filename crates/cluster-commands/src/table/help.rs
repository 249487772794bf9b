//! `--help` and usage errors, from a command's table.

use super::Command;
use super::parse::UsageError;
use std::fmt::Write;

/// The text of `--help`.
pub(crate) fn help(command: &Command) -> String {
    let mut out = format!("{} - {}\n\nUsage:\n", command.name, command.purpose);
    for form in command.forms {
        let _ = writeln!(out, "  {}\n      {}", command.synopsis(form), form.purpose);
    }
    out.push_str("\nOptions:\n");
    let left = |opt: &super::Opt| {
        format!("{}{}", opt.typed(), opt.value.map(|v| format!(" {v}")).unwrap_or_default())
    };
    let width =
        command.options.iter().map(|o| left(o).len()).max().unwrap_or(0).max("--help".len());
    for opt in command.options {
        let _ = writeln!(out, "  {:<width$}  {}", left(opt), opt.help);
    }
    let _ = writeln!(out, "  {:<width$}  this text", "--help");
    out.push_str("\nExamples:\n");
    for (line, what) in command.examples {
        let _ = writeln!(out, "  {line}\n      {what}");
    }
    out.push_str("\nExit codes:\n");
    for (code, what) in command.exit {
        let _ = writeln!(out, "  {code:<5} {what}");
    }
    out
}

/// What is said of a wrong command line: the sentence, and the synopsis that comes nearest.
pub(crate) fn complaint(command: &Command, error: &UsageError) -> String {
    let mut out = format!("{}: {}\n", command.name, error.sentence);
    match &error.synopsis {
        Some(line) => {
            let _ = writeln!(out, "usage: {line}");
        }
        None => {
            let _ = writeln!(out, "usage: `{} --help` lists all forms", command.name);
        }
    }
    out
}

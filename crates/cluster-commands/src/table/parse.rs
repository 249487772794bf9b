//! From arguments to one form of a command with its options, or one sentence about what is wrong, with the nearest right thing.
//!
//! As getopt(3): clustered flags, an argument in the same word or the next, options in any order, `--` ends them. Never looks at what
//! an argument means, and never panics.

use super::{Command, Form, Operands, Opt, dashed};
use crate::typed::shown;

/// Longest argument, in bytes: the longest value of a property, and a name with it.
pub(crate) const ARGUMENT_BYTES_MAX: usize = rtr::VALUE_BYTES_MAX + 1024;
/// Most arguments of one command.
pub(crate) const ARGUMENTS_MAX: usize = 4096;

/// What is wrong with a command line. Nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub(crate) struct UsageError {
    /// One sentence.
    pub(crate) sentence: String,
    /// The line that comes nearest to what was meant.
    pub(crate) synopsis: Option<String>,
}

impl UsageError {
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), synopsis: None }
    }
}

/// A command line that was understood as far as its syntax goes.
#[derive(Debug)]
pub(crate) struct Parsed {
    /// What is asked.
    pub(crate) form: &'static Form,
    given: Vec<(&'static Opt, String)>,
    /// What is not an option.
    pub(crate) operands: Vec<String>,
}

impl Parsed {
    /// Whether an option is given.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.count(name) > 0
    }

    /// How often.
    pub(crate) fn count(&self, name: &str) -> usize {
        self.given.iter().filter(|(o, _)| o.name == name).count()
    }

    /// Its argument.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.given.iter().find(|(o, _)| o.name == name).map(|(_, v)| v.as_str())
    }

    /// All its arguments.
    pub(crate) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.given.iter().filter(move |(o, _)| o.name == name).map(|(_, v)| v.as_str())
    }
}

/// What a command line asks for.
#[derive(Debug)]
pub(crate) enum Line {
    /// `--help`
    Help,
    /// Something.
    Parsed(Parsed),
}

/// Understands a command line.
pub(crate) fn parse(command: &'static Command, args: &[String]) -> Result<Line, UsageError> {
    if args.len() > ARGUMENTS_MAX {
        return Err(UsageError::new(format!(
            "{} arguments are too many; give at most {ARGUMENTS_MAX}",
            args.len()
        )));
    }
    let mut words = Words { command, args: args.iter(), given: Vec::new(), operands: Vec::new() };
    if words.read()? {
        return Ok(Line::Help);
    }
    let Words { given, operands, .. } = words;
    let form = find_form(command, &given, &operands)?;
    for (opt, _) in &given {
        if !opt.repeats && given.iter().filter(|(o, _)| o.name == opt.name).count() > 1 {
            return Err(UsageError {
                sentence: format!("{} is given twice; give it once", opt.typed()),
                synopsis: Some(command.synopsis(form)),
            });
        }
    }
    check_operands(command, form, &operands)?;
    Ok(Line::Parsed(Parsed { form, given, operands }))
}

struct Words<'a> {
    command: &'static Command,
    args: std::slice::Iter<'a, String>,
    given: Vec<(&'static Opt, String)>,
    operands: Vec<String>,
}

impl Words<'_> {
    /// TRUE: help is asked for.
    fn read(&mut self) -> Result<bool, UsageError> {
        while let Some(word) = self.args.next() {
            if word.len() > ARGUMENT_BYTES_MAX {
                return Err(UsageError::new(format!(
                    "the argument {} is {} bytes long; at most {ARGUMENT_BYTES_MAX} are possible",
                    shown(word),
                    word.len()
                )));
            }
            if word == "--" {
                self.rest(None);
            } else if let Some(long) = word.strip_prefix("--") {
                if long.split('=').next() == Some("help") {
                    return Ok(true);
                }
                self.long(long)?;
            } else if let Some(cluster) = word.strip_prefix('-').filter(|c| !c.is_empty()) {
                if cluster == "?" {
                    return Ok(true);
                }
                self.cluster(cluster)?;
            } else if self.command.ends_at_operand {
                self.rest(Some(word));
            } else {
                self.operands.push(word.clone());
            }
        }
        Ok(false)
    }

    fn rest(&mut self, first: Option<&String>) {
        self.operands.extend(first.cloned());
        self.operands.extend(self.args.by_ref().cloned());
    }

    fn long(&mut self, typed: &str) -> Result<(), UsageError> {
        let (name, inline) = typed.split_once('=').map_or((typed, None), |(n, v)| (n, Some(v)));
        let found = self.command.options.iter().find(|o| o.name.len() > 1 && o.name == name);
        let Some(opt) = found else { return Err(self.unknown_long(name)) };
        match (opt.value, inline) {
            (None, Some(_)) => {
                Err(UsageError::new(format!("{} takes no argument; leave it out", opt.typed())))
            }
            (None, None) => {
                self.given.push((opt, String::new()));
                Ok(())
            }
            (Some(_), Some(value)) => {
                self.given.push((opt, value.to_owned()));
                Ok(())
            }
            (Some(_), None) => self.next_value(opt),
        }
    }

    fn cluster(&mut self, cluster: &str) -> Result<(), UsageError> {
        for (at, letter) in cluster.char_indices() {
            let name = letter.to_string();
            let Some(opt) = self.command.option(&name) else {
                return Err(self.unknown(letter, cluster));
            };
            let rest = &cluster[at + letter.len_utf8()..];
            match opt.value {
                None => self.given.push((opt, String::new())),
                Some(_) if rest.is_empty() => return self.next_value(opt),
                Some(_) => {
                    self.given.push((opt, rest.to_owned()));
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn next_value(&mut self, opt: &'static Opt) -> Result<(), UsageError> {
        let Some(value) = self.args.next() else {
            return Err(UsageError {
                sentence: format!(
                    "{} needs an argument ({}) and is the last word; give it",
                    opt.typed(),
                    opt.value.unwrap_or_default()
                ),
                synopsis: self.synopsis_with(opt.name),
            });
        };
        if value.len() > ARGUMENT_BYTES_MAX {
            return Err(UsageError::new(format!(
                "the argument of {} is {} bytes long; at most {ARGUMENT_BYTES_MAX} are possible",
                opt.typed(),
                value.len()
            )));
        }
        self.given.push((opt, value.clone()));
        Ok(())
    }

    fn unknown(&self, letter: char, cluster: &str) -> UsageError {
        let other = if letter.is_lowercase() {
            letter.to_ascii_uppercase()
        } else {
            letter.to_ascii_lowercase()
        };
        let typed = shown(&format!("-{letter}"));
        let near = self.command.option(&other.to_string());
        let long = self.command.options.iter().find(|o| o.name.len() > 1 && o.name == cluster);
        let help = match (long, near) {
            (Some(long), _) => format!("did you mean {}?", long.typed()),
            (None, Some(near)) => format!("did you mean {} ({})?", near.typed(), near.help),
            (None, None) => format!("its options are {}", self.letters()),
        };
        UsageError::new(format!("there is no option {typed}; {help}"))
    }

    fn letters(&self) -> String {
        let all: Vec<String> = self.command.options.iter().map(Opt::typed).collect();
        all.join(" ")
    }

    fn unknown_long(&self, typed: &str) -> UsageError {
        let known = self.command.options.iter().map(|o| o.name).filter(|n| n.len() > 1);
        let help = match rtr::nearest(typed, known.chain(["help"])) {
            Some(near) => format!("did you mean --{near}?"),
            None => format!("its options are {} --help", self.letters()),
        };
        UsageError::new(format!("there is no option {}; {help}", shown(&format!("--{typed}"))))
    }

    fn synopsis_with(&self, name: &str) -> Option<String> {
        let given: Vec<&str> = self.given.iter().map(|(o, _)| o.name).chain([name]).collect();
        nearest_form(self.command, &given).map(|form| self.command.synopsis(form))
    }
}

/// The form that comes nearest to these options: the fewest wrong and missing ones.
fn nearest_form(command: &'static Command, given: &[&str]) -> Option<&'static Form> {
    command.forms.iter().min_by_key(|form| {
        let wrong = given.iter().filter(|name| !form.takes(name)).count();
        let missing = form.needs().filter(|name| !given.contains(name)).count();
        // What is asked (the first needed option) weighs more than what else is given with it.
        let other = form.needs().next().is_some_and(|first| !given.contains(&first));
        (wrong + missing + if other { 3 } else { 0 }, wrong)
    })
}

fn find_form(
    command: &'static Command,
    given: &[(&'static Opt, String)],
    operands: &[String],
) -> Result<&'static Form, UsageError> {
    let names: Vec<&str> = given.iter().map(|(o, _)| o.name).collect();
    let fits = |form: &&'static Form| {
        names.iter().all(|name| form.takes(name)) && form.needs().all(|name| names.contains(&name))
    };
    if let Some(form) = command.forms.iter().find(fits) {
        return Ok(form);
    }
    let Some(near) = nearest_form(command, &names) else {
        return Err(UsageError::new(format!("{} takes no such options", command.name)));
    };
    let sentence = misfit(command, near, &names, operands);
    Err(UsageError { sentence, synopsis: Some(command.synopsis(near)) })
}

/// Options, each once, as they are typed.
fn each_once<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut once: Vec<String> = Vec::new();
    for typed in names.map(dashed) {
        if !once.contains(&typed) {
            once.push(typed);
        }
    }
    once
}

/// Why the options given do not make the form that comes nearest.
fn misfit(
    command: &'static Command,
    near: &'static Form,
    names: &[&str],
    operands: &[String],
) -> String {
    let asks = each_once(command.forms.iter().filter_map(|f| f.needs().next()));
    let is_asked = asks.len() == 1 || names.iter().any(|n| asks.contains(&dashed(n)));
    if !is_asked {
        let left = operands.first().map(|o| format!(" ({} says nothing)", shown(o)));
        let all = asks.join(" ");
        return format!("it is not said what to do: give one of {all}{}", left.unwrap_or_default());
    }
    if let [only] = names {
        let begun = command.forms.iter().filter(|f| f.needs().next() == Some(*only));
        let ways: Vec<String> =
            begun.map(|f| f.needs().skip(1).map(dashed).collect::<Vec<_>>().join(" ")).collect();
        if ways.len() > 1 {
            return format!(
                "{} says what to do, but not with what: give {}",
                dashed(only),
                ways.join(", or ")
            );
        }
    }
    let missing = each_once(near.needs().filter(|n| !names.contains(n)));
    let wrong = each_once(names.iter().copied().filter(|n| !near.takes(n)));
    let kept = each_once(near.needs().filter(|n| names.contains(n))).join(" ");
    let (missing, wrong, them) =
        (missing.join(" and "), wrong.join(" and "), if missing.len() > 1 { "them" } else { "it" });
    match (kept.is_empty(), wrong.is_empty(), missing.is_empty()) {
        (true, _, _) => format!("{missing} must be given"),
        (_, true, _) => format!("{kept} needs {missing} too; give {them}"),
        (_, false, true) => format!("{wrong} cannot be given with {kept}; leave it out"),
        (_, false, false) => format!("{wrong} cannot be given with {kept}, which needs {missing}"),
    }
}

fn check_operands(
    command: &'static Command,
    form: &'static Form,
    operands: &[String],
) -> Result<(), UsageError> {
    let sentence = match (form.operands, operands) {
        (Operands::None, [first, ..]) => format!(
            "{} is left over: this takes options only (a value with blanks needs quotes)",
            shown(first)
        ),
        (Operands::Optional(name), [_, second, ..]) => {
            format!("{} is left over: there is only one {name}", shown(second))
        }
        (Operands::Some(name), []) => format!("{name} is missing; give it after the options"),
        _ => return Ok(()),
    };
    Err(UsageError { sentence, synopsis: Some(command.synopsis(form)) })
}

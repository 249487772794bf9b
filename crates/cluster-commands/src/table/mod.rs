//! A command with the original's syntax, as data: its forms, options, exit codes and examples. The parser (`parse`), usage errors and
//! `--help` (`help`), and man pages, documentation and completions (`pages`) are all made from it.
//!
//! A new option is a line in a command's table. Nothing here knows what a command does.

pub(crate) mod help;
pub(crate) mod pages;
pub(crate) mod parse;

/// One command.
#[derive(Debug)]
pub(crate) struct Command {
    /// As it is typed.
    pub(crate) name: &'static str,
    /// One line: what it is for.
    pub(crate) purpose: &'static str,
    /// A few paragraphs for the man page.
    pub(crate) description: &'static str,
    /// What may be typed together. The first that fits is meant.
    pub(crate) forms: &'static [Form],
    /// Every option of any form.
    pub(crate) options: &'static [Opt],
    /// TRUE: the first operand ends the options (what follows is another program's).
    pub(crate) ends_at_operand: bool,
    /// Code and meaning.
    pub(crate) exit: &'static [(&'static str, &'static str)],
    /// What to type, and what that does.
    pub(crate) examples: &'static [(&'static str, &'static str)],
    /// Other pages.
    pub(crate) see_also: &'static str,
}

/// Options that belong together.
#[derive(Debug)]
pub(crate) struct Form {
    /// Which, for the code that carries it out; unique in its command.
    pub(crate) id: &'static str,
    /// Options that must be there, `a g`.
    pub(crate) needs: &'static str,
    /// Options that may be there.
    pub(crate) may: &'static str,
    /// Operands, as in the synopsis; empty: none.
    pub(crate) operands: Operands,
    /// One line.
    pub(crate) purpose: &'static str,
}

/// How many operands a form takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operands {
    /// None.
    None,
    /// None or one, with its name.
    Optional(&'static str),
    /// One or more, with their name.
    Some(&'static str),
    /// Any number, with their name.
    Any(&'static str),
}

/// One option.
#[derive(Debug)]
pub(crate) struct Opt {
    /// `a` is `-a`, `json` is `--json`.
    pub(crate) name: &'static str,
    /// Name of its argument in the synopsis; `None`: it takes none.
    pub(crate) value: Option<&'static str>,
    /// TRUE: it may be given several times.
    pub(crate) repeats: bool,
    /// One line.
    pub(crate) help: &'static str,
}

/// An option without an argument.
pub(crate) const fn flag(name: &'static str, help: &'static str) -> Opt {
    Opt { name, value: None, repeats: false, help }
}

/// An option with an argument.
pub(crate) const fn value(name: &'static str, value: &'static str, help: &'static str) -> Opt {
    Opt { name, value: Some(value), repeats: false, help }
}

/// An option that may be given several times.
pub(crate) const fn repeats(opt: Opt) -> Opt {
    Opt { repeats: true, ..opt }
}

/// A form without operands.
pub(crate) const fn form(
    id: &'static str,
    needs: &'static str,
    may: &'static str,
    purpose: &'static str,
) -> Form {
    Form { id, needs, may, operands: Operands::None, purpose }
}

impl Opt {
    /// As it is typed.
    pub(crate) fn typed(&self) -> String {
        dashed(self.name)
    }
}

/// `-a`, `--json`.
pub(crate) fn dashed(name: &str) -> String {
    if name.len() == 1 { format!("-{name}") } else { format!("--{name}") }
}

impl Command {
    /// The option of a name.
    pub(crate) fn option(&self, name: &str) -> Option<&'static Opt> {
        self.options.iter().find(|o| o.name == name)
    }

    /// `scrgadm -a -g rg [-h node,…] …`
    pub(crate) fn synopsis(&self, form: &Form) -> String {
        let mut line = self.name.to_owned();
        let mut add = |name: &str, must: bool| {
            let Some(opt) = self.option(name) else { return };
            let value = opt.value.map(|v| format!(" {v}")).unwrap_or_default();
            let again = if opt.repeats { " ..." } else { "" };
            let typed = format!("{}{value}", opt.typed());
            line.push(' ');
            line.push_str(&if must { typed + again } else { format!("[{typed}]{again}") });
        };
        form.needs.split_whitespace().for_each(|name| add(name, true));
        form.may.split_whitespace().for_each(|name| add(name, false));
        match form.operands {
            Operands::None => {}
            Operands::Optional(name) => line.push_str(&format!(" [{name}]")),
            Operands::Some(name) => line.push_str(&format!(" {name} ...")),
            Operands::Any(name) => line.push_str(&format!(" [{name} ...]")),
        }
        line
    }
}

impl Form {
    pub(crate) fn needs(&self) -> impl Iterator<Item = &'static str> {
        self.needs.split_whitespace()
    }

    pub(crate) fn takes(&self, name: &str) -> bool {
        self.needs().chain(self.may.split_whitespace()).any(|n| n == name)
    }
}

//! How operations refuse: the macro for a family's table of refusals, and the sentences about unknown names that all families share.
//!
//! Every sentence names the thing, the value and the remedy. Nothing here looks at state.

use crate::model::{Refusal, SchaCode};
use std::fmt::Display;

/// Names listed in a sentence; the rest is counted.
const NAMES_LISTED_MAX: usize = 5;

/// Makes a function per line: `name(arguments): Code = "sentence"`. The table stands at the top of its family's file.
macro_rules! refusals {
    ($($name:ident($($arg:ident),*): $code:ident = $text:literal;)*) => {$(
        fn $name($($arg: impl std::fmt::Display),*) -> $crate::model::Refusal {
            $crate::model::Refusal {
                code: $crate::model::SchaCode::$code,
                sentence: format!($text),
            }
        }
    )*};
}
pub(crate) use refusals;

/// Kinds of things that have names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Node,
    Type,
    Group,
    Resource,
}

impl Kind {
    /// What it is called in a sentence.
    pub(crate) const fn noun(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Type => "resource type",
            Self::Group => "resource group",
            Self::Resource => "resource",
        }
    }

    const fn code(self) -> SchaCode {
        match self {
            Self::Node => SchaCode::Node,
            Self::Type => SchaCode::Rt,
            Self::Group => SchaCode::Rg,
            Self::Resource => SchaCode::Rsrc,
        }
    }

    /// Prefix of its keys in the control store.
    pub(crate) const fn key(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Type => "type",
            Self::Group => "group",
            Self::Resource => "resource",
        }
    }
}

/// There is no such thing: with the nearest right name, or the names there are.
pub(crate) fn unknown<'a>(
    kind: Kind,
    typed: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> Refusal {
    let noun = kind.noun();
    let help = match rtr::nearest(typed, known.clone()) {
        Some(near) => format!("did you mean {near}?"),
        None => match list(known) {
            names if names.is_empty() => format!("no {noun} is configured"),
            names => format!("the {noun}s are {names}"),
        },
    };
    Refusal { code: kind.code(), sentence: format!("there is no {noun} {}; {help}", shown(typed)) }
}

/// `a`, `a and b`, `a, b and c`, `a, b, c, d, e and 7 more`; empty for none.
pub(crate) fn list<T: Display>(names: impl IntoIterator<Item = T>) -> String {
    let names: Vec<String> = names.into_iter().map(|n| n.to_string()).collect();
    match names.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        many if many.len() > NAMES_LISTED_MAX => {
            let more = many.len() - NAMES_LISTED_MAX;
            format!("{} and {more} more", many[..NAMES_LISTED_MAX].join(", "))
        }
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// A text of an operator for a sentence: bounded, without control characters, quoted when it is empty or has blanks.
pub(crate) fn shown(text: &str) -> String {
    const CHARACTERS_MAX: usize = 64;
    let mut clean: String =
        text.chars().take(CHARACTERS_MAX).flat_map(char::escape_default).collect();
    if text.chars().count() > CHARACTERS_MAX {
        clean.push('…');
    }
    if clean.is_empty() || clean.contains(' ') { format!("\"{clean}\"") } else { clean }
}

/// Any refusal.
pub(crate) fn refuse(code: SchaCode, sentence: impl Into<String>) -> Refusal {
    Refusal { code, sentence: sentence.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_of_names_is_counted() {
        assert_eq!(list(["a"]), "a");
        assert_eq!(list(["a", "b", "c"]), "a, b and c");
        assert_eq!(list(["a", "b", "c", "d", "e", "f", "g"]), "a, b, c, d, e and 2 more");
    }

    #[test]
    fn an_unknown_name_gets_the_nearest_or_all() {
        let refusal = unknown(Kind::Node, "im_node_2", ["im-node-1", "im-node-2"].into_iter());
        assert_eq!(refusal.sentence, "there is no node im_node_2; did you mean im-node-2?");
        let refusal = unknown(Kind::Group, "zebra", ["im"].into_iter());
        assert_eq!(
            refusal.sentence,
            "there is no resource group zebra; the resource groups are im"
        );
        let refusal = unknown(Kind::Group, "", [].into_iter());
        assert_eq!(
            refusal.sentence,
            "there is no resource group \"\"; no resource group is configured"
        );
    }
}

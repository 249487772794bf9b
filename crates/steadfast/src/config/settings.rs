//! Layers of settings: defaults, the file, the environment, flags; each value remembers where it comes from.
//!
//! Nothing here knows what a key means. Later layers win; a value that its kind refuses is reported and the one below
//! stays, so that one run reports everything.

use super::kind::{Kind, Raw, Value};
use super::problem::{Position, Problem, nearest};
use super::read::{FileContent, read};
use super::table::{self, Key, SECTIONS, Section};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The table.
    Default,
    /// A file.
    File(Position),
    /// This variable.
    Environment(String),
    /// This flag.
    Flag(String),
    /// Follows from other settings, in these words.
    Derived(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(position) => write!(f, "{position}"),
            Self::Environment(variable) => write!(f, "environment {variable}"),
            Self::Flag(flag) => write!(f, "flag {flag}"),
            Self::Derived(from) => write!(f, "derived from {from}"),
        }
    }
}

/// A value and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    /// The value.
    pub(crate) value: Value,
    /// Its origin.
    pub(crate) origin: Origin,
}

/// What to read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layers {
    /// The file, if there is one.
    pub(crate) file: Option<PathBuf>,
    /// Variables whose names begin with `STEADFAST_`.
    pub(crate) environment: Vec<(String, String)>,
    /// Key path, value, flag as typed.
    pub(crate) flags: Vec<(String, String, String)>,
}

/// All layers, laid over each other. Keys by path, those of repeated sections by `listen[0].address`.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    values: BTreeMap<String, Setting>,
    /// Where each `[[listen]]` begins.
    pub(crate) listeners: Vec<Origin>,
    /// What is wrong so far.
    pub(crate) problems: Vec<Problem>,
}

impl Settings {
    /// Reads and lays over each other. Fails only by [`Settings::problems`].
    pub(crate) fn gather(layers: &Layers) -> Self {
        let mut settings = Self::default();
        settings.lay_defaults();
        if let Some(path) = &layers.file {
            let name = path.display().to_string();
            match text_of(path) {
                Ok(text) => settings.lay_file(read(&name, &text), path),
                Err(why) => settings.problems.push(Problem::new(name, why)),
            }
        }
        for (variable, text) in &layers.environment {
            settings.lay_variable(variable, text);
        }
        for (path, text, flag) in &layers.flags {
            settings.lay_flag(path, text, flag);
        }
        settings
    }

    /// A value, if it is set or has a default.
    pub(crate) fn get(&self, path: &str) -> Option<&Setting> {
        self.values.get(path)
    }

    /// Sets what follows from other settings.
    pub(crate) fn derive(&mut self, path: &str, value: Value, from: &'static str) {
        self.values.insert(path.to_owned(), Setting { value, origin: Origin::Derived(from) });
    }

    /// Gives the settings of a listener.
    pub(crate) fn add_default_listener(&mut self, kind: &str) {
        let item = self.listeners.len();
        self.listeners.push(Origin::Default);
        let listen = SECTIONS.iter().filter(|section| section.repeated);
        for (section, key) in listen.flat_map(|s| s.keys.iter().map(move |key| (s, key))) {
            self.lay_default(section, item, key);
        }
        let value = Value::Text(kind.to_owned());
        self.values
            .insert(format!("listen[{item}].kind"), Setting { value, origin: Origin::Default });
    }

    /// Where a path's value comes from, as the beginning of a problem.
    pub(crate) fn place(&self, path: &str) -> String {
        match self.values.get(path).map(|setting| &setting.origin) {
            Some(Origin::Default) | None => "configuration".to_owned(),
            Some(origin) => origin.to_string(),
        }
    }

    fn lay_defaults(&mut self) {
        for section in SECTIONS.iter().filter(|section| !section.repeated) {
            for key in section.keys {
                self.lay_default(section, 0, key);
            }
        }
    }

    fn lay_default(&mut self, section: &Section, item: usize, key: &Key) {
        if let Some(value) = default_of(key) {
            self.values
                .insert(full_path(section, item, key), Setting { value, origin: Origin::Default });
        }
    }

    fn lay_file(&mut self, content: FileContent, path: &Path) {
        self.problems.extend(content.problems);
        for (item, position) in content.listeners.into_iter().enumerate() {
            self.listeners.push(Origin::File(position));
            for section in SECTIONS.iter().filter(|section| section.repeated) {
                for key in section.keys {
                    self.lay_default(section, item, key);
                }
            }
        }
        let folder = path.parent().unwrap_or(Path::new(""));
        for a in content.assignments {
            let shown = a.section.path_of(a.key);
            let full = full_path(a.section, a.item, a.key);
            self.lay((&full, &shown), a.key, (&a.raw, folder), Origin::File(a.position));
        }
    }

    fn lay_variable(&mut self, variable: &str, text: &str) {
        let with_key = SECTIONS.iter().flat_map(|s| s.keys.iter().map(move |key| (s, key)));
        let Some((section, key)) = with_key.into_iter().find(|(_, key)| key.env == Some(variable))
        else {
            return;
        };
        let path = section.path_of(key);
        self.lay(
            (&path, &path),
            key,
            (&key.kind.read_text(text), Path::new("")),
            Origin::Environment(variable.to_owned()),
        );
    }

    fn lay_flag(&mut self, path: &str, text: &str, flag: &str) {
        let Some((_, key)) = table::find(path) else {
            let known: Vec<String> = paths().collect();
            let near = nearest(path, known.iter().map(String::as_str));
            let hint = near.map_or_else(
                || "; `steadfast check-config` lists all".to_owned(),
                |near| format!("; did you mean {near:?}?"),
            );
            self.problems.push(Problem::new(flag, format!("unknown key {path:?}{hint}")));
            return;
        };
        self.lay(
            (path, path),
            key,
            (&key.kind.read_text(text), Path::new("")),
            Origin::Flag(flag.to_owned()),
        );
    }

    fn lay(
        &mut self,
        (path, shown): (&str, &str),
        key: &Key,
        (raw, folder): (&Raw, &Path),
        origin: Origin,
    ) {
        match key.kind.accept(raw) {
            Ok(value) => {
                let value = resolved(key, value, folder);
                // `domain` on a later layer replaces `domains` of an earlier one, and the reverse.
                let rival = match path {
                    "domain" => "domains",
                    "domains" => "domain",
                    _ => "",
                };
                let outranked =
                    self.values.get(rival).is_some_and(|s| rank(&s.origin) < rank(&origin));
                if outranked {
                    self.values.remove(rival);
                }
                self.values.insert(path.to_owned(), Setting { value, origin });
            }
            Err(why) => {
                let allowed = why.unwrap_or_else(|| key.kind.allowed());
                self.problems
                    .push(Problem::new(origin, format!("{shown} = {raw}: must be {allowed}")));
            }
        }
    }
}

fn rank(origin: &Origin) -> u8 {
    match origin {
        Origin::Default | Origin::Derived(_) => 0,
        Origin::File(_) => 1,
        Origin::Environment(_) => 2,
        Origin::Flag(_) => 3,
    }
}

fn full_path(section: &Section, item: usize, key: &Key) -> String {
    if section.repeated {
        format!("{}[{item}].{}", section.name, key.name)
    } else {
        section.path_of(key)
    }
}

/// Paths of all keys that flags can set.
fn paths() -> impl Iterator<Item = String> {
    SECTIONS
        .iter()
        .filter(|s| !s.repeated)
        .flat_map(|s| s.keys.iter().map(move |key| s.path_of(key)))
}

fn default_of(key: &Key) -> Option<Value> {
    let text = key.default?;
    let raw = read_literal(text);
    let value = key.kind.accept(&raw);
    assert!(value.is_ok(), "the default {text} of {} is one that its own kind refuses", key.name);
    value.ok()
}

fn read_literal(text: &str) -> Raw {
    toml::de::DeValue::parse(text)
        .map_or_else(|_| Raw::Other(text.to_owned()), |value| super::read::raw(value.get_ref()))
}

/// Relative paths begin at the folder of the file that names them; flags and variables at the working directory.
fn resolved(key: &Key, value: Value, folder: &Path) -> Value {
    match (key.kind, value) {
        (Kind::Path, Value::Text(text)) => {
            let joined = folder.join(text);
            Value::Text(std::path::absolute(&joined).unwrap_or(joined).display().to_string())
        }
        (_, value) => value,
    }
}

fn text_of(path: &Path) -> Result<String, String> {
    let too_long = || {
        format!(
            "is longer than {} bytes; this is not a configuration file",
            super::read::FILE_BYTES_MAX
        )
    };
    match std::fs::metadata(path) {
        Ok(meta) if meta.len() > super::read::FILE_BYTES_MAX => return Err(too_long()),
        Ok(meta) if meta.is_dir() => return Err("is a folder; name a file".to_owned()),
        _ => {}
    }
    let bytes = std::fs::read(path).map_err(|error| {
        format!(
            "cannot be read ({error}); `steadfast serve --print-default-config` prints one to \
            begin with"
        )
    })?;
    String::from_utf8(bytes)
        .map_err(|error| format!("is not UTF-8 text (byte {})", error.utf8_error().valid_up_to()))
}

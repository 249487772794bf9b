//! Options of fence agents, whose values may be secrets: `NAME=@FILE` takes the value from a file, so that it stands in no list of processes and in
//! no shell history; and how such options are shown.
//!
//! A value is never repeated in a message.

use crate::sun::Failure;
use crate::table::parse::UsageError;
use crate::typed;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Longest value in a file, in bytes.
const VALUE_BYTES_MAX: u64 = 4096;
/// What stands for a value that is not shown.
pub(crate) const MASK: &str = "********";

/// Options as typed, with what is to be said about them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) values: BTreeMap<String, String>,
    pub(super) warnings: Vec<String>,
}

/// Reads them.
pub(super) fn options(typed_options: &[String]) -> Result<Options, Failure> {
    let mut read = Options::default();
    for one in typed_options {
        let pair = one.split_once('=').filter(|(name, _)| !name.is_empty());
        let Some((name, value)) = pair else {
            let sentence = format!("-o {} is not NAME=VALUE", typed::shown(one));
            return Err(UsageError::new(sentence).into());
        };
        let value = match value.strip_prefix('@') {
            Some(literal) if literal.starts_with('@') => literal.to_owned(),
            Some(path) => from_file(name, Path::new(path), &mut read.warnings)?,
            None => {
                if is_secret(name) {
                    read.warnings.push(format!(
                        "warning: the value of {name} was in the list of processes and is in the shell's history; write it to a file and give -o {name}=@FILE"
                    ));
                }
                value.to_owned()
            }
        };
        if read.values.insert(name.to_owned(), value).is_some() {
            return Err(UsageError::new(format!("-o {name} is given twice")).into());
        }
    }
    Ok(read)
}

fn from_file(name: &str, path: &Path, warnings: &mut Vec<String>) -> Result<String, Failure> {
    let refuse =
        |why: &str| Failure::Refused(format!("the value of {name}: {} {why}", path.display()));
    let unreadable = |e: std::io::Error| refuse(&format!("cannot be read: {e}"));
    let file = File::open(path).map_err(unreadable)?;
    let found = file.metadata().map_err(unreadable)?;
    if found.mode() & 0o077 != 0 && found.is_file() {
        warnings.push(format!("warning: others may read {}; chmod 600 it", path.display()));
    }
    let mut text = String::new();
    file.take(VALUE_BYTES_MAX + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 > VALUE_BYTES_MAX {
        return Err(refuse(&format!("is longer than {VALUE_BYTES_MAX} bytes")));
    }
    let value = text.strip_suffix('\n').unwrap_or(&text);
    let value = value.strip_suffix('\r').unwrap_or(value);
    match value {
        "" => Err(refuse("is empty")),
        value if value.contains(char::is_control) => {
            Err(refuse("holds more than one line; it must be the value alone"))
        }
        value => Ok(value.to_owned()),
    }
}

/// Whether the option of this name holds a secret itself. (`password_script` names a program that prints one.)
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let is_place = name.ends_with("_script") || name.ends_with("_file") || name.ends_with("_path");
    ["passw", "passphrase", "secret", "token"].iter().any(|word| name.contains(word)) && !is_place
}

/// The options for a screen, a file or a script: secrets are masked.
pub(crate) fn shown(options: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let one = |(name, value): (&String, &String)| {
        let value = if is_secret(name) { MASK.to_owned() } else { value.clone() };
        (name.clone(), value)
    };
    options.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_comes_from_a_file_and_two_signs_are_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("p");
        std::fs::write(&path, "geheim=@1\n").unwrap();
        let typed = [format!("password=@{}", path.display()), "ip=@@x".to_owned()];
        let read = options(&typed).unwrap();
        assert_eq!(read.values["password"], "geheim=@1");
        assert_eq!(read.values["ip"], "@x");
        for text in ["", "\n", "two\nlines\n"] {
            std::fs::write(&path, text).unwrap();
            let error = options(&typed).unwrap_err().to_string();
            assert!(error.starts_with("the value of password: "), "{error}");
            assert!(!error.contains("two"), "{error}");
        }
        std::fs::write(&path, vec![b'x'; 5000]).unwrap();
        assert!(options(&typed).unwrap_err().to_string().contains("longer than 4096"));
    }

    #[test]
    fn a_typed_secret_is_warned_about_and_never_shown() {
        for (name, secret) in [
            ("password", true),
            ("passwd", true),
            ("snmp_priv_passwd", true),
            ("api_token", true),
            ("password_script", false),
            ("ip", false),
        ] {
            let read = options(&[format!("{name}=x y")]).unwrap();
            assert_eq!(!read.warnings.is_empty(), secret, "{name}");
            assert_eq!(shown(&read.values)[name] == MASK, secret, "{name}");
            assert!(!read.warnings.concat().contains("x y"), "{name}");
        }
    }
}

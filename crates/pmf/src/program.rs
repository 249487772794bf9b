//! From the first word of a command to a file that may be executed, or to the sentence that says why not.
//!
//! The checks are for the reason's sake (and for [`Trust::Owned`]); the kernel has the last word.

use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::command::{Command, NotStarted, Owner, Trust};

/// Where a bare name is looked for when the command's environment has no `PATH`.
const PATH_DEFAULT: &str = "/usr/bin:/bin:/usr/sbin:/sbin";

/// The file the command executes.
pub(crate) fn resolve(command: &Command) -> Result<PathBuf, NotStarted> {
    command.check()?;
    if let Some(cwd) = &command.cwd
        && !(cwd.is_absolute() && cwd.is_dir())
    {
        return Err(NotStarted::NoDirectory { cwd: cwd.display().to_string() });
    }
    let word = command.argv.first().map(String::as_str).unwrap_or_default();
    let path = find(command, word)?;
    let program = path.display().to_string();
    let refuse =
        |why: &str| NotStarted::NotExecutable { program: program.clone(), why: why.into() };
    let found = std::fs::metadata(&path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => NotStarted::NotFound { program: program.clone() },
        _ => refuse(&error.to_string()),
    })?;
    if !found.is_file() {
        return Err(refuse("it is not a file"));
    }
    if found.permissions().mode() & 0o111 == 0 {
        return Err(refuse("it has no execute permission; chmod +x"));
    }
    if command.trust == Trust::Owned {
        check_owned(&program, &found)?;
    }
    Ok(path)
}

fn find(command: &Command, word: &str) -> Result<PathBuf, NotStarted> {
    if word.contains('/') {
        let base = command.cwd.as_deref().unwrap_or(Path::new("/"));
        return Ok(base.join(word));
    }
    let path = command.env.iter().find(|(name, _)| name == "PATH").map(|(_, value)| value.as_str());
    path.unwrap_or(PATH_DEFAULT)
        .split(':')
        .filter(|directory| directory.starts_with('/'))
        .map(|directory| Path::new(directory).join(word))
        .find(|candidate| candidate.is_file())
        .ok_or_else(|| NotStarted::NotFound { program: word.to_owned() })
}

/// sun-cluster.md §3.3: methods run as root and must not be writable by others.
fn check_owned(program: &str, found: &std::fs::Metadata) -> Result<(), NotStarted> {
    let ourselves = Owner::ourselves();
    let refuse = |why: String| Err(NotStarted::Untrusted { program: program.to_owned(), why });
    let mode = found.permissions().mode();
    if found.uid() != 0 && found.uid() != ourselves.uid {
        return refuse(format!(
            "it belongs to user {}, who could change what we run; chown it to root",
            found.uid()
        ));
    }
    if mode & 0o002 != 0 {
        return refuse("everybody may write it; chmod o-w".into());
    }
    if mode & 0o020 != 0 && ourselves.uid == 0 && found.gid() != 0 {
        return refuse(format!("group {} may write it; chmod g-w", found.gid()));
    }
    Ok(())
}

/// What the kernel's refusal of `path` means.
pub(crate) fn explain(path: &Path, errno: i32) -> NotStarted {
    let program = path.display().to_string();
    let error = std::io::Error::from_raw_os_error(errno);
    match errno {
        libc::ENOENT => match interpreter(path) {
            Some(interpreter) => NotStarted::BadInterpreter { program, interpreter },
            None => NotStarted::NotFound { program },
        },
        libc::EACCES | libc::ENOEXEC | libc::EPERM | libc::ELIBBAD | libc::ETXTBSY => {
            NotStarted::NotExecutable { program, why: error.to_string() }
        }
        _ => NotStarted::Machine {
            what: format!("cannot execute {program}"),
            error: error.to_string(),
        },
    }
}

/// What a script's first line names.
fn interpreter(path: &Path) -> Option<String> {
    let mut head = Vec::new();
    std::fs::File::open(path).ok()?.take(256).read_to_end(&mut head).ok()?;
    let line = head.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let text = String::from_utf8_lossy(line);
    Some(text.split_ascii_whitespace().next()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(directory: &Path, name: &str, text: &str, mode: u32) -> String {
        let path = directory.join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path.display().to_string()
    }

    #[test]
    fn each_unusable_program_is_refused_for_its_own_reason() {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path();
        let fine = file(at, "fine", "#!/bin/sh\n", 0o755);
        let plain = file(at, "plain", "", 0o644);
        let open = file(at, "open", "", 0o757);
        let owned = |path: &str| resolve(&Command { trust: Trust::Owned, ..Command::new([path]) });
        assert_eq!(resolve(&Command::new([&fine])).unwrap(), Path::new(&fine));
        assert_eq!(owned(&fine).unwrap(), Path::new(&fine));
        assert_eq!(resolve(&Command::new(["sh"])).unwrap().file_name().unwrap(), "sh");
        assert!(matches!(resolve(&Command::new([&plain])), Err(NotStarted::NotExecutable { .. })));
        assert!(matches!(resolve(&Command::new(["/"])), Err(NotStarted::NotExecutable { .. })));
        assert!(matches!(resolve(&Command::new(["/no/such"])), Err(NotStarted::NotFound { .. })));
        assert!(matches!(resolve(&Command::new(["no-such"])), Err(NotStarted::NotFound { .. })));
        assert!(resolve(&Command::new([&open])).is_ok());
        assert!(matches!(owned(&open), Err(NotStarted::Untrusted { .. })));
        for cwd in ["/no/such", ".", "/etc/passwd"] {
            let away = Command { cwd: Some(cwd.into()), ..Command::new([&fine]) };
            assert!(matches!(resolve(&away), Err(NotStarted::NoDirectory { .. })), "{cwd}");
        }
        let relative = Command { cwd: Some(at.into()), ..Command::new(["./fine"]) };
        assert!(resolve(&relative).is_ok());
    }

    #[test]
    fn a_method_of_another_user_or_writable_by_a_foreign_group_is_refused() {
        if Owner::ourselves().uid != 0 {
            return; // only root can give files away
        }
        let directory = tempfile::tempdir().unwrap();
        let foreign = file(directory.path(), "foreign", "", 0o755);
        std::os::unix::fs::chown(&foreign, Some(4242), None).unwrap();
        let group = file(directory.path(), "group", "", 0o775);
        std::os::unix::fs::chown(&group, None, Some(4242)).unwrap();
        for path in [foreign, group] {
            let command = Command { trust: Trust::Owned, ..Command::new([&path]) };
            assert!(matches!(resolve(&command), Err(NotStarted::Untrusted { .. })), "{path}");
        }
    }
}

//! What is to be run, and why it was not.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Whose identity a command runs under. Supplementary groups are always dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
}

impl Owner {
    /// Who this process runs as.
    pub fn ourselves() -> Self {
        Self { uid: rustix::process::geteuid().as_raw(), gid: rustix::process::getegid().as_raw() }
    }
}

/// Which program files are acceptable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// Whatever the kernel executes: the owner answers for it.
    #[default]
    Any,
    /// Methods: the file must belong to root or to us, be writable by nobody else, and, for root, by no group but root's.
    Owned,
}

/// A command: program and arguments, and the surroundings it runs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Program (a path, or a name looked up in the given `PATH`, else in `/usr/bin:/bin:/usr/sbin:/sbin`) and arguments.
    pub argv: Vec<String>,
    /// The whole environment; nothing is inherited.
    pub env: Vec<(String, String)>,
    /// Working directory, absolute; `/` when absent.
    pub cwd: Option<PathBuf>,
    /// `None`: as we run.
    pub owner: Option<Owner>,
    /// Which program files are acceptable.
    pub trust: Trust,
}

impl Command {
    /// Most bytes of arguments, and of environment, with their ends.
    pub const BYTES_MAX: usize = 512 * 1024;
    /// Most arguments, and most variables.
    pub const COUNT_MAX: usize = 8192;

    /// A command with an empty environment, in `/`, as we run.
    pub fn new(argv: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            env: Vec::new(),
            cwd: None,
            owner: None,
            trust: Trust::Any,
        }
    }

    /// The same with this environment.
    #[must_use]
    pub fn with_env<K: Into<String>, V: Into<String>>(
        mut self,
        env: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.env = env.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        self
    }

    /// Refuses what no kernel would take: no program, NUL bytes, names with `=`, too much.
    pub(crate) fn check(&self) -> Result<(), NotStarted> {
        let has_program = self.argv.first().is_some_and(|program| !program.is_empty());
        if !has_program {
            return Err(NotStarted::Malformed { what: "the command is empty".into() });
        }
        let args_bytes: usize = self.argv.iter().map(|arg| arg.len() + 1).sum();
        let env_bytes: usize =
            self.env.iter().map(|(name, value)| name.len() + value.len() + 2).sum();
        let count = self.argv.len().max(self.env.len());
        if args_bytes.max(env_bytes) > Self::BYTES_MAX || count > Self::COUNT_MAX {
            return Err(NotStarted::TooLarge { args_bytes, env_bytes });
        }
        for (name, _) in &self.env {
            if name.is_empty() || name.contains('=') {
                let what = format!("{name:?} cannot name an environment variable");
                return Err(NotStarted::Malformed { what });
            }
        }
        let mut texts =
            self.argv.iter().chain(self.env.iter().flat_map(|(name, value)| [name, value]));
        if texts.any(|text| text.contains('\0')) {
            let what = "an argument or variable contains a NUL byte".into();
            return Err(NotStarted::Malformed { what });
        }
        let ourselves = Owner::ourselves();
        match self.owner {
            Some(owner) if ourselves.uid != 0 && owner != ourselves => {
                Err(NotStarted::OwnerRefused { owner, ours: ourselves.uid })
            }
            _ => Ok(()),
        }
    }
}

/// Why a command did not start. Nothing of it runs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotStarted {
    /// No such program.
    #[error("{program} does not exist; give the path of an executable file")]
    NotFound {
        /// As given.
        program: String,
    },
    /// A file that cannot be executed, or not by that user.
    #[error("{program} cannot be executed: {why}")]
    NotExecutable {
        /// Its path.
        program: String,
        /// What is wrong and what to do.
        why: String,
    },
    /// The script's first line names an interpreter that does not exist.
    #[error(
        "{program} asks for the interpreter {interpreter}, which does not exist; correct its first line"
    )]
    BadInterpreter {
        /// The script's path.
        program: String,
        /// What its first line names.
        interpreter: String,
    },
    /// Somebody else could have written the file.
    #[error("{program} is refused: {why}")]
    Untrusted {
        /// Its path.
        program: String,
        /// What is wrong and what to do.
        why: String,
    },
    /// The working directory is no directory.
    #[error("the working directory {cwd} is no directory; give the absolute path of one")]
    NoDirectory {
        /// As given.
        cwd: String,
    },
    /// More arguments or environment than a command may have.
    #[error(
        "{args_bytes} bytes of arguments and {env_bytes} of environment are too much; each may have {} bytes in {} pieces",
        Command::BYTES_MAX,
        Command::COUNT_MAX
    )]
    TooLarge {
        /// Size of the arguments.
        args_bytes: usize,
        /// Size of the environment.
        env_bytes: usize,
    },
    /// Something no kernel takes.
    #[error("{what}")]
    Malformed {
        /// What is wrong.
        what: String,
    },
    /// Only root may start processes of other users.
    #[error("cannot run as user {} group {}: this daemon runs as user {ours}, and only root may change it", owner.uid, owner.gid)]
    OwnerRefused {
        /// Who was asked for.
        owner: Owner,
        /// Who we are.
        ours: u32,
    },
    /// The machine refused: too many processes, no memory, no launcher.
    #[error("{what}: {error}")]
    Machine {
        /// What was tried.
        what: String,
        /// What the kernel said.
        error: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_that_no_kernel_takes_are_refused_with_the_reason() {
        let check = |command: Command| command.check();
        assert_eq!(check(Command::new(["/bin/true", ""])), Ok(()));
        let none: [&str; 0] = [];
        assert!(matches!(check(Command::new(none)), Err(NotStarted::Malformed { .. })));
        assert!(matches!(check(Command::new([""])), Err(NotStarted::Malformed { .. })));
        assert!(matches!(check(Command::new(["a\0b"])), Err(NotStarted::Malformed { .. })));
        for name in ["", "A=B", "A\0"] {
            let command = Command::new(["a"]).with_env([(name, "1")]);
            assert!(matches!(command.check(), Err(NotStarted::Malformed { .. })), "{name:?}");
        }
        let long = "x".repeat(Command::BYTES_MAX);
        assert!(matches!(check(Command::new(["a", &long])), Err(NotStarted::TooLarge { .. })));
        let many = vec!["a"; Command::COUNT_MAX + 1];
        assert!(matches!(check(Command::new(many)), Err(NotStarted::TooLarge { .. })));
    }
}

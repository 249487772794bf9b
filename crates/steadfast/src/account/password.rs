//! Passwords from people: asked for twice without echo, or the first line of standard input.
//!
//! Never prints one, never takes one from the command line, where others could read it.

use anyhow::{Context, Result, bail};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use std::io::{BufRead, IsTerminal, Write};

/// Bytes a password may have.
const PASSWORD_BYTES_MAX: u64 = 1_023;

/// Gets a new password for an account: from standard input when told so or when it is no terminal, else by asking twice.
pub(crate) fn new_password(jid: &str, from_stdin: bool) -> Result<String> {
    let stdin = std::io::stdin();
    if from_stdin {
        return first_line(stdin.lock());
    }
    if !stdin.is_terminal() {
        bail!("cannot ask for a password without a terminal; use --password-stdin");
    }
    let password = ask(&format!("Password for {jid}: "))?;
    if ask("The same again: ")? != password {
        bail!("the two passwords differ; nothing was changed");
    }
    Ok(password)
}

/// Gets an existing password from standard input.
pub(crate) fn first_line(input: impl BufRead) -> Result<String> {
    let mut line = String::new();
    let mut bounded = std::io::Read::take(input, PASSWORD_BYTES_MAX + 3);
    bounded.read_line(&mut line).context("cannot read the password")?;
    let password = line.trim_end_matches(['\n', '\r']);
    if password.is_empty() {
        bail!("the password is empty; write it on the first line of standard input");
    }
    if password.len() as u64 > PASSWORD_BYTES_MAX {
        bail!("the password is longer than {PASSWORD_BYTES_MAX} bytes");
    }
    Ok(password.to_owned())
}

fn ask(prompt: &str) -> Result<String> {
    let mut err = std::io::stderr().lock();
    write!(err, "{prompt}")?;
    err.flush()?;
    let quiet = Quiet::begin()?;
    let password = first_line(std::io::stdin().lock());
    drop(quiet);
    writeln!(err)?;
    password
}

/// The terminal does not echo while this lives.
struct Quiet {
    before: Termios,
}

impl Quiet {
    fn begin() -> Result<Self> {
        let before =
            tcgetattr(std::io::stdin()).context("cannot switch the terminal's echo off")?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        tcsetattr(std::io::stdin(), OptionalActions::Flush, &quiet)
            .context("cannot switch the terminal's echo off")?;
        Ok(Self { before })
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Flush, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_the_password() {
        for (text, expect) in
            [("pw", Some("pw")), ("p w \r\nmore", Some("p w ")), ("", None), ("\npw", None)]
        {
            assert_eq!(first_line(text.as_bytes()).ok().as_deref(), expect, "{text:?}");
        }
        assert!(first_line("x".repeat(1_024).as_bytes()).is_err());
        assert!(first_line("x".repeat(1_023).as_bytes()).is_ok());
    }
}

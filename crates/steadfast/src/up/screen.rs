//! The first screen: how to log in, where the data lies, what to do next, how to stop. At most 24 lines.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use xmpp::jid::BareJid;

/// What the screen says.
pub(crate) struct Screen<'a> {
    /// Addresses and passwords.
    pub(crate) accounts: &'a [(BareJid, String)],
    /// Ports: STARTTLS, direct TLS, metrics.
    pub(crate) ports: [u16; 3],
    /// SHA-256 of the certificate, hexadecimal.
    pub(crate) fingerprint: &'a str,
    /// Absolute.
    pub(crate) data: &'a Path,
    /// How this program is called from here.
    pub(crate) program: String,
    /// What has to follow most commands when the folder is not the usual one, such as ` --data /tmp/x`.
    pub(crate) data_option: String,
}

impl Screen<'_> {
    /// The text.
    pub(crate) fn text(&self) -> String {
        let [clear, direct, metrics] = self.ports;
        let mut out = String::new();
        let _ = writeln!(
            out,
            "Steadfast {} is running. Ctrl-C stops it; everything is kept.\n",
            env!("CARGO_PKG_VERSION")
        );
        for (jid, password) in self.accounts {
            let _ = writeln!(out, "  account      {jid}   password {password}");
        }
        let _ = writeln!(
            out,
            "  server       127.0.0.1 port {clear} (STARTTLS) or {direct} (direct TLS)"
        );
        let _ = writeln!(
            out,
            "  certificate  self-made, so your client will ask; SHA-256 fingerprint:"
        );
        let _ = writeln!(out, "               {}\n", self.fingerprint);
        if let [(from, password), (to, _), ..] = self.accounts {
            let _ = writeln!(out, "With a client in the terminal, for instance:");
            let _ = writeln!(
                out,
                "  echo hi | go-sendxmpp -n -u {from} -p {password} -j 127.0.0.1:{clear} {to}"
            );
            let _ = writeln!(
                out,
                "  profanity, then: /connect {from} server 127.0.0.1 port {clear} tls trust\n"
            );
        }
        let _ = writeln!(out, "  data         {}", self.data.display());
        let _ = writeln!(out, "  monitoring   http://127.0.0.1:{metrics}/metrics and /healthz\n");
        let _ = writeln!(out, "Next, in another terminal:");
        let program = &self.program;
        let option = &self.data_option;
        let next = [
            (format!("probe{option}"), "is it well, and how fast?"),
            (format!("account add NAME@localhost{option}"), "one more user"),
            (format!("backup FILE{option}"), "a copy, while it runs"),
            ("serve --print-default-config".to_owned(), "for a domain of your own"),
        ];
        let width = next.iter().map(|(arguments, _)| arguments.len()).max().unwrap_or(0);
        for (arguments, what) in next {
            let _ = writeln!(out, "  {program} {arguments:width$}   {what}");
        }
        out
    }
}

/// How the running program can be called from the working directory.
pub(crate) fn program() -> String {
    let path = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("steadfast"));
    let on_path = std::env::var_os("PATH").is_some_and(|all| {
        std::env::split_paths(&all).any(|folder| folder.join("steadfast") == path)
    });
    if on_path {
        return "steadfast".to_owned();
    }
    let here = std::env::current_dir().unwrap_or_default();
    match path.strip_prefix(&here) {
        Ok(relative) => relative.display().to_string(),
        Err(_) => path.display().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_screen_fits_a_screen() {
        let account = |name: &str| (BareJid::parse(name).unwrap(), "abcdefghijkmnpqr".to_owned());
        let text = Screen {
            accounts: &[account("romeo@localhost"), account("juliet@localhost")],
            ports: [5222, 5223, 9580],
            fingerprint: &"ab".repeat(32),
            data: Path::new("/home/shakespeare/steadfast-data"),
            program: "target/release/steadfast".to_owned(),
            data_option: String::new(),
        }
        .text();
        assert!(text.lines().count() <= 24, "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        for needed in [
            "romeo@localhost",
            "abcdefghijkmnpqr",
            "5222",
            "5223",
            "steadfast-data",
            "probe",
            "account add",
        ] {
            assert!(text.contains(needed), "{needed}");
        }
    }
}

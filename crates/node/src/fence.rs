//! Calls a fence agent by the protocol of the fence-agents collection: options as `key=value` lines on standard input, the action among
//! them, exit code 0 for done.
//!
//! A node counts as fenced only when the agent said so: its `off` ended with 0, which by that protocol it does only after it has seen
//! that the power is off. Anything else is a failure with the agent's last words.

use rgm::{Fencing, NodeName};

/// Folders in which an agent without a path is looked for.
const FOLDERS: [&str; 2] = ["/usr/sbin", "/usr/local/sbin"];

/// Where an agent's program is.
pub(crate) fn program(agent: &str) -> Result<String, String> {
    if agent.starts_with('/') {
        return trusted(agent.to_owned());
    }
    if agent.contains('/') {
        return Err(format!(
            "{agent} is neither an absolute path nor a name under {}",
            FOLDERS.join(", ")
        ));
    }
    let candidates = FOLDERS.iter().map(|folder| format!("{folder}/{agent}"));
    let found = candidates.into_iter().find(|path| std::path::Path::new(path).exists());
    trusted(found.ok_or_else(|| format!("there is no {agent} under {}", FOLDERS.join(", ")))?)
}

/// It runs as this daemon, with passwords: nobody else may be able to change it.
fn trusted(program: String) -> Result<String, String> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let found = std::fs::metadata(&program).map_err(|error| format!("{program}: {error}"))?;
    let ours = rustix::process::geteuid().as_raw();
    if found.uid() != 0 && found.uid() != ours {
        return Err(format!(
            "{program} is refused: it belongs to user {}; chown it to root",
            found.uid()
        ));
    }
    if found.permissions().mode() & 0o002 != 0 {
        return Err(format!("{program} is refused: everybody may write it; chmod o-w"));
    }
    Ok(program)
}

/// What is written to the agent. Options of the operator come first; `action` and the node's name are added when they are not set.
pub(crate) fn lines(node: &NodeName, fencing: &Fencing) -> String {
    let mut text = String::new();
    for (key, value) in &fencing.options {
        text.push_str(&format!("{key}={value}\n"));
    }
    if !fencing.options.contains_key("action") {
        text.push_str("action=off\n");
    }
    if !["plug", "port", "nodename"].iter().any(|key| fencing.options.contains_key(*key)) {
        text.push_str(&format!("plug={node}\nnodename={node}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_gets_action_and_node_unless_told_otherwise() {
        let mut fencing = Fencing {
            agent: "fence_x".to_owned(),
            options: [("ip".to_owned(), "10.0.0.9".to_owned())].into(),
            timeout_s: 60,
        };
        assert_eq!(
            lines(&"n1".into(), &fencing),
            "ip=10.0.0.9\naction=off\nplug=n1\nnodename=n1\n"
        );
        fencing.options.insert("action".to_owned(), "reboot".to_owned());
        fencing.options.insert("port".to_owned(), "7".to_owned());
        assert_eq!(lines(&"n1".into(), &fencing), "action=reboot\nip=10.0.0.9\nport=7\n");
    }

    #[test]
    fn an_agent_that_is_not_there_is_named() {
        assert!(program("fence_of_nobody").unwrap_err().contains("there is no fence_of_nobody"));
        assert!(program("../x").is_err());
        assert_eq!(program("/bin/true").unwrap(), "/bin/true");
        assert!(program("/opt/f").unwrap_err().contains("/opt/f"));
    }
}

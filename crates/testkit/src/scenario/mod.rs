//! Scenarios as text: who sends what, who receives what. The format is described here and nowhere else.
//!
//! ```text
//! title: A message reaches all resources, and the sender's other resource gets a copy
//! spec: XEP-0280 §7, §8
//! deviates ejabberd: why its answer differs, when it is known to
//! client romeo = romeo/orchard
//! client juliet = juliet/balcony
//!
//! romeo and juliet are friends
//! romeo, juliet come online
//! romeo sends:
//!   <message to='{juliet}' type='chat'><body>hi</body></message>
//! juliet receives:
//!   <message from='{romeo.full}' type='chat'><body>hi</body></message>
//! romeo receives nothing
//! ```
//!
//! `client NAME = ACCOUNT/RESOURCE` names a connection; the account's real name gets the scenario's file name appended, so
//! that scenarios never meet. `{NAME}` is the bare JID, `{NAME.full}` the full one, `{domain}` the domain.
//!
//! Steps: `connect`, `come online` (roster, initial presence), `are friends` (mutual subscription), `enable sm`, `drop`
//! (connection lost), `resume`, `fail to resume`, `disconnect`, `sync` (a round trip), `forget` (a round trip, then what
//! was received is thrown away), `sends:`, `receives:` (all patterns, in any order), `receives nothing` (after a round
//! trip), `is disconnected [with CONDITION]`.
//!
//! Patterns: name and namespace are equal; every attribute named has that value, `*` stands for any value, `-` for absence;
//! every child named is there, others may be; text is equal, `*` stands for any text; children of
//! `<not xmlns='urn:testkit'/>` must not be there. `{=x}` takes any value and keeps it as `{x}`.

mod parse;
mod pattern;
mod run;

pub use parse::parse;
pub use run::{Outcome, Runner};

use crate::server::Kind;
use std::path::{Path, PathBuf};

/// One scenario file.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// File name without ending; part of its account names.
    pub name: String,
    /// One sentence.
    pub title: String,
    /// Paragraphs it checks.
    pub spec: String,
    /// Servers known to answer otherwise, and why.
    pub deviations: Vec<(Kind, String)>,
    /// Connections as (name, account, resource).
    pub clients: Vec<ClientName>,
    /// What happens, with the line it is written on.
    pub steps: Vec<(usize, Step)>,
}

/// A connection that a scenario names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientName {
    /// Its name in the scenario.
    pub name: String,
    /// Localpart of its account on the server.
    pub account: String,
    /// Its resource.
    pub resource: String,
}

/// One thing that happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Log in and bind.
    Connect(Vec<String>),
    /// Log in and bind where that has not happened, ask for the roster, send initial presence.
    ComeOnline(Vec<String>),
    /// Both accounts get a mutual subscription.
    Befriend(String, String),
    /// Switch stream management on.
    EnableSm(Vec<String>),
    /// Lose the connection.
    Drop(Vec<String>),
    /// Resume the session.
    Resume(Vec<String>),
    /// Try to resume and be refused; then bind afresh.
    FailToResume(Vec<String>),
    /// Close the stream.
    Disconnect(Vec<String>),
    /// A round trip to the server.
    Sync(Vec<String>),
    /// A round trip, then the inbox is emptied.
    Forget(Vec<String>),
    /// Send these elements.
    Send(String, String),
    /// Receive elements that match these patterns, in any order.
    Receive(String, String),
    /// After a round trip the inbox is empty.
    ReceiveNothing(Vec<String>),
    /// The server ends the stream, with this condition when one is named.
    Disconnected(String, Option<String>),
}

/// All scenarios of a directory, sorted by name.
pub fn load(dir: &Path) -> anyhow::Result<Vec<Scenario>> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(dir)?
        .filter_map(|entry| entry.ok().map(|e| e.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "txt"))
        .collect();
    paths.sort();
    paths
        .iter()
        .map(|path| {
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            parse(&name, &std::fs::read_to_string(path)?)
        })
        .collect()
}

/// Where our own scenarios are.
pub fn own_directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

/// Localparts of all accounts that these scenarios use.
pub fn accounts(scenarios: &[Scenario]) -> Vec<String> {
    let mut all: Vec<String> =
        scenarios.iter().flat_map(|s| &s.clients).map(|c| c.account.clone()).collect();
    all.sort();
    all.dedup();
    all
}

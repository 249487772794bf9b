//! `scstat`: what the cluster does now.

use super::{EXIT, Failure};
use crate::session::Session;
use crate::table::parse::{Parsed, UsageError};
use crate::table::{Command, Opt, flag, form, repeats, value};
use crate::typed;
use crate::view::{Sections, status, status_text};
use rgm::NodeName;

const OPTIONS: &[Opt] = &[
    flag("g", "resource groups and resources"),
    flag("n", "nodes"),
    flag("q", "quorum: the control store"),
    flag("p", "everything (as without options)"),
    flag("D", "device groups (there are none here)"),
    flag("W", "transport paths: from each node to the control store"),
    flag("i", "IP multipathing groups (there are none here)"),
    repeats(flag("v", "more; -vv adds the last decisions about each group")),
    value("h", "node", "only what is on this node"),
    flag("json", "print as JSON"),
];

/// The command.
pub(crate) static COMMAND: Command = Command {
    name: "scstat",
    purpose: "show the state of the cluster",
    description: "scstat shows nodes, quorum, resource groups and resources as the node on which it runs knows them. A group that is not where it should be has a line \"why\" that says what it waits for or what to do. The status message of a resource is what its own methods said, followed by the method that runs now, for how long, and at which attempt.\n\nThe exit code is 0 as long as the state could be shown, however bad it is; `steadfast cluster status --check` has another one when something is wrong.",
    forms: &[form("status", "", "D W g i n p q v h json", "show the state")],
    options: OPTIONS,
    ends_at_operand: false,
    exit: EXIT,
    examples: &[
        ("scstat", "show everything"),
        ("scstat -g", "groups and resources"),
        ("scstat -gvv", "the same, with the last decisions about each group"),
        ("scstat -n -h im-node-2", "one node"),
    ],
    see_also: "scrgadm(1M), scswitch(1M), steadfast(1)",
};

/// What a command line asks to see.
pub(crate) fn ask(parsed: &Parsed) -> Result<(Sections, Option<NodeName>), UsageError> {
    let node = parsed.value("h").map(|name| typed::node("-h", name)).transpose()?;
    let detail = u8::try_from(parsed.count("v").min(2)).unwrap_or(2);
    let all = parsed.has("p") || !["D", "W", "g", "i", "n", "q"].iter().any(|o| parsed.has(o));
    let has = |name: &str| all || parsed.has(name);
    let sections = Sections {
        nodes: has("n"),
        transport: has("W"),
        quorum: has("q"),
        devices: has("D"),
        groups: has("g"),
        multipathing: has("i"),
        detail,
    };
    Ok((sections, node))
}

/// Runs it.
pub(crate) fn run(parsed: &Parsed, session: &mut Session<'_>) -> Result<(), Failure> {
    let (sections, node) = ask(parsed)?;
    let snapshot = session.client.snapshot()?;
    let cluster = snapshot.cluster();
    if let Some(name) = &node {
        let known = cluster.config.nodes.keys().map(NodeName::as_str);
        if !cluster.config.nodes.contains_key(name) {
            let near = rtr::nearest(name.as_str(), known).map(|n| format!("; did you mean {n}?"));
            let near = near.unwrap_or_else(|| "; scstat -n shows the nodes".to_owned());
            return Err(Failure::Refused(format!("there is no node {name}{near}")));
        }
    }
    let view = status::build(&snapshot, &cluster, node.as_ref());
    if parsed.has("json") {
        session.answer(&crate::view::json(&view));
    } else {
        session.answer(&status_text::render(&view, sections));
    }
    Ok(())
}

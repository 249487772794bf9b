//! The `scha_*` commands: what methods and monitors ask of the cluster, and what they tell it.
//!
//! Exit codes are those of the scha functions. The answers are the daemon's lines, printed as they are.

use super::Failure;
use crate::session::Session;
use crate::session::Stay;
use crate::table::parse::{Parsed, UsageError};
use crate::table::{Command, Form, Operands, Opt, flag, form, value};
use crate::typed;
use node_api::Ask;
use node_api::request::SchaGet;
use rgm::{GroupName, NodeName, Operation, ResourceName, SchaCode, Status};

/// Longest status message, in characters; the rest is cut off.
const MESSAGE_CHARS_MAX: usize = 1024;
/// Longest tag, in bytes.
const TAG_BYTES_MAX: usize = 255;

const EXIT: &[(&str, &str)] = &[
    ("0", "SCHA_ERR_NOERR: done"),
    ("3", "SCHA_ERR_INVAL: the command line makes no sense"),
    ("4", "SCHA_ERR_TAG: unknown tag"),
    (
        "5",
        "SCHA_ERR_RECONF: the cluster is reconfiguring, or this node is not in it now; ask again",
    ),
    ("6", "SCHA_ERR_ACCESS: not allowed"),
    ("8", "SCHA_ERR_DEPEND: a dependency forbids it"),
    ("9", "SCHA_ERR_STATE: the present state forbids it"),
    ("10", "SCHA_ERR_METHOD: a method failed"),
    ("11", "SCHA_ERR_NODE: no such node"),
    ("12", "SCHA_ERR_RG: no such resource group"),
    ("13", "SCHA_ERR_RT: no such resource type"),
    ("14", "SCHA_ERR_RSRC: no such resource"),
    ("15", "SCHA_ERR_PROP: no such property"),
    ("16", "SCHA_ERR_CHECKS: checks refuse it"),
    ("17", "SCHA_ERR_RSTATUS: no such status"),
    ("18", "SCHA_ERR_INTERNAL: we erred"),
    ("31", "SCHA_ERR_TIMEOUT: took too long"),
    ("32", "SCHA_ERR_FAIL: failed"),
];

const TAG: Opt = value("O", "tag", "what is asked, in any case");
const RESOURCE: Opt = value("R", "resource", "the resource");
const GROUP: Opt = value("G", "group", "the resource group");

const fn with(of: Form, operands: Operands) -> Form {
    Form { operands, ..of }
}

const SEE_ALSO: &str = "scha_control(1HA), scha_resource_get(1HA), scrgadm(1M)";

/// `scha_resource_get`
pub(crate) static RESOURCE_GET: Command = Command {
    name: "scha_resource_get",
    purpose: "ask for a property or the state of a resource",
    description: "Prints the value of a tag: the name of any property of the resource or of its type, STATUS, STATUS_NODE node, RESOURCE_STATE, RESOURCE_STATE_NODE node, ON_OFF_SWITCH_NODE node, MONITORED_SWITCH_NODE node, EXTENSION name (its type first, then its value), ALL_EXTENSIONS, GROUP, NUM_RG_RESTARTS, NUM_RESOURCE_RESTARTS. Lists are printed one element a line.",
    forms: &[with(
        form("get", "O R", "G Q", "print the value of a tag"),
        Operands::Any("argument"),
    )],
    options: &[
        TAG,
        RESOURCE,
        GROUP,
        flag("Q", "dependencies with their qualifiers; they have none here"),
    ],
    ends_at_operand: false,
    exit: EXIT,
    examples: &[
        ("scha_resource_get -O Retry_count -R web -G web_group", "a property"),
        (
            "scha_resource_get -O EXTENSION -R web -G web_group Start_command",
            "an extension property",
        ),
        ("scha_resource_get -O STATUS_NODE -R web n2", "its status on another node"),
    ],
    see_also: SEE_ALSO,
};

/// `scha_resourcegroup_get`
pub(crate) static GROUP_GET: Command = Command {
    name: "scha_resourcegroup_get",
    purpose: "ask for a property or the state of a resource group",
    description: "Prints the value of a tag: the name of any property of the group, RESOURCE_LIST, RG_STATE, RG_STATE_NODE node, RG_IS_FROZEN.",
    forms: &[with(form("get", "O G", "", "print the value of a tag"), Operands::Any("argument"))],
    options: &[TAG, GROUP],
    ends_at_operand: false,
    exit: EXIT,
    examples: &[("scha_resourcegroup_get -O RG_STATE_NODE -G web_group n2", "its state on a node")],
    see_also: SEE_ALSO,
};

/// `scha_resourcetype_get`
pub(crate) static TYPE_GET: Command = Command {
    name: "scha_resourcetype_get",
    purpose: "ask for a property of a resource type",
    description: "Prints the value of a tag: the name of any property of the type, and of its methods (START, VALIDATE).",
    forms: &[form("get", "O T", "", "print the value of a tag")],
    options: &[TAG, value("T", "type", "the resource type")],
    ends_at_operand: false,
    exit: EXIT,
    examples: &[("scha_resourcetype_get -O RT_BASEDIR -T SUNW.gds", "where its methods are")],
    see_also: SEE_ALSO,
};

/// `scha_cluster_get`
pub(crate) static CLUSTER_GET: Command = Command {
    name: "scha_cluster_get",
    purpose: "ask for names and states of the cluster and its nodes",
    description: "Prints the value of a tag: CLUSTERNAME, NODENAME_LOCAL, NODEID_LOCAL, NODENAME_NODEID id, NODEID_NODENAME name, ALL_NODENAMES, ALL_NODEIDS, NODESTATE_LOCAL, NODESTATE_NODE name, PRIVATELINK_HOSTNAME_LOCAL, PRIVATELINK_HOSTNAME_NODE name, ALL_PRIVATELINK_HOSTNAMES, ALL_RESOURCEGROUPS, ALL_RESOURCETYPES, SYSLOG_FACILITY.",
    forms: &[with(form("get", "O", "", "print the value of a tag"), Operands::Any("argument"))],
    options: &[TAG],
    ends_at_operand: false,
    exit: EXIT,
    examples: &[("scha_cluster_get -O NODESTATE_NODE n2", "UP or DOWN")],
    see_also: SEE_ALSO,
};

/// `scha_control`
pub(crate) static CONTROL: Command = Command {
    name: "scha_control",
    purpose: "ask for a restart or a giveover, from a fault monitor",
    description: "Asks the cluster, from the node where the resource is online, for one of: RESTART (the group, on this node), RESOURCE_RESTART (only the resource, in place), RESOURCE_IS_RESTARTED (counts a restart that the monitor did by itself), GIVEOVER (move the group to another node), CHECK_RESTART and CHECK_GIVEOVER (only say whether it would be done), IGNORE_FAILED_START (within a start method: a failure of it does not move the group), RESOURCE_DISABLE.\n\nIt ends when the group or resource is back; a monitor is usually stopped before that.",
    forms: &[form("control", "O G R", "", "ask for it")],
    options: &[TAG, GROUP, RESOURCE],
    ends_at_operand: false,
    exit: EXIT,
    examples: &[("scha_control -O GIVEOVER -G web_group -R web", "move the group away")],
    see_also: SEE_ALSO,
};

/// `scha_resource_setstatus`
pub(crate) static SET_STATUS: Command = Command {
    name: "scha_resource_setstatus",
    purpose: "say how a resource does on this node",
    description: "Sets the status that scstat shows for the resource on this node: OK, DEGRADED, FAULTED, UNKNOWN or OFFLINE, and a message for people.",
    forms: &[form("set", "R G s", "m", "set it")],
    options: &[
        RESOURCE,
        GROUP,
        value("s", "status", "OK, DEGRADED, FAULTED, UNKNOWN or OFFLINE"),
        value("m", "message", "a sentence for people"),
    ],
    ends_at_operand: false,
    exit: EXIT,
    examples: &[(
        "scha_resource_setstatus -R web -G web_group -s DEGRADED -m \"one of two workers died\"",
        "say that it works badly",
    )],
    see_also: SEE_ALSO,
};

/// What scha_control may be asked.
const CONTROL_TAGS: [&str; 8] = [
    "RESTART",
    "RESOURCE_RESTART",
    "RESOURCE_IS_RESTARTED",
    "GIVEOVER",
    "CHECK_RESTART",
    "CHECK_GIVEOVER",
    "IGNORE_FAILED_START",
    "RESOURCE_DISABLE",
];

/// A control request: an order to this node, or an operation for which the node's name is needed.
#[derive(Debug)]
pub(crate) enum Control {
    /// For this node.
    Here(Ask),
    /// For the cluster.
    Asked(Operation),
}

fn group(parsed: &Parsed) -> Result<GroupName, UsageError> {
    typed::group("-G", parsed.value("G").unwrap_or_default())
}

fn resource(parsed: &Parsed) -> Result<ResourceName, UsageError> {
    typed::resource("-R", parsed.value("R").unwrap_or_default())
}

/// What a `get` asks, and its tag.
pub(crate) fn get(command: &Command, parsed: &Parsed) -> Result<(SchaGet, String), UsageError> {
    let what = match command.name {
        "scha_resource_get" => SchaGet::Resource {
            resource: resource(parsed)?,
            group: parsed.value("G").map(|g| typed::group("-G", g)).transpose()?,
        },
        "scha_resourcegroup_get" => SchaGet::Group { group: group(parsed)? },
        "scha_resourcetype_get" => {
            let name = typed::type_name("-T", parsed.value("T").unwrap_or_default())?;
            SchaGet::Type { type_name: name.to_owned() }
        }
        _ => SchaGet::Cluster,
    };
    let tag = parsed.value("O").unwrap_or_default();
    if tag.is_empty() || tag.len() > TAG_BYTES_MAX {
        return Err(UsageError::new(format!("-O {} is no tag", typed::shown(tag))));
    }
    Ok((what, tag.to_owned()))
}

/// What `scha_control` asks; `None`: there is no such tag.
pub(crate) fn control(parsed: &Parsed, node: &NodeName) -> Result<Option<Control>, UsageError> {
    let (resource, group) = (resource(parsed)?, group(parsed)?);
    let node = node.clone();
    let tag = parsed.value("O").unwrap_or_default().to_ascii_uppercase();
    let check_only = tag.starts_with("CHECK_");
    Ok(Some(match tag.as_str() {
        "GIVEOVER" | "CHECK_GIVEOVER" => {
            Control::Asked(Operation::Giveover { resource, group, node, check_only })
        }
        "RESTART" | "CHECK_RESTART" => {
            Control::Asked(Operation::ControlRestart { resource, group, node, check_only })
        }
        "RESOURCE_RESTART" => Control::Here(Ask::Restart { resource, group, with_monitor: true }),
        "RESOURCE_IS_RESTARTED" => Control::Here(Ask::RestartTold { resource, group }),
        "IGNORE_FAILED_START" => Control::Here(Ask::IgnoreFailedStart { resource, group }),
        "RESOURCE_DISABLE" => Control::Asked(Operation::SwitchResources {
            resources: vec![resource],
            nodes: None,
            monitor: false,
            on: false,
        }),
        _ => return Ok(None),
    }))
}

/// What `scha_resource_setstatus` tells; `None`: there is no such status.
pub(crate) fn set_status(parsed: &Parsed) -> Result<Option<Ask>, UsageError> {
    let (resource, group) = (resource(parsed)?, group(parsed)?);
    let message = parsed.value("m").unwrap_or_default();
    let message: String = message
        .chars()
        .take(MESSAGE_CHARS_MAX)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let Some(status) = Status::from_token(parsed.value("s").unwrap_or_default()) else {
        return Ok(None);
    };
    Ok(Some(Ask::SetStatus { resource, group, status, message }))
}

/// Runs any of them.
pub(crate) fn run(
    command: &Command,
    parsed: &Parsed,
    session: &mut Session<'_>,
) -> Result<(), Failure> {
    match command.name {
        "scha_control" => run_control(parsed, session),
        "scha_resource_setstatus" => match set_status(parsed)? {
            Some(ask) => session.client.order(&ask).map(|_| ()).map_err(Failure::from),
            None => {
                let given = parsed.value("s").unwrap_or_default();
                let all = Status::ALL.map(Status::token);
                let near = match rtr::nearest(given, all) {
                    Some(near) => format!("did you mean {near}?"),
                    None => format!("give one of {}", all.join(", ")),
                };
                session.complain(&format!("there is no status {}; {near}", typed::shown(given)));
                Err(Failure::Code(SchaCode::Rstatus as u8))
            }
        },
        _ => {
            let (what, tag) = get(command, parsed)?;
            let lines = session.client.scha(what, &tag, &parsed.operands)?;
            let text: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
            session.answer(&text);
            Ok(())
        }
    }
}

fn run_control(parsed: &Parsed, session: &mut Session<'_>) -> Result<(), Failure> {
    // Nothing is asked of the daemon for a tag that is none.
    if control(parsed, &NodeName::new("local"))?.is_none() {
        let given = parsed.value("O").unwrap_or_default();
        let help = if given.to_ascii_uppercase().starts_with("CHANGE_STATE") {
            "it is for proxy resources, which do not exist here".to_owned()
        } else {
            match rtr::nearest(given, CONTROL_TAGS) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("give one of {}", CONTROL_TAGS.join(", ")),
            }
        };
        session.complain(&format!("there is no tag {}; {help}", typed::shown(given)));
        return Err(Failure::Code(SchaCode::Tag as u8));
    }
    let here = session.client.scha(SchaGet::Cluster, "NODENAME_LOCAL", &[])?;
    let node = NodeName::new(here.first().map_or("", String::as_str));
    match control(parsed, &node)? {
        Some(Control::Here(ask)) => {
            session.client.order(&ask)?;
        }
        Some(Control::Asked(operation)) => session.carry_out(operation, Stay::UNTIL_DONE)?,
        None => {}
    }
    Ok(())
}

//! `scswitch`: what the cluster should do with groups and resources now.

use super::{EXIT, Failure, NO_WAIT, TIMEOUT};
use crate::session::Session;
use crate::table::parse::{Parsed, UsageError};
use crate::table::{Command, Opt, flag, form, value};
use crate::typed;
use rgm::{GroupName, NodeName, Operation, ResourceName};

/// `-K` of `scswitch -S` unless it is given, in seconds.
const HOLD_S_DEFAULT: u32 = 60;
/// Longest `-K`.
const HOLD_S_MAX: i64 = 65_535;
/// What `-f` may clear.
const FLAG: &str = "STOP_FAILED";

const OPTIONS: &[Opt] = &[
    flag("z", "switch: make these nodes the primaries; without -h the most preferred ones"),
    flag("Z", "manage the groups, enable all their resources and monitors, bring them online"),
    flag("F", "take offline on all nodes"),
    flag("R", "restart groups (-g, -h) or resources in place (-j)"),
    flag("S", "evacuate nodes: move everything away from them"),
    flag("e", "enable resources, or with -M their monitors"),
    flag("n", "disable resources, or with -M their monitors"),
    flag("M", "with -e and -n: the fault monitor only"),
    flag("o", "manage groups"),
    flag("u", "unmanage groups"),
    flag("c", "clear the error flag of resources"),
    flag("Q", "quiesce: stop groups from moving on, and wait until they are at rest"),
    flag("s", "suspend automatic recovery of groups"),
    flag("r", "resume it"),
    flag("m", "maintenance state of device groups"),
    value("g", "group[,...]", "resource groups"),
    value("j", "resource[,...]", "resources"),
    value("h", "node[,...]", "nodes; with -z an empty list (\"\") means: offline everywhere"),
    value("D", "group[,...]", "device groups; there are none here"),
    value("f", "flag", "the error flag to clear: STOP_FAILED"),
    value("K", "seconds", "how long an evacuated node gets nothing back; default 60"),
    flag("k", "kill the methods that run, so that it is at rest at once"),
    NO_WAIT,
    TIMEOUT,
];

/// The command.
pub(crate) static COMMAND: Command = Command {
    name: "scswitch",
    purpose: "bring resource groups and resources online and offline, and move them",
    description: "scswitch tells the cluster where resource groups should run and which resources should be enabled. It ends when that has come true, says every second what it waits for, and, when it cannot come true, why. Ended by ^C it leaves the operation running.\n\nA group taken offline with -F comes back at the next change of membership, unless the cluster's setting sticky_offline is TRUE or the group is suspended.",
    forms: &[
        form(
            "switch",
            "z g h",
            "no-wait timeout",
            "make exactly these nodes the primaries of the groups",
        ),
        form("device-switch", "z D h", "", "switch device groups (there are none here)"),
        form(
            "remaster",
            "z",
            "g no-wait timeout",
            "bring groups online on their most preferred nodes",
        ),
        form(
            "online",
            "Z",
            "g no-wait timeout",
            "manage and enable everything, and bring it online",
        ),
        form("offline", "F g", "no-wait timeout", "take groups offline"),
        form("device-offline", "F D", "", "take device groups offline (there are none here)"),
        form("restart-groups", "R g h", "no-wait timeout", "restart groups on these nodes"),
        form(
            "restart-resources",
            "R j",
            "no-wait timeout",
            "restart resources in place, wherever they are online",
        ),
        form("evacuate", "S h", "K no-wait timeout", "move everything away from these nodes"),
        form("enable", "e j", "M h no-wait timeout", "enable resources, or (-M) their monitors"),
        form("disable", "n j", "M h no-wait timeout", "disable resources, or (-M) their monitors"),
        form("manage", "o g", "no-wait timeout", "take groups under management"),
        form(
            "unmanage",
            "u g",
            "no-wait timeout",
            "release groups whose resources are all disabled",
        ),
        form(
            "clear",
            "c h j f",
            "no-wait timeout",
            "clear STOP_FAILED, once the resource is known to be stopped",
        ),
        form("quiesce", "Q", "g k no-wait timeout", "bring groups to rest"),
        form(
            "suspend",
            "s",
            "g k no-wait timeout",
            "no automatic start, stop, restart or failover any more",
        ),
        form("resume", "r", "g no-wait timeout", "the opposite of -s"),
        form(
            "device-maintenance",
            "m D",
            "",
            "device groups into maintenance (there are none here)",
        ),
    ],
    options: OPTIONS,
    ends_at_operand: false,
    exit: EXIT,
    examples: &[
        ("scswitch -Z -g im_resource_group", "bring a new group to life"),
        ("scswitch -z -g im_resource_group -h im-node-2", "switch it over to im-node-2"),
        ("scswitch -z -g web,db -h \"\"", "take two groups offline everywhere"),
        ("scswitch -R -j im_resource", "restart a resource in place"),
        ("scswitch -n -M -j im_resource", "stop only its fault monitor"),
        ("scswitch -S -h im-node-1 -K 300", "empty a node for five minutes of work"),
        (
            "scswitch -c -h im-node-1 -j im_store -f STOP_FAILED",
            "say that a resource is stopped now",
        ),
    ],
    see_also: "scrgadm(1M), scstat(1M), steadfast(1)",
};

/// Translates; `None`: it is about device groups.
pub(crate) fn ask(parsed: &Parsed) -> Result<Option<Operation>, UsageError> {
    Ok(Some(match parsed.form.id {
        "switch" => Operation::Switch { groups: groups(parsed)?, nodes: primaries(parsed)? },
        "remaster" => Operation::Remaster { groups: some_groups(parsed)? },
        "online" => Operation::Online { groups: some_groups(parsed)? },
        "offline" => Operation::Offline { groups: groups(parsed)? },
        "restart-groups" => {
            Operation::RestartGroups { groups: groups(parsed)?, nodes: nodes(parsed)? }
        }
        "restart-resources" => Operation::RestartResources { resources: resources(parsed)? },
        "evacuate" => Operation::Evacuate { nodes: nodes(parsed)?, hold_s: hold(parsed)? },
        "enable" => switch_resources(parsed, true)?,
        "disable" => switch_resources(parsed, false)?,
        "manage" => Operation::Manage { groups: groups(parsed)? },
        "unmanage" => Operation::Unmanage { groups: groups(parsed)? },
        "clear" => {
            is_stop_failed(parsed.value("f").unwrap_or_default())?;
            Operation::ClearStopFailed { resources: resources(parsed)?, nodes: nodes(parsed)? }
        }
        "quiesce" => Operation::Quiesce { groups: some_groups(parsed)?, kill: parsed.has("k") },
        "suspend" => Operation::Suspend { groups: some_groups(parsed)?, kill: parsed.has("k") },
        "resume" => Operation::Resume { groups: some_groups(parsed)? },
        _ => return Ok(None),
    }))
}

fn groups(parsed: &Parsed) -> Result<Vec<GroupName>, UsageError> {
    typed::groups("-g", parsed.value("g").unwrap_or_default())
}

fn some_groups(parsed: &Parsed) -> Result<Option<Vec<GroupName>>, UsageError> {
    parsed.value("g").map(|list| typed::groups("-g", list)).transpose()
}

fn nodes(parsed: &Parsed) -> Result<Vec<NodeName>, UsageError> {
    typed::nodes("-h", parsed.value("h").unwrap_or_default())
}

fn primaries(parsed: &Parsed) -> Result<Vec<NodeName>, UsageError> {
    if parsed.value("h") == Some("") { Ok(Vec::new()) } else { nodes(parsed) }
}

fn resources(parsed: &Parsed) -> Result<Vec<ResourceName>, UsageError> {
    typed::resources("-j", parsed.value("j").unwrap_or_default())
}

fn switch_resources(parsed: &Parsed, on: bool) -> Result<Operation, UsageError> {
    let nodes = parsed.value("h").map(|list| typed::nodes("-h", list)).transpose()?;
    Ok(Operation::SwitchResources {
        resources: resources(parsed)?,
        nodes,
        monitor: parsed.has("M"),
        on,
    })
}

fn hold(parsed: &Parsed) -> Result<u32, UsageError> {
    let Some(given) = parsed.value("K") else { return Ok(HOLD_S_DEFAULT) };
    let seconds = typed::number("-K", given, (0, HOLD_S_MAX), "seconds")?;
    Ok(u32::try_from(seconds).unwrap_or(HOLD_S_DEFAULT))
}

fn is_stop_failed(flag: &str) -> Result<(), UsageError> {
    const OTHERS: [&str; 4] = ["START_FAILED", "INIT_FAILED", "FINI_FAILED", "UPDATE_FAILED"];
    if flag.eq_ignore_ascii_case(FLAG) {
        return Ok(());
    }
    let help = if OTHERS.iter().any(|o| o.eq_ignore_ascii_case(flag)) {
        "only STOP_FAILED needs to be cleared; the others go by themselves when the method succeeds"
    } else if rtr::nearest(flag, [FLAG]).is_some() {
        "did you mean STOP_FAILED?"
    } else {
        "the only flag is STOP_FAILED"
    };
    Err(UsageError::new(format!("-f {}: {help}", typed::shown(flag))))
}

/// Runs it.
pub(crate) fn run(parsed: &Parsed, session: &mut Session<'_>) -> Result<(), Failure> {
    let stay = super::stay(parsed)?;
    let Some(operation) = ask(parsed)? else { return Err(super::no_device_groups()) };
    crate::interrupt::say_that_it_goes_on(session.name);
    Ok(session.carry_out(operation, stay)?)
}

//! `scrgadm`: types, groups and resources are registered, created, changed, removed and printed.

use super::{EXIT, Failure, NO_WAIT, TIMEOUT};
use crate::files;
use crate::session::Session;
use crate::table::parse::{Parsed, UsageError};
use crate::table::{Command, Opt, flag, form, repeats, value};
use crate::typed;
use crate::view::{configuration, configuration_text};
use rgm::{Assignment, Operation};
use std::path::PathBuf;

const OPTIONS: &[Opt] = &[
    flag("a", "add: register a type, create a group or a resource"),
    flag("c", "change"),
    flag("r", "remove"),
    flag("p", "print the configuration"),
    value("t", "type", "resource type; vendor and version may be left out"),
    value("g", "group", "resource group"),
    value("j", "resource", "resource"),
    flag("L", "a logical host: resource of type SUNW.LogicalHostname"),
    flag("S", "a shared address: resource of type SUNW.SharedAddress"),
    value("l", "host[,...]", "its host names; without -j the first is the resource's name"),
    value("n", "netif@node[,...]", "interface on each node; without it the one of the subnet"),
    value("X", "node[,...]", "further nodes that may hold a shared address"),
    value(
        "h",
        "node[,...]",
        "with -g: Nodelist, the most preferred first; with -t: Installed_nodes",
    ),
    value("f", "path", "the RTR file, or a directory that holds it"),
    repeats(value("y", "name=value", "system-defined property; lists are separated by commas")),
    repeats(value("x", "name[{node}]=value", "extension property, on one node or on all")),
    repeats(flag("v", "print more; -vv prints every property")),
    flag("json", "print as JSON"),
    NO_WAIT,
    TIMEOUT,
];

/// The command.
pub(crate) static COMMAND: Command = Command {
    name: "scrgadm",
    purpose: "register resource types, create and change resource groups and resources",
    description: "scrgadm changes the configuration of the cluster: what resource types are registered, which resource groups there are, and which resources they hold. It works on every node; the change is checked and made as a whole or not at all. A new group is unmanaged and a new resource disabled; scswitch brings them to life.\n\nThe built-in types (SUNW.LogicalHostname, SUNW.HAStoragePlus, SUNW.HAStorage, SUNW.gds) need not be registered.",
    forms: &[
        form("create-resource", "a j t g", "y x no-wait timeout", "create a resource, disabled"),
        form(
            "create-logical",
            "a L g l",
            "j n y x no-wait timeout",
            "create a logical host, disabled",
        ),
        form(
            "create-shared",
            "a S g l",
            "j n X y x no-wait timeout",
            "create a shared address, disabled",
        ),
        form("register", "a t", "h f no-wait timeout", "register a resource type"),
        form("create-group", "a g", "h y no-wait timeout", "create a resource group, unmanaged"),
        form("change-type", "c t", "h y no-wait timeout", "change a registered type"),
        form("change-group", "c g", "h y no-wait timeout", "change the properties of a group"),
        form(
            "change-resource",
            "c j",
            "y x no-wait timeout",
            "change the properties of a resource",
        ),
        form("remove-type", "r t", "no-wait timeout", "unregister a type that no resource has"),
        form("remove-group", "r g", "no-wait timeout", "remove a group without resources"),
        form("remove-resource", "r j", "no-wait timeout", "remove a disabled resource"),
        form("print", "p", "v t g j json", "print the configuration, or a part of it"),
    ],
    options: OPTIONS,
    ends_at_operand: false,
    exit: EXIT,
    examples: &[
        (
            "scrgadm -a -g im_resource_group -h im-node-2,im-node-1",
            "create a group that runs on im-node-2 when it can",
        ),
        ("scrgadm -a -L -g im_resource_group -l im_logical_host", "give it an address of its own"),
        ("scrgadm -a -t SUNW.iim", "register a type whose RTR file is in a registration directory"),
        (
            "scrgadm -a -j web -g web_group -t SUNW.gds -x Start_command=/opt/web/start -y Port_list=80/tcp",
            "make a program a resource",
        ),
        ("scrgadm -c -j web -y Retry_count=4", "change a property"),
        ("scrgadm -pvv -g web_group", "print all of a group"),
    ],
    see_also: "scswitch(1M), scstat(1M), steadfast(1)",
};

/// What a command line asks.
#[derive(Debug, PartialEq)]
pub(crate) enum Asked {
    /// As it is (`builtin` is still to be filled in).
    Operation(Box<Operation>),
    /// `-a -t`: the file is still to be read.
    Register {
        type_name: String,
        path: Option<PathBuf>,
        installed_nodes: Option<Vec<rgm::NodeName>>,
    },
    /// `-p`
    Print(configuration::Selection),
}

/// Translates.
pub(crate) fn ask(parsed: &Parsed) -> Result<Asked, UsageError> {
    let operation = match parsed.form.id {
        "create-resource" => create(parsed)?,
        "create-logical" => create_address(parsed, "SUNW.LogicalHostname")?,
        "create-shared" => create_address(parsed, "SUNW.SharedAddress")?,
        "register" => return register(parsed),
        "create-group" => Operation::CreateGroup {
            group: typed::group("-g", need(parsed, "g"))?,
            assignments: with_nodelist(parsed)?,
        },
        "change-type" => change_type(parsed)?,
        "change-group" => Operation::ChangeGroup {
            group: typed::group("-g", need(parsed, "g"))?,
            assignments: something(parsed, with_nodelist(parsed)?, "-h or -y")?,
        },
        "change-resource" => {
            let (system, extension) = properties(parsed)?;
            if system.is_empty() && extension.is_empty() {
                something(parsed, Vec::new(), "-y or -x")?;
            }
            let resource = typed::resource("-j", need(parsed, "j"))?;
            Operation::ChangeResource { resource, system, extension }
        }
        "remove-type" => Operation::RemoveType {
            type_name: typed::type_name("-t", need(parsed, "t"))?.to_owned(),
        },
        "remove-group" => Operation::RemoveGroup { group: typed::group("-g", need(parsed, "g"))? },
        "remove-resource" => {
            Operation::RemoveResource { resource: typed::resource("-j", need(parsed, "j"))? }
        }
        _ => return print(parsed),
    };
    Ok(Asked::Operation(Box::new(operation)))
}

/// The argument of an option that the form needs.
fn need<'a>(parsed: &'a Parsed, name: &str) -> &'a str {
    let found = parsed.value(name);
    assert!(found.is_some(), "the form {} needs -{name}", parsed.form.id);
    found.unwrap_or_default()
}

fn something(
    parsed: &Parsed,
    given: Vec<Assignment>,
    what: &str,
) -> Result<Vec<Assignment>, UsageError> {
    if given.is_empty() {
        return Err(UsageError {
            sentence: format!("nothing is said to be changed; give {what}"),
            synopsis: Some(COMMAND.synopsis(parsed.form)),
        });
    }
    Ok(given)
}

fn properties(parsed: &Parsed) -> Result<(Vec<Assignment>, Vec<Assignment>), UsageError> {
    let system = typed::assignments("-y", parsed.values("y"))?;
    let extension = typed::assignments("-x", parsed.values("x"))?;
    Ok((system, extension))
}

fn with_nodelist(parsed: &Parsed) -> Result<Vec<Assignment>, UsageError> {
    let given = typed::assignments("-y", parsed.values("y"))?;
    let Some(nodes) = parsed.value("h") else { return Ok(given) };
    if given.iter().any(|a| a.name.eq_ignore_ascii_case("Nodelist")) {
        return Err(UsageError::new("-h and -y Nodelist are the same; give one of them"));
    }
    typed::nodes("-h", nodes)?;
    Ok(std::iter::once(typed::set("Nodelist", nodes)).chain(given).collect())
}

fn create(parsed: &Parsed) -> Result<Operation, UsageError> {
    let (system, extension) = properties(parsed)?;
    Ok(Operation::CreateResource {
        resource: typed::resource("-j", need(parsed, "j"))?,
        type_name: typed::type_name("-t", need(parsed, "t"))?.to_owned(),
        group: typed::group("-g", need(parsed, "g"))?,
        system,
        extension,
        enabled: false,
        builtin: None,
    })
}

fn create_address(parsed: &Parsed, type_name: &str) -> Result<Operation, UsageError> {
    let (system, given) = properties(parsed)?;
    let hosts = need(parsed, "l");
    for host in hosts.split(',') {
        let good = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
        if host.is_empty() || host.len() > rgm::NAME_BYTES_MAX || !host.chars().all(good) {
            return Err(UsageError::new(format!(
                "-l {}: {} is neither a host name nor an address; give host names with one comma between two",
                typed::shown(hosts),
                typed::shown(host)
            )));
        }
    }
    let first = hosts.split(',').next().unwrap_or_default();
    let resource = match parsed.value("j") {
        Some(name) => typed::resource("-j", name)?,
        None => typed::resource("-j", first).map_err(|_| {
            UsageError::new(format!(
                "the resource cannot be named {} as its first host; give it a name with -j",
                typed::shown(first)
            ))
        })?,
    };
    let mut extension = vec![typed::set("HostnameList", hosts)];
    if let Some(interfaces) = parsed.value("n") {
        check_interfaces(interfaces)?;
        extension.push(typed::set("NetIfList", interfaces));
    }
    if let Some(nodes) = parsed.value("X") {
        typed::nodes("-X", nodes)?;
        extension.push(typed::set("AuxNodeList", nodes));
    }
    for own in &extension {
        if let Some(twice) = given.iter().find(|a| a.name.eq_ignore_ascii_case(&own.name)) {
            return Err(UsageError::new(format!(
                "-x {} is what -l, -n and -X set already; leave it out",
                twice.name
            )));
        }
    }
    extension.extend(given);
    Ok(Operation::CreateResource {
        resource,
        type_name: type_name.to_owned(),
        group: typed::group("-g", need(parsed, "g"))?,
        system,
        extension,
        enabled: false,
        builtin: None,
    })
}

fn check_interfaces(list: &str) -> Result<(), UsageError> {
    for one in list.split(',') {
        let is_pair = one.split_once('@').is_some_and(|(interface, node)| {
            !interface.is_empty() && !node.is_empty() && !node.contains('@')
        });
        if !is_pair {
            return Err(UsageError::new(format!(
                "-n {}: {} is not interface@node; give pairs such as eth0@n1,eth1@n2",
                typed::shown(list),
                typed::shown(one)
            )));
        }
    }
    Ok(())
}

fn register(parsed: &Parsed) -> Result<Asked, UsageError> {
    let type_name = typed::type_name("-t", need(parsed, "t"))?.to_owned();
    let path = match parsed.value("f") {
        Some("") => return Err(UsageError::new("-f is empty; give the path of the RTR file")),
        path => path.map(PathBuf::from),
    };
    let installed_nodes = match parsed.value("h") {
        None | Some("*") => None,
        Some(nodes) => Some(typed::nodes("-h", nodes)?),
    };
    Ok(Asked::Register { type_name, path, installed_nodes })
}

fn change_type(parsed: &Parsed) -> Result<Operation, UsageError> {
    let type_name = typed::type_name("-t", need(parsed, "t"))?.to_owned();
    let mut nodes = parsed.value("h").map(str::to_owned);
    let mut system = None;
    for set in typed::assignments("-y", parsed.values("y"))? {
        match set.name.to_ascii_lowercase().as_str() {
            "rt_system" if system.is_none() => {
                system = Some(typed::truth("-y RT_system", &set.value)?)
            }
            "installed_nodes" if nodes.is_none() => nodes = Some(set.value),
            "rt_system" | "installed_nodes" => {
                return Err(UsageError::new(format!("{} is given twice; give it once", set.name)));
            }
            _ => {
                return Err(UsageError::new(format!(
                    "{} of a registered type cannot be changed: only RT_system and Installed_nodes can",
                    typed::shown(&set.name)
                )));
            }
        }
    }
    let installed_nodes = match nodes.as_deref() {
        None => None,
        Some("*") => Some(None),
        Some(nodes) => Some(Some(typed::nodes("-h", nodes)?)),
    };
    if installed_nodes.is_none() && system.is_none() {
        something(parsed, Vec::new(), "-h or -y RT_system")?;
    }
    Ok(Operation::ChangeType { type_name, installed_nodes, system })
}

fn print(parsed: &Parsed) -> Result<Asked, UsageError> {
    let list = |name: &'static str| -> Vec<String> {
        let all = parsed.value(name).map(|v| v.split(',').map(str::to_owned).collect());
        all.unwrap_or_default()
    };
    let (types, groups, resources) = (list("t"), list("g"), list("j"));
    types.iter().try_for_each(|t| typed::type_name("-t", t).map(|_| ()))?;
    groups.iter().try_for_each(|g| typed::group("-g", g).map(|_| ()))?;
    resources.iter().try_for_each(|r| typed::resource("-j", r).map(|_| ()))?;
    Ok(Asked::Print(configuration::Selection {
        types,
        groups,
        resources,
        detail: u8::try_from(parsed.count("v").min(2)).unwrap_or(2),
        json: parsed.has("json"),
    }))
}

/// Runs it.
pub(crate) fn run(parsed: &Parsed, session: &mut Session<'_>) -> Result<(), Failure> {
    let stay = super::stay(parsed)?;
    let operation = match ask(parsed)? {
        Asked::Print(selection) => return show(&selection, session),
        Asked::Register { type_name, path, installed_nodes } => {
            let prefixes = session.around.prefixes.clone();
            let found = files::find(&type_name, path.as_deref(), &prefixes)
                .map_err(|e| Failure::Refused(e.to_string()))?;
            for warning in &found.warnings {
                session.remark(&warning.to_string());
            }
            for missing in files::missing_methods(&found.resource_type) {
                session.remark(&missing);
            }
            let (rtr, path) = (Box::new(found.resource_type), found.path);
            Operation::RegisterType { rtr, path, installed_nodes }
        }
        Asked::Operation(operation) => *operation,
    };
    let operation = with_builtin(operation, session);
    let is_shared = matches!(&operation, Operation::CreateResource { type_name, .. }
        if type_name == "SUNW.SharedAddress");
    crate::interrupt::say_that_it_goes_on(session.name);
    let done = session.carry_out(operation, stay);
    if is_shared && matches!(&done, Err(e) if crate::session::scha_code(e) == rgm::SchaCode::Rt) {
        return Err(Failure::Refused(
            "there are no shared addresses here: nothing spreads the connections of one address over several nodes; use a logical host (scrgadm -a -L)".to_owned(),
        ));
    }
    Ok(done?)
}

/// Fills in the RTR of a built-in type.
pub(crate) fn with_builtin(mut operation: Operation, session: &Session<'_>) -> Operation {
    if let Operation::CreateResource { type_name, builtin, .. } = &mut operation {
        *builtin = files::builtin(type_name, &session.around.prefixes);
    }
    operation
}

fn show(selection: &configuration::Selection, session: &mut Session<'_>) -> Result<(), Failure> {
    let cluster = session.client.snapshot()?.cluster();
    let view = configuration::build(&cluster, selection).map_err(Failure::Refused)?;
    if selection.json {
        session.answer(&crate::view::json(&view));
    } else {
        session.answer(&configuration_text::render(&view, selection.detail));
    }
    Ok(())
}

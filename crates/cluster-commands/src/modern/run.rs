//! Carries out the commands in today's style, and shows their answers as text or JSON.

use super::arguments::{
    At, Change, ClusterCli, ClusterCommand, GroupCommand, NodeCommand, ResourceCommand, TypeCommand,
};
use super::how::{at, change_of_group, change_of_node, change_of_resource};
use super::{ask, check, secret, watch};
use crate::files;
use crate::session::{Session, Stay, scha_code};
use crate::sun::Failure;
use crate::table::parse::UsageError;
use crate::typed;
use crate::view::{
    Sections, columns, configuration, configuration_text, explain, json, status, status_text,
};
use node_api::{Ask, Snapshot};
use rgm::{Cluster, GroupName, Operation};
use serde_json::json as value;
use std::path::Path;
use std::time::Duration;

type Done = Result<(), Failure>;

/// Runs one to its exit code.
pub(super) fn run(command: &ClusterCli, session: &mut Session<'_>) -> u8 {
    let at = at(command);
    if let Some(socket) = &at.socket {
        session.client = node_api::Client::new(socket);
    }
    let done = match command {
        ClusterCli::Type(command) => of_type(command, session),
        ClusterCli::Resource(command) => of_resource(command, session),
        ClusterCli::Group(command) => of_group(command, session),
        ClusterCli::Node(command) => of_node(command, session),
        ClusterCli::Cluster(command) => of_cluster(command, session),
    };
    let Err(failure) = done else { return 0 };
    let code = match &failure {
        Failure::Code(code) => return *code,
        Failure::Usage(_) => crate::sun::USAGE,
        _ => 1,
    };
    if at.json {
        let word = match &failure {
            Failure::Client(error) => value!(scha_code(error)),
            Failure::Usage(_) => value!("USAGE"),
            _ => value!("FAIL"),
        };
        let text = json(&value!({ "done": false, "code": word, "sentence": failure.to_string() }));
        session.answer(&text);
    }
    session.complain(&failure.to_string());
    code
}

fn submit(operations: Vec<Operation>, change: &Change, session: &mut Session<'_>) -> Done {
    let timeout = change.timeout.map(|s| Duration::from_secs(s.into()));
    let stay = Stay { wait: !change.no_wait, timeout };
    crate::interrupt::say_that_it_goes_on(session.name);
    let mut messages = Vec::new();
    for operation in operations {
        let said = session.submit(operation, stay)?;
        said.iter().for_each(|message| session.remark(message));
        messages.extend(said);
    }
    if change.at.json {
        session.answer(&json(&value!({ "done": true, "messages": messages })));
    }
    Ok(())
}

fn look(session: &Session<'_>) -> Result<(Snapshot, Cluster), Failure> {
    let snapshot = session.client.snapshot()?;
    let cluster = snapshot.cluster();
    Ok((snapshot, cluster))
}

fn of_type(command: &TypeCommand, session: &mut Session<'_>) -> Done {
    match command {
        TypeCommand::Register { name, file, nodes, change } => {
            typed::type_name("NAME", name)?;
            let nodes = ask::names(nodes, |n| typed::node("--node", n))?;
            let prefixes = session.around.prefixes.clone();
            let found = files::find(name, file.as_deref(), &prefixes)
                .map_err(|e| Failure::Refused(e.to_string()))?;
            let missing = files::missing_methods(&found.resource_type);
            let warnings = found.warnings.iter().map(ToString::to_string).chain(missing);
            warnings.for_each(|warning| session.remark(&warning));
            let installed_nodes = (!nodes.is_empty()).then_some(nodes);
            let (rtr, path) = (Box::new(found.resource_type), found.path);
            let operation = Operation::RegisterType { rtr, path, installed_nodes };
            submit(vec![operation], change, session)
        }
        TypeCommand::Unregister { name, change } => {
            let type_name = typed::type_name("NAME", name)?.to_owned();
            submit(vec![Operation::RemoveType { type_name }], change, session)
        }
        TypeCommand::List { at } => {
            let (_, cluster) = look(session)?;
            let rows = cluster.config.types.iter().map(|(name, of)| {
                vec![name.to_string(), of.rtr.rt_version.clone(), of.rtr.rt_description.clone()]
            });
            list(session, at, &["name", "version", "description"], rows.collect());
            Ok(())
        }
        TypeCommand::Show { name, at } => {
            typed::type_name("NAME", name)?;
            let types = vec![name.clone()];
            let selection = configuration::Selection { types, detail: 2, ..Default::default() };
            show(session, at, &selection)
        }
        TypeCommand::Check { file, at } => check_file(file, at, session),
        TypeCommand::Format { file } => {
            let found = files::read(file).map_err(|e| Failure::Refused(e.to_string()))?;
            session.answer(&rtr::print(&found.resource_type));
            Ok(())
        }
    }
}

fn check_file(file: &Path, at: &At, session: &mut Session<'_>) -> Done {
    let found = files::read(file);
    if at.json {
        let (diagnostics, is_fine) = match &found {
            Ok(found) => (found.warnings.clone(), true),
            Err(files::FileError::Wrong(wrong)) => (wrong.list.clone(), false),
            Err(_) => (Vec::new(), false),
        };
        if found.is_ok() || !diagnostics.is_empty() {
            session.answer(&json(&value!({ "correct": is_fine, "diagnostics": diagnostics })));
            return if is_fine { Ok(()) } else { Err(Failure::Code(1)) };
        }
    }
    match found {
        Ok(found) => {
            found.warnings.iter().for_each(|w| session.remark(&format!("{w}\n")));
            for missing in files::missing_methods(&found.resource_type) {
                session.remark(&missing);
            }
            let name = found.resource_type.full_name();
            session.answer(&format!("{}: correct; it describes {name}\n", file.display()));
            Ok(())
        }
        Err(files::FileError::Wrong(diagnostics)) => {
            session.remark(&diagnostics.to_string());
            Err(Failure::Code(1))
        }
        Err(other) => Err(Failure::Refused(other.to_string())),
    }
}

fn of_resource(command: &ResourceCommand, session: &mut Session<'_>) -> Done {
    match command {
        ResourceCommand::Status(named) => {
            let (snapshot, cluster) = look(session)?;
            let names = ask::names(&named.names, |n| typed::resource("RESOURCE", n))?;
            let known = cluster.config.resources.keys().map(rgm::ResourceName::as_str);
            for name in &names {
                if !cluster.config.resources.contains_key(name) {
                    let sentence = configuration::unknown("resource", name.as_str(), known.clone());
                    return Err(Failure::Refused(sentence));
                }
            }
            let mut view = status::build(&snapshot, &cluster, None);
            if !names.is_empty() {
                for group in &mut view.groups {
                    group.resources.retain(|r| names.contains(&r.name));
                }
                view.groups.retain(|g| !g.resources.is_empty());
            }
            show_status(session, &named.at, &view, named.verbose)
        }
        ResourceCommand::Show(named) => {
            ask::names(&named.names, |n| typed::resource("RESOURCE", n))?;
            let resources = named.names.clone();
            let selection = configuration::Selection { resources, detail: 2, ..Default::default() };
            show(session, &named.at, &selection)
        }
        ResourceCommand::List { at } => {
            let (_, cluster) = look(session)?;
            let row = |(name, r): (&rgm::ResourceName, &rgm::Resource)| {
                vec![name.to_string(), r.group.to_string(), r.type_name.to_string()]
            };
            let rows = cluster.config.resources.iter().map(row).collect();
            list(session, at, &["name", "group", "type"], rows);
            Ok(())
        }
        command => {
            let (_, cluster) = look(session)?;
            let prefixes = session.around.prefixes.clone();
            let asked = ask::of_resource(command, &cluster, &prefixes);
            let operations = asked.unwrap_or_else(|| Ok(Vec::new()))?;
            submit(operations, &change_of_resource(command), session)
        }
    }
}

fn of_group(command: &GroupCommand, session: &mut Session<'_>) -> Done {
    match command {
        GroupCommand::Status(named) => {
            let (snapshot, cluster) = look(session)?;
            let names = ask::names(&named.names, |n| typed::group("GROUP", n))?;
            names.iter().try_for_each(|name| is_group(&cluster, name))?;
            let mut view = status::build(&snapshot, &cluster, None);
            if !names.is_empty() {
                view.groups.retain(|g| names.contains(&g.name));
            }
            show_status(session, &named.at, &view, named.verbose)
        }
        GroupCommand::Show(named) => {
            ask::names(&named.names, |n| typed::group("GROUP", n))?;
            let groups = named.names.clone();
            let detail = named.verbose.saturating_add(1).min(2);
            let selection = configuration::Selection { groups, detail, ..Default::default() };
            show(session, &named.at, &selection)
        }
        GroupCommand::Explain { name, at } => {
            let name = typed::group("GROUP", name)?;
            let (snapshot, cluster) = look(session)?;
            is_group(&cluster, &name)?;
            let Some(view) = explain::build(&snapshot, &cluster, &name) else { return Ok(()) };
            session.answer(&if at.json { json(&view) } else { explain::render(&view) });
            Ok(())
        }
        GroupCommand::List { at } => {
            let (_, cluster) = look(session)?;
            let rows = cluster.config.groups.iter().map(|(name, group)| {
                let state = if group.managed { "managed" } else { "unmanaged" };
                let nodes: Vec<&str> = group.nodelist.iter().map(|n| n.as_str()).collect();
                vec![name.to_string(), state.to_owned(), nodes.join(",")]
            });
            list(session, at, &["name", "state", "nodelist"], rows.collect());
            Ok(())
        }
        command => {
            let (_, cluster) = look(session)?;
            let operations = ask::of_group(command, &cluster).unwrap_or_else(|| Ok(Vec::new()))?;
            submit(operations, &change_of_group(command), session)
        }
    }
}

fn is_group(cluster: &Cluster, name: &GroupName) -> Done {
    if cluster.config.groups.contains_key(name) {
        return Ok(());
    }
    let known = cluster.config.groups.keys().map(GroupName::as_str);
    Err(Failure::Refused(configuration::unknown("resource group", name.as_str(), known)))
}

fn of_node(command: &NodeCommand, session: &mut Session<'_>) -> Done {
    match command {
        NodeCommand::List { at } => {
            let (_, cluster) = look(session)?;
            let rows = cluster.config.nodes.iter().map(|(name, node)| {
                let state = if cluster.is_member(name) { "online" } else { "offline" };
                vec![name.to_string(), node.id.to_string(), state.to_owned()]
            });
            list(session, at, &["name", "id", "state"], rows.collect());
            Ok(())
        }
        NodeCommand::Status(named) => {
            let (snapshot, cluster) = look(session)?;
            let names = ask::names(&named.names, |n| typed::node("NODE", n))?;
            let mut view = status::build(&snapshot, &cluster, None);
            for name in &names {
                if !cluster.config.nodes.contains_key(name) {
                    let known = cluster.config.nodes.keys().map(rgm::NodeName::as_str);
                    let sentence = configuration::unknown("node", name.as_str(), known);
                    return Err(Failure::Refused(sentence));
                }
            }
            view.nodes.retain(|n| names.is_empty() || names.contains(&n.name));
            let sections = Sections { nodes: true, detail: 1, ..Sections::default() };
            let text = if named.at.json {
                json(&view.nodes)
            } else {
                status_text::render(&view, sections)
            };
            session.answer(&text);
            Ok(())
        }
        NodeCommand::Leave { at } => {
            crate::interrupt::say_that_it_goes_on(session.name);
            let messages = session.order(&Ask::Leave)?;
            messages.iter().for_each(|m| session.remark(m));
            if at.json {
                session.answer(&json(&value!({ "done": true, "messages": messages })));
            }
            Ok(())
        }
        NodeCommand::Fencing { name, agent, options, agent_timeout, change, .. } => {
            let read = secret::options(options)?;
            read.warnings.iter().for_each(|warning| session.remark(warning));
            let asked = ask::fencing(name, agent.as_deref(), read.values, *agent_timeout)?;
            submit(vec![asked], change, session)
        }
        command => {
            let operations = ask::of_node(command).unwrap_or_else(|| Ok(Vec::new()))?;
            submit(operations, &change_of_node(command), session)
        }
    }
}

fn of_cluster(command: &ClusterCommand, session: &mut Session<'_>) -> Done {
    match command {
        ClusterCommand::Watch { at } => watch::run(at, session),
        ClusterCommand::Status { check, verbose, at } => {
            let (snapshot, cluster) = look(session)?;
            let view = status::build(&snapshot, &cluster, None);
            let detail = (*verbose).min(2);
            let sections = Sections {
                devices: false,
                transport: false,
                multipathing: false,
                detail,
                ..Sections::ALL
            };
            let text = if at.json { json(&view) } else { status_text::render(&view, sections) };
            session.answer(&text);
            if *check && !view.healthy { Err(Failure::Code(1)) } else { Ok(()) }
        }
        ClusterCommand::Show { at } => {
            let (_, cluster) = look(session)?;
            let settings = value!(cluster.config.cluster);
            if at.json {
                session.answer(&json(&settings));
                return Ok(());
            }
            let rows = settings.as_object().into_iter().flatten().map(|(name, value)| {
                let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                vec![name.clone(), shown]
            });
            let text = columns(0, &rows.collect::<Vec<_>>());
            session.answer(&text);
            Ok(())
        }
        ClusterCommand::Set { settings, change } => {
            let assignments = typed::assignments("", settings.iter().map(String::as_str))
                .map_err(|e| UsageError::new(e.sentence.trim_start()))?;
            submit(vec![Operation::SetCluster { assignments }], change, session)
        }
        ClusterCommand::Check { at } => {
            let (snapshot, cluster) = look(session)?;
            let view = status::build(&snapshot, &cluster, None);
            let found = check::findings(&cluster, &view);
            if at.json {
                session.answer(&json(&found));
            } else if found.is_empty() {
                session.answer("nothing found\n");
            } else {
                let lines: String =
                    found.iter().map(|f| format!("{}: {}\n", f.severity, f.sentence)).collect();
                session.answer(&lines);
            }
            if found.is_empty() { Ok(()) } else { Err(Failure::Code(1)) }
        }
    }
}

fn show_status(session: &mut Session<'_>, at: &At, view: &status::StatusView, verbose: u8) -> Done {
    let sections = Sections { groups: true, detail: verbose.min(2), ..Sections::default() };
    let text = if at.json { json(&view.groups) } else { status_text::render(view, sections) };
    session.answer(&text);
    Ok(())
}

fn show(session: &mut Session<'_>, at: &At, selection: &configuration::Selection) -> Done {
    let (_, cluster) = look(session)?;
    let view = configuration::build(&cluster, selection).map_err(Failure::Refused)?;
    let text =
        if at.json { json(&view) } else { configuration_text::render(&view, selection.detail) };
    session.answer(&text);
    Ok(())
}

/// Rows as columns with a heading, or as JSON objects.
fn list(session: &mut Session<'_>, at: &At, headings: &[&str], rows: Vec<Vec<String>>) {
    if at.json {
        let objects = rows.into_iter().map(|row| {
            let pairs =
                headings.iter().map(|h| (*h).to_owned()).zip(row.into_iter().map(Into::into));
            serde_json::Value::Object(pairs.collect())
        });
        session.answer(&json(&objects.collect::<Vec<_>>()));
        return;
    }
    let head = headings.iter().map(|h| h.to_uppercase()).collect();
    let all: Vec<Vec<String>> = std::iter::once(head).chain(rows).collect();
    session.answer(&columns(0, &all));
}

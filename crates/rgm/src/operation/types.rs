//! Resource types: registered, changed, removed.

use super::draft::Draft;
use super::find;
use super::refusal::{Kind, list, refusals, shown};
use crate::model::{Refusal, TypeConfig};
use crate::names::{GroupName, NodeName, TypeName, legal};
use rtr::{InitNodes, ResourceType};

refusals! {
    registered(name, typed): State =
        "resource type {name} is registered already: to take over a changed RTR file give it another RT_version and #$upgrade, or remove the type first with scrgadm -r -t {typed}";
    illegal_name(part, name, why): Rt =
        "{part} {name} of the RTR file {why}; correct the file";
    illegal_version(version): Rt =
        "RT_VERSION {version} of the RTR file has a blank or one of / \\ * ? , ; [ ]; correct the file";
    nothing_installed(name): Inval =
        "Installed_nodes of {name} cannot be empty: name nodes, or leave it out for all of them";
    nothing_to_change(name): Inval =
        "nothing to change in {name}: give Installed_nodes (-h) or RT_system (-y)";
    protected(name): Access =
        "resource type {name} is protected (RT_system is TRUE): first scrgadm -c -t {name} -y RT_system=FALSE";
    in_use(name, resources): State =
        "resource type {name} is still used by {resources}: first remove what uses it with scrgadm -r -j";
    not_installed(name, node, group): Node =
        "resource type {name} is not installed on {node}, which is in the Nodelist of {group}: install it there and say so with scrgadm -c -t {name} -h NODES, or take {node} out of the Nodelist";
}

/// Refused when a node of the list does not have the software of the type.
pub(crate) fn is_installed(
    of_type: &TypeConfig,
    name: &TypeName,
    group: &GroupName,
    nodelist: &[NodeName],
) -> Result<(), Refusal> {
    let Some(installed) = &of_type.installed_nodes else { return Ok(()) };
    match nodelist.iter().find(|node| !installed.contains(node)) {
        Some(node) => Err(not_installed(name, node, group)),
        None => Ok(()),
    }
}

pub(crate) fn register(
    draft: &mut Draft<'_>,
    rtr: &ResourceType,
    path: &str,
    installed: Option<&[NodeName]>,
) -> Result<(), Refusal> {
    let base = &rtr.resource_type;
    legal(base).map_err(|why| illegal_name("RESOURCE_TYPE", shown(base), why))?;
    if let Some(vendor) = &rtr.vendor_id {
        legal(vendor).map_err(|why| illegal_name("VENDOR_ID", shown(vendor), why))?;
    }
    let forbidden = |c: char| c.is_whitespace() || c.is_control() || r"/\*?,;[]".contains(c);
    if rtr.rt_version.contains(forbidden) {
        return Err(illegal_version(shown(&rtr.rt_version)));
    }
    let full = rtr.full_name();
    let same = |name: &&TypeName| name.as_str().eq_ignore_ascii_case(&full);
    if let Some(name) = draft.cluster.config.types.keys().find(same) {
        return Err(registered(name, name));
    }
    find::free_type(draft.cluster, &full)?;
    let installed_nodes = match installed {
        Some([]) => return Err(nothing_installed(full)),
        Some(typed) => Some(find::nodes(draft.cluster, typed)?),
        None => None,
    };
    let config = TypeConfig {
        rtr: rtr.clone(),
        installed_nodes,
        system: rtr.rt_system,
        path: path.to_owned(),
    };
    draft.new.config.types.insert(TypeName::new(&full), config);
    Ok(())
}

pub(crate) fn change(
    draft: &mut Draft<'_>,
    typed: &str,
    installed: Option<&Option<Vec<NodeName>>>,
    system: Option<bool>,
) -> Result<(), Refusal> {
    let (name, old) = find::type_named(draft.cluster, typed)?;
    let mut of_type = old.clone();
    if installed.is_none() && system.is_none() {
        return Err(nothing_to_change(name));
    }
    if old.system && (installed.is_some() || system != Some(false)) {
        return Err(protected(name));
    }
    if let Some(nodes) = installed {
        of_type.installed_nodes = match nodes.as_deref() {
            Some([]) => return Err(nothing_installed(name)),
            Some(nodes) => Some(find::nodes(draft.cluster, nodes)?),
            None => None,
        };
    }
    of_type.system = system.unwrap_or(old.system);
    draft.new.config.types.insert(name.clone(), of_type.clone());
    let config = &draft.cluster.config;
    for (resource, of) in config.resources.iter().filter(|(_, r)| r.type_name == *name) {
        let Some(group) = config.groups.get(&of.group) else { continue };
        is_installed(&of_type, name, &of.group, &group.nodelist)?;
        if group.managed && of_type.rtr.init_nodes == InitNodes::RtInstalledNodes {
            let after = draft.new.config.init_nodes(of);
            let mut gone = config.init_nodes(of);
            gone.retain(|node| !after.contains(node));
            draft.owe_fini(resource, &gone);
        }
    }
    Ok(())
}

pub(crate) fn remove(draft: &mut Draft<'_>, typed: &str) -> Result<(), Refusal> {
    let (name, of_type) = find::type_named(draft.cluster, typed)?;
    if of_type.system {
        return Err(protected(name));
    }
    find::all_readable(draft.cluster, Kind::Resource)?;
    let config = &draft.cluster.config;
    let using = config.resources.iter().filter(|(_, r)| r.type_name == *name);
    let using = list(using.map(|(resource, _)| resource));
    if !using.is_empty() {
        return Err(in_use(name, using));
    }
    draft.new.config.types.remove(name);
    Ok(())
}

//! Resources: created, changed, removed (sun-cluster §2.2, §3.10).
//!
//! What one property may be is in `setting`; what they must agree on, with the type, the group and other resources, is in `agreement`.

use super::draft::Draft;
use super::refusal::{Kind, list, refusals, shown};
use super::setting::{Changed, Setting};
use super::{agreement, dependencies, find, storage, types, upgrade};
use crate::goal::Goal;
use crate::model::{
    Assignment, Dependencies, DependencyKind, FailoverMode, Operation, Refusal, Resource, Switch,
    TypeConfig,
};
use crate::names::{GroupName, NodeName, PropertyName, ResourceName, TypeName};
use rtr::{Method, ResourceType};
use std::collections::BTreeMap;

refusals! {
    nothing_to_change(resource): Inval =
        "nothing to change in {resource}: give at least one -y NAME=VALUE or -x NAME=VALUE";
    is_enabled(resource): State =
        "{resource} is enabled: first disable it with scswitch -n -j {resource}";
    is_running(resource, state, node): State =
        "{resource} is {state} on {node}: try again when it is offline (scstat -g shows it)";
    is_wanted(resource, property, others): Depend =
        "{resource} is named in {property} of {others}: first take it out there with scrgadm -c -j";
    other_version(of_type, version, typed): Prop =
        "Type_version {typed} is not that of {of_type}, which is {version}: name the type with its version, such as {of_type}:{typed}";
}

/// What `scrgadm -a -j` says.
struct Creation<'a> {
    name: &'a ResourceName,
    typed_type: &'a str,
    group: &'a GroupName,
    system: &'a [Assignment],
    extension: &'a [Assignment],
    enabled: bool,
    builtin: Option<&'a ResourceType>,
}

/// `Operation::CreateResource`; anything else is not for here.
pub(crate) fn create(draft: &mut Draft<'_>, operation: &Operation) -> Result<(), Refusal> {
    let Operation::CreateResource {
        resource: name,
        type_name,
        group,
        system,
        extension,
        enabled,
        builtin,
    } = operation
    else {
        return Ok(());
    };
    let (typed_type, builtin, enabled) = (type_name.as_str(), builtin.as_deref(), *enabled);
    create_named(draft, &Creation { name, typed_type, group, system, extension, enabled, builtin })
}

fn create_named(draft: &mut Draft<'_>, asked: &Creation<'_>) -> Result<(), Refusal> {
    let Creation { name, group: group_name, .. } = *asked;
    find::free_name(draft.cluster, Kind::Resource, name.as_str())?;
    let group = find::group(draft.cluster, group_name)?;
    draft.not_protected(group_name)?;
    let (type_name, of_type) = type_for(draft, asked)?;
    agreement::fits_group(&draft.new.config, (&type_name, &of_type), (group_name, group), None)?;
    let mut resource = fresh(&of_type.rtr, type_name, group_name.clone());
    resource.enabled = Switch::everywhere(asked.enabled);
    let version = asked.system.iter().find(|a| a.name.eq_ignore_ascii_case("Type_version"));
    if let Some(other) = version.filter(|a| a.value != of_type.rtr.rt_version) {
        let (full, version) = (of_type.rtr.full_name(), &of_type.rtr.rt_version);
        return Err(other_version(full, version, shown(&other.value)));
    }
    let setting = Setting::new(draft.cluster, name, &of_type.rtr);
    setting.apply(&mut resource, asked.system, asked.extension)?;
    draft.new.config.resources.insert(name.clone(), resource);
    agreement::check(draft, name, setting.effective())?;
    draft.validate_creation(name);
    if group.managed {
        draft.wait_applied(name);
    }
    if asked.enabled {
        draft.no_stop_failure(group_name)?;
        storage::is_fenced(&draft.new.config, group_name)?;
        draft.wait_for(Goal::Resource { resource: name.clone(), on: true });
    }
    Ok(())
}

/// The registered type, or the built-in one that is registered with its first resource.
fn type_for(
    draft: &mut Draft<'_>,
    asked: &Creation<'_>,
) -> Result<(TypeName, TypeConfig), Refusal> {
    let found = find::type_named(draft.cluster, asked.typed_type);
    let refusal = match found {
        Ok((name, of_type)) => return Ok((name.clone(), of_type.clone())),
        Err(refusal) => refusal,
    };
    let builtin = asked.builtin.filter(|rtr| rtr.matches_name(asked.typed_type));
    let Some(rtr) = builtin.filter(|_| refusal.code == crate::model::SchaCode::Rt) else {
        return Err(refusal);
    };
    types::register(draft, rtr, "built in", None)?;
    let name = TypeName::new(&rtr.full_name());
    match draft.new.config.types.get(&name) {
        Some(of_type) => Ok((name, of_type.clone())),
        None => Err(refusal),
    }
}

/// A new resource with the defaults of its type.
fn fresh(rtr: &ResourceType, type_name: TypeName, group: GroupName) -> Resource {
    let mut resource = Resource {
        group,
        type_name,
        description: String::new(),
        enabled: Switch::everywhere(false),
        monitored: Switch::everywhere(true),
        dependencies: Dependencies::default(),
        failover_mode: FailoverMode::None,
        values: BTreeMap::new(),
        generation: 1,
    };
    for property in rtr.effective_properties() {
        let kept_apart = matches!(property.name.as_str(), "R_description" | "Failover_mode")
            || DependencyKind::of_property(&property.name).is_some();
        if kept_apart {
            super::setting::keep(&mut resource, &property, None, None);
        }
    }
    resource
}

pub(crate) fn change(
    draft: &mut Draft<'_>,
    name: &ResourceName,
    system: &[Assignment],
    extension: &[Assignment],
) -> Result<(), Refusal> {
    let old = find::resource(draft.cluster, name)?;
    if system.is_empty() && extension.is_empty() {
        return Err(nothing_to_change(name));
    }
    draft.not_protected(&old.group)?;
    let is_version = |a: &&Assignment| a.name.eq_ignore_ascii_case("Type_version");
    let version = system.iter().find(is_version);
    let rest: Vec<Assignment> = system.iter().filter(|a| !is_version(a)).cloned().collect();
    let migration = match version {
        Some(version) => upgrade::migration(draft, (name, old), &version.value)?,
        None => None,
    };
    let old_type = draft.cluster.config.type_of(old);
    let Some(of_type) = migration.as_ref().map(|m| &m.of_type).or(old_type).cloned() else {
        return find::type_named(draft.cluster, old.type_name.as_str()).map(|_| ());
    };
    let mut resource = old.clone();
    let mut setting = Setting::new(draft.cluster, name, &of_type.rtr);
    setting.creating = false;
    setting.enabled = dependencies::is_enabled_anywhere(&draft.cluster.config, old)
        || running(draft, name).is_some();
    let mut changed: Vec<Changed> = Vec::new();
    if let Some(migration) = &migration {
        setting.old = old_type.map(|t| &t.rtr);
        changed.push(migration.change());
        resource.type_name = migration.type_name.clone();
    }
    changed.extend(setting.apply(&mut resource, &rest, extension)?);
    if migration.is_some() {
        let dropped = upgrade::carry_over(name, &mut resource, setting.effective())?;
        draft.new.messages.extend(dropped);
    }
    if resource == *old {
        draft.say(format!("{name} has these values already"));
        return Ok(());
    }
    resource.generation += 1;
    let group_name = old.group.clone();
    draft.new.config.resources.insert(name.clone(), resource);
    if migration.is_some() {
        let group = find::group(draft.cluster, &group_name)?;
        let of_type = (&old.type_name, &of_type);
        agreement::fits_group(&draft.new.config, of_type, (&group_name, group), Some(name))?;
    }
    agreement::check(draft, name, setting.effective())?;
    if setting.enabled {
        storage::is_fenced(&draft.new.config, &group_name)?;
    }
    storage::is_not_forgotten(draft.cluster, &draft.new.config, &group_name)?;
    draft.validate_change(name, &changed);
    draft.wait_applied(name);
    Ok(())
}

/// A member where the resource is anything but offline, and what it is.
fn running<'a>(draft: &Draft<'a>, name: &ResourceName) -> Option<(&'a NodeName, &'static str)> {
    let cluster = draft.cluster;
    cluster.members.keys().find_map(|node| {
        let state = cluster.resource_state(name, node);
        (state != crate::model::ResourceState::Offline).then(|| (node, state.words()))
    })
}

pub(crate) fn remove(draft: &mut Draft<'_>, name: &ResourceName) -> Result<(), Refusal> {
    let old = find::resource(draft.cluster, name)?;
    let config = &draft.cluster.config;
    draft.not_protected(&old.group)?;
    if dependencies::is_enabled_anywhere(config, old) {
        return Err(is_enabled(name));
    }
    if let Some((node, state)) = running(draft, name) {
        return Err(is_running(name, state.to_lowercase(), node));
    }
    find::all_readable(draft.cluster, Kind::Resource)?;
    for kind in DependencyKind::ALL {
        let naming = config.resources.iter().filter(|(_, r)| r.depends(kind).contains(name));
        let naming = list(naming.map(|(other, _)| other));
        if !naming.is_empty() {
            return Err(is_wanted(name, kind.property(), naming));
        }
    }
    let property = "Network_resources_used";
    let uses = |r: &Resource| {
        let set = r.values.get(&PropertyName::new(property));
        set.is_some_and(|s| s.value.iter().any(|used| used == name.as_str()))
    };
    let using = list(config.resources.iter().filter(|(_, r)| uses(r)).map(|(other, _)| other));
    if !using.is_empty() {
        return Err(is_wanted(name, property, using));
    }
    draft.new.config.resources.remove(name);
    storage::is_not_forgotten(draft.cluster, &draft.new.config, &old.group)?;
    let managed = config.groups.get(&old.group).is_some_and(|g| g.managed);
    if managed && config.has_method(old, Method::Fini) {
        draft.owe_fini(name, &config.init_nodes(old));
        draft.wait_applied(name);
    }
    Ok(())
}

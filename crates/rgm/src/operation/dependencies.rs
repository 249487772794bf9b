//! Dependencies between resources: that what is named exists, and that nothing runs whose dependees are switched off.

use super::draft::Draft;
use super::refusal::{Kind, list, refusals, unknown};
use crate::model::{Configuration, Dependency, DependencyKind, Refusal, Resource};
use crate::names::{NodeName, ResourceName};

refusals! {
    on_itself(property, resource): Depend = "{property}: {resource} cannot depend on itself; leave it out";
    listed_twice(property, dependee): Prop = "{property}: {dependee} is named twice; name it once";
    dependee_disabled(resource, dependee, place): Depend =
        "{resource} depends on {dependee}, which is disabled{place}: enable {dependee} too, with scswitch -e -j {dependee}";
    dependents_enabled(resource, dependents, command): Depend =
        "{resource} cannot be disabled while {dependents} depend on it: disable them first or with it, with scswitch -n -j {command}";
    dependent_enabled(resource, dependents, command): Depend =
        "{resource} cannot be disabled while {dependents} depends on it: disable it first or with it, with scswitch -n -j {command}";
}

/// Every dependee exists, is another resource and is named once for each kind.
pub(crate) fn exist(
    config: &Configuration,
    name: &ResourceName,
    resource: &Resource,
) -> Result<(), Refusal> {
    for kind in DependencyKind::ALL {
        let dependees = resource.depends(kind);
        for (at, on) in dependees.iter().enumerate() {
            if on == name {
                return Err(on_itself(kind.property(), name));
            }
            if !config.resources.contains_key(on) {
                let others = config.resources.keys().filter(|other| *other != name);
                return Err(unknown(Kind::Resource, on.as_str(), others.map(ResourceName::as_str)));
            }
            if dependees[..at].contains(on) {
                return Err(listed_twice(kind.property(), on));
            }
        }
    }
    Ok(())
}

fn nodes_of<'a>(config: &'a Configuration, resource: &Resource) -> &'a [NodeName] {
    config.groups.get(&resource.group).map(|g| g.nodelist.as_slice()).unwrap_or_default()
}

/// Whether anything of the resource is enabled on any node of its group.
pub(crate) fn is_enabled_anywhere(config: &Configuration, resource: &Resource) -> bool {
    resource.enabled.is_on_any(nodes_of(config, resource))
}

/// Where an enabled resource lacks an enabled dependee: on the same node in the same group, anywhere in another one.
fn lacks(
    config: &Configuration,
    resource: &Resource,
    on: &ResourceName,
) -> Option<Option<NodeName>> {
    let dependee = config.resources.get(on)?;
    if dependee.group != resource.group {
        let needed = is_enabled_anywhere(config, resource);
        return (needed && !is_enabled_anywhere(config, dependee)).then_some(None);
    }
    let missing = |node: &&NodeName| resource.enabled.is_on(node) && !dependee.enabled.is_on(node);
    let missing: Vec<&NodeName> = nodes_of(config, resource).iter().filter(missing).collect();
    match missing.as_slice() {
        [] => None,
        _ if !is_enabled_anywhere(config, dependee) => Some(None),
        [node, ..] => Some(Some((*node).clone())),
    }
}

/// Refused when the resource is enabled where something that it strongly depends on is not. `implicit`: network addresses of its group too.
pub(crate) fn dependees_enabled(
    config: &Configuration,
    name: &ResourceName,
    implicit: bool,
) -> Result<(), Refusal> {
    let Some(resource) = config.resources.get(name) else { return Ok(()) };
    let counts = |d: &&Dependency| d.kind.is_strong() && (implicit || !d.implicit);
    for dependency in config.dependencies_of(name).iter().filter(counts) {
        if let Some(node) = lacks(config, resource, &dependency.on) {
            let place = node.map(|n| format!(" on {n}")).unwrap_or_default();
            return Err(dependee_disabled(name, &dependency.on, place));
        }
    }
    Ok(())
}

impl Draft<'_> {
    /// Refused when, after the change, something enabled would depend strongly, by configuration, on a resource that these no longer are.
    /// What depends on a network address only implicitly goes offline with it: that is said. `disabled` is what the command names.
    pub(crate) fn no_dependents_left(&mut self, disabled: &[ResourceName]) -> Result<(), Refusal> {
        for name in disabled {
            let dependents = self.dependents_of(name, false);
            let mut command: Vec<&ResourceName> = dependents.iter().collect();
            command.push(name);
            let command: Vec<&str> = command.into_iter().map(ResourceName::as_str).collect();
            match dependents.as_slice() {
                [] => {}
                [one] => return Err(dependent_enabled(name, one, command.join(","))),
                many => return Err(dependents_enabled(name, list(many), command.join(","))),
            }
            let implicit = list(self.dependents_of(name, true));
            if !implicit.is_empty() {
                self.say(format!("{implicit} cannot be online without the network address {name} (Implicit_network_dependencies)"));
            }
        }
        Ok(())
    }

    /// The enabled resources that depend on this one, which is no longer enabled where they are.
    fn dependents_of(&self, name: &ResourceName, implicit: bool) -> Vec<ResourceName> {
        let config = &self.new.config;
        let needs = |(other, resource): &(&ResourceName, &Resource)| {
            let mut on = config.dependencies_of(other).into_iter();
            on.any(|d| d.kind.is_strong() && d.implicit == implicit && d.on == *name)
                && lacks(config, resource, name).is_some()
        };
        config.resources.iter().filter(needs).map(|(other, _)| other.clone()).collect()
    }
}

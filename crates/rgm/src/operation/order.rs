//! What starts after what, over resources and groups together, and that it never goes in a circle.
//!
//! A resource starts after everything it depends on (all four kinds, implicit network dependencies, other groups too) and after the groups that
//! its group depends on; a group is started when all its resources are. A circle would wait for itself for ever.

use super::refusal::refusals;
use crate::model::{Configuration, Refusal};
use crate::names::{GroupName, ResourceName};
use std::collections::BTreeMap;
use std::fmt;

refusals! {
    circle(path): Depend =
        "the dependencies would go in a circle: {path}; leave one of them out";
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Start<'a> {
    Resource(&'a ResourceName),
    Group(&'a GroupName),
}

impl fmt::Display for Start<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resource(name) => write!(f, "{name}"),
            Self::Group(name) => write!(f, "group {name}"),
        }
    }
}

/// All that each start waits for.
fn waits_for(config: &Configuration) -> BTreeMap<Start<'_>, Vec<Start<'_>>> {
    let mut graph: BTreeMap<Start<'_>, Vec<Start<'_>>> = BTreeMap::new();
    for (name, group) in &config.groups {
        let edges = graph.entry(Start::Group(name)).or_default();
        edges.extend(group.dependencies.iter().map(Start::Group));
    }
    for (name, resource) in &config.resources {
        if let Some((group, _)) = config.groups.get_key_value(&resource.group) {
            graph.entry(Start::Group(group)).or_default().push(Start::Resource(name));
        }
        let on_groups = config.groups.get(&resource.group).into_iter();
        let mut edges: Vec<Start<'_>> =
            on_groups.flat_map(|g| &g.dependencies).map(Start::Group).collect();
        for dependency in config.dependencies_of(name) {
            let on = config.resources.get_key_value(&dependency.on);
            edges.extend(on.map(|(on, _)| Start::Resource(on)));
        }
        graph.insert(Start::Resource(name), edges);
    }
    graph
}

/// Refused when any start would wait for itself; the sentence names the circle.
pub(crate) fn no_circle(config: &Configuration) -> Result<(), Refusal> {
    let graph = waits_for(config);
    let mut done: Vec<Start<'_>> = Vec::new();
    for start in graph.keys() {
        // Depth first: the path from `start`, and for each of its steps how many edges were followed.
        let mut path: Vec<(Start<'_>, usize)> = vec![(*start, 0)];
        while let Some((at, followed)) = path.last_mut() {
            let next = graph.get(at).and_then(|edges| edges.get(*followed)).copied();
            *followed += 1;
            let Some(next) = next else {
                let (finished, _) = (*at, path.pop());
                if let Err(place) = done.binary_search(&finished) {
                    done.insert(place, finished);
                }
                continue;
            };
            if let Some(from) = path.iter().position(|(step, _)| *step == next) {
                let steps = path[from..].iter().map(|(step, _)| step.to_string());
                let steps: Vec<String> = steps.chain([next.to_string()]).collect();
                return Err(circle(steps.join(" → ")));
            }
            if done.binary_search(&next).is_err() {
                path.push((next, 0));
            }
        }
    }
    Ok(())
}

//! RG_affinities: how they are typed, and which of them contradict each other.
//!
//! A contradiction that no placement of any nodes could satisfy is refused; one that only the present placement cannot satisfy is not.

use super::refusal::{refusals, shown};
use crate::model::{Affinity, AffinityKind, Configuration, Refusal};
use crate::names::GroupName;
use std::collections::BTreeSet;

refusals! {
    not_an_affinity(typed, name): Prop =
        "RG_affinities: {typed} is not an affinity; write +, ++, +++, - or -- and the name of a resource group, such as ++{name}";
    to_itself(group): Prop = "RG_affinities: resource group {group} cannot have an affinity to itself";
    twice(target): Prop =
        "RG_affinities: {target} is named twice; give one affinity for each resource group";
    strong_circle(path): Depend =
        "the strong affinities would go in a circle: {path}; one direction is enough, leave the other out";
    impossible(group, one, other): Depend =
        "resource group {group} could never be online: its strong affinities put it together with {one} and {other}, and {one} must not be where {other} is";
    impossible_itself(group, other): Depend =
        "resource group {group} could never be online: its strong affinities put it together with {other}, which must not be where {group} is";
}

const SIGNS: [(&str, AffinityKind); 5] = [
    ("+++", AffinityKind::StrongPositiveDelegating),
    ("++", AffinityKind::StrongPositive),
    ("+", AffinityKind::WeakPositive),
    ("--", AffinityKind::StrongNegative),
    ("-", AffinityKind::WeakNegative),
];

/// One element of RG_affinities.
pub(crate) fn parse(typed: &str) -> Result<Affinity, Refusal> {
    let found = SIGNS.into_iter().find_map(|(sign, kind)| Some((kind, typed.strip_prefix(sign)?)));
    match found {
        Some((kind, target)) if crate::names::legal(target).is_ok() => {
            Ok(Affinity { kind, target: GroupName::new(target) })
        }
        _ => Err(not_an_affinity(shown(typed), shown(typed.trim_start_matches(['+', '-'])))),
    }
}

const fn is_together(kind: AffinityKind) -> bool {
    matches!(kind, AffinityKind::StrongPositive | AffinityKind::StrongPositiveDelegating)
}

/// The groups to which this one has a strong affinity that `which` selects.
fn targets<'a>(
    config: &'a Configuration,
    group: &GroupName,
    which: fn(AffinityKind) -> bool,
) -> impl Iterator<Item = &'a GroupName> + use<'a> {
    let of = config.groups.get(group).map(|g| g.affinities.as_slice()).unwrap_or_default();
    of.iter().filter(move |a| which(a.kind)).map(|a| &a.target)
}

const fn is_strong(kind: AffinityKind) -> bool {
    is_together(kind) || matches!(kind, AffinityKind::StrongNegative)
}

/// Refuses what the affinities of this group make impossible. Its targets exist.
pub(crate) fn check(config: &Configuration, name: &GroupName) -> Result<(), Refusal> {
    let own = config.groups.get(name).map(|g| g.affinities.as_slice()).unwrap_or_default();
    for (at, affinity) in own.iter().enumerate() {
        if affinity.target == *name {
            return Err(to_itself(name));
        }
        if own[..at].iter().any(|earlier| earlier.target == affinity.target) {
            return Err(twice(&affinity.target));
        }
    }
    if let Some(path) = circle_through(config, name) {
        return Err(strong_circle(path.join(" → ")));
    }
    config.groups.keys().try_for_each(|group| is_possible(config, group))
}

/// A way along strong affinities from the group back to itself.
fn circle_through(config: &Configuration, name: &GroupName) -> Option<Vec<String>> {
    let mut seen: BTreeSet<&GroupName> = BTreeSet::new();
    let mut open: Vec<Vec<&GroupName>> =
        targets(config, name, is_strong).map(|target| vec![target]).collect();
    while let Some(path) = open.pop() {
        let at = *path.last()?;
        if at == name {
            let steps = std::iter::once(name).chain(path);
            return Some(steps.map(ToString::to_string).collect());
        }
        if seen.insert(at) {
            let next = targets(config, at, is_strong);
            open.extend(next.map(|n| path.iter().copied().chain([n]).collect()));
        }
    }
    None
}

/// Where this group is, all groups it must be together with are: no two of them may exclude each other.
fn is_possible(config: &Configuration, group: &GroupName) -> Result<(), Refusal> {
    let mut together: BTreeSet<&GroupName> = BTreeSet::new();
    let mut open = vec![group];
    while let Some(at) = open.pop() {
        if together.insert(at) {
            open.extend(targets(config, at, is_together));
        }
    }
    for one in &together {
        let apart = |kind| matches!(kind, AffinityKind::StrongNegative);
        if let Some(other) = targets(config, one, apart).find(|other| together.contains(other)) {
            return Err(match (*one == group, other == group) {
                (true, _) => impossible_itself(group, other),
                (_, true) => impossible_itself(group, one),
                _ => impossible(group, one, other),
            });
        }
    }
    Ok(())
}

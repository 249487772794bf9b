//! The order of methods: "no method without a lease", "no start without a permit", "no two methods of a resource at once", "nothing starts before, or
//! stops after, what it depends on", "no STOP beside a monitor", "no start beside BOOT".

use super::fencing;
use crate::methods::self_name;
use crate::world::World;
use rgm::{Configuration, DependencyKind, MethodCall, ResourceName};
use rtr::Method;

/// A method is about to begin.
pub(crate) fn method_begins(world: &mut World, h: usize, call: &MethodCall) {
    let checks = [
        no_method_without_a_lease,
        no_start_without_a_permit,
        no_two_methods_at_once,
        nothing_starts_before_what_it_depends_on,
        nothing_stops_after_what_it_depends_on,
        no_start_beside_boot,
    ];
    for check in checks {
        if let Err(what) = check(world, h, call) {
            let what = format!("{} of {} on {}: {what}", call.method, call.resource, self_name(h));
            world.violate("order", what);
            return;
        }
    }
    if is_start(call.method) {
        world.memory.starts += 1;
        fencing::never_beside_a_dangerous_life(world, h, &call.group);
    }
}

const fn is_start(method: Method) -> bool {
    matches!(method, Method::PrenetStart | Method::Start)
}

fn no_method_without_a_lease(world: &World, h: usize, _: &MethodCall) -> Result<(), String> {
    let alive = world.hosts[h].lease.is_some_and(|lease| world.store.is_alive(world.now, lease));
    if alive { Ok(()) } else { Err("the node's lease has ended".to_owned()) }
}

fn no_start_without_a_permit(world: &World, h: usize, call: &MethodCall) -> Result<(), String> {
    if !is_start(call.method) {
        return Ok(());
    }
    let host = &world.hosts[h];
    if host.disowned {
        return Ok(());
    }
    let incarnation = host.incarnation();
    let holds = world.truth.intents.get(&call.group).is_some_and(|intent| {
        intent.holders.iter().any(|x| x.node == host.name && Some(x.incarnation) == incarnation)
    });
    if holds { Ok(()) } else { Err("the store has no permit for this life".to_owned()) }
}

fn no_two_methods_at_once(world: &World, h: usize, call: &MethodCall) -> Result<(), String> {
    if matches!(call.method, Method::Validate | Method::MonitorCheck) {
        return Ok(());
    }
    let page = world.hosts[h].book.0.get(&call.resource);
    match page.and_then(|page| page.method) {
        Some((_, method)) => Err(format!("its {method} still runs")),
        None => Ok(()),
    }
}

fn nothing_starts_before_what_it_depends_on(
    world: &World,
    h: usize,
    call: &MethodCall,
) -> Result<(), String> {
    let Some(core) = &world.hosts[h].core else { return Ok(()) };
    if call.method != Method::Start {
        return Ok(());
    }
    let known = core.cluster();
    for dependency in known.config.dependencies_of(&call.resource) {
        let on = &dependency.on;
        let Some(resource) = known.config.resources.get(on) else { continue };
        let same = resource.group == call.group;
        let here = &world.hosts[h].book;
        if dependency.kind == DependencyKind::Weak {
            let under_way = here.runs(on.as_str(), Method::Start)
                || here.runs(on.as_str(), Method::PrenetStart);
            if same && under_way {
                return Err(format!("{on}, on which it depends weakly, still starts"));
            }
            continue;
        }
        // In another group it may have stopped a moment ago: then the node must at least have seen it started.
        let elsewhere = !same
            && (world.hosts.iter().any(|host| host.book.is_started(on.as_str()))
                || known.members.keys().any(|n| known.resource_state(on, n).is_started()));
        if !here.is_started(on.as_str()) && !elsewhere {
            return Err(format!("{on}, on which it depends, is not started"));
        }
    }
    Ok(())
}

/// Whether a resource has to be down there: switched off, or without a permit for its group.
fn must_go(world: &World, h: usize, config: &Configuration, call: &MethodCall) -> bool {
    let host = &world.hosts[h];
    let Some(core) = &host.core else { return false };
    let enabled = config.resources.get(&call.resource).is_some_and(|r| r.enabled.is_on(&host.name));
    let incarnation = host.incarnation();
    let permitted = core.cluster().intents.get(&call.group).is_some_and(|intent| {
        intent.holders.iter().any(|x| {
            x.node == host.name && Some(x.incarnation) == incarnation && x.withdrawn.is_none()
        })
    });
    !enabled || !permitted
}

fn nothing_stops_after_what_it_depends_on(
    world: &World,
    h: usize,
    call: &MethodCall,
) -> Result<(), String> {
    let host = &world.hosts[h];
    let Some(core) = &host.core else { return Ok(()) };
    let config = &core.cluster().config;
    let stops = matches!(call.method, Method::Stop | Method::PostnetStop);
    if !stops || !must_go(world, h, config, call) {
        return Ok(());
    }
    let page = host.book.0.get(&call.resource);
    if call.method == Method::Stop && page.is_some_and(|page| page.monitored) {
        return Err("its monitor runs".to_owned());
    }
    if world.memory.left_alone.contains(&call.group) {
        return Ok(());
    }
    let mut group = config.resources_of(&call.group);
    let later = group.find(|(name, resource)| {
        depends(config, name, &call.resource)
            && config.has_method(resource, call.method)
            && is_up_for(world, h, name, call.method)
    });
    match later {
        Some((name, _)) => Err(format!("{name}, which depends on it, still runs")),
        None => Ok(()),
    }
}

fn depends(config: &Configuration, name: &ResourceName, on: &ResourceName) -> bool {
    config.dependencies_of(name).iter().any(|d| d.kind.is_strong() && d.on == *on)
}

fn is_up_for(world: &World, h: usize, name: &ResourceName, method: Method) -> bool {
    let book = &world.hosts[h].book;
    let up = match method {
        Method::Stop => book.is_started(name.as_str()),
        _ => book.is_up(name.as_str()),
    };
    up || book.runs(name.as_str(), method)
}

fn no_start_beside_boot(world: &World, h: usize, call: &MethodCall) -> Result<(), String> {
    let boots = world.hosts[h]
        .book
        .0
        .values()
        .any(|page| page.method.is_some_and(|(_, m)| m == Method::Boot));
    if is_start(call.method) && boots { Err("BOOT still runs".to_owned()) } else { Ok(()) }
}

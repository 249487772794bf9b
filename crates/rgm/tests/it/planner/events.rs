//! The lines of a script in which something happens.
//!
//! ```text
//! > n1 n2 join                 > n1 dies                  > n1 restarts          > 60 s pass       > nodes settle     > n1 n2 settle
//! > the clock goes back 60 s
//! > n1 cannot start web: why   > n1 can start web         > n1 cannot stop web   > n1 is idle      > n1 acts again
//! > n1 refuses checks of r: w  > n1 passes checks of r    > fencing fails: why   > fencing works
//! > n2 owes FINI of app
//! > n1 failed to start web under generation 1
//! > n1 reports web ONLINE       > deleted intent web  > damaged group/web        > repaired             > root: scswitch … > root: change web Failback=TRUE …
//! ```

use super::world::{Happened, World};
use rgm::{
    Assignment, GroupName, GroupState, Member, NodeName, Operation, Problem, Request, RequestId,
    ResourceName,
};

/// Lets it happen, and lets the planner answer.
pub(super) fn event(world: &mut World, line: &str, happened: &mut Happened, kept: &mut Vec<Kept>) {
    let (head, tail) = line.split_once(": ").unwrap_or((line, ""));
    let words: Vec<&str> = head.split_whitespace().collect();
    match words.as_slice() {
        ["root"] => ask(world, operation(tail)),
        ["damaged", key] => damage(world, key, kept),
        ["deleted", "intent", group] => drop(world.cluster.intents.remove(*group)),
        ["repaired"] => kept.drain(..).for_each(|k| k.put_back(world)),
        ["fencing", "fails"] => world.fence_fails = Some(tail.to_owned()),
        ["fencing", "works"] => world.fence_fails = None,
        [seconds, "s", "pass"] => {
            world.now_ms += seconds.parse::<u64>().expect("seconds") * 1000;
        }
        ["the", "clock", "goes", "back", seconds, "s"] => {
            world.now_ms -= seconds.parse::<u64>().expect("seconds") * 1000;
        }
        [nodes @ .., "settle"] => {
            settle(world, nodes, happened);
            return;
        }
        [nodes @ .., "join" | "joins" | "restarts" | "restart"] => {
            nodes.iter().for_each(|n| world.join(&NodeName::new(n)));
        }
        [nodes @ .., "dies" | "die" | "leaves"] => {
            nodes.iter().for_each(|n| world.leave(&NodeName::new(n)));
        }
        [node, "is", "idle"] => drop(world.idle.insert(NodeName::new(node))),
        [node, "acts", "again"] => drop(world.idle.remove(*node)),
        [node, "cannot", "start", group] => {
            let key = (NodeName::new(node), GroupName::new(group));
            world.start_fails.insert(key, tail.to_owned());
        }
        [node, "can", "start", group] => {
            world.start_fails.remove(&(NodeName::new(node), GroupName::new(group)));
        }
        [node, "cannot", "stop", group] => {
            world.stop_fails.insert((NodeName::new(node), GroupName::new(group)));
        }
        [node, "refuses", "checks", "of", resource] => {
            let key = (NodeName::new(node), ResourceName::new(resource));
            world.check_fails.insert(key, tail.to_owned());
        }
        [node, "passes", "checks", "of", resource] => {
            world.check_fails.remove(&(NodeName::new(node), ResourceName::new(resource)));
        }
        [node, "failed", "to", "start", group, "under", "generation", generation] => {
            let generation = generation.parse().expect("a generation");
            world.report_failure(&NodeName::new(node), &GroupName::new(group), generation);
        }
        [node, "owes", "FINI", "of", resource] => world.owe(node, resource),
        [node, "reports", group, state] => report(world, node, group, state),
        _ => panic!("no event: {line}"),
    }
    world.plan(happened);
}

/// Nodes act and the planner plans until both have nothing more to do.
fn settle(world: &mut World, nodes: &[&str], happened: &mut Happened) {
    let all = nodes == ["nodes"] || nodes.is_empty();
    let idle = world.idle.clone();
    if !all {
        let others = world.cluster.members.keys().filter(|n| !nodes.contains(&n.as_str()));
        world.idle.extend(others.cloned().collect::<Vec<_>>());
    }
    for round in 0.. {
        let changed = world.act();
        world.plan(happened);
        if !changed {
            break;
        }
        assert!(round < 60, "cluster does not settle: {:#?}", happened.said);
    }
    world.idle = idle;
}

fn report(world: &mut World, node: &str, group: &str, state: &str) {
    let states = [
        ("OFFLINE", GroupState::Offline),
        ("PENDING_ONLINE", GroupState::PendingOnline),
        ("ONLINE", GroupState::Online),
        ("ONLINE_FAULTED", GroupState::OnlineFaulted),
        ("PENDING_OFFLINE", GroupState::PendingOffline),
    ];
    let state = states.iter().find(|(name, _)| *name == state).expect("a state").1;
    let groups = world.cluster.observed.entry(NodeName::new(node)).or_default();
    let observed = groups.entry(GroupName::new(group)).or_default();
    observed.state = state;
    observed.incarnation = world.cluster.members[node].incarnation;
}

fn ask(world: &mut World, operation: Operation) {
    let at_ms = world.now_ms;
    world.requests += 1;
    let id = RequestId(format!("r-{:04}", world.requests));
    let request = Request { operation, by: "root".to_owned(), at_ms };
    world.cluster.requests.insert(id, request);
}

/// A key that was made unreadable, to be put back.
pub(super) struct Kept {
    key: String,
    intent: Option<(GroupName, rgm::Intent)>,
    group: Option<(GroupName, rgm::Group)>,
    resource: Option<(ResourceName, rgm::Resource)>,
    member: Option<(NodeName, Member)>,
    node: Option<(NodeName, rgm::NodeConfig)>,
    of_type: Option<(rgm::TypeName, rgm::TypeConfig)>,
}

impl Kept {
    fn put_back(self, world: &mut World) {
        let cluster = &mut world.cluster;
        cluster.problems.remove(&self.key);
        cluster.intents.extend(self.intent);
        cluster.config.groups.extend(self.group);
        cluster.config.resources.extend(self.resource);
        cluster.config.nodes.extend(self.node);
        cluster.config.types.extend(self.of_type);
        cluster.members.extend(self.member);
    }
}

fn damage(world: &mut World, key: &str, kept: &mut Vec<Kept>) {
    let cluster = &mut world.cluster;
    let (kind, name) = key.split_once('/').unwrap_or((key, ""));
    let mut keep = Kept {
        key: key.to_owned(),
        intent: None,
        group: None,
        resource: None,
        member: None,
        node: None,
        of_type: None,
    };
    match kind {
        "intent" => keep.intent = cluster.intents.remove_entry(name),
        "group" => keep.group = cluster.config.groups.remove_entry(name),
        "resource" => keep.resource = cluster.config.resources.remove_entry(name),
        "member" => keep.member = cluster.members.remove_entry(name),
        "node" => keep.node = cluster.config.nodes.remove_entry(name),
        "type" => keep.of_type = cluster.config.types.remove_entry(name),
        "history" => drop(cluster.history.remove(name)),
        "fence" => drop(cluster.fences.remove(name)),
        "observed" => {
            let (node, group) = name.split_once('/').expect("observed/N/G");
            if let Some(groups) = cluster.observed.get_mut(node) {
                groups.remove(group);
            }
        }
        "cluster" => {}
        "last-members" => cluster.last_members = None,
        _ => {}
    }
    let problem = Problem { key: key.to_owned(), sentence: "cannot be read".to_owned() };
    cluster.problems.insert(key.to_owned(), problem);
    kept.push(keep);
}

fn assignments(words: &[&str]) -> Vec<Assignment> {
    let one = |w: &&str| {
        let (name, value) = w.split_once('=').expect("NAME=VALUE");
        Assignment { name: name.to_owned(), node: None, value: value.to_owned() }
    };
    words.iter().map(one).collect()
}

/// Commands, shortened.
fn operation(text: &str) -> Operation {
    let words: Vec<&str> = text.split_whitespace().collect();
    let groups = |list: &str| list.split(',').map(GroupName::new).collect::<Vec<_>>();
    let nodes = |list: &str| list.split(',').map(NodeName::new).collect::<Vec<_>>();
    let resources = |list: &str| list.split(',').map(ResourceName::new).collect::<Vec<_>>();
    match words.as_slice() {
        ["scswitch", "-z", "-g", g, "-h", n] => {
            Operation::Switch { groups: groups(g), nodes: nodes(n) }
        }
        ["scswitch", "-z", "-g", g] => Operation::Remaster { groups: Some(groups(g)) },
        ["scswitch", "-z"] => Operation::Remaster { groups: None },
        ["scswitch", "-Z", "-g", g] => Operation::Online { groups: Some(groups(g)) },
        ["scswitch", "-Z"] => Operation::Online { groups: None },
        ["scswitch", "-F", "-g", g] => Operation::Offline { groups: groups(g) },
        ["scswitch", "-R", "-h", n, "-g", g] => {
            Operation::RestartGroups { groups: groups(g), nodes: nodes(n) }
        }
        ["scswitch", "-R", "-j", r] => Operation::RestartResources { resources: resources(r) },
        ["scswitch", "-S", "-h", n] => Operation::Evacuate { nodes: nodes(n), hold_s: 60 },
        ["scswitch", "-S", "-h", n, "-K", s] => {
            Operation::Evacuate { nodes: nodes(n), hold_s: s.parse().expect("seconds") }
        }
        ["scswitch", switch @ ("-e" | "-n"), "-j", r] => Operation::SwitchResources {
            resources: resources(r),
            nodes: None,
            monitor: false,
            on: *switch == "-e",
        },
        ["scswitch", "-o", "-g", g] => Operation::Manage { groups: groups(g) },
        ["scswitch", "-u", "-g", g] => Operation::Unmanage { groups: groups(g) },
        ["scswitch", "-c", "-h", n, "-j", r] => {
            Operation::ClearStopFailed { resources: resources(r), nodes: nodes(n) }
        }
        ["scswitch", "-Q", "-g", g] => Operation::Quiesce { groups: Some(groups(g)), kill: false },
        ["scswitch", "-Q", "-k", "-g", g] => {
            Operation::Quiesce { groups: Some(groups(g)), kill: true }
        }
        ["scswitch", "-s", "-g", g] => Operation::Suspend { groups: Some(groups(g)), kill: false },
        ["scswitch", "-r", "-g", g] => Operation::Resume { groups: Some(groups(g)) },
        _ => configuration(&words).unwrap_or_else(|| panic!("no command: {text}")),
    }
}

/// Those that are no scswitch.
fn configuration(words: &[&str]) -> Option<Operation> {
    Some(match words {
        ["create", group, rest @ ..] => {
            Operation::CreateGroup { group: GroupName::new(group), assignments: assignments(rest) }
        }
        ["change", group, rest @ ..] => {
            Operation::ChangeGroup { group: GroupName::new(group), assignments: assignments(rest) }
        }
        ["remove", "group", group] => Operation::RemoveGroup { group: GroupName::new(group) },
        ["remove", "node", n] => Operation::RemoveNode { node: NodeName::new(n) },
        ["create-first", r, "of", of_type, "in", g] => Operation::CreateResource {
            resource: ResourceName::new(r),
            type_name: (*of_type).to_owned(),
            group: GroupName::new(g),
            system: Vec::new(),
            extension: Vec::new(),
            enabled: true,
            builtin: Some(Box::new(super::setup::resource_type(of_type))),
        },
        ["remove", "resource", r] => Operation::RemoveResource { resource: ResourceName::new(r) },
        ["tune", r, rest @ ..] => Operation::ChangeResource {
            resource: ResourceName::new(r),
            system: assignments(rest),
            extension: Vec::new(),
        },
        ["set", rest @ ..] => Operation::SetCluster { assignments: assignments(rest) },
        ["confirm-dead", n] => Operation::ConfirmDead { node: NodeName::new(n) },
        ["maintenance", n, on] => {
            Operation::SetMaintenance { node: NodeName::new(n), on: *on == "on" }
        }
        ["fencing", n] => {
            Operation::SetFencing { node: NodeName::new(n), fencing: Some(super::setup::fencing()) }
        }
        [verb @ ("giveover" | "check-giveover"), r, "of", g, "from", n] => Operation::Giveover {
            resource: ResourceName::new(r),
            group: GroupName::new(g),
            node: NodeName::new(n),
            check_only: *verb == "check-giveover",
        },
        ["control-restart", r, "of", g, "on", n] => Operation::ControlRestart {
            resource: ResourceName::new(r),
            group: GroupName::new(g),
            node: NodeName::new(n),
            check_only: false,
        },
        _ => return None,
    })
}

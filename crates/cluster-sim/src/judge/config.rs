//! Configuration: "what was accepted is in the store, what was refused has changed nothing, and nothing else changes it".

use crate::world::World;
use rgm::store::{Key, Object, Raw, Transaction};
use rgm::{Cluster, Configuration, RequestId};
use std::str::FromStr;

/// The cluster before a transaction that answers a request.
#[derive(Debug)]
pub(crate) struct Before {
    request: RequestId,
    cluster: Cluster,
}

pub(crate) fn before_commit(world: &World, transaction: &Transaction) -> Option<Before> {
    let request =
        transaction.writes.iter().find_map(|(key, value, _)| match Key::from_str(key) {
            Ok(Key::Request(id)) if value.is_none() => Some(id),
            _ => None,
        })?;
    Some(Before { request, cluster: world.truth.clone() })
}

pub(crate) fn after_commit(world: &mut World, transaction: &Transaction, before: Option<Before>) {
    world.look_at_store();
    let Some(before) = before else { return };
    let Some(answer) = world.truth.answers.get(&before.request) else { return };
    let is_accepted = answer.refusal.is_none();
    let Some(request) = before.cluster.requests.get(&before.request).cloned() else { return };
    if !is_accepted {
        if world.truth.config != before.cluster.config {
            let what =
                format!("{:?} was refused and has changed the configuration", request.operation);
            world.violate("configuration", what);
        }
        return;
    }
    let by_monitor = matches!(
        request.operation,
        rgm::Operation::Giveover { .. } | rgm::Operation::ControlRestart { .. }
    );
    if !by_monitor {
        world.memory.failed_starts.clear();
    }
    // What does not fit into one step is written in several; there are no such operations here.
    let now_ms = answer.at_ms;
    if let Ok(accepted) = rgm::operation::decide(&before.cluster, now_ms, &request.operation)
        && accepted.config != world.truth.config
    {
        let written: Vec<&String> = transaction.writes.iter().map(|(key, ..)| key).collect();
        let what =
            format!("{:?} was accepted, and of it only {written:?} written", request.operation);
        world.violate("configuration", what);
    }
    if let rgm::Operation::ConfirmDead { node } = &request.operation
        && let Some(h) = world.hosts.iter().position(|host| host.name == *node)
    {
        super::fencing::joined(world, h, rgm::Incarnation(0));
    }
}

/// Puts a configuration into the store, before anything begins.
pub(crate) fn write(world: &mut World, config: &Configuration) {
    let cluster = (Key::Cluster, Object::Cluster(config.cluster.clone()));
    let nodes = config.nodes.iter().map(|(k, v)| (Key::Node(k.clone()), Object::Node(v.clone())));
    let types = config.types.iter().map(|(k, v)| (Key::Type(k.clone()), Object::Type(v.clone())));
    let groups =
        config.groups.iter().map(|(k, v)| (Key::Group(k.clone()), Object::Group(v.clone())));
    let resources = config
        .resources
        .iter()
        .map(|(k, v)| (Key::Resource(k.clone()), Object::Resource(v.clone())));
    let all = std::iter::once(cluster).chain(nodes).chain(types).chain(groups).chain(resources);
    let put = |(key, object): (Key, Object)| control::Op::Put {
        key: key.to_string(),
        value: object.encode(),
        lease: None,
    };
    let ops = all.map(put).collect();
    let txn = control::Txn { guards: Vec::new(), ops };
    if let Err(error) = world.store.txn(world.now, txn) {
        world.violate("configuration", format!("it cannot be preloaded: {error}"));
    }
    world.look_at_store();
}

pub(crate) fn note_groups(world: &mut World, key: &str, raw: Option<&Raw>) {
    let mut scratch = Cluster::default();
    scratch.apply(key, raw.cloned());
    for (name, group) in scratch.config.groups {
        let maximum = world.memory.maximum.entry(name.clone()).or_insert(1);
        if group.mode == rgm::GroupMode::Scalable {
            *maximum = (*maximum).max(group.maximum_primaries);
        }
        if group.suspended || !group.managed {
            world.memory.left_alone.insert(name);
        }
    }
}

//! The lines of a script that describe the cluster.
//!
//! ```text
//! nodes n1 n2 n3            node n1 fencing|maintenance      set NAME VALUE
//! group web on n1 n2 [failback] [suspended] [unmanaged] [manual] [max=2] [desired=2] [pingpong=60] [++db] [+++db] [+db] [--db] [-db] [after=db]
//! resource r in web [disk|ip] [SOFT|HARD|…] [disabled] [only=n1,n2]
//! ```

use super::world::World;
use rgm::{
    Affinity, AffinityKind, ClusterSettings, Dependencies, FailoverMode, Fencing, Group, GroupMode,
    GroupName, NodeConfig, NodeName, PropertyName, PropertyValue, Resource, ResourceName, Switch,
    TypeConfig, TypeName,
};
use rtr::{Method, Property, PropertyKind, Range, ResourceType, SystemDefined};
use std::collections::BTreeMap;

/// Reads one line.
pub(super) fn line(world: &mut World, line: &str) {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        ["nodes", names @ ..] => names.iter().for_each(|n| add_node(world, n)),
        ["node", name, settings @ ..] => {
            add_node(world, name);
            let node = world.cluster.config.nodes.get_mut(*name).expect("just added");
            for setting in settings {
                match *setting {
                    "fencing" => node.fencing = Some(fencing()),
                    "maintenance" => node.maintenance = true,
                    other => panic!("node: {other}"),
                }
            }
        }
        ["set", name, value] => set(&mut world.cluster.config.cluster, name, value),
        ["group", name, "on", rest @ ..] => {
            let group = group(rest);
            world.cluster.config.groups.insert(GroupName::new(name), group);
        }
        ["resource", name, "in", group, rest @ ..] => resource(world, name, group, rest),
        _ => panic!("no line of a cluster: {line}"),
    }
}

pub(super) fn fencing() -> Fencing {
    Fencing { agent: "fence_fake".to_owned(), options: BTreeMap::new(), timeout_s: 60 }
}

fn add_node(world: &mut World, name: &str) {
    let nodes = &mut world.cluster.config.nodes;
    let id = u32::try_from(nodes.len()).expect("few") + 1;
    let node = NodeConfig { id, fencing: None, maintenance: false };
    nodes.entry(NodeName::new(name)).or_insert(node);
}

pub(super) fn set(settings: &mut ClusterSettings, name: &str, value: &str) {
    let truth = value.eq_ignore_ascii_case("true");
    match name {
        "new_cluster_wait_s" => settings.new_cluster_wait_s = value.parse().expect("seconds"),
        "retry_after_pingpong" => settings.retry_after_pingpong = truth,
        "sticky_offline" => settings.sticky_offline = truth,
        "unfenced_storage_allowed" => settings.unfenced_storage_allowed = truth,
        other => panic!("no setting: {other}"),
    }
}

fn group(words: &[&str]) -> Group {
    let mut group = Group { managed: true, ..Group::default() };
    for word in words {
        let affinity = [
            ("+++", AffinityKind::StrongPositiveDelegating),
            ("++", AffinityKind::StrongPositive),
            ("+", AffinityKind::WeakPositive),
            ("--", AffinityKind::StrongNegative),
            ("-", AffinityKind::WeakNegative),
        ];
        let affinity =
            affinity.iter().find_map(|(sign, kind)| Some((word.strip_prefix(sign)?, *kind)));
        let value = word.split_once('=').map_or("", |(_, value)| value);
        if let Some((target, kind)) = affinity {
            group.affinities.push(Affinity { kind, target: GroupName::new(target) });
            continue;
        }
        match word.split('=').next().unwrap_or_default() {
            "failback" => group.failback = true,
            "suspended" => group.suspended = true,
            "unmanaged" => group.managed = false,
            "manual" => group.auto_start_on_new_cluster = false,
            "max" => {
                group.maximum_primaries = value.parse().expect("a number");
                group.mode = GroupMode::Scalable;
            }
            "desired" => group.desired_primaries = value.parse().expect("a number"),
            "pingpong" => group.pingpong_interval_s = value.parse().expect("seconds"),
            "after" => group.dependencies.push(GroupName::new(value)),
            node => group.nodelist.push(NodeName::new(node)),
        }
    }
    group
}

fn resource(world: &mut World, name: &str, group: &str, words: &[&str]) {
    let mut kind = "app";
    let mut installed = None;
    let mut resource = Resource {
        group: GroupName::new(group),
        type_name: TypeName::new("app"),
        description: String::new(),
        enabled: Switch::everywhere(true),
        monitored: Switch::everywhere(true),
        dependencies: Dependencies::default(),
        failover_mode: FailoverMode::Soft,
        values: BTreeMap::new(),
        generation: 0,
    };
    for word in words {
        if let Some(nodes) = word.strip_prefix("only=") {
            installed = Some(nodes.split(',').map(NodeName::new).collect());
            continue;
        }
        match *word {
            "disk" | "ip" => kind = word,
            "disabled" => resource.enabled = Switch::everywhere(false),
            "NONE" => resource.failover_mode = FailoverMode::None,
            "RESTART_ONLY" => resource.failover_mode = FailoverMode::RestartOnly,
            "LOG_ONLY" => resource.failover_mode = FailoverMode::LogOnly,
            other => panic!("resource: {other}"),
        }
    }
    if kind == "disk" {
        let value = PropertyValue { value: vec!["/data".to_owned()], ..PropertyValue::default() };
        resource.values.insert(PropertyName::new("FilesystemMountPoints"), value);
    }
    let full = if installed.is_some() { format!("{kind}-of-{name}") } else { kind.to_owned() };
    resource.type_name = TypeName::new(&full);
    let of_type = TypeConfig {
        rtr: resource_type(kind),
        installed_nodes: installed,
        system: false,
        path: String::new(),
    };
    world.cluster.config.types.insert(resource.type_name.clone(), of_type);
    world.cluster.config.resources.insert(ResourceName::new(name), resource);
}

pub(super) fn resource_type(kind: &str) -> ResourceType {
    let base = match kind {
        "disk" => "HAStoragePlus",
        "ip" => "LogicalHostname",
        other => other,
    };
    let methods = [
        (Method::Start, "start"),
        (Method::Stop, "stop"),
        (Method::Validate, "validate"),
        (Method::MonitorCheck, "monitor_check"),
    ];
    let mount_points = Property {
        name: "FilesystemMountPoints".to_owned(),
        extension: true,
        per_node: false,
        kind: PropertyKind::StringArray { length: Range::default(), size: Range::default() },
        default: Some(Vec::new()),
        tunable: None,
        description: None,
    };
    ResourceType {
        resource_type: base.to_owned(),
        vendor_id: None,
        rt_version: "1".to_owned(),
        rt_description: String::new(),
        api_version: 2,
        rt_basedir: Some("/opt/app".to_owned()),
        failover: false,
        single_instance: false,
        init_nodes: rtr::InitNodes::RgPrimaries,
        pkglist: Vec::new(),
        rt_system: false,
        global_zone: false,
        proxy: false,
        sysdefined_type: (kind == "ip").then_some(SystemDefined::LogicalHostname),
        methods: methods.into_iter().map(|(m, p)| (m, p.to_owned())).collect(),
        upgrade: None,
        properties: if kind == "disk" { vec![mount_points] } else { Vec::new() },
    }
}

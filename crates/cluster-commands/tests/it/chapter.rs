//! The chapter's command lines, as they are printed there: each asks for exactly the right operation.

use crate::cluster;
use crate::daemon::Daemon;
use node_api::Ask;
use rgm::{Assignment, GroupName, NodeName, Operation, ResourceName};

const IIM: &str = "RESOURCE_TYPE = \"iim\"; VENDOR_ID = SUNW; RT_VERSION = \"7\"; START = /bin/true; STOP = /bin/true;
{ PROPERTY = Port_list; DEFAULT = ; TUNABLE = ANYTIME; }
{ PROPERTY = Confdir_list; EXTENSION; STRINGARRAY; TUNABLE = AT_CREATION; DESCRIPTION = \"x\"; }";

fn set(name: &str, value: &str) -> Assignment {
    Assignment { name: name.to_owned(), node: None, value: value.to_owned() }
}

fn g(name: &str) -> GroupName {
    GroupName::new(name)
}

fn r(name: &str) -> ResourceName {
    ResourceName::new(name)
}

fn n(name: &str) -> NodeName {
    NodeName::new(name)
}

/// What was asked, with `builtin` as a truth value apart.
fn asked(line: &str) -> (Operation, bool) {
    let daemon = Daemon::agreeing(cluster::empty().done());
    std::fs::write(daemon.rtreg().join("SUNW.iim"), IIM).unwrap();
    let ran = daemon.line(line);
    assert_eq!((ran.code, ran.err.as_str(), ran.out.as_str()), (0, "", ""), "{line}");
    let mut asked = daemon.asked();
    assert_eq!(asked.len(), 1, "{line}");
    let Some(Ask::Submit { mut operation, wait: true, timeout_s: None }) = asked.pop() else {
        panic!("{line} asked {asked:?}");
    };
    let mut has_builtin = false;
    if let Operation::CreateResource { builtin, .. } = &mut *operation {
        has_builtin = builtin.take().is_some();
    }
    (*operation, has_builtin)
}

fn create(
    (resource, type_name): (&str, &str),
    group: &str,
    system: Vec<Assignment>,
    extension: Vec<Assignment>,
) -> Operation {
    Operation::CreateResource {
        resource: r(resource),
        type_name: type_name.to_owned(),
        group: g(group),
        system,
        extension,
        enabled: false,
        builtin: None,
    }
}

fn switched(resource: &str, on: bool) -> Operation {
    Operation::SwitchResources { resources: vec![r(resource)], nodes: None, monitor: false, on }
}

#[test]
fn every_command_of_the_chapter_asks_for_the_right_operation() {
    let group = "im_resource_group";
    let cases: Vec<(&str, Operation, bool)> = vec![
        (
            "scrgadm -a -g im_resource_group -h im-node-2,im-node-1",
            Operation::CreateGroup {
                group: g(group),
                assignments: vec![set("Nodelist", "im-node-2,im-node-1")],
            },
            false,
        ),
        (
            "scrgadm -a -L -g im_resource_group -l im_logical_host",
            create(
                ("im_logical_host", "SUNW.LogicalHostname"),
                group,
                vec![],
                vec![set("HostnameList", "im_logical_host")],
            ),
            true,
        ),
        (
            "scswitch -Z -g im_resource_group",
            Operation::Online { groups: Some(vec![g(group)]) },
            false,
        ),
        (
            "scrgadm -a -j im_resource_group_store -g im_resource_group -t SUNW.HAStorage -x FileSystemMountPoints=/global/im -x AffinityOn=True",
            create(
                ("im_resource_group_store", "SUNW.HAStorage"),
                group,
                vec![],
                vec![set("FileSystemMountPoints", "/global/im"), set("AffinityOn", "True")],
            ),
            true,
        ),
        (
            "scrgadm -a -j im-resource-group-store -g im-resource-group -t SUNW.HAStorage -x ServicePaths=/global/im -x AffinityOn=True",
            create(
                ("im-resource-group-store", "SUNW.HAStorage"),
                "im-resource-group",
                vec![],
                vec![set("ServicePaths", "/global/im"), set("AffinityOn", "True")],
            ),
            true,
        ),
        (
            "scswitch -e -j im_resource_group_store",
            switched("im_resource_group_store", true),
            false,
        ),
        (
            "scrgadm -a -j im_resource -g im_resource_group -t SUNW.iim -x Confdir_list=/global/im/im_resource_group -y Resource_dependencies=im_resource_group_store -y Port_list=80/tcp",
            create(
                ("im_resource", "SUNW.iim"),
                group,
                vec![
                    set("Resource_dependencies", "im_resource_group_store"),
                    set("Port_list", "80/tcp"),
                ],
                vec![set("Confdir_list", "/global/im/im_resource_group")],
            ),
            false,
        ),
        ("scswitch -e -j im_resource", switched("im_resource", true), false),
        (
            "scswitch -z -g im_resource_group -h im_node_2",
            Operation::Switch { groups: vec![g(group)], nodes: vec![n("im_node_2")] },
            false,
        ),
        ("scswitch -n -j im_resource", switched("im_resource", false), false),
        (
            "scswitch -R -j im_resource",
            Operation::RestartResources { resources: vec![r("im_resource")] },
            false,
        ),
        ("scswitch -F -g im_resource_group", Operation::Offline { groups: vec![g(group)] }, false),
        ("scswitch -n -j im_logical_host", switched("im_logical_host", false), false),
        (
            "scrgadm -r -j im_resource",
            Operation::RemoveResource { resource: r("im_resource") },
            false,
        ),
        ("scrgadm -r -g im_resource_group", Operation::RemoveGroup { group: g(group) }, false),
        (
            "scrgadm -r -t SUNW.iim",
            Operation::RemoveType { type_name: "SUNW.iim".to_owned() },
            false,
        ),
    ];
    for (line, expected, builtin) in cases {
        assert_eq!(asked(line), (expected, builtin), "{line}");
    }
}

#[test]
fn registering_sends_the_file_that_was_found() {
    let (operation, _) = asked("scrgadm -a -t SUNW.iim");
    let Operation::RegisterType { rtr, path, installed_nodes: None } = operation else {
        panic!("{operation:?}");
    };
    assert_eq!(rtr.full_name(), "SUNW.iim");
    assert!(path.ends_with("rtreg/SUNW.iim"), "{path}");
    let (operation, _) = asked("scrgadm -a -t SUNW.gds -h im-node-1");
    let Operation::RegisterType { path, installed_nodes, .. } = operation else { panic!() };
    assert_eq!((path.as_str(), installed_nodes), ("built in", Some(vec![n("im-node-1")])));
}

#[test]
fn every_other_form_asks_for_the_right_operation() {
    let gs = |list: &[&str]| list.iter().map(|x| g(x)).collect::<Vec<_>>();
    let ns = |list: &[&str]| list.iter().map(|x| n(x)).collect::<Vec<_>>();
    let rs = |list: &[&str]| list.iter().map(|x| r(x)).collect::<Vec<_>>();
    let address = |extension| create(("lh", "SUNW.LogicalHostname"), "g", vec![], extension);
    let cases: Vec<(&str, Operation)> = vec![
        (
            "scrgadm -g g -ah n1,n2",
            Operation::CreateGroup { group: g("g"), assignments: vec![set("Nodelist", "n1,n2")] },
        ),
        (
            "scrgadm -ag g -yFailback=TRUE -y RG_description=\"a b\"",
            Operation::CreateGroup {
                group: g("g"),
                assignments: vec![set("Failback", "TRUE"), set("RG_description", "a b")],
            },
        ),
        (
            "scrgadm -c -g g -y Pathprefix=",
            Operation::ChangeGroup { group: g("g"), assignments: vec![set("Pathprefix", "")] },
        ),
        (
            "scrgadm -c -j r -x \"p{n1}=v=w\" -y Retry_count=1",
            Operation::ChangeResource {
                resource: r("r"),
                system: vec![set("Retry_count", "1")],
                extension: vec![Assignment {
                    name: "p".to_owned(),
                    node: Some(n("n1")),
                    value: "v=w".to_owned(),
                }],
            },
        ),
        (
            "scrgadm -c -t gds -h *",
            Operation::ChangeType {
                type_name: "gds".to_owned(),
                installed_nodes: Some(None),
                system: None,
            },
        ),
        (
            "scrgadm -c -t SUNW.gds:6 -y RT_system=True -y Installed_nodes=n1",
            Operation::ChangeType {
                type_name: "SUNW.gds:6".to_owned(),
                installed_nodes: Some(Some(ns(&["n1"]))),
                system: Some(true),
            },
        ),
        (
            "scrgadm -a -L -g g -l a.example,10.0.0.1 -j lh -n eth0@n1,eth1@2",
            address(vec![
                set("HostnameList", "a.example,10.0.0.1"),
                set("NetIfList", "eth0@n1,eth1@2"),
            ]),
        ),
        ("scrgadm -l lh -aLg g", address(vec![set("HostnameList", "lh")])),
        (
            "scrgadm -a -S -g g -l sa -X n3",
            create(
                ("sa", "SUNW.SharedAddress"),
                "g",
                vec![],
                vec![set("HostnameList", "sa"), set("AuxNodeList", "n3")],
            ),
        ),
        (
            "scswitch -z -g a,b -h n1,n2",
            Operation::Switch { groups: gs(&["a", "b"]), nodes: ns(&["n1", "n2"]) },
        ),
        ("scswitch -h \"\" -z -g a", Operation::Switch { groups: gs(&["a"]), nodes: vec![] }),
        ("scswitch -z", Operation::Remaster { groups: None }),
        ("scswitch -z -g a", Operation::Remaster { groups: Some(gs(&["a"])) }),
        ("scswitch -Z", Operation::Online { groups: None }),
        ("scswitch -F -g a,b", Operation::Offline { groups: gs(&["a", "b"]) }),
        (
            "scswitch -R -h n1 -g a",
            Operation::RestartGroups { groups: gs(&["a"]), nodes: ns(&["n1"]) },
        ),
        ("scswitch -R -j a,b", Operation::RestartResources { resources: rs(&["a", "b"]) }),
        ("scswitch -S -h n1", Operation::Evacuate { nodes: ns(&["n1"]), hold_s: 60 }),
        ("scswitch -S -h n1 -K 65535", Operation::Evacuate { nodes: ns(&["n1"]), hold_s: 65_535 }),
        (
            "scswitch -e -M -j a -h n1",
            Operation::SwitchResources {
                resources: rs(&["a"]),
                nodes: Some(ns(&["n1"])),
                monitor: true,
                on: true,
            },
        ),
        (
            "scswitch -nMj a",
            Operation::SwitchResources {
                resources: rs(&["a"]),
                nodes: None,
                monitor: true,
                on: false,
            },
        ),
        ("scswitch -o -g a", Operation::Manage { groups: gs(&["a"]) }),
        ("scswitch -u -g a", Operation::Unmanage { groups: gs(&["a"]) }),
        (
            "scswitch -c -h n1 -j a -f STOP_FAILED",
            Operation::ClearStopFailed { resources: rs(&["a"]), nodes: ns(&["n1"]) },
        ),
        (
            "scswitch -c -f stop_failed -h n1,n2 -j a,b",
            Operation::ClearStopFailed { resources: rs(&["a", "b"]), nodes: ns(&["n1", "n2"]) },
        ),
        ("scswitch -Q", Operation::Quiesce { groups: None, kill: false }),
        ("scswitch -Q -g a -k", Operation::Quiesce { groups: Some(gs(&["a"])), kill: true }),
        ("scswitch -s -k", Operation::Suspend { groups: None, kill: true }),
        ("scswitch -s -g a", Operation::Suspend { groups: Some(gs(&["a"])), kill: false }),
        ("scswitch -r", Operation::Resume { groups: None }),
    ];
    for (line, expected) in cases {
        assert_eq!(asked(line).0, expected, "{line}");
    }
}

//! Commands in any order: whatever is accepted leaves a configuration in which everything that is named exists and nothing goes in a circle.

use super::world::World;
use proptest::prelude::*;
use rgm::{Configuration, DependencyKind, GroupState};

const COMMANDS: [&str; 34] = [
    "scrgadm -a -g a -h n1,n2",
    "scrgadm -a -g b -h n2,n1 -y RG_affinities=++a",
    "scrgadm -a -g c -y RG_dependencies=a -y Maximum_primaries=2",
    "scrgadm -c -g a -y RG_dependencies=c",
    "scrgadm -c -g a -y RG_affinities=--b",
    "scrgadm -c -g a -y RG_affinities=",
    "scrgadm -c -g a -h n1",
    "scrgadm -c -g a -h n1,n2,n3",
    "scrgadm -r -g a",
    "scrgadm -r -g b",
    "scrgadm -r -g c",
    "scrgadm -a -L -g a -l lh",
    "scrgadm -a -j x -g a -t gds -x Start_command=x",
    "scrgadm -a -j y -g a -t gds -x Start_command=x -y Resource_dependencies=x",
    "scrgadm -a -j z -g b -t gds -x Start_command=x -y Resource_dependencies_weak=y",
    "scrgadm -c -j x -y Resource_dependencies_restart=z",
    "scrgadm -c -j x -y Resource_dependencies_restart=",
    "scrgadm -c -j y -y Network_resources_used=lh",
    "scrgadm -c -j lh -y Resource_dependencies=x",
    "scrgadm -r -j x",
    "scrgadm -r -j y",
    "scrgadm -r -j lh",
    "scrgadm -r -t gds",
    "scrgadm -a -t SUNW.gds",
    "scrgadm -c -t gds -h n1,n2",
    "scswitch -Z -g a",
    "scswitch -Z",
    "scswitch -e -j x,y",
    "scswitch -n -j x,y,z,lh",
    "scswitch -F -g a,b",
    "scswitch -u -g a",
    "scswitch -z -g a -h n2",
    "scswitch -S -h n1",
    "steadfast node remove n3",
];

fn is_whole(config: &Configuration) {
    for (name, resource) in &config.resources {
        assert!(config.types.contains_key(&resource.type_name), "type of {name}");
        assert!(config.groups.contains_key(&resource.group), "group of {name}");
        for kind in DependencyKind::ALL {
            for on in resource.depends(kind) {
                assert!(config.resources.contains_key(on), "{name} depends on {on}");
            }
        }
        assert!(!config.reaches(name, name), "{name} depends on itself");
        let used = config.value(resource, "Network_resources_used", None).unwrap_or_default();
        assert!(used.iter().all(|u| config.resources.contains_key(u.as_str())), "{name} uses");
    }
    for (name, group) in &config.groups {
        assert!(!group.nodelist.is_empty(), "nodes of {name}");
        assert!(group.nodelist.iter().all(|n| config.nodes.contains_key(n)), "nodes of {name}");
        assert!(group.dependencies.iter().all(|g| config.groups.contains_key(g)), "{name}");
        let mut targets = group.affinities.iter().map(|a| &a.target);
        assert!(targets.all(|g| config.groups.contains_key(g)), "affinities of {name}");
        assert!(group.desired_primaries <= group.maximum_primaries, "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    #[test]
    fn whatever_is_accepted_leaves_the_configuration_whole(
        picks in prop::collection::vec((0..COMMANDS.len(), any::<bool>()), 1..60)
    ) {
        let mut world = World::with_types();
        for (pick, online) in picks {
            if world.decide(COMMANDS[pick]).is_ok() {
                world.does(COMMANDS[pick]);
            }
            is_whole(&world.cluster.config);
            if world.cluster.config.groups.contains_key("a") {
                let state = if online { GroupState::Online } else { GroupState::Offline };
                world.is("a", "n1", state);
            }
        }
    }
}

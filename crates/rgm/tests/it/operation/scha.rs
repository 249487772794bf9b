//! The lines that `scha_*_get` print.

use super::world::{NOW_MS, World};
use rgm::scha::Asker;
use rgm::{NodeName, Refusal, Status};

/// Runs a command line on n2: `resource app TAG args`, `group im TAG args`, `type gds TAG`, `cluster TAG args`.
fn ask(world: &World, line: &str) -> Result<Vec<String>, Refusal> {
    let node = NodeName::new("n2");
    let asker = Asker { cluster: &world.cluster, node: &node, now_ms: NOW_MS };
    let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
    match words[0].as_str() {
        "resource" => asker.resource_get(&words[2], &words[1].as_str().into(), None, &words[3..]),
        "group" => asker.resourcegroup_get(&words[2], &words[1].as_str().into(), &words[3..]),
        "type" => asker.resourcetype_get(&words[2], &words[1]),
        _ => asker.cluster_get(&words[1], &words[2..]),
    }
}

fn world() -> World {
    let mut world = World::with_im_online();
    world.does("scrgadm -c -j app -x Level{n1}=high");
    let app = world.resource("im", "n2", "app");
    (app.status, app.status_message) = (Status::Degraded, "slow".into());
    app.restarts_ms = vec![NOW_MS - 371_000, NOW_MS - 370_000, NOW_MS - 1];
    world
}

fn answers(cases: &[(&str, &[&str])]) {
    let world = world();
    for (line, expect) in cases {
        assert_eq!(ask(&world, line).unwrap_or_else(|r| panic!("{line}: {r}")), *expect, "{line}");
    }
}

#[test]
fn every_tag_of_a_resource_answers_in_its_format() {
    answers(&[
        ("resource app EXTENSION Start_command", &["STRING", "/bin/app"]),
        ("resource app extension LEVEL", &["ENUM", "low"]),
        ("resource app EXTENSION_NODE Level n1", &["ENUM", "high"]),
        ("resource app EXTENSION Log_dir", &["STRING", ""]),
        ("resource app EXTENSION Probe_timeout", &["INT", "30"]),
        ("resource lh EXTENSION HostnameList", &["STRINGARRAY", "lh"]),
        ("resource store EXTENSION ServicePaths", &["STRINGARRAY", "/global/im"]),
        ("resource store EXTENSION FileSystemMountPoints", &["STRINGARRAY"]),
        ("resource store EXTENSION AffinityOn", &["BOOLEAN", "FALSE"]),
        (
            "resource app ALL_EXTENSIONS",
            &["Start_command", "Probe_timeout", "Level", "Serial", "Log_dir"],
        ),
        ("resource app GROUP", &["im"]),
        ("resource app STATUS", &["DEGRADED", "slow"]),
        ("resource app STATUS_NODE n1", &["OFFLINE", ""]),
        ("resource app RESOURCE_STATE", &["ONLINE"]),
        ("resource app resource_state_node n1", &["OFFLINE"]),
        ("resource app ON_OFF_SWITCH", &["ENABLED"]),
        ("resource app MONITORED_SWITCH_NODE n1", &["ENABLED"]),
        ("resource app NUM_RESOURCE_RESTARTS", &["2"]),
        ("resource app NUM_RG_RESTARTS", &["0"]),
        ("resource app TYPE", &["SUNW.gds"]),
        ("resource app TYPE_VERSION", &["1"]),
        ("resource app R_DESCRIPTION", &[""]),
        ("resource app RESOURCE_DEPENDENCIES", &["store"]),
        ("resource app RESOURCE_DEPENDENCIES_WEAK", &[]),
        ("resource app NETWORK_RESOURCES_USED", &["lh"]),
        ("resource app PORT_LIST", &[]),
        ("resource app RETRY_COUNT", &["2"]),
        ("resource app START_TIMEOUT", &["3600"]),
        ("resource lh FAILOVER_MODE", &["HARD"]),
        ("resource app FAILOVER", &["FALSE"]),
        ("resource app START", &["start"]),
        ("resource app INIT_NODES", &["RG_PRIMARIES"]),
        ("resource app INSTALLED_NODES", &["*"]),
        ("resource lh IS_LOGICAL_HOSTNAME", &["TRUE"]),
    ]);
}

#[test]
fn every_tag_of_groups_types_and_the_cluster_answers_in_its_format() {
    answers(&[
        ("group im NODELIST", &["n2", "n1"]),
        ("group im RG_MODE", &["Failover"]),
        ("group im rg_state", &["ONLINE"]),
        ("group im RG_STATE_NODE n1", &["OFFLINE"]),
        ("group im RG_IS_FROZEN", &["FALSE"]),
        ("group im RESOURCE_LIST", &["app", "lh", "store"]),
        ("group im GLOBAL_RESOURCES_USED", &["*"]),
        ("group im PINGPONG_INTERVAL", &["3600"]),
        ("group im PATHPREFIX", &[""]),
        ("group im RG_DEPENDENCIES", &[]),
        ("group im SUSPEND_AUTOMATIC_RECOVERY", &["FALSE"]),
        ("type gds INSTALLED_NODES", &["*"]),
        ("type SUNW.gds MONITOR_START", &["mon"]),
        ("type gds MONITOR_CHECK", &[""]),
        ("type gds API_VERSION", &["2"]),
        ("type gds RT_BASEDIR", &["/gds"]),
        ("type gds RESOURCE_LIST", &["app"]),
        ("type gds PKGLIST", &[]),
        ("cluster CLUSTERNAME", &["steadfast"]),
        ("cluster NODENAME_LOCAL", &["n2"]),
        ("cluster NODEID_LOCAL", &["2"]),
        ("cluster NODENAME_NODEID 3", &["n3"]),
        ("cluster NODEID_NODENAME n3", &["3"]),
        ("cluster ALL_NODENAMES", &["n1", "n2", "n3"]),
        ("cluster ALL_NODEIDS", &["1", "2", "3"]),
        ("cluster NODESTATE_LOCAL", &["UP"]),
        ("cluster NODESTATE_NODE n3", &["DOWN"]),
        ("cluster PRIVATELINK_HOSTNAME_LOCAL", &["n2"]),
        ("cluster PRIVATELINK_HOSTNAME_NODE n1", &["n1"]),
        ("cluster ALL_PRIVATELINK_HOSTNAMES", &["n1", "n2", "n3"]),
        ("cluster ALL_RESOURCEGROUPS", &["im"]),
        ("cluster SYSLOG_FACILITY", &["3"]),
    ]);
}

#[test]
fn a_wrong_question_is_refused_with_its_code() {
    let world = world();
    let cases = [
        ("resource ap STATUS", 14, "there is no resource ap; did you mean app?"),
        ("resource app STATSU", 4, "scha_resource_get has no tag STATSU; did you mean STATUS?"),
        (
            "resource app Start_command",
            4,
            "START_COMMAND is an extension property: ask with -O EXTENSION Start_command",
        ),
        (
            "resource app EXTENSION",
            3,
            "EXTENSION needs the name of an extension property after the tag; give it",
        ),
        (
            "resource app EXTENSION Levle",
            15,
            "app has no extension property Levle; did you mean Level?",
        ),
        (
            "resource app STATUS_NODE",
            3,
            "STATUS_NODE needs the name of a node after the tag; give it",
        ),
        ("resource app STATUS_NODE n9", 11, "there is no node n9; did you mean n1?"),
        ("resource app STATUS n1", 3, "STATUS does not take the argument n1; leave it out"),
        (
            "resource app CHEAP_PROBE_INTERVAL",
            15,
            "app has no property Cheap_probe_interval, because its type SUNW.gds does not declare it",
        ),
        (
            "resource lh NUM_RG_RESTARTS",
            15,
            "NUM_RG_RESTARTS of lh is undefined, because its type does not declare Retry_interval",
        ),
        ("group in NODELIST", 12, "there is no resource group in; did you mean im?"),
        (
            "group im NODELITS",
            4,
            "scha_resourcegroup_get has no tag NODELITS; did you mean NODELIST?",
        ),
        (
            "type gsd START",
            13,
            "the resource type gsd is not registered; did you mean gds? If not, register it with scrgadm -a -t gsd",
        ),
        ("type gds STRAT", 4, "scha_resourcetype_get has no tag STRAT; did you mean START?"),
        ("cluster NODENAME_NODEID 9", 11, "there is no node with the id 9; the ids are 1, 2 and 3"),
        ("cluster BANANA", 4, "scha_cluster_get has no tag BANANA; its manual page lists the tags"),
    ];
    for (line, code, sentence) in cases {
        let refusal = ask(&world, line).unwrap_err();
        assert_eq!((refusal.code as u8, refusal.sentence.as_str()), (code, sentence), "{line}");
    }
}

#[test]
fn a_resource_whose_fini_is_owed_still_answers_on_that_node() {
    let mut world = World::with_im();
    world.does("scswitch -o -g im");
    world.does("scrgadm -r -j app");
    assert_eq!(
        ask(&world, "resource app EXTENSION Start_command").unwrap(),
        ["STRING", "/bin/app"]
    );
    world.cluster.fini.remove("n2");
    assert!(ask(&world, "resource app GROUP").is_err());
}

//! STOP methods that hang: with Failover_mode SOFT the group stays where it is until an operator clears it, with HARD the host is reset and the group moves.

use super::{judge, rig};
use hosts::faults::Rig;
use hosts::shell::wait_for;
use hosts::site::HOSTS;
use hosts::steadfast::{Settings, Steadfast, assign, write_script};
use rgm::Operation;
use std::fs;
use std::time::Duration;

const GROUP: &str = "stuck_rg";
const RESOURCE: &str = "stuck_rs";

/// A group whose one resource cannot be stopped while the file `stuck` is there, online on the first host.
fn prepare(rig: &Rig<Steadfast>, failover_mode: &str) {
    let (site, cluster) = (&rig.site, &rig.cluster);
    let bin = site.base().join("bin");
    let stuck = site.base().join("stuck");
    write_script(&bin.join("stuck_start"), "exit 0").unwrap();
    write_script(&bin.join("stuck_stop"), &format!("test ! -e {} || sleep 1000", stuck.display()))
        .unwrap();
    let text = format!(
        "RESOURCE_TYPE = \"stuck\";\nVENDOR_ID = HOSTS;\nRT_VERSION = \"1\";\nAPI_VERSION = 6;\nFAILOVER = TRUE;\nRT_BASEDIR = {};\n\
         START = stuck_start;\nSTOP = stuck_stop;\n{{ PROPERTY = Stop_timeout; MIN = 1; DEFAULT = 2; }}\n\
         {{ PROPERTY = Failover_mode; DEFAULT = {failover_mode}; TUNABLE = ANYTIME; }}\n",
        bin.display()
    );
    let parsed = rtr::parse("HOSTS.stuck", text.as_bytes()).unwrap_or_else(|e| panic!("{e}"));
    let order = |operation| cluster.order(site, 0, operation).unwrap_or_else(|e| panic!("{e:#}"));
    order(Operation::RegisterType {
        rtr: Box::new(parsed.resource_type),
        path: "stuck".to_owned(),
        installed_nodes: None,
    });
    order(Operation::CreateGroup {
        group: GROUP.into(),
        assignments: vec![assign("Nodelist", &HOSTS.join(","))],
    });
    order(Operation::CreateResource {
        resource: RESOURCE.into(),
        type_name: "HOSTS.stuck".to_owned(),
        group: GROUP.into(),
        system: Vec::new(),
        extension: Vec::new(),
        enabled: true,
        builtin: None,
    });
    order(Operation::Online { groups: Some(vec![GROUP.into()]) });
    order(Operation::Switch { groups: vec![GROUP.into()], nodes: vec![HOSTS[0].into()] });
    fs::write(stuck, b"").unwrap();
}

fn switch() -> Operation {
    Operation::Switch { groups: vec![GROUP.into()], nodes: vec![HOSTS[1].into()] }
}

#[test]
fn a_stop_that_hangs_with_mode_soft_waits_for_the_operator() {
    let rig = rig(Settings::DEFAULT);
    prepare(&rig, "SOFT");
    let (site, cluster) = (&rig.site, &rig.cluster);
    let refused = cluster.order(site, 0, switch()).unwrap_err();
    println!("{refused:#}");
    assert!(format!("{refused:#}").to_uppercase().contains("STOP"), "{refused:#}");
    fs::remove_file(site.base().join("stuck")).unwrap();
    let clear = Operation::ClearStopFailed {
        resources: vec![RESOURCE.into()],
        nodes: vec![HOSTS[0].into()],
    };
    cluster.order(site, 0, clear).unwrap_or_else(|e| panic!("{e:#}"));
    cluster.order(site, 0, switch()).unwrap_or_else(|e| panic!("{e:#}"));
    assert!(site.power.log().is_empty(), "a host was reset");
    judge(&rig);
}

#[test]
fn a_stop_that_hangs_with_mode_hard_resets_the_host_and_the_group_moves() {
    let mut rig = rig(Settings::DEFAULT);
    prepare(&rig, "HARD");
    // Its own daemon dies with the host, so the other one is asked.
    rig.cluster.order(&rig.site, 1, switch()).unwrap_or_else(|e| panic!("{e:#}"));
    let log = rig.site.power.log();
    assert!(log.iter().any(|(_, name)| name == HOSTS[0]), "nobody was reset: {log:?}");
    fs::remove_file(rig.site.base().join("stuck")).unwrap();
    // What else it ran moves, too; until then it may still be fenced.
    rig.site.serving(Duration::from_secs(60)).unwrap_or_else(|e| panic!("{e:#}"));
    hosts::faults::rejoin(&mut rig, 0).unwrap_or_else(|e| panic!("{e:#}"));
    wait_for("both are members again", Duration::from_secs(40), || {
        rig.cluster.members(&rig.site).map(Some)
    })
    .unwrap();
    judge(&rig);
}

//! The chapter on high availability, typed: its commands, in its order, as they are printed there, on two nodes with a client outside. After each, the exit code
//! and the state of everything is compared.
//!
//! SUNW.iim is a type of the test's own (`iim/`), as an agent's author would write it: an RTR file under `/usr/cluster/lib/rgm/rtreg` with the extension
//! properties of table 3–10 and methods as shell scripts.

use crate::lab::{Lab, SHARED_DISK};
use anyhow::Result;
use std::fs;

const NODES: [(&str, &str); 3] =
    [("im-node-1", "10.77.0.1"), ("im-node-2", "10.77.0.2"), ("client", "10.77.0.9")];
const METHODS: [&str; 7] = [
    "iim_svc_start",
    "iim_svc_stop",
    "iim_validate",
    "iim_update",
    "iim_monitor_start",
    "iim_monitor_stop",
    "iim_probe",
];
/// The state of the group and its resources, each on im-node-1 and im-node-2.
const STATES: &str = "
    g=im_resource_group
    of() { echo $1=$(scha_resourcegroup_get -O RG_STATE_NODE -G $1 im-node-1)/$(scha_resourcegroup_get -O RG_STATE_NODE -G $1 im-node-2); }
    scha_cluster_get -O ALL_RESOURCEGROUPS | grep -qx $g && of $g
    for r in $(scha_resourcegroup_get -O RESOURCE_LIST -G $g 2>/dev/null | sort)
    do echo $r=$(scha_resource_get -O RESOURCE_STATE_NODE -R $r -G $g im-node-1)/$(scha_resource_get -O RESOURCE_STATE_NODE -R $r -G $g im-node-2)
    done
    true";

/// Where runtime files are.
#[derive(Clone, Copy, PartialEq)]
enum Storage {
    /// A shared disk that is mounted where the group is.
    Failover,
    /// A file system that all nodes may mount at a time, mounted by the resource.
    Global,
    /// The same, mounted by the nodes when they start; the resource only waits for it.
    GlobalAtBoot,
}

fn cluster(storage: Storage) -> Result<Lab> {
    let lab = Lab::start(&NODES)?;
    let fstab = match storage {
        Storage::Failover => format!("{SHARED_DISK} /global/im ext4 noauto 0 0\n"),
        Storage::Global | Storage::GlobalAtBoot => {
            let at = lab.folder().join("global");
            fs::create_dir(&at)?;
            format!("{} /global/im none bind,x-steadfast.global 0 0\n", at.display())
        }
    };
    let hosts = "127.0.0.1 localhost\n10.77.0.1 im-node-1\n10.77.0.2 im-node-2\n10.77.0.20 im_logical_host\n";
    for (machine, _) in NODES {
        lab.put(machine, "/etc/hosts", hosts)?;
    }
    let store = lab.folder().join("control.db");
    let toml = format!(
        "[cluster]\nname = \"{}\"\n[store]\nengine = \"embedded\"\npath = \"{}\"\n[lease]\ntime_s = 5\n",
        lab.cluster_name(),
        store.display()
    );
    for machine in ["im-node-1", "im-node-2"] {
        lab.put(machine, "/etc/fstab", &fstab)?;
        lab.put(machine, "/opt/SUNWiim/cluster/SUNW.iim", include_str!("iim/SUNW.iim"))?;
        for method in METHODS {
            lab.put(machine, &format!("/opt/SUNWiimsc/bin/{method}"), include_str!("iim/methods"))?;
        }
        lab.sh(machine, "chmod 755 /opt/SUNWiimsc/bin/* && mkdir -p /usr/cluster/lib/rgm/rtreg")
            .good();
        lab.install(machine, &toml)?;
    }
    lab.members("im-node-1", &["im-node-1", "im-node-2"]);
    Ok(lab)
}

/// Types a command on im-node-1; it must end well and lead to these states.
#[track_caller]
fn types(lab: &Lab, command: &str, states: &[&str]) -> String {
    let said = lab.sh("im-node-1", command);
    assert_eq!(said.code, 0, "# {command}\n{}", said.text);
    are(lab, command, states);
    said.text
}

#[track_caller]
fn are(lab: &Lab, after: &str, states: &[&str]) {
    let seen = lab.sh("im-node-1", STATES).good();
    let log = || lab.sh("im-node-2", "tail -n 25 /var/log/steadfast-node.log").text;
    assert_eq!(seen.lines().collect::<Vec<_>>(), states, "after # {after}\n{}", log());
}

/// Types a command on im-node-1 that must be refused with this sentence and change nothing.
#[track_caller]
fn refuses(lab: &Lab, command: &str, sentence: &str) {
    let before = lab.sh("im-node-1", STATES).good();
    lab.sh("im-node-1", command).refused(1, sentence);
    assert_eq!(lab.sh("im-node-1", STATES).good(), before, "# {command}");
}

#[track_caller]
fn is_served(lab: &Lab, is: bool) {
    let said = lab.sh("client", "curl -s -m 2 http://im_logical_host/iim.conf");
    assert_eq!(said.text == "chapter\n", is, "the client got {said:?}");
}

const GROUP_ON_2: &str = "im_resource_group=OFFLINE/ONLINE";
const GROUP_ON_1: &str = "im_resource_group=ONLINE/OFFLINE";
const OFFLINE: [&str; 4] = [
    "im_resource_group=OFFLINE/OFFLINE",
    "im_logical_host=OFFLINE/OFFLINE",
    "im_resource=OFFLINE/OFFLINE",
    "im_resource_group_store=OFFLINE/OFFLINE",
];
const ALL_ON_2: [&str; 4] = [
    GROUP_ON_2,
    "im_logical_host=OFFLINE/ONLINE",
    "im_resource=OFFLINE/ONLINE",
    "im_resource_group_store=OFFLINE/ONLINE",
];
const ALL_ON_1: [&str; 4] = [
    GROUP_ON_1,
    "im_logical_host=ONLINE/OFFLINE",
    "im_resource=ONLINE/OFFLINE",
    "im_resource_group_store=ONLINE/OFFLINE",
];

/// "To Configure HA on Node 1", "… on Node n": runtime files on the shared disk, the RTR file by a soft link.
fn configure(lab: &Lab, storage: Storage) {
    let ready = match storage {
        Storage::Failover => {
            "mkfs.ext4 -q -F $(awk '{print $1}' /etc/fstab) && mkdir -p /global/im && mount /global/im"
        }
        Storage::Global | Storage::GlobalAtBoot => "mkdir -p /global/im && mount /global/im",
    };
    let files = "mkdir -p /global/im/im_resource_group && echo chapter >/global/im/im_resource_group/iim.conf && umount /global/im";
    lab.sh("im-node-1", &format!("{ready} && {files}")).good();
    lab.sh("im-node-2", "mkdir -p /global/im").good();
    if storage == Storage::GlobalAtBoot {
        lab.sh("im-node-1", "mount /global/im").good();
        lab.sh("im-node-2", "mount /global/im").good();
    }
    for machine in ["im-node-1", "im-node-2"] {
        lab.sh(
            machine,
            "ln -s /opt/SUNWiim/cluster/SUNW.iim \\\n /usr/cluster/lib/rgm/rtreg/SUNW.iim",
        )
        .good();
    }
}

/// "To Configure the Resource Group With the Logical Host".
fn create_group(lab: &Lab) {
    types(
        lab,
        "scrgadm -a -g im_resource_group -h im-node-2,im-node-1",
        &["im_resource_group=UNMANAGED/UNMANAGED"],
    );
    types(
        lab,
        "scrgadm -a -L -g im_resource_group -l im_logical_host",
        &["im_resource_group=UNMANAGED/UNMANAGED", "im_logical_host=OFFLINE/OFFLINE"],
    );
    types(lab, "scswitch -Z -g im_resource_group", &[GROUP_ON_2, "im_logical_host=OFFLINE/ONLINE"]);
    // Nothing listens yet, but somebody is there to say so.
    lab.sh("client", "exec 3<>/dev/tcp/im_logical_host/80").refused(1, "Connection refused");
}

/// "To Register and Enable the Storage Resource".
fn create_storage(lab: &Lab, storage: Storage) {
    let property = match storage {
        Storage::Failover | Storage::Global => "FileSystemMountPoints",
        Storage::GlobalAtBoot => "ServicePaths",
    };
    let host = "im_logical_host=OFFLINE/ONLINE";
    let command = format!(
        "scrgadm -a -j im_resource_group_store -g im_resource_group -t SUNW.HAStorage \\\n -x {property}=/global/im -x AffinityOn=True"
    );
    types(lab, &command, &[GROUP_ON_2, host, "im_resource_group_store=OFFLINE/OFFLINE"]);
    let enable = "scswitch -e -j im_resource_group_store";
    if storage != Storage::GlobalAtBoot {
        // The chapter's cluster fences by itself; here the operator says how, or that it is not needed.
        refuses(lab, enable, "steadfast cluster set unfenced_storage_allowed=TRUE");
        lab.sh("im-node-1", "steadfast cluster set unfenced_storage_allowed=TRUE").good();
    }
    types(lab, enable, &[GROUP_ON_2, host, "im_resource_group_store=OFFLINE/ONLINE"]);
    lab.sh(
        "im-node-2",
        "mountpoint -q /global/im && test -f /global/im/im_resource_group/iim.conf",
    )
    .good();
}

/// "To Register the Resource Type and Create a Resource".
fn create_service(lab: &Lab) {
    let before =
        [GROUP_ON_2, "im_logical_host=OFFLINE/ONLINE", "im_resource_group_store=OFFLINE/ONLINE"];
    types(lab, "scrgadm -a -t SUNW.iim", &before);
    refuses(lab, "scrgadm -a -t SUNW.iim", "resource type SUNW.iim is registered already");
    refuses(
        lab,
        "scrgadm -a -j im_resource -g im_resource_group -t SUNW.iim -y Port_list=80/tcp",
        "Confdir_list",
    );
    types(
        lab,
        "scrgadm -a -j im_resource -g im_resource_group -t SUNW.iim -x Confdir_list=/global/im/im_resource_group -y Resource_dependencies=im_resource_group_store -y Port_list=80/tcp",
        &[GROUP_ON_2, before[1], "im_resource=OFFLINE/OFFLINE", before[2]],
    );
    let defaults = lab.sh("im-node-1", "for p in Server_Root Confdir_list Monitor_retry_count Monitor_retry_interval Probe_timeout Failover_enabled
        do echo $p $(scha_resource_get -O EXTENSION -R im_resource -G im_resource_group $p); done");
    assert_eq!(
        defaults.good(),
        "Server_Root STRING /opt/SUNWiim\nConfdir_list STRINGARRAY /global/im/im_resource_group\nMonitor_retry_count INT 4\nMonitor_retry_interval INT 2\nProbe_timeout INT 30\nFailover_enabled BOOLEAN TRUE\n",
        "table 3-10"
    );
    is_served(lab, false);
    types(lab, "scswitch -e -j im_resource", &ALL_ON_2);
    is_served(lab, true);
}

/// "To Verify the HA Configuration", "To Start, Stop, Restart the Service".
fn operate(lab: &Lab) {
    let running = "pmfadm -q im_resource_group,im_resource,0.svc && pmfadm -q im_resource_group,im_resource,0.mon";
    lab.sh("im-node-2", running).good();
    let shown = lab.sh("im-node-1", "scstat -g").good();
    assert!(shown.contains("Online - Instant Messaging serves port 80"), "{shown}");
    types(lab, "scswitch -z -g im_resource_group -h im-node-1", &ALL_ON_1);
    lab.sh("im-node-1", running).good();
    is_served(lab, true);
    types(lab, "scswitch -z -g im_resource_group -h im-node-2", &ALL_ON_2);
    is_served(lab, true);

    let stopped = [ALL_ON_2[0], ALL_ON_2[1], "im_resource=OFFLINE/OFFLINE", ALL_ON_2[3]];
    types(lab, "scswitch -n -j im_resource", &stopped);
    is_served(lab, false);
    types(lab, "scswitch -e -j im_resource", &ALL_ON_2);
    is_served(lab, true);
    let process = "ss -Hltnp 'sport = :80'";
    let before = lab.sh("im-node-2", process).good();
    types(lab, "scswitch -R -j im_resource", &ALL_ON_2);
    is_served(lab, true);
    let after = lab.sh("im-node-2", process).good();
    assert_ne!(before, after, "-R starts another process");
}

/// The chapter writes its own names in two ways; each wrong one is refused with the right one.
fn misspell(lab: &Lab) {
    refuses(
        lab,
        "scswitch -z -g im_resource_group -h im_node_1",
        "there is no node im_node_1; did you mean im-node-1?",
    );
    refuses(
        lab,
        "scrgadm -a -j im-resource-group-store -g im-resource-group -t SUNW.HAStorage \\\n -x ServicePaths=/global/im -x AffinityOn=True",
        "there is no resource group im-resource-group; did you mean im_resource_group?",
    );
    refuses(
        lab,
        "scswitch -Z -g im-resource-group",
        "there is no resource group im-resource-group; did you mean im_resource_group?",
    );
    refuses(
        lab,
        "scswitch -e -j im-resource",
        "there is no resource im-resource; did you mean im_resource?",
    );
    refuses(lab, "scrgadm -a -t SUNW.iimm", "did you mean SUNW.iim?");
    refuses(
        lab,
        "scrgadm -c -j im_resource -x FailoverEnabled=False",
        "did you mean Failover_enabled (-x)?",
    );
}

/// "To Remove HA for Instant Messaging".
fn remove(lab: &Lab) {
    types(lab, "scswitch -F -g im_resource_group", &OFFLINE);
    is_served(lab, false);
    lab.sh("im-node-2", "! mountpoint -q /global/im").good();
    refuses(lab, "scrgadm -r -j im_resource", "im_resource");
    types(lab, "scswitch -n -j im_resource", &OFFLINE);
    types(lab, "scswitch -n -j im_logical_host", &OFFLINE);
    types(lab, "scswitch -n -j im_resource_group_store", &OFFLINE);
    refuses(lab, "scrgadm -r -g im_resource_group", "im_resource");
    types(lab, "scrgadm -r -j im_resource", &[OFFLINE[0], OFFLINE[1], OFFLINE[3]]);
    types(lab, "scrgadm -r -j im_logical_host", &[OFFLINE[0], OFFLINE[3]]);
    types(lab, "scrgadm -r -j im_resource_group_store", &[OFFLINE[0]]);
    types(lab, "scrgadm -r -g im_resource_group", &[]);
    types(lab, "scrgadm -r -t SUNW.iim", &[]);
    for machine in ["im-node-1", "im-node-2"] {
        lab.sh(machine, "rm /usr/cluster/lib/rgm/rtreg/SUNW.iim").good();
    }
    refuses(lab, "scrgadm -r -t SUNW.iim", "the resource type SUNW.iim is not registered");
    let left = lab.sh("im-node-2", "ip -br addr show eth0; cat /proc/mounts").good();
    assert!(!left.contains("10.77.0.20") && !left.contains("/global/im"), "{left}");
}

#[test]
fn the_chapters_commands_work_with_a_disk_that_moves() -> Result<()> {
    let lab = cluster(Storage::Failover)?;
    configure(&lab, Storage::Failover);
    create_group(&lab);
    create_storage(&lab, Storage::Failover);
    create_service(&lab);
    operate(&lab);
    misspell(&lab);
    remove(&lab);
    Ok(())
}

/// Until the service runs, once there and back, and off and on again.
fn set_up_and_move(storage: Storage) -> Result<()> {
    let lab = cluster(storage)?;
    configure(&lab, storage);
    create_group(&lab);
    create_storage(&lab, storage);
    create_service(&lab);
    types(&lab, "scswitch -z -g im_resource_group -h im-node-1", &ALL_ON_1);
    is_served(&lab, true);
    types(&lab, "scswitch -F -g im_resource_group", &OFFLINE);
    types(&lab, "scswitch -Z -g im_resource_group", &ALL_ON_2);
    is_served(&lab, true);
    Ok(())
}

#[test]
fn the_chapters_commands_work_with_a_global_file_system_that_the_resource_mounts() -> Result<()> {
    set_up_and_move(Storage::Global)
}

#[test]
fn the_chapters_commands_work_with_a_global_file_system_that_is_waited_for() -> Result<()> {
    set_up_and_move(Storage::GlobalAtBoot)
}

//! Bad input against a live cluster: commands with missing, wrong, contradictory and huge arguments, RTR files with every kind of error, and damaged, newer
//! and unknown entries in etcd. Each gets a clear refusal, nothing in the control store changes, and the service never notices.

use crate::lab::Lab;
use anyhow::Result;
use std::cell::RefCell;

/// Environment for etcdctl on the one machine.
const CTL: &str = "export ETCDCTL_API=3; export P=/steadfast/$(sed -n 's/^name = \"\\(lab.*\\)\"/\\1/p' /etc/steadfast/node.toml)";
/// All keys that have no lease and are no conversation, with their revisions; and what runs.
const DUMP: &str = "etcdctl get --prefix \"$P/\" -w json | python3 -c '
import json, sys, base64, hashlib
for kv in json.load(sys.stdin).get(\"kvs\", []):
    key = base64.b64decode(kv[\"key\"]).decode(\"utf-8\", \"replace\").split(\"/\", 3)[3]
    if key.split(\"/\")[0] not in (\"member\", \"observed\", \"president\", \"job\"):
        print(key, kv[\"mod_revision\"], hashlib.md5(kv.get(\"value\", \"\").encode()).hexdigest())
'; fuser 80/tcp 2>&1";

/// One node with its etcd, and a group that runs a web server on it.
fn cluster() -> Result<Lab> {
    let lab = Lab::start(&[("n1", "10.77.0.1")])?;
    lab.put(
        "n1",
        "/etc/hosts",
        "127.0.0.1 localhost\n10.77.0.1 n1\n10.77.0.20 www\n10.77.0.21 other\n",
    )?;
    lab.put("n1", "/etc/systemd/system/steadfast-etcd.service", "[Service]\nExecStart=/usr/bin/etcd --data-dir /var/lib/lab-etcd --heartbeat-interval 50 --election-timeout 500\nRestart=always\n")?;
    lab.sh("n1", "systemctl enable --now steadfast-etcd").good();
    let name = lab.cluster_name();
    let toml = format!(
        "[cluster]\nname = \"{name}\"\n[store]\nengine = \"etcd\"\nendpoints = [\"http://127.0.0.1:2379\"]\n[lease]\ntime_s = 5\n"
    );
    lab.install("n1", &toml)?;
    lab.members("n1", &["n1"]);
    let set_up = "set -e
        steadfast node add n2
        scrgadm -a -g web -h n1
        scrgadm -a -L -g web -l www
        scrgadm -a -j server -g web -t SUNW.gds -y Port_list=80/tcp -x Start_command='/usr/bin/python3 -m http.server 80 --bind 10.77.0.20 --directory /srv'
        scswitch -Z -g web
        scrgadm -a -g idle
        scrgadm -a -j idler -g idle -t SUNW.gds -x Network_aware=FALSE -x Start_command=/bin/true";
    lab.sh("n1", set_up).good();
    Ok(lab)
}

fn dump(lab: &Lab) -> String {
    let last = RefCell::new(String::new());
    // What was asked is answered and forgotten within moments.
    lab.until("n1", &format!("{CTL}\n{DUMP}"), |said| {
        let was = last.replace(said.to_owned());
        said == was && !said.contains("request/") && !said.contains("answer/")
    })
}

/// Types each; it must end with the code and say the sentence. Nothing is changed by any of them.
#[track_caller]
fn refuses(lab: &Lab, cases: &[(&str, i32, &str)]) {
    let before = dump(lab);
    let mut wrong = Vec::new();
    for (command, code, sentence) in cases {
        let said = lab.sh("n1", command);
        let is_clean = !said.text.contains("panicked") && !said.text.contains('\u{1b}');
        let is_short = said.text.len() < 6000;
        if said.code != *code || !said.text.contains(sentence) || !is_clean || !is_short {
            let text: String = said.text.chars().take(700).collect();
            wrong.push(format!(
                "# {command}\nended with {}, not {code} and {sentence:?}:\n{text}",
                said.code
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(before, dump(lab), "something was changed by {cases:?}");
}

const HUGE: &str = "$(head -c 120000 /dev/zero | tr '\\0' x)";

/// Command, exit code, and what it must say.
const COMMANDS: &[(&str, i32, &str)] = &[
    ("scrgadm", 2, "it is not said what to do"),
    ("scrgadm -a", 2, ""),
    ("scrgadm -a -g", 2, "-g needs an argument"),
    ("scrgadm -a -c -g x", 2, ""),
    ("scrgadm -b -g x", 2, "there is no option -b"),
    ("scrgadm -a -g x -g y", 2, "-g is given twice"),
    ("scrgadm -a -g x extra", 2, "extra is left over"),
    ("scrgadm -a -g web", 1, "the name web is taken"),
    ("scrgadm -a -g ''", 2, ""),
    ("scrgadm -a -g 9x", 2, "does not begin with a letter"),
    ("scrgadm -a -g x -h n1,n1", 1, "n1 is named twice"),
    ("scrgadm -a -g x -h n9", 1, "there is no node n9"),
    ("scrgadm -a -g x -h n1 -y Nodelist=n1", 2, "-h and -y Nodelist are the same"),
    ("scrgadm -a -g x -y Failback=maybe", 1, "neither TRUE nor FALSE"),
    ("scrgadm -a -g x -y Failbak=TRUE", 1, "did you mean Failback?"),
    ("scrgadm -a -g x -y Failback", 2, "Failback"),
    ("scrgadm -a -g x -y Maximum_primaries=99999999999999999999", 1, "Maximum_primaries"),
    ("scrgadm -a -g x -y Maximum_primaries=-1", 1, "Maximum_primaries"),
    ("scrgadm -a -g x -y Desired_primaries=2", 1, "Desired_primaries"),
    ("scrgadm -a -g x -y RG_dependencies=x", 1, "cannot depend on itself"),
    ("scrgadm -a -L -g web -l no-such-host", 1, "no-such-host"),
    ("scrgadm -a -L -g web -l 'a b'", 2, "neither a host name nor an address"),
    ("scrgadm -a -L -g web -l other -n eth0", 2, "interface@node"),
    ("scrgadm -a -L -g web -l other -n nope0@n1", 1, "nope0"),
    ("scrgadm -a -L -g web -l other -x HostnameList=www", 2, "HostnameList"),
    ("scrgadm -a -S -g web -l other", 1, "there are no shared addresses here"),
    ("scrgadm -a -j server -g web -t SUNW.gds -x Start_command=x", 1, "the name server is taken"),
    ("scrgadm -a -j x -g web -t SUNW.gds", 1, "Start_command"),
    ("scrgadm -a -j x -g web -t SUNW.gdz -x Start_command=x", 1, "did you mean SUNW.gds?"),
    ("scrgadm -a -j x -g wbe -t SUNW.gds -x Start_command=x", 1, "did you mean web?"),
    (
        "scrgadm -a -j x -g web -t SUNW.gds -x Start_command=/no/such/program -y Port_list=81/tcp",
        1,
        "/no/such/program",
    ),
    ("scrgadm -a -j x -g web -t SUNW.gds -y Start_command=/bin/true", 1, "Start_command"),
    (
        "scrgadm -a -j x -g web -t SUNW.gds -x Retry_count=2 -x Start_command=/bin/true",
        1,
        "Retry_count",
    ),
    (
        "scrgadm -a -j x -g web -t SUNW.gds -x Start_command=/bin/true -y Port_list=http",
        1,
        "Port_list",
    ),
    (
        "scrgadm -a -j x -g web -t SUNW.gds -x Start_command=/bin/true -y Port_list=99999/tcp",
        1,
        "Port_list",
    ),
    ("scrgadm -a -j x -g web -t SUNW.HAStoragePlus", 1, "nothing to look after"),
    (
        "scrgadm -a -j x -g web -t SUNW.HAStoragePlus -x FilesystemMountPoints=/nowhere",
        1,
        "no entry for /nowhere in /etc/fstab",
    ),
    (
        "scrgadm -a -j x -g web -t SUNW.HAStoragePlus -x FilesystemMountPoints=relative",
        1,
        "not an absolute path",
    ),
    ("scrgadm -c -g web", 2, "nothing is said to be changed"),
    ("scrgadm -c -j server -y Retry_count=2000", 1, "Retry_count"),
    ("scrgadm -c -j server -x Start_command=/bin/true", 1, "disable"),
    ("scrgadm -c -j server -x 'Probe_timeout{n9}=3'", 1, "Probe_timeout"),
    ("scrgadm -c -j server -y Resource_dependencies=server", 1, "cannot depend on itself"),
    ("scrgadm -c -j idler -y Resource_dependencies=idler,idler", 1, "idler"),
    ("scrgadm -c -t SUNW.gds -y RT_version=9", 2, "cannot be changed"),
    ("scrgadm -r -g web", 1, "still has"),
    ("scrgadm -r -j server", 1, "server"),
    ("scrgadm -r -t SUNW.gds", 1, "still used by"),
    ("scrgadm -r -t SUNW.nothing", 1, "not registered"),
    ("scrgadm -p -g nope", 1, "nope"),
    ("scrgadm -a -g web --timeout 0", 2, "--timeout"),
    ("scswitch", 2, "it is not said what to do"),
    ("scswitch -z -h n1", 2, ""),
    ("scswitch -z -g web -h n1,n2", 1, "may be online on one node at most"),
    ("scswitch -z -g web -h n2", 1, "n2"),
    ("scswitch -z -g web -h n3", 1, "there is no node n3"),
    ("scswitch -Z -z -g web", 2, ""),
    ("scswitch -Z -g webb", 1, "did you mean web?"),
    ("scswitch -F", 2, "-g"),
    ("scswitch -R -g web", 2, ""),
    ("scswitch -R -h n1 -g idle", 1, "idle"),
    ("scswitch -R -j nope", 1, "there is no resource nope"),
    ("scswitch -S -h n9", 1, "there is no node n9"),
    ("scswitch -S -h n1 -K 70000", 2, "65535"),
    ("scswitch -S -h n1 -K soon", 2, "soon"),
    ("scswitch -e -j nope", 1, "there is no resource nope"),
    ("scswitch -e -n -j server", 2, ""),
    ("scswitch -e -j ,", 2, ""),
    ("scswitch -u -g web", 1, "has enabled resources"),
    ("scswitch -c -h n1 -j server -f START_FAILED", 2, "STOP_FAILED"),
    ("scswitch -c -h n1 -j server -f STOP_FAILED", 1, "server"),
    ("scswitch -m -D disk", 1, "there are no device groups here"),
    ("scswitch -Q -g nope", 1, "there is no resource group nope"),
    ("scstat -x", 2, "there is no option -x"),
    ("scstat -h n9", 1, "there is no node n9"),
    ("scstat n1", 2, "n1 is left over"),
    ("pmfadm", 1, "it is not said what to do"),
    ("pmfadm -c tag", 1, "missing"),
    ("pmfadm -c tag -n x /bin/true", 1, "x"),
    ("pmfadm -s no-such-tag", 1, "no-such-tag"),
    ("scha_resource_get", 3, ""),
    ("scha_resource_get -O Nonsense -R server -G web", 4, ""),
    ("scha_resource_get -O TYPE -R nope -G web", 14, "nope"),
    ("scha_resource_get -O EXTENSION -R server -G web Nope", 15, "Nope"),
    ("scha_resourcegroup_get -O RG_STATE -G nope", 12, "nope"),
    ("scha_resourcetype_get -O API_VERSION -T SUNW.nope", 13, "nope"),
    ("scha_cluster_get -O NODEID_NODENAME n9", 11, "n9"),
    ("scha_control -O DANCE -R server -G web", 4, "DANCE"),
    ("scha_control -O GIVEOVER -R server -G web", 16, ""),
    ("scha_resource_setstatus -R server -G web -s SPLENDID", 17, "SPLENDID"),
    ("scha_resource_setstatus -R nope -G web -s OK", 14, "nope"),
    ("steadfast cluster set nonsense=1", 1, "the cluster has no setting nonsense"),
    ("steadfast cluster set id=x", 1, "identifies this cluster for ever"),
    ("steadfast cluster set new_cluster_wait_s=-1", 1, "new_cluster_wait_s"),
    ("steadfast node remove n1", 1, "is a member of the cluster"),
    ("steadfast node remove n7", 1, "there is no node n7"),
    ("steadfast node add n1", 1, "the name n1 is taken"),
    ("steadfast node confirm-dead n1", 1, "is a member of the cluster"),
    ("steadfast node confirm-dead n2", 1, "nothing waits for node n2"),
    ("steadfast node fencing n1 --agent ../x", 1, "../x"),
    ("steadfast node fencing n1 --agent x -o action=on", 1, "action"),
    ("steadfast node fencing n1 --agent x --agent-timeout 0", 2, "agent-timeout"),
    ("steadfast group switch web --node n9", 1, "there is no node n9"),
    ("steadfast group explain wbe", 1, "did you mean web?"),
    ("steadfast resource set server -p Nope=1", 1, "Nope"),
    ("steadfast type check /no/such/file", 1, "/no/such/file"),
];

fn huge(lab: &Lab) {
    let name = "x".repeat(300);
    let cases = [
        (format!("scrgadm -a -g {name}"), 2, ""),
        (format!("scrgadm -a -g big -y RG_description={HUGE}"), 2, "bytes long"),
        (format!("scrgadm -a -j big -g web -t SUNW.gds -x Start_command={HUGE}"), 2, "bytes long"),
        (format!("scrgadm -a -g {HUGE}"), 2, "bytes long"),
        (format!("scswitch -z -g {HUGE}"), 2, "bytes long"),
        (format!("scha_resource_get -O {HUGE} -R server -G web"), 3, "bytes long"),
        ("scrgadm -a -g $(seq -s, 1 20000)".to_owned(), 2, ""),
        (
            "scrgadm -a -g big $(yes -- '-y Failback=TRUE' | head -n 5000)".to_owned(),
            2,
            "arguments are too many",
        ),
        ("scrgadm -a -g big -h $(seq -s, -f 'n%g' 1 3000)".to_owned(), 1, "there is no node"),
        ("scrgadm -a -g $'x\\e]0;owned\\a\\e[2J'".to_owned(), 2, ""),
        ("scrgadm -a -g $'x\\ny'".to_owned(), 2, ""),
        (
            "scrgadm -a -g big -y RG_description=$'\\xff\\xfe' -y Failback=TRUE".to_owned(),
            2,
            "not UTF-8",
        ),
        ("scswitch -z -g $'\\xff\\xfe'".to_owned(), 2, ""),
        ("scrgadm -a -g 'x;reboot'".to_owned(), 2, ""),
        ("scrgadm -a -g ../../etc".to_owned(), 2, ""),
    ];
    let cases: Vec<(&str, i32, &str)> =
        cases.iter().map(|(c, code, s)| (c.as_str(), *code, *s)).collect();
    refuses(lab, &cases);
}

fn rtr_files(lab: &Lab) -> Result<()> {
    let good = include_str!("iim/SUNW.iim");
    let files: [(&str, String, &str); 16] = [
        ("empty", String::new(), "RESOURCE_TYPE"),
        ("words", "this is no RTR file\n".to_owned(), ":1:"),
        ("cut", good[..good.len() / 2].to_owned(), ":"),
        ("no-start", good.replace("START          = iim_svc_start;", ""), "START"),
        (
            "no-semicolon",
            good.replace("VENDOR_ID      = SUNW;", "VENDOR_ID      = SUNW"),
            "no-semicolon.rtr:3:22",
        ),
        (
            "unknown",
            good.replace("API_VERSION    = 2;", "API_VERSION    = 2;\nAPI_VERSOIN = 2;"),
            "API_VERSION",
        ),
        (
            "twice",
            good.replace("FAILOVER       = TRUE;", "FAILOVER = TRUE;\nFAILOVER = FALSE;"),
            "FAILOVER",
        ),
        ("number", good.replace("DEFAULT = 4;", "DEFAULT = four;"), "four"),
        ("range", good.replace("MIN = 2; DEFAULT = 30;", "MIN = 40; MAX = 30; DEFAULT = 30;"), ":"),
        ("outside", good.replace("MIN = 2; DEFAULT = 30;", "MIN = 40; DEFAULT = 30;"), "30"),
        ("tunable", good.replacen("TUNABLE = ANYTIME", "TUNABLE = SOMETIMES", 1), "SOMETIMES"),
        ("quote", good.replace("\"/opt/SUNWiim\"", "\"/opt/SUNWiim"), ":"),
        (
            "property",
            good.replace("PROPERTY = Retry_count", "PROPERTY = Retry_cuont"),
            "Retry_count",
        ),
        (
            "same",
            good.replace("PROPERTY = Server_Root", "PROPERTY = Probe_timeout"),
            "Probe_timeout",
        ),
        ("api", good.replace("API_VERSION    = 2;", "API_VERSION    = 99;"), "99"),
        ("name", good.replace("\"iim\"", "\"i im\""), ":"),
    ];
    for (name, text, _) in &files {
        lab.put("n1", &format!("/root/download/{name}.rtr"), text)?;
    }
    lab.sh("n1", "head -c 3000000 /dev/urandom >binary.rtr; head -c 200000 /dev/zero >zero.rtr; mkfifo fifo.rtr; mkdir folder.rtr; ln -s loop.rtr loop.rtr").good();
    let cases = files
        .iter()
        .map(|(name, _, sentence)| (format!("scrgadm -a -t SUNW.iim -f {name}.rtr"), 1, *sentence));
    let others = [
        ("binary", ""),
        ("zero", ""),
        ("fifo", "neither a file nor a directory"),
        ("folder", "there is no RTR file"),
        ("loop", "loop.rtr"),
        ("missing", "there is no RTR file"),
    ];
    let others = others
        .map(|(name, sentence)| (format!("scrgadm -a -t SUNW.iim -f {name}.rtr"), 1, sentence));
    let cases: Vec<(String, i32, &str)> = cases.chain(others).collect();
    let cases: Vec<(&str, i32, &str)> =
        cases.iter().map(|(c, code, s)| (c.as_str(), *code, *s)).collect();
    refuses(lab, &cases);
    Ok(())
}

#[test]
fn bad_commands_and_files_are_refused_clearly_and_change_nothing() -> Result<()> {
    let lab = cluster()?;
    refuses(&lab, COMMANDS);
    huge(&lab);
    rtr_files(&lab)?;
    lab.sh("n1", "curl -s -o /dev/null http://www/").good();
    Ok(())
}

/// Puts a value at a key with etcdctl, looks at what the cluster says and does, and puts back what was there.
#[track_caller]
fn damaged(lab: &Lab, key: &str, value: &str, shows: &str) {
    let before = dump(lab);
    let was = lab.sh("n1", &format!("{CTL}\netcdctl get --print-value-only \"$P/{key}\"")).good();
    let was = was.trim_end();
    let put = format!("{CTL}\netcdctl put \"$P/{key}\" '{value}'");
    lab.sh("n1", &put).good();
    lab.until("n1", "scstat --json", |said| said.contains(shows));
    lab.sh("n1", "curl -s -m 2 -o /dev/null http://www/").good();
    let others = |dump: &str| -> Vec<String> {
        // The key itself, and the diary, may differ.
        let is_other =
            |line: &&str| !line.starts_with(&format!("{key} ")) && !line.starts_with("history/");
        dump.lines().filter(is_other).map(str::to_owned).collect()
    };
    assert_eq!(others(&before), others(&dump(lab)), "{key} = {value} changed other keys");
    let back = if was.is_empty() {
        format!("etcdctl del \"$P/{key}\"")
    } else {
        format!("etcdctl put \"$P/{key}\" '{was}'")
    };
    lab.sh("n1", &format!("{CTL}\n{back}")).good();
    lab.until("n1", "scstat --json", |said| !said.contains(shows));
    assert_eq!(others(&before), others(&dump(lab)), "{key} put back changed other keys");
}

#[test]
fn damaged_newer_and_unknown_entries_of_the_store_harm_nothing_but_themselves() -> Result<()> {
    let lab = cluster()?;
    for key in [
        "group/web",
        "group/idle",
        "resource/server",
        "resource/idler",
        "resource/www",
        "type/SUNW.gds:6",
        "node/n2",
        "cluster",
    ] {
        let kind = key.split('/').next().unwrap_or_default();
        damaged(&lab, key, "{", "the value is damaged");
        damaged(
            &lab,
            key,
            &format!("{{\"format\":2,\"kind\":\"{kind}\",\"value\":{{}}}}"),
            "this version reads up to 1; upgrade this node",
        );
    }
    damaged(
        &lab,
        "group/web",
        "{\"format\":1,\"kind\":\"resource\",\"value\":{}}",
        "the value is a resource",
    );
    damaged(
        &lab,
        "group/new",
        "{\"format\":1,\"kind\":\"group\",\"value\":{\"nodelist\":7}}",
        "is not what a group holds",
    );
    damaged(&lab, "resource/server", "", "the value is damaged");
    damaged(&lab, "weather/today", "sunny", "weather/today");
    damaged(&lab, "group/%zz", "{}", "group/%zz");
    damaged(&lab, "group//", "{}", "group//");
    // What is damaged is not written over, and says so to whoever wants to.
    lab.sh("n1", &format!("{CTL}\netcdctl put \"$P/group/idle\" '{{'")).good();
    lab.until("n1", "scstat --json", |said| said.contains("group/idle"));
    lab.sh("n1", "scrgadm -c -g idle -y Failback=TRUE").refused(1, "cannot be used");
    lab.sh("n1", "scrgadm -a -g idle").refused(1, "idle");
    lab.sh("n1", "scrgadm -c -g web -y Failback=TRUE").good();
    Ok(())
}

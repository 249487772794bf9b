//! Who is refused: strangers on the network, old members, replays, users of the machine who are not in the admin group, programs that others may write. And
//! where secrets do not appear. Against real processes; the rules are in `docs/cluster-security.md`.

use crate::lab::Lab;
use anyhow::Result;

const MACHINES: [(&str, &str); 2] = [("n1", "10.77.0.1"), ("n2", "10.77.0.2")];
/// Two authorities; of the good one certificates for both machines, of the other one for n2.
const CERTIFICATES: &str = r#"set -e; mkdir -p $LAB/tls; cd $LAB/tls
for authority in ca stranger-ca
do openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=$authority" -keyout $authority.key -out $authority.pem 2>/dev/null; done
issue() { openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" -addext "subjectAltName=IP:$3,IP:127.0.0.1" \
    -addext "extendedKeyUsage=serverAuth,clientAuth" -keyout $1.key -out $1.csr 2>/dev/null
  openssl x509 -req -in $1.csr -copy_extensions copy -days 30 -CA $2.pem -CAkey $2.key -CAcreateserial -out $1.pem 2>/dev/null; }
issue n1 ca 10.77.0.1; issue n2 ca 10.77.0.2; issue stranger stranger-ca 10.77.0.2; chmod 644 *.key"#;
const ETCD: &str = "[Service]\nExecStart=/usr/bin/etcd --data-dir /var/lib/lab-etcd --heartbeat-interval 50 --election-timeout 500 --listen-client-urls https://10.77.0.1:2379,https://127.0.0.1:2379 --advertise-client-urls https://10.77.0.1:2379 --cert-file TLS/n1.pem --key-file TLS/n1.key --trusted-ca-file TLS/ca.pem --client-cert-auth\nRestart=always\n";

/// Two machines; etcd with mutual TLS on n1; nodes do not run yet.
fn machines() -> Result<Lab> {
    let lab = Lab::start(&MACHINES)?;
    lab.sh("n1", CERTIFICATES).good();
    let tls = tls(&lab);
    for (machine, _) in MACHINES {
        lab.put(
            machine,
            "/etc/hosts",
            "127.0.0.1 localhost\n10.77.0.1 n1\n10.77.0.2 n2\n10.77.0.20 www\n",
        )?;
    }
    lab.put("n1", "/etc/systemd/system/steadfast-etcd.service", &ETCD.replace("TLS", &tls))?;
    lab.sh("n1", "systemctl enable --now steadfast-etcd").good();
    lab.until("n1", &format!("{} endpoint health", ctl(&lab)), |_| true);
    Ok(lab)
}

fn tls(lab: &Lab) -> String {
    format!("{}/tls", lab.folder().display())
}

fn ctl(lab: &Lab) -> String {
    let tls = tls(lab);
    format!(
        "ETCDCTL_API=3 etcdctl --endpoints https://127.0.0.1:2379 --cacert {tls}/ca.pem --cert {tls}/n1.pem --key {tls}/n1.key"
    )
}

/// A node's file; `who` names the certificate.
fn toml(lab: &Lab, ca: &str, who: &str) -> String {
    let (name, tls) = (lab.cluster_name(), tls(lab));
    format!(
        "[cluster]\nname = \"{name}\"\n[store]\nengine = \"etcd\"\nendpoints = [\"https://10.77.0.1:2379\"]\nca = \"{tls}/{ca}.pem\"\ncert = \"{tls}/{who}.pem\"\nkey = \"{tls}/{who}.key\"\n[lease]\ntime_s = 2\n"
    )
}

fn key(lab: &Lab, path: &str) -> String {
    format!("/steadfast/{}/{path}", lab.cluster_name())
}

/// Two nodes of one cluster, and a group with an address on n1.
fn cluster() -> Result<Lab> {
    let lab = machines()?;
    lab.install("n1", &toml(&lab, "ca", "n1"))?;
    lab.members("n1", &["n1"]);
    lab.install("n2", &toml(&lab, "ca", "n2"))?;
    lab.members("n1", &["n1", "n2"]);
    lab.sh("n1", "scrgadm -a -g web -h n1,n2 && scrgadm -a -L -g web -l www && scswitch -Z -g web")
        .good();
    Ok(lab)
}

#[track_caller]
fn log_says(lab: &Lab, machine: &str, sentence: &str) {
    lab.until(machine, "cat /var/log/steadfast-node.log", |log| log.contains(sentence));
}

#[test]
fn nothing_beyond_loopback_goes_without_mutual_tls() -> Result<()> {
    let lab = machines()?;
    let good = toml(&lab, "ca", "n2");
    let without =
        |what: &str| good.lines().filter(|l| !l.starts_with(what)).collect::<Vec<_>>().join("\n");
    let files = [
        (
            good.replace("https://", "http://"),
            "leaves this machine without encryption: write https:// and set the files ca, cert and key",
        ),
        (
            without("c").replace("[node", "").replace("key =", "#"),
            "needs certificates: set the files ca, cert and key",
        ),
        (without("cert"), "store.ca, store.cert and store.key are set together or not at all"),
        (good.replace("n2.key", "n1.key"), "is not the key of the certificate"),
        (good.replace("n2.pem", "none.pem"), "cannot be read"),
        (good.replace("https://10.77.0.1:2379", "https://u:p@10.77.0.1"), "has a user in it"),
    ];
    for (text, sentence) in &files {
        lab.put("n2", "/etc/steadfast/bad.toml", text)?;
        let said = lab.sh("n2", "timeout 10 ./steadfast node --config /etc/steadfast/bad.toml");
        assert!(said.text.contains(sentence) && said.code == 2, "{text}\nis said to be {said:?}");
    }
    // Etcd itself, and strangers both ways.
    lab.sh("n2", "curl -sS -m 3 http://10.77.0.1:2379/version").refused(52, "");
    lab.sh("n2", "curl -sSk -m 3 https://10.77.0.1:2379/version; [ $? != 0 ]").good();
    lab.install("n1", &toml(&lab, "ca", "n1"))?;
    lab.members("n1", &["n1"]);
    lab.install("n2", &toml(&lab, "ca", "stranger"))?;
    log_says(&lab, "n2", "certificate");
    lab.put("n2", "/etc/steadfast/node.toml", &toml(&lab, "stranger-ca", "n2"))?;
    lab.sh("n2", "systemctl restart steadfast-node").good();
    lab.until("n2", "scstat -n", |said| said.contains("its certificate is not accepted"));
    let keys =
        lab.sh("n1", &format!("{} get --prefix --keys-only {}", ctl(&lab), key(&lab, ""))).good();
    assert!(!keys.contains("n2"), "a stranger left traces: {keys}");
    // Nodes listen nowhere: all they want of each other is in the store.
    let listening = lab.sh("n1", "ss -Hltnup").good();
    assert!(!listening.contains("steadfast"), "{listening}");
    lab.put("n2", "/etc/steadfast/node.toml", &good)?;
    lab.sh("n2", "systemctl restart steadfast-node").good();
    lab.members("n1", &["n1", "n2"]);
    Ok(())
}

#[test]
fn old_members_and_members_of_other_clusters_stay_outside() -> Result<()> {
    let lab = cluster()?;
    lab.sh("n2", "systemctl stop steadfast-node").good();
    lab.until("n1", "scstat -n", |said| said.contains("Offline"));
    lab.sh("n1", "scrgadm -c -g web -h n1 && steadfast node remove n2").good();
    lab.sh("n2", "systemctl start steadfast-node").good();
    log_says(&lab, "n2", "n2 does not join: it was removed from cluster");
    lab.sh("n1", "scstat -n; scrgadm -c -g web -h n1,n2").refused(1, "there is no node n2");
    lab.sh("n2", "scswitch -F -g web").refused(1, "");
    lab.sh("n1", "steadfast node add n2").good();
    lab.members("n1", &["n1", "n2"]);

    lab.sh("n2", "systemctl stop steadfast-node; cp /var/lib/steadfast/node/cluster-id id; echo 0123456789abcdef0123456789abcdef >/var/lib/steadfast/node/cluster-id; systemctl start steadfast-node").good();
    log_says(
        &lab,
        "n2",
        "n2 does not join: it belongs to cluster 0123456789abcdef0123456789abcdef, and the control store is of cluster",
    );
    lab.sh("n2", "cp id /var/lib/steadfast/node/cluster-id; systemctl restart steadfast-node")
        .good();
    lab.members("n1", &["n1", "n2"]);

    // A store that was emptied is not taken for a new cluster, by nobody.
    lab.sh("n1", &format!("{} del --prefix {}", ctl(&lab), key(&lab, ""))).good();
    for machine in ["n1", "n2"] {
        log_says(&lab, machine, "and the control store holds none; restore the store");
    }
    let addresses = lab.sh("n1", "ip -br addr show eth0").good();
    assert!(!addresses.contains("10.77.0.20"), "{addresses}");
    Ok(())
}

/// Puts every value again that a key ever had, oldest first, and gives them.
fn history(lab: &Lab, path: &str) -> Vec<String> {
    let script = format!(
        "for r in $(seq 2 200); do {} get --print-value-only --rev=$r {} 2>/dev/null || break; done | grep . | uniq",
        ctl(lab),
        key(lab, path)
    );
    lab.sh("n1", &script).text.lines().map(str::to_owned).collect()
}

fn put(lab: &Lab, path: &str, value: &str) {
    lab.sh("n1", &format!("{} put {} '{value}'", ctl(lab), key(lab, path))).good();
}

/// Where the address is, on both at the same time: at most one may have it.
fn holders(lab: &Lab) -> Vec<&'static str> {
    let has = |m: &&str| lab.sh(m, "ip -br addr show eth0").text.contains("10.77.0.20");
    ["n1", "n2"].into_iter().filter(has).collect()
}

#[test]
fn what_is_written_again_does_nothing() -> Result<()> {
    let lab = cluster()?;
    lab.sh("n1", "scswitch -z -g web -h n2 && scswitch -z -g web -h n1").good();
    let (intents, observed) = (history(&lab, "intent/web"), history(&lab, "observed/n1/web"));
    let member = history(&lab, "member/n1").pop().unwrap_or_default();
    let president = history(&lab, "president").pop().unwrap_or_default();
    assert!(
        intents.len() >= 3 && !observed.is_empty() && !member.is_empty(),
        "{intents:?} {observed:?}"
    );

    // n1 begins a new life; what belongs to the old one is put again, as whoever recorded it would.
    lab.sh("n1", "systemctl restart steadfast-node").good();
    lab.members("n2", &["n1", "n2"]);
    lab.until("n2", "scstat -g", |said| said.contains("n2         Online"));
    for value in &observed {
        put(&lab, "observed/n1/web", value);
        assert!(holders(&lab).len() <= 1);
    }
    put(
        &lab,
        "answer/1-1",
        "{\"format\":1,\"kind\":\"answer\",\"value\":{\"refusal\":null,\"messages\":[],\"goals\":[],\"at_ms\":1}}",
    );
    put(&lab, "observed/n9/web", observed.last().map_or("", String::as_str));
    for _ in 0..5 {
        assert_eq!(holders(&lab), ["n2"], "an old state moved the group");
    }
    // Old intents: at no time two, and in the end one.
    for value in intents.iter().chain(intents.iter().rev()) {
        put(&lab, "intent/web", value);
        for _ in 0..4 {
            assert!(holders(&lab).len() <= 1, "two masters after {value}");
        }
    }
    lab.until("n2", "scstat -g; steadfast cluster status --check", |said| said.contains("Online"));
    assert_eq!(holders(&lab).len(), 1);

    // With the guards that the program itself uses, the store refuses what an old president or an old member writes.
    let guarded = |guard: &str, path: &str, value: &str| {
        let words = format!(
            "create(\"{}\") = \"{guard}\"\n\nput {} '{value}'\n\n\n",
            key(&lab, path),
            key(&lab, "intent/web")
        );
        lab.put("n1", "/root/download/txn", &words).unwrap();
        lab.sh("n1", &format!("{} txn <txn", ctl(&lab))).good()
    };
    assert!(guarded("3", "president", &president).contains("FAILURE"), "an old president wrote");
    assert!(guarded("2", "member/n1", &member).contains("FAILURE"), "an old member wrote");
    // A member key that somebody else wrote is none of this life's: the node stops everything and joins anew.
    put(&lab, "member/n1", &member);
    log_says(&lab, "n1", "so it is no member any more; it joins again as a new incarnation");
    Ok(())
}

#[test]
fn only_root_and_the_admin_group_command_a_node() -> Result<()> {
    let lab = cluster()?;
    let nobody = "setpriv --reuid=nobody --regid=nogroup --clear-groups";
    let admin =
        "setpriv --reuid=nobody --regid=nogroup --groups $(getent group steadfast | cut -d: -f3)";
    let refused = "only root and the admin group may ask it";
    for command in [
        "scstat",
        "scrgadm -pvv",
        "scswitch -F -g web",
        "pmfadm -q tag",
        "steadfast cluster status",
        "steadfast group explain web",
    ] {
        lab.sh("n1", &format!("{nobody} {command}")).refused(1, refused);
    }
    lab.sh("n1", &format!("{nobody} scha_control -O GIVEOVER -R www -G web")).refused(6, refused);
    lab.sh("n1", &format!("{admin} scstat -g")).good();
    lab.sh("n1", &format!("{admin} scrgadm -a -g other && {admin} scrgadm -r -g other")).good();
    // Whoever asks the process monitor runs programs as himself, not as root.
    lab.sh("n1", &format!("{admin} pmfadm -c mine sh -c 'id -un >/tmp/who-$$; cp /tmp/who-$$ /dev/shm/who-runs; rm /tmp/who-$$; sleep 100'")).good();
    let who = lab
        .until("n1", "cat /dev/shm/who-runs; rm /dev/shm/who-runs", |said| !said.trim().is_empty());
    assert_eq!(who.trim(), "nobody");
    // What is under run_dir and state_dir is not everybody's to write, and the socket is the group's.
    let socket = lab.sh("n1", "stat -c '%a %U %G' /run/steadfast/node.sock").good();
    assert_eq!(socket.trim(), "660 root steadfast");
    let open = lab
        .sh("n1", "find /run/steadfast /var/lib/steadfast -perm /002 ! -type l ! -type s")
        .good();
    assert_eq!(open, "");
    Ok(())
}

#[test]
fn programs_that_others_may_write_are_not_run_as_root() -> Result<()> {
    let lab = cluster()?;
    lab.put("n1", "/opt/t/TEST.t", "RESOURCE_TYPE = \"t\";\nVENDOR_ID = TEST;\nRT_VERSION = \"1\";\nAPI_VERSION = 2;\nFAILOVER = TRUE;\nRT_BASEDIR = /opt/t;\nSTART = start;\nSTOP = stop;\n{ PROPERTY = Start_timeout; DEFAULT = 20; }\n{ PROPERTY = Stop_timeout; DEFAULT = 20; }\n")?;
    for method in ["start", "stop"] {
        lab.put("n1", &format!("/opt/t/{method}"), "#!/bin/sh\nexit 0\n")?;
    }
    lab.sh("n1", "chmod 755 /opt/t/*; chmod 666 /opt/t/TEST.t");
    lab.sh("n1", "scrgadm -a -t TEST.t -f /opt/t/TEST.t").refused(1, "write");
    lab.sh("n1", "chmod 644 /opt/t/TEST.t && scrgadm -a -t TEST.t -f /opt/t/TEST.t && scrgadm -a -g t -h n1 && scrgadm -a -j t -g t -t TEST.t && chmod 777 /opt/t/start").good();
    lab.sh("n1", "scswitch -Z -g t").refused(1, "/opt/t/start");
    lab.sh("n1", "chmod 755 /opt/t/start && chown nobody /opt/t/start; scswitch -R -j t; scswitch -z -g t -h n1").refused(1, "/opt/t/start");
    lab.sh("n1", "chown root /opt/t/start; scswitch -F -g t && scswitch -Z -g t").good();
    Ok(())
}

#[test]
fn secrets_are_seen_nowhere() -> Result<()> {
    const STORE: &str = "moon-rabbit";
    const POWER: &str = "tide-walker";
    let lab = machines()?;
    let ctl = ctl(&lab);
    let prefix = key(&lab, "");
    lab.sh("n1", &format!("set -e
        {ctl} user add root:root; {ctl} user grant-role root root; {ctl} role add cluster
        {ctl} role grant-permission --prefix=true cluster readwrite {prefix}
        {ctl} user add steadfast:{STORE}; {ctl} user grant-role steadfast cluster; {ctl} auth enable")).good();
    for machine in ["n1", "n2"] {
        lab.sh(machine, &format!("install -m 600 /dev/null /etc/steadfast-password; echo {STORE} >/etc/steadfast-password")).good();
        lab.put(machine, "/usr/sbin/fence_test", "#!/bin/sh\ncat >/dev/null\nsleep 0.3\nexit 0\n")?;
        lab.sh(machine, "chmod 755 /usr/sbin/fence_test").good();
        let text = toml(&lab, "ca", machine).replace(
            "[lease]",
            "user = \"steadfast\"\npassword_file = \"/etc/steadfast-password\"\n[lease]",
        );
        lab.install(machine, &(text + "[log]\nlevel = \"debug\"\n"))?;
    }
    lab.members("n1", &["n1", "n2"]);
    for machine in ["n1", "n2"] {
        lab.sh("n1", &format!("steadfast node fencing {machine} --agent fence_test -o ip=10.0.0.1 -o password={POWER}")).good();
    }
    // A disk that both can write makes the loss of n2 a case for its agent.
    for machine in ["n1", "n2"] {
        lab.sh(
            machine,
            &format!(
                "mkdir -p /srv/www; echo '{} /srv/www ext4 noauto 0 0' >/etc/fstab",
                crate::lab::SHARED_DISK
            ),
        )
        .good();
    }
    lab.sh("n1", "set -e; mkfs.ext4 -q -F $(awk '{print $1}' /etc/fstab); scrgadm -a -g web -h n2,n1
        scrgadm -a -j disk -g web -t SUNW.HAStoragePlus -x FilesystemMountPoints=/srv/www; scswitch -Z -g web").good();
    // Every command line and environment while n2 is lost and fenced.
    lab.sh("n1", "(end=$((SECONDS + 8)); while [ $SECONDS -lt $end ]; do cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'; sleep 0.05; done | sort -u >/root/processes) >/dev/null 2>&1 &").good();
    lab.sh(
        "n2",
        "kill -STOP $(head -1 /run/steadfast/guard.pid) $(tail -1 /run/steadfast/guard.pid)",
    )
    .good();
    lab.until("n1", "scstat -g", |said| said.contains("n1         Online"));
    lab.sh(
        "n2",
        "kill -CONT $(head -1 /run/steadfast/guard.pid) $(tail -1 /run/steadfast/guard.pid)",
    )
    .good();
    lab.until("n1", "cat /root/processes", |said| said.contains("fence_test"));
    let shown = lab.sh("n1", "cat /root/processes; scrgadm -pvv; scrgadm -pvv --json; scstat -pvv; scstat --json; steadfast node list --json; steadfast node status --json; steadfast cluster show --json; steadfast cluster status -vv; steadfast cluster check; steadfast group explain web --json; cat /var/log/steadfast-node.log");
    let logs = lab.sh("n2", "cat /var/log/steadfast-node.log").good();
    for secret in [STORE, POWER] {
        for text in [&shown.text, &logs] {
            let lines: Vec<&str> = text.lines().filter(|l| l.contains(secret)).collect();
            assert!(lines.is_empty(), "{secret} is in {lines:?}");
        }
    }
    assert!(shown.text.contains("fence_test"), "the agent itself is shown");
    let left = lab.sh("n1", &format!("grep -rls -e {STORE} -e {POWER} /run/steadfast /var/lib/steadfast /var/log/steadfast-node.log; true")).good();
    assert_eq!(left, "");
    Ok(())
}

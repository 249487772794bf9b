//! Two nodes on one machine with the embedded store, and the cluster's commands as an administrator types them. Needs no root.

use crate::run::{Dir, Run};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Nothing here takes longer, or it has failed.
const DEADLINE: Duration = Duration::from_secs(20);
const METHOD: &str = "#!/bin/sh\nexit 0\n";

/// The nodes n1 and n2. Told to leave when the test ends, then killed.
struct Nodes {
    dir: Dir,
    guards: Vec<Child>,
}

impl Nodes {
    fn start() -> Self {
        let dir = Dir::new();
        let at = dir.path().display().to_string();
        std::fs::create_dir(dir.path().join("reg")).unwrap();
        for method in ["start", "stop"] {
            let path = dir.write(method, METHOD);
            std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
        }
        let rtr = format!(
            "RESOURCE_TYPE = \"web\"; VENDOR_ID = ACME; RT_VERSION = \"1.0\"; FAILOVER = TRUE;\nRT_BASEDIR = {at}; START = start; STOP = stop;\n"
        );
        let file = dir.write("reg/ACME.web", &rtr);
        std::fs::set_permissions(file, PermissionsExt::from_mode(0o644)).unwrap();
        let cluster = format!("t{}", std::process::id());
        let mut nodes = Self { dir, guards: Vec::new() };
        for name in ["n1", "n2"] {
            let text = format!(
                "[node]\nname = \"{name}\"\nrun_dir = \"{at}/{name}/run\"\nstate_dir = \"{at}/{name}/state\"\n[cluster]\nname = \"{cluster}\"\n[store]\nengine = \"embedded\"\npath = \"{at}/control.db\"\n[log]\nsyslog = false\n"
            );
            nodes.dir.write(&format!("{name}.toml"), &text);
            let mut command = nodes.dir.command(&format!("node --config {name}.toml"));
            command.stdout(Stdio::null()).stderr(Stdio::null());
            nodes.guards.push(command.spawn().unwrap());
        }
        nodes.until("node list", |run| run.out.matches("online").count() == 2);
        nodes
    }

    fn command(&self, line: &str) -> Command {
        let mut command = self.dir.command(line);
        command.env("STEADFAST_NODE_SOCKET", self.dir.path().join("n1/run/node.sock"));
        command.env("STEADFAST_RTREG", self.dir.path().join("reg"));
        command
    }

    fn run(&self, line: &str) -> Run {
        Run::of(self.command(line).output().unwrap())
    }

    #[track_caller]
    fn ok(&self, line: &str) -> String {
        let run = self.run(line);
        assert_eq!(run.code, Some(0), "{line}: {run:?}");
        run.out
    }

    #[track_caller]
    fn refused(&self, line: &str, code: i32, says: &str) {
        let run = self.run(line);
        assert!(run.code == Some(code) && run.err.contains(says), "{line}: {run:?}");
    }

    #[track_caller]
    fn until(&self, line: &str, is_so: impl Fn(&Run) -> bool) {
        let start = Instant::now();
        loop {
            let run = self.run(line);
            if is_so(&run) {
                return;
            }
            assert!(start.elapsed() < DEADLINE, "{line}: {run:?}");
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        for guard in &mut self.guards {
            // Twice: everything is stopped at once.
            for _ in 0..2 {
                let _ = Command::new("kill").arg(guard.id().to_string()).status();
            }
        }
        for guard in &mut self.guards {
            let start = Instant::now();
            while matches!(guard.try_wait(), Ok(None)) {
                if start.elapsed() > DEADLINE {
                    let _ = guard.kill();
                }
                std::thread::park_timeout(Duration::from_millis(50));
            }
        }
    }
}

#[test]
fn an_administrator_gets_what_was_typed() {
    let nodes = Nodes::start();
    for line in [
        "scrgadm -a -t ACME.web",
        "scrgadm -a -g shop -h n1,n2",
        "scrgadm -a -j httpd -g shop -t ACME.web",
        "scswitch -Z -g shop",
        "scswitch -z -g shop -h n2",
    ] {
        nodes.ok(line);
    }
    assert_eq!(nodes.ok("scha_resourcegroup_get -O RG_STATE_NODE -G shop n2"), "ONLINE\n");
    nodes.refused("scswitch -z -g shob -h n1", 1, "did you mean shop?");
    nodes.refused("scswitch -z -g shop -h n3", 1, "there is no node n3");
    nodes.refused("scswitch -z -g", 2, "usage");
    assert!(nodes.ok("scstat -g").contains("httpd"));
    assert!(nodes.ok("group explain shop").contains("shop goes to n1"));
    let done = nodes.ok("group switch shop --node n1 --json");
    assert!(done.contains("\"done\": true") && done.contains("\"messages\": []"), "{done}");
    nodes.dir.write("secret", "hunter2\n");
    nodes.ok("node fencing n1 --agent fence_x -o ip=192.0.2.1 -o password=@secret");
    let shown =
        nodes.ok("node status -v --json") + &nodes.ok("scstat -vv") + &nodes.ok("scrgadm -pvv");
    assert!(shown.contains("********") && !shown.contains("hunter2"), "{shown}");
    nodes.ok("group offline shop");
    nodes.ok("resource disable httpd");
    nodes.ok("resource delete httpd");
    nodes.ok("group delete shop");
    assert_eq!(nodes.ok("group list --json").trim(), "[]");
}

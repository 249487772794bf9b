//! The service from the outside: started, administered, probed, backed up, ended.

use crate::run::{Dir, Run};
use crate::running::{Running, free_ports};
use std::io::Write;
use std::net::TcpListener;

impl Dir {
    /// Runs with text on standard input.
    fn run_with(&self, arguments: &str, input: &str) -> Run {
        let mut command = self.command(arguments);
        let mut child = command.stdin(std::process::Stdio::piped()).spawn().unwrap();
        // A command that refuses its arguments ends without reading; what it says is looked at below.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        Run::of(child.wait_with_output().unwrap())
    }

    /// A configuration for example.org on these ports.
    fn write_config(&self, ports: [u16; 3]) {
        let [clear, direct, metrics] = ports;
        self.write(
            "s.toml",
            &format!(
                "domain = \"example.org\"\nruntime_dir = \"data\"\n\
                 [[listen]]\naddress = \"127.0.0.1:{clear}\"\n\
                 [[listen]]\nkind = \"c2s-tls\"\naddress = \"127.0.0.1:{direct}\"\n\
                 [metrics]\naddress = \"127.0.0.1:{metrics}\"\n\
                 [tls]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"\n"
            ),
        );
    }
}

fn step_names(probe: &Run) -> (bool, Vec<String>) {
    let json: serde_json::Value = serde_json::from_str(&probe.out).unwrap();
    let steps = json["steps"].as_array().unwrap().iter();
    (json["ok"] == true, steps.map(|step| step["step"].as_str().unwrap().to_owned()).collect())
}

#[test]
fn up_serves_from_an_empty_folder_and_keeps_its_accounts() {
    let dir = Dir::new();
    let up = Running::up(&dir);
    let passwords = |screen: &str| -> Vec<String> {
        let lines = screen.lines().filter(|line| line.contains("password"));
        lines.map(|line| line.trim().to_owned()).take(2).collect()
    };
    let first = passwords(&up.screen);
    assert!(first[0].starts_with("account      romeo@localhost   password "), "{}", up.screen);
    let (ok, steps) = step_names(&dir.run("probe --json"));
    let expected =
        ["connect", "stream", "tls", "stream", "login", "stream", "bind", "message", "close"];
    assert_eq!((ok, steps), (true, expected.map(str::to_owned).to_vec()));
    assert!(dir.run("probe --direct-tls").done().contains("SCRAM-SHA-256-PLUS (tls-exporter)"));
    let ended = up.end_with("INT");
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));

    let again = Running::up(&dir);
    assert_eq!(passwords(&again.screen), first);
    let fingerprint =
        |screen: &str| screen.lines().find(|line| line.trim().len() == 64).map(str::to_owned);
    assert!(fingerprint(&again.screen).is_some());
    assert!(step_names(&dir.run("probe --json")).0);
}

#[test]
fn a_port_that_is_taken_is_named_with_the_remedy() {
    let dir = Dir::new();
    let ports = free_ports();
    let _taken = TcpListener::bind(("127.0.0.1", ports[1])).unwrap();
    let err = dir.run(&format!("up --port-base {}", ports[0])).failed();
    assert!(err.contains(&format!("port {} on 127.0.0.1 is taken", ports[1])), "{err}");
    assert!(err.contains("--port-base"), "{err}");
}

#[test]
fn a_second_service_on_the_same_data_is_refused() {
    let dir = Dir::new();
    let _up = Running::up(&dir);
    let err = dir.run(&format!("up --port-base {}", free_ports()[0])).failed();
    assert!(err.contains("steadfast-data already"), "{err}");
    let err = dir.run("serve --config steadfast-data/steadfast.toml").failed();
    assert!(err.contains("is in use by another process"), "{err}");
    // Neither has disturbed the first one.
    assert!(step_names(&dir.run("probe --json")).0);
}

/// Adds, changes, lists and removes accounts.
fn administer(dir: &Dir, service: &str) {
    let run = |what: &str, input: &str| dir.run_with(&format!("account {what} {service}"), input);
    let added = run("add romeo@example.org --password-stdin", "secret\n");
    assert_eq!(added.done(), "romeo@example.org is created\n");
    let err = run("add romeo@example.org --password-stdin", "secret\n").failed();
    assert!(err.contains("exists already"), "{err}");
    assert!(
        run("add romeo@example.com --password-stdin", "x").failed().contains("not served here")
    );
    assert!(run("add romeo@example.org --password-stdin", "\n").failed().contains("is empty"));
    assert!(run("add @ --password-stdin", "x").failed().contains("is not a JID"));
    assert!(run("passwd nobody@example.org --password-stdin", "x").failed().contains("no account"));
    run("passwd romeo@example.org --password-stdin", "other\n").done();
    dir.write("users.csv", "jid,password\na@example.org,x\nromeo@example.org,x\n\nb@example.org\n");
    let bulk = run("add --file users.csv", "");
    assert_eq!((bulk.code, bulk.out.as_str()), (Some(1), "1 accounts created, 2 lines refused\n"));
    let lines: Vec<&str> = bulk.err.lines().collect();
    assert!(
        lines[0].starts_with("users.csv:3: account romeo@example.org exists already"),
        "{lines:?}"
    );
    assert_eq!(lines[1], "users.csv:5: has no password; write jid,password");
    assert_eq!(run("list", "").done(), "a@example.org\nromeo@example.org\n");
    run("remove a@example.org", "").done();
    let json: Vec<String> = serde_json::from_str(&run("list --json", "").done()).unwrap();
    assert_eq!(json, ["romeo@example.org"]);
}

#[test]
fn accounts_are_administered_while_the_service_does_not_run() {
    let dir = Dir::new();
    let ports = free_ports();
    dir.write_config(ports);
    administer(&dir, "--config s.toml");
    let _serve = Running::serve(&dir, "s.toml", ports);
    let probe = "probe --config s.toml --account romeo@example.org --password-stdin";
    dir.run_with(probe, "other\n").done();
}

#[test]
fn accounts_are_administered_while_the_service_runs() {
    let dir = Dir::new();
    let ports = free_ports();
    dir.write_config(ports);
    let serve = Running::serve(&dir, "s.toml", ports);
    administer(&dir, "--config s.toml");
    let probe = "probe --config s.toml --account romeo@example.org --password-stdin";
    dir.run_with(probe, "other\n").done();
    let refused = dir.run_with(probe, "secret\n");
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.err.contains("login failed: the login was refused: not-authorized"),
        "{refused:?}"
    );
    drop(serve);
    // Killed: the socket is left behind, and nothing that was said to be done is lost.
    assert_eq!(dir.run("account list --config s.toml").done(), "romeo@example.org\n");
}

#[test]
fn a_folder_with_a_long_name_has_a_socket_too() {
    let dir = Dir::new();
    let ports = free_ports();
    dir.write_config(ports);
    let long = "long-".repeat(30);
    let set = format!("--config s.toml --set runtime_dir={long}");
    let text = std::fs::read_to_string(dir.path().join("s.toml")).unwrap();
    dir.write("s.toml", &text.replace("\"data\"", &format!("\"{long}\"")));
    let _serve = Running::serve(&dir, "s.toml", ports);
    assert!(dir.path().join(&long).join("admin.sock").exists());
    dir.run_with(&format!("account add romeo@example.org --password-stdin {set}"), "pw").done();
    assert_eq!(dir.run("account list --config s.toml").done(), "romeo@example.org\n");
}

#[test]
fn the_certificate_is_verified_when_authorities_are_named() {
    let dir = Dir::new();
    let ports = free_ports();
    dir.write_config(ports);
    dir.run_with("account add romeo@example.org --password-stdin --config s.toml", "pw").done();
    let _serve = Running::serve(&dir, "s.toml", ports);
    let probe = "probe --config s.toml --account romeo@example.org --password-stdin";
    let out = dir.run_with(&format!("{probe} --ca cert.pem"), "pw").done();
    assert!(out.contains("certificate verified with cert.pem"), "{out}");
    let out = dir.run_with(probe, "pw").done();
    assert!(out.contains("certificate not verified (loopback address)"), "{out}");
}

#[test]
fn a_backup_is_put_back_whether_the_service_runs_or_not() {
    let dir = Dir::new();
    let ports = free_ports();
    dir.write_config(ports);
    let account = |what: &str| dir.run_with(&format!("account {what} --config s.toml"), "pw");
    account("add romeo@example.org --password-stdin").done();
    let serve = Running::serve(&dir, "s.toml", ports);
    let out = dir.run("backup b.db --config s.toml").done();
    assert!(out.ends_with("b.db is written and checked: 1 accounts, 0 stanzas\n"), "{out}");
    assert!(dir.run("backup b.db --config s.toml").failed().contains("exists already"));

    account("add juliet@example.org --password-stdin").done();
    let out = dir.run("restore b.db --config s.toml").done();
    assert!(
        out.starts_with("restored: 1 accounts, 0 stanzas; the service runs with them\n"),
        "{out}"
    );
    assert_eq!(account("list").done(), "romeo@example.org\n");
    let probe = "probe --config s.toml --account romeo@example.org --password-stdin";
    dir.run_with(probe, "pw").done();

    account("remove romeo@example.org").done();
    drop(serve);
    let out = dir.run("restore b.db --config s.toml").done();
    assert!(out.contains("what was there before is kept in "), "{out}");
    assert_eq!(account("list").done(), "romeo@example.org\n");

    dir.write("broken.db", "this is no backup");
    let err = dir.run("restore broken.db --config s.toml").failed();
    assert!(err.contains("broken.db"), "{err}");
    assert_eq!(account("list").done(), "romeo@example.org\n");
}

#[test]
fn monitoring_tells_metrics_and_health() {
    let dir = Dir::new();
    let ports = free_ports();
    dir.write_config(ports);
    let serve = Running::serve(&dir, "s.toml", ports);
    assert!(serve.http("/healthz").ends_with("\r\n\r\nok\n"));
    let metrics = serve.http("/metrics");
    assert!(metrics.starts_with("HTTP/1.1 200 OK\r\nContent-Type: application/openmetrics-text"));
    assert!(metrics.ends_with("# EOF\n"));
    for name in
        ["steadfast_sessions 0", "steadfast_mux_accepted_total", "steadfast_store_commits_total"]
    {
        assert!(metrics.contains(&format!("\n{name}")), "{name} is not in {metrics}");
    }
}

#[test]
fn signals_end_and_reload() {
    let dir = Dir::new();
    let ports = free_ports();
    dir.write_config(ports);
    let mut serve = Running::serve(&dir, "s.toml", ports);
    serve.signal("HUP");
    serve.wait_for_log("SIGHUP: the certificate was read again");
    serve.wait_for_log("SIGHUP: the configuration was read again");
    std::fs::remove_file(dir.path().join("key.pem")).unwrap();
    serve.signal("HUP");
    serve.wait_for_log("SIGHUP: the certificate is kept as it was");
    serve.wait_for_log("SIGHUP: the configuration is kept as it was");
    assert!(serve.http("/healthz").ends_with("ok\n"));
    let ended = serve.end_with("TERM");
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(ended.err.contains("SIGTERM: ending"), "{}", ended.err);
    assert!(!dir.path().join("data/admin.sock").exists());
}

#[test]
fn serve_refuses_a_wrong_configuration() {
    let dir = Dir::new();
    dir.write("s.toml", "domain = \"example.org\"\nruntime_dir = \"data\"\n[metric]\n");
    let err = dir.run("serve --config s.toml").failed();
    assert_eq!(err, "s.toml:3:2: unknown section [metric]; did you mean [metrics]?\n");
}

#[test]
fn probe_says_which_step_failed() {
    let dir = Dir::new();
    let [port, ..] = free_ports();
    let probe = format!("probe --account a@x.example --password-stdin --server 127.0.0.1:{port}");
    let run = dir.run_with(&probe, "pw");
    assert_eq!(run.code, Some(1));
    assert!(run.err.starts_with("connect failed: cannot connect to 127.0.0.1:"), "{}", run.err);
}

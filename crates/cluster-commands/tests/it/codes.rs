//! Exit codes, progress, and the commands that ask something else than operations.

use crate::cluster;
use crate::daemon::Daemon;
use node_api::request::SchaGet;
use node_api::{Ask, Reply, Snapshot};
use pmf::{PmfAnswer, PmfRequest, Retries, Wait};
use rgm::{Operation, Refusal, SchaCode, Status};

fn refusing(code: SchaCode, sentence: &str) -> Daemon {
    let refusal = Refusal { code, sentence: sentence.to_owned() };
    Daemon::start(cluster::online().done(), move |_| vec![Reply::Refused(refusal.clone())])
}

fn scripted(script: fn(&Ask) -> Vec<Reply>) -> Daemon {
    Daemon::start(cluster::online().done(), script)
}

#[test]
fn a_refusal_is_said_and_ends_with_1_or_with_its_scha_code() {
    for (line, code, said) in [
        ("scswitch -z -g nix", 1, "scswitch: there is no such\n"),
        ("scrgadm -r -g nix", 1, "scrgadm: there is no such\n"),
        ("scha_resource_get -O STATUS -R r", 12, "scha_resource_get: there is no such\n"),
        (
            "scha_resourcegroup_get -O RG_STATE -G g",
            12,
            "scha_resourcegroup_get: there is no such\n",
        ),
        ("scha_control -O GIVEOVER -R r -G g", 12, "scha_control: there is no such\n"),
        ("pmfadm -l x", 1, "pmfadm: there is no such\n"),
    ] {
        let ran = refusing(SchaCode::Rg, "there is no such").line(line);
        assert_eq!((ran.code, ran.err.as_str(), ran.out.as_str()), (code, said, ""), "{line}");
    }
}

#[test]
fn without_a_daemon_every_command_says_how_to_start_it() {
    for (line, code) in [
        ("scstat", 1),
        ("scswitch -Z", 1),
        ("scrgadm -p", 1),
        ("pmfadm -L", 1),
        ("scha_cluster_get -O CLUSTERNAME", 5),
        ("scha_resource_setstatus -R r -G g -s OK", 5),
    ] {
        let mut around = Daemon::agreeing(Snapshot::default()).around();
        around.socket = "/nonexistent/node.sock".into();
        let words = crate::daemon::words(line);
        let ran = crate::daemon::run(&words[0], &words[1..], around);
        assert_eq!(ran.code, code, "{line}");
        assert!(ran.err.contains("start it with `steadfast node`"), "{line}: {}", ran.err);
    }
}

#[test]
fn a_daemon_that_goes_away_leaves_a_sentence() {
    let daemon = scripted(|_| Vec::new());
    let ran = daemon.line("scswitch -Z");
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("went away before it answered"), "{}", ran.err);
    assert_eq!(daemon.line("scha_cluster_get -O CLUSTERNAME").code, 5);
}

fn slow(_: &Ask) -> Vec<Reply> {
    let progress = |s: &str| Reply::Progress { sentence: s.to_owned() };
    vec![
        progress("n2: START of im_resource runs, 3 s of 300 s"),
        progress("n2: START of im_resource runs,\x1b 4 s of 300 s"),
        Reply::Done { messages: vec!["im_store has no fence agent".to_owned()] },
    ]
}

#[test]
fn progress_is_lines_in_a_log_and_one_line_on_a_terminal() {
    let mut daemon = scripted(slow);
    let ran = daemon.line("scswitch -e -j im_resource");
    assert_eq!((ran.code, ran.out.as_str()), (0, ""));
    assert_eq!(
        ran.err,
        "n2: START of im_resource runs, 3 s of 300 s\nim_store has no fence agent\n"
    );
    daemon.columns = Some(21);
    let ran = daemon.line("scswitch -e -j im_resource");
    assert_eq!(
        ran.err,
        "\rn2: START of im_reso\x1b[K\rn2: START of im_reso\x1b[K\r\x1b[Kim_store has no fence agent\n"
    );
}

#[test]
fn what_did_not_come_true_ends_with_1_and_the_reason() {
    let daemon = scripted(|_| {
        let sentence = "im_resource could not be started on n2 (exit code 1): correct the cause";
        vec![
            Reply::Progress { sentence: "waits".to_owned() },
            Reply::Refused(Refusal { code: SchaCode::State, sentence: sentence.to_owned() }),
        ]
    });
    let ran = daemon.line("scswitch -e -j im_resource");
    assert_eq!(ran.code, 1);
    assert!(ran.err.ends_with(
        "scswitch: im_resource could not be started on n2 (exit code 1): correct the cause\n"
    ));
}

#[test]
fn no_wait_and_timeout_reach_the_daemon() {
    let daemon = Daemon::agreeing(cluster::online().done());
    daemon.line("scswitch -Z --no-wait");
    daemon.line("scrgadm -r -g g --timeout=5");
    let stays: Vec<(bool, Option<u32>)> = daemon
        .asked()
        .into_iter()
        .map(|ask| match ask {
            Ask::Submit { wait, timeout_s, .. } => (wait, timeout_s),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(stays, [(false, None), (true, Some(5))]);
}

#[test]
fn scha_answers_are_printed_as_they_are() {
    let daemon = scripted(|ask| match ask {
        Ask::SchaGet { what: SchaGet::Resource { .. }, tag, arguments }
            if tag == "extension" && arguments == &["Start_command"] =>
        {
            vec![Reply::Lines { lines: vec!["STRING".to_owned(), "/bin/x".to_owned()] }]
        }
        Ask::SchaGet { .. } => vec![Reply::Lines { lines: Vec::new() }],
        _ => Vec::new(),
    });
    let ran = daemon.line("scha_resource_get -O extension -R web Start_command -G g");
    assert_eq!((ran.code, ran.out.as_str()), (0, "STRING\n/bin/x\n"));
    let ran = daemon.line("scha_cluster_get -O ALL_RESOURCEGROUPS");
    assert_eq!((ran.code, ran.out.as_str()), (0, ""));
}

fn local(ask: &Ask) -> Vec<Reply> {
    match ask {
        Ask::SchaGet { .. } => vec![Reply::Lines { lines: vec!["n7".to_owned()] }],
        _ => vec![Reply::Done { messages: Vec::new() }],
    }
}

#[test]
fn scha_control_asks_for_this_node() {
    for (tag, expected) in [
        ("GIVEOVER", "giveover n7 false"),
        ("check_giveover", "giveover n7 true"),
        ("RESTART", "restart n7 false"),
        ("CHECK_RESTART", "restart n7 true"),
        ("RESOURCE_RESTART", "in place true"),
        ("RESOURCE_IS_RESTARTED", "told"),
        ("IGNORE_FAILED_START", "ignore"),
        ("RESOURCE_DISABLE", "disable"),
    ] {
        let daemon = scripted(local);
        let ran = daemon.run("scha_control", &["-O", tag, "-R", "r", "-G", "g"]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{tag}");
        let last = match daemon.asked().pop() {
            Some(Ask::Submit { operation, .. }) => match *operation {
                Operation::Giveover { node, check_only, .. } => {
                    format!("giveover {node} {check_only}")
                }
                Operation::ControlRestart { node, check_only, .. } => {
                    format!("restart {node} {check_only}")
                }
                Operation::SwitchResources { on: false, monitor: false, .. } => {
                    "disable".to_owned()
                }
                other => format!("{other:?}"),
            },
            Some(Ask::Restart { with_monitor, .. }) => format!("in place {with_monitor}"),
            Some(Ask::RestartTold { .. }) => "told".to_owned(),
            Some(Ask::IgnoreFailedStart { .. }) => "ignore".to_owned(),
            other => format!("{other:?}"),
        };
        assert_eq!(last, expected);
    }
}

#[test]
fn a_status_message_is_one_bounded_line() {
    let daemon = scripted(local);
    let long = format!("a\nb{}", "x".repeat(5000));
    let args = ["-R", "r", "-G", "g", "-s", "faulted", "-m", &long];
    assert_eq!(daemon.run("scha_resource_setstatus", &args).code, 0);
    let Some(Ask::SetStatus { status, message, .. }) = daemon.asked().pop() else { panic!() };
    assert_eq!((status, message.len(), &message[..4]), (Status::Faulted, 1024, "a bx"));
}

fn pmf_answer(exit: u8, message: &str) -> Vec<Reply> {
    let message = message.to_owned();
    vec![Reply::Pmf(PmfAnswer { exit, message, tags: Vec::new() })]
}

#[test]
fn pmfadm_ends_with_the_code_of_its_answer() {
    let daemon = scripted(|ask| match ask {
        Ask::Pmf(PmfRequest::Query { .. }) => pmf_answer(1, ""),
        Ask::Pmf(PmfRequest::Kill { .. }) => pmf_answer(2, "still there"),
        _ => pmf_answer(0, ""),
    });
    let ran = daemon.line("pmfadm -q web");
    assert_eq!((ran.code, ran.err.as_str()), (1, ""));
    let ran = daemon.line("pmfadm -k web -w 5 TERM");
    assert_eq!((ran.code, ran.err.as_str()), (2, "pmfadm: still there\n"));
    assert_eq!(daemon.line("pmfadm -L").code, 0);
    let requests: Vec<Ask> = daemon.asked();
    assert!(matches!(
        &requests[1],
        Ask::Pmf(PmfRequest::Kill { signal: Some(15), wait: Some(Wait::Seconds(5)), .. })
    ));
}

#[test]
fn pmfadm_starts_a_command_with_exactly_what_it_was_given() {
    let daemon = scripted(|_| pmf_answer(0, ""));
    let line = "pmfadm -c web -n 4 -t 60 -C 0 -a \"/bin/act x\" -e A=1 -e HOME /bin/sleep -n 9";
    assert_eq!(daemon.line(line).code, 0);
    let Some(Ask::Pmf(PmfRequest::Create(created))) = daemon.asked().pop() else { panic!() };
    assert_eq!(created.command, ["/bin/sleep", "-n", "9"]);
    let pair = |k: &str, v: &str| (k.to_owned(), v.to_owned());
    assert_eq!(created.env, [pair("A", "1"), pair("HOME", "/root")]);
    assert_eq!((created.retries, created.level), (Retries::AtMost(4), Some(0)));
    assert_eq!(created.action.as_deref(), Some("/bin/act x"));
    assert_eq!(daemon.line("pmfadm -E -c web -n -1 /bin/true").code, 0);
    let Some(Ask::Pmf(PmfRequest::Create(created))) = daemon.asked().pop() else { panic!() };
    assert_eq!((created.env.len(), created.retries), (1, Retries::Unlimited));
}

#[test]
fn device_groups_are_refused_with_what_to_do_instead() {
    for line in ["scswitch -z -D dg -h n1", "scswitch -F -D dg", "scswitch -m -D dg"] {
        let daemon = Daemon::agreeing(cluster::online().done());
        let ran = daemon.line(line);
        assert_eq!(ran.code, 1, "{line}");
        assert!(ran.err.contains("SUNW.HAStoragePlus"), "{}", ran.err);
        assert!(daemon.asked().is_empty());
    }
}

#[test]
fn a_shared_address_is_refused_with_the_logical_host() {
    let ran = refusing(SchaCode::Rt, "not registered").line("scrgadm -a -S -g g -l sa");
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("scrgadm -a -L"), "{}", ran.err);
}

#[test]
fn an_rtr_file_with_errors_is_shown_like_a_compiler_would() {
    let daemon = Daemon::agreeing(cluster::empty().done());
    std::fs::write(daemon.rtreg().join("ACME.bad"), "RESOURCE_TYPE = \"bad\";\nSTRAT = x;\n")
        .unwrap();
    let ran = daemon.line("scrgadm -a -t ACME.bad");
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("ACME.bad:2:1") && ran.err.contains("^^^^^"), "{}", ran.err);
    assert!(daemon.asked().is_empty());
    let ran = daemon.line("scrgadm -a -t ACME.bda");
    assert!(ran.err.contains("did you mean ACME.bad?"), "{}", ran.err);
    std::fs::write(daemon.rtreg().join("ACME.big"), vec![b' '; 3 * 1024 * 1024]).unwrap();
    assert_eq!(daemon.line("scrgadm -a -t ACME.big").code, 1);
}

#[test]
fn method_programs_that_are_missing_here_are_named_and_do_not_hinder() {
    let daemon = Daemon::agreeing(cluster::empty().done());
    let text = "RESOURCE_TYPE = \"web\"; VENDOR_ID = ACME; RT_VERSION = \"1\"; START = /nonexistent/start; STOP = /bin/true;";
    std::fs::write(daemon.rtreg().join("ACME.web"), text).unwrap();
    let ran = daemon.line("scrgadm -a -t ACME.web");
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(ran.err, "warning: START of ACME.web: /nonexistent/start is not on this node\n");
    assert_eq!(daemon.asked().len(), 1);
}

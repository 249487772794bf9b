//! Methods: result, output, time-outs, and what they leave behind.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use pmf::{Command, MethodResult, MethodRun, NotStarted, Trust};

use crate::stage::{PATIENCE, Stage, is_root, soon, until};

fn run(stage: &Stage, script: &str) -> MethodRun {
    MethodRun::new(stage.tag("m"), stage.sh(script), PATIENCE)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_method_gives_its_status_and_all_it_wrote() {
    for stage in Stage::both() {
        let outcome = stage
            .trees
            .run_to_end(&run(&stage, "echo out; echo err >&2; printf end; exit 201"))
            .await;
        assert_eq!(outcome.result, MethodResult::Exited(201));
        assert_eq!(outcome.output.text(), "out\nerr\nend");
        assert_eq!((outcome.output.dropped, outcome.survivors), (0, None));
        assert_eq!(*stage.lines.lock().unwrap(), ["out", "err", "end"]);
        let outcome = stage.trees.run_to_end(&run(&stage, "kill -SEGV $$")).await;
        assert_eq!(outcome.result, MethodResult::Signalled(libc::SIGSEGV));
        stage.assert_nobody_left().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_end_of_much_output_is_kept_and_the_method_is_not_blocked() {
    let stage = Stage::without_cgroups();
    let script = "i=0; while [ $i -lt 20000 ]; do echo 0123456789; i=$((i+1)); done; echo last";
    let outcome = stage.trees.run_to_end(&run(&stage, script)).await;
    assert_eq!(outcome.result, MethodResult::Exited(0));
    assert_eq!(outcome.output.bytes.len(), MethodRun::OUTPUT_BYTES);
    assert_eq!(outcome.output.dropped, 220_005 - MethodRun::OUTPUT_BYTES as u64);
    assert!(outcome.output.text().ends_with("0123456789\nlast\n"));
    assert!(stage.lines.lock().unwrap().len() < 5000, "the log is limited");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_method_that_takes_too_long_is_asked_to_end_and_then_killed_with_all_it_started() {
    let polite = "trap 'echo asked; exit 0' TERM; echo up; while :; do sleep 0.05; done";
    let stubborn = "trap 'echo ignored' TERM; (trap '' TERM; setsid sleep 1000 &) ; \
                    while :; do sleep 0.05; done";
    let mut cases = Vec::new();
    for (script, word) in [(polite, "asked"), (stubborn, "ignored")] {
        for stage in Stage::both() {
            cases.push(tokio::spawn(async move {
                let run = MethodRun { timeout: Duration::from_secs(12), ..run(&stage, script) };
                assert_eq!(run.grace(), Duration::from_secs(3));
                let outcome = soon("outcome", stage.trees.run_to_end(&run)).await;
                assert_eq!(outcome.result, MethodResult::TimedOut);
                assert!(outcome.output.text().contains(word), "{:?}", outcome.output.text());
                assert_eq!(outcome.survivors, None);
                stage.assert_nobody_left().await;
            }));
        }
    }
    for case in cases {
        case.await.unwrap();
    }
}

#[test]
fn the_grace_lies_within_the_budget() {
    for (budget_s, grace_ms) in [(0, 0), (4, 1000), (20, 5000), (3600, 5000)] {
        let budget = Duration::from_secs(budget_s);
        let run = MethodRun::new("g", Command::new(["x"]), budget);
        assert_eq!(run.grace(), Duration::from_millis(grace_ms));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_method_leaves_is_killed_unless_it_is_to_stay_and_its_output_is_closed() {
    for stage in Stage::both() {
        // The child holds the method's standard output open.
        let script = "setsid sleep 1000 & echo $!";
        let outcome = soon("outcome", stage.trees.run_to_end(&run(&stage, script))).await;
        assert_eq!(outcome.result, MethodResult::Exited(0));
        stage.assert_nobody_left().await;
        let staying = MethodRun { leave_children: true, ..run(&stage, script) };
        let outcome = soon("outcome", stage.trees.run_to_end(&staying)).await;
        assert_eq!(outcome.result, MethodResult::Exited(0));
        let pid: i32 = outcome.output.text().trim().parse().unwrap();
        until("only the child is there", || stage.marked().len() == 1).await;
        rustix::process::kill_process(
            rustix::process::Pid::from_raw(pid).unwrap(),
            rustix::process::Signal::KILL,
        )
        .unwrap();
        stage.assert_nobody_left().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_method_nobody_waits_for_any_more_is_killed() {
    for stage in Stage::both() {
        let run = run(&stage, "echo up; sleep 1000 & sleep 1000");
        let trees = stage.trees.clone();
        let running = tokio::spawn(async move { trees.run_to_end(&run).await });
        until("it is up", || stage.is_line_seen("up")).await;
        running.abort();
        stage.assert_nobody_left().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_method_that_others_may_write_is_not_run() {
    let stage = Stage::without_cgroups();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("method");
    std::fs::write(&path, "#!/bin/sh\nexit 0\n").unwrap();
    let word = path.to_str().unwrap();
    let outcome = async |mode: u32| {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let command = Command { trust: Trust::Owned, ..Command::new([word]) };
        stage.trees.run_to_end(&MethodRun::new("w", command, PATIENCE)).await.result
    };
    assert_eq!(outcome(0o755).await, MethodResult::Exited(0));
    let refused = outcome(0o777).await;
    assert!(matches!(refused, MethodResult::NotStarted(NotStarted::Untrusted { .. })), "{refused}");
    if is_root() {
        std::os::unix::fs::chown(&path, Some(4242), None).unwrap();
        let refused = outcome(0o755).await;
        assert!(
            matches!(refused, MethodResult::NotStarted(NotStarted::Untrusted { .. })),
            "{refused}"
        );
    }
}

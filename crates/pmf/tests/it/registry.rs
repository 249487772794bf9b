//! Tags: what `pmfadm` promises.

use std::time::Duration;

use pmf::{
    Caller, CreateTag, Exit, Owner, Period, Pmf, PmfAnswer, PmfRequest, Retries, TagPhase,
    TagStatus, Wait,
};
use rustix::process::{Pid, Signal, kill_process};

use crate::stage::{PATIENCE, Stage, is_root, soon, until};

const STRANGER: Caller = Owner { uid: 4242, gid: 4242 };

fn tag(stage: &Stage, name: &str, script: &str) -> CreateTag {
    let mut create = CreateTag::new(stage.tag(name), ["/bin/sh", "-c", script]);
    create.env = stage.env();
    create
}

async fn ask(pmf: &Pmf, request: PmfRequest) -> PmfAnswer {
    soon("answer", pmf.handle(Owner::ourselves(), request)).await
}

async fn status(pmf: &Pmf, tag: &str) -> Option<TagStatus> {
    ask(pmf, PmfRequest::Status { tag: tag.into() }).await.tags.pop()
}

async fn query(pmf: &Pmf, tag: &str) -> u8 {
    ask(pmf, PmfRequest::Query { tag: tag.into() }).await.exit
}

fn kill(pid: i32) {
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
}

async fn until_phase(pmf: &Pmf, tag: &str, phase: TagPhase, deaths: u64) -> TagStatus {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(status) = status(pmf, tag).await
            && status.phase == phase
            && status.deaths == deaths
        {
            return status;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "{tag} never was {phase:?} after {deaths} deaths"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_service_is_restarted_as_often_as_its_budget_allows_and_then_removed() {
    for stage in Stage::both() {
        let pmf = Pmf::new(stage.trees.clone());
        let mut create = tag(&stage, "svc", "echo up; exec sleep 1000");
        create.retries = Retries::AtMost(2);
        create.period = Period::Minutes(1);
        let name = create.tag.clone();
        let mut watch = pmf.create(Owner::ourselves(), create).await.unwrap();
        for life in 1..=3 {
            let now = until_phase(&pmf, &name, TagPhase::Running, life - 1).await;
            assert_eq!(u64::from(now.failures), life - 1);
            let ups = || stage.lines.lock().unwrap().iter().filter(|line| *line == "up").count();
            until("it is up", || ups() as u64 == life).await;
            kill(now.pids[0]);
            let death = soon("death", watch.died()).await.unwrap();
            assert_eq!((death.life, death.exit), (life, Some(Exit::Signalled(libc::SIGKILL))));
        }
        soon("gone", watch.gone()).await;
        assert_eq!(soon("no death", watch.died()).await, None);
        assert_eq!(query(&pmf, &name).await, 1);
        stage.assert_nobody_left().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_lives_until_the_last_of_its_processes_has_ended() {
    for stage in Stage::both() {
        let pmf = Pmf::new(stage.trees.clone());
        let create = tag(&stage, "daemon", "(setsid sleep 1000 &) ; exit 0");
        let name = create.tag.clone();
        let mut watch = pmf.create(Owner::ourselves(), create).await.unwrap();
        until("only the daemon and its keeper are there", || {
            let marked = stage.marked();
            marked.len() == 2
                && marked.iter().any(|process| process.contains("sleep 1000 "))
                && !marked.iter().any(|process| process.contains("/bin/sh -c"))
        })
        .await;
        let now = until_phase(&pmf, &name, TagPhase::Running, 0).await;
        assert_eq!(now.pids.len(), 1, "{now}");
        kill(now.pids[0]);
        assert_eq!(soon("death", watch.died()).await.unwrap().exit, Some(Exit::Exited(0)));
        stage.assert_nobody_left().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_budget_is_exhausted_the_action_decides() {
    let directory = tempfile::tempdir().unwrap();
    let (script, log) = (directory.path().join("action"), directory.path().join("log"));
    let text =
        format!("#!/bin/sh\necho \"$@\" >> {0}\n[ $(grep -c . {0}) -lt 3 ]\n", log.display());
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    for stage in Stage::both() {
        let _ = std::fs::remove_file(&log);
        let pmf = Pmf::new(stage.trees.clone());
        let mut create = tag(&stage, "act", "exit 5");
        create.retries = Retries::AtMost(1);
        create.action = Some(format!("{} one two", script.display()));
        let name = create.tag.clone();
        let mut watch = pmf.create(Owner::ourselves(), create).await.unwrap();
        soon("gone", watch.gone()).await;
        let line = format!("one two failed {name}\n");
        assert_eq!(std::fs::read_to_string(&log).unwrap(), line.repeat(3));
        // One life and one retry, then two that the action granted.
        assert_eq!(soon("last", watch.died()).await.unwrap().life, 4);
        stage.assert_nobody_left().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_lets_processes_run_and_takes_the_tag_away_when_they_have_ended() {
    for stage in Stage::both() {
        let pmf = Pmf::new(stage.trees.clone());
        let mut create = tag(&stage, "stop", "trap '' TERM; echo up; while :; do sleep 0.05; done");
        create.retries = Retries::Unlimited;
        let name = create.tag.clone();
        let mut watch = pmf.create(Owner::ourselves(), create.clone()).await.unwrap();
        until("up", || stage.is_line_seen("up")).await;
        let stop = |signal, wait| PmfRequest::Stop { tag: name.clone(), signal, wait };
        assert_eq!(ask(&pmf, stop(None, None)).await, ask_done());
        assert_eq!(status(&pmf, &name).await.unwrap().phase, TagPhase::Stopping);
        assert_eq!(query(&pmf, &name).await, 0);
        let answer = ask(&pmf, stop(Some(libc::SIGTERM), Some(Wait::Seconds(0)))).await;
        assert_eq!(answer.exit, 2);
        assert!(answer.message.contains("(sh, state"), "{}", answer.message);
        let answer = ask(&pmf, stop(Some(33), None)).await;
        assert_eq!(answer.exit, 1, "{}", answer.message);
        assert_eq!(ask(&pmf, stop(Some(libc::SIGKILL), Some(Wait::Forever))).await, ask_done());
        assert_eq!(query(&pmf, &name).await, 1);
        soon("gone", watch.gone()).await;
        // The name is free at once.
        pmf.create(Owner::ourselves(), create).await.unwrap();
        drop(pmf);
        stage.assert_nobody_left().await;
    }
}

fn ask_done() -> PmfAnswer {
    PmfAnswer { exit: 0, message: String::new(), tags: Vec::new() }
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_waits_for_the_processes_it_killed_and_they_are_restarted() {
    for stage in Stage::both() {
        let pmf = Pmf::new(stage.trees.clone());
        let mut create = tag(
            &stage,
            "kill",
            "trap '' TERM; (setsid sleep 1000 &) ; echo up; while :; do sleep 0.05; done",
        );
        create.retries = Retries::Unlimited;
        let name = create.tag.clone();
        pmf.create(Owner::ourselves(), create).await.unwrap();
        // A signal reaches those who are there, not those who are forked while it is sent.
        until("up", || stage.is_line_seen("up")).await;
        let before = until_phase(&pmf, &name, TagPhase::Running, 0).await;
        let kill = |signal, wait| PmfRequest::Kill { tag: name.clone(), signal, wait };
        assert_eq!(ask(&pmf, kill(Some(libc::SIGUSR2), Some(Wait::Forever))).await.exit, 0);
        until_phase(&pmf, &name, TagPhase::Running, 1).await;
        assert_eq!(ask(&pmf, kill(None, Some(Wait::Forever))).await, ask_done());
        let after = until_phase(&pmf, &name, TagPhase::Running, 2).await;
        assert_ne!(before.pids[0], after.pids[0]);
        let changed = PmfRequest::Modify {
            tag: name.clone(),
            retries: Some(Retries::AtMost(0)),
            period: Some(Period::Minutes(5)),
        };
        assert_eq!(ask(&pmf, changed).await, ask_done());
        let now = status(&pmf, &name).await.unwrap();
        assert_eq!(
            (now.retries, now.period, now.failures),
            (Retries::AtMost(0), Period::Minutes(5), 0)
        );
        assert_eq!(ask(&pmf, kill(None, Some(Wait::Forever))).await, ask_done());
        let mut watch = pmf.watch(&name);
        if let Some(watch) = &mut watch {
            soon("gone", watch.gone()).await;
        }
        assert_eq!(ask(&pmf, kill(None, None)).await.exit, 1);
        stage.assert_nobody_left().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_is_its_owners_and_roots_and_all_may_look() {
    let stage = Stage::without_cgroups();
    let pmf = Pmf::new(stage.trees.clone());
    let name = stage.tag("mine");
    pmf.create(Owner::ourselves(), tag(&stage, "mine", "sleep 1000")).await.unwrap();
    let twice =
        pmf.create(Owner::ourselves(), tag(&stage, "mine", "sleep 1000")).await.unwrap_err();
    assert_eq!(
        (twice.exit, twice.message.contains("exists already")),
        (1, true),
        "{}",
        twice.message
    );
    let tag_name = || name.clone();
    for request in [
        PmfRequest::Stop { tag: tag_name(), signal: None, wait: None },
        PmfRequest::Kill { tag: tag_name(), signal: None, wait: None },
        PmfRequest::Modify { tag: tag_name(), retries: None, period: None },
    ] {
        let answer = pmf.handle(STRANGER, request).await;
        assert_eq!((answer.exit, answer.message.contains("belongs to user")), (1, true));
    }
    let shown = pmf.handle(STRANGER, PmfRequest::Status { tag: tag_name() }).await.tags.remove(0);
    assert_eq!((shown.env, shown.phase), (None, TagPhase::Running));
    assert_eq!(pmf.handle(STRANGER, PmfRequest::List).await.tags, []);
    assert_eq!(ask(&pmf, PmfRequest::List).await.tags.len(), 1);
    if is_root() {
        let create = tag(&stage, "theirs", "id -u; sleep 1000");
        pmf.create(STRANGER, create).await.unwrap();
        until("it runs as its owner", || stage.is_line_seen("4242")).await;
        assert_eq!(pmf.handle(STRANGER, PmfRequest::List).await.tags.len(), 1);
        assert_eq!(ask(&pmf, PmfRequest::List).await.tags.len(), 2);
        let stop = PmfRequest::Stop {
            tag: stage.tag("theirs"),
            signal: Some(libc::SIGTERM),
            wait: Some(Wait::Forever),
        };
        assert_eq!(soon("stop", pmf.handle(STRANGER, stop)).await, ask_done());
    }
    pmf.kill_everything(PATIENCE).await.unwrap();
    assert_eq!(query(&pmf, &name).await, 1);
    stage.assert_nobody_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_tag_no_command_or_too_much_is_refused_and_leaves_no_tag() {
    let stage = Stage::without_cgroups();
    let pmf = Pmf::new(stage.trees.clone());
    let long = "x".repeat(256);
    for name in ["", "a b", "a\nb", long.as_str()] {
        let refused = pmf.create(Owner::ourselves(), CreateTag::new(name, ["/bin/true"])).await;
        assert_eq!(refused.unwrap_err().exit, 1, "{name:?}");
    }
    let none: [&str; 0] = [];
    for create in [CreateTag::new("a", none), CreateTag::new("a", ["/no/such"])] {
        let refused = pmf.create(Owner::ourselves(), create).await.unwrap_err();
        assert!(refused.message.starts_with("a: "), "{}", refused.message);
    }
    let blank = CreateTag { action: Some(" ".into()), ..CreateTag::new("a", ["/bin/true"]) };
    assert_eq!(pmf.create(Owner::ourselves(), blank).await.unwrap_err().exit, 1);
    assert_eq!(ask(&pmf, PmfRequest::List).await.tags, []);
    assert!(pmf.watch("a").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_tags_die_at_once_and_each_watcher_is_told() {
    for stage in Stage::both() {
        let pmf = Pmf::new(stage.trees.clone());
        let mut watches = Vec::new();
        for number in 0..200 {
            let create = tag(&stage, &number.to_string(), "exec sleep 1000");
            watches.push(pmf.create(Owner::ourselves(), create).await.unwrap());
        }
        let mut firsts = Vec::new();
        for number in 0..200 {
            let processes = pmf.processes(&stage.tag(&number.to_string())).await;
            assert_eq!(processes.len(), 1);
            firsts.push(processes[0].pid);
        }
        firsts.into_iter().for_each(kill);
        for watch in &mut watches {
            assert_eq!(soon("death", watch.died()).await.unwrap().life, 1);
            soon("gone", watch.gone()).await;
        }
        stage.assert_nobody_left().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_with_a_level_takes_the_deeper_processes_with_it() {
    for stage in Stage::both() {
        let pmf = Pmf::new(stage.trees.clone());
        let mut create = tag(&stage, "level", "setsid sleep 1000 & echo up; exec sleep 1000");
        create.level = Some(0);
        create.retries = Retries::AtMost(1);
        let name = create.tag.clone();
        let mut watch = pmf.create(Owner::ourselves(), create).await.unwrap();
        for life in 1..=2 {
            let now = until_phase(&pmf, &name, TagPhase::Running, life - 1).await;
            until("both are up", || stage.marked().len() == 3).await;
            kill(now.pids[0]);
            assert_eq!(soon("death", watch.died()).await.unwrap().life, life);
        }
        soon("gone", watch.gone()).await;
        stage.assert_nobody_left().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_stopped_while_it_waits_for_its_restart_stays_stopped() {
    let stage = Stage::without_cgroups();
    let pmf = Pmf::new(stage.trees.clone());
    let mut create = tag(&stage, "flap", "exit 1");
    create.retries = Retries::Unlimited;
    let name = create.tag.clone();
    let mut watch = pmf.create(Owner::ourselves(), create).await.unwrap();
    // By then the pauses are long.
    while soon("death", watch.died()).await.unwrap().life < 5 {}
    let stop = PmfRequest::Stop { tag: name, signal: None, wait: Some(Wait::Forever) };
    assert_eq!(ask(&pmf, stop).await, ask_done());
    soon("gone", watch.gone()).await;
    stage.assert_nobody_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_command_has_its_arguments_environment_directory_and_owner_again() {
    let stage = Stage::without_cgroups();
    let pmf = Pmf::new(stage.trees.clone());
    let directory = tempfile::tempdir().unwrap();
    let cwd = directory.path().canonicalize().unwrap();
    let script = "echo \"$0 $1 $WHERE $(pwd) $(id -u)\"; exit 1";
    let mut create = tag(&stage, "same", script);
    create.command.extend(["zero".to_owned(), "a  b".to_owned()]);
    create.env.push(("WHERE".into(), "é".into()));
    create.cwd = Some(cwd.clone());
    create.retries = Retries::AtMost(2);
    let mut watch = pmf.create(Owner::ourselves(), create).await.unwrap();
    soon("gone", watch.gone()).await;
    let line = format!("zero a  b é {} {}", cwd.display(), Owner::ourselves().uid);
    assert_eq!(*stage.lines.lock().unwrap(), [line.clone(), line.clone(), line]);
    stage.assert_nobody_left().await;
}

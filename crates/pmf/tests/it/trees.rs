//! Trees: what they inherit, how they are watched, and that they end whole.

use std::time::Duration;

use pmf::{Command, Exit, Launcher, NotStarted, Owner, TreeOptions, Trees};
use rustix::process::{Pid, Signal, kill_process};

use crate::stage::{PATIENCE, Stage, is_alone, is_root, launcher, marked, soon, until};

const WATCH_ALL: TreeOptions = TreeOptions { level: None, tail_bytes_max: 65_536 };

fn kill(pid: i32, signal: Signal) {
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn daemons_that_forked_twice_and_left_the_session_die_with_their_tree() {
    for stage in Stage::both() {
        let script = "(setsid sh -c 'sleep 1000 & setsid sleep 1000 & wait' &) ; \
                      (trap '' TERM HUP INT; setsid sleep 1000 &) ; exit 3";
        let tree = stage.trees.start(&stage.tag("d"), &stage.sh(script), WATCH_ALL).await.unwrap();
        assert_eq!(tree.cgroup().is_some(), stage.has_cgroups);
        assert_eq!(soon("exit", tree.first_exit()).await, Exit::Exited(3));
        until("all have forked", || stage.marked().len() == 5).await;
        assert!(!tree.is_empty());
        let survivors = tree.wait_empty(Duration::ZERO).await.unwrap_err();
        assert_eq!(survivors.processes.len(), 4, "{survivors}");
        assert!(survivors.processes.iter().any(|process| process.name == "sleep"));
        tree.end(PATIENCE).await.unwrap();
        assert!(tree.is_empty());
        stage.assert_nobody_left().await;
        let cgroup = tree.cgroup().cloned();
        until("the cgroup is removed", || cgroup.as_ref().is_none_or(|path| !path.exists())).await;
        drop((tree, stage));
        let parent = cgroup.as_ref().and_then(|path| path.parent());
        until("its parent is removed", || parent.is_none_or(|path| !path.exists())).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_that_ignores_sigterm_takes_signals_and_is_killed_in_the_end() {
    for stage in Stage::both() {
        let script = "trap '' TERM; sh -c 'echo ready; while :; do sleep 1000; done'";
        let tree = stage.trees.start(&stage.tag("s"), &stage.sh(script), WATCH_ALL).await.unwrap();
        until("it is up", || stage.is_line_seen("ready")).await;
        assert!(tree.signal(libc::SIGTERM).await >= 2);
        assert_eq!(tree.signal(0).await, 0);
        assert_eq!(tree.signal(33).await, 0);
        assert!(tree.first_exit_now().is_none());
        tree.end(PATIENCE).await.unwrap();
        assert_eq!(tree.first_exit().await, Exit::Signalled(libc::SIGKILL));
        tree.end(Duration::ZERO).await.unwrap();
        stage.assert_nobody_left().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_inherits_three_descriptors_default_signals_and_nothing_else() {
    let ignoring = Launcher {
        program: "/usr/bin/env".into(),
        args: vec![
            "--ignore-signal=HUP,INT,PIPE".into(),
            "--block-signal=USR1,TERM".into(),
            launcher().program.display().to_string(),
        ],
    };
    let script = "for f in /proc/$$/fd/*; do echo fd $(readlink $f); done; readlink /proc/$$/fd/0; pwd; umask
        while read -r name value; do case $name in Sig*) echo $name $value;; esac; done < /proc/$$/status
        read -r oom < /proc/$$/oom_score_adj; echo oom $oom
        read -r pid name state ppid pgrp session tty rest < /proc/$$/stat
        [ $pid = $pgrp ] && [ $session = $ppid ] && echo own group and session; echo tty $tty; env | wc -l";
    let held = std::fs::File::open("/proc/self/status").unwrap();
    rustix::io::fcntl_setfd(&held, rustix::io::FdFlags::empty()).unwrap();
    let trees = Trees::new(ignoring);
    let command = Command::new(["/bin/sh", "-c", script]);
    let tree = trees.start("inherit", &command, WATCH_ALL).await.unwrap();
    soon("end", tree.emptied()).await;
    let text = tree.finish().await.text();
    let lines: Vec<&str> = text.lines().collect();
    // Three, and what the shell itself opens to answer.
    let fds: Vec<&str> = lines.iter().copied().filter(|line| line.starts_with("fd ")).collect();
    assert!(fds.len() <= 4 && !fds.iter().any(|fd| fd.contains("/status")), "{text}");
    for expected in ["/dev/null", "/", "0022", "oom 0", "own group and session", "tty 0"] {
        assert!(lines.contains(&expected), "{expected} is missing in {text}");
    }
    for (name, libc_own) in [("SigBlk", 0), ("SigIgn", 0b11 << 31)] {
        let mask = lines.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        let mask = u64::from_str_radix(mask.unwrap(), 16).unwrap();
        // 32 and 33 belong to libc; whoever runs these tests may ignore them.
        assert_eq!(mask & !libc_own, 0, "{name} in {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_that_cannot_run_are_not_started_and_the_reason_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("script");
    std::fs::write(&script, "#!/no/such/interpreter -x\n").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&script, mode).unwrap();
    for stage in Stage::both() {
        let start = async |word: &str| {
            stage.trees.start(&stage.tag("n"), &Command::new([word]), WATCH_ALL).await.map(|_| ())
        };
        let refused = start("/no/such").await.unwrap_err();
        assert!(matches!(refused, NotStarted::NotFound { .. }), "{refused}");
        let refused = start(script.to_str().unwrap()).await.unwrap_err();
        assert!(
            matches!(&refused, NotStarted::BadInterpreter { interpreter, .. }
            if interpreter == "/no/such/interpreter"),
            "{refused}"
        );
        let refused = start("/etc/passwd").await.unwrap_err();
        assert!(matches!(refused, NotStarted::NotExecutable { .. }), "{refused}");
        let absent = Launcher { program: "/no/such/launcher".into(), args: Vec::new() };
        let refused =
            Trees::new(absent).start("x", &stage.sh("true"), WATCH_ALL).await.unwrap_err();
        assert!(matches!(refused, NotStarted::Machine { .. }), "{refused}");
        let no_keeper = Launcher { program: "/bin/true".into(), args: Vec::new() };
        let refused =
            Trees::new(no_keeper).start("x", &stage.sh("true"), WATCH_ALL).await.unwrap_err();
        assert!(matches!(refused, NotStarted::Machine { .. }), "{refused}");
        stage.assert_nobody_left().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_runs_as_its_owner_without_supplementary_groups() {
    let stage = Stage::without_cgroups();
    let nobody = Owner { uid: 65_534, gid: 65_534 };
    let command = Command { owner: Some(nobody), ..stage.sh("id -u; id -G; kill -9 $PPID") };
    let started = stage.trees.start(&stage.tag("o"), &command, WATCH_ALL).await;
    if !is_root() && Owner::ourselves() != nobody {
        assert!(matches!(started, Err(NotStarted::OwnerRefused { .. })));
        return;
    }
    let tree = started.unwrap();
    // Only a root keeper is out of its reach.
    soon("end", tree.emptied()).await;
    if is_root() {
        assert_eq!(tree.first_exit_now(), Some(Exit::Exited(1)));
        assert!(tree.finish().await.text().starts_with("65534\n65534\n"));
    }
    stage.assert_nobody_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_whose_keeper_is_killed_is_killed_too() {
    for stage in Stage::both() {
        let script = "sh -c 'sleep 1000 & sleep 1000' & echo ready; sleep 1000";
        let tree = stage.trees.start(&stage.tag("k"), &stage.sh(script), WATCH_ALL).await.unwrap();
        until("it is up", || stage.marked().len() == 6 || stage.marked().len() == 5).await;
        kill(tree.keeper_pid(), Signal::KILL);
        soon("it is known to be empty", tree.emptied()).await;
        assert_eq!(tree.first_exit().await, Exit::Signalled(libc::SIGKILL));
        stage.assert_nobody_left().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_reaper_even_those_who_left_the_session_of_a_killed_keeper_die() {
    if !is_alone("trees::with_a_reaper_even_those_who_left_the_session_of_a_killed_keeper_die") {
        return;
    }
    let _reaper = pmf::reap::adopt_orphans().unwrap();
    let stage = Stage::without_cgroups();
    let script = "(setsid sh -c 'sleep 1000 & sleep 1000' &) ; echo ready; sleep 1000";
    let tree = stage.trees.start(&stage.tag("a"), &stage.sh(script), WATCH_ALL).await.unwrap();
    until("it is up", || stage.marked().len() == 6).await;
    kill(tree.keeper_pid(), Signal::KILL);
    soon("it is known to be empty", tree.emptied()).await;
    stage.assert_nobody_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_keeper_does_not_save_its_tree() {
    for stage in Stage::both() {
        let command = stage.sh("sleep 1000 & sleep 1000");
        let tree = stage.trees.start(&stage.tag("t"), &command, WATCH_ALL).await.unwrap();
        kill(tree.keeper_pid(), Signal::STOP);
        tree.end(PATIENCE).await.unwrap();
        stage.assert_nobody_left().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_always_forks_and_ends_does_not_outrun_its_killing() {
    for stage in Stage::both() {
        let script = "hop() { (hop &) ; exit 0; }; echo up; hop";
        let tree = stage.trees.start(&stage.tag("h"), &stage.sh(script), WATCH_ALL).await.unwrap();
        until("up", || stage.is_line_seen("up")).await;
        tree.end(PATIENCE).await.unwrap();
        stage.assert_nobody_left().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_that_is_dropped_is_killed() {
    for stage in Stage::both() {
        let command = stage.sh("setsid sleep 1000 & sleep 1000");
        drop(stage.trees.start(&stage.tag("x"), &command, WATCH_ALL).await.unwrap());
        stage.assert_nobody_left().await;
    }
}

/// Not a case of its own: the daemon of the next one.
#[tokio::test]
#[ignore = "runs as a process of its own, started by the next test"]
async fn stand_in_for_a_daemon() {
    for stage in Stage::both() {
        let mark = std::env::var("PMF_TEST_DAEMON").unwrap();
        let env = [("PMF_TEST", mark.as_str()), ("PATH", "/usr/bin:/bin")];
        let script = "trap '' TERM HUP; setsid sh -c '(sleep 1000 &) ; sleep 1000' & sleep 1000";
        let command = Command::new(["/bin/sh", "-c", script]).with_env(env);
        let tree = stage.trees.start(&mark, &command, WATCH_ALL).await.unwrap();
        std::mem::forget(tree);
        std::mem::forget(stage);
    }
    std::future::pending::<()>().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_daemon_is_killed_nothing_it_started_lives_on() {
    let mark = format!("pmf-daemon-{}", std::process::id());
    let mut daemon = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "trees::stand_in_for_a_daemon", "--ignored"])
        .env("PMF_TEST_DAEMON", &mark)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    // A keeper and four or five processes each.
    until("its trees are up", || marked(&mark).len() >= 5 * Stage::both().len()).await;
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    until("nobody is left", || marked(&mark).is_empty()).await;
    if let Ok(parent) = pmf::CgroupParent::open(&format!("pmf-test-{}-1", daemon.id())) {
        parent.clear_leftovers();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_processes_down_to_the_level_count_as_life() {
    for stage in Stage::both() {
        // first → child → grandchild
        let script =
            "sh -c 'sleep 1000 & echo deep; exec sleep 1000' & echo child $!; sleep 1000; exit 0";
        for (level, lives_on) in [(Some(0), false), (Some(1), true)] {
            stage.lines.lock().unwrap().clear();
            let options = TreeOptions { level, tail_bytes_max: 0 };
            let tree =
                stage.trees.start(&stage.tag("l"), &stage.sh(script), options).await.unwrap();
            until("all are up", || stage.is_line_seen("deep") && tree_size(&stage) == 5).await;
            kill(tree.first_pid().unwrap(), Signal::KILL);
            soon("first", tree.first_exit()).await;
            if lives_on {
                let lines = stage.lines.lock().unwrap().clone();
                let child = lines.iter().find_map(|line| line.strip_prefix("child ")).unwrap();
                let child = child.parse().unwrap();
                let still = tokio::time::timeout(Duration::from_millis(1), tree.died()).await;
                assert!(still.is_err(), "the child counts");
                // The first one's own sleep is a child, too.
                for process in tree.members().await {
                    if process.parent == tree.keeper_pid() && process.pid != child {
                        kill(process.pid, Signal::KILL);
                    }
                }
                kill(child, Signal::KILL);
            }
            soon("death down to the level", tree.died()).await;
            assert!(!tree.is_empty());
            tree.end(PATIENCE).await.unwrap();
            stage.assert_nobody_left().await;
        }
    }
}

fn tree_size(stage: &Stage) -> usize {
    stage.marked().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_trees_start_and_end_at_once() {
    for stage in Stage::both() {
        let stage = std::sync::Arc::new(stage);
        let starts = (0..200).map(|number| {
            let stage = stage.clone();
            tokio::spawn(async move {
                let (tag, command) =
                    (stage.tag(&number.to_string()), stage.sh("sleep 1000 & sleep 1000"));
                stage.trees.start(&tag, &command, WATCH_ALL).await.unwrap()
            })
        });
        let starts: Vec<_> = starts.collect();
        let mut trees = Vec::new();
        for start in starts {
            trees.push(start.await.unwrap());
        }
        trees.iter().for_each(pmf::Tree::kill_all);
        for tree in &trees {
            tree.end(PATIENCE).await.unwrap();
        }
        stage.assert_nobody_left().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn orphans_of_a_released_tree_are_adopted_and_reaped_and_other_children_left_alone() {
    if !is_alone(
        "trees::orphans_of_a_released_tree_are_adopted_and_reaped_and_other_children_left_alone",
    ) {
        return;
    }
    let stage = Stage::without_cgroups();
    let _reaper = pmf::reap::adopt_orphans().unwrap();
    let mut other = std::process::Command::new("/bin/sh").args(["-c", "exit 7"]).spawn().unwrap();
    let script = "sleep 1000 & echo $!";
    let tree = stage.trees.start(&stage.tag("r"), &stage.sh(script), WATCH_ALL).await.unwrap();
    soon("exit", tree.first_exit()).await;
    let output = tree.release().await.text();
    let orphan: i32 = output.trim().parse().unwrap();
    assert_eq!(
        stage.marked().len(),
        1,
        "the keeper is gone, the orphan is not: {:?}",
        stage.marked()
    );
    kill(orphan, Signal::KILL);
    until("the orphan is reaped", || !std::path::Path::new(&format!("/proc/{orphan}")).exists())
        .await;
    let status = std::fs::read_to_string(format!("/proc/{}/stat", other.id())).unwrap();
    assert!(status.contains(") Z "), "nobody else has reaped it: {status}");
    assert_eq!(other.wait().unwrap().code(), Some(7));
    stage.assert_nobody_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_earlier_daemon_left_in_its_cgroup_is_killed() {
    let mark = format!("pmf-left-{}", std::process::id());
    let Ok(parent) = pmf::CgroupParent::open(&mark) else { return };
    let left = parent.path().join("old");
    std::fs::create_dir(&left).unwrap();
    let mut sleeper = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
    std::fs::write(left.join("cgroup.procs"), sleeper.id().to_string()).unwrap();
    let waiting = std::thread::spawn(move || sleeper.wait().unwrap());
    assert_eq!(parent.clear_leftovers(), 1);
    assert!(!waiting.join().unwrap().success());
    assert_eq!(parent.clear_leftovers(), 0);
    assert!(!left.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn long_commands_arrive_whole_and_too_long_ones_are_refused() {
    let stage = Stage::without_cgroups();
    let mut command = stage.sh("echo $#; for last; do :; done; echo $last");
    command.argv.extend((0..4000).map(|number| format!("{number:0100}")));
    let tree = stage.trees.start(&stage.tag("big"), &command, WATCH_ALL).await.unwrap();
    soon("end", tree.emptied()).await;
    let last = format!("{:0100}", 3999);
    assert_eq!(tree.finish().await.text(), format!("3999\n{last}\n"));
    let long = "x".repeat(200 * 1024); // the kernel takes 128 KiB in one piece
    let refused = stage.trees.start("long", &Command::new(["/bin/true", &long]), WATCH_ALL).await;
    assert!(matches!(refused, Err(NotStarted::Machine { .. })));
    let huge = "x".repeat(Command::BYTES_MAX);
    let refused = stage.trees.start("huge", &Command::new(["/bin/true", &huge]), WATCH_ALL).await;
    assert!(matches!(refused, Err(NotStarted::TooLarge { .. })));
    stage.assert_nobody_left().await;
}

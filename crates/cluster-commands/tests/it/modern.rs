//! The commands in today's style.

use crate::cluster;
use crate::daemon::{Daemon, Ran, words};
use crate::renderings::golden;
use clap::Parser;
use cluster_commands::ClusterCli;
use node_api::Ask;
use rgm::Operation;

#[derive(Debug, Parser)]
#[command(name = "steadfast")]
struct Cli {
    #[command(subcommand)]
    command: ClusterCli,
}

fn run(daemon: &Daemon, line: &str) -> Ran {
    let cli = Cli::try_parse_from(words(&format!("steadfast {line}")))
        .unwrap_or_else(|e| panic!("{line}: {e}"));
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code =
        cluster_commands::modern::run_modern_with(cli.command, daemon.around(), &mut out, &mut err);
    Ran { code, out: String::from_utf8(out).unwrap(), err: String::from_utf8(err).unwrap() }
}

/// Operations as JSON, without what a built-in type carries.
fn asked(made: &cluster::Made, line: &str) -> Vec<String> {
    let daemon = Daemon::agreeing(made.done());
    let ran = run(&daemon, line);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{line}");
    let operation = |ask| match ask {
        Ask::Submit { mut operation, .. } => {
            if let Operation::CreateResource { builtin, .. } = &mut *operation {
                *builtin = None;
            }
            Some(serde_json::to_string(&operation).unwrap())
        }
        Ask::Leave => Some("leave".to_owned()),
        _ => None,
    };
    daemon.asked().into_iter().filter_map(operation).collect()
}

#[test]
fn every_verb_asks_for_the_right_operations() {
    let lines = [
        "type register SUNW.gds --node im-node-1",
        "type unregister SUNW.gds",
        "resource create www --type LogicalHostname --group im_resource_group -p HostnameList=www",
        "resource create httpd --type gds --group im_resource_group -p start_command=/x -p Port_list=80/tcp --disabled",
        "resource set im_resource -p Start_command=/y -p Retry_count=4 -p Nonsense=1",
        "resource delete a b",
        "resource enable im_resource",
        "resource disable im_resource --node im-node-1",
        "resource monitor im_resource",
        "resource unmonitor im_resource im_logical_host",
        "resource restart im_resource",
        "resource clear im_resource --node im-node-2",
        "group create web",
        "group create web --node im-node-2 -p Failback=TRUE",
        "group delete web",
        "group set im_resource_group -p Failback=TRUE",
        "group set im_resource_group --node im-node-1,im-node-2",
        "group switch im_resource_group --node im-node-1",
        "group online im_resource_group",
        "group online im_resource_group --enable",
        "group offline im_resource_group",
        "group remaster --all",
        "group restart im_resource_group",
        "group manage im_resource_group",
        "group unmanage im_resource_group",
        "group suspend im_resource_group --kill",
        "group resume --all",
        "group quiesce im_resource_group",
        "node add im-node-3",
        "node remove im-node-3",
        "node evacuate im-node-1 --hold 300",
        "node maintenance im-node-1",
        "node maintenance im-node-1 --off",
        "node fencing im-node-1 --agent fence_ipmilan -o ip=10.0.0.1 -o username=a=b",
        "node fencing im-node-1 --none",
        "node confirm-dead im-node-2",
        "node leave",
        "cluster set sticky_offline=TRUE new_cluster_wait_s=5",
    ];
    let made = cluster::online();
    let mut text = String::new();
    for line in lines {
        let mut asked = asked(&made, line).join("\n");
        if line.starts_with("type register") {
            asked = asked.chars().take(80).collect();
        }
        text.push_str(&format!("$ steadfast {line}\n{asked}\n\n"));
    }
    golden("modern_operations.txt", &text);
}

#[test]
fn a_group_that_is_not_managed_is_managed_before_it_goes_online() {
    use rgm::store::{Key, Object};
    let mut made = cluster::online();
    let group = rgm::Group { nodelist: vec![cluster::node("im-node-1")], ..rgm::Group::default() };
    made.put(Key::Group(cluster::group_key()), Object::Group(group));
    let asked = asked(&made, "group online im_resource_group");
    assert_eq!(asked.len(), 2);
    assert!(asked[0].contains("\"manage\"") && asked[1].contains("\"remaster\""), "{asked:?}");
}

#[test]
fn a_stop_failed_resource_is_cleared_where_it_is() {
    let asked = asked(&cluster::stop_failed(), "resource clear im_resource");
    assert!(asked[0].contains("\"nodes\":[\"im-node-2\"]"), "{asked:?}");
    let daemon = Daemon::agreeing(cluster::online().done());
    let ran = run(&daemon, "resource clear im_resource");
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("there is nothing to clear"), "{}", ran.err);
}

#[test]
fn what_is_shown_in_todays_style() {
    let mut text = String::new();
    let online = [
        "type list",
        "resource list",
        "group list",
        "node list",
        "group status",
        "group status im_resource_group -v",
        "node status",
        "cluster status",
        "cluster show",
        "cluster check",
        "group explain im_resource_group",
        "group list --json",
        "cluster show --json",
    ];
    for (made, lines) in [
        (cluster::online(), &online[..]),
        (cluster::starting(), &["group explain im_resource_group", "cluster check"][..]),
        (cluster::lost(), &["cluster check", "group explain im_resource_group"][..]),
        (
            cluster::resting(),
            &["group explain im_resource_group --json", "cluster check --json"][..],
        ),
    ] {
        let daemon = Daemon::agreeing(made.done());
        for line in lines {
            let ran = run(&daemon, line);
            assert_eq!(ran.err, "", "{line}");
            text.push_str(&format!("$ steadfast {line}\n{}[{}]\n\n", ran.out, ran.code));
        }
    }
    golden("modern.txt", &text);
}

#[test]
fn status_check_fails_when_something_is_wrong() {
    let cases = [
        (cluster::online(), 0),
        (cluster::faulted(), 1),
        (cluster::starting(), 1),
        (cluster::lost(), 1),
        (cluster::stop_failed(), 1),
        (cluster::resting(), 1),
    ];
    for (at, (made, code)) in cases.into_iter().enumerate() {
        let daemon = Daemon::agreeing(made.done());
        assert_eq!(run(&daemon, "cluster status --check").code, code, "case {at}");
        assert_eq!(run(&daemon, "cluster status").code, 0, "case {at}");
        assert_eq!(daemon.line("scstat").code, 0, "case {at}");
    }
}

#[test]
fn names_that_there_are_not_get_the_nearest() {
    let daemon = Daemon::agreeing(cluster::online().done());
    for (line, said) in [
        ("group explain im_resource_grup", "did you mean im_resource_group?"),
        ("group status web2", "the resource groups are im_resource_group"),
        ("resource status im-resource", "did you mean im_resource?"),
        ("node status im_node_2", "did you mean im-node-2?"),
        ("type show SUNW.gsd", "did you mean SUNW.gds?"),
        ("resource enable a/b", "a/b is no name of a resource"),
        ("resource set im_resource -p x", "has no '='"),
        ("resource restart im_resource --node n1", "takes no --node"),
        ("group set g --node n1 -p Nodelist=n2", "give one of them"),
        ("node fencing n1 --agent f -o x", "-o x is not NAME=VALUE"),
    ] {
        let ran = run(&daemon, line);
        assert_ne!(ran.code, 0, "{line}");
        assert!(ran.err.contains(said), "{line}: {}", ran.err);
        assert!(daemon.asked().iter().all(|a| matches!(a, Ask::Snapshot)), "{line}");
    }
}

#[test]
fn failures_are_json_too_when_that_is_asked_for() {
    let refusal = rgm::Refusal { code: rgm::SchaCode::State, sentence: "it is enabled".to_owned() };
    let daemon = Daemon::start(cluster::online().done(), move |_| {
        vec![node_api::Reply::Refused(refusal.clone())]
    });
    let ran = run(&daemon, "resource delete im_resource --json");
    assert_eq!(ran.code, 1);
    let value: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(
        value,
        serde_json::json!({"done": false, "code": "STATE", "sentence": "it is enabled"})
    );
    let daemon = Daemon::agreeing(cluster::online().done());
    assert_eq!(
        run(&daemon, "resource delete x --json").out,
        "{\n  \"done\": true,\n  \"messages\": []\n}\n"
    );
}

#[test]
fn a_file_is_checked_and_formatted_without_a_daemon() {
    let daemon = Daemon::agreeing(cluster::empty().done());
    let good = daemon.rtreg().join("good");
    std::fs::write(&good, "RESOURCE_TYPE=\"a\";RT_VERSION=\"1\";START=/bin/true;STOP=/bin/true;")
        .unwrap();
    let ran = run(&daemon, &format!("type check {}", good.display()));
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("correct; it describes a"), "{}", ran.out);
    let ran = run(&daemon, &format!("type format {}", good.display()));
    assert!(ran.out.starts_with("RESOURCE_TYPE = \"a\";\n"), "{}", ran.out);
    let bad = daemon.rtreg().join("bad");
    std::fs::write(&bad, "RESOURCE_TYPE = ;").unwrap();
    let ran = run(&daemon, &format!("type check {}", bad.display()));
    assert!(ran.code == 1 && ran.err.contains("error"), "{}", ran.err);
    let ran = run(&daemon, &format!("type check {} --json", bad.display()));
    assert!(ran.code == 1 && ran.out.contains("\"correct\": false"), "{}", ran.out);
    assert_eq!(run(&daemon, "type check /nonexistent").code, 1);
    assert!(daemon.asked().is_empty());
}

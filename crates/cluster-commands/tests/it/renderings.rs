//! What is shown of hand-made clusters, against golden files. `UPDATE=1` writes them anew.

use crate::cluster;
use crate::daemon::Daemon;
use std::path::PathBuf;

/// Compares with a golden file, or writes it.
pub(crate) fn golden(name: &str, text: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden").join(name);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(expected == text, "{name} differs; UPDATE=1 accepts it\n--- is\n{text}");
}

fn check(name: &str, made: &cluster::Made, lines: &[&str]) {
    let daemon = Daemon::agreeing(made.done());
    let mut text = String::new();
    for line in lines {
        let ran = daemon.line(line);
        assert_eq!(ran.err, "", "{line}");
        text.push_str(&format!("$ {line}\n{}\n", ran.out));
    }
    golden(&format!("{name}.txt"), &text);
}

#[test]
fn scstat_shows_a_group_that_is_online_as_the_original_did() {
    let lines = [
        "scstat",
        "scstat -g -h im-node-2",
        "scstat -gv",
        "scstat -gvv",
        "scstat -n",
        "scstat -nv",
        "scstat -q",
        "scstat -D",
        "scstat -W",
        "scstat -i",
    ];
    check("online", &cluster::online(), &lines);
}

#[test]
fn scstat_says_why_a_group_is_not_where_it_should_be() {
    check("starting", &cluster::starting(), &["scstat -g"]);
    check("faulted", &cluster::faulted(), &["scstat -g"]);
    check("lost", &cluster::lost(), &["scstat", "scstat -g"]);
    check("stop_failed", &cluster::stop_failed(), &["scstat -g"]);
    check("resting", &cluster::resting(), &["scstat -g"]);
    check("empty", &cluster::empty(), &["scstat", "scrgadm -p"]);
}

#[test]
fn a_node_that_is_no_member_says_so_first() {
    let mut made = cluster::online();
    made.snapshot.outside = Some("im-node-1 is no member: it waits for a lease".to_owned());
    let ran = Daemon::agreeing(made.done()).line("scstat -n");
    assert!(
        ran.out.starts_with("im-node-1 is no member: it waits for a lease; what"),
        "{}",
        ran.out
    );
}

#[test]
fn scrgadm_prints_the_configuration_in_three_degrees() {
    let lines = [
        "scrgadm -p",
        "scrgadm -pv",
        "scrgadm -pvv -g im_resource_group",
        "scrgadm -pv -j im_resource",
        "scrgadm -p -t gds",
    ];
    check("configuration", &cluster::online(), &lines);
}

#[test]
fn json_of_status_and_configuration_keeps_its_schema() {
    check("json", &cluster::starting(), &["scstat --json", "scrgadm -p --json -j im_resource"]);
}

#[test]
fn control_characters_of_an_agent_never_reach_a_terminal() {
    use rgm::store::Key;
    let mut made = cluster::online();
    let evil = cluster::seen(rgm::ResourceState::Online, rgm::Status::Ok, "a\x1b[2Jb\nc");
    made.put(
        Key::Observed(cluster::node("im-node-2"), cluster::group_key()),
        cluster::observed(12, rgm::GroupState::Online, vec![("im_resource", evil)]),
    );
    let ran = Daemon::agreeing(made.done()).line("scstat -g");
    assert!(ran.out.contains("Online - a [2Jb c"), "{}", ran.out);
}

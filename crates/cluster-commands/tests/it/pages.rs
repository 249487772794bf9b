//! Help, manual pages, documentation and completions, all from the tables.

use crate::cluster;
use crate::daemon::Daemon;
use crate::renderings::golden;
use cluster_commands::Shell;

#[test]
fn help_lists_every_form_and_asks_nothing() {
    let daemon = Daemon::agreeing(cluster::empty().done());
    let mut text = String::new();
    for name in cluster_commands::command_names() {
        let ran = daemon.run(name, &["--help"]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{name}");
        text.push_str(&ran.out);
        text.push('\n');
    }
    assert!(daemon.asked().is_empty());
    golden("help.txt", &text);
}

#[test]
fn every_example_of_the_documentation_is_understood() {
    let daemon = Daemon::agreeing(cluster::online().done());
    for line in cluster_commands::markdown().lines() {
        let Some((line, _)) = line.split_once("    # ") else { continue };
        let ran = daemon.line(line);
        assert!(!ran.err.contains("usage:"), "{line}: {}", ran.err);
    }
}

#[test]
fn every_command_has_a_manual_page() {
    let pages = cluster_commands::man_pages();
    let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
    for name in ["scrgadm.1M", "scha_control.1HA", "steadfast-group.1", "steadfast-group-explain.1"]
    {
        assert!(names.contains(&name), "{name} is not among {names:?}");
    }
    for (name, text) in &pages {
        assert!(text.contains(".TH") && text.contains(".SH NAME"), "{name}");
    }
    let (_, text) = pages.iter().find(|(name, _)| name == "scstat.1M").unwrap();
    golden("scstat.1M", text);
}

#[test]
fn completions_know_every_option() {
    for (shell, file) in [(Shell::Bash, "bash"), (Shell::Zsh, "zsh"), (Shell::Fish, "fish")] {
        let text = cluster_commands::completions(shell);
        for name in cluster_commands::command_names() {
            assert!(text.contains(name), "{name} in {file}");
        }
        golden(&format!("completions.{file}"), &text);
    }
}

#[test]
fn a_name_that_is_no_command_gets_the_nearest() {
    assert!(cluster_commands::is_command("scha_control"));
    assert!(!cluster_commands::is_command("steadfast"));
    let ran = Daemon::agreeing(cluster::empty().done()).run("scswtich", &[]);
    assert_eq!(
        (ran.code, ran.err.as_str()),
        (2, "there is no command scswtich; did you mean scswitch?\n")
    );
}

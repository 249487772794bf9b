//! Command lines that are wrong: each is refused with one sentence and the line that comes nearest, and nothing is sent. The lines are
//! in `bad_lines.txt`, what is said of them in `golden/bad.txt`.

use crate::cluster;
use crate::daemon::Daemon;
use crate::renderings::golden;

const LINES: &str = include_str!("bad_lines.txt");

#[test]
fn a_wrong_command_line_is_refused_in_one_sentence_and_sends_nothing() {
    let daemon = Daemon::agreeing(cluster::online().done());
    let mut text = String::new();
    let lines: Vec<&str> = LINES.lines().filter(|l| !l.is_empty() && !l.starts_with('#')).collect();
    assert!(lines.len() >= 150, "{} lines", lines.len());
    for line in lines {
        let ran = daemon.line(line);
        assert_ne!(ran.code, 0, "{line}");
        assert_eq!(ran.out, "", "{line}");
        assert!((1..=2).contains(&ran.err.lines().count()), "{line}: {}", ran.err);
        assert!(ran.err.len() < 600, "{line}: {}", ran.err);
        let asked = daemon.asked();
        assert!(asked.is_empty(), "{line} asked {asked:?}");
        let said = ran.err.replace(&daemon.rtreg().display().to_string(), "/rtreg");
        text.push_str(&format!("$ {line}\n{said}[{}]\n\n", ran.code));
    }
    golden("bad.txt", &text);
}

#[test]
fn huge_arguments_are_refused_in_a_short_sentence() {
    let daemon = Daemon::agreeing(cluster::online().done());
    let huge = "x".repeat(8 * 1024 * 1024);
    let name = "g".repeat(256);
    let value = format!("p={huge}");
    let many: Vec<&str> = std::iter::repeat_n("-v", 5000).collect();
    let list = vec!["a"; 300_000].join(",") + ",";
    let cases: Vec<(&str, Vec<&str>)> = vec![
        ("scrgadm", vec!["-a", "-g", &huge]),
        ("scrgadm", vec!["-a", "-g", &name]),
        ("scrgadm", vec!["-c", "-j", "r", "-y", &value]),
        ("scrgadm", many),
        ("scrgadm", vec![&huge]),
        ("scswitch", vec!["-z", "-g", "g", "-h", &huge]),
        ("scswitch", vec!["-z", "-g", &list]),
        ("scswitch", vec!["-S", "-h", "n", "-K", &huge]),
        ("scstat", vec!["-h", &huge]),
        ("scstat", vec!["--", &huge]),
        ("pmfadm", vec!["-c", &huge, "x"]),
        ("pmfadm", vec!["-s", "tag", &huge]),
        ("scha_resource_get", vec!["-O", &huge, "-R", "r"]),
        ("scha_control", vec!["-O", &huge, "-R", "r", "-G", "g"]),
    ];
    for (name, args) in cases {
        let ran = daemon.run(name, &args);
        assert_ne!(ran.code, 0, "{name}");
        assert!(ran.err.len() < 800, "{name}: {} bytes", ran.err.len());
        assert!(daemon.asked().is_empty(), "{name}");
    }
}

#[test]
fn no_command_line_makes_a_command_panic() {
    // Every pair and triple of words that mean something somewhere.
    let words = [
        "-a", "-t", "-", "--", "", "-g", "g", "-pvv", "-z", "-é", "--=", "-h", "=", "-y", "a=",
        "-c", "{", "-O", "\u{fffd}",
    ];
    let daemon = Daemon::agreeing(cluster::empty().done());
    for name in cluster_commands::command_names() {
        for a in words {
            for b in words {
                daemon.run(name, &[a, b, "-j", "x{=1"]);
                daemon.run(name, &["-a", "-g", "g", a, b]);
            }
        }
    }
}

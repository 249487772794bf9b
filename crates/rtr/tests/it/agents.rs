//! Files as agents ship them: `tests/good/NAME.rtr` is read without an error and prints as `NAME.canonical`, which is a fixed
//! point. The files were written for this project, in the styles that are found in the field.

use crate::{files, folder, golden, none};
use rtr::{Method, parse, print};

#[test]
fn files_of_agents_are_read_and_printed_in_canonical_form() {
    let cases = files(&folder("good"), "rtr");
    assert!(cases.len() >= 6, "{} cases", cases.len());
    let mut differences = vec![];
    for path in cases {
        let name = path.file_name().unwrap().to_str().unwrap();
        let parsed = parse(name, &std::fs::read(&path).unwrap()).unwrap_or_else(|e| panic!("{e}"));
        let warnings: Vec<_> = parsed.warnings.iter().map(ToString::to_string).collect();
        assert!(warnings.is_empty(), "{}", warnings.join("\n"));
        let canonical = print(&parsed.resource_type);
        let again = parse("canonical", canonical.as_bytes()).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(again.resource_type, parsed.resource_type, "{name}");
        assert_eq!(print(&again.resource_type), canonical, "{name}");
        differences.extend(golden(&path.with_extension("canonical"), &canonical));
    }
    none(differences);
}

#[test]
fn names_and_paths_of_a_type_are_what_commands_need() {
    let text = std::fs::read(folder("good").join("SUNW.iim.rtr")).unwrap();
    let iim = parse("SUNW.iim", &text).unwrap().resource_type;
    assert_eq!(iim.full_name(), "SUNW.iim:3.1");
    for typed in ["iim", "SUNW.iim", "sunw.iim:3.1", "iim:3.1"] {
        assert!(iim.matches_name(typed), "{typed}");
    }
    assert!(!iim.matches_name("SUNW.iim:3.0"));
    assert_eq!(iim.method_path(Method::Start).unwrap(), "/opt/SUNWiim/cluster/bin/iim_svc_start");
    assert_eq!(iim.method_path(Method::Boot), None);

    let check = |name: &str, expect: &[&str]| {
        assert_eq!(iim.type_property(name).unwrap(), expect, "{name}");
    };
    check("FAILOVER", &["TRUE"]);
    check("Pkglist", &["SUNWiim", "SUNWiimsc"]);
    check("monitor_check", &["iim_monitor_check"]);
    check("Init_nodes", &["RG_PRIMARIES"]);
    assert!(iim.type_property("Boot").is_none() && iim.type_property("Installed_nodes").is_none());

    let mut plain = iim.clone();
    plain.upgrade = None;
    assert_eq!(plain.full_name(), "SUNW.iim");
    assert!(plain.matches_name("SUNW.iim:3.1") && !plain.matches_name("SUNW.iim:3.0"));
    plain.vendor_id = None;
    plain.methods.insert(Method::Boot, "/abs/boot".into());
    plain.rt_basedir = Some("/opt/x/".into());
    assert_eq!(plain.full_name(), "iim");
    assert_eq!(plain.method_path(Method::Boot).unwrap(), "/abs/boot");
    assert_eq!(plain.method_path(Method::Stop).unwrap(), "/opt/x/iim_svc_stop");
}

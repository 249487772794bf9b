//! Which properties a resource of a type has, with which default and when they may be set.

use rtr::properties::{Category, EffectiveProperty};
use rtr::{ResourceType, Tunable, parse};

fn of(table: &str) -> ResourceType {
    let head =
        "RESOURCE_TYPE = x; VENDOR_ID = V; RT_VERSION = 1; RT_BASEDIR = /x; START = s; STOP = s;\n";
    parse("f", format!("{head}{table}").as_bytes()).unwrap_or_else(|e| panic!("{e}")).resource_type
}

fn property(table: &str, name: &str) -> EffectiveProperty {
    of(table).effective_property(name).unwrap_or_else(|| panic!("no {name}"))
}

#[test]
fn a_type_without_table_has_what_the_framework_supplies() {
    let names: Vec<_> = of("").effective_properties().into_iter().map(|p| p.name).collect();
    let expected = "Resource_name Type Type_version R_description On_off_switch Monitored_switch Failover_mode \
        Resource_dependencies Resource_dependencies_weak Resource_dependencies_restart \
        Resource_dependencies_offline_restart Network_resources_used Resource_project_name Resource_state Status \
        Status_msg Num_resource_restarts Num_rg_restarts Start_timeout Stop_timeout";
    assert_eq!(names, expected.split_whitespace().collect::<Vec<_>>());
    assert!(of("").effective_properties().iter().all(|p| !p.is_needed_at_creation()));
}

#[test]
fn defaults_come_from_the_file_then_from_the_framework() {
    let check = |table: &str, name: &str, default: Option<&[&str]>, tunable| {
        let found = property(table, name);
        let values = default.map(|d| d.iter().map(|&v| v.to_owned()).collect::<Vec<_>>());
        assert_eq!((found.default, found.tunable), (values, tunable), "{table} {name}");
    };
    check("", "start_timeout", Some(&["3600"]), Tunable::Anytime);
    check(
        "{ PROPERTY = START_TIMEOUT; DEFAULT = 060; }",
        "Start_timeout",
        Some(&["60"]),
        Tunable::Anytime,
    );
    check("", "Failover_mode", Some(&["NONE"]), Tunable::Anytime);
    check(
        "{ PROPERTY = FailOver_Mode; DEFAULT = soft; TUNABLE = AT_CREATION; }",
        "Failover_mode",
        Some(&["SOFT"]),
        Tunable::AtCreation,
    );
    check("", "Type", Some(&["V.x"]), Tunable::None);
    check("#$upgrade\n", "Type", Some(&["V.x:1"]), Tunable::None);
    check("", "Type_version", Some(&["1"]), Tunable::Anytime);
    check("", "On_off_switch", Some(&["DISABLED"]), Tunable::None);
    check("{ PROPERTY = Retry_count; }", "Retry_count", None, Tunable::WhenDisabled);
    check(
        "{ PROPERTY = Retry_count; TUNABLE; DEFAULT = 2; }",
        "Retry_count",
        Some(&["2"]),
        Tunable::Anytime,
    );
    check(
        "{ PROPERTY = Port_list; DEFAULT = 80, 53/UDP; }",
        "Port_list",
        Some(&["80/tcp", "53/udp"]),
        Tunable::Anytime,
    );
    check("{ PROPERTY = Port_list; DEFAULT = ; }", "Port_list", Some(&[]), Tunable::Anytime);
    check("{ PROPERTY = Scalable; }", "Scalable", Some(&["FALSE"]), Tunable::AtCreation);
    check(
        "{ PROPERTY = Scalable; }",
        "Load_balancing_policy",
        Some(&["LB_WEIGHTED"]),
        Tunable::AtCreation,
    );
    check(
        "{ PROPERTY = Mode; EXTENSION; ENUM { Quiet, Loud }; DEFAULT = LOUD; }",
        "MODE",
        Some(&["Loud"]),
        Tunable::Anytime,
    );
    check(
        "{ PROPERTY = Dir; EXTENSION; STRING; TUNABLE = NONE; DEFAULT = \"\"; }",
        "Dir",
        Some(&[]),
        Tunable::None,
    );
}

#[test]
fn what_has_no_default_is_needed_at_creation() {
    let table = "{ PROPERTY = Retry_interval; } { PROPERTY = Port_list; TUNABLE = AT_CREATION; } \
        { PROPERTY = Confdir_list; EXTENSION; STRINGARRAY; ARRAY_MAXSIZE = 1; TUNABLE = AT_CREATION; } \
        { PROPERTY = Probe_timeout; EXTENSION; INT; DEFAULT = 30; }";
    let needed: Vec<_> = of(table)
        .effective_properties()
        .into_iter()
        .filter(|p| p.is_needed_at_creation())
        .collect();
    let names: Vec<_> = needed.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["Retry_interval", "Port_list", "Confdir_list"]);
    assert!(needed.iter().all(|p| p.category == Category::Conditional));
}

#[test]
fn values_of_commands_are_held_to_the_bounds_of_the_file_and_of_the_framework() {
    let check = |table: &str, name: &str, text: &str, expect: Result<&[&str], &str>| {
        let found = property(table, name).check(text).map_err(|e| e.to_string());
        let expect = expect
            .map(|values| values.iter().map(|&v| v.to_owned()).collect::<Vec<_>>())
            .map_err(|problem| format!("property {name}: {problem}"));
        assert_eq!(found, expect, "{name}={text}");
    };
    check("", "Start_timeout", "0", Err("0 is less than the minimum, 1"));
    let min = "{ PROPERTY = Start_timeout; MIN = 30; DEFAULT = 120; }";
    check(min, "Start_timeout", "29", Err("29 is less than the minimum, 30"));
    check(min, "Start_timeout", "30", Ok(&["30"]));
    check("", "Failover_mode", "hard", Ok(&["HARD"]));
    check(
        "",
        "Failover_mode",
        "sotf",
        Err("\"sotf\" is not one of NONE, SOFT, HARD, RESTART_ONLY, LOG_ONLY; did you mean SOFT?"),
    );
    check("", "Resource_dependencies", "store, lh", Ok(&["store", "lh"]));
    check("", "Resource_dependencies", "", Ok(&[]));
    check(
        "",
        "R_description",
        "chat, for all",
        Err(
            "\"chat, for all\" contains a comma, which no value may contain; put a command that needs one into a script",
        ),
    );
    let ports = "{ PROPERTY = Port_list; TUNABLE = AT_CREATION; }";
    check(ports, "Port_list", "80/tcp,5222", Ok(&["80/tcp", "5222/tcp"]));
    check(
        ports,
        "Port_list",
        "http",
        Err(
            "\"http\" is not a port, which is a number from 1 to 65535 with an optional protocol, such as 80/tcp",
        ),
    );
    let one = "{ PROPERTY = Dirs; EXTENSION; STRINGARRAY; ARRAY_MAXSIZE = 1; }";
    check(one, "Dirs", "/a,/b", Err("2 elements were given, at most 1 are allowed"));
}

//! The configuration as `scrgadm -p`, `-pv` and `-pvv` print it. Labels are fixed (scripts cut at them).

use super::clean;
use super::configuration::{ConfigurationView, GroupView, PropertyView, ResourceView, TypeView};
use std::fmt::Write;

/// Column of the values.
const VALUE_COLUMN: usize = 50;

/// The whole text.
pub fn render(view: &ConfigurationView, detail: u8) -> String {
    let mut out = String::new();
    for of in &view.types {
        type_text(&mut out, of, detail);
    }
    for group in &view.groups {
        group_text(&mut out, group, detail);
    }
    let text = out.trim_end();
    if text.is_empty() { "Nothing is configured.\n".to_owned() } else { format!("{text}\n") }
}

fn line(out: &mut String, indent: usize, label: &str, value: &str) {
    let left = format!("{:indent$}{label}:", "");
    let _ = writeln!(out, "{}", format!("{left:<VALUE_COLUMN$} {}", clean(value)).trim_end());
}

/// `<NULL>` for nothing, `<All>` for all, `True` and `False`.
fn shown(value: &[String]) -> String {
    match value {
        [] => "<NULL>".to_owned(),
        [one] if one.is_empty() => "<NULL>".to_owned(),
        [one] => match one.as_str() {
            "TRUE" => "True".to_owned(),
            "FALSE" => "False".to_owned(),
            "*" => "<All>".to_owned(),
            other => other.to_owned(),
        },
        many => many.join(" "),
    }
}

const fn truth(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}

fn type_text(out: &mut String, of: &TypeView, detail: u8) {
    line(out, 0, "Res Type name", of.name.as_str());
    if detail == 0 {
        return;
    }
    let label = |name: &str| match name {
        "RT_description" => "description".to_owned(),
        "RT_basedir" => "base directory".to_owned(),
        "Single_instance" => "single instance".to_owned(),
        "Init_nodes" => "init nodes".to_owned(),
        "Failover" => "failover".to_owned(),
        "RT_version" => "version".to_owned(),
        "API_version" => "API version".to_owned(),
        "Installed_nodes" => "installed on nodes".to_owned(),
        "Pkglist" => "packages".to_owned(),
        "RT_system" => "system".to_owned(),
        other => other.to_owned(),
    };
    for property in &of.properties {
        let label = format!("({}) Res Type {}", of.name, label(&property.name));
        line(out, 2, &label, &shown(&property.value));
    }
    line(out, 2, &format!("({}) Res Type registered from", of.name), &of.path);
    if detail > 1 {
        for (method, path) in &of.methods {
            line(out, 2, &format!("({}) Res Type {method} method", of.name), path);
        }
        for parameter in &of.parameters {
            line(out, 2, &format!("({}) Res Type param name", of.name), &parameter.name);
            let prefix = format!("({}:{}) Res Type param", of.name, parameter.name);
            property_lines(out, &prefix, parameter, "default");
        }
    }
    out.push('\n');
}

fn property_lines(out: &mut String, prefix: &str, property: &PropertyView, value: &str) {
    line(out, 4, &format!("{prefix} class"), property.class);
    line(out, 4, &format!("{prefix} description"), &property.description);
    line(out, 4, &format!("{prefix} type"), property.kind);
    line(out, 4, &format!("{prefix} {value}"), &shown(&property.value));
}

fn group_text(out: &mut String, group: &GroupView, detail: u8) {
    line(out, 0, "Res Group name", group.name.as_str());
    if detail > 0 {
        let own = |label: &str| format!("({}) Res Group {label}", group.name);
        for property in &group.properties {
            let label = match property.name.as_str() {
                "RG_mode" => "mode",
                "Implicit_network_dependencies" => "network dependencies",
                other => other,
            };
            line(out, 2, &own(label), &shown(&property.value));
            if label == "mode" {
                let state = if group.managed { "Managed" } else { "Unmanaged" };
                line(out, 2, &own("management state"), state);
            }
        }
        out.push('\n');
    }
    for resource in &group.resources {
        let label = format!("({}) Res name", group.name);
        line(out, 2, &label, resource.name.as_str());
        if detail > 0 {
            resource_text(out, resource, detail);
        }
    }
    if detail == 0 || !group.resources.is_empty() {
        out.push('\n');
    }
}

fn resource_text(out: &mut String, resource: &ResourceView, detail: u8) {
    let of = format!("{}:{}", resource.group, resource.name);
    let own = |label: &str| format!("({of}) Res {label}");
    let find = |name: &str| resource.properties.iter().find(|p| p.name == name);
    let plain = |name: &str| find(name).map(|p| shown(&p.value)).unwrap_or_default();
    line(out, 4, &own("R_description"), &plain("R_description"));
    line(out, 4, &own("resource type"), resource.type_name.as_str());
    line(out, 4, &own("type version"), &resource.type_version);
    line(out, 4, &own("resource group name"), resource.group.as_str());
    switch_lines(out, &of, "enabled", &resource.enabled);
    switch_lines(out, &of, "monitor enabled", &resource.monitored);
    let kinds = [
        ("strong", "Resource_dependencies"),
        ("weak", "Resource_dependencies_weak"),
        ("restart", "Resource_dependencies_restart"),
        ("offline restart", "Resource_dependencies_offline_restart"),
    ];
    for (kind, property) in kinds {
        if find(property).is_some() {
            line(out, 4, &own(&format!("{kind} dependencies")), &plain(property));
        }
    }
    if detail > 1 {
        for property in &resource.properties {
            line(out, 4, &own("property name"), &property.name);
            let prefix = format!("({of}:{}) Res property", property.name);
            property_lines(out, &prefix, property, "value");
            for (node, value) in &property.per_node {
                let label = format!("({of}:{}{{{node}}}) Res property value", property.name);
                line(out, 4, &label, &shown(value));
            }
        }
    }
    out.push('\n');
}

/// One line where all nodes agree, else one for each node.
fn switch_lines(out: &mut String, of: &str, label: &str, nodes: &[(rgm::NodeName, bool)]) {
    match nodes {
        [(_, first), rest @ ..] if rest.iter().all(|(_, on)| on == first) => {
            line(out, 4, &format!("({of}) Res {label}"), truth(*first));
        }
        _ => {
            for (node, on) in nodes {
                line(out, 4, &format!("({of}{{{node}}}) Res {label}"), truth(*on));
            }
        }
    }
}

//! The state of the cluster as scstat prints it. Labels and their order are fixed (scripts cut at them); widths follow the content.

use super::status::{GroupView, NodeView, ResourceOnNode, StatusView};
use super::{Sections, clean, columns, duration, time};
use std::fmt::Write;

/// Decisions shown with `-vv`.
const DECISIONS_SHOWN: usize = 5;

/// The whole text.
pub fn render(view: &StatusView, sections: Sections) -> String {
    let mut out = String::new();
    if let Some(outside) = &view.outside {
        let _ = writeln!(out, "{outside}; what follows may be old\n");
    }
    if sections.nodes {
        nodes(&mut out, view, sections.detail);
    }
    if sections.transport {
        transport(&mut out, view);
    }
    if sections.quorum {
        quorum(&mut out, view);
    }
    if sections.devices {
        out.push_str("-- Device Group Servers --\n\n  No device groups: a disk belongs to the resource group that uses it.\n\n");
    }
    if sections.groups {
        groups(&mut out, view, sections.detail);
    }
    if sections.multipathing {
        out.push_str(
            "-- IPMP Groups --\n\n  No multipathing groups: bonds and teams are the system's.\n\n",
        );
    }
    for problem in &view.problems {
        let _ = writeln!(out, "problem: {problem}");
    }
    format!("{}\n", out.trim_end())
}

/// A table with its headings underlined; `label` stands in front of every row.
fn table(out: &mut String, label: &str, headings: &[&str], rows: Vec<(Vec<String>, Vec<String>)>) {
    let blank = " ".repeat(label.len());
    let mut all: Vec<Vec<String>> = Vec::new();
    let head = |text: fn(&str) -> String| {
        std::iter::once(blank.clone()).chain(headings.iter().map(|h| text(h))).collect()
    };
    all.push(head(str::to_owned));
    all.push(head(|h| "-".repeat(h.len())));
    let labelled = |row: &Vec<String>| {
        std::iter::once(label.to_owned()).chain(row.iter().cloned()).collect::<Vec<_>>()
    };
    all.extend(rows.iter().map(|(row, _)| labelled(row)));
    let text = columns(2, &all);
    let mut lines = text.lines();
    for line in lines.by_ref().take(2) {
        let _ = writeln!(out, "{line}");
    }
    for (line, (_, notes)) in lines.zip(&rows) {
        let _ = writeln!(out, "{line}");
        for note in notes {
            let _ = writeln!(out, "  {:>width$} {note}", "", width = label.len());
        }
    }
    out.push('\n');
}

fn nodes(out: &mut String, view: &StatusView, detail: u8) {
    out.push_str("-- Cluster Nodes --\n\n");
    let row = |node: &NodeView| {
        let status = if node.online { "Online" } else { "Offline" };
        let mut remarks: Vec<&str> = Vec::new();
        if node.president {
            remarks.push("president");
        }
        if node.maintenance {
            remarks.push("maintenance");
        }
        let status = match remarks.as_slice() {
            [] => status.to_owned(),
            some => format!("{status} ({})", some.join(", ")),
        };
        let mut cells = vec![node.name.to_string(), status];
        if detail > 0 {
            cells.push(node.id.to_string());
            cells.push(node.version.clone().unwrap_or_else(|| "-".to_owned()));
            cells.push(node.joined_ms.map_or_else(|| "-".to_owned(), time));
            cells.push(node.fence_agent.clone().unwrap_or_else(|| "-".to_owned()));
        }
        let mut notes: Vec<String> = node.fence.iter().map(|f| format!("why: {f}")).collect();
        if detail > 0 && !node.fence_options.is_empty() {
            let pairs: Vec<String> =
                node.fence_options.iter().map(|(k, v)| clean(&format!("{k}={v}"))).collect();
            notes.push(format!("fencing with {}", pairs.join(" ")));
        }
        (cells, notes)
    };
    let headings: &[&str] = if detail > 0 {
        &["Node name", "Status", "Id", "Version", "Member since", "Fence agent"]
    } else {
        &["Node name", "Status"]
    };
    table(out, "Cluster node:", headings, view.nodes.iter().map(row).collect());
}

fn transport(out: &mut String, view: &StatusView) {
    out.push_str("-- Cluster Transport Paths --\n\n");
    let row = |node: &NodeView| {
        let status = if node.online { "Path online" } else { "faulted" };
        (vec![node.name.to_string(), "control store".to_owned(), status.to_owned()], Vec::new())
    };
    let rows = view.nodes.iter().map(row).collect();
    table(out, "Transport path:", &["Endpoint", "Endpoint", "Status"], rows);
}

fn quorum(out: &mut String, view: &StatusView) {
    out.push_str("-- Quorum Summary --\n\n");
    let store = if view.store.is_empty() { "unknown" } else { &view.store };
    let _ = writeln!(out, "  Control store:       {store}");
    let _ = writeln!(out, "  Last sign of life:   {} ago", duration(view.store_age_ms));
    let president = view.president.as_ref().map_or("none", |p| p.as_str());
    let _ = writeln!(out, "  President:           {president}");
    let members = view.nodes.iter().filter(|n| n.online).count();
    let _ = writeln!(out, "  Members:             {members} of {}", view.nodes.len());
    out.push_str(
        "  Votes:               those of the control store's own members; nodes have none\n\n",
    );
}

fn groups(out: &mut String, view: &StatusView, detail: u8) {
    if view.groups.is_empty() {
        out.push_str("-- Resource Groups --\n\n  No resource groups.\n\n");
        return;
    }
    out.push_str("-- Resource Groups and Resources --\n\n");
    let row = |group: &GroupView| {
        let names: Vec<&str> = group.resources.iter().map(|r| r.name.as_str()).collect();
        let names = if names.is_empty() { "-".to_owned() } else { names.join(" ") };
        (vec![group.name.to_string(), names], Vec::new())
    };
    let rows = view.groups.iter().map(row).collect();
    table(out, "Resources:", &["Group Name", "Resources"], rows);
    out.push_str("-- Resource Groups --\n\n");
    let rows = view.groups.iter().flat_map(|g| group_rows(g, view.now_ms, detail)).collect();
    table(out, "    Group:", &["Group Name", "Node Name", "State"], rows);
    if view.groups.iter().all(|g| g.resources.is_empty()) {
        return;
    }
    out.push_str("-- Resources --\n\n");
    let rows = view
        .groups
        .iter()
        .flat_map(|g| &g.resources)
        .flat_map(|r| r.nodes.iter().map(move |on| (r, on)))
        .map(|(r, on)| {
            let cells =
                vec![r.name.to_string(), on.node.to_string(), on.state.to_owned(), message(on)];
            let mut notes = Vec::new();
            if detail > 0 && on.since_ms > 0 {
                notes.push(format!("since {}; type {}", time(on.since_ms), r.type_name));
            }
            (cells, notes)
        })
        .collect();
    let headings = ["Resource Name", "Node Name", "State", "Status Message"];
    table(out, " Resource:", &headings, rows);
}

fn group_rows(group: &GroupView, now_ms: u64, detail: u8) -> Vec<(Vec<String>, Vec<String>)> {
    let mut rows: Vec<(Vec<String>, Vec<String>)> = group
        .nodes
        .iter()
        .map(|on| {
            let mut state = on.state.to_owned();
            if group.suspended {
                state.push_str(" (suspended)");
            }
            if on.failed_attempts > 0 {
                let times = match on.failed_attempts {
                    1 => "once".to_owned(),
                    n => format!("{n} times"),
                };
                let _ = write!(state, " (failed to start there {times})");
            }
            (vec![group.name.to_string(), on.node.to_string(), state], Vec::new())
        })
        .collect();
    let mut notes: Vec<String> = Vec::new();
    if group.faulted {
        notes.push(format!("FAULTED: {} does not work as it should", group.name));
    }
    notes.extend(group.why.iter().map(|why| format!("why: {why}")));
    if detail == 1
        && let Some(last) = &group.decided
    {
        let ago = duration(now_ms.saturating_sub(last.at_ms));
        notes.push(format!("last decision, {ago} ago: {}", last.sentence));
    }
    if detail > 1 {
        let skipped = group.decisions.len().saturating_sub(DECISIONS_SHOWN);
        for decision in group.decisions.iter().skip(skipped) {
            notes.push(format!("{} {}: {}", time(decision.at_ms), decision.by, decision.sentence));
        }
    }
    match rows.last_mut() {
        Some((_, last)) => last.extend(notes),
        None if notes.is_empty() => {}
        None => rows.push((vec![group.name.to_string(), "-".to_owned(), "-".to_owned()], notes)),
    }
    rows
}

/// The status message: keyword, what the agent said, the method that runs, the last failure.
fn message(on: &ResourceOnNode) -> String {
    let mut line = on.line.clone();
    if let Some(running) = &on.running {
        let _ =
            write!(line, " [{} {} s of {} s", running.method, running.elapsed_s, running.limit_s);
        if let Some((attempt, most)) = running.attempt {
            let _ = write!(line, ", attempt {attempt} of {most}");
        }
        line.push(']');
    } else if let Some(failure) = &on.failure {
        let _ = write!(line, " [{failure}]");
    }
    line
}

//! Pass: what has changed on each sheet, as sentences: what, why, what next. Looks at the difference between the intent as it was and as it
//! will be, so nothing is said twice and nothing that changes goes unsaid.
//!
//! Never decides anything.

use super::board::{Board, Life, Sheet};
use super::permits::{Obstacle, obstacle};
use crate::model::{FenceState, Intent, ResourceState, Rest};
use crate::names::NodeName;
use std::borrow::Cow;

/// Says it.
pub(super) fn pass(board: &mut Board<'_>) {
    let nothing = Intent::default();
    for at in 0..board.sheets.len() {
        if board.sheets[at].left_alone || board.sheets[at].group.is_none_or(|g| !g.managed) {
            leaving(board, at);
            continue;
        }
        let cluster = board.cluster;
        let name = board.sheets[at].name;
        let before = cluster.intents.get(name).unwrap_or(&nothing);
        if matches!(board.sheets[at].intent, Cow::Owned(_))
            && let Some(sentence) = change(board, &board.sheets[at], before)
        {
            if board.sheets[at].intent.target != before.target {
                let now_ms = board.situation.now_ms;
                board.sheets[at].intent().since_ms = now_ms;
            }
            say(board, at, sentence);
        }
        waiting(board, at);
    }
}

/// A group that is removed or unmanaged while nodes still have it.
fn leaving(board: &mut Board<'_>, at: usize) {
    let sheet = &board.sheets[at];
    let before = board.cluster.intents.get(sheet.name);
    if sheet.left_alone || before.is_none_or(|b| b.target.is_empty()) {
        return;
    }
    let cause = sheet.reason().unwrap_or("it is unmanaged");
    let sentence = format!("{} goes offline: {cause}; next: stop wherever it runs", sheet.name);
    say(board, at, sentence);
}

fn say(board: &mut Board<'_>, at: usize, sentence: String) {
    let decision = board.decision(sentence.clone(), board.sheets[at].by);
    let sheet = &mut board.sheets[at];
    sheet.said.push(decision);
    sheet.intent().why = sentence;
}

/// The sentence for a change of where the group should be or may be.
fn change(board: &Board<'_>, sheet: &Sheet<'_>, before: &Intent) -> Option<String> {
    let (name, now) = (sheet.name, &*sheet.intent);
    let cause = sheet.reason();
    let gone = list(before.target.iter().filter(|n| !now.target.contains(n)));
    let come = list(now.target.iter().filter(|n| !before.target.contains(n)));
    let next = next(board, sheet);
    Some(match (before.target.is_empty(), now.target.is_empty()) {
        (true, true) => return still_offline(sheet, before),
        (false, true) => {
            let cause = cause.unwrap_or("no node can run it");
            let next = offline_next(board, sheet);
            format!("{name} goes offline: {cause}{next}")
        }
        (true, false) => {
            let cause = cause.unwrap_or("that node can run it now");
            format!("{name} goes to {come}: {cause}; next: {next}")
        }
        (false, false) if !gone.is_empty() && !come.is_empty() => {
            let cause = cause.unwrap_or("it can stay there no longer");
            format!("{name} moves from {gone} to {come}: {cause}; next: {next}")
        }
        (false, false) if !come.is_empty() => {
            let cause = cause.unwrap_or("it is short of primaries");
            format!("{name} goes to {come} too: {cause}; next: {next}")
        }
        (false, false) if !gone.is_empty() => {
            let cause = cause.unwrap_or("it can stay there no longer");
            let stays = list(now.target.iter());
            format!("{name} leaves {gone}: {cause}; next: it goes on at {stays}")
        }
        (false, false) => return same_target(sheet, before, &next),
    })
}

fn still_offline(sheet: &Sheet<'_>, before: &Intent) -> Option<String> {
    let now = &*sheet.intent;
    let is_same = match (&before.rest, &now.rest) {
        (Some(a), Some(b)) => std::mem::discriminant(a) == std::mem::discriminant(b),
        (None, None) => true,
        _ => false,
    };
    if is_same && !sheet.ordered {
        return None;
    }
    let rest = now.rest.as_ref()?;
    let cause = sheet.reason().unwrap_or("nobody has started it");
    let name = sheet.name;
    let auto =
        if *rest == Rest::NotAutoStarted { " and Auto_start_on_new_cluster is FALSE" } else { "" };
    Some(format!("{name} stays offline: {cause}{auto}; next: {}", rest_ends(sheet, rest)))
}

fn rest_ends(sheet: &Sheet<'_>, rest: &Rest) -> String {
    let name = sheet.name;
    match rest {
        Rest::ByOperator { .. } | Rest::NotAutoStarted => {
            format!("`scswitch -z -g {name}` brings it online")
        }
        Rest::StartFailures => {
            let failed = &sheet.history.attempts;
            let mut nodes: Vec<&NodeName> = failed.iter().map(|a| &a.node).collect();
            nodes.sort();
            nodes.dedup();
            let nodes = list(nodes.into_iter());
            format!("repair what keeps it from starting on {nodes}, then `scswitch -z -g {name}`")
        }
    }
}

fn offline_next(board: &Board<'_>, sheet: &Sheet<'_>) -> String {
    let runs = sheet.intent.holders.iter().filter(|h| board.life(h) == Life::Member);
    let runs = list(runs.map(|h| &h.node));
    let lost = sheet.intent.holders.iter().filter(|h| board.life(h) == Life::Lost);
    let lost = list(lost.map(|h| &h.node));
    let mut parts: Vec<String> = Vec::new();
    if !runs.is_empty() {
        parts.push(format!("stop on {runs}"));
    }
    if !lost.is_empty() {
        parts.push(format!("it is offline once {lost} is known to be harmless"));
    }
    match &sheet.intent.rest {
        Some(rest @ (Rest::StartFailures | Rest::NotAutoStarted)) => {
            parts.push(rest_ends(sheet, rest));
        }
        None if sheet.is_suspended() => {
            let name = sheet.name;
            parts.push(format!(
                "it is suspended and stays offline until `scswitch -z -g {name}` or `scswitch -r -g {name}`"
            ));
        }
        None if sheet.wanted() == 0 => {
            parts.push("Desired_primaries is 0, so only an operator brings it online".to_owned());
        }
        _ => {}
    }
    if parts.is_empty() { String::new() } else { format!("; next: {}", parts.join(", then ")) }
}

/// The target is as it was: a restart, another attempt, or a permit that had to wait.
fn same_target(sheet: &Sheet<'_>, before: &Intent, next: &str) -> Option<String> {
    let name = sheet.name;
    let (now, cause) = (&*sheet.intent, sheet.reason());
    let generation = sheet.next_generation;
    let given: Vec<&NodeName> =
        now.permitted.iter().filter(|(_, g)| *g == generation).map(|(n, _)| n).collect();
    let had_permit = |n: &NodeName| before.permitted.iter().any(|(b, _)| b == n);
    if !given.is_empty() {
        let again = given.iter().any(|n| had_permit(n));
        let failed = now.holders.iter().any(|h| sheet.attempts_on(&h.node) > 0);
        let verb = match (again, failed) {
            (true, true) => "is tried again on",
            (true, false) => "starts anew on",
            (false, _) => "may start now on",
        };
        let nodes = list(given.into_iter());
        let cause = cause.unwrap_or("nothing stands against it any more");
        return Some(format!("{name} {verb} {nodes}: {cause}; next: {next}"));
    }
    let withdrawn = now.holders.iter().filter(|h| h.withdrawn == Some(generation));
    let withdrawn = list(withdrawn.map(|h| &h.node));
    let cause = cause?;
    (!withdrawn.is_empty())
        .then(|| format!("{name} restarts on {withdrawn}: {cause}; next: {next}"))
}

/// What happens now, as half a sentence.
fn next(board: &Board<'_>, sheet: &Sheet<'_>) -> String {
    let intent = &*sheet.intent;
    let waits = intent.target.iter().find(|n| !sheet.is_permitted(n));
    let Some(node) = waits else {
        let given = intent.permitted.iter().filter(|(_, g)| *g == sheet.next_generation);
        let given = list(given.map(|(n, _)| n));
        return if given.is_empty() {
            "it goes on there".to_owned()
        } else {
            format!("start on {given}")
        };
    };
    match obstacle(board, sheet, node) {
        Some(Obstacle::Beside(other)) => format!("start on {node} once {other} has left it"),
        Some(Obstacle::Without(other)) => format!("start on {node} once {other} may run there"),
        Some(Obstacle::Runs(other)) => format!("stop on {other}, then start on {node}"),
        Some(Obstacle::Holds | Obstacle::Full) => {
            let leaving = intent
                .holders
                .iter()
                .filter(|h| h.withdrawn.is_some() || !intent.target.contains(&h.node));
            let leaving: Vec<_> = leaving.collect();
            let lost = leaving.iter().find(|h| board.life(h) == Life::Lost);
            if let Some(lost) = lost {
                return format!("start on {node} once {} is known to be harmless", lost.node);
            }
            let leaving = list(leaving.iter().map(|h| &h.node));
            format!("stop on {leaving}, then start on {node}")
        }
        None => format!("start on {node} once it may"),
    }
}

/// What keeps the group from being where it should be and does not end by itself in the normal course: said when the reason changes.
fn waiting(board: &mut Board<'_>, at: usize) {
    let sheet = &board.sheets[at];
    let reason = reason(board, sheet);
    let why = &sheet.intent.why;
    match reason {
        Some(sentence) if *why != sentence => say(board, at, sentence),
        None if sheet.said.is_empty() && is_wait(sheet) => {
            let nodes = list(sheet.intent.target.iter());
            let name = sheet.name;
            let sentence = if nodes.is_empty() {
                format!("{name} no longer waits; next: it stays offline")
            } else {
                format!("{name} no longer waits; next: it goes on at {nodes}")
            };
            say(board, at, sentence);
        }
        _ => {}
    }
}

fn is_wait(sheet: &Sheet<'_>) -> bool {
    let rest = sheet.intent.why.strip_prefix(sheet.name.as_str());
    rest.is_some_and(|rest| rest.starts_with(" waits"))
}

fn reason(board: &Board<'_>, sheet: &Sheet<'_>) -> Option<String> {
    let name = sheet.name;
    if let Some(node) = board.stop_failed_on(sheet) {
        let failed = stop_failed_resource(board, sheet, node);
        return Some(format!(
            "{name} waits: {failed} could not be stopped on {node}, so it may still run there; \
             next: make sure that it is dead, then `scswitch -c -h {node} -j {failed} -f STOP_FAILED`"
        ));
    }
    let lost = sheet.intent.holders.iter().find(|h| board.life(h) == Life::Lost);
    if let Some(holder) = lost {
        return lost_reason(board, sheet, &holder.node);
    }
    let intent = &*sheet.intent;
    if intent.rest.is_some() || !intent.target.is_empty() || sheet.is_suspended() {
        return None;
    }
    let group = sheet.group.filter(|_| sheet.wanted() > 0)?;
    let bars: Vec<String> =
        group.nodelist.iter().filter_map(|n| Some(board.bar(sheet, n)?.say(n))).collect();
    let bars = bars.join(", ");
    Some(format!("{name} waits for a node that can run it: {bars}; next: it starts when one can"))
}

fn lost_reason(board: &Board<'_>, sheet: &Sheet<'_>, node: &NodeName) -> Option<String> {
    let name = sheet.name;
    let confirm = format!("make sure that it is off, then `steadfast node confirm-dead {node}`");
    if super::damage::is_damaged(board.cluster, "fence", node) {
        return Some(format!(
            "{name} waits: {node} is lost and its fence cannot be read; next: {confirm}"
        ));
    }
    if board.config.nodes.get(node).is_none_or(|n| n.fencing.is_none()) {
        return Some(format!(
            "{name} waits: {node} is lost, may still write its storage, and has no fence agent; next: {confirm}"
        ));
    }
    match board.fence(node).map(|f| &f.state) {
        Some(FenceState::Failed { why, .. }) => Some(format!(
            "{name} waits: {node} is lost and could not be fenced ({why}); next: it is tried again; or {confirm}"
        )),
        _ if is_wait(sheet) && board.fence(node).is_some_and(|f| f.attempts > 0) => {
            Some(sheet.intent.why.clone())
        }
        _ if is_wait(sheet) => Some(format!(
            "{name} waits until {node} is fenced; next: it starts once that has succeeded"
        )),
        _ => None,
    }
}

fn stop_failed_resource(board: &Board<'_>, sheet: &Sheet<'_>, node: &NodeName) -> String {
    let observed = sheet.holder(node).and_then(|h| board.observed(h, sheet.name));
    let failed = observed.and_then(|o| {
        o.resources.iter().find(|(_, r)| r.state == ResourceState::StopFailed).map(|(name, _)| name)
    });
    failed.map_or_else(|| "a resource".to_owned(), |name| name.as_str().to_owned())
}

/// `n1`, `n1 and n2`, `n1, n2 and n3`.
fn list<'n>(nodes: impl Iterator<Item = &'n NodeName>) -> String {
    let names: Vec<&str> = nodes.map(NodeName::as_str).collect();
    match names.split_last() {
        None => String::new(),
        Some((one, [])) => (*one).to_owned(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

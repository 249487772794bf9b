//! What a script shows below an event: decisions, what else was written, and the intents that changed.

use super::world::{Happened, World};
use rgm::{Cluster, Fence, FenceState, GroupName, Holder, Intent, NodeName, Rest};
use std::collections::BTreeMap;

/// Intents and fences before an event.
#[derive(Clone, Default, PartialEq)]
pub(super) struct Before {
    intents: BTreeMap<GroupName, String>,
    fences: BTreeMap<NodeName, String>,
}

impl Before {
    pub(super) fn of(world: &World) -> Self {
        let cluster = &world.cluster;
        let line = |(g, i): (&GroupName, &Intent)| (g.clone(), intent(cluster, g, i, world.now_ms));
        let fence = |(n, f): (&NodeName, &Fence)| (n.clone(), fence(f, world.now_ms));
        Self {
            intents: cluster.intents.iter().map(line).collect(),
            fences: cluster.fences.iter().map(fence).collect(),
        }
    }
}

/// The lines below an event.
pub(super) fn lines(world: &World, before: &Before, happened: &Happened) -> Vec<String> {
    let after = Before::of(world);
    let mut lines = Vec::new();
    lines.extend(happened.answers.iter().map(|a| format!("answer: {a}")));
    lines.extend(happened.config.clone());
    lines.extend(happened.jobs.iter().map(|j| format!("job for {j}")));
    lines.extend(happened.said.iter().map(|s| format!("\"{s}\"")));
    for (node, line) in &after.fences {
        if before.fences.get(node) != Some(line) {
            lines.push(format!("fence {node}: {line}"));
        }
    }
    for node in before.fences.keys().filter(|n| !after.fences.contains_key(*n)) {
        lines.push(format!("fence {node}: removed"));
    }
    for (group, line) in &after.intents {
        if before.intents.get(group) != Some(line) {
            lines.push(format!("{group}: {line}"));
        }
    }
    if lines.is_empty() {
        lines.push("nothing".to_owned());
    }
    if happened.plans > 1 {
        lines.push(format!("({} plans)", happened.plans));
    }
    lines
}

/// When it will look again, if it will.
pub(super) fn wake(world: &World) -> Option<String> {
    let at = world.wake_at_ms?;
    Some(format!("(looks again in {} s)", at.saturating_sub(world.now_ms) / 1000))
}

fn intent(cluster: &Cluster, group: &GroupName, intent: &Intent, now_ms: u64) -> String {
    let mut text = format!("target {}", names(intent.target.iter()));
    let holders: Vec<String> = intent.holders.iter().map(|h| holder(cluster, h)).collect();
    let holders = if holders.is_empty() { "nobody".to_owned() } else { holders.join(" ") };
    text += &format!(", held by {holders}");
    match &intent.rest {
        None => {}
        Some(Rest::ByOperator { .. }) => text += ", rests (operator)",
        Some(Rest::StartFailures) => text += ", rests (start failures)",
        Some(Rest::NotAutoStarted) => text += ", rests (not auto-started)",
    }
    if !intent.restart.is_empty() {
        text += &format!(", restarts on {}", names(intent.restart.iter()));
    }
    for (node, until) in intent.avoid.iter().filter(|(_, until)| *until > now_ms) {
        text += &format!(", avoids {node} for {} s", (until - now_ms) / 1000);
    }
    if let Some(chosen) = intent.chosen {
        text += &format!(", {chosen} chosen");
    }
    let attempts = cluster.history.get(group).map_or(&[][..], |h| &h.attempts);
    if !attempts.is_empty() {
        text += &format!(", failed on {}", names(attempts.iter().map(|a| &a.node)));
    }
    text
}

fn holder(cluster: &Cluster, holder: &Holder) -> String {
    let node = &holder.node;
    let life = match cluster.members.get(node) {
        Some(member) if member.incarnation == holder.incarnation => "",
        Some(_) => "(old)",
        None => "(lost)",
    };
    let withdrawn = if holder.withdrawn.is_some() { "(leaving)" } else { "" };
    format!("{node}{life}{withdrawn}")
}

fn fence(fence: &Fence, now_ms: u64) -> String {
    match &fence.state {
        FenceState::Pending => format!("pending after {} failures", fence.attempts),
        FenceState::Done => "done".to_owned(),
        FenceState::Failed { why, again_ms } => {
            format!(
                "failed {} times ({why}), again in {} s",
                fence.attempts,
                again_ms.saturating_sub(now_ms) / 1000
            )
        }
    }
}

fn names<'n>(nodes: impl Iterator<Item = &'n NodeName>) -> String {
    let names: Vec<&str> = nodes.map(NodeName::as_str).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(" ") }
}

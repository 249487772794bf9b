//! From the text of a scenario to its steps. Refuses what it does not understand, with the line.

use super::{ClientName, Scenario, Step};
use crate::server::Kind;
use anyhow::{Context, Result, bail, ensure};

/// Parses one scenario.
pub fn parse(name: &str, text: &str) -> Result<Scenario> {
    let mut scenario = Scenario {
        name: name.to_owned(),
        title: String::new(),
        spec: String::new(),
        deviations: Vec::new(),
        clients: Vec::new(),
        steps: Vec::new(),
    };
    let mut lines = text.lines().enumerate().peekable();
    while let Some((at, line)) = lines.next() {
        let line_no = at + 1;
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let mut block = String::new();
        while let Some((_, next)) = lines.next_if(|(_, l)| l.starts_with(' ')) {
            block.push_str(next.trim());
            block.push('\n');
        }
        parse_line(&mut scenario, line_no, line.trim_end(), block)
            .with_context(|| format!("scenario {name}, line {line_no}: {line}"))?;
    }
    ensure!(!scenario.title.is_empty(), "scenario {name} has no title");
    Ok(scenario)
}

fn parse_line(scenario: &mut Scenario, line_no: usize, line: &str, block: String) -> Result<()> {
    if let Some(title) = line.strip_prefix("title:") {
        title.trim().clone_into(&mut scenario.title);
    } else if let Some(spec) = line.strip_prefix("spec:") {
        spec.trim().clone_into(&mut scenario.spec);
    } else if let Some(rest) = line.strip_prefix("deviates ") {
        let (kind, why) = rest.split_once(':').context("no colon")?;
        let kind = Kind::from_name(kind).context("no such server")?;
        scenario.deviations.push((kind, why.trim().to_owned()));
    } else if let Some(rest) = line.strip_prefix("client ") {
        let (name, jid) = rest.split_once('=').context("no '='")?;
        let (user, resource) = jid.trim().split_once('/').context("no resource")?;
        scenario.clients.push(ClientName {
            name: name.trim().to_owned(),
            account: format!("{user}-{}", scenario.name.replace('_', "-")),
            resource: resource.to_owned(),
        });
    } else {
        let step = parse_step(scenario, line, block)?;
        scenario.steps.push((line_no, step));
    }
    Ok(())
}

/// A verb, singular and plural, and the step it makes of the names before it.
type Verb = (&'static [&'static str], fn(Vec<String>) -> Step);

/// Verbs that take a list of clients and nothing else.
const VERBS: &[Verb] = &[
    (&["come online", "comes online"], Step::ComeOnline),
    (&["connect", "connects"], Step::Connect),
    (&["enable sm", "enables sm"], Step::EnableSm),
    (&["drop", "drops"], Step::Drop),
    (&["fail to resume", "fails to resume"], Step::FailToResume),
    (&["resume", "resumes"], Step::Resume),
    (&["disconnect", "disconnects"], Step::Disconnect),
    (&["sync", "syncs"], Step::Sync),
    (&["forget", "forgets"], Step::Forget),
    (&["receive nothing", "receives nothing"], Step::ReceiveNothing),
];

fn parse_step(scenario: &Scenario, line: &str, block: String) -> Result<Step> {
    let known = |name: &str| -> Result<String> {
        let name = name.trim();
        ensure!(scenario.clients.iter().any(|c| c.name == name), "no client {name:?}");
        Ok(name.to_owned())
    };
    if let Some(name) = line.strip_suffix(" sends:") {
        ensure!(!block.is_empty(), "nothing to send");
        return Ok(Step::Send(known(name)?, block));
    }
    if let Some(name) = line.strip_suffix(" receives:") {
        ensure!(!block.is_empty(), "nothing to receive");
        return Ok(Step::Receive(known(name)?, block));
    }
    ensure!(block.is_empty(), "a block belongs to `sends:` or `receives:`");
    if let Some(pair) = line.strip_suffix(" are friends") {
        let (one, other) = pair.split_once(" and ").context("two names with `and`")?;
        return Ok(Step::Befriend(known(one)?, known(other)?));
    }
    if let Some((name, condition)) = line.split_once(" is disconnected") {
        let condition = condition.trim().strip_prefix("with ").map(str::to_owned);
        return Ok(Step::Disconnected(known(name)?, condition));
    }
    for (words, make) in VERBS {
        for word in *words {
            if let Some(names) = line.strip_suffix(word).and_then(|l| l.strip_suffix(' ')) {
                return names.split(',').map(known).collect::<Result<_>>().map(make);
            }
        }
    }
    bail!("no such step")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_scenario_parses_and_names_what_it_checks() {
        let all = super::super::load(&super::super::own_directory()).unwrap();
        assert!(all.len() >= 25, "only {} scenarios", all.len());
        for scenario in all {
            assert!(!scenario.spec.is_empty(), "{} names no paragraph", scenario.name);
            assert!(!scenario.steps.is_empty(), "{} does nothing", scenario.name);
        }
    }

    #[test]
    fn what_is_not_understood_is_refused_with_its_line() {
        let error = parse("x", "title: t\nclient a = a/r\n\na dances\n").unwrap_err();
        assert!(format!("{error:#}").contains("line 4: a dances: no such step"), "{error:#}");
        let error = parse("x", "title: t\nb connects\n").unwrap_err();
        assert!(format!("{error:#}").contains("no client \"b\""), "{error:#}");
    }
}

//! The checker: what two masters, or a lost acknowledged write, would leave behind is looked for in the log on the shared disk and in the observer's file.
//!
//! The observer's file is outside of all hosts; the kernel puts its lines in the order in which they were written. So *a claim of epoch 8, then a write of
//! epoch 7* is seen there, even if the disk's file system shows nothing of it.

use std::collections::BTreeMap;

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// Each a sentence; empty: all is well.
    pub wrong: Vec<String>,
    /// Epochs claimed.
    pub epochs: usize,
    /// Lines in the log.
    pub writes: usize,
    /// Acknowledged writes that are not in the log.
    pub lost: usize,
}

/// Most sentences of one kind.
const WRONG_MAX: usize = 20;

/// Judges a log, the observer's file, and what was acknowledged: pairs of number and epoch.
pub fn check(log: &str, observer: &str, acknowledged: &[(u64, u64)]) -> Findings {
    let mut findings = Findings::default();
    let found = check_log(log, &mut findings);
    check_observer(observer, &mut findings);
    for (number, epoch) in acknowledged {
        match found.get(number).map(Vec::as_slice) {
            None => {
                findings.lost += 1;
                say(
                    &mut findings,
                    format!("write {number}, acknowledged in epoch {epoch}, is not in the log"),
                );
            }
            Some([one]) if one == epoch => {}
            Some(epochs) => say(
                &mut findings,
                format!(
                    "write {number}, acknowledged in epoch {epoch}, is in the log in epochs {epochs:?}"
                ),
            ),
        }
    }
    findings
}

fn say(findings: &mut Findings, sentence: String) {
    if findings.wrong.len() < WRONG_MAX {
        findings.wrong.push(sentence);
    }
}

/// The epochs in which each write is in the log.
fn check_log(log: &str, findings: &mut Findings) -> BTreeMap<u64, Vec<u64>> {
    let mut found: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    let mut highest = (0, String::new());
    for line in log.lines().filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split(' ').collect();
        let parsed = match words.as_slice() {
            [epoch, node, number] => {
                epoch.parse().ok().zip(number.parse().ok()).map(|(e, n)| (e, *node, n))
            }
            _ => None,
        };
        // A line that a crash cut off was never acknowledged, or will be missed.
        let Some((epoch, node, number)) = parsed else { continue };
        findings.writes += 1;
        if epoch < highest.0 {
            say(
                findings,
                format!("in the log, epoch {epoch} of {node} writes after epoch {}", highest.0),
            );
        } else if epoch == highest.0 && node != highest.1 {
            say(findings, format!("in the log, epoch {epoch} is of {} and of {node}", highest.1));
        } else {
            highest = (epoch, node.to_owned());
        }
        found.entry(number).or_default().push(epoch);
    }
    found
}

fn check_observer(observer: &str, findings: &mut Findings) {
    let mut claimed = 0;
    for line in observer.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let (verb, epoch, node) = match words.as_slice() {
            [verb, epoch, node, ..] => (*verb, epoch.parse::<u64>().unwrap_or_default(), *node),
            _ => continue,
        };
        match verb {
            "claim" if epoch > claimed => {
                findings.epochs += 1;
                claimed = epoch;
            }
            "claim" => {
                say(findings, format!("{node} claims epoch {epoch} after {claimed} was claimed"))
            }
            _ if epoch < claimed => {
                say(
                    findings,
                    format!(
                        "{node} of epoch {epoch} still writes after epoch {claimed} was claimed: {line}"
                    ),
                );
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_case(log: &str, observer: &str, acknowledged: &[(u64, u64)], expect: &str) {
        let found = check(log, observer, acknowledged).wrong.join("; ");
        assert!(
            if expect.is_empty() { found.is_empty() } else { found.contains(expect) },
            "{found}"
        );
    }

    #[test]
    fn every_trace_of_two_masters_is_found() {
        check_case(
            "1 a 4\n2 b 8\n",
            "claim 1 a\nbegin 1 a 4\nend 1 a 4\nclaim 2 b\n",
            &[(4, 1), (8, 2)],
            "",
        );
        check_case("1 a 4\n2 b 8\n1 a 12\n", "", &[], "epoch 1 of a writes after epoch 2");
        check_case("2 b 8\n2 a 12\n", "", &[], "epoch 2 is of b and of a");
        check_case("", "claim 1 a\nclaim 2 b\nbegin 1 a 4\n", &[], "a of epoch 1 still writes");
        check_case("", "claim 2 a\nclaim 2 b\n", &[], "b claims epoch 2 after 2");
    }

    #[test]
    fn lost_and_doubled_writes_are_found() {
        check_case(
            "1 a 4\n1 a",
            "",
            &[(4, 1), (8, 1)],
            "write 8, acknowledged in epoch 1, is not in the log",
        );
        check_case("1 a 4\n1 a 4\n", "", &[(4, 1)], "in epochs [1, 1]");
        check_case("1 a 4\n", "", &[(4, 2)], "in epochs [1]");
    }
}

//! Results of many runs, kept in a file so that a long benchmark can be done in parts, and the table made of them in `docs/failover.md`.

use crate::measure::{Sample, Summary};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Where the table begins and ends.
const MARKERS: (&str, &str) = ("<!-- bench failover -->", "<!-- end bench failover -->");

/// Samples of one fault on one contender.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Series {
    /// For people.
    pub label: String,
    /// What was promised.
    pub bound: String,
    /// Place in the table.
    pub order: usize,
    /// The runs.
    pub samples: Vec<Sample>,
    /// Runs that did not end as they must.
    pub failures: Vec<String>,
}

/// All that was measured: by contender, then by fault.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Results {
    /// See above.
    pub contenders: BTreeMap<String, BTreeMap<String, Series>>,
    /// What the checker said at the end of a series of runs: writes, lost acknowledged ones, and what is wrong.
    pub checks: BTreeMap<String, Check>,
}

/// What the checker said.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Check {
    /// Acknowledged writes.
    pub acknowledged: usize,
    /// Those not in the log.
    pub lost: usize,
    /// Epochs.
    pub epochs: usize,
    /// Sentences on second masters and the like.
    pub wrong: Vec<String>,
}

impl Results {
    /// Reads what earlier parts measured; nothing when there is none.
    pub fn read(path: &Path) -> Result<Self> {
        match fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).with_context(|| path.display().to_string()),
            Err(_) => Ok(Self::default()),
        }
    }

    /// Keeps them.
    pub fn write(&self, path: &Path) -> Result<()> {
        fs::write(path, serde_json::to_vec_pretty(self)?)?;
        Ok(())
    }

    /// The generated part of the page.
    pub fn table(&self) -> String {
        let mut text = "| cluster manager | fault | bound | runs | p50 ms | p99 ms | longest ms | requests failed, median | runs not as expected |\n\
                        |---|---|---|---|---|---|---|---|---|\n".to_owned();
        for (name, faults) in &self.contenders {
            let mut series: Vec<&Series> = faults.values().collect();
            series.sort_by_key(|s| s.order);
            for one in series {
                text.push_str(&row(name, one));
            }
        }
        text.push_str("\n| cluster manager | acknowledged writes | lost | epochs | second masters, doubled writes |\n|---|---|---|---|---|\n");
        for (name, check) in &self.checks {
            let wrong =
                if check.wrong.is_empty() { "none".to_owned() } else { check.wrong.join("; ") };
            text.push_str(&format!(
                "| {name} | {} | {} | {} | {wrong} |\n",
                check.acknowledged, check.lost, check.epochs
            ));
        }
        text
    }

    /// Puts the table into the page.
    pub fn publish(&self, page: &Path) -> Result<()> {
        let text = fs::read_to_string(page).with_context(|| page.display().to_string())?;
        let (head, rest) =
            text.split_once(MARKERS.0).context("the page has no place for the table")?;
        let (_, tail) =
            rest.split_once(MARKERS.1).context("the page's place for the table does not end")?;
        fs::write(page, format!("{head}{}\n{}{}{tail}", MARKERS.0, self.table(), MARKERS.1))?;
        Ok(())
    }
}

fn row(name: &str, series: &Series) -> String {
    let failures = series.failures.len();
    let Some(of) = Summary::of(&series.samples) else {
        return format!(
            "| {name} | {} | {} | 0 | – | – | – | – | {failures} |\n",
            series.label, series.bound
        );
    };
    let mut failed: Vec<u64> = series.samples.iter().map(|s| s.failed).collect();
    failed.sort_unstable();
    format!(
        "| {name} | {} | {} | {} | {:.0} | {:.0} | {:.0} | {} | {failures} |\n",
        series.label,
        series.bound,
        of.runs,
        of.p50_ms,
        of.p99_ms,
        of.max_ms,
        failed[failed.len() / 2]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_replaces_the_one_before_and_nothing_else() {
        let page = std::env::temp_dir().join(format!("hosts-report-{}", std::process::id()));
        fs::write(&page, format!("head\n{}\nold\n{}\ntail\n", MARKERS.0, MARKERS.1)).unwrap();
        let mut results = Results::default();
        let samples = vec![Sample { without_service_us: 95_000, failed: 40 }];
        let series = Series {
            label: "killed".to_owned(),
            bound: "300 ms".to_owned(),
            samples,
            ..Series::default()
        };
        results.contenders.entry("ours".to_owned()).or_default().insert("k".to_owned(), series);
        results.publish(&page).unwrap();
        let text = fs::read_to_string(&page).unwrap();
        fs::remove_file(&page).unwrap();
        assert!(
            text.starts_with("head\n") && text.ends_with("\ntail\n") && !text.contains("old"),
            "{text}"
        );
        assert!(text.contains("| ours | killed | 300 ms | 1 | 95 | 95 | 95 | 40 | 0 |"), "{text}");
    }
}

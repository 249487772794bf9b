//! Medians, and the sections of `docs/performance.md` that hold them. A section is replaced when its bench has run; all
//! other text of the document stays as it was written.

use super::Bench;
use crate::server::Kind;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// One variant of one run with its values, one for each column.
#[derive(Clone, Debug)]
pub struct Row {
    /// The variant.
    pub variant: String,
    /// Values in the order of the bench's columns.
    pub values: Vec<f64>,
}

impl Row {
    /// A row.
    pub fn new(variant: &str, values: Vec<f64>) -> Self {
        Self { variant: variant.to_owned(), values }
    }
}

/// All runs of one bench.
#[derive(Default)]
pub struct Runs {
    rows: BTreeMap<(String, usize), Vec<Vec<f64>>>,
}

impl Runs {
    /// Adds the rows of one run.
    pub fn add(&mut self, kind: Kind, rows: Vec<Row>) {
        let place = Kind::ALL.iter().position(|k| *k == kind).unwrap_or_default();
        for row in rows {
            self.rows.entry((row.variant, place)).or_default().push(row.values);
        }
    }
    /// A markdown table of medians, with the range of the first column.
    pub fn table(&self, bench: &Bench) -> String {
        let mut text =
            format!("| variant | server | {} | range of the first |\n", bench.columns.join(" | "));
        text.push_str(&"|---".repeat(bench.columns.len() + 3));
        text.push_str("|\n");
        for ((variant, place), runs) in &self.rows {
            let server = Kind::ALL.get(*place).map_or("", |k| k.name());
            let _ = write!(text, "| {variant} | {server} |");
            for column in 0..bench.columns.len() {
                let _ = write!(text, " {} |", show(median(runs, column)));
            }
            let first: Vec<f64> = runs.iter().filter_map(|r| r.first().copied()).collect();
            let low = first.iter().copied().fold(f64::INFINITY, f64::min);
            let high = first.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let _ = writeln!(text, " {} – {} ({} runs) |", show(low), show(high), runs.len());
        }
        text
    }
}

fn median(runs: &[Vec<f64>], column: usize) -> f64 {
    let mut values: Vec<f64> = runs.iter().filter_map(|r| r.get(column).copied()).collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[n / 2],
        n => f64::midpoint(values[n / 2 - 1], values[n / 2]),
    }
}

fn show(value: f64) -> String {
    match value {
        v if v.is_nan() => "–".to_owned(),
        v if v.abs() >= 100.0 => format!("{v:.0}"),
        v if v.abs() >= 10.0 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}

/// The document with one section replaced, or appended when it was not there.
pub fn with_section(document: &str, name: &str, section: &str) -> String {
    let (begin, end) = (format!("<!-- bench {name} -->"), format!("<!-- end {name} -->"));
    let new = format!("{begin}\n{}\n{end}", section.trim_end());
    if let (Some(from), Some(to)) = (document.find(&begin), document.find(&end)) {
        let mut text = document.to_owned();
        text.replace_range(from..to + end.len(), &new);
        return text;
    }
    format!("{}\n\n{new}\n", document.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_replaced_and_the_rest_stays() {
        let once = with_section("# Head\n", "chat", "one");
        let text = format!("{once}tail\n");
        let twice = with_section(&text, "chat", "two");
        assert_eq!(twice, "# Head\n\n<!-- bench chat -->\ntwo\n<!-- end chat -->\ntail\n");
    }

    #[test]
    fn the_median_of_three_is_the_middle_one() {
        assert!((median(&[vec![3.0], vec![1.0], vec![2.0]], 0) - 2.0).abs() < 1e-9);
    }
}

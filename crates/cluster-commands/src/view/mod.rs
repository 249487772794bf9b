//! What commands show, as values (the schema of `--json`) and as text. Pure: from a snapshot of the cluster to the value, from the value to
//! the text. No file, no terminal, no clock: others may use it (console, tests).
//!
//! Fields are only ever added: scripts read them.

pub mod configuration;
pub mod configuration_text;
pub mod explain;
pub mod status;
pub mod status_text;

use serde::Serialize;

/// Which parts of the status are shown as text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sections {
    /// Nodes.
    pub nodes: bool,
    /// Transport paths.
    pub transport: bool,
    /// Quorum: the control store.
    pub quorum: bool,
    /// Device groups.
    pub devices: bool,
    /// Resource groups and resources.
    pub groups: bool,
    /// IP multipathing groups.
    pub multipathing: bool,
    /// 0 to 2.
    pub detail: u8,
}

impl Sections {
    /// All of them.
    pub const ALL: Self = Self {
        nodes: true,
        transport: true,
        quorum: true,
        devices: true,
        groups: true,
        multipathing: true,
        detail: 0,
    };
}

/// A value as JSON for people and scripts, with a line end.
pub fn json<T: Serialize>(value: &T) -> String {
    match serde_json::to_string_pretty(value) {
        Ok(text) => text + "\n",
        // The views hold strings, numbers and lists only.
        Err(error) => unreachable!("a view is always JSON: {error}"),
    }
}

/// `2026-11-23 18:31:32`, of a wall clock in milliseconds (UTC).
pub fn time(ms: u64) -> String {
    let (days, second) = (ms / 86_400_000, ms / 1000 % 86_400);
    // Civil date of a count of days, in eras of 400 years that begin in March (so that the leap day is the last of a year).
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let of_era_year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * of_era_year + of_era_year / 4 - of_era_year / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = of_era_year + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}

/// `3 s`, `4 min 10 s`, `2 h 5 min`, `3 d 4 h`.
pub fn duration(ms: u64) -> String {
    let s = ms / 1000;
    match s {
        0..60 => format!("{s} s"),
        60..3600 if s.is_multiple_of(60) => format!("{} min", s / 60),
        60..3600 => format!("{} min {} s", s / 60, s % 60),
        3600..86_400 => format!("{} h {} min", s / 3600, s / 60 % 60),
        _ => format!("{} d {} h", s / 86_400, s / 3600 % 24),
    }
}

/// Rows as columns, two blanks between; the last column is not padded.
pub(crate) fn columns(indent: usize, rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |at: usize| {
        rows.iter().filter_map(|r| r.get(at)).map(|c| c.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..count).map(width).collect();
    let mut out = String::new();
    for row in rows {
        let mut line = " ".repeat(indent);
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.push_str(&" ".repeat(width + 2 - cell.chars().count()));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// Text of the cluster for a terminal: one line, no control characters.
pub(crate) fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_clock_is_shown_as_a_date() {
        for (ms, shown) in [
            (0, "1970-01-01 00:00:00"),
            (951_782_400_000, "2000-02-29 00:00:00"),
            (1_795_458_692_000, "2026-11-23 18:31:32"),
            (4_102_444_799_999, "2099-12-31 23:59:59"),
        ] {
            assert_eq!(time(ms), shown);
        }
    }

    #[test]
    fn a_duration_is_shown_in_two_units_at_most() {
        for (ms, shown) in [
            (999, "0 s"),
            (61_000, "1 min 1 s"),
            (120_000, "2 min"),
            (7_500_000, "2 h 5 min"),
            (273_600_000, "3 d 4 h"),
        ] {
            assert_eq!(duration(ms), shown);
        }
    }
}

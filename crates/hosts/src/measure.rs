//! Samples of runs, and what is said of many: median, 99th percentile, longest.

use serde::{Deserialize, Serialize};

/// One run of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// Microseconds without service.
    pub without_service_us: u64,
    /// Requests that failed.
    pub failed: u64,
}

/// Of many runs, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// How many.
    pub runs: usize,
    /// Half are shorter.
    pub p50_ms: f64,
    /// The nearest rank; below 100 runs, this is the longest.
    pub p99_ms: f64,
    /// The longest.
    pub max_ms: f64,
}

impl Summary {
    /// Of at least one.
    pub fn of(samples: &[Sample]) -> Option<Self> {
        let mut times: Vec<u64> = samples.iter().map(|s| s.without_service_us).collect();
        times.sort_unstable();
        let max = *times.last()?;
        let rank = |percent: usize| times[(times.len() * percent).div_ceil(100).max(1) - 1];
        let ms = |us: u64| us as f64 / 1000.0;
        Some(Self {
            runs: times.len(),
            p50_ms: ms(rank(50)),
            p99_ms: ms(rank(99)),
            max_ms: ms(max),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let samples = |times: &[u64]| {
            times
                .iter()
                .map(|t| Sample { without_service_us: t * 1000, failed: 0 })
                .collect::<Vec<_>>()
        };
        let of =
            |times: &[u64]| Summary::of(&samples(times)).map(|s| (s.p50_ms, s.p99_ms, s.max_ms));
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[7]), Some((7.0, 7.0, 7.0)));
        assert_eq!(of(&[3, 1, 2, 4]), Some((2.0, 4.0, 4.0)));
        let hundred: Vec<u64> = (1..=200).collect();
        assert_eq!(of(&hundred), Some((100.0, 198.0, 200.0)));
    }
}

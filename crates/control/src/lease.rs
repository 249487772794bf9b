//! How long a lease lasts, for the engines that decide it themselves.

use crate::{Error, Granted};
use std::time::Duration;

/// The time a lease gets: what was asked, rounded up to whole steps (of a millisecond or more), and no less than `min`.
pub(crate) fn granted_ttl(
    asked: Duration,
    step: Duration,
    min: Duration,
) -> Result<Duration, Error> {
    if asked > Granted::TTL_MAX {
        let max = Granted::TTL_MAX;
        return Err(Error::Invalid(format!("a lease of {asked:?}, at most {max:?}")));
    }
    let step = step.max(Duration::from_millis(1)).as_nanos();
    let steps = asked.max(min).as_nanos().div_ceil(step).max(1);
    Ok(Duration::from_nanos(u64::try_from(steps * step).unwrap_or(u64::MAX)))
}

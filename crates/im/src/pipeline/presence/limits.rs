//! How much presence one account may cause (attack row 26).
//!
//! Presence is the one thing of which a small stanza makes thousands. Every copy that an account causes, to its contacts or
//! from them, is charged to it, a long one as many; `copies_per_second` of them are forgiven each second. Who owes a
//! second's worth or more has to wait: what would announce, probe or greet anew is refused with `resource-constraint`. A
//! single announcement is never cut short, however many contacts there are, and leaving is never refused, because what
//! others see must be true. So within `t` seconds an account causes at most `(t + 1) × copies_per_second` copies and those
//! of one announcement and of the departures from it.

use crate::state::State;
use std::time::Duration;
use xmpp::jid::BareJid;
use xmpp::stanza_error::{ErrorType, StanzaError};

/// See the head of this file.
pub(super) const TOO_MUCH_PRESENCE: StanzaError = StanzaError::new(
    ErrorType::Wait,
    "resource-constraint",
    "This account announces presence too often; wait a moment.",
);

/// Bytes beyond which a copy counts as two, and so on.
const COPY_BYTES: usize = 1024;

/// Copies of an account's presence that have not been forgiven yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CopyAllowance {
    /// In thousandths of a copy.
    owed: u64,
    at: Duration,
}

impl CopyAllowance {
    fn forgive(&mut self, now: Duration, per_second: u32) {
        let passed = now.saturating_sub(self.at).as_millis() as u64;
        self.owed = self.owed.saturating_sub(passed.saturating_mul(u64::from(per_second)));
        self.at += Duration::from_millis(passed);
    }

    fn may_cause_more(&mut self, now: Duration, per_second: u32) -> bool {
        self.forgive(now, per_second);
        self.owed < u64::from(per_second) * 1000
    }

    fn charge(&mut self, copies: usize) {
        self.owed = self.owed.saturating_add(copies as u64 * 1000);
    }
}

impl State {
    /// Whether an account may cause more copies now.
    pub(crate) fn check_copies(&mut self, account: &BareJid) -> Result<(), StanzaError> {
        let (now, per_second) = (self.now.mono, self.options.copies_per_second);
        let Some(account) = self.account_mut(account) else { return Ok(()) };
        if account.copies.may_cause_more(now, per_second) { Ok(()) } else { Err(TOO_MUCH_PRESENCE) }
    }

    /// Charges copies of a stanza of that length to the account that caused them.
    pub(crate) fn charge_copies(&mut self, account: &BareJid, copies: usize, stanza_bytes: usize) {
        if let Some(account) = self.account_mut(account) {
            account.copies.charge(copies.saturating_mul(1 + stanza_bytes / COPY_BYTES));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_caused_are_bounded_by_the_time_that_passes() {
        let mut allowance = CopyAllowance::default();
        let (per_second, fan_out, step) = (1_000, 300, Duration::from_millis(7));
        let mut caused = 0;
        for n in 0..10_000u32 {
            if allowance.may_cause_more(step * n, per_second) {
                allowance.charge(fan_out);
                caused += fan_out;
            }
        }
        let seconds = 70;
        assert!(caused <= (seconds + 1) * 1_000 + fan_out, "caused {caused}");
        assert!(caused >= seconds * 1_000 - fan_out, "and not starved: {caused}");
    }
}

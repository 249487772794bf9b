//! A stored stanza dressed for one recipient. The queue keeps the instruction, not the result, so this must give the same
//! bytes whenever it is done.

use bytes::Bytes;
use im_store::{CarbonKind, Content, QueuedStanza, Render, StanzaId};
use xmpp::jid::BareJid;
use xmpp::ns;
use xmpp::xml::{Edit, Element, Writer};

/// The bytes of a queue entry read back, for a session of `account`.
pub(crate) fn queued(entry: &QueuedStanza, account: &BareJid) -> Bytes {
    match &entry.content {
        Content::Own(bytes) => bytes.clone(),
        Content::Stored(id, render) => match Element::parse(entry.bytes.clone()) {
            Ok(element) => dress(&element, *id, render, account),
            Err(_) => entry.bytes.clone(),
        },
    }
}

/// Dresses a stanza for a session of `account`.
pub(crate) fn dress(element: &Element, id: StanzaId, render: &Render, account: &BareJid) -> Bytes {
    let mut extra = Writer::new();
    if render.stanza_id {
        extra.open("stanza-id").attr("xmlns", ns::STANZA_ID);
        extra.attr("by", account.as_str()).attr("id", &archive_id(id)).close();
    }
    if render.delay {
        extra.open("delay").attr("xmlns", ns::DELAY);
        extra.attr("from", account.domain()).attr("stamp", &datetime(id.0)).close();
    }
    let extra = extra.finish();
    let mut edit = Edit::new(element);
    if !extra.is_empty() {
        edit = edit.append(&extra);
    }
    match (render.carbon, &render.to) {
        (None, Some(to)) => edit.set_attr("to", to).finish(),
        (None, None) => edit.finish(),
        (Some(kind), to) => {
            let kept = edit.set_attr("xmlns", ns::CLIENT).finish();
            let outer_type = element.root().attr("type");
            carbon(&kept, kind, account, to.as_deref(), outer_type.as_deref())
        }
    }
}

/// Wraps a message as a carbon (XEP-0280 §7).
fn carbon(
    message: &[u8],
    kind: CarbonKind,
    account: &BareJid,
    to: Option<&str>,
    outer_type: Option<&str>,
) -> Bytes {
    let mut w = Writer::new();
    w.open("message").attr("from", account.as_str()).attr_opt("to", to);
    w.attr_opt("type", outer_type);
    w.open(match kind {
        CarbonKind::Received => "received",
        CarbonKind::Sent => "sent",
    });
    w.attr("xmlns", ns::CARBONS);
    w.open("forwarded").attr("xmlns", ns::FORWARD).raw(message);
    w.finish()
}

/// How a stanza's id is written in XEP-0359 and XEP-0313.
pub(crate) fn archive_id(id: StanzaId) -> String {
    id.0.to_string()
}

/// The reverse of [`archive_id`].
pub(crate) fn parse_archive_id(text: &str) -> Option<StanzaId> {
    text.parse().ok().map(StanzaId)
}

/// XEP-0082 DateTime in UTC with microseconds, from microseconds since the Unix epoch.
pub(crate) fn datetime(us: u64) -> String {
    let (days, rest) = (us / 86_400_000_000, us % 86_400_000_000);
    let (year, month, day) = civil(days);
    let (seconds, micros) = (rest / 1_000_000, rest % 1_000_000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
}

/// Year, month, day of a number of days since 1970-01-01, in the proleptic Gregorian calendar.
fn civil(days: u64) -> (u64, u64, u64) {
    // Counting years from 1 March makes the leap day the last of its year.
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_xep_0082_says() {
        for (us, text) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (951_827_696_123_456, "2000-02-29T12:34:56.123456Z"),
            (1_795_000_000_000_001, "2026-11-18T11:06:40.000001Z"),
            (4_107_542_400_000_000, "2100-03-01T00:00:00.000000Z"),
        ] {
            assert_eq!(datetime(us), text);
        }
    }
}

//! XEP-0082 DateTime to and from microseconds since the Unix epoch.

const DAY_US: u64 = 86_400_000_000;

/// In UTC with microseconds.
pub(crate) fn format(us: u64) -> String {
    let (days, rest) = (us / DAY_US, us % DAY_US);
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

/// Reads `2010-07-10T23:08:25Z`, with or without a fraction, in UTC or with an offset. Times before 1970 are 1970; what
/// is finer than a microsecond is cut off.
pub(crate) fn parse(text: &str) -> Option<u64> {
    let (date, time) = text.split_once('T')?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let zone_at = time.find(['Z', '+', '-'])?;
    let (time, zone) = time.split_at(zone_at);
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    // A leap second is the first second of the next minute.
    if !is_date(year, month, day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let days = i64::try_from(days_before(year, month, day)).ok()? - 719_468;
    let seconds = days * 86_400 + (hour * 3600 + minute * 60 + second) as i64 - offset(zone)?;
    let micros = micros(fraction)?;
    Some(u64::try_from(seconds).map_or(0, |seconds| seconds * 1_000_000 + micros))
}

/// Seconds that the zone is ahead of UTC.
fn offset(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let sign = if zone.starts_with('+') { 1 } else { -1 };
    let [hours, minutes] = numbers(zone.get(1..)?, ':', [2, 2])?;
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60) as i64)
}

fn micros(fraction: &str) -> Option<u64> {
    if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let digits = fraction.bytes().chain(std::iter::repeat(b'0')).take(6);
    Some(digits.fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')))
}

/// Numbers of exactly so many digits.
fn numbers<const N: usize>(text: &str, separator: char, digits: [usize; N]) -> Option<[u64; N]> {
    let mut parts = text.split(separator);
    let mut found = [0; N];
    for (number, digits) in found.iter_mut().zip(digits) {
        let part = parts.next()?;
        if part.len() != digits || !part.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(found)
}

fn is_date(year: u64, month: u64, day: u64) -> bool {
    let is_leap = year.is_multiple_of(if year.is_multiple_of(100) { 400 } else { 4 });
    let days = match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1..=days).contains(&day)
}

/// Days from 0000-03-01 to a date; the reverse of [`civil`] but for its epoch.
fn days_before(year: u64, month: u64, day: u64) -> u64 {
    // The year 0 has a January that is before its March: 400 years more, and their days less, keep numbers positive.
    let year = year + 400 - u64::from(month <= 2);
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (era * 146_097 + day_of_era).saturating_sub(146_097)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_and_read_as_xep_0082_says() {
        for (us, text) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (951_827_696_123_456, "2000-02-29T12:34:56.123456Z"),
            (1_795_000_000_000_001, "2026-11-18T11:06:40.000001Z"),
            (4_107_542_400_000_000, "2100-03-01T00:00:00.000000Z"),
        ] {
            assert_eq!(format(us), text);
            assert_eq!(parse(text), Some(us));
        }
        for (text, us) in [
            ("2010-07-10T23:08:25Z", Some(1_278_803_305_000_000)),
            ("2010-07-10T23:08:25.5Z", Some(1_278_803_305_500_000)),
            ("2010-07-10T23:08:25.1234567Z", Some(1_278_803_305_123_456)),
            ("2010-07-11T01:08:25+02:00", Some(1_278_803_305_000_000)),
            ("2010-07-10T21:38:25-01:30", Some(1_278_803_305_000_000)),
            ("1969-07-21T02:56:15Z", Some(0)),
            ("0000-01-01T00:00:00Z", Some(0)),
            ("2016-12-31T23:59:60Z", Some(1_483_228_800_000_000)),
            ("2010-02-29T00:00:00Z", None),
            ("2010-13-01T00:00:00Z", None),
            ("2010-00-01T00:00:00Z", None),
            ("2010-07-10T25:08:25Z", None),
            ("2010-07-10T23:08:25", None),
            ("2010-07-10 23:08:25Z", None),
            ("2010-07-10T23:08:25.Z", None),
            ("2010-7-10T23:08:25Z", None),
            ("2010-07-10T23:08:25+2:00", None),
            ("20100710T23:08:25", None),
            ("", None),
        ] {
            assert_eq!(parse(text), us, "{text}");
        }
    }
}

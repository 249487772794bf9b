//! Signals by name and number, as operators and resource types write them.

/// Names of Linux's signals in the order of their numbers on x86-64 and ARM64, from 1.
const NAMES: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
    "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
    "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];

/// The number of a signal written as a number (`15`) or a name in any case, with or without `SIG` (`TERM`, `sigterm`).
/// `None` when it is no signal that can be sent.
pub fn parse_signal(text: &str) -> Option<i32> {
    if let Ok(number) = text.parse::<i32>() {
        return crate::sys::signal(number).map(|_| number);
    }
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let place = NAMES.iter().position(|known| *known == name)?;
    i32::try_from(place + 1).ok()
}

/// The name of a signal without `SIG`, or its number where it has none.
pub fn signal_name(number: i32) -> String {
    let place = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
    match place.and_then(|place| NAMES.get(place)) {
        Some(name) => (*name).to_owned(),
        None => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_known_by_its_number_and_its_name_in_any_case() {
        for (text, number) in [
            ("15", Some(15)),
            ("TERM", Some(15)),
            ("sigterm", Some(15)),
            ("SIGKILL", Some(9)),
            ("sys", Some(31)),
            ("37", Some(37)),
            ("0", None),
            ("32", None),
            ("33", None),
            ("65", None),
            ("-9", None),
            ("SIG", None),
            ("", None),
            ("NOSUCH", None),
        ] {
            assert_eq!(parse_signal(text), number, "{text:?}");
        }
        assert_eq!(signal_name(15), "TERM");
        assert_eq!(signal_name(37), "37");
        assert_eq!(signal_name(-1), "-1");
        assert_eq!(rustix::process::Signal::SYS.as_raw(), 31);
        assert_eq!(rustix::process::Signal::STKFLT.as_raw(), 16);
    }
}

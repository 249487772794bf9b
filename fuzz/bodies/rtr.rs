//! Any bytes are an RTR file or are refused with diagnostics; what is read prints to a text that reads the same, and every
//! default in it is a value of its property.

use rtr::{Diagnostic, Method, Severity, parse, print};

/// Diagnostics of one file: the limits of errors and of warnings, and the one that says that there were more.
const DIAGNOSTICS_MAX: usize = 101;
/// Bytes of one diagnostic as it is shown: a cut line, a cut value, a list of at most a few hundred names.
const SHOWN_BYTES_MAX: usize = 8 * 1024;

/// Panics when something does not hold for these bytes.
pub(super) fn check(data: &[u8]) {
    let parsed = match parse("fuzz.rtr", data) {
        Ok(parsed) => parsed,
        Err(refused) => {
            assert!(refused.errors() > 0, "refused without an error");
            assert!(refused.to_string().contains("error: "), "an error is not shown");
            return look(data, &refused.list);
        }
    };
    assert!(
        parsed.warnings.iter().all(|d| d.severity == Severity::Warning),
        "an error was let through"
    );
    look(data, &parsed.warnings);
    let value = parsed.resource_type;
    let canonical = print(&value);
    let again = parse("canonical.rtr", canonical.as_bytes())
        .unwrap_or_else(|refused| panic!("what was printed is refused:\n{canonical}\n{refused}"));
    assert_eq!(again.resource_type, value, "printing changes the value:\n{canonical}");
    assert_eq!(print(&again.resource_type), canonical, "printing is not canonical");
    ask(&value);
}

/// Every diagnostic has a place in the file and is of bounded size.
fn look(data: &[u8], list: &[Diagnostic]) {
    assert!(list.len() <= DIAGNOSTICS_MAX, "{} diagnostics", list.len());
    let lines = data.iter().filter(|b| matches!(b, b'\n' | b'\r')).count() + 1;
    for diagnostic in list {
        let shown = diagnostic.to_string();
        assert!(shown.len() <= SHOWN_BYTES_MAX, "a diagnostic of {} bytes", shown.len());
        assert!(
            !shown.contains(|c: char| c.is_control() && c != '\n'),
            "a control character is shown"
        );
        assert!(!diagnostic.message.is_empty(), "a diagnostic without message");
        assert!((1..=lines).contains(&(diagnostic.line as usize)), "line {}", diagnostic.line);
        assert!(diagnostic.column >= 1, "column 0");
        if let Some(excerpt) = &diagnostic.excerpt {
            assert!(excerpt.len >= 1, "nothing is underlined");
            assert!(
                excerpt.start <= excerpt.text.chars().count() + 1,
                "the underline is beside the line"
            );
            assert!(
                !diagnostic.label.is_empty(),
                "an underline without a word: {}",
                diagnostic.message
            );
        }
    }
}

/// Everything that can be asked of a type.
fn ask(value: &rtr::ResourceType) {
    assert!(value.matches_name(&value.full_name()), "a type does not match its name");
    assert!(value.matches_name(&value.resource_type), "a type does not match its base name");
    for method in Method::ALL {
        let path = value.method_path(method);
        assert_eq!(path.is_some(), value.methods.contains_key(&method));
        assert!(path.is_none_or(|path| path.starts_with('/')), "a method's path is relative");
        let timeout = value.effective_property(method.timeout_property());
        assert_eq!(timeout.is_some(), value.methods.contains_key(&method), "{method}");
    }
    let properties = value.effective_properties();
    for (at, property) in properties.iter().enumerate() {
        assert!(!properties[..at].iter().any(|p| p.name.eq_ignore_ascii_case(&property.name)));
        let Some(default) = &property.default else { continue };
        match property.check_values(default) {
            Ok(kept) => assert_eq!(&kept, default, "{}", property.name),
            // The one leniency: strings of files may have what commands may not.
            Err(error) => assert!(error.to_string().contains(" contains a "), "{error}"),
        }
    }
    for declared in &value.properties {
        let found = value.effective_property(&declared.name);
        let limits_a_method = Method::of_timeout_property(&declared.name).is_some();
        assert!(found.is_some() || limits_a_method, "{} is lost", declared.name);
    }
}

//! Whether a received element is the one a scenario describes, and what it says about the `{=x}` in it.

use crate::xml::Element;
use std::collections::BTreeMap;

/// Namespace of the words that patterns add to XML.
pub(super) const NS_TESTKIT: &str = "urn:testkit";

/// Names and what they stand for.
pub(super) type Variables = BTreeMap<String, String>;

/// Replaces `{name}` where it is known; leaves `{=name}` and everything else as it is.
pub(super) fn substitute(text: &str, variables: &Variables) -> String {
    variables
        .iter()
        .fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

/// The captures, when the element matches.
pub(super) fn matches(pattern: &Element, element: &Element) -> Option<Variables> {
    let mut captured = Variables::new();
    match_element(pattern, element, &mut captured).then_some(captured)
}

fn match_element(pattern: &Element, element: &Element, captured: &mut Variables) -> bool {
    if pattern.name != element.name || pattern.ns != element.ns {
        return false;
    }
    for (ns, name, wanted) in &pattern.attrs {
        let found = element.attrs.iter().find(|(n, a, _)| n == ns && a == name);
        let found = found.map(|(_, _, value)| value.as_str());
        if !match_text(wanted, found, captured) {
            return false;
        }
    }
    let wanted = pattern.text();
    let wanted = wanted.trim();
    if !wanted.is_empty() && !match_text(wanted, Some(element.text().trim()), captured) {
        return false;
    }
    match_children(pattern, element, captured)
}

fn match_children(pattern: &Element, element: &Element, captured: &mut Variables) -> bool {
    let mut left: Vec<&Element> = element.children().collect();
    for wanted in pattern.children() {
        if wanted.is("not", NS_TESTKIT) {
            let mut ignored = Variables::new();
            let forbidden = |p| element.children().any(|c| match_element(p, c, &mut ignored));
            if wanted.children().any(forbidden) {
                return false;
            }
            continue;
        }
        let mut trial = Variables::new();
        let Some(at) = left.iter().position(|child| {
            trial.clear();
            match_element(wanted, child, &mut trial)
        }) else {
            return false;
        };
        left.remove(at);
        captured.append(&mut trial);
    }
    true
}

fn match_text(wanted: &str, found: Option<&str>, captured: &mut Variables) -> bool {
    if let Some(name) = wanted.strip_prefix("{=").and_then(|w| w.strip_suffix('}')) {
        if let Some(found) = found {
            captured.insert(name.to_owned(), found.to_owned());
        }
        return found.is_some();
    }
    match wanted {
        "*" => found.is_some_and(|f| !f.is_empty()),
        "-" => found.is_none(),
        wanted => found == Some(wanted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, element: &str, expect: bool) {
        let (p, e) = (Element::parse(pattern).unwrap(), Element::parse(element).unwrap());
        assert_eq!(matches(&p, &e).is_some(), expect, "{pattern} against {element}");
    }

    #[test]
    fn a_pattern_matches_what_it_says_and_nothing_else() {
        check("<message/>", "<message to='x'><body>hi</body></message>", true);
        check("<message to='*'/>", "<message/>", false);
        check("<message to='-'/>", "<message to='x'/>", false);
        check("<message><body>hi</body></message>", "<message><body> hi </body></message>", true);
        check("<message><body>hi</body></message>", "<message><body>ho</body></message>", false);
        check("<a><b/><b/></a>", "<a><b/></a>", false);
        check(
            "<a><not xmlns='urn:testkit'><b xmlns='u'/></not></a>",
            "<a><b xmlns='u'/></a>",
            false,
        );
        check("<a><not xmlns='urn:testkit'><b xmlns='u'/></not></a>", "<a><b/></a>", true);
    }

    #[test]
    fn captures_are_kept() {
        let p = Element::parse("<a id='{=x}'><b>{=y}</b></a>").unwrap();
        let e = Element::parse("<a id='1'><b>2</b></a>").unwrap();
        let captured = matches(&p, &e).unwrap();
        assert_eq!(substitute("{x}{y}{z}", &captured), "12{z}");
    }
}

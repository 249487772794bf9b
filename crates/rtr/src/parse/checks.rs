//! Judges the file as a whole once it has been read: what is missing, and what contradicts what.

use super::Parser;
use crate::diagnostic::{Report, Span};
use crate::model::{Method, PropertyKind};

impl Parser<'_> {
    pub(super) fn check_file(&mut self) {
        self.check_required();
        self.check_monitor();
        self.check_paths();
        self.check_scalable();
        self.check_timeouts();
    }

    /// Where something is said to be missing: at the name of the type, or at the start of the file.
    fn anchor(&self) -> Span {
        let start = Span { start: 0, end: 0 };
        self.declared.get("RESOURCE_TYPE").copied().unwrap_or(start)
    }

    /// Whether a declaration is there, or one that was probably meant to be it.
    fn has(&self, keyword: &str) -> bool {
        self.declared.contains_key(keyword) || self.guessed.contains(keyword)
    }

    fn check_required(&mut self) {
        let required: [(&[&'static str], &str); 4] = [
            (&["RESOURCE_TYPE"], "RESOURCE_TYPE"),
            (&["RT_VERSION"], "RT_VERSION"),
            (&["START", "PRENET_START"], "START (or PRENET_START)"),
            (&["STOP", "POSTNET_STOP"], "STOP (or POSTNET_STOP)"),
        ];
        for (keywords, what) in required {
            // A method that is declared empty is not there; one whose value is wrong has been reported.
            let is_there = keywords.iter().any(|keyword| {
                let method = Method::from_name(keyword);
                self.has(keyword)
                    && (method.is_none_or(|m| self.resource_type.methods.contains_key(&m))
                        || self.scan.has_errors())
            });
            if !is_there {
                let report = Report::error(self.anchor(), format!("the type declares no {what}"));
                self.scan.report(report.label("expected among the declarations"));
            }
        }
    }

    fn check_monitor(&mut self) {
        let pair = [("MONITOR_START", "MONITOR_STOP"), ("MONITOR_STOP", "MONITOR_START")];
        for (have, other) in pair {
            let Some(&span) = self.declared.get(have).filter(|_| !self.has(other)) else {
                continue;
            };
            let report = Report::error(span, format!("{have} is declared without {other}"));
            self.scan.report(report.label("a monitor must be able to start and to stop"));
        }
    }

    /// Without RT_BASEDIR every method has an absolute path. Said once, at the first.
    fn check_paths(&mut self) {
        if self.has("RT_BASEDIR") {
            return;
        }
        let relative = Method::ALL.into_iter().filter_map(|method| {
            let path = self.resource_type.methods.get(&method)?;
            let keyword = method.to_string();
            let span = self.declared.iter().find(|(have, _)| **have == keyword)?.1;
            (!path.starts_with('/')).then_some((*span, keyword))
        });
        let Some((span, keyword)) = relative.min_by_key(|(span, _)| span.start) else { return };
        let report = Report::error(
            span,
            format!("the path of {keyword} is relative, and there is no RT_BASEDIR"),
        );
        self.scan.report(
            report.label("expected an absolute path, or RT_BASEDIR among the declarations"),
        );
    }

    /// A failover type is on one node; a scalable one is on several.
    fn check_scalable(&mut self) {
        if !self.resource_type.failover {
            return;
        }
        let entries = self.resource_type.properties.iter().zip(&self.places);
        let contradicting = entries
            .filter(|(p, _)| !p.extension && p.name.eq_ignore_ascii_case("Scalable"))
            .find(|(p, _)| p.default.as_ref().is_some_and(|d| d.iter().any(|v| v == "TRUE")));
        if let Some((_, places)) = contradicting {
            let report = Report::error(
                places.default.unwrap_or(places.name),
                "Scalable is TRUE, and so is FAILOVER",
            );
            self.scan
                .report(report.label("a type that runs on one node at a time cannot be scalable"));
        }
    }

    /// A timeout of a method that is not there does nothing.
    fn check_timeouts(&mut self) {
        for at in 0..self.places.len() {
            let property = &self.resource_type.properties[at];
            let method = Method::of_timeout_property(&property.name).filter(|_| {
                !property.extension && matches!(property.kind, PropertyKind::Int { .. })
            });
            let Some(method) = method.filter(|m| !self.resource_type.methods.contains_key(m))
            else {
                continue;
            };
            let message = format!(
                "{} limits a method that the type does not have",
                method.timeout_property()
            );
            let report = Report::warning(self.places[at].name, message);
            self.scan.report(report.label(format!("{method} is not declared")));
        }
    }
}

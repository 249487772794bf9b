//! Between the two parts: `#$upgrade` and its `#$upgrade_from` lines. Each directive is a line.

use super::{Parser, Part, Value, declarations};
use crate::diagnostic::{Report, Span, shown};
use crate::model::{Tunability, Upgrade, UpgradeFrom};
use crate::names::{Keyword, nearest};
use crate::scan::{Kind, Mode};

/// Lines `#$upgrade_from` of one file.
const UPGRADES_MAX: usize = 1024;

const WORDS: [&str; 2] = ["#$upgrade", "#$upgrade_from"];

impl Parser<'_> {
    pub(super) fn directive(&mut self) {
        let span = self.scan.next(Mode::Name).span;
        let word = self.scan.text(span).to_ascii_lowercase();
        if !WORDS.contains(&word.as_str()) {
            self.unknown_directive(&word, span);
            return;
        }
        self.check_place(&word, span);
        if self.part == Part::Declarations {
            self.check_first(span);
            self.part = Part::Upgrade;
        }
        if word == WORDS[0] {
            if self.resource_type.upgrade.is_some() {
                let report = Report::error(span, "`#$upgrade` stands twice");
                self.scan.report(report.label("once is enough"));
            }
            self.resource_type.upgrade.get_or_insert_default();
            self.end_of_directive(span);
        } else {
            self.upgrade_from(span);
        }
    }

    /// `#$…` inside of an entry, or a word that is no directive: reported, and its line is left out.
    pub(super) fn unknown_directive(&mut self, word: &str, span: Span) {
        let report = Report::error(span, format!("`{}` is not a directive", shown(word)));
        let report =
            report.label("expected `#$upgrade` or `#$upgrade_from`").suggest(nearest(word, WORDS));
        self.scan.report(report.help("a comment must not begin with `#$`"));
        self.scan.skip_line();
    }

    fn check_place(&mut self, word: &str, span: Span) {
        let line = self.scan.source.line_span(self.scan.source.line(span.start)).start;
        let before = &self.scan.source.text[line..span.start];
        if self.part == Part::Table {
            let report = Report::error(span, format!("`{word}` stands behind the table"));
            self.scan.report(report.label("expected between the declarations and the first `{`"));
        } else if !before.trim_ascii().is_empty() && line > 0 {
            let report = Report::error(span, format!("`{word}` does not begin its line"));
            self.scan.report(report.label("expected on a line of its own"));
        }
    }

    /// `version tunability`
    fn upgrade_from(&mut self, span: Span) {
        if self.resource_type.upgrade.is_none() {
            let report = Report::error(span, "`#$upgrade_from` without `#$upgrade`");
            self.scan.report(report.label("expected a line `#$upgrade` before this"));
            self.resource_type.upgrade = Some(Upgrade::default());
        }
        let Some(version) = self.word_on_line(span, "a version, such as \"1.0\"") else { return };
        if !version.text.is_empty()
            && version.is_clean
            && !declarations::is_legal_version(&version.text)
        {
            self.illegal_version(&version);
        }
        let expected = super::alternatives(Tunability::words());
        let Some(when) = self.word_on_line(span.to(version.span), &expected) else { return };
        let behind = span.to(when.span);
        let Some(when) = self.word::<Tunability>("`#$upgrade_from`", &when) else {
            self.scan.skip_line();
            return;
        };
        self.end_of_directive(behind);
        let Some(upgrade) = &mut self.resource_type.upgrade else { return };
        if upgrade.from.len() == UPGRADES_MAX {
            let message = format!("there are more than {UPGRADES_MAX} `#$upgrade_from` lines");
            self.scan.report(Report::error(behind, message).label("expected fewer"));
        }
        if upgrade.from.len() > UPGRADES_MAX {
            return;
        }
        let is_new = upgrade.from.iter().all(|from| from.version != version.text);
        if is_new {
            upgrade.from.push(UpgradeFrom { version: version.text, when });
        } else {
            let message = format!("version \"{}\" is listed twice", shown(&version.text));
            self.scan.report(Report::error(version.span, message).label("expected once"));
        }
    }

    /// The next word if it stands on the line of the directive.
    fn word_on_line(&mut self, directive: Span, expected: &str) -> Option<Value> {
        let token = self.scan.peek(Mode::Value);
        if matches!(token.kind, Kind::Word | Kind::Quoted(_))
            && self.scan.same_line(directive.start, token.span.start)
        {
            self.scan.next(Mode::Value);
            return Some(self.value(token));
        }
        let report = Report::error(directive.after(), "`#$upgrade_from` is not complete");
        self.scan.report(report.label(format!("expected {expected}")));
        if self.scan.same_line(directive.start, token.span.start) {
            self.scan.skip_line();
        }
        None
    }

    /// Nothing but a comment may follow on the line.
    fn end_of_directive(&mut self, directive: Span) {
        let token = self.scan.peek(Mode::Value);
        if token.kind != Kind::End && self.scan.same_line(directive.start, token.span.start) {
            let text = self.shown(token.span);
            let report = Report::error(token.span, format!("unexpected `{text}`"));
            self.scan.report(report.label("expected the end of the line"));
            self.scan.skip_line();
        }
    }
}

//! The second part: the table of properties, entries in braces. This file reads an entry; `entry_checks` judges it.

use super::entry_checks::{Bound, Draft, Type};
use super::{Parser, Value, Values, declarations};
use crate::diagnostic::{Report, Span, shown};
use crate::model::Tunable;
use crate::names::{is_legal_name, nearest};
use crate::scan::{Kind, Mode};
use crate::value::integer;

/// Literals of one enumeration.
const LITERALS_MAX: usize = 1024;

/// What an attribute says.
#[derive(Clone, Copy)]
enum What {
    Property,
    Extension,
    PerNode,
    Type(Type),
    Default,
    Bound(Bound),
    Tunable,
    Description,
}

const KEYWORDS: &[(&str, What)] = &[
    ("PROPERTY", What::Property),
    ("EXTENSION", What::Extension),
    ("PER_NODE", What::PerNode),
    ("STRING", What::Type(Type::String)),
    ("INT", What::Type(Type::Int)),
    ("BOOLEAN", What::Type(Type::Boolean)),
    ("ENUM", What::Type(Type::Enum)),
    ("STRINGARRAY", What::Type(Type::StringArray)),
    ("DEFAULT", What::Default),
    ("MIN", What::Bound(Bound::Min)),
    ("MAX", What::Bound(Bound::Max)),
    ("MINLENGTH", What::Bound(Bound::MinLength)),
    ("MAXLENGTH", What::Bound(Bound::MaxLength)),
    ("ARRAY_MINSIZE", What::Bound(Bound::ArrayMinsize)),
    ("ARRAY_MAXSIZE", What::Bound(Bound::ArrayMaxsize)),
    ("ARRAYMIN", What::Bound(Bound::ArrayMinsize)),
    ("ARRAYMAX", What::Bound(Bound::ArrayMaxsize)),
    ("TUNABLE", What::Tunable),
    ("DESCRIPTION", What::Description),
];

/// Whether an attribute can begin with this word.
pub(super) fn is_keyword(word: &str) -> bool {
    KEYWORDS.iter().any(|(keyword, _)| keyword.eq_ignore_ascii_case(word))
}

/// Whether this is an attribute that stands alone.
pub(super) fn takes_no_value(word: &str) -> bool {
    let found = KEYWORDS.iter().find(|(keyword, _)| keyword.eq_ignore_ascii_case(word));
    matches!(found, Some((_, What::Extension | What::PerNode | What::Type(_))))
}

impl Parser<'_> {
    /// `"{" "PROPERTY" "=" name ";" { attribute ";" } "}"`
    pub(super) fn entry(&mut self) {
        let open = self.scan.next(Mode::Name).span;
        let mut draft = Draft::new(open);
        while !self.scan.is_given_up() {
            let token = self.scan.peek(Mode::List);
            match token.kind {
                Kind::Close => {
                    self.scan.next(Mode::List);
                    self.finish(draft);
                    return;
                }
                Kind::End | Kind::Open => {
                    self.not_closed(&draft);
                    self.finish(draft);
                    return;
                }
                Kind::Word => {
                    if self.attribute(&mut draft) {
                        continue;
                    }
                    self.not_closed(&draft);
                    self.finish(draft);
                    return;
                }
                Kind::Directive => {
                    self.scan.next(Mode::List);
                    let text = self.shown(token.span);
                    let report = Report::error(token.span, format!("`{text}` inside of an entry"));
                    self.scan.report(
                        report.label("directives stand between the declarations and the first `{`"),
                    );
                    self.scan.skip_line();
                }
                _ => {
                    self.scan.next(Mode::List);
                    let text = self.shown(token.span);
                    let report = Report::error(token.span, format!("unexpected `{text}`"));
                    self.scan.report(report.label("expected an attribute or `}`"));
                    if token.kind != Kind::Semicolon {
                        self.skip_rest_of_line();
                    }
                }
            }
        }
    }

    fn not_closed(&mut self, draft: &Draft) {
        let report = Report::error(draft.open, "this entry is not closed");
        self.scan.report(report.label("expected a `}` for it"));
    }

    /// One attribute with its `;`. False, and nothing is taken, when a declaration begins instead.
    fn attribute(&mut self, draft: &mut Draft) -> bool {
        let span = self.scan.peek(Mode::Name).span;
        let name = self.scan.text(span).into_owned();
        let found = KEYWORDS.iter().find(|(keyword, _)| keyword.eq_ignore_ascii_case(&name));
        if found.is_none() && declarations::is_keyword(&name) {
            return false;
        }
        // A mark that List takes and Name does not cannot begin a word, but a word must always be taken.
        self.scan.next(Mode::Name);
        let Some(&(keyword, what)) = found else {
            let meant = nearest(&name, KEYWORDS.iter().map(|(keyword, _)| *keyword));
            let report = Report::error(span, format!("`{}` is not an attribute", shown(&name)));
            self.scan.report(report.label("expected an attribute or `}`").suggest(meant));
            draft.guessed.extend(meant);
            self.values(span, Mode::List);
            return true;
        };
        if draft.seen.is_empty() && draft.guessed.is_empty() && !matches!(what, What::Property) {
            let report = Report::error(span, format!("the entry begins with {keyword}"));
            self.scan.report(report.label("expected `PROPERTY = name;` first"));
        }
        let is_new = !draft.seen.contains(&keyword);
        draft.seen.push(keyword);
        if !is_new {
            let report = Report::error(span, format!("{keyword} stands twice in one entry"));
            self.scan.report(report.label("expected once"));
        }
        if let What::Type(kind) = what {
            self.type_of(draft, kind, keyword, span);
        } else {
            let values = self.values(span, Mode::List);
            if is_new {
                self.attribute_value(draft, what, (keyword, span), values);
            }
        }
        true
    }

    fn attribute_value(
        &mut self,
        draft: &mut Draft,
        what: What,
        (keyword, span): (&'static str, Span),
        values: Values,
    ) {
        match what {
            What::Property => {
                draft.name = self.one(keyword, span, values, "the name of a property")
            }
            What::Extension => {
                self.no_value(keyword, &values);
                draft.extension = Some(span);
            }
            What::PerNode => {
                self.no_value(keyword, &values);
                draft.per_node = Some(span);
            }
            What::Default => {
                if !values.equals {
                    let report = Report::error(span, "DEFAULT has no value");
                    self.scan.report(
                        report.label("expected `DEFAULT = value;`, or `DEFAULT = ;` for none"),
                    );
                }
                draft.default = Some((values.list, span.to(values.span)));
            }
            What::Bound(bound) => self.bound(draft, bound, (keyword, span), values),
            What::Tunable if !values.equals => draft.tunable = Some(Tunable::Anytime),
            What::Tunable => {
                let expected = "NONE, AT_CREATION, WHEN_DISABLED or ANYTIME";
                if let Some(value) = self.one(keyword, span, values, expected) {
                    draft.tunable = self.word(keyword, &value);
                }
            }
            What::Description => {
                let is_empty = values.equals && values.list.is_empty();
                let text = if is_empty {
                    Some(String::new())
                } else {
                    self.one(keyword, span, values, "a description in quotes").map(|v| v.text)
                };
                draft.description = text.map(|text| (text, span));
            }
            What::Type(_) => {}
        }
    }

    fn no_value(&mut self, keyword: &str, values: &Values) {
        if values.equals {
            let report = Report::error(values.span, format!("{keyword} takes no value"));
            self.scan.report(report.label("expected `;`"));
        }
    }

    fn bound(
        &mut self,
        draft: &mut Draft,
        bound: Bound,
        (keyword, span): (&'static str, Span),
        values: Values,
    ) {
        let Some(value) = self.one(keyword, span, values, "a number") else { return };
        match integer(&value.text) {
            Some(number) if number < 0 && !matches!(bound, Bound::Min | Bound::Max) => {
                let report = Report::error(value.span, format!("{keyword} is negative"));
                self.scan.report(report.label("expected 0 or more"));
            }
            Some(number) => draft.bounds.push((bound, number, span.to(value.span))),
            None => {
                let message = format!("`{}` is not a number", shown(&value.text));
                let label = "expected a decimal integer of at most 64 bits";
                self.scan.report(Report::error(value.span, message).label(label));
            }
        }
    }

    /// A type keyword, with the literals of an enumeration.
    fn type_of(&mut self, draft: &mut Draft, kind: Type, keyword: &'static str, span: Span) {
        let mut behind = span;
        let mut literals = vec![];
        if kind == Type::Enum {
            behind = self.literals(span, &mut literals);
        }
        if self.scan.peek(Mode::List).kind == Kind::Equals {
            let values = self.values(behind, Mode::List);
            self.no_value(keyword, &values);
        } else {
            self.semicolon(behind, true);
        }
        match draft.kind {
            Some((before, ..)) if before != kind => {
                let report = Report::error(span, "the property has two types");
                self.scan.report(report.label(format!("it is {} already", before.keyword())));
            }
            Some(_) => {}
            None => draft.kind = Some((kind, span.to(behind), literals)),
        }
    }

    /// `"{" name { "," name } "}"`. Returns the place of its end.
    fn literals(&mut self, span: Span, literals: &mut Vec<String>) -> Span {
        let open = self.scan.peek(Mode::List);
        if open.kind != Kind::Open {
            let report = Report::error(span.after(), "ENUM has no literals");
            self.scan.report(report.label("expected `{ literal, … }`"));
            return span;
        }
        self.scan.next(Mode::List);
        let mut behind = open.span;
        let mut needs_literal = true;
        loop {
            let token = self.scan.peek(Mode::List);
            match (token.kind, needs_literal) {
                (Kind::Word | Kind::Quoted(_), true) => {
                    self.scan.next(Mode::List);
                    let value = self.value(token);
                    self.literal(value, literals);
                    needs_literal = false;
                }
                (Kind::Comma, false) => {
                    self.scan.next(Mode::List);
                    needs_literal = true;
                }
                (Kind::Close, _) => {
                    self.scan.next(Mode::List);
                    if needs_literal {
                        let report =
                            Report::error(token.span, "the list of literals is not complete");
                        self.scan.report(report.label("expected a literal before this"));
                    }
                    return token.span;
                }
                _ => {
                    let report =
                        Report::error(behind.after(), "the list of literals does not go on");
                    let expected = if needs_literal { "a literal" } else { "`,` or `}`" };
                    self.scan.report(report.label(format!("expected {expected}")));
                    self.skip_literals();
                    return behind;
                }
            }
            behind = token.span;
        }
    }

    /// What is left of a broken list of literals: up to its `}` when that stands on the line, with a `;` behind it.
    fn skip_literals(&mut self) {
        let first = self.scan.peek(Mode::List).span.start;
        loop {
            let token = self.scan.peek(Mode::List);
            let is_rest =
                matches!(token.kind, Kind::Word | Kind::Quoted(_) | Kind::Comma | Kind::Close);
            if !is_rest || !self.scan.same_line(first, token.span.start) {
                return;
            }
            self.scan.next(Mode::List);
            if token.kind == Kind::Close {
                return;
            }
        }
    }

    fn literal(&mut self, value: Value, literals: &mut Vec<String>) {
        if !value.is_clean || literals.len() > LITERALS_MAX {
            return;
        }
        if !is_legal_name(&value.text) {
            let message = format!("`{}` is not a legal name", shown(&value.text));
            let label = "expected a letter, then letters, digits, - and _, at most 255";
            self.scan.report(Report::error(value.span, message).label(label));
        } else if literals.iter().any(|literal| literal.eq_ignore_ascii_case(&value.text)) {
            let message = format!("literal `{}` stands twice", shown(&value.text));
            self.scan.report(Report::error(value.span, message).label("case makes no difference"));
        } else if literals.len() == LITERALS_MAX {
            let message = format!("the enumeration has more than {LITERALS_MAX} literals");
            self.scan.report(Report::error(value.span, message).label("expected fewer"));
            // One too many, so that this is said once.
            literals.push(value.text);
        } else {
            literals.push(value.text);
        }
    }
}

//! Judges an entry of the table, rt_reg(4) and property_attributes(5): which attributes fit, whether bounds and default agree.

use super::{Parser, Places, Value};
use crate::diagnostic::{Report, Span, shown};
use crate::model::{Method, Property, PropertyKind, Range, Tunable};
use crate::names::{is_legal_name, nearest};
use crate::properties::{self, SystemProperty};
use crate::value::{Rule, ValueProblem, split_list};

/// A type keyword.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    String,
    Int,
    Boolean,
    Enum,
    StringArray,
}

impl Type {
    pub(super) fn keyword(self) -> &'static str {
        self.kind(vec![]).keyword()
    }

    fn kind(self, literals: Vec<String>) -> PropertyKind {
        let any = Range::default();
        match self {
            Self::String => PropertyKind::String { length: any },
            Self::Int => PropertyKind::Int { range: any },
            Self::Boolean => PropertyKind::Boolean,
            Self::Enum => PropertyKind::Enum { literals },
            Self::StringArray => PropertyKind::StringArray { length: any, size: any },
        }
    }
}

/// The keywords of [`Type`].
const TYPES: [&str; 5] = ["STRING", "INT", "BOOLEAN", "ENUM", "STRINGARRAY"];

/// A bound keyword.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    Min,
    Max,
    MinLength,
    MaxLength,
    ArrayMinsize,
    ArrayMaxsize,
}

impl Bound {
    fn keyword(self) -> &'static str {
        match self {
            Self::Min => "MIN",
            Self::Max => "MAX",
            Self::MinLength => "MINLENGTH",
            Self::MaxLength => "MAXLENGTH",
            Self::ArrayMinsize => "ARRAY_MINSIZE",
            Self::ArrayMaxsize => "ARRAY_MAXSIZE",
        }
    }

    fn is_lower(self) -> bool {
        matches!(self, Self::Min | Self::MinLength | Self::ArrayMinsize)
    }

    /// The range of a kind that this bounds; `None` when it does not fit.
    fn range(self, kind: &mut PropertyKind) -> Option<&mut Range> {
        match (self, kind) {
            (Self::Min | Self::Max, PropertyKind::Int { range }) => Some(range),
            (
                Self::MinLength | Self::MaxLength,
                PropertyKind::String { length } | PropertyKind::StringArray { length, .. },
            ) => Some(length),
            (Self::ArrayMinsize | Self::ArrayMaxsize, PropertyKind::StringArray { size, .. }) => {
                Some(size)
            }
            _ => None,
        }
    }

    /// Kinds that have it, for a message.
    fn fits(self) -> &'static str {
        match self {
            Self::Min | Self::Max => "INT",
            Self::MinLength | Self::MaxLength => "STRING and STRINGARRAY",
            Self::ArrayMinsize | Self::ArrayMaxsize => "STRINGARRAY",
        }
    }
}

/// An entry as it was read.
pub(super) struct Draft {
    pub(super) open: Span,
    /// Keywords that occurred.
    pub(super) seen: Vec<&'static str>,
    /// Keywords that misspelt ones probably meant; they are not reported as missing too.
    pub(super) guessed: Vec<&'static str>,
    pub(super) name: Option<Value>,
    pub(super) extension: Option<Span>,
    pub(super) per_node: Option<Span>,
    pub(super) kind: Option<(Type, Span, Vec<String>)>,
    pub(super) default: Option<(Vec<Value>, Span)>,
    pub(super) bounds: Vec<(Bound, i64, Span)>,
    pub(super) tunable: Option<Tunable>,
    pub(super) description: Option<(String, Span)>,
}

impl Draft {
    pub(super) fn new(open: Span) -> Self {
        Self {
            open,
            seen: vec![],
            guessed: vec![],
            name: None,
            extension: None,
            per_node: None,
            kind: None,
            default: None,
            bounds: vec![],
            tunable: None,
            description: None,
        }
    }
}

impl Parser<'_> {
    /// Judges an entry and keeps it.
    pub(super) fn finish(&mut self, draft: Draft) {
        let Some(name) = draft.name.clone() else {
            if !draft.seen.contains(&"PROPERTY") && !draft.guessed.contains(&"PROPERTY") {
                let report = Report::error(draft.open, "the entry names no property");
                self.scan.report(report.label("expected `{ PROPERTY = name; …`"));
            }
            return;
        };
        self.check_is_new(&name);
        if draft.extension.is_none() && draft.guessed.contains(&"EXTENSION") {
            return;
        }
        let system = properties::resource(&name.text);
        let kind = if draft.extension.is_some() {
            self.extension(&draft, &name, system)
        } else {
            self.system_defined(&draft, &name, system)
        };
        let Some(mut kind) = kind else { return };
        let is_sound = self.apply_bounds(&draft, &mut kind);
        let system = system.filter(|_| draft.extension.is_none());
        let default = match &draft.default {
            Some((values, span)) => {
                let rule = system.map_or(Rule::Plain, |row| row.rule);
                self.default((&kind, rule, is_sound), &name, (values, *span))
            }
            None => {
                if let Some(row) = system.filter(|_| is_sound) {
                    self.check_framework_default(row, &kind, &name);
                }
                None
            }
        };
        if draft.extension.is_some()
            && draft.tunable == Some(Tunable::None)
            && draft.default.is_none()
        {
            let message = format!("{} can never have a value", shown(&name.text));
            let label = "it has no DEFAULT, and nobody may set it";
            self.scan.report(Report::warning(name.span, message).label(label));
        }
        let places = Places { name: name.span, default: draft.default.map(|(_, span)| span) };
        let property = Property {
            name: name.text,
            extension: draft.extension.is_some(),
            per_node: draft.per_node.is_some(),
            kind,
            default,
            tunable: draft.tunable,
            description: draft.description.map(|(text, _)| text),
        };
        self.push(property, places);
    }

    fn check_is_new(&mut self, name: &Value) {
        if let Some(before) = self.entries.insert(name.text.to_ascii_lowercase(), name.span) {
            let line = self.scan.source.line(before.start) + 1;
            let message = format!("property {} is in the table twice", shown(&name.text));
            let report = Report::error(name.span, message);
            self.scan.report(
                report.label(format!("the first is in line {line}; case makes no difference")),
            );
        }
    }

    fn extension(
        &mut self,
        draft: &Draft,
        name: &Value,
        system: Option<&SystemProperty>,
    ) -> Option<PropertyKind> {
        if let Some(row) = system {
            let report =
                Report::error(name.span, format!("{} is a system-defined property", row.name));
            let report = report.label("an extension property needs another name");
            self.scan.report(report.help(
                "leave EXTENSION, type and DESCRIPTION out to declare the system-defined one",
            ));
        } else if !is_legal_name(&name.text) && name.is_clean {
            let message = format!("`{}` is not a legal name", shown(&name.text));
            let label = "expected a letter, then letters, digits, - and _, at most 255";
            self.scan.report(Report::error(name.span, message).label(label));
        }
        let Some((kind, _, literals)) = &draft.kind else {
            let is_misspelt = draft.guessed.iter().any(|word| TYPES.contains(word));
            if !is_misspelt {
                let message = format!("extension property {} has no type", shown(&name.text));
                let label = "expected STRING, INT, BOOLEAN, ENUM or STRINGARRAY";
                self.scan.report(Report::error(name.span, message).label(label));
            }
            return None;
        };
        if let Some(span) = draft.per_node {
            let report = |message| Report::error(span, message);
            if *kind == Type::StringArray {
                self.scan.report(
                    report("PER_NODE does not fit STRINGARRAY").label("expected another type"),
                );
            }
            if draft.default.is_none() {
                self.scan.report(
                    report("PER_NODE without DEFAULT").label("a value per node needs a DEFAULT"),
                );
            }
        }
        Some(kind.kind(literals.clone()))
    }

    fn system_defined(
        &mut self,
        draft: &Draft,
        name: &Value,
        system: Option<&SystemProperty>,
    ) -> Option<PropertyKind> {
        let Some(row) = system else {
            let message = format!("`{}` is not a system-defined property", shown(&name.text));
            let report = Report::error(name.span, message);
            let report = report.label("expected one, or the attribute EXTENSION");
            let names = properties::RESOURCE.iter().filter(|p| p.may_be_declared()).map(|p| p.name);
            if name.is_clean {
                self.scan.report(match properties::resource_type(&name.text) {
                    Some(_) => report.help("it is a property of types, declared before the table"),
                    None if draft.kind.is_some() => {
                        report.help("a property of the type's own needs `EXTENSION;`")
                    }
                    None => report.suggest(nearest(&name.text, names)),
                });
            }
            return None;
        };
        if !row.may_be_declared() {
            let report = Report::error(name.span, format!("{} cannot be declared", row.name));
            self.scan
                .report(report.label("every resource has it, and the framework gives its value"));
        }
        let extension_only = [
            ("a type", draft.kind.as_ref().map(|(_, span, _)| *span)),
            ("PER_NODE", draft.per_node),
            ("DESCRIPTION", draft.description.as_ref().map(|(_, span)| *span)),
        ];
        for (what, span) in extension_only {
            let Some(span) = span else { continue };
            let report = Report::error(
                span,
                format!("{} is system-defined and takes no such attribute", row.name),
            );
            self.scan.report(report.label(format!("only extension properties have {what}")));
        }
        Some(row.kind.kind())
    }

    /// Narrows the kind. False when the bounds make no sense.
    fn apply_bounds(&mut self, draft: &Draft, kind: &mut PropertyKind) -> bool {
        let is_timeout = draft.extension.is_none()
            && draft.name.as_ref().is_some_and(|n| Method::of_timeout_property(&n.text).is_some());
        let mut is_sound = !matches!(kind, PropertyKind::Enum { literals } if literals.is_empty());
        let mut own: Vec<(Bound, i64, Span)> = vec![];
        for &(bound, number, span) in &draft.bounds {
            let keyword = bound.keyword();
            if bound.range(kind).is_none() {
                let report =
                    Report::error(span, format!("{keyword} does not fit {}", kind.keyword()));
                self.scan.report(report.label(format!("only {} can have it", bound.fits())));
                is_sound = false;
            } else if is_timeout && bound == Bound::Max {
                let report = Report::error(span, "the timeout of a method has a MAX");
                self.scan.report(
                    report.label("expected none: an administrator may give a method any time"),
                );
                is_sound = false;
            } else if is_timeout && number < 1 {
                let report = Report::error(
                    span,
                    format!("the timeout of a method has the minimum {number}"),
                );
                self.scan.report(report.label("expected 1 or more: a method needs some time"));
                is_sound = false;
            } else {
                own.push((bound, number, span));
            }
        }
        for &(bound, number, span) in &own {
            let other = own
                .iter()
                .find(|(b, ..)| b.fits() == bound.fits() && b.is_lower() != bound.is_lower());
            if let Some((upper, most, _)) =
                other.filter(|(_, most, _)| bound.is_lower() && number > *most)
            {
                let message = format!("{} is more than {}", bound.keyword(), upper.keyword());
                let report = Report::error(span, message);
                self.scan.report(report.label(format!("expected at most {most}")));
                is_sound = false;
            }
            let Some(range) = bound.range(kind) else { continue };
            if bound.is_lower() {
                range.min = Some(range.min.map_or(number, |min| min.max(number)));
            } else {
                range.max = Some(range.max.map_or(number, |max| max.min(number)));
            }
        }
        is_sound
    }

    /// The declared default as it is kept.
    fn default(
        &mut self,
        (kind, rule, is_sound): (&PropertyKind, Rule, bool),
        name: &Value,
        (values, span): (&[Value], Span),
    ) -> Option<Vec<String>> {
        if !values.iter().all(|value| value.is_clean) {
            return None;
        }
        let place = values.first().map_or(span, |value| value.span);
        let mut texts: Vec<&str> = values.iter().map(|value| value.text.as_str()).collect();
        if kind.is_array() && values.len() == 1 && texts[0].contains(',') {
            let report = Report::warning(place, "a comma inside of the quotes separates elements");
            self.scan.report(report.label("taken as several; write `\"a\", \"b\"`"));
            texts = split_list(&values[0].text);
        }
        let error = match kind.check_with(rule, &name.text, &texts) {
            Ok(kept) => return Some(kept),
            Err(error) => error.problem,
        };
        // Files have it, though no command could set it again.
        let is_illegal = matches!(error, ValueProblem::Illegal { .. });
        if matches!(kind, PropertyKind::String { .. }) && is_illegal {
            let report = Report::warning(place, "the default contains a comma or a semicolon");
            self.scan.report(report.label("accepted, but no command can set such a value"));
            return Some(vec![texts[0].to_owned()]);
        }
        if is_sound {
            let label = format!("expected {}", expectation(kind, rule));
            for (place, problem) in
                wrong_elements(kind, rule, values).unwrap_or(vec![(place, error)])
            {
                let message = format!("the default of {}: {problem}", shown(&name.text));
                self.scan.report(Report::error(place, message).label(&label));
            }
        }
        None
    }

    /// The bounds of an entry without DEFAULT must admit what the framework would take.
    fn check_framework_default(&mut self, row: &SystemProperty, kind: &PropertyKind, name: &Value) {
        let Some(default) = row.default else { return };
        if let Err(error) = kind.check_with(row.rule, row.name, default) {
            let report = Report::error(name.span, format!("{} needs a DEFAULT", row.name));
            let label = format!("without one the framework's holds: {}", error.problem);
            self.scan.report(report.label(label));
        }
    }
}

/// The elements of a list that are wrong each by itself, with their places; `None` when the fault is another.
fn wrong_elements(
    kind: &PropertyKind,
    rule: Rule,
    values: &[Value],
) -> Option<Vec<(Span, ValueProblem)>> {
    let PropertyKind::StringArray { length, .. } = kind else { return None };
    let one = PropertyKind::StringArray { length: *length, size: Range::default() };
    let wrong = |value: &Value| {
        let texts = split_list(&value.text);
        one.check_with(rule, "", &texts).err().map(|error| (value.span, error.problem))
    };
    let wrong: Vec<_> = values.iter().filter_map(wrong).collect();
    (!wrong.is_empty()).then_some(wrong)
}

/// What a value of the kind looks like.
fn expectation(kind: &PropertyKind, rule: Rule) -> String {
    let within = |range: &Range, of: &str| match (range.min, range.max) {
        (Some(min), Some(max)) => format!("{of} {min} to {max}"),
        (Some(min), None) => format!("{of} {min} or more"),
        (None, Some(max)) => format!("{of} {max} or less"),
        (None, None) => String::new(),
    };
    match kind {
        PropertyKind::Int { range } => format!("an integer{}", within(range, ":")),
        PropertyKind::Boolean => "TRUE or FALSE".to_owned(),
        PropertyKind::Enum { literals } => format!("one of {}", shown(&literals.join(", "))),
        PropertyKind::String { length } => {
            format!("a string{}", within(length, " with a length of"))
        }
        PropertyKind::StringArray { length, size } => match rule {
            Rule::Ports => "port/protocol, such as 80/tcp".to_owned(),
            Rule::Names => "names of resources".to_owned(),
            Rule::Weights => "weight@node".to_owned(),
            Rule::Plain | Rule::Path => format!(
                "a list{}{}",
                within(size, " with a number of elements of"),
                within(length, " with lengths of")
            ),
        },
    }
}

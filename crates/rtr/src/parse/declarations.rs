//! The first part: declarations of the type, rt_reg(4) "Resource type properties".

use super::{API_VERSION_ACCEPTED_MAX, API_VERSION_DEFAULT, API_VERSION_MAX};
use super::{Parser, Part, Value, Values, entry};
use crate::diagnostic::{Report, Span, shown};
use crate::model::{InitNodes, Method, ResourceType};
use crate::names::{Keyword, NAME_BYTES_MAX, is_legal_name, nearest};
use crate::scan::Mode;
use crate::value::integer;

/// What a keyword declares.
#[derive(Clone, Copy)]
enum What {
    Flag(Flag),
    Text(Text),
    Pkglist,
    Method(Method),
}

#[derive(Clone, Copy)]
enum Flag {
    Failover,
    SingleInstance,
    RtSystem,
    GlobalZone,
    Proxy,
}

#[derive(Clone, Copy)]
enum Text {
    ResourceType,
    VendorId,
    RtVersion,
    RtDescription,
    ApiVersion,
    RtBasedir,
    InitNodes,
    SysdefinedType,
}

const KEYWORDS: &[(&str, What)] = &[
    ("RESOURCE_TYPE", What::Text(Text::ResourceType)),
    ("VENDOR_ID", What::Text(Text::VendorId)),
    ("RT_VERSION", What::Text(Text::RtVersion)),
    ("RT_DESCRIPTION", What::Text(Text::RtDescription)),
    ("API_VERSION", What::Text(Text::ApiVersion)),
    ("RT_BASEDIR", What::Text(Text::RtBasedir)),
    ("INIT_NODES", What::Text(Text::InitNodes)),
    ("SYSDEFINED_TYPE", What::Text(Text::SysdefinedType)),
    ("FAILOVER", What::Flag(Flag::Failover)),
    ("SINGLE_INSTANCE", What::Flag(Flag::SingleInstance)),
    ("RT_SYSTEM", What::Flag(Flag::RtSystem)),
    ("GLOBAL_ZONE", What::Flag(Flag::GlobalZone)),
    ("PROXY", What::Flag(Flag::Proxy)),
    ("PKGLIST", What::Pkglist),
];

/// Every declaration by keyword.
fn keywords() -> impl Iterator<Item = (&'static str, What)> {
    let methods = Method::WORDS.iter().map(|&(word, method)| (word, What::Method(method)));
    KEYWORDS.iter().copied().chain(methods)
}

/// Whether a declaration can begin with this word.
pub(super) fn is_keyword(word: &str) -> bool {
    keywords().any(|(keyword, _)| keyword.eq_ignore_ascii_case(word))
}

/// A type of which nothing is known yet.
pub(super) fn nothing_declared() -> ResourceType {
    ResourceType {
        resource_type: String::new(),
        vendor_id: None,
        rt_version: String::new(),
        rt_description: String::new(),
        api_version: API_VERSION_DEFAULT,
        rt_basedir: None,
        failover: false,
        single_instance: false,
        init_nodes: InitNodes::default(),
        pkglist: vec![],
        rt_system: false,
        global_zone: false,
        proxy: false,
        sysdefined_type: None,
        methods: std::collections::BTreeMap::new(),
        upgrade: None,
        properties: vec![],
    }
}

/// Whether a version has only characters that registration accepts.
pub(super) fn is_legal_version(version: &str) -> bool {
    version.len() <= NAME_BYTES_MAX
        && version.chars().all(|c| c.is_ascii_graphic() && !is_illegal(c))
}

fn is_illegal(char: char) -> bool {
    matches!(char, '/' | '\\' | '*' | '?' | ',' | ';' | '[' | ']' | '"')
}

impl Parser<'_> {
    /// `name [ "=" values ] ";"`
    pub(super) fn declaration(&mut self) {
        let span = self.scan.next(Mode::Name).span;
        let name = self.scan.text(span).into_owned();
        let Some((keyword, what)) = keywords().find(|(k, _)| k.eq_ignore_ascii_case(&name)) else {
            self.unknown_declaration(&name, span);
            return;
        };
        self.check_order(keyword, span);
        let mode = if matches!(what, What::Pkglist) { Mode::List } else { Mode::Value };
        let values = self.values(span, mode);
        if let Some(before) = self.declared.insert(keyword, span) {
            let line = self.scan.source.line(before.start) + 1;
            let report = Report::error(span, format!("{keyword} is declared twice"));
            self.scan.report(report.label(format!("declared first in line {line}")));
        }
        match what {
            What::Flag(flag) => self.flag(keyword, flag, values),
            What::Text(text) => self.text(keyword, span, text, values),
            What::Pkglist => self.pkglist(span, values),
            What::Method(method) => self.method(keyword, span, method, values),
        }
    }

    fn unknown_declaration(&mut self, name: &str, span: Span) {
        let words = keywords().map(|(keyword, _)| keyword);
        let meant = nearest(name, words);
        let report = if entry::is_keyword(name) {
            Report::error(span, format!("`{}` stands outside of an entry", shown(name)))
                .label("expected `{` before this")
                .help("an entry of the table is written `{ PROPERTY = name; … }`")
        } else {
            let report = Report::error(span, format!("`{}` is not a declaration", shown(name)));
            report.label("expected a declaration, `#$upgrade` or `{`").suggest(meant)
        };
        self.scan.report(report);
        // What was probably meant is not reported as missing on top.
        if let Some(keyword) = meant {
            self.guessed.insert(keyword);
        }
        self.values(span, Mode::List);
    }

    /// RESOURCE_TYPE comes first, and declarations before everything else.
    fn check_order(&mut self, keyword: &'static str, span: Span) {
        if self.part != Part::Declarations {
            // Said once: what follows is as late.
            if std::mem::replace(&mut self.is_late_said, true) {
                return;
            }
            let what = if self.part == Part::Upgrade { "`#$upgrade`" } else { "the table" };
            let report = Report::error(span, format!("{keyword} is declared too late"));
            self.scan.report(report.label(format!("declarations come before {what}")));
        } else if keyword != "RESOURCE_TYPE" {
            self.check_first(span);
        }
    }

    /// Something other than RESOURCE_TYPE comes now.
    pub(super) fn check_first(&mut self, span: Span) {
        if self.declared.is_empty() && self.guessed.is_empty() && self.part == Part::Declarations {
            let report = Report::error(span, "the file does not begin with RESOURCE_TYPE");
            self.scan
                .report(report.label("expected `RESOURCE_TYPE = name;` before everything else"));
        }
    }

    fn flag(&mut self, keyword: &str, flag: Flag, values: Values) {
        let truth = if values.equals {
            let Some(value) = self.one(keyword, values.span, values, "TRUE or FALSE") else {
                return;
            };
            let Some(truth) = self.word(keyword, &value) else { return };
            truth
        } else {
            true
        };
        let this = &mut self.resource_type;
        match flag {
            Flag::Failover => this.failover = truth,
            Flag::SingleInstance => this.single_instance = truth,
            Flag::RtSystem => this.rt_system = truth,
            Flag::GlobalZone => this.global_zone = truth,
            Flag::Proxy => this.proxy = truth,
        }
    }

    fn text(&mut self, keyword: &str, span: Span, text: Text, values: Values) {
        if values.equals
            && values.list.is_empty()
            && matches!(text, Text::RtDescription | Text::VendorId)
        {
            return;
        }
        let expected = match text {
            Text::ResourceType => "the base name of the type",
            Text::VendorId => "a vendor, such as SUNW",
            Text::RtVersion => "a version, such as \"1.0\"",
            Text::RtDescription => "a description in quotes",
            Text::ApiVersion => "a number",
            Text::RtBasedir => "an absolute path",
            Text::InitNodes => "RG_PRIMARIES or RT_INSTALLED_NODES",
            Text::SysdefinedType => "RTR_LOGICAL_HOSTNAME or RTR_SHARED_ADDRESS",
        };
        let Some(value) = self.one(keyword, span, values, expected) else { return };
        match text {
            Text::ResourceType => {
                self.check_name(keyword, &value);
                self.resource_type.resource_type = value.text;
            }
            Text::VendorId if value.text.is_empty() => {}
            Text::VendorId => {
                self.check_name(keyword, &value);
                self.resource_type.vendor_id = Some(value.text);
            }
            Text::RtVersion => self.rt_version(value),
            Text::RtDescription => self.resource_type.rt_description = value.text,
            Text::ApiVersion => self.api_version(&value),
            Text::RtBasedir => self.rt_basedir(value),
            Text::InitNodes => {
                self.resource_type.init_nodes = self.word(keyword, &value).unwrap_or_default();
            }
            Text::SysdefinedType => {
                self.resource_type.sysdefined_type = self.word(keyword, &value);
            }
        }
    }

    fn check_name(&mut self, keyword: &str, value: &Value) {
        if is_legal_name(&value.text) || !value.is_clean {
            return;
        }
        let report =
            Report::error(value.span, format!("`{}` is not a legal name", shown(&value.text)))
                .label("expected a letter, then letters, digits, - and _, at most 255");
        self.scan.report(match value.text.split_once('.') {
            Some((vendor, base)) if keyword == "RESOURCE_TYPE" => {
                let (vendor, base) = (shown(vendor), shown(base));
                report.help(format!("write `RESOURCE_TYPE = {base};` and `VENDOR_ID = {vendor};`"))
            }
            _ => report,
        });
    }

    fn rt_version(&mut self, value: Value) {
        if value.text.is_empty() {
            let report = Report::error(value.span, "RT_VERSION is empty");
            self.scan.report(report.label("expected a version, such as \"1.0\""));
        } else if !is_legal_version(&value.text) && value.is_clean {
            self.illegal_version(&value);
        }
        self.resource_type.rt_version = value.text;
    }

    pub(super) fn illegal_version(&mut self, value: &Value) {
        let report =
            Report::error(value.span, format!("`{}` is not a version", shown(&value.text)));
        let label =
            "no blank, tab, / \\ * ? , ; [ or ] may stand in it, nor more than 255 characters";
        self.scan.report(report.label(label));
    }

    fn api_version(&mut self, value: &Value) {
        let number = integer(&value.text).and_then(|number| u32::try_from(number).ok());
        let shown = shown(&value.text);
        match number {
            Some(number @ 1..=API_VERSION_ACCEPTED_MAX) => {
                self.resource_type.api_version = number;
                if number > API_VERSION_MAX {
                    let message = format!("API_VERSION {number} is newer than Sun Cluster 3.1");
                    let label = format!("accepted; {API_VERSION_MAX} is what is fully supported");
                    self.scan.report(Report::warning(value.span, message).label(label));
                }
            }
            Some(_) => {
                let report =
                    Report::error(value.span, format!("API_VERSION {shown} is not supported"));
                self.scan.report(report.label(format!("expected 1 to {API_VERSION_ACCEPTED_MAX}")));
            }
            None => {
                let report = Report::error(value.span, format!("`{shown}` is not an API_VERSION"));
                self.scan.report(report.label("expected a number"));
            }
        }
    }

    fn rt_basedir(&mut self, value: Value) {
        if !value.text.starts_with('/') {
            let report = Report::error(value.span, "RT_BASEDIR is not an absolute path");
            self.scan.report(report.label("expected a path that begins with /"));
        }
        self.resource_type.rt_basedir = Some(value.text);
    }

    fn pkglist(&mut self, span: Span, values: Values) {
        if !values.equals {
            let report = Report::error(span, "PKGLIST has no value");
            self.scan.report(report.label("expected names of packages"));
        }
        let list = values.list.into_iter().map(|value| value.text);
        self.resource_type.pkglist = list.filter(|package| !package.is_empty()).collect();
    }

    fn method(&mut self, keyword: &str, span: Span, method: Method, values: Values) {
        let is_empty = values.equals
            && (values.list.is_empty() || matches!(&values.list[..], [v] if v.text.is_empty()));
        if is_empty {
            let report = Report::warning(span, format!("{keyword} is declared empty"));
            self.scan.report(report.label("the type does not have this method"));
            return;
        }
        if let Some(value) = self.one(keyword, span, values, "the path of a program") {
            self.resource_type.methods.insert(method, value.text);
        }
    }
}

//! The form of a query (XEP-0313 §4.1, XEP-0004): which fields there are, and reading one that was filled in.

use super::{MALFORMED, NO_SUCH_ID, TOO_MANY_IDS, UNKNOWN_FIELD};
use crate::datetime;
use crate::gather::Gathered;
use crate::pipeline::iq::{Answer, Request};
use crate::pipeline::render::parse_archive_id;
use crate::state::State;
use im_store::{Query, StanzaId};
use xmpp::jid::Jid;
use xmpp::ns;
use xmpp::stanza_error::StanzaError;
use xmpp::xml::{Node, Writer};

/// XEP-0122: any id may be given, not only listed ones.
const VALIDATE: &str = "http://jabber.org/protocol/xdata-validate";
/// Name and type of each field, without `FORM_TYPE`.
const FIELDS: [(&str, &str); 7] = [
    ("with", "jid-single"),
    ("start", "text-single"),
    ("end", "text-single"),
    ("before-id", "text-single"),
    ("after-id", "text-single"),
    ("ids", "list-multi"),
    ("include-groupchat", "boolean"),
];

/// What a client filled in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) with: Option<Jid>,
    /// Microseconds since the Unix epoch, inclusive.
    pub(super) start_us: Option<u64>,
    /// Microseconds since the Unix epoch, inclusive.
    pub(super) end_us: Option<u64>,
    /// Exclusive.
    pub(super) before: Option<StanzaId>,
    /// Exclusive.
    pub(super) after: Option<StanzaId>,
    pub(super) ids: Option<Vec<StanzaId>>,
}

impl Form {
    /// Reads `<x/>` in a query; without one, everything matches.
    pub(super) fn parse(query: Node<'_>) -> Result<Self, StanzaError> {
        let Some(x) = query.child("x", ns::DATA) else { return Ok(Self::default()) };
        if x.attr("type").as_deref() != Some("submit") {
            return Err(MALFORMED);
        }
        let mut form = Self::default();
        let mut is_ours = false;
        for field in x.children().filter(|f| f.is("field", ns::DATA)) {
            let name = field.attr("var").ok_or(MALFORMED)?;
            if &*name == "FORM_TYPE" {
                is_ours = value(field)? == ns::MAM;
            } else {
                form.take(&name, field)?;
            }
        }
        if is_ours { Ok(form) } else { Err(MALFORMED) }
    }

    fn take(&mut self, name: &str, field: Node<'_>) -> Result<(), StanzaError> {
        match name {
            "with" => self.with = Some(Jid::parse(&value(field)?).map_err(|_| MALFORMED)?),
            "start" => self.start_us = Some(time(field)?),
            "end" => self.end_us = Some(time(field)?),
            "before-id" => self.before = Some(id(&value(field)?)?),
            "after-id" => self.after = Some(id(&value(field)?)?),
            "ids" => self.ids = Some(ids(field)?),
            "include-groupchat" => {
                if !matches!(&*value(field)?, "true" | "false" | "1" | "0") {
                    return Err(MALFORMED);
                }
            }
            _ => return Err(UNKNOWN_FIELD),
        }
        Ok(())
    }
}

fn value(field: Node<'_>) -> Result<String, StanzaError> {
    let value = field.child("value", ns::DATA).ok_or(MALFORMED)?;
    Ok(value.text().trim().to_owned())
}

fn time(field: Node<'_>) -> Result<u64, StanzaError> {
    datetime::parse(&value(field)?).ok_or(MALFORMED)
}

/// An id that cannot be one of ours is in no archive.
fn id(text: &str) -> Result<StanzaId, StanzaError> {
    parse_archive_id(text).ok_or(NO_SUCH_ID)
}

fn ids(field: Node<'_>) -> Result<Vec<StanzaId>, StanzaError> {
    let values = || field.children().filter(|v| v.is("value", ns::DATA));
    if values().count() > Query::ARCHIVE_IDS_MAX {
        return Err(TOO_MANY_IDS);
    }
    values().map(|v| id(v.text().trim())).collect()
}

/// `<query/>`, get.
pub(super) fn answer(_: &mut State, _: &Request<'_>, _: Gathered) -> Result<Answer, StanzaError> {
    let mut w = Writer::new();
    w.open("query").attr("xmlns", ns::MAM);
    w.open("x").attr("xmlns", ns::DATA).attr("type", "form");
    w.open("field").attr("type", "hidden").attr("var", "FORM_TYPE").leaf("value", ns::MAM).close();
    for (name, kind) in FIELDS {
        w.open("field").attr("type", kind).attr("var", name);
        if name == "ids" {
            w.open("validate").attr("xmlns", VALIDATE).attr("datatype", "xs:string");
            w.open("open").close().close();
        }
        w.close();
    }
    Ok(Answer::Result(w.finish()))
}

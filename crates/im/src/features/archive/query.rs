//! From what a client asks of its archive to reads of the store. Nothing that a client wrote goes there as text: ids and
//! times are numbers, JIDs are prepared.

use super::form::Form;
use super::{MALFORMED, NO_INDEX, NO_SUCH_ID};
use crate::gather::Need;
use crate::pipeline::iq::Request;
use crate::pipeline::render::parse_archive_id;
use crate::state::State;
use im_store::{AccountId, ArchiveFilter, Query, StanzaId};
use xmpp::ns;
use xmpp::stanza_error::StanzaError;
use xmpp::xml::Node;

/// Messages in a page when the client does not say.
const PAGE_STANZAS: usize = 50;
/// Messages in a page at most.
const PAGE_STANZAS_MAX: usize = 250;

/// A query as it was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) form: Form,
    page: Page,
    /// The page is sent in reverse order (XEP-0313 §4.3.4).
    pub(super) is_flipped: bool,
}

/// Which part of what matches (XEP-0059).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Page {
    max: Option<usize>,
    after: Option<StanzaId>,
    before: Option<StanzaId>,
    /// Paging backwards: the last ones of the range.
    from_end: bool,
}

impl Asked {
    pub(super) fn parse(query: Node<'_>) -> Result<Self, StanzaError> {
        Ok(Self {
            form: Form::parse(query)?,
            page: query.child("set", ns::RSM).map(Page::parse).transpose()?.unwrap_or_default(),
            is_flipped: query.child("flip-page", ns::MAM).is_some(),
        })
    }

    /// What is to be read: the page, then whatever ids of the form must exist.
    fn reads(self, account: AccountId) -> Vec<Query> {
        if let Some(ids) = self.form.ids {
            return vec![Query::ArchiveIds { account, ids }];
        }
        let (form, page) = (self.form, self.page);
        // An id is a time, so the form's ids bound what matches, while the page's only say which part of it is meant.
        let after_us = form.after.map(|id| id.0.saturating_add(1));
        let before_us = form.before.map(|id| id.0.saturating_sub(1));
        let filter = ArchiveFilter {
            with_resource: form.with.as_ref().and_then(|jid| jid.resource().map(Box::from)),
            with: form.with.map(xmpp::jid::Jid::into_bare),
            start_us: form.start_us.max(after_us),
            end_us: [form.end_us, before_us].into_iter().flatten().min(),
            after: page.after,
            before: page.before,
        };
        let max = page.max.unwrap_or(PAGE_STANZAS).min(PAGE_STANZAS_MAX);
        let whole = Query::Archive { account, filter, max, from_end: page.from_end, count: true };
        let bounds: Vec<StanzaId> = [form.after, form.before].into_iter().flatten().collect();
        if bounds.is_empty() {
            return vec![whole];
        }
        vec![whole, Query::ArchiveIds { account, ids: bounds }]
    }
}

impl Page {
    fn parse(set: Node<'_>) -> Result<Self, StanzaError> {
        let text = |name| set.child(name, ns::RSM).map(|node| node.text().trim().to_owned());
        let id = |text: &str| parse_archive_id(text).ok_or(NO_SUCH_ID);
        if set.child("index", ns::RSM).is_some() {
            return Err(NO_INDEX);
        }
        let before = text("before");
        Ok(Self {
            max: text("max").map(|max| number(&max)).transpose()?,
            after: text("after").map(|after| id(&after)).transpose()?,
            from_end: before.is_some(),
            before: before.filter(|before| !before.is_empty()).map(|b| id(&b)).transpose()?,
        })
    }
}

/// Digits, however many.
fn number(text: &str) -> Result<usize, StanzaError> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(MALFORMED);
    }
    Ok(text.parse().unwrap_or(usize::MAX))
}

fn account_of(state: &State, request: &Request<'_>) -> Option<AccountId> {
    state.account(request.requester()).map(|account| account.id)
}

/// What a query needs; nothing when it will be refused anyway.
pub(super) fn needs(state: &State, request: &Request<'_>) -> Vec<Need> {
    match (Asked::parse(request.payload), account_of(state, request)) {
        (Ok(asked), Some(account)) => asked.reads(account).into_iter().map(Need::Read).collect(),
        _ => Vec::new(),
    }
}

/// The first and the last message.
pub(super) fn needs_of_metadata(state: &State, request: &Request<'_>) -> Vec<Need> {
    let Some(account) = account_of(state, request) else { return Vec::new() };
    let end = |from_end| {
        let filter = ArchiveFilter::default();
        Need::Read(Query::Archive { account, filter, max: 1, from_end, count: false })
    };
    vec![end(false), end(true)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use xmpp::xml::Element;

    fn asked(inner: &str) -> Result<Asked, &'static str> {
        let xml = format!("<query xmlns='urn:xmpp:mam:2'>{inner}</query>");
        let element = Element::parse(xml.into()).unwrap();
        Asked::parse(element.root()).map_err(|error| error.condition)
    }

    fn form(fields: &str) -> String {
        format!(
            "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'>\
             <value>urn:xmpp:mam:2</value></field>{fields}</x>"
        )
    }

    fn field(name: &str, value: &str) -> String {
        format!("<field var='{name}'><value>{value}</value></field>")
    }

    #[test]
    fn what_cannot_be_understood_is_refused_with_its_reason() {
        let rsm =
            |inner: &str| format!("<set xmlns='http://jabber.org/protocol/rsm'>{inner}</set>");
        for (inner, condition) in [
            (form(&field("colour", "red")), "feature-not-implemented"),
            (form(&field("with", "@@")), "bad-request"),
            (form(&field("start", "yesterday")), "bad-request"),
            (form(&field("end", "2010-13-01T00:00:00Z")), "bad-request"),
            (form(&field("after-id", "' OR 1=1 --")), "item-not-found"),
            (form(&field("ids", "nonsense")), "item-not-found"),
            (form(&field("include-groupchat", "maybe")), "bad-request"),
            (form("<field var='start'/>"), "bad-request"),
            (form("<field/>"), "bad-request"),
            ("<x xmlns='jabber:x:data' type='submit'/>".to_owned(), "bad-request"),
            ("<x xmlns='jabber:x:data' type='form'/>".to_owned(), "bad-request"),
            (rsm("<max>-1</max>"), "bad-request"),
            (rsm("<max>ten</max>"), "bad-request"),
            (rsm("<max/>"), "bad-request"),
            (rsm("<after>'; DROP TABLE archive; --</after>"), "item-not-found"),
            (rsm("<index>3</index>"), "feature-not-implemented"),
            (rsm("<after/>"), "item-not-found"),
            (rsm("<before>x</before>"), "item-not-found"),
            (
                form(&format!("<field var='ids'>{}</field>", "<value>1</value>".repeat(257))),
                "not-acceptable",
            ),
        ] {
            assert_eq!(asked(&inner), Err(condition), "{inner}");
        }
    }

    #[test]
    fn no_page_is_larger_than_the_limit() {
        let max = |max: &str| {
            let set = format!("<set xmlns='http://jabber.org/protocol/rsm'>{max}</set>");
            match asked(&set).unwrap().reads(AccountId(1)).remove(0) {
                Query::Archive { max, .. } => max,
                other => panic!("{other:?}"),
            }
        };
        for (asked, given) in [
            ("", 50),
            ("<max>0</max>", 0),
            ("<max>10</max>", 10),
            ("<max>1000000000</max>", 250),
            ("<max>99999999999999999999999999</max>", 250),
        ] {
            assert_eq!(max(asked), given, "{asked}");
        }
    }
}

//! Sends pages of an archive: one message per result, then what the page was.

use super::query::Asked;
use super::{MALFORMED, NO_SUCH_ID};
use crate::datetime;
use crate::gather::{Found, Gathered};
use crate::pipeline::STORE_UNREADABLE;
use crate::pipeline::iq::{Answer, Request};
use crate::pipeline::render::archive_id;
use crate::queue::Outgoing;
use crate::state::State;
use bytes::Bytes;
use im_store::{ArchivePage, ArchivedStanza, Reply};
use xmpp::ns;
use xmpp::stanza_error::StanzaError;
use xmpp::xml::{Edit, Element, Writer};

/// `<query/>`, set.
pub(super) fn query(
    state: &mut State,
    request: &Request<'_>,
    gathered: Gathered,
) -> Result<Answer, StanzaError> {
    let asked = Asked::parse(request.payload)?;
    let mut pages = pages(gathered)?;
    if pages.iter().any(|page| page.missing.is_some()) {
        return Err(NO_SUCH_ID);
    }
    if pages.is_empty() {
        return Err(MALFORMED);
    }
    let page = pages.swap_remove(0);
    let query_id = request.payload.attr("queryid");
    let (from, to) = (request.requester().to_string(), request.stanza.from.to_string());
    let send = |stanza: &ArchivedStanza| {
        if let Some(bytes) = result(stanza, &from, &to, query_id.as_deref()) {
            state.send(request.session, Outgoing::own(bytes));
        }
    };
    if asked.is_flipped {
        page.stanzas.iter().rev().for_each(send);
    } else {
        page.stanzas.iter().for_each(send);
    }
    Ok(Answer::Result(fin(&page)))
}

/// One result (XEP-0313 §4.2).
fn result(stanza: &ArchivedStanza, from: &str, to: &str, query_id: Option<&str>) -> Option<Bytes> {
    let element = Element::parse(stanza.bytes.clone()).ok()?;
    let message = Edit::new(&element).set_attr("xmlns", ns::CLIENT).finish();
    let mut w = Writer::new();
    w.open("message").attr("from", from).attr("to", to);
    w.open("result").attr("xmlns", ns::MAM).attr_opt("queryid", query_id);
    w.attr("id", &archive_id(stanza.id));
    w.open("forwarded").attr("xmlns", ns::FORWARD);
    w.open("delay").attr("xmlns", ns::DELAY).attr("stamp", &datetime::format(stanza.id.0)).close();
    w.raw(&message);
    Some(w.finish())
}

/// What the page was (XEP-0313 §4.3).
fn fin(page: &ArchivePage) -> Bytes {
    let mut w = Writer::new();
    w.open("fin").attr("xmlns", ns::MAM);
    w.attr_opt("complete", page.complete.then_some("true"));
    w.open("set").attr("xmlns", ns::RSM);
    if let (Some(first), Some(last)) = (page.stanzas.first(), page.stanzas.last()) {
        let index = page.first_index.map(|index| index.to_string());
        w.open("first").attr_opt("index", index.as_deref()).text(&archive_id(first.id)).close();
        w.leaf("last", &archive_id(last.id));
    }
    if let Some(total) = page.total {
        w.leaf("count", &total.to_string());
    }
    w.finish()
}

/// `<metadata/>`, get (XEP-0313 §5).
pub(super) fn metadata(
    _: &mut State,
    _: &Request<'_>,
    gathered: Gathered,
) -> Result<Answer, StanzaError> {
    let pages = pages(gathered)?;
    let mut w = Writer::new();
    w.open("metadata").attr("xmlns", ns::MAM);
    for (name, page) in ["start", "end"].into_iter().zip(&pages) {
        if let Some(stanza) = page.stanzas.first() {
            let time = datetime::format(stanza.id.0);
            w.open(name).attr("id", &archive_id(stanza.id)).attr("timestamp", &time).close();
        }
    }
    Ok(Answer::Result(w.finish()))
}

fn pages(gathered: Gathered) -> Result<Vec<ArchivePage>, StanzaError> {
    let page = |found| match found {
        Found::Read(Reply::Archive(page)) => Ok(page),
        Found::Read(_) | Found::Hashed(_) => Err(STORE_UNREADABLE),
    };
    gathered.into_iter().map(page).collect()
}

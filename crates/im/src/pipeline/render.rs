//! A stored stanza dressed for one recipient. The queue keeps the instruction, not the result, so this must give the same
//! bytes whenever it is done.

use crate::datetime;
use bytes::Bytes;
use im_store::{CarbonKind, Content, QueuedStanza, Render, StanzaId};
use xmpp::jid::BareJid;
use xmpp::ns;
use xmpp::xml::{Edit, Element, Writer};

/// The bytes of a queue entry read back, for a session of `account`.
pub(crate) fn queued(entry: &QueuedStanza, account: &BareJid) -> Bytes {
    match &entry.content {
        Content::Own(bytes) => bytes.clone(),
        Content::Stored(id, render) => match Element::parse(entry.bytes.clone()) {
            Ok(element) => dress(&element, *id, render, account),
            Err(_) => entry.bytes.clone(),
        },
    }
}

/// Dresses a stanza for a session of `account`.
pub(crate) fn dress(element: &Element, id: StanzaId, render: &Render, account: &BareJid) -> Bytes {
    let mut extra = Writer::new();
    if render.stanza_id {
        extra.open("stanza-id").attr("xmlns", ns::STANZA_ID);
        extra.attr("by", account.as_str()).attr("id", &archive_id(id)).close();
    }
    if render.delay {
        extra.open("delay").attr("xmlns", ns::DELAY);
        extra.attr("from", account.domain()).attr("stamp", &datetime::format(id.0)).close();
    }
    let extra = extra.finish();
    let mut edit = Edit::new(element);
    if !extra.is_empty() {
        edit = edit.append(&extra);
    }
    match (render.carbon, &render.to) {
        (None, Some(to)) => edit.set_attr("to", to).finish(),
        (None, None) => edit.finish(),
        (Some(kind), to) => {
            let kept = edit.set_attr("xmlns", ns::CLIENT).finish();
            let outer_type = element.root().attr("type");
            carbon(&kept, kind, account, to.as_deref(), outer_type.as_deref())
        }
    }
}

/// Wraps a message as a carbon (XEP-0280 §7).
fn carbon(
    message: &[u8],
    kind: CarbonKind,
    account: &BareJid,
    to: Option<&str>,
    outer_type: Option<&str>,
) -> Bytes {
    let mut w = Writer::new();
    w.open("message").attr("from", account.as_str()).attr_opt("to", to);
    w.attr_opt("type", outer_type);
    w.open(match kind {
        CarbonKind::Received => "received",
        CarbonKind::Sent => "sent",
    });
    w.attr("xmlns", ns::CARBONS);
    w.open("forwarded").attr("xmlns", ns::FORWARD).raw(message);
    w.finish()
}

/// How a stanza's id is written in XEP-0359 and XEP-0313.
pub(crate) fn archive_id(id: StanzaId) -> String {
    id.0.to_string()
}

/// The reverse of [`archive_id`].
pub(crate) fn parse_archive_id(text: &str) -> Option<StanzaId> {
    text.parse().ok().map(StanzaId)
}

//! One contact of a roster (RFC 6121 §2.1.2): what is kept, how it is kept, how it is written. Rosters are in memory as
//! long as their owners are online, so an item is small. Must never lose a field that an older version has stored.

use super::subscription::Standing;
use crate::wire::{Decoder, Encoder};
use bytes::Bytes;
use xmpp::jid::BareJid;
use xmpp::xml::Writer;

const VERSION: u8 = 1;
const FLAG_TO: u64 = 1;
const FLAG_FROM: u64 = 2;
const FLAG_ASKS: u64 = 4;
const FLAG_APPROVED: u64 = 8;

/// A contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) jid: BareJid,
    /// Name that the owner gave, empty for none.
    pub(crate) name: Box<str>,
    /// Groups in the order the owner gave them.
    pub(crate) groups: Box<[Box<str>]>,
    /// The owner sees the contact's presence.
    pub(crate) to: bool,
    /// The contact sees the owner's presence.
    pub(crate) from: bool,
    /// The owner has asked to see it and waits.
    pub(crate) asks: bool,
    /// The owner has approved the contact's request in advance (RFC 6121 §3.4).
    pub(crate) approved: bool,
}

impl Item {
    /// A contact without name, groups and subscription.
    pub(crate) fn new(jid: BareJid) -> Self {
        Self {
            jid,
            name: Box::default(),
            groups: Box::default(),
            to: false,
            from: false,
            asks: false,
            approved: false,
        }
    }

    /// Takes over a state; requests of the contact are kept elsewhere.
    pub(crate) fn set_standing(&mut self, standing: Standing) {
        self.to = standing.has_to();
        self.from = standing.has_from();
        self.asks = standing.asks();
    }

    /// As it is kept; the JID is the key.
    pub(crate) fn encode(&self) -> Bytes {
        let mut flags = 0;
        let mut flag = |on: bool, bit: u64| flags |= if on { bit } else { 0 };
        flag(self.to, FLAG_TO);
        flag(self.from, FLAG_FROM);
        flag(self.asks, FLAG_ASKS);
        flag(self.approved, FLAG_APPROVED);
        let e = Encoder::new(VERSION).number(flags).text(&self.name);
        let e = e.number(self.groups.len() as u64);
        self.groups.iter().fold(e, |e, group| e.text(group)).finish()
    }

    /// The reverse of [`Item::encode`]; `None` when the bytes are not ours.
    pub(crate) fn decode(jid: BareJid, value: &[u8]) -> Option<Self> {
        let (version, mut d) = Decoder::new(value)?;
        if version != VERSION {
            return None;
        }
        let flags = d.number()?;
        let name = d.text()?.into();
        let count = d.number()?;
        let groups: Option<Box<[Box<str>]>> = (0..count).map(|_| d.text().map(Box::from)).collect();
        Some(Self {
            jid,
            name,
            groups: groups?,
            to: flags & FLAG_TO != 0,
            from: flags & FLAG_FROM != 0,
            asks: flags & FLAG_ASKS != 0,
            approved: flags & FLAG_APPROVED != 0,
        })
    }

    /// Value of `subscription`.
    fn subscription(&self) -> &'static str {
        match (self.to, self.from) {
            (false, false) => "none",
            (true, false) => "to",
            (false, true) => "from",
            (true, true) => "both",
        }
    }

    /// Writes `<item/>`.
    pub(crate) fn write(&self, w: &mut Writer) {
        w.open("item").attr("jid", self.jid.as_str());
        w.attr_opt("name", (!self.name.is_empty()).then_some(&*self.name));
        w.attr("subscription", self.subscription());
        w.attr_opt("ask", self.asks.then_some("subscribe"));
        w.attr_opt("approved", self.approved.then_some("true"));
        for group in &self.groups {
            w.leaf("group", group);
        }
        w.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item() -> Item {
        let jid = BareJid::parse("juliet@example.org").unwrap();
        Item {
            name: "Julie & co".into(),
            groups: Box::new(["Friends".into(), "Verona".into()]),
            to: true,
            approved: true,
            ..Item::new(jid)
        }
    }

    #[test]
    fn an_item_is_decoded_as_it_was_encoded() {
        let item = item();
        assert_eq!(Item::decode(item.jid.clone(), &item.encode()), Some(item));
    }

    #[test]
    fn bytes_of_another_version_or_cut_short_are_no_item() {
        let jid = item().jid;
        let bytes = item().encode();
        assert_eq!(Item::decode(jid.clone(), &bytes[..bytes.len() - 1]), None);
        assert_eq!(Item::decode(jid.clone(), &[9]), None);
        assert_eq!(Item::decode(jid, &[]), None);
    }

    #[test]
    fn an_item_is_written_as_rfc_6121_says() {
        let mut w = Writer::new();
        item().write(&mut w);
        let expect = "<item jid='juliet@example.org' name='Julie &amp; co' subscription='to' \
                      approved='true'><group>Friends</group><group>Verona</group></item>";
        assert_eq!(String::from_utf8_lossy(&w.finish()), expect);
    }
}

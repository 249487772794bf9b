//! In-Band Registration (XEP-0077).

use crate::gather::{Gathered, Need};
use crate::pipeline::UNAVAILABLE;
use crate::state::State;
use link::ConnId;
use xmpp::jid::BareJid;
use xmpp::xml::{Element, Writer};

/// What a request before login needs besides accounts.
pub(crate) fn needs(_state: &State, _iq: &Element) -> Vec<Need> {
    Vec::new()
}

/// Accounts that a request before login is about.
pub(crate) fn accounts(_domain: &BareJid, _iq: &Element) -> Vec<BareJid> {
    Vec::new()
}

impl State {
    /// Everything a request before login needs is here.
    pub(crate) fn registration_gathered(
        &mut self,
        conn: ConnId,
        _domain: &BareJid,
        iq: &Element,
        _gathered: Option<Gathered>,
    ) {
        let id = iq.root().attr("id");
        let mut w = Writer::new();
        w.open("iq").attr("type", "error").attr_opt("id", id.as_deref());
        UNAVAILABLE.write(&mut w);
        self.push(conn, w.finish(), 0);
    }
}

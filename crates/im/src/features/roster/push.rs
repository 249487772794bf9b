//! Roster pushes (RFC 6121 §2.1.6): every session that asked for the roster hears of every change. Answers to pushes are
//! ignored.

use super::item::Item;
use crate::state::State;
use bytes::Bytes;
use im_store::SessionId;
use xmpp::jid::BareJid;
use xmpp::ns;
use xmpp::xml::Writer;

impl State {
    /// Sessions of an account that asked for its roster (RFC 6121 §2.2: *interested resources*).
    pub(crate) fn interested_sessions(&self, owner: &BareJid) -> Vec<SessionId> {
        let is_interested = |id: &SessionId| self.session(*id).is_some_and(|s| s.roster_interest);
        self.sessions_of(owner).iter().copied().filter(is_interested).collect()
    }

    /// Tells of a contact as it is now; `None` means it was removed.
    pub(super) fn push_contact(&mut self, owner: &BareJid, jid: &BareJid, item: Option<&Item>) {
        let sessions = self.interested_sessions(owner);
        if sessions.is_empty() {
            return;
        }
        let Some(account) = self.account(owner) else { return };
        let payload = payload(&account.roster.version(), jid, item);
        for id in sessions {
            self.push_iq(id, &payload);
        }
    }
}

fn payload(version: &str, jid: &BareJid, item: Option<&Item>) -> Bytes {
    let mut w = Writer::new();
    w.open("query").attr("xmlns", ns::ROSTER).attr("ver", version);
    match item {
        Some(item) => item.write(&mut w),
        None => {
            w.open("item").attr("jid", jid.as_str()).attr("subscription", "remove").close();
        }
    }
    w.finish()
}

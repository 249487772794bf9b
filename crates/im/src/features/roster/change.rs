//! Changes of a roster: in memory, in the batch and on the screens of its owner, always all three.

use super::item::Item;
use super::subscription::Standing;
use crate::account::kinds;
use crate::state::State;
use bytes::Bytes;
use xmpp::jid::BareJid;

impl State {
    /// Adds or replaces a contact.
    pub(super) fn put_contact(&mut self, owner: &BareJid, item: Item) {
        let Some(account) = self.account_mut(owner) else { return };
        let (id, jid, value) = (account.id, item.jid.clone(), item.encode());
        account.roster.put(item.clone());
        self.put_item(id, kinds::ROSTER, jid.as_str(), value);
        self.renew_roster_version(owner);
        self.push_contact(owner, &jid, Some(&item));
    }

    /// Removes a contact and what it may have asked.
    pub(super) fn remove_contact(&mut self, owner: &BareJid, jid: &BareJid) {
        let Some(account) = self.account_mut(owner) else { return };
        let id = account.id;
        if account.roster.remove(jid).is_none() {
            return;
        }
        self.remove_item(id, kinds::ROSTER, jid.as_str());
        self.remove_request(owner, jid);
        self.renew_roster_version(owner);
        self.push_contact(owner, jid, None);
    }

    fn renew_roster_version(&mut self, owner: &BareJid) {
        let now = self.now.wall_us;
        let Some(account) = self.account_mut(owner) else { return };
        let (id, value) = (account.id, account.roster.renew_version(now));
        self.put_item(id, kinds::ROSTER_VERSION, "", value);
    }

    /// Takes over a subscription's new state. A contact that is not in the roster gets into it when the owner sees, shows,
    /// asked or approved something; being asked is not enough (RFC 6121 §3.1.3).
    pub(crate) fn change_standing(
        &mut self,
        owner: &BareJid,
        jid: &BareJid,
        next: Standing,
        approved: bool,
    ) {
        let Some(account) = self.account(owner) else { return };
        let old = account.roster.item(jid).cloned();
        let mut item = old.clone().unwrap_or_else(|| Item::new(jid.clone()));
        item.set_standing(next);
        item.approved = approved;
        if !next.is_asked() {
            self.remove_request(owner, jid);
        }
        if item != old.unwrap_or_else(|| Item::new(jid.clone())) {
            self.put_contact(owner, item);
        }
    }

    /// Keeps a request until it is answered.
    pub(crate) fn put_request(&mut self, owner: &BareJid, from: &BareJid, stanza: Bytes) {
        let Some(account) = self.account_mut(owner) else { return };
        let id = account.id;
        account.roster.put_request(from.clone(), stanza.clone());
        self.put_item(id, kinds::ROSTER_REQUEST, from.as_str(), stanza);
    }

    fn remove_request(&mut self, owner: &BareJid, from: &BareJid) {
        let Some(account) = self.account_mut(owner) else { return };
        let id = account.id;
        if account.roster.remove_request(from) {
            self.remove_item(id, kinds::ROSTER_REQUEST, from.as_str());
        }
    }
}

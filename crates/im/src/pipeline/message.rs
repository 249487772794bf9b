//! A message's way: from the sender's session through the sender's account to the recipient's account and its sessions.

use crate::gather::{Gathered, Need};
use crate::stanza::{MessageType, Stanza};
use crate::state::State;
use im_store::SessionId;
use xmpp::jid::BareJid;

impl State {
    /// A message from one of our sessions. Sender's and recipient's accounts are in memory.
    pub(crate) fn message_from_session(
        &mut self,
        _id: SessionId,
        stanza: &Stanza,
        kind: MessageType,
    ) {
        self.message_to_account(stanza, kind);
    }

    /// A message to an account of ours (or to the server).
    pub(crate) fn message_to_account(&mut self, stanza: &Stanza, _kind: MessageType) {
        self.pass_to_full(stanza);
    }

    /// A message left in the queue of a session that ended is routed again.
    pub(crate) fn message_left_over(
        &mut self,
        _account: &BareJid,
        _entry: &im_store::QueuedStanza,
    ) {
    }

    /// What is needed to hand over offline messages.
    pub(crate) fn needs_of_offline(&self, _account: &BareJid) -> Vec<Need> {
        Vec::new()
    }

    /// A page of offline messages is here.
    pub(crate) fn offline_gathered(
        &mut self,
        _id: SessionId,
        _account: &BareJid,
        _gathered: Option<Gathered>,
    ) {
    }
}

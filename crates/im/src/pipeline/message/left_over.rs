//! A message that was in the queue of a session that ended: it goes to sessions of the account that do not have it, or
//! waits for the next login. It keeps its id, so it is stored and archived once, and takes its old place offline.

use super::{MessageInFlight, Way, message_of};
use crate::features::{carbons, offline};
use crate::pipeline::UNAVAILABLE;
use crate::state::State;
use im_store::{Content, QueuedStanza, Render, SessionId, StanzaId};
use xmpp::jid::BareJid;

impl State {
    /// Routes a message again that `ended` did not take.
    pub(crate) fn message_left_over(
        &mut self,
        ended: SessionId,
        account: &BareJid,
        entry: &QueuedStanza,
    ) {
        let Content::Stored(id, render) = &entry.content else { return };
        let Some((stanza, kind)) = message_of(&entry.bytes) else { return };
        let mut message = MessageInFlight::new(&stanza, kind, None);
        // Copies are void; so is what lives for the moment only.
        if render.carbon.is_some() || !message.is_talk() {
            return;
        }
        message.stored = Some(*id);
        message.kept_by_recipient = render.stanza_id;
        let top = self.top_sessions(account);
        message.way.offline = top.is_empty();
        let lacks = |session: &SessionId| !self.has_already(*session, ended, *id, &message);
        message.way.sessions = top.into_iter().filter(lacks).collect();
        if message.way == Way::default() {
            return; // Every session that would get it has it.
        }
        offline::wait_for_hand_over(self, &mut message);
        self.deliver_late(account, *id, &mut message);
    }

    fn deliver_late(&mut self, account: &BareJid, id: StanzaId, message: &mut MessageInFlight<'_>) {
        if message.way.offline {
            if offline::may_take(self, message) {
                offline::store(self, message);
            } else if !message.kept_by_recipient {
                self.refuse(message, &UNAVAILABLE);
            }
        }
        let stanza_id = message.kept_by_recipient;
        let render = Render { stanza_id, delay: true, ..Render::default() };
        let out = message.dressed(id, render, account);
        for session in &message.way.sessions {
            self.send(*session, out.clone());
        }
    }

    /// Whether a session got the message by itself when the one that ended got it.
    fn has_already(
        &self,
        id: SessionId,
        ended: SessionId,
        at: StanzaId,
        message: &MessageInFlight<'_>,
    ) -> bool {
        let (Some(session), Some(ended)) = (self.session(id), self.session(ended)) else {
            return false;
        };
        let was_shared = *message.to() != ended.jid
            && session.is_available()
            && at > session.since.priority
            && at > ended.since.priority
            && session.priority() == ended.priority_at_end;
        was_shared || carbons::has_copy(session, at, message)
    }
}

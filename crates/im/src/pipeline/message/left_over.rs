//! A message that was in the queue of a session that ended: unless another session that was given it outlived this one,
//! it goes to the account's sessions of now, or waits for the next login. It keeps its id, so it is stored and archived
//! once, and takes its old place offline.

use super::{MessageInFlight, message_of};
use crate::features::offline;
use crate::pipeline::UNAVAILABLE;
use crate::state::State;
use im_store::{CarbonKind, Content, QueuedStanza, SessionId, StanzaId};
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
        if self.is_business_of_others(ended, &render.also) {
            return;
        }
        let Some((stanza, kind)) = message_of(&entry.bytes) else { return };
        let mut message = MessageInFlight::late(&stanza, kind, *id, render.stanza_id);
        // What one sent oneself is with its recipient; what lives for the moment is void.
        if render.carbon == Some(CarbonKind::Sent) || !message.is_talk() {
            return;
        }
        message.way.sessions = self.top_sessions(account);
        message.way.offline = message.way.sessions.is_empty();
        offline::wait_for_hand_over(self, &mut message);
        self.deliver_late(account, *id, &mut message);
    }

    /// Whether a session that was given the same message had not ended when this one did: either its client has it, or it
    /// will be that session's left over. So of all that end without having taken it, exactly the last one passes it on.
    fn is_business_of_others(&self, ended: SessionId, also: &[SessionId]) -> bool {
        let end = self.session(ended).and_then(|session| session.end.as_ref());
        end.is_some_and(|end| also.iter().any(|other| end.outlived_by.contains(other)))
    }

    fn deliver_late(&mut self, account: &BareJid, id: StanzaId, message: &mut MessageInFlight<'_>) {
        if message.way.offline {
            if offline::may_take(self, message) {
                offline::store(self, message);
            } else if !message.kept_by_recipient {
                self.refuse(message, &UNAVAILABLE);
            }
        }
        self.give_to_all(message, id, &message.render(), account);
    }
}

//! Binding a resource: a session begins (RFC 6120 §7).

use crate::connection::BindRequest;
use crate::session::{Allowance, Carrier, Session};
use crate::state::State;
use im_store::SessionId;
use link::ConnId;
use xmpp::jid::{BareJid, Jid};
use xmpp::ns;
use xmpp::stanza_error::{ErrorType, StanzaError};
use xmpp::stream_error::{StreamCondition, StreamError};
use xmpp::xml::Writer;

/// RFC 6120 §7.6.2.1, at our limit.
const TOO_MANY_SESSIONS: StanzaError = StanzaError::new(
    ErrorType::Wait,
    "resource-constraint",
    "This account has as many sessions as it may have; close one of them first.",
);

impl State {
    /// The account is in memory: bind a resource to it (RFC 6120 §7).
    pub(crate) fn bind_gathered(
        &mut self,
        conn: ConnId,
        jid: &BareJid,
        request: BindRequest,
        ok: bool,
    ) {
        if !self.conns.contains_key(&conn) {
            return;
        }
        if !ok || self.account(jid).is_none() {
            let error = StreamError::new(StreamCondition::NotAuthorized, "The account is gone.");
            return self.break_connection(conn, &error);
        }
        let resource = match request.resource {
            Some(resource) => resource,
            None => self.entropy.token().into(),
        };
        let full = jid.with_resource(resource);
        if let Some(old) = self.session_at(&full) {
            self.replace_session(old);
        }
        if !self.make_room_for_session(jid) {
            return self.refuse_bind(conn, &request.id, &TOO_MANY_SESSIONS);
        }
        let id = self.create_session(conn, full.clone());
        self.bound(conn, id);
        let mut w = Writer::new();
        w.open("iq").attr("type", "result").attr("id", &request.id);
        w.open("bind").attr("xmlns", ns::BIND).leaf("jid", &full.to_string());
        self.push(conn, w.finish(), 0);
    }

    fn create_session(&mut self, conn: ConnId, full: Jid) -> SessionId {
        let id = self.next_session_id();
        let mut session = Session::new(id, full.clone(), Carrier::Attached(conn));
        session.allowance = Allowance::full(self.options.stanzas_burst, self.now.mono);
        self.sessions.insert(id, Box::new(session));
        if let Some(account) = self.account_mut(full.bare()) {
            account.sessions.push(id);
        }
        id
    }

    /// A new stream binds the same resource: the old one gives way, as users of other servers expect.
    fn replace_session(&mut self, old: SessionId) {
        let conn = self.session(old).and_then(Session::conn);
        self.end_session(old);
        if let Some(conn) = conn {
            let error = StreamError::new(
                StreamCondition::Conflict,
                "Another connection has bound this resource.",
            );
            self.break_connection(conn, &error);
        }
    }

    /// Ends the account's oldest session without a connection if it has too many; false if all are connected.
    fn make_room_for_session(&mut self, jid: &BareJid) -> bool {
        let sessions = self.sessions_of(jid);
        if sessions.len() < self.options.sessions_per_account_max {
            return true;
        }
        let oldest = sessions
            .iter()
            .copied()
            .find(|id| self.session(*id).is_some_and(|s| s.conn().is_none()));
        match oldest {
            Some(id) => {
                self.end_session(id);
                true
            }
            None => false,
        }
    }
}

//! Before login: the form, and an account for whoever fills it in (XEP-0077 §3.1). Requests arrive only where the operator
//! allows them and the stream is confidential; the negotiation sees to both, and to their number per connection.

use super::{INCOMPLETE, NOT_A_NAME, NOT_A_PASSWORD, TAKEN, TOO_OFTEN, filled_in};
use crate::gather::{Found, Gathered, Need, Work};
use crate::output::Report;
use crate::pipeline::{NO_ROOM, STORE_UNREADABLE};
use crate::state::State;
use bytes::Bytes;
use link::ConnId;
use xmpp::jid::BareJid;
use xmpp::ns;
use xmpp::stanza_error::StanzaError;
use xmpp::xml::{Element, Writer};

/// Accounts that a request is about.
pub(crate) fn accounts(domain: &BareJid, iq: &Element) -> Vec<BareJid> {
    wish(domain, iq).map(|(jid, _)| jid).into_iter().collect()
}

/// What a request needs besides accounts: nothing is hashed for a name that is taken.
pub(crate) fn needs(state: &State, domain: &BareJid, iq: &Element) -> Vec<Need> {
    match wish(domain, iq) {
        Ok((jid, password)) if check(state, &jid).is_ok() => vec![Need::Hash(password)],
        _ => Vec::new(),
    }
}

/// The account wanted, and its password.
fn wish(domain: &BareJid, iq: &Element) -> Result<(BareJid, String), StanzaError> {
    let query = iq.root().child("query", ns::REGISTER).ok_or(INCOMPLETE)?;
    let (name, password) = filled_in(query).ok_or(INCOMPLETE)?;
    let jid = BareJid::from_parts(&name, domain.domain()).map_err(|_| NOT_A_NAME)?;
    Ok((jid, password))
}

fn check(state: &State, jid: &BareJid) -> Result<(), StanzaError> {
    if state.account(jid).is_some() {
        return Err(TAKEN);
    }
    if state.has_room() { Ok(()) } else { Err(NO_ROOM) }
}

impl State {
    /// A stranger asks for the form, or has filled it in.
    pub(crate) fn registration_requested(&mut self, conn: ConnId, domain: BareJid, iq: Element) {
        let Some(peer) = self.conns.get(&conn).map(|c| c.peer) else { return };
        if iq.root().attr("type").as_deref() == Some("get") {
            return self.answer_stranger(conn, &domain, &iq, Ok(form()));
        }
        let checked = wish(&domain, &iq).and_then(|_| {
            if self.throttle.may_register(self.now.mono, peer) { Ok(()) } else { Err(TOO_OFTEN) }
        });
        match checked {
            Ok(()) => {
                self.throttle.registered(self.now.mono, peer);
                self.submit(Work::Register { conn, domain, iq });
            }
            Err(error) => {
                if error == TOO_OFTEN {
                    self.report(Report::RegistrationThrottled { peer });
                }
                self.answer_stranger(conn, &domain, &iq, Err(error));
            }
        }
    }

    /// Everything a request before login needs is here.
    pub(crate) fn registration_gathered(
        &mut self,
        conn: ConnId,
        domain: &BareJid,
        iq: &Element,
        gathered: Option<Gathered>,
    ) {
        let answer = self.register(conn, domain, iq, gathered);
        self.answer_stranger(conn, domain, iq, answer);
    }

    fn register(
        &mut self,
        conn: ConnId,
        domain: &BareJid,
        iq: &Element,
        gathered: Option<Gathered>,
    ) -> Result<Bytes, StanzaError> {
        let found = gathered.ok_or(STORE_UNREADABLE)?.pop();
        let (jid, _) = wish(domain, iq)?;
        // Again: somebody may have been faster, and the room may have gone.
        check(self, &jid)?;
        let Some(Found::Hashed(credentials)) = found else { return Err(STORE_UNREADABLE) };
        let credentials = credentials.ok_or(NOT_A_PASSWORD)?;
        self.create_account(jid.clone(), credentials);
        if let Some(peer) = self.conns.get(&conn).map(|c| c.peer) {
            self.report(Report::Registered { jid, peer });
        }
        Ok(Bytes::new())
    }

    fn answer_stranger(
        &mut self,
        conn: ConnId,
        domain: &BareJid,
        iq: &Element,
        answer: Result<Bytes, StanzaError>,
    ) {
        let id = iq.root().attr("id");
        let kind = if answer.is_ok() { "result" } else { "error" };
        let mut w = Writer::new();
        w.open("iq").attr("type", kind).attr_opt("id", id.as_deref());
        w.attr("from", domain.as_str());
        match answer {
            Ok(payload) if payload.is_empty() => {}
            Ok(payload) => {
                w.raw(&payload);
            }
            Err(error) => error.write(&mut w),
        }
        self.push(conn, w.finish(), 0);
    }
}

fn form() -> Bytes {
    let mut w = Writer::new();
    w.open("query").attr("xmlns", ns::REGISTER);
    w.leaf("instructions", "Choose a user name and a password for this server.");
    w.leaf("username", "").leaf("password", "");
    w.finish()
}

//! IQ requests find their feature by a table; results and errors find their session.

use crate::features::{self, blocking, last, provenance};
use crate::gather::{Gathered, Need};
use crate::pipeline::UNAVAILABLE;
use crate::queue::Outgoing;
use crate::stanza::{IqType, Stanza};
use crate::state::{Owner, State};
use bytes::Bytes;
use im_store::SessionId;
use xmpp::jid::BareJid;
use xmpp::stanza_error::StanzaError;
use xmpp::xml::Node;

/// Whom a request is for, once it does not go to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// The server's domain.
    Server,
    /// The sender's own account.
    OwnAccount,
    /// Another account of ours, on whose behalf the server answers (RFC 6121 §8.5.1). It is in memory; it may not exist.
    OtherAccount,
}

/// One kind of request that a feature answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IqRoute {
    /// Element name of the payload.
    pub(crate) name: &'static str,
    /// Namespace of the payload.
    pub(crate) ns: &'static str,
    /// Get or set.
    pub(crate) iq: IqType,
    /// Whom it may be for.
    pub(crate) target: Target,
    /// What has to be at hand before it can be decided, besides the accounts of sender and recipient.
    pub(crate) needs: fn(&State, &Request<'_>) -> Vec<Need>,
    /// The decision.
    pub(crate) handle: fn(&mut State, &Request<'_>, Gathered) -> Result<Answer, StanzaError>,
}

/// For requests that need nothing.
pub(crate) fn no_needs(_: &State, _: &Request<'_>) -> Vec<Need> {
    Vec::new()
}

/// A request as a feature sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    /// Who asks. Its account is in memory. The session may be gone by now.
    pub(crate) session: SessionId,
    /// The whole stanza.
    pub(crate) stanza: &'a Stanza,
    /// Its only child.
    pub(crate) payload: Node<'a>,
    /// Whom it is for.
    pub(crate) target: Target,
}

impl Request<'_> {
    /// The account or domain the request is for; the sender's account when it names nobody.
    pub(crate) fn subject(&self) -> &BareJid {
        self.stanza.to.as_ref().map_or(self.stanza.from.bare(), |to| to.bare())
    }

    /// Who asks.
    pub(crate) fn requester(&self) -> &BareJid {
        self.stanza.from.bare()
    }
}

/// What a feature decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// A result without payload.
    Done,
    /// A result with this payload, XML already.
    Result(Bytes),
    /// The feature has sent its answer itself.
    Sent,
}

impl State {
    /// The route and the request, when the server is to answer.
    fn find_route<'a>(
        &self,
        session: SessionId,
        stanza: &'a Stanza,
    ) -> Option<(&'static IqRoute, Request<'a>)> {
        let target = self.target_of(stanza)?;
        let payload = stanza.payload()?;
        let route = features::enabled(self).flat_map(|feature| feature.iqs).find(|route| {
            stanza.kind == crate::stanza::Kind::Iq(route.iq)
                && route.target == target
                && payload.is(route.name, route.ns)
        })?;
        Some((route, Request { session, stanza, payload, target }))
    }

    /// Whom a request is for, `None` when it goes to a client.
    fn target_of(&self, stanza: &Stanza) -> Option<Target> {
        let Some(to) = &stanza.to else { return Some(Target::OwnAccount) };
        match self.owner_of(to.bare()) {
            Owner::Server => Some(Target::Server),
            Owner::Account if to.is_full() => None,
            Owner::Account if to.bare() == stanza.from.bare() => Some(Target::OwnAccount),
            Owner::Account => Some(Target::OtherAccount),
            Owner::Remote => None,
        }
    }

    /// What an IQ needs besides accounts.
    pub(crate) fn needs_of_iq(&self, session: SessionId, stanza: &Stanza) -> Vec<Need> {
        match self.find_route(session, stanza) {
            Some((route, request)) => (route.needs)(self, &request),
            None => Vec::new(),
        }
    }

    /// An IQ from one of our sessions.
    pub(crate) fn iq_from_session(
        &mut self,
        session: SessionId,
        stanza: &Stanza,
        kind: IqType,
        gathered: Gathered,
    ) {
        if let Err(error) = blocking::check_outgoing(self, stanza) {
            return self.bounce(stanza, &error);
        }
        let is_request = matches!(kind, IqType::Get | IqType::Set);
        if self.target_of(stanza).is_none() {
            return self.iq_to_client(stanza);
        }
        if !is_request {
            return; // An answer to the server: nothing waits for it.
        }
        if blocking::hides_from(self, stanza) {
            return self.bounce(stanza, &UNAVAILABLE);
        }
        let Some((route, request)) = self.find_route(session, stanza) else {
            return self.bounce(stanza, &UNAVAILABLE);
        };
        match (route.handle)(self, &request, gathered) {
            Ok(Answer::Done) => self.answer(&stanza.from, stanza.result(b"")),
            Ok(Answer::Result(payload)) => self.answer(&stanza.from, stanza.result(&payload)),
            Ok(Answer::Sent) => {}
            Err(error) => self.bounce(stanza, &error),
        }
    }

    /// RFC 6121 §8.5.3: to the session with that full JID, else an error.
    fn iq_to_client(&mut self, stanza: &Stanza) {
        let refused = blocking::hides_from(self, stanza) || provenance::is_forged_push(stanza);
        if refused {
            return self.bounce(stanza, &UNAVAILABLE);
        }
        if let Err(error) = last::check_delivery(self, stanza) {
            return self.bounce(stanza, &error);
        }
        if !self.pass_to_full(stanza) {
            self.bounce(stanza, &UNAVAILABLE);
        }
    }

    /// Sends an IQ request that the server makes (a push) to a session.
    pub(crate) fn push_iq(&mut self, id: SessionId, payload: &[u8]) {
        let Some(session) = self.session(id) else { return };
        let to = session.jid.to_string();
        let from = session.jid.bare().to_string();
        let token = self.entropy.token();
        let mut w = xmpp::xml::Writer::new();
        w.open("iq").attr("type", "set").attr("id", &token).attr("from", &from).attr("to", &to);
        w.raw(payload);
        self.send(id, Outgoing::own(w.finish()));
    }
}

#[cfg(test)]
mod tests;

//! After login: a new password (XEP-0077 §3.3) and the end of the account (§3.2), for the account that asks and no other.

use super::{CHANGED_TOO_OFTEN, MALFORMED, NOT_A_PASSWORD, NOT_ALLOWED, NOT_YOURS, filled_in};
use crate::gather::{Found, Gathered, Need};
use crate::pipeline::iq::{Answer, IqRoute, Request, Target, no_needs};
use crate::pipeline::{STORE_UNREADABLE, UNAVAILABLE};
use crate::stanza::IqType;
use crate::state::State;
use xmpp::jid::BareJid;
use xmpp::ns;
use xmpp::stanza_error::StanzaError;
use xmpp::xml::Writer;

/// To the server, or to nobody in particular.
pub(super) const ROUTES: &[IqRoute] = &[
    GET,
    IqRoute { target: Target::OwnAccount, ..GET },
    SET,
    IqRoute { target: Target::OwnAccount, ..SET },
];

const GET: IqRoute = IqRoute {
    name: "query",
    ns: ns::REGISTER,
    iq: IqType::Get,
    target: Target::Server,
    needs: no_needs,
    handle: tell,
};

const SET: IqRoute = IqRoute { iq: IqType::Set, needs: needs_of_set, handle: set, ..GET };

/// What somebody who has logged in wants.
enum Wish {
    Remove,
    Password(String),
}

fn tell(_: &mut State, request: &Request<'_>, _: Gathered) -> Result<Answer, StanzaError> {
    check_domain(request)?;
    let mut w = Writer::new();
    w.open("query").attr("xmlns", ns::REGISTER).open("registered").close();
    w.leaf("instructions", "Send your user name and a new password to change it.");
    w.leaf("username", request.requester().local().unwrap_or_default()).leaf("password", "");
    Ok(Answer::Result(w.finish()))
}

fn needs_of_set(state: &State, request: &Request<'_>) -> Vec<Need> {
    match wish(state, request) {
        Ok(Wish::Password(password)) => vec![Need::Hash(password)],
        Ok(Wish::Remove) | Err(_) => Vec::new(),
    }
}

fn set(
    state: &mut State,
    request: &Request<'_>,
    mut gathered: Gathered,
) -> Result<Answer, StanzaError> {
    let owner = request.requester();
    match wish(state, request)? {
        Wish::Remove => {
            state.answer(&request.stanza.from, request.stanza.result(b""));
            state.remove_account(owner);
            Ok(Answer::Sent)
        }
        Wish::Password(_) => {
            state.throttle.password_asked(state.now.mono, owner);
            let Some(Found::Hashed(credentials)) = gathered.pop() else {
                return Err(STORE_UNREADABLE);
            };
            let credentials = credentials.ok_or(NOT_A_PASSWORD)?;
            state.change_credentials(owner, credentials, Some(request.session));
            Ok(Answer::Done)
        }
    }
}

fn wish(state: &State, request: &Request<'_>) -> Result<Wish, StanzaError> {
    check_domain(request)?;
    let query = request.payload;
    let wants_end = query.child("remove", ns::REGISTER).is_some();
    if wants_end && query.children().nth(1).is_some() {
        return Err(MALFORMED);
    }
    let is_allowed = match wants_end {
        true => state.options.registration_allowed,
        false => state.options.password_change_allowed,
    };
    if !is_allowed {
        return Err(NOT_ALLOWED);
    }
    if wants_end {
        return Ok(Wish::Remove);
    }
    let (name, password) = filled_in(query).ok_or(MALFORMED)?;
    let owner = request.requester();
    match BareJid::from_parts(&name, owner.domain()) {
        Ok(named) if named != *owner => Err(NOT_YOURS),
        Err(_) => Err(NOT_YOURS),
        Ok(_) if !state.throttle.may_change_password(state.now.mono, owner) => {
            Err(CHANGED_TOO_OFTEN)
        }
        Ok(_) => Ok(Wish::Password(password)),
    }
}

/// An account is registered with its own domain and no other that is served here.
fn check_domain(request: &Request<'_>) -> Result<(), StanzaError> {
    let is_own = request.subject().domain() == request.requester().domain();
    if is_own { Ok(()) } else { Err(UNAVAILABLE) }
}

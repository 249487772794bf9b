//! vcard-temp (XEP-0054): one card per account, written by its owner, read by everybody.
//!
//! An account without a card and no account look alike, in the answer and in the work it takes.

use super::{Feature, Specification};
use crate::account::kinds;
use crate::gather::{Found, Gathered, Need};
use crate::pipeline::iq::{Answer, IqRoute, Request, Target, no_needs};
use crate::pipeline::{NO_ROOM, STORE_UNREADABLE};
use crate::stanza::IqType;
use crate::state::State;
use bytes::Bytes;
use im_store::{AccountId, Query, Reply};
use xmpp::ns;
use xmpp::stanza_error::{ErrorType, StanzaError};
use xmpp::xml::Writer;

/// §3.3: no card, or nobody who could have one.
const NO_CARD: StanzaError = StanzaError::new(ErrorType::Cancel, "item-not-found", "");
/// §3.2: somebody else's.
const NOT_YOURS: StanzaError =
    StanzaError::new(ErrorType::Auth, "forbidden", "A vCard is changed by its owner only.");
const TOO_LARGE: StanzaError = StanzaError::new(
    ErrorType::Modify,
    "policy-violation",
    "This vCard is too large; a smaller picture may help.",
);

/// An account that never is: reading its card takes as long as reading one that is not there.
const NOBODY: AccountId = AccountId(0);

/// The feature as data.
pub(crate) const FEATURE: Feature = Feature {
    name: "vcard",
    specifications: &[Specification { number: "XEP-0054", version: "1.3.0", title: "vcard-temp" }],
    server_features: &[ns::VCARD],
    account_features: &[ns::VCARD],
    iqs: &[
        IqRoute { target: Target::OwnAccount, ..GET },
        GET,
        IqRoute { target: Target::OwnAccount, handle: set, ..SET },
        SET,
    ],
    ..Feature::NONE
};

const GET: IqRoute = IqRoute {
    name: "vCard",
    ns: ns::VCARD,
    iq: IqType::Get,
    target: Target::OtherAccount,
    needs: needs_of_get,
    handle: get,
};

const SET: IqRoute =
    IqRoute { iq: IqType::Set, needs: no_needs, handle: |_, _, _| Err(NOT_YOURS), ..GET };

fn needs_of_get(state: &State, request: &Request<'_>) -> Vec<Need> {
    let account = state.account(request.subject()).map_or(NOBODY, |account| account.id);
    vec![Need::Read(Query::Item { account, kind: kinds::VCARD, key: "".into() })]
}

fn get(
    _: &mut State,
    request: &Request<'_>,
    mut gathered: Gathered,
) -> Result<Answer, StanzaError> {
    let Some(Found::Read(Reply::Item(card))) = gathered.pop() else { return Err(STORE_UNREADABLE) };
    match (card, request.target) {
        (Some(card), _) => Ok(Answer::Result(card)),
        (None, Target::OwnAccount) => {
            let mut w = Writer::new();
            w.open("vCard").attr("xmlns", ns::VCARD);
            Ok(Answer::Result(w.finish()))
        }
        (None, Target::OtherAccount | Target::Server) => Err(NO_CARD),
    }
}

fn set(state: &mut State, request: &Request<'_>, _: Gathered) -> Result<Answer, StanzaError> {
    let card = request.payload.standalone();
    if card.len() > state.options.item_bytes_max {
        return Err(TOO_LARGE);
    }
    if !state.has_room() {
        state.counters.refused_for_room += 1;
        return Err(NO_ROOM);
    }
    // A copy of its own: the stanza's buffer is not kept for it.
    let card = Bytes::copy_from_slice(&card);
    if let Some(id) = state.account(request.requester()).map(|account| account.id) {
        state.put_item(id, kinds::VCARD, "", card);
    }
    Ok(Answer::Done)
}

#[cfg(test)]
mod tests {
    use crate::scene::Scene;

    const GET: &str = "<vCard xmlns='vcard-temp'/>";

    fn lovers() -> Scene {
        let mut s = Scene::with(|options| options.item_bytes_max = 200);
        for (name, jid) in
            [("romeo", "romeo@localhost/orchard"), ("juliet", "juliet@localhost/balcony")]
        {
            s.account(jid.split('/').next().unwrap());
            s.connect(name, jid);
        }
        s
    }

    #[test]
    fn a_card_is_written_by_its_owner_and_read_by_everybody_also_after_a_crash() {
        let mut s = lovers();
        let card = "<vCard xmlns='vcard-temp'><FN>R &amp; M</FN></vCard>";
        s.sends("romeo", &format!("<iq type='set' id='s'>{card}</iq>"));
        s.receives("romeo", &["type='result'"]);
        s.crash();
        s.connect("romeo", "romeo@localhost/orchard");
        s.connect("juliet", "juliet@localhost/balcony");
        s.sends("romeo", &format!("<iq type='get' id='g'>{GET}</iq>"));
        s.receives("romeo", &["type='result'", card]);
        s.sends("juliet", &format!("<iq type='get' id='g' to='romeo@localhost'>{GET}</iq>"));
        s.receives("juliet", &["type='result'", "from='romeo@localhost'", card]);
    }

    #[test]
    fn whoever_has_no_card_gets_an_empty_one() {
        let mut s = lovers();
        s.sends("romeo", &format!("<iq type='get' id='g'>{GET}</iq>"));
        s.receives("romeo", &["type='result'", "<vCard xmlns='vcard-temp'/>"]);
    }

    #[test]
    fn an_account_without_a_card_and_no_account_look_alike() {
        let mut s = lovers();
        let ask = |s: &mut Scene, to: &str| {
            s.sends("romeo", &format!("<iq type='get' id='g' to='{to}'>{GET}</iq>"));
            s.receives("romeo", &["type='error'", "<item-not-found"]).replace(to, "SOMEBODY")
        };
        let known = ask(&mut s, "juliet@localhost");
        assert_eq!(known, ask(&mut s, "nobody@localhost"));
    }

    #[test]
    fn a_card_of_somebody_else_or_one_too_large_is_refused() {
        let mut s = lovers();
        let set = |to: &str, name: &str| {
            format!(
                "<iq type='set' id='s'{to}><vCard xmlns='vcard-temp'><FN>{name}</FN></vCard></iq>"
            )
        };
        for to in ["juliet@localhost", "nobody@localhost"] {
            s.sends("romeo", &set(&format!(" to='{to}'"), "Fool"));
            s.receives("romeo", &["type='error'", "<forbidden"]);
        }
        s.sends("romeo", &set("", &"x".repeat(200)));
        s.receives("romeo", &["type='error'", "<policy-violation"]);
        s.sends("juliet", &format!("<iq type='get' id='g'>{GET}</iq>"));
        s.receives("juliet", &["<vCard xmlns='vcard-temp'/>"]);
    }
}

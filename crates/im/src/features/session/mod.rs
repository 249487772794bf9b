//! Session establishment of RFC 3921 §3, which RFC 6121 took away: a request that does nothing, for clients that still make
//! it. Advertised as optional, so that new clients do not.

use super::{Feature, Specification};
use crate::gather::Gathered;
use crate::pipeline::iq::{Answer, IqRoute, Request, Target, no_needs};
use crate::stanza::IqType;
use crate::state::State;
use xmpp::ns;
use xmpp::stanza_error::StanzaError;

/// The feature as data.
pub(crate) const FEATURE: Feature = Feature {
    name: "session",
    specifications: &[Specification {
        number: "RFC 3921",
        version: "",
        title: "XMPP: Instant Messaging and Presence (session establishment of old clients only)",
    }],
    stream_features: "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'><optional/></session>",
    iqs: &[TO_SERVER, IqRoute { target: Target::OwnAccount, ..TO_SERVER }],
    ..Feature::NONE
};

const TO_SERVER: IqRoute = IqRoute {
    name: "session",
    ns: ns::SESSION,
    iq: IqType::Set,
    target: Target::Server,
    needs: no_needs,
    handle: establish,
};

fn establish(_: &mut State, _: &Request<'_>, _: Gathered) -> Result<Answer, StanzaError> {
    Ok(Answer::Done)
}

#[cfg(test)]
mod tests {
    use crate::scene::Scene;

    #[test]
    fn an_old_client_may_establish_a_session() {
        let mut s = Scene::new();
        s.account("romeo@localhost");
        s.connect("romeo", "romeo@localhost/orchard");
        for to in ["", " to='localhost'"] {
            let session = "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>";
            s.sends("romeo", &format!("<iq type='set' id='1'{to}>{session}</iq>"));
            s.receives("romeo", &["<iq type='result' id='1'"]);
        }
    }
}

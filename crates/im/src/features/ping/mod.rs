//! XMPP Ping (XEP-0199): the server and the sender's own account answer at once. A ping to a full JID is an IQ like any other
//! and goes to that client.

use super::{Feature, Specification};
use crate::gather::Gathered;
use crate::pipeline::iq::{Answer, IqRoute, Request, Target, no_needs};
use crate::stanza::IqType;
use crate::state::State;
use xmpp::ns;
use xmpp::stanza_error::StanzaError;

/// The feature as data.
pub(crate) const FEATURE: Feature = Feature {
    name: "ping",
    specifications: &[Specification { number: "XEP-0199", version: "2.0.1", title: "XMPP Ping" }],
    server_features: &[ns::PING],
    account_features: &[ns::PING],
    iqs: &[TO_SERVER, IqRoute { target: Target::OwnAccount, ..TO_SERVER }],
    ..Feature::NONE
};

const TO_SERVER: IqRoute = IqRoute {
    name: "ping",
    ns: ns::PING,
    iq: IqType::Get,
    target: Target::Server,
    needs: no_needs,
    handle: answer,
};

fn answer(_: &mut State, _: &Request<'_>, _: Gathered) -> Result<Answer, StanzaError> {
    Ok(Answer::Done)
}

#[cfg(test)]
mod tests {
    use crate::scene::Scene;

    const PING: &str = "<ping xmlns='urn:xmpp:ping'/>";

    #[test]
    fn the_server_and_the_own_account_answer_a_ping() {
        let mut s = Scene::new();
        s.account("romeo@localhost");
        s.connect("romeo", "romeo@localhost/orchard");
        for (to, from) in [
            ("", ""),
            (" to='localhost'", " from='localhost'"),
            (" to='romeo@localhost'", " from='romeo@localhost'"),
        ] {
            s.sends("romeo", &format!("<iq type='get' id='1'{to}>{PING}</iq>"));
            let answer = s.receives("romeo", &["<iq type='result'"]);
            let expect = format!("<iq type='result' id='1'{from} to='romeo@localhost/orchard'/>");
            assert_eq!(answer, expect);
        }
    }

    #[test]
    fn a_ping_to_another_account_is_refused_whether_or_not_it_exists() {
        let mut s = Scene::new();
        s.account("romeo@localhost");
        s.account("juliet@localhost");
        s.online("romeo", "romeo@localhost/orchard");
        s.online("juliet", "juliet@localhost/balcony");
        for to in ["juliet@localhost", "nobody@localhost"] {
            s.sends("romeo", &format!("<iq type='get' id='1' to='{to}'>{PING}</iq>"));
            s.receives("romeo", &["type='error'", "<service-unavailable"]);
        }
        s.receives_nothing("juliet");
    }

    #[test]
    fn a_ping_to_a_client_reaches_it_and_its_answer_comes_back() {
        let mut s = Scene::new();
        s.account("romeo@localhost");
        s.account("juliet@localhost");
        s.connect("romeo", "romeo@localhost/orchard");
        s.connect("juliet", "juliet@localhost/balcony");
        let ping = format!("<iq type='get' id='1' to='juliet@localhost/balcony'>{PING}</iq>");
        s.sends("romeo", &ping);
        s.receives("juliet", &["from='romeo@localhost/orchard'", "urn:xmpp:ping"]);
        s.sends("juliet", "<iq type='result' id='1' to='romeo@localhost/orchard'/>");
        s.receives("romeo", &["type='result'", "from='juliet@localhost/balcony'"]);
    }
}

//! Software Version (XEP-0092): name and version of the server, unless the operator hides them; then there is no such
//! feature. The operating system is nobody's business.

use super::{Feature, Specification};
use crate::gather::Gathered;
use crate::pipeline::UNAVAILABLE;
use crate::pipeline::iq::{Answer, IqRoute, Request, Target, no_needs};
use crate::stanza::IqType;
use crate::state::State;
use xmpp::ns;
use xmpp::stanza_error::StanzaError;
use xmpp::xml::Writer;

/// The feature as data.
pub(crate) const FEATURE: Feature = Feature {
    name: "version",
    specifications: &[Specification {
        number: "XEP-0092",
        version: "1.1",
        title: "Software Version",
    }],
    server_features: &[ns::VERSION],
    iqs: &[IqRoute {
        name: "query",
        ns: ns::VERSION,
        iq: IqType::Get,
        target: Target::Server,
        needs: no_needs,
        handle: tell,
    }],
    enabled: Some(|state| state.options.version.is_some()),
    ..Feature::NONE
};

fn tell(state: &mut State, _: &Request<'_>, _: Gathered) -> Result<Answer, StanzaError> {
    let Some(version) = &state.options.version else { return Err(UNAVAILABLE) };
    let mut w = Writer::new();
    w.open("query").attr("xmlns", ns::VERSION);
    w.leaf("name", super::disco::SERVER_NAME).leaf("version", version);
    Ok(Answer::Result(w.finish()))
}

#[cfg(test)]
mod tests {
    use crate::scene::Scene;

    const ASK: &str =
        "<iq type='get' id='1' to='localhost'><query xmlns='jabber:iq:version'/></iq>";
    const INFO: &str = "<iq type='get' id='2' to='localhost'>\
                        <query xmlns='http://jabber.org/protocol/disco#info'/></iq>";

    #[test]
    fn the_server_tells_its_version() {
        let mut s = Scene::with(|options| options.version = Some("1.2<3".to_owned()));
        s.account("romeo@localhost");
        s.connect("romeo", "romeo@localhost/orchard");
        s.sends("romeo", ASK);
        let expect = "<query xmlns='jabber:iq:version'><name>Steadfast</name>\
                      <version>1.2&lt;3</version></query>";
        s.receives("romeo", &["type='result'", expect]);
        s.sends("romeo", INFO);
        s.receives("romeo", &["jabber:iq:version"]);
    }

    #[test]
    fn a_hidden_version_is_neither_told_nor_advertised() {
        let mut s = Scene::with(|options| options.version = None);
        s.account("romeo@localhost");
        s.connect("romeo", "romeo@localhost/orchard");
        s.sends("romeo", ASK);
        s.receives("romeo", &["type='error'", "<service-unavailable"]);
        s.sends("romeo", INFO);
        assert!(!s.receives("romeo", &["type='result'"]).contains("jabber:iq:version"));
    }
}

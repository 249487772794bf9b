//! Entity Time (XEP-0202): the server's clock, in UTC. A client's own time is asked of the client.

use super::{Feature, Specification};
use crate::gather::Gathered;
use crate::pipeline::iq::{Answer, IqRoute, Request, Target, no_needs};
use crate::stanza::IqType;
use crate::state::State;
use xmpp::ns;
use xmpp::stanza_error::StanzaError;
use xmpp::xml::Writer;

/// The feature as data.
pub(crate) const FEATURE: Feature = Feature {
    name: "time",
    specifications: &[Specification { number: "XEP-0202", version: "2.0", title: "Entity Time" }],
    server_features: &[ns::TIME],
    iqs: &[IqRoute {
        name: "time",
        ns: ns::TIME,
        iq: IqType::Get,
        target: Target::Server,
        needs: no_needs,
        handle: tell,
    }],
    ..Feature::NONE
};

/// Bytes of a time in XEP-0082 up to its whole seconds.
const SECONDS_LEN: usize = "1970-01-01T00:00:00".len();

fn tell(state: &mut State, _: &Request<'_>, _: Gathered) -> Result<Answer, StanzaError> {
    let mut utc = crate::datetime::format(state.now.wall_us);
    utc.truncate(SECONDS_LEN);
    utc.push('Z');
    let mut w = Writer::new();
    w.open("time").attr("xmlns", ns::TIME).leaf("tzo", "+00:00").leaf("utc", &utc);
    Ok(Answer::Result(w.finish()))
}

#[cfg(test)]
mod tests {
    use crate::scene::Scene;

    #[test]
    fn the_server_tells_the_time_in_utc() {
        let mut s = Scene::new();
        s.account("romeo@localhost");
        s.connect("romeo", "romeo@localhost/orchard");
        s.sends("romeo", "<iq type='get' id='1' to='localhost'><time xmlns='urn:xmpp:time'/></iq>");
        s.receives(
            "romeo",
            &[
                "type='result'",
                "from='localhost'",
                "<time xmlns='urn:xmpp:time'><tzo>+00:00</tzo><utc>2023-11-14T22:13:20Z</utc></time>",
            ],
        );
    }
}

//! Entity Capabilities (XEP-0115): the hash of what the server can do, told in the stream features so that clients which
//! know it need not ask.

use super::{Form, Info};
use crate::state::State;
use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use xmpp::ns;
use xmpp::xml::Writer;

/// Names this software, not this server (§4).
const NODE: &str = "urn:steadfast:server";

/// `<c/>` for the stream features.
pub(crate) fn stream_feature(state: &State) -> Bytes {
    let mut w = Writer::new();
    w.open("c").attr("xmlns", ns::CAPS).attr("hash", "sha-1").attr("node", NODE);
    w.attr("ver", &verification(&Info::of_server(state)));
    w.finish()
}

/// The node under which the same information is found (§6.2).
pub(super) fn node_of(info: &Info) -> String {
    format!("{NODE}#{}", verification(info))
}

/// §5.1.
fn verification(info: &Info) -> String {
    let mut s = String::new();
    let mut add = |text: &str| {
        s.push_str(text);
        s.push('<');
    };
    let mut identities: Vec<_> = info.identities.iter().collect();
    identities.sort_unstable();
    for (category, kind, name) in identities {
        add(&format!("{category}/{kind}//{name}"));
    }
    info.features.iter().for_each(|feature| add(feature));
    let mut forms: Vec<&Form> = info.forms.iter().collect();
    forms.sort_by_key(|form| form.form_type);
    for form in forms {
        add(form.form_type);
        let mut fields: Vec<_> = form.fields.iter().collect();
        fields.sort();
        for (name, values) in fields {
            add(name);
            let mut values: Vec<_> = values.iter().collect();
            values.sort();
            values.into_iter().for_each(|value| add(value));
        }
    }
    STANDARD.encode(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, s.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// XEP-0115 §5.2.
    #[test]
    fn the_simple_example_of_the_specification_has_its_hash() {
        let info = Info {
            identities: vec![("client", "pc", "Exodus 0.9.1")],
            features: [ns::CAPS, ns::DISCO_INFO, ns::DISCO_ITEMS, "http://jabber.org/protocol/muc"]
                .into(),
            forms: Vec::new(),
        };
        assert_eq!(verification(&info), "QgayPKawpkPSDYmwT/WM94uAlu0=");
    }

    /// Forms and their values in the order of the specification, whatever order they come in.
    #[test]
    fn the_order_of_fields_and_values_does_not_matter() {
        let form = |fields: &[(&str, &[&str])]| Form {
            form_type: "urn:f",
            fields: fields
                .iter()
                .map(|(name, values)| {
                    ((*name).to_owned(), values.iter().map(|v| (*v).to_owned()).collect())
                })
                .collect(),
        };
        let info = |form| Info { forms: vec![form], ..Info::default() };
        let one = info(form(&[("a", &["1", "2"]), ("b", &["3"])]));
        let other = info(form(&[("b", &["3"]), ("a", &["2", "1"])]));
        assert_eq!(verification(&one), verification(&other));
        let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, b"urn:f<a<1<2<b<3<");
        assert_eq!(verification(&one), STANDARD.encode(digest));
    }
}

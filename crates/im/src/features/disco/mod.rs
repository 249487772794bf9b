//! Service Discovery (XEP-0030): what the server, an account of one's own and an account one sees are and can do. Every
//! answer is put together from the features themselves, always in the same order, so that its hash (XEP-0115, in `caps`)
//! says all of it.
//!
//! Whoever may not see an account's presence gets the answer of an account that does not exist.

mod caps;

use super::{Feature, Specification};
use crate::gather::Gathered;
use crate::pipeline::UNAVAILABLE;
use crate::pipeline::iq::{Answer, IqRoute, Request, Target, no_needs};
use crate::stanza::IqType;
use crate::state::State;
use std::collections::BTreeSet;
use xmpp::ns;
use xmpp::stanza_error::{ErrorType, StanzaError};
use xmpp::xml::Writer;

pub(crate) use caps::stream_feature;

/// §7: there is no such node.
const NO_SUCH_NODE: StanzaError =
    StanzaError::new(ErrorType::Cancel, "item-not-found", "There is no such node here.");

/// The server's name, in its identity and in XEP-0092.
pub(crate) const SERVER_NAME: &str = "Steadfast";

/// The feature as data.
pub(crate) const FEATURE: Feature = Feature {
    name: "disco",
    specifications: &[
        Specification { number: "XEP-0030", version: "2.5.0", title: "Service Discovery" },
        Specification { number: "XEP-0115", version: "1.6.0", title: "Entity Capabilities" },
        Specification {
            number: "XEP-0128",
            version: "1.0.1",
            title: "Service Discovery Extensions",
        },
        Specification {
            number: "XEP-0157",
            version: "1.1.1",
            title: "Contact Addresses for XMPP Services",
        },
    ],
    server_features: &[ns::DISCO_INFO, ns::DISCO_ITEMS, ns::CAPS],
    account_features: &[ns::DISCO_INFO, ns::DISCO_ITEMS],
    iqs: &[
        info(Target::Server),
        info(Target::OwnAccount),
        info(Target::OtherAccount),
        items(Target::Server),
        items(Target::OwnAccount),
        items(Target::OtherAccount),
    ],
    ..Feature::NONE
};

const fn info(target: Target) -> IqRoute {
    let (name, ns, iq) = ("query", ns::DISCO_INFO, IqType::Get);
    IqRoute { name, ns, iq, target, needs: no_needs, handle: tell_info }
}

const fn items(target: Target) -> IqRoute {
    IqRoute { ns: ns::DISCO_ITEMS, handle: tell_items, ..info(target) }
}

/// One extended form (XEP-0128): the value of its `FORM_TYPE` and its fields, by name.
#[derive(Clone, Debug)]
struct Form {
    form_type: &'static str,
    fields: Vec<(String, Vec<String>)>,
}

/// An answer to disco#info, everything in order.
#[derive(Clone, Debug, Default)]
struct Info {
    /// Category, type, name.
    identities: Vec<(&'static str, &'static str, &'static str)>,
    features: BTreeSet<&'static str>,
    forms: Vec<Form>,
}

impl Info {
    fn of_server(state: &State) -> Self {
        Self {
            identities: vec![("server", "im", SERVER_NAME)],
            features: advertised(state, |feature| feature.server_features),
            forms: contact_form(state).into_iter().collect(),
        }
    }

    fn of_account(state: &State) -> Self {
        Self {
            identities: vec![("account", "registered", "")],
            features: advertised(state, |feature| feature.account_features),
            forms: Vec::new(),
        }
    }

    fn write(&self, w: &mut Writer) {
        for (category, kind, name) in &self.identities {
            w.open("identity").attr("category", category).attr("type", kind);
            w.attr_opt("name", Some(*name).filter(|name| !name.is_empty())).close();
        }
        for feature in &self.features {
            w.open("feature").attr("var", feature).close();
        }
        self.forms.iter().for_each(|form| form.write(w));
    }
}

impl Form {
    fn write(&self, w: &mut Writer) {
        w.open("x").attr("xmlns", ns::DATA).attr("type", "result");
        w.open("field").attr("var", "FORM_TYPE").attr("type", "hidden");
        w.leaf("value", self.form_type).close();
        for (name, values) in &self.fields {
            w.open("field").attr("var", name).attr("type", "list-multi");
            for value in values {
                w.leaf("value", value);
            }
            w.close();
        }
        w.close();
    }
}

fn advertised(
    state: &State,
    list: fn(&Feature) -> &'static [&'static str],
) -> BTreeSet<&'static str> {
    super::enabled(state).flat_map(list).copied().collect()
}

/// XEP-0157.
fn contact_form(state: &State) -> Option<Form> {
    let mut fields = state.options.contact.fields.clone();
    fields.retain(|(_, addresses)| !addresses.is_empty());
    fields.sort();
    (!fields.is_empty()).then_some(Form { form_type: ns::SERVER_INFO, fields })
}

fn tell_info(state: &mut State, request: &Request<'_>, _: Gathered) -> Result<Answer, StanzaError> {
    check_visible(state, request)?;
    let info = match request.target {
        Target::Server => Info::of_server(state),
        Target::OwnAccount | Target::OtherAccount => Info::of_account(state),
    };
    let node = request.payload.attr("node").filter(|node| !node.is_empty());
    let is_known = node
        .as_ref()
        .is_none_or(|node| request.target == Target::Server && **node == *caps::node_of(&info));
    if !is_known {
        return Err(NO_SUCH_NODE);
    }
    let mut w = Writer::new();
    w.open("query").attr("xmlns", ns::DISCO_INFO).attr_opt("node", node.as_deref());
    info.write(&mut w);
    Ok(Answer::Result(w.finish()))
}

/// There is nothing beneath the server or an account yet.
fn tell_items(
    state: &mut State,
    request: &Request<'_>,
    _: Gathered,
) -> Result<Answer, StanzaError> {
    check_visible(state, request)?;
    if request.payload.attr("node").is_some_and(|node| !node.is_empty()) {
        return Err(NO_SUCH_NODE);
    }
    let mut w = Writer::new();
    w.open("query").attr("xmlns", ns::DISCO_ITEMS);
    Ok(Answer::Result(w.finish()))
}

/// RFC 6121 §8.5.1, XEP-0030 §8: an account is visible to itself and to whoever sees its presence.
fn check_visible(state: &State, request: &Request<'_>) -> Result<(), StanzaError> {
    let is_visible = match request.target {
        Target::Server | Target::OwnAccount => true,
        Target::OtherAccount => state
            .account(request.subject())
            .is_some_and(|account| account.roster.has_from(request.requester())),
    };
    if is_visible { Ok(()) } else { Err(UNAVAILABLE) }
}

#[cfg(test)]
mod tests;

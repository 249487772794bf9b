//! The probe logs in with the strongest mechanism that is offered, and binds a resource.
//!
//! PLAIN only inside TLS; a server that cannot prove that it knows the account is refused.

use super::Target;
use super::connection::Connection;
use anyhow::{Context, Result, anyhow, bail};
use xmpp::ns;
use xmpp::sasl::client::{Bound, Offer, SaltedPassword, Scram, plain};
use xmpp::sasl::{Binding, Mechanism, decode_message, encode_message};
use xmpp::xml::{Element, Node, Writer};

/// Authenticates.
pub(super) async fn log_in(
    mut connection: Connection,
    features: Element,
    target: &Target,
) -> Result<(Connection, String)> {
    let offer = offer(features.root());
    let (mechanism, binding) = offer.choose(connection.bindings())?;
    let user = target.account.local().context("the account has no part before the @")?;
    match mechanism.hash() {
        Some(_) => {
            scram(&mut connection, &offer, (mechanism, binding), (user, &target.password)).await?
        }
        None => {
            if !connection.is_encrypted() {
                bail!(
                    "only PLAIN is offered and there is no TLS; the password is not sent in \
                        clear"
                );
            }
            connection.send(&auth(mechanism, &plain("", user, &target.password))).await?;
            expect("success", &connection.element().await?)?;
        }
    }
    let bound = binding.map_or_else(String::new, |binding| format!(" ({})", binding.name()));
    Ok((connection, format!("{}{bound}", mechanism.name())))
}

async fn scram(
    connection: &mut Connection,
    offer: &Offer,
    (mechanism, binding): (Mechanism, Option<Binding>),
    who: (&str, &str),
) -> Result<()> {
    let hash = mechanism.hash().context("SCRAM has a hash")?;
    let bindings = connection.bindings().clone();
    let bound = match binding {
        Some(binding) => {
            let data = bindings.data(binding).context("the chosen binding has data")?;
            Bound::With(binding.name(), data)
        }
        None if bindings.is_empty() => Bound::Unsupported,
        None => Bound::NotOffered,
    };
    let (waiting, first) = Scram::start(hash, who, bound, &random_hex()?)?;
    connection.send(&auth(mechanism, &first)).await?;
    let challenge = expect("challenge", &connection.element().await?)?;
    let (waiting, last) =
        waiting.respond(&challenge, Some(offer), &mut SaltedPassword::default())?;
    let mut w = Writer::new();
    w.open("response").attr("xmlns", ns::SASL).text(&encode_message(&last));
    connection.send(&w.finish()).await?;
    let proof = expect("success", &connection.element().await?)?;
    Ok(waiting.verify(&proof)?)
}

fn offer(features: Node<'_>) -> Offer {
    let mechanisms = features.child("mechanisms", ns::SASL);
    let bindings = features.child("sasl-channel-binding", ns::SASL_CB);
    Offer {
        mechanisms: mechanisms
            .into_iter()
            .flat_map(|m| m.children().filter(|c| c.is("mechanism", ns::SASL)))
            .map(|mechanism| mechanism.text().into_owned())
            .collect(),
        bindings: bindings
            .into_iter()
            .flat_map(|b| b.children().filter(|c| c.is("channel-binding", ns::SASL_CB)))
            .filter_map(|binding| binding.attr("type").map(|name| name.into_owned()))
            .collect(),
    }
}

fn auth(mechanism: Mechanism, message: &[u8]) -> bytes::Bytes {
    let mut w = Writer::new();
    w.open("auth").attr("xmlns", ns::SASL).attr("mechanism", mechanism.name());
    w.text(&encode_message(message));
    w.finish()
}

/// The message in an answer of this name, or the failure it is.
fn expect(name: &str, answer: &Element) -> Result<Vec<u8>> {
    let root = answer.root();
    if root.is("failure", ns::SASL) {
        bail!("the login was refused: {}", condition(root));
    }
    if !root.is(name, ns::SASL) {
        bail!("the server sent <{}/> instead of <{name}/>", root.name());
    }
    let message =
        decode_message(&root.text()).map_err(|error| anyhow!("the server's message: {error}"))?;
    Ok(message.unwrap_or_default())
}

/// Binds a resource that the server chooses; gives the full JID.
pub(super) async fn bind(mut connection: Connection) -> Result<((Connection, String), String)> {
    let mut w = Writer::new();
    w.open("iq").attr("type", "set").attr("id", "bind").open("bind").attr("xmlns", ns::BIND);
    connection.send(&w.finish()).await?;
    let answer = connection.element().await?;
    let root = answer.root();
    let jid = root.child("bind", ns::BIND).and_then(|bind| bind.child("jid", ns::BIND));
    match (root.attr("type").as_deref(), jid) {
        (Some("result"), Some(jid)) => {
            let jid = jid.text().into_owned();
            Ok(((connection, jid.clone()), jid))
        }
        _ => bail!("binding was refused: {}", condition(root)),
    }
}

/// The condition and the sentence of a stream, SASL or stanza error.
pub(super) fn condition(node: Node<'_>) -> String {
    let inner = node.child("error", ns::CLIENT).unwrap_or(node);
    let mut words = Vec::new();
    for child in inner.children() {
        if child.name() == "text" {
            words.push(child.text().into_owned());
        } else if [ns::STREAM_ERROR, ns::STANZA_ERROR, ns::SASL].contains(&child.ns()) {
            words.insert(0, child.name().to_owned());
        }
    }
    if words.is_empty() { "no reason given".to_owned() } else { words.join(": ") }
}

/// 32 random hexadecimal digits.
pub(super) fn random_hex() -> Result<String> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| anyhow!("the system gives no random numbers"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

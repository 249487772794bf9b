//! From a TCP connection to a bound session: stream headers, STARTTLS, SASL, resource binding.
//!
//! One round trip at a time, as a careful client does it; nothing is guessed ahead of the server's features.

use super::{Client, NS_CLIENT, NS_STREAM, PATIENCE, Wire};
use crate::sasl::{Exchange, Mechanism};
use crate::transport::{Bindings, Endpoint, Security, connect_tcp, start_tls};
use crate::xml::{Element, Reader, escape};
use anyhow::{Context, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::collections::VecDeque;

const NS_TLS: &str = "urn:ietf:params:xml:ns:xmpp-tls";
const NS_SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";
const NS_SASL_CB: &str = "urn:xmpp:sasl-cb:0";
const NS_BIND: &str = "urn:ietf:params:xml:ns:xmpp-bind";

/// Who logs in and how.
#[derive(Clone, Debug)]
pub struct Login {
    /// Localpart.
    pub user: String,
    /// Password.
    pub password: String,
    /// Wished resource; the server chooses when absent.
    pub resource: Option<String>,
    /// SASL mechanism; the strongest offered when absent.
    pub mechanism: Option<Mechanism>,
}

impl Login {
    /// With the strongest mechanism offered.
    pub fn new(user: &str, password: &str, resource: &str) -> Self {
        Self {
            user: user.to_owned(),
            password: password.to_owned(),
            resource: Some(resource.to_owned()),
            mechanism: None,
        }
    }
}

/// A connection with its stream opened and TLS, where wanted, running.
pub(super) async fn connect(endpoint: &Endpoint) -> Result<Client> {
    let tcp = connect_tcp(endpoint.address).await?;
    let (wire, bindings) = match endpoint.security {
        Security::DirectTls => {
            let (tls, bindings) = start_tls(tcp, &endpoint.domain).await?;
            (Wire::Tls(tls), bindings)
        }
        Security::Plain | Security::StartTls => (Wire::Tcp(tcp), Bindings::default()),
    };
    let nothing =
        Element { name: String::new(), ns: String::new(), attrs: Vec::new(), content: Vec::new() };
    let mut client = Client {
        endpoint: endpoint.clone(),
        wire,
        reader: Reader::new(),
        inbox: VecDeque::new(),
        bindings,
        features: nothing.clone(),
        header: nothing,
        jid: String::new(),
        sm: None,
        patience: PATIENCE,
        last_id: 0,
    };
    client.open_stream().await?;
    if endpoint.security == Security::StartTls {
        client.start_tls().await?;
    }
    Ok(client)
}

impl Client {
    /// Sends a stream header and waits for the features.
    pub async fn open_stream(&mut self) -> Result<()> {
        let header = format!(
            "<?xml version='1.0'?><stream:stream to='{}' version='1.0' xml:lang='en' xmlns='{NS_CLIENT}' xmlns:stream='{NS_STREAM}'>",
            escape(&self.endpoint.domain)
        );
        self.reader.restart();
        self.send_raw(header.as_bytes()).await?;
        self.features = self.expect("stream features", |e| e.is("features", NS_STREAM)).await?;
        Ok(())
    }

    async fn start_tls(&mut self) -> Result<()> {
        ensure!(self.features.child("starttls", NS_TLS).is_some(), "STARTTLS is not offered");
        self.send_raw(format!("<starttls xmlns='{NS_TLS}'/>").as_bytes()).await?;
        let answer = self.expect("answer to starttls", |e| e.ns == NS_TLS).await?;
        ensure!(answer.name == "proceed", "STARTTLS was refused: {answer}");
        let Wire::Tcp(tcp) = std::mem::replace(&mut self.wire, Wire::Gone) else {
            bail!("STARTTLS inside TLS");
        };
        let (tls, bindings) = start_tls(tcp, &self.endpoint.domain).await?;
        self.wire = Wire::Tls(tls);
        self.bindings = bindings;
        self.open_stream().await
    }

    /// Names of the SASL mechanisms offered.
    pub fn mechanisms(&self) -> Vec<String> {
        let offered = self.features.child("mechanisms", NS_SASL);
        offered.into_iter().flat_map(Element::children).map(Element::text).collect()
    }

    /// Whether the server says that it knows a channel binding which this connection has (XEP-0440).
    fn may_bind_channel(&self) -> bool {
        let known = self.features.child("sasl-channel-binding", NS_SASL_CB);
        let mut types = known.into_iter().flat_map(Element::children);
        self.bindings.exporter.is_some() && types.any(|t| t.attr("type") == Some("tls-exporter"))
    }

    /// Runs SASL to its end and restarts the stream. A failure names the condition.
    pub async fn authenticate(&mut self, login: &Login) -> Result<()> {
        let offered = self.mechanisms();
        let mechanism = match login.mechanism {
            Some(mechanism) => mechanism,
            None => Mechanism::strongest(&offered, self.may_bind_channel())
                .with_context(|| format!("no usable mechanism among {offered:?}"))?,
        };
        let plus_offered = offered.iter().any(|m| m.ends_with("-PLUS"));
        let credentials = (login.user.as_str(), login.password.as_str());
        let (mut exchange, initial) =
            Exchange::start(mechanism, credentials, &self.bindings, plus_offered)?;
        let initial = BASE64.encode(initial);
        let name = mechanism.name();
        self.send_raw(
            format!("<auth xmlns='{NS_SASL}' mechanism='{name}'>{initial}</auth>").as_bytes(),
        )
        .await?;
        loop {
            let answer = self.expect("SASL answer", |e| e.ns == NS_SASL).await?;
            let data = BASE64.decode(answer.text().trim()).context("SASL data")?;
            match answer.name.as_str() {
                "challenge" => {
                    let response = BASE64.encode(exchange.respond(&data)?);
                    self.send_raw(
                        format!("<response xmlns='{NS_SASL}'>{response}</response>").as_bytes(),
                    )
                    .await?;
                }
                "success" => {
                    exchange.finish(&data).with_context(|| format!("mechanism {name}"))?;
                    break;
                }
                _ => bail!("login as {} with {name} failed: {answer}", login.user),
            }
        }
        self.open_stream().await
    }

    /// Binds a resource (RFC 6120 §7) and remembers the full JID.
    pub async fn bind(&mut self, resource: Option<&str>) -> Result<()> {
        let wish =
            resource.map(|r| format!("<resource>{}</resource>", escape(r))).unwrap_or_default();
        let answer =
            self.iq_ok("set", None, &format!("<bind xmlns='{NS_BIND}'>{wish}</bind>")).await?;
        self.jid = answer
            .child("bind", NS_BIND)
            .and_then(|b| b.child("jid", NS_BIND))
            .map(Element::text)
            .with_context(|| format!("no JID in the answer to bind: {answer}"))?;
        Ok(())
    }
}

//! A client of the simulation: what it knows of its session, what it says when it hears something.

use crate::ledger::{MessageId, SessionKey};
use crate::pipe::Said;
use base64::Engine as _;
use bytes::Bytes;
use link::ConnId;
use std::collections::VecDeque;
use xmpp::ns;
use xmpp::xml::{Element, Node};

/// Stream management as the client sees it (XEP-0198).
#[derive(Clone, Debug)]
pub(crate) struct Managed {
    pub(crate) id: String,
    /// Stanzas handled by the client.
    pub(crate) handled: u32,
    /// Stanzas the server has acknowledged.
    pub(crate) acked: u32,
    /// Stanzas sent and not acknowledged, oldest first.
    pub(crate) unacked: VecDeque<(Bytes, Option<MessageId>)>,
}

/// Where a client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Off,
    LoggingIn,
    Binding,
    Enabling,
    Resuming,
    Bound,
}

/// A client.
#[derive(Debug)]
pub(crate) struct Actor {
    pub(crate) index: usize,
    pub(crate) account: usize,
    /// Whether it uses stream management.
    pub(crate) manages: bool,
    pub(crate) carbons: bool,
    pub(crate) stage: Stage,
    pub(crate) conn: Option<ConnId>,
    pub(crate) managed: Option<Managed>,
    pub(crate) session: SessionKey,
    /// Full JID of the session.
    pub(crate) jid: String,
    /// Messages sent without stream management and not confirmed; the number of the ping that will confirm them.
    pub(crate) unconfirmed: Vec<(MessageId, u64)>,
    pub(crate) pings: u64,
    /// It has ended its stream and waits for the connection to close.
    pub(crate) leaves: bool,
}

/// How a message came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dress {
    /// As a carbon.
    pub(crate) carbon: bool,
    /// With the time it was stored (XEP-0203): it waited for a login, or was left over by another session.
    pub(crate) delayed: bool,
}

/// What a client learned from something it heard.
#[derive(Debug)]
pub(crate) enum Learned {
    /// A new session.
    Bound,
    /// The old session goes on.
    Resumed,
    /// The old session is gone.
    NotResumed,
    /// A message, by number.
    Message(MessageId, Dress),
    /// A message of ours came back.
    Bounced(MessageId),
    /// The server has our message.
    Accepted(MessageId),
    /// Somebody left.
    Left(String),
    /// The server says it has handled more than was sent, or less than it said before.
    WrongCount(String),
    /// The stream broke.
    StreamError(String),
}

/// What follows from something heard: things learned, things to say.
#[derive(Debug, Default)]
pub(crate) struct Reaction {
    pub(crate) learned: Vec<Learned>,
    pub(crate) say: Vec<Said>,
}

impl Reaction {
    fn say(&mut self, xml: String) {
        self.say.push(Said::Element(Bytes::from(xml)));
    }
}

/// Address of an account.
pub(crate) fn bare(account: usize) -> String {
    format!("u{account}@localhost")
}

impl Actor {
    pub(crate) fn new(index: usize, account: usize, manages: bool, carbons: bool) -> Self {
        Self {
            index,
            account,
            manages,
            carbons,
            stage: Stage::Off,
            conn: None,
            managed: None,
            session: 0,
            jid: String::new(),
            unconfirmed: Vec::new(),
            pings: 0,
            leaves: false,
        }
    }

    /// Says a stanza: it is kept until the server has acknowledged it.
    pub(crate) fn stanza(&mut self, xml: String, message: Option<MessageId>) -> Said {
        let bytes = Bytes::from(xml);
        if let Some(managed) = &mut self.managed {
            managed.unacked.push_back((bytes.clone(), message));
        } else if let Some(id) = message {
            self.unconfirmed.push((id, self.pings + 1));
        }
        Said::Element(bytes)
    }

    /// Asks for confirmation of what was sent: `<r/>`, or a ping where there is no stream management.
    pub(crate) fn ask(&mut self) -> Said {
        if self.managed.is_some() {
            return Said::Element(Bytes::from_static(b"<r xmlns='urn:xmpp:sm:3'/>"));
        }
        self.pings += 1;
        let id = self.pings;
        // Any request will do: an error answers as well as a result.
        let ping = format!(
            "<iq type='get' id='ping{id}' to='localhost'><ping xmlns='{}'/></iq>",
            ns::PING
        );
        Said::Element(Bytes::from(ping))
    }

    /// Tells the server what has been handled.
    pub(crate) fn acknowledge(&self) -> Option<Said> {
        let managed = self.managed.as_ref()?;
        let xml = format!("<a xmlns='{}' h='{}'/>", ns::SM, managed.handled);
        Some(Said::Element(Bytes::from(xml)))
    }

    /// Reads one thing from its socket.
    pub(crate) fn hear(&mut self, bytes: &Bytes) -> Reaction {
        let mut reaction = Reaction::default();
        let text = String::from_utf8_lossy(bytes).into_owned();
        if text.contains("<stream:error") {
            reaction.learned.push(Learned::StreamError(text));
        } else if text.contains("<stream:features") {
            self.hear_features(&text, &mut reaction);
        } else if let Ok(element) = Element::parse(bytes.clone()) {
            self.hear_element(element.root(), &mut reaction);
        }
        reaction
    }

    fn hear_features(&mut self, text: &str, reaction: &mut Reaction) {
        if text.contains("<mechanisms") {
            let plain = format!("\0u{}\0secret", self.account);
            let auth = base64::engine::general_purpose::STANDARD.encode(plain);
            reaction.say(format!("<auth xmlns='{}' mechanism='PLAIN'>{auth}</auth>", ns::SASL));
        } else if let Some(managed) = &self.managed {
            self.stage = Stage::Resuming;
            reaction.say(format!(
                "<resume xmlns='{}' previd='{}' h='{}'/>",
                ns::SM,
                managed.id,
                managed.handled
            ));
        } else {
            self.bind(reaction);
        }
    }

    fn bind(&mut self, reaction: &mut Reaction) {
        self.stage = Stage::Binding;
        reaction.say(format!(
            "<iq type='set' id='bind'><bind xmlns='{}'><resource>a{}s{}</resource></bind></iq>",
            ns::BIND,
            self.index,
            self.session
        ));
    }

    fn hear_element(&mut self, root: Node<'_>, reaction: &mut Reaction) {
        match (root.ns(), root.name()) {
            (ns::SASL, "success") => reaction.say.push(Said::Header),
            (ns::SM, "enabled") => {
                let id = root.attr("id").unwrap_or_default().into_owned();
                self.managed = Some(Managed { id, handled: 0, acked: 0, unacked: VecDeque::new() });
                self.begin(reaction);
            }
            (ns::SM, "resumed") => {
                self.stage = Stage::Bound;
                reaction.learned.push(Learned::Resumed);
                self.hear_count(root, reaction);
                if let Some(managed) = &self.managed {
                    let again = managed.unacked.iter().map(|(xml, _)| Said::Element(xml.clone()));
                    reaction.say.extend(again);
                }
            }
            (ns::SM, "failed") => {
                self.managed = None;
                reaction.learned.push(Learned::NotResumed);
                self.bind(reaction);
            }
            (ns::SM, "a") => self.hear_count(root, reaction),
            (ns::SM, "r") => reaction.say.extend(self.acknowledge()),
            (ns::CLIENT, name) => self.hear_stanza(name, root, reaction),
            _ => {}
        }
    }

    /// The server has handled `h` of our stanzas.
    fn hear_count(&mut self, root: Node<'_>, reaction: &mut Reaction) {
        let Some(managed) = &mut self.managed else { return };
        let h: u32 = root.attr("h").and_then(|h| h.parse().ok()).unwrap_or(u32::MAX);
        let most = managed.acked + managed.unacked.len() as u32;
        if h < managed.acked || h > most {
            let what = format!("h={h}, but {} to {most} are possible", managed.acked);
            return reaction.learned.push(Learned::WrongCount(what));
        }
        while managed.acked < h {
            managed.acked += 1;
            if let Some((_, Some(id))) = managed.unacked.pop_front() {
                reaction.learned.push(Learned::Accepted(id));
            }
        }
    }

    /// A new session has begun: presence, and carbons for some.
    fn begin(&mut self, reaction: &mut Reaction) {
        self.stage = Stage::Bound;
        if self.carbons {
            let xml = format!("<iq type='set' id='carbons'><enable xmlns='{}'/></iq>", ns::CARBONS);
            let said = self.stanza(xml, None);
            reaction.say.push(said);
        }
        let said = self.stanza("<presence/>".to_owned(), None);
        reaction.say.push(said);
    }

    fn hear_stanza(&mut self, name: &str, root: Node<'_>, reaction: &mut Reaction) {
        if self.stage == Stage::Binding {
            if let Some(jid) = root.child("bind", ns::BIND).and_then(|b| b.child("jid", ns::BIND)) {
                self.jid = jid.text().into_owned();
                reaction.learned.push(Learned::Bound);
                if self.manages {
                    self.stage = Stage::Enabling;
                    reaction.say(format!("<enable xmlns='{}' resume='true'/>", ns::SM));
                } else {
                    self.begin(reaction);
                }
            }
            return;
        }
        if let Some(managed) = &mut self.managed {
            managed.handled = managed.handled.wrapping_add(1);
        }
        let kind = root.attr("type");
        match (name, kind.as_deref()) {
            ("message", Some("error")) => {
                let id = root.attr("id").and_then(|id| id.strip_prefix('m')?.parse().ok());
                reaction.learned.extend(id.map(Learned::Bounced));
            }
            ("message", _) => reaction.learned.extend(message_of(root)),
            ("presence", Some("unavailable")) => {
                let from = root.attr("from").unwrap_or_default().into_owned();
                reaction.learned.push(Learned::Left(from));
            }
            ("iq", _) => self.hear_pong(root, reaction),
            _ => {}
        }
    }

    fn hear_pong(&mut self, root: Node<'_>, reaction: &mut Reaction) {
        let ping = root.attr("id").and_then(|id| id.strip_prefix("ping")?.parse::<u64>().ok());
        let Some(ping) = ping else { return };
        self.unconfirmed.retain(|(id, confirmed_by)| {
            let confirmed = *confirmed_by <= ping;
            if confirmed {
                reaction.learned.push(Learned::Accepted(*id));
            }
            !confirmed
        });
    }
}

/// The message in a stanza, or in the carbon that a stanza is.
fn message_of(root: Node<'_>) -> Option<Learned> {
    let carbon = root.children().find(|child| child.ns() == ns::CARBONS);
    let message = match carbon {
        Some(carbon) => carbon.child("forwarded", ns::FORWARD)?.child("message", ns::CLIENT)?,
        None => root,
    };
    let body = message.child("body", ns::CLIENT)?.text();
    let delayed = message.child("delay", ns::DELAY).is_some();
    Some(Learned::Message(body.parse().ok()?, Dress { carbon: carbon.is_some(), delayed }))
}

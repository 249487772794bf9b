//! The client's half of stream management (XEP-0198): both counters, what is not acknowledged yet, resumption.
//!
//! It counts by itself and compares; what a server claims to have handled and did not is found here.

use super::{Client, Login, NS_CLIENT, NS_SM};
use crate::transport::Endpoint;
use crate::xml::Element;
use anyhow::{Context, Result, ensure};
use std::collections::VecDeque;

/// Counters of one session, which outlive its connections.
#[derive(Clone, Debug)]
pub struct SmState {
    /// Resumption id, when the server gave one.
    pub id: Option<String>,
    /// Stanzas received and handled here, modulo 2³².
    pub handled: u32,
    /// Stanzas sent and acknowledged, modulo 2³².
    pub acked: u32,
    /// Stanzas sent and not acknowledged, oldest first.
    pub unacked: VecDeque<String>,
    /// Whether `<r/>` is answered at once. Otherwise it lands in the inbox.
    pub answer_requests: bool,
    /// Set when an acknowledgement was impossible: says how.
    pub wrong: Option<String>,
    /// Full JID, which a resumed stream keeps.
    pub jid: String,
}

/// What to do with an element after stream management has looked at it.
pub(super) enum Answer {
    PassOn,
    Swallow,
    Send(String),
}

/// How an attempt to resume ended.
pub enum Resumption {
    /// The session goes on; what was not acknowledged has been sent again.
    Resumed(Box<Client>),
    /// The server refused; the client is logged in and not bound. With the last `h` the server told, if it did.
    Refused(Box<Client>, Box<SmState>, Option<u32>),
}

impl SmState {
    pub(super) fn note_sent(&mut self, xml: &str) {
        if ["<message", "<presence", "<iq"].iter().any(|start| xml.starts_with(start)) {
            self.unacked.push_back(xml.to_owned());
        }
    }
    pub(super) fn note_received(&mut self, element: &Element) -> Answer {
        if element.ns == NS_CLIENT {
            self.handled = self.handled.wrapping_add(1);
            return Answer::PassOn;
        }
        if element.is("a", NS_SM) {
            if let Some(h) = element.attr("h").and_then(|h| h.parse().ok()) {
                self.take_ack(h);
            }
            return Answer::PassOn;
        }
        if element.is("r", NS_SM) && self.answer_requests {
            return Answer::Send(format!("<a xmlns='{NS_SM}' h='{}'/>", self.handled));
        }
        if element.is("r", NS_SM) { Answer::Swallow } else { Answer::PassOn }
    }
    /// Takes `h` from the server; gives what it newly acknowledges.
    pub fn take_ack(&mut self, h: u32) -> Vec<String> {
        let count = h.wrapping_sub(self.acked) as usize;
        if count > self.unacked.len() {
            self.wrong = Some(format!(
                "the server acknowledged {h}, but only {} stanzas were sent",
                self.acked as usize + self.unacked.len()
            ));
            return Vec::new();
        }
        self.acked = h;
        self.unacked.drain(..count).collect()
    }
}

impl Client {
    /// Switches stream management on, with resumption.
    pub async fn enable_sm(&mut self) -> Result<()> {
        // From this element on our own stanzas count; the server's count from <enabled/> on.
        self.send_raw(format!("<enable xmlns='{NS_SM}' resume='true'/>").as_bytes()).await?;
        let answer = self.expect("answer to enable", |e| e.ns == NS_SM && e.name != "r").await?;
        ensure!(answer.name == "enabled", "stream management was refused: {answer}");
        self.sm = Some(SmState {
            id: answer.attr("id").map(str::to_owned),
            handled: 0,
            acked: 0,
            unacked: VecDeque::new(),
            answer_requests: true,
            wrong: None,
            jid: self.jid.clone(),
        });
        Ok(())
    }

    /// Asks for an acknowledgement and waits for it.
    pub async fn request_ack(&mut self) -> Result<u32> {
        self.send_raw(format!("<r xmlns='{NS_SM}'/>").as_bytes()).await?;
        let answer = self.expect("acknowledgement", |e| e.is("a", NS_SM)).await?;
        let wrong = self.sm.as_ref().and_then(|sm| sm.wrong.clone());
        ensure!(wrong.is_none(), "{}", wrong.unwrap_or_default());
        answer.attr("h").context("<a/> without h")?.parse().context("h is no number")
    }

    /// Connects again and resumes the session; sends again what the server has not handled.
    pub async fn resume(endpoint: &Endpoint, login: &Login, state: SmState) -> Result<Resumption> {
        let mut client = Self::connect(endpoint).await?;
        client.authenticate(login).await?;
        client.resume_here(state).await
    }

    /// Resumes on a connection that is logged in and not bound.
    pub async fn resume_here(mut self, mut state: SmState) -> Result<Resumption> {
        let id = state.id.clone().context("the session was not resumable")?;
        self.send_raw(
            format!("<resume xmlns='{NS_SM}' h='{}' previd='{id}'/>", state.handled).as_bytes(),
        )
        .await?;
        let answer = self
            .expect("answer to resume", |e| e.is("resumed", NS_SM) || e.is("failed", NS_SM))
            .await?;
        let h = answer.attr("h").and_then(|h| h.parse().ok());
        if answer.name == "failed" {
            return Ok(Resumption::Refused(Box::new(self), Box::new(state), h));
        }
        state.take_ack(h.context("<resumed/> without h")?);
        ensure!(state.wrong.is_none(), "{}", state.wrong.unwrap_or_default());
        self.jid.clone_from(&state.jid);
        let again: Vec<String> = state.unacked.iter().cloned().collect();
        self.sm = Some(state);
        for xml in again {
            self.send_raw(xml.as_bytes()).await?;
        }
        Ok(Resumption::Resumed(Box::new(self)))
    }
}
